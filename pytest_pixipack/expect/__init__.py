"""Expectations in TOML: what layers have to hold, for test suites in any language.

expectations = load_expectations(path)
report = with_expectations(report, expectations, layers)   -> findings added; known ones are notes
"""

from __future__ import annotations

from pytest_pixipack.expect.apply import Layer, expected_findings, with_expectations
from pytest_pixipack.expect.load import load_expectations
from pytest_pixipack.expect.model import (
    Expectations,
    ExpectedPackage,
    ForbiddenPackage,
    KnownFinding,
)

__all__ = [
    "Expectations",
    "ExpectedPackage",
    "ForbiddenPackage",
    "KnownFinding",
    "Layer",
    "expected_findings",
    "load_expectations",
    "with_expectations",
]
