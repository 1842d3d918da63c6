"""Both engines make the same of the same workspace."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest

from pytest_pixipack import (
    Artifact,
    EmbeddedEngine,
    EngineOptions,
    InvalidInput,
    PixipackError,
    Unsupported,
)
from pytest_pixipack.engine.system.engine import SystemEngine
from pytest_pixipack.platforms import current_platform

from .conftest import CONFORMANCE, linux_64

LOCKED = [
    "backend-config", "binary", "channel-priority", "conditionals", "environments", "flat",
    "injection", "pack-forms", "pack-platform", "package-target", "pyproject", "run-exports",
    "trio", "variants",
]  # fmt: skip
BUILT = ["trio", "flat", "run-exports", "conditionals", "variants", "pyproject", "backend-config"]
# Their platforms are linux-64 and others.
PACKED = ["binary", "flat", "run-exports", "channel-priority", "pack-forms"]


def contents(directory: Path) -> dict[str, bytes]:
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def bytes_of(artifacts: Iterable[Artifact]) -> dict[str, bytes]:
    return {f"{a.facts.subdir}/{a.path.name}": a.path.read_bytes() for a in artifacts}


@pytest.mark.parametrize("name", LOCKED)
def test_locks_are_the_same_byte_for_byte(name, case, embedded, system):
    workspace = case(name)
    assert system.lock(workspace).to_text() == embedded.lock(workspace).to_text()


@pytest.mark.parametrize("name", LOCKED)
def test_pixi_finds_the_embedded_engines_lock_up_to_date(name, locked, system):
    verdict = system.lock_check(locked(name))
    assert verdict.reasons == ()
    assert verdict.up_to_date


@linux_64
@pytest.mark.parametrize("name", BUILT)
def test_artifacts_are_the_same_byte_for_byte(name, locked, embedded, system, tmp_path):
    workspace = locked(name)
    ours = embedded.build(workspace, tmp_path / "ours", platform="linux-64")
    theirs = system.build(workspace, tmp_path / "theirs", platform="linux-64")
    assert bytes_of(theirs) == bytes_of(ours) != {}


@pytest.mark.parametrize("platform", ["osx-arm64", "win-64"])
@pytest.mark.parametrize("name", ["trio", "conditionals", "variants"])
def test_artifacts_for_another_platform_are_the_same(
    name, platform, locked, embedded, system, tmp_path
):
    workspace = locked(name)
    embedded.build(workspace, tmp_path / "ours", platform=platform)
    system.build(workspace, tmp_path / "theirs", platform=platform)
    assert contents(tmp_path / "theirs") == contents(tmp_path / "ours") != {}


@linux_64
@pytest.mark.parametrize("name", PACKED)
def test_packs_are_the_same_byte_for_byte(name, locked, embedded, system, tmp_path):
    workspace = locked(name)
    ours = embedded.pack(workspace, tmp_path / "ours.tar")
    theirs = system.pack(workspace, tmp_path / "theirs.tar")
    if theirs.tool_version == ours.tool_version:
        assert theirs.path.read_bytes() == ours.path.read_bytes()
    assert theirs.repodata == ours.repodata
    assert theirs.environment_yml == ours.environment_yml


@linux_64
@pytest.mark.parametrize("name", ["binary", "flat", "run-exports"])
def test_prefixes_are_the_same(name, locked, embedded, system, tmp_path):
    pack = embedded.pack(locked(name), tmp_path / "pack.tar").path
    trees = []
    for engine in (embedded, system):
        # The same place for both: paths are written into files.
        prefix = engine.unpack(pack, tmp_path / "u")
        # What records say of the directory that they were unpacked from is gone afterwards.
        packages = {name: (f.dist, f.depends, f.files) for name, f in prefix.packages.items()}
        files = {k: v for k, v in contents(tmp_path / "u").items() if "conda-meta/" not in k}
        trees.append((packages, files))
        shutil.rmtree(tmp_path / "u")
    assert trees[0] == trees[1]


@linux_64
@pytest.mark.parametrize("name", ["trio", "flat"])
def test_an_installed_environment_holds_what_is_locked(name, locked, embedded, system):
    workspace = locked(name)
    prefix = system.install(workspace)
    assert set(prefix.packages) == set(embedded.lock(workspace)["linux-64"])
    assert prefix.path == workspace / ".pixi" / "envs" / "default"


@linux_64
def test_an_environment_for_another_platform_is_installed_under_its_own_name(locked, system):
    """The platform is called win-64-cuda-12 in the manifest, and p2 in the lock."""
    prefix = system.install(locked("environments"), environment="gpu", platform="win-64")
    assert "noarch-data" in prefix.packages


class TestLocalBuild:
    """The documented example: stub channel in the place of conda-forge, stub backend."""

    @pytest.fixture
    def workspace(self, example) -> Path:
        return example("local-build")

    @pytest.fixture
    def options(self, tmp_path) -> EngineOptions:
        return EngineOptions(cache_dir=tmp_path / "cache")

    def test_the_lock_holds_the_real_urls_and_no_mirror(self, workspace, embedded, system):
        (workspace / "pixi.lock").unlink()
        text = system.lock(workspace).to_text()
        assert text == embedded.lock(workspace).to_text()
        assert "https://conda.anaconda.org/conda-forge/noarch/ca-certificates" in text
        assert "127.0.0.1" not in text

    def test_artifacts_are_the_same(self, workspace, embedded, system, tmp_path):
        embedded.build(workspace, tmp_path / "ours", platform="win-64")
        system.build(workspace, tmp_path / "theirs", platform="win-64")
        assert contents(tmp_path / "theirs") == contents(tmp_path / "ours") != {}

    def test_pixi_pack_cannot_pack_it_and_the_error_says_what_can(
        self, workspace, system, tmp_path
    ):
        with pytest.raises(Unsupported) as caught:
            system.pack(workspace, tmp_path / "environment.tar")
        error = caught.value
        pixi_pack, pixi = (system.tools.require(name) for name in ("pixi-pack", "pixi"))
        assert error.message == (
            f"{pixi_pack} cannot pack the source package lib-pkg: it has source run dependencies "
            f"(base-pkg), and `pixi publish` ({pixi}), which builds it, refuses those."
        )
        assert error.remedy == (
            "The embedded engine can do it: choose it with --pixipack-engine=embedded; "
            "--pixipack-engine=auto does."
        )
        assert not (tmp_path / "environment.tar").exists()


def test_pixi_pack_really_cannot(locked, system, tmp_path, monkeypatch):
    """Should a release of pixi-pack learn it, then the table of limits is out of date."""
    monkeypatch.setattr("pytest_pixipack.engine.system.packable.Packing.refuse", lambda _: None)
    with pytest.raises(Unsupported, match=r"source run dependencies \(lib\)"):
        system.pack(locked("trio"), tmp_path / "environment.tar", platform=current_platform())


@linux_64
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("variants", "pack the locked variant of vary"),
        ("conditionals", "no locked binary package"),
        ("pyproject", "whose manifest is not a pixi.toml"),
    ],
)
def test_what_else_pixi_pack_cannot_do(name, words, locked, system, tmp_path):
    with pytest.raises(Unsupported, match=words):
        system.pack(locked(name), tmp_path / "environment.tar")


def test_a_pack_of_sources_for_another_platform_is_refused(locked, system, tmp_path):
    other = "osx-arm64" if current_platform() != "osx-arm64" else "win-64"
    with pytest.raises(Unsupported, match=f"cannot pack source packages for {other}"):
        system.pack(locked("trio"), tmp_path / "environment.tar", platform=other)


@pytest.mark.parametrize("platform", ["osx-arm64", "win-64"])
def test_a_pack_of_binaries_for_another_platform_is_the_same(
    platform, locked, embedded, system, tmp_path
):
    workspace = locked("pack-platform")
    ours = embedded.pack(workspace, tmp_path / "ours.tar", platform=platform)
    theirs = system.pack(workspace, tmp_path / "theirs.tar", platform=platform)
    assert theirs.repodata == ours.repodata
    assert theirs.platform == platform


def test_a_package_with_a_workspace_of_its_own_is_built_in_that_one(
    case, embedded, system, tmp_path
):
    """So pixi build does, with other channels and variants, and without a word."""
    workspace = case("trio")
    inner = workspace / "core" / "pixi.toml"
    inner.write_text(
        '[workspace]\nname = "inner"\nchannels = []\nplatforms = ["linux-64"]\n'
        'preview = ["pixi-build"]\n' + inner.read_text(encoding="utf-8"),
        encoding="utf-8",
    )
    lock = system.lock(workspace)
    assert lock.to_text() == embedded.lock(workspace).to_text()
    with pytest.raises(Unsupported, match="cannot build core in this workspace"):
        system.build(workspace, tmp_path / "out", lock=lock)
    assert not (inner.parent / ".pixi").exists()


def test_pixi_wants_a_workspace_above_every_source_package(case, system):
    workspace = case("trio")
    (workspace / "core").rename(workspace.parent / "core")
    manifest = workspace / "lib" / "pixi.toml"
    text = manifest.read_text(encoding="utf-8")
    assert "../core" in text
    manifest.write_text(text.replace("../core", "../../core"), encoding="utf-8")
    with pytest.raises(InvalidInput, match="does not contain a supported manifest") as caught:
        system.lock(workspace)
    assert type(caught.value) is InvalidInput


def test_both_engines_have_the_same_interface():
    for name in ("lock", "build", "pack", "unpack"):
        ours, theirs = (
            getattr(engine, name).__annotations__ for engine in (EmbeddedEngine, SystemEngine)
        )
        assert ours == theirs


# What the engines word in their own way is still the same kind of error.
BROKEN = [
    "backend-missing", "backend-path", "channel-absent", "condition-duplicate", "config-date",
    "dependency-absent-path", "dependency-path-and-git", "environment-unknown-feature",
    "initialize-error", "matchspec-bad", "name-invalid", "outputs-crash",
    "outputs-error", "outputs-error-without-data", "outputs-junk", "outputs-not-implemented",
    "package-unknown-key", "platform-unknown", "preview-missing", "selector-backend-syntax",
    "selector-empty", "selector-in-target", "solve-conflict", "solve-conflict-source",
    "solve-no-candidate", "solve-unknown-package", "toml-broken", "toml-duplicate-key",
    "version-invalid", "workspace-unknown-key",
]  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_both_engines_call_an_error_the_same(name, embedded, system, tmp_path):
    errors = CONFORMANCE / "errors"
    shutil.copytree(errors / "channels", tmp_path / "channels")
    workspace = tmp_path / "case" / "workspace"
    shutil.copytree(errors / name / "workspace", workspace)
    kinds = []
    for engine in (embedded, system):
        with pytest.raises(PixipackError) as caught:
            engine.lock(workspace)
        kinds.append((type(caught.value), caught.value.outcome))
    assert kinds[0] == kinds[1]
