"""The size of a cache is bounded, and what is in use stays."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_pixipack.cache import made_once, used
from pytest_pixipack.cache.entries import entries, left_overs, size_of
from pytest_pixipack.cache.limit import clean, shared, size_limit, trim
from pytest_pixipack.cache.made_once import lock_of
from pytest_pixipack.cache.users import oldest_user, using
from pytest_pixipack.errors import InvalidInput

DAY = 24 * 3600


def thing(
    root: Path, name: str, *, size: int = 1000, days: float = 0, kind: str = "channels"
) -> Path:
    """Something in a cache that was used some days ago."""

    def make(folder: Path) -> None:
        folder.mkdir()
        (folder / "data").write_bytes(b"x" * size)

    home = made_once(root / kind / name, lambda p: p if p.is_dir() else None, make)
    then = home.stat().st_mtime - days * DAY
    os.utime(home, (then, then))
    return home


def names(root: Path) -> list[str]:
    return [each.path.name for each in entries(root)]


def test_what_was_used_least_recently_goes_first(tmp_path: Path) -> None:
    for name, days in [("new", 1), ("old", 3), ("older", 4)]:
        thing(tmp_path, name, days=days)
    cleaned = trim(tmp_path, 1500)
    assert (cleaned.size, cleaned.removed) == (2000, {"channels": 2})
    assert names(tmp_path) == ["new"]


def test_kinds_share_the_room(tmp_path: Path) -> None:
    thing(tmp_path, "a", days=2, kind="packages")
    thing(tmp_path, "b", days=1, kind="backends")
    assert trim(tmp_path, 1000).removed == {"packages": 1}


def test_nothing_goes_where_there_is_room(tmp_path: Path) -> None:
    thing(tmp_path, "old", days=400)
    assert trim(tmp_path, 1000).removed == {}


def test_what_was_used_within_the_hour_stays(tmp_path: Path) -> None:
    thing(tmp_path, "fresh", days=0.5 / 24)
    cleaned = trim(tmp_path, 0)
    assert (cleaned.removed, cleaned.in_use) == ({}, 1)


def test_what_another_process_uses_stays(tmp_path: Path) -> None:
    thing(tmp_path, "mine", days=3)
    thing(tmp_path, "nobodys", days=2)
    with using(tmp_path):
        used(tmp_path / "channels" / "mine")
        cleaned = clean(tmp_path)
    assert cleaned.in_use == 1
    assert names(tmp_path) == ["mine"]
    assert clean(tmp_path).removed == {"channels": 1}  # now it is over


def test_what_is_being_made_or_taken_stays(tmp_path: Path) -> None:
    home = thing(tmp_path, "x", days=3)
    with lock_of(home):
        assert clean(tmp_path).in_use == 1
    assert home.is_dir()


def test_what_was_not_used_for_some_days(tmp_path: Path) -> None:
    for name, days in [("new", 1), ("old", 3)]:
        thing(tmp_path, name, days=days)
    assert clean(tmp_path, older_than=2).removed == {"channels": 1}
    assert names(tmp_path) == ["new"]


def test_left_overs_of_the_killed_go_those_in_the_making_stay(tmp_path: Path) -> None:
    for name in ("dead", "alive"):
        (tmp_path / "channels" / f"{name}.0123abcd.tmp").mkdir(parents=True)
    with lock_of(tmp_path / "channels" / "alive"):
        assert trim(tmp_path, 10**9).left_overs == 1
    assert [path.name for path in left_overs(tmp_path)] == ["alive.0123abcd.tmp"]


@pytest.mark.parametrize("room", ["git/0123456789abcdef", "repodata"])
def test_those_within_a_repository_too(tmp_path: Path, room: str) -> None:
    (tmp_path / room / "abc.0123abcd.tmp").mkdir(parents=True)
    (tmp_path / room / "db").mkdir()
    with lock_of(tmp_path / room):
        trim(tmp_path, 10**9)
    assert [path.name for path in left_overs(tmp_path)] == ["abc.0123abcd.tmp"]
    trim(tmp_path, 10**9)
    assert [path.name for path in (tmp_path / room).iterdir()] == ["db"]


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")
def test_those_behind_a_link_are_not_ours(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "x.0123abcd.tmp").touch()
    (tmp_path / "git").mkdir()
    (tmp_path / "git" / "repository").symlink_to(tmp_path / "outside")
    trim(tmp_path, 10**9)
    assert (tmp_path / "outside" / "x.0123abcd.tmp").exists()


def test_what_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    (tmp_path / "photos").mkdir()
    clean(tmp_path)
    assert {"photos", "thesis.txt"} <= {path.name for path in tmp_path.iterdir()}


def test_a_run_that_adds_something_makes_room(tmp_path: Path) -> None:
    thing(tmp_path, "old", days=3)
    with shared(tmp_path, {"PIXIPACK_CACHE_SIZE": "1500"}):
        thing(tmp_path, "new")
        assert names(tmp_path) == ["old", "new"]
    assert names(tmp_path) == ["new"]


def test_a_run_that_adds_nothing_does_not_look(tmp_path: Path) -> None:
    thing(tmp_path, "old", days=3)
    made = tmp_path / "channels" / ".made"
    os.utime(made, (1, 1))
    with shared(tmp_path, {"PIXIPACK_CACHE_SIZE": "0"}):
        pass
    assert names(tmp_path) == ["old"]


@pytest.mark.parametrize(
    ("text", "size"),
    [("", 5 * 10**9), ("0", 0), ("800MB", 8 * 10**8), ("1.5 g", 15 * 10**8), ("2TB", 2 * 10**12)],
)
def test_sizes(text: str, size: int) -> None:
    assert size_limit({"PIXIPACK_CACHE_SIZE": text}) == size


@pytest.mark.parametrize("text", ["much", "-1", "5 GiBs", "1e9", "5,5GB", "٥GB"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="no size"):
        size_limit({"PIXIPACK_CACHE_SIZE": text})


def test_links_are_not_followed(tmp_path: Path) -> None:
    home = thing(tmp_path / "cache", "x")
    (tmp_path / "big").write_bytes(b"x" * 5000)
    try:
        (home / "link").symlink_to(tmp_path / "big")
        (home / "around").symlink_to(home)
    except OSError:
        pytest.skip("this user cannot make links")
    assert size_of(home) < 2000
    os.utime(home, (1, 1))
    clean(tmp_path / "cache")
    assert (tmp_path / "big").is_file()


def test_a_user_that_is_killed_is_forgotten(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from pytest_pixipack.cache.users import using;"
        "use = using(Path(sys.argv[1])); use.__enter__(); print('in', flush=True); sys.stdin.read()"
    )
    pipe = subprocess.PIPE
    user = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdin=pipe, stdout=pipe)
    assert user.stdout is not None
    user.stdout.readline()
    assert oldest_user(tmp_path) is not None
    user.kill()
    user.communicate()
    assert oldest_user(tmp_path) is None
    assert list((tmp_path / "users").iterdir()) == []


def test_the_oldest_of_several_users_counts(tmp_path: Path) -> None:
    with using(tmp_path) as first, using(tmp_path) as second:
        assert first <= second
        assert oldest_user(tmp_path) == first
    assert oldest_user(tmp_path) is None


def test_a_cache_that_cannot_be_written_is_used_without_a_sign(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("")
    with shared(tmp_path / "cache", {}):
        pass
    assert (tmp_path / "cache").read_text() == ""
