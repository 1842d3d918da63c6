"""A channel may patch its repodata: without a lock, nobody knows whether a record was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.verify.conftest import Layers
from tests.verify.shipped import repodata, with_artifacts
from tests.verify.test_broken_prefixes import edit

FILE = "tool-2.0.1-h2_3.conda"


def patch(**changes: Any) -> Any:
    """An edit of the record of `tool` in a directory pack."""
    return lambda folder: repodata(folder, lambda c: c["packages.conda"][FILE].update(changes))


@pytest.mark.parametrize(
    "changes",
    [{"depends": ["python >=3.12"]}, {"constrains": []}, {"license": "other"}],
    ids=["depends", "constrains", "license"],
)
def test_a_record_and_the_package_itself(changes: dict[str, Any], shipped: Layers) -> None:
    (field,) = changes
    broken = with_artifacts(shipped).with_pack(patch(**changes))
    (finding,) = broken.verify("artifacts", "pack").findings
    assert (finding.rule, finding.field, finding.severity) == ("pack-repodata", field, "note")
    (finding,) = broken.verify("manifest", "lock", "artifacts", "pack").findings
    assert (finding.rule, finding.field, finding.severity) == ("pack-repodata", field, "error")


@pytest.mark.parametrize("changes", [{"build_number": 4}, {"subdir": "osx-64"}, {"size": 5}])
def test_no_patch_changes_what_the_file_is(changes: dict[str, Any], shipped: Layers) -> None:
    broken = with_artifacts(shipped).with_pack(patch(**changes))
    found = broken.verify("artifacts", "pack").findings
    assert [each.severity for each in found] == ["error"]


def test_an_installed_record_and_the_package_itself(shipped: Layers) -> None:
    def change(prefix: Path) -> None:
        edit(prefix, "tool", depends=["python >=3.12", "old <1", "data"])

    broken = with_artifacts(shipped).with_prefix(change)
    (finding,) = broken.verify("artifacts", "prefix").findings
    assert (finding.rule, finding.field, finding.severity) == ("prefix-record", "depends", "note")
    # What was packed, and what was locked, is known.
    (finding,) = broken.verify("artifacts", "pack", "prefix").findings
    assert (finding.severity, finding.layers) == ("error", ("pack", "prefix"))
    (finding,) = broken.verify("manifest", "lock", "artifacts", "prefix").findings
    assert (finding.severity, finding.layers) == ("error", ("lock", "prefix"))
