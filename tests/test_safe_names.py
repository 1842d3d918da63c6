"""Names that a file may have everywhere, and how those of others are shown."""

from __future__ import annotations

import pytest

from pytest_pixipack.safe_names import (
    TooManyDirectories,
    device_name,
    directories_above,
    folded,
    one_file,
    quoted,
    shown,
    unlike_windows,
    unsafe_name,
)


@pytest.mark.parametrize(
    "name",
    ["a", "a/b.c", ".hidden", "a b/c", "é", "日本語", "e\u0301", "con_/x", "console", "x" * 255,
     "/".join(["d"] * 512), "~/x", "a%b", "-x"],
)  # fmt: skip
def test_names_for_every_system(name: str) -> None:
    assert unsafe_name(name) is None


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "empty"), ("/a", "absolute"), ("a\\b", "backslash"), ("C:a", "colon"),
        ("a:b", "colon"), ("..", "leaves"), ("a/../b", "leaves"), (".", "empty part"),
        ("a//b", "empty part"), ("a/", "empty part"), ("nul", "device"), ("NUL.txt", "device"),
        ("a/CoM9.x.y", "device"), ("con .txt", "device"), ("lpt\u00b9", "device"),
        ("conin$", "device"), ("clock$", "device"), ("a.", "ends in"), ("a ", "ends in"),
        ("a/b /c", "ends in"), ("a\tb", "control"), ("a\x7fb", "control"), ("a?", "not allow"),
        ("\u202ea", "invisible"), ("a\u200b", "invisible"), ("a\u2028b", "invisible"),
        ("\udcff", "not UTF-8"), ("x" * 256, "longer than 255"), ("é" * 128, "longer than 255"),
        ("/".join(["d"] * 513), "directories deep"), ("x/" * 2500, "longer than 4096"),
    ],
)  # fmt: skip
def test_names_that_are_not(name: str, said: str) -> None:
    assert said in (unsafe_name(name) or "")


def test_what_only_windows_has_against_a_name() -> None:
    assert unlike_windows("man/Foo::Bar.3")
    assert unlike_windows("a/x.")
    assert unlike_windows("aux.h")
    assert unlike_windows("a/.../b")
    assert not unlike_windows("a/./b")
    assert device_name("drivers/aux/x")
    assert not device_name("drivers/auxiliary.c")


@pytest.mark.parametrize(
    ("one", "other"),
    [("README", "readme"), ("é", "e\u0301"), ("É", "e\u0301"), ("Straße", "STRASSE"), ("ﬁ", "FI")],
)
def test_names_of_one_file(one: str, other: str) -> None:
    assert folded(one) == folded(other)
    assert list(one_file([f"a/{one}", f"a/{other}"])) == [(f"a/{one}", f"a/{other}")]


def test_a_file_and_a_directory_of_one_name() -> None:
    assert list(one_file(["a/B", "a/b/c"])) == [("a/B", "a/b")]
    assert list(one_file(["A/b", "a/c"])) == []


def test_directories_above_names_are_bounded() -> None:
    assert list(directories_above(["a/b/c", "a/d", "e"])) == ["a/b", "a"]
    with pytest.raises(TooManyDirectories):
        list(directories_above(f"{number}/{'d/' * 100}x" for number in range(10_000)))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a b/ü", "a b/ü"), ("a\nb", "a\\nb"), ("\x1b[31m", "\\x1b[31m"),
        ("a\u202eb", "a\\u202eb"), ("\udcff", "\\udcff"), ("\0", "\\x00"),
        ("x" * 5000, "x" * 256 + "... (5000 characters)"),
    ],
)  # fmt: skip
def test_names_of_others_are_shown_short_and_plain(text: str, told: str) -> None:
    assert shown(text) == told
    assert quoted(text).isprintable()
    assert len(quoted(text)) < 2000
