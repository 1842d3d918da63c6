"""Both engines lock, build, pack and unpack the same workspaces; every difference is listed.

docs/differential.md says how to read a failure, and known_differences.toml is the list.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from pytest_pixipack import Artifact, read_lock, read_pack
from pytest_pixipack.compare import (
    Difference,
    compare_artifacts,
    compare_locks,
    compare_packs,
    compare_prefixes,
)
from pytest_pixipack.engine.system.tools import find_tools
from pytest_pixipack.platforms import current_platform

from .conftest import outcomes
from .known import Item
from .workspaces import EXAMPLES, all_cases, injections, items

if (problem := find_tools().problem()) is not None:
    pytest.skip(f"without the real tools: {problem}", allow_module_level=True)

pytestmark = pytest.mark.slow


def named(items: Iterable[Item]) -> list[object]:
    return [pytest.param(item, id=item.id) for item in items]


@pytest.mark.parametrize("item", named(Item("lock", name) for name in all_cases()))
def test_locks(item, engines, expect_known, tmp_path):
    workspace = all_cases()[item.case].copy(tmp_path / "c")
    ours, theirs = results = engines.do(lambda engine: engine.lock(workspace))
    found = outcomes(results)
    if found is None:
        found = compare_locks(ours, theirs).differences
    expect_known(item, found)


@pytest.mark.parametrize("example", [path.name for path in sorted(EXAMPLES.iterdir())])
def test_locks_that_are_kept(example, engines, expect_known, tmp_path):
    """The committed lock of an example is what both engines would write."""
    workspace = Path(shutil.copytree(EXAMPLES / example, tmp_path / "x"))
    ours, theirs = results = engines.do(lambda engine: engine.lock(workspace))
    found = outcomes(results)
    if found is None:
        found = compare_locks(ours, theirs).differences
    expect_known(Item("lock", example), found)


@pytest.mark.parametrize("name", all_cases())
def test_pixi_keeps_the_lock_of_the_embedded_engine(name, engines, locked):
    """Also where pixi by itself would have chosen something else that is as good."""
    workspace = locked(name)
    ours = read_lock(workspace / "pixi.lock")
    assert engines.system.lock_check(workspace).up_to_date
    assert compare_locks(ours, engines.system.lock(workspace)).differences == ()


@pytest.mark.parametrize("item", named(items("build", only_sources=True)))
def test_artifacts(item, engines, locked, expect_known, tmp_path):
    workspace = locked(item.case)
    results = engines.do(
        lambda engine: engine.build(
            workspace, tmp_path / engine.name, environment=item.environment, platform=item.platform
        )
    )
    found = outcomes(results)
    expect_known(item, artifact_differences(*results) if found is None else found)


def artifact_differences(
    left: tuple[Artifact, ...], right: tuple[Artifact, ...]
) -> Iterator[Difference]:
    ours = {artifact.facts.name: artifact.path for artifact in left}
    theirs = {artifact.facts.name: artifact.path for artifact in right}
    assert ours
    for name in sorted({*ours, *theirs}):
        if name in ours and name in theirs:
            yield from compare_artifacts(ours[name], theirs[name]).differences
        names = [side[name].name if name in side else None for side in (ours, theirs)]
        if names[0] != names[1]:
            yield Difference((name,), "file name", "payload", *names)


@pytest.mark.parametrize("item", named(items("pack")))
def test_packs(item, engines, locked, expect_known, tmp_path):
    workspace = locked(item.case)
    results = engines.do(
        lambda engine: engine.pack(
            workspace,
            tmp_path / engine.name / "environment.tar",
            environment=item.environment,
            platform=item.platform,
        )
    )
    found = outcomes(results)
    if found is None:
        found = compare_packs(*(pack.path for pack in results)).differences
    expect_known(item, found)


def forms() -> list[object]:
    """Every pack as a tar, and those of one case also as a directory."""
    return [
        pytest.param(item, form, id=f"{item.id}-{form}")
        for item in items("unpack", only_here=True)
        for form in ("tar", "directory")
        if form == "tar" or item.case == "pack-forms"
    ]


@pytest.mark.parametrize(("item", "form"), forms())
def test_prefixes(item, form, engines, locked, expect_known, tmp_path):
    made = engines.embedded.pack(
        locked(item.case), tmp_path / "environment.tar", environment=item.environment
    )
    source = made.path
    if form == "directory":
        source = tmp_path / "environment"
        made.extract(source)
    results = engines.do(lambda engine: engine.unpack(source, tmp_path / engine.name))
    found = outcomes(results)
    if found is None:
        found = compare_prefixes(tmp_path / "embedded", tmp_path / "system").differences
    expect_known(item, found)


@pytest.mark.parametrize("item", named(items("install", only_here=True)))
def test_what_pixi_installs_is_what_a_pack_holds(item, engines, locked, expect_known, tmp_path):
    # Of its own, for pixi installs into the workspace.
    workspace = all_cases()[item.case].copy(tmp_path / "c")
    lock = engines.embedded.lock(workspace)
    (workspace / "pixi.lock").write_bytes(lock.to_text().encode())
    pack = engines.embedded.pack(
        workspace, tmp_path / "environment.tar", environment=item.environment
    )
    ours = engines.embedded.unpack(pack.path, tmp_path / "unpacked")
    theirs = engines.system.install(workspace, environment=item.environment)
    expect_known(item, compare_prefixes(ours.path, theirs.path).differences)


@pytest.mark.skipif(current_platform() != "linux-64", reason="the recorded packages are linux-64")
@pytest.mark.parametrize("name", injections())
def test_packs_with_injected_files(name, engines, locked, expect_known, tmp_path):
    workspace = locked("injection")
    files = [
        Path(file.replace("@ROOT@", workspace.parent.as_posix())) for file in injections()[name]
    ]
    results = engines.do(
        lambda engine: engine.pack(
            workspace, tmp_path / engine.name / "environment.tar", inject=files
        )
    )
    found = outcomes(results)
    if found is None:
        found = compare_packs(*(pack.path for pack in results)).differences
        packed = read_pack(results[1].path)
        names = {facts.file_name for facts in packed.records} | {*packed.wheels}
        assert {file.name for file in files} <= names
    expect_known(Item("inject", name), found)
