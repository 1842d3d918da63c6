"""Two texts: encoding, line ends, and their lines."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass

from pytest_pixipack.compare.inside.lines import line_differences
from pytest_pixipack.compare.model import Difference

Where = tuple[str, ...]
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# What else a text that is not UTF-8 may be written in.
_PAGES = (
    "latin-1", "cp1252", "cp1250", "cp1251", "iso8859-2", "iso8859-15", "cp437", "cp850",
    "shift_jis", "euc_jp", "gb18030", "big5", "koi8-r", "mac_roman", "cp037",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Text:
    """A decoded file; `encoding` says how, with ` (BOM)` behind it where it has one."""

    encoding: str
    text: str

    @property
    def plain(self) -> str:
        """With `\\n` at the end of each line."""
        return self.text.replace("\r\n", "\n").replace("\r", "\n")

    @property
    def endings(self) -> str:
        """Which line ends occur."""
        crlf = self.text.count("\r\n")
        kinds = {
            "CRLF": crlf,
            "LF": self.text.count("\n") - crlf,
            "CR": self.text.count("\r") - crlf,
        }
        return " and ".join(name for name, number in kinds.items() if number) or "none"


def decoded(data: bytes) -> Text | None:
    """A file as text, or None where it is none."""
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            try:
                return Text(f"{encoding} (BOM)", data[len(mark) :].decode(encoding))
            except UnicodeDecodeError:
                return None
    if b"\0" in data:
        return _wide(data)
    try:
        text = Text("utf-8", data.decode("utf-8"))
    except UnicodeDecodeError:
        text = Text("latin-1", data.decode("latin-1"))
    controls = sum(data.count(bytes([code])) for code in (*range(1, 9), *range(14, 27), 127))
    return text if controls * 50 <= len(data) else None


def _wide(data: bytes) -> Text | None:
    """UTF-16 without a mark: every other byte of it is zero."""
    for encoding, odd in (("utf-16-le", 1), ("utf-16-be", 0)):
        zeros = data[odd::2].count(0)
        if len(data) % 2 == 0 and zeros * 2 >= len(data) * 0.8 and not data[1 - odd :: 2].count(0):
            try:
                return Text(encoding, data.decode(encoding))
            except UnicodeDecodeError:
                return None
    return None


def carrier_differences(where: Where, left: Text, right: Text) -> Iterator[Difference]:
    """Encoding and line ends."""
    if left.encoding != right.encoding and not _may_be_one(left, right):
        yield Difference(where, "encoding", "payload", left.encoding, right.encoding, "encoding")
    if left.endings != right.endings:
        first, second = left.plain.count("\n"), right.plain.count("\n")
        # An empty text has no line whose end could be missing.
        emptied = "" in (left.text, right.text) and bool((left.plain + right.plain).strip("\n"))
        one_more = abs(first - second) == 1 and not emptied
        if left.endings != "none" != right.endings or one_more:
            sides = (left.endings, right.endings)
            yield Difference(where, "line ends", "payload", *sides, "line-endings")
    elif left.text != right.text and left.plain.rstrip("\n") == right.plain.rstrip("\n"):
        ends = _trailing(left), _trailing(right)
        yield Difference(where, "line ends at the end", "payload", *ends, "line-endings")
    elif left.text != right.text and left.plain == right.plain:
        yield Difference(where, "line ends", "payload", left.endings, left.endings, "line-endings")


def _trailing(text: Text) -> int:
    return len(text.plain) - len(text.plain.rstrip("\n"))


def _may_be_one(left: Text, right: Text) -> bool:
    """Whether one is ASCII, which is the same text in UTF-8 and in Latin-1."""
    plain = left.text.isascii() or right.text.isascii()
    return plain and {left.encoding, right.encoding} == {"utf-8", "latin-1"}


def text_differences(where: Where, left: Text, right: Text) -> list[Difference]:
    """All that two texts differ in, at least one difference."""
    left, right = _same_repertoire(left, right)
    found = list(carrier_differences(where, left, right))
    first, second = left.plain, right.plain
    if first.rstrip("\n") != second.rstrip("\n"):
        found += line_differences(where, first.split("\n"), second.split("\n"))
    return found or [Difference(where, "content", "payload", None, None, "content")]


def _same_repertoire(left: Text, right: Text) -> tuple[Text, Text]:
    """A Latin-1 text beside a UTF-8 one may have been written in another Windows code page."""
    for one, other in ((left, right), (right, left)):
        if one.encoding == "latin-1" and other.encoding.startswith("utf"):
            raw = one.text.encode("latin-1")
            for page in _PAGES:
                try:
                    text = raw.decode(page)
                except UnicodeDecodeError:
                    continue
                if Text("", text).plain.rstrip("\n") == other.plain.rstrip("\n"):
                    named = Text(page, text)
                    return (named, right) if one is left else (left, named)
    return left, right
