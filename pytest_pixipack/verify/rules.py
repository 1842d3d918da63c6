"""Rules and the registry that holds them."""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.verify.findings import SEVERITIES, Finding, Severity

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint
    from pathlib import Path

    from pytest_pixipack.facts import PackageFacts
    from pytest_pixipack.verify.subject import Subject

ENTRY_POINTS = "pytest_pixipack.rules"
_NAME = re.compile(r"[a-z]+(-[a-z0-9]+)+")

# What a rule looks at, in the order in which one explains another: where something is missing, its
# fields and digests are no news.
UNSAFE, UNREADABLE, PRESENCE, FIELD, PATHS, DIGEST, REST = range(7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What a rule's check yields; the rule adds its name, layers, severity and remedy.

    The fields are those of `Finding`.
    """

    message: str
    environment: str | None = None
    platform: str | None = None
    package: str | None = None
    version: str | None = None
    field: str | None = None
    expected: Any = None
    actual: Any = None
    file: str | None = None
    line: int | None = None
    cause: str | None = None
    evidence: str | None = None
    remedy: str | None = None
    severity: Severity | None = None
    layers: tuple[str, ...] | None = None
    about: tuple[str, ...] = ()


def problem_of(
    subject: Subject, layer: Path, message: str, facts: PackageFacts | None = None, **more: Any
) -> Problem:
    """A problem with the pack or prefix at `layer`, of a package where `facts` are given; `more`
    are other fields, or other values.
    """
    values: dict[str, Any] = {
        "environment": subject.environment if subject.lock is not None else None,
        "platform": subject.platform,
        "package": facts.name if facts else None,
        "version": facts.version if facts else None,
        "file": str(layer),
    }
    return Problem(message=message, **{**values, **more})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One agreement between layers.

    `name` is kebab-case and begins with the layer that is at fault; `layers` are those that have
    to be given for the rule to be checked; `title` says what holds, `damage` what breaks it, and
    `check` yields what breaks it in a subject. `rank` is one of the constants of this module.
    `consequence_of` names rules: where one of them found something about the same package in the
    same environment and platform, of no lesser severity, this rule's finding is a consequence and
    is not reported.
    """

    name: str
    layers: tuple[str, ...]
    severity: Severity
    title: str
    damage: tuple[str, ...]
    remedy: str
    check: Callable[[Subject], Iterable[Problem]]
    description: str = ""
    rank: int = FIELD
    consequence_of: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r} is no name for a rule: it has to be kebab-case.")

    def run(self, subject: Subject) -> Iterator[Finding]:
        """The rule's findings about a subject."""
        for problem in self.check(subject):
            yield Finding(
                rule=self.name,
                severity=problem.severity or self.severity,
                layers=problem.layers or self.layers,
                message=problem.message,
                environment=problem.environment,
                platform=problem.platform,
                package=problem.package,
                version=problem.version,
                field=problem.field,
                expected=problem.expected,
                actual=problem.actual,
                file=problem.file,
                line=problem.line,
                cause=problem.cause,
                evidence=problem.evidence,
                remedy=problem.remedy or self.remedy,
                about=problem.about,
            )


@dataclass(slots=True)
class Registry:
    """Rules by name, in the order in which they were added."""

    _rules: dict[str, Rule] = field(default_factory=dict)

    def add(self, rule: Rule) -> Rule:
        """Adds a rule. Raises `InvalidInput` where there is one of that name."""
        if rule.name in self._rules:
            raise InvalidInput(
                f"There are two rules with the name {rule.name}.",
                remedy="Give a rule of your own a name of its own.",
            )
        self._rules[rule.name] = rule
        return rule

    def extend(self, rules: Iterable[Rule]) -> None:
        """Adds several rules."""
        for rule in rules:
            self.add(rule)

    def __iter__(self) -> Iterator[Rule]:
        return iter(self._rules.values())

    def __len__(self) -> int:
        return len(self._rules)

    def __contains__(self, name: object) -> bool:
        return name in self._rules

    def __getitem__(self, name: str) -> Rule:
        """The rule of a name. Raises `InvalidInput` with a suggestion where there is none."""
        if name not in self._rules:
            close = difflib.get_close_matches(name, self._rules, n=1)
            raise InvalidInput(
                f"There is no rule {name}.",
                remedy=f"Did you mean {close[0]}?" if close else "See `pixipack rules`.",
            )
        return self._rules[name]


def builtin_registry() -> Registry:
    """A new registry with the rules of this package alone."""
    from pytest_pixipack.verify.catalogue import builtin_rules

    registry = Registry()
    registry.extend(builtin_rules())
    return registry


def default_registry() -> Registry:
    """A new registry with the rules of this package and those of installed extensions.

    An entry point of the group `pytest_pixipack.rules` names a `Rule`, or a function that takes the
    `Registry`. Raises `InvalidInput` for one that cannot be loaded.
    """
    registry = builtin_registry()
    for point in _extensions(tuple(sys.path)):
        try:
            loaded = point.load()
            if isinstance(loaded, Rule):
                registry.add(loaded)
            else:
                loaded(registry)
        except InvalidInput:
            raise
        except Exception as error:
            raise InvalidInput(
                f"The extension {point.name} ({point.value}) cannot add its rules: {error}.",
                remedy="Uninstall it, or install a version that fits.",
            ) from error
    return registry


@lru_cache(maxsize=4)
def _extensions(path: tuple[str, ...]) -> tuple[EntryPoint, ...]:  # noqa: ARG001 - the cache's key
    """The entry points of extensions on `path`, which is `sys.path`.

    Finding them reads the metadata of every installed package, and each run of rules asks for them.
    """
    from importlib.metadata import entry_points

    return tuple(sorted(entry_points(group=ENTRY_POINTS), key=lambda p: (p.name, p.value)))


def all_rules() -> tuple[Rule, ...]:
    """All rules, those of extensions included."""
    return tuple(default_registry())


def nothing(_subject: Subject) -> tuple[Problem, ...]:
    """The check of a rule for what is found while a layer is read, before there is one."""
    return ()


def without_consequences(findings: Iterable[Finding], registry: Registry) -> list[Finding]:
    """The findings without those that another finding explains.

    What explains an error is an error itself: leaving out a consequence never makes a failed run
    pass.
    """
    listed = list(findings)
    # Rule, environment, platform and package -> the gravest severity, as an index.
    gravest: dict[tuple[str, str | None, str | None, str], int] = {}
    for finding in listed:
        for subject in finding.subjects:
            key = (finding.rule, finding.environment, finding.platform, subject)
            severity = SEVERITIES.index(finding.severity)
            gravest[key] = min(severity, gravest.get(key, severity))

    def explained(finding: Finding) -> bool:
        if finding.rule not in registry:
            return False
        severity = SEVERITIES.index(finding.severity)
        keys = (
            (cause, finding.environment, finding.platform, subject)
            for cause in registry[finding.rule].consequence_of
            for subject in finding.subjects
        )
        return any(gravest.get(key, len(SEVERITIES)) <= severity for key in keys)

    return [finding for finding in listed if not explained(finding)]
