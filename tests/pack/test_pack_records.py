"""Repodata records come out as pixi-pack writes them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_pixipack.artifact import file_digests, read_artifact, read_index
from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.facts import PackageFacts, RunExports
from pytest_pixipack.lock import parse_lock
from pytest_pixipack.pack import artifact_record, locked_record, read_pack
from pytest_pixipack.pack.records import entry_order
from pytest_pixipack.pack.write import repodata


@pytest.mark.parametrize("case", ["flat", "binary", "run-exports"])
def test_records_of_locked_packages_come_from_the_lock(case: str, conformance: Path) -> None:
    expected = conformance / "cases" / case / "expected"
    recorded = read_pack(expected / "pack/environment.tar").repodata
    text = (expected / "pixi.lock").read_text(encoding="utf-8").replace("@ROOT@", "/root")
    locked = parse_lock(text)["linux-64"].values()

    binaries = [package for package in locked if not package.is_source]

    assert binaries
    for package in binaries:
        name = Path(package.location).name
        record = locked_record(package.facts, file_name=name)
        assert record == recorded[str(package.subdir)]["packages.conda"][name]


@pytest.mark.parametrize("case", ["flat", "run-exports"])
def test_records_of_built_packages_come_from_the_archive(
    case: str, conformance: Path, tmp_path: Path
) -> None:
    pack = read_pack(conformance / "cases" / case / "expected/pack/environment.tar")
    pack.extract(tmp_path)

    for subdir, content in pack.repodata.items():
        for name, recorded in content["packages.conda"].items():
            file = tmp_path / "channel" / subdir / name
            digests = file_digests(file)
            record = artifact_record(
                read_index(file),
                sha256=digests.sha256,
                md5=digests.md5,
                size=digests.size,
                run_exports=read_artifact(file).facts.run_exports or None,
            )
            assert record == recorded


@pytest.mark.parametrize("subdir", ["linux-64", "noarch"])
def test_repodata_json_has_the_bytes_of_pixi_pack(subdir: str, conformance: Path) -> None:
    file = conformance / "cases/run-exports/expected/pack" / subdir / "repodata.json"
    entries = json.loads(file.read_bytes())["packages.conda"]
    shuffled = {name: dict(reversed(entries[name].items())) for name in reversed(list(entries))}

    assert repodata(subdir, shuffled) == file.read_bytes()


def test_entries_are_in_the_order_of_name_version_text_and_build() -> None:
    names = ["a-b-1-0.conda", "a-1-0.conda", "a-10-0.conda", "a-1-0.tar.bz2", "a-9-0.conda"]

    assert sorted(names, key=entry_order) == [
        "a-1-0.conda", "a-1-0.tar.bz2", "a-10-0.conda", "a-9-0.conda", "a-b-1-0.conda",
    ]  # fmt: skip


def test_only_depends_is_written_where_it_is_empty() -> None:
    index = {
        "name": "a", "version": "1", "build": "0", "build_number": 0, "subdir": "noarch",
        "arch": None, "constrains": [], "flags": [], "features": None, "noarch": False,
        "extra_depends": {}, "track_features": [], "unknown": 1,
    }  # fmt: skip

    assert artifact_record(index, sha256="s", md5="m", size=1) == {
        "build": "0", "build_number": 0, "depends": [], "md5": "m", "name": "a", "sha256": "s",
        "size": 1, "subdir": "noarch", "version": "1",
    }  # fmt: skip


def test_rarer_fields_keep_the_form_that_rattler_gives_them() -> None:
    index = {
        "name": "a", "version": "1", "build": "0", "build_number": 0, "subdir": "noarch",
        "noarch": "python", "track_features": "x, y", "purls": ["pkg:pypi/b", "pkg:pypi/a"],
        "extra_depends": {"z": ["q"], "b": []},
    }  # fmt: skip
    record = artifact_record(
        index, sha256="s", md5="m", size=1, run_exports=RunExports(strong=("s",), weak=("w",))
    )

    assert list(record["run_exports"].items()) == [("weak", ["w"]), ("strong", ["s"])]
    assert list(record["extra_depends"].items()) == [("b", []), ("z", ["q"])]
    assert record["track_features"] == "x  y"
    assert record["purls"] == ["pkg:pypi/a", "pkg:pypi/b"]
    assert record["noarch"] == "python"


def test_what_a_lock_leaves_out_is_derived_from_the_file_name() -> None:
    facts = PackageFacts(name="six", subdir="noarch", depends=("python",))

    record = locked_record(facts, file_name="six-1.16.0-pyhd8ed1ab_3.conda")

    assert record == {
        "build": "pyhd8ed1ab_3", "build_number": 3, "depends": ["python"], "name": "six",
        "noarch": "python", "subdir": "noarch", "version": "1.16.0",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("subdir", "expected"),
    [("linux-aarch64", ("aarch64", "linux")), ("osx-arm64", ("arm64", "osx")),
     ("win-64", ("x86_64", "win")), ("noarch", (None, None)), ("odd-99", (None, None))],
)  # fmt: skip
def test_arch_and_platform_come_from_the_subdir(
    subdir: str, expected: tuple[str | None, str | None]
) -> None:
    record = locked_record(PackageFacts(name="a", subdir=subdir), file_name="a-1-0.conda")

    assert (record.get("arch"), record.get("platform")) == expected


def test_a_locked_package_without_a_subdir_cannot_be_packed() -> None:
    with pytest.raises(InvalidInput, match="no subdir"):
        locked_record(PackageFacts(name="a"), file_name="a-1-0.conda")
