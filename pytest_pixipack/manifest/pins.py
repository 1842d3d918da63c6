"""`pin-compatible` and `pin-subpackage` (pixi_spec/src/pin.rs)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pytest_pixipack.manifest.reader import Table
from pytest_pixipack.manifest.spec import Pin, Spec

PINS = ("pin-compatible", "pin-subpackage")
# pixi only counts the `x`, and takes dots anywhere.
_PIN_EXPRESSION = re.compile(r"\.*x[x.]*")


def read_pin(
    entry: Table, name: str, kind: str, *, allowed: Sequence[str], package_name: str | None
) -> Spec:
    """A dependency that is one of `PINS` (`kind`), if it is among those allowed.

    Raises `InvalidInput`.
    """
    if len(set(entry)) > 1:
        raise entry.error(
            f"`{kind}` cannot be combined with other keys.",
            remedy=f"Leave only `{kind}`; bounds and build go into its own table.",
        )
    if kind not in allowed:
        raise entry.error(
            f"`{kind}` cannot be used in this table.",
            kind,
            remedy="`pin-compatible` works in run and host dependencies and in run exports, "
            "`pin-subpackage` in run exports.",
        )
    own = package_name is not None and package_name.lower() == name
    if own and kind == "pin-compatible":
        raise entry.error(
            "`pin-compatible` cannot name the package itself.",
            kind,
            remedy="Use `pin-subpackage` in `[package.run-exports]` for that.",
        )
    if package_name is not None and not own and kind == "pin-subpackage":
        raise entry.error(
            f"`pin-subpackage` can only name the package itself, `{package_name}`.",
            kind,
            remedy=f"Use `pin-compatible` for `{name}`.",
        )
    return Spec(
        name=name,
        kind="pin-compatible" if kind == "pin-compatible" else "pin-subpackage",
        pin=_pin(entry, kind),
        written_name=str(entry.path[-1]),
        position=entry.at(),
    )


def _pin(entry: Table, kind: str) -> Pin:
    if entry.data[kind] is True:
        return Pin()
    if entry.data[kind] is False:
        raise entry.error(f"`{kind} = false` means nothing.", kind, remedy="Remove the entry.")
    table = entry.table(kind, f"`{kind}`")
    assert table is not None
    table.allow("lower-bound", "upper-bound", "exact", "build")
    if table.boolean("exact"):
        if len(set(table)) > 1:
            raise table.error("`exact = true` cannot be combined with bounds or a build.", "exact")
        return Pin(lower_bound=None, upper_bound=None, exact=True)
    bounds = {}
    for key in ("lower-bound", "upper-bound"):
        bound = table.string(key)
        if bound is not None and _PIN_EXPRESSION.fullmatch(bound):
            bound = ".".join("x" * bound.count("x"))
        elif bound is not None:
            bound = table.version(key)
        bounds[key] = bound
    default = Pin()
    return Pin(
        lower_bound=bounds["lower-bound"] or default.lower_bound,
        upper_bound=bounds["upper-bound"] or default.upper_bound,
        build=table.string("build"),
    )
