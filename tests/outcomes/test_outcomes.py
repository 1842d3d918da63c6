"""A flaky network is never called a product failure, nor the reverse: each fault on each engine."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_pixipack import EmbeddedEngine, EngineOptions
from pytest_pixipack.channel import StubChannel
from pytest_pixipack.engine.system.engine import SystemEngine
from pytest_pixipack.errors import InvalidInput, PixipackError
from tests.outcomes.faults import ALWAYS, ONCE, PAGE, Case, cases, page

pytestmark = pytest.mark.slow

TOOLS = ("pixi", "pixi-pack", "pixi-unpack")
# One of each kind, for the quick run.
QUICK = {("503,retry-after=1", "a package"), ("corrupt", "a shard"), ("truncate=100", "repodata")}
LIMIT = 4.0
MANIFEST = """
[workspace]
name = "w"
channels = ["{url}"]
platforms = ["linux-64"]

[dependencies]
zlib = "*"
"""

EMBEDDED = [
    pytest.param(
        case,
        id=f"{case.fault} in {case.place}".replace("*", ""),
        marks=[] if (case.fault, case.place) in QUICK else [pytest.mark.slow],
    )
    for case in cases()
]


@pytest.fixture
def outcome(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[str, str]]:
    """Outcome and message of locking or packing with a fault in the way."""
    monkeypatch.setenv("PIXIPACK_HTTP_RETRIES", "1")

    def run(case: Case, often: str, engine: Callable[[EngineOptions], object]) -> tuple[str, str]:
        # Nothing else is to be too late, however busy the machine is.
        patience = "0.5" if case.fault.startswith("stall") else "30"
        monkeypatch.setenv("PIXIPACK_HTTP_TIMEOUT", patience)
        workspace = tmp_path / "w"
        workspace.mkdir()
        stub = StubChannel("mine").add("zlib", "1.3", files={"share/z": bytes(range(256)) * 16})
        with stub.serve() as server:
            text = MANIFEST.format(url=server.url)
            (workspace / "pixi.toml").write_text(text, encoding="utf-8")
            if case.stage == "pack":
                made = EmbeddedEngine(EngineOptions(cache_dir=tmp_path / "a")).lock(workspace)
                (workspace / "pixi.lock").write_bytes(made.to_text().encode())
            tool = engine(EngineOptions(cache_dir=tmp_path / "b"))
            server.fail(case.written(often))
            try:
                if case.stage == "lock":
                    tool.lock(workspace)  # type: ignore[attr-defined]
                else:
                    tool.pack(workspace, tmp_path / "p.tar", platform="linux-64")  # type: ignore[attr-defined]
                return "passed", ""
            except InvalidInput as error:
                return "failed", str(error)
            except PixipackError as error:
                return error.outcome, str(error)
            finally:
                assert server.log.faults

    return run


@pytest.mark.parametrize("often", [ONCE, ALWAYS], ids=["once", "always"])
@pytest.mark.parametrize("case", EMBEDDED)
def test_embedded(case: Case, often: str, outcome: Callable[..., tuple[str, str]]) -> None:
    found, message = outcome(case, often, EmbeddedEngine)
    assert found == case.embedded[often == ALWAYS], message
    retried = case.embedded == ("passed", "infrastructure") and case.fault != "404"
    assert ("(2 attempts)" in message) == (retried and often == ALWAYS)


@pytest.mark.slow
@pytest.mark.skipif(
    not all(map(shutil.which, TOOLS)), reason="pixi, pixi-pack and pixi-unpack are not on PATH"
)
@pytest.mark.parametrize("often", [ONCE, ALWAYS], ids=["once", "always"])
@pytest.mark.parametrize("case", EMBEDDED)
def test_real_tools(case: Case, often: str, outcome: Callable[..., tuple[str, str]]) -> None:
    limit = LIMIT if case.fault.startswith("stall") else 60.0
    found, message = outcome(case, often, lambda options: SystemEngine(options, timeout=limit))
    assert found == case.tools[often == ALWAYS], message


def test_the_page_is_made_from_these() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()
