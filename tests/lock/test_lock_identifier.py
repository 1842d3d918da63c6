"""The digits in the identifiers of source packages."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_pixipack.facts import PackageFacts
from pytest_pixipack.lock import Lock, LockedPackage, binary_package, source_identifier

DATA = Path(__file__).parent.parent / "data" / "conformance"
# What the backend answered for the packages of the recorded workspaces.
VERSIONS = {
    "app": "0.1.0", "lib": "0.2.0", "core": "0.3.0",
    "alpha": "1.0", "beta": "2.0.1", "gamma": "3.0.0rc1",
}  # fmt: skip
BUILDS = {
    "linux-64": "hd57432d_0",
    "osx-arm64": "h0072b81_0",
    "win-64": "hf3003df_0",
    "noarch": "hd57432d_7",
}


def full_record(package: LockedPackage) -> PackageFacts:
    if package.version is not None:
        return package.facts
    subdir = str(package.variants["target_platform"])
    return replace(
        package.facts,
        version=VERSIONS[package.name],
        build=BUILDS[subdir],
        build_number=int(BUILDS[subdir][-1]),
        subdir=subdir,
        noarch="generic" if subdir == "noarch" else None,
    )


def digits_for(lock: Lock, package: LockedPackage) -> str:
    return source_identifier(
        full_record(package),
        package.location,
        source_depends=package.source.source_depends,
        host_packages=[lock.package(name) for name in package.host_packages],
    )


@pytest.mark.parametrize("case", ["trio", "flat", "git-source"])
def test_the_digits_are_those_of_pixi(locked, case):
    lock = locked(f"cases/{case}/expected")
    # Identifiers of path sources are numbered in the recorded locks; this file tells the digits.
    numbered = DATA / f"cases/{case}/expected/identifiers.json"
    recorded = json.loads(numbered.read_bytes()) if numbered.exists() else {}
    sources = [package for package in lock.packages if package.is_source]
    assert sources
    for package in sources:
        identifier = recorded.get(package.identifier, package.identifier)
        assert f"{package.name}[{digits_for(lock, package)}] @ {package.location}" == identifier


def test_what_identifies_a_package_changes_the_digits():
    facts = PackageFacts(name="app", version="1.0", build="0", subdir="noarch")
    libz = binary_package(
        PackageFacts(name="libz", url="https://example.org/linux-64/libz-1.0-0.conda")
    )
    seen = [
        source_identifier(facts, "app"),
        source_identifier(facts, "elsewhere"),
        source_identifier(replace(facts, version="1.1"), "app"),
        source_identifier(replace(facts, depends=("libz",)), "app"),
        source_identifier(replace(facts, variants={"python": "3.12"}), "app"),
        source_identifier(facts, "app", host_packages=[libz]),
        source_identifier(facts, "app", source_depends={"lib": {"path": "../lib"}}),
        source_identifier(facts, "app", source={"path": "../src"}),
    ]
    assert len(set(seen)) == len(seen)


def test_what_does_not_identify_a_package_leaves_the_digits():
    facts = PackageFacts(name="app", version="1.0", build="0", subdir="noarch")
    assert source_identifier(facts, "app") == source_identifier(
        replace(facts, license="MIT", timestamp=1, sha256="0" * 64), "app"
    )
