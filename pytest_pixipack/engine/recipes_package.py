"""The package that py-rattler-build wrote, with what pixi decides in it, and the same bytes for the
same content.

pixi-build-rattler-build writes into `info/` what the front end tells it: the dependencies after
pixi's solve. py-rattler-build writes what it has solved itself, with the moment and the directories
of the build.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pytest_pixipack.artifact import EPOCH
from pytest_pixipack.artifact.frames import zstd_frame
from pytest_pixipack.backend.matchspec import build_spec_to_text
from pytest_pixipack.damages import UNREADABLE
from pytest_pixipack.errors import BackendError
from pytest_pixipack.whole_files import write_file

Json = dict[str, Any]

_INDEX, _PATHS, _ABOUT = "info/index.json", "info/paths.json", "info/about.json"
_EXPORTS = "info/run_exports.json"
_RECIPE = "info/recipe/"
# As long as the prefixes that rattler-build and pixi build in.
_LENGTH = 255
_PLACEHOLDER = ("/pixipack_recipe" + "_placehold" * 30)[:_LENGTH]
_EXPORT_NAMES = {
    "weak": "weak",
    "strong": "strong",
    "noarch": "noarch",
    "weakConstrains": "weak_constrains",
    "strongConstrains": "strong_constrains",
}


def finish_package(written: Path, target: Path, params: Mapping[str, Any]) -> None:
    """Writes to `target` the package that `conda/build_v1` (`params`) asks for, from `written`.

    Raises `BackendError` where what py-rattler-build wrote is no package.
    """
    try:
        parts = _parts(written)
        paths = json.loads(parts["info"][_PATHS][1])
        _own_placeholder(parts["pkg"], paths)
        info = parts["info"]
        info[_PATHS] = _with(info[_PATHS], paths)
        index = json.loads(info[_INDEX][1])
        info[_INDEX] = _with(info[_INDEX], _index(index, params))
        about = json.loads(info[_ABOUT][1])
        about.pop("channels", None)
        info[_ABOUT] = _with(info[_ABOUT], about)
        exports = _run_exports(params)
        if exports:
            info[_EXPORTS] = _with(info[_INDEX], exports, _EXPORTS)
    except UNREADABLE as error:
        raise BackendError(
            f"py-rattler-build wrote a package that cannot be read, {written.name}: {error}."
        ) from None
    _write(target, parts)


def _parts(path: Path) -> dict[str, dict[str, tuple[tarfile.TarInfo, bytes]]]:
    """The members of `pkg` and `info` by name, each with its content; `info/recipe` is left out."""
    import zstandard

    found: dict[str, dict[str, tuple[tarfile.TarInfo, bytes]]] = {"pkg": {}, "info": {}}
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            part = name.partition("-")[0]
            if part not in found:
                continue
            reader = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(archive.read(name)))
            with tarfile.open(fileobj=io.BytesIO(reader.read())) as tar:
                for member in tar:
                    stream = tar.extractfile(member) if member.isfile() else None
                    if not member.name.startswith(_RECIPE):
                        found[part][member.name] = member, stream.read() if stream else b""
    return found


def _own_placeholder(files: dict[str, tuple[tarfile.TarInfo, bytes]], paths: Json) -> None:
    """Puts one placeholder for all builds in the place of the directory of this one."""
    for entry in paths["paths"]:
        old = entry.get("prefix_placeholder")
        name = entry["_path"]
        # Of another length, as on Windows, it could not be replaced in binary files.
        if old is None or len(old) != _LENGTH or name not in files:
            continue
        member, content = files[name]
        content = content.replace(old.encode(), _PLACEHOLDER.encode())
        files[name] = member, content
        entry["prefix_placeholder"] = _PLACEHOLDER
        entry["sha256"] = hashlib.sha256(content).hexdigest()


def _index(index: Json, params: Mapping[str, Any]) -> Json:
    told: Json = {
        "depends": _texts(params.get("runDependencies")),
        "constrains": _texts(params.get("runConstraints")) or None,
        "extra_depends": {
            group: _texts(specs)
            for group, specs in sorted((params.get("extraDependencies") or {}).items())
        }
        or None,
        "timestamp": EPOCH * 1000,
    }
    merged = {**index, **told}
    return {key: merged[key] for key in sorted(merged) if merged[key] is not None}


def _run_exports(params: Mapping[str, Any]) -> Json:
    told = params.get("runExports") or {}
    found = {name: _texts(told.get(wire)) for wire, name in _EXPORT_NAMES.items()}
    return {name: texts for name, texts in found.items() if texts}


def _texts(dependencies: Iterable[Mapping[str, Any]] | None) -> list[str]:
    return [build_spec_to_text(each["spec"]) for each in dependencies or ()]


def _with(
    entry: tuple[tarfile.TarInfo, bytes], value: Json, name: str | None = None
) -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name or entry[0].name)
    member.mode = entry[0].mode
    return member, json.dumps(value, indent=2, ensure_ascii=False).encode()


def _write(target: Path, parts: Mapping[str, Mapping[str, tuple[tarfile.TarInfo, bytes]]]) -> None:
    stem = target.name.removesuffix(".conda")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, data in (
            ("metadata.json", b'{"conda_pkg_format_version": 2}'),
            (f"pkg-{stem}.tar.zst", zstd_frame(_tar(parts["pkg"]))),
            (f"info-{stem}.tar.zst", zstd_frame(_tar(parts["info"]))),
        ):
            entry = zipfile.ZipInfo(name)
            entry.create_system = 3
            archive.writestr(entry, data)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_file(target, buffer.getvalue())


def _tar(members: Mapping[str, tuple[tarfile.TarInfo, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name in sorted(members):
            found, content = members[name]
            member = tarfile.TarInfo(name)
            member.type, member.linkname = found.type, found.linkname
            member.mode, member.mtime = found.mode, EPOCH
            member.size = len(content) if found.isfile() else 0
            archive.addfile(member, io.BytesIO(content) if found.isfile() else None)
    return buffer.getvalue()
