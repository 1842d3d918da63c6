"""Writes packs byte for byte as pixi-pack 0.7.10 does (its src/pack.rs)."""

from __future__ import annotations

import io
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from pytest_pixipack.errors import Infrastructure, InvalidInput
from pytest_pixipack.pack import tar_dialect
from pytest_pixipack.pack.model import (
    CHANNEL,
    ENVIRONMENT,
    FORMAT_VERSION,
    METADATA,
    REPODATA,
    TOOL_VERSION,
    WHEELS,
    PackedPackage,
    PackedWheel,
    PackForm,
)
from pytest_pixipack.pack.records import entry_order
from pytest_pixipack.pack.safety import refuse_unsafe
from pytest_pixipack.regular_files import open_regular
from pytest_pixipack.safe_names import quoted, unsafe_name

# Members of a pack: text that is made here, or a file that is copied.
_Content = bytes | Path
_Tree = dict[str, "_Tree | _Content"]


def write_pack(
    out: Path,
    platform: str,
    packages: Sequence[PackedPackage],
    wheels: Sequence[PackedWheel] = (),
    *,
    tool_version: str = TOOL_VERSION,
    form: PackForm = "tar",
) -> None:
    """Writes a pack for `platform` to `out`, a tar file or (form "directory") a directory.

    Packages come in the order in which `environment.yml` lists them: locked ones in the order of
    the lock, then built, then injected ones. Of two with the same subdir and file name the last one
    wins, as with pixi-pack. `out` appears only when it is complete. A file is replaced; a directory
    must be absent or empty.

    Raises `InvalidInput` for names or package files that cannot be packed, `Infrastructure` where
    the target cannot be written.
    """
    tree = _tree(platform, packages, wheels, tool_version)
    # What could not be read back is not written.
    kinds = ((name, "directory" if content is None else "file") for name, content in _walk(tree))
    refuse_unsafe(kinds, out)
    writers: dict[str, Callable[[Path, _Tree], None]] = {
        "tar": _write_tar,
        "directory": _write_directory,
    }
    if form not in writers:
        raise InvalidInput(f"A pack cannot be written in the form {form!r}.", file=out)
    _check_target(out)
    temporary = out.parent / f".pixipack-{secrets.token_hex(8)}.tmp"
    try:
        writers[form](temporary, tree)
        if form == "directory" and out.is_dir():
            out.rmdir()
        temporary.replace(out)
    except OSError as error:
        raise _cannot_write(out, error) from None
    finally:
        _remove(temporary)


def pack_metadata(platform: str, tool_version: str = TOOL_VERSION) -> bytes:
    """The bytes of `pixi-pack.json`."""
    return _json(
        {"version": FORMAT_VERSION, "pixi-pack-version": tool_version, "platform": platform}
    )


def repodata(subdir: str, records: Mapping[str, Mapping[str, Any]]) -> bytes:
    """The bytes of a subdir's `repodata.json`, from file names and records."""
    entries = {
        name: {key: records[name][key] for key in sorted(records[name])}
        for name in sorted(records, key=entry_order)
    }
    return _json(
        {
            "info": {"subdir": subdir},
            "packages": {},
            "packages.conda": entries,
            "repodata_version": 2,
        }
    )


def environment_yml(
    records: Sequence[Mapping[str, Any]], wheels: Sequence[PackedWheel] = ()
) -> bytes:
    """The bytes of `environment.yml`."""
    lines = ["channels:", f"  - ./{CHANNEL}", "  - nodefaults", "dependencies:"]
    lines += [f"  - {each['name']}={each['version']}={each['build']}" for each in records]
    if wheels:
        lines += ["  - pip:", "    - --no-index", f"    - --find-links ./{WHEELS}"]
        lines += [f"    - {wheel.name}=={wheel.version}" for wheel in wheels]
    return "".join(f"{line}\n" for line in lines).encode()


def _json(value: object) -> bytes:
    return json.dumps(value, indent=2, ensure_ascii=False).encode()


def _tree(
    platform: str,
    packages: Sequence[PackedPackage],
    wheels: Sequence[PackedWheel],
    tool_version: str,
) -> _Tree:
    records: dict[str, dict[str, Mapping[str, Any]]] = {}
    channel: _Tree = {}
    for package in packages:
        _check_name(package.subdir, package)
        _check_name(package.file_name, package)
        entry_order(package.file_name)
        records.setdefault(package.subdir, {})[package.file_name] = package.record
        folder = channel.setdefault(package.subdir, {})
        assert isinstance(folder, dict)
        folder[package.file_name] = package.path
    for subdir, entries in records.items():
        folder = channel[subdir]
        assert isinstance(folder, dict)
        folder[REPODATA] = repodata(subdir, entries)
    tree: _Tree = {
        METADATA: pack_metadata(platform, tool_version),
        ENVIRONMENT: environment_yml([package.record for package in packages], wheels),
    }
    if channel:
        tree[CHANNEL] = channel
    if wheels:
        for wheel in wheels:
            _check_name(wheel.file_name, wheel)
        tree[WHEELS] = {wheel.file_name: wheel.path for wheel in wheels}
    return tree


def _check_name(name: str, package: PackedPackage | PackedWheel) -> None:
    reason = "it has a slash" if "/" in name else unsafe_name(name)
    if reason:
        raise InvalidInput(
            f"{quoted(name)} cannot be the name of a member of a pack: {reason}.",
            file=package.path,
        )


def _walk(tree: _Tree, parent: str = "") -> Iterator[tuple[str, _Content | None]]:
    """The members in order (by bytes, directory by directory); None stands for a directory."""
    for name in sorted(tree, key=lambda each: each.encode()):
        content = tree[name]
        if isinstance(content, dict):
            yield parent + name, None
            yield from _walk(content, f"{parent}{name}/")
        else:
            yield parent + name, content


def _write_tar(target: Path, tree: _Tree) -> None:
    with target.open("xb") as stream:
        for name, content in _walk(tree):
            if content is None:
                tar_dialect.write_directory(stream, name)
            elif isinstance(content, bytes):
                tar_dialect.write_file(stream, name, io.BytesIO(content), len(content))
            else:
                _add_file(stream, name, content)
        stream.write(tar_dialect.END)


def _add_file(stream: BinaryIO, name: str, path: Path) -> None:
    with _open_source(path) as source:
        size = os.fstat(source.fileno()).st_size
        try:
            tar_dialect.write_file(stream, name, source, size)
        except tar_dialect.ShortFile:
            raise InvalidInput(
                f"{path.name} became shorter while it was packed.", file=path
            ) from None


def _write_directory(target: Path, tree: _Tree) -> None:
    target.mkdir()
    for name, content in _walk(tree):
        member = target / name
        if content is None:
            member.mkdir()
        elif isinstance(content, bytes):
            member.write_bytes(content)
        else:
            with _open_source(content) as source, member.open("xb") as copy:
                shutil.copyfileobj(source, copy, 1 << 20)


def _open_source(path: Path) -> BinaryIO:
    try:
        return open_regular(path)
    except OSError as error:
        raise InvalidInput(
            f"The package file {path.name} cannot be read: {error.strerror or error}.",
            file=path,
            remedy="Build or fetch the package again.",
        ) from None


def _check_target(out: Path) -> None:
    if not out.parent.is_dir():
        raise InvalidInput(
            f"The pack cannot be written: {out.parent} is not a directory.",
            file=out,
            remedy="Make the directory first, or choose another one.",
        )


def _cannot_write(out: Path, error: OSError) -> InvalidInput | Infrastructure:
    if out.is_dir():
        return InvalidInput(
            "The pack cannot be written: there is a directory with files in its place.",
            file=out,
            remedy="Remove the directory, or choose another name.",
        )
    return Infrastructure(
        f"The pack cannot be written: {error.strerror or error}.",
        file=out,
        remedy="Nothing was changed. Check free space and permissions.",
    )


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
