"""PyPI packages in a lock: asked for, satisfied, needed, from the right index."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_pixipack.lock import parse_lock
from pytest_pixipack.manifest import load_manifest
from pytest_pixipack.verify import Report, check_lock

INDEX = "https://index.example/simple"
MANIFEST = """
[workspace]
channels = ["https://example.invalid/main"]
platforms = ["linux-64"]

[dependencies]
python = "*"

[pypi-options]
index-url = "%s"

[pypi-dependencies]
%s
"""
LOCK = f"""version: 7
platforms:
- name: linux-64
  virtual-packages:
  - __unix=0=0
  - __linux=4.18
  - __glibc=2.28
  - __archspec=0=x86_64
environments:
  default:
    channels:
    - url: https://example.invalid/main/
    indexes:
    - {INDEX}
    packages:
      linux-64:
      - conda: https://example.invalid/main/linux-64/python-3.11.5-0.conda
      - pypi: {INDEX}/boat-1.2-py3-none-any.whl
      - pypi: {INDEX}/sail-3.0-py3-none-any.whl
packages:
- conda: https://example.invalid/main/linux-64/python-3.11.5-0.conda
  sha256: {"a" * 64}
  purls: []
- pypi: {INDEX}/boat-1.2-py3-none-any.whl
  name: boat
  version: '1.2'
  index: {INDEX}
  requires_dist:
  - sail>=3
  - oars ; extra == 'manual'
- pypi: {INDEX}/sail-3.0-py3-none-any.whl
  name: sail
  version: '3.0'
  index: {INDEX}
"""


def check(tmp_path: Path, dependencies: str, lock: str = LOCK, index: str = INDEX) -> Report:
    (tmp_path / "pixi.toml").write_text(MANIFEST % (index, dependencies), encoding="utf-8")
    return check_lock(load_manifest(tmp_path), parse_lock(lock))


@pytest.mark.parametrize("spec", ['"*"', '">=1,<2"', '{ version = "~=1.2" }', '"==1.2"'])
def test_what_is_locked_is_enough(tmp_path: Path, spec: str) -> None:
    assert check(tmp_path, f"Boat = {spec}").findings == ()


def test_another_requirement(tmp_path: Path) -> None:
    report = check(tmp_path, 'boat = "*"\nanchor = ">=1"')
    assert report.rules == ("lock-pypi-requirement",)
    assert report.findings[0].line == 14


def test_a_tighter_requirement(tmp_path: Path) -> None:
    assert check(tmp_path, 'boat = ">=2"').rules == ("lock-pypi-version",)


def test_a_requirement_that_is_gone(tmp_path: Path) -> None:
    report = check(tmp_path, 'sail = "*"')
    assert report.rules == ("lock-unused",)
    assert report.findings[0].package == "boat"


def test_a_dependency_that_is_gone_from_the_lock(tmp_path: Path) -> None:
    lock = LOCK.replace(f"      - pypi: {INDEX}/sail-3.0-py3-none-any.whl\n", "")
    assert {f.rule for f in check(tmp_path, 'boat = "*"', lock).errors} == {"lock-pypi-requirement"}


def test_a_dependency_with_another_version(tmp_path: Path) -> None:
    lock = LOCK.replace("sail>=3", "sail>=4")
    assert check(tmp_path, 'boat = "*"', lock).rules == ("lock-pypi-version",)


def test_another_index(tmp_path: Path) -> None:
    report = check(tmp_path, 'boat = "*"', index="https://other.example/simple")
    assert report.rules == ("lock-indexes",)
