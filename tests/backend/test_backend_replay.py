"""Recording a backend, and answering from the recording ever after."""

from __future__ import annotations

import copy
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_pixipack.backend.client import InProcessBackend, ProcessBackend
from pytest_pixipack.backend.replay import ReplayBackend
from pytest_pixipack.backend.requests_compared import request_differences
from pytest_pixipack.backend.stand_in import absolute, stand_in
from pytest_pixipack.backend.transcript import Call, Transcript
from pytest_pixipack.errors import BackendError, InvalidInput, Unsupported

Json = dict[str, Any]
CASES = Path(__file__).parents[1] / "data" / "conformance" / "cases"
TRANSCRIPTS = sorted(CASES.glob("*/expected/rpc.jsonl"))
QUICK = ("flat", "git-source", "lock-v6", "package-target", "pyproject")
QUICK_AND_SLOW = [
    pytest.param(path, id=name, marks=() if name in QUICK else pytest.mark.slow)
    for path in TRANSCRIPTS
    for name in [path.parents[1].name]
]


def filled(value: Any, places: dict[str, str]) -> Any:
    """A recorded message with real paths, as another front end would send it."""
    text = json.dumps(value)
    for name, path in places.items():
        text = text.replace(f"@{name}@", json.dumps(path)[1:-1])
    return json.loads(text)


def asked_again(call: Call, places: dict[str, str], number: int = 0) -> Json:
    params = filled(call.params, places)
    return {"jsonrpc": "2.0", "id": number, "method": call.method, "params": params}


@pytest.fixture
def places(tmp_path: Path) -> dict[str, str]:
    return {
        "ROOT": str(tmp_path / "elsewhere"),
        "CACHE": str(tmp_path / "cache"),
        "KEY": "a1b2c3",
        "PAD": "_placehold_placehold",
        "REV": "0123456789abcdef",
    }


# --- every recorded transcript answers --------------------------------------------------------
@pytest.mark.parametrize("path", QUICK_AND_SLOW)
def test_a_transcript_answers_every_request_that_it_holds(
    path: Path, places: dict[str, str]
) -> None:
    kept = path.parent / "artifacts"
    sessions: dict[Any, ReplayBackend] = {}
    for call in Transcript.load(path).calls:
        backend = sessions.setdefault(call.session, ReplayBackend(path))
        reply = backend.answer(asked_again(call, places)) or {}
        recorded = filled({"result": call.result, "error": call.error}, places)
        if call.method == "conda/build_v1" and call.result and not kept.is_dir():
            assert "was not kept" in reply["error"]["message"]
        elif call.method == "conda/build_v1" and call.result:
            built = Path(reply["result"]["output_file"])
            assert built.name == Path(recorded["result"]["output_file"]).name
            assert built.read_bytes() == (kept / call.result["subdir"] / built.name).read_bytes()
        else:
            assert reply.get("result") == recorded["result"]
            assert reply.get("error") == recorded["error"]


# --- differences ------------------------------------------------------------------------------
@pytest.fixture
def trio(places: dict[str, str]) -> tuple[ReplayBackend, Callable[[str], Json]]:
    """A replay of one package, and its requests by method."""
    path = CASES / "trio" / "expected" / "rpc.jsonl"
    calls = [call for call in Transcript.load(path).calls if call.package == "core"]
    by_method = {call.method: asked_again(call, places) for call in calls}
    return ReplayBackend(path), lambda method: copy.deepcopy(by_method[method])


def test_a_request_that_differs_is_reported_field_by_field(trio: Any) -> None:
    backend, request = trio
    asked = request("initialize")
    asked["params"]["projectModel"]["version"] = "9.9"
    asked["params"]["configuration"] = {"new": True}
    error = backend.answer(asked)["error"]["data"]
    assert error["code"] == "pixipack::replay-difference"
    assert error["message"] == (
        "The request `initialize` for core is not the one in rpc.jsonl: "
        'projectModel.version (recorded "0.3.0", now "9.9"); '
        'configuration (recorded nothing, now {"new": true})'
    )


def test_a_later_request_that_differs_is_reported_too(trio: Any) -> None:
    backend, request = trio
    backend.answer(request("initialize"))
    asked = request("conda/outputs")
    asked["params"]["variantConfiguration"] = {"python": ["3.12"]}
    asked["params"]["channels"].append("https://example.org/more")
    message = backend.answer(asked)["error"]["data"]["message"]
    assert 'variantConfiguration.python (recorded nothing, now ["3.12"])' in message
    assert 'channels[1] (recorded nothing, now "https://example.org/more")' in message


@pytest.mark.parametrize("place", ["workDirectory", "outputDirectory"])
def test_directories_that_a_front_end_chooses_are_no_difference(trio: Any, place: str) -> None:
    backend, request = trio
    backend.answer(request("initialize"))
    asked = request("conda/outputs")
    asked["params"][place] = "/quite/another/place"
    assert "result" in backend.answer(asked)


def test_null_and_absent_are_the_same(trio: Any) -> None:
    backend, request = trio
    asked = request("initialize")
    asked["params"]["projectModel"].pop("homepage")
    asked["params"]["projectModel"]["novel"] = None
    assert backend.answer(asked)["result"] == {}


def test_a_placeholder_stands_for_one_thing(trio: Any) -> None:
    backend, request = trio
    asked = request("initialize")
    asked["params"]["sourceDirectory"] = "/not/in/the/workspace"
    message = backend.answer(asked)["error"]["data"]["message"]
    assert "sourceDirectory (recorded" in message


def test_a_package_that_was_not_recorded_is_unsupported(trio: Any, places: Any) -> None:
    backend, request = trio
    asked = request("initialize")
    asked["params"]["projectModel"]["name"] = "cor"
    with InProcessBackend(backend=backend) as client, pytest.raises(Unsupported) as caught:
        client.initialize(asked["params"])
    assert "no package cor; recorded packages: " in caught.value.message
    assert caught.value.remedy == "Record that package, too."


def test_a_call_that_was_not_recorded_is_unsupported(places: Any) -> None:
    backend = ReplayBackend(CASES / "pyproject" / "expected" / "rpc.jsonl")
    call = Transcript.load(CASES / "lock-v6" / "expected" / "rpc.jsonl").calls[1]
    replay = ReplayBackend(CASES / "lock-v6" / "expected" / "rpc.jsonl")
    replay.answer(asked_again(call, places))
    order = {"id": 1, "method": "conda/build_v1", "params": {"workDirectory": "/w"}}
    error = (replay.answer(order) or {})["error"]["data"]
    assert "has no `conda/build_v1` for" in error["message"]
    assert error["code"] == "pixipack::unsupported"
    assert "initialize has to be called" in str(backend.answer(order))


@pytest.mark.parametrize("request_", [{}, [], {"id": 1}, "x", {"method": 3, "id": 1}])
def test_nonsense_is_answered_with_an_error(request_: Any) -> None:
    backend = ReplayBackend(CASES / "trio" / "expected" / "rpc.jsonl")
    assert (backend.answer(request_) or {})["error"]["code"] == -32600


@pytest.mark.parametrize(
    ("header", "named"),
    [({"transcript": 2, "api": 7}, "version 2"), ({"transcript": 1, "api": 9}, "version 9")],
)
def test_a_transcript_of_another_version_is_unsupported(
    header: Json, named: str, tmp_path: Path
) -> None:
    (tmp_path / "rpc.jsonl").write_text(json.dumps(header) + "\n", encoding="utf-8")
    with pytest.raises(Unsupported, match=named):
        ReplayBackend(tmp_path / "rpc.jsonl")


# --- recording --------------------------------------------------------------------------------
@pytest.fixture
def recorded(
    tmp_path: Path, initialize_with: Any, ask: Json, order: Json, stub_command: list[str]
) -> Iterator[Path]:
    """The transcript of a stub in a process, through the proxy."""
    transcript = tmp_path / "kept" / "rpc.jsonl"
    params = {**initialize_with(), "workspaceDirectory": str(tmp_path)}
    chosen = stand_in(f"record:{transcript}:stub", root=tmp_path, environ={})
    with ProcessBackend(chosen.command, name="proxy", timeout=60) as backend:
        backend.initialize(params)
        backend.outputs(ask)
        assert backend.build(order).output_file.is_file()
    return transcript


@pytest.mark.slow
def test_what_was_recorded_once_is_answered_for_ever(
    recorded: Path, initialize_with: Any, ask: Json, order: Json, tmp_path: Path
) -> None:
    moved = tmp_path / "other" / "place"
    shutil.copytree(recorded.parent, moved)
    built = Path(order["workDirectory"]) / "lib-1.0-hd57432d_0.conda"
    content = built.read_bytes()
    params = {**initialize_with(), "workspaceDirectory": str(tmp_path)}
    with InProcessBackend(backend=ReplayBackend(moved / "rpc.jsonl")) as backend:
        backend.initialize(params)
        assert backend.outputs(ask).outputs[0].dist == "linux-64/lib=1.0=hd57432d_0"
        again = backend.build({**order, "workDirectory": str(tmp_path / "new")}).output_file
    assert again.parent == tmp_path / "new"
    assert again.read_bytes() == content


@pytest.mark.slow
def test_a_transcript_names_no_path_of_the_machine(recorded: Path, tmp_path: Path) -> None:
    text = recorded.read_text(encoding="utf-8")
    assert tmp_path.name not in text
    assert "@WORKSPACE@/source" in text
    assert '"artifact": {"path": "artifacts/linux-64/lib-1.0-hd57432d_0.conda"' in text
    assert json.loads(text.splitlines()[0]) == {"transcript": 1, "api": 7}


@pytest.mark.slow
def test_a_package_that_was_altered_beside_the_transcript_is_refused(
    recorded: Path, initialize_with: Any, order: Json, tmp_path: Path
) -> None:
    kept = next(recorded.parent.glob("artifacts/*/*.conda"))
    kept.write_bytes(kept.read_bytes() + b"x")
    params = {**initialize_with(), "workspaceDirectory": str(tmp_path)}
    with InProcessBackend(backend=ReplayBackend(recorded)) as backend:
        backend.initialize(params)
        with pytest.raises(BackendError, match="is not the package that was recorded"):
            backend.build(order)


@pytest.mark.slow
def test_processes_that_record_into_one_file_do_not_mix(tmp_path: Path, recorded: Path) -> None:
    request = b'{"jsonrpc":"2.0","id":0,"method":"negotiateCapabilities","params":{}}\n'
    command = stand_in(f"record:{recorded}:stub", root=tmp_path, environ={}).command
    running = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(3)
    ]
    for process in running:
        process.communicate(request, timeout=60)
        assert process.returncode == 0
    transcript = Transcript.load(recorded)
    assert len({message.session for message in transcript.messages}) == 4
    assert sum(call.method == "negotiateCapabilities" for call in transcript.calls) == 4
    assert all(call.answered for call in transcript.calls)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("program", "code"),
    [
        ("sys.exit(7)", 7),
        ("print('no json', flush=True); sys.stdin.read(); sys.exit(3)", 3),
        ("sys.stdin.readline(); os._exit(5)", 5),
    ],
)
def test_a_backend_that_misbehaves_does_so_behind_the_recorder_too(
    program: str, code: int, script: Any, tmp_path: Path
) -> None:
    words = ["record", str(tmp_path / "rpc.jsonl"), *script(program)]
    command = [sys.executable, "-m", "pytest_pixipack.backend.main", *words]
    done = subprocess.run(command, input=b"{}\n", capture_output=True, timeout=60)
    assert done.returncode == code
    assert done.stdout.strip() == (b"no json" if "no json" in program else b"")
    if "no json" in program:
        assert '"junk": "no json"' in (tmp_path / "rpc.jsonl").read_text(encoding="utf-8")


def test_secrets_in_urls_and_other_peoples_homes_are_not_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pytest_pixipack.backend.recorder import TranscriptRecorder

    monkeypatch.setenv("HOME", "/home/jane/deep")
    recorder = TranscriptRecorder(tmp_path / "rpc.jsonl")
    recorder.request({
        "id": 0, "method": "conda/outputs",
        "params": {"channels": ["https://jane:secret@example.org/t/tk-123/chan"],
                   "variantFiles": ["/home/jane/deep/variants.yaml", "/home/jane/deeper"],
                   "workDirectory": "/ws/.pixi/work"},
    })  # fmt: skip
    recorder.close()
    text = (tmp_path / "rpc.jsonl").read_text(encoding="utf-8")
    assert "secret" not in text
    assert "tk-123" not in text
    params = Transcript.load(tmp_path / "rpc.jsonl").calls[0].params
    assert params["variantFiles"] == ["@HOME@/variants.yaml", "/home/jane/deeper"]
    assert params["workDirectory"] == "@WORK@"


# --- as users write it ------------------------------------------------------------------------
@pytest.mark.parametrize(
    "text", ["record:x", "record:x.jsonl:", "record::b", "record:x.jsonl:replay:y"]
)
def test_a_recording_names_a_file_and_a_backend(text: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"not of the form record:FILE\.jsonl:BACKEND"):
        stand_in(text, root=tmp_path, environ={})


def test_stand_ins_are_made_absolute_with_their_kind(tmp_path: Path) -> None:
    root = str(tmp_path)
    assert absolute("stub", tmp_path) == "stub"
    assert absolute("pixi-build-cmake", tmp_path) == "pixi-build-cmake"
    assert absolute("replay:rpc.jsonl", tmp_path) == f"replay:{tmp_path / 'rpc.jsonl'}"
    assert absolute("record:rpc.jsonl:stub", tmp_path).startswith(f"record:{root}")
    assert absolute("./b.py", tmp_path) == str(tmp_path / "b.py")


@pytest.mark.slow
def test_recording_without_a_place_to_write_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    done = subprocess.run(
        stand_in("record:file/rpc.jsonl:stub", root=tmp_path, environ={}).command,
        input=b"", capture_output=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    assert b"cannot record" in done.stderr


@pytest.mark.parametrize(
    ("recorded", "now", "bound"),
    [
        ("@ROOT@/ws/pixi.toml", "/a/b/ws/pixi.toml", {"ROOT": "/a/b"}),
        ("file://@ROOT@/ch", "file:///a/ch", {"ROOT": "/a"}),
        ("file://@ROOT@/ch", "file:///C:/a/ch", {"ROOT": "/C:/a"}),
        ("@ROOT@\\ws", "@ROOT@\\ws", {}),
        ("x@KEY@/y/@KEY@", "xab/y/", {}),
        ("@A@/@A@", "/x/x", None),
        ("@A@-@A@", "x-x", {"A": "x"}),
        ("@A@-@A@", "x-y", None),
        ("@A@@B@", "xy", None),
        ("@ROOT@/ws", "/ws", None),
        ("@ROOT@/a", "/x/a/a", {"ROOT": "/x/a"}),
        ("plain", "other", None),
        ("@A@/b", "/x/b/c", None),
    ],
)
def test_placeholders(recorded: str, now: str, bound: Any) -> None:
    bindings: dict[str, str] = {}
    differs = request_differences({"x": recorded}, {"x": now}, bindings)
    assert bool(differs) == (bound is None)
    assert bindings == (bound or {})


def test_odd_placeholders_take_no_time() -> None:
    text = "/".join("@" + "ABCDEFGHIJKLMNOP"[n] + "@" for n in range(16)) + "x"
    assert request_differences({"a": text}, {"a": "/a" * 50_000}, {})
