"""What a failed test says beyond its traceback."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest

from pytest_pixipack.errors import PixipackError
from pytest_pixipack.plugin.fixtures import FAILED, KEPT

_LABELS = {
    "infrastructure": "infrastructure failure (nothing is known about the product)",
    "unsupported": "unsupported by the engine",
}


# How the reasons begin for which the plugin itself skips a test.
_OUR_SKIPS = ("unsupported: the system engine", "needs the network (--pixipack-network)")


def write_skips(terminal: Any, reports: Iterable[pytest.TestReport]) -> None:
    """Each reason for which the plugin skipped tests, once, with their number."""
    reasons: Counter[str] = Counter()
    for report in reports:
        if isinstance(report.longrepr, tuple) and not hasattr(report, "pixipack"):
            reason = str(report.longrepr[2]).removeprefix("Skipped: ")
            if reason.startswith(_OUR_SKIPS):
                reasons[reason] += 1
    if not reasons:
        return
    terminal.ensure_newline()
    terminal.section("pixi-pack: skipped tests", sep="-")
    for reason, number in sorted(reasons.items()):
        terminal.write_line(f"{number} test{'' if number == 1 else 's'}: {reason}")


def describe_failure(
    item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport
) -> None:
    """Adds sections to the report of a failed phase, and marks its directories to be kept."""
    item.stash[FAILED] = True
    error = call.excinfo.value if call.excinfo is not None else None
    if isinstance(error, PixipackError) and error.outcome in _LABELS:
        report.sections.append((f"pixi-pack: {_LABELS[error.outcome]}", str(error)))
    for directory in item.stash.get(KEPT, ()):
        if any(directory.iterdir()):
            report.sections.append(("pixi-pack: kept", str(directory)))
