"""Packages hold what the systems that they are for can hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_pixipack.artifact import Member, read_artifact, write_artifact
from pytest_pixipack.artifact.portable import check_portable
from pytest_pixipack.errors import InvalidInput

COLLISION = ["share/README", "share/readme"]


@pytest.mark.parametrize(
    ("names", "subdir", "said"),
    [
        (COLLISION, "noarch", "one file on some systems"),
        (COLLISION, "win-64", "one file on some systems"),
        (COLLISION, "osx-arm64", "one file on some systems"),
        (["a/\u00e9", "a/e\u0301"], "noarch", "one file on some systems"),
        (["lib/x", "LIB/X/y"], "osx-64", "one file on some systems"),
        (["lib/aux.py"], "noarch", "device on Windows"),
        (["lib/NUL"], "win-64", "device on Windows"),
        (["lib/a:b"], "win-64", "colon"),
        (["lib/a."], "win-64", "ends in a dot"),
        (["lib/a?"], "win-arm64", "does not allow"),
        (["Info/index.json"], "noarch", "says of itself"),
        (["INFO/index.json"], "win-64", "says of itself"),
    ],
)
def test_names_that_some_system_cannot_have(names: list[str], subdir: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        check_portable(names, subdir, "sail", "sail-1-0.conda")


@pytest.mark.parametrize(
    ("names", "subdir", "package"),
    [
        (COLLISION, "linux-64", "ncurses"),
        (["lib/aux.h", "a:b", "a."], "linux-64", "sail"),
        (["man/Foo::Bar.3"], "noarch", "perl-foo"),
        (["man/Foo::Bar.3", "aux"], "osx-64", "sail"),
        (["A/x", "a/y"], "win-64", "sail"),
        (["x/xt_MARK.h", "x/xt_mark.h", "x/aux.h"], "noarch", "kernel-headers_linux-64"),
        (["x/xt_MARK.h", "x/xt_mark.h"], "noarch", "sysroot_linux-aarch64"),
    ],
)
def test_names_that_the_systems_can_have(names: list[str], subdir: str, package: str) -> None:
    check_portable(names, subdir, package, "x.conda")


@pytest.mark.parametrize(("subdir", "good"), [("linux-64", True), ("noarch", False)])
def test_a_package_is_read_for_its_subdir(subdir: str, good: bool, tmp_path: Path) -> None:
    index = {"name": "sail", "version": "1", "build": "0", "build_number": 0, "subdir": subdir}
    path = tmp_path / "sail-1-0.conda"
    write_artifact(path, index, [Member(name, b"") for name in COLLISION])
    if good:
        assert set(read_artifact(path).payload) == set(COLLISION)
    else:
        with pytest.raises(InvalidInput, match=r"`share/readme` and `share/README` are one file"):
            read_artifact(path)
