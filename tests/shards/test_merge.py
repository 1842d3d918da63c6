"""Reports and records of sharded runs are put together."""

from __future__ import annotations

import json
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from pytest_pixipack.cli import main
from pytest_pixipack.errors import InvalidInput, Unsupported
from pytest_pixipack.reproduce.record import record_text
from pytest_pixipack.shards.documents import read_shards
from pytest_pixipack.shards.records import merged_record
from pytest_pixipack.shards.reports import merged_report


def check(name: str, outcome: str = "ok", *findings: str) -> dict[str, Any]:
    told = [{"rule": rule, "message": f"{rule} is wrong"} for rule in findings]
    return {"id": f"pixi.toml::{name}", "outcome": outcome, "findings": told, "message": None}


def report(*checks: dict[str, Any], crashed: tuple[str, ...] = (), code: int = 0) -> dict[str, Any]:
    outcomes = {each["outcome"] for each in checks}
    return {
        "schema": 1,
        "command": "pytest --pixi-pack",
        "outcome": "failed" if "failed" in outcomes else "passed",
        "exit_code": code,
        "network": False,
        "checks": list(checks),
        "crashed": list(crashed),
    }


def record(*packages: dict[str, Any], **more: Any) -> dict[str, Any]:
    workspace = {"name": "demo", "engine": "embedded", "lock": {"sha256": "a"}}
    parts = {"packages": list(packages), "packs": [], "prefixes": []}
    whole = {"schema": 1, "kind": "pixipack-record", "platform": "linux-64", "tools": {}}
    return {**whole, "workspaces": [{**workspace, **parts}], **more}


def package(name: str, digest: str = "1") -> dict[str, Any]:
    return {"name": name, "version": "1", "build": "0", "subdir": "noarch", "variants": {},
            "sha256": digest, "normalised": digest, "backend": {}}  # fmt: skip


@pytest.fixture
def files(tmp_path: Path):
    def write(*documents: dict[str, Any]) -> list[Path]:
        paths = [tmp_path / f"shard-{number}.json" for number in range(len(documents))]
        for path, document in zip(paths, documents, strict=True):
            path.write_text(json.dumps(document))
        return paths

    return write


def merged(paths: list[Path]) -> dict[str, Any]:
    return merged_report(read_shards(paths)[1])


# --- reports ----------------------------------------------------------------------------------


def test_all_checks_of_all_shards_are_there(files) -> None:
    found = merged(files(report(check("b")), report(check("a"), check("c")), report()))
    assert [each["id"] for each in found["checks"]] == [f"pixi.toml::{n}" for n in "abc"]
    assert (found["outcome"], found["exit_code"], found["shards"]) == ("passed", 0, 3)


def test_the_worst_outcome_of_a_check_counts(files) -> None:
    paths = files(
        report(check("a", "skipped"), check("b", "failed", "x")),
        report(check("a", "ok"), check("b", "failed", "y")),
        report(check("b", "ok")),
    )
    a, b = merged(paths)["checks"]
    assert a["outcome"] == "ok"
    assert b["outcome"] == "failed"
    assert {each["rule"] for each in b["findings"]} == {"x", "y"}


def test_the_order_of_shards_makes_no_difference(files) -> None:
    reports = [
        report(check("a"), check("b", "failed", "x"), code=1),
        report(check("b", "failed", "y"), crashed=("pixi.toml::z",), code=1),
        report(check("c", "error"), code=5),
    ]
    texts = {json.dumps(merged(files(*each))) for each in permutations(reports)}
    assert len(texts) == 1


def test_a_worker_that_crashed_is_no_success(files) -> None:
    found = merged(files(report(check("a")), report(crashed=("pixi.toml::b",), code=1)))
    assert (found["outcome"], found["crashed"]) == ("infrastructure", ["pixi.toml::b"])


def test_what_was_merged_can_be_merged(files, tmp_path: Path) -> None:
    one = files(report(check("a")), report(check("b")))
    assert main(["merge", *map(str, one), "-o", str(tmp_path / "both.json")]) == 0
    again = merged([tmp_path / "both.json", *files(report(check("c")))])
    assert len(again["checks"]) == 3


@pytest.mark.parametrize(
    ("documents", "code"),
    [
        ([report(check("a")), report(check("b"))], 0),
        ([report(check("a")), report(code=5)], 0),
        ([report(check("a")), report(check("b", "failed", "x"), code=1)], 1),
        ([report(check("a")), report(check("b"), code=1)], 1),  # a test of the repository's own
        ([report(check("a")), report(check("b"), code=2)], 2),  # interrupted
        ([report(check("a")), report(check("b", "error"), code=1)], 2),
        ([report(), report()], 2),
    ],
)
def test_exit_codes(files, documents: list[dict[str, Any]], code: int) -> None:
    assert main(["merge", *map(str, files(*documents))]) == code


def test_a_shard_that_wrote_nothing_is_noticed(files, capsys) -> None:
    paths = files(report(check("a")), report(check("b")))
    assert main(["merge", "--of", "3", *map(str, paths)]) == 2
    assert "There are 2 parts, and there have to be 3" in capsys.readouterr().err


def test_what_failed_is_said(files, capsys) -> None:
    paths = files(report(check("a", "failed", "lock-spec")), report(check("b")))
    assert main(["merge", *map(str, paths)]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "failed: pixi.toml::a",
        "  lock-spec: lock-spec is wrong",
        "2 reports: 1 failed, 1 ok",
    ]


def test_as_json(files, capsys) -> None:
    main(["merge", "--json", "-", *map(str, files(report(check("a")), report(check("b"))))])
    found = json.loads(capsys.readouterr().out)
    assert (found["outcome"], found["shards"], found["checks"]) == ("passed", 2, {"ok": 2})


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "1", '{"command": "verify"}', '{"command": "pytest --pixi-pack", "schema": 1}',
     '{"command": "pytest --pixi-pack", "schema": 1, "checks": [3], "crashed": [], "exit_code": 0}',
     "[" * 100_000, "\\ud800"],
)  # fmt: skip
def test_what_is_no_report_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(InvalidInput):
        read_shards([tmp_path / "x.json"])


def test_a_later_schema_is_unsupported(files) -> None:
    with pytest.raises(Unsupported, match="schema 2"):
        read_shards(files({**report(), "schema": 2}))


def test_a_file_that_is_named_twice_is_refused(files) -> None:
    (path,) = files(report())
    with pytest.raises(InvalidInput, match="twice"):
        read_shards([path, path])


def test_reports_and_records_do_not_mix(files) -> None:
    with pytest.raises(InvalidInput, match="cannot be merged"):
        read_shards(files(report(), record()))


# --- records ----------------------------------------------------------------------------------


def test_records_of_shards_are_one_record(files, tmp_path: Path) -> None:
    paths = files(record(package("b")), record(package("a"), package("b")))
    out = tmp_path / "all.json"
    assert main(["merge", *map(str, paths), "-o", str(out)]) == 0
    assert out.read_text() == record_text(record(package("a"), package("b")))


def test_what_no_shard_has_made_is_missing(files) -> None:
    documents = [record(package("a")), record(package("b"))]
    for document, missing in zip(documents, (["package b noarch", "c"], ["package a noarch", "c"]),
                                 strict=True):  # fmt: skip
        document["workspaces"][0]["missing"] = missing
    merged, _ = merged_record(read_shards(files(*documents))[1])
    assert merged["workspaces"][0]["missing"] == ["c"]


def test_what_shards_made_differently_is_a_finding(files, capsys) -> None:
    paths = files(record(package("a", "1")), record(package("a", "2")))
    assert main(["merge", *map(str, paths)]) == 1
    assert "shards have made a 1 0 noarch differently" in capsys.readouterr().out


def test_so_is_another_build_of_what_the_lock_asks_for(files, capsys, tmp_path) -> None:
    documents = record(package("a")), record({**package("a"), "build": "1"})
    out = tmp_path / "all.json"
    assert main(["merge", *map(str, files(*documents)), "-o", str(out)]) == 1
    assert "shards have made a noarch differently: 1 0 and 1 1" in capsys.readouterr().out
    assert out.read_text() == record_text(documents[0])


def test_several_builds_of_one_package_are_several_packages(files) -> None:
    """Variants whose builds nothing but their build strings tells apart."""
    both = [package("a"), {**package("a"), "build": "1"}]
    assert main(["merge", *map(str, files(record(*both), record(both[1])))]) == 0
    other = {**package("a"), "variants": {"python": "3.13"}, "build": "1"}
    assert main(["merge", *map(str, files(record(both[0]), record(other)))]) == 0


@pytest.mark.parametrize("more", [{"platform": "osx-arm64"}, {"tools": {"pixi": "1"}}])
def test_records_of_different_runs_are_refused(files, more: dict[str, Any]) -> None:
    _, shards = read_shards(files(record(), record(**more)))
    with pytest.raises(InvalidInput, match="not of one run"):
        merged_record(shards)


def record_of(part: str, *packages: dict[str, Any], **more: Any) -> dict[str, Any]:
    """What a shard writes; one that has made nothing knows of no workspace, and so of no tool."""
    whole = record(*packages, shard=part, tools={"pixi": "1"}, **more)
    return whole if packages else {**whole, "tools": {}, "workspaces": []}


RECORDS = [record_of("1/4", package("a")), record_of("2/4"), record_of("3/4", package("b")),
           record_of("4/4")]  # fmt: skip


def test_a_shard_that_made_nothing_says_nothing_of_tools(files, tmp_path) -> None:
    texts = set()
    for order in permutations(RECORDS):
        assert (
            main(["merge", *map(str, files(*order)), "--of", "4", "-o", str(tmp_path / "o")]) == 0
        )
        texts.add((tmp_path / "o").read_text("utf-8"))
    (whole,) = map(json.loads, texts)
    assert whole["tools"] == {"pixi": "1"}
    assert [each["name"] for each in whole["workspaces"][0]["packages"]] == ["a", "b"]
    assert (whole["shards"], whole["parts"]) == (4, ["1/4", "2/4", "3/4", "4/4"])
    assert "shard" not in whole


def test_tools_of_another_engine_are_those_of_the_same_run(files) -> None:
    """One workspace is built by the system's tools, another one cannot be."""
    other = record_of("1/2", package("a"))
    other["workspaces"][0] |= {"name": "other", "engine": "system"}
    other["tools"] = {"py-rattler": "1", "pixi": "2"}
    mine = {**record_of("2/2", package("b")), "tools": {"py-rattler": "1"}}
    whole, _ = merged_record(read_shards(files(other, mine))[1])
    assert whole["tools"] == {"pixi": "2", "py-rattler": "1"}
    _, shards = read_shards(files(other, {**mine, "tools": {"py-rattler": "2"}}))
    with pytest.raises(InvalidInput, match="version of py-rattler"):
        merged_record(shards)


def test_records_of_no_tests_at_all_are_one_record(files) -> None:
    assert main(["merge", *map(str, files(record_of("1/2"), record_of("2/2"))), "--of", "2"]) == 0


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([0, 0, 1, 2], "part 1/4 is there twice"),
        ([0, 1, 3], "Missing: 3/4."),
    ],
)
def test_records_that_are_there_twice_or_not_at_all(files, given, said, capsys) -> None:
    paths = files(*(RECORDS[number] for number in given))
    assert main(["merge", *map(str, paths), "--of", "4"]) == 2
    assert said in capsys.readouterr().err


def test_records_merged_in_one_step_or_in_two(files, tmp_path, capsys) -> None:
    paths = list(map(str, files(*RECORDS)))
    whole, half, both = (str(tmp_path / name) for name in ("whole", "half", "both"))
    assert main(["merge", *paths, "--of", "4", "-o", whole]) == 0
    assert main(["merge", *paths[:2], "-o", half]) == 0
    assert main(["merge", half, *paths[2:], "--of", "4", "-o", both]) == 0
    assert Path(both).read_bytes() == Path(whole).read_bytes()
    assert main(["merge", half, paths[0]]) == 2
    assert "part 1/4 is there twice" in capsys.readouterr().err


@pytest.mark.parametrize("broken", [{"shard": 1}, {"parts": "1/2"}, {"parts": [1]}])
def test_a_record_of_broken_parts_is_refused(files, broken, capsys) -> None:
    assert main(["merge", *map(str, files({**RECORDS[0], **broken}))]) == 2
    assert f"`{next(iter(broken))}" in capsys.readouterr().err


def sharded(part: str, *checks: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {**report(*checks), "shard": part, **more}


def test_a_shard_that_is_there_twice_does_not_stand_for_another_one(files, capsys) -> None:
    paths = files(sharded("1/3", check("a")), sharded("1/3", check("a")), sharded("3/3"))
    assert main(["merge", *map(str, paths), "--of", "3"]) == 2
    assert "part 1/3 is there twice" in capsys.readouterr().err


def test_the_shard_that_is_missing_is_named(files, capsys) -> None:
    paths = files(sharded("1/3", check("a")), sharded("3/3"))
    assert main(["merge", *map(str, paths), "--of", "3"]) == 2
    assert "Missing: 2/3." in capsys.readouterr().err


def test_shards_of_runs_that_were_divided_in_other_ways(files, capsys) -> None:
    paths = files(sharded("1/2"), sharded("2/3"))
    assert main(["merge", *map(str, paths)]) == 2
    assert "not the shards of one run" in capsys.readouterr().err


def test_merging_in_one_step_or_in_two_is_the_same(files, tmp_path) -> None:
    paths = files(*(sharded(f"{n}/3", check(f"c{n}")) for n in (1, 2, 3)))
    names = [str(tmp_path / name) for name in ("whole", "half", "both", "again")]
    whole, half, both, again = names
    assert main(["merge", *map(str, paths), "--of", "3", "-o", whole]) == 0
    assert main(["merge", *map(str, paths[:2]), "-o", half]) == 0
    assert main(["merge", half, str(paths[2]), "--of", "3", "-o", both]) == 0
    assert main(["merge", whole, "--of", "3", "-o", again]) == 0
    assert len({Path(name).read_bytes() for name in (whole, both, again)}) == 1


@pytest.mark.parametrize("code", [2, 3, 4])
def test_a_run_that_was_broken_off_is_no_success(files, code) -> None:
    whole = merged(files(report(check("a")), report(check("b"), code=code)))
    assert whole["outcome"] == "infrastructure"


# --- check, verify, compare -------------------------------------------------------------------


def verified(*rules: str, outcome: str = "passed", command: str = "verify") -> dict[str, Any]:
    found = [{"rule": rule, "severity": "error", "message": f"{rule} is wrong"} for rule in rules]
    return {"schema": 1, "command": command, "outcome": outcome, "findings": found}


def compared(verdict: str, *causes: str) -> dict[str, Any]:
    found = [{"where": ["a", cause], "field": "f", "kind": verdict, "cause": cause, "left": 1,
              "right": 2} for cause in causes]  # fmt: skip
    outcome = "failed" if causes else "passed"
    return {"schema": 1, "command": "compare", "outcome": outcome, "verdict": verdict,
            "differences": found}  # fmt: skip


REFUSED = {
    "schema": 1, "command": "verify", "outcome": "invalid-input", "error": {"message": "no file"},
}  # fmt: skip


def test_findings_of_all_shards_each_once(files, tmp_path, capsys) -> None:
    paths = files(verified("b", "a", outcome="failed"), verified("b", outcome="failed"), verified())
    out = tmp_path / "whole.json"
    assert main(["merge", *map(str, paths), "-o", str(out)]) == 1
    whole = json.loads(out.read_text("utf-8"))
    assert [each["rule"] for each in whole["findings"]] == ["a", "b"]
    assert (whole["outcome"], whole["command"], whole["shards"]) == ("failed", "verify", 3)
    assert "3 documents of verify: failed" in capsys.readouterr().out


def test_the_worst_verdict_of_all_comparisons(files, tmp_path) -> None:
    paths = files(compared("metadata", "timestamp"), compared("identical"))
    out = tmp_path / "whole.json"
    assert main(["merge", *map(str, paths), "-o", str(out)]) == 1
    assert json.loads(out.read_text("utf-8"))["verdict"] == "metadata"


@pytest.mark.parametrize(
    ("documents", "code", "outcome"),
    [
        ((verified(), verified()), 0, "passed"),
        ((verified(), REFUSED), 2, "invalid-input"),
        ((verified("a", outcome="failed"), REFUSED), 1, "failed"),
    ],
)
def test_a_shard_that_could_not_do_its_part(files, tmp_path, documents, code, outcome) -> None:
    out = tmp_path / "whole.json"
    assert main(["merge", *map(str, files(*documents)), "-o", str(out)]) == code
    whole = json.loads(out.read_text("utf-8"))
    assert whole["outcome"] == outcome
    errors = [{"shard": "shard-1.json", "message": "no file"}] if REFUSED in documents else None
    assert whole.get("errors") == errors


def test_the_order_of_documents_makes_no_difference_and_merging_again_neither(
    files, tmp_path
) -> None:
    paths = files(verified("b", outcome="failed"), REFUSED, verified("a", outcome="failed"))
    texts = set()
    for number, order in enumerate(permutations(map(str, paths))):
        out = tmp_path / f"whole-{number}.json"
        main(["merge", *order, "-o", str(out)])
        texts.add(out.read_text("utf-8"))
    assert len(texts) == 1
    again = tmp_path / "again.json"
    assert main(["merge", str(tmp_path / "whole-0.json"), "-o", str(again)]) == 1
    assert again.read_text("utf-8") == texts.pop()


def test_documents_of_two_commands_are_no_one_run(files, capsys) -> None:
    paths = files(verified(), verified(command="check"))
    assert main(["merge", *map(str, paths)]) == 2
    assert "two kinds" in capsys.readouterr().err


@pytest.mark.parametrize("broken", [{"findings": 1}, {"outcome": 3}, {"schema": 9}, {"parts": [1]}])
def test_a_broken_document_is_refused(files, broken, capsys) -> None:
    assert main(["merge", *map(str, files({**verified(), **broken}))]) == 2
    assert "shard-0.json" in capsys.readouterr().err
