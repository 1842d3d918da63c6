"""The protocol as types: all recorded messages, and what is odd about others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_pixipack.backend.build_messages import (
    AskedDependency,
    BuildParams,
    rewritten_params,
    rewritten_result,
)
from pytest_pixipack.backend.messages import (
    InitializeParams,
    OutputsParams,
    ProjectModel,
    Target,
    Targets,
)
from pytest_pixipack.backend.protocol import NamedSpec
from pytest_pixipack.backend.schema import METHODS, OBJECTS, needed_version, unknown_fields
from pytest_pixipack.backend.transcript import Transcript
from pytest_pixipack.errors import BackendError

CASES = Path(__file__).parents[1] / "data" / "conformance" / "cases"
TRANSCRIPTS = sorted(CASES.glob("*/expected/rpc.jsonl"))


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.parents[1].name)
def test_every_recorded_message_survives_reading_and_writing(path: Path) -> None:
    calls = Transcript.load(path).calls
    assert {call.method for call in calls} >= {"initialize", "conda/outputs"}
    for call in calls:
        params, result = METHODS[call.method]
        written = rewritten_params(call.method, call.params)
        assert json.dumps(written) == json.dumps(call.params)  # the order of keys counts, too
        assert unknown_fields(call.params, params) == ()
        if call.result is not None:
            assert json.dumps(rewritten_result(call.method, call.result)) == json.dumps(call.result)
            assert unknown_fields(call.result, result) == ()


def test_all_transcripts_are_here() -> None:
    assert len(TRANSCRIPTS) >= 11


MODEL = ProjectModel(
    name="lib",
    targets=Targets(Target(run={"tool": NamedSpec("tool", fields={"version": ">=1"})})),
)


def test_messages_can_be_made_in_python() -> None:
    params = InitializeParams(manifest_path="/ws/pixi.toml", project_model=MODEL).to_json()
    assert params["projectModel"]["targets"] == {
        "defaultTarget": {
            "hostDependencies": None,
            "buildDependencies": None,
            "runDependencies": {"tool": {"binary": {"version": ">=1"}}},
            "runConstraints": None,
        }
    }
    assert "checkoutRoot" not in params
    assert params["cacheDirectory"] is None
    assert InitializeParams.from_json(params).to_json() == params


# One message of each method that has keys of versions to come, deep inside.
FUTURE: dict[str, Any] = {
    "negotiateCapabilities": {"capabilities": {"streams": True}},
    "initialize": {
        "manifestPath": "/ws/pixi.toml",
        "projectModel": {
            "targets": {
                "defaultTarget": {
                    "runDependencies": {"a": {"binary": {"colour": "red"}, "why": "so"}},
                    "runExports": {"weak": {}, "loose": {}},
                    "testDependencies": {},
                },
                "future": 1,
            },
            "mood": "good",
        },
    },
    "conda/outputs": {
        "channels": [], "hostPlatform": "linux-64", "buildPlatform": "linux-64",
        "workDirectory": "/w", "jobs": 4,
    },
    "conda/build_v1": {
        "output": {"name": "a", "version": None, "build": None, "subdir": "noarch", "variant": {},
                   "label": "x"},
        "workDirectory": "/w",
        "hostPrefix": {"prefix": "/h", "platform": "noarch", "packages": [{"name": "z", "x": 1}],
                       "frozen": True},
        "runDependencies": [{"spec": {"name": "a", "mood": 1}, "source": {
            "type": "runExport", "from": "host", "runExport": "z", "line": 3}, "weight": 2}],
        "packageFormat": {"archiveType": "conda", "threads": 2},
    },
}  # fmt: skip
SHOWN = {
    "negotiateCapabilities": ["capabilities.streams"],
    "initialize": [
        "projectModel.mood",
        "projectModel.targets.defaultTarget.runDependencies.a.binary.colour",
        "projectModel.targets.defaultTarget.runDependencies.a.why",
        "projectModel.targets.defaultTarget.runExports.loose",
        "projectModel.targets.defaultTarget.testDependencies",
        "projectModel.targets.future",
    ],
    "conda/outputs": ["jobs"],
    "conda/build_v1": [
        "hostPrefix.frozen",
        "output.label",
        "packageFormat.threads",
        "runDependencies[0].source.line",
        "runDependencies[0].spec.mood",
        "runDependencies[0].weight",
    ],
}


@pytest.mark.parametrize("method", METHODS)
def test_unknown_keys_are_kept_and_shown(method: str) -> None:
    assert rewritten_params(method, FUTURE[method]) == FUTURE[method]
    assert list(unknown_fields(FUTURE[method], METHODS[method][0])) == SHOWN[method]


def test_unknown_keys_of_an_answer_are_kept_and_shown() -> None:
    none: dict[str, Any] = {"depends": [], "constraints": [], "optional": []}
    kinds = ("weak", "strong", "noarch", "weakConstrains", "strongConstrains")
    output = {
        "metadata": {"name": "Lib", "version": "1", "build": "0", "buildNumber": 0,
                     "subdir": "noarch", "noarch": "generic", "variant": {}, "colour": "red"},
        "buildDependencies": None,
        "runDependencies": none,
        "ignoreRunExports": {"byName": [], "fromPackage": [], "byMood": []},
        "runExports": {**{kind: [] for kind in kinds}, "loose": []},
        "inputGlobSets": [{"patterns": ["**"], "depth": 3}],
    }  # fmt: skip
    answer = {"outputs": [output], "inputGlobs": [], "inputGlobSets": [], "seconds": 1}
    assert rewritten_result("conda/outputs", answer) == answer
    assert list(unknown_fields(answer, "CondaOutputsResult")) == [
        "outputs[0].ignoreRunExports.byMood",
        "outputs[0].inputGlobSets[0].depth",
        "outputs[0].metadata.colour",
        "outputs[0].runDependencies.optional",
        "outputs[0].runExports.loose",
        "seconds",
    ]


@pytest.mark.parametrize(
    ("method", "params", "place"),
    [
        ("initialize", {}, r"initialize\.manifestPath is missing"),
        ("initialize", None, "initialize has to be an object"),
        ("initialize", {"manifestPath": 1}, r"initialize\.manifestPath has to be a string"),
        ("conda/outputs", {"channels": "x"}, r"channels has to be a list"),
        ("conda/build_v1", {"workDirectory": "/w"}, r"build_v1\.output is missing"),
        ("negotiateCapabilities", {"capabilities": 3}, "capabilities has to be an object"),
        ("conda/metadata", {}, "has no method 'conda/metadata'"),
    ],
)
def test_parameters_of_another_shape_name_the_place(method: str, params: Any, place: str) -> None:
    with pytest.raises(BackendError, match=place):
        rewritten_params(method, params)


# --- versions ---------------------------------------------------------------------------------
def test_messages_of_version_5_have_texts_for_match_specs_before_and_objects_since() -> None:
    for spec in ("zlib >=1", {"name": "zlib", "version": ">=1"}):
        dependency = {"spec": spec, "source": None}
        assert AskedDependency.from_json(dependency).to_json() == dependency


@pytest.mark.parametrize(
    ("target", "version"),
    [
        ({"runDependencies": {"a": {"binary": {}}}}, 5),
        ({"extraDependencies": {"dev": {"a": {"binary": {}}}}}, 5),
        ({"runExports": {"weak": {"a": {"binary": {}}}}}, 6),
        ({"runDependencies": {"a": {"pinCompatible": {}}}}, 7),
    ],
)
def test_the_version_that_a_message_needs_is_known(target: Any, version: int) -> None:
    params = {"manifestPath": "/x", "projectModel": {"targets": {"defaultTarget": target}}}
    assert needed_version(params, "InitializeParams") == version
    assert InitializeParams.from_json(params).to_json() == params


# --- all of it --------------------------------------------------------------------------------
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(sorted({k for o in OBJECTS.values() for k in o})), inner)
    ),
    max_leaves=8,
)


def refusal(rewritten: Any, method: str, value: Any) -> str | None:
    try:
        assert rewritten(method, value) == value
    except BackendError as error:
        return error.message
    return None


@pytest.mark.slow
@given(st.sampled_from(sorted(METHODS)), VALUES)
@example("negotiateCapabilities", {"capabilities": {}})
def test_what_is_no_message_is_refused_with_a_sentence(method: str, value: Any) -> None:
    for rewritten in (rewritten_params, rewritten_result):
        assert (refusal(rewritten, method, value) or ".").endswith(".")


def test_each_type_reads_its_own_writing(cases: Path) -> None:
    transcript = Transcript.load(cases / "run-exports" / "expected" / "rpc.jsonl")
    readers = {"initialize": InitializeParams, "conda/outputs": OutputsParams,
               "conda/build_v1": BuildParams}  # fmt: skip
    for call in transcript.calls:
        if call.method in readers:
            typed = readers[call.method].from_json(call.params)
            assert readers[call.method].from_json(typed.to_json()) == typed
