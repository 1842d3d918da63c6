"""JSON of others is read within bounds."""

from __future__ import annotations

import json

import pytest

from pytest_pixipack.small_json import BadJson, count_values, load_json


@pytest.mark.parametrize(
    "value", [None, 1, "x", [], {}, {"a": [1, 2.5, {"b": "ü🙂"}]}, [[]] * 100, "\\ud83d", "\n"]
)
def test_what_json_has_is_read(value: object) -> None:
    assert load_json(json.dumps(value).encode()) == value
    assert load_json(json.dumps(value, ensure_ascii=False).encode()) == value


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "Expecting value"),
        (b"{", "Expecting property name"),
        (b"\xff", "not UTF-8"),
        (b"\xef\xbb\xbf{}", "BOM"),
        (b"9" * 5000, "too many digits"),
        (b"-" + b"9" * 5000, "too many digits"),
        (b'{"a": ' + b"9" * 5000 + b"}", "too many digits"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b'"\\ud800"', "half a character"),
        (b'{"\\udfff": 1}', "half a character"),
        (b"[" + b"1," * 1_000_001 + b"1]", "more than 1000000 values"),
        (b'"' + b"a" * (33 << 20) + b'"', "more than 33554432 bytes"),
        (b'"' + b"a" * (9 << 20) + "🙂".encode() + b'"', "more than 33554432 bytes"),
        (b'"' + b"a" * (9 << 20) + b'\\ud83d\\ude42"', "more than 33554432 bytes"),
    ],
)
def test_what_cannot_be_used_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(BadJson, match=said):
        load_json(data)


def test_a_line_is_named() -> None:
    with pytest.raises(BadJson) as caught:
        load_json(b'{"a": 1,\n"b": }')
    assert caught.value.line == 2


def test_values_are_counted_from_above() -> None:
    assert count_values(b'{"a": [1, 2, {"b": 3}]}') >= 6
    with pytest.raises(BadJson, match="more than 3 values"):
        load_json(b"[1, 2, 3, 4]", most_values=3)


def test_objects_can_be_replaced_as_they_come() -> None:
    assert load_json(b'[{"n": 1}, {"n": 2}]', each_object=lambda each: each["n"]) == [1, 2]
