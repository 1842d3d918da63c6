"""The prefix that a package was built in: an installer puts that of the environment in its place.

What is installed is the same whatever it was, so that another one is metadata. In a `text`, every
occurrence is replaced; in a `binary` as well, and the text that it is in, which ends with a zero
byte, gets so many more of them that all else stays in its place (`copy_and_replace_placeholders` in
`src/install/link.rs` of rattler).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pytest_pixipack.compare.inside.content import Content, Scratch
from pytest_pixipack.compare.model import Difference
from pytest_pixipack.compare.records import Where
from pytest_pixipack.facts import FileFacts

_MARK, _SHORT_MARK = b"<prefix>", b"<p>"
_CHUNK = 1 << 20
# Binaries with placeholders of two lengths are read as a whole.
_MOST_BINARY = 16 << 20


@dataclass(frozen=True, slots=True)
class Placeholders:
    """The two that one file was built with."""

    left: str
    right: str
    mode: str

    @classmethod
    def of(cls, left: FileFacts | None, right: FileFacts | None) -> Placeholders | None:
        """Those of two files that are installed in the same way; None where they are no others."""
        if left is None or right is None or left.placeholder_mode != right.placeholder_mode:
            return None
        old, new, mode = left.placeholder, right.placeholder, left.placeholder_mode
        return cls(old, new, mode) if old and new and mode and old != new else None

    def difference(self, where: Where) -> Difference:
        """That the file was built with another one."""
        sides = self.left, self.right
        return Difference(where, "prefix placeholder", "metadata", *sides, "embedded-path")

    def replaced(
        self, left: Content, right: Content, scratch: Scratch
    ) -> tuple[Content, Content] | None:
        """Both contents with one text for the placeholder; None where that cannot be done.

        Contents that mean the same once they are installed are the same.
        """
        names = [each.encode("utf-8", "surrogateescape") for each in (self.left, self.right)]
        length = min(map(len, names))
        mark = _MARK if length >= len(_MARK) else _SHORT_MARK
        if length < len(mark):
            return None
        if self.mode == "binary":
            mark = mark.ljust(length, b"_")
            if len(names[0]) != len(names[1]):
                made = _padded(left, right, names, mark)
                return made and (scratch.keep([made[0]]), scratch.keep([made[1]]))
        pairs = zip((left, right), names, strict=True)
        old, new = (scratch.keep(_exchanged(content, name, mark)) for content, name in pairs)
        return old, new


def without_placeholders(left: str, right: str, told: Iterable[Placeholders]) -> tuple[str, str]:
    """Two lists of placeholders and files (`info/has_prefix`) without those that differ."""
    for old, new in {(each.left, each.right) for each in told}:
        left, right = left.replace(old, "<prefix>"), right.replace(new, "<prefix>")
    return left, right


def _exchanged(content: Content, name: bytes, mark: bytes) -> Iterator[bytes]:
    """The content with the mark in place of the name; one across the edge of a piece as well."""
    rest = b""
    with content.open() as stream:
        while piece := stream.read(_CHUNK):
            *done, rest = (rest + piece).split(name)
            for each in done:
                yield each + mark
            edge = max(len(rest) - len(name) + 1, 0)
            yield rest[:edge]
            rest = rest[edge:]
    yield rest


def _padded(
    left: Content, right: Content, names: list[bytes], mark: bytes
) -> tuple[bytes, bytes] | None:
    """Two binaries with placeholders of two lengths."""
    wholes = left.whole(_MOST_BINARY), right.whole(_MOST_BINARY)
    if wholes[0] is None or wholes[1] is None:
        return None
    old, new = (
        _with_zeros(whole, name, mark)
        for whole, name in zip((wholes[0], wholes[1]), names, strict=True)
    )
    # How many zeros there are depends on the length alone.
    filling = re.compile(re.escape(mark) + rb"([^\0]*)\0*")
    if filling.sub(mark + rb"\1\0", old) == filling.sub(mark + rb"\1\0", new):
        return old, old
    return old, new


def _with_zeros(data: bytes, name: bytes, mark: bytes) -> bytes:
    def text(match: re.Match[bytes]) -> bytes:
        return match[0].replace(name, mark).ljust(len(match[0]), b"\0")

    return re.sub(re.escape(name) + rb"[^\0]*", text, data)
