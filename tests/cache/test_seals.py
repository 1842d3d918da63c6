"""What is in the cache and is no longer what was made is never used: it is made anew."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_pixipack.cache import is_there, made_once, taken
from pytest_pixipack.cache.made_once import discard, lock_of
from pytest_pixipack.cache.seals import content_digest, is_whole, seal_of

POSIX = pytest.mark.skipif(os.name == "nt", reason="links and modes of Windows are others")


def write(folder: Path) -> None:
    (folder / "bin").mkdir(parents=True)
    (folder / "empty").mkdir()
    (folder / "bin" / "tool").write_text("#!/bin/sh\n")
    (folder / "bin" / "tool").chmod(0o755)
    (folder / "text").write_text("content")


@pytest.fixture
def thing(tmp_path: Path) -> Callable[[], Path]:
    """Makes a thing where it is not there, and counts how often it was made."""

    def make(folder: Path) -> None:
        with (tmp_path / "made").open("a") as log:
            log.write("x")
        write(folder)

    return lambda: made_once(tmp_path / "room" / "thing", is_there, make)


def edited_in_secret(home: Path) -> None:
    """As a disk or a program does that keeps size and time."""
    file = home / "text"
    before = file.stat()
    file.write_text("CONTENT")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


DAMAGE: dict[str, Callable[[Path], object]] = {
    "another text of the same size and time": edited_in_secret,
    "cut": lambda home: (home / "text").write_text(""),
    "gone": lambda home: (home / "text").unlink(),
    "a directory gone": lambda home: (home / "empty").rmdir(),
    "all gone": shutil.rmtree,
    "one file more": lambda home: (home / "more").write_text(""),
    "one directory more": lambda home: (home / "more").mkdir(),
    "renamed": lambda home: (home / "text").rename(home / "Text"),
    "a directory in the place of a file": lambda home: (
        (home / "text").unlink(), (home / "text").mkdir()
    ),
    "a file in the place of all": lambda home: (shutil.rmtree(home), home.write_text("")),
    "no seal": lambda home: seal_of(home).unlink(),
    "half a seal": lambda home: seal_of(home).write_text(seal_of(home).read_text()[:9]),
    "a seal that is no text": lambda home: seal_of(home).write_bytes(b"\xff\xfe"),
    "a directory in the place of the seal": lambda home: (
        seal_of(home).unlink(), seal_of(home).mkdir()
    ),
}  # fmt: skip
LINKS: dict[str, Callable[[Path], object]] = {
    "no longer a program": lambda home: (home / "bin" / "tool").chmod(0o644),
    "a link in the place of a file": lambda home: (
        (home / "text").rename(home.parent.parent / "moved"),
        (home / "text").symlink_to(home.parent.parent / "moved"),
    ),
    "a link in the place of all": lambda home: (
        home.rename(home.parent.parent / "moved"),
        home.symlink_to(home.parent.parent / "moved"),
    ),
    "a pipe in the place of a file": lambda home: (
        (home / "text").unlink(), os.mkfifo(home / "text")
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    "damage",
    [
        *(pytest.param(change, id=name) for name, change in DAMAGE.items()),
        *(pytest.param(change, id=name, marks=POSIX) for name, change in LINKS.items()),
    ],
)
def test_what_was_damaged_is_made_anew(thing, damage, tmp_path):
    home = thing()
    whole = content_digest(home)
    damage(home)
    assert not is_whole(home)
    assert taken(home, is_there) is None
    assert content_digest(thing()) == whole
    assert not home.is_symlink()
    assert thing() == home
    assert (tmp_path / "made").read_text() == "xx"
    rest = {path.name for path in home.parent.iterdir()}
    assert rest == {"thing", "thing.lock", ".made"}


def test_what_is_whole_is_taken_from_then_on(thing, tmp_path):
    for _ in range(3):
        thing()
    assert (tmp_path / "made").read_text() == "x"


@POSIX
def test_nothing_is_written_through_a_link(thing, tmp_path):
    outside = tmp_path / "outside"
    outside.write_text("mine")
    home = thing()
    (home / "text").unlink()
    (home / "text").symlink_to(outside)
    lock_of(home).acquire().lock.release()
    (home.parent / "thing.lock").unlink()
    (home.parent / "thing.lock").symlink_to(outside)
    thing()
    assert outside.read_text() == "mine"


def test_where_it_was_copied_to_makes_no_difference(thing, tmp_path):
    """A cache that a CI job restores has other times and inodes."""
    home = thing()
    shutil.copytree(home.parent, tmp_path / "restored", symlinks=True)
    assert is_whole(tmp_path / "restored" / "thing")


def test_what_is_removed_has_no_seal(thing):
    home = thing()
    discard(home)
    assert not seal_of(home).exists()
    assert not is_whole(home)


def test_what_fails_leaves_the_damaged_thing_and_no_seal_of_another(thing):
    home = thing()
    (home / "text").write_text("damaged")

    def fail(folder: Path) -> None:
        folder.mkdir()
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        made_once(home, is_there, fail)
    assert not is_whole(home)
    assert (thing() / "text").read_text() == "content"


def test_a_change_while_the_process_lives_is_seen(thing):
    home = thing()
    assert is_whole(home)
    edited_in_secret(home)
    assert not is_whole(home)


@pytest.mark.parametrize("name", ["a\nb", "ü", " ", "-"])
def test_names_of_files_are_told_apart(name, tmp_path):
    try:
        (tmp_path / "one").mkdir()
        (tmp_path / "one" / name).write_text("")
    except OSError:
        pytest.skip("no such name here")
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "other").write_text("")
    assert content_digest(tmp_path / "one") != content_digest(tmp_path / "two")


def test_a_deep_tree_is_no_problem(tmp_path):
    place = tmp_path / "deep"
    deepest = place
    for _ in range(300):
        deepest = deepest / "d"
    try:
        deepest.mkdir(parents=True)
    except OSError:
        pytest.skip("paths are shorter here")
    assert content_digest(place) == content_digest(place)
