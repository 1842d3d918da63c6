"""Programs that installers write into a prefix for Python: launchers of entry points, and scripts.

Each installer words them in its own way, and starts the interpreter in another way where its path
is long or has a blank. What they do is the same, as long as they are what an installer writes.
"""

from __future__ import annotations

import configparser
import hashlib
import io
import re
import shlex
import zipfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_pixipack.damages import DAMAGES
from pytest_pixipack.prefix.distributions import Distribution

_LARGEST_TEXT = 1 << 20
# With the line that starts it, of which `wheels` reads 16 MiB of the rest.
_LARGEST_SCRIPT = 17 << 20
_LARGEST_PROGRAM = 4 << 20
_HEAD = 1 << 13
_CODING = "# -*- coding: utf-8 -*-\n"
# rattler (its src/install/entry_point.rs), `installer` (scripts.py), uv (crates/uv-install-wheel,
# src/wheel.rs), and pip (_vendor/distlib/scripts.py), now and before.
_TEMPLATES = (
    _CODING + "import re\nimport sys\n\nfrom {module} import {name}\n\n"
    "if __name__ == '__main__':\n"
    "\tsys.argv[0] = re.sub(r'(-script\\.pyw?|\\.exe)?$', '', sys.argv[0])\n"
    "\tsys.exit({function}())\n",
    _CODING + "import re\nimport sys\nfrom {module} import {name}\n"
    'if __name__ == "__main__":\n'
    '    sys.argv[0] = re.sub(r"(-script\\.pyw|\\.exe)?$", "", sys.argv[0])\n'
    "    sys.exit({function}())\n",
    _CODING + "import sys\nfrom {module} import {name}\n"
    'if __name__ == "__main__":\n'
    '    if sys.argv[0].endswith("-script.pyw"):\n'
    "        sys.argv[0] = sys.argv[0][:-11]\n"
    '    elif sys.argv[0].endswith(".exe"):\n'
    "        sys.argv[0] = sys.argv[0][:-4]\n"
    "    sys.exit({function}())\n",
    _CODING + "import re\nimport sys\nfrom {module} import {name}\n"
    "if __name__ == '__main__':\n"
    "    sys.argv[0] = re.sub(r'(-script\\.pyw|\\.exe)?$', '', sys.argv[0])\n"
    "    sys.exit({function}())\n",
    _CODING + "import sys\nfrom {module} import {name}\n"
    "if __name__ == '__main__':\n"
    "    sys.argv[0] = sys.argv[0].removesuffix('.exe')\n"
    "    sys.exit({function}())\n",
)  # fmt: skip
_PYTHON = re.compile(rb"[/\\](pythonw?[0-9.]*t?(?:\.exe)?)(?=[\"' \r\n])")
_VALUE = re.compile(r"\s*([\w.]+)\s*:\s*([\w.]+)\s*(\[.*\])?\s*")


@dataclass(frozen=True, slots=True)
class Launcher:
    """The entry point that a program was made for: `function` of `module`."""

    module: str
    function: str

    @property
    def texts(self) -> tuple[str, ...]:
        """What installers write behind the line that starts the interpreter."""
        name = self.function.partition(".")[0]
        return tuple(
            each.format(module=self.module, name=name, function=self.function)
            for each in _TEMPLATES
        )


def launchers(root: Path, wheels: Sequence[Distribution]) -> Mapping[str, Launcher]:
    """The programs of the entry points of wheels, by their paths below the prefix at `root`."""
    found: dict[str, Launcher] = {}
    for wheel in wheels:
        listed = next((p for p in wheel.files if p.endswith(".dist-info/entry_points.txt")), None)
        points = _entry_points(_text(root / listed)) if listed is not None else {}
        for path in wheel.files:
            directory, _, file = path.rpartition("/")
            name = file.removesuffix(".exe")
            if directory in ("bin", "Scripts") and name in points:
                found[path] = points[name]
    return found


def without_interpreter(data: bytes, spellings: Sequence[str]) -> bytes | None:
    """What follows upon the lines that start a Python of the prefix; None where none is started.

    `data` is the beginning of the file, `spellings` are those of the path of the prefix.
    """
    start = _start(data, spellings)
    return None if start is None else data[len(start) :]


def is_restarted(path: Path, tails: Collection[str], spellings: Sequence[str]) -> bool:
    """Whether a script of a wheel got a Python of the prefix as its interpreter, and nothing else.

    `tails` are the sha256 of what may follow upon the interpreter's name.
    """
    data = _data(path, _LARGEST_SCRIPT)
    found = _PYTHON.search(data[:_HEAD])
    starts = () if found is None else _all_starts(found.group(), spellings)
    return any(
        data.startswith(start[:-1]) and hashlib.sha256(data[len(start) - 1 :]).hexdigest() in tails
        for start in starts
    )


def _start(data: bytes, spellings: Sequence[str]) -> bytes | None:
    found = _PYTHON.search(data[:_HEAD])
    starts = () if found is None else _all_starts(found.group(), spellings)
    return next((start for start in starts if data.startswith(start)), None)


def _all_starts(python: bytes, spellings: Sequence[str]) -> Iterator[bytes]:
    """All ways to start a program of the prefix, or of its `bin`, at the beginning of a file."""
    for spelling in spellings:
        for directory in (spelling, f"{spelling}/bin"):
            yield from _starts(directory.encode("utf-8", "surrogateescape") + python)


def _starts(program: bytes) -> Iterator[bytes]:
    yield b"#!%b\n" % program
    yield b"#!/bin/sh\n'''exec' \"%b\" \"$0\" \"$@\" #'''\n" % program
    text = program.decode("utf-8", "surrogateescape")
    always = "'" + text.replace("'", "'\"'\"'") + "'"
    for quoted in (shlex.quote(text), always):
        word = quoted.encode("utf-8", "surrogateescape")
        yield b"#!/bin/sh\n'''exec' %b \"$0\" \"$@\"\n' '''\n" % word


def launched(path: Path, launcher: Launcher, spellings: Sequence[str]) -> str | None:
    """What a program does, the same whoever wrote it; None where it is not what installers write.

    A program of Windows counts with the sha256 of its binary part, which starts the other.
    """
    if path.suffix == ".exe":
        return _program(path, launcher, spellings)
    body = without_interpreter(_data(path, _LARGEST_TEXT), spellings)
    if body is None or body.decode("utf-8", "replace") not in launcher.texts:
        return None
    return f"{launcher.module}:{launcher.function}"


def _program(path: Path, launcher: Launcher, spellings: Sequence[str]) -> str | None:
    """A binary, a line that names the interpreter, and a zip file with the text (distlib's)."""
    data = _data(path, _LARGEST_PROGRAM)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            (member,) = archive.infolist()
            if member.filename != "__main__.py" or member.file_size > _LARGEST_TEXT:
                return None
            text = archive.read(member).decode("utf-8", "replace")
    except DAMAGES:
        return None
    binary, mark, line = data[: member.header_offset].rpartition(b"#!")
    rest = without_interpreter(mark + line.replace(b"\r\n", b"\n"), spellings)
    if rest != b"" or text not in launcher.texts:
        return None
    return f"{launcher.module}:{launcher.function} {hashlib.sha256(binary).hexdigest()}"


def _entry_points(text: str) -> dict[str, Launcher]:
    parser: Any = configparser.ConfigParser(delimiters=("=",), interpolation=None)
    parser.optionxform = str
    try:
        parser.read_string(text)
    except configparser.Error:
        return {}
    found = {}
    for section in ("console_scripts", "gui_scripts"):
        for name, value in parser[section].items() if parser.has_section(section) else ():
            if match := _VALUE.fullmatch(value):
                found[name] = Launcher(match[1], match[2])
    return found


def _text(path: Path) -> str:
    return _data(path, _LARGEST_TEXT).decode("utf-8", "replace")


def _data(path: Path, most: int) -> bytes:
    """The content of a file; nothing where there is none, or where it is larger than `most`."""
    try:
        if not path.is_file() or path.stat().st_size > most:
            return b""
        return path.read_bytes()
    except OSError:
        return b""
