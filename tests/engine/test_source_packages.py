"""Source packages: chains, host environments, variants, conditions, circles."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_pixipack import EmbeddedEngine, EngineOptions, StubChannel, WorkspaceBuilder
from pytest_pixipack.errors import InvalidInput, SolveError, Unsupported
from pytest_pixipack.matchers import IsPackage, IsSource, IsVersion

ALL = ["linux-64", "osx-arm64", "win-64"]


@pytest.fixture
def workspace(tmp_path: Path) -> Callable[..., WorkspaceBuilder]:
    """A workspace on a stub channel, whose packages the stub backend builds."""

    def make(channel: StubChannel | None = None, **settings: object) -> WorkspaceBuilder:
        built = (channel or StubChannel().add("libz", "1.3")).build(tmp_path / "channel")
        options = EngineOptions(
            cache_dir=tmp_path / "cache",
            channels={"conda-forge": built.path},
            backends={"pixipack-stub-backend": "stub"},
        )
        return WorkspaceBuilder(
            tmp_path / "w",
            EmbeddedEngine(options),
            tmp_path / "out",
            channels=["conda-forge"],
            **settings,  # type: ignore[arg-type]
        )

    return make


def test_a_chain_of_any_depth_is_locked_built_and_packed(workspace):
    ws = workspace(platforms=ALL)
    for number in range(6):
        below = {f"p{number + 1}": {"path": f"../p{number + 1}"}} if number < 5 else {"libz": "*"}
        ws.package(f"p{number}", run=below, depend=number == 0)
    lock = ws.lock()
    for platform in ALL:
        assert lock[platform] == {"libz": IsPackage(version="1.3")} | {
            f"p{number}": IsSource() for number in range(6)
        }
        assert set(ws.pack(platform=platform).packages) == set(lock[platform])


def test_run_dependencies_in_a_circle_are_fine(workspace):
    ws = workspace()
    ws.package("a", run={"b": {"path": "../b"}}).package("b", run={"a": {"path": "../a"}})
    ws.lock()
    assert set(ws.build()) == {"a", "b"}


def test_a_package_that_needs_itself_to_be_built_is_an_error(workspace):
    ws = workspace()
    ws.package("a", host={"b": {"path": "../b"}}).package("b", host={"a": {"path": "../a"}})
    with pytest.raises(SolveError, match=r"a -> b -> a|b -> a -> b"):
        ws.lock()


def test_conditions_decide_per_platform(workspace):
    channel = StubChannel().add("openssl", "3.3", subdirs=["linux-64", "osx-arm64"])
    ws = workspace(channel, platforms=ALL).package(
        "app", "1.0", run={"if(unix)": {"openssl": ">=1"}}
    )
    lock = ws.lock()
    assert lock["linux-64"] == {"app": IsSource(), "openssl": IsPackage(version=IsVersion(">=3"))}
    assert set(lock["osx-arm64"]) == {"app", "openssl"}
    assert set(lock["win-64"]) == {"app"}


def test_run_exports_of_the_host_environment_reach_lock_artifact_and_pack(workspace):
    channel = StubChannel().add("libfoo", "1.2.4", run_exports=["libfoo >=1.2,<2"])
    ws = workspace(channel).package("app", host={"libfoo": "*"})
    platform = ws.manifest.platforms("default")[0].subdir
    lock = ws.lock()
    assert lock[platform]["app"].depends == ("libfoo >=1.2,<2",)
    assert ws.build()["app"].facts.depends == ("libfoo >=1.2,<2",)
    assert "libfoo" in ws.pack().packages


def test_a_package_built_against_a_source_package_also_runs_with_it(workspace):
    ws = workspace()
    ws.package("lib", "2.0", run_exports={"weak": {"lib": ">=2,<3"}}, depend=False)
    ws.package("app", host={"lib": {"path": "../lib"}})
    lock = ws.lock()
    platform = ws.manifest.platforms("default")[0].subdir
    assert set(lock[platform]) == {"app", "lib"}
    assert dict(lock[platform]["app"].source.source_depends) == {"lib": {"path": "../lib"}}
    assert set(ws.build()) == {"app", "lib"}


def test_what_is_only_built_against_is_not_among_the_results(workspace, tmp_path):
    ws = workspace().package("tool", "2.0", depend=False)
    ws.package("app", host={"tool": {"path": "../tool"}})
    ws.lock()
    artifacts = ws.engine.build(ws.root, tmp_path / "built")
    assert [artifact.facts.name for artifact in artifacts] == ["app"]
    assert [path.name for path in (tmp_path / "built").rglob("*.conda")] == [artifacts[0].path.name]


def test_packages_are_built_against_what_is_locked(workspace, tmp_path):
    """Whatever the channel has got since."""
    old = StubChannel().add("libfoo", "1.2.4", run_exports=["libfoo >=1.2,<2"])
    ws = workspace(old).package("app", host={"libfoo": "*"})
    ws.lock()
    moved_on = StubChannel().add("libfoo", "1.2.4", run_exports=["libfoo >=1.2,<2"])
    moved_on.add("libfoo", "1.3.0", run_exports=["libfoo >=1.3,<2"])
    moved_on.build(tmp_path / "channel")
    assert ws.build()["app"].facts.depends == ("libfoo >=1.2,<2",)
    (ws.root / "pixi.lock").unlink()
    assert ws.lock()[ws.manifest.platforms("default")[0].subdir]["libfoo"].version == "1.3.0"


def test_extras_bring_their_dependencies(workspace):
    channel = StubChannel().add("libz", "1.3").add("docs", "1")
    ws = workspace(channel).package("app", extra={"doc": {"docs": "*"}}, depend=False)
    ws.depend("app", {"path": "app", "extras": ["doc"]})
    assert set(ws.lock()[ws.manifest.platforms("default")[0].subdir]) == {"app", "docs"}


def test_locking_twice_gives_the_same_bytes(workspace):
    ws = workspace(platforms=ALL).package("app", run={"libz": "*"})
    first = ws.engine.lock(ws.root).to_text()
    assert ws.engine.lock(ws.root).to_text() == first


def test_the_name_in_the_dependency_table_has_to_be_the_packages(workspace):
    ws = workspace().package("right", path="p", depend=False).depend("wrong", {"path": "p"})
    with pytest.raises(InvalidInput, match="wrong is asked for") as caught:
        ws.lock()
    assert caught.value.file is not None


def test_a_missing_directory_is_named_with_the_line_that_asks_for_it(workspace):
    ws = workspace().package("app", run={"lib": {"path": "../nowhere"}})
    with pytest.raises(InvalidInput, match="nowhere") as caught:
        ws.lock()
    assert caught.value.file == str(ws.root / "app" / "pixi.toml")
    lines = (ws.root / "app" / "pixi.toml").read_text(encoding="utf-8").splitlines()
    assert caught.value.line is not None
    assert "lib" in lines[caught.value.line - 1]


def test_specs_that_nothing_satisfies_say_what_asks_for_them(workspace):
    ws = workspace().package("app", run={"libz": ">=99"})
    with pytest.raises(SolveError, match="libz >=99"):
        ws.lock()


def test_a_backend_that_is_not_here_is_unsupported_and_says_what_to_do(workspace):
    ws = workspace().package("app", backend="pixi-build-nowhere")
    with pytest.raises(Unsupported, match="pixi-build-nowhere") as caught:
        ws.lock()
    assert "PIXI_BUILD_BACKEND_OVERRIDE" in (caught.value.remedy or "")


def test_pypi_dependencies_are_unsupported_for_locking(workspace):
    ws = workspace(tables={"pypi-dependencies": {"requests": "*"}})
    with pytest.raises(Unsupported, match="requests"):
        ws.lock()


def test_a_variant_that_the_backend_no_longer_offers_is_named(workspace):
    channel = StubChannel().add("libz", "1.2").add("libz", "1.3")
    ws = workspace(channel, workspace={"build-variants": {"libz": ["1.2"]}})
    ws.package("app", host={"libz": "*"})
    ws.lock()
    manifest = ws.root / "pixi.toml"
    manifest.write_text(
        manifest.read_text(encoding="utf-8").replace('["1.2"]', '["1.3"]'), encoding="utf-8"
    )
    with pytest.raises(InvalidInput, match=r"libz=1.2.*libz=1.3"):
        ws.build()


def test_without_a_lock_there_is_nothing_to_build(workspace):
    with pytest.raises(InvalidInput, match=r"no pixi\.lock"):
        workspace().build()


def test_an_environment_that_is_not_locked_for_a_platform_says_what_is(workspace):
    ws = workspace(platforms=["linux-64"])
    ws.package("app").lock()
    with pytest.raises(InvalidInput, match="not locked for win-64; it is locked for linux-64"):
        ws.pack(platform="win-64")
