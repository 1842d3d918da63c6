from __future__ import annotations

import importlib
import pkgutil
import shutil
import textwrap
from pathlib import Path

import pytest

from pytest_pixipack.engine.embedded import EmbeddedEngine
from pytest_pixipack.engine.options import EngineOptions
from pytest_pixipack.engine.system.tools import find_tools
from pytest_pixipack.lock import write_lock
from pytest_pixipack.platforms import current_platform

HERE = current_platform()
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
        app = {{ path = "app" }}
        data = "*"

        [tool.pixipack]
        channels = {{ conda-forge = "channel.toml" }}
        backends = {{ pixi-build-cmake = "stub" }}
        """,
    "app/pixi.toml": """
        [package]
        name = "app"
        version = "0.1.0"
        build.backend = { name = "pixi-build-cmake", version = "*" }
        run-dependencies.lib = { path = "../lib" }
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
    """A small workspace with everything stubbed: app needs lib, lib needs zlib."""

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


@pytest.fixture(scope="session")
def locked_demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    root = tmp_path_factory.mktemp("demo")
    demo = Demo(root, tmp_path_factory.mktemp("cache"))
    for path, text in FILES.items():
        demo.write(path, text)
    demo.lock()
    return demo


@pytest.fixture
def demo(locked_demo: Demo, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Demo:
    """The workspace in rootdir, and no settings of the machine."""
    for name in ("PIXIPACK_COLLECT", "PIXI_BUILD_BACKEND_OVERRIDE", "PIXIPACK_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    shutil.copytree(locked_demo.root, pytester.path, dirs_exist_ok=True)
    pytester.makeini(INI)
    return Demo(pytester.path, locked_demo._cache)


@pytest.fixture(scope="session")
def locked_plain(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    root = tmp_path_factory.mktemp("plain")
    plain = Demo(root, tmp_path_factory.mktemp("cache"))
    for path, text in FILES.items():
        plain.write(path, text)
    plain.replace("pixi.toml", f', "{ELSEWHERE}"', "")
    plain.replace("pixi.toml", 'data = "*"', 'data = "*"\nlib = { path = "lib" }')
    plain.replace("app/pixi.toml", 'lib = { path = "../lib" }', 'zlib = ">=1.2"')
    plain.lock()
    return plain


@pytest.fixture(params=["embedded", "system"])
def plain(
    request: pytest.FixtureRequest,
    locked_plain: Demo,
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
) -> Demo:
    """A workspace that both engines can do all of, in rootdir, and the engine set to one of them:
    source packages without source run dependencies, for this machine's platform.
    """
    if request.param == "system" and (problem := find_tools().problem()) is not None:
        pytest.skip(f"the system engine's tools: {problem}")
    for name in ("PIXIPACK_COLLECT", "PIXI_BUILD_BACKEND_OVERRIDE", "PIXIPACK_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIXIPACK_ENGINE", request.param)
    shutil.copytree(locked_plain.root, pytester.path, dirs_exist_ok=True)
    pytester.makeini(INI)
    return Demo(pytester.path, locked_plain._cache)
