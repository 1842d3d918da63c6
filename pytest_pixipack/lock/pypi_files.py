"""What the location of a locked PyPI package names: a wheel, a source distribution, a tree."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from pytest_pixipack.lock.model import LockedPackage

# How pixi writes the URL of a requirement that names a file (`name @ https://...`).
DIRECT = "direct+"
_WHEEL = ".whl"
_ARCHIVES = (".tar.gz", ".zip", ".tar.bz2", ".tgz", ".tar.xz", ".tar.zst", ".tar")


def file_name(location: str) -> str:
    """The file name in a locked location; URLs may be percent-encoded and carry a digest."""
    location = location.removeprefix(DIRECT)
    path = unquote(urlsplit(location).path) if "://" in location else location.replace("\\", "/")
    return path.rstrip("/").rpartition("/")[2]


def why_no_wheel(package: LockedPackage) -> str | None:
    """Why a locked PyPI package cannot travel in a pack, as the end of a sentence, or None."""
    location = package.location.removeprefix(DIRECT)
    if location.startswith("git+"):
        return "it is locked to a git repository"
    name = file_name(location)
    if name.endswith(_WHEEL):
        return None
    if "://" not in location and not name.endswith(_ARCHIVES):
        return "it is locked to a directory"
    return "it is locked to a source distribution"
