"""Where things are in a TOML document."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.toml_positions import did_you_mean, load_toml, parse_toml

DOCUMENT = """\
# a comment
name = "x"
a.b."c.d" = 1

[package]
'qu oted' = { x = 1, y.z = [1, {k = 2}] }
text = \"\"\"one
[two]
\"\"\"

[[fruit]]
[[fruit]]
name = "apple"
[fruit.sub."ä"]
"ü" = { "\\u0061" = true }

[deep.er]
[deep]
3 = [
  # a comment
  "a", # another
  { b = 1 },
]
"""


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (("name",), (2, 1)),
        (("a",), (3, 1)),
        (("a", "b"), (3, 3)),
        (("a", "b", "c.d"), (3, 5)),
        (("package",), (5, 2)),
        (("package", "qu oted"), (6, 1)),
        (("package", "qu oted", "x"), (6, 15)),
        (("package", "qu oted", "y", "z"), (6, 24)),
        (("package", "qu oted", "y", "z", 0), (6, 29)),
        (("package", "qu oted", "y", "z", 1, "k"), (6, 33)),
        (("package", "text"), (7, 1)),
        (("fruit",), (11, 3)),
        (("fruit", 0), (11, 1)),
        (("fruit", 1), (12, 1)),
        (("fruit", 1, "name"), (13, 1)),
        (("fruit", 1, "sub", "ä"), (14, 12)),
        (("fruit", 1, "sub", "ä", "ü", "a"), (15, 9)),
        (("deep", "er"), (17, 7)),
        (("deep",), (18, 2)),
        (("deep", "3", 0), (21, 3)),
        (("deep", "3", 1, "b"), (22, 5)),
    ],
)
def test_every_key_and_element_has_its_position(
    path: tuple[str | int, ...], expected: tuple[int, int]
) -> None:
    _, positions = parse_toml(DOCUMENT)
    assert positions.knows(*path)
    assert positions.of(*path) == expected


def test_what_is_absent_is_where_the_nearest_table_is() -> None:
    _, positions = parse_toml(DOCUMENT)
    assert positions.of("fruit", 1, "colour") == (12, 1)
    assert positions.of("nothing", "at", "all") == (1, 1)
    assert not positions.knows("fruit", 1, "colour")


def test_the_values_are_those_of_the_standard_parser(tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    file.write_bytes(b"\xef\xbb\xbfa = 1\r\n[b]\r\nc = 2")
    data, positions = load_toml(file)
    assert data == {"a": 1, "b": {"c": 2}}
    assert positions.of("b", "c") == (3, 1)


@pytest.mark.parametrize(
    ("content", "line", "column"),
    [
        (b"a = 1\nb = ]\n", 2, 5),
        (b"a = 1\na = 2\n", 2, 1),
        (b"a = [1,\n", 2, 1),
        (b"a = 1\n# \xc3\xa4 \xff\n", 2, 5),
    ],
    ids=["value", "duplicate", "end", "not-utf-8"],
)
def test_a_syntax_error_says_where(tmp_path: Path, content: bytes, line: int, column: int) -> None:
    file = tmp_path / "x.toml"
    file.write_bytes(content)
    with pytest.raises(InvalidInput) as caught:
        load_toml(file)
    assert (caught.value.file, caught.value.line) == (str(file), line)
    assert caught.value.column == pytest.approx(column, abs=1)  # Python versions differ a little


@pytest.mark.parametrize(
    "content", ["a = " + "[" * 5000 + "]" * 5000, "a = 2026-02-30", "a = " + "9" * 9999]
)
def test_values_that_python_cannot_hold_are_bad_input(content: str) -> None:
    with pytest.raises(InvalidInput):
        parse_toml(content, file="x.toml")


def test_missing_files_and_directories_are_bad_input(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="does not exist"):
        load_toml(tmp_path / "absent.toml")


def test_an_unknown_key_gets_a_suggestion() -> None:
    _, positions = parse_toml("[[package]]\nversoin = 1\n", file="x.toml")
    error = positions.unknown_key(
        "package", 0, "versoin", known=["name", "version"], where="a package"
    )
    assert str(error) == (
        "x.toml:2:1: `versoin` is not a key of a package.\n  Did you mean `version`?"
    )


def test_suggestions_do_not_mind_dashes_and_case() -> None:
    assert did_you_mean("Build_Number", ["build-number"]) == "Did you mean `build-number`?"
    assert did_you_mean("zzz", ["build-number"]) is None


KEYS = st.text(min_size=1, max_size=4)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.integers(0, 9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


def quoted(key: str) -> str:
    escaped = [f"\\U{ord(c):08X}" if not c.isalnum() or not c.isascii() else c for c in key]
    return f'"{"".join(escaped)}"'


def inline(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{quoted(k)} = {inline(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(inline, value)) + "]"
    return str(value)


def paths(value: Any, prefix: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    found = []
    for key, inner in items:
        found.append((*prefix, key))
        if isinstance(inner, (dict, list)):
            found += paths(inner, (*prefix, key))
    return found


@given(st.dictionaries(KEYS.filter(lambda k: k.isprintable()), VALUES, max_size=3))
def test_no_path_of_any_document_is_without_a_position(document: dict[str, Any]) -> None:
    text = "".join(f"{quoted(k)} = {inline(v)}\n" for k, v in document.items())
    data, positions = parse_toml(text)
    assert data == document
    for path in paths(document):
        assert positions.knows(*path)


def test_toml_1_1_is_read_as_pixi_reads_it():
    data, positions = parse_toml('a = {\n  b = 1,\n  c = "x",\n}\n')
    assert data == {"a": {"b": 1, "c": "x"}}
    assert positions.of("a") == (1, 1)


def test_where_values_begin() -> None:
    text = '[t]\na = "x"\nb = { c = [1,\n  2] }\n[[t.d]]\n"e f" = 1\n'
    _, positions = parse_toml(text)
    assert positions.value_of("t") == (1, 1)
    assert positions.value_of("t", "a") == (2, 5)
    assert positions.value_of("t", "b", "c") == (3, 11)
    assert positions.value_of("t", "b", "c", 1) == (4, 3)
    assert positions.value_of("t", "d", 0, "e f") == (6, 9)
    assert positions.value_of("t", "absent") == (1, 2)


@pytest.mark.parametrize(
    ("text", "place", "key"),
    [
        ("a = 1\nb = 2\na = [\n3]", (3, 1), "`a`"),
        ("[a]\n[b]\n[a]", (3, 2), "`a`"),
        ("a = { x = 1, x = 2 }", (1, 14), "`a.x`"),
        ("[a]\nb = 1\n[c]\n[a.b]", (4, 4), "`a.b`"),
    ],
)
def test_what_is_given_twice(text: str, place: tuple[int, int], key: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_toml(text)
    assert (caught.value.line, caught.value.column) == place
    assert f"{key} is given twice" in caught.value.message
