"""`.conda` files taken apart and put together again with something changed."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

import zstandard

Members = list[tuple[tarfile.TarInfo, bytes]]


def changed(
    path: Path,
    *,
    info: Callable[[Members], Members] | None = None,
    payload: Callable[[Members], Members] | None = None,
    packed: bytes | None = None,
) -> bytes:
    """The file with other members in one of its two parts, or `packed` in the place of one."""
    stem = path.name.removesuffix(".conda")
    with zipfile.ZipFile(path) as archive:
        parts = {part: archive.read(f"{part}-{stem}.tar.zst") for part in ("info", "pkg")}
    for part, edit in (("info", info), ("pkg", payload)):
        if edit is not None:
            members = edit(_members(_unpacked(parts[part])))
            parts[part] = zstandard.ZstdCompressor().compress(_tar(members))
    if packed is not None:
        parts["pkg"] = packed
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("metadata.json", '{"conda_pkg_format_version": 2}')
        for part, data in parts.items():
            archive.writestr(f"{part}-{stem}.tar.zst", data)
    return buffer.getvalue()


def with_file(name: str, content: bytes) -> Callable[[Members], Members]:
    """Puts a file in the place of one of its name, or behind the others."""

    def edit(members: Members) -> Members:
        info = tarfile.TarInfo(name)
        info.size = len(content)
        return [*(each for each in members if each[0].name != name), (info, content)]

    return edit


def with_special(
    name: str, kind: bytes = tarfile.REGTYPE, target: str = "", mode: int = 0o644
) -> Callable[[Members], Members]:
    """Adds a link, a device, or an empty file with another mode."""

    def edit(members: Members) -> Members:
        info = tarfile.TarInfo(name)
        info.type, info.linkname, info.mode = kind, target, mode
        return [*members, (info, b"")]

    return edit


def without(name: str) -> Callable[[Members], Members]:
    return lambda members: [each for each in members if each[0].name != name]


def _unpacked(data: bytes) -> bytes:
    return zstandard.ZstdDecompressor().decompressobj().decompress(data)


def _members(data: bytes) -> Members:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        found: Members = []
        for member in archive:
            content = archive.extractfile(member) if member.isreg() else None
            found.append((member, content.read() if content is not None else b""))
        return found


def _tar(members: Iterable[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()
