"""Writing `.conda` and `.tar.bz2` packages whose bytes depend on their content alone.

Imports nothing heavy: the stub backend's executable starts with it. The formats are those of
conda-package-handling (`.conda` is a zip of two zstandard-compressed tars; in `.tar.bz2` the info
directory comes first).
"""

from __future__ import annotations

import hashlib
import io
import json
import posixpath
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pytest_pixipack.artifact.frames import zstd_frame
from pytest_pixipack.artifact.safety import check_links, check_tree, refuse, safe_name
from pytest_pixipack.errors import Infrastructure, InvalidInput
from pytest_pixipack.whole_files import write_file

EPOCH = 1_700_000_000  # seconds: the time of every member
_FORMAT = b'{"conda_pkg_format_version": 2}'


@dataclass(frozen=True, slots=True)
class Member:
    """One file to put into a package.

    `path` is relative to the prefix, with `/`. With `link_target` it is a symbolic link and has no
    content. `placeholder` is the prefix in the content that an installer replaces. `mode` overrides
    what follows from `executable` (0755 or 0644).
    """

    path: str
    content: bytes = b""
    executable: bool = False
    link_target: str | None = None
    placeholder: str | None = None
    placeholder_mode: Literal["text", "binary"] | None = None
    mode: int | None = None


def write_artifact(
    path: Path,
    index: Mapping[str, Any],
    members: Iterable[Member],
    *,
    run_exports: Mapping[str, Sequence[str]] | None = None,
    about: Mapping[str, Any] | None = None,
    extra_info: Mapping[str, bytes] | None = None,
) -> None:
    """Writes a package; the suffix of `path` (`.conda` or `.tar.bz2`) decides on the format.

    `index` becomes `info/index.json` with its keys in the given order; `extra_info` maps names
    below `info/` to content. Members are sorted by path. The file appears in one step or not at
    all. Raises `InvalidInput` for unsafe, duplicate or contradictory members and for another
    suffix, `Infrastructure` where the file cannot be written.
    """
    payload = sorted(members, key=lambda member: member.path)
    _check(payload, path)
    info = [
        Member(f"info/{name}", content)
        for name, content in _info(index, payload, run_exports, about, extra_info or {}).items()
    ]
    if path.name.endswith(".conda"):
        data = _conda(path.name[: -len(".conda")], payload, info)
    elif path.name.endswith(".tar.bz2"):
        import bz2

        data = bz2.compress(_tar(info + payload), 9)
    else:
        raise InvalidInput(
            "The name of a package ends in `.conda` or in `.tar.bz2`.", file=str(path)
        )
    _write(path, data)


def _check(payload: Sequence[Member], path: Path) -> None:
    kinds: dict[str, str] = {}
    for member in payload:
        if safe_name(member.path, path) != member.path:
            refuse(path, member.path, "has a path that is not in its plain form")
        if member.path in kinds:
            refuse(path, member.path, "occurs twice")
        if member.path.partition("/")[0] == "info":
            refuse(path, member.path, "lies in `info/`, which is not for files of the prefix")
        kinds[member.path] = "file" if member.link_target is None else "link"
    check_tree(kinds, path)
    links = {m.path: m.link_target for m in payload if m.link_target is not None}
    check_links(links, path)


def _info(
    index: Mapping[str, Any],
    payload: Sequence[Member],
    run_exports: Mapping[str, Sequence[str]] | None,
    about: Mapping[str, Any] | None,
    extra: Mapping[str, bytes],
) -> dict[str, bytes]:
    files = {
        "index.json": _json(index),
        "paths.json": _json({"paths": path_entries(payload), "paths_version": 1}),
    }
    if run_exports:
        files["run_exports.json"] = _json({kind: list(run_exports[kind]) for kind in run_exports})
    if about is not None:
        files["about.json"] = _json(about)
    return {**files, **{name: extra[name] for name in sorted(extra)}}


def path_entries(payload: Iterable[Member]) -> list[dict[str, Any]]:
    """The entries of `paths.json`; a link has the digest and size of the file it leads to."""
    members = {member.path: member for member in payload}
    entries = []
    for name, member in sorted(members.items()):
        content = _followed(member, members)
        entry: dict[str, Any] = {
            "_path": name,
            "path_type": "hardlink" if member.link_target is None else "softlink",
            "sha256": hashlib.sha256(content).hexdigest(),
            "size_in_bytes": len(content),
        }
        if member.placeholder is not None and member.link_target is None:
            entry["file_mode"] = member.placeholder_mode or "text"
            entry["prefix_placeholder"] = member.placeholder
        entries.append(entry)
    return entries


def _followed(member: Member, members: Mapping[str, Member]) -> bytes:
    found: Member | None = member
    for _ in range(40):  # as many links as Linux follows
        if found is None or found.link_target is None:
            return found.content if found else b""
        folder = posixpath.dirname(found.path)
        found = members.get(posixpath.normpath(posixpath.join(folder, found.link_target)))
    return b""


def _conda(stem: str, payload: Sequence[Member], info: Sequence[Member]) -> bytes:
    import zipfile

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, data in (
            ("metadata.json", _FORMAT),
            (f"pkg-{stem}.tar.zst", zstd_frame(_tar(payload))),
            (f"info-{stem}.tar.zst", zstd_frame(_tar(info))),
        ):
            entry = zipfile.ZipInfo(name)  # dated 1980-01-01
            entry.create_system = 3  # Unix; zipfile would say where it runs
            archive.writestr(entry, data)
    return buffer.getvalue()


def _tar(members: Iterable[Member]) -> bytes:
    import tarfile

    buffer = io.BytesIO()
    with tarfile.open(
        fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT, encoding="utf-8"
    ) as archive:
        for member in members:
            info = tarfile.TarInfo(member.path)
            info.mtime = EPOCH
            if member.link_target is not None:
                info.type, info.linkname, info.mode = tarfile.SYMTYPE, member.link_target, 0o777
                archive.addfile(info)
                continue
            info.size = len(member.content)
            info.mode = member.mode or (0o755 if member.executable else 0o644)
            archive.addfile(info, io.BytesIO(member.content))
        end = archive.offset
    # Without the padding to a record of 10,240 bytes.
    return buffer.getvalue()[:end] + bytes(1024)


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=2, ensure_ascii=False).encode()


def _write(path: Path, data: bytes) -> None:
    try:
        write_file(path, data)
    except OSError as error:
        raise Infrastructure(
            f"The package cannot be written: {error.strerror or error}.", file=path
        ) from None
