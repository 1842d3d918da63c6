"""One table of a manifest and how to read it: types, unknown keys and positions in one place."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.manifest.model import ManifestWarning, Position
from pytest_pixipack.manifest.texts import cutoff_problem, url_problem
from pytest_pixipack.manifest.versions import NotAVersion, check_version, check_version_spec
from pytest_pixipack.toml_positions import Positions, TomlPath, did_you_mean


@dataclass(frozen=True, slots=True)
class Document:
    """A manifest while it is read. `warnings` collects what the reader has to know."""

    file: Path
    positions: Positions
    warnings: list[ManifestWarning] = field(default_factory=list)

    @property
    def root(self) -> Path:
        """The manifest's directory."""
        return self.file.parent

    def at(self, *keys: str | int) -> Position:
        """The place of a key or element."""
        return Position(self.file, keys, self.positions)

    def refuse_what_pixi_refuses(self, value: Any, path: TomlPath = ()) -> None:
        """Dates and integers beyond 64 bits are TOML, but pixi's parser (toml-span) refuses them.

        Raises `InvalidInput`.
        """
        todo = [(path, value)]
        while todo:
            path, value = todo.pop()
            if isinstance(value, dict):
                todo += [((*path, key), inner) for key, inner in value.items()]
            elif isinstance(value, list):
                todo += [((*path, index), inner) for index, inner in enumerate(value)]
            elif isinstance(value, datetime.date | datetime.time):
                raise self.positions.value_error(
                    "Dates and times cannot be used here; pixi does not read them.",
                    *path,
                    remedy=f'Write it as a string, "{value.isoformat()}".',
                )
            elif isinstance(value, int) and not -(2**63) <= value < 2**63:
                raise self.positions.value_error(
                    "This integer does not fit into 64 bits.", *path, remedy="Write it as a string."
                )


@dataclass(frozen=True, slots=True)
class Table:
    """A TOML table, where it is, and what to call it in a sentence ("the workspace")."""

    document: Document
    data: dict[str, Any]
    path: TomlPath
    what: str

    def __contains__(self, key: object) -> bool:
        return key in self.data

    def __iter__(self) -> Iterator[str]:
        return iter(self.data)

    def at(self, *keys: str | int) -> Position:
        """The place of a key of this table."""
        return self.document.at(*self.path, *keys)

    def error(self, message: str, *keys: str | int, remedy: str | None = None) -> InvalidInput:
        """An error at the value of a key of this table, or at the table; the caller raises it."""
        return self.document.positions.value_error(message, *self.path, *keys, remedy=remedy)

    def key_error(self, message: str, *keys: str | int, remedy: str | None = None) -> InvalidInput:
        """An error at a key itself, for what is wrong with its name; the caller raises it."""
        return self.document.positions.error(message, *self.path, *keys, remedy=remedy)

    def warn(self, message: str, *keys: str | int, remedy: str | None = None) -> None:
        """Notes a warning at a key of this table."""
        self.document.warnings.append(ManifestWarning(message, self.at(*keys), remedy))

    def allow(self, *known: str, hidden: Iterable[str] = (), need: str | None = None) -> None:
        """Raises `InvalidInput` for a key that is not among these (`hidden` are not suggested).

        `need` is a key that has to be there: its absence is another error, and comes first, so
        nothing is said of other keys, unless one of them is that key misspelt.
        """
        unknown = [key for key in self.data if key not in known and key not in hidden]
        if need is not None and need not in self.data:
            unknown = [key for key in unknown if did_you_mean(key, [need])]
        if unknown:
            raise self.document.positions.unknown_key(
                *self.path, unknown[0], known=known, where=self.what
            )

    def without(self, *keys: str) -> Table:
        """The same table without some of its keys."""
        rest = {key: value for key, value in self.data.items() if key not in keys}
        return Table(self.document, rest, self.path, self.what)

    def table(self, key: str, what: str | None = None) -> Table | None:
        """A table in this one, or None."""
        if key not in self.data:
            return None
        value = self.data[key]
        if not isinstance(value, dict):
            raise self.wrong(key, "a table")
        return Table(self.document, value, (*self.path, key), what or f"`{key}`")

    def tables(self, key: str, what: str) -> Iterator[tuple[str, Table]]:
        """The tables in a table of this one, with their keys; `{}` in `what` is the key."""
        outer = self.table(key)
        for name in outer or ():
            assert outer is not None
            inner = outer.table(name, what.format(name))
            assert inner is not None
            yield name, inner

    def raw(self, key: str) -> dict[str, Any] | None:
        """A table that is kept as it is, or None."""
        inner = self.table(key)
        return inner.data if inner is not None else None

    def string(self, key: str) -> str | None:
        """A string, or None."""
        value = self.data.get(key)
        if value is not None and not isinstance(value, str):
            raise self.wrong(key, "a string")
        return value

    def need_string(self, key: str) -> str:
        """A string that has to be there."""
        value = self.string(key)
        if value is None:
            raise self.error(f"`{key}` is missing in {self.what}.", remedy=f"Add `{key}`.")
        return value

    def choice(self, key: str, choices: Iterable[str]) -> Any:
        """One of some words, or None."""
        value = self.string(key)
        words = tuple(choices)
        if value is not None and value not in words:
            listed = ", ".join(f'"{word}"' for word in words)
            remedy = did_you_mean(value, words) or f"Write one of {listed}."
            raise self.error(f'"{value}" is no value of `{key}`.', key, remedy=remedy)
        return value

    def boolean(self, key: str) -> bool | None:
        """A boolean, or None."""
        value = self.data.get(key)
        if value is not None and not isinstance(value, bool):
            raise self.wrong(key, "true or false")
        return value

    def integer(self, key: str) -> int | None:
        """An integer, or None."""
        value = self.data.get(key)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            raise self.wrong(key, "an integer")
        return value

    def array(self, key: str) -> list[Any] | None:
        """An array of anything, or None."""
        value = self.data.get(key)
        if value is not None and not isinstance(value, list):
            raise self.wrong(key, "an array")
        return value

    def strings(self, key: str) -> tuple[str, ...] | None:
        """An array of strings, or None."""
        values = self.array(key)
        for index, value in enumerate(values or ()):
            if not isinstance(value, str):
                raise self.wrong(key, "a string", index)
        return None if values is None else tuple(values)

    def url(self, key: str) -> str | None:
        """An absolute URL, or None."""
        text = self.string(key)
        if text is not None:
            self._check_url(text, key)
        return text

    def urls(self, key: str) -> tuple[str, ...] | None:
        """An array of absolute URLs, or None."""
        texts = self.strings(key)
        for index, text in enumerate(texts or ()):
            self._check_url(text, key, index)
        return texts

    def cutoff(self, key: str) -> str | None:
        """A day, a time or a duration, as `exclude-newer` takes them, or None."""
        text = self.string(key)
        if text is not None and (problem := cutoff_problem(text)):
            raise self.error(
                f'"{text}" cannot be used: {problem}.',
                key,
                remedy='Write for example "2026-01-31", "2026-01-31T12:00:00Z" or "7d".',
            )
        return text

    def version(self, key: str) -> str | None:
        """A version, or None."""
        text = self.string(key)
        if text is None:
            return None
        try:
            return check_version(text)
        except NotAVersion as error:
            raise self.error(
                f'"{text}" is not a version: {error}.', key, remedy=error.remedy
            ) from None

    def version_spec(self, key: str, *, strict: bool = False) -> str | None:
        """A version constraint as pixi writes it, or None.

        A bare version is ambiguous, which is a warning, or an error where `strict`.
        """
        text = self.string(key)
        if text is None:
            return None
        try:
            spec, ambiguous = check_version_spec(text)
        except NotAVersion as error:
            raise self.error(
                f'"{text}" is not a version constraint: {error}.', key, remedy=error.remedy
            ) from None
        if ambiguous and strict:
            raise self.error(
                f'"{text}" is not a version constraint: it has no operator.',
                key,
                remedy=f'Write "{spec}", ">={text}" or "{text}.*".',
            )
        if ambiguous:
            self.warn(
                f'The version constraint "{text}" is ambiguous; it is read as "{spec}".',
                key,
                remedy=f'Write "{spec}" or "{text}.*".',
            )
        return spec

    def _check_url(self, text: str, *keys: str | int) -> None:
        if problem := url_problem(text):
            raise self.error(
                f'"{text}" is not a URL: {problem}.',
                *keys,
                remedy='Write one such as "https://example.org/path".',
            )

    def wrong(self, key: str, wanted: str, *more: int) -> InvalidInput:
        """The error for a value of the wrong type; the caller raises it."""
        value = self.data[key]
        for index in more:
            value = value[index]
        part = f"An element of `{key}`" if more else f"`{key}`"
        return self.error(f"{part} has to be {wanted}, not {_type_name(value)}.", key, *more)


def _type_name(value: object) -> str:
    if isinstance(value, bool):
        return "a boolean"
    names: dict[type, str] = {
        str: "a string", int: "an integer", float: "a float", list: "an array", dict: "a table",
    }  # fmt: skip
    return names.get(type(value), "that")
