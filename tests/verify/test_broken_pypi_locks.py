"""One thing is broken in a lock with PyPI packages: one rule says what, where, how to mend it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from pytest_pixipack.manifest import load_manifest
from pytest_pixipack.verify import Finding, check_lock_file
from tests.verify.pypi_cases import LAMP, ROPE, Edit, lock, project, toml
from tests.verify.pypi_recording import recorded
from tests.verify.pypi_world import Wheel

INDEX = "http://127.0.0.1:9"


@pytest.fixture
def findings(tmp_path: Path, base: str, edits: tuple[Edit, ...]) -> list[Finding]:
    report = check_lock_file(load_manifest(recorded(tmp_path, base, *edits)))
    return [f for f in report.findings if f.rule != "lock-canonical" and f.platform != "win-64"]


def broken(base: str, *edits: Edit) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("base", "edits"), [(base, edits)], ids=[base])


def the_one(findings: list[Finding]) -> Finding:
    assert len(findings) == 1, findings
    found = findings[0]
    assert found.file is not None
    assert found.line is not None
    assert found.remedy
    assert found.package
    return found


@broken("plain", toml('hull = ">=2"', 'hull = ">=2"\nlamp = ">=1"'))
def test_requirement(findings: list[Finding]) -> None:
    found = the_one(findings)
    assert (found.rule, found.severity, found.package) == ("lock-pypi-requirement", "error", "lamp")
    assert (found.environment, found.platform) == ("default", "linux-64")
    assert (found.expected, found.cause) == ("lamp >=1", "dependency-change")
    assert found.remedy == "Run `pixi lock`, or remove lamp from the manifest"
    assert found.file is not None
    assert found.file.endswith("pixi.toml")


@broken("plain", lock("      - pypi: @INDEX@/files/main/keel-2.0-py3-none-any.whl\n", ""))
def test_a_requirement_of_a_package(findings: list[Finding]) -> None:
    found = the_one(findings)
    assert (found.rule, found.package, found.expected) == (
        "lock-pypi-requirement", "hull", "keel>=1",
    )  # fmt: skip
    assert found.file is not None
    assert found.file.endswith("pixi.lock")


@broken("directory", Edit("crew/pyproject.toml", '"sail>=3"', '"sail>=3", "lamp"'))
def test_a_requirement_of_a_local_project(findings: list[Finding]) -> None:
    found = the_one(findings)
    assert (found.rule, found.package) == ("lock-pypi-requirement", "crew")
    assert (found.field, found.expected, found.actual) == ("requires_dist", ["lamp"], [])
    assert found.evidence is not None
    assert Path(found.evidence).parts[-2:] == ("crew", "pyproject.toml")


@broken("plain", toml('">=2"', '">=2.1"'))
def test_version(findings: list[Finding]) -> None:
    found = the_one(findings)
    assert (found.rule, found.cause) == ("lock-pypi-version", "version-change")
    assert (found.expected, found.actual) == ("hull >=2.1", "hull 2.0")
    assert found.remedy == "Run `pixi lock`, or let the manifest's hull allow what is locked"


@broken(
    "group",
    lock(
        "      - pypi: @INDEX@/files/main/sail-3.0-py3-none-any.whl\n      win-64:\n",
        "      - pypi: @INDEX@/files/main/sail-4.0-py3-none-any.whl\n      win-64:\n",
    ),
    lock(
        "- pypi: @INDEX@/files/main/sail-3.0-py3-none-any.whl\n  name",
        "- pypi: @INDEX@/files/main/sail-4.0-py3-none-any.whl\n  name: sail\n  version: '4.0'\n"
        "  index: @INDEX@/main\n- pypi: @INDEX@/files/main/sail-3.0-py3-none-any.whl\n  name",
    ),
)
def test_a_version_that_is_not_in_the_whole_group(findings: list[Finding]) -> None:
    assert "lock-pypi-version" in {found.rule for found in findings}


@broken("extras", toml('["night"]', '["night", "manual"]'))
def test_extra(findings: list[Finding]) -> None:
    found = the_one(findings)
    assert (found.rule, found.package) == ("lock-pypi-extra", "hull")
    assert "for its extra manual" in found.message
    assert found.remedy == "Run `pixi lock`, or take manual out of the extras of hull"


@broken("own-index", toml('lamp = "*"', 'lamp = { version = "*", index = "@INDEX@/extra" }'))
def test_index(findings: list[Finding]) -> None:
    found = the_one(findings)
    assert (found.rule, found.package) == ("lock-pypi-index", "lamp")
    assert (found.expected, found.actual) == (f"{INDEX}/extra", f"{INDEX}/main")
    assert found.remedy == f'Run `pixi lock`, or write lamp = {{ index = "{INDEX}/main" }}'


@broken("urls", toml("sail-3.0", "sail-4.0"))
def test_url(findings: list[Finding]) -> None:
    found = the_one(findings)
    assert (found.rule, found.package) == ("lock-pypi-url", "sail")
    assert found.expected == f"{INDEX}/files/main/sail-4.0-py3-none-any.whl"
    assert found.actual == f"{INDEX}/files/main/sail-3.0-py3-none-any.whl"


@broken("git", toml('tag = "v1"', 'tag = "v2"'))
def test_the_tag_of_a_repository(findings: list[Finding]) -> None:
    found = the_one(findings)
    assert (found.rule, found.package) == ("lock-pypi-url", "rig")
    assert found.expected == "https://git.example/rig.git at the tag v2"
    assert found.actual == "https://git.example/rig.git at the tag v1"


@broken(
    "wheel-path",
    toml("./wheels", "./other"),
    Edit("other/rope-1.2-py3-none-any.whl", None, Wheel("rope", "1.2").content()),
)
def test_path(findings: list[Finding]) -> None:
    found = the_one(findings)
    assert (found.rule, found.package) == ("lock-pypi-path", "rope")
    assert found.expected == "./other/rope-1.2-py3-none-any.whl"
    assert found.actual == "./wheels/rope-1.2-py3-none-any.whl"


@broken("tags", lock("cp311-cp311-manylinux_2_17_x86_64", "cp312-cp312-manylinux_2_17_x86_64"))
def test_tags(findings: list[Finding]) -> None:
    found = the_one(findings)
    assert (found.rule, found.package) == ("lock-pypi-tags", "pump")
    assert found.expected == "a wheel for Python 3.11.5 and this platform"
    assert found.actual == "pump-1.0-cp312-cp312-manylinux_2_17_x86_64.whl"


@broken("no-build", lock("sail-4.0-py3-none-any.whl", "sail-4.0.tar.gz"))
def test_binary(findings: list[Finding]) -> None:
    found = the_one(findings)
    assert (found.rule, found.package) == ("lock-pypi-binary", "sail")
    assert found.remedy == "Run `pixi lock`, or take no-build out of [pypi-options]"


@broken("plain", lock("requires_python: '>=3.8'", "requires_python: '>=3.12'"))
def test_python(findings: list[Finding]) -> None:
    found = the_one(findings)
    assert (found.rule, found.package) == ("lock-pypi-python", "hull")
    assert (found.expected, found.actual) == (">=3.12", "3.11.5")


@broken("conda", toml('keel = ">=1"', 'keel = ">=3"'))
def test_conda(findings: list[Finding]) -> None:
    found = the_one(findings)
    assert (found.rule, found.package) == ("lock-pypi-conda", "keel")
    assert (found.expected, found.actual) == ("keel >=3", "keel 2.1")


@broken("conda", toml('keel = "*"\ncabin = "*"\n', ""))
def test_a_conda_package_that_nothing_asks_for(findings: list[Finding]) -> None:
    assert {(found.rule, found.package) for found in findings} == {
        ("lock-pypi-conda", "keel"),
        ("lock-unused", "cabin"),
    }


@broken(
    "urls",
    lock(
        "  name: lamp\n  version: '1.1'\n",
        f"  name: lamp\n  version: '1.1'\n  sha256: {'a' * 64}\n",
    ),
)
def test_hash_is_a_warning_for_pixi_takes_it_on_trust(findings: list[Finding]) -> None:
    found = the_one(findings)
    assert (found.rule, found.severity, found.package) == ("lock-pypi-hash", "warning", "lamp")
    assert (found.field, found.expected, found.actual) == ("sha256", LAMP, "a" * 64)
    assert found.remedy == "Run `pixi update lamp`"


@broken("wheel-path", lock("  version: '1.2'\n", f"  version: '1.2'\n  sha256: {'a' * 64}\n"))
def test_the_hash_of_a_file(findings: list[Finding]) -> None:
    found = the_one(findings)
    assert (found.rule, found.severity, found.package) == ("lock-pypi-hash", "warning", "rope")
    assert (found.expected, found.actual) == ("a" * 64, hashlib.sha256(ROPE).hexdigest())


@broken("wheel-path", lock("  - sail>=3\n", "  - sail>=2\n"))
def test_a_requirement_that_a_wheel_does_not_have_is_a_warning(findings: list[Finding]) -> None:
    found = the_one(findings)
    assert (found.rule, found.severity) == ("lock-pypi-requirement", "warning")
    assert (found.expected, found.actual) == (["sail>=3"], ["sail>=2"])


@broken("plain", toml("@INDEX@/main", "@INDEX@/extra"))
def test_indexes(findings: list[Finding]) -> None:
    of_all = [found for found in findings if found.rule == "lock-indexes"]
    assert [(found.expected, found.actual) for found in of_all] == [
        ([f"{INDEX}/extra"], [f"{INDEX}/main"])
    ]


@broken("flat-path", toml('[{ path = "./wheels" }]', '[{ path = "./other" }]'))
def test_find_links(findings: list[Finding]) -> None:
    assert [(f.rule, f.field, f.expected, f.actual) for f in findings] == [
        ("lock-indexes", "find-links", ["path:./other"], ["path:./wheels"])
    ]


@broken("prerelease", toml('"allow"', '"disallow"'))
def test_options(findings: list[Finding]) -> None:
    assert [(f.rule, f.field, f.expected, f.actual) for f in findings] == [
        ("lock-options", "pypi-prerelease-mode", "disallow", "allow")
    ]


@broken("extras", toml(', extras = ["night"]', ""))
def test_unused(findings: list[Finding]) -> None:
    assert {(found.rule, found.package) for found in findings} == {
        ("lock-unused", "horn"),
        ("lock-unused", "lamp"),
    }


@broken(
    "targets",
    toml('[pypi-dependencies]\nsail = "*"\n\n[target', '[target.linux-64.pypi-dependencies]\nsail'
         ' = "*"\n\n[target'),
    toml("@INDEX@/main", "@INDEX@/extra"),
)  # fmt: skip
def test_what_pixi_does_not_look_at_in_target_tables_is_a_warning(findings: list[Finding]) -> None:
    assert ("lock-indexes", "warning") in {(found.rule, found.severity) for found in findings}


@broken(
    "directory", Edit("people/pyproject.toml", None, project("crew")), toml("./crew", "./people")
)
def test_another_project_of_the_same_name(findings: list[Finding]) -> None:
    assert {found.rule for found in findings} == {"lock-pypi-path"}


@broken("plain", toml('"win-64"]', '"win-64", "osx-arm64"]'))
def test_what_a_platform_that_is_not_locked_needs_is_no_news(findings: list[Finding]) -> None:
    assert [(f.rule, f.platform) for f in findings] == [("lock-platforms", "osx-arm64")]


@broken(
    "directory",
    Edit(
        "crew/pyproject.toml",
        "[build-system]",
        '[tool.uv.sources]\nsail = { path = "../sail" }\n\n[build-system]',
    ),
)
def test_a_source_of_uv_is_told(findings: list[Finding]) -> None:
    """Both sides would read `sail>=3` otherwise."""
    found = the_one(findings)
    assert (found.expected, found.actual) == (["sail @ ../sail"], ["sail>=3"])
    assert found.evidence == "crew/pyproject.toml"


@broken("directory", Edit("crew/pyproject.toml", 'night = ["lamp", ', 'night = ["lamp>=1", '))
def test_a_requirement_of_an_extra_in_another_is_told_once(findings: list[Finding]) -> None:
    found = the_one(findings)
    assert isinstance(found.expected, list)
    assert len(found.expected) == len(set(found.expected)) == 1
