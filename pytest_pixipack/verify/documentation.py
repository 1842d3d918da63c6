"""The documentation of the rules, made from the registry."""

from __future__ import annotations

from collections.abc import Iterable

from pytest_pixipack.verify.rules import Rule

_LAYERS = {
    "lock": "Manifest and lock",
    "artifact": "Artifacts",
    "pack": "Packs",
    "prefix": "Prefixes",
}
_HEAD = """\
# Rules

Each rule is one agreement: within a layer, or between one and those before it. `pixipack check`
compares a manifest with its lock, `pixipack verify` whatever layers are given; a rule runs where
all layers that it needs are there.

An error makes the run fail, a warning only with `--strict`, a note never. In `check`, an error is
what pixi itself calls out of date; what goes beyond that is a warning.

A consequence is not reported beside its cause: where a package is missing, nothing is said about
its fields, and a digest speaks only where nothing else explains that it differs. What explains an
error is always an error itself, so that nothing passes because something was left out.
"""


def rules_markdown(rules: Iterable[Rule]) -> str:
    """`docs/rules.md`: every rule, and for each kind of damage the rule that speaks."""
    listed = list(rules)
    parts = [_HEAD]
    for layer, title in _LAYERS.items():
        parts.append(f"## {title}\n")
        parts += [_rule(rule) for rule in listed if rule.name.partition("-")[0] == layer]
    parts.append("## Which rule speaks\n")
    parts.append("| damage | rule |\n|---|---|")
    rows = [f"| {damage} | `{rule.name}` |" for rule in listed for damage in rule.damage]
    return "\n".join(parts) + "\n" + "\n".join(rows) + "\n"


def _rule(rule: Rule) -> str:
    lines = [
        f"### `{rule.name}`\n",
        f"{_sentence(rule.title)} ({rule.severity}; needs {' and '.join(rule.layers)})",
    ]
    if rule.description:
        lines.append(rule.description)
    lines.append(f"\nRemedy: {rule.remedy}.")
    if rule.consequence_of:
        causes = ", ".join(f"`{name}`" for name in rule.consequence_of)
        lines.append(f"\nSilent where it follows from {causes}.")
    return "\n".join(lines) + "\n"


def _sentence(title: str) -> str:
    return f"{title[:1].upper()}{title[1:]}."
