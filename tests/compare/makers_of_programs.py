"""The smallest ELF, Mach-O and PE files that have headers worth a look."""

from __future__ import annotations

import struct


def elf(
    text: bytes = b"\x90\xc3",
    data: bytes = b"some data\0",
    comment: bytes = b"GCC: (GNU) 13.2.0\0",
    build_id: bytes | None = b"\1" * 20,
) -> bytes:
    """A shared library of 64 bits with a table of sections."""
    sections = [(".text", 1, text), (".rodata", 1, data), (".comment", 1, comment)]
    if build_id is not None:
        note = struct.pack("<III4s", 4, len(build_id), 3, b"GNU\0") + build_id
        sections.append((".note.gnu.build-id", 7, note))
    names = b"\0" + b"".join(name.encode() + b"\0" for name, *_ in sections) + b".shstrtab\0"
    sections.append((".shstrtab", 3, names))
    body, table, at = b"", [bytes(64)], 64
    for name, kind, content in sections:
        place = names.index(name.encode() + b"\0")
        table.append(struct.pack("<IIQQQQIIQQ", place, kind, 2, 0, at, len(content), 0, 0, 1, 0))
        body += content + bytes(-len(content) % 8)
        at = 64 + len(body)
    head = b"\x7fELF\2\1\1" + bytes(9)
    head += struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 0, at, 0, 64, 0, 0, 64, len(table),
                        len(table) - 1)  # fmt: skip
    return head + body + b"".join(table)


def macho(
    code: bytes = b"\x90\xc3", uuid: bytes = b"\1" * 16, signature: bytes = b"signed", sdk: int = 1
) -> bytes:
    """A program of 64 bits for x86."""
    size = 24 + 24 + 16
    start = 32 + size
    commands = struct.pack("<II16s", 0x1B, 24, uuid)
    commands += struct.pack("<IIIIII", 0x32, 24, 1, 11 << 16, sdk << 16, 0)
    commands += struct.pack("<IIII", 0x1D, 16, start + len(code), len(signature))
    head = struct.pack("<IIIIIIII", 0xFEEDFACF, 0x01000007, 3, 2, 3, size, 0, 0)
    return head + commands + code + signature


def pe(
    code: bytes = b"\x90\xc3", time: int = 1, checksum: int = 0, guid: bytes = b"\1" * 16,
    pdb: bytes = b"a.pdb",
) -> bytes:  # fmt: skip
    """A library of 64 bits with one section, in which its debug directory is."""
    codeview = b"RSDS" + guid + struct.pack("<I", 1) + pdb + b"\0"
    debug = struct.pack("<IIHHIIII", 0, time, 0, 0, 2, len(codeview), 0x1000 + 28, 0x200 + 28)
    content = (debug + codeview + code).ljust(0x200, b"\0")
    head = b"MZ" + bytes(58) + struct.pack("<I", 64)
    head += b"PE\0\0" + struct.pack("<HHIIIHH", 0x8664, 1, time, 0, 0, 240, 0x2022)
    head += struct.pack("<HBBIIIII", 0x20B, 14, 0, 0x200, 0, 0, 0, 0x1000)
    head += struct.pack("<QIIHHHHHHIIIIHHQQQQII", 1 << 32, 0x1000, 0x200, 6, 0, 0, 0, 6, 0, 0,
                        0x2000, 0x200, checksum, 3, 0, 1 << 20, 4096, 1 << 20, 4096, 0,
                        16)  # fmt: skip
    directories = [(0, 0)] * 16
    directories[6] = (0x1000, 28)
    head += b"".join(struct.pack("<II", *each) for each in directories)
    head += struct.pack("<8sIIIIIIHHI", b".text", 0x200, 0x1000, 0x200, 0x200, 0, 0, 0, 0,
                        0x60000020)  # fmt: skip
    return head.ljust(0x200, b"\0") + content
