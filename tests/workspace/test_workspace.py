"""Workspaces in tests: copied, or written in Python."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_pixipack import EmbeddedEngine, EngineOptions, StubChannel, WorkspaceBuilder
from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.manifest import load_manifest
from pytest_pixipack.workspace import copy_workspace, short_root
from pytest_pixipack.workspace.relock import forget_other_channels


@pytest.fixture
def builder(tmp_path: Path) -> WorkspaceBuilder:
    channel = StubChannel().add("libz", "1.3").build(tmp_path / "channel")
    options = EngineOptions(
        cache_dir=tmp_path / "cache",
        channels={"conda-forge": channel.path},
        backends={"pixipack-stub-backend": "stub"},
    )
    return WorkspaceBuilder(
        tmp_path / "w", EmbeddedEngine(options), tmp_path / "out", channels=["conda-forge"]
    )


def files_below(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


def test_what_is_written_in_python_is_a_manifest(builder):
    builder.package(
        "app",
        "1.2",
        run={"libz": ">=1", "if(unix)": {"libz": "<9"}},
        constraints={"other": "<2"},
        config={"deep": {"list": [1, True, "x"]}},
    ).depend("libz", "*", platform="linux-64")
    manifest = load_manifest(builder.root)
    package = load_manifest(builder.root / "app").need_package()
    assert [spec.name for spec in manifest.dependencies("default", builder_platform(manifest))]
    assert package.build.config == {"deep": {"list": [1, True, "x"]}}
    assert set(package.tables) == {None, "unix"}


def builder_platform(manifest):
    return manifest.platforms("default")[0]


def test_only_the_lock_is_written_into_the_workspace(builder):
    builder.package("app", run={"libz": "*"})
    before = files_below(builder.root)
    builder.lock()
    builder.pack().unpack()
    assert files_below(builder.root) - before == {"pixi.lock"}


def test_a_lock_from_other_channels_is_not_kept(builder, tmp_path):
    """pixi would keep its packages, whose digests are not those of the channel that stands in."""
    builder.package("app", run={"libz": "*"}).lock()
    forget_other_channels(builder.lock_path, builder.engine.options)
    assert builder.lock_path.exists()
    other = StubChannel().add("libz", "1.3", license="Zlib").build(tmp_path / "other")
    options = replace(builder.engine.options, channels={"conda-forge": other.path})
    forget_other_channels(builder.lock_path, options)
    assert not builder.lock_path.exists()


def test_verify_compares_all_that_was_made(builder):
    builder.package("app", run={"libz": "*"})
    builder.lock()
    prefix = builder.pack().unpack()
    assert builder.verify().ok
    (prefix.path / "bin" / "app").write_text("altered", encoding="utf-8")
    report = builder.verify()
    assert report.rules == ("prefix-files",)


def test_verify_asks_the_backend_that_made_the_lock(builder):
    """A run dependency that was taken away shows only in the backend's answer."""
    builder.package("app", run={"libz": "*"})
    builder.lock()
    manifest = builder.root / "app" / "pixi.toml"
    text = manifest.read_text(encoding="utf-8")
    manifest.write_text(text.replace('libz = "*"', ""), encoding="utf-8")
    assert builder.verify().rules == ("lock-source-metadata",)


def test_a_manifest_cannot_hold_what_toml_cannot(builder):
    with pytest.raises(TypeError, match="cannot hold"):
        builder.package("app", config={"thing": object()})


def test_a_copy_leaves_behind_what_tools_made(tmp_path):
    source = tmp_path / "source"
    for name in (".pixi/envs/x", ".git/config", "__pycache__/m.pyc", "venv/pyvenv.cfg", "src/a.c"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text("x", encoding="utf-8")
    copy_workspace(source, tmp_path / "copy")
    assert files_below(tmp_path / "copy") == {"src/a.c"}


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege on Windows")
def test_a_copy_keeps_links_and_executable_bits(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    (source / "run.sh").write_text("#!/bin/sh\n", encoding="utf-8")
    (source / "run.sh").chmod(0o755)
    (source / "link").symlink_to("run.sh")
    copy_workspace(source, tmp_path / "copy")
    assert (tmp_path / "copy" / "link").readlink() == Path("run.sh")
    assert os.access(tmp_path / "copy" / "run.sh", os.X_OK)


def test_copying_nothing_is_refused(tmp_path):
    with pytest.raises(InvalidInput, match="no such workspace"):
        copy_workspace(tmp_path / "nowhere", tmp_path / "copy")


def test_roots_are_short_and_never_the_same(tmp_path):
    first = short_root(tmp_path, "a very long name / with everything: in it")
    first.mkdir()
    second = short_root(tmp_path, "a very long name / with everything: in it")
    assert first != second
    assert len(second.name) <= 14
