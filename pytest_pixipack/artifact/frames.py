"""Zstandard frames whose bytes depend on no library's version.

Only raw and run-length blocks are used (RFC 8878, section 3.1.1.2), which is all that packages
full of small texts need, and any decoder reads them.
"""

from __future__ import annotations

import re
import struct

from pytest_pixipack.errors import InvalidInput

_MAGIC = 0xFD2FB528
_SINGLE_SEGMENT = 0xA0  # with a content size of four bytes
_BLOCK = 65536
_SHORTEST_RUN = 12
_RUNS = re.compile(rb"(.)\1{%d,%d}" % (_SHORTEST_RUN - 1, _BLOCK - 1), re.DOTALL)
_RAW, _RLE = 0, 1


def zstd_frame(data: bytes) -> bytes:
    """One frame that holds `data` (less than 4 GiB, else `InvalidInput`)."""
    if len(data) >= 1 << 32:
        raise InvalidInput("A stub package cannot hold 4 GiB or more.")
    blocks = list(_blocks(data)) or [(_RAW, 0, b"")]
    parts = [struct.pack("<IBI", _MAGIC, _SINGLE_SEGMENT, len(data))]
    for number, (kind, size, payload) in enumerate(blocks, 1):
        last = int(number == len(blocks))
        parts += [struct.pack("<I", last | kind << 1 | size << 3)[:3], payload]
    return b"".join(parts)


def _blocks(data: bytes) -> list[tuple[int, int, bytes]]:
    blocks: list[tuple[int, int, bytes]] = []
    position = 0
    for run in _RUNS.finditer(data):
        blocks += _raw_blocks(data[position : run.start()])
        blocks.append((_RLE, len(run[0]), run[1]))
        position = run.end()
    return blocks + _raw_blocks(data[position:])


def _raw_blocks(data: bytes) -> list[tuple[int, int, bytes]]:
    blocks = []
    position = 0
    while position < len(data):
        end = position + _BLOCK
        if end < len(data):
            # Never within equal bytes: they would have been put into the block together.
            while data[end] == data[end - 1]:
                end -= 1
        block = data[position:end]
        blocks.append((_RAW, len(block), block))
        position += len(block)
    return blocks
