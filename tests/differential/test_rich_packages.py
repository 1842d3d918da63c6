"""Both engines on packages in which every field and every kind of file occurs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_pixipack import File, StubChannel, write_artifact, write_lock
from pytest_pixipack.artifact import Member
from pytest_pixipack.compare import (
    compare_artifacts,
    compare_locks,
    compare_packs,
    compare_prefixes,
)
from pytest_pixipack.engine.system.tools import find_tools
from pytest_pixipack.platforms import current_platform

if (problem := find_tools().problem()) is not None:
    pytest.skip(f"without the real tools: {problem}", allow_module_level=True)

pytestmark = pytest.mark.slow

HERE = current_platform()
EXPORTS = {
    "weak": ["rich >=1.2"], "strong": ["data"], "noarch": ["data *"],
    "weak_constrains": ["old <1"], "strong_constrains": ["older <1"],
}  # fmt: skip
FILES = {
    "bin/plain": File("#!/bin/sh\n", executable=True),
    "bin/with-prefix": File("#!@PREFIX@/bin/python\n", executable=True, placeholder=True),
    "lib/prefix.txt": File("path=@PREFIX@/x\n", placeholder=True),
    "lib/prefix.bin": File(data=b"\1@PREFIX@/lib\0\0\2", placeholder=True),
    "lib/link": File(link="prefix.txt"),
    "share/späce name.txt": "é\r\n",
    "share/empty": "",
}
PYTHON_FILES = {
    "site-packages/thing/__init__.py": "x = 1\n",
    "python-scripts/thing": "#!/bin/python\n",
}
INDEX = {
    "name": "injected", "version": "1", "build": "h_0", "build_number": 0, "subdir": HERE,
    "depends": ["data"], "constrains": ["absent 1"], "license": "MIT", "license_family": "MIT",
    "track_features": "a b", "flags": ["f:x"], "extra_depends": {"x": ["data"]},
    "purls": ["pkg:pypi/injected@1"], "timestamp": 1_700_000_000, "features": "f",
    "python_site_packages_path": "lib/x", "unknown_field": 1,
}  # fmt: skip


@pytest.fixture(params=["conda", "tar.bz2"])
def channel(request, tmp_path) -> str:
    """A channel of packages in one of the two formats, as a URL."""
    spec = StubChannel("rich")
    spec.add(
        "rich", "1.2.3", subdir=HERE, build="h1_7", build_number=7,
        depends=["data >=1", "thing", "python"], constrains=["old <2", "absent 1.*"],
        run_exports=EXPORTS, track_features=["one", "two"], license="MIT",
        timestamp=1_700_000_000_123, files=FILES, activate={"sh": "export RICH=1\n"},
        format=request.param,
    )  # fmt: skip
    spec.add("data", "2.0", noarch="generic", files={"share/data": "d\n"}, format=request.param)
    spec.add("thing", "0.1", noarch="python", depends=["python >=3.8"], files=PYTHON_FILES)
    python = File("#!/bin/sh\n", executable=True)
    spec.add("python", "3.12.1", subdir=HERE, build="0_cpython", files={"bin/python3.12": python})
    return spec.build(tmp_path / "channel").url


@pytest.fixture
def workspace(channel, engines, tmp_path) -> Path:
    """A workspace that depends on the channel's packages, and on one of its own."""
    root = tmp_path / "w"
    (root / "mine").mkdir(parents=True)
    (root / "pixi.toml").write_text(
        f'[workspace]\nname = "w"\nchannels = ["{channel}"]\nplatforms = ["{HERE}"]\n'
        'preview = ["pixi-build"]\n[dependencies]\nrich = "*"\nmine = { path = "mine" }\n',
        encoding="utf-8",
    )
    (root / "mine" / "pixi.toml").write_text(
        '[package]\nname = "mine"\nversion = "0.5"\nlicense = "MIT"\n'
        '[package.build]\nbackend = { name = "stub-backend", version = "*" }\n'
        '[package.run-dependencies]\ndata = "*"\n[package.run-constraints]\nold = "<3"\n'
        '[package.run-exports.weak]\nmine = ">=0.5"\n[package.run-exports.strong]\ndata = "*"\n',
        encoding="utf-8",
    )
    write_lock(engines.embedded.lock(root), root / "pixi.lock")
    return root


@pytest.fixture(params=[".conda", ".tar.bz2"])
def injected(request, tmp_path) -> Path:
    """A package file with every field that an index can have, and some more."""
    path = tmp_path / f"injected-1-h_0{request.param}"
    write_artifact(path, INDEX, [Member("share/injected", b"1")], run_exports=EXPORTS)
    return path


@pytest.fixture
def packed(engines, workspace, injected, tmp_path) -> Callable[[], tuple[Path, Path]]:
    def pack() -> tuple[Path, Path]:
        made = engines.do(
            lambda engine: (
                engine.pack(
                    workspace, tmp_path / engine.name / "environment.tar", inject=[injected]
                ).path
            )
        )
        return made[0], made[1]

    return pack


def same(comparison) -> None:
    assert [str(each) for each in comparison.differences] == []


def test_locks(engines, workspace):
    (workspace / "pixi.lock").unlink()
    same(compare_locks(*engines.do(lambda engine: engine.lock(workspace))))


def test_artifacts(engines, workspace, tmp_path):
    (ours,), (theirs,) = engines.do(lambda engine: engine.build(workspace, tmp_path / engine.name))
    same(compare_artifacts(ours.path, theirs.path))


def test_packs(packed):
    same(compare_packs(*packed()))


def test_prefixes(packed, engines, tmp_path):
    _, theirs = packed()
    engines.do(lambda engine: engine.unpack(theirs, tmp_path / "u" / engine.name))
    same(compare_prefixes(tmp_path / "u" / "embedded", tmp_path / "u" / "system"))


def test_a_pack_holds_what_pixi_installs(engines, workspace, tmp_path):
    pack = engines.embedded.pack(workspace, tmp_path / "environment.tar").path
    ours = engines.embedded.unpack(pack, tmp_path / "u").path
    theirs = engines.system.install(workspace).path
    # conda-meta differs as known_differences.toml says.
    found = compare_prefixes(ours, theirs).differences
    assert [str(each) for each in found if not each.where[1].startswith("conda-meta")] == []
