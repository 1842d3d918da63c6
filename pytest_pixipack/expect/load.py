"""Reads a file of expectations: every mistake in it is named with its line."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.expect.model import (
    FAMILIES,
    Expectations,
    ExpectedPackage,
    ForbiddenPackage,
    KnownFinding,
)
from pytest_pixipack.platforms import SUBDIRS
from pytest_pixipack.toml_positions import Positions, load_toml

_TOP = ("packages", "forbidden", "platform", "known")
_PLATFORM = ("packages", "forbidden")
_PACKAGE = ("version", "build", "build-number", "subdir", "depends", "files")
_KNOWN = ("rule", "reason", "package", "platform", "environment", "expires")

# Of packages of conda and of PyPI.
_NAME = re.compile(r"[A-Za-z0-9_.-]+")

# What a match spec can ask of packages in any layer, and the keys in its brackets.
_OF_EVERY_LAYER = ("version", "build", "build_number", "subdir")
_IN_BRACKETS = re.compile(r"""(\w+)=(?:"[^"]*"|'[^']*'|\[[^\]]*\]|[^,\]]*)""")

Path_ = tuple[str | int, ...]


def load_expectations(path: Path) -> Expectations:
    """The expectations in a TOML file.

    Raises `InvalidInput` with file, line and column for a key that does not exist, a value of the
    wrong type, a constraint that conda would not read, or a rule that there is not.
    """
    data, positions = load_toml(path)
    reader = _Reader(positions)
    reader.keys(data, (), _TOP, "a file of expectations")
    packages = [*reader.packages(data, ())]
    forbidden = [*reader.forbidden(data, ())]
    for name, table in reader.table(data, "platform", ()).items():
        where: Path_ = ("platform", name)
        reader.platform(name, where)
        reader.keys(reader.a_table(table, where), where, _PLATFORM, "a platform")
        packages += reader.packages(table, where, name)
        forbidden += reader.forbidden(table, where, name)
    return Expectations(
        file=path,
        packages=tuple(packages),
        forbidden=tuple(forbidden),
        known=tuple(reader.known(data)),
    )


class _Reader:
    """One document and where its values are."""

    def __init__(self, positions: Positions) -> None:
        self._positions = positions

    def packages(
        self, data: Mapping[str, Any], where: Path_, platform: str | None = None
    ) -> Iterator[ExpectedPackage]:
        for name, value in self.table(data, "packages", where).items():
            at = (*where, "packages", name)
            line = self._positions.of(*at)[0]
            if not _NAME.fullmatch(name):
                raise self._positions.error(f"{name!r} is no name of a package.", *at)
            if isinstance(value, str):
                self.version(value, at)
                yield ExpectedPackage(name=name, platform=platform, version=value, line=line)
                continue
            table = self.a_table(value, at)
            self.keys(table, at, _PACKAGE, "an expected package")
            version = self.text(table, "version", at)
            if version is not None:
                self.version(version, (*at, "version"))
            depends = self.texts(table, "depends", at)
            for index, spec in enumerate(depends):
                self.spec(spec, (*at, "depends", index))
            yield ExpectedPackage(
                name=name,
                platform=platform,
                version=version,
                build=self.text(table, "build", at),
                build_number=self.number(table, "build-number", at),
                subdir=self.text(table, "subdir", at),
                depends=depends,
                files=self.texts(table, "files", at),
                line=line,
            )

    def forbidden(
        self, data: Mapping[str, Any], where: Path_, platform: str | None = None
    ) -> Iterator[ForbiddenPackage]:
        for index, spec in enumerate(self.texts(data, "forbidden", where)):
            at = (*where, "forbidden", index)
            self.spec(spec, at)
            self._can_be_told(spec, at)
            line = self._positions.of(*at)[0]
            yield ForbiddenPackage(spec=spec, platform=platform, line=line)

    def known(self, data: Mapping[str, Any]) -> Iterator[KnownFinding]:
        listed = data.get("known", [])
        if not isinstance(listed, list):
            raise self.wrong(("known",), "an array of tables: [[known]]")
        for index, value in enumerate(listed):
            at: Path_ = ("known", index)
            table = self.a_table(value, at)
            self.keys(table, at, _KNOWN, "a known finding")
            rule, reason = self.text(table, "rule", at), self.text(table, "reason", at)
            if not rule or not reason:
                key = "reason" if rule else "rule"
                raise self._positions.error(
                    f"A known finding needs a `{key}`.",
                    *at,
                    remedy="Write which rule it is of, and why it is accepted.",
                )
            self.rule(rule, (*at, "rule"))
            platform = self.text(table, "platform", at)
            if platform is not None:
                self.platform(platform, (*at, "platform"))
            yield KnownFinding(
                rule=rule,
                reason=reason,
                package=self.text(table, "package", at),
                platform=platform,
                environment=self.text(table, "environment", at),
                expires=self.day(table, "expires", at),
                line=self._positions.of(*at)[0],
            )

    # --- values --------------------------------------------------------------------------------

    def wrong(self, at: Path_, wanted: str) -> InvalidInput:
        return self._positions.value_error(f"`{at[-1]}` has to be {wanted}.", *at)

    def keys(self, table: Mapping[str, Any], at: Path_, known: tuple[str, ...], what: str) -> None:
        for key in table:
            if key not in known:
                raise self._positions.unknown_key(*at, key, known=known, where=what)

    def a_table(self, value: Any, at: Path_) -> Mapping[str, Any]:
        if not isinstance(value, dict):
            raise self.wrong(at, "a table")
        return value

    def table(self, data: Mapping[str, Any], key: str, at: Path_) -> Mapping[str, Any]:
        return self.a_table(data.get(key, {}), (*at, key))

    def text(self, table: Mapping[str, Any], key: str, at: Path_) -> str | None:
        value = table.get(key)
        if value is not None and not isinstance(value, str):
            raise self.wrong((*at, key), "a string")
        return value

    def texts(self, table: Mapping[str, Any], key: str, at: Path_) -> tuple[str, ...]:
        value = table.get(key, [])
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise self.wrong((*at, key), "an array of strings")
        return tuple(value)

    def number(self, table: Mapping[str, Any], key: str, at: Path_) -> int | None:
        value = table.get(key)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
            raise self.wrong((*at, key), "an integer")
        return value

    def day(self, table: Mapping[str, Any], key: str, at: Path_) -> datetime.date | None:
        value = table.get(key)
        if value is None:
            return None
        # A datetime is a date, too; its time would mean another thing in each time zone.
        if type(value) is not datetime.date:
            raise self.wrong((*at, key), "a date without quotes, such as 2027-01-31")
        return value

    def platform(self, name: str, at: Path_) -> None:
        known = (*SUBDIRS, *FAMILIES)
        if name not in known:
            raise self._positions.unknown_key(*at[:-1], name, known=known, where="platforms")

    def rule(self, name: str, at: Path_) -> None:
        from pytest_pixipack.verify import all_rules

        known = [rule.name for rule in all_rules()]
        if name not in known and not name.endswith("-parse"):
            from pytest_pixipack.toml_positions import did_you_mean

            raise self._positions.value_error(
                f"There is no rule `{name}`.",
                *at,
                remedy=did_you_mean(name, known) or "`pixipack rules` lists them.",
            )

    def version(self, text: str, at: Path_) -> None:
        from pytest_pixipack.matchers import IsVersion

        self._checked(IsVersion, text, at)

    def spec(self, text: str, at: Path_) -> None:
        from pytest_pixipack.matchers import IsSpec

        self._checked(IsSpec, text, at)

    def _can_be_told(self, text: str, at: Path_) -> None:
        """Refuses what only some layers know of a package: it would be ignored by the others."""
        from rattler import MatchSpec

        brackets = MatchSpec(text).to_canonical_string().partition("[")[2]
        asked = [match[1] for match in _IN_BRACKETS.finditer(brackets)]
        strange = [field for field in asked if field not in _OF_EVERY_LAYER]
        if strange:
            raise self._positions.value_error(
                f"{text!r} asks for the {strange[0]} of a package, which not every layer knows.",
                *at,
                remedy="Name the package, its version, build, build number or subdir.",
            )

    def _checked(self, matcher: Callable[[str], object], text: str, at: Path_) -> None:
        try:
            matcher(text)
        except ValueError as error:
            message = str(error).rstrip(".").replace("\n", " ")
            raise self._positions.value_error(f"{message}.", *at) from None
