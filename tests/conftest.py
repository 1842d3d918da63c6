"""The suite checks itself: what its tests leave behind fails the run.

Each worker has a home and a directory for temporary files of its own, so that whatever is found
there at the end was left by its tests, or by what they started, and by nobody else.
"""

from __future__ import annotations

import os
import site
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

try:
    import psutil
except ImportError:
    psutil = None

ROOT = Path(__file__).parents[1]

# What tests read, and might write by mistake.
WATCHED = ("tests/data", "docs/examples", "fixture_channels")

# pytest keeps the directories of its last runs: those of tests that run pytest itself.
KEPT = ("pytest-of-",)

# The cache, which runs share: nothing unfinished is left in it.
CACHE = "pytest-pixipack"

# What Python's tools write at the root of the checkout.
CACHES = (".", "__pycache__", "build", "dist")

# Seconds for children that have been told to end.
PATIENCE = 10


def pytest_report_header() -> str | None:
    if psutil is None:
        return "psutil is not installed: processes that tests leave behind are not noticed"
    return None


def files_below(directory: Path) -> dict[str, tuple[int, int]]:
    """Size and time of every file, and the empty directories."""
    found: dict[str, tuple[int, int]] = {}
    for place, folders, files in os.walk(directory):
        folders[:] = [name for name in folders if name != "__pycache__"]
        for name in files:
            facts = os.lstat(os.path.join(place, name))  # noqa: PTH118
            found[os.path.join(place, name)] = (facts.st_size, facts.st_mtime_ns)  # noqa: PTH118
        if not folders and not files:
            found[place] = (0, 0)
    return found


def checkout() -> dict[str, tuple[int, int]]:
    found = {str(ROOT / name): (0, 0) for name in os.listdir(ROOT) if not name.startswith(CACHES)}  # noqa: PTH208
    for name in WATCHED:
        found |= files_below(ROOT / name)
    return found


def files_left(directory: Path) -> list[str]:
    """What is in a directory that was empty."""
    return [
        f"the file {path}"
        for path in files_below(directory)
        if path != str(directory)
        and not Path(path).relative_to(directory).parts[0].startswith(KEPT)
        and (CACHE not in Path(path).parts or path.endswith(".tmp"))
    ]


def children() -> set[object]:
    return set(psutil.Process().children(recursive=True)) if psutil else set()


def processes_left(before: set[object], base: Path) -> list[str]:
    """Children of this process, and orphans that live in its temporary directory."""
    if psutil is None:
        return []
    strays = {stray for stray in psutil.process_iter() if lives_below(base, stray)}
    _, alive = psutil.wait_procs((children() | strays) - before, timeout=PATIENCE)
    return [f"the process {text}" for text in map(described, alive) if text]


def lives_below(base: Path, process: psutil.Process) -> bool:
    if process.pid in (os.getpid(), os.getppid()):
        return False
    try:
        return Path(process.cwd()).is_relative_to(base)
    except (psutil.Error, OSError):
        return False


def described(process: psutil.Process) -> str | None:
    try:
        command = process.cmdline()
    except psutil.Error:
        return None
    # One per interpreter, for its whole life.
    helper = any("multiprocessing.resource_tracker" in word for word in command)
    return None if helper else f"{process.pid} ({' '.join(command) or 'without a command line'})"


@pytest.fixture(scope="session", autouse=True)
def nothing_is_left_behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    base = tmp_path_factory.getbasetemp()
    home, temporary = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("temporary")
    running, before = children(), checkout()
    with pytest.MonkeyPatch.context() as patch:
        # Else the packages that are installed for this user would be gone.
        patch.setenv("PYTHONUSERBASE", site.getuserbase())
        for name in ("HOME", "USERPROFILE"):
            patch.setenv(name, str(home))
        for name in ("APPDATA", "LOCALAPPDATA"):
            if name in os.environ:
                patch.setenv(name, str(home / name))
        for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
            patch.delenv(name, raising=False)
        for name in ("TMPDIR", "TEMP", "TMP"):
            patch.setenv(name, str(temporary))
        patch.setattr(tempfile, "tempdir", None)
        yield
        left = processes_left(running, base)
    after = checkout()
    left += [f"the file {path}" for path in after if path not in before]
    left += [f"a change of {path}" for path in before if before[path] != after.get(path)]
    left += files_left(temporary)
    left += files_left(home)
    if left:
        more = [f"... and {len(left) - 20} more"] if len(left) > 20 else []
        listed = "\n  ".join([*left[:20], *more])
        pytest.fail(f"The tests of this worker left behind:\n  {listed}", pytrace=False)
