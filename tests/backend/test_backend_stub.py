"""What the stub backend can be told, and how it answers nonsense."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_pixipack.artifact import read_artifact, read_index
from pytest_pixipack.backend.client import InProcessBackend
from pytest_pixipack.backend.stub import StubBackend
from pytest_pixipack.backend.stub_main import serve
from pytest_pixipack.backend.transcript import Transcript
from pytest_pixipack.errors import BackendError

Json = dict[str, Any]


def binary(version: str = "*") -> Json:
    return {"binary": {"version": version, "build": None}}


def conditional(expression: str, **tables: Any) -> Json:
    targets = {"defaultTarget": {}, "conditional": {expression: tables}}
    return {"name": "lib", "version": "1.0", "targets": targets}


def outputs(params: Json, ask: Json) -> Any:
    backend = InProcessBackend()
    backend.initialize(params)
    return backend.outputs(ask).outputs


@pytest.mark.parametrize(
    ("expression", "platform", "holds"),
    [
        ("unix", "linux-64", True),
        ("unix", "win-64", False),
        ("host_platform == 'osx-arm64'", "osx-arm64", True),
        ("win or osx", "linux-64", False),
        ("not win and host_platform != 'linux-64'", "linux-aarch64", True),
        ("host_platform != build_platform", "linux-64", False),
    ],
)
def test_conditions_are_evaluated(
    expression: str, platform: str, holds: bool, initialize_with: Any, ask: Json
) -> None:
    params = initialize_with(None, conditional(expression, runDependencies={"tool": binary()}))
    ask |= {"hostPlatform": platform, "buildPlatform": platform}
    (output,) = outputs(params, ask)
    assert bool(output.run_dependencies.depends) == holds


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("moon_phase == 'full'", "undefined variable `moon_phase`"),
        ("linux and (moon or not stars)", "undefined variable `moon`, `stars`"),
        ("linux ==", "syntax error: unexpected end of input"),
        ("moon(linux)", "unknown function: moon is unknown"),
    ],
)
def test_a_condition_that_cannot_be_evaluated_is_named(
    expression: str, reason: str, initialize_with: Any, ask: Json
) -> None:
    params = initialize_with(None, conditional(expression, runDependencies={"tool": binary()}))
    with pytest.raises(BackendError) as caught:
        outputs(params, ask)
    assert caught.value.message.startswith(f"invalid selector expression `{expression}`: {reason}")
    assert caught.value.package == "lib"


def test_a_name_in_a_condition_becomes_a_variant(initialize_with: Any, ask: Json) -> None:
    params = initialize_with(
        None, conditional("color == 'red'", runDependencies={"paint": binary()})
    )
    ask["variantConfiguration"] = {"color": ["red", "blue"], "unused": ["1", "2"]}
    found = {o.variant["color"]: bool(o.run_dependencies.depends) for o in outputs(params, ask)}
    assert found == {"red": True, "blue": False}


def test_each_variant_has_a_build_string_of_its_own(initialize_with: Any, ask: Json) -> None:
    params = initialize_with({"variant-keys": ["color"], "build-number": 4})
    ask["variantConfiguration"] = {"color": ["red", "blue"]}
    builds = [output.build for output in outputs(params, ask)]
    assert len(set(builds)) == 2
    assert all(build.endswith("_4") for build in builds)


def test_a_misspelt_key_is_refused(initialize_with: Any) -> None:
    with pytest.raises(BackendError, match="unknown field `no-arch` in config"):
        InProcessBackend().initialize(initialize_with({"no-arch": "generic"}))


def test_a_fault_in_a_stage_where_it_has_no_effect_is_refused(initialize_with: Any) -> None:
    with pytest.raises(BackendError, match="wrong-version \\(build\\)"):
        InProcessBackend().initialize(
            initialize_with({"fail": {"stage": "outputs", "how": "wrong-version"}})
        )


def test_files_of_the_source_directory_are_packaged(
    initialize_with: Any, order: Json, tmp_path: Path
) -> None:
    (tmp_path / "source/files/etc/deep").mkdir(parents=True)
    (tmp_path / "source/files/etc/deep/a.txt").write_bytes(b"a\r\n")
    with InProcessBackend() as backend:
        backend.initialize(initialize_with())
        artifact = read_artifact(backend.build(order).output_file)
    assert set(artifact.payload) == {"etc/deep/a.txt", "share/lib/config.json"}


def test_without_files_there_is_a_program(initialize_with: Any, order: Json) -> None:
    with InProcessBackend() as backend:
        backend.initialize(initialize_with())
        artifact = read_artifact(backend.build(order).output_file)
    assert artifact.payload["bin/lib"].executable


def test_dependencies_and_run_exports_reach_the_package(initialize_with: Any, order: Json) -> None:
    order["runDependencies"] = [
        {"spec": {"name": "zlib", "version": ">=1", "build": "h*"}, "source": None},
        {"spec": {"name": "tool", "version": "*", "extras": ["dev", "gui"]}, "source": None},
    ]
    order["runExports"] = {"weakConstrains": [{"spec": {"name": "old", "version": "<1"}}]}
    with InProcessBackend() as backend:
        backend.initialize(initialize_with({"timestamp": 1234}))
        path = backend.build(order).output_file
    assert read_index(path)["depends"] == ["zlib >=1 h*", "tool[extras=[dev,gui]] *"]
    assert read_index(path)["timestamp"] == 1234
    exports = read_artifact(path).facts.run_exports
    assert exports is not None
    assert exports.weak_constrains == ("old <1",)


def test_the_same_request_gives_the_same_bytes(
    initialize_with: Any, order: Json, tmp_path: Path
) -> None:
    contents = []
    for name in ("one", "two"):
        order["workDirectory"] = str(tmp_path / name)
        with InProcessBackend() as backend:
            backend.initialize(initialize_with())
            contents.append(backend.build(order).output_file.read_bytes())
    assert contents[0] == contents[1]
    assert zipfile.is_zipfile(io.BytesIO(contents[0]))


# --- the executable ---------------------------------------------------------------------------
def talk(*lines: bytes) -> list[Json]:
    replies = io.BytesIO()
    assert serve(io.BytesIO(b"".join(line + b"\n" for line in lines)), replies) == 0
    return [json.loads(line) for line in replies.getvalue().splitlines()]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"{", -32700),
        (b"\xff\xfe", -32700),
        (b"[1]", -32600),
        (b'{"id": 1}', -32600),
        (b'{"id": 1, "method": "conda/metadata"}', -32601),
        (b'{"id": 1, "method": "initialize", "params": {}}', -32602),
        (b'{"id": 1, "method": "initialize", "params": [1]}', -32602),
        (b'{"id": 1, "method": "conda/outputs", "params": {}}', -32000),
    ],
)
def test_nonsense_is_answered_with_an_error(line: bytes, code: int) -> None:
    (reply,) = talk(line)
    assert reply["error"]["code"] == code


def test_it_goes_on_after_nonsense_and_is_silent_on_notifications() -> None:
    replies = talk(
        b"nonsense", b'{"method": "negotiateCapabilities"}', b"", b'{"id": 7, "method": "x"}'
    )
    assert [reply["id"] for reply in replies] == [None, 7]


def test_the_executable_ends_with_its_input_and_writes_plain_line_feeds(
    stub_command: list[str],
) -> None:
    request = b'{"jsonrpc":"2.0","id":0,"method":"negotiateCapabilities","params":{}}\n'
    done = subprocess.run(stub_command, input=request, capture_output=True, timeout=60, check=True)
    assert done.stdout.endswith(b"}\n")
    assert b"\r" not in done.stdout
    assert json.loads(done.stdout)["result"]["capabilities"]["providesCondaBuildV1"] is True


def test_each_process_records_into_a_file_of_its_own(
    tmp_path: Path, initialize_with: Callable[..., Json], stub_command: list[str]
) -> None:
    request = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": initialize_with()}
    line = json.dumps(request).encode() + b"\n"
    env = {**os.environ, "PIXIPACK_STUB_RECORD": str(tmp_path / "record" / "here")}
    for _ in range(2):
        subprocess.run(
            stub_command, input=line, env=env, capture_output=True, timeout=60, check=True
        )
    assert len(list((tmp_path / "record" / "here").glob("*-*.jsonl"))) == 2
    transcript = Transcript.load(tmp_path / "record" / "here")
    assert transcript.packages == ("lib",)
    assert [message.direction for message in transcript.messages] == ["->", "<-", "->", "<-"]


def test_starting_it_imports_nothing_heavy() -> None:
    code = (
        "import sys, pytest_pixipack.backend.stub_main;"
        "print(*sorted({'asyncio', 'dataclasses', 'inspect', 'pytest', 'rattler', 'rattler_build',"
        " 'subprocess', 'tarfile', 'zipfile', 'zstandard'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=True)
    assert done.stdout.strip() == b""


def test_a_call_before_initialize_says_so() -> None:
    with pytest.raises(BackendError, match="initialize has to be called before conda/outputs"):
        StubBackend().call("conda/outputs", {})
