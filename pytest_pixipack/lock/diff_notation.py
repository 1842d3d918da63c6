"""How two locks that say the same are written: order, unused entries, comments, white space."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

from pytest_pixipack.lock.diff_model import LockChange
from pytest_pixipack.lock.model import Lock
from pytest_pixipack.lock.writer import used_packages


def notation_changes(left: Lock, right: Lock, meaning: Sequence[LockChange]) -> list[LockChange]:
    """What differs beside the `meaning`, of which all differences are known.

    Only looked at where the meaning is the same, but for order: any other difference changes
    texts, and leaves entries that nothing refers to.
    """
    if any(change.kind != "order-only" for change in meaning):
        return []
    found = []
    first, second = _unused(left), _unused(right)
    if first != second:
        sides = (first or None, second or None)
        return [LockChange(None, None, None, "unused entries", *sides, "metadata")]
    if _order(left) != _order(right):
        sides_of_order = (_order(left), _order(right))
        found.append(
            LockChange(None, None, None, "order of the entries", *sides_of_order, "order-only")
        )
    if left.text is not None and right.text is not None and left.text != right.text:
        found += _texts(left.text, right.text, ordered=bool(meaning or found))
    return found


def _texts(left: str, right: str, *, ordered: bool) -> list[LockChange]:
    """Two texts with one meaning; `ordered` says that an order is known to differ."""
    first, second = _document(left), _document(right)
    same_order = repr(first) == repr(second)
    if _is_plain(left, first) != _is_plain(right, second) or (same_order and not ordered):
        return [LockChange(None, None, None, "notation", *_notations(left, right), "metadata")]
    if not same_order and not ordered:
        sides = _first_lines(left, right)
        return [LockChange(None, None, None, "order of keys", *sides, "order-only")]
    return []


def _notations(left: str, right: str) -> tuple[str, str]:
    if _unix(left) == _unix(right):
        return _line_ends(left), _line_ends(right)
    return _first_lines(left, right)


def _first_lines(left: str, right: str) -> tuple[str, str]:
    """The first lines that are not the same, with their number."""
    lines = zip_longest(left.splitlines(), right.splitlines(), fillvalue="")
    for number, (old, new) in enumerate(lines, 1):
        if old != new:
            return f"line {number}: {old.strip()}", f"line {number}: {new.strip()}"
    return "with a line end" if left.endswith("\n") else "without a line end", (
        "with a line end" if right.endswith("\n") else "without a line end"
    )


def _line_ends(text: str) -> str:
    return "line ends of Windows" if "\r\n" in text else "line ends of Unix"


def _unix(text: str) -> str:
    return text.replace("\r\n", "\n")


def _document(text: str) -> Any:
    from pytest_pixipack.lock.yaml import load_yaml

    return load_yaml(text)


def _is_plain(text: str, document: Any) -> bool:
    """Whether a text is written as pixi would write its keys in this order."""
    from pytest_pixipack.lock.yaml import dump_yaml

    return dump_yaml(document) == text


def _unused(lock: Lock) -> list[str]:
    used = {package.identifier for package in used_packages(lock)}
    return sorted({package.identifier for package in lock.packages} - used)


def _order(lock: Lock) -> list[Any]:
    """Everything whose order a lock file fixes but nobody depends on."""
    return [
        [platform.name for platform in lock.platforms],
        [package.identifier for package in lock.packages],
        [
            (name, platform, [package.identifier for package in packages])
            for name, environment in lock.environments.items()
            for platform, packages in environment.packages.items()
        ],
        [[package.build_packages, package.host_packages] for package in lock.packages],
    ]
