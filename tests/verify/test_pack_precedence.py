"""One thing is wrong with a pack, and what follows from it is not reported beside it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_pixipack.pack import read_pack
from pytest_pixipack.verify import verify
from pytest_pixipack.verify.findings import Finding
from tests.verify.conftest import Layers
from tests.verify.shipped import PLATFORM, repodata

TOOL, OLD = "tool-2.0.1-h2_3.conda", "old-0.9-0.tar.bz2"


def metadata(folder: Path, **changes: Any) -> None:
    file = folder / "pixi-pack.json"
    content = {**json.loads(file.read_text("utf-8")), **changes}
    file.write_text(json.dumps(content), encoding="utf-8")


def recorded(file_name: str, **changes: Any) -> Callable[[Path], None]:
    return lambda folder: repodata(folder, lambda c: c["packages.conda"][file_name].update(changes))


def ghost(folder: Path) -> None:
    def add(content: dict[str, Any]) -> None:
        record = {**content["packages.conda"][TOOL], "name": "ghost", "version": "1", "build": "0"}
        content["packages.conda"]["ghost-1-0.conda"] = record

    repodata(folder, add)


def listed_twice(folder: Path) -> None:
    repodata(folder, lambda c: c["packages"].update({OLD: c["packages.conda"][OLD]}))


def without_list(folder: Path) -> None:
    repodata(folder, lambda c: c.pop("packages.conda"))


def without_repodata(folder: Path) -> None:
    (folder / "channel" / PLATFORM / "repodata.json").unlink()


def other_build(folder: Path) -> None:
    """The packages of another platform beside those of the pack's own."""
    source = folder / "channel" / PLATFORM
    target = folder / "channel" / "osx-64"
    target.mkdir()
    content = json.loads((source / "repodata.json").read_text("utf-8"))
    for file_name, record in content["packages.conda"].items():
        (target / file_name).write_bytes((source / file_name).read_bytes())
        record["subdir"] = "osx-64"
    content["info"]["subdir"] = "osx-64"
    (target / "repodata.json").write_text(json.dumps(content), encoding="utf-8")


def elsewhere(folder: Path) -> None:
    metadata(folder, platform="osx-arm64")


def unknown_format(folder: Path) -> None:
    metadata(folder, version="2")


def a_text_beside_wheels(folder: Path) -> None:
    (folder / "pypi" / "x.txt").write_text("x", encoding="utf-8")


ALONE = (("pack",),)
WITH_LOCK = (("pack",), ("pack", "lock"), ("pack", "lock", "manifest", "prefix"))
# What is done; the rule and the package that are told, and by which layers.
DAMAGE: dict[str, tuple[Callable[[Path], None], str, str | None]] = {
    "another version": (recorded(TOOL, version="2.0.2"), "pack-repodata", "tool"),
    "another name": (recorded(TOOL, name="tooly"), "pack-repodata", "tool"),
    "another build": (recorded(TOOL, build="h9_3"), "pack-repodata", "tool"),
    "another build number": (recorded(TOOL, build_number=4), "pack-repodata", "tool"),
    "a version that satisfies nobody": (recorded(OLD, version="1.5"), "pack-repodata", "old"),
    "a record without a file": (ghost, "pack-missing", "ghost"),
    "a file listed twice": (listed_twice, "pack-repodata", "old"),
    "no list of packages": (without_list, "pack-repodata", None),
    "no repodata": (without_repodata, "pack-repodata", None),
    "another platform": (elsewhere, "pack-platform", None),
    "another format": (unknown_format, "pack-version", None),
    "no wheel": (a_text_beside_wheels, "pack-members", None),
}


def found(layers: Layers, edit: Callable[[Path], None], given: tuple[str, ...]) -> list[Finding]:
    folder = layers.scratch / "-".join(given)
    layers.pack.extract(folder)
    edit(folder)
    others = {"lock": layers.lock, "manifest": layers.manifest, "prefix": layers.prefix}
    chosen: dict[str, Any] = {name: others[name] for name in given if name != "pack"}
    return list(verify(pack=folder, **chosen).findings)


@pytest.mark.parametrize(("edit", "rule", "package"), DAMAGE.values(), ids=DAMAGE)
def test_one_thing_is_one_finding(
    edit: Callable[[Path], None], rule: str, package: str | None, shipped: Layers
) -> None:
    for given in WITH_LOCK:
        findings = found(shipped, edit, given)
        told = [(each.rule, each.package) for each in findings]
        if rule == "pack-version" and "prefix" in given:
            told = [each for each in told if not each[0].startswith("prefix")]
        assert told == [(rule, package)], (given, [str(each) for each in findings])


def test_packages_of_another_platform_beside_its_own(shipped: Layers) -> None:
    """One finding for each of them, and none of two packages with one name."""
    for given in WITH_LOCK:
        findings = found(shipped, other_build, given)
        assert {each.rule for each in findings} == {"pack-platform"}
        assert sorted(str(each.package) for each in findings) == ["old", "python", "tool"]


def test_a_lock_with_a_wrong_md5(shipped: Layers) -> None:
    """The sha256 is that of the file, so that the file is right; installers refuse it anyway."""
    md5 = next(facts.md5 for facts in shipped.pack.records if facts.name == "tool")
    broken = shipped.with_lock((f"md5: {md5}", f"md5: {'ab' * 16}"))
    folder = shipped.scratch / "packed"
    shipped.pack.extract(folder)
    recorded(TOOL, md5="ab" * 16)(folder)

    (finding,) = verify(lock=broken.lock, pack=read_pack(folder)).findings

    assert (finding.rule, finding.package, finding.field) == ("pack-digest", "tool", "md5")
    assert (finding.layers, finding.actual) == (("lock", "pack"), md5)


def test_another_file_where_only_the_md5_is_known(shipped: Layers) -> None:
    def replace(folder: Path) -> None:
        def forget(content: dict[str, Any]) -> None:
            record = content["packages.conda"][TOOL]
            del record["sha256"]
            del record["size"]

        repodata(folder, forget)
        file = folder / "channel" / PLATFORM / TOOL
        file.write_bytes(file.read_bytes() + b"\0")

    rules = {(each.rule, each.field) for each in found(shipped, replace, ("pack",))}
    assert ("pack-digest", "md5") in rules


def test_a_package_of_which_nothing_is_known(shipped: Layers) -> None:
    def forget(folder: Path) -> None:
        def edit(content: dict[str, Any]) -> None:
            for field in ("sha256", "md5", "size"):
                del content["packages.conda"][TOOL][field]

        repodata(folder, edit)

    (finding,) = found(shipped, forget, ("pack",))
    assert (finding.rule, finding.severity, finding.package) == ("pack-digest", "warning", "tool")
