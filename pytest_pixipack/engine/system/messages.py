"""What a tool printed when it failed: one message, its causes, its help, and a place in a file.

pixi prints errors with miette (graphical, with box drawing), pixi-pack and pixi-unpack with anyhow
(`Error: ...`). pixi-pack shows the output of the pixi that it runs before its own error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_ERROR = re.compile(r"^\s*(?:Error|error):\s*(?:×\s*)?(.*)$")
_CAUSE = re.compile(r"^\s*(?:├─▶|╰─▶)\s*(?:×\s*)?(.*)$")
_CODED = re.compile(r"^\s*×\s*(.*)$")  # after `Error: some-code` the message has a line of its own
_CONTINUED = re.compile(r"^\s*│\s?(.*)$")
_HELP = re.compile(r"^\s*help:\s*(.*)$")
_SNIPPET = re.compile(r"^\s*╭(?:─\[(?P<file>.*?)(?::(?P<line>\d+):(?P<column>\d+))?\]|─+)\s*$")
# An error reply of a backend, as Rust shows it to programmers.
_RPC_ERROR = re.compile(
    r'ErrorObject \{ code: \w+(?:\([-\d]+\))?, message: "((?:[^"\\]|\\.)*)".*', re.S
)
_LOCK_FILE = re.compile(r"lock file from `([^`]+)`(?:[^`]*? at line (\d+) column (\d+))?")
_SNIPPET_END = re.compile(r"^\s*╰─{3,}\s*$")


@dataclass(frozen=True, slots=True)
class Message:
    """A tool's error, without decoration.

    `lines` are the message and its causes, outermost first; a cause may have several lines.
    `outer` are errors that followed: those of the tool around the one that failed.
    """

    lines: tuple[str, ...]
    help: str | None = None
    file: str | None = None
    line: int | None = None
    column: int | None = None
    outer: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """All of it in one string, for matching."""
        return "\n".join((*self.lines, *self.outer, self.help or ""))

    @property
    def sentence(self) -> str:
        """`outermost: cause: cause`, without a final full stop."""
        shown = (_tidy(_RPC_ERROR.sub(_rpc_message, each)) for each in self.lines)
        return ": ".join(each for each in shown if each)


def _tidy(cause: str) -> str:
    lines = [line for line in cause.splitlines() if line.strip()]
    if lines and lines[-1].startswith("Build backend output:"):  # and nothing after it
        lines.pop()
    return "\n".join(lines).strip().rstrip(":.")


def _rpc_message(match: re.Match[str]) -> str:
    return match[1].replace('\\"', '"')


def plain(text: str) -> str:
    """Text without terminal control sequences."""
    return _ANSI.sub("", text)


def parse_message(stderr: str) -> Message:
    """The error in a tool's stderr; the last lines where nothing looks like one."""
    blocks = _blocks(plain(stderr).splitlines())
    if not blocks:
        last = [line.strip() for line in plain(stderr).splitlines() if line.strip()][-5:]
        return Message(tuple(last))
    first = _read(blocks[0])
    if first.file is None and (match := _LOCK_FILE.search("\n".join(first.lines))):
        first.place(match[1], match[2], match[3])
    outer = tuple(_read(block).lines[0] for block in blocks[1:])
    return Message(first.causes(), first.help(), first.file, first.line, first.column, outer)


def _blocks(lines: list[str]) -> list[list[str]]:
    blocks: list[list[str]] = []
    for line in lines:
        if _ERROR.match(line):
            blocks.append([line])
        elif blocks:
            blocks[-1].append(line)
    return blocks


@dataclass(slots=True)
class _Reader:
    lines: list[str] = field(default_factory=list)
    helps: list[str] = field(default_factory=list)
    file: str | None = None
    line: int | None = None
    column: int | None = None

    def causes(self) -> tuple[str, ...]:
        return tuple(each.rstrip() for each in self.lines)

    def help(self) -> str | None:
        return " ".join(self.helps) or None

    def place(self, file: str | None, line: str | None, column: str | None) -> None:
        """The first place that is named counts."""
        if self.file is None and file:
            self.file = file
            self.line = int(line) if line else None
            self.column = int(column) if column else None


def _read(block: list[str]) -> _Reader:
    found = _Reader()
    in_snippet = in_help = False
    for line in block:
        if match := _SNIPPET.match(line):
            in_snippet, in_help = True, False
            found.place(match["file"], match["line"], match["column"])
        elif _SNIPPET_END.match(line):
            in_snippet = False
        elif in_snippet:
            continue
        elif match := _ERROR.match(line) or _CAUSE.match(line):
            in_help = False
            found.lines.append(match[1])
        elif (match := _CODED.match(line)) and len(found.lines) == 1:
            found.lines[0] = match[1]
        elif match := _HELP.match(_CONTINUED.sub(r"\1", line)):
            in_help = True
            found.helps.append(match[1].strip())
        elif not line.strip():
            in_help = False
        elif in_help:
            found.helps.append(line.strip())
        else:
            match = _CONTINUED.match(line)
            found.lines[-1] += "\n" + (match[1] if match else line).rstrip()
    return found
