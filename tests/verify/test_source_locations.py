"""Where a source is asked for, and where it is locked; the verdicts were tried with pixi 0.77."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_pixipack.verify.locations import locations_agree, same_build_source, same_place

REPOSITORY = "https://git.example.org/stub"
COMMIT = "7eb9dfcb4e685fbbf44781829d14a03ad03fcf21"
MAIN = f"git+{REPOSITORY}?subdirectory=lib&branch=main#{COMMIT}"
DEFAULT = f"git+{REPOSITORY}?subdirectory=lib#{COMMIT}"
REVISION = f"git+{REPOSITORY}?subdirectory=lib&rev=7eb9dfcb4#{COMMIT}"


def git(**more: Any) -> dict[str, Any]:
    return {"git": REPOSITORY, "subdirectory": "lib", **more}


@pytest.mark.parametrize(
    ("wanted", "locked", "agree"),
    [
        (git(branch="main"), MAIN, True),
        (git(branch="dev"), MAIN, False),
        (git(tag="main"), MAIN, False),
        (git(rev=COMMIT), MAIN, False),
        # Without a reference, whatever is locked will do.
        (git(), MAIN, True),
        (git(), REVISION, True),
        (git(branch="main"), DEFAULT, False),
        (git(rev=COMMIT), DEFAULT, False),
        # A revision has to be written as it is locked.
        (git(rev="7eb9dfcb4"), REVISION, True),
        (git(rev=COMMIT), REVISION, False),
        (git(branch="main", subdirectory="./lib/"), MAIN, True),
        (git(branch="main", subdirectory="other"), MAIN, False),
        (git(branch="main", lfs=True), MAIN, False),
        (git(branch="main", lfs=False), MAIN, True),
        (git(branch="main", git=f"{REPOSITORY}.git"), MAIN, True),
        (git(branch="main", git=f"{REPOSITORY}/"), MAIN, True),
        (git(branch="main", git="https://user:secret@Git.example.org/stub"), MAIN, True),
        (git(branch="main", git="https://git.example.org/Stub"), MAIN, False),
        ({"path": "lib"}, MAIN, False),
        (git(branch="main"), "lib", False),
    ],
)
def test_dependencies_on_repositories(wanted: dict[str, Any], locked: str, agree: bool) -> None:
    assert locations_agree(wanted, ".", locked) is agree


@pytest.mark.parametrize(
    ("wanted", "agree"),
    [
        (git(branch="main"), True),
        # In build and host environments the reference always counts, the subdirectory only if
        # there is one.
        (git(), False),
        ({"git": REPOSITORY, "branch": "main"}, True),
        (git(branch="main", subdirectory="other"), False),
    ],
)
def test_repositories_in_build_environments(wanted: dict[str, Any], agree: bool) -> None:
    assert locations_agree(wanted, ".", MAIN, build=True) is agree


@pytest.mark.parametrize(
    ("path", "base", "locked", "agree"),
    [
        ("./lib", ".", "lib", True),
        ("../lib/", "pkgs/app", "pkgs/lib", True),
        ("../lib", "pkgs/app/pixi.toml", "pkgs/lib", True),
        ("lib/pixi.toml", ".", "lib", False),
        ("/there/lib", "pkgs/app", "/there/lib", True),
        ("../lib", f"git+{REPOSITORY}?subdirectory=app&branch=main#{COMMIT}", MAIN, True),
        ("../lib", f"git+{REPOSITORY}?subdirectory=app#{COMMIT}", MAIN, False),
        ("../other", f"git+{REPOSITORY}?subdirectory=app&branch=main#{COMMIT}", MAIN, False),
    ],
)
def test_paths(path: str, base: str, locked: str, agree: bool) -> None:
    assert locations_agree({"path": path}, base, locked) is agree


@pytest.mark.parametrize(
    ("wanted", "locked", "same"),
    [
        (None, None, True),
        (None, {"path": "../src"}, False),
        ({"path": "../src/"}, {"path": "../src"}, True),
        ({"path": "."}, {"path": ""}, True),
        ({"path": "../app"}, {"path": ""}, False),
        ({"git": REPOSITORY}, {"git": REPOSITORY, "rev": COMMIT}, True),
        ({"git": REPOSITORY, "branch": "main"}, {"git": REPOSITORY, "rev": COMMIT}, False),
        ({"git": REPOSITORY, "rev": COMMIT}, {"git": REPOSITORY, "rev": COMMIT}, False),
        (
            {"git": REPOSITORY, "rev": COMMIT[:8]},
            {"git": REPOSITORY, "rev": COMMIT, "explicit_rev": True},
            True,
        ),
        ({"git": REPOSITORY}, {"git": REPOSITORY, "rev": COMMIT, "explicit_rev": True}, False),
        (
            {"git": REPOSITORY, "subdirectory": "src"},
            {"git": REPOSITORY, "rev": COMMIT, "subdir": "src"},
            True,
        ),
    ],
)
def test_where_the_files_of_a_package_are(wanted: Any, locked: Any, same: bool) -> None:
    assert same_build_source(wanted, locked) is same


def test_spellings_of_one_place() -> None:
    assert same_place({"path": "../lib/"}, {"path": "./../lib"})
    assert not same_place({"path": "../lib"}, {"git": REPOSITORY})
    assert same_place(git(branch="main"), {**git(branch="main"), "git": f"{REPOSITORY}.git"})
