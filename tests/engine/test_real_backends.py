"""pixi's own backends, where they are on PATH: asked and, where the machine has the tools, built
with. Their packages' tools are stubs that hand on to those of this machine.
"""

from __future__ import annotations

import importlib.util
import shlex
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from pytest_pixipack import EmbeddedEngine, EngineOptions, StubChannel, WorkspaceBuilder
from pytest_pixipack.channel import File
from pytest_pixipack.errors import BackendError
from pytest_pixipack.platforms import current_platform
from pytest_pixipack.workspace.toml_text import toml_text

PLATFORMS = ["linux-64", "osx-arm64", "win-64"]
HERE = current_platform()

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(HERE not in PLATFORMS[:2], reason="the stubs are shell scripts"),
]

CMAKE = {
    "CMakeLists.txt": "cmake_minimum_required(VERSION 3.15)\nproject(app LANGUAGES NONE)\n"
    "install(FILES hello.txt DESTINATION share)\n",
    "hello.txt": "hello\n",
}
PYTHON = {
    "pyproject.toml": '[project]\nname = "app"\nversion = "1.0"\n[build-system]\nrequires = []\n'
    'build-backend = "wheels"\nbackend-path = ["."]\n',
    "app.py": "print('hello')\n",
    "wheels.py": """\
import os, zipfile
def build_wheel(directory, config_settings=None, metadata_directory=None):
    name, info = "app-1.0-py3-none-any.whl", "app-1.0.dist-info/"
    with zipfile.ZipFile(os.path.join(directory, name), "w") as wheel:
        wheel.write("app.py")
        wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: app\\nVersion: 1.0\\n")
        wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nGenerator: own\\n"
                       "Root-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(info + "RECORD", "app.py,,\\n")
    return name
""",
}
RUST = {
    "Cargo.toml": '[package]\nname = "app"\nversion = "1.0.0"\nedition = "2021"\n',
    "src/main.rs": 'fn main() { println!("hello"); }\n',
}
# uv's command line, done by pip: into the prefix, from this directory alone.
UV = """\
#!/bin/sh
for last; do :; done
export PIP_TARGET="$PREFIX/lib/python3.11/site-packages" PIP_NO_INDEX=1 PIP_NO_COMPILE=1
exec %s -m pip install --no-deps --no-build-isolation "$last"
"""


def hands_on(program: str) -> File:
    found = shlex.quote(shutil.which(program) or program)
    return File(text=f'#!/bin/sh\nexec {found} "$@"\n', executable=True)


def channel() -> StubChannel:
    tools = StubChannel("tools")
    for name in ("cmake", "ninja"):
        tools.add(name, "3.28", subdirs=PLATFORMS, files={f"bin/{name}": hands_on(name)})
    uv = File(text=UV % shlex.quote(sys.executable), executable=True)
    tools.add("uv", "0.8", subdirs=PLATFORMS, files={"bin/uv": uv})
    for platform in PLATFORMS:
        for compiler in ("gcc", "gxx", "clang", "clangxx", "vs2019", "vs2022", "rust"):
            tools.add(f"{compiler}_{platform}", "1", subdir=platform)
    site = "lib/python3.11/site-packages"
    tools.add("python", "3.11.9", subdirs=PLATFORMS, python_site_packages_path=site)
    return tools.add("libz", "1.3", subdirs=PLATFORMS, run_exports=["libz >=1.3,<2"])


@pytest.fixture
def workspace(tmp_path: Path) -> Callable[..., WorkspaceBuilder]:
    def make(
        name: str, files: Mapping[str, str], config: Mapping[str, object], **tables: object
    ) -> WorkspaceBuilder:
        backend = f"pixi-build-{name}"
        program = shutil.which(backend)
        if program is None:
            pytest.skip(f"{backend} is not on PATH.")
        options = EngineOptions(
            cache_dir=tmp_path / "cache",
            channels={"conda-forge": channel().build(tmp_path / "channel").path},
            backends={backend: program},
            record=tmp_path / "record",
        )
        ws = WorkspaceBuilder(
            tmp_path / "w",
            EmbeddedEngine(options),
            tmp_path / "out",
            channels=["conda-forge"],
            platforms=PLATFORMS,
        ).depend("app", {"path": "app"})
        build = {"backend": {"name": backend, "version": "*"}, "config": dict(config)}
        package = {"name": "app", "version": "1.0", "build": build, **tables}
        ws.file("app/pixi.toml", toml_text({"package": package}))
        for path, text in files.items():
            ws.file(f"app/{path}", text)
        return ws

    return make


def tools_of(package) -> set[str]:
    """The names of the packages that a package is built with."""
    names = (identifier.rpartition("/")[2] for identifier in package.build_packages)
    return {name.rsplit("-", 2)[0] for name in names}


def test_cmake(workspace):
    ws = workspace(
        "cmake",
        CMAKE,
        {"compilers": []},
        **{
            "host-dependencies": {"libz": "*"},
            "run-dependencies": {"if(win)": {"python": "*"}},
        },
    )
    lock = ws.lock()
    for platform in PLATFORMS:
        app = lock[platform]["app"]
        assert tools_of(app) == {"cmake", "ninja"}
        assert "libz >=1.3,<2" in app.facts.depends
        assert ("python" in app.facts.depends) == (platform == "win-64")
    if shutil.which("cmake") is None or shutil.which("ninja") is None:
        pytest.skip("cmake and ninja are not on PATH, so it was only asked.")
    assert list(ws.build()["app"].payload) == ["share/hello.txt"]
    ws.pack()
    ws.verify().raise_for_findings()


def test_cmake_with_compilers_and_what_they_are_called_where(workspace):
    lock = workspace("cmake", CMAKE, {}).lock()
    assert "gxx_linux-64" in tools_of(lock["linux-64"]["app"])
    assert "clangxx_osx-arm64" in tools_of(lock["osx-arm64"]["app"])
    assert "vs2022_win-64" in tools_of(lock["win-64"]["app"])


def test_python(workspace):
    tables = {"host-dependencies": {"python": "*"}, "run-dependencies": {"python": ">=3.9"}}
    ws = workspace("python", PYTHON, {"noarch": True}, **tables)
    assert ws.lock()[HERE]["app"].variants == {"target_platform": "noarch"}
    if importlib.util.find_spec("pip") is None:
        pytest.skip("pip is not installed, so it was only asked.")
    app = ws.build()["app"]
    assert app.facts.noarch == "python"
    # Not an editable install, which would lead back to the sources.
    assert "site-packages/app.py" in app.payload
    assert not [path for path in app.payload if path.endswith(".pth")]
    ws.pack()
    ws.verify().raise_for_findings()


def test_rust(workspace):
    lock = workspace("rust", RUST, {}).lock()
    for platform in PLATFORMS:
        assert f"rust_{platform}" in tools_of(lock[platform]["app"])


def test_a_configuration_that_it_does_not_know_is_refused_in_its_own_words(workspace):
    with pytest.raises(BackendError, match="failed to parse configuration: unknown field `colour`"):
        workspace("cmake", CMAKE, {"colour": "red"}).lock()


def test_a_build_that_fails_shows_what_the_tools_said(workspace):
    if shutil.which("cmake") is None or shutil.which("ninja") is None:
        pytest.skip("cmake and ninja are not on PATH.")
    start = "cmake_minimum_required(VERSION 3.15)\nproject(app LANGUAGES NONE)\n"
    ws = workspace(
        "cmake",
        {**CMAKE, "CMakeLists.txt": f"{start}message(FATAL_ERROR no!)\n"},
        {"compilers": []},
    )
    ws.lock()
    with pytest.raises(BackendError, match="no!") as caught:
        ws.build()
    assert "│" not in caught.value.message
