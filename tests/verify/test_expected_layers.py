"""Expectations of the layers of a shipment: its wheels, and the files in its pack."""

from __future__ import annotations

from pathlib import Path

import pytest
from dirty_equals import IsPartialDict

from pytest_pixipack import StubChannel, read_artifact
from pytest_pixipack.engine.building import built_record
from pytest_pixipack.expect import load_expectations
from pytest_pixipack.matchers import HasFiles, IsPack, IsPackage, IsPrefix
from pytest_pixipack.pack import PackedPackage, read_pack, write_pack
from pytest_pixipack.prefix import InstallRecord, install
from pytest_pixipack.verify import verify
from tests.verify.conftest import PLATFORM, Layers


def rules(layers: Layers, layer: str, text: str, place: Path) -> list[tuple[str, str | None]]:
    file = place / "expect.toml"
    file.write_text(text, encoding="utf-8")
    report = verify(
        **{layer: getattr(layers, layer)}, platform=PLATFORM, expectations=load_expectations(file)
    )
    return [(finding.rule, finding.field) for finding in report.findings]


@pytest.mark.parametrize("layer", ["lock", "pack", "prefix"])
@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('packages.keel = ">=1.2"', []),
        ('packages.keel = ">=2"', [("expect-package", "version")]),
        ('forbidden = ["keel"]', [("expect-forbidden", None)]),
        ('forbidden = ["keel >=2"]', []),
        ('packages.mast = "*"', [("expect-package", None)]),
    ],
)
def test_wheels(
    text: str, found: list[tuple[str, str | None]], layer: str, shipped: Layers, tmp_path: Path
) -> None:
    assert rules(shipped, layer, text, tmp_path) == found


@pytest.mark.parametrize("layer", ["pack", "prefix"])
def test_files(layer: str, shipped: Layers, tmp_path: Path) -> None:
    there = 'packages.tool.files = ["bin/*", "share/**"]\npackages.old.files = ["share/old.txt"]'
    absent = 'packages.tool.files = ["bin/*", "bin/nothing"]'
    assert rules(shipped, layer, there, tmp_path) == []
    assert rules(shipped, layer, absent, tmp_path) == [("expect-package", "files")]


@pytest.mark.parametrize(
    ("subdir", "module", "program"),
    [
        ("linux-64", "lib/python3.12/site-packages/sail/__init__.py", "bin/hoist"),
        ("win-64", "Lib/site-packages/sail/__init__.py", "Scripts/hoist.exe"),
    ],
)
def test_files_of_noarch_python_may_be_named_as_they_are_installed(
    subdir: str, module: str, program: str, tmp_path: Path
) -> None:
    channel = StubChannel("c")
    channel.add("python", "3.12.1", subdir=subdir, files={"python.exe": "", "bin/python": ""})
    channel.add(
        "sail",
        "1",
        noarch="python",
        files={"site-packages/sail/__init__.py": ""},
        entry_points=["hoist = sail:main"],
    )
    artifacts = [
        read_artifact(path) for path in channel.build(tmp_path / "c").path.rglob("*.conda")
    ]
    packages = [
        PackedPackage(str(a.facts.subdir), a.path.name, a.path, built_record(a)) for a in artifacts
    ]
    write_pack(tmp_path / "p.tar", subdir, packages)
    records = [InstallRecord(each.path, each.record) for each in packages]
    layers = {
        "pack": read_pack(tmp_path / "p.tar"),
        "prefix": install(records, tmp_path / "env", platform=subdir),
    }
    (tmp_path / "expect.toml").write_text(f'packages.sail.files = ["{module}", "{program}"]')
    expected = load_expectations(tmp_path / "expect.toml")

    found = verify(**layers, platform=subdir, expectations=expected).findings

    assert [each for each in found if each.rule.startswith("expect-")] == []


def test_a_lock_knows_no_files(shipped: Layers, tmp_path: Path) -> None:
    assert rules(shipped, "lock", 'packages.tool.files = ["bin/nothing"]', tmp_path) == []


def test_the_files_of_a_package_in_a_pack_are_read_when_they_are_asked_for(shipped: Layers) -> None:
    pack = shipped.pack
    assert pack.packages["tool"] == HasFiles("bin/tool", "share/**")
    assert pack.packages["old"] == HasFiles("share/old.txt")
    assert pack.packages["tool"] != HasFiles("bin/nothing")
    assert pack == IsPack(packages=IsPartialDict(tool=IsPackage(files=HasFiles("bin/*"))))
    assert all(facts.files is None for facts in pack.records)


def test_a_pack_is_no_prefix_and_both_are_shown_in_one_line(shipped: Layers) -> None:
    assert shipped.pack != IsPrefix()
    assert shipped.prefix != IsPack()
    assert shipped.prefix == IsPrefix(packages=IsPartialDict(tool=HasFiles("bin/tool")))
    for layer in (shipped.pack, shipped.prefix):
        assert str(layer.path) in repr(layer)
        assert len(repr(layer)) < len(str(layer.path)) + 100
