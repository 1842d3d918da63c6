"""What stands in the way of packing is told from the lock alone."""

from __future__ import annotations

import pytest

from pytest_pixipack.lock import parse_lock
from pytest_pixipack.verify.packable import packable_findings

HEAD = """\
version: 7
platforms:
- name: linux-64
environments:
  default:
    channels:
    - url: https://conda.anaconda.org/conda-forge/
    packages:
      linux-64:
      - {selector}
packages:
- {record}
"""
SHA = f"sha256: {'0' * 64}"


def found(selector: str, *fields: str) -> list[tuple[str, str]]:
    text = HEAD.format(selector=selector, record="\n  ".join([selector, *fields]))
    findings = packable_findings(parse_lock(text, "pixi.lock"))
    return [(finding.severity, finding.message) for finding in findings]


@pytest.mark.parametrize(
    ("selector", "fields"),
    [
        ("conda: https://conda.anaconda.org/conda-forge/noarch/a-1-0.conda", [SHA]),
        ("pypi: https://files.example/sail-1.0-py3-none-any.whl", ["name: sail", SHA]),
        ("pypi: ./wheels/sail-1.0-py3-none-any.whl", ["name: sail", SHA]),
        ("pypi: https://files.example/sail%2B-1.0-py3-none-any.whl#sha256=1", ["name: sail", SHA]),
    ],
)
def test_packages_with_a_file_and_a_digest_can_be_packed(selector: str, fields: list[str]) -> None:
    assert found(selector, *fields) == []


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("https://files.example/sail-1.0.tar.gz", "a source distribution"),
        ("direct+https://files.example/sail-1.0.zip", "a source distribution"),
        ("git+https://git.example/sail?rev=v1#0123456789", "a git repository"),
        ("./sail", "a directory"),
        ("../dist/sail-1.0.tar.gz", "a source distribution"),
    ],
)
def test_pypi_packages_without_a_wheel_cannot(location: str, reason: str) -> None:
    ((severity, message),) = found(f"pypi: {location}", "name: sail", SHA)

    assert severity == "error"
    assert f"sail cannot be packed: it is locked to {reason}" in message


@pytest.mark.parametrize(
    ("selector", "fields"),
    [
        ("conda: https://conda.anaconda.org/conda-forge/noarch/a-1-0.conda", []),
        ("pypi: https://files.example/sail-1.0-py3-none-any.whl", ["name: sail"]),
    ],
)
def test_a_package_without_a_digest_is_a_warning(selector: str, fields: list[str]) -> None:
    ((severity, message),) = found(selector, *fields)

    assert severity == "warning"
    assert "The lock has no digest of" in message


def test_a_package_of_a_local_channel_is_a_warning() -> None:
    ((severity, message),) = found(
        "conda: file:///channel/noarch/a-1-0.conda", "subdir: noarch", "noarch: generic", SHA
    )

    assert severity == "warning"
    assert "only where that is" in message


def test_no_secret_of_a_location_is_shown() -> None:
    (only,) = found("pypi: https://user:hunter2@files.example/sail-1.0.tar.gz", "name: sail", SHA)

    assert "hunter2" not in only[1]
