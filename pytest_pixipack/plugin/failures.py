"""What a failed test says beyond its traceback."""

from __future__ import annotations

import pytest

from pytest_pixipack.errors import PixipackError
from pytest_pixipack.plugin.fixtures import FAILED, KEPT

_LABELS = {
    "infrastructure": "infrastructure failure (nothing is known about the product)",
    "unsupported": "unsupported by the engine",
}


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
