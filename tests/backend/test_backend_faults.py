"""Each fault in each stage, on both engines: the outcome, one message, no child left, no hang."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_pixipack import EmbeddedEngine, EngineOptions
from pytest_pixipack.artifact import read_artifact
from pytest_pixipack.backend.stub_orders import FAULTS
from pytest_pixipack.engine.options import ChildSettings
from pytest_pixipack.engine.system.engine import SystemEngine
from pytest_pixipack.engine.system.tools import find_tools
from pytest_pixipack.errors import BackendError, Infrastructure, InvalidInput, PixipackError
from pytest_pixipack.platforms import current_platform
from pytest_pixipack.plugin.stubs import StubBackend
from pytest_pixipack.workspace import WorkspaceBuilder

HERE = current_platform()
CRASHED = r"\(.*stub.*\) exited prematurely with code 3, .* output was: stub: simulated crash\."
JUNK = r"\(.*stub.*\) printed something that is not a JSON-RPC message .*'this is not JSON'"
NOTHING = ""  # it does not go wrong

# how -> what the embedded engine says; a table `{stage: words}` where that depends on the stage.
EMBEDDED: dict[str, Any] = {
    "error": r"stub was told to fail in (negotiate|initialize|outputs|build)\.",
    "error-without-data": r"only a message\.",
    "crash": CRASHED,
    "crash-halfway": CRASHED,
    "junk": JUNK,
    "noise": JUNK,
    "hang": r"\(.*stub.*\) did not answer '[\w/]+' within [\d.]+ s and was ended\.",
    "slow": NOTHING,
    "flood": NOTHING,
    "wrong-id": r"\(.*stub.*\) answered '[\w/]+' with a reply to another request\.",
    "malformed": r"no capabilities|not as the protocol has it: .* is missing\.",
    "not-implemented": r"\(.*stub.*\) does not implement the method '[\w/]+'\.",
    "wrong-name": r"somebody-else",
    "wrong-version": r"expected package: .*/app=1\.0=h\w+_0\. Instead .*app=999=",
    "missing-file": r"there is no such file: .*app-1\.0-h\w+_0\.conda",
    "corrupt-artifact": r"wrote a package that cannot be read, app-1\.0-h\w+_0\.conda",
}
# pixi reads stderr only while it asks for outputs and builds: what a backend says before it ends
# any earlier is lost, and one that says much is never heard of again.
UNHEARD = {("flood", stage) for stage in ("start", "negotiate", "initialize")}
SYSTEM: dict[str, Any] = {
    "error": r"stub was told to fail in (negotiate|initialize|outputs|build)\.",
    "error-without-data": r"could not initialize the build-b|gave no reason|nothing that says",
    "crash": r"failed to communicate with the build backend|stub: simulated crash",
    "crash-halfway": r"failed to communicate with the build backend|stub: simulated crash",
    "junk": r"failed to communicate with the build backend|exited prematurely",
    "noise": r"failed to communicate with the build backend|exited prematurely",
    "hang": r"did not end within",
    "slow": NOTHING,
    "flood": NOTHING,
    "wrong-id": r"is not a pending call|exited prematurely",
    "malformed": r"received invalid response from the build backend",
    "not-implemented": r"does not implement the method",
    "wrong-name": r"'app' is not provided by|returned .*somebody-else",
    "wrong-version": r"returned .*/app=999=",
    "missing-file": r"app-1\.0-h\w+_0\.conda: ",
    "corrupt-artifact": r"failed to read metadata from the output package",
}
ALL = [(how, stage) for how, stages in FAULTS.items() for stage in stages]


def test_the_tables_know_every_fault() -> None:
    assert EMBEDDED.keys() == SYSTEM.keys() == FAULTS.keys()


@pytest.fixture
def backend(tmp_path: Path) -> StubBackend:
    (tmp_path / "r").mkdir()
    return StubBackend(tmp_path / "r")


@pytest.fixture
def workspace(tmp_path: Path, backend: StubBackend) -> Callable[..., WorkspaceBuilder]:
    """A workspace with one package, on an engine of that kind."""

    def make(kind: str, timeout: float = 60.0) -> WorkspaceBuilder:
        options = EngineOptions(
            cache_dir=tmp_path / "cache",
            backends={backend.name: "stub"},
            record=backend.directory,
            child=ChildSettings() if kind == "process" else None,
            backend_timeout=timeout,
        )
        tools = find_tools()
        if kind == "system" and tools.problem() is not None:
            pytest.skip(f"without the real tools: {tools.problem()}")
        engine: Any = EmbeddedEngine(options)
        if kind == "system":
            engine = SystemEngine(options, tools, timeout=timeout)
        (tmp_path / "w").mkdir()
        made = WorkspaceBuilder(tmp_path / "w", engine, tmp_path / "out", platforms=[HERE])
        return made.package("app", "1.0")

    return make


@pytest.fixture(autouse=True)
def no_child_is_left() -> Iterator[None]:
    psutil = pytest.importorskip("psutil")
    before = set(psutil.Process().children(recursive=True))
    yield
    started = set(psutil.Process().children(recursive=True)) - before
    _, alive = psutil.wait_procs(started, timeout=10)
    assert not alive


def run(workspace: WorkspaceBuilder) -> None:
    workspace.lock()
    for artifact in workspace.build(platform=HERE).values():
        assert read_artifact(artifact.path).payload


def goes_wrong(workspace: WorkspaceBuilder, words: str) -> PixipackError | None:
    if not words:
        run(workspace)
        return None
    with pytest.raises(PixipackError) as caught:
        run(workspace)
    told = " ".join(str(caught.value).split())
    assert re.search(words, told), told
    assert "Traceback" not in told
    return caught.value


def broken(backend: StubBackend, how: str, stage: str) -> None:
    package = None if stage in ("start", "negotiate") else "app"
    backend.fail(stage, how, package=package, seconds=0.1)


@pytest.mark.parametrize(("how", "stage"), ALL)
def test_in_this_process(how: str, stage: str, backend: StubBackend, workspace: Any) -> None:
    broken(backend, how, stage)
    error = goes_wrong(workspace("embedded"), EMBEDDED[how])
    assert error is None or isinstance(error, BackendError)
    assert error is None or "app" in (error.package or error.message)


@pytest.mark.slow
@pytest.mark.parametrize(("how", "stage"), ALL)
def test_in_a_process(how: str, stage: str, backend: StubBackend, workspace: Any) -> None:
    broken(backend, how, stage)
    error = goes_wrong(workspace("process", 2.0 if how == "hang" else 60.0), EMBEDDED[how])
    assert error is None or isinstance(error, BackendError)


@pytest.mark.slow
@pytest.mark.parametrize(("how", "stage"), [p for p in ALL if p not in UNHEARD and p[0] != "hang"])
def test_with_pixi(how: str, stage: str, backend: StubBackend, workspace: Any) -> None:
    broken(backend, how, stage)
    error = goes_wrong(workspace("system"), SYSTEM[how])
    # Of a package that is not offered, pixi does not know whose fault that is.
    kind = InvalidInput if (how, stage) == ("wrong-name", "outputs") else BackendError
    assert error is None or isinstance(error, kind)


@pytest.mark.slow
@pytest.mark.parametrize(("how", "stage"), [("hang", "outputs"), ("flood", "initialize")])
def test_where_pixi_waits_for_ever_it_is_ended(
    how: str, stage: str, backend: StubBackend, workspace: Any
) -> None:
    broken(backend, how, stage)
    error = goes_wrong(workspace("system", 6.0), r"did not end within 6 seconds")
    assert isinstance(error, Infrastructure)


def test_a_slow_backend_has_the_time_that_it_is_given(backend: StubBackend, workspace: Any) -> None:
    backend.fail("outputs", "slow", package="app", seconds=30)
    goes_wrong(workspace("embedded", 5.0), r"did not answer 'conda/outputs' within 5 s")


@pytest.mark.slow
def test_a_flood_does_not_hide_the_last_words(backend: StubBackend, workspace: Any) -> None:
    backend.fail("negotiate", "flood").fail("build", "crash", package="app")
    goes_wrong(workspace("process"), r"stub: simulated crash\.")
