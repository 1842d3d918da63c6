"""The tables of a package's manifest that apply to a platform."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pytest_pixipack.facts import VariantValue
from pytest_pixipack.manifest import DependencyTables, Package, Spec


@dataclass(frozen=True, slots=True)
class Applicable:
    """The dependency tables whose condition holds, the unconditional one first."""

    tables: tuple[DependencyTables, ...]

    def specs(self, kind: str) -> tuple[Spec, ...]:
        """The specs of `build`, `host`, `run` or `run_constraints`, in the order of the tables."""
        return tuple(spec for table in self.tables for spec in getattr(table, kind).values())

    def groups(self, kind: str) -> Iterator[tuple[str, tuple[Spec, ...]]]:
        """The specs of `extra` or `run_exports` by group or bucket."""
        names = dict.fromkeys(name for table in self.tables for name in getattr(table, kind))
        for name in names:
            found = [getattr(table, kind).get(name, {}).values() for table in self.tables]
            yield name, tuple(spec for specs in found for spec in specs)


def applicable(package: Package, subdir: str, variants: Mapping[str, VariantValue]) -> Applicable:
    """The tables that apply where the package is built on and for `subdir`.

    Raises `BackendError` for a condition that cannot be evaluated.
    """
    return Applicable(
        tuple(
            table
            for condition, table in package.tables.items()
            if condition is None or _holds(condition, subdir, variants)
        )
    )


def _holds(condition: str, subdir: str, variants: Mapping[str, VariantValue]) -> bool:
    # Only here, because few packages have conditions and evaluating them is heavy.
    from pytest_pixipack.backend.conditions import evaluate

    known = {key: value for key, value in variants.items() if key != "target_platform"}
    return evaluate(condition, subdir, subdir, known)
