"""Packs that nobody should unpack: each is a good one but for one thing."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import tarfile
import warnings
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zstandard

from tests import tars
from tests.tars import END
from tests.wheels import make_wheel
from tests.zips import Part

METADATA = json.dumps({"version": "1", "pixi-pack-version": "0.7.10", "platform": "linux-64"})
INDEX = {"name": "a", "version": "1", "build": "0", "build_number": 0, "depends": [],
         "subdir": "linux-64"}  # fmt: skip
PYTHON = {**INDEX, "name": "python", "version": "3.12.1"}
PATH = {"_path": "bin/a", "path_type": "hardlink", "size_in_bytes": 1,
         "sha256": hashlib.sha256(b"x").hexdigest()}  # fmt: skip


@dataclass(frozen=True)
class Hostile:
    """How to make one in a directory, and what the refusal has to say."""

    name: str
    make: Callable[[Path], Path]
    said: str

    @property
    def takes_long(self) -> bool:
        """Whether much has to be unpacked until it is too much."""
        return "bomb" in self.name


Entry = tuple[str, bytes] | tarfile.TarInfo


def special(name: str, kind: bytes, target: str = "", mode: int = 0o644) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, target, mode
    return info


def sized(name: str, size: int) -> tarfile.TarInfo:
    """A header that promises more than there is."""
    info = tarfile.TarInfo(name)
    info.size = size
    return info


def tar(entries: Iterable[Entry], form: int = tarfile.GNU_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for entry in entries:
            if isinstance(entry, tarfile.TarInfo):
                # Newer Pythons refuse to add a header alone.
                header = entry.tobuf(archive.format, archive.encoding, archive.errors)
                archive.offset += buffer.write(header)
                continue
            info = tarfile.TarInfo(entry[0])
            info.size = len(entry[1])
            archive.addfile(info, io.BytesIO(entry[1]))
    return buffer.getvalue()


def stem(index: Mapping[str, Any]) -> str:
    return f"{index['name']}-{index['version']}-{index['build']}"


def pack_bytes(
    *more: Entry,
    package: bytes | None = None,
    wheel: Path | None = None,
    record: Mapping[str, Any] = INDEX,
    packages: Mapping[str, tuple[Mapping[str, Any], bytes]] | None = None,
) -> bytes:
    """A pack; with a `.conda` file where `package` is given, or with several."""
    found = dict(packages or {})
    if package is not None:
        found[f"{stem(record)}.conda"] = (record, package)
    records = {name: each for name, (each, _) in found.items()}
    repodata = {"info": {"subdir": "linux-64"}, "packages": {}, "packages.conda": records}
    entries: list[Entry] = [("pixi-pack.json", METADATA.encode())]
    entries.append(("channel/linux-64/repodata.json", json.dumps(repodata).encode()))
    entries += [(f"channel/linux-64/{name}", content) for name, (_, content) in found.items()]
    if wheel is not None:
        entries.append((f"pypi/{wheel.name}", wheel.read_bytes()))
    return tar([*entries, *more])


def conda(
    payload: Iterable[Entry] = (("bin/a", b"x"),),
    *,
    packed: bytes | None = None,
    extra: Callable[[zipfile.ZipFile], None] | None = None,
    index: Mapping[str, Any] = INDEX,
    info: Mapping[str, bytes] | None = None,
    paths: Iterable[Mapping[str, Any]] = (PATH,),
) -> bytes:
    """A `.conda` file; `packed` is the compressed payload where that itself is hostile.

    `info` are more files of its info directory, or others in their place.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for part in parts(payload, packed, index, info or {}, paths):
            archive.writestr(part.name.decode(), part.content)
        if extra is not None:
            extra(archive)
    return buffer.getvalue()


def parts(
    payload: Iterable[Entry] = (("bin/a", b"x"),),
    packed: bytes | None = None,
    index: Mapping[str, Any] = INDEX,
    info: Mapping[str, bytes] | None = None,
    paths: Iterable[Mapping[str, Any]] = (PATH,),
) -> list[Part]:
    files = {
        "index.json": json.dumps(index).encode(),
        "paths.json": json.dumps({"paths_version": 1, "paths": list(paths)}).encode(),
        **(info or {}),
    }
    name = stem(index)
    about = tar((f"info/{each}", content) for each, content in files.items())
    return [
        Part(b"metadata.json", b'{"conda_pkg_format_version": 2}'),
        Part(f"info-{name}.tar.zst".encode(), zstd(about)),
        Part(f"pkg-{name}.tar.zst".encode(), packed or zstd(tar(payload))),
    ]


def whole(name: str, said: str, *members: Entry) -> Hostile:
    """A pack with more members."""
    return Hostile(name, lambda place: written(place, pack_bytes(*members)), said)


def inside(name: str, said: str, content: Callable[[], bytes]) -> Hostile:
    """A pack whose one package is hostile."""
    return Hostile(name, lambda place: written(place, pack_bytes(package=content())), said)


def payload(name: str, said: str, *members: Entry) -> Hostile:
    """A pack whose one package has hostile members."""
    return inside(f"package: {name}", said, lambda: conda(members))


def zipped(name: str, said: str, alter: Callable[[list[Part]], bytes]) -> Hostile:
    """A pack whose one package is a zip that can be read in two ways."""
    return inside(f"package: zip: {name}", said, lambda: alter(parts()))


def tarred(name: str, said: str, *blocks: bytes) -> list[Hostile]:
    """A pack, and one whose package has such headers behind its first member."""
    raw_tar = b"".join(blocks) + END
    good = tar([("bin/a", b"x")]).rstrip(b"\0")
    payload_tar = tars.padded(good) + raw_tar
    compressed = zstd(payload_tar)
    start = tars.padded(GOOD.rstrip(b"\0"))
    return [
        raw(f"tar: {name}", said, lambda: start + raw_tar),
        inside(f"package: tar: {name}", said, lambda: conda(packed=compressed)),
    ]


def several(name: str, said: str, *packages: tuple[Mapping[str, Any], bytes]) -> Hostile:
    """A pack of packages, given with their records."""

    def make(place: Path) -> Path:
        found = {f"{stem(record)}.conda": (record, content) for record, content in packages}
        return written(place, pack_bytes(packages=found))

    return Hostile(name, make, said)


def raw(name: str, said: str, content: Callable[[], bytes]) -> Hostile:
    """A file that is no pack at all, or a broken one."""
    return Hostile(name, lambda place: written(place, content()), said)


def wheel(name: str, said: str, alter: Callable[[Path], None]) -> Hostile:
    """A pack whose one wheel is hostile; it has a Python, too."""

    def make(place: Path) -> Path:
        path = make_wheel(place / "wheels", "sail")
        alter(path)
        return written(place, pack_bytes(package=python_package(), wheel=path, record=PYTHON))

    return Hostile(f"wheel: {name}", make, said)


def python_package() -> bytes:
    return conda([("bin/python", b"x")], index=PYTHON, paths=[{**PATH, "_path": "bin/python"}])


def written(place: Path, content: bytes) -> Path:
    path = place / "environment.tar"
    path.write_bytes(content)
    return path


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(data)


def cut(content: bytes, count: int) -> Callable[[], bytes]:
    return lambda: content[:count]


def zeros(size: int) -> bytes:
    """Much from little, made without holding it: zstd stores runs. `size` is in MiB."""
    info = tarfile.TarInfo("zeros")
    info.size = size << 20
    stream = zstandard.ZstdCompressor(level=1).compressobj()
    pieces = [stream.compress(info.tobuf(tarfile.GNU_FORMAT))]
    pieces += [stream.compress(bytes(1 << 20)) for _ in range(size)]
    return b"".join([*pieces, stream.compress(bytes(1024)), stream.flush()])


def lying_frame() -> bytes:
    """A frame whose header says 2**60 bytes."""
    header = bytes.fromhex("28b52ffd") + bytes([0b11100000]) + (1 << 60).to_bytes(8, "little")
    return header + bytes([1, 0, 0])


def huge_window() -> bytes:
    """A frame that wants a window of 2**41 bytes."""
    return bytes.fromhex("28b52ffd") + bytes([0, 31 << 3]) + bytes([1, 0, 0])


def overlapping() -> bytes:
    content = conda()
    # The entry of the payload points at that of the information, which then serves twice.
    first = content.index(b"PK\x01\x02")
    offsets = []
    at = first
    while content[at : at + 4] == b"PK\x01\x02":
        offsets.append(at)
        name, more, comment = (
            int.from_bytes(content[at + k : at + k + 2], "little") for k in (28, 30, 32)
        )
        at += 46 + name + more + comment
    altered = bytearray(content)
    altered[offsets[2] + 42 : offsets[2] + 46] = content[offsets[1] + 42 : offsets[1] + 46]
    return bytes(altered)


def script(
    header: str, archive: bytes, end: str = "@@END_ARCHIVE@@", program: bytes = b"AAAA"
) -> bytes:
    return f"#!/bin/sh\n{header}\n".encode() + archive + f"\n{end}\n".encode() + program


def add_member(path: Path, name: str, content: bytes = b"x", mode: int = 0) -> None:
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        info = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
        info.external_attr, info.compress_type = mode << 16, zipfile.ZIP_DEFLATED
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a name may be there twice
            archive.writestr(info, content)


def sparse_pack() -> bytes:
    info = tarfile.TarInfo("huge")
    info.pax_headers = {
        "GNU.sparse.major": "1",
        "GNU.sparse.minor": "0",
        "GNU.sparse.name": "huge",
        "GNU.sparse.realsize": str(1 << 40),
    }
    info.size = 512
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        metadata = tarfile.TarInfo("pixi-pack.json")
        metadata.size = len(METADATA)
        archive.addfile(metadata, io.BytesIO(METADATA.encode()))
        archive.addfile(info, io.BytesIO(b"0\n".ljust(512, b"\0")))
    return buffer.getvalue()


def deep_pack() -> bytes:
    return tar([("pixi-pack.json", b"[" * 1_000_000)])


GOOD = pack_bytes(package=conda())
GOOD_SCRIPT = script("@@END_HEADER@@", base64.b64encode(GOOD))
