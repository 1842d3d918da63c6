"""Packs by pixi-pack: injected packages, and channels with a stub in their place."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pytest_pixipack import EngineOptions, InvalidInput, StubChannel, Unsupported, write_lock
from pytest_pixipack.engine.system.engine import SystemEngine
from pytest_pixipack.errors import Offline
from pytest_pixipack.platforms import current_platform

from .conftest import linux_64


class TestInjection:
    """Package files that are added to a pack."""

    @pytest.fixture
    def workspace(self, locked) -> Path:
        return locked("injection")

    @pytest.fixture
    def extra(self, workspace) -> Path:
        return workspace.parent / "channels" / "extra"

    @linux_64
    @pytest.mark.parametrize("name", ["good", "friend"])
    def test_a_package_that_fits(self, name, workspace, extra, embedded, system, tmp_path):
        inject = [extra / "linux-64" / f"{name}-1.0-h0_0.conda"]
        ours = embedded.pack(workspace, tmp_path / "ours.tar", inject=inject)
        theirs = system.pack(workspace, tmp_path / "theirs.tar", inject=inject)
        assert theirs.repodata == ours.repodata
        assert name in theirs.packages

    @linux_64
    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("lonely", "has dependency 'friend', which"),
            ("rival", "constraint 'libz >=2'"),
        ],
    )
    def test_a_package_that_does_not_fit(self, name, words, workspace, extra, system, tmp_path):
        inject = [extra / "linux-64" / f"{name}-1.0-h0_0.conda"]
        with pytest.raises(InvalidInput, match=words):
            system.pack(workspace, tmp_path / "e.tar", inject=inject)

    @linux_64
    def test_a_noarch_package_where_none_is_locked(self, workspace, extra, system, tmp_path):
        inject = [extra / "noarch" / "data-only-1.0-0.conda"]
        with pytest.raises(Unsupported, match="no locked binary package"):
            system.pack(workspace, tmp_path / "e.tar", inject=inject)

    def test_a_file_that_is_no_package_is_not_passed_over(self, workspace, system, tmp_path):
        with pytest.raises(InvalidInput, match="This is no package"):
            system.pack(workspace, tmp_path / "e.tar", inject=[workspace / "pixi.toml"])

    def test_a_file_that_is_not_there(self, workspace, system, tmp_path):
        with pytest.raises(InvalidInput, match="does not exist"):
            system.pack(workspace, tmp_path / "e.tar", inject=[tmp_path / "none.conda"])


class TestStandInChannel:
    """A stub channel in the place of a channel on the network, read from its mirror."""

    @pytest.fixture
    def options(self, tmp_path) -> EngineOptions:
        channel = (
            StubChannel("real")
            .add("app", "1.0", subdir=current_platform(), depends=["data"], files={"a": "x"})
            .add("data", "2.0", noarch="generic", files={"share/data": "y"})
            .build(tmp_path / "channel")
        )
        url = "https://repo.example.org/channels/real"
        return EngineOptions(cache_dir=tmp_path / "cache", channels={url: channel.path})

    @pytest.fixture
    def workspace(self, tmp_path, embedded) -> Path:
        workspace = tmp_path / "w"
        workspace.mkdir()
        (workspace / "pixi.toml").write_text(
            '[workspace]\nname = "w"\n'
            'channels = ["https://repo.example.org/channels/real"]\n'
            f'platforms = ["{current_platform()}"]\n[dependencies]\napp = "*"\n',
            encoding="utf-8",
        )
        write_lock(embedded.lock(workspace), workspace / "pixi.lock")
        return workspace

    def test_the_lock_is_the_same(self, workspace, system):
        text = (workspace / "pixi.lock").read_text(encoding="utf-8")
        (workspace / "pixi.lock").unlink()
        assert system.lock(workspace).to_text() == text
        assert "https://repo.example.org/channels/real/noarch/data-2.0-" in text

    def test_the_pack_is_the_same(self, workspace, embedded, system, tmp_path):
        ours = embedded.pack(workspace, tmp_path / "ours.tar")
        theirs = system.pack(workspace, tmp_path / "theirs.tar")
        assert theirs.repodata == ours.repodata
        assert theirs.environment_yml == ours.environment_yml
        assert set(theirs.packages) == {"app", "data"}

    def test_it_is_installed(self, workspace, system):
        assert set(system.install(workspace).packages) == {"app", "data"}

    def test_without_the_stub_the_address_is_named(self, workspace, options, tools, tmp_path):
        engine = SystemEngine(replace(options, channels={}), tools)
        with pytest.raises(Offline, match=r"repo\.example\.org"):
            engine.pack(workspace, tmp_path / "e.tar")
