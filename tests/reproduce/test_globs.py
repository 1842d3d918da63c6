"""Which files a backend's globs name: what pixi 0.77 says, and that it still does."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_pixipack import EmbeddedEngine, EngineOptions, WorkspaceBuilder
from pytest_pixipack.backend.input_globs import InputGlobSet, fold_input_globs
from pytest_pixipack.engine.options import ChildSettings
from pytest_pixipack.engine.system.engine import SystemEngine
from pytest_pixipack.engine.system.tools import find_tools
from pytest_pixipack.errors import BackendError
from pytest_pixipack.reproduce.globs import matching

BESIDE = ["other/src/a.txt", "other/y.c", "shared.txt"]
INSIDE = [
    ".conf/a.txt", ".hidden", "a.txt", "b.c", "build/out.txt", "one/n.c", "one/package.xml",
    "pixi.toml", "src/.hid", "src/a.txt", "src/deep/x.c", "two/IGNORE", "two/package.xml",
]  # fmt: skip
VISIBLE = "a.txt b.c build/out.txt one/n.c one/package.xml pixi.toml src/a.txt src/deep/x.c "
VISIBLE += "two/IGNORE two/package.xml"

# Globs, and the files that they name, relative to the package's directory.
GLOBS: list[tuple[list[str], str]] = [
    (["**"], VISIBLE),
    # A pattern without a slash matches in every directory, hidden ones included.
    (["*"], f".conf/a.txt .hidden src/.hid {VISIBLE}"),
    (["*.txt"], "a.txt build/out.txt src/a.txt"),
    (["**/*.txt"], "a.txt build/out.txt src/a.txt"),
    (["src/**"], "src/.hid src/a.txt src/deep/x.c"),
    (["src/*"], "src/.hid src/a.txt"),
    (["src/**/x.c"], "src/deep/x.c"),
    # A name without wildcards is a file beside the manifest, and no directory.
    (["a.txt"], "a.txt"),
    (["/a.txt"], "a.txt"),
    (["src"], ""),
    (["./src/*.txt"], "src/a.txt"),
    (["./a.txt"], ""),
    (["src/../a.txt"], ""),
    # The last one that matches decides; a directory that is excluded is not looked into.
    (["*.txt", "!a.txt"], "build/out.txt src/a.txt"),
    (["!a.txt", "*.txt"], "a.txt build/out.txt src/a.txt"),
    (["*.txt", "!src"], "a.txt build/out.txt"),
    (["*.txt", "!src/**"], "a.txt build/out.txt"),
    (["*.txt", "!build/"], "a.txt src/a.txt"),
    (["**/*.c", "!**/deep"], "b.c one/n.c"),
    (["!**/*.txt", "!t*"], "b.c one/n.c one/package.xml pixi.toml src/deep/x.c"),
    # Beside the package, only patterns with wildcards lead.
    (["../shared.txt"], ""),
    (["../other/**"], "../other/src/a.txt ../other/y.c"),
    (["../oth?r/*.c"], "../other/y.c"),
    (["../other/**", "!**/a.txt"], "../other/y.c"),
    (["../other/**", "*.c", "!b.c"], "../other/src/a.txt ../other/y.c"),
    # What is hidden has to be named.
    ([".hidden"], ".hidden"),
    ([".conf/**"], ".conf/a.txt"),
    (["**", ".conf/a.txt"], f".conf/a.txt {VISIBLE}"),
    (["**/*.txt", "**/.*"], ".conf/a.txt .hidden a.txt build/out.txt src/.hid src/a.txt"),
    (["a.txt", ".hidden"], ".hidden"),
    (["**", "!.conf"], ""),
    # Wildcards.
    (["src/?.txt"], "src/a.txt"),
    (["src/[ab].txt"], "src/a.txt"),
    (["src/[!b].txt"], "src/a.txt"),
    (["src/{a,b}.txt"], "src/a.txt"),
    (["{src/**,b.c}"], "b.c src/.hid src/a.txt src/deep/x.c"),
    (["{,src/}a.txt"], "src/a.txt"),
    (["src/d**p/x.c"], "src/deep/x.c"),
    (["a.t\\xt"], "a.txt"),
    (["SRC/**"], ""),
    (["#a.txt", "b.c"], "b.c"),
    ([], ""),
]  # fmt: skip

PACKAGES = ["**/package.xml"]
SETS: list[tuple[list[dict[str, Any]], str]] = [
    # A directory with a marker is a leaf where the marker is an input, else it is left out.
    ([{"patterns": PACKAGES, "markers": ["package.xml"]}], "one/package.xml two/package.xml"),
    ([{"patterns": PACKAGES, "markers": ["package.xml", "IGNORE"]}], "one/package.xml"),
    ([{"patterns": ["**/*.c"], "markers": ["package.xml"]}], "b.c src/deep/x.c"),
    ([{"patterns": ["**/*.txt"], "markers": ["a.txt"]}], "a.txt"),
    ([{"patterns": [], "markers": ["package.xml"]}], ""),
    ([{"patterns": ["**/*.txt"], "excludeHidden": False}],
     ".conf/a.txt a.txt build/out.txt src/a.txt"),
    ([{"patterns": ["*.txt"], "root": "src"}], "src/a.txt"),
    ([{"patterns": ["*.c"], "root": "../other"}], "../other/y.c"),
    ([{"patterns": ["../*.c"], "root": "src"}], "b.c one/n.c src/deep/x.c"),
    # Every group for itself.
    ([{"patterns": ["b.c"]}, {"patterns": ["src/**", "!**/*.c"]}], "b.c src/.hid src/a.txt"),
]  # fmt: skip


def named(groups: tuple[InputGlobSet, ...]) -> list[str]:
    paths = [*BESIDE, *(f"p/{path}" for path in INSIDE)]
    return sorted(os.path.relpath(path, "p") for path in matching(paths, groups, "p"))


@pytest.mark.parametrize(("globs", "expected"), GLOBS)
def test_globs(globs, expected):
    assert named(fold_input_globs(globs, None)) == sorted(expected.split())


@pytest.mark.parametrize(("sets", "expected"), SETS)
def test_groups_of_globs(sets, expected):
    assert named(fold_input_globs([], sets)) == sorted(expected.split())


def test_flat_globs_are_one_group_more():
    sets = [{"patterns": ["!b.c", "*.c"]}]
    assert fold_input_globs(["a.txt", "!*.c"], sets) == (
        InputGlobSet(("!b.c", "*.c")),
        InputGlobSet(("a.txt", "!*.c")),
    )
    assert "b.c" in named(fold_input_globs(["a.txt", "!*.c"], sets))
    assert fold_input_globs([], None) == ()


@pytest.mark.parametrize(
    ("group", "where"),
    [
        ({}, "patterns"),
        ({"patterns": "**"}, "patterns"),
        ({"patterns": [], "markers": [1]}, "markers"),
        ({"patterns": [], "excludeHidden": "yes"}, "excludeHidden"),
        ({"patterns": [], "root": 1}, "root"),
    ],
)
def test_what_is_no_group_is_an_error(group, where):
    with pytest.raises(BackendError, match=where):
        fold_input_globs([], [group])


@pytest.mark.parametrize(
    ("group", "leads_out"),
    [
        (InputGlobSet(("**", "!src/**")), False),
        (InputGlobSet(("**",), root="src"), False),
        (InputGlobSet(("**", "!../x")), True),
        (InputGlobSet(("**",), root="../x"), True),
        (InputGlobSet(("**",), root="/x"), True),
        (InputGlobSet(("C:/x",)), True),
    ],
)
def test_globs_that_lead_elsewhere(group, leads_out):
    assert group.leads_out is leads_out


@given(
    st.lists(st.text("ab*?[]{},!./\\#", max_size=8), max_size=4),
    st.lists(st.sampled_from(["a", "b", ".a"]), max_size=2),
    st.booleans(),
    st.none() | st.text("ab./", max_size=6),
)
def test_no_glob_is_too_strange(patterns, markers, hidden, root):
    group = InputGlobSet(tuple(patterns), tuple(markers), hidden, root)
    paths = ["a", "b/a", "p/a", "p/.a/b", "p/a/b/a.b"]
    assert set(matching(paths, [group], "p")) <= set(paths)


@pytest.mark.slow
def test_pixi_finds_the_same_files(tmp_path):
    """One package for each row of the tables; pixi writes down the inputs of what it builds."""
    if (problem := find_tools().problem("pixi")) is not None:
        pytest.skip(problem)
    options = EngineOptions(
        cache_dir=tmp_path / "cache", backends={"pixipack-stub-backend": "stub"}
    )
    workspace = WorkspaceBuilder(tmp_path / "w", EmbeddedEngine(options), tmp_path / "out")
    rows: dict[str, str] = {}
    for globs, expected in [*((g, e) for g, e in GLOBS), *((s, e) for s, e in SETS)]:
        name = f"p{len(rows)}"
        rows[name] = expected
        sets = globs if globs and isinstance(globs[0], dict) else None
        stub = {"input-globs": [] if sets else globs, "input-glob-sets": sets}
        told = {key: value for key, value in stub.items() if value is not None}
        workspace = workspace.package(name, config={"stub": told})
        for path in INSIDE:
            if path != "pixi.toml":
                workspace.file(f"{name}/{path}", "x\n")
    for path in BESIDE:
        workspace.file(path, "x\n")
    workspace.lock()
    places = {"PIXI_CACHE_DIR": tmp_path / "p", "RATTLER_CACHE_DIR": tmp_path / "r"}
    child = ChildSettings(environment={name: str(path) for name, path in places.items()})
    SystemEngine(replace(options, scratch=tmp_path / "s", child=child)).install(workspace.root)
    found = dict.fromkeys(rows, "")
    for path in tmp_path.rglob("*.json"):
        told = json.loads(path.read_bytes())
        if isinstance(told, dict) and "input_files" in told:
            name = told["record"]["name"]
            inputs = (os.path.relpath(each, workspace.root / name) for each in told["input_files"])
            found[name] = " ".join(sorted(inputs))
    assert found == {name: " ".join(sorted(expected.split())) for name, expected in rows.items()}
