"""Whatever stands in a manifest, the outcome is a manifest or one sentence."""

from __future__ import annotations

import copy
import json
import re
import tempfile
from pathlib import Path
from typing import Any

import pytest
import tomli
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pytest_pixipack.errors import PixipackError
from pytest_pixipack.manifest import Manifest, load_manifest

from .helpers import BUILDING, PACKAGE

GOOD = """
[target.win.activation]
env = { X = "y" }
[system-requirements]
libc = { family = "glibc", version = "2.30" }
[dependencies]
a = { version = "*", when = { any = ["__unix", "b >=3"] }, build = "py*", flags = ["x"] }
b = { git = "https://e.org/b", tag = "v1" }
[pypi-dependencies]
c = { version = ">=1", extras = ["x"], env-markers = "python_version >= '3.9'" }
[pypi-options]
find-links = [{ path = "wheels" }]
no-build = ["c"]
[tasks]
t = { cmd = "x", depends-on = [{ task = "u", args = ["v"] }], args = [{ arg = "w" }] }
[feature.f]
platforms = ["linux-64"]
channels = [{ channel = "c", priority = 1 }]
[environments]
e = { features = ["f"], solve-group = "g" }
[package.run-dependencies]
d = { pin-compatible = { lower-bound = "x.x" } }
[package.run-dependencies."if(linux)"]
e = "*"
[package.target.win.host-dependencies]
f = "*"
"""
PYTHON = """
[project]
name = "p"
version = "1.0"
requires-python = ">=3.9"
authors = [{ name = "A" }]
dependencies = ["httpx >=0.27"]
optional-dependencies = { test = ["pytest", "p[more]"], more = [] }
[dependency-groups]
lint = ["ruff", { include-group = "docs" }]
docs = []
[build-system]
requires = ["hatchling"]
[tool.pixi.workspace]
channels = ["c"]
platforms = [{ platform = "linux-64", cuda = { driver = "12" } }]
[tool.pixi.environments]
test = ["test"]
"""
WORDS = [
    "",
    " ",
    "*",
    ">=1",
    "1.0",
    "x",
    "../x",
    "https://",
    "if(",
    "[",
    "é",
    "default",
    "workspace",
]
scalars = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(WORDS),
    st.text(st.characters(codec="utf-8", exclude_characters="\x7f"), max_size=8),
)
keys = st.one_of(st.sampled_from([*WORDS, "version", "path", "task", "name"]), st.text(max_size=4))
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=3)),
    max_leaves=5,
)


def outcome(text: str | bytes, name: str = "pixi.toml") -> Manifest | PixipackError:
    """The manifest, or the error, which has to be a sentence; anything else gets out."""
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / name
        file.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "replace"))
        try:
            return load_manifest(file)
        except PixipackError as error:
            refused = error
    assert refused.message.endswith((".", "?"))
    assert refused.file == str(file)
    return refused


def toml(value: Any) -> str:
    """A value as TOML; JSON's strings, numbers and booleans are TOML's."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(toml(item) for item in value) + "]"
    return re.sub(r"\\ud[89a-f]..", "x", json.dumps(value))


def document(data: dict[str, Any]) -> str:
    return "\n".join(f"{json.dumps(key)} = {toml(value)}" for key, value in data.items())


def places(value: Any) -> list[tuple[Any, Any]]:
    """Each container in a document with each of its keys or indices."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    found = []
    for key, inner in list(items):
        found.append((value, key))
        if isinstance(inner, dict | list):
            found += places(inner)
    return found


def changed(data: st.DataObject, good: dict[str, Any]) -> dict[str, Any]:
    """A good document with something else in one place, or under another key."""
    document = copy.deepcopy(good)
    container, key = data.draw(st.sampled_from(places(document)))
    if isinstance(container, dict) and data.draw(st.booleans()):
        container[data.draw(keys)] = container.pop(key)
    else:
        container[key] = data.draw(values)
    return document


def check(data: st.DataObject) -> None:
    outcome(document(changed(data, tomli.loads(BUILDING + PACKAGE + GOOD))))
    outcome(document(changed(data, tomli.loads(PYTHON))), "pyproject.toml")


def test_what_is_changed_below_is_good() -> None:
    assert isinstance(outcome(document(tomli.loads(BUILDING + PACKAGE + GOOD))), Manifest)
    assert isinstance(outcome(document(tomli.loads(PYTHON)), "pyproject.toml"), Manifest)


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_a_good_manifest_with_one_change(data: st.DataObject) -> None:
    check(data)


@pytest.mark.slow
@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_good_manifest_with_one_of_many_changes(data: st.DataObject) -> None:
    check(data)


@settings(max_examples=30, deadline=None)
@given(st.one_of(st.binary(max_size=40), st.text(max_size=40)))
@example(b"\xff")
@example("a = " + "[" * 5000)
@example('[workspace]\nchannels = "\x00"')
def test_any_text(text: str | bytes) -> None:
    outcome(text)
    outcome(text, "pyproject.toml")
