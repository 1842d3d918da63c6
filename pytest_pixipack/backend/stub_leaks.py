"""What the stub backend writes into a package when it is told to let its surroundings leak in.

`leak = ["timezone", ...]` adds a file `share/<name>/leak-<what>.txt` for each word. Every leak but
`random` is what one variation of `pixipack reproduce` changes; `time` is the clock without any
regard for `SOURCE_DATE_EPOCH`. Nothing of this happens unless the stub is told.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from pytest_pixipack.artifact import Member
from pytest_pixipack.errors import BackendError

_WORDS = ("Zebra", "apple", "Mango", "cherry", "Banana", "date")
_MOMENT = 1_600_000_000  # seconds since the epoch; any


def leaked(
    what: object, name: str, source: Path, work: Path, cache: Path | None = None
) -> list[Member]:
    """The files of all leaks that were asked for.

    `source` is the package's directory, `work` the one that it is built in, `cache` where a
    backend may keep things between builds. Raises `BackendError` for a leak that there is not.
    """
    asked = [what] if isinstance(what, str) else what
    if not isinstance(asked, list) or not all(each in LEAKS for each in asked):
        raise BackendError(f"leak has to be a list of {', '.join(LEAKS)}, not {what!r}")
    found = []
    for each in asked:
        path = f"share/{name}/leak-{each}.txt"
        if each == "umask":
            found.append(Member(path, b"umask\n", mode=_mode(work)))
            continue
        place = _Place(name, source, work, cache)
        found.append(Member(path, f"{LEAKS[each](place)}\n".encode("utf-8", "surrogateescape")))
    return found


class _Place:
    def __init__(self, name: str, source: Path, work: Path, cache: Path | None) -> None:
        self.name, self.source, self.work, self.cache = name, source, work, cache


def _epoch() -> float:
    import time

    return float(os.environ.get("SOURCE_DATE_EPOCH") or time.time())


def _clock(_: _Place) -> str:
    return f"built at {_iso(_epoch())}"


def _time(_: _Place) -> str:
    import time

    # To the microsecond, so that two builds always differ.
    return f"built at {_iso(time.time())}"


def _iso(seconds: float) -> str:
    from datetime import datetime, timezone

    return datetime.fromtimestamp(seconds, timezone.utc).isoformat()


def _timezone(_: _Place) -> str:
    import time

    return time.strftime("released on %Y-%m-%d at %H:%M %z", time.localtime(_MOMENT))


def _locale(_: _Place) -> str:
    import locale

    locale.setlocale(locale.LC_ALL, "")
    return "\n".join(sorted(_WORDS, key=locale.strxfrm))


def _mode(work: Path) -> int:
    """What a plain file's permissions become here."""
    probe = work / "leak"
    probe.unlink(missing_ok=True)
    probe.touch(0o666)
    mode = probe.stat().st_mode & 0o777
    probe.unlink()
    return mode


def _hash_seed(_: _Place) -> str:
    return "\n".join(set(_WORDS))


def _home(_: _Place) -> str:
    return f"home {Path.home()}"


def _path(place: _Place) -> str:
    return f"built in {place.work}"


def _cpu_count(_: _Place) -> str:
    if sys.platform == "linux":
        return f"processors: {len(os.sched_getaffinity(0))}"
    else:
        return f"processors: {os.cpu_count()}"


def _directory_order(place: _Place) -> str:
    found: list[str] = []
    for folder, directories, names in os.walk(place.source / "files"):
        found += [Path(folder, name).name for name in (*directories, *names)]
    return "\n".join(found)


def _environment(_: _Place) -> str:
    return f"editor: {os.environ.get('EDITOR')}"


def _temp(_: _Place) -> str:
    import tempfile

    return f"scratch {tempfile.gettempdir()}"


def _cache(place: _Place) -> str:
    directory = place.cache or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    mark = directory / "stub" / place.name
    warm = mark.exists()
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.touch()
    return f"cache: {'warm' if warm else 'cold'}"


def _network(_: _Place) -> str:
    return f"network: {'off' if os.environ.get('HTTPS_PROXY') else 'on'}"


def _jobs(_: _Place) -> str:
    parallel = os.environ.get("CMAKE_BUILD_PARALLEL_LEVEL") not in (None, "1")
    return "\n".join(reversed(_WORDS) if parallel else _WORDS)


def _random(_: _Place) -> str:
    return f"id {os.urandom(16).hex()}"


LEAKS: Mapping[str, Callable[[_Place], str]] = {
    "clock": _clock,
    "time": _time,
    "timezone": _timezone,
    "locale": _locale,
    "umask": lambda _: "",
    "hash-seed": _hash_seed,
    "home": _home,
    "path": _path,
    "cpu-count": _cpu_count,
    "directory-order": _directory_order,
    "environment": _environment,
    "temp": _temp,
    "cache": _cache,
    "network": _network,
    "jobs": _jobs,
    "random": _random,
}
