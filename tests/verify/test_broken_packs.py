"""One thing is broken in the pack: exactly one rule speaks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_pixipack.artifact import read_index, write_artifact
from pytest_pixipack.pack import read_pack
from pytest_pixipack.verify import verify
from tests.verify.conftest import PLATFORM, Layers
from tests.wheels import make_wheel


def only(layers: Layers) -> Any:
    (finding,) = layers.verify().findings
    return finding


def repodata(folder: Path, edit: Callable[[dict[str, Any]], None], subdir: str = PLATFORM) -> None:
    file = folder / "channel" / subdir / "repodata.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    edit(content)
    file.write_text(json.dumps(content), encoding="utf-8")


def record(content: dict[str, Any], name: str) -> dict[str, Any]:
    return next(r for r in content["packages.conda"].values() if r["name"] == name)


def file_of(folder: Path, name: str) -> Path:
    return next(folder.glob(f"channel/*/{name}-*.conda"))


def remove(folder: Path, name: str) -> None:
    """Takes a package out of the pack altogether."""
    file = file_of(folder, name)

    def drop(content: dict[str, Any]) -> None:
        del content["packages.conda"][file.name]

    repodata(folder, drop, file.parent.name)
    file.unlink()
    edit_yml(folder, lambda line: None if f"- {name}=" in line else line)


def edit_yml(folder: Path, change: Callable[[str], str | None]) -> None:
    file = folder / "environment.yml"
    lines = [change(line) for line in file.read_text(encoding="utf-8").splitlines()]
    kept = [line for line in lines if line is not None]
    file.write_bytes(("\n".join(kept) + "\n").encode())


def metadata(folder: Path, **changes: str | None) -> None:
    file = folder / "pixi-pack.json"
    content = {**json.loads(file.read_text(encoding="utf-8")), **changes}
    left = {key: value for key, value in content.items() if value is not None}
    file.write_text(json.dumps(left), encoding="utf-8")


def inject(folder: Path, name: str, version: str, depends: list[str]) -> None:
    """Adds a package as pixi-pack does, with its record and its line in environment.yml."""
    target = folder / "channel" / PLATFORM / f"{name}-{version}-0.conda"
    index = {
        "name": name, "version": version, "build": "0", "build_number": 0, "subdir": PLATFORM,
        "depends": depends, "timestamp": 1_700_000_000_000,
    }  # fmt: skip
    write_artifact(target, index, [])
    repodata(folder, lambda c: c["packages.conda"].update({target.name: index}))
    file = folder / "environment.yml"
    file.write_text(file.read_text("utf-8") + f"  - {name}={version}=0\n", encoding="utf-8")


@pytest.mark.parametrize("name", ["app", "lib", "tool", "data"])
def test_a_package_that_is_missing(good: Layers, name: str) -> None:
    broken = good.with_pack(lambda folder: remove(folder, name))
    finding = only(broken)
    assert (finding.rule, finding.package) == ("pack-missing", name)


def test_a_file_that_is_missing(good: Layers) -> None:
    finding = only(good.with_pack(lambda folder: file_of(folder, "tool").unlink()))
    assert (finding.rule, finding.field, finding.package) == ("pack-missing", "file", "tool")


def test_a_file_without_a_record(good: Layers) -> None:
    def forget(folder: Path) -> None:
        name = file_of(folder, "app").name
        repodata(folder, lambda content: content["packages.conda"].pop(name))

    finding = only(good.with_pack(forget))
    assert (finding.rule, finding.package) == ("pack-repodata", "app")


def test_an_injected_package_is_a_warning(good: Layers) -> None:
    broken = good.with_pack(lambda folder: inject(folder, "extra", "1.0", ["data"]))
    report = verify(lock=broken.lock, pack=broken.pack, platform=PLATFORM)
    (finding,) = report.findings
    assert (finding.rule, finding.severity) == ("pack-extra", "warning")
    assert report.ok


def test_an_injected_package_that_needs_something_else(good: Layers) -> None:
    broken = good.with_pack(lambda folder: inject(folder, "extra", "1.0", ["nothing >=1"]))
    report = verify(lock=broken.lock, pack=broken.pack, platform=PLATFORM)
    assert set(report.rules) == {"pack-extra", "pack-closure"}
    (closure,) = report.errors
    assert (closure.package, closure.expected) == ("extra", "nothing >=1")


def test_two_versions_of_one_package(good: Layers) -> None:
    broken = good.with_pack(lambda folder: inject(folder, "tool", "2.5", ["data"]))
    finding = only(broken)
    assert (finding.rule, finding.package) == ("pack-closure", "tool")
    assert len(finding.actual) == 2


@pytest.mark.parametrize("name", ["app", "tool"])
def test_another_file_of_the_same_name(good: Layers, name: str) -> None:
    def replace_file(folder: Path) -> None:
        file = file_of(folder, name)
        file.write_bytes(file.read_bytes() + b"\0")

    finding = only(good.with_pack(replace_file))
    assert (finding.rule, finding.package) == ("pack-digest", name)
    assert finding.layers == ("artifact" if name == "app" else "lock", "pack")


def test_another_file_of_the_same_name_where_only_the_pack_is_given(good: Layers) -> None:
    def replace_file(folder: Path) -> None:
        file = file_of(folder, "tool")
        file.write_bytes(file.read_bytes() + b"\0")

    (finding,) = good.with_pack(replace_file).verify("pack").findings
    assert (finding.rule, finding.layers) == ("pack-digest", ("pack", "pack"))


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("tool", "depends", ["data", "nothing"]),
        ("tool", "depends", []),
        ("app", "depends", ["lib"]),
        ("app", "constrains", ["data <9"]),
        ("tool", "version", "2.1"),
        ("tool", "build_number", 7),
        ("tool", "subdir", "noarch"),
        ("tool", "sha256", "0" * 64),
        ("tool", "timestamp", 1),
    ],
)
def test_an_edited_record(good: Layers, name: str, field: str, value: object) -> None:
    broken = good.with_pack(
        lambda folder: repodata(
            folder, lambda content: record(content, name).update({field: value})
        )
    )
    finding = only(broken)
    assert (finding.rule, finding.package, finding.field) == ("pack-repodata", name, field)


def test_a_line_missing_in_environment_yml(good: Layers) -> None:
    broken = good.with_pack(
        lambda folder: edit_yml(folder, lambda line: None if "- tool=" in line else line)
    )
    finding = only(broken)
    assert (finding.rule, finding.package) == ("pack-environment-yml", "tool")


def test_another_version_in_environment_yml(good: Layers) -> None:
    broken = good.with_pack(
        lambda folder: edit_yml(folder, lambda line: line.replace("tool=2.0", "tool=2.1"))
    )
    finding = only(broken)
    assert (finding.rule, finding.cause) == ("pack-environment-yml", "version-change")


def test_another_channel_in_environment_yml(good: Layers) -> None:
    broken = good.with_pack(
        lambda folder: edit_yml(folder, lambda line: line.replace("./channel", "conda-forge"))
    )
    assert only(broken).rule == "pack-environment-yml"


def test_no_environment_yml(good: Layers) -> None:
    broken = good.with_pack(lambda folder: (folder / "environment.yml").unlink())
    assert only(broken).rule == "pack-environment-yml"


def test_a_pack_for_another_platform(good: Layers) -> None:
    finding = only(good.with_pack(lambda folder: metadata(folder, platform="osx-64")))
    assert (finding.rule, finding.actual) == ("pack-platform", "osx-64")


def test_a_package_for_another_platform(good: Layers) -> None:
    broken = good.with_pack(
        lambda folder: repodata(
            folder, lambda content: record(content, "tool").update(subdir="osx-64")
        )
    )
    finding = only(broken)
    assert (finding.rule, finding.package) == ("pack-platform", "tool")


def test_no_version_of_the_tool(good: Layers) -> None:
    broken = good.with_pack(lambda folder: metadata(folder, **{"pixi-pack-version": None}))
    finding = only(broken)
    assert (finding.rule, finding.severity) == ("pack-version", "warning")


def test_a_tool_that_cannot_read_the_lock(good: Layers) -> None:
    broken = good.with_pack(lambda folder: metadata(folder, **{"pixi-pack-version": "0.7.6"}))
    finding = only(broken)
    assert (finding.rule, finding.cause) == ("pack-stale-tool", "tool-version")


def test_a_tool_that_cannot_pack_what_is_built_from_source(good: Layers) -> None:
    broken = good.with_pack(lambda folder: metadata(folder, **{"pixi-pack-version": "0.7.9"}))
    finding = only(broken)
    assert (finding.rule, finding.expected) == ("pack-stale-tool", ">=0.7.10")


@pytest.mark.parametrize(
    ("field", "value", "severity"),
    [
        ("pixi-pack-version", "0.7.10x", "warning"),
        ("pixi-pack-version", "99.0.0", "note"),
        ("made-by", "somebody", "warning"),
    ],
)
def test_a_pack_made_by_something_unknown(
    good: Layers, field: str, value: str, severity: str
) -> None:
    finding = only(good.with_pack(lambda folder: metadata(folder, **{field: value})))
    assert (finding.rule, finding.field, finding.severity) == ("pack-version", field, severity)


def test_a_member_that_does_not_belong(good: Layers) -> None:
    broken = good.with_pack(lambda folder: (folder / "notes.txt").write_text("x"))
    finding = only(broken)
    assert (finding.rule, finding.severity) == ("pack-members", "warning")


def test_a_wheel_that_is_not_locked(shipped: Layers) -> None:
    """One that was injected stands in environment.yml."""

    def add(folder: Path) -> None:
        make_wheel(folder / "pypi", "stub-wheel")
        file = folder / "environment.yml"
        file.write_text(file.read_text("utf-8") + "    - stub-wheel==1.0\n", encoding="utf-8")

    broken = shipped.with_pack(add)
    finding = only(broken.without("prefix"))
    assert (finding.rule, finding.severity) == ("pack-wheels", "warning")
    # It is not installed either, which is another matter.
    assert set(broken.verify().rules) == {"pack-wheels", "prefix-missing"}


def test_a_wheel_that_nothing_speaks_of(shipped: Layers) -> None:
    broken = shipped.with_pack(lambda folder: make_wheel(folder / "pypi", "stub-wheel"))
    finding = only(broken)
    assert (finding.rule, finding.severity) == ("pack-wheels", "error")


def test_a_package_that_nothing_speaks_of(good: Layers) -> None:
    def smuggle(folder: Path) -> None:
        inject(folder, "extra", "1.0", ["data"])
        edit_yml(folder, lambda line: None if "extra" in line else line)

    finding = only(good.with_pack(smuggle).without("prefix"))
    assert (finding.rule, finding.severity) == ("pack-extra", "error")


def test_an_unsafe_member(good: Layers, tmp_path: Path) -> None:
    import tarfile

    bad = tmp_path / "bad.tar"
    with tarfile.open(bad, "w") as archive:
        archive.addfile(tarfile.TarInfo("../escape"))
    (finding,) = verify(pack=bad, platform=PLATFORM).findings
    assert finding.rule == "pack-members"
    assert finding.severity == "error"


def test_a_pack_that_cannot_be_read(good: Layers) -> None:
    folder = good.scratch / "pack"
    good.pack.extract(folder)
    (folder / "pixi-pack.json").unlink()
    (finding,) = verify(pack=folder, platform=PLATFORM).findings
    assert finding.rule == "pack-parse"


def test_the_damage_is_seen_in_a_directory_as_in_a_tar(good: Layers) -> None:
    folder = good.scratch / "pack"
    good.pack.extract(folder)
    report = verify(lock=good.lock, pack=read_pack(folder), platform=PLATFORM)
    assert report.findings == ()


def rewritten(folder: Path, name: str, /, **changes: Any) -> None:
    """The package file says something else of itself; repodata knows its new digest."""
    file = file_of(folder, name)
    index = {**read_index(file), **changes}
    write_artifact(file, index, [])
    data = file.read_bytes()
    digests = {
        "sha256": hashlib.sha256(data).hexdigest(),
        "md5": hashlib.md5(data, usedforsecurity=False).hexdigest(),
        "size": len(data),
    }
    repodata(folder, lambda c: record(c, name).update(digests), file.parent.name)


@pytest.mark.parametrize(
    ("field", "value"),
    [("version", "9"), ("build", "x_0"), ("build_number", 5), ("name", "other")],
)
def test_a_package_that_is_another_one_inside(good: Layers, field: str, value: object) -> None:
    broken = good.with_pack(lambda folder: rewritten(folder, "tool", **{field: value}))

    (finding,) = broken.verify("pack").findings

    assert (finding.rule, finding.field, finding.expected) == ("pack-package", field, value)


def test_a_patched_record_is_a_note(good: Layers) -> None:
    """Where only the pack is given, a patch of repodata and an edited record look the same."""
    broken = good.with_pack(lambda folder: rewritten(folder, "tool", depends=["data", "more"]))

    (finding,) = broken.verify("pack").findings

    assert (finding.rule, finding.severity, finding.field) == ("pack-repodata", "note", "depends")
    assert finding.expected == ["more"]


def test_a_package_that_is_damaged_inside(good: Layers) -> None:
    def damage(folder: Path) -> None:
        rewritten(folder, "tool")
        file = file_of(folder, "tool")
        data = file.read_bytes()[:-100]
        file.write_bytes(data)
        digests = {"sha256": hashlib.sha256(data).hexdigest(), "md5": None, "size": len(data)}
        repodata(folder, lambda c: record(c, "tool").update(digests), file.parent.name)

    (finding,) = good.with_pack(damage).verify("pack").findings

    assert (finding.rule, finding.field) == ("pack-package", "file")
    assert "cannot be read" in finding.message
