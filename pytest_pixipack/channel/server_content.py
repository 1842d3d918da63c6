"""What a channel server has: files below its roots, and what is made of their repodata."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path, PurePosixPath
from urllib.parse import unquote_to_bytes

from pytest_pixipack.channel import server_repodata as made

CHUNK = 256 * 1024
_KEPT = 4096
# A device of Windows is one in every directory and with every suffix.
_DEVICES = {"con", "prn", "aux", "nul", "conin$", "conout$"} | {
    f"{name}{number}" for name in ("com", "lpt") for number in "0123456789¹²³"
}


@dataclass(frozen=True, slots=True)
class Content:
    """A file, or bytes in its place; `size` in bytes, `tag` is its entity tag without quotes."""

    size: int
    tag: str
    modified: float
    path: Path | None = None
    data: bytes = b""

    @property
    def last_modified(self) -> str:
        """The time of the last change, as HTTP writes it."""
        return formatdate(self.modified, usegmt=True)

    def pieces(self, start: int, stop: int) -> Iterator[bytes]:
        """The bytes from `start` to `stop`, in pieces. Raises `OSError`."""
        if self.path is None:
            for begin in range(start, stop, CHUNK):
                yield self.data[begin : min(begin + CHUNK, stop)]
            return
        with self.path.open("rb") as stream:
            stream.seek(start)
            while start < stop and (piece := stream.read(min(CHUNK, stop - start))):
                start += len(piece)
                yield piece


@dataclass(slots=True)
class Roots:
    """Directories by the names under which they are served, read-only.

    What lies outside of them is not found: `..` in any spelling, absolute paths, links that lead
    out. `derive` adds `repodata.json.zst` and sharded repodata where the directory has none.
    """

    _directories: dict[str, Path]
    derive: bool = True
    _kept: dict[tuple[str, object], Content] = field(default_factory=dict)
    _with: dict[tuple[str, object], bool] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def of(cls, directories: Mapping[str, Path], *, derive: bool = True) -> Roots:
        """The roots of some directories; what a name leads to is settled now."""
        return cls({name: path.resolve() for name, path in directories.items()}, derive)

    def find(self, target: str, *, without: str = "", older: Path | None = None) -> Content | None:
        """What is served for the path of a request (percent-encoded); None for nothing.

        `without` and `older` make the repodata stale, as in `Fault`.
        """
        found = self._split(target)
        if found is None:
            return None
        root, parts = found
        if older is not None and parts[-1].startswith("repodata"):
            root = older.resolve()
        name = "/".join(parts)
        file = _inside(root, parts)
        if without and not (self._is_repodata(parts) and self._has(root, parts[0], without)):
            without = ""
        if file is not None and not without:
            return self._of_file(file)
        if not (self.derive or without):
            return None
        return self._derived(root, parts, name, without) or self._earlier(name)

    def _earlier(self, name: str) -> Content | None:
        """A shard that an index named at another time: it is called by its content."""
        if f"/{made.SHARDS}" not in f"/{name}":
            return None
        with self._lock:
            return next((each for (path, _), each in self._kept.items()
                         if path.replace("\\", "/").endswith(f"/{name}")), None)  # fmt: skip

    def _has(self, root: Path, subdir: str, pattern: str) -> bool:
        """Whether the repodata of a subdir have packages whose file names match."""
        source = _inside(root, (subdir, made.REPODATA))
        if source is None:
            return False
        try:
            key = (str(source), (*_state(source), pattern))
            with self._lock:
                if key in self._with:
                    return self._with[key]
            found = made.has(source.read_bytes(), pattern)
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return False
        with self._lock:
            if len(self._with) >= _KEPT:
                del self._with[next(iter(self._with))]
            self._with[key] = found
        return found

    def _is_repodata(self, parts: tuple[str, ...]) -> bool:
        below = "/".join(parts[1:])
        return len(parts) > 1 and below.startswith(("repodata", made.SHARDS))

    def _split(self, target: str) -> tuple[Path, tuple[str, ...]] | None:
        """The root that a path leads to, and the names below it."""
        try:
            path = unquote_to_bytes(target).decode()
        except UnicodeDecodeError:
            return None
        name, _, below = path.removeprefix("/").partition("/")
        root = self._directories.get(name)
        if root is None or not below or any(sign in below for sign in "\0\\:"):
            return None
        names = below.split("/")
        if any(each in ("", ".", "..") or _is_device(each) for each in names):
            return None
        return root, PurePosixPath(*names).parts

    def _of_file(self, path: Path) -> Content | None:
        try:
            facts = path.stat()
            key = (str(path), _state(path))
            with self._lock:
                if key in self._kept:
                    return self._kept[key]
            with path.open("rb") as stream:
                digest = hashlib.sha256()
                while piece := stream.read(CHUNK):
                    digest.update(piece)
        except OSError:
            return None
        content = Content(facts.st_size, digest.hexdigest()[:32], facts.st_mtime, path)
        return self._keep(key, content)

    def _derived(
        self, root: Path, parts: tuple[str, ...], name: str, without: str
    ) -> Content | None:
        """Compressed, sharded or stale repodata, made when they are asked for first."""
        source = _inside(root, (parts[0], made.REPODATA))
        if source is None or len(parts) < 2:
            return None
        try:
            facts = source.stat()
            state = (*_state(source), without)
            key = (str(root / name), state)
            with self._lock:
                if key in self._kept:
                    return self._kept[key]
            repodata = source.read_bytes()
            files = _made_of(made.without(repodata, without) if without else repodata, self.derive)
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            return None
        for below, data in files.items():
            tag = hashlib.sha256(data).hexdigest()[:32]
            content = Content(len(data), tag, facts.st_mtime, data=data)
            self._keep((str(root / parts[0] / below), state), content)
        with self._lock:
            return self._kept.get(key)

    def _keep(self, key: tuple[str, object], content: Content) -> Content:
        with self._lock:
            if len(self._kept) >= _KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = content
        return content


def _state(file: Path) -> tuple[int, int, int]:
    """What is another one when a file was changed."""
    facts = file.stat()
    return facts.st_mtime_ns, facts.st_size, facts.st_ino


def _made_of(repodata: bytes, all_of_it: bool) -> dict[str, bytes]:
    found = {made.REPODATA: repodata}
    if all_of_it:
        found |= {made.COMPRESSED: made.compressed(repodata), **made.sharded(repodata)}
    return found


def _inside(root: Path, parts: tuple[str, ...]) -> Path | None:
    """The file at a path below a root, where it is one and its links stay inside."""
    try:
        file = root.joinpath(*parts).resolve(strict=True)
        return file if file.is_file() and file.is_relative_to(root) else None
    except (OSError, RuntimeError, ValueError):
        return None


def _is_device(name: str) -> bool:
    return name.partition(".")[0].rstrip(" ").casefold() in _DEVICES
