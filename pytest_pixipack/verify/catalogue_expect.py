"""Rules that run on demand: those of expectations (`--expect`), and packability (`--packable`)."""

from __future__ import annotations

from pytest_pixipack.verify.rules import FIELD, PRESENCE, REST, Rule, nothing

_EXPECTATION = ("expectation",)

EXPECT_RULES = (
    Rule(
        name="lock-packable",
        layers=("packability",),
        severity="error",
        title="everything that is locked can be packed (only with `check --packable`)",
        damage=("a PyPI package is locked to a source distribution, a directory or a repository",
                "the lock has no digest of a package, or it comes from a directory of one machine"),
        remedy="Depend on a release that has a wheel, or build one and inject it",
        check=nothing,
        rank=PRESENCE,
    ),
    Rule(
        name="expect-package",
        layers=_EXPECTATION,
        severity="error",
        title="a package that is expected is there, and is as expected",
        damage=("a package of the expectations is not there, or has another version, build or "
                "file",),
        remedy="Correct the package, or the expectation",
        check=nothing,
        rank=PRESENCE,
    ),
    Rule(
        name="expect-forbidden",
        layers=_EXPECTATION,
        severity="error",
        title="no package is there that the expectations forbid",
        damage=("a forbidden package came in, as a dependency or by itself",),
        remedy="Find out what needs it",
        check=nothing,
        rank=FIELD,
    ),
    Rule(
        name="expect-known",
        layers=_EXPECTATION,
        severity="error",
        title="a finding that is known is still found, and its date has not passed",
        damage=("a known finding is gone, or has expired",),
        remedy="Remove it from the expectations, or mend what it is about",
        check=nothing,
        rank=REST,
    ),
)  # fmt: skip
