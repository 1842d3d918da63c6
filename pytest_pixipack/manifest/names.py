"""Names of environments."""

from __future__ import annotations

import re

from pytest_pixipack.manifest.reader import Table

_ENVIRONMENT = re.compile(r"[a-z0-9-]+")


def environment_name_remedy(name: str) -> str | None:
    """How to spell the name of an environment, or None where it can stay."""
    if _ENVIRONMENT.fullmatch(name):
        return None
    better = re.sub(r"[^a-z0-9-]+", "-", name.lower()).strip("-")
    example = f", for example `{better}`." if better else "."
    return f"Use only lower-case letters, digits and `-`{example}"


def check_environment_name(table: Table, key: str) -> None:
    """Raises `InvalidInput` where the text under a key cannot name an environment."""
    name = table.need_string(key)
    if remedy := environment_name_remedy(name):
        raise table.error(f"`{name}` cannot be the name of an environment.", key, remedy=remedy)
