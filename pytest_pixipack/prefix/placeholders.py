"""Placeholders in files of packages: what an installer makes of them, and what they were before.

Installers put the path of the prefix in the place of a placeholder. In a binary, zero bytes keep a
string as long as it was. Where the first line of a script would become longer than systems read it,
or has a blank in a path, rattler writes another one (its src/install/link.rs, `replace_shebang`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

# The content of a file from its beginning, in pieces of any size.
Pieces = Callable[[], Iterable[bytes]]

# Bytes at the beginning that are looked at for a first line.
_HEAD = 1 << 16
# Of a first line, on Linux; systems that read more have nothing against another one.
_LONGEST_LINE = 127
_DIRECT = re.compile(rb"#! *(/(?:\\ |[^ \n\r\t])*)(.*)", re.DOTALL)
_BY_ENV = re.compile(rb"#!/usr/bin/env ([^ \n\r\t]+)(.*)", re.DOTALL)
_BY_SHELL = re.compile(rb"#!/bin/sh\n'''exec' \"([^\"\n]*)\"(.*) \"\$0\" \"\$@\" #'''")
# What a path goes on with, or follows upon: there, it is another path that is meant.
_PART = rb"A-Za-z0-9_.\-/"


@dataclass(frozen=True, slots=True)
class Replacing:
    """`old` texts that become `new`, the longest first; in a `binary`, strings keep their length.

    Where `whole`, only paths of their own are replaced: not the end of a longer one, and not the
    beginning of a longer name.
    """

    old: tuple[bytes, ...]
    new: bytes
    binary: bool = False
    whole: bool = False

    def digest(self, pieces: Iterable[bytes], head: bytes = b"") -> str:
        """The sha256 of `head` and of what becomes of the pieces."""
        hasher = hashlib.sha256(head)
        for piece in self._strings(pieces) if self.binary else self._texts(pieces):
            hasher.update(piece)
        return hasher.hexdigest()

    def text(self, text: bytes) -> bytes:
        """What becomes of a short text."""
        return b"".join(self._texts([text]))

    def _texts(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for between, found in found_in(pieces, self._pattern(), self._longest):
            yield between
            if found:
                yield self.new

    def _strings(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        owed = 0  # zero bytes to be added at the end of the string, or to be left out
        for between, found in found_in(pieces, self._pattern(), self._longest):
            if owed > 0 and (end := between.find(b"\0")) >= 0:
                yield between[:end] + bytes(owed)
                between, owed = between[end:], 0
            elif owed < 0 and (end := between.find(b"\0")) >= 0:
                rest = between[end:].lstrip(b"\0")
                zeros = len(between) - end - len(rest)
                taken = min(zeros, -owed)
                yield between[:end]
                between = between[end + taken :]
                # The rest of them may be in the next piece; something else ends the string.
                owed = owed + taken if not between and not found else 0
            yield between
            if found:
                owed += len(found) - len(self.new)
                yield self.new
        yield bytes(max(owed, 0))

    def _pattern(self) -> re.Pattern[bytes]:
        words = b"|".join(re.escape(each) for each in self.old)
        if self.whole:
            return re.compile(rb"(?<![%b])(?:%b)(?![A-Za-z0-9_.\-])" % (_PART, words))
        return re.compile(words)

    @property
    def _longest(self) -> int:
        return max(map(len, self.old))


def found_in(
    pieces: Iterable[bytes], pattern: re.Pattern[bytes], longest: int
) -> Iterator[tuple[bytes, bytes]]:
    """What is between the places where a pattern matches, each with the match behind it.

    A match, of at most `longest` bytes, is found across the edges of pieces as well; where there is
    none, the second is empty.
    """
    rest, before = b"", b""
    keep = longest + 1  # what stands behind a match can matter, too
    for piece in pieces:
        rest += piece
        edge = max(len(rest) - keep, 0)
        done, start = 0, len(before)
        text = before + rest
        for match in pattern.finditer(text, start):
            if match.start() - start >= edge:
                break
            yield rest[done : match.start() - start], match.group()
            done = match.end() - start
        end = max(done, edge)
        if end > done:
            yield rest[done:end], b""
        before = (before + rest[:end])[-1:]
        rest = rest[end:]
    done, start = 0, len(before)
    text = before + rest
    for match in pattern.finditer(text, start):
        yield rest[done : match.start() - start], match.group()
        done = match.end() - start
    yield rest[done:], b""


def installed_digests(
    pieces: Pieces, placeholder: str, prefix: str, *, binary: bool
) -> Iterator[str]:
    """The sha256 of what installers make of a file of a package, the usual one first."""
    replacing = Replacing((placeholder.encode(),), prefix.encode(), binary)
    yield replacing.digest(pieces())
    if binary:
        return
    first, behind = _first_lines(pieces, 1)
    match = _DIRECT.fullmatch(first)
    if match is None or placeholder.encode() not in first:
        return
    program, arguments = match[1], match[2]
    by_env = b"#!/usr/bin/env %b%b" % (program.rpartition(b"/")[2], arguments)
    by_shell = b"#!/bin/sh\n'''exec' \"%b\"%b \"$0\" \"$@\" #'''" % (program, arguments)
    for line in (by_env, by_shell):
        yield replacing.digest(behind(), replacing.text(line))


def packed_digests(
    pieces: Pieces, placeholder: str, spellings: Sequence[str], *, binary: bool
) -> Iterator[str]:
    """The sha256 of what an installed file can have been in its package, the most likely first.

    `spellings` are those of the path of the prefix, the longest first.
    """
    old = tuple(each.encode("utf-8", "surrogateescape") for each in spellings)
    new = placeholder.encode()
    replacing = Replacing(old, new, binary)
    yield replacing.digest(pieces())
    # A short path such as `/env` can be part of others, which were there before.
    yield Replacing(old, new, binary, whole=True).digest(pieces())
    if binary:
        return
    for line, behind in _first_lines_before(pieces, replacing):
        for blank in (b"#!", b"#! "):
            yield replacing.digest(behind(), blank + line)


def _first_lines_before(
    pieces: Pieces, replacing: Replacing
) -> Iterator[tuple[bytes, Callable[[], Iterator[bytes]]]]:
    """What the first line can have been where it was too long for this place, and what follows."""
    first, behind = _first_lines(pieces, 1)
    if match := _BY_ENV.fullmatch(first):
        program, arguments = b"/bin/" + match[1], match[2]
        if any(_is_unusual(prefix + program, arguments) for prefix in replacing.old):
            yield replacing.new + program + arguments, behind
    first, behind = _first_lines(pieces, 2)
    if (match := _BY_SHELL.fullmatch(first)) and _is_unusual(match[1], match[2]):
        yield replacing.text(match[1]) + replacing.text(match[2]), behind


def _is_unusual(program: bytes, arguments: bytes) -> bool:
    """Whether a program and its arguments cannot stand behind `#!`."""
    return len(program) + len(arguments) + 2 > _LONGEST_LINE or b" " in program


def _first_lines(pieces: Pieces, number: int) -> tuple[bytes, Callable[[], Iterator[bytes]]]:
    """The first lines without the last line end, and what follows upon them."""
    head = b""
    for piece in pieces():
        head += piece
        if head.count(b"\n") >= number or len(head) > _HEAD:
            break
    lines = b"\n".join(head.split(b"\n")[:number])
    return lines, lambda: without_first(pieces(), len(lines))


def without_first(pieces: Iterable[bytes], number: int) -> Iterator[bytes]:
    """The pieces without that many bytes at their beginning."""
    for piece in pieces:
        yield piece[number:]
        number = max(number - len(piece), 0)
