"""Wheels in a pack find there what they require, and the Python that they are for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_pixipack import StubChannel, read_artifact, read_pack
from pytest_pixipack.engine.building import built_record
from pytest_pixipack.pack import PackedPackage, PackedWheel, write_pack
from pytest_pixipack.verify import verify
from pytest_pixipack.verify.findings import Finding
from tests.verify.conftest import Layers
from tests.wheels import make_wheel


def packed(tmp_path: Path, *wheels: Path, python: str = "3.12.1", build: str = "0") -> Path:
    """A pack with a Python, numpy 2.0 and the wheels."""
    channel = StubChannel("c").add("python", python, build=build, subdir="linux-64")
    channel.add("numpy", "2.0", subdir="linux-64")
    paths = sorted(channel.build(tmp_path / "c").path.rglob("*.conda"))
    packages = [
        PackedPackage("linux-64", path.name, path, built_record(read_artifact(path)))
        for path in paths
    ]
    packed = [PackedWheel(path.name, path, *path.name.split("-")[:2]) for path in wheels]
    write_pack(tmp_path / "p.tar", "linux-64", packages, packed)
    return tmp_path / "p.tar"


def found(tmp_path: Path, metadata: str, *others: tuple[str, str]) -> list[Finding]:
    """The findings of the rule about a pack with Python 3.12, numpy 2.0 and a wheel."""
    wheels = [make_wheel(tmp_path / "w", "sail", "1.0", metadata=metadata)]
    wheels += [make_wheel(tmp_path / "w", name, version) for name, version in others]
    findings = verify(pack=read_pack(packed(tmp_path, *wheels))).findings
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
        "Requires-Python: nonsense\n",
        "Requires-Dist: nonsense !!\n",
        'Requires-Dist: absent ; python_version ~= "abc"\n',
        'Requires-Dist: absent ; extra ~= "abc"\n',
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


FITTING = [
    "py3-none-any", "py2.py3-none-any", "cp312-cp312-manylinux_2_17_x86_64", "cp312-none-any",
    "cp39-abi3-manylinux2014_x86_64", "cp312-cp312-manylinux_2_39_x86_64",
    "cp311.cp312-cp311.cp312-linux_x86_64",
]  # fmt: skip
OTHERS = [
    "py2-none-any", "cp39-cp39-win_amd64", "cp312-cp312-win_amd64", "cp313-abi3-linux_x86_64",
    "cp311-cp311-manylinux_2_17_x86_64", "cp312-cp312-manylinux_2_17_aarch64",
    "cp312-cp312-macosx_11_0_arm64", "cp312-cp312-musllinux_1_2_x86_64", "cp313-none-any",
    "pp310-pypy310_pp73-manylinux_2_17_x86_64",
]  # fmt: skip


@pytest.mark.parametrize("tag", FITTING)
def test_a_wheel_for_this_python(tag: str, tmp_path: Path) -> None:
    assert verify(pack=packed(tmp_path, make_wheel(tmp_path, "sail", tag=tag))).findings == ()


@pytest.mark.parametrize("tag", OTHERS)
def test_a_wheel_for_another_python_or_platform(tag: str, tmp_path: Path) -> None:
    """No installer takes it: this is an error."""
    (finding,) = verify(pack=packed(tmp_path, make_wheel(tmp_path, "sail", tag=tag))).findings

    assert (finding.rule, finding.severity) == ("pack-wheel-closure", "error")
    assert (finding.package, finding.field) == ("sail", "tags")


def test_of_another_python_than_cpython_nothing_is_known(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "sail", tag="pp310-pypy310_pp73-manylinux_2_17_x86_64")

    assert verify(pack=packed(tmp_path, wheel, python="3.10.2", build="0_pypy")).findings == ()


def test_two_wheels_of_one_name(tmp_path: Path) -> None:
    wheels = [make_wheel(tmp_path, "sail", version) for version in ("1.0", "2.0")]

    (finding,) = verify(pack=packed(tmp_path, *wheels)).findings

    assert (finding.rule, finding.severity, finding.package) == ("pack-wheels", "error", "sail")
    assert finding.actual == [wheel.name for wheel in wheels]


def test_wheels_without_a_python(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "sail")
    write_pack(tmp_path / "p.tar", "linux-64", [], [PackedWheel(wheel.name, wheel, "sail", "1.0")])

    (finding,) = verify(pack=tmp_path / "p.tar").findings

    assert (finding.rule, finding.severity) == ("pack-wheel-closure", "error")
    assert finding.package == "python"


def swapped(make: Callable[[Path], object]) -> Callable[[Path], object]:
    """Leaves out the wheel of the pack, for another one."""

    def edit(folder: Path) -> None:
        (folder / "pypi" / "keel-1.2-py3-none-any.whl").unlink()
        make(folder / "pypi")

    return edit


REPLACED: dict[str, tuple[Callable[[Path], object], str]] = {
    "another version": (lambda place: make_wheel(place, "keel", "1.3"), "version"),
    "another file": (
        lambda place: make_wheel(place, "keel", "1.2", tag="py2.py3-none-any"),
        "wheel",
    ),
    "other content": (lambda place: make_wheel(place, "keel", "1.2"), "sha256"),
    "nothing": (Path.exists, "wheel"),
}


@pytest.mark.parametrize(("make", "field"), REPLACED.values(), ids=REPLACED)
def test_a_wheel_that_is_not_the_locked_one(
    make: Callable[[Path], object], field: str, shipped: Layers
) -> None:
    broken = shipped.with_pack(swapped(make))
    for layers in (("lock", "pack"), ("manifest", "lock", "pack", "prefix")):
        (finding,) = broken.verify(*layers).findings
        assert (finding.rule, finding.severity, finding.field) == ("pack-wheels", "error", field)
        assert (finding.package, finding.layers) == ("keel", ("lock", "pack"))


def test_the_locked_wheel_and_another_one(shipped: Layers) -> None:
    broken = shipped.with_pack(lambda folder: make_wheel(folder / "pypi", "keel", "1.3"))
    for layers in (("pack",), ("lock", "pack"), ("lock", "pack", "prefix")):
        (finding,) = broken.verify(*layers).findings
        assert (finding.rule, finding.field, finding.package) == ("pack-wheels", "wheel", "keel")


def test_an_injected_wheel_that_needs_something_else(shipped: Layers) -> None:
    """That it is not locked does not explain what it lacks."""

    def inject(folder: Path) -> None:
        make_wheel(folder / "pypi", "mast", metadata="Requires-Dist: absent>=1\n")
        file = folder / "environment.yml"
        file.write_text(file.read_text("utf-8") + "    - mast==1.0\n", encoding="utf-8")

    report = shipped.with_pack(inject).verify("lock", "pack")
    assert set(report.rules) == {"pack-wheels", "pack-wheel-closure"}
    assert report.ok
