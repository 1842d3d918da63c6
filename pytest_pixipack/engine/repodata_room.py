"""The repodata in the cache, shared by processes that never touch each other's files.

py-rattler keeps what it has read in files that it changes in place and believes as they are. So it
works in a directory of its own, which gets what the cache has and what is still what was put there;
what it has read anew is put into the cache when all went well. A cache that can only be read is
left as it is, and nothing goes there that has a secret of a URL in it.

Names of files follow conda/rattler, `crates/rattler_repodata_gateway/src/utils/mod.rs`
(`url_to_cache_filename`), `fetch/with_cache.rs` and `gateway/sharded_subdir`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from pytest_pixipack.cache.made_once import lock_of, remove, used
from pytest_pixipack.cache.seals import look_of
from pytest_pixipack.redaction import hide
from pytest_pixipack.safe_names import unsafe_name

_KNOWN = ".sealed.json"
_SHARDS = "shards-v1"
_TEMPORARY = ".tmp"
_CHUNK = 1 << 20
# Where rattler notes the URL that it has read, after redirects; before what it has read there.
_NOTES = (".info.json", ".shards-cache-v1")
_LONGEST_NOTE = 1 << 16
_URL = re.compile(rb"\"?https?://[\x21-\x7e]+")


class RepodataRoom:
    """What the cache has in `shared`, for a `private` directory that py-rattler works in."""

    def __init__(self, shared: Path, private: Path) -> None:
        self._shared = shared
        self._private = private
        self._asked: set[str] = set()
        self._looks: dict[str, str] = {}

    def bring(self, urls: Iterable[str]) -> None:
        """Copies what the cache has of these subdirs' URLs (`https://host/channel/linux-64`).

        Raises `OSError` where the private directory cannot be written.
        """
        new = [url for url in urls if url not in self._asked]
        if not new:
            return
        known = _known(self._shared)
        wanted = {name for url in new for name in _names(url)} & known.keys()
        if not self._asked:
            wanted |= {name for name in known if name.startswith(f"{_SHARDS}/")}
            (self._private / _SHARDS).mkdir(exist_ok=True)
        self._asked.update(new)
        for name in wanted:
            place = self._private / name
            if _copied(self._shared / name, place) == known[name]:
                self._looks[name] = look_of(place)
            else:
                remove(place)

    def keep(self) -> None:
        """Puts what is new in the private directory into the cache, where that can be written."""
        files = list(_files(self._private))
        secret = {_stem(name) for name in files if _has_secret(self._private / name)}
        fresh = [name for name in files if _stem(name) not in secret and self._is_new(name)]
        if not fresh:
            return
        with contextlib.suppress(OSError):
            self._shared.mkdir(parents=True, exist_ok=True)
            with lock_of(self._shared):
                known = _known(self._shared)
                for name in fresh:
                    if (digest := _placed(self._private / name, self._shared, name)) is not None:
                        known[name] = digest
                there = {
                    name: known[name] for name in sorted(known) if (self._shared / name).exists()
                }
                _write(self._shared / _KNOWN, json.dumps(there, indent=0))
                used(self._shared)

    def _is_new(self, name: str) -> bool:
        return self._looks.get(name) != look_of(self._private / name)


def _names(url: str) -> Iterator[str]:
    """The files that rattler keeps of a subdir."""
    plain = hashlib.md5(url.encode(), usedforsecurity=False).hexdigest()[:8]
    yield from (f"{plain}.json", f"{plain}.info.json")
    index = f"{url}/repodata_shards.msgpack.zst/"
    yield f"{hashlib.md5(index.encode(), usedforsecurity=False).hexdigest()[:8]}.shards-cache-v1"


def _stem(name: str) -> str:
    """What the files that rattler keeps of a subdir have in common."""
    return name.partition(".")[0]


def _has_secret(path: Path) -> bool:
    if not path.name.endswith(_NOTES):
        return False
    with path.open("rb") as stream:
        start = stream.read(_LONGEST_NOTE)
    urls = [url.decode("ascii") for url in _URL.findall(start)]
    return any(hide(url) != url for url in urls)


def _files(folder: Path) -> Iterator[str]:
    for place in (folder, folder / _SHARDS):
        with contextlib.suppress(FileNotFoundError), os.scandir(place) as found:
            for entry in found:
                if entry.is_file(follow_symlinks=False) and entry.name.endswith(
                    (".json", ".shards-cache-v1", ".msgpack")
                ):
                    yield Path(entry.path).relative_to(folder).as_posix()


def _known(shared: Path) -> dict[str, str]:
    """The digests of what was put into the cache, by name."""
    try:
        found = json.loads((shared / _KNOWN).read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {str(name): str(digest) for name, digest in found.items() if _is_plain(str(name))}


def _is_plain(name: str) -> bool:
    folder = name.rpartition("/")[0]
    return folder in ("", _SHARDS) and unsafe_name(name) is None


def _copied(source: Path, target: Path) -> str | None:
    """Copies a file with its time; returns its sha256, None where there is no such file."""
    if source.is_symlink() or source.parent.is_symlink() or not source.is_file():
        return None
    try:
        with source.open("rb") as stream:
            facts = os.fstat(stream.fileno())
            digest = hashlib.sha256()
            with target.open("wb") as out:
                while piece := stream.read(_CHUNK):
                    digest.update(piece)
                    out.write(piece)
    except PermissionError:
        return None
    # How old a file is decides whether a server is asked again.
    os.utime(target, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    return digest.hexdigest()


def _placed(source: Path, shared: Path, name: str) -> str | None:
    target = shared / name
    if target.parent.is_symlink():
        target.parent.unlink()
    target.parent.mkdir(exist_ok=True)
    if target.is_dir() and not target.is_symlink():
        remove(target)
    fresh = shared / f"{os.urandom(4).hex()}{_TEMPORARY}"
    try:
        digest = _copied(source, fresh)
        fresh.replace(target)
    finally:
        fresh.unlink(missing_ok=True)
    return digest


def _write(target: Path, text: str) -> None:
    fresh = target.with_name(f"{os.urandom(4).hex()}{_TEMPORARY}")
    try:
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(target)
    finally:
        fresh.unlink(missing_ok=True)
    # What a process that was killed has left: nobody else is at work here.
    for left in target.parent.glob(f"*{_TEMPORARY}"):
        left.unlink(missing_ok=True)
