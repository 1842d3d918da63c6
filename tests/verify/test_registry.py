"""Rules are registered by name, and no two of them explain each other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.verify import Finding, Problem, Registry, Rule, Subject, all_rules, verify
from pytest_pixipack.verify.rules import builtin_registry, without_consequences
from tests.verify.conftest import PLATFORM, Layers

LAYERS = ("manifest", "lock", "artifact", "pack", "prefix")


def no_gpl(subject: Subject) -> list[Problem]:
    return [
        Problem(message=f"{a.facts.name} has no license.", package=a.facts.name)
        for a in subject.artifacts
        if a.facts.license is None
    ]


RULE = Rule(
    name="artifact-license",
    layers=("artifact",),
    severity="warning",
    title="artifacts have a license",
    damage=("no license",),
    remedy="Add one",
    check=no_gpl,
)


def test_the_rules_of_the_design_are_there() -> None:
    names = {rule.name for rule in all_rules()}
    assert {
        "lock-spec", "lock-depends", "lock-unused", "artifact-identity", "artifact-depends",
        "pack-missing", "pack-closure", "prefix-files", "prefix-clobber",
    } <= names  # fmt: skip


# What no layer of its own asks for: expectations, and packability on demand.
ON_DEMAND = ({"expectation"}, {"packability"})


def test_rules_name_layers_that_exist() -> None:
    for rule in builtin_registry():
        if set(rule.layers) in ON_DEMAND:
            continue
        assert set(rule.layers) <= set(LAYERS)
        assert rule.name.partition("-")[0] in LAYERS
        assert rule.layers[-1] == rule.name.partition("-")[0]


def test_causes_are_rules_and_nothing_explains_itself() -> None:
    registry = builtin_registry()

    def causes(name: str) -> set[str]:
        found: set[str] = set()
        queue = list(registry[name].consequence_of)
        while queue:
            cause = queue.pop()
            if cause not in found:
                found.add(cause)
                queue += registry[cause].consequence_of
        return found

    for rule in registry:
        assert rule.name not in causes(rule.name)


def test_a_rule_of_ones_own_is_checked(good: Layers) -> None:
    registry = Registry()
    registry.add(RULE)
    report = verify(artifacts=good.artifacts, platform=PLATFORM, registry=registry)
    assert report.checked == ("artifact-license",)
    assert {finding.package for finding in report.findings} == {"app", "lib"}
    assert report.ok
    assert not report.with_strict().ok


def test_a_name_is_taken_once() -> None:
    registry = builtin_registry()
    with pytest.raises(InvalidInput, match="two rules with the name artifact-paths"):
        registry.add(replace(RULE, name="artifact-paths"))


def test_an_unknown_name_gets_a_suggestion() -> None:
    with pytest.raises(InvalidInput) as caught:
        builtin_registry()["artifact-path"]
    assert caught.value.remedy == "Did you mean artifact-paths?"


def test_names_are_kebab_case() -> None:
    with pytest.raises(ValueError, match="kebab-case"):
        replace(RULE, name="Artifact License")


def finding(rule: str, severity: str, package: str, **more: str) -> Finding:
    return Finding(
        rule=rule,
        severity=severity,  # type: ignore[arg-type]
        layers=("pack",),
        message=f"{rule} is broken.",
        package=package,
        **more,  # type: ignore[arg-type]
    )


def test_a_consequence_is_left_out() -> None:
    cause, consequence = (finding(r, "error", "a") for r in ("pack-missing", "pack-digest"))
    assert without_consequences([cause, consequence], builtin_registry()) == [cause]


@pytest.mark.parametrize(
    "cause",
    [
        pytest.param(finding("pack-missing", "error", "b"), id="other package"),
        pytest.param(finding("pack-missing", "error", "a", platform="x"), id="other platform"),
        pytest.param(finding("pack-missing", "warning", "a"), id="lesser severity"),
        pytest.param(finding("pack-wheels", "error", "a"), id="other rule"),
    ],
)
def test_what_is_no_cause_hides_nothing(cause: Finding) -> None:
    other = finding("pack-digest", "error", "a")
    assert without_consequences([cause, other], builtin_registry()) == [cause, other]
