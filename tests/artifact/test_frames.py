"""Zstandard frames of raw and run-length blocks."""

from __future__ import annotations

import struct

import zstandard
from hypothesis import given
from hypothesis import strategies as st

from pytest_pixipack.artifact.frames import zstd_frame


def plain_frame(data: bytes) -> bytes:
    """The same, byte by byte: slow, but without anything clever."""
    blocks: list[tuple[int, int, bytes]] = []
    position = 0
    while position < len(data):
        run = 1
        while data[position + run : position + run + 1] == data[position : position + 1]:
            run += 1
            if run == 65536:
                break
        piece = data[position : position + run]
        if run >= 12:
            blocks.append((1, run, piece[:1]))
        elif blocks and blocks[-1][0] == 0 and blocks[-1][1] + run <= 65536:
            blocks[-1] = (0, blocks[-1][1] + run, blocks[-1][2] + piece)
        else:
            blocks.append((0, run, piece))
        position += run
    blocks = blocks or [(0, 0, b"")]
    frame = struct.pack("<IBI", 0xFD2FB528, 0xA0, len(data))
    for number, (kind, size, piece) in enumerate(blocks, 1):
        frame += struct.pack("<I", (number == len(blocks)) | kind << 1 | size << 3)[:3] + piece
    return frame


RUNS = st.lists(st.tuples(st.sampled_from(b"ab\0"), st.sampled_from([1, 2, 11, 12, 13, 40])))


@given(RUNS)
def test_any_decoder_gets_the_content_back(runs: list[tuple[int, int]]) -> None:
    data = b"".join(bytes([byte]) * count for byte, count in runs)
    assert zstandard.ZstdDecompressor().decompress(zstd_frame(data)) == data
    assert zstd_frame(data) == plain_frame(data)


def test_large_blocks_are_divided_without_dividing_runs() -> None:
    texts = [
        b"\0" * 65536 * 2 + b"\0" * 5 + b"abc",
        bytes(range(256)) * 600,
        b"ab" * 32765 + b"c" * 11 + b"ab" * 40000,
        b"abc" * 50000 + b"x" * 70000 + b"tail",
    ]
    for data in texts:
        assert zstandard.ZstdDecompressor().decompress(zstd_frame(data)) == data
        assert zstd_frame(data) == plain_frame(data)
