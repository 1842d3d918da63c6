"""Records the messages of real backends into one transcript, with the packages that they build.

Several processes may record into the same file, as pixi starts a backend for every package: lines
are appended under a lock on the file itself. Paths and secrets are scrubbed (`places`). Packages
are kept below `artifacts/<subdir>/` beside the file; where one of that name with other content is
there already, in a directory named after its digest.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from pytest_pixipack.backend.places import Places
from pytest_pixipack.backend.transcript import VERSION
from pytest_pixipack.backend.versions import CURRENT
from pytest_pixipack.whole_files import write_file

Json = dict[str, Any]
HEADER: Json = {"transcript": VERSION, "api": CURRENT}
_FAR = 1 << 40  # a byte that no transcript has: Windows locks ranges, and nobody may read those


class TranscriptRecorder:
    """Records one session of `backend` into `path`. Raises `OSError` where it cannot be written."""

    def __init__(self, path: Path, backend: str = "") -> None:
        self._path = path.absolute()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._stream: IO[bytes] = self._path.open("a+b")
        self._places = Places()
        self._builds: set[str] = set()
        self._session = self._begin(backend)

    def request(self, message: Any) -> None:
        """Records what the front end said."""
        if not isinstance(message, dict):
            return
        self._places.learn(message)
        if message.get("method") == "conda/build_v1":
            self._builds.add(json.dumps(message.get("id")))
        self._append({"dir": "->", "msg": self._places.scrub(message)})

    def reply(self, message: Any) -> None:
        """Records what the backend said, and keeps what it built."""
        if not isinstance(message, dict):
            return
        entry: Json = {"dir": "<-", "msg": self._places.scrub(message)}
        result = message.get("result")
        if json.dumps(message.get("id")) in self._builds and isinstance(result, dict):
            artifact = self._kept(result)
            if artifact is not None:
                entry["artifact"] = artifact
        self._append(entry)

    def junk(self, line: bytes) -> None:
        """Records a line on the backend's stdout that is no message."""
        self._append({"dir": "<-", "msg": {}, "junk": line.decode("utf-8", "replace").strip()})

    def close(self) -> None:
        """Closes the file; more calls do nothing."""
        self._stream.close()

    def _begin(self, backend: str) -> int:
        """Numbers this session; writes the header of a new file."""
        with _locked(self._stream):
            self._stream.seek(0)
            sessions = [_session_of(line) for line in self._stream]
            number = max(sessions, default=-1) + 1
            lines = [] if sessions else [HEADER]
            # The number is taken as soon as a line has it.
            self._write([*lines, {"session": number, "backend": backend}])
        return number

    def _append(self, entry: Json) -> None:
        with _locked(self._stream):
            self._write([{"session": self._session, **entry}])

    def _write(self, entries: list[Json]) -> None:
        self._stream.seek(0, os.SEEK_END)
        for entry in entries:
            self._stream.write(json.dumps(entry, ensure_ascii=False).encode() + b"\n")
        self._stream.flush()

    def _kept(self, result: Json) -> Json | None:
        try:
            content = Path(str(result.get("output_file"))).read_bytes()
        except OSError:
            return None  # a backend that says what is not so; the front end will notice
        digest = hashlib.sha256(content).hexdigest()
        name = Path(str(result["output_file"])).name
        folder = self._path.parent / "artifacts" / Path(str(result.get("subdir"))).name
        target = folder / name
        if target.is_file() and target.read_bytes() != content:
            target = folder / digest[:12] / name
        target.parent.mkdir(parents=True, exist_ok=True)
        write_file(target, content)
        return {"path": target.relative_to(self._path.parent).as_posix(), "sha256": digest}


def _session_of(line: bytes) -> int:
    try:
        number = json.loads(line).get("session")
    except (ValueError, AttributeError, RecursionError):
        return -1
    return number if isinstance(number, int) else -1


@contextmanager
def _locked(stream: IO[bytes]) -> Iterator[None]:
    """Holds the file against other recorders."""
    if sys.platform == "win32":
        import msvcrt

        stream.seek(_FAR)
        msvcrt.locking(stream.fileno(), msvcrt.LK_LOCK, 1)
        try:
            yield
        finally:
            stream.flush()
            stream.seek(_FAR)
            msvcrt.locking(stream.fileno(), msvcrt.LK_UNLCK, 1)
    else:
        import fcntl

        fcntl.flock(stream, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(stream, fcntl.LOCK_UN)
