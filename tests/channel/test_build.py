"""Stub channels on disk: rattler accepts them, their bytes never change, nothing is lost."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rattler import (
    BuildString,
    Gateway,
    GenericVirtualPackage,
    PackageName,
    Subdir,
    Version,
    install,
    solve,
)

from pytest_pixipack.artifact import Digests, read_artifact
from pytest_pixipack.channel import (
    BuiltChannel,
    File,
    StubChannel,
    build_channel,
    build_channel_from_file,
    load_channel_spec,
    repodata_record,
)
from pytest_pixipack.errors import Infrastructure, InvalidInput, PixipackError
from tests.permissions import obeyed

FIXTURES = Path(__file__).parents[2] / "fixture_channels"
VIRTUAL = {
    "linux-64": [("__unix", "0"), ("__linux", "6.1"), ("__glibc", "2.36")],
    "linux-aarch64": [("__unix", "0"), ("__linux", "6.1"), ("__glibc", "2.36")],
    "osx-64": [("__unix", "0"), ("__osx", "13.0")],
    "osx-arm64": [("__unix", "0"), ("__osx", "13.0")],
    "win-64": [("__win", "10.0")],
}


def solved(channel: BuiltChannel, folder: Path, platform: str, *specs: str) -> list[Any]:
    virtual = [
        GenericVirtualPackage(PackageName(name), Version(version), BuildString("0"))
        for name, version in VIRTUAL[platform]
    ]
    return asyncio.run(
        solve(
            [channel.url],
            list(specs),
            gateway=Gateway(cache_dir=folder / "repodata-cache"),
            platforms=[platform, "noarch"],  # type: ignore[list-item]
            virtual_packages=virtual,
        )
    )


def names(records: list[Any]) -> dict[str, str]:
    return {record.name.normalized: str(record.version) for record in records}


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(params=["toolchain", "curl", "conflicts"])
def shipped(request: pytest.FixtureRequest, tmp_path: Path) -> BuiltChannel:
    return build_channel_from_file(FIXTURES / f"{request.param}.toml", tmp_path / request.param)


def test_shipped_channels_hold_what_their_repodata_says(shipped: BuiltChannel) -> None:
    assert {facts.subdir for facts in shipped.packages} == {*VIRTUAL, "noarch"}
    for facts in shipped.packages:
        artifact = read_artifact(shipped.package_path(facts))
        for field in ("sha256", "md5", "size", "depends", "constrains", "run_exports", "noarch"):
            assert getattr(facts, field) == getattr(artifact.facts, field)
        assert artifact.facts.files is not None
        assert artifact.facts.files.keys() == artifact.payload.keys()


@pytest.mark.slow
@pytest.mark.parametrize("platform", sorted(VIRTUAL))
def test_every_package_of_toolchain_and_curl_can_be_solved(platform: str, tmp_path: Path) -> None:
    for name in ("toolchain", "curl"):
        channel = build_channel_from_file(FIXTURES / f"{name}.toml", tmp_path / name)
        for facts in channel.packages:
            if facts.subdir in (platform, "noarch"):
                spec = f"{facts.name} =={facts.version} {facts.build}"
                assert facts.name in names(solved(channel, tmp_path, platform, spec))


@pytest.mark.parametrize(
    "specs",
    [
        ["old-app", "new-app"],
        ["picky", "libshared >=2"],
        ["dangling"],
        ["indirect"],
        ["wants-build"],
        ["needs-glibc"],
        ["needs-windows"],
        ["old-app", "extras-app[extras=[gui]]"],
        ["stepped >=2"],
    ],
)
def test_conflicts_are_conflicts(specs: list[str], tmp_path: Path) -> None:
    channel = build_channel_from_file(FIXTURES / "conflicts.toml", tmp_path / "conflicts")
    with pytest.raises(Exception, match="Cannot solve"):
        solved(channel, tmp_path, "linux-64", *specs)


def test_near_misses_are_none(tmp_path: Path) -> None:
    channel = build_channel_from_file(FIXTURES / "conflicts.toml", tmp_path / "conflicts")
    found = solved(
        channel, tmp_path, "linux-64",
        "old-app", "picky", "stepped", "blas-user", "circle-a", "extras-app[extras=[cli]]",
    )  # fmt: skip
    assert names(found)["libshared"] == "1.9"
    assert names(found)["stepped"] == "1.0"
    assert {str(record.build) for record in found if record.name.normalized == "blas"} == {
        "openblas"
    }
    assert "needs-windows" in names(solved(channel, tmp_path, "win-64", "needs-windows"))


def test_rattler_installs_files_links_placeholders_and_entry_points(tmp_path: Path) -> None:
    channel = (
        StubChannel()
        .add(
            "python",
            "3.12.1",
            subdir="linux-64",
            python_site_packages_path="lib/python3.12/site-packages",
            files={"bin/python3.12": File(text="#!/bin/sh\n", executable=True)},
        )
        .add(
            "pure",
            "1.0",
            noarch="python",
            depends=["python"],
            entry_points=["pure-tool = pure:main"],
            files={"site-packages/pure.py": "def main(): pass\n"},
        )
        .add(
            "tool",
            "1.0",
            subdir="linux-64",
            format="tar.bz2",
            depends=["pure"],
            activate={"sh": "export TOOL=1\n"},
            files={
                "bin/tool": File(
                    text="#!/bin/sh\necho @PREFIX@\n", executable=True, placeholder=True
                ),
                "bin/alias": File(link="tool"),
                "lib/blob": File(data=b"\x7fELF@PREFIX@/lib\0end", placeholder=True),
            },
        )
        .build(tmp_path / "channel with ünicode")
    )
    records = solved(channel, tmp_path, "linux-64", "tool")
    prefix = tmp_path / "prefix"
    asyncio.run(
        install(
            records,
            prefix,
            cache_dir=tmp_path / "cache",
            platform=Subdir("linux-64"),
            show_progress=False,
        )
    )
    assert (prefix / "bin/tool").read_text() == f"#!/bin/sh\necho {prefix}\n"
    blob = (prefix / "lib/blob").read_bytes()
    assert blob.startswith(b"\x7fELF" + os.fsencode(prefix) + b"/lib\0")
    assert blob.endswith(b"\0end")
    assert len(blob) == len(b"\x7fELF/lib\0end") + 255
    assert (prefix / "lib/python3.12/site-packages/pure.py").read_text() == "def main(): pass\n"
    assert "from pure import main" in (prefix / "bin/pure-tool").read_text()
    assert (prefix / "etc/conda/activate.d/tool.sh").read_text() == "export TOOL=1\n"
    if os.name != "nt":
        assert (prefix / "bin/alias").readlink() == Path("tool")
        assert os.access(prefix / "bin/tool", os.X_OK)


def test_rattler_sees_extras_run_exports_and_features(tmp_path: Path) -> None:
    channel = (
        StubChannel()
        .add("plain", "1")
        .add("plain", "2", track_features=["heavy"])
        .add("gui", "1", run_exports={"weak": ["gui >=1"]})
        .add("app", "1", extra_depends={"all": ["gui"]})
        .build(tmp_path / "channel")
    )
    assert names(solved(channel, tmp_path, "linux-64", "plain")) == {"plain": "1"}
    assert set(names(solved(channel, tmp_path, "linux-64", "app[extras=[all]]"))) == {"app", "gui"}
    exports = json.loads((channel.path / "noarch/run_exports.json").read_bytes())
    assert exports["packages.conda"]["gui-1-h0_0.conda"] == {"run_exports": {"weak": ["gui >=1"]}}
    assert exports["packages.conda"]["app-1-h0_0.conda"] == {"run_exports": {}}


def test_noarch_always_exists(tmp_path: Path) -> None:
    channel = StubChannel().add("a", "1", subdir="linux-64").build(tmp_path / "channel")
    assert json.loads((channel.path / "noarch/repodata.json").read_bytes())["packages.conda"] == {}
    assert json.loads((channel.path / "noarch/run_exports.json").read_bytes())["packages"] == {}
    assert channel.url.startswith("file:///")


BUILD = """
import os, sys
from pathlib import Path
from pytest_pixipack.channel import build_channel_from_file
os.umask(int(sys.argv[3], 8))
build_channel_from_file(Path(sys.argv[1]), Path(sys.argv[2]))
"""


def test_a_channel_has_the_same_bytes_everywhere(tmp_path: Path) -> None:
    trees = []
    for locale, seed, zone, umask in [("C", "1", "UTC", "022"), ("C.UTF-8", "2", "EST", "077")]:
        out = tmp_path / seed
        environment = {**os.environ, "LC_ALL": locale, "PYTHONHASHSEED": seed, "TZ": zone}
        environment.update(PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
        command = [sys.executable, "-c", BUILD, str(FIXTURES / "curl.toml"), str(out), umask]
        subprocess.run(command, env=environment, check=True)
        trees.append(tree(out))
    assert trees[0] == trees[1]


def test_the_order_of_packages_does_not_matter(tmp_path: Path) -> None:
    one = StubChannel("c").add("a", "1").add("b", "1").build(tmp_path / "one")
    two = StubChannel("c").add("b", "1").add("a", "1").build(tmp_path / "two")
    assert tree(one.path) == tree(two.path)


def test_a_channel_is_replaced_as_a_whole(tmp_path: Path) -> None:
    out = tmp_path / "channel"
    StubChannel().add("a", "1", subdir="linux-64").build(out)
    StubChannel().add("b", "1").build(out)
    assert {facts.name for facts in build_channel(StubChannel().add("b", "1"), out).packages} == {
        "b"
    }
    assert not (out / "linux-64").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["channel"]


def test_an_empty_directory_is_taken_over(tmp_path: Path) -> None:
    out = tmp_path / "channel"
    out.mkdir()
    assert StubChannel().build(out).packages == ()


def test_what_was_not_built_here_is_never_replaced(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "thesis.txt").write_text("years of work")
    with pytest.raises(InvalidInput, match="is not a stub channel"):
        StubChannel().build(own)
    channel = StubChannel().build(tmp_path / "channel")
    (channel.path / "noarch" / "mine-1-0.conda").write_text("mine")
    with pytest.raises(InvalidInput, match=r"holds `noarch/mine-1-0\.conda`"):
        StubChannel().build(channel.path)
    file = tmp_path / "file"
    file.write_text("mine")
    with pytest.raises(InvalidInput, match="is a file"):
        StubChannel().build(file)
    with pytest.raises(PixipackError, match="cannot be"):
        StubChannel().build(file / "below")
    assert (own / "thesis.txt").read_text() == "years of work"
    assert (channel.path / "noarch" / "mine-1-0.conda").read_text() == "mine"
    assert file.read_text() == "mine"


def test_a_read_only_target_is_one_sentence(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    try:
        with obeyed(), pytest.raises(Infrastructure, match="cannot be written"):
            StubChannel().build(tmp_path / "channel")
    finally:
        tmp_path.chmod(0o755)


def test_a_failed_build_leaves_the_old_channel(tmp_path: Path) -> None:
    out = tmp_path / "channel"
    StubChannel().add("a", "1").build(out)
    before = tree(out)
    bad = StubChannel().add("b", "1", files={"up": File(link="../../etc")})
    with pytest.raises(InvalidInput, match="leads out") as caught:
        bad.build(out)
    assert caught.value.package == "b"
    assert tree(out) == before
    assert [path.name for path in tmp_path.iterdir()] == ["channel"]


def test_a_record_is_the_index_and_the_digests() -> None:
    record = repodata_record(
        {"name": "a", "version": "1", "license": None}, Digests("s", "m", 3), "a-1-0.conda"
    )
    assert record == {
        "depends": [], "md5": "m", "name": "a", "sha256": "s", "size": 3, "version": "1",
    }  # fmt: skip
    assert list(record) == sorted(record)
    with pytest.raises(InvalidInput, match="no name"):
        repodata_record({}, Digests("s", "m", 3), "a-1-0.conda")


def test_the_shipped_specs_can_be_loaded_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    channel = load_channel_spec(FIXTURES / "curl.toml").build(Path("relative"))
    assert channel.path == tmp_path.resolve() / "relative"


# --- killed, or beside others -----------------------------------------------------------------

# Counts operations on files; at one of them it is killed, or another process comes first.
AT_EACH_POINT = """
import os, signal, sys
from pathlib import Path
from pytest_pixipack.channel import StubChannel, build_channel

what, root = sys.argv[1], Path(sys.argv[2])
EVENTS = {"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.scandir", "os.listdir",
          "shutil.rmtree", "fcntl.flock"}
point = seen = 0
channel = StubChannel("c").add("a", "1", files={"share/a": "a"})

def hook(event, arguments):
    global seen
    if event in EVENTS:
        seen += 1
        if seen == point:
            if what == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            build_channel(channel, out)

def content(folder):
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}

build_channel(channel, root / "first")
whole = content(root / "first")
sys.addaudithook(hook)
points = 0
while True:
    folder = root / str(points)
    out = folder / "out"
    if points % 2:
        build_channel(channel, out)  # one that is to be replaced
    child = os.fork()
    if not child:
        seen, point = 0, points // 2 + 1
        found = build_channel(channel, out)
        assert found.path == out and found.packages[0].url.startswith(found.url), point
        os._exit(0 if seen >= point else 3)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status == (-signal.SIGKILL if what == "killed" else 0) or status == 3, (points, status)
    build_channel(channel, out)
    assert content(out) == whole, points
    assert [path.name for path in folder.iterdir()] == ["out"], (points, os.listdir(folder))
    points += 1
    if status == 3 and not points % 2:
        break
print(points)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
@pytest.mark.parametrize("what", ["killed", "beside another one"])
def test_at_whatever_point_the_next_one_works_and_nothing_is_left(
    what: str, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", AT_EACH_POINT, what, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 20
