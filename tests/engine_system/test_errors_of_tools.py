"""What the tools print when they fail becomes one error of the right kind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from packaging.version import Version

from pytest_pixipack import BackendError, Infrastructure, InvalidInput, SolveError, Unsupported
from pytest_pixipack.engine.system.classify import tool_error
from pytest_pixipack.engine.system.messages import parse_message
from pytest_pixipack.engine.system.process import Finished
from pytest_pixipack.engine.system.tools import Tool
from pytest_pixipack.errors import Offline, PixipackError

from .conftest import CONFORMANCE

RELEASES = {"pixi": "0.77.0", "pixi-pack": "0.7.10", "pixi-unpack": "0.7.10"}

# Everything else that was recorded is bad input.
KINDS: dict[str, type[PixipackError]] = {
    "backend-not-overridden": SolveError,
    "build-crash": BackendError,
    "build-error": BackendError,
    "build-missing-file": BackendError,
    "build-wrong-version": BackendError,
    "initialize-error": BackendError,
    "name-invalid": BackendError,
    "outputs-crash": BackendError,
    "outputs-error": BackendError,
    "outputs-error-without-data": BackendError,
    "outputs-junk": BackendError,
    "outputs-not-implemented": BackendError,
    "publish-source-run-dependency": Unsupported,
    "selector-backend-name": BackendError,
    "selector-backend-syntax": BackendError,
    "solve-conflict": SolveError,
    "solve-conflict-source": SolveError,
    "solve-no-candidate": SolveError,
    "solve-unknown-package": SolveError,
    "unpack-future-version": Unsupported,
}


def failed(tool: str, stderr: str, code: int = 1, *arguments: str) -> Finished:
    found = Tool(tool, Path(tool), "", Version(RELEASES[tool]))
    return Finished(found, arguments, code, "", stderr, 0.0)


def recorded(path: Path) -> list[Finished]:
    data = json.loads(path.read_text(encoding="utf-8"))
    commands = data if isinstance(data, list) else [data]
    return [
        failed(c["argv"][0], c["stderr"], c["exit_code"], *c["argv"][1:])
        for c in commands
        if c["exit_code"] != 0
    ]


ERRORS = {
    path.parent.name: done
    for path in sorted((CONFORMANCE / "errors").glob("*/expected.json"))
    for done in recorded(path)
}


@pytest.mark.parametrize("name", ERRORS)
def test_a_recorded_failure_is_of_its_kind(name):
    assert type(tool_error(ERRORS[name])) is KINDS.get(name, InvalidInput)


def test_every_kind_of_error_was_recorded():
    assert set(KINDS) <= set(ERRORS)


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_is_one_plain_sentence(name):
    error = tool_error(ERRORS[name])
    assert error.message.endswith(".")
    assert not set("×│╭╰├╯·─\x1b") & set(error.message.replace("└─", ""))
    assert error.message.startswith(("pixi 0.77.0 ", "pixi-pack 0.7.10 ", "pixi-unpack 0.7.10 "))
    assert error.remedy


def test_the_place_in_a_manifest_is_kept():
    error = tool_error(ERRORS["matchspec-bad"])
    assert (error.line, error.column) == (8, 9)
    assert error.file is not None
    assert error.file.endswith("case/workspace/pixi.toml")


def test_the_place_in_a_broken_lock_is_kept():
    error = tool_error(ERRORS["lock-broken-yaml"])
    assert error.file is not None
    assert error.file.endswith("pixi.lock")
    assert error.line == 3


def test_the_tools_own_help_is_the_remedy():
    assert tool_error(ERRORS["workspace-unknown-key"]).remedy == "Did you mean 'platforms'?"


def test_the_package_is_named():
    assert tool_error(ERRORS["build-crash"]).package == "lib"


def test_what_a_crashed_backend_printed_is_shown():
    assert "stub: simulated crash" in tool_error(ERRORS["outputs-crash"]).message


def test_a_backend_without_a_reason_is_called_that():
    assert "the backend gave no reason" in tool_error(ERRORS["outputs-error-without-data"]).message


def test_the_reason_of_a_conflict_keeps_its_lines():
    lines = tool_error(ERRORS["solve-conflict"]).message.splitlines()
    assert lines[-1].strip() == "└─ libz >=1.0,<1.1, for which no candidates were found."


# What pixi-pack refuses by design, as recorded: words that the sentence has to hold.
REFUSED = [
    ("trio", "pack the source package app: it has source run dependencies (lib)"),
    ("variants", "of a subdir (such as noarch) of which the environment has no locked binary"),
    ("pyproject", "whose manifest is not a pixi.toml (part/pixi.toml)"),
    ("git-source", "from git or a URL (git+https://git.example.org/stub?subdirectory=remote"),
]


@pytest.mark.parametrize(("case", "words"), REFUSED)
def test_what_pixi_pack_cannot_do_is_unsupported(case, words):
    commands = recorded(CONFORMANCE / "cases" / case / "expected" / "commands.json")
    error = tool_error(next(each for each in commands if each.tool.name == "pixi-pack"))
    assert type(error) is Unsupported
    assert error.message.startswith("pixi-pack 0.7.10 cannot ")
    assert words in error.message


def test_a_refusal_says_how_to_go_on():
    error = tool_error(ERRORS["publish-source-run-dependency"])
    assert "--pixipack-engine=embedded" in str(error.remedy)
    assert "auto does" in str(error.remedy)


NETWORK = [
    "error decoding response body",
    "error sending request for url (https://conda.anaconda.org/x/noarch/repodata.json)",
    "dns error: failed to lookup address information",
    "tcp connect error: Connection refused (os error 111)",
    "tunnel error: unsuccessful",
    "HTTP status server error (503 Service Unavailable) for url (https://x.example/y)",
    "fatal: unable to access 'https://git.example/x/': Received HTTP code 403 from proxy",
]


@pytest.mark.parametrize("words", NETWORK)
def test_a_network_failure_is_never_the_workspaces_fault(words):
    text = f"Error:   × failed to fetch repodata\n  ╰─▶ {words}\n"
    assert type(tool_error(failed("pixi", text), network=True)) is Infrastructure


def test_without_network_a_remote_address_is_offline():
    text = f"Error: could not download package: {NETWORK[1]}"
    assert type(tool_error(failed("pixi-pack", text), network=False)) is Offline


def test_a_loopback_address_is_never_offline():
    text = "Error: error sending request for url (http://127.0.0.1:8000/x/noarch/repodata.json)"
    assert type(tool_error(failed("pixi-pack", text), network=False)) is Infrastructure


@pytest.mark.parametrize(
    "words", ["No space left on device (os error 28)", "Permission denied (os error 13)"]
)
def test_a_disk_is_infrastructure(words):
    text = f"Error:   × failed to build 'lib' from 'lib'\n  ╰─▶ {words}\n"
    assert type(tool_error(failed("pixi", text))) is Infrastructure


def test_a_panic_of_the_tool_is_infrastructure():
    text = "thread 'main' panicked at src/main.rs:49:10:\nTokio executor failed\n"
    error = tool_error(failed("pixi", text, 101, "lock"))
    assert type(error) is Infrastructure
    assert "crashed (panicked at src/main.rs:49:10: Tokio executor failed): `pixi lock`" in str(
        error
    )


def test_a_panic_of_a_backend_is_the_backends_fault():
    text = (
        "Error:   × failed to build 'lib' from 'lib'\n"
        "  ╰─▶   × the build backend (b) exited prematurely.\n"
        "        │ Build backend output:\n        │\n        │ thread 'main' panicked at x.rs:1\n"
    )
    assert type(tool_error(failed("pixi", text))) is BackendError


def test_a_signal_is_infrastructure():
    assert "ended by signal 9" in str(tool_error(failed("pixi", "", -9, "lock")))


def test_an_option_that_a_release_does_not_know_is_unsupported():
    text = "error: unexpected argument '--offline' found\n\nFor more information, try '--help'.\n"
    error = tool_error(failed("pixi-unpack", text, 2, "--offline"))
    assert type(error) is Unsupported
    assert "unexpected argument '--offline' found" in error.message


def test_an_error_without_words_shows_the_last_lines():
    assert "two" in tool_error(failed("pixi", "one\ntwo\n")).message


def test_an_error_without_any_output_still_is_a_sentence():
    assert tool_error(failed("pixi", "")).message == "pixi 0.77.0 says: nothing that says why."


def test_colours_are_removed():
    text = "Error: \x1b[31m\x1b[1m×\x1b[0m \x1b]8;;https://x\x07bad\x1b]8;;\x07 thing\n"
    assert parse_message(text).lines == ("bad thing",)


def test_a_message_has_its_causes_outermost_first():
    message = parse_message(
        "Error:   × one\n  ├─▶   × two\n\n  ╰─▶   × three\n"
        "         ╭─[/ws/a b.toml:5:1]\n       4 │\n       5 │ ╭─▶ [x]\n       6 │ ╰─▶ y = 1\n"
        "         ╰────\n        help: Do this,\n              then that.\n"
    )
    assert message.lines == ("one", "two", "three")
    assert (message.file, message.line, message.column) == ("/ws/a b.toml", 5, 1)
    assert message.help == "Do this, then that."
    assert message.sentence == "one: two: three"


def test_the_code_of_an_error_is_no_message():
    text = "Error: unsupported-platform\n\n  × Cannot install environment 'gpu': the environment\n"
    assert parse_message(text).lines == ("Cannot install environment 'gpu': the environment",)
    assert type(tool_error(failed("pixi", text))) is Unsupported
