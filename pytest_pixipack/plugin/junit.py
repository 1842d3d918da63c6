"""Properties of the whole run in a JUnit file."""

from __future__ import annotations

import pytest


def add_suite_property(config: pytest.Config, name: str, value: str) -> None:
    """Adds a property to the test suite, as the fixture `record_testsuite_property` does it.

    Nothing happens where no JUnit file is written. pytest has no public way but that fixture, which
    needs a test.
    """
    try:
        from _pytest.junitxml import xml_key
    except ImportError:
        return
    xml = config.stash.get(xml_key, None)
    if xml is not None:
        xml.add_global_property(name, value)
