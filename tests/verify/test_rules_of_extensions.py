"""Installed packages add rules by entry points."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.verify import default_registry

MODULE = """
from pytest_pixipack.verify.rules import Rule

RULE = Rule(
    name="lock-colour", layers=("lock",), severity="note", title="locks are blue",
    damage=("a red lock",), remedy="Paint it.", check=lambda subject: (),
)
"""


def installed(site: Path, target: str) -> None:
    """A package with an entry point, as an installer leaves it."""
    info = site / "colours-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: colours\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[pytest_pixipack.rules]\ncolour = {target}\n")
    (site / "colours_of_locks.py").write_text(MODULE)


def test_a_rule_of_an_installed_package_is_in_the_registry(tmp_path, monkeypatch):
    assert "lock-colour" not in default_registry()
    installed(tmp_path, "colours_of_locks:RULE")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert default_registry()["lock-colour"].title == "locks are blue"


def test_an_extension_that_cannot_be_loaded_is_a_sentence(tmp_path, monkeypatch):
    installed(tmp_path, "colours_of_locks:NOTHING")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(InvalidInput, match=r"The extension colour .* cannot add its rules"):
        default_registry()
