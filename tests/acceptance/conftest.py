from __future__ import annotations

import importlib
import os
import pkgutil
import shutil
import textwrap
from collections.abc import Iterable
from pathlib import Path

import pytest

from pytest_pixipack.engine.embedded import EmbeddedEngine
from pytest_pixipack.engine.options import EngineOptions
from pytest_pixipack.engine.system.tools import find_tools
from pytest_pixipack.lock import write_lock
from pytest_pixipack.platforms import current_platform
from pytest_pixipack.plugin.options import SETTINGS

HERE = current_platform()
ENGINES = ("embedded", "system")
ELSEWHERE = "osx-arm64" if HERE != "osx-arm64" else "linux-64"

# The plugin of hypothesis takes a second in each of these runs.
INI = "[pytest]\naddopts = -p no:randomly -p no:hypothesispytest\n"

FILES = {
    "pixi.toml": f"""
        [workspace]
        name = "demo"
        channels = ["conda-forge"]
        platforms = ["{HERE}", "{ELSEWHERE}"]
        preview = ["pixi-build"]

        [dependencies]
        data = "*"

        [target.{HERE}.dependencies]
        app = {{ path = "app" }}
        lib = {{ path = "lib" }}

        [tool.pixipack]
        channels = {{ conda-forge = "channel.toml" }}
        backends = {{ pixi-build-cmake = "stub" }}
        """,
    "app/pixi.toml": """
        [package]
        name = "app"
        version = "0.1.0"
        build.backend = { name = "pixi-build-cmake", version = "*" }
        run-dependencies.zlib = ">=1"
        """,
    "lib/pixi.toml": """
        [package]
        name = "lib"
        version = "0.2.0"
        build.backend = { name = "pixi-build-cmake", version = "*" }
        run-dependencies.zlib = ">=1"
        """,
    "channel.toml": f"""
        [[package]]
        name = "zlib"
        version = "1.3"
        subdirs = ["{HERE}", "{ELSEWHERE}"]

        [[package]]
        name = "data"
        version = "3.0"
        noarch = "generic"
        """,
}

# What makes of it the workspace of `chain`.
CHAIN = (
    ("pixi.toml", f"[target.{HERE}.dependencies]\n", ""),
    ("pixi.toml", 'lib = { path = "lib" }\n', ""),
    ("app/pixi.toml", 'zlib = ">=1"', 'lib = { path = "../lib" }'),
)
Changes = Iterable[tuple[str, str, str]]


def load_all() -> None:
    """Imports the whole package: `pytester` forgets what a run inside the process has imported, and
    each of these runs would import it anew.
    """
    import rattler  # noqa: F401

    import pytest_pixipack

    for module in pkgutil.walk_packages(pytest_pixipack.__path__, "pytest_pixipack."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


load_all()


class Demo:
    """A small workspace with everything stubbed."""

    def __init__(self, root: Path, cache: Path) -> None:
        self.root = root
        self._cache = cache

    def ini(self, *lines: str) -> None:
        (self.root / "tox.ini").write_text("\n".join([INI, *lines]), encoding="utf-8")

    def write(self, path: str, text: str) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(textwrap.dedent(text), encoding="utf-8", newline="\n")

    def replace(self, path: str, old: str, new: str) -> None:
        text = (self.root / path).read_text(encoding="utf-8")
        assert old in text
        self.write(path, text.replace(old, new))

    def lock(self) -> None:
        engine = EmbeddedEngine(EngineOptions(cache_dir=self._cache))
        write_lock(engine.lock(self.root), self.root / "pixi.lock")

    def copied_to(self, root: Path) -> Demo:
        shutil.copytree(self.root, root)
        return Demo(root, self._cache)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Runs each test with both engines, or with the one that `--pixipack-engine` names."""
    asked = metafunc.config.stash[SETTINGS].engine
    names = ENGINES if asked == "auto" else (asked,)
    metafunc.parametrize("engine", [parameter_of(name) for name in names], indirect=True)


def parameter_of(engine: str) -> object:
    marks = []
    if engine == "system":
        marks.append(pytest.mark.slow)
        if (problem := find_tools().problem()) is not None:
            marks.append(pytest.mark.skip(reason=f"the system engine's tools: {problem}"))
    return pytest.param(engine, marks=marks)


@pytest.fixture(autouse=True)
def engine(
    request: pytest.FixtureRequest, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> str:
    """What the runs of a test ask for, unless they name an engine; no settings of the machine."""
    for name in list(os.environ):
        if name.startswith(("PIXIPACK_", "PIXI_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PYTEST_ADDOPTS", f"--pixipack-engine={request.param}")
    pytester.makeini(INI)
    return str(request.param)


def made(factory: pytest.TempPathFactory, name: str, changes: Changes = ()) -> Demo:
    """A locked workspace of `FILES` with these changes: a file, what is in it, what will be."""
    demo = Demo(factory.mktemp(name), factory.mktemp("cache"))
    for path, text in FILES.items():
        demo.write(path, text)
    for change in changes:
        demo.replace(*change)
    demo.lock()
    return demo


@pytest.fixture(scope="session")
def locked_demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    return made(tmp_path_factory, "demo")


@pytest.fixture(scope="session")
def locked_chain(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    return made(tmp_path_factory, "chain", CHAIN)


@pytest.fixture
def demo(locked_demo: Demo, pytester: pytest.Pytester, engine: str) -> Demo:
    """A workspace that both engines can do all of, in rootdir: two source packages for this
    machine's platform, and a binary one for each.
    """
    shutil.copytree(locked_demo.root, pytester.path, dirs_exist_ok=True)
    return Demo(pytester.path, locked_demo._cache)


@pytest.fixture
def chain(locked_chain: Demo, pytester: pytest.Pytester, engine: str) -> Demo:
    """A workspace that pixi-pack cannot pack, in rootdir: app needs lib, both built from source, on
    both platforms.
    """
    shutil.copytree(locked_chain.root, pytester.path, dirs_exist_ok=True)
    return Demo(pytester.path, locked_chain._cache)
