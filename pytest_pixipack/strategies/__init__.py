"""Strategies for hypothesis: made-up, valid data for property tests.

Needs the extra `hypothesis` (`pip install "pytest-pixipack[hypothesis]"`); nothing else here
imports this package.

@given(locks())
def test_my_tool_keeps_what_it_does_not_know(lock):
    assert my_tool(lock.to_text()) == lock.to_text()
"""

from __future__ import annotations

from pytest_pixipack.strategies.locks import lock_texts, locks

__all__ = ["lock_texts", "locks"]
