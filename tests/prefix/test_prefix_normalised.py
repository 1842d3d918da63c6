"""A prefix has one digest, wherever it was installed; it changes with what is in it."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_pixipack import StubChannel, read_artifact
from pytest_pixipack.channel.files import File
from pytest_pixipack.engine.building import built_record
from pytest_pixipack.pack import PackedPackage, PackedWheel, unpack, write_pack
from pytest_pixipack.prefix import InstallRecord, Prefix, install, read_prefix
from tests.wheels import make_wheel

CASES = Path(__file__).parents[1] / "data" / "conformance" / "cases"


def records(directory: Path, **files: object) -> list[InstallRecord]:
    content: dict[str, object] = {
        "bin/tool": File("#!/bin/sh\n", executable=True),
        "share/place.txt": File("the prefix is @PREFIX@\n".replace("@PREFIX@", "/ph" * 40),
                                placeholder="/ph" * 40),
        "lib/libtool.so": File(data=b"\0a " + b"/ph" * 40 + b"/lib\0b", placeholder="/ph" * 40,
                               placeholder_mode="binary"),
        "share/link": File(link="place.txt"),
        **files,
    }  # fmt: skip
    channel = StubChannel("c").add("tool", "1", subdir="linux-64", files=content)  # type: ignore[arg-type]
    paths = channel.build(directory).path.rglob("*.conda")
    return [InstallRecord(path, built_record(read_artifact(path))) for path in paths]


@pytest.fixture
def prefix(tmp_path: Path) -> Prefix:
    return install(records(tmp_path / "c"), tmp_path / "env", platform="linux-64")


def test_it_is_the_same_at_another_place(prefix: Prefix, tmp_path: Path) -> None:
    place = tmp_path / "somewhere" / "with a much longer name" / "env"

    other = install(records(tmp_path / "c2"), place, platform="linux-64")

    assert other.normalised_digest() == prefix.normalised_digest()
    assert len(prefix.normalised_digest()) == 64


def add(prefix: Path) -> None:
    (prefix / "new").write_text("x", encoding="utf-8")


def remove(prefix: Path) -> None:
    (prefix / "bin/tool").unlink()


def alter(prefix: Path) -> None:
    (prefix / "share/place.txt").write_text("the prefix is elsewhere\n", encoding="utf-8")


def alter_binary(prefix: Path) -> None:
    path = prefix / "lib/libtool.so"
    path.write_bytes(path.read_bytes() + b"more")


def rename(prefix: Path) -> None:
    (prefix / "bin/tool").rename(prefix / "bin/tool2")


def relink(prefix: Path) -> None:
    (prefix / "share/link").unlink()
    (prefix / "share/link").symlink_to("../bin/tool")


def other_version(prefix: Path) -> None:
    path = next(prefix.glob("conda-meta/*.json"))
    record = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**record, "version": "2"}), encoding="utf-8")


posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither")


@pytest.mark.parametrize(
    "change",
    [add, remove, alter, alter_binary, rename, other_version, pytest.param(relink, marks=posix)],
)
def test_it_changes_with_the_content(change: Callable[[Path], None], prefix: Prefix) -> None:
    before = prefix.normalised_digest()
    change(prefix.path)

    assert read_prefix(prefix.path).normalised_digest() != before


@posix
def test_it_changes_with_the_executable_bit(prefix: Prefix) -> None:
    before = prefix.normalised_digest()
    (prefix.path / "bin/tool").chmod(0o644)

    assert prefix.normalised_digest() != before


def test_running_the_environment_does_not_change_it(prefix: Prefix) -> None:
    before = prefix.normalised_digest()
    cache = prefix.path / "lib" / "__pycache__"
    cache.mkdir()
    (cache / "x.cpython-312.pyc").write_bytes(b"compiled")
    (prefix.path / "conda-meta" / "state").write_text("{}", encoding="utf-8")

    assert prefix.normalised_digest() == before


needs_pixi_unpack = pytest.mark.skipif(
    shutil.which("pixi-unpack") is None, reason="pixi-unpack is not on PATH"
)


@pytest.mark.slow
@needs_pixi_unpack
@pytest.mark.parametrize("case", ["flat", "binary", "run-exports", "environments", "injection"])
def test_the_real_pixi_unpack_makes_a_prefix_of_the_same_digest(case: str, tmp_path: Path) -> None:
    pack = CASES / case / "expected" / "pack" / "environment.tar"

    ours = unpack(pack, tmp_path / "ours", platform="linux-64")
    theirs = unpacked_by_pixi(pack, tmp_path)

    assert theirs.normalised_digest() == ours.normalised_digest()


@pytest.mark.slow
@needs_pixi_unpack
@posix
def test_wheels_installed_by_uv_count_the_same(tmp_path: Path) -> None:
    real = Path(sys.executable).resolve()
    python = File(f'#!/bin/bash\nexec -a "$0" {real} "$@"\n', executable=True)
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    files = {
        "bin/python": python,
        f"bin/python{version}": python,
        "pyvenv.cfg": f"home = {real.parent}\nversion = {version}.0\n",
    }
    channel = StubChannel("c").add("python", f"{version}.0", subdir="linux-64", files=files)  # type: ignore[arg-type]
    path = next(channel.build(tmp_path / "c").path.rglob("*.conda"))
    package = PackedPackage("linux-64", path.name, path, built_record(read_artifact(path)))
    wheel = make_wheel(
        tmp_path / "w", "top-sail", "2.5",
        {
            "top_sail-2.5.data/data/share/s.txt": b"x",
            "top_sail-2.5.data/scripts/furl": b"#!python\nprint()\n",
            "top_sail-2.5.data/headers/sail.h": b"int x;",
        },
        scripts={"hoist": "top_sail:main"},
    )  # fmt: skip
    packed = [PackedWheel(wheel.name, wheel, "top-sail", "2.5")]
    write_pack(tmp_path / "environment.tar", "linux-64", [package], packed)

    ours = unpack(tmp_path / "environment.tar", tmp_path / "ours", platform="linux-64")
    theirs = unpacked_by_pixi(tmp_path / "environment.tar", tmp_path)

    assert theirs.normalised_digest() == ours.normalised_digest()


def unpacked_by_pixi(pack: Path, tmp_path: Path) -> Prefix:
    import subprocess

    program = shutil.which("pixi-unpack")
    assert program is not None
    done = subprocess.run(
        [program, "-o", str(tmp_path / "theirs"), str(pack)],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home")},
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    return read_prefix(tmp_path / "theirs" / "env")
