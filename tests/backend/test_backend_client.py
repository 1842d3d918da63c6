"""What a backend can do wrong, and the one sentence that a user reads."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_pixipack.backend.client import InProcessBackend, ProcessBackend
from pytest_pixipack.backend.rpc_errors import from_json_rpc
from pytest_pixipack.backend.transcript import Transcript
from pytest_pixipack.errors import BackendError, Infrastructure

Json = dict[str, Any]
Start = Callable[..., Any]
Script = Callable[[str], list[str]]


def run(backend: Any, params: Json, ask: Json, order: Json) -> None:
    backend.initialize(params)
    backend.outputs(ask).named("lib")
    backend.build(order)


def test_without_faults_a_package_is_built(
    start: Start, initialize_with: Any, ask: Json, order: Json
) -> None:
    backend = start()
    capabilities = backend.initialize(initialize_with())
    assert capabilities == {"providesCondaOutputs": True, "providesCondaBuildV1": True}
    (output,) = backend.outputs(ask).outputs
    assert output.dist == "linux-64/lib=1.0=hd57432d_0"
    assert backend.build(order).output_file.is_file()


def test_both_ways_record_the_same_messages(
    initialize_with: Any, ask: Json, order: Json, tmp_path: Path
) -> None:
    stub = [sys.executable, "-m", "pytest_pixipack.backend.stub_main"]
    records = []
    for name, backend in (
        ("process", ProcessBackend(stub, record=tmp_path / "process")),
        ("in-process", InProcessBackend(tmp_path / "in-process")),
    ):
        with backend:
            run(backend, initialize_with(), ask, order)
        records.append(Transcript.load(tmp_path / name))
    messages = [[(m.direction, m.message) for m in record.messages] for record in records]
    assert messages[0] == messages[1]
    assert len(messages[0]) == 8


def test_an_unused_backend_can_be_closed_twice() -> None:
    backend = ProcessBackend(["never started"])
    backend.close()
    backend.close()


def test_after_close_nothing_is_started(initialize_with: Any) -> None:
    backend = ProcessBackend([sys.executable])
    backend.close()
    with pytest.raises(BackendError, match="exited prematurely"):
        backend.initialize(initialize_with())


# --- backends that are not ours ---------------------------------------------------------------
def test_a_missing_executable_is_no_fault_of_the_product(initialize_with: Any) -> None:
    with pytest.raises(Infrastructure, match="executable 'no-such-backend' appears to be missing"):
        ProcessBackend(["no-such-backend"]).initialize(initialize_with())


def test_the_last_lines_of_stderr_are_shown(script: Script, initialize_with: Any) -> None:
    command = script("for n in range(12): print('line', n, file=sys.stderr)\nsys.exit(7)\n")
    with ProcessBackend(command, name="mine") as backend, pytest.raises(BackendError) as caught:
        backend.initialize(initialize_with())
    assert "(mine) exited prematurely with code 7" in caught.value.message
    assert "line 4 | line 5 | " in caught.value.message
    assert caught.value.message.endswith("line 10 | line 11.")
    assert "line 3" not in caught.value.message


def test_frames_colours_and_hints_of_rattler_build_are_left_out(
    script: Script, initialize_with: Any
) -> None:
    lines = [
        " │ ╭─ Running build script",
        " │ │ \x1b[31mninja: error\x1b[0m: unknown target",
        " │ │ × error Script failed with status 1",
        " │ │ × error Script execution failed.",
        " │ │ × error   Work directory: /somewhere",
        " │ ╰─────────────────── (took 0 seconds)",
    ]
    shown = "Running build script | ninja: error: unknown target | Script failed with status 1"
    command = script(f"sys.stderr.buffer.write({chr(10).join(lines)!r}.encode())\nsys.exit(1)\n")
    with ProcessBackend(command) as backend, pytest.raises(BackendError) as caught:
        backend.initialize(initialize_with())
    assert caught.value.message.endswith(f"its last output was: {shown}.")


def test_a_flood_on_stderr_does_not_block(script: Script, initialize_with: Any) -> None:
    command = script("sys.stderr.write('x' * 1_000_000)\nsys.stderr.flush()\nsys.exit(1)\n")
    with (
        ProcessBackend(command, timeout=60) as backend,
        pytest.raises(BackendError, match="code 1"),
    ):
        backend.initialize(initialize_with())


@pytest.mark.slow
def test_a_backend_that_never_reads_does_not_block(script: Script, initialize_with: Any) -> None:
    params = initialize_with()
    params["configuration"] = {"long": "x" * 1_000_000}
    command = script(
        "sys.stdin.readline()\n"
        'print(\'{"id": 0, "result": {"capabilities": {}}}\', flush=True)\n'
        "import threading\nthreading.Event().wait(60)\n"
    )
    with (
        ProcessBackend(command, timeout=0.5) as backend,
        pytest.raises(BackendError, match=r"within 0\.5 s"),
    ):
        backend.initialize(params)


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        ('{"id": 99, "result": {}}', "a reply to another request"),
        ('{"id": 0, "result": []}', "a result that is not an object"),
        ('{"id": 0}', "a result that is not an object"),
        ('{"id": 0, "error": "no"}', "an error that is not an object"),
        ('{"id": 0, "result": {}}', "no capabilities"),
        ("[]", "not a JSON-RPC message"),
        ("42", "not a JSON-RPC message"),
        ("\\xff", "not a JSON-RPC message"),
        ("[" * 100_000, "not a JSON-RPC message"),
    ],
)
def test_an_odd_reply_ends_in_a_sentence(
    reply: str, problem: str, script: Script, initialize_with: Any
) -> None:
    command = script(f"sys.stdin.readline()\nprint({reply!r}, flush=True)\nsys.stdin.read()\n")
    with ProcessBackend(command, timeout=60) as backend, pytest.raises(BackendError, match=problem):
        backend.initialize(initialize_with())


def test_an_error_is_told_by_its_data_with_causes_and_help(
    script: Script, initialize_with: Any
) -> None:
    data = {"message": "cannot render", "causes": ["no recipe", "no file"], "help": "Add one."}
    error = {"code": -32000, "message": "ignored", "data": data}
    command = script(
        f"sys.stdin.readline()\nprint(json.dumps({{'id': 0, 'error': {error!r}}}), flush=True)\n"
    )
    with ProcessBackend(command) as backend, pytest.raises(BackendError) as caught:
        backend.initialize(initialize_with())
    assert caught.value.message == "cannot render: no recipe: no file."
    assert caught.value.remedy == "Add one."


def test_notifications_of_a_backend_are_passed_over(script: Script, initialize_with: Any) -> None:
    command = script(
        "for line in sys.stdin:\n"
        '    print(\'{"method": "log", "params": {}}\')\n'
        "    id = json.loads(line)['id']\n"
        "    print(json.dumps({'id': id, 'result': {'capabilities': {'id': id}}}), flush=True)\n"
    )
    with ProcessBackend(command, timeout=60) as backend:
        assert backend.initialize(initialize_with()) == {"id": 0}


def test_a_child_that_ignores_the_end_of_its_input_is_ended(
    script: Script, initialize_with: Any
) -> None:
    command = script(
        "for line in sys.stdin:\n"
        "    id = json.loads(line)['id']\n"
        "    print(json.dumps({'id': id, 'result': {'capabilities': {}}}), flush=True)\n"
        "import threading\nthreading.Event().wait(60)\n"
    )
    backend = ProcessBackend(command, timeout=60, grace=0.2)
    backend.initialize(initialize_with())
    assert backend.exit_code is None
    backend.close()
    assert backend.exit_code not in (None, 0)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no umask")
def test_the_umask_reaches_the_child(script: Script, initialize_with: Any) -> None:
    command = script("print(oct(os.umask(0)), file=sys.stderr)\n")
    backend = ProcessBackend(command, umask=0o027)
    with backend, pytest.raises(BackendError, match="0o27"):
        backend.initialize(initialize_with())


def test_a_record_that_cannot_be_written_is_no_fault_of_the_product(
    tmp_path: Path, initialize_with: Any
) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Infrastructure, match="cannot be recorded"):
        InProcessBackend(tmp_path / "file" / "below").initialize(initialize_with())


def test_a_directory_that_cannot_be_written_is_no_fault_of_the_product(
    start: Start, initialize_with: Any, order: Json, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"")
    order["workDirectory"] = str(tmp_path / "file" / "below")
    backend = start()
    backend.initialize(initialize_with())
    with pytest.raises(Infrastructure) as caught:
        backend.build(order)
    assert caught.value.package == "lib"


def test_what_points_at_a_place_in_the_line_before_is_left_out() -> None:
    said = "line 3, in build\n    made(x)\n    ^^^^~~~\n   |   ^~~~ \n\nRuntimeError: THE REASON\n"
    error = from_json_rpc(None, "b", "conda/build_v1", said)
    assert "line 3, in build | made(x) | RuntimeError: THE REASON" in error.message
