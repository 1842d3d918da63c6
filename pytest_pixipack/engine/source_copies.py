"""Copies of what was fetched: a build may write where its sources lie; the cache stays as it is.

Each package has a copy of its own of the repository or archive that it is in, among the work files
of the run. It is brought back to what was fetched before each build, so that a build finds the same
whatever was built before.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from dataclasses import dataclass, field
from pathlib import Path

from pytest_pixipack.cache.made_once import remove
from pytest_pixipack.cache.seals import look_of


@dataclass
class _Copy:
    """A copy of the directory `original`; `look` is that of the copy when it was made."""

    original: Path
    place: Path
    look: str


@dataclass
class SourceCopies:
    """The copies of one run below `directory`, which is made when there is one."""

    directory: Path
    _copies: dict[str, _Copy] = field(default_factory=dict)

    def copy_of(self, original: Path, key: str) -> Path:
        """The copy of a directory; the same one for the same `key`.

        The name of its place depends on the key alone. Raises `OSError`.
        """
        if key not in self._copies:
            name = hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()[:10]
            place = self.directory / name
            place.mkdir(parents=True, exist_ok=True)
            mirror(original, place)
            self._copies[key] = _Copy(original, place, look_of(place))
        return self._copies[key].place

    def root_of(self, path: Path) -> Path | None:
        """The copy that a path lies in; None for one that lies elsewhere."""
        found = self._around(path)
        return None if found is None else found.place

    def original_of(self, path: Path) -> Path:
        """What a path in a copy was copied from; any other path is its own."""
        found = self._around(path)
        return path if found is None else found.original / path.relative_to(found.place)

    def renew(self, path: Path) -> None:
        """Undoes what was changed in the copy that a path lies in. Raises `OSError`."""
        found = self._around(path)
        if found is not None and look_of(found.place) != found.look:
            mirror(found.original, found.place)
            found.look = look_of(found.place)

    def _around(self, path: Path) -> _Copy | None:
        if not path.is_relative_to(self.directory):
            return None
        return next((c for c in self._copies.values() if path.is_relative_to(c.place)), None)


def mirror(source: Path, target: Path) -> None:
    """Makes a directory what another one is; directories that are in both stay the same ones, for
    a program may be at work in them. Raises `OSError`.
    """
    folders = [(source, target)]
    while folders:
        original, copy = folders.pop()
        with os.scandir(original) as found:
            wanted = {entry.name: entry for entry in found}
        copy.chmod(0o755)
        for name in os.listdir(copy):  # noqa: PTH208 - names
            if not (_is_folder(copy / name) and name in wanted and _is_folder(original / name)):
                remove(copy / name)
        for name, entry in wanted.items():
            if entry.is_dir(follow_symlinks=False):
                (copy / name).mkdir(exist_ok=True)
                folders.append((original / name, copy / name))
            else:
                _copy_file(original / name, copy / name)


def _copy_file(source: Path, target: Path) -> None:
    if source.is_symlink():
        target.symlink_to(source.readlink())
        return
    shutil.copyfile(source, target)
    facts = source.stat()
    target.chmod(stat.S_IMODE(facts.st_mode) | stat.S_IWUSR)
    os.utime(target, ns=(facts.st_atime_ns, facts.st_mtime_ns))


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()
