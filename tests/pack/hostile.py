"""Packs that nobody should unpack: each is a good one but for one thing."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import tarfile
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import zstandard

from tests.wheels import make_wheel

METADATA = json.dumps({"version": "1", "pixi-pack-version": "0.7.10", "platform": "linux-64"})
INDEX = {"name": "a", "version": "1", "build": "0", "build_number": 0, "depends": [],
         "subdir": "linux-64"}  # fmt: skip
STEM = "a-1-0"
_PATH = {"_path": "bin/a", "path_type": "hardlink", "size_in_bytes": 1,
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
                archive.addfile(entry)
                continue
            info = tarfile.TarInfo(entry[0])
            info.size = len(entry[1])
            archive.addfile(info, io.BytesIO(entry[1]))
    return buffer.getvalue()


def pack_bytes(*more: Entry, package: bytes | None = None, wheel: Path | None = None) -> bytes:
    """A pack; with a `.conda` file where `package` is given."""
    records = {f"{STEM}.conda": INDEX} if package is not None else {}
    repodata = {"info": {"subdir": "linux-64"}, "packages": {}, "packages.conda": records}
    entries: list[Entry] = [("pixi-pack.json", METADATA.encode())]
    entries.append(("channel/linux-64/repodata.json", json.dumps(repodata).encode()))
    if package is not None:
        entries.append((f"channel/linux-64/{STEM}.conda", package))
    if wheel is not None:
        entries.append((f"pypi/{wheel.name}", wheel.read_bytes()))
    return tar([*entries, *more])


def conda(
    payload: Iterable[Entry] = (("bin/a", b"x"),),
    *,
    packed: bytes | None = None,
    extra: Callable[[zipfile.ZipFile], None] | None = None,
) -> bytes:
    """A `.conda` file; `packed` is the compressed payload where that itself is hostile."""
    compress = zstandard.ZstdCompressor().compress
    paths = {"paths_version": 1, "paths": [_PATH]}
    info = tar(
        [
            ("info/index.json", json.dumps(INDEX).encode()),
            ("info/paths.json", json.dumps(paths).encode()),
        ]
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("metadata.json", '{"conda_pkg_format_version": 2}')
        archive.writestr(f"info-{STEM}.tar.zst", compress(info))
        archive.writestr(f"pkg-{STEM}.tar.zst", packed or compress(tar(payload)))
        if extra is not None:
            extra(archive)
    return buffer.getvalue()


def whole(name: str, said: str, *members: Entry) -> Hostile:
    """A pack with more members."""
    return Hostile(name, lambda place: _written(place, pack_bytes(*members)), said)


def inside(name: str, said: str, content: Callable[[], bytes]) -> Hostile:
    """A pack whose one package is hostile."""
    return Hostile(name, lambda place: _written(place, pack_bytes(package=content())), said)


def payload(name: str, said: str, *members: Entry) -> Hostile:
    """A pack whose one package has hostile members."""
    return inside(f"package: {name}", said, lambda: conda(members))


def raw(name: str, said: str, content: Callable[[], bytes]) -> Hostile:
    """A file that is no pack at all, or a broken one."""
    return Hostile(name, lambda place: _written(place, content()), said)


def wheel(name: str, said: str, alter: Callable[[Path], None]) -> Hostile:
    """A pack whose one wheel is hostile; it has a Python, too."""

    def make(place: Path) -> Path:
        path = make_wheel(place / "wheels", "sail")
        alter(path)
        return _written(place, pack_bytes(package=_python(), wheel=path))

    return Hostile(f"wheel: {name}", make, said)


def _python() -> bytes:
    return conda()


def _written(place: Path, content: bytes) -> Path:
    path = place / "environment.tar"
    path.write_bytes(content)
    return path


def _cut(content: bytes, count: int) -> Callable[[], bytes]:
    return lambda: content[:count]


def _zeros(size: int) -> bytes:
    """Much from little, made without holding it: zstd stores runs. `size` is in MiB."""
    info = tarfile.TarInfo("zeros")
    info.size = size << 20
    stream = zstandard.ZstdCompressor(level=1).compressobj()
    pieces = [stream.compress(info.tobuf(tarfile.GNU_FORMAT))]
    pieces += [stream.compress(bytes(1 << 20)) for _ in range(size)]
    return b"".join([*pieces, stream.compress(bytes(1024)), stream.flush()])


def _lying_frame() -> bytes:
    """A frame whose header says 2**60 bytes."""
    header = bytes.fromhex("28b52ffd") + bytes([0b11100000]) + (1 << 60).to_bytes(8, "little")
    return header + bytes([1, 0, 0])


def _huge_window() -> bytes:
    """A frame that wants a window of 2**41 bytes."""
    return bytes.fromhex("28b52ffd") + bytes([0, 31 << 3]) + bytes([1, 0, 0])


def _overlapping() -> bytes:
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


def _script(header: str, archive: bytes, end: str = "@@END_ARCHIVE@@") -> bytes:
    return f"#!/bin/sh\n{header}\n".encode() + archive + f"\n{end}\nAAAA".encode()


def _member(path: Path, name: str, content: bytes = b"x", mode: int = 0) -> None:
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        info = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
        info.external_attr, info.compress_type = mode << 16, zipfile.ZIP_DEFLATED
        archive.writestr(info, content)


def _sparse() -> bytes:
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


def _deep() -> bytes:
    return tar([("pixi-pack.json", b"[" * 1_000_000)])


GOOD = pack_bytes(package=conda())
NAMES = {
    "../evil": "leaves its directory",
    "a/../../evil": "leaves its directory",
    "/etc/evil": "absolute path",
    "\\\\server\\evil": "backslash",
    "..\\evil": "backslash",
    "C:evil": "colon",
    "file.txt:stream": "colon",
    "channel/con": "device on Windows",
    "channel/LPT1.txt": "device on Windows",
    "channel/dot.": "ends in a dot",
    "channel/blank ": "ends in a dot or a blank",
    "channel/new\nline": "control character",
    "channel/what?": "Windows does not allow",
    "channel/" + "x" * 300: "longer than 255 bytes",
    "a//b": "empty part",
}

CORPUS = [
    *(whole(f"name {name[:20]!r}", said, (name, b"x")) for name, said in NAMES.items()),
    whole("link out", "symbolic link", special("l", tarfile.SYMTYPE, "../../etc")),
    whole("absolute link", "symbolic link", special("l", tarfile.SYMTYPE, "/etc/passwd")),
    whole("hard link", "hard link", special("l", tarfile.LNKTYPE, "/etc/passwd")),
    whole("character device", "device", special("d", tarfile.CHRTYPE)),
    whole("block device", "device", special("d", tarfile.BLKTYPE)),
    whole("named pipe", "device", special("p", tarfile.FIFOTYPE)),
    whole("unknown type", "unknown type", special("o", b"Z")),
    whole("duplicate", "occurs twice", ("x", b"1"), ("x", b"2")),
    whole("duplicate with a dot", "occurs twice", ("x", b"1"), ("./x", b"2")),
    whole("upper and lower case", "are one file", ("x/readme", b"1"), ("x/README", b"2")),
    whole("composed and not", "are one file", ("x/\u00e9", b"1"), ("x/e\u0301", b"2")),
    whole("file and directory", "a file and a directory", ("x", b"1"), ("x/y", b"2")),
    whole("setuid", "setuid", special("s", tarfile.REGTYPE, mode=0o4755)),
    whole("setgid", "setgid", special("s", tarfile.REGTYPE, mode=0o2755)),
    whole("promises a terabyte", "", sized("huge", 1 << 40)),
    raw("sparse member", "", _sparse),
    raw("empty", "", bytes),
    raw("no tar", "", lambda: b"not a pack" * 100),
    raw("cut in the first header", "", _cut(GOOD, 300)),
    raw("cut in a member", "", _cut(GOOD, 2700)),
    raw("metadata nested a million deep", "not JSON", _deep),
    raw("script without an archive", "", lambda: _script("@@END_HEADER@@", b"")),
    raw("script with odd base64", "", lambda: _script("@@END_HEADER@@", b"A===B")),
    raw("script with another tar", "", lambda: _script("@@END_HEADER@@", base64.b64encode(b"x"))),
    raw("script that was cut", "", lambda: _script("@@END_HEADER@@", base64.b64encode(GOOD)[:999])),
    raw(
        "script with a hostile tar",
        "leaves its directory",
        lambda: _script("@@END_HEADER@@", base64.b64encode(pack_bytes(("../x", b"")))),
    ),
    payload("parent", "`..`", ("../evil", b"x")),
    payload("absolute", "absolute", ("/etc/evil", b"x")),
    payload("drive", "drive", ("C:/evil", b"x")),
    payload("link out", "leads out", special("l", tarfile.SYMTYPE, "../../x")),
    payload("absolute link", "absolute", special("l", tarfile.SYMTYPE, "/etc")),
    payload(
        "through a link",
        "lies below",
        special("d", tarfile.SYMTYPE, "."),
        ("d/evil", b"x"),
    ),
    payload("link by way of another", "leads out",
            special("d", tarfile.SYMTYPE, "."), special("e", tarfile.SYMTYPE, "d/../x")),
    payload("hard link out", "`..`", special("h", tarfile.LNKTYPE, "../x")),
    payload("device", "device", special("d", tarfile.CHRTYPE)),
    payload("named pipe", "named pipe", special("p", tarfile.FIFOTYPE)),
    payload("setuid", "another user", special("s", tarfile.REGTYPE, mode=0o4755)),
    payload("duplicate", "twice", ("a", b"1"), ("a", b"2")),
    payload("promises a terabyte", "", sized("huge", 1 << 40)),
    inside("bomb", "unpacks to more than", lambda: conda(packed=_zeros(300))),
    inside("frame of 2**60 bytes", "", lambda: conda(packed=_lying_frame())),
    inside("window of 2**41 bytes", "", lambda: conda(packed=_huge_window())),
    inside("members over each other", "lies over another", _overlapping),
    inside("cut", "", _cut(conda(), 400)),
    inside("no zip", "not a valid zip", lambda: b"PK no zip"),
    inside(
        "member outside",
        "does not belong",
        lambda: conda(extra=lambda archive: archive.writestr("../evil", "x")),
    ),
    wheel("parent", "", lambda path: _member(path, "../evil")),
    wheel("link", "", lambda path: _member(path, "sail/l", mode=0o120777)),
    wheel("bomb", "", lambda path: _member(path, "sail/zeros", bytes(80 << 20))),
    wheel("cut", "", lambda path: path.write_bytes(path.read_bytes()[:100])),
]  # fmt: skip
