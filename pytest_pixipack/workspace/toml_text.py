"""Writing manifests with tomlkit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def toml_text(document: Mapping[str, Any]) -> str:
    """The TOML text of a mapping; keys keep their order, nested tables become tables.

    Raises `TypeError` for a value that TOML has no form for.
    """
    import tomlkit

    try:
        return tomlkit.dumps(document)
    except tomlkit.exceptions.ConvertError as error:
        raise TypeError(f"A manifest cannot hold this value: {error}.") from error
