"""Recorded backends answer the embedded engine and, where it is on PATH, the real pixi."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_pixipack import EmbeddedEngine, EngineOptions, write_lock
from pytest_pixipack.backend.transcript import Transcript
from pytest_pixipack.engine.system.engine import SystemEngine
from pytest_pixipack.engine.system.tools import find_tools
from pytest_pixipack.errors import BackendError, PixipackError, Unsupported
from pytest_pixipack.platforms import current_platform

CASES = Path(__file__).parents[1] / "data" / "conformance" / "cases"
NAMES = ["backend-config", "conditionals", "flat", "package-target", "pyproject", "run-exports",
         "trio", "variants"]  # fmt: skip
# pixi asks otherwise for a package that it installs and one that it publishes.
BUILT = {"embedded": ["trio", "flat"], "system": ["flat", "run-exports"]}
linux_64 = pytest.mark.skipif(
    current_platform() != "linux-64", reason="the builds were recorded on linux-64"
)


@pytest.fixture
def workspace(tmp_path: Path) -> Callable[[str], Path]:
    """Copies a recorded case; its transcript lies beside the workspace."""

    def copy(name: str) -> Path:
        target = tmp_path / "c"
        shutil.copytree(CASES / name, target, symlinks=True)
        (target / "workspace" / "pixi.lock").unlink(missing_ok=True)
        return target / "workspace"

    return copy


@pytest.fixture(params=["embedded", pytest.param("system", marks=pytest.mark.slow)])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], object]:
    """Makes an engine with a stand-in for the recorded workspaces' backend."""
    tools = find_tools()
    if request.param == "system" and tools.problem() is not None:
        pytest.skip(f"without the real tools: {tools.problem()}")

    def make(choice: str = "replay:../expected/rpc.jsonl") -> EmbeddedEngine | SystemEngine:
        options = EngineOptions(cache_dir=tmp_path / "cache", backends={"stub-backend": choice})
        if request.param == "embedded":
            return EmbeddedEngine(options)
        return SystemEngine(options, tools)

    return make


def recorded_lock(workspace: Path) -> str:
    root = workspace.parent
    text = (root / "expected" / "pixi.lock").read_text(encoding="utf-8")
    return text.replace("file://@ROOT@", root.as_uri()).replace("@ROOT@", root.as_posix())


def blocks(lock: str) -> list[str]:
    """The parts of a lock without identifiers, which depend on absolute paths."""
    return sorted(re.split(r"^(?=- )", re.sub(r"\[[0-9a-f]{8}\]", "[#]", lock), flags=re.M))


@pytest.mark.parametrize("name", NAMES)
def test_a_replayed_backend_gives_the_recorded_lock(name: str, workspace, engine) -> None:
    root = workspace(name)
    assert blocks(engine().lock(root).to_text()) == blocks(recorded_lock(root))


def test_a_transcript_that_is_older_than_the_lock_answers_too(workspace, engine) -> None:
    # Recorded while pixi upgraded a lock: other versions were locked, the questions are the same.
    assert "libz" in engine().lock(workspace("lock-v6"))["linux-64"]


@linux_64
@pytest.mark.slow
@pytest.mark.parametrize(
    ("engine", "name"),
    [(engine, name) for engine, names in BUILT.items() for name in names],
    indirect=["engine"],
)
def test_a_replayed_backend_gives_the_recorded_packages(
    name: str, workspace, engine, tmp_path: Path
) -> None:
    root = workspace(name)
    write_lock(engine().lock(root), root / "pixi.lock")
    built = engine().build(root, tmp_path / "out", platform="linux-64")
    assert built
    for artifact in built:
        kept = root.parent / "expected" / "artifacts" / (artifact.facts.subdir or "")
        assert artifact.path.read_bytes() == (kept / artifact.path.name).read_bytes()


def test_a_manifest_that_has_changed_since_is_told_field_by_field(workspace, engine) -> None:
    root = workspace("trio")
    manifest = root / "core" / "pixi.toml"
    text = manifest.read_text(encoding="utf-8")
    manifest.write_text(text.replace('"0.3.0"', '"9.9.9"'), encoding="utf-8")
    with pytest.raises(BackendError) as caught:
        engine().lock(root)
    told = " ".join(str(caught.value).split())  # pixi breaks lines
    assert 'projectModel.version (recorded "0.3.0", now "9.9.9")' in told
    assert "not the one in rpc.jsonl" in told


def test_a_package_that_was_never_recorded_is_told(workspace, engine) -> None:
    root = workspace("trio")
    choice = f"replay:{CASES / 'flat' / 'expected' / 'rpc.jsonl'}"
    with pytest.raises(Unsupported) as caught:
        engine(choice).lock(root)
    assert "recorded packages" in " ".join(str(caught.value).split())


@linux_64
@pytest.mark.slow
def test_a_backend_is_recorded_once_and_replayed_ever_after(
    workspace, engine, tmp_path: Path
) -> None:
    root = workspace("flat")
    transcript = tmp_path / "record" / "rpc.jsonl"
    recording = engine(f"record:{transcript}:stub")
    lock = recording.lock(root)
    write_lock(lock, root / "pixi.lock")
    first = recording.build(root, tmp_path / "first", platform="linux-64")
    text = transcript.read_text(encoding="utf-8")
    assert str(tmp_path) not in text
    assert Transcript.load(transcript).packages

    moved = tmp_path / "moved"
    shutil.move(transcript.parent, moved)
    replaying = engine(f"replay:{moved / 'rpc.jsonl'}")
    assert replaying.lock(root).to_text() == lock.to_text()
    again = replaying.build(root, tmp_path / "again", platform="linux-64")
    assert [a.path.read_bytes() for a in again] == [a.path.read_bytes() for a in first]


@linux_64
def test_a_package_that_was_not_kept_is_unsupported(workspace, engine, tmp_path: Path) -> None:
    root = workspace("flat")
    write_lock(engine().lock(root), root / "pixi.lock")
    shutil.rmtree(root.parent / "expected" / "artifacts")
    with pytest.raises(PixipackError) as caught:
        engine().build(root, tmp_path / "out", platform="linux-64")
    assert "was not kept beside rpc.jsonl" in " ".join(str(caught.value).split())
    if isinstance(engine(), EmbeddedEngine):
        assert isinstance(caught.value, Unsupported)
