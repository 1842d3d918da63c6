"""docs/rules.md is made from the registry: `python -m tests.verify.test_rules_documentation`."""

from __future__ import annotations

from pathlib import Path

from pytest_pixipack.verify.documentation import rules_markdown
from pytest_pixipack.verify.rules import builtin_registry

DOCUMENT = Path(__file__).parents[2] / "docs" / "rules.md"


def test_the_document_is_that_of_the_registry() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == rules_markdown(builtin_registry())


def test_every_damage_has_one_rule() -> None:
    damages = [damage for rule in builtin_registry() for damage in rule.damage]
    assert len(damages) == len(set(damages))


if __name__ == "__main__":
    DOCUMENT.write_bytes(rules_markdown(builtin_registry()).encode())
