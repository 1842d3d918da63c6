"""What is expected is compared with every layer; what is known is a note until it expires."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from pytest_pixipack.expect import (
    Expectations,
    ExpectedPackage,
    ForbiddenPackage,
    KnownFinding,
    Layer,
    expected_findings,
    load_expectations,
    with_expectations,
)
from pytest_pixipack.facts import FileFacts, PackageFacts
from pytest_pixipack.verify import Report
from pytest_pixipack.verify.findings import Finding

FILE = Path("expect.toml")
CURL = PackageFacts(
    name="curl", version="8.9.1", build="h12ab_3", build_number=3, subdir="linux-64",
    depends=("libz >=1.3,<2", "openssl"),
    files={"bin/curl": FileFacts("bin/curl"), "lib/libcurl.so.4": FileFacts("lib/libcurl.so.4")},
)  # fmt: skip
TODAY = datetime.date(2026, 6, 15)


def layer(*packages: PackageFacts, subdir: str = "linux-64", whole: bool = True) -> Layer:
    return Layer("pack", subdir, packages, whole)


def differing(where: Layer, **fields: object) -> list[str | None]:
    wanted = ExpectedPackage(name="curl", **fields)  # type: ignore[arg-type]
    found = expected_findings(Expectations(file=FILE, packages=(wanted,)), [where])
    return [finding.field for finding in found]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"version": ">=8,<9"},
        {"build": "h*_3"},
        {"build_number": 3},
        {"subdir": "linux-64"},
        {"depends": ("openssl",)},
        {"depends": ("libz >=1.3,<2",)},
        {"files": ("bin/curl", "lib/libcurl.so*")},
    ],
    ids=str,
)
def test_what_is_as_expected_is_silent(fields: dict[str, object]) -> None:
    assert differing(layer(CURL), **fields) == []


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"version": ">=9"}, "version"),
        ({"build": "py*"}, "build"),
        ({"build_number": 0}, "build number"),
        ({"subdir": "noarch"}, "subdir"),
        ({"depends": ("libz >=1.3",)}, "depends"),
        ({"files": ("bin/curl", "bin/curl-config")}, "files"),
    ],
    ids=str,
)
def test_what_is_not_is_named(fields: dict[str, object], field: str) -> None:
    assert differing(layer(CURL), **fields) == [field]


def test_a_package_that_is_missing_is_a_finding_where_the_layer_is_whole() -> None:
    assert differing(layer()) == [None]
    assert differing(layer(whole=False)) == []


@pytest.mark.parametrize(
    ("platform", "subdir", "found"),
    [
        ("linux-64", "linux-64", True),
        ("linux-64", "linux-aarch64", False),
        ("linux", "linux-aarch64", True),
        ("unix", "osx-arm64", True),
        ("unix", "win-64", False),
        ("win", "win-64", True),
        (None, "win-64", True),
    ],
)
def test_expectations_of_a_platform_hold_there_only(
    platform: str | None, subdir: str, found: bool
) -> None:
    assert differing(layer(subdir=subdir), platform=platform) == [None] * found


@pytest.mark.parametrize(
    ("spec", "found"), [("curl", True), ("curl <8", False), ("curl >=8", True), ("libz", False)]
)
def test_a_forbidden_package_is_found_by_name_and_version(spec: str, found: bool) -> None:
    expectations = Expectations(file=FILE, forbidden=(ForbiddenPackage(spec=spec),))

    rules = [each.rule for each in expected_findings(expectations, [layer(CURL)])]

    assert rules == ["expect-forbidden"] * found


OLD = Finding(
    rule="artifact-timestamp", severity="error", layers=("artifact",), message="It is in seconds.",
    package="curl", platform="linux-64",
)  # fmt: skip


def with_known(*findings: Finding, **fields: object) -> list[tuple[str, str]]:
    entry = KnownFinding(rule="artifact-timestamp", reason="upstream", **fields)  # type: ignore[arg-type]
    expectations = Expectations(file=FILE, known=(entry,))
    report = with_expectations(Report.of(findings), expectations, [], today=TODAY)
    return [(finding.rule, finding.severity) for finding in report.findings]


def test_a_known_finding_is_a_note() -> None:
    assert with_known(OLD) == [("artifact-timestamp", "note")]
    assert with_known(OLD, package="curl", platform="linux") == [("artifact-timestamp", "note")]


def test_it_counts_until_the_end_of_its_last_day() -> None:
    assert with_known(OLD, expires=TODAY) == [("artifact-timestamp", "note")]


def test_one_that_has_expired_is_an_error_again_and_says_so() -> None:
    expired = with_known(OLD, expires=TODAY - datetime.timedelta(days=1))

    assert sorted(expired) == [("artifact-timestamp", "error"), ("expect-known", "error")]


def test_one_that_is_gone_is_reported() -> None:
    assert with_known() == [("expect-known", "error")]
    assert ("expect-known", "error") in with_known(OLD, package="libz")


def test_an_expectation_that_fails_can_be_known_too() -> None:
    entry = KnownFinding(rule="expect-package", package="zlib", reason="not yet packaged")
    wanted = ExpectedPackage(name="zlib")
    expectations = Expectations(file=FILE, packages=(wanted,), known=(entry,))

    report = with_expectations(Report(), expectations, [layer(CURL)], today=TODAY)

    assert report.ok
    assert [finding.severity for finding in report.findings] == ["note"]
    assert "Known: not yet packaged" in report.findings[0].message


SAIL = PackageFacts(name="my-sail", version="1.2")


def of_wheels(**expectations: object) -> list[str]:
    where = Layer("pack", "linux-64", [CURL], wheels=[SAIL])
    found = expected_findings(Expectations(file=FILE, **expectations), [where])  # type: ignore[arg-type]
    return [finding.rule for finding in found]


@pytest.mark.parametrize("name", ["my-sail", "My_Sail", "my.sail"])
def test_a_wheel_is_there_under_every_spelling_of_its_name(name: str) -> None:
    assert of_wheels(packages=(ExpectedPackage(name=name, version=">=1"),)) == []
    assert of_wheels(packages=(ExpectedPackage(name=name, build="h*", depends=("a",)),)) == []
    assert of_wheels(packages=(ExpectedPackage(name=name, version=">=2"),)) == ["expect-package"]
    assert of_wheels(forbidden=(ForbiddenPackage(spec=name),)) == ["expect-forbidden"]


@pytest.mark.parametrize(
    ("spec", "rules"), [("my-sail <2", ["expect-forbidden"]), ("my-sail 2", [])]
)
def test_a_wheel_may_be_forbidden_in_some_versions(spec: str, rules: list[str]) -> None:
    assert of_wheels(forbidden=(ForbiddenPackage(spec=spec),)) == rules


def test_every_part_of_a_spec_that_all_layers_know_can_be_forbidden(tmp_path: Path) -> None:
    specs = ["curl >=8 h*", "curl[build_number='>=3']", "curl[subdir=linux-64, version='8.*']"]
    (tmp_path / "expect.toml").write_text(f"forbidden = {specs}\n", encoding="utf-8")
    expected = load_expectations(tmp_path / "expect.toml")

    assert len([*expected_findings(expected, [layer(CURL)])]) == 3


@pytest.mark.parametrize(
    ("version", "constraint", "fits"),
    [
        ("2.0+cpu.1", ">=2,<3", True),
        ("2.0+cpu.1", "~=2.0", True),
        ("2.0+cpu.1", "2.0", True),
        ("2.0+cpu.1", "2.*", True),
        ("2.0+cpu.1", "=2", True),
        ("2.0+cpu.1", "2.0+cpu.2", False),
        ("2.0+cpu.1", ">=2.1", False),
        ("2.0rc1", "<2", False),  # PEP 440: no version before the one that it excludes
        ("2.0rc1", "<=2", True),
        ("1.4", "1.2|1.4", True),
        ("1.4", "!=1.4", False),
        ("1.4", "*", True),
        ("2004d", ">=2003", True),  # no version of PEP 440: as conda compares
        ("1.4", "(>=1,<2)|3.*", True),
    ],
)
def test_versions_of_wheels_are_compared_as_pip_does(
    version: str, constraint: str, fits: bool
) -> None:
    where = Layer("pack", "linux-64", [CURL], wheels=[PackageFacts(name="torch", version=version)])
    wanted = (ExpectedPackage(name="torch", version=constraint),)
    strict = (ForbiddenPackage(spec=f"torch[version='{constraint}']"),)

    missed = [*expected_findings(Expectations(file=FILE, packages=wanted), [where])]
    struck = [*expected_findings(Expectations(file=FILE, forbidden=strict), [where])]

    assert (not missed, bool(struck)) == (fits, fits)


@pytest.mark.parametrize(
    ("fields", "rules"),
    [
        ({"rule": "pack-digest"}, ["expect-known"]),
        ({"rule": "pack-digest", "platform": "linux"}, ["expect-known"]),
        ({"rule": "pack-digest", "environment": "default"}, ["expect-known"]),
        ({"rule": "pack-digest", "platform": "win-64"}, []),
        ({"rule": "pack-digest", "environment": "docs"}, []),
        ({"rule": "prefix-files"}, []),
        ({"rule": "prefix-files", "expires": TODAY - datetime.timedelta(days=1)}, ["expect-known"]),
    ],
    ids=str,
)
def test_only_what_was_looked_for_is_gone(fields: dict[str, object], rules: list[str]) -> None:
    entry = KnownFinding(reason="upstream", **fields)  # type: ignore[arg-type]
    where = Layer("pack", "linux-64", [CURL], environment="default")
    expectations = Expectations(file=FILE, known=(entry,))

    report = with_expectations(Report.of((), ["pack-digest"]), expectations, [where], today=TODAY)

    assert [finding.rule for finding in report.findings] == rules


def test_of_two_entries_for_one_finding_none_is_gone() -> None:
    entry = KnownFinding(rule="artifact-timestamp", reason="upstream")
    over = KnownFinding(rule="artifact-timestamp", reason="old", expires=datetime.date(2020, 1, 1))
    twice = Expectations(file=FILE, known=(entry, entry))
    one_is_over = Expectations(file=FILE, known=(over, entry))

    def rules(expectations: Expectations) -> list[tuple[str, str]]:
        report = with_expectations(Report.of([OLD]), expectations, [], today=TODAY)
        return sorted((finding.rule, finding.severity) for finding in report.findings)

    assert rules(twice) == [("artifact-timestamp", "note")]
    assert rules(one_is_over) == [("artifact-timestamp", "note"), ("expect-known", "error")]
