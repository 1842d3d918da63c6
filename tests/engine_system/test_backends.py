"""Stand-ins of backends as pixi can run them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_pixipack import InvalidInput, Unsupported
from pytest_pixipack.backend.overrides import overrides, parse_overrides
from pytest_pixipack.engine.hermetic import hermetic_environment
from pytest_pixipack.engine.system.backends import backend_variables

from .programs import says

HELLO = b'{"jsonrpc":"2.0","id":0,"method":"negotiateCapabilities","params":{"capabilities":{}}}\n'


def variables(tmp_path, backends, environ=None, **settings):
    directory = settings.pop("directory", tmp_path / "scratch")
    return backend_variables(
        backends, environ or {}, root=tmp_path, directory=directory, **settings
    )


def commands(found: dict[str, str]) -> dict[str, Path]:
    parsed = parse_overrides(found["PIXI_BUILD_BACKEND_OVERRIDE"])
    assert parsed is not None
    return {name: Path(command) for name, command in parsed.commands}


def ask(path: Path, tmp_path: Path, extra: dict[str, str] | None = None) -> dict[str, object]:
    """Starts a backend as pixi does: without arguments, with messages on stdin."""
    environment = hermetic_environment(tmp_path / "home", extra=extra)
    done = subprocess.run(
        [str(path)], input=HELLO, capture_output=True, env=environment, cwd=tmp_path, check=True
    )
    reply: dict[str, object] = json.loads(done.stdout)
    return reply


def test_the_stub_is_an_executable_without_arguments(tmp_path):
    found = commands(variables(tmp_path, {"pixi-build-cmake": "stub"}))
    reply = ask(found["pixi-build-cmake"], tmp_path)
    assert reply["result"]["capabilities"]["providesCondaOutputs"] is True


def test_the_stub_is_called_like_the_backend_in_messages(tmp_path):
    assert commands(variables(tmp_path, {"some-backend": "stub"}))["some-backend"].stem == (
        "some-backend"
    )


def test_several_backends_have_a_stand_in_each(tmp_path):
    found = commands(variables(tmp_path, {"a": "stub", "b": "stub"}))
    assert set(found) == {"a", "b"}


def test_the_stubs_messages_are_recorded(tmp_path):
    found = variables(tmp_path, {"b": "stub"}, record=tmp_path / "record")
    ask(commands(found)["b"], tmp_path, extra=found)
    (file,) = (tmp_path / "record").glob("*.jsonl")
    assert "negotiateCapabilities" in file.read_text(encoding="utf-8")


def test_the_stub_runs_in_a_directory_with_modules_of_the_same_names(tmp_path):
    for name in ("json", "pytest_pixipack"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('shadowed')", encoding="utf-8")
    assert ask(commands(variables(tmp_path, {"b": "stub"}))["b"], tmp_path)["id"] == 0


@pytest.mark.skipif(sys.platform == "win32", reason="the shell's quoting")
def test_awkward_characters_in_the_scratch_directory(tmp_path):
    directory = tmp_path / 'it\'s a $HOME "here" ü'
    found = commands(variables(tmp_path, {"b": "stub"}, directory=directory))
    assert ask(found["b"], tmp_path)["id"] == 0


def test_an_executable_is_used_as_it_is(tmp_path):
    path = says(tmp_path / "bin", "backend", "{}")
    assert commands(variables(tmp_path, {"b": str(path)}))["b"] == path


def test_an_executable_is_named_relative_to_the_workspace_or_by_its_name_on_the_path(tmp_path):
    path = says(tmp_path / "bin", "backend", "{}")
    assert commands(variables(tmp_path, {"b": f"bin/{path.name}"}))["b"] == path
    environ = {"PATH": str(path.parent)}
    assert commands(variables(tmp_path, {"b": "backend"}, environ))["b"] == path


def test_a_python_file_needs_no_executable_bit(tmp_path):
    (tmp_path / "b.py").write_text("print('{\"id\": 7}')\n", encoding="utf-8")
    assert ask(commands(variables(tmp_path, {"b": "b.py"}))["b"], tmp_path) == {"id": 7}


@pytest.mark.parametrize("character", [",", "="])
def test_a_path_that_pixi_cannot_read_gets_a_launcher(character, tmp_path):
    path = says(tmp_path / f"a{character}b", "backend", '{"id": 3}')
    found = commands(variables(tmp_path, {"b": str(path)}))
    assert character not in str(found["b"])
    assert ask(found["b"], tmp_path) == {"id": 3}


def test_a_scratch_directory_that_pixi_cannot_read_is_refused(tmp_path):
    with pytest.raises(Unsupported, match="cannot run a backend below"):
        variables(tmp_path, {"b": "stub"}, directory=tmp_path / "a,b")


def test_another_stand_in_has_other_bytes(tmp_path):
    """pixi recognises an overridden backend by the bytes of the executable alone."""
    script = tmp_path / "b.py"
    script.write_text("print(1)", encoding="utf-8")
    one = commands(variables(tmp_path, {"b": "b.py"}))["b"].read_bytes()
    script.write_text("print(2)", encoding="utf-8")
    assert commands(variables(tmp_path, {"b": "b.py"}))["b"].read_bytes() != one


def test_a_stand_in_that_is_not_there(tmp_path):
    with pytest.raises(InvalidInput, match="does not exist: nowhere"):
        variables(tmp_path, {"b": "nowhere"})


def test_a_transcript_is_replayed_by_an_executable_without_arguments(tmp_path):
    (tmp_path / "rpc.jsonl").write_text("", encoding="utf-8")
    found = commands(variables(tmp_path, {"b": "replay:rpc.jsonl"}))
    assert ask(found["b"], tmp_path)["result"]["capabilities"]["providesCondaOutputs"] is True


def test_a_transcript_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InvalidInput, match=r"no transcript .*rpc\.jsonl"):
        variables(tmp_path, {"b": "replay:rpc.jsonl"})


def test_a_backend_is_recorded_by_an_executable_without_arguments(tmp_path):
    found = commands(variables(tmp_path, {"b": "record:rpc.jsonl:stub"}))
    assert ask(found["b"], tmp_path)["id"] == 0
    assert "negotiateCapabilities" in (tmp_path / "rpc.jsonl").read_text(encoding="utf-8")


def test_overrides_of_the_environment_come_after_ours(tmp_path):
    path = says(tmp_path / "bin", "other", "{}")
    environ = {"PIXI_BUILD_BACKEND_OVERRIDE": f"a={path},b={path}"}
    found = commands(variables(tmp_path, {"b": "stub"}, environ))
    assert found["a"] == path
    assert found["b"] != path


def test_all_backends_from_the_path(tmp_path):
    environ = {"PIXI_BUILD_BACKEND_OVERRIDE_ALL": "1", "PATH": os.defpath}
    assert overrides(variables(tmp_path, {}, environ)).every


def test_no_stand_ins_no_variables(tmp_path):
    assert variables(tmp_path, {}) == {}
