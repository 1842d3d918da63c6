"""Why two values are not equal: field, expected, found.

Explains this project's matchers, dirty-equals' own and combined ones, classes of matchers used
without a call, and mappings, sequences, sets and dataclasses of all of them. Pure functions that
never raise.
"""

from __future__ import annotations

from pytest_pixipack.difference.explain import explain_comparison
from pytest_pixipack.difference.model import Difference
from pytest_pixipack.difference.render import render_difference
from pytest_pixipack.difference.walk import difference

__all__ = ["Difference", "difference", "explain_comparison", "render_difference"]
