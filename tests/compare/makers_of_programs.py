"""The smallest ELF, Mach-O and PE files that have headers worth a look."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping


def elf(
    text: bytes = b"\x90\xc3",
    data: bytes = b"some data\0",
    comment: bytes = b"GCC: (GNU) 13.2.0\0",
    build_id: bytes | None = b"\1" * 20,
    debug: Mapping[str, bytes] | None = None,
) -> bytes:
    """A shared library of 64 bits with a table of sections; those of `debug` are not loaded."""
    sections = [(".text", 1, text), (".rodata", 1, data), (".comment", 1, comment)]
    sections += [(name, 1, content) for name, content in (debug or {}).items()]
    if build_id is not None:
        note = struct.pack("<III4s", 4, len(build_id), 3, b"GNU\0") + build_id
        sections.append((".note.gnu.build-id", 7, note))
    names = b"\0" + b"".join(name.encode() + b"\0" for name, *_ in sections) + b".shstrtab\0"
    sections.append((".shstrtab", 3, names))
    body, table, at = b"", [bytes(64)], 64
    for name, kind, content in sections:
        place = names.index(name.encode() + b"\0")
        flags = 0 if debug and name in debug else 2
        table.append(
            struct.pack("<IIQQQQIIQQ", place, kind, flags, 0, at, len(content), 0, 0, 1, 0)
        )
        body += content + bytes(-len(content) % 8)
        at = 64 + len(body)
    head = b"\x7fELF\2\1\1" + bytes(9)
    head += struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 0, at, 0, 64, 0, 0, 64, len(table),
                        len(table) - 1)  # fmt: skip
    return head + body + b"".join(table)


def macho(
    code: bytes = b"\x90\xc3",
    uuid: bytes = b"\1" * 16,
    signature: bytes = b"signed",
    sdk: int = 1,
    *,
    platform: int = 1,
    least: int = 11,
    tool: int = 1,
    source: int | None = None,
    library: tuple[bytes, int] | None = None,
    rpath: bytes = b"",
    objects: tuple[tuple[bytes, int], ...] = (),
) -> bytes:
    """A program of 64 bits for x86: what is given last is left out where it is not given.

    `library` is a path and a time; `objects` are paths and times of object files (N_OSO).
    """
    commands = [
        struct.pack("<II16s", 0x1B, 24, uuid),
        struct.pack("<IIIIIIII", 0x32, 32, platform, least << 16, sdk << 16, 1, 3, tool << 16),
    ]
    if source is not None:
        commands.append(struct.pack("<IIQ", 0x2A, 16, source << 40))
    if library is not None:
        commands.append(_command(0x0D, struct.pack("<IIII", 24, library[1], 1, 1) + library[0]))
    if rpath:
        commands.append(_command(0x8000001C, struct.pack("<I", 12) + rpath))
    size = sum(map(len, commands)) + 152 + 16 + (24 if objects else 0)
    start = 32 + size
    strings, symbols = b"\0", b""
    for path, time in objects:
        symbols += struct.pack("<IBBHQ", len(strings), 0x66, 0, 1, time)
        strings += path + b"\0"
    if objects:
        place = start + len(code)
        commands.append(struct.pack("<IIIIII", 2, 24, place, len(objects),
                                    place + len(symbols), len(strings)))  # fmt: skip
    else:
        strings = b""
    behind = symbols + strings
    end = start + len(code) + len(behind)
    segment = struct.pack("<II16sQQQQiiII", 0x19, 152, b"__TEXT", 0, end, 0, end, 5, 5, 1, 0)
    segment += struct.pack("<16s16sQQIIIIIIII", b"__text", b"__TEXT", start, len(code), start, 4,
                           0, 0, 0x80000400, 0, 0, 0)  # fmt: skip
    commands += [segment, struct.pack("<IIII", 0x1D, 16, end, len(signature))]
    head = struct.pack("<IIIIIIII", 0xFEEDFACF, 0x01000007, 3, 2, len(commands), size, 0, 0)
    return head + b"".join(commands) + code + behind + signature


def _command(number: int, content: bytes) -> bytes:
    content += b"\0" * (1 + -(len(content) + 1) % 8)
    return struct.pack("<II", number, 8 + len(content)) + content


def fat(*programs: bytes) -> bytes:
    """A file of several architectures: x86 first, then ARM."""
    kinds = [(0x01000007, 3), (0x0100000C, 0)][: len(programs)]
    at, table, body = 64, b"", b""
    for kind, program in zip(kinds, programs, strict=True):
        table += struct.pack(">5I", *kind, at + len(body), len(program), 3)
        body += program + bytes(-len(program) % 8)
    return (struct.pack(">4sI", b"\xca\xfe\xba\xbe", len(programs)) + table).ljust(at, b"\0") + body


def coff(
    time: int = 1,
    code: bytes = b"\x90\xc3",
    source: bytes = b"C:\\bld\\a.cpp\0",
    *,
    repeats: bool = False,
    checksum: int | None = None,
    length: int | None = None,
) -> bytes:
    """An object file of Windows with its source in its debug data.

    With `repeats` there are symbols of its sections, which repeat size and checksum of each; a
    `checksum` or `length` of the debug data that is given is written instead.
    """
    start = 20 + 2 * 40
    sections = struct.pack("<8sIIIIIIHHI", b".text", 0, 0, len(code), start, 0, 0, 0, 0, 0x60000020)
    sections += struct.pack("<8sIIIIIIHHI", b".debug$S", 0, 0, len(source), start + len(code), 0, 0,
                            0, 0, 0x42100040)  # fmt: skip
    symbols = start + len(code) + len(source)
    table = struct.pack("<8sIhHBB", b"f", 0, 1, 0x20, 2, 0)
    if repeats:
        told = (b".text", code, None, None), (b".debug$S", source, length, checksum)
        for number, (name, content, size, crc) in enumerate(told, 1):
            size = len(content) if size is None else size
            crc = zlib.crc32(content, 0xFFFFFFFF) ^ 0xFFFFFFFF if crc is None else crc
            table += struct.pack("<8sIhHBB", name, 0, number, 0, 3, 1)
            table += struct.pack("<IHHIHBxxx", size, 0, 0, crc, number, 0)
    head = struct.pack("<HHIIIHH", 0x8664, 2, time, symbols, len(table) // 18, 0, 0)
    return head + sections + code + source + table + struct.pack("<I", 4)


def macho_object(
    text: bytes = b"some data\0", padding: int | bytes = 8, symbols: bytes = b"\0_f\0"
) -> bytes:
    """An object file of macOS: a section of data, zeros up to a multiple, its relocations."""
    size = 152 + 24
    start = 32 + size
    filled = bytes(-len(text) % padding) if isinstance(padding, int) else padding
    relocations = start + len(text) + len(filled)
    table = relocations + 8
    segment = struct.pack("<II16sQQQQiiII", 0x19, 152, b"", 0, len(text), start, len(text), 7, 7, 1,
                          0)  # fmt: skip
    segment += struct.pack("<16s16sQQIIIIIIII", b"__data", b"__DATA", 0, len(text), start, 0,
                           relocations, 1, 0, 0, 0, 0)  # fmt: skip
    symtab = struct.pack("<IIIIII", 2, 24, table, 1, table + 16, len(symbols))
    head = struct.pack("<IIIIIIII", 0xFEEDFACF, 0x01000007, 3, 1, 2, size, 0, 0)
    body = text + filled + struct.pack("<II", 0, 0x0E000000)
    return head + segment + symtab + body + struct.pack("<IBBHQ", 1, 0x0F, 1, 0, 0) + symbols


def imported(time: int = 1, name: bytes = b"f") -> bytes:
    """A member of an import library of Windows."""
    content = name + b"\0a.dll\0"
    return struct.pack("<HHHHIIHH", 0, 0xFFFF, 0, 0x8664, time, len(content), 0, 4) + content


def pe(
    code: bytes = b"\x90\xc3", time: int = 1, checksum: int = 0, guid: bytes = b"\1" * 16,
    pdb: bytes = b"a.pdb", linker: tuple[int, int] = (14, 0), rich: int | None = None,
    tables: int | None = None,
) -> bytes:  # fmt: skip
    """A library of 64 bits with one section, in which its debug directory is.

    `tables` is the time in those of exports and of resources, of which there are two levels.
    """
    codeview = b"RSDS" + guid + struct.pack("<I", 1) + pdb + b"\0"
    debug = struct.pack("<IIHHIIII", 0, time, 0, 0, 2, len(codeview), 0x1000 + 28, 0x200 + 28)
    content = (debug + codeview + code).ljust(0x100, b"\0")
    exports, resources = len(content), len(content) + 40
    if tables is not None:
        content += struct.pack("<II", 0, tables) + bytes(32)
        content += struct.pack("<IIIHHII", 0, tables, 0, 0, 1, 16, 0x80000000 | 24)
        content += struct.pack("<IIIHH", 0, tables, 0, 0, 0)
    content = content.ljust(0x200, b"\0")
    tools = b""
    if rich is not None:
        noted = b"DanS" + bytes(12) + struct.pack("<II", rich, 1)
        tools = bytes(byte ^ 0x11 for byte in noted) + b"Rich" + b"\x11" * 4
    head = b"MZ" + bytes(58) + struct.pack("<I", 64 + len(tools)) + tools
    head += b"PE\0\0" + struct.pack("<HHIIIHH", 0x8664, 1, time, 0, 0, 240, 0x2022)
    head += struct.pack("<HBBIIIII", 0x20B, *linker, 0x200, 0, 0, 0, 0x1000)
    head += struct.pack("<QIIHHHHHHIIIIHHQQQQII", 1 << 32, 0x1000, 0x200, 6, 0, 0, 0, 6, 0, 0,
                        0x2000, 0x200, checksum, 3, 0, 1 << 20, 4096, 1 << 20, 4096, 0,
                        16)  # fmt: skip
    directories = [(0, 0)] * 16
    directories[6] = (0x1000, 28)
    if tables is not None:
        directories[0], directories[2] = (0x1000 + exports, 40), (0x1000 + resources, 40)
    head += b"".join(struct.pack("<II", *each) for each in directories)
    head += struct.pack("<8sIIIIIIHHI", b".text", 0x200, 0x1000, 0x200, 0x200, 0, 0, 0, 0,
                        0x60000020)  # fmt: skip
    return head.ljust(0x200, b"\0") + content
