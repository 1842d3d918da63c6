"""The files in which a wheel says what it is: METADATA, WHEEL, RECORD and entry_points.txt.

Formats: the PyPA specifications "Core metadata", "Binary distribution format", "Recording installed
projects" and "Entry points". Each is read with bounds, for a few kilobytes can become gigabytes.
"""

from __future__ import annotations

import base64
import binascii
import configparser
import csv
import hashlib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from pytest_pixipack.safe_names import folded, quoted, shown, unsafe_name

_MOST_HEADERS = 4 << 20
_MOST_LINES = 100_000
_MOST_ENTRY_POINTS = 1 << 20
_BLANK_LINE = re.compile(rb"\r?\n\r?\n|\A\r?\n")
# As `installer` and importlib.metadata read the value of an entry point.
_ENTRY_POINT = re.compile(r"[\w.]+\s*:\s*[\w.]+\s*(\[[^\]]*\])?")
_SCRIPTS = ("console_scripts", "gui_scripts")
# md5 and sha1 are not allowed in a RECORD.
_HASHES = frozenset({"sha256", "sha384", "sha512"})
# Signatures of a RECORD are not in it.
_SIGNATURES = ("RECORD.jws", "RECORD.p7s")
_MORE_ROWS = 64
# A script that starts like this gets another first line (the PyPA specification "Binary
# distribution format").
SCRIPT = b"#!python"


class BadFile(ValueError):
    """Why a file of a wheel cannot be used, as a part of a sentence."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a RECORD says of a file: kind and digest of a hash, size in bytes.

    Both are None where it says nothing: uv installs such wheels, too.
    """

    kind: str = "sha256"
    digest: bytes | None = None
    size: int | None = None


def headers(data: bytes) -> Mapping[str, tuple[str, ...]]:
    """The header fields of METADATA or WHEEL by their names in lower case. Raises `BadFile`."""
    end = _BLANK_LINE.search(data, 0, _MOST_HEADERS)
    head = data[: end.start() if end else len(data)]
    if len(head) > _MOST_HEADERS or head.count(b"\n") > _MOST_LINES:
        raise BadFile("its header fields are too many")
    found: dict[str, list[list[str]]] = {}
    last: list[str] = []
    for line in head.decode("utf-8", "replace").splitlines():
        if line[:1] in (" ", "\t") and last:
            last.append(line)
            continue
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            break  # as the parser of mails does, which other tools use
        last = [value.strip()]
        found.setdefault(name.strip().lower(), []).append(last)
    return {name: tuple("\n".join(lines) for lines in each) for name, each in found.items()}


def entry_points(data: bytes) -> tuple[str, ...]:
    """The names of the programs that are made on installation.

    Raises `BadFile` where one is malformed, or would lie somewhere else than in `bin`.
    """
    if len(data) > _MOST_ENTRY_POINTS:
        raise BadFile("it is too large")
    parser = configparser.ConfigParser(delimiters=("=",), interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    try:
        parser.read_string(data.decode())
    except UnicodeDecodeError:
        raise BadFile("it is not UTF-8") from None
    except configparser.Error as error:
        raise BadFile(shown(str(error).partition("\n")[0].rstrip("."))) from None
    names: dict[str, str] = {}
    for section in _SCRIPTS:
        for name, value in parser.items(section) if parser.has_section(section) else ():
            reason = "it has a slash" if "/" in name else unsafe_name(name)
            if reason is None and names.setdefault(folded(name), name) != name:
                reason = "it is there twice on some systems"
            if reason is not None:
                raise BadFile(f"the name {quoted(name)} is unsafe: {reason}")
            if _ENTRY_POINT.fullmatch(value.strip()) is None:
                raise BadFile(f"{quoted(name)} does not name a function")
    return tuple(names.values())


def record(
    data: bytes, members: Collection[str], name: str, *, complete: bool
) -> Mapping[str, Recorded]:
    """What the RECORD `name` says of the members, itself aside.

    Raises `BadFile` where a digest cannot be used, and where it has to be `complete` for a member
    that is not in it, signatures aside.
    """
    found: dict[str, Recorded] = {}
    seen: set[str] = set()
    most = len(members) + _MORE_ROWS
    wanted = set(members)
    for number, (path, digest, size) in enumerate(_rows(data)):
        if number >= most:
            raise BadFile("it lists more files than there are")
        if path not in wanted:
            continue
        if path in seen:
            raise BadFile(f"it lists {quoted(path)} twice")
        seen.add(path)
        if path == name:
            continue
        found[path] = _recorded(path, digest, size)
    signatures = {f"{name.rpartition('/')[0]}/{each}" for each in _SIGNATURES}
    for path in members:
        if complete and path not in seen and path not in signatures:
            raise BadFile(f"{quoted(path)} is not in it")
    return found


def restarted(script: bytes) -> frozenset[str]:
    """The sha256 of what can follow upon the interpreter's name in a script that was installed.

    `script` starts with `#!python`, or `#!pythonw`. `installer` and pip leave out what else its
    first line says (their scripts.py and operations/install/wheel.py), uv keeps it
    (crates/uv-install-wheel, src/wheel.rs).
    """
    _, end, rest = script.partition(b"\n")
    kept = script.removeprefix(SCRIPT)
    tails = (kept, kept.removeprefix(b"w"), end + rest, b"\r" + end + rest)
    return frozenset(hashlib.sha256(tail).hexdigest() for tail in tails)


def _rows(data: bytes) -> Iterator[list[str]]:
    try:
        # Lines one after the other: a list of all would take more memory than the data.
        for row in csv.reader(match[0].decode() for match in re.finditer(rb"[^\r\n]+", data)):
            if len(row) != 3:
                raise BadFile(f"a line of it has {len(row)} fields instead of 3")
            yield [row[0].replace("\\", "/"), row[1], row[2]]
    except UnicodeDecodeError:
        raise BadFile("it is not UTF-8") from None
    except csv.Error as error:
        raise BadFile(f"it is malformed ({error})") from None


def _recorded(path: str, digest: str, size: str) -> Recorded:
    kind, _, value = digest.partition("=")
    if digest and kind not in _HASHES:
        raise BadFile(f"it has no sha256 for {quoted(path)}")
    try:
        data = base64.b64decode(value + "=" * (-len(value) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise BadFile(f"its digest of {quoted(path)} is malformed") from None
    if size and (not size.isascii() or not size.isdecimal() or len(size) > 18):
        raise BadFile(f"its size of {quoted(path)} is malformed")
    length = int(size) if size else None
    return Recorded(kind, data, length) if digest else Recorded(size=length)
