"""Conditional dependencies of a CMake package, on both engines, by the stub and the real backend.

The channel has stub `cmake` and `ninja` for the backend's build environment, and packages that are
there for some platforms only, so that a dependency that leaks to another one cannot be solved.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_pixipack.errors import BackendError
from pytest_pixipack.manifest import load_package

CMAKE = "pixi-build-cmake"
UNIX = ["linux-64", "osx-64", "osx-arm64"]
ALL = [*UNIX, "win-64"]

both_engines = pytest.mark.parametrize(
    "pixi_engine", ["embedded", pytest.param("system", marks=pytest.mark.slow)], indirect=True
)


@pytest.fixture(params=["stub", "real"])
def cmake(request: pytest.FixtureRequest, pixi_workspace, stub_channel) -> Callable[..., object]:
    """Makes a workspace with the package `app`, which `pixi-build-cmake` builds."""
    backend = "stub" if request.param == "stub" else shutil.which(CMAKE)
    if backend is None:
        pytest.skip(f"{CMAKE} is not on PATH.")
    channel = stub_channel()
    for name in ("cmake", "ninja"):
        channel.add(name, "3.28", subdirs=ALL)
    channel.add("only-unix", "1.0", subdirs=UNIX).add("only-windows", "1.0", subdirs=["win-64"])
    channel.add("only-linux", "1.0", subdirs=["linux-64"])
    for version in ("3.9", "3.12"):
        channel.add("python", version, subdirs=ALL)

    def make(platforms=ALL, variants=None, **tables):
        ws = pixi_workspace(
            platforms=platforms,
            channels=[channel],
            backends={CMAKE: backend},
            workspace={"build-variants": variants} if variants else None,
        )
        config = {"compilers": []} if request.param == "real" else None
        ws.file("app/CMakeLists.txt", "project(app)\n")
        return ws.package("app", "1.0", backend=CMAKE, config=config, **tables)

    return make


@both_engines
def test_run_dependencies_by_family(cmake):
    ws = cmake(run={"if(unix)": {"only-unix": "*"}, "if(win)": {"only-windows": "*"}})
    lock = ws.lock()
    assert [set(lock[platform]) for platform in ALL] == [
        *([{"app", "only-unix"}] * 3),
        {"app", "only-windows"},
    ]


@both_engines
def test_build_and_host_dependencies_by_platform(cmake):
    ws = cmake(
        ["linux-64", "win-64"],
        build={"if(linux)": {"only-linux": "*"}},
        host={"if(host_platform == 'win-64')": {"only-windows": "*"}},
    )
    app = {platform: ws.lock()[platform]["app"] for platform in ("linux-64", "win-64")}

    def built_with(platform: str) -> tuple[set[str], set[str]]:
        found = app[platform]
        return tuple(
            {
                identifier.rpartition("/")[2].rpartition("-")[0].rpartition("-")[0]
                for identifier in each
            }
            - {"cmake", "ninja"}
            for each in (found.build_packages, found.host_packages)
        )  # type: ignore[return-value]

    assert built_with("linux-64") == ({"only-linux"}, set())
    assert built_with("win-64") == (set(), {"only-windows"})


@both_engines
def test_words_and_comparisons_together(cmake):
    ws = cmake(run={"if(unix and not (host_platform == 'osx-arm64'))": {"only-unix": "*"}})
    lock = ws.lock()
    having = [platform for platform in ALL if "only-unix" in lock[platform]]
    assert having == ["linux-64", "osx-64"]


@both_engines
def test_match_on_a_variant(cmake):
    ws = cmake(
        ["linux-64"],
        {"python": ["3.12"]},
        host={"python": "*"},
        run={
            "if(match(python, '>=3.10'))": {"only-unix": "*"},
            "if(match(python, '<3.10'))": {"only-windows": "*"},  # which cannot be solved here
        },
    )
    lock = ws.lock()
    assert set(lock["linux-64"]) == {"app", "only-unix"}
    assert lock["linux-64"]["app"].variants["python"] == "3.12"


@both_engines
def test_an_expression_that_is_none(cmake):
    ws = cmake(["linux-64"], run={"if(host_platform ==)": {"only-unix": "*"}})
    with pytest.raises(BackendError, match="invalid selector expression `host_platform ==`"):
        ws.lock()


@both_engines
def test_target_tables_still_work_and_are_deprecated(cmake):
    ws = cmake(package={"target": {"unix": {"run-dependencies": {"only-unix": "*"}}}})
    lock = ws.lock()
    assert [platform for platform in ALL if "only-unix" in lock[platform]] == UNIX
    (warning,) = load_package(Path(ws.root, "app"), ws.manifest).warnings
    assert "deprecated in favor of conditional dependencies" in warning.message
