"""Dependencies as they travel between pixi and a backend."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pytest_pixipack.backend import reading as read

SpecKind = Literal["binary", "source", "pinCompatible", "pinSubpackage"]
SPEC_KINDS: tuple[SpecKind, ...] = ("binary", "source", "pinCompatible", "pinSubpackage")


@dataclass(frozen=True, slots=True)
class NamedSpec:
    """A dependency as it travels: `{"name": ..., <kind>: {<fields>}}`, field names in camelCase."""

    name: str
    kind: SpecKind = "binary"
    fields: Mapping[str, Any] = field(default_factory=dict)
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def written_name(self) -> str:
        """The name as it came, capitals included; a lock keeps them for source packages."""
        return str(self.raw.get("name") or self.name)

    @property
    def version(self) -> str | None:
        """The version spec of a binary or source dependency, where it has one."""
        return self.fields.get("version")

    @property
    def is_source(self) -> bool:
        """Whether this names a package that is built from source."""
        return self.kind == "source"

    @property
    def location(self) -> Mapping[str, Any] | None:
        """Of a source dependency: `{"path": {...}}`, `{"git": {...}}` or `{"url": {...}}`."""
        for key in ("path", "git", "url"):
            if self.is_source and isinstance(self.fields.get(key), Mapping):
                return {key: self.fields[key]}
        return None

    @classmethod
    def from_json(cls, value: object, where: str = "dependency") -> NamedSpec:
        """Reads one entry of a list of dependencies."""
        table = read.table(value, where)
        kinds = [kind for kind in SPEC_KINDS if table.get(kind) is not None]
        if len(kinds) != 1:
            raise read.bad(where, f"needs exactly one of {', '.join(SPEC_KINDS)}")
        name = read.name(table, "name", where)
        fields = read.table(table[kinds[0]], f"{where}.{kinds[0]}")
        version = fields.get("version")
        if version is not None and not isinstance(version, str):
            raise read.bad(f"{where}.{kinds[0]}.version", "has to be a string")
        if kinds[0] == "source" and not any(fields.get(k) for k in ("path", "git", "url")):
            raise read.bad(f"{where}.source", "needs a path, git or url")
        return cls(name, kinds[0], dict(fields), dict(table))

    def to_json(self) -> dict[str, Any]:
        """The entry as a backend writes it."""
        return {**self.raw, "name": self.written_name, self.kind: dict(self.fields)}


def specs_from_json(value: object, where: str) -> tuple[NamedSpec, ...]:
    """Reads a list of dependencies; `where` names it in errors."""
    items = read.items(value, where)
    return tuple(NamedSpec.from_json(v, f"{where}[{i}]") for i, v in enumerate(items))


def specs_to_json(specs: tuple[NamedSpec, ...]) -> list[dict[str, Any]]:
    """The list as a backend writes it."""
    return [spec.to_json() for spec in specs]


@dataclass(frozen=True, slots=True)
class Dependencies:
    """The dependencies and constraints of one environment."""

    depends: tuple[NamedSpec, ...] = ()
    constraints: tuple[NamedSpec, ...] = ()
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def from_json(cls, value: object, where: str = "dependencies") -> Dependencies:
        """Reads the object; null, which the protocol allows, is no dependencies at all."""
        if value is None:
            return cls()
        table = read.table(value, where)
        return cls(
            specs_from_json(table.get("depends") or [], f"{where}.depends"),
            specs_from_json(table.get("constraints") or [], f"{where}.constraints"),
            dict(table),
        )

    def to_json(self) -> dict[str, Any]:
        """The object as a backend writes it."""
        return {
            **self.raw,
            "depends": specs_to_json(self.depends),
            "constraints": specs_to_json(self.constraints),
        }

    def __bool__(self) -> bool:
        return bool(self.depends or self.constraints)


NOTHING = Dependencies()
