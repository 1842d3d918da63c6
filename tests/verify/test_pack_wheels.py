"""Wheels in a pack find there what they require, and the Python that they are for."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_pixipack import StubChannel, read_artifact, read_pack
from pytest_pixipack.engine.building import built_record
from pytest_pixipack.pack import PackedPackage, PackedWheel, write_pack
from pytest_pixipack.verify import verify
from pytest_pixipack.verify.findings import Finding
from tests.wheels import make_wheel


def found(tmp_path: Path, metadata: str, *others: tuple[str, str]) -> list[Finding]:
    """The findings of the rule about a pack with Python 3.12, numpy 2.0 and a wheel."""
    channel = StubChannel("c").add("python", "3.12.1", subdir="linux-64")
    channel.add("numpy", "2.0", subdir="linux-64")
    paths = sorted(channel.build(tmp_path / "c").path.rglob("*.conda"))
    packages = [
        PackedPackage("linux-64", path.name, path, built_record(read_artifact(path)))
        for path in paths
    ]
    wheels = [make_wheel(tmp_path / "w", "sail", "1.0", metadata=metadata)]
    wheels += [make_wheel(tmp_path / "w", name, version) for name, version in others]
    packed = [PackedWheel(path.name, path, *path.name.split("-")[:2]) for path in wheels]
    write_pack(tmp_path / "p.tar", "linux-64", packages, packed)
    findings = verify(pack=read_pack(tmp_path / "p.tar")).findings
    return [each for each in findings if each.rule == "pack-wheel-closure"]


@pytest.mark.parametrize(
    "metadata",
    [
        "",
        "Requires-Dist: keel\n",
        "Requires-Dist: Keel >=2,<3\n",
        "Requires-Dist: numpy>=2\n",
        "Requires-Dist: absent ; sys_platform == 'win32'\n",
        "Requires-Dist: absent ; python_version < '3.10'\n",
        "Requires-Dist: absent ; extra == 'all'\n",
        "Requires-Python: >=3.9\n",
    ],
)
def test_what_is_there_is_silent(metadata: str, tmp_path: Path) -> None:
    assert found(tmp_path, metadata, ("keel", "2.1")) == []


@pytest.mark.parametrize(
    ("metadata", "field", "expected", "actual"),
    [
        ("Requires-Dist: absent>=1\n", "requires-dist", "absent>=1", None),
        ("Requires-Dist: keel>=3\n", "requires-dist", "keel>=3", "keel 2.1"),
        ("Requires-Dist: numpy<2\n", "requires-dist", "numpy<2", "numpy 2.0"),
        (
            "Requires-Dist: absent ; sys_platform == 'linux'\n",
            "requires-dist",
            "absent ; sys_platform == 'linux'",
            None,
        ),
        ("Requires-Python: >=3.13\n", "requires-python", ">=3.13", "3.12.1"),
    ],
)
def test_what_is_not_is_a_warning(
    metadata: str, field: str, expected: str, actual: str | None, tmp_path: Path
) -> None:
    (finding,) = found(tmp_path, metadata, ("keel", "2.1"))

    assert (finding.package, finding.severity) == ("sail", "warning")
    assert (finding.field, finding.expected, finding.actual) == (field, expected, actual)
