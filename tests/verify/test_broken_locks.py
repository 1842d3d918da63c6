"""One thing is broken in manifest or lock, with all other layers given: one rule speaks."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.verify.conftest import CHANNEL, PLATFORM, Layers


def only(layers: Layers) -> Any:
    (finding,) = layers.verify().findings
    return finding


def edit(layers: Layers, file: str, old: str, new: str) -> Layers:
    def change(root: Path) -> None:
        path = root / file
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    return layers.with_manifest(change)


def selector(name: str, version: str, build: str) -> str:
    return f"      - conda: {CHANNEL}/{PLATFORM}/{name}-{version}-{build}.conda\n"


def test_a_digest_in_the_lock(good: Layers) -> None:
    sha256 = good.lock[PLATFORM]["tool"].sha256
    assert sha256 is not None
    finding = only(good.with_lock((sha256, "0" * 63 + "a")))
    assert (finding.rule, finding.package, finding.layers) == (
        "pack-digest",
        "tool",
        ("lock", "pack"),
    )


def test_dependencies_of_a_binary_package_in_the_lock(good: Layers) -> None:
    finding = only(good.with_lock(("  depends:\n  - data\n", "")))
    assert (finding.rule, finding.package, finding.field) == ("pack-repodata", "tool", "depends")


def test_dependencies_of_a_source_package_in_the_lock(good: Layers) -> None:
    broken = good.with_lock(("- tool >=2\n", "- tool >=1\n"))
    finding = only(broken)
    assert (finding.rule, finding.package) == ("lock-source-metadata", "app")
    (finding,) = broken.verify("manifest", "lock", "pack", "prefix").findings
    assert (finding.rule, finding.package) == ("lock-source-metadata", "app")


def test_a_package_taken_out_of_the_lock(good: Layers) -> None:
    tool = good.lock[PLATFORM]["tool"]
    assert tool.build is not None
    broken = good.with_lock((selector("tool", "2.0", tool.build), ""))
    report = broken.verify()
    assert {finding.rule for finding in report.errors} == {"lock-depends"}
    # That a pack has a package which the lock has not is a warning that explains no error.
    assert set(report.rules) <= {"lock-depends", "lock-canonical"}


def test_a_requirement_added_to_the_manifest(good: Layers) -> None:
    broken = edit(good, "pixi.toml", "[dependencies]\n", '[dependencies]\nextra = "*"\n')
    finding = only(broken)
    assert (finding.rule, finding.expected) == ("lock-spec", "extra *")
    assert finding.file.endswith("pixi.toml")


def test_a_run_dependency_added_to_a_source_package(good: Layers) -> None:
    broken = edit(
        good,
        "app/pixi.toml",
        "[package.run-dependencies]\n",
        '[package.run-dependencies]\nlibw = ">=1"\n',
    )
    finding = only(broken)
    assert (finding.rule, finding.expected) == ("lock-source-metadata", ["libw >=1"])


def test_a_version_that_was_bumped_after_the_build(good: Layers) -> None:
    finding = only(edit(good, "app/pixi.toml", '"0.1.0"', '"0.1.1"'))
    assert (finding.rule, finding.expected, finding.actual) == (
        "artifact-identity",
        "0.1.1",
        "0.1.0",
    )
    assert finding.layers == ("manifest", "artifact")


@pytest.mark.parametrize(
    ("layer", "rule"), [("pack", "pack-repodata"), ("prefix", "prefix-record")]
)
def test_a_version_that_was_bumped_after_packing(good: Layers, layer: str, rule: str) -> None:
    bumped = edit(good, "app/pixi.toml", '"0.1.0"', '"0.1.1"')
    (finding,) = bumped.verify("manifest", "lock", layer).findings
    assert (finding.rule, finding.layers) == (rule, ("manifest", layer))
    assert (finding.expected, finding.actual) == ("0.1.1", "0.1.0")
    assert finding.cause == "version-change"


def test_a_package_that_another_one_excludes(good: Layers) -> None:
    text = good.lock.to_text()
    constraint = re.search(r"- tool >=1\n", text)
    assert constraint is not None
    finding = only(good.with_lock(("- tool >=1\n", "- tool >=9\n")).without("pack", "prefix"))
    assert (finding.rule, finding.severity) == ("lock-constrains", "warning")


@pytest.mark.parametrize("end", ["\r\n"])
def test_other_line_ends(good: Layers, end: str) -> None:
    finding = only(good.with_lock(("\n", end)))
    assert (finding.rule, finding.cause) == ("lock-canonical", "line-endings")
