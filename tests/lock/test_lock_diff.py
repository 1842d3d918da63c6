"""What differs between two locks, in plain words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_pixipack.lock import diff_locks, parse_lock


def test_a_lock_does_not_differ_from_itself(locked):
    lock = locked("cases/run-exports/expected")
    assert diff_locks(lock, lock) == []


@pytest.mark.parametrize(
    ("path", "words", "kind"),
    [
        (
            "lock-identifier-hash",
            "default linux-64 lib: source identifier changed: 00000001 -> deadbeef",
            "metadata",
        ),
        (
            "lock-binary-depends-dropped",
            "default linux-64 tool-a: depends changed: libz >=1.0,<1.1 -> nothing",
            "payload",
        ),
        (
            "lock-host-packages-dropped",
            "default linux-64 app > host > libw: package removed: libw-2.1.0-h1_0",
            "payload",
        ),
        (
            "lock-unreferenced",
            "unused entries added: https://example.org/x/noarch/aaa-1-0.conda",
            "metadata",
        ),
    ],
)
def test_changes_are_told_in_words(locked, path, words, kind):
    changes = diff_locks(
        locked("lock-check/unchanged/workspace"), locked(f"lock-check/{path}/workspace")
    )
    assert (str(changes[0]), changes[0].kind) == (words, kind)


def test_a_package_only_in_a_build_environment_is_compared_too(locked):
    changes = diff_locks(
        locked("lock-check/unchanged/workspace"),
        locked("lock-check/lock-wrong-sha256/workspace"),
    )
    assert {(change.package, change.field) for change in changes} == {
        ("app > host > libw", "sha256")
    }


def test_the_order_of_dependencies_carries_no_meaning(recorded, locked):
    text = recorded("cases/run-exports/expected")
    swapped = text.replace(
        "  - libw <2.9\n  - libw >=2.1,<3\n", "  - libw >=2.1,<3\n  - libw <2.9\n"
    )
    changes = diff_locks(parse_lock(text), parse_lock(swapped))
    assert {(change.package, change.field, change.kind) for change in changes} == {
        ("user", "depends", "order-only")
    }
    assert str(changes[0]) == "default linux-64 user: depends is in another order"


def test_the_order_of_entries_carries_no_meaning(locked):
    lock = locked("cases/trio/expected")
    changes = diff_locks(lock, replace(lock, packages=lock.packages[::-1]))
    assert [change.kind for change in changes] == ["order-only"]


def test_a_comment_is_only_notation(recorded):
    text = recorded("cases/trio/expected")
    changes = diff_locks(parse_lock(text), parse_lock(f"# hello\n{text}"))
    assert [(change.field, change.kind) for change in changes] == [("notation", "metadata")]


def test_the_order_of_channels_decides_what_is_installed(locked):
    lock = locked("cases/environments/expected")
    old = lock.environment("old")
    turned = replace(old, channels=old.channels[::-1])
    changes = diff_locks(lock, replace(lock, environments={**lock.environments, "old": turned}))
    assert [(change.environment, change.field, change.kind) for change in changes] == [
        ("old", "channels", "payload")
    ]


def test_added_and_removed_environments_and_packages(locked):
    lock = locked("cases/environments/expected")
    bare = {name: env for name, env in lock.environments.items() if name != "bare"}
    [change] = diff_locks(replace(lock, environments=bare), lock)
    assert str(change) == "bare: environment added: linux-64"
    left, right = locked("cases/flat/expected"), locked("cases/flat/expected")
    default = right.environment("default")
    fewer = tuple(p for p in default.packages["linux-64"] if p.name != "libz")
    right = replace(
        right, environments={"default": replace(default, packages={"linux-64": fewer})}, text=None
    )
    assert [str(change) for change in diff_locks(left, right)] == [
        "default linux-64 libz: package removed: libz-1.1.0-h1_0"
    ]
