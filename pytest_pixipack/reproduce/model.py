"""What an experiment finds: which conditions make a difference, where, how much, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_pixipack.compare.model import VERDICTS, Comparison, Difference, Verdict
from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.reproduce.sometimes import Counts

# In the place of a variation: what differs although nothing was changed.
RANDOM = "random"


@dataclass(frozen=True, slots=True)
class Attributed:
    """A difference and what makes it.

    `variations` are the conditions that have to change together for it; none where it comes and
    goes by itself (`cause` is then `random`) or where too few builds were left to find out
    (`resolved` is false). `claimed` is the cause that the comparison named, `cause` the one that
    the experiment leaves; where the two do not go together, `agrees` is false and both are shown.
    `seen` counts the builds in which it was seen, where it comes and goes and was in no build as
    usual; with the cause `random`, `variations` are then those without which it was never seen.
    """

    difference: Difference
    variations: tuple[str, ...]
    claimed: str | None
    cause: str | None
    agrees: bool = True
    resolved: bool = True
    seen: Counts | None = None

    @property
    def comes_and_goes(self) -> bool:
        """Whether it is only seen with the variations, and not each time."""
        return self.cause == RANDOM and bool(self.variations)

    def to_json(self) -> dict[str, Any]:
        """One entry of `differences`."""
        return {
            **self.difference.to_json(),
            "cause": self.cause,
            "claimed": self.claimed,
            "agrees": self.agrees,
            "variations": list(self.variations),
            "resolved": self.resolved,
            "seen": self.seen and self.seen.to_json(),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Attributed:
        """The reverse of `to_json`."""
        return cls(
            _difference({**value, "cause": value["claimed"]}),
            tuple(value["variations"]),
            value["claimed"],
            value["cause"],
            value["agrees"],
            value["resolved"],
            Counts.from_json(value["seen"]) if value.get("seen") else None,
        )


@dataclass(frozen=True, slots=True)
class VariationResult:
    """One variation: whether it took effect, and what differs through it.

    `reason` says why it was not applied, or what of it was left out. `with_others` are those that
    have to be changed at the same time. `told` is whether all that it could change was to be seen;
    else there are places that differ each time (`Reproduction.hidden`), and it may be behind them,
    or behind what comes and goes.
    """

    name: str
    applied: bool
    reason: str | None = None
    verdict: Verdict | None = None
    causes: tuple[str, ...] = ()
    with_others: tuple[str, ...] = ()
    told: bool = True

    def to_json(self) -> dict[str, Any]:
        """One entry of `variations`; `verdict` is null where it was not applied."""
        return {
            "name": self.name,
            "applied": self.applied,
            "reason": self.reason,
            "verdict": self.verdict,
            "causes": list(self.causes),
            "with": list(self.with_others),
            "told": self.told,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> VariationResult:
        """The reverse of `to_json`."""
        return cls(
            value["name"],
            value["applied"],
            value["reason"],
            value["verdict"],
            tuple(value["causes"]),
            tuple(value["with"]),
            value.get("told", True),
        )


@dataclass(frozen=True, slots=True)
class Target:
    """One thing that was built again and again: a package or the pack, by its file name."""

    name: str
    layer: str
    comparison: Comparison

    def to_json(self) -> dict[str, Any]:
        """One entry of `targets`: a document of `pixipack compare`."""
        return {"name": self.name, "layer": self.layer, **self.comparison.to_json()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Target:
        """The reverse of `to_json`."""
        found = (_difference(each) for each in value["differences"])
        return cls(value["name"], value["layer"], Comparison.of(found))


@dataclass(frozen=True, slots=True)
class Reproduction:
    """The result of an experiment.

    `platform` and `environment` say what was built, `builds` is the number of builds, `most` how
    many were allowed; `targets` are the packages and the pack; `record` is the provenance record of
    the usual build, if it was asked for. `hidden` are the places that are so restless that a
    condition could change something there without being seen.
    """

    workspace: Path
    environment: str
    platform: str
    targets: tuple[Target, ...]
    variations: tuple[VariationResult, ...]
    differences: tuple[Attributed, ...] = ()
    builds: int = 0
    most: int = 0
    record: Mapping[str, Any] | None = None
    hidden: tuple[tuple[str, ...], ...] = ()

    @property
    def verdict(self) -> Verdict:
        """The worst kind of difference; `identical` where there is none."""
        found = [VERDICTS.index(each.difference.kind) for each in self.differences]
        return VERDICTS[max(found, default=0)]

    @property
    def is_reproducible(self) -> bool:
        """Whether nothing differs."""
        return not self.differences

    @property
    def random(self) -> tuple[Attributed, ...]:
        """What differs although nothing was changed."""
        return tuple(each for each in self.differences if each.cause == RANDOM)

    @property
    def causes(self) -> tuple[str, ...]:
        """All causes, sorted."""
        return tuple(sorted({each.cause for each in self.differences if each.cause}))

    def variation(self, name: str) -> VariationResult:
        """The result of one variation. Raises `InvalidInput` for one that was not asked for."""
        found = {each.name: each for each in self.variations}
        if name not in found:
            raise InvalidInput(
                f"The variation `{name}` is not among those that were asked for.",
                remedy=f"There are: {', '.join(found)}.",
            )
        return found[name]

    def culprits(self) -> Mapping[tuple[str, ...], tuple[Attributed, ...]]:
        """What differs, by the conditions that make it."""
        found: dict[tuple[str, ...], list[Attributed]] = {}
        for each in self.differences:
            found.setdefault(each.variations, []).append(each)
        return {names: tuple(those) for names, those in found.items()}

    def tolerates(self, kind: Verdict) -> bool:
        """Whether no difference is worse than this. Raises `InvalidInput` for another word."""
        if kind not in VERDICTS:
            raise InvalidInput(
                f"`{kind}` is no verdict that could be tolerated.",
                remedy=f"There are: {', '.join(VERDICTS)}.",
            )
        return VERDICTS.index(self.verdict) <= VERDICTS.index(kind)

    def raise_for_differences(self, tolerate: Verdict = "identical") -> None:
        """Raises `AssertionError` with the report where something differs that is worse.

        Raises `InvalidInput` for a word that is no verdict.
        """
        __tracebackhide__ = True
        if not self.tolerates(tolerate):
            from pytest_pixipack.reproduce.report import report_lines

            raise AssertionError("\n".join(report_lines(self)))

    def to_json(self) -> dict[str, Any]:
        """The document of `pixipack reproduce` without `outcome`."""
        return {
            "workspace": str(self.workspace),
            "environment": self.environment,
            "platform": self.platform,
            "verdict": self.verdict,
            "builds": self.builds,
            "most_builds": self.most,
            "variations": [each.to_json() for each in self.variations],
            "differences": [each.to_json() for each in self.differences],
            "hidden": [list(where) for where in self.hidden],
            "targets": [each.to_json() for each in self.targets],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Reproduction:
        """The reverse of `to_json`."""
        return cls(
            Path(value["workspace"]),
            value["environment"],
            value["platform"],
            tuple(Target.from_json(each) for each in value["targets"]),
            tuple(VariationResult.from_json(each) for each in value["variations"]),
            tuple(Attributed.from_json(each) for each in value["differences"]),
            value["builds"],
            value["most_builds"],
            hidden=tuple(tuple(where) for where in value.get("hidden", ())),
        )


def _difference(value: Mapping[str, Any]) -> Difference:
    names = ("field", "kind", "left", "right", "cause")
    known = {name: value[name] for name in names}
    return Difference(tuple(value["where"]), **known, evidence=value.get("evidence"))


def worst(differences: Sequence[Attributed]) -> Verdict:
    """The worst kind among these; `identical` where there is none."""
    found = [VERDICTS.index(each.difference.kind) for each in differences]
    return VERDICTS[max(found, default=0)]
