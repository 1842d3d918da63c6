"""Records: small, the same for the same facts, and each change explained by what is recorded."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from pytest_pixipack.cli import main
from pytest_pixipack.errors import InvalidInput, Unsupported
from pytest_pixipack.reproduce.digests import sources_digest
from pytest_pixipack.reproduce.record import read_record, record_text, write_record
from pytest_pixipack.reproduce.records import compare_records

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


def test_packages_and_workspaces_that_come_and_go():
    record = copy.deepcopy(RECORD)
    record["workspaces"][0]["packages"].pop()
    (change,) = compare_records(RECORD, record).changes
    assert change.reasons[0].cause == "file-removed"
    record["workspaces"][0]["name"] = "other"
    assert [each.where for each in compare_records(RECORD, record).changes] == [
        ("demo",),
        ("other",),
    ]


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
        ('{"kind": "pixipack-record", "schema": 1}', InvalidInput),
        ('{"kind": "pixipack-record", "schema": 1, "tools": {}, "workspaces": [3]}', InvalidInput),
    ],
)
def test_what_is_no_record_is_a_sentence(text, error, tmp_path):
    path = tmp_path / "record.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(error):
        read_record(path)


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


def test_paths_of_records_may_be_new(tmp_path):
    write_record(RECORD, tmp_path / "new" / "record.json")
    assert Path(tmp_path / "new" / "record.json").is_file()
