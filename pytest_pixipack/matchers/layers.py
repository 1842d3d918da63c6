"""Matchers of whole layers: a pack, and an installed prefix."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, ClassVar

from dirty_equals import DirtyEquals

from pytest_pixipack.matchers.base import Aspect, Matcher, align, alike, refuse_unknown
from pytest_pixipack.matchers.describe import MISSING, describe
from pytest_pixipack.matchers.packages import attribute
from pytest_pixipack.platforms import SUBDIRS

_FORMS = ("tar", "directory", "executable")
# Fields that are mappings of names, and what is none and compares with none.
_MAPPINGS = ("packages", "records")
_NO_MAPPING = (str, bytes, int, float, list, tuple, set, frozenset)


class _IsLayer(Matcher):
    """An object with the attributes of a layer, of which the given ones are as expected."""

    _fields: ClassVar[tuple[str, ...]] = ()
    _marks: ClassVar[tuple[str, ...]] = ()
    _noun: ClassVar[str] = "a layer"

    def __init__(self, **expected: Any) -> None:
        own = type(self).__name__
        refuse_unknown(own, expected, self._fields)
        for name, value in expected.items():
            _refuse_impossible(own, name, value)
        self.expected = expected
        super().__init__(**expected)

    def accepts(self, other: Any) -> bool:
        """Whether `other` is such a layer, and each attribute is as expected."""
        aspects = self.aspects(other)
        return aspects is not None and all(alike(each.expected, each.actual) for each in aspects)

    def aspects(self, other: Any) -> list[Aspect] | None:
        """Attribute by attribute."""
        if isinstance(other, type):
            return None
        marks = {mark: attribute(other, mark) for mark in self._marks}
        if any(value is MISSING for value in marks.values()):
            return None
        if not all(isinstance(marks.get(name, {}), Mapping) for name in _MAPPINGS):
            return None
        return [
            Aspect(name, *align(value, attribute(other, name)))
            for name, value in self.expected.items()
        ]

    def expectation(self) -> str:
        """The attributes in words."""
        words = [f"{name} {describe(value)}" for name, value in self.expected.items()]
        return f"{self._noun} with {', '.join(words)}" if words else self._noun

    def reason(self, other: Any) -> str | None:
        """Only called where `other` is no such layer."""
        return f"not {self._noun}" if self.aspects(other) is None else None


def _refuse_impossible(owner: str, name: str, value: Any) -> None:
    if name in _MAPPINGS and isinstance(value, _NO_MAPPING):
        raise TypeError(f"{owner}({name}={value!r}) matches nothing: {name} is a mapping of names.")
    for field, known in (("platform", SUBDIRS), ("form", _FORMS)):
        if name != field or isinstance(value, (DirtyEquals, type)):
            continue
        if not isinstance(value, str):
            raise TypeError(f"{owner}({name}={value!r}) matches nothing: {name} is text.")
        if value not in known:
            near = get_close_matches(value, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}."
            raise ValueError(f"{owner}({name}={value!r}) matches nothing; {hint}")


class IsPack(_IsLayer):
    """A pack (`environment.tar`, a directory or a self-extracting pack) that is as expected.

    Arguments: `platform` (text), `packages` (a mapping of names; a plain dict names all of them,
    dirty-equals' `IsPartialDict` some), `tool_version`, `format_version`, `form` (`"tar"`,
    `"directory"` or `"executable"`), `environment_yml`, `repodata`, `members`, `path`. Raises
    `TypeError` for another, and `TypeError` or `ValueError` for a value that no pack can have.

    >>> IsPack(platform="linux-64")
    IsPack(platform='linux-64')
    """

    _fields = (
        "platform", "packages", "tool_version", "format_version", "form", "environment_yml",
        "repodata", "members", "path",
    )  # fmt: skip
    _marks = ("platform", "packages", "environment_yml")
    _noun = "a pack"


class IsPrefix(_IsLayer):
    """An installed environment that is as expected.

    Arguments: `packages` (a mapping of names; a plain dict names all of them, dirty-equals'
    `IsPartialDict` some), `records` (the conda-meta records by name), `history`, `path`. Raises
    `TypeError` for another, and for packages or records that are no mapping.

    >>> from dirty_equals import IsPartialDict
    >>> from pytest_pixipack.matchers import IsPackage
    >>> IsPrefix(packages=IsPartialDict(curl=IsPackage(version="8.1")))
    IsPrefix(packages=IsPartialDict(curl=IsPackage(version='8.1')))
    """

    _fields = ("packages", "records", "history", "path")
    _marks = ("packages", "records")
    _noun = "a prefix"
