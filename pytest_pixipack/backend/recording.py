"""Writes the messages between pixi and a backend to a file, one JSON object per line.

`{"dir": "->", "msg": {...}}` went to the backend, `{"dir": "<-", "msg": {...}}` came from it. A
process has a file of its own, `<pid>-<n>.jsonl`; `n` counts the files of the directory, so that
the order of sessions can be told.
"""

from __future__ import annotations

import json
import os
from types import TracebackType
from typing import IO, Any

RECORD_VARIABLE = "PIXIPACK_STUB_RECORD"
# The `code` of an error that the stub answers where a disk or a permission is at fault.
INFRASTRUCTURE = "pixipack::infrastructure"
# ... and where a replay has no answer.
UNSUPPORTED = "pixipack::unsupported"
# ... and where it was asked something else than what was recorded.
REPLAY_DIFFERENCE = "pixipack::replay-difference"


class Recorder:
    """Appends messages to a new file in `directory`, which is made if need be.

    Raises `OSError` where that cannot be written.
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self.path, self._stream = _new_file(os.fspath(directory))

    def __call__(self, direction: str, message: Any) -> None:
        """Writes one message, without the secrets of URLs; `direction` is `->` or `<-`."""
        line = json.dumps({"dir": direction, "msg": message})
        if "://" in line:
            from pytest_pixipack.redaction import hide_all

            line = json.dumps({"dir": direction, "msg": hide_all(message)})
        self._stream.write(line.encode("ascii") + b"\n")
        self._stream.flush()

    def close(self) -> None:
        """Closes the file; more calls do nothing."""
        self._stream.close()

    def __enter__(self) -> Recorder:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _new_file(directory: str) -> tuple[str, IO[bytes]]:
    os.makedirs(directory, exist_ok=True)  # noqa: PTH103 (pathlib costs start-up time)
    number = sum(name.endswith(".jsonl") for name in os.listdir(directory))  # noqa: PTH208
    while True:
        path = os.path.join(directory, f"{os.getpid()}-{number}.jsonl")  # noqa: PTH118
        try:
            return path, open(path, "xb")  # noqa: PTH123
        except FileExistsError:
            number += 1
