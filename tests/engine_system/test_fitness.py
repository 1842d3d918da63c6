"""Can the tools do the whole workspace? Otherwise `auto` takes the embedded engine."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_pixipack.engine.system.fitness import why_not
from pytest_pixipack.engine.system.tools import find_tools
from pytest_pixipack.platforms import current_platform

from .programs import says


@pytest.fixture
def toolchain(tmp_path):
    def with_releases(pixi="0.77.0", pixi_pack="0.7.10"):
        directory = tmp_path / "toolchain"
        for name, release in (("pixi", pixi), ("pixi-pack", pixi_pack), ("pixi-unpack", "0.7.10")):
            says(directory, name, f"{name} {release}")
        return find_tools(directory=directory)

    return with_releases


def test_nothing_speaks_against_a_workspace_of_binaries(locked, options, toolchain):
    assert why_not(locked("pack-platform"), options, toolchain()) is None


def test_a_missing_tool(locked, options, tmp_path):
    tools = find_tools(directory=tmp_path / "empty")
    assert "pixi was not found in " in (why_not(locked("binary"), options, tools) or "")


def test_an_old_tool(locked, options, toolchain):
    reason = why_not(locked("binary"), options, toolchain(pixi="0.60.0"))
    assert "is not supported" in (reason or "")


def test_a_pixi_pack_that_cannot_read_the_lock(locked, options, toolchain):
    reason = why_not(
        locked("pack-platform"),
        options,
        toolchain(pixi_pack="0.7.6"),
        [("default", "linux-64")],
    )
    assert reason == (
        "pixi-pack 0.7.6 cannot read a pixi.lock of version 7; pixi-pack >=0.7.7 can."
    )


def test_source_run_dependencies(example, options, toolchain):
    reason = why_not(example("local-build"), options, toolchain())
    assert reason == (
        "pixi-pack 0.7.10 cannot pack the source package lib-pkg: it has source run dependencies "
        "(base-pkg), and `pixi publish` (pixi 0.77.0), which builds it, refuses those."
    )


def test_source_packages_for_another_platform(locked, options, toolchain):
    other = "osx-arm64" if current_platform() != "osx-arm64" else "win-64"
    reason = why_not(locked("conditionals"), options, toolchain(), [("default", other)])
    assert reason == (
        f"pixi-pack 0.7.10 cannot pack source packages for {other} on {current_platform()}: it "
        "sets only the build platform, and would pack packages of this platform."
    )


def test_a_directory_cannot_be_mirrored(case, options, toolchain, tmp_path):
    options = replace(options, channels={"../channels/main": tmp_path})
    reason = why_not(case("binary"), options, toolchain())
    assert "only http and https channels have mirrors" in (reason or "")


def test_a_workspace_that_cannot_be_read_is_the_engines_affair(options, toolchain, tmp_path):
    assert why_not(tmp_path / "nowhere", options, toolchain()) is None


def test_recipes_without_network(tmp_path, options, toolchain):
    (tmp_path / "pixi.toml").write_text(
        '[workspace]\nname = "w"\nchannels = []\nplatforms = []\npreview = ["pixi-build"]\n'
        '[package]\nname = "app"\nversion = "1"\n'
        '[package.build]\nbackend = { name = "pixi-build-rattler-build", version = "*" }\n',
        encoding="utf-8",
    )
    reason = why_not(tmp_path, options, toolchain())
    assert "the embedded engine builds recipes itself" in (reason or "")
    named = replace(options, backends={"pixi-build-rattler-build": "stub"})
    assert why_not(tmp_path, named, toolchain()) is None
