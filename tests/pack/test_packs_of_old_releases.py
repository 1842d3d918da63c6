"""Packs as pixi-pack wrote them before 0.7: other members and headers, no version of the tool."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest

from pytest_pixipack.compare import compare_packs
from pytest_pixipack.pack import read_pack, unpack
from pytest_pixipack.verify import verify


@pytest.fixture
def flat(conformance: Path) -> Path:
    return conformance / "cases/flat/expected/pack/environment.tar"


def as_of_0_2(pack: Path, target: Path) -> Path:
    """The pack as pixi-pack 0.2.0 laid it out: a first member `./`, times of 1970, packages with
    the times of their files, members in the order of the directory, two keys in pixi-pack.json.
    """
    with tarfile.open(pack) as old, tarfile.open(target, "w", format=tarfile.GNU_FORMAT) as new:
        root = tarfile.TarInfo("./")
        root.type, root.mode = tarfile.DIRTYPE, 0o755
        new.addfile(root)
        for member in reversed(old.getmembers()):
            data = b"" if member.isdir() else old.extractfile(member).read()  # type: ignore[union-attr]
            if member.name == "pixi-pack.json":
                data = json.dumps({"version": "1", "platform": "linux-64"}, indent=2).encode()
            info = tarfile.TarInfo(member.name)
            info.type, info.mode, info.size = member.type, member.mode, len(data)
            info.mtime = 1_700_000_000 if member.name.endswith(".conda") else 0
            new.addfile(info, io.BytesIO(data))
    return target


def test_it_is_read(flat: Path, tmp_path: Path) -> None:
    old, new = read_pack(as_of_0_2(flat, tmp_path / "old.tar")), read_pack(flat)
    assert old.tool_version is None
    assert old.packages == new.packages
    assert old.environment_yml == new.environment_yml


def test_verify_says_that_it_names_no_tool_and_nothing_else(flat: Path, tmp_path: Path) -> None:
    report = verify(pack=as_of_0_2(flat, tmp_path / "old.tar"))
    assert [(each.rule, each.severity) for each in report.findings] == [("pack-version", "warning")]


def test_it_is_unpacked_to_the_same_environment(flat: Path, tmp_path: Path) -> None:
    old = unpack(as_of_0_2(flat, tmp_path / "old.tar"), tmp_path / "old", platform="linux-64")
    new = unpack(flat, tmp_path / "new", platform="linux-64")
    assert old.normalised_digest() == new.normalised_digest()


def test_what_gets_installed_is_the_same(flat: Path, tmp_path: Path) -> None:
    found = compare_packs(as_of_0_2(flat, tmp_path / "old.tar"), flat)
    assert found.verdict == "metadata"
    causes = {each.cause for each in found.differences}
    assert causes == {"member-order", "timestamp", "tool-version"}
