"""The rules of this package."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_pixipack.verify.rules import Rule


def builtin_rules() -> Iterator[Rule]:
    """All rules, layer by layer."""
    from pytest_pixipack.verify.catalogue_artifact import ARTIFACT_RULES
    from pytest_pixipack.verify.catalogue_expect import EXPECT_RULES
    from pytest_pixipack.verify.catalogue_lock import LOCK_RULES
    from pytest_pixipack.verify.catalogue_pack import PACK_RULES, PREFIX_RULES

    yield from LOCK_RULES
    yield from ARTIFACT_RULES
    yield from PACK_RULES
    yield from PREFIX_RULES
    yield from EXPECT_RULES
