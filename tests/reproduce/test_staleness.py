"""Declared inputs, inputs that are not declared, and nothing touched."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_pixipack import EmbeddedEngine, EngineOptions, WorkspaceBuilder
from pytest_pixipack.artifact import Member, read_artifact, write_artifact
from pytest_pixipack.cli import main
from pytest_pixipack.engine.system.tools import find_tools
from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.reproduce.digests import artifact_parts
from pytest_pixipack.reproduce.edits import edited, emptied, spread
from pytest_pixipack.reproduce.inputs import Staleness
from pytest_pixipack.reproduce.rebuilding import Rebuilt
from pytest_pixipack.reproduce.staleness import check_staleness
from pytest_pixipack.reproduce.untouched import Untouched
from tests.reproduce.conftest import PLANTED


def inputs(
    tmp_path: Path,
    *,
    edits: dict[str, str] | None = None,
    engine: str = "embedded",
    more: dict[str, str] | None = None,
    most_files: int | None = 8,
    **stub: object,
) -> Staleness:
    options = EngineOptions(
        cache_dir=tmp_path / "cache", backends={"pixipack-stub-backend": "stub"}
    )
    payload = {"share/a": "a", "share/b": "b"}
    workspace = WorkspaceBuilder(tmp_path / "w", EmbeddedEngine(options), tmp_path / "out").package(
        "app", files=payload, config={"stub": stub} if stub else None
    )
    workspace.file("app/notes.txt", "nobody reads this")
    for path, text in (more or {}).items():
        workspace.file(path, text)
    workspace.lock()
    before = {path: path.read_bytes() for path in workspace.root.rglob("*") if path.is_file()}
    found = check_staleness(
        workspace.root, options, edits=edits, engine=engine, most_files=most_files
    )
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


def test_groups_of_globs_declare_inputs_as_well(tmp_path):
    sets = [{"patterns": ["files/**"]}, {"patterns": ["*.txt"], "root": "."}]
    found = inputs(tmp_path, **{"input-globs": ["pixi.toml"], "input-glob-sets": sets})
    assert found.package("app").declared[-2:] == ("app/notes.txt", "app/pixi.toml")
    assert found.errors == ()


BESIDE = {"share/x": {"from": "../shared.txt"}}


def test_a_file_beside_the_package_is_an_input_as_well(tmp_path):
    found = inputs(tmp_path / "1", more={"shared.txt": "x"}, **{"files": BESIDE})
    assert [each.file for each in found.errors] == ["shared.txt"]
    globs = ["pixi.toml", "files/**", "../*.txt"]
    declared = inputs(
        tmp_path / "2", more={"shared.txt": "x"}, **{"files": BESIDE, "input-globs": globs}
    )
    assert declared.errors == ()


def test_a_name_by_which_pixi_finds_nothing_is_told(tmp_path):
    globs = ["pixi.toml", "files/**", "../shared.txt"]
    found = inputs(tmp_path, more={"shared.txt": "x"}, **{"files": BESIDE, "input-globs": globs})
    assert [each.message for each in found.errors] == [
        "app depends on shared.txt. Its backend names it by `../shared.txt`, by which pixi does "
        "not find it."
    ]


MANY = {f"app/docs/{number}.txt": "x" for number in range(30)}


def test_all_files_that_are_not_declared_are_tried(tmp_path):
    found = inputs(tmp_path, more={**MANY, "shared.txt": "x"}, **{"files": BESIDE})
    package = found.package("app")
    assert [each.file for each in found.errors] == ["shared.txt"]
    assert [each.path for each in package.edits if each.changed and not each.declared] == [
        "shared.txt"
    ]
    assert len([each for each in package.edits if not each.declared]) == 32


def test_what_could_not_be_told_apart_is_named(tmp_path):
    read = {f"share/{number}": {"from": f"../in/{number}.txt"} for number in range(9)}
    files = {f"in/{number}.txt": "x" for number in range(9)}
    found = inputs(tmp_path, more=files, most_files=1, **{"files": read})
    package = found.package("app")
    alone = {each.path for each in package.edits if each.changed and not each.declared}
    together = {path for group in package.undecided for path in group}
    assert alone | together >= set(files)
    assert "depends on one of these" in found.errors[-1].message
    assert "--most-files" in (found.errors[-1].remedy or "")


def test_declared_files_that_were_not_tried_are_counted(tmp_path):
    globs = {"input-globs": ["files/**", "**/*.txt"]}
    some = inputs(tmp_path / "1", more=MANY, most_files=2, **globs)
    assert [each.severity for each in some.findings][-1] == "note"
    assert some.findings[-1].message == "31 of 33 declared inputs of app were not tried."
    edited = [each.path for each in some.package("app").edits if each.declared]
    assert edited == ["app/docs/0.txt", "app/files/share/a"]  # one of each kind
    every = inputs(tmp_path / "2", more=dict([*MANY.items()][:3]), most_files=None, **globs)
    assert every.package("app").untried == 0


@pytest.mark.parametrize(
    ("most", "expected"),
    [
        (1, "a/1.c"),
        (2, "a/1.c b/x.h"),
        (3, "a/1.c b/1.c b/x.h"),
        (None, "a/1.c a/2.c a/3.c b/1.c b/x.h"),
    ],
)
def test_of_each_kind_and_directory_before_more_of_one(most, expected):
    assert spread(["a/1.c", "a/2.c", "b/x.h", "a/3.c", "b/1.c"], most) == expected.split()


def test_a_package_that_differs_untouched_is_reported(tmp_path):
    found = inputs(tmp_path, leak=["random"])
    package = found.package("app")
    assert package.differs
    assert package.noise == ("share/app/leak-random.txt",)
    (finding,) = found.errors
    assert finding.cause == "random"
    # Nothing is said of edits that it hides, and what changes beside it is still seen.
    assert {each.path: each.changed for each in package.edits} == {
        "app/files/share/a": True,
        "app/files/share/b": True,
        "app/notes.txt": None,
    }


def test_an_input_that_is_not_declared_is_seen_beside_what_differs_anyway(tmp_path):
    globs = {"input-globs": ["pixi.toml", "files/share/a"]}
    found = inputs(tmp_path, leak=["random"], **globs)
    assert [each.file for each in found.errors] == ["app/pixi.toml", "app/files/share/b"]


def packed(path: Path, text: str) -> Rebuilt:
    path.mkdir()
    facts = {"name": "app", "version": "1.0", "build": "h0_0", "build_number": 0}
    file = path / "app-1.0-h0_0.conda"
    write_artifact(file, {**facts, "subdir": "linux-64"}, [Member("share/a", text.encode())])
    return Rebuilt(file, artifact_parts(read_artifact(file)))


@pytest.mark.parametrize(
    ("first", "second", "cause"),
    [
        ("Mon, 01 Jan 2024 10:00:00\n", "Mon, 01 Jan 2024 10:00:07\n", "embedded-date"),
        ("a\nb\nc\n", "c\nb\na\n", "line-order"),
        ("x8Qz\n", "pL0c\n", "random"),
        # What the same build with the same tools cannot have.
        ("Generator: cmake 3.30.0\n", "Generator: cmake 3.31.0\n", None),
    ],
)
def test_the_cause_is_the_one_that_the_comparison_names(tmp_path, first, second, cause):
    left, right = packed(tmp_path / "1", first), packed(tmp_path / "2", second)
    untouched = Untouched(left, right)
    assert untouched.noise == ("share/a",)
    assert untouched.cause == cause
    assert untouched.differs(right) is None
    assert Untouched(left, left).differs(right) is True


def test_a_build_that_fails_at_times_says_nothing_of_edits(tmp_path):
    good, bad = packed(tmp_path / "1", "x"), Rebuilt(problem=InvalidInput("It fails."))
    assert Untouched(good, good).differs(bad) is True
    assert Untouched(good, bad).differs(bad) is None


def test_files_outside_are_never_touched(tmp_path):
    outside = tmp_path / "mine.txt"
    outside.write_text("mine", encoding="utf-8")
    workspace = tmp_path / "1" / "w" / "app"
    workspace.mkdir(parents=True)
    for name in ("link.txt", "files.txt"):
        (workspace / name).symlink_to(outside)
    found = inputs(tmp_path / "1", **{"input-globs": ["**"]})
    assert outside.read_text(encoding="utf-8") == "mine"
    assert "app/link.txt" in found.package("app").declared
    assert "app/link.txt" not in [each.path for each in found.package("app").edits]
    with pytest.raises(InvalidInput, match=r"no file app/link\.txt"):
        inputs(tmp_path / "1", edits={"app/link.txt": "yours"})
    with pytest.raises(InvalidInput, match="no file"):
        inputs(tmp_path / "1", edits={"../../../mine.txt": "yours"})
    assert outside.read_text(encoding="utf-8") == "mine"


def test_files_get_their_content_mode_and_times_back(tmp_path):
    plain, locked = tmp_path / "plain", tmp_path / "locked"
    for path in (plain, locked):
        path.write_bytes(b"one\n")
    locked.chmod(0o444)
    before = [(path.stat().st_mode, path.stat().st_mtime_ns) for path in (plain, locked)]
    with edited({plain: b"two", locked: None}):
        assert plain.read_bytes() == b"two"
        assert locked.read_bytes().startswith(b"one\n\n")
    assert [path.read_bytes() for path in (plain, locked)] == [b"one\n"] * 2
    assert [(path.stat().st_mode, path.stat().st_mtime_ns) for path in (plain, locked)] == before


def test_files_are_empty_for_a_while_and_then_as_they_were(tmp_path):
    plain, locked = tmp_path / "plain", tmp_path / "locked"
    for path in (plain, locked):
        path.write_bytes(b"one\n")
    locked.chmod(0o444)
    before = [(path.stat().st_mode, path.stat().st_mtime_ns) for path in (plain, locked)]
    with emptied([plain, locked], tmp_path / "aside"):
        assert plain.read_bytes() == locked.read_bytes() == b""
        assert plain.stat().st_mtime_ns > before[0][1]
        assert [path.stat().st_mode for path in (plain, locked)] == [mode for mode, _ in before]
    assert [path.read_bytes() for path in (plain, locked)] == [b"one\n"] * 2
    assert [(path.stat().st_mode, path.stat().st_mtime_ns) for path in (plain, locked)] == before
    assert not list((tmp_path / "aside").iterdir())


# Backends that read a part of a file that they do not declare.
PARTS = {
    "its first line": "(source / 'data/x.txt').read_text().split('\\n')[0]",
    "a line in the middle": "(source / 'data/x.txt').read_text().split('\\n')[1]",
    "a value": "re.search('version = (.*)', (source / 'data/x.txt').read_text()).group(1)",
}


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_an_input_of_which_only_a_part_is_read_is_one(part, leaking, tmp_path):
    root, options = leaking()
    data = root / "app" / "data"
    data.mkdir()
    (data / "x.txt").write_text("one\nversion = 2\nthree\n", encoding="utf-8")
    (data / "y.txt").write_text("nobody reads this\n", encoding="utf-8")
    (data / "empty.txt").touch()
    backend = tmp_path / "planted.py"
    code = f"    import re; files['x'] = {PARTS[part]}"
    backend.write_text(PLANTED.format(code=code), encoding="utf-8")
    options = replace(options, backends={"pixipack-stub-backend": str(backend)})
    package = check_staleness(root, options).package("app")
    assert [each.path for each in package.edits if each.changed and not each.declared] == [
        "app/data/x.txt"
    ]
    assert [each.file for each in package.findings()] == ["app/data/x.txt"]


def command(tmp_path: Path, *options: str) -> int:
    leaking = tmp_path / "w"
    common = ["--backend", "pixipack-stub-backend=stub", "--cache-dir", str(tmp_path / "cache")]
    return main(["reproduce", str(leaking), "--stale", *common, *options])


def test_the_command_writes_what_it_found(tmp_path, capsys):
    globs = {"input-globs": ["pixi.toml", "files/share/a"]}
    inputs(tmp_path, **globs)
    html, document = tmp_path / "r.html", tmp_path / "r.json"
    assert command(tmp_path, "--html", str(html), "--json", str(document)) == 1
    text = html.read_text(encoding="utf-8")
    assert "app depends on app/files/share/b, which its backend does not declare." in text
    assert "<script" not in text
    (package,) = json.loads(document.read_bytes())["staleness"]
    assert package["globs"] == ["pixi.toml", "files/share/a"]
    out = capsys.readouterr().out
    assert "app: 2 inputs, 1 edited; 2 other files edited" in out
    assert command(tmp_path, "--most-files", "all") == 1


@pytest.mark.parametrize(
    "options",
    [
        ["--record", "r.json"],
        ["--against", "r.json"],
        ["--vary", "umask"],
        ["--tolerate", "metadata"],
        ["--max-builds", "3"],
        ["--jobs", "2"],
    ],
)
def test_options_without_effect_are_refused(tmp_path, capsys, options):
    assert command(tmp_path, *options) == 2
    assert f"{options[0]} has no effect" in " ".join(capsys.readouterr().err.split())


def test_most_files_is_for_stale(tmp_path, capsys):
    assert main(["reproduce", str(tmp_path), "--most-files", "3"]) == 2
    assert "--most-files is for --stale" in capsys.readouterr().err


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
