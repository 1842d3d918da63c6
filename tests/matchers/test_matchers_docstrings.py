"""The examples in the docstrings are executed."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import pytest_pixipack.difference
import pytest_pixipack.matchers

MODULES = [
    module.name
    for package in (pytest_pixipack.matchers, pytest_pixipack.difference)
    for module in [
        *pkgutil.iter_modules(package.__path__, f"{package.__name__}."),
        pkgutil.ModuleInfo(None, package.__name__, True),
    ]
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_do_what_they_say(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_the_examples_are_found():
    matchers = importlib.import_module("pytest_pixipack.matchers.packages")
    assert doctest.testmod(matchers).attempted > 5
