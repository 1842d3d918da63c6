"""Unpacked packs are as pixi-unpack 0.7.10 leaves them."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pytest_pixipack.errors import InvalidInput, Unsupported
from pytest_pixipack.pack import PackedPackage, read_pack, unpack, write_pack
from pytest_pixipack.prefix import prefix_files
from pytest_pixipack.prefix.install import HISTORY_TEXT


@dataclass(frozen=True)
class Case:
    """A recorded pack, and the environment that pixi-unpack made of it under this name."""

    name: str
    pack: str = "pack"
    env: str = "env"
    prefix: str = "prefix"

    def __str__(self) -> str:
        return self.name

    def pack_in(self, conformance: Path) -> Path:
        return conformance / "cases" / self.name / "expected" / self.pack / "environment.tar"

    def prefix_in(self, conformance: Path) -> Path:
        return conformance / "cases" / self.name / "expected" / self.prefix


CASES = [
    Case("flat"),
    Case("binary"),
    Case("run-exports"),
    Case("injection"),
    Case("environments", env="named", prefix="prefix-named"),
    Case("pack-forms", pack="pack-cached"),
]
# Paths of the run, and what a path of another length changes.
VOLATILE = {"url", "extracted_package_dir", "link"}


def recorded_pack(conformance: Path, case: str) -> Path:
    return conformance / "cases" / case / "expected/pack/environment.tar"


def stable(record: dict[str, Any]) -> dict[str, Any]:
    """A conda-meta record without what differs from machine to machine."""
    result = {key: value for key, value in record.items() if key not in VOLATILE}
    for entry in result["paths_data"]["paths"]:
        if "prefix_placeholder" in entry:
            entry["sha256_in_prefix"] = entry["size_in_bytes"] = None
    return result


@pytest.mark.parametrize("case", CASES, ids=str)
def test_conda_meta_equals_that_of_pixi_unpack(
    case: Case, conformance: Path, tmp_path: Path
) -> None:
    prefix = unpack(case.pack_in(conformance), tmp_path, platform="linux-64", env_name=case.env)

    files = (case.prefix_in(conformance) / "conda-meta").glob("*.json")
    expected = {file.name: json.loads(file.read_bytes()) for file in files}
    assert {file.name for file in (prefix.path / "conda-meta").glob("*.json")} == set(expected)
    for name, recorded in expected.items():
        record = json.loads((prefix.path / "conda-meta" / name).read_bytes())
        assert list(record) == list(recorded)
        assert stable(record) == stable(recorded)
        assert record["url"].endswith(f"/channel/{record['subdir']}/{record['fn']}")
        assert record["url"].startswith("file:///")


@pytest.mark.skipif(sys.platform == "win32", reason="the listing is that of a Unix")
@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_files_are_those_of_pixi_unpack(case: Case, conformance: Path, tmp_path: Path) -> None:
    unpack(case.pack_in(conformance), tmp_path, platform="linux-64", env_name=case.env)

    listing = json.loads((case.prefix_in(conformance) / "listing.json").read_bytes())
    files = prefix_files(tmp_path / case.env)
    assert list(files) == [item["path"] for item in listing if item["kind"] != "dir"]
    for item in listing:
        if item["kind"] == "symlink":
            assert files[item["path"]].target == item["target"]
        elif item["kind"] == "file":
            assert files[item["path"]].executable == (item["mode"] == "0755")
            if item["sha256"] != "@VOLATILE@" and "normalised" not in item:
                assert files[item["path"]].sha256 == item["sha256"]


@pytest.mark.skipif(sys.platform == "win32", reason="paths of Windows are written otherwise")
@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_activation_script_is_that_of_pixi_unpack(
    case: Case, conformance: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out/prefix"
    unpack(case.pack_in(conformance), out, platform="linux-64", env_name=case.env)

    expected = (case.prefix_in(conformance).with_name("prefix") / "activate.sh").read_text("utf-8")
    found = (out / "activate.sh").read_bytes().decode()
    assert found.splitlines() == expected.replace("@ROOT@", str(tmp_path)).splitlines()
    assert sorted(path.name for path in out.iterdir()) == ["activate.sh", case.env]


def test_the_history_is_that_of_pixi_unpack(conformance: Path, tmp_path: Path) -> None:
    prefix = unpack(recorded_pack(conformance, "flat"), tmp_path, platform="linux-64")

    assert prefix.history == HISTORY_TEXT
    assert (prefix.path / "conda-meta/history").read_bytes() == HISTORY_TEXT.encode()


def test_embedded_paths_are_those_of_the_final_place(conformance: Path, tmp_path: Path) -> None:
    unpack(recorded_pack(conformance, "binary"), tmp_path, platform="linux-64")

    text = (tmp_path / "env/share/prefix.cfg").read_text(encoding="utf-8")
    assert text.startswith(f"prefix={tmp_path / 'env'}")


def test_a_pack_for_another_platform_is_installed_where_that_is_asked_for(
    conformance: Path, tmp_path: Path
) -> None:
    pack = conformance / "cases/pack-platform/expected/pack/environment.tar"

    prefix = unpack(pack, tmp_path, platform="win-64")

    assert {facts.subdir for facts in prefix.packages.values()} == {"win-64", "noarch"}
    script = (tmp_path / "activate.bat").read_bytes()
    assert script.startswith(b'@chcp 65001 > nul\r\n@SET "Path=')
    assert script.count(b"\n") == script.count(b"\r\n")


def test_a_directory_pack_is_unpacked_and_stays_as_it_was(
    conformance: Path, tmp_path: Path
) -> None:
    read_pack(recorded_pack(conformance, "flat")).extract(tmp_path / "pack")
    before = list(prefix_files(tmp_path / "pack"))

    prefix = unpack(tmp_path / "pack", tmp_path / "out", platform="linux-64", env_name="named")

    assert prefix.path == tmp_path / "out/named"
    assert "alpha" in prefix.packages
    assert list(prefix_files(tmp_path / "pack")) == before


def test_scripts_for_several_shells_are_written(conformance: Path, tmp_path: Path) -> None:
    unpack(
        recorded_pack(conformance, "flat"), tmp_path, platform="linux-64",
        shells=["bash", "fish", "nushell", "powershell", "xonsh", "cmd"],
    )  # fmt: skip

    assert sorted(path.suffix for path in tmp_path.glob("activate.*")) == [
        ".bat", ".fish", ".nu", ".ps1", ".sh", ".xsh",
    ]  # fmt: skip


def test_an_unknown_shell_is_refused_before_anything_is_written(
    conformance: Path, tmp_path: Path
) -> None:
    with pytest.raises(Unsupported, match="the shell 'csh'"):
        unpack(
            recorded_pack(conformance, "flat"), tmp_path / "out", platform="linux-64",
            shells=["bash", "csh"],
        )  # fmt: skip

    assert not (tmp_path / "out").exists()


def test_a_given_cache_directory_is_empty_again_afterwards(
    conformance: Path, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    unpack(recorded_pack(conformance, "flat"), tmp_path / "o", platform="linux-64", cache_dir=cache)

    assert list(cache.iterdir()) == []


def test_it_works_while_an_event_loop_is_running(conformance: Path, tmp_path: Path) -> None:
    async def run() -> None:
        unpack(recorded_pack(conformance, "flat"), tmp_path, platform="linux-64")

    asyncio.run(run())

    assert (tmp_path / "env/share/libz.txt").is_file()


# --- what is refused, and what it leaves behind -------------------------------------------------


def test_a_pack_for_another_platform_is_refused(conformance: Path, tmp_path: Path) -> None:
    pack = conformance / "cases/pack-platform/expected/pack/environment.tar"

    with pytest.raises(InvalidInput, match="created for a different platform: win-64"):
        unpack(pack, tmp_path / "out", platform="linux-64")

    assert list(tmp_path.iterdir()) == []


def test_wheels_are_not_silently_left_out(conformance: Path, tmp_path: Path) -> None:
    pack = conformance / "cases/injection/expected/pack-wheel/environment.tar"

    with pytest.raises(InvalidInput, match=r"stub_wheel-1\.0.* the pack has no Python"):
        unpack(pack, tmp_path / "out", platform="linux-64")

    assert list(tmp_path.iterdir()) == []


def test_an_environment_that_is_there_is_not_touched(conformance: Path, tmp_path: Path) -> None:
    (tmp_path / "env").mkdir()
    (tmp_path / "env/mine.txt").write_text("mine", encoding="utf-8")

    with pytest.raises(InvalidInput, match="something in its place"):
        unpack(recorded_pack(conformance, "flat"), tmp_path, platform="linux-64")

    assert list(prefix_files(tmp_path)) == ["env/mine.txt"]


@pytest.mark.parametrize("name", ["", "..", "a/b", "con"])
def test_the_name_of_the_environment_is_a_plain_one(
    name: str, conformance: Path, tmp_path: Path
) -> None:
    with pytest.raises(InvalidInput, match="name of an environment"):
        unpack(recorded_pack(conformance, "flat"), tmp_path, platform="linux-64", env_name=name)


def repacked(conformance: Path, tmp_path: Path, change: Callable[[PackedPackage], None]) -> Path:
    """The pack of `binary` again, after a change to the file of its package libz."""
    pack = read_pack(recorded_pack(conformance, "binary"))
    pack.extract(tmp_path / "parts")
    packages = [
        PackedPackage(subdir, name, tmp_path / "parts/channel" / subdir / name, record)
        for subdir, content in pack.repodata.items()
        for name, record in content["packages.conda"].items()
    ]
    change(next(package for package in packages if package.record["name"] == "libz"))
    write_pack(tmp_path / "changed.tar", "linux-64", packages)
    return tmp_path / "changed.tar"


def damage(package: PackedPackage) -> None:
    data = bytearray(package.path.read_bytes())
    data[len(data) // 2] ^= 255
    package.path.write_bytes(data)


def test_a_damaged_package_is_refused_and_leaves_nothing(conformance: Path, tmp_path: Path) -> None:
    pack = repacked(conformance, tmp_path, damage)

    with pytest.raises(InvalidInput, match=r"sha256 of libz-1\.1\.0-h1_0\.conda") as caught:
        unpack(pack, tmp_path / "out", platform="linux-64")

    assert caught.value.package == "libz"
    assert not (tmp_path / "out").exists()


def replace_by_junk(package: PackedPackage) -> None:
    assert isinstance(package.record, dict)
    for key in ("sha256", "md5", "size"):
        package.record.pop(key)
    package.path.write_bytes(b"junk")


def test_a_package_that_is_no_archive_leaves_nothing(conformance: Path, tmp_path: Path) -> None:
    pack = repacked(conformance, tmp_path, replace_by_junk)

    with pytest.raises(InvalidInput, match=r"libz-1\.1\.0-h1_0\.conda"):
        unpack(pack, tmp_path / "out", platform="linux-64")

    assert not (tmp_path / "out").exists()


def test_a_record_that_rattler_cannot_read_is_bad_input(conformance: Path, tmp_path: Path) -> None:
    def change(package: PackedPackage) -> None:
        assert isinstance(package.record, dict)
        package.record["version"] = "not a version"

    pack = repacked(conformance, tmp_path, change)

    with pytest.raises(InvalidInput, match="malformed version string"):
        unpack(pack, tmp_path / "out", platform="linux-64")


def test_repodata_without_its_file_is_bad_input(
    make_tar: Callable[..., Path], tmp_path: Path
) -> None:
    entries = {"packages.conda": {"a-1-0.conda": {"name": "a", "version": "1"}}}
    pack = make_tar({"channel/noarch/repodata.json": json.dumps(entries).encode()})

    with pytest.raises(InvalidInput, match=r"names a-1-0\.conda, which is not in it"):
        unpack(pack, tmp_path / "out", platform="linux-64")


def test_a_subdir_without_repodata_is_bad_input(
    make_tar: Callable[..., Path], tmp_path: Path
) -> None:
    pack = make_tar({"channel/linux-64/a-1-0.conda": b""})

    with pytest.raises(InvalidInput, match=r"no repodata\.json for linux-64"):
        unpack(pack, tmp_path / "out", platform="linux-64")


@pytest.mark.parametrize("target", ["file", "file/out", "link"])
def test_something_else_in_the_place_of_a_directory_is_bad_input(
    target: str, conformance: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"")
    try:
        (tmp_path / "link").symlink_to("nowhere")
    except OSError:
        pytest.skip("symbolic links cannot be made here")

    with pytest.raises(InvalidInput, match="something else has the name of a directory") as caught:
        unpack(recorded_pack(conformance, "flat"), tmp_path / target, platform="linux-64")

    assert "Choose another directory" in (caught.value.remedy or "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "link"]


@pytest.mark.parametrize("name", ["activate.sh", "Activate.SH"])
def test_an_environment_does_not_take_the_place_of_its_script(
    name: str, conformance: Path, tmp_path: Path
) -> None:
    pack = recorded_pack(conformance, "flat")

    with pytest.raises(InvalidInput, match="the activation script has that name"):
        unpack(pack, tmp_path / "x", platform="linux-64", env_name=name, shells=["bash"])

    assert list(tmp_path.iterdir()) == []


def test_a_pack_that_changed_since_it_was_read_is_refused(
    conformance: Path, tmp_path: Path
) -> None:
    path = tmp_path / "x.tar"
    path.write_bytes(recorded_pack(conformance, "flat").read_bytes())
    pack = read_pack(path)
    path.write_bytes(recorded_pack(conformance, "binary").read_bytes())

    with pytest.raises(InvalidInput, match="changed"):
        unpack(pack, tmp_path / "out", platform="linux-64")

    assert not (tmp_path / "out").exists()
