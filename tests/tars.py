"""Tars made header by header, so that each can say what no tool would write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

BLOCK = 512
END = bytes(2 * BLOCK)
USTAR, GNU, OLD = b"ustar\x0000", b"ustar  \0", bytes(8)
# Where fields are, and how long (POSIX.1-2001, "ustar Interchange Format").
FIELDS = {
    "name": (0, 100), "mode": (100, 8), "uid": (108, 8), "gid": (116, 8), "size": (124, 12),
    "mtime": (136, 12), "checksum": (148, 8), "kind": (156, 1), "target": (157, 100),
    "magic": (257, 8), "user": (265, 32), "group": (297, 32), "prefix": (345, 155),
}  # fmt: skip


def block(
    name: str | bytes,
    kind: bytes = b"0",
    *,
    size: int = 0,
    mode: int = 0o644,
    target: bytes = b"",
    magic: bytes = USTAR,
    prefix: bytes = b"",
    pieces: Sequence[tuple[int, int]] = (),
    real_size: int = 0,
    more: bool = False,
    raw: Mapping[str, bytes] | None = None,
) -> bytes:
    """A header. `raw` replaces the bytes of fields; with `pieces`, it is that of a sparse file."""
    header = bytearray(BLOCK)
    fields = {
        "name": name.encode() if isinstance(name, str) else name, "mode": b"%07o" % mode,
        "uid": b"%07o" % 0, "gid": b"%07o" % 0, "size": b"%011o" % size, "mtime": b"%011o" % 0,
        "kind": kind, "target": target, "magic": magic, "prefix": prefix,
        **{key: value for key, value in (raw or {}).items() if key != "checksum"},
    }  # fmt: skip
    for key, value in fields.items():
        start, length = FIELDS[key]
        header[start : start + length] = value[:length].ljust(length, b"\0")
    for number, (place, length) in enumerate(pieces):
        start = 386 + 24 * number
        header[start : start + 24] = b"%011o\0%011o\0" % (place, length)
    if real_size:
        header[482:495] = (b"\1" if more else b"\0") + b"%011o\0" % real_size
    header[148:156] = b" " * 8
    header[148:156] = (raw or {}).get("checksum", b"%06o\0 " % sum(header))
    return bytes(header)


def member(name: str, content: bytes = b"", kind: bytes = b"0", **more: object) -> bytes:
    """A header and its content."""
    head = block(name, kind, size=len(content), **more)  # type: ignore[arg-type]
    return head + padded(content)


def padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % BLOCK)


def extension(kind: bytes, content: bytes) -> bytes:
    """A header that says something of the member that follows."""
    return member("././@LongLink" if kind in b"LK" else "pax", content, kind)


def record(key: str, value: str) -> bytes:
    """One record of a pax header, which begins with its own length."""
    rest = f" {key}={value}\n".encode()
    size = len(rest) + 1
    while len(str(size)) + len(rest) != size:
        size += 1
    return str(size).encode() + rest


def pax(records: Mapping[str, str]) -> bytes:
    return extension(b"x", b"".join(record(key, value) for key, value in records.items()))
