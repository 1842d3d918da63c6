"""What a command prints: text for people, one JSON document for programs."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_pixipack.errors import InvalidInput, PixipackError
from pytest_pixipack.outputs import write_output
from pytest_pixipack.redaction import hide, hide_all

STDOUT = "-"
# A name in a lock or a manifest must not give orders to a terminal.
_CONTROLS = {n: f"\\x{n:02x}" for n in (*range(32), *range(127, 160)) if chr(n) not in "\t\n"}
# Options that pytest has under a longer name; remedies speak of those.
_OPTION = re.compile(r"--pixipack-(?=(?:network|engine|tools)\b)")
EXIT_OK, EXIT_FINDINGS, EXIT_UNCHECKED = 0, 1, 2


def open_closed_streams() -> None:
    """Drops what goes to a standard stream that the caller has closed.

    Python has None in its place; and the next file to be opened would get its number, so that a
    child process would write into it.
    """
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a command could not do its work."""

    outcome: str
    error: Mapping[str, object]
    text: str

    @classmethod
    def of(cls, error: PixipackError) -> Failure:
        """The failure that an error stands for; its remedy names the options of `pixipack`."""
        found, text = error.to_json(), str(error)
        if error.remedy is not None:
            remedy = _OPTION.sub("--", error.remedy)
            found["remedy"], text = remedy, text.removesuffix(error.remedy) + remedy
        return cls(error.outcome, found, text)


class Terminal:
    """Writes the results of one command.

    With `json_target` (`-` for standard output, else a file), the JSON document goes there; what
    is meant for people then goes to standard error, so that the document stays alone.
    """

    def __init__(self, command: str, json_target: str | None = None) -> None:
        self.command = command
        self._json_target = json_target

    @property
    def width(self) -> int:
        """Columns of the terminal; 80 in a pipe."""
        return max(40, shutil.get_terminal_size((80, 24)).columns)

    @property
    def is_interactive(self) -> bool:
        """Whether somebody looks on, who wants to know what goes on."""
        return sys.stderr.isatty()

    def say(self, text: str) -> None:
        """A line about what goes on; never on standard output."""
        print(_printable(f"pixipack: {text}", sys.stderr.encoding), file=sys.stderr)

    def print(self, lines: Iterable[str]) -> None:
        """Result lines for people."""
        stream = sys.stderr if self._json_target == STDOUT else sys.stdout
        for line in lines:
            print(_printable(line, stream.encoding), file=stream)

    def check_target(self) -> None:
        """Raises `InvalidInput` where no JSON document could be written in the end."""
        target = self._json_target
        if target is not None and target != STDOUT and Path(target).is_dir():
            raise InvalidInput(
                "The JSON document cannot be written: this is a directory.",
                file=target,
                remedy="Name a file, or - for standard output.",
            )

    def document(self, content: Mapping[str, Any]) -> None:
        """Writes the JSON document, where one is asked for."""
        if self._json_target is None:
            return
        full = hide_all({"schema": 1, "command": self.command, **content})
        text = json.dumps(full, indent=2, ensure_ascii=False) + "\n"
        if self._json_target == STDOUT:
            sys.stdout.buffer.write(text.encode("utf-8", errors="backslashreplace"))
            return
        write_output(Path(self._json_target), text, "The JSON document")

    def fail(self, failure: Failure) -> int:
        """Says why nothing could be checked; returns the exit code."""
        print(_printable(f"pixipack: {failure.text}", sys.stderr.encoding), file=sys.stderr)
        if self._json_target == STDOUT or failure.error.get("file") != self._json_target:
            self.document({"outcome": failure.outcome, "error": failure.error})
        return EXIT_UNCHECKED


def _printable(text: str, encoding: str | None) -> str:
    # A console that cannot show a character shows a question mark, not a traceback.
    name = encoding or "utf-8"
    return hide(text).translate(_CONTROLS).encode(name, errors="replace").decode(name)
