"""Why the content of a file differs, as far as the two contents show it.

Header fields that carry no meaning are metadata: time and flags of a `.pyc` (PEP 552), time and
system of gzip (RFC 1952). All else is payload.
"""

from __future__ import annotations

from collections import Counter

from pytest_pixipack.compare.model import Kind

# Larger files are not kept in memory: their digests alone say that they differ.
MOST_BYTES = 4 << 20

_BOM = b"\xef\xbb\xbf"
_GZIP = b"\x1f\x8b\x08"


def explain(name: str, left: bytes, right: bytes) -> tuple[Kind, str]:
    """The kind and the cause of the difference between two contents of one file."""
    if name.endswith(".pyc") and _same_code(left, right):
        return "metadata", "pyc-header"
    if left.startswith(_GZIP) and right.startswith(_GZIP) and _same_stream(left, right):
        return "metadata", "gzip-header"
    if b"\0" in left or b"\0" in right:
        return "payload", "content"
    if _unix(left) == _unix(right):
        return "payload", "line-endings"
    if left.removeprefix(_BOM) == right.removeprefix(_BOM):
        return "payload", "encoding"
    if Counter(left.splitlines()) == Counter(right.splitlines()):
        return "payload", "line-order"
    return "payload", "content"


def _same_code(left: bytes, right: bytes) -> bool:
    # Magic number, flags, then time and size or a hash of the source: 16 bytes.
    return min(len(left), len(right)) > 16 and (left[:4], left[16:]) == (right[:4], right[16:])


def _same_stream(left: bytes, right: bytes) -> bool:
    # Bytes 4 to 9: time, extra flags, operating system.
    return (left[:4], left[10:]) == (right[:4], right[10:])


def _unix(content: bytes) -> bytes:
    return content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
