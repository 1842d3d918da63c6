"""What a run says of what the real tools cannot do."""

from __future__ import annotations

import pytest

from pytest_pixipack.engine.system.support import limit
from pytest_pixipack.engine.system.tools import find_tools


def assert_refused(result: pytest.RunResult, key: str, *parts: str) -> None:
    """The run failed, and says which release of which tool cannot do what, and how to go on.

    `parts` are what the sentence of that limit names.
    """
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    known, tools = limit(key), find_tools()
    tool, pixi = tools.require(known.tool), tools.require("pixi")
    sentence = known.sentence(tool.name, str(tool.version), *parts, str(pixi))
    # Long sentences are wrapped to the width of the terminal.
    said = " ".join(" ".join(result.outlines).split())
    assert sentence in said
    assert f"remedy {known.way_on}" in said.partition(sentence)[2]
