"""Pins as bounds on a version that is known: `pin_subpackage` and `pin_compatible`.

Follows prefix-dev/pixi, `crates/pixi_command_dispatcher/src/build/pin_compatible.rs`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def pin_fields(pin: Mapping[str, Any], version: str, build: str | None) -> dict[str, Any]:
    """The fields of the binary dependency that a pin on this version and build means.

    `pin` has `lowerBound`, `upperBound`, `exact` and `build`, as on the wire.
    """
    if pin.get("exact"):
        return {"version": f"=={version}", "build": build}
    bounds = (_lower(pin.get("lowerBound"), version), _upper(pin.get("upperBound"), version))
    text = ",".join(bound for bound in bounds if bound) or "*"
    return {"version": text, **({"build": pin["build"]} if pin.get("build") else {})}


def _lower(bound: Any, version: str) -> str | None:
    match bound:
        case {"version": str(literal)}:
            return f">={literal}"
        case {"expression": str(expression)}:
            return f">={_kept(version, expression)}"
    return None


def _upper(bound: Any, version: str) -> str | None:
    match bound:
        case {"version": str(literal)}:
            return f"<{literal}"
        case {"expression": str(expression)}:
            # The first version that a user would call incompatible, its pre-releases included.
            return f"<{_kept(version, expression).bump_last().with_alpha()}"
    return None


def _kept(version: str, expression: str) -> Any:
    """The first segments of a version, as many as the expression has an `x`."""
    import rattler

    parsed = rattler.Version(version)
    surplus = parsed.segment_count - expression.count("x")
    shortened = parsed.pop_segments(surplus) if surplus > 0 else parsed
    return (shortened or parsed).remove_local()
