"""Snapshots: what is kept of a lock for a test."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.lock import (
    Scrubber,
    default_scrubbers,
    more_scrubbers,
    parse_lock,
    snapshot,
)

TRIO = """\
environments:
  default:
    channels:
    - main
    packages:
      linux-64:
        app:
          kind: source
          identifier: app @ .
          variants:
            target_platform: linux-64
          depends:
          - lib
          - tool-a >=1.2
          source_depends:
            lib:
              path: ./lib
        core:
          kind: source
          identifier: core @ core
          variants:
            target_platform: linux-64
          depends:
          - libz *
"""


def test_a_snapshot_is_short_and_readable(locked):
    text = snapshot(locked("cases/trio/expected"))
    assert TRIO in text
    assert "        libz: 1.0.1 h1_0 linux-64 main\n" in text


def test_a_snapshot_holds_nothing_of_the_machine_or_the_build(recorded):
    text = recorded("cases/run-exports/expected")
    elsewhere = (
        text.replace("/root/", "/home/someone/else/")
        .replace("[00000001]", "[0badcafe]")
        .replace("1700000000000", "1800000000000")
        .replace("sha256: b58793", "sha256: 000000")
        .replace("size: 1351", "size: 1352")
    )
    assert text != elsewhere
    assert snapshot(parse_lock(text)) == snapshot(parse_lock(elsewhere))


def test_a_snapshot_does_not_depend_on_order(locked):
    lock = locked("cases/run-exports/expected")
    assert snapshot(lock) == snapshot(replace(lock, packages=lock.packages[::-1]))


def test_a_changed_dependency_shows(recorded):
    text = recorded("cases/run-exports/expected")
    changed = text.replace("  - in-repodata *\n", "  - in-repodata >=1\n")
    assert snapshot(parse_lock(text)) != snapshot(parse_lock(changed))


def test_what_only_build_environments_hold_shows(locked):
    text = snapshot(locked("cases/run-exports/expected"))
    assert "\nonly-for-building:\n- base-lib:\n" in text
    assert "- cc: 13.0 h1_0 linux-64 main\n" in text


def test_scrubbers_can_be_left_out(locked):
    lock = locked("cases/trio/expected")
    scrubbers = default_scrubbers().without("digests", "paths")
    assert "sha256: e8cfb35d5c03" in snapshot(lock, scrubbers)
    assert "file:///root/channels/main" in snapshot(lock, scrubbers)


def test_scrubbers_can_be_added(locked):
    def no_variants(record):
        return {key: value for key, value in record.items() if key != "variants"}

    scrubbers = default_scrubbers().adding(Scrubber("mine", "no variants", no_variants))
    assert "mine" in scrubbers
    assert "target_platform" not in snapshot(locked("cases/trio/expected"), scrubbers)


def test_hashes_in_build_strings_can_be_scrubbed(locked):
    lock = locked("cases/git-source/expected")
    scrubbers = default_scrubbers().adding(*more_scrubbers().only("build-hashes"))
    assert "build: hd57432d_0" in snapshot(lock)
    assert "build: h*_0" in snapshot(lock, scrubbers)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("/home/me/channels/main", "main"),
        ("file:///home/me/channels/main", "main"),
        ("file:///C:/channels/main", "main"),
        ("C:\\channels\\main", "main"),
        ("https://example.org/main", "https://example.org/main"),
        ("./lib", "./lib"),
        ("../core", "../core"),
    ],
)
def test_absolute_paths_end_at_their_last_part(before, after):
    assert default_scrubbers().only("paths").apply({"path": before}) == {"path": after}


def test_a_misspelt_scrubber_gets_a_suggestion():
    with pytest.raises(InvalidInput, match='Did you mean "digests"'):
        default_scrubbers().without("digest")
