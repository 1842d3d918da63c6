"""Packages with a `recipe.yaml`: built by py-rattler-build, without any other program."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_pixipack import EmbeddedEngine, EngineOptions, StubChannel, WorkspaceBuilder
from pytest_pixipack.engine.choice import make_engine
from pytest_pixipack.errors import BackendError, Infrastructure, PixipackError, Unsupported
from pytest_pixipack.matchers import IsPackage, IsSource
from pytest_pixipack.platforms import current_platform
from pytest_pixipack.workspace.toml_text import toml_text

pytestmark = pytest.mark.slow

HERE = current_platform()
RATTLER_BUILD = "pixi-build-rattler-build"
unix = pytest.mark.skipif(sys.platform == "win32", reason="its scripts are shell scripts")

HELLO = """\
package:
  name: hello
  version: "1.2"
build:
  number: 3
  script:
    - mkdir -p $PREFIX/share
    - cp words.txt $PREFIX/share/hello.txt
    - echo "home=$PREFIX" >> $PREFIX/share/hello.txt
source:
  path: src
requirements:
  build:
    - cmake
  host:
    - libz
  run:
    - ${{ pin_compatible("libz", upper_bound="x") }}
    - if: unix
      then: bash
  run_exports:
    - ${{ pin_subpackage("hello", upper_bound="x.x") }}
about:
  license: MIT
"""


def channel() -> StubChannel:
    here = {"subdirs": ["linux-64", "osx-arm64", "win-64"]}
    if HERE not in here["subdirs"]:
        here["subdirs"].append(HERE)
    return (
        StubChannel()
        .add("libz", "1.2", **here)
        .add("libz", "1.3.1", run_exports=["libz >=1.3,<2"], **here)
        .add("cmake", "3.28", **here)
        .add("bash", "5.2", **here)
        .add("python", "3.11.4", **here)
        .add("python", "3.12.1", **here)
    )


@pytest.fixture
def workspace(tmp_path: Path) -> Callable[..., WorkspaceBuilder]:
    """A workspace with one recipe, in the package `hello`."""

    def make(
        recipe: str | None,
        *,
        backend: str | None = None,
        names: tuple[str, ...] = ("hello",),
        package: Mapping[str, object] | None = None,
        build: Mapping[str, object] | None = None,
        **settings: object,
    ) -> WorkspaceBuilder:
        built = channel().build(tmp_path / "channel")
        options = EngineOptions(
            cache_dir=tmp_path / "cache",
            channels={"conda-forge": built.path},
            backends={RATTLER_BUILD: backend} if backend else {},
            environ={"PATH": os.defpath},
        )
        ws = WorkspaceBuilder(
            tmp_path / "w",
            EmbeddedEngine(options),
            tmp_path / "out",
            channels=["conda-forge"],
            **settings,  # type: ignore[arg-type]
        )
        for name in names:
            ws.depend(name, {"path": "hello"})
        section = {
            "name": "hello",
            "version": "1.2",
            "build": {"backend": {"name": RATTLER_BUILD, "version": "*"}, **(build or {})},
            **(package or {}),
        }
        ws.file("hello/pixi.toml", toml_text({"package": section}))
        ws.file("hello/src/words.txt", "hello\n")
        return ws.file("hello/recipe.yaml", recipe) if recipe is not None else ws

    return make


def test_a_recipe_is_locked_like_any_package(workspace):
    ws = workspace(HELLO, platforms=["linux-64", "win-64"])
    lock = ws.lock()
    for platform, shell in (("linux-64", ["bash"]), ("win-64", [])):
        hello = lock[platform]["hello"]
        assert hello == IsSource() & IsPackage(variants={"target_platform": platform})
        needed = {"libz >=1.3.1,<2.0a0", "libz >=1.3,<2", *shell}
        assert set(hello.facts.depends) == needed
        assert hello.facts.run_exports.weak == ("hello >=1.2,<1.3.0a0",)


@unix
@pytest.mark.slow
def test_it_is_built_against_what_is_locked(workspace):
    ws = workspace(HELLO)
    lock = ws.lock()
    hello = ws.build()["hello"]
    assert (hello.facts.version, hello.facts.build_number) == ("1.2", 3)
    assert hello.facts.depends == lock[HERE]["hello"].facts.depends
    assert hello.facts.run_exports == lock[HERE]["hello"].facts.run_exports
    assert hello.facts.license == "MIT"
    prefix = ws.pack().unpack()
    text = (prefix.path / "share" / "hello.txt").read_text(encoding="utf-8")
    assert text == f"hello\nhome={prefix.path}\n"
    ws.verify().raise_for_findings()


@unix
@pytest.mark.slow
def test_the_same_recipe_gives_the_same_bytes(workspace):
    ws = workspace(HELLO)
    ws.lock()
    first = ws.build()["hello"].path.read_bytes()
    assert ws.build()["hello"].path.read_bytes() == first


OUTPUTS = """\
recipe:
  name: hello
  version: "1.2"
outputs:
  - package:
      name: libhello
    build:
      script: mkdir -p $PREFIX/lib && echo $PKG_BUILDNUM $python > $PREFIX/lib/libhello
    requirements:
      host: [python]
      run: [python]
  - package:
      name: hello-tools
    build:
      noarch: generic
      script: mkdir -p $PREFIX/share && echo tools > $PREFIX/share/tools
    requirements:
      run:
        - ${{ pin_subpackage("libhello", exact=True) }}
"""


@unix
@pytest.mark.slow
def test_several_outputs_in_several_variants(workspace):
    ws = workspace(
        OUTPUTS,
        names=("libhello", "hello-tools"),
        workspace={"build-variants": {"python": ["3.11.*", "3.12.*"]}},
        dependencies={"python": "3.12.*"},
    )
    lock = ws.lock()
    packages = lock[HERE]
    build = packages["hello-tools"].facts.depends[0].split()[-1]
    artifacts = ws.build()
    assert artifacts["libhello"].facts.build == build
    assert artifacts["libhello"].facts.build.startswith("py31")
    assert artifacts["hello-tools"].facts.subdir == "noarch"
    assert artifacts["hello-tools"].facts.depends == (f"libhello ==1.2 {build}",)


TESTED = """\
package:
  name: hello
  version: "1.2"
build:
  noarch: generic
  script: mkdir -p $PREFIX/share && echo hello > $PREFIX/share/hello.txt
requirements:
  run: %s
tests:
  - package_contents:
      files: [share/hello.txt]
  - script: ["cat $PREFIX/share/hello.txt", "test %s = 1"]
%s"""


@unix
@pytest.mark.slow
def test_tests_of_a_recipe_are_run(workspace):
    ws = workspace(TESTED % ("[bash]", "1", ""))
    ws.lock()
    assert "hello" in ws.build()
    workspace(TESTED % ("[bash]", "2", ""))
    with pytest.raises(BackendError, match=r"Test 1 of the recipe of hello failed: .*hello") as no:
        ws.build()
    assert no.value.outcome == "invalid-input"


@unix
@pytest.mark.slow
def test_tests_that_cannot_be_run_are_refused_and_can_be_left_out(workspace):
    more = "    requirements:\n      run: [nowhere]\n"
    ws = workspace(TESTED % ("[bash]", "1", more))
    ws.lock()
    with pytest.raises(Unsupported, match=r"Test 1 of .* cannot be run: .*nowhere") as refused:
        ws.build()
    assert "recipe-untested" in (refused.value.remedy or "")
    ws = workspace(TESTED % ("[bash]", "2", more), backend="recipe-untested")
    assert "hello" in ws.build()


@unix
@pytest.mark.slow
def test_tests_see_what_a_package_needs_from_source(workspace):
    recipe = TESTED % ("[core, bash]", "$(cat $PREFIX/share/number)", "")
    package = {"run-dependencies": {"core": {"path": "../core"}}}
    ws = workspace(recipe, package=package, build=None)
    ws.engine.options.backends["core-backend"] = "stub"
    ws.package("core", files={"share/number": "1"}, backend="core-backend", depend=False)
    lock = ws.lock()
    assert set(lock[HERE]) == {"hello", "core", "bash"}
    assert set(ws.build()) == {"hello", "core"}


@pytest.mark.parametrize(
    ("recipe", "change", "words"),
    [
        (None, {}, "Could not find a recipe.yaml"),
        ("package: {name: hello}", {}, "version"),
        ("package:\n  name: ${{ nothing }}\n  version: '1'\n", {}, "nothing"),
        (
            HELLO,
            {"package": {"host-dependencies": {"libz": "*"}}},
            "Binary dependency 'libz' is not allowed",
        ),
        (HELLO, {"build": {"config": {"colour": "red"}}}, "unknown field `colour`"),
        (
            HELLO.replace('"hello", upper', '"other", upper'),
            {},
            "could not apply pin. The following subpackage is not available: other",
        ),
    ],
)
def test_what_is_wrong_with_a_recipe_is_said(workspace, recipe, change, words):
    with pytest.raises(BackendError, match=words.replace("(", r"\(")) as caught:
        workspace(recipe, **change).lock()
    assert caught.value.package == "hello"


@unix
@pytest.mark.slow
def test_a_script_that_fails_is_the_packages_fault(workspace):
    ws = workspace(HELLO.replace("cp words.txt", "cp nowhere.txt"))
    ws.lock()
    with pytest.raises(BackendError, match=r"cannot be built: .*nowhere\.txt") as caught:
        ws.build()
    assert caught.value.package == "hello"


@unix
@pytest.mark.slow
@pytest.mark.parametrize("where", ["script", "test"])
def test_what_hangs_is_ended_with_all_that_it_started(workspace, where):
    """That nothing is left running is checked after each test module."""
    command = "(sleep 600; true)"
    recipe = (
        HELLO.replace("- cp words.txt", f"- {command}\n    - cp words.txt")
        if where == "script"
        else TESTED % ("[bash]", f"$( {command} )", "")
    )
    ws = workspace(recipe)
    ws.lock()
    ws.engine.options = replace(ws.engine.options, backend_timeout=3.0)
    error = BackendError if where == "script" else Infrastructure
    with pytest.raises(error, match=r"did not (answer|end).* within 3"):
        ws.build()


@pytest.mark.parametrize("key", ["build-number", "build-string-prefix"])
def test_what_py_rattler_build_has_no_word_for_is_unsupported(workspace, key):
    value = 7 if key == "build-number" else "mine"
    with pytest.raises(Unsupported, match=key):
        workspace(HELLO, build={key: value}).lock()


@unix
@pytest.mark.slow
def test_versions_that_differ_between_build_and_host_are_not_mixed_up(workspace):
    recipe = HELLO.replace("    - cmake", "    - cmake\n    - libz 1.2.*").replace(
        "  host:\n    - libz\n", "  host:\n    - libz 1.3.*\n"
    )
    ws = workspace(recipe)
    ws.lock()
    assert "libz >=1.3,<2" in ws.build()["hello"].facts.depends


@unix
@pytest.mark.slow
def test_packages_for_other_platforms(workspace):
    platforms = ["linux-64", "osx-arm64", "win-64"]
    ws = workspace(HELLO, platforms=platforms)
    lock = ws.lock()
    for platform in platforms:
        hello = ws.build(platform=platform)["hello"]
        assert hello.facts.subdir == platform
        assert hello.facts.depends == lock[platform]["hello"].facts.depends


@unix
@pytest.mark.slow
def test_one_package_for_two_platforms_at_once_is_refused(workspace):
    recipe = HELLO.replace("    - cmake", "    - cmake\n    - libz")
    other = "osx-arm64" if HERE != "osx-arm64" else "linux-64"
    ws = workspace(recipe, platforms=[other])
    ws.lock()
    with pytest.raises(Unsupported, match=r"libz.* is needed for two platforms at once"):
        ws.build(platform=other)


@unix
@pytest.mark.slow
def test_the_real_backend_says_and_builds_the_same(workspace, tmp_path):
    program = shutil.which(RATTLER_BUILD)
    if program is None:
        pytest.skip(f"{RATTLER_BUILD} is not on PATH.")
    found = []
    for backend in (None, program):
        ws = workspace(HELLO, backend=backend)
        (ws.root / "pixi.lock").unlink(missing_ok=True)
        ws.lock()
        hello = ws.build()["hello"]
        index = {k: v for k, v in hello.index.items() if k != "timestamp"}
        files = (ws.root / "pixi.lock").read_text(encoding="utf-8")
        found.append((files, index, sorted(hello.facts.files), hello.info_files))
    assert found[0] == found[1]


@pytest.mark.parametrize(
    "pixi_engine", ["embedded", pytest.param("system", marks=pytest.mark.slow)], indirect=True
)
@pytest.mark.parametrize("place", ["recipe.yaml", "recipe/recipe.yml"])
def test_a_recipe_without_a_manifest_is_a_package(place, tmp_path, pixi_engine):
    url = channel().build(tmp_path / "channel").url
    options = EngineOptions(cache_dir=tmp_path / "cache", backends={RATTLER_BUILD: "recipe"})
    engine = make_engine(pixi_engine, options)
    ws = WorkspaceBuilder(tmp_path / "w", engine, tmp_path / "out", channels=[url])
    recipe = HELLO.replace("path: src", "path: ../src" if "/" in place else "path: src")
    ws.depend("hello", {"path": "hello"}).file(f"hello/{place}", recipe)
    assert set(ws.lock()[HERE]) >= {"hello", "libz"}
    # `pixi build` of pixi 0.77 does not know the directory `recipe`, though `pixi lock` does.
    if sys.platform != "win32" and (pixi_engine == "embedded" or "/" not in place):
        ws.file("hello/src/words.txt", "hello\n")
        assert ws.build()["hello"].facts.version == "1.2"


def test_a_stub_may_stand_for_it_too(workspace):
    lock = workspace(None, backend="stub").lock()
    assert lock[HERE] == {"hello": IsSource()}


def test_every_refusal_is_one_of_ours(workspace):
    with pytest.raises(PixipackError, match=r"recipe\.yaml"):
        workspace("[1, 2").lock()
