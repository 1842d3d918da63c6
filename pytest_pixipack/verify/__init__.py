"""Rules across the layers: does what lock, artifacts, pack and prefix say agree?

report = check_lock(manifest, lock)                      manifest against lock
report = verify(lock=lock, artifacts=[...], pack=pack)   whatever layers are given
report.raise_for_findings()
"""

from __future__ import annotations

from pytest_pixipack.verify.check import check_lock, check_lock_file, verify
from pytest_pixipack.verify.findings import CAUSES, Finding, FindingsError
from pytest_pixipack.verify.metadata import backend_metadata
from pytest_pixipack.verify.render import render
from pytest_pixipack.verify.report import Report
from pytest_pixipack.verify.rules import Problem, Registry, Rule, all_rules, default_registry
from pytest_pixipack.verify.subject import Subject

__all__ = [
    "CAUSES",
    "Finding",
    "FindingsError",
    "Problem",
    "Registry",
    "Report",
    "Rule",
    "Subject",
    "all_rules",
    "backend_metadata",
    "check_lock",
    "check_lock_file",
    "default_registry",
    "render",
    "verify",
]
