"""The conditions of one build: where everything is, and what a backend sees of its surroundings."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

# What a build may take for "now" (2020-01-01), so that those who heed it are the same every time.
EPOCH = 1_577_836_800  # seconds
# libfaketime, where it is not found by itself.
FAKETIME_VARIABLE = "PIXIPACK_FAKETIME"
_WORD = re.compile(r"[A-Za-z][A-Za-z_]{2,}(?:-[A-Za-z_]+)*|[A-Za-z]+(?:[-_][A-Za-z]+)+|\d{3,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """How a build is run; a variation replaces some of it.

    `workspace` is where the sources are copied to, `renamed` that the workspace's own directory has
    another name there, `reverse` that their files are made in the reverse order, `later` that they
    were changed so many seconds later. `work` is for work files, `cpus` the number of processors
    (None: all), `warm` whether the caches and the home are as an earlier build left them.
    `environment` is laid over all else; a value of None removes a variable.
    """

    workspace: Path
    work: Path
    home: Path
    temp: Path
    cache: Path
    user: str = "builder"
    umask: int = 0o022
    cpus: int | None = None
    network: bool = False
    warm: bool = False
    renamed: bool = False
    reverse: bool = False
    later: int = 0
    environment: Mapping[str, str | None] = field(default_factory=dict)

    def variables(self) -> dict[str, str]:
        """What is laid over the hermetic environment of every child process."""
        home, temp, cache = str(self.home), str(self.temp), str(self.cache)
        variables: dict[str, str | None] = {
            "HOME": home,
            "USERPROFILE": home,
            "APPDATA": str(self.home / "AppData" / "Roaming"),
            "LOCALAPPDATA": str(self.home / "AppData" / "Local"),
            "XDG_CONFIG_HOME": str(self.home / "config"),
            "XDG_DATA_HOME": str(self.home / "data"),
            "XDG_STATE_HOME": str(self.home / "state"),
            "XDG_CACHE_HOME": cache,
            "PIXI_HOME": str(self.home / "pixi"),
            "PIXI_CACHE_DIR": str(self.cache / "pixi"),
            "RATTLER_CACHE_DIR": str(self.cache / "rattler"),
            **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), temp),
            **dict.fromkeys(("USER", "LOGNAME", "USERNAME"), self.user),
            "SOURCE_DATE_EPOCH": str(EPOCH),
            "CMAKE_BUILD_PARALLEL_LEVEL": "1",
            "CARGO_BUILD_JOBS": "1",
            "MAKEFLAGS": "-j1",
            "CPU_COUNT": "1",
            **self.environment,
        }
        return {name: value for name, value in variables.items() if value is not None}


def words(text: str) -> frozenset[str]:
    """The words and numbers of a text by which one may know where it comes from."""
    return frozenset(_WORD.findall(text))


def marks(usual: Setup, changed: Setup) -> frozenset[str]:
    """The words by which one would know the changed conditions in what a build writes."""
    return _all_words(changed) - _all_words(usual)


def _all_words(setup: Setup) -> frozenset[str]:
    variables = setup.variables()
    for name in ("LD_PRELOAD", "LOCPATH", "FAKETIME"):
        variables.pop(name, None)  # ours, and of no build
    texts = [*variables.values(), str(setup.workspace), str(setup.work)]
    return frozenset().union(*map(words, texts))


@dataclass(frozen=True, slots=True)
class Machine:
    """What this machine has for variations.

    `faketime` is libfaketime, `locale` the name of one that sorts by letters, `locale_path` where
    it is if it had to be made, `network` whether builds may use the network, `renames` whether the
    workspace's directory can have another name. `moment` is when it was looked at, in seconds since
    1970.
    """

    system: str = sys.platform
    cpus: int = 1
    faketime: Path | None = None
    locale: str | None = None
    locale_path: Path | None = None
    network: bool = False
    renames: bool = True
    moment: float = field(default_factory=time.time)


def without_effect(machine: Machine) -> dict[str, str | None]:
    """Variables for every build: those that variations set here, with values that do nothing.

    So a build that writes down the names of all variables is not held to depend on a condition. An
    empty LD_PRELOAD or LOCPATH is as none (ld.so(8), setlocale(3)), `default` is Python's own word
    (PYTHON_CPU_COUNT, Python 3.13).
    """
    found: dict[str, str | None] = {"PYTHON_CPU_COUNT": "default", "PERL_HASH_SEED": "0"}
    if machine.faketime is not None:
        found |= {
            "LD_PRELOAD": "",
            "FAKETIME": "+0",
            "FAKETIME_SHARED": "",
            # The times of files are left alone, or tools would take outputs for older than inputs.
            "NO_FAKE_STAT": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
    if machine.locale is None:
        found["PYTHONCOERCECLOCALE"] = "0"
    if machine.locale_path is not None:
        found["LOCPATH"] = ""
    return found


def this_machine(scratch: Path, *, network: bool = False, locales: bool = True) -> Machine:
    """Looks at this machine; a locale that has to be made is made in `scratch`."""
    name, path = _locale(scratch) if locales else (None, None)
    return Machine(
        cpus=_cpus(), faketime=_faketime(), locale=name, locale_path=path, network=network
    )


def _cpus() -> int:
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    else:
        return os.cpu_count() or 1


def _faketime() -> Path | None:
    named = os.environ.get(FAKETIME_VARIABLE)
    if named:
        return Path(named).absolute() if Path(named).is_file() else None
    if sys.platform != "linux":
        return None
    # As packaged by Debian, Fedora, Arch; by conda-forge beside the `faketime` command.
    command = shutil.which("faketime")
    folders = [Path("/usr/lib"), Path("/usr/lib64"), Path("/usr/local/lib")]
    if command:
        folders.insert(0, Path(command).resolve().parents[1] / "lib")
    for folder in folders:
        for pattern in ("faketime/libfaketime.so.1", "*/faketime/libfaketime.so.1"):
            if found := sorted(folder.glob(pattern)):
                return found[0]
    return None


_LOCALES = ("en_US.UTF-8", "en_US.utf8", "de_DE.UTF-8", "de_DE.utf8", "en_GB.UTF-8", "en_GB.utf8")
_CHOOSE = """
import locale, sys
for name in sys.argv[1:]:
    try:
        locale.setlocale(locale.LC_ALL, name)
    except locale.Error:
        continue
    print(name)
    break
"""


def _locale(scratch: Path) -> tuple[str | None, Path | None]:
    """A locale that sorts otherwise than by bytes, and where it is if it had to be made."""
    import subprocess

    # Not in this process, whose locale is not ours to change.
    done = subprocess.run(
        [sys.executable, "-S", "-c", _CHOOSE, *_LOCALES],
        capture_output=True, encoding="utf-8", errors="replace", stdin=subprocess.DEVNULL,
    )  # fmt: skip
    if name := done.stdout.strip():
        return name, None
    tool = shutil.which("localedef")
    if sys.platform != "linux" or tool is None:
        return None, None
    folder = Path(tempfile.mkdtemp(prefix="locales-", dir=scratch))
    made = subprocess.run(
        [tool, "-i", "en_US", "-f", "UTF-8", str(folder / "en_US.UTF-8")],
        capture_output=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return (
        ("en_US.UTF-8", folder) if made.returncode <= 1 and any(folder.iterdir()) else (None, None)
    )
