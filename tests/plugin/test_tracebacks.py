"""What a failing test shows: its own lines and a sentence, none of ours."""

from __future__ import annotations

import traceback

import pytest

from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.manifest import load_manifest
from pytest_pixipack.plugin.tracebacks import hide_internals

INI = "[pytest]\naddopts = -p no:randomly -p no:hypothesispytest\n"

UNSOLVABLE = """
    def lock_it(ws):
        return ws.lock()

    def test_it(pixi_workspace, stub_channel):
        channel = stub_channel().add("a", "1", depends=["b >=2"]).add("b", "1")
        lock_it(pixi_workspace(channels=[channel], dependencies={"a": "*"}))
    """
BROKEN_LOCK = """
    def test_it(pixi_workspace, stub_channel):
        channel = stub_channel().add("a", "1", noarch="generic")
        ws = pixi_workspace(channels=[channel], dependencies={"a": "*"})
        ws.lock()
        ws.lock_path.write_text(ws.lock_path.read_text().replace("a-1-", "b-1-"))
        ws.verify().raise_for_findings()
    """
NO_WORKSPACE = """
    import pytest

    @pytest.fixture
    def mine(pixi_workspace):
        return pixi_workspace.copy("nowhere")

    def test_it(mine):
        pass
    """
BAD_MATCHER = """
    from pytest_pixipack import IsVersion

    def test_it():
        IsVersion("> = x")
    """


@pytest.fixture
def run(pytester, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    pytester.makeini(INI)

    def run_test(text: str, *options: str) -> pytest.RunResult:
        pytester.makepyfile(test_own=text)
        return pytester.runpytest(*options)

    return run_test


@pytest.mark.parametrize(
    ("text", "own_line", "sentence"),
    [
        (UNSOLVABLE, ">*return ws.lock()", "E *SolveError: No set of packages satisfies *"),
        (BROKEN_LOCK, ">*ws.verify().raise_for_findings()", "E *FindingsError: *"),
        (NO_WORKSPACE, ">*copy(?nowhere?)", "E *InvalidInput: *no such workspace directory."),
        (BAD_MATCHER, ">*IsVersion(?> = x?)", "E *ValueError: *is not a version*"),
    ],
)
def test_own_lines_and_a_sentence_are_shown(run, text, own_line, sentence):
    result = run(text)
    result.stdout.fnmatch_lines([own_line, sentence, "test_own.py:*"])
    result.stdout.no_fnmatch_line("*pytest_pixipack*.py*")
    result.stdout.no_fnmatch_line("*rattler*")
    result.stdout.no_fnmatch_line("*The above exception was*")


def test_lines_of_a_helper_are_the_users_own(run):
    run(UNSOLVABLE).stdout.fnmatch_lines([">*lock_it(*", ">*return ws.lock()"])


@pytest.mark.parametrize("style", ["long", "short", "line", "native"])
def test_in_every_style(run, style):
    result = run(UNSOLVABLE, f"--tb={style}")
    result.stdout.fnmatch_lines(["*No set of packages satisfies *"])
    result.stdout.no_fnmatch_line("*solve.py*")


def test_everything_is_shown_on_demand(run):
    run(UNSOLVABLE, "--full-trace").stdout.fnmatch_lines(["*engine*solve.py:*"])


def test_an_error_of_the_user_that_ours_led_to_is_shown_with_it(run):
    result = run("""
        def test_it(pixi_workspace):
            try:
                pixi_workspace.copy("nowhere")
            except Exception as error:
                raise RuntimeError("mine") from error
        """)
    result.stdout.fnmatch_lines([
        "E *InvalidInput: *", "The above exception was the direct cause *", "E *RuntimeError: mine",
    ])  # fmt: skip
    result.stdout.no_fnmatch_line("*copying.py*")


def test_an_error_of_the_user_that_led_to_ours_is_shown_with_it(run):
    result = run("""
        def test_it(pixi_workspace):
            try:
                {}["key"]
            except KeyError:
                pixi_workspace.copy("nowhere")
        """)
    result.stdout.fnmatch_lines(["E *KeyError: 'key'", "E *InvalidInput: *"])


def test_an_error_without_lines_of_the_user_keeps_ours(tmp_path):
    with pytest.raises(InvalidInput) as caught:
        load_manifest(tmp_path / "pixi.toml")
    error = caught.value.with_traceback(caught.tb.tb_next)
    before = traceback.format_exception(error)
    hide_internals(error)
    assert traceback.format_exception(error) == before
    assert "load.py" in before[-2]


def test_errors_that_are_none_of_ours_stay_as_they_are():
    def inner() -> None:
        raise KeyError("key")

    with pytest.raises(KeyError) as caught:
        inner()
    before = traceback.format_exception(caught.value)
    hide_internals(caught.value)
    assert traceback.format_exception(caught.value) == before


def test_an_error_that_leads_to_itself_is_no_endless_loop():
    error = InvalidInput("a")
    error.__context__ = other = KeyError()
    other.__context__ = error
    hide_internals(error)
