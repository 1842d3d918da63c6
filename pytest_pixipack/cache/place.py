"""Where the cache is."""

from __future__ import annotations

import atexit
import functools
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from pytest_pixipack.cache.scratch import Scratch
from pytest_pixipack.file_urls import expand_user

NAME = "pytest-pixipack"
# How many names there are for the temporary one: anybody can make a directory of any name there.
_NAMES = 9


def default_cache_dir(environ: Mapping[str, str] | None = None) -> Path:
    """`PIXIPACK_CACHE_DIR`, else the user's cache directory, else a temporary one.

    A temporary one is taken where the home cannot be written, the same by all processes of a user.
    It is this user's alone: what lies in a cache is installed and run. Where others have taken all
    of its names, it is this process's, and goes with it. Raises `OSError` where there is none.
    """
    found = os.environ if environ is None else environ
    if (named := named_cache_dir(found)) is not None:
        return named
    candidate = user_cache_dir(found)
    if candidate is not None and _can_be_written(candidate):
        return candidate
    user = found.get("USER") or found.get("USERNAME") or "user"
    place = Path(tempfile.gettempdir())
    names = (f"{NAME}-{user}{more}" for more in ("", *(f"-{n}" for n in range(2, _NAMES + 1))))
    shared = next((place / name for name in names if _is_private(place / name)), None)
    return _lone(place) if shared is None else shared


def named_cache_dir(environ: Mapping[str, str]) -> Path | None:
    """What `PIXIPACK_CACHE_DIR` says; it may lie in a repository, where CI keeps no other place."""
    named = environ.get("PIXIPACK_CACHE_DIR")
    return expand_user(named).absolute() if named else None


def user_cache_dir(environ: Mapping[str, str]) -> Path | None:
    """Where this user's cache belongs, whether or not it is there; None without a home."""
    if sys.platform == "win32":
        base = environ.get("LOCALAPPDATA")
        return Path(base) / NAME / "cache" if base else None
    if named := environ.get("XDG_CACHE_HOME"):
        return Path(named) / NAME
    try:
        home = Path(environ["HOME"]) if "HOME" in environ else Path.home()
    except RuntimeError:
        return None
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / NAME
    return home / ".cache" / NAME


@functools.cache
def _lone(place: Path) -> Path:
    """A directory that is removed when this process ends, or by the next one if it is killed."""
    scratch = Scratch(directory=place)
    atexit.register(scratch.close)
    return scratch.path


def _can_be_written(directory: Path) -> bool:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(directory, os.W_OK)


def _is_private(directory: Path) -> bool:
    """Makes a directory that only this user can write; False where another one has made it."""
    try:
        directory.mkdir(mode=0o700, exist_ok=True)
        facts = directory.lstat()
    except OSError:
        return False
    if sys.platform == "win32":
        return True  # the directory for temporary files is the user's own there
    return facts.st_uid == os.getuid() and not facts.st_mode & 0o022 and directory.is_dir()
