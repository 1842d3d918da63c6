"""A run in which all layers agree reports nothing at all."""

from __future__ import annotations

import itertools

import pytest

from pytest_pixipack.verify import check_lock
from tests.verify.conftest import Layers

LAYERS = ("manifest", "lock", "artifacts", "pack", "prefix")
SOME = [some for n in range(1, 6) for some in itertools.combinations(LAYERS, n)]


def test_nothing_is_found(good: Layers) -> None:
    report = good.verify()
    assert report.findings == ()
    assert report.with_strict().outcome == "passed"
    report.raise_for_findings()


@pytest.mark.parametrize("layers", SOME, ids="-".join)
def test_nothing_is_found_whatever_layers_are_given(good: Layers, layers: tuple[str, ...]) -> None:
    assert good.verify(*layers).findings == ()


def test_the_lock_is_up_to_date(good: Layers) -> None:
    assert check_lock(good.manifest, good.lock).findings == ()


def test_only_rules_with_all_their_layers_are_checked(good: Layers) -> None:
    assert {rule.partition("-")[0] for rule in good.verify("artifacts").checked} == {"artifact"}
    assert "pack-extra" in good.verify("lock", "pack").checked
    assert "pack-extra" not in good.verify("pack").checked
