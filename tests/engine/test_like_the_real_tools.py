"""The embedded engine makes what pixi and pixi-pack made of the recorded workspaces."""

from __future__ import annotations

import pytest

from pytest_pixipack.lock import write_lock

from .conftest import numbered

PACKED = ["binary", "flat", "run-exports"]


@pytest.mark.parametrize("name", ["flat", "trio"])
def test_the_lock_is_pixis_byte_for_byte(name, case, engine):
    """All recorded workspaces are in `test_recorded_locks`; these are answered by our stub."""
    found = case(name)
    assert numbered(engine.lock(found.workspace).to_text()) == found.expected_lock()


@pytest.mark.parametrize("name", PACKED)
def test_the_pack_is_pixi_packs_byte_for_byte(name, case, engine, tmp_path):
    found = case(name)
    write_lock(engine.lock(found.workspace), found.workspace / "pixi.lock")
    pack = engine.pack(found.workspace, tmp_path / "environment.tar", platform="linux-64")
    assert pack.path.read_bytes() == (found.expected / "pack" / "environment.tar").read_bytes()


@pytest.mark.parametrize("platform", ["linux-64", "osx-arm64", "win-64"])
def test_a_chain_of_source_packages_packs_for_every_platform(platform, case, engine, tmp_path):
    """The real pixi-pack refuses both: source run dependencies, and another platform."""
    found = case("trio")
    write_lock(engine.lock(found.workspace), found.workspace / "pixi.lock")
    pack = engine.pack(found.workspace, tmp_path / "environment.tar", platform=platform)
    assert pack.platform == platform
    assert {facts.subdir for facts in pack.records} == {platform, "noarch"}
    assert {"app", "lib", "core"} <= set(pack.packages)
    assert ("tool-a >=1.2" in pack.packages["app"].depends) == (platform == "linux-64")


def test_a_strict_channel_hides_the_versions_of_the_next(case, engine):
    found = case("channel-priority")
    from pytest_pixipack import SolveError

    with pytest.raises(SolveError, match="needs-two"):
        engine.lock(found.root / "transitive")


def test_disabled_priority_takes_the_newest_of_all_channels(case, engine):
    found = case("channel-priority")
    lock = engine.lock(found.root / "disabled")
    assert "second" in (lock["linux-64"]["shared-pkg"].channel or "")
