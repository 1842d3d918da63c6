"""Answers of a backend as types, and match specs in their three forms."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_pixipack.backend.matchspec import (
    condition_text,
    condition_to_json,
    named_spec_to_match_spec,
    parse_match_spec,
    to_build_spec,
)
from pytest_pixipack.backend.overrides import backend_override, parse_overrides
from pytest_pixipack.backend.protocol import BuildResult, NamedSpec, OutputsResult
from pytest_pixipack.backend.transcript import Transcript
from pytest_pixipack.errors import BackendError, InvalidInput

SOURCE = {"path": {"path": "../lib"}}


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        (NamedSpec("libz", fields={"version": "*"}), "libz *"),
        (NamedSpec("tool-a", fields={"version": ">=1.0", "build": "h0*"}), "tool-a >=1.0 h0*"),
        (NamedSpec("tool-a", fields={"build": "h0*"}), "tool-a * h0*"),
        (NamedSpec("lib", "source", SOURCE), "lib"),
        (NamedSpec("lib", "source", {**SOURCE, "version": ">=2"}), "lib >=2"),
        (NamedSpec("lib", "source", {**SOURCE, "extras": ["a", "b"]}), "lib[extras=[a, b]]"),
        (
            NamedSpec("x", fields={"version": "*", "channel": "https://conda.anaconda.org/c/"}),
            "c::x *",
        ),
        (
            NamedSpec("x", fields={"version": "*", "buildNumber": ">=2", "license": "MIT"}),
            'x *[build_number=">=2", license="MIT"]',
        ),
    ],
)
def test_a_dependency_is_written_as_in_a_lock(spec: NamedSpec, text: str) -> None:
    assert named_spec_to_match_spec(spec) == text


def test_a_build_spec_is_in_snake_case_without_nulls_and_places() -> None:
    fields = {**SOURCE, "version": None, "buildNumber": ">=2"}
    assert to_build_spec(NamedSpec("lib", "source", fields)) == {
        "name": "lib",
        "build_number": ">=2",
    }


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("libw >=2.1,<3", {"version": ">=2.1,<3"}),
        ("libpy", {"version": "*"}),
        ("python 3.12.* *_cpython", {"version": "3.12.*", "build": "*_cpython"}),
        ("zlib 1.3", {"version": "==1.3"}),
    ],
)
def test_a_run_export_is_read_as_pixi_reads_it(text: str, fields: dict[str, str]) -> None:
    spec = parse_match_spec(text)
    assert spec is not None
    assert spec.fields == fields


def test_a_run_export_that_is_no_match_spec_is_passed_over() -> None:
    assert parse_match_spec("zlib >>1 [[") is None


def test_conditions_keep_their_precedence() -> None:
    parsed = condition_to_json("python >=3.10 and (__unix or __win) or old")
    assert condition_text(parsed) == "((python>=3.10 and (__unix or __win)) or old)"


@pytest.mark.parametrize("text", ["", "and", "python and", "(python", "python)", "a ) b"])
def test_a_broken_condition_is_refused(text: str) -> None:
    with pytest.raises(BackendError, match="is not one"):
        condition_to_json(text)


# --- answers ----------------------------------------------------------------------------------
def recorded_outputs(cases: Path) -> list[Any]:
    transcripts = [Transcript.load(path) for path in sorted(cases.glob("*/expected/rpc.jsonl"))]
    return [c.result for t in transcripts for p in t.packages for c in t.outputs(p)]


def test_recorded_answers_survive_reading_and_writing(cases: Path) -> None:
    answers = recorded_outputs(cases)
    assert answers
    for answer in answers:
        assert OutputsResult.from_json(answer).to_json() == answer


def answer(**metadata: Any) -> Any:
    known = {"name": "lib", "version": "1", "build": "0", "buildNumber": 0, "subdir": "noarch"}
    return {
        "outputs": [
            {
                "metadata": {**known, "noarch": "generic", **metadata},
                "runDependencies": {"depends": [], "constraints": []},
            }
        ],
        "inputGlobs": [],
    }


def test_unknown_keys_are_kept() -> None:
    given_answer = answer(colour="red") | {"future": [1]}
    written = OutputsResult.from_json(given_answer).to_json()
    assert written["future"] == [1]
    assert written["outputs"][0]["metadata"]["colour"] == "red"


@pytest.mark.parametrize(
    ("metadata", "place"),
    [
        ({"name": "../../etc"}, "not a valid package name"),
        ({"name": ".."}, "not a valid package name"),
        ({"name": None}, r"outputs\[0\]\.metadata\.name is missing"),
        ({"version": "1/2"}, r"metadata\.version is '1/2', which is not a version"),
        ({"build": "a b"}, r"metadata\.build is 'a b', which is not a build string"),
        ({"buildNumber": True}, r"metadata\.buildNumber has to be a natural number"),
        ({"subdir": "linux"}, r"metadata\.subdir is 'linux', which is not a platform"),
        ({"noarch": "perl"}, r"metadata\.noarch has to be"),
        ({"variant": {"a": []}}, r"metadata\.variant\.a has to be a string"),
    ],
)
def test_an_answer_of_another_shape_names_the_place(metadata: Any, place: str) -> None:
    with pytest.raises(BackendError, match=place):
        OutputsResult.from_json(answer(**metadata))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def refusal(reader: Callable[[Any], Any], value: Any) -> str | None:
    """The sentence with which a value is refused, or None where it is read."""
    try:
        json.dumps(reader(value).to_json())
    except BackendError as error:
        return error.message
    return None


@pytest.mark.slow
@given(JSON)
def test_what_is_no_answer_is_refused(value: Any) -> None:
    for reader in (OutputsResult.from_json, BuildResult.from_json, NamedSpec.from_json):
        assert (refusal(reader, value) or "").endswith(".")


@pytest.mark.slow
@given(JSON, st.sampled_from(["metadata", "runDependencies", "runExports", "extraDependencies"]))
def test_a_good_answer_with_one_odd_part_is_read_or_refused(value: Any, key: str) -> None:
    changed = answer()
    changed["outputs"][0][key] = value
    assert key in (refusal(OutputsResult.from_json, changed) or key)


def test_a_package_that_is_not_offered_is_named() -> None:
    with pytest.raises(BackendError, match=r"'app' is not provided .* offers lib"):
        OutputsResult.from_json(answer()).named("app")


# --- overrides --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("environ", "command"),
    [
        ({}, None),
        ({"PIXI_BUILD_BACKEND_OVERRIDE": ""}, None),
        ({"PIXI_BUILD_BACKEND_OVERRIDE": "other,cmake=/opt/cmake"}, "/opt/cmake"),
        ({"PIXI_BUILD_BACKEND_OVERRIDE": "cmake"}, "cmake"),
        ({"PIXI_BUILD_BACKEND_OVERRIDE": "cmake=/a,cmake=/b"}, "/a"),
        ({"PIXI_BUILD_BACKEND_OVERRIDE": "cmake=/a, cmake=/b"}, "/a"),
        ({"PIXI_BUILD_BACKEND_OVERRIDE": "cmake=/a,x=y=z"}, None),
        (
            {"PIXI_BUILD_BACKEND_OVERRIDE": "cmake=/a", "PIXI_BUILD_BACKEND_OVERRIDE_ALL": ""},
            "cmake",
        ),
    ],
)
def test_overrides_are_read_as_pixi_reads_them(
    environ: dict[str, str], command: str | None
) -> None:
    assert backend_override("cmake", environ) == command


def test_a_text_that_pixi_ignores_is_told_apart_from_an_empty_one() -> None:
    assert parse_overrides("a=b=c") is None
    assert parse_overrides("") is not None


# --- transcripts ------------------------------------------------------------------------------
def test_a_transcript_answers_by_package(cases: Path) -> None:
    transcript = Transcript.load(cases / "trio" / "expected" / "rpc.jsonl")
    assert set(transcript.packages) == {"app", "core", "lib"}
    app = transcript.initialize("app")
    assert app.configuration == {"greeting": "hi"}
    assert app.target_configuration == {"unix": {"greeting": "unix"}}
    assert app.project_model["version"] == "0.1.0"
    assert {call.params["hostPlatform"] for call in transcript.outputs("app")} >= {"win-64"}
    assert transcript.builds("core")[0].result


def test_a_package_without_messages_is_told_with_those_that_have_some(cases: Path) -> None:
    transcript = Transcript.load(cases / "trio" / "expected" / "rpc.jsonl")
    with pytest.raises(InvalidInput, match=r"for ap; recorded packages: (app|core|lib), "):
        transcript.initialize("ap")


def test_the_last_initialize_counts(tmp_path: Path) -> None:
    for number in (2, 10, 1):
        request = {
            "id": 0,
            "method": "initialize",
            "params": {"projectModel": {"name": "lib"}, "configuration": {"n": number}},
        }
        line = json.dumps({"dir": "->", "msg": request})
        (tmp_path / f"77-{number}.jsonl").write_text(line + "\n", encoding="utf-8")
    transcript = Transcript.load(tmp_path)
    assert transcript.initialize("lib").configuration == {"n": 10}
    assert transcript.initialize("lib", 0).configuration == {"n": 1}


@pytest.mark.parametrize(
    "line", ["{", "[]", "{}", '{"dir": "?", "msg": {}}', '{"dir": "->", "msg": 1}']
)
def test_a_line_that_is_no_message_is_named(line: str, tmp_path: Path) -> None:
    (tmp_path / "rpc.jsonl").write_text(f"\n{line}\n", encoding="utf-8")
    with pytest.raises(InvalidInput) as caught:
        Transcript.load(tmp_path / "rpc.jsonl")
    assert caught.value.line == 2


def test_a_missing_transcript_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be read"):
        Transcript.load(tmp_path / "absent.jsonl")
