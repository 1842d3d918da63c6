"""Declared inputs, inputs that are not declared, and nothing touched."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_pixipack import EmbeddedEngine, EngineOptions, WorkspaceBuilder
from pytest_pixipack.engine.system.tools import find_tools
from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.reproduce.globs import matching
from pytest_pixipack.reproduce.inputs import Staleness
from pytest_pixipack.reproduce.staleness import check_staleness

PATHS = [
    "pixi.toml", "p/pixi.toml", "p/a.txt", "p/b.c", "p/src/a.txt", "p/src/deep/x.c", "p/.hidden",
    "p/.pixi/x.txt", "shared/y.c",
]  # fmt: skip


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["pixi.toml"], ["p/pixi.toml"]),
        (["src/**"], ["p/src/a.txt", "p/src/deep/x.c"]),
        (["**/*.c"], ["p/b.c", "p/src/deep/x.c"]),
        (["*.txt"], ["p/a.txt", "p/src/a.txt"]),
        (["src/*.txt"], ["p/src/a.txt"]),
        (["**/*.txt", "!src/**"], ["p/a.txt"]),
        (["!a.txt", "**/*.txt"], ["p/a.txt", "p/src/a.txt"]),
        (["**", "!**/*.c"], ["p/pixi.toml", "p/a.txt", "p/src/a.txt"]),
        (["../**/*.c"], ["p/b.c", "p/src/deep/x.c", "shared/y.c"]),
        (["../shared/*.{c,h}"], ["shared/y.c"]),
        ([".hidden"], ["p/.hidden"]),
        ([".pixi/**"], ["p/.pixi/x.txt"]),
        (["?.[ab-d]"], ["p/b.c", "p/src/deep/x.c"]),
        (["src/{a,b}.txt"], ["p/src/a.txt"]),
        ([], []),
    ],
)
def test_globs(patterns, expected):
    assert matching(PATHS, patterns, "p") == expected


@given(st.lists(st.text("ab*?[]{},!./", max_size=8), max_size=4))
def test_no_glob_is_too_strange(patterns):
    assert set(matching(PATHS, patterns, "p")) <= set(PATHS)


def inputs(
    tmp_path: Path,
    *,
    edits: dict[str, str] | None = None,
    engine: str = "embedded",
    **stub: object,
) -> Staleness:
    options = EngineOptions(
        cache_dir=tmp_path / "cache", backends={"pixipack-stub-backend": "stub"}
    )
    files = {"share/a": "a", "share/b": "b"}
    workspace = WorkspaceBuilder(tmp_path / "w", EmbeddedEngine(options), tmp_path / "out").package(
        "app", files=files, config={"stub": stub} if stub else None
    )
    workspace.file("app/notes.txt", "nobody reads this")
    workspace.lock()
    before = {path: path.read_bytes() for path in workspace.root.rglob("*") if path.is_file()}
    found = check_staleness(workspace.root, options, edits=edits, engine=engine)
    assert {p: p.read_bytes() for p in workspace.root.rglob("*") if p.is_file()} == before
    return found


def test_all_is_declared_and_nothing_else_matters(tmp_path):
    found = inputs(tmp_path).package("app")
    assert found.declared == ("app/files/share/a", "app/files/share/b", "app/pixi.toml")
    assert [(each.path, each.declared, each.changed) for each in found.edits] == [
        ("app/files/share/a", True, True),
        ("app/files/share/b", True, True),
        ("app/notes.txt", False, False),
    ]
    assert list(found.findings()) == []
    assert not found.differs


def test_an_input_that_is_not_declared_is_reported(tmp_path):
    globs = ["pixi.toml", "files/share/a"]
    found = inputs(tmp_path, **{"input-globs": globs})
    (finding,) = found.errors
    assert finding.rule == "artifact-stale"
    assert finding.message == (
        "app depends on app/files/share/b, which its backend does not declare."
    )
    with pytest.raises(AssertionError, match="artifact-stale"):
        found.raise_for_findings()


def test_an_input_that_nothing_depends_on_is_a_note_and_an_error_where_it_was_named(tmp_path):
    globs = {"input-globs": ["files/**", "notes.txt"]}
    (note,) = inputs(tmp_path / "1", **globs).findings
    assert (note.severity, note.file) == ("note", "app/notes.txt")
    named = inputs(tmp_path / "2", edits={"app/notes.txt": "new"}, **globs)
    assert [each.severity for each in named.findings] == ["error"]


def test_files_that_a_person_names(tmp_path):
    found = inputs(tmp_path, edits={"app/files/share/a": "new"}).package("app")
    assert [(each.path, each.changed) for each in found.edits] == [("app/files/share/a", True)]
    with pytest.raises(InvalidInput, match="no file app/nowhere"):
        inputs(tmp_path / "2", edits={"app/nowhere": "new"})


def test_a_package_that_differs_untouched_is_reported(tmp_path):
    found = inputs(tmp_path, leak=["random"])
    assert found.package("app").differs
    assert found.errors[0].cause == "random"


@pytest.mark.slow
def test_pixi_builds_again_where_a_declared_input_was_edited_and_only_there(tmp_path):
    tools = find_tools()
    if (problem := tools.problem("pixi")) is not None:
        pytest.skip(problem)
    globs = {"input-globs": ["pixi.toml", "files/share/a"]}
    found = inputs(tmp_path, engine="system", **globs)
    package = found.package("app")
    assert not package.built_again
    assert [(each.path, each.rebuilt, each.changed) for each in package.edits] == [
        ("app/files/share/a", True, True),
        ("app/files/share/b", False, True),
        ("app/notes.txt", False, False),
    ]
    assert [each.file for each in found.errors] == ["app/files/share/b"]
