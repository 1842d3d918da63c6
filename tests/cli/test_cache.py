"""`pixipack cache info|clean`."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_pixipack import StubChannel
from pytest_pixipack.cache import limit
from pytest_pixipack.cache.users import using
from pytest_pixipack.channel import built_channel


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """The cache of these commands, with two channels, one of which was used long ago."""
    old = built_channel(StubChannel("old").add("a", "1"), tmp_path / "cache" / "channels")
    built_channel(StubChannel("new").add("b", "1"), tmp_path / "cache" / "channels")
    os.utime(old.path.parent, (10**9, 10**9))
    return tmp_path / "cache"


def channels(cache: Path) -> list[str]:
    return sorted(path.name for path in (cache / "channels").glob("*/*") if path.is_dir())


def test_info(pixipack: Callable, cache: Path) -> None:
    done = pixipack("cache", "info")
    assert done.code == 0
    where, size, kinds = done.out.splitlines()
    assert where == str(cache)
    assert size.endswith("KB of 5.0 GB")
    assert kinds.split()[-2:] == ["2", "channels"]


def test_info_as_json(pixipack: Callable, cache: Path) -> None:
    (cache / "channels" / "x.0123abcd.tmp").mkdir()
    found = json.loads(pixipack("cache", "info", "--json", "-").out)
    assert found["directory"] == str(cache)
    assert (found["limit"], found["unfinished"]) == (5 * 10**9, 1)
    assert [each["holds"] for each in found["entries"]] == [["old"], ["new"]]
    assert found["size"] == sum(each["size"] for each in found["entries"]) > 0
    assert found["entries"][0]["used"] == 10**9


def test_a_cache_that_is_not_there_is_empty(pixipack: Callable, tmp_path: Path) -> None:
    done = pixipack("cache", "info", "--cache-dir", tmp_path / "none")
    assert done.out.splitlines() == [str(tmp_path / "none"), "0 B of 5.0 GB"]
    assert pixipack("cache", "clean", "--all", "--cache-dir", tmp_path / "none").code == 0
    assert not (tmp_path / "none").exists()


def test_clean_keeps_to_the_size(
    pixipack: Callable, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixipack("cache", "clean")
    assert channels(cache) == ["new", "old"]
    monkeypatch.setenv("PIXIPACK_CACHE_SIZE", "1KB")
    done = pixipack("cache", "clean", "--json", "-")
    assert json.loads(done.out)["removed"] == {"channels": 1}
    assert channels(cache) == ["new"]  # used a moment ago


def test_clean_what_is_old(pixipack: Callable, cache: Path) -> None:
    assert "1 thing" in pixipack("cache", "clean", "--older-than", "30").out
    assert channels(cache) == ["new"]


def test_clean_everything(pixipack: Callable, cache: Path) -> None:
    (cache / "mine.txt").write_text("not of the cache")
    assert "2 things" in pixipack("cache", "clean", "--all").out
    assert channels(cache) == []
    assert (cache / "mine.txt").is_file()


def test_clean_not_what_is_in_use(pixipack: Callable, cache: Path) -> None:
    with using(cache):
        built_channel(StubChannel("old").add("a", "1"), cache / "channels")
        done = pixipack("cache", "clean", "--all")
    assert "1 thing stayed" in done.out
    assert channels(cache) == ["old"]


@pytest.mark.parametrize("days", ["-1", "x", "nan", "1e9"])
def test_days_that_are_none(pixipack: Callable, days: str) -> None:
    assert pixipack("cache", "clean", f"--older-than={days}").code == 2


def test_a_size_that_is_none(
    pixipack: Callable, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIXIPACK_CACHE_SIZE", "huge")
    done = pixipack("cache", "info")
    assert (done.code, done.out) == (2, "")
    assert "PIXIPACK_CACHE_SIZE is `huge`, which is no size." in done.err


def test_a_command_that_adds_something_keeps_to_the_size(
    pixipack: Callable, cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    spec = tmp_path / "third.toml"
    spec.write_text('name = "third"\n[[package]]\nname = "c"\nversion = "1"\n')
    manifest = '[workspace]\nname = "w"\nchannels = ["x"]\nplatforms = ["linux-64"]\n'
    (tmp_path / "pixi.toml").write_text(manifest)
    monkeypatch.setenv("PIXIPACK_CACHE_SIZE", "0")
    done = pixipack("lock", tmp_path, "--channel", f"x={spec}")
    assert done.code == 0, done.err
    assert channels(cache) == ["new", "third"]


def test_what_is_removed_while_it_is_told_of_is_no_error(
    pixipack: Callable, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = limit.entries(cache)
    channels_of = limit.entries
    monkeypatch.setattr(
        "pytest_pixipack.cache.entries.entries",
        lambda root: [(each, limit.clean(root))[0] for each in channels_of(root)],
    )
    done = pixipack("cache", "info", "--json", "-")
    assert done.code == 0, done.err
    found = json.loads(done.out)["entries"]
    assert [each["holds"] for each in found] == [[] for _ in there]


@pytest.mark.parametrize("kind", ["packages", "channels", "git", "archives"])
def test_a_file_that_is_no_thing(pixipack: Callable, cache: Path, kind: str) -> None:
    (cache / kind).mkdir(exist_ok=True)
    (cache / kind / "stray").write_text("x")
    (cache / kind / "nowhere").symlink_to("nothing")
    found = json.loads(pixipack("cache", "info", "--json", "-").out)["entries"]
    assert [each["holds"] for each in found if each["path"] == f"{kind}/stray"] == [[]]
    assert pixipack("cache", "clean", "--all").code == 0
    assert not (cache / kind / "stray").exists()
