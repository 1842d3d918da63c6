"""Packages that are written: the same bytes for the same content, whatever the machine."""

from __future__ import annotations

import bz2
import io
import json
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
import zstandard

from pytest_pixipack.artifact import Member, read_artifact, write_artifact
from pytest_pixipack.errors import Infrastructure, InvalidInput

RECORDED = sorted(
    path
    for case in ("binary", "flat", "run-exports", "trio")
    for path in (Path(__file__).parents[1] / "data/conformance/cases" / case).rglob("*")
    if path.name.endswith((".conda", ".tar.bz2"))
)
INDEX = {"name": "tool", "version": "1.0", "build": "h0_0", "build_number": 0, "depends": []}


def tars(path: Path) -> list[tarfile.TarFile]:
    if path.name.endswith(".tar.bz2"):
        parts = [bz2.decompress(path.read_bytes())]
    else:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.endswith(".zst")]
            parts = [zstandard.ZstdDecompressor().decompress(archive.read(n)) for n in names]
    return [tarfile.open(fileobj=io.BytesIO(part)) for part in parts]


def members(path: Path) -> tuple[list[Member], Any]:
    """The members of a package, and its run exports, with Python's own tools."""
    recorded = read_artifact(path).facts.files
    assert recorded is not None
    found, run_exports = [], None
    for tar in tars(path):
        for info in tar:
            content = b"" if info.issym() else tar.extractfile(info).read()  # type: ignore[union-attr]
            if info.name == "info/run_exports.json":
                run_exports = json.loads(content)
            if info.name.startswith("info/"):
                continue
            facts = recorded[info.name]
            found.append(
                Member(
                    info.name,
                    content,
                    executable=bool(info.mode & 0o100),
                    link_target=info.linkname if info.issym() else None,
                    placeholder=facts.placeholder,
                    placeholder_mode=facts.placeholder_mode,
                )
            )
    return found, run_exports


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.name[-60:])
def test_a_recorded_package_is_written_again_byte_for_byte(path: Path, tmp_path: Path) -> None:
    content, run_exports = members(path)
    again = tmp_path / path.name
    write_artifact(again, read_artifact(path).index, reversed(content), run_exports=run_exports)
    assert again.read_bytes() == path.read_bytes()


def test_there_are_recorded_packages_of_both_formats() -> None:
    assert {path.suffix for path in RECORDED} == {".conda", ".bz2"}


@pytest.mark.parametrize("suffix", ["conda", "tar.bz2"])
def test_what_is_written_can_be_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"tool-1.0-h0_0.{suffix}"
    long_name = "share/" + "long/" * 40 + "ä.txt"
    write_artifact(
        path,
        INDEX,
        [
            Member("bin/tool", b"#!/bin/sh\n", executable=True),
            Member("bin/alias", link_target="tool"),
            Member("bin/again", link_target="alias"),
            Member("etc/private", b"x", mode=0o600),
            Member(long_name, b"in /the/prefix", placeholder="/the/prefix"),
        ],
        run_exports={"weak": ["tool >=1"]},
        about={"summary": "a tool"},
        extra_info={"link.json": b'{"noarch": {"type": "generic"}}'},
    )
    artifact = read_artifact(path)
    assert artifact.facts.dist == "tool-1.0-h0_0"
    assert artifact.facts.run_exports is not None
    assert artifact.facts.run_exports.weak == ("tool >=1",)
    assert artifact.about == {"summary": "a tool"}
    assert artifact.link == {"noarch": {"type": "generic"}}
    assert artifact.payload["bin/tool"].executable
    assert not artifact.payload["etc/private"].executable
    assert artifact.payload["bin/alias"].target == "tool"
    listed = artifact.facts.files
    assert listed is not None
    assert listed[long_name].placeholder == "/the/prefix"
    assert listed[long_name].sha256 == artifact.payload[long_name].sha256
    assert listed["bin/again"].sha256 == artifact.payload["bin/tool"].sha256
    assert artifact.info_files == (
        "about.json", "index.json", "link.json", "paths.json", "run_exports.json",
    )  # fmt: skip


WRITE = r"""
import os, sys
from pathlib import Path
from pytest_pixipack.artifact import Member, write_artifact
os.umask(int(sys.argv[2], 8))
names = {"bin/b", "bin/a", "share/\u00e4.txt", "share/z"}
index = {"name": "x", "version": "1", "build": "0"}
write_artifact(Path(sys.argv[1]), index, [Member(n) for n in names])
"""


def test_no_bytes_depend_on_locale_hash_seed_umask_or_clock(tmp_path: Path) -> None:
    found = set()
    for number, (locale, seed, zone) in enumerate(
        [("C", "1", "UTC"), ("C.UTF-8", "2", "Asia/Tokyo")]
    ):
        path = tmp_path / str(number) / "x-1-0.conda"
        path.parent.mkdir()
        environment = {**os.environ, "LC_ALL": locale, "PYTHONHASHSEED": seed, "TZ": zone}
        environment.update(PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
        command = [sys.executable, "-c", WRITE, str(path), "077" if number else "022"]
        subprocess.run(command, env=environment, check=True)
        found.add(path.read_bytes())
    assert len(found) == 1


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        ([Member("../x")], "`..`"),
        ([Member("/x")], "absolute"),
        ([Member("c:/x")], "drive"),
        ([Member("a//b")], "plain form"),
        ([Member("info/index.json")], "info/"),
        ([Member("a"), Member("a")], "twice"),
        ([Member("a"), Member("a/b")], "lies below"),
        ([Member("a", link_target="b"), Member("a/c")], "lies below"),
        ([Member("a", link_target="/etc/passwd")], "absolute"),
        ([Member("bin/a", link_target="../../x")], "leads out"),
        ([Member("here", link_target="."), Member("a", link_target="here/../x")], "leads out"),
    ],
)
def test_unsafe_members_are_refused(tmp_path: Path, bad: list[Member], problem: str) -> None:
    path = tmp_path / "tool-1.0-h0_0.conda"
    with pytest.raises(InvalidInput, match=problem):
        write_artifact(path, INDEX, bad)
    assert not list(tmp_path.iterdir())


def test_a_package_needs_a_known_suffix(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"\.conda"):
        write_artifact(tmp_path / "tool.zip", INDEX, [])


def test_a_folder_that_does_not_exist_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(Infrastructure, match="cannot be written"):
        write_artifact(tmp_path / "absent" / "tool-1.0-0.conda", INDEX, [])


def test_writing_imports_nothing_heavy() -> None:
    code = (
        "import sys, pytest_pixipack.artifact\n"
        "heavy = {'zstandard', 'rattler', 'pytest', 'tarfile', 'zipfile', 'asyncio'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
