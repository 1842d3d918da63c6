"""The environment of every child process: nothing of the user's, nothing of the machine's."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from pytest_pixipack.engine.guard.variables import NOBODY, proxy_variables

# What a program needs to start at all; everything else is left behind.
_KEPT = (
    "PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH",
    # Without these, sockets, temporary files and subprocesses fail on Windows.
    "SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "PROGRAMDATA", "PROGRAMFILES",
    "PROGRAMFILES(X86)", "COMMONPROGRAMFILES", "NUMBER_OF_PROCESSORS", "PROCESSOR_ARCHITECTURE",
    "OS",
)  # fmt: skip


def hermetic_environment(
    home: Path,
    *,
    network: bool = False,
    proxy: str | None = None,
    base: Mapping[str, str] | None = None,
    extra: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """The variables of a child process that sees neither user nor machine configuration.

    `home` becomes the home directory with its own configuration, data and cache directories (they
    are created). Without `network`, proxies point to a port that refuses, or to `proxy` (the URL
    of a `NetworkGuard`, which remembers what was wanted). `base` is the environment to take `PATH`
    and the like from (default: this process's), `extra` is laid over the result. The pixi
    variables are those that make a run depend on the user (prefix-dev/pixi, `crates/pixi_config`
    and `crates/pixi_core`).
    """
    source = os.environ if base is None else base
    if sys.platform == "win32":
        found = {name.upper(): value for name, value in source.items()}
    else:
        found = dict(source)
    environment = {name: found[name] for name in _KEPT if name in found}
    temporary = home / "tmp"
    cache = home / "cache"
    for directory in (home, temporary, cache):
        directory.mkdir(parents=True, exist_ok=True)
    environment |= {
        "HOME": str(home),
        "USERPROFILE": str(home),
        "APPDATA": str(home / "AppData" / "Roaming"),
        "LOCALAPPDATA": str(home / "AppData" / "Local"),
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_DATA_HOME": str(home / "data"),
        "XDG_STATE_HOME": str(home / "state"),
        "XDG_CACHE_HOME": str(cache),
        "TMPDIR": str(temporary),
        "TEMP": str(temporary),
        "TMP": str(temporary),
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONUTF8": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "NO_COLOR": "1",
        "PIXI_HOME": str(home / "pixi"),
        "PIXI_CACHE_DIR": str(cache / "pixi"),
        "RATTLER_CACHE_DIR": str(cache / "rattler"),
        "PIXI_NO_CONFIG": "true",
        "PIXI_NO_PROGRESS": "true",
    }
    if not network:
        environment |= proxy_variables(proxy or NOBODY)
    environment |= extra or {}
    return environment
