"""What we pack, pixi-unpack and we unpack to environments of the same digest."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from pytest_pixipack.lock import write_lock
from pytest_pixipack.platforms import current_platform
from pytest_pixipack.prefix import read_prefix

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("pixi-unpack") is None, reason="pixi-unpack is not on PATH"),
    pytest.mark.skipif(
        current_platform() != "linux-64", reason="the recorded workspaces are for linux-64"
    ),
]


@pytest.mark.parametrize(
    "name", ["trio", "flat", "run-exports", "variants", "conditionals", "binary"]
)
def test_both_make_the_same_environment(name, case, engine, tmp_path):
    found = case(name)
    write_lock(engine.lock(found.workspace), found.workspace / "pixi.lock")
    pack = engine.pack(found.workspace, tmp_path / "environment.tar")

    ours = engine.unpack(pack.path, tmp_path / "ours")
    done = subprocess.run(
        ["pixi-unpack", "-o", str(tmp_path / "theirs"), str(pack.path)],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home")},
        capture_output=True,
        encoding="utf-8",
    )

    assert done.returncode == 0, done.stderr
    theirs = read_prefix(tmp_path / "theirs" / "env")
    assert theirs.normalised_digest() == ours.normalised_digest()
