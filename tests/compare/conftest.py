"""Makers of packages, packs and prefixes that differ in one thing."""

from __future__ import annotations

import bz2
import io
import json
import tarfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from pytest_pixipack.artifact import Member, read_artifact, write_artifact
from pytest_pixipack.pack import PackedPackage, artifact_record, write_pack

INDEX: Mapping[str, Any] = {
    "name": "app",
    "version": "1.0",
    "build": "h0_0",
    "build_number": 0,
    "subdir": "linux-64",
    "depends": ["libz >=1", "curl >=8"],
    "timestamp": 1_700_000_000_000,
}
FILES = (Member("bin/app", b"#!/bin/sh\necho app\n", executable=True), Member("share/a", b"a\nb\n"))
RUN_EXPORTS = {"weak": ["app >=1", "libz"]}


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Path]:
    """Makes a package; what is given replaces what is usual. Without a name: app-1.0-h0_0.conda."""
    made = iter(range(100))

    def artifact(
        *,
        files: Iterable[Member] = FILES,
        name: str = "app-1.0-h0_0.conda",
        package: str = "app",
        run_exports: Mapping[str, list[str]] | None = None,
        about: Mapping[str, Any] | None = None,
        info: Mapping[str, bytes] | None = None,
        **index: Any,
    ) -> Path:
        directory = tmp_path / f"made{next(made)}"
        directory.mkdir()
        path = directory / name
        write_artifact(
            path,
            {
                key: value
                for key, value in {**INDEX, "name": package, **index}.items()
                if value is not None
            },
            files,
            run_exports=run_exports or RUN_EXPORTS,
            about=about,
            extra_info=info,
        )
        return path

    return artifact


@pytest.fixture
def pack(tmp_path: Path) -> Callable[..., Path]:
    """Makes a pack of packages."""
    made = iter(range(100))

    def write(*artifacts: Path, tool_version: str = "0.7.10", platform: str = "linux-64") -> Path:
        out = tmp_path / f"pack{next(made)}" / "environment.tar"
        out.parent.mkdir()
        write_pack(out, platform, [packed(path) for path in artifacts], tool_version=tool_version)
        return out

    return write


def packed(path: Path) -> PackedPackage:
    facts = read_artifact(path).facts
    assert facts.sha256
    assert facts.md5
    assert facts.size
    index = dict(read_artifact(path).index)
    record = artifact_record(index, sha256=facts.sha256, md5=facts.md5, size=facts.size)
    return PackedPackage(facts.subdir or "noarch", path.name, path, record)


@pytest.fixture
def plain_tar_bz2(tmp_path: Path) -> Callable[..., Path]:
    """Makes a .tar.bz2 member by member, as other tools might."""
    made = iter(range(100))

    def write(
        change: Callable[[tarfile.TarInfo], None] = lambda _: None,
        *,
        reverse: bool = False,
        level: int = 9,
        dialect: int = tarfile.GNU_FORMAT,
    ) -> Path:
        path = tmp_path / f"bz2-{next(made)}" / "app-1.0-h0_0.tar.bz2"
        path.parent.mkdir()
        members = {
            "info/index.json": json.dumps(INDEX).encode(),
            "bin/app": b"#!/bin/sh\n",
            "share/b": b"b\n",
        }
        raw = io.BytesIO()
        with tarfile.open(fileobj=raw, mode="w", format=dialect) as tar:
            for name, content in sorted(members.items(), reverse=reverse):
                info = tarfile.TarInfo(name)
                info.size, info.mtime, info.mode = len(content), 1_700_000_000, 0o644
                change(info)
                tar.addfile(info, io.BytesIO(content))
        path.write_bytes(bz2.compress(raw.getvalue(), level))
        return path

    return write
