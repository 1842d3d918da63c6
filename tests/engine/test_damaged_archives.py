"""An archive of sources that is damaged, anywhere, is a sentence."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from pytest_pixipack.engine.archives import ArchiveCache
from pytest_pixipack.errors import InvalidInput

TEXT = os.urandom(40).hex() + "a" * 400


def plain_tar() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name in ("top/pixi.toml", "top/a"):
            member = tarfile.TarInfo(name)
            member.size = len(TEXT)
            archive.addfile(member, io.BytesIO(TEXT.encode()))
    return buffer.getvalue()


def zip_with(method: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr("top/pixi.toml", TEXT)
    return buffer.getvalue()


ARCHIVES: dict[str, tuple[str, Callable[[], bytes]]] = {
    "tar": ("a.tar", plain_tar),
    "gzip": ("a.tar.gz", lambda: gzip.compress(plain_tar(), mtime=0)),
    "bzip2": ("a.tar.bz2", lambda: bz2.compress(plain_tar())),
    "xz": ("a.tar.xz", lambda: lzma.compress(plain_tar())),
    "lzma": ("a.tar.lzma", lambda: lzma.compress(plain_tar(), format=lzma.FORMAT_ALONE)),
    "zstd": ("a.tar.zst", lambda: zstandard.compress(plain_tar())),
    "zip, stored": ("a.zip", lambda: zip_with(zipfile.ZIP_STORED)),
    "zip, deflated": ("a.zip", lambda: zip_with(zipfile.ZIP_DEFLATED)),
    "zip, bzip2": ("a.zip", lambda: zip_with(zipfile.ZIP_BZIP2)),
    "zip, lzma": ("a.zip", lambda: zip_with(zipfile.ZIP_LZMA)),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", list(ARCHIVES))
def test_damage_anywhere_is_a_sentence(kind: str, tmp_path: Path) -> None:
    name, make = ARCHIVES[kind]
    file, whole, refused = tmp_path / name, make(), []
    cache = ArchiveCache(tmp_path / "cache", network=False)
    for place in range(0, len(whole), 1 + len(whole) // 40):
        other = bytes([whole[place] ^ 0x55])
        for damaged in (whole[:place] + other + whole[place + 1 :], whole[:place]):
            file.write_bytes(damaged)
            try:
                cache.pin(f"{file.as_uri()}?{place}", None, None)
            except InvalidInput as error:
                refused.append(str(error))
    assert len(refused) > 2
    assert [text for text in refused if name not in text] == []
