"""Records: small, the same for the same facts, and each change explained by what is recorded."""

from __future__ import annotations

import copy
import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_pixipack import EmbeddedEngine, EngineOptions, StubChannel, WorkspaceBuilder, read_lock
from pytest_pixipack.cli import main
from pytest_pixipack.errors import InvalidInput, Unsupported
from pytest_pixipack.manifest import load_manifest
from pytest_pixipack.platforms import current_platform
from pytest_pixipack.reproduce.digests import lock_digests, sources_digest
from pytest_pixipack.reproduce.record import (
    package_records,
    read_record,
    record_text,
    write_record,
)
from pytest_pixipack.reproduce.records import (
    compare_records,
    losses,
    of_the_same,
    refuse_to_lose,
)
from pytest_pixipack.reproduce.report import record_lines
from tests.engine.test_backends_from_channels import CMAKE, backend_channel

APP: dict[str, Any] = {
    "name": "app",
    "version": "0.1.0",
    "build": "h1_0",
    "subdir": "linux-64",
    "variants": {},
    "sha256": "a" * 64,
    "normalised": "b" * 64,
    "sources": "c" * 64,
    "backend": {"name": "pixi-build-cmake", "runs": "executable", "version": "sha256:12"},
    "build_packages": ["cmake 3.30.0 h0_0 1111111111"],
    "host_packages": ["libz 1.3 h0_0 2222222222", "lib 0.2.0 ? ?"],
}
LIB = {**APP, "name": "lib", "version": "0.2.0", "build_packages": [], "host_packages": []}
PACK = {
    "environment": "default",
    "platform": "linux-64",
    "sha256": "d" * 64,
    "normalised": "e" * 64,
    "tool": "0.7.10",
    "packages": ["libz-1.3-h0_0"],
}
RECORD: dict[str, Any] = {
    "schema": 1,
    "kind": "pixipack-record",
    "platform": "linux-64",
    "tools": {"py-rattler": "0.28.0", "pytest-pixipack": "0.1.0"},
    "workspaces": [
        {
            "name": "demo",
            "engine": "embedded",
            "lock": {"sha256": "1" * 64, "normalised": "2" * 64},
            "packages": [APP, LIB],
            "packs": [PACK],
            "prefixes": [],
        }
    ],
}


def changed(**package: Any) -> dict[str, Any]:
    """The record, with another `app`."""
    record = copy.deepcopy(RECORD)
    record["workspaces"][0]["packages"][0].update(package)
    return record


def messages(record: dict[str, Any]) -> list[str]:
    return [str(each) for each in compare_records(RECORD, record).changes]


REBUILT = {"sha256": "f" * 64, "normalised": "f" * 64}


def test_nothing_has_changed():
    assert compare_records(RECORD, copy.deepcopy(RECORD)).changes == ()


def test_a_package_that_differs_because_of_a_build_package():
    record = changed(**REBUILT, build_packages=["cmake 3.31.0 h0_0 3333333333"])
    assert messages(record) == [
        "app 0.1.0 (linux-64): content differs because build package cmake 3.30.0 -> 3.31.0"
    ]
    (difference,) = compare_records(RECORD, record).comparison.differences
    assert (difference.kind, difference.cause) == ("payload", "dependency-change")


def test_a_host_package_that_was_built_again_is_told_by_its_build_or_digest():
    again = changed(**REBUILT, host_packages=["libz 1.3 h9_1 2222222222", "lib 0.2.0 ? ?"])
    assert messages(again)[0].endswith("because host package libz 1.3 h0_0 -> 1.3 h9_1")
    digest = changed(**REBUILT, host_packages=["libz 1.3 h0_0 4444444444", "lib 0.2.0 ? ?"])
    assert "libz 1.3 h0_0 2222222222 -> 1.3 h0_0 4444444444" in messages(digest)[0]


def test_a_new_build_string_with_a_changed_backend_is_explained():
    backend = {"name": "pixi-build-cmake", "runs": "executable", "version": "sha256:99"}
    record = changed(**REBUILT, build="h2_0", backend=backend)
    found = compare_records(RECORD, record)
    assert found.findings == ()
    assert str(found.changes[0]) == (
        "app 0.1.0 (linux-64): build h1_0 -> h2_0 because "
        "backend pixi-build-cmake sha256:12 -> pixi-build-cmake sha256:99"
    )


def test_a_new_build_string_without_any_recorded_change_is_a_finding():
    found = compare_records(RECORD, changed(**REBUILT, build="h2_0"))
    assert [each.field for each in found.findings] == ["build"]
    assert "nothing that is recorded explains it" in str(found.findings[0])
    assert found.comparison.differences[0].cause == "unknown"


def test_changed_sources_and_tools_explain():
    assert (
        "because sources cccccccccc… -> dddddddddd…"
        in messages(changed(**REBUILT, sources="d" * 64))[0]
    )
    record = changed(**REBUILT)
    record["tools"]["py-rattler"] = "0.29.0"
    assert messages(record)[0].endswith("because py-rattler 0.28.0 -> 0.29.0")


def test_a_file_of_the_same_content_is_metadata():
    found = compare_records(RECORD, changed(sha256="f" * 64))
    assert found.comparison.verdict == "metadata"


def test_what_is_built_against_a_package_that_changed_follows_from_it():
    record = changed(**REBUILT)
    record["workspaces"][0]["packages"][1].update(REBUILT, sources="d" * 64)
    app, lib = compare_records(RECORD, record).changes
    assert app.is_explained
    assert [each.what for each in app.reasons] == ["host package lib"]
    assert lib.is_explained


def test_a_pack_follows_from_its_packages():
    record = changed(**REBUILT, sources="d" * 64)
    record["workspaces"][0]["packs"][0].update(REBUILT)
    pack = compare_records(RECORD, record).changes[-1]
    assert str(pack).startswith("pack default linux-64: content differs because package app ")
    record = copy.deepcopy(RECORD)
    record["workspaces"][0]["packs"][0].update(REBUILT, packages=["libz-1.4-h0_0"])
    assert messages(record)[0].endswith("because package libz 1.3 -> 1.4")


def workspace(record: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = record["workspaces"][0]
    return found


def relocked(record: dict[str, Any]) -> dict[str, Any]:
    workspace(record)["lock"].update(sha256="3" * 64, normalised="4" * 64)
    return record


# --- the lock is an input ---------------------------------------------------------------------


def test_a_lock_that_has_changed_needs_no_explanation():
    record = relocked(changed(**REBUILT, build_packages=["cmake 3.31.0 h0_0 3333333333"]))
    found = compare_records(RECORD, record)
    assert found.findings == ()
    assert [str(each) for each in found.changes] == [
        "pixi.lock: something else is locked",
        "app 0.1.0 (linux-64): content differs because build package cmake 3.30.0 -> 3.31.0",
    ]


def test_nor_does_a_comment_in_it():
    record = copy.deepcopy(RECORD)
    workspace(record)["lock"]["sha256"] = "3" * 64
    found = compare_records(RECORD, record)
    assert found.findings == ()
    assert [str(each) for each in found.changes] == [
        "pixi.lock: the file differs, and locks the same"
    ]
    assert found.comparison.verdict == "metadata"


def test_but_a_lock_explains_no_package_that_is_built_from_the_same():
    (finding,) = compare_records(RECORD, relocked(changed(**REBUILT))).findings
    assert finding.where[-1] == "app 0.1.0 (linux-64)"


@pytest.mark.parametrize("cmake", [{"version": "3.31"}, {"build_number": 5}, {"license": "MIT"}])
def test_what_a_lock_locks_includes_what_packages_are_built_with(tmp_path, cmake):
    def digests(name: str, **told: Any) -> dict[str, Any]:
        channel = StubChannel().add("cmake", **{"version": "3.30", **told})
        options = EngineOptions(
            cache_dir=tmp_path / "cache",
            channels={"conda-forge": channel.build(tmp_path / name / "channel").path},
            backends={"pixipack-stub-backend": "stub"},
        )
        built = WorkspaceBuilder(
            tmp_path / name / "w", EmbeddedEngine(options), tmp_path / "out",
            channels=["conda-forge"],
        ).package("app", build={"cmake": "*"})  # fmt: skip
        built.lock()
        return lock_digests(read_lock(built.root / "pixi.lock"))

    assert digests("1") == digests("2")
    assert digests("1")["normalised"] != digests("3", **cmake)["normalised"]


# --- the same thing under another name --------------------------------------------------------


def test_a_package_of_another_variant_is_the_same_package():
    record = changed(**REBUILT, build="h2_0", variants={"python": "3.12"})
    assert messages(record) == [
        "app 0.1.0 (linux-64): build h1_0 -> h2_0 because variant python nothing -> 3.12"
    ]


def test_one_of_several_variants():
    left, right = copy.deepcopy(RECORD), copy.deepcopy(RECORD)
    for record, versions in ((left, ["3.11", "3.12"]), (right, ["3.12", "3.13"])):
        packages = workspace(record)["packages"]
        packages[:1] = [
            {**APP, "build": f"py{v}", "normalised": v, "variants": {"python": v}} for v in versions
        ]
    assert [str(each) for each in compare_records(left, right).changes] == [
        "app 0.1.0 (linux-64): build py3.11 -> py3.13 because variant python 3.11 -> 3.13"
    ]


def test_which_of_several_variants_has_changed():
    left, right = copy.deepcopy(RECORD), copy.deepcopy(RECORD)
    for record in (left, right):
        workspace(record)["packages"][:1] = [
            {**APP, "build": f"h{v}", "variants": {"python": f"3.{v}", "c": "gcc"}}
            for v in (12, 13)
        ]
    workspace(right)["packages"][1].update(REBUILT)
    (change,) = compare_records(left, right).changes
    assert change.where == ("demo", "app 0.1.0 (linux-64), python 3.13")
    # Of the same variant, by their builds.
    for record in (left, right):
        for each in workspace(record)["packages"]:
            each["variants"] = {}
    assert compare_records(left, right).changes[0].where[-1] == "app 0.1.0 (linux-64), h13"


def test_a_package_that_has_become_one_for_all_platforms():
    record = changed(**REBUILT, subdir="noarch", sources="d" * 64)
    assert messages(record) == [
        "app 0.1.0 (noarch): subdir linux-64 -> noarch because sources cccccccccc… -> dddddddddd…"
    ]
    (finding,) = compare_records(RECORD, changed(**REBUILT, subdir="noarch")).findings
    assert finding.field == "subdir"


def test_two_machines():
    record = changed(**REBUILT, subdir="osx-arm64")
    record["platform"] = "osx-arm64"
    workspace(record)["packs"][0].update(REBUILT, platform="osx-arm64")
    workspace(record)["packages"][1].update(REBUILT, subdir="osx-arm64")
    found = compare_records(RECORD, record)
    assert found.findings == ()
    assert [(each.field, each.reasons[-1].what) for each in found.changes] == [
        ("subdir", "platform"),
        ("subdir", "platform"),
        ("platform", "platform"),
    ]


def test_an_environment_under_another_name():
    record = relocked(copy.deepcopy(RECORD))
    workspace(record)["packs"][0]["environment"] = "prod"
    assert messages(record)[1:] == [
        "pack prod linux-64: environment default -> prod because pixi.lock 2222222222… -> "
        "4444444444…"
    ]


def test_the_same_package_twice():
    record = copy.deepcopy(RECORD)
    workspace(record)["packages"].append(copy.deepcopy(APP))
    (change,) = compare_records(RECORD, record).changes
    assert str(change).startswith("app 0.1.0 (linux-64): is new")


def test_another_environment_that_was_asked_for_is_another_thing():
    record = covering(RECORD, environments=["prod"])
    workspace(record)["packs"][0]["environment"] = "prod"
    found = compare_records(covering(RECORD, environments=["default"]), record)
    assert found.changes == ()
    assert found.not_compared == ("pack default linux-64", "pack prod linux-64")


def test_a_workspace_under_another_name_is_told_once():
    record = changed(**REBUILT, sources="d" * 64)
    workspace(record)["name"] = "other"
    found = compare_records(RECORD, record)
    assert [each.field for each in found.changes] == ["name", "content"]
    assert [each.field for each in found.findings] == ["name"]
    workspace(record)["unnamed"] = True  # that is only the name of a directory
    assert [each.field for each in compare_records(RECORD, record).changes] == ["content"]


# --- what comes and goes ----------------------------------------------------------------------


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(("kind", "field"), [("packages", "package"), ("packs", "pack")])
def test_what_has_come_or_gone_is_a_finding(kind, field, reverse):
    record = copy.deepcopy(RECORD)
    workspace(record)[kind].pop()
    sides = (record, RECORD) if reverse else (RECORD, record)
    (finding,) = compare_records(*sides).findings
    assert finding.field == field
    assert finding.cause == ("file-added" if reverse else "file-removed")
    assert ("is new" if reverse else "is not there any more") in str(finding)
    assert "None" not in str(finding)


def test_unless_something_else_is_locked():
    record = relocked(copy.deepcopy(RECORD))
    workspace(record)["packages"].pop()
    found = compare_records(RECORD, record)
    assert found.findings == ()
    assert str(found.changes[-1]) == (
        "lib 0.2.0 (linux-64): is not there any more because pixi.lock 2222222222… -> 4444444444…"
    )


def test_workspaces_that_come_and_go():
    record = copy.deepcopy(RECORD)
    workspace(record).update(name="other", packages=[])
    found = compare_records(RECORD, record)
    assert [each.where for each in found.findings] == [("demo",), ("other",)]
    assert found.compared == 0


def covering(record: dict[str, Any], *missing: str, **scope: list[str]) -> dict[str, Any]:
    told = {"checks": ["build", "pack", "unpack"], "environments": [], "platforms": [],
            "packages": [], **scope}  # fmt: skip
    made = copy.deepcopy(record)
    workspace(made).update(scope=told, missing=list(missing))
    return made


@pytest.mark.parametrize(
    ("missing", "scope", "compared"),
    [
        ([], {}, True),
        (["package lib linux-64"], {}, False),
        (["package app linux-64", "pack default linux-64"], {}, True),
        ([], {"checks": ["pack"]}, False),
        ([], {"platforms": ["linux-64"]}, True),
        ([], {"platforms": ["win-64"]}, False),
        ([], {"environments": ["default"]}, False),
        ([], {"packages": ["app"]}, False),
    ],
)
def test_what_a_record_does_not_cover_is_not_compared(missing, scope, compared):
    record = covering(RECORD, *missing, **scope)
    workspace(record)["packages"].pop()
    found = compare_records(RECORD, record)
    assert [each.where[-1] for each in found.findings] == ["lib 0.2.0 (linux-64)"] * compared
    assert found.not_compared == ("lib 0.2.0 (linux-64)",) * (not compared)
    assert ("not compared" in " ".join(record_lines(found))) is not compared


def test_both_of_one_environment_cover_its_packages():
    scope = {"environments": ["default"]}
    record = covering(RECORD, **scope)
    workspace(record)["packages"].pop()
    (finding,) = compare_records(covering(RECORD, **scope), record).findings
    assert finding.field == "package"


def test_a_prefix_of_another_machine_is_not_compared():
    left, right = copy.deepcopy(RECORD), copy.deepcopy(RECORD)
    place = {"environment": "default", "platform": "linux-64", "normalised": "5" * 64}
    workspace(left)["prefixes"].append(place)
    assert [each.field for each in compare_records(left, right).findings] == ["prefix"]
    right["platform"] = "osx-arm64"
    assert compare_records(left, right).not_compared == ("prefix default linux-64",)


# --- the tools that took part -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("runs", "engine", "tool", "explains"),
    [
        ("executable", "embedded", "pytest-pixipack", False),
        ("executable", "embedded", "py-rattler-build", False),
        ("executable", "embedded", "py-rattler", True),  # installs what it is built with
        ("executable", "system", "py-rattler", False),
        ("executable", "system", "pixi", True),
        ("executable", "system", "pixi-pack", False),
        ("recipe", "embedded", "py-rattler-build", True),
    ],
)
def test_only_tools_that_took_part_explain_a_package(runs, engine, tool, explains):
    records = [changed(backend={"name": "b", "runs": runs, "version": "1"}) for _ in range(2)]
    for number, record in enumerate(records):
        record["tools"][tool] = f"0.{number}"
        workspace(record)["engine"] = engine
    workspace(records[1])["packages"][0].update(REBUILT)
    (change,) = compare_records(*records).changes
    assert change.is_explained is explains


def test_a_pack_is_explained_by_what_packs():
    record = copy.deepcopy(RECORD)
    workspace(record)["packs"][0]["sha256"] = "f" * 64
    record["tools"]["py-rattler-build"] = "9"
    assert compare_records(RECORD, record).findings
    record["tools"]["pytest-pixipack"] = "0.2.0"
    assert messages(record)[0].endswith("because pytest-pixipack 0.1.0 -> 0.2.0")


def test_the_bytes_of_a_pack_follow_from_those_of_a_package_in_it():
    backend = {"name": "pixi-build-cmake", "runs": "executable", "version": "sha256:99"}
    record = changed(sha256="f" * 64, backend=backend)
    workspace(record)["packs"][0]["sha256"] = "f" * 64
    assert [str(each) for each in compare_records(RECORD, record).changes] == [
        "app 0.1.0 (linux-64): file differs because backend pixi-build-cmake sha256:12 -> "
        "pixi-build-cmake sha256:99",
        "pack default linux-64: file differs because file of package app aaaaaaaaaa… -> "
        "ffffffffff…",
    ]
    # Its content does not, and neither do those of packs without it.
    workspace(record)["packs"][0].update(REBUILT)
    assert [each.field for each in compare_records(RECORD, record).findings] == ["content"]
    workspace(record)["packs"][0].update(normalised="e" * 64, built=["lib"])
    assert [each.field for each in compare_records(RECORD, record).findings] == ["sha256"]


def test_a_pack_follows_from_what_is_in_it_only():
    record = changed(**REBUILT, sources="d" * 64)
    workspace(record)["packs"][0].update(REBUILT, built=["lib"])
    (finding,) = compare_records(RECORD, record).findings
    assert finding.where[-1] == "pack default linux-64"


def test_a_long_chain_of_packages_takes_one_walk():
    number = 3000
    names = [f"p{each}" for each in range(number)]
    chain = [
        {**APP, "name": name, "build_packages": [], "host_packages": [f"{needs} 1 0 ?"]}
        for name, needs in zip(names, [*names[1:], "p0"], strict=True)
    ]
    left, right = copy.deepcopy(RECORD), copy.deepcopy(RECORD)
    workspace(left)["packages"] = chain
    workspace(right)["packages"] = [{**each, **REBUILT} for each in chain]
    workspace(right)["packages"][-1]["sources"] = "d" * 64
    found = compare_records(left, right)
    assert len(found.changes) == number
    assert found.findings == ()


# --- the record of this workspace, and of all of it -------------------------------------------


def test_a_record_of_another_workspace_is_refused():
    path = Path("record.json")
    assert of_the_same(RECORD, {"demo": False, "more": False}, path) == RECORD
    with pytest.raises(InvalidInput, match="of another workspace: of demo, not of other"):
        of_the_same(RECORD, {"other": False}, path)
    (kept,) = of_the_same(RECORD, {"checkout": True}, path)["workspaces"]
    assert kept["name"] == "checkout"


def test_a_record_is_not_replaced_by_one_that_covers_less(tmp_path):
    assert losses(RECORD, RECORD) == []
    some = covering(RECORD, "package lib linux-64")
    workspace(some)["packages"].pop()
    assert losses(RECORD, some) == ["lib 0.2.0 (linux-64)"]
    assert losses(some, RECORD) == []
    # What is not built any more is no loss.
    gone = covering(RECORD)
    workspace(gone)["packages"].pop()
    assert losses(RECORD, gone) == []
    assert losses(RECORD, {**RECORD, "workspaces": []}) == ["workspace demo"]
    refuse_to_lose(tmp_path / "new.json", some)
    write_record(RECORD, tmp_path / "a.json")
    with pytest.raises(InvalidInput, match="has more than this run made, lib"):
        refuse_to_lose(tmp_path / "a.json", some)


def test_the_command_compares_two_records(tmp_path, capsys):
    paths = [tmp_path / "monday.json", tmp_path / "tuesday.json"]
    write_record(RECORD, paths[0])
    write_record(changed(**REBUILT, build_packages=["cmake 3.31.0 h0_0 3"]), paths[1])
    document = tmp_path / "document.json"
    assert main(["compare", *map(str, paths), "--json", str(document)]) == 1
    assert "because build package cmake 3.30.0 -> 3.31.0" in " ".join(
        capsys.readouterr().out.split()
    )
    found = json.loads(document.read_text(encoding="utf-8"))
    assert found["verdict"] == "payload"
    assert found["unexplained"] == 0
    assert found["changes"][0]["because"][0]["cause"] == "dependency-change"
    assert main(["compare", str(paths[0]), str(paths[0])]) == 0


def test_a_record_and_something_else_cannot_be_compared(tmp_path, capsys):
    write_record(RECORD, tmp_path / "a.json")
    (tmp_path / "pixi.lock").write_text("version: 7\n", encoding="utf-8")
    assert main(["compare", str(tmp_path / "a.json"), str(tmp_path / "pixi.lock")]) == 2
    assert "This is no record" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("{", InvalidInput),
        ("[]", InvalidInput),
        ('{"kind": "pixipack-record", "schema": 9}', Unsupported),
        ('{"kind": "pixipack-record", "schema": true}', Unsupported),
        ('{"kind": "pixipack-record", "schema": 1}', InvalidInput),
        ('{"kind": "pixipack-record", "schema": 1, "tools": {}, "workspaces": [3]}', InvalidInput),
    ],
)
def test_what_is_no_record_is_a_sentence(text, error, tmp_path):
    path = tmp_path / "record.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(error):
        read_record(path)


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ("workspaces[0].packs[0].packages", None),
        ("workspaces[0].packs[0].packages[0]", "libz"),
        ("workspaces[0].packs[0].normalised", None),
        ("workspaces[0].packages[0].sha256", None),
        ("workspaces[0].packages[0].normalised", ...),
        ("workspaces[0].packages[0].build_packages[0]", 1),
        ("workspaces[0].packages[0].build_packages[0]", "cmake"),
        ("workspaces[0].packages[0].variants", []),
        ("workspaces[0].packages[0].variants.python", {}),
        ("workspaces[0].packages[0].backend", "stub"),
        ("workspaces[0].packages[0].sources", 1),
        ("workspaces[0].lock", None),
        ("workspaces[0].scope", {}),
        ("workspaces[0].missing", "all"),
        ("workspaces[0].name", ""),
        ("tools.py-rattler", 1),
        ("platform", []),
    ],
)
def test_a_field_of_another_shape_is_named(where, value, tmp_path):
    record = copy.deepcopy(RECORD)
    holder: Any = record
    *steps, last = where.replace("[", ".").replace("]", "").split(".")
    for step in steps:
        holder = holder[int(step) if step.isdigit() else step]
    key: Any = int(last) if last.isdigit() else last
    if value is ...:
        del holder[key]
    else:
        holder[key] = value
    write_record(record, tmp_path / "a.json")
    field = where if where != "workspaces[0].scope" else "workspaces[0].scope.checks"
    with pytest.raises(InvalidInput, match=re.escape(f"`{field}` is ")):
        read_record(tmp_path / "a.json")


@pytest.mark.parametrize("what", ["workspace demo", "packs of environment default on linux-64"])
def test_nothing_is_there_twice(what, tmp_path):
    record = copy.deepcopy(RECORD)
    twice = record["workspaces"] if what.startswith("workspace") else workspace(record)["packs"]
    twice.append(copy.deepcopy(twice[0]))
    write_record(record, tmp_path / "a.json")
    with pytest.raises(InvalidInput, match=f"{what}.* is there twice"):
        read_record(tmp_path / "a.json")


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    entries = enumerate(value) if isinstance(value, list) else dict.items(value) \
        if isinstance(value, dict) else ()  # fmt: skip
    for key, each in entries:
        yield from places(each, (*path, key))


FULL = covering(RECORD, "prefix default linux-64")
ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip


@pytest.mark.slow
@settings(max_examples=500, deadline=None)
@given(data=st.data())
def test_a_record_that_was_tampered_with_is_refused_or_compared(data, tmp_path_factory):
    record: Any = copy.deepcopy(FULL)
    for path in data.draw(st.lists(st.sampled_from([*places(FULL)][1:]), min_size=1, max_size=3)):
        holder = record
        try:
            for step in path[:-1]:
                holder = holder[step]
            if data.draw(st.booleans()):
                del holder[path[-1]]
            else:
                holder[path[-1]] = data.draw(ODD)
        except (LookupError, TypeError):
            continue  # an earlier change took it away
    file = tmp_path_factory.mktemp("r") / "record.json"
    file.write_text(json.dumps(record), encoding="utf-8")
    try:
        read = read_record(file)
    except (InvalidInput, Unsupported):
        return
    for left, right in ((FULL, read), (read, FULL), (read, read)):
        found = compare_records(left, right)
        json.dumps(found.to_json())
        assert all(line.isprintable() for line in record_lines(found))
        losses(left, right)


def test_names_give_no_orders_to_a_terminal():
    record = changed(name="a\x1b[31m\u202epp")
    assert "\\x1b[31m" in messages(record)[0]


def test_a_record_is_written_as_it_is_read(tmp_path):
    write_record(RECORD, tmp_path / "a.json")
    assert read_record(tmp_path / "a.json") == RECORD
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == record_text(RECORD)


def test_the_digest_of_sources_is_that_of_their_content(tmp_path):
    package = tmp_path / "p"
    (package / "src").mkdir(parents=True)
    (package / "src" / "main.c").write_text("int main;\n", encoding="utf-8")
    before = sources_digest(package)
    # Neither a record beside the sources, nor what tools leave, nor another package.
    write_record(RECORD, package / "record.json")
    (package / "__pycache__").mkdir()
    (package / "__pycache__" / "x.pyc").write_bytes(b"x")
    (package / "inner").mkdir()
    (package / "inner" / "pixi.toml").write_text("[package]\n", encoding="utf-8")
    assert sources_digest(package) == before
    (package / "src" / "main.c").write_text("int other;\n", encoding="utf-8")
    assert sources_digest(package) != before


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such bits")
def test_what_is_no_plain_file_counts_as_what_it_is(tmp_path):
    (tmp_path / "run.sh").write_text("echo\n", encoding="utf-8")
    (tmp_path / "src").mkdir()
    digests = [sources_digest(tmp_path)]
    (tmp_path / "run.sh").chmod(0o755)
    digests.append(sources_digest(tmp_path))
    (tmp_path / "link").symlink_to("src", target_is_directory=True)
    digests.append(sources_digest(tmp_path))
    os.mkfifo(tmp_path / "pipe.json")
    digests.append(sources_digest(tmp_path))
    assert len({*digests}) == 4
    # Who may read it does not.
    (tmp_path / "run.sh").chmod(0o700)
    assert sources_digest(tmp_path) == digests[-1]


@pytest.mark.slow
def test_a_build_is_recorded_and_the_record_is_the_same_on_another_day(leaking, tmp_path, capsys):
    root, _ = leaking()
    options = ["--backend", "pixipack-stub-backend=stub", "--cache-dir", str(tmp_path / "cache")]
    options += ["--channel", f"conda-forge={tmp_path / 'channel'}", "--vary", "timezone"]
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    assert main(["reproduce", str(root), *options, "--record", str(first)]) == 0
    arguments = ["--record", str(second), "--against", str(first)]
    assert main(["reproduce", str(root), *options, *arguments]) == 0
    assert "nothing has changed" in capsys.readouterr().out
    assert first.read_bytes() == second.read_bytes()
    (package,) = read_record(first)["workspaces"][0]["packages"]
    assert package["name"] == "app"
    assert package["backend"]["runs"] == "stub"
    assert str(tmp_path) not in first.read_text(encoding="utf-8")
    (root / "app" / "files" / "share" / "a").write_text("other", encoding="utf-8")
    assert main(["reproduce", str(root), *options, "--against", str(first)]) == 0
    assert "content differs because sources" in " ".join(capsys.readouterr().out.split())
    # Neither a part in the place of the whole, nor a record of something else.
    more = read_record(first)
    more["workspaces"][0]["packages"].append({**package, "name": "lib"})
    write_record(more, first)
    arguments = [*options, "--package", "app", "--record", str(first)]
    assert main(["reproduce", str(root), *arguments]) == 2
    assert "has more than this run made" in capsys.readouterr().err
    assert read_record(first) == more
    more["workspaces"][0]["name"] = "other"
    write_record(more, first)
    assert main(["reproduce", str(root), *options, "--against", str(first)]) == 2
    assert "This is a record of another workspace: of other" in capsys.readouterr().err


def test_a_backend_from_a_channel_is_recorded_by_its_version(tmp_path):
    told = []
    for number, version in enumerate(["0.4", "0.4", "0.5"]):
        place = tmp_path / str(number)
        options = EngineOptions(
            cache_dir=place / "cache",
            channels={"conda-forge": backend_channel(version).build(place / "channel").path},
            environ={"PATH": os.defpath},
        )
        engine = EmbeddedEngine(options)
        built = WorkspaceBuilder(
            place / "w", engine, place / "out", channels=["conda-forge"]
        ).package("app", backend=CMAKE)  # fmt: skip
        lock = built.lock()
        artifacts = engine.build(
            built.root, place, environment="default", platform=current_platform()
        )
        manifest = load_manifest(built.root)
        told.append([package_records(artifacts, lock, manifest, options, name)[0]["backend"]
                     for name in ("embedded", "system")])  # fmt: skip
    assert told[0] == told[1]
    embedded, system = told[2]
    assert (embedded["name"], embedded["runs"]) == (CMAKE, "channel")
    assert embedded["version"].startswith("0.5 ")
    assert embedded != told[0][0]
    # Which one pixi itself takes is written down nowhere.
    assert (system["runs"], system["version"]) == ("unknown", None)


def test_paths_of_records_may_be_new(tmp_path):
    write_record(RECORD, tmp_path / "new" / "record.json")
    assert Path(tmp_path / "new" / "record.json").is_file()
