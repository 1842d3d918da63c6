"""What differs anyway, and what a condition makes beyond that, without any build."""

from __future__ import annotations

import pytest

from pytest_pixipack.compare.model import Difference
from pytest_pixipack.reproduce.differences import Found, place_of
from pytest_pixipack.reproduce.noise import Noise, is_of_passing_time

FILE = ("app-1-0.conda", "pkg-app-1-0.tar.zst", "share/x")


def differs(
    field: str, cause: str, left: object = "a", right: object = "b", **more: str
) -> Difference:
    kind = more.pop("kind", "payload")
    return Difference(
        (*FILE, *more.pop("inside", "").split()), field, kind, left, right, cause, **more
    )


def found(*differences: Difference) -> Found:
    places: dict[object, tuple[Difference, ...]] = {}
    for each in differences:
        place = place_of("app", each)
        places[place] = (*places.get(place, ()), each)
    return places


def beyond(noise: list[Difference], *seen: Difference) -> list[Difference]:
    known = Noise()
    known.learn(found(*noise))
    return [each for those in known.beyond(found(*seen)).values() for each in those]


def test_the_same_again_is_nothing_more():
    stamp = differs("line 1", "embedded-date", "12:00:01", "12:00:02")
    later = differs("line 1", "embedded-date", "12:00:01", "12:00:44")
    assert beyond([stamp], later) == []


def test_another_cause_in_the_same_file_is_not_hidden():
    stamp = differs("mtime in header", "gzip-header", 1, 2, kind="metadata")
    path = differs("line 1", "embedded-path", "/a", "/b")
    assert beyond([stamp], stamp, path) == [path]


def test_more_lines_of_one_cause_than_usual():
    one = differs("line 1", "content")
    two = differs("line 1", "content", evidence="1 more line likewise")
    assert beyond([one], two) == [two]
    assert beyond([two], differs("line 5", "content")) == [differs("line 5", "content")]


def test_where_it_looks_otherwise_each_time_how_it_looks_says_nothing():
    known = Noise()
    known.learn(found(differs("line 1", "content")))
    known.learn(found(differs("line 3", "content")))
    assert known.beyond(found(differs("line 7", "content"))) == {}
    assert [place.where[-1] for place in known.hides()] == ["share/x"]


BYTES, LINE = differs("content", "content"), differs("line 1", "content")
ENDS, CODE = differs("line ends", "line-endings"), differs("encoding", "encoding")


def test_bytes_by_chance_are_text_now_and_then():
    assert beyond([BYTES], LINE, ENDS, CODE) == []
    assert beyond([LINE], BYTES) == []


def test_that_hides_nothing_of_a_text_nor_any_other_cause():
    path = differs("line 2", "embedded-path", "/a", "/b")
    assert {each.cause for each in beyond([LINE], LINE, ENDS, CODE, path)} == {
        "line-endings",
        "encoding",
        "embedded-path",
    }
    assert beyond([BYTES], LINE, path) == [path]
    inside = differs("line 1", "content", inside="other")
    assert beyond([BYTES], inside) == [inside]


def test_a_longer_time_than_passes_between_builds():
    passed = differs("line 1", "embedded-date", "2024-03-01 12:00:01", "2024-03-01 12:00:02")
    moved = differs("line 1", "embedded-date", "2024-03-01 12:00:01", "2024-03-02 01:45:02")
    assert beyond([passed], moved) == [moved]


def test_names_that_are_others_each_time_are_counted():
    def files(*names: str) -> list[Difference]:
        return [differs("file", "file-added", None, "f") for _ in names]

    assert beyond(files("a1"), *files("a2")) == []
    assert len(beyond(files("a1"), *files("a3", "b"))) == 2


def test_values_may_be_lists():
    order = differs("order of members", "member-order", ["a", "b"], ["b", "a"], kind="order-only")
    assert beyond([], order) == [order]
    assert beyond([order], order) == []


def test_only_what_has_no_cause_of_its_own_hides_anything():
    known = Noise()
    known.learn(found(differs("line 1", "embedded-date", "12:00:01", "12:00:02")))
    assert known.hides() == ()
    known.learn(found(differs("content", "content")))
    assert len(known.hides()) == 1


@pytest.mark.parametrize(
    ("left", "right", "passed"),
    [
        ("built 2024-03-01 12:00:01", "built 2024-03-01 12:00:02", True),
        ("31.12.2023 23:59", "01.01.2024 00:00", True),
        (1_700_000_000, 1_700_000_009, True),
        ("1700000000.25", "1700000000.75", True),
        (1_700_000_000_000, 1_700_000_009_000, True),
        ("at noon", "at night", True),
        ("2023-07-06", "1989-05-18", False),
        (1_700_000_000, 1_900_000_000, False),
        (1_700_000_009, 1_700_000_000, False),
    ],
)
def test_times_between_which_builds_can_have_run(left, right, passed):
    assert is_of_passing_time(differs("line 1", "embedded-date", left, right)) is passed
    assert not is_of_passing_time(differs("line 1", "content", left, right))
