"""YAML 1.2 as pixi reads and writes it, through ryaml (serde_yaml).

YAML 1.1 libraries would read `on` as a boolean and `1:30` as a number, and would quote and wrap in
other places.
"""

from __future__ import annotations

import io
from typing import Any


def load_yaml(text: str) -> Any:
    """The value in a text. Raises `ValueError` with line and column where it is no YAML."""
    import ryaml

    return ryaml.load(io.StringIO(text))


def dump_yaml(value: Any) -> str:
    """The text of a value made of mappings, lists, texts, numbers, booleans and None."""
    import ryaml

    stream = io.StringIO()
    ryaml.dump(stream, value)
    return stream.getvalue()
