"""Matchers of what a layer says of one package."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import fields
from difflib import get_close_matches
from typing import Any, ClassVar

from pytest_pixipack.facts import FileFacts, PackageFacts
from pytest_pixipack.matchers.base import Aspect, Matcher, align, alike, refuse_unknown
from pytest_pixipack.matchers.describe import MISSING, describe

_TYPES = {field.name: str(field.type) for field in fields(PackageFacts)}
_MARKS = ("name", "version", "build", "subdir")


def facts_of(value: Any) -> Any:
    """The object to ask for package facts, or None where `value` is no package.

    A package is `PackageFacts`, anything with such an attribute `facts` (a locked package), or
    anything that has at least the attributes `name`, `version`, `build` and `subdir`.
    """
    if isinstance(value, type):
        return None
    if isinstance(value, PackageFacts):
        return value
    facts = attribute(value, "facts")
    if isinstance(facts, PackageFacts):
        return facts
    if all(attribute(value, mark) is not MISSING for mark in _MARKS):
        return value
    return None


def attribute(value: Any, name: str) -> Any:
    """`getattr` that answers `MISSING`, also where a property raises."""
    try:
        return getattr(value, name, MISSING)
    except Exception:
        return MISSING


class IsPackage(Matcher):
    """A package of which the given facts hold; without arguments, any package.

    The arguments are the fields of `PackageFacts`, their values plain ones or matchers. Lists may
    stand for the tuples of facts, and a mapping of kinds for run exports. What is not named is not
    compared. Matches package facts, and every object that carries them or has the same attributes.

    Raises `TypeError` for a field that does not exist, and for a value that no package can have
    there (a number as `version`, a text as `depends`).

    >>> from pytest_pixipack.matchers import IsVersion
    >>> curl = PackageFacts(name="curl", version="8.11", build="h0_0", depends=("openssl >=3",))
    >>> curl == IsPackage(version=IsVersion(">=8,<9"), depends=["openssl >=3"])
    True
    >>> curl == IsPackage(version="8.12")
    False
    """

    _fixed: ClassVar[Mapping[str, Any]] = {}
    _noun: ClassVar[str] = "a package"

    def __init__(self, **expected: Any) -> None:
        own = type(self).__name__
        refuse_unknown(own, expected, _TYPES.keys() - self._fixed.keys())
        for name, value in expected.items():
            _refuse_impossible(own, name, value)
        self.expected = expected
        super().__init__(**expected)

    def accepts(self, other: Any) -> bool:
        """Whether `other` is a package, and each field is as expected."""
        aspects = self.aspects(other)
        return aspects is not None and all(alike(each.expected, each.actual) for each in aspects)

    def aspects(self, other: Any) -> list[Aspect] | None:
        """Field by field."""
        package = facts_of(other)
        if package is None:
            return None
        expected = {**self._fixed, **self.expected}
        return [
            Aspect(name, *align(value, attribute(package, name)))
            for name, value in expected.items()
        ]

    def expectation(self) -> str:
        """The fields in words."""
        words = [f"{name} {describe(value)}" for name, value in self.expected.items()]
        return f"{self._noun} with {', '.join(words)}" if words else self._noun

    def reason(self, other: Any) -> str | None:
        """Only called where `other` is no package."""
        return "not a package" if facts_of(other) is None else None


class IsSource(IsPackage):
    """A package that is built from source, as a lock says; takes the same fields as `IsPackage`.

    >>> app = PackageFacts(name="app", kind="source", depends=("curl >=8",))
    >>> app == IsSource(name="app"), PackageFacts(name="curl") == IsSource()
    (True, False)
    """

    _fixed: ClassVar[Mapping[str, Any]] = {"kind": "source"}
    _noun = "a source package"


class HasFiles(Matcher):
    """A package, or a collection of paths, that has all of these files.

    Each argument is a path relative to the prefix with `/`, or a glob: `*` and `?` stay within one
    directory, `**` crosses directories, `[...]` is one of these characters. Compares with a package
    (its `files`), a mapping whose keys are paths, or an iterable of paths or `FileFacts`. A layer
    that does not know its files does not match.

    >>> files = {"bin/curl": FileFacts(path="bin/curl"), "lib/a/b.so": FileFacts(path="lib/a/b.so")}
    >>> files == HasFiles("bin/*", "lib/**/*.so"), files == HasFiles("lib/*.so")
    (True, False)
    >>> PackageFacts(name="curl", files=files) == HasFiles("bin/curl")
    True
    """

    def __init__(self, *patterns: str) -> None:
        for pattern in patterns:
            if not isinstance(pattern, str):
                raise TypeError(f"HasFiles() takes paths and globs as text, not {pattern!r}.")
            if not pattern or pattern.startswith("/") or "\\" in pattern:
                raise ValueError(
                    f"HasFiles() takes paths relative to the prefix with '/', not {pattern!r}."
                )
        self.patterns = patterns
        super().__init__(*patterns)

    def accepts(self, other: Any) -> bool:
        """Whether each path or glob is there."""
        paths = _paths(other)
        return paths is not None and not self._absent(paths)

    def expectation(self) -> str:
        """The paths and globs."""
        return ", ".join(self.patterns) or "known files"

    def contrast(self, other: Any) -> tuple[str, str]:
        """Only what is absent, beside the nearest that is there."""
        paths = _paths(other)
        if paths is None:
            return self.expectation(), describe(other)
        absent = self._absent(paths)
        near = [path for each in absent for path in get_close_matches(each, paths, n=1)]
        count = "1 file" if len(paths) == 1 else f"{len(paths)} files"
        found = f"not among {count}" if paths else "no files"
        return ", ".join(absent), f"{found}; near: {', '.join(near)}" if near else found

    def reason(self, other: Any) -> str | None:
        """Where no files are known."""
        if _paths(other) is not None:
            return None
        return "not a package and no paths" if facts_of(other) is None else "files not known"

    def _absent(self, paths: list[str]) -> list[str]:
        known = set(paths)
        return [
            pattern
            for pattern in self.patterns
            if pattern not in known and not any(map(_glob(pattern).fullmatch, paths))
        ]


def _paths(value: Any) -> list[str] | None:
    if isinstance(value, (str, bytes)):
        return None
    package = facts_of(value)
    files = attribute(package, "files") if package is not None else value
    if not isinstance(files, Iterable) or isinstance(files, (str, bytes)):
        return None
    found = [file.path if isinstance(file, FileFacts) else file for file in files]
    return sorted(found) if all(isinstance(path, str) for path in found) else None


def _glob(pattern: str) -> re.Pattern[str]:
    words = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    tokens = re.findall(r"\*\*/|\*\*|\*|\?|\[!?\]?[^\]]*\]|.", pattern, flags=re.DOTALL)
    return re.compile("".join(words.get(token) or _literal(token) for token in tokens), re.DOTALL)


def _literal(token: str) -> str:
    if len(token) == 1:
        return re.escape(token)
    inner = re.sub(r"([\\\[\]^&|~])", r"\\\1", token[1:-1].removeprefix("!"))
    return f"(?!/)[{'^' if token[1] == '!' else ''}{inner}]"


def _refuse_impossible(owner: str, name: str, value: Any) -> None:
    kind = _TYPES[name]
    if kind.startswith("str") and isinstance(value, (int, float, bytes)):
        raise TypeError(f"{owner}({name}={value!r}) matches nothing: {name} is text.")
    if kind.startswith("int") and isinstance(value, (str, bytes, bool, float)):
        raise TypeError(f"{owner}({name}={value!r}) matches nothing: {name} is a whole number.")
    if kind.startswith("tuple") and isinstance(value, (int, float)):
        raise TypeError(f"{owner}({name}={value!r}) matches nothing: {name} is a list.")
    if kind.startswith("tuple") and isinstance(value, (str, bytes)):
        raise TypeError(
            f"{owner}({name}={value!r}) matches nothing: {name} is a list; "
            f"Contains({value!r}) asks whether this is in it."
        )
