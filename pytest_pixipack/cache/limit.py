"""The size of a cache is bounded: what was used least recently goes, never what is in use."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pytest_pixipack.cache.entries import KINDS, Entry, entries, left_overs, locked_by, size_of
from pytest_pixipack.cache.made_once import discard, lock_of, remove
from pytest_pixipack.cache.scratch import sweep_scratch
from pytest_pixipack.cache.seals import MADE
from pytest_pixipack.cache.users import now_of, oldest_user, users_of, using
from pytest_pixipack.errors import InvalidInput

DEFAULT_SIZE = 5 * 10**9
VARIABLE = "PIXIPACK_CACHE_SIZE"
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
# A program that uses the cache as a library does not say so: its things are young.
_GRACE = 3600 * 10**9
_DAY = 24 * 3600 * 10**9
_NEVER = 1 << 63


@dataclass(slots=True)
class Cleaned:
    """What was removed, in bytes and by kind, and how much stayed because it is in use."""

    size: int = 0
    removed: dict[str, int] = field(default_factory=dict)
    left_overs: int = 0
    in_use: int = 0

    def note(self, entry: Entry) -> None:
        """Counts an entry that is gone."""
        self.size += entry.size
        self.removed[entry.kind] = self.removed.get(entry.kind, 0) + 1


def size_limit(environ: Mapping[str, str]) -> int:
    """The most bytes that a cache may have: `PIXIPACK_CACHE_SIZE` (`800MB`, `5GB`), else 5 GB.

    Raises `InvalidInput` for anything else.
    """
    text = environ.get(VARIABLE, "").strip()
    if not text:
        return DEFAULT_SIZE
    match = re.fullmatch(r"([0-9]{1,15}(?:\.[0-9]{1,3})?)\s*([KMGT]?)B?", text, re.IGNORECASE)
    if match is None:
        raise InvalidInput(
            f"{VARIABLE} is `{text}`, which is no size.",
            remedy="Write a number of bytes, or one with KB, MB, GB or TB: 5GB.",
        )
    return int(float(match[1]) * _UNITS[match[2].upper()])


@contextmanager
def shared(root: Path, environ: Mapping[str, str] | None = None) -> Iterator[None]:
    """Uses a cache, and afterwards makes it as small as it has to be, if it has grown.

    Raises `InvalidInput` as `size_limit` does.
    """
    limit = size_limit(os.environ if environ is None else environ)
    with using(root) as began:
        yield
    if began:
        with contextlib.suppress(OSError):
            if _has_grown(root, began):
                trim(root, limit)
            else:
                _sweep(root)


def trim(root: Path, limit: int) -> Cleaned:
    """Removes what was used least recently until the cache has no more than `limit` bytes.

    What is in use stays, and so does what was used within the last hour; what killed processes
    left is removed in any case. Raises `OSError` where the cache cannot be written.
    """
    cleaned = _sweep(root)
    found = entries(root)
    surplus = sum(each.size for each in found) - limit
    if surplus > 0:
        old, use = now_of(root) - _GRACE, _Use(root)
        for entry in found:
            if cleaned.size >= surplus:
                break
            _remove(entry, old, use, cleaned)
    return cleaned


def clean(root: Path, older_than: float | None = None) -> Cleaned:
    """Removes what was not used for `older_than` days, without it everything; not what is in use.

    Raises `OSError` where the cache cannot be written.
    """
    cleaned = _sweep(root)
    use = _Use(root)
    old = _NEVER if older_than is None else now_of(root) - int(older_than * _DAY)
    for entry in entries(root):
        if entry.used < old:
            _remove(entry, old, use, cleaned)
    return cleaned


class _Use:
    """What may be in use: what was used since the oldest of those began that use the cache now."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._users = users_of(root)
        self._since = _in_use_since(root)

    def since(self) -> int:
        """From what time on; asked under the lock of a thing, it holds for as long as that is held.

        Whoever begins later than that waits for the lock before it uses the thing.
        """
        users = users_of(self._root)
        if users != self._users:
            self._users, self._since = users, _in_use_since(self._root)
        return self._since


def _remove(entry: Entry, old: int, use: _Use, cleaned: Cleaned) -> None:
    """Removes a thing that was used before `old`, and not by anybody who uses the cache now."""
    from filelock import Timeout

    lock = lock_of(entry.path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        cleaned.in_use += 1
        return
    try:
        # Someone may have taken it since it was looked at, and may have begun only then.
        if entry.path.stat().st_mtime_ns < min(old, use.since()):
            discard(entry.path)
            cleaned.note(entry)
        else:
            cleaned.in_use += 1
    except FileNotFoundError:
        pass  # another process was faster
    finally:
        lock.release()


def _sweep(root: Path) -> Cleaned:
    """Removes what the killed left: signs, and what is under temporary names and not being made."""
    from filelock import Timeout

    oldest_user(root)
    cleaned = Cleaned(left_overs=sweep_scratch())
    for path in left_overs(root):
        lock = lock_of(locked_by(root, path))
        try:
            lock.acquire(timeout=0)
        except Timeout:
            continue
        try:
            size = size_of(path)
            remove(path)
            cleaned.size += size
            cleaned.left_overs += 1
        finally:
            lock.release()
    return cleaned


def _in_use_since(root: Path) -> int:
    """What was used from this time on may be in use; without users, nothing is."""
    oldest = oldest_user(root)
    return _NEVER if oldest is None else oldest


def _has_grown(root: Path, since: int) -> bool:
    for kind in KINDS:
        with contextlib.suppress(OSError):
            if (root / kind / MADE).stat().st_mtime_ns >= since:
                return True
    return False
