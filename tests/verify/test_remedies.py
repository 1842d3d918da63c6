"""What `check` advises besides locking again: each edit is made, and the lock is current again."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_pixipack.lock import parse_lock
from pytest_pixipack.manifest import load_manifest
from pytest_pixipack.verify import Finding, Report, check_lock
from pytest_pixipack.verify.render import render

MANIFEST = """\
[workspace]
name = "w"
channels = ["https://c.example/main"]
platforms = ["linux-64", { name = "gpu", platform = "linux-64", cuda = "12.0" }]

[dependencies]
libz = "*"

[feature.tools.dependencies]
tool = "*"

[feature.more.dependencies]
libz = ">=0"

[environments]
tools = ["tools"]
more = ["more"]
"""
URL = "https://c.example/main/linux-64"
_TOOL = f"- conda: {URL}/tool-1.0-h1_0.conda\n"
_LIBZ = f"- conda: {URL}/libz-1.0-h0_0.conda\n"
_CHANNELS = "    channels:\n    - url: https://c.example/main/\n    packages:\n"


def _environment(name: str, *packages: str) -> str:
    entries = "".join(f"      {package}" for package in packages)
    return f"  {name}:\n{_CHANNELS}      linux-64:\n{entries}      p1:\n{entries}"


LOCK = (
    "version: 7\nplatforms:\n- name: linux-64\n  virtual-packages:\n  - __unix=0=0\n"
    "  - __linux=4.18\n  - __glibc=2.28\n  - __archspec=0=x86_64\n- name: p1\n  subdir: linux-64\n"
    "  virtual-packages:\n  - __unix=0=0\n  - __linux=4.18\n  - __glibc=2.28\n  - __cuda=12.0\n"
    "  - __archspec=0=x86_64\n"
    "environments:\n"
    + _environment("default", _LIBZ)
    + _environment("more", _LIBZ)
    + _environment("tools", _LIBZ, _TOOL)
    + f"packages:\n{_LIBZ}  license: Zlib\n{_TOOL}"
)


def check(root: Path, old: str = "", new: str = "") -> Report:
    assert old in MANIFEST
    text = MANIFEST.replace(old, new) if old else MANIFEST
    (root / "pixi.toml").write_text(text, encoding="utf-8")
    return check_lock(load_manifest(root), parse_lock(LOCK, "pixi.lock"))


def the_one(root: Path, old: str, new: str) -> Finding:
    """What all findings of an edit have in common."""
    found = check(root, old, new).errors
    assert len({(f.rule, str(f.remedy), str(f.actual), str(f.expected)) for f in found}) == 1, found
    return found[0]


def test_the_workspace_is_up_to_date(tmp_path: Path) -> None:
    assert check(tmp_path).ok


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ('build = "x*"', "libz 1.0 h0_0"),
        ('license = "MIT"', "libz 1.0 h0_0 license=Zlib"),
        ('build-number = ">=1"', "libz 1.0 h0_0 build_number=0"),
        ('flags = ["gpu"]', "libz 1.0 h0_0 flags=nothing"),
    ],
)
def test_a_version_that_fits_is_not_the_reason(asked: str, found: str, tmp_path: Path) -> None:
    """The finding shows what is asked for of the locked package; its version may stay."""
    edit = f'libz = {{ version = ">=1", {asked} }}'
    finding = the_one(tmp_path, 'libz = "*"', edit)
    assert finding.actual == found
    assert finding.remedy == ('Run `pixi lock`, or ask for its version alone, as in libz = ">=1"')
    assert check(tmp_path, 'libz = "*"', 'libz = ">=1"').ok


def test_a_package_that_other_environments_need(tmp_path: Path) -> None:
    """To remove it from the manifest would break those."""
    finding = the_one(tmp_path, 'more = ["more"]', 'more = ["more", "tools"]')
    assert finding.remedy == (
        "Run `pixi lock`, or leave the feature that asks for tool out of more"
    )
    assert check(tmp_path, 'more = ["more"]', 'more = ["more"] # without it').ok


def test_other_virtual_packages(tmp_path: Path) -> None:
    """The platform is there, as another machine: it has not to be removed."""
    finding = the_one(tmp_path, 'cuda = "12.0"', 'cuda = "12.4", glibc = "2.35"')
    assert (finding.rule, finding.field) == ("lock-platforms", "virtual-packages")
    assert finding.expected == ["__cuda=12.4", "__glibc=2.35"]
    assert finding.actual == ["__cuda=12.0", "__glibc=2.28"]
    assert "give gpu the virtual packages that are locked" in str(finding.remedy)
    assert check(tmp_path, 'cuda = "12.0"', 'cuda = "12.0", glibc = "2.28"').ok


def test_a_platform_that_is_new(tmp_path: Path) -> None:
    finding = the_one(tmp_path, '["linux-64", ', '["linux-64", "osx-arm64", ')
    assert finding.remedy == "Run `pixi lock`, or remove osx-arm64 from the platforms"


def test_the_channels_of_a_feature(tmp_path: Path) -> None:
    channels = '[feature.tools]\nchannels = ["https://c.example/other"]\n\n'
    table = "[feature.tools.dependencies]"
    finding = the_one(tmp_path, table, channels + table)
    assert finding.line == 10
    assert finding.remedy == "Run `pixi lock`, or change the channels of the feature tools"
    assert check(tmp_path, table, channels.replace("other", "main") + table).ok


def test_the_platforms_of_a_feature(tmp_path: Path) -> None:
    limits = '[feature.tools]\nplatforms = ["osx-arm64"]\n\n[feature.tools.dependencies]'
    report = check(
        tmp_path,
        'platforms = ["linux-64", ',
        'platforms = ["osx-arm64", "linux-64", ',
    )
    assert not report.ok
    text = (tmp_path / "pixi.toml").read_text(encoding="utf-8")
    text = text.replace("[feature.tools.dependencies]", limits)
    (tmp_path / "pixi.toml").write_text(text, encoding="utf-8")
    found = check_lock(load_manifest(tmp_path), parse_lock(LOCK)).errors
    assert "Run `pixi lock`, or add linux-64 to the platforms of the feature tools" in {
        finding.remedy for finding in found
    }


def test_a_cut_off_names_platforms_as_the_manifest_does(tmp_path: Path) -> None:
    only_gpu = LOCK.replace(f"      linux-64:\n      {_LIBZ}", "      linux-64:\n")
    lock = only_gpu.replace("  license: Zlib\n", "  timestamp: 1700000000000\n")
    check(tmp_path, 'name = "w"', 'name = "w"\nexclude-newer = "2020-01-01"')
    report = check_lock(load_manifest(tmp_path), parse_lock(lock))
    late = [finding for finding in report.errors if finding.rule == "lock-exclude-newer"]
    assert {finding.platform for finding in late} == {"gpu"}


def test_a_constraint_of_another_package_is_not_the_manifests(tmp_path: Path) -> None:
    """pixi does not notice, so that locking again changes nothing."""
    check(tmp_path)
    lock = LOCK.replace("  license: Zlib\n", "  constrains:\n  - tool >=2\n")
    report = check_lock(load_manifest(tmp_path), parse_lock(lock))
    assert {finding.remedy for finding in report.warnings if finding.rule == "lock-constrains"} == {
        "Run `pixi update libz tool`"
    }
    assert not any("manifest" in line for line in render(report))
