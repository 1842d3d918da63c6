"""Made-up locks with everything the format knows: nothing is lost on the way round."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from pytest_pixipack.lock import Lock, parse_lock
from pytest_pixipack.strategies import lock_texts, locks

MANY = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.data_too_large])
FEW = settings(max_examples=25, deadline=None)


def through_rattler(text: str) -> str:
    """What rattler_lock writes after it has read a text."""
    import rattler

    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, "pixi.lock")
        path.write_bytes(text.encode())
        rattler.LockFile.from_path(path).to_path(path)
        return path.read_bytes().decode()


def what_rattler_sees(text: str) -> dict[str, dict[str, list[tuple[object, ...]]]]:
    """Environment -> platform -> packages, as far as py-rattler shows them."""
    import rattler

    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, "pixi.lock")
        path.write_bytes(text.encode())
        lock = rattler.LockFile.from_path(path)
        return {
            name: {
                platform.name: sorted(
                    (package.name, package.location)
                    for package in environment.packages(platform) or ()
                )
                for platform in environment.platforms()
            }
            for name, environment in lock.environments()
        }


def what_we_see(lock: Lock) -> dict[str, dict[str, list[tuple[object, ...]]]]:
    return {
        name: {
            platform: sorted((package.name, package.location) for package in packages)
            for platform, packages in environment.packages.items()
        }
        for name, environment in lock.environments.items()
    }


def check_round_trip(lock: Lock) -> None:
    text = lock.to_text()
    assert parse_lock(text) == lock
    assert parse_lock(text).to_text() == text


def check_rattler_agrees(text: str) -> None:
    assert through_rattler(text) == text
    assert what_rattler_sees(text) == what_we_see(parse_lock(text))


@FEW
@given(locks())
def test_what_is_written_is_read_again(lock):
    check_round_trip(lock)


@FEW
@given(lock_texts())
def test_rattler_reads_the_same_and_writes_the_same_bytes(text):
    check_rattler_agrees(text)


@pytest.mark.slow
@MANY
@given(locks())
def test_what_is_written_is_read_again_many_times(lock):
    check_round_trip(lock)


@pytest.mark.slow
@MANY
@given(lock_texts())
def test_rattler_agrees_many_times(text):
    check_rattler_agrees(text)
