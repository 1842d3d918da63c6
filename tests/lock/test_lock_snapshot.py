"""Snapshots: what is kept of a lock for a test."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.lock import (
    Scrubber,
    default_scrubbers,
    more_scrubbers,
    parse_lock,
    snapshot,
)
from pytest_pixipack.lock.marks import numbered
from pytest_pixipack.lock.scrub import chosen_scrubbers
from pytest_pixipack.lock.snapshot_diff import snapshot_changes

DATA = Path(__file__).parent.parent / "data" / "conformance"

TRIO = """\
environments:
  default:
    channels:
    - <path:1>/main
    packages:
      linux-64:
        app:
          kind: source
          identifier: app[<identifier:1>] @ .
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
          identifier: core[<identifier:2>] @ core
          variants:
            target_platform: linux-64
          depends:
          - libz *
"""


def test_a_snapshot_is_short_and_readable(locked):
    text = snapshot(locked("cases/trio/expected"))
    assert TRIO in text
    assert "        libz: 1.0.1 h1_0 linux-64 <path:1>/main <sha256:1>\n" in text


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
    assert re.search(r"^- cc: 13.0 h1_0 linux-64 <path:1>/main <sha256:\d+>$", text, re.M)


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
    assert "build: h<build:1>_0" in snapshot(lock, scrubbers)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("/home/me/channels/main", "<path:1>/main"),
        ("file:///home/me/channels/main", "<path:1>/main"),
        ("file:///C:/channels/main", "<path:1>/main"),
        ("C:\\channels\\main", "<path:1>/main"),
        ("https://example.org/main", "https://example.org/main"),
        ("./lib", "./lib"),
        ("../core", "../core"),
    ],
)
def test_markers_stand_for_absolute_paths(before, after):
    assert numbered(default_scrubbers().only("paths").apply({"path": before})) == {"path": after}


def test_one_folder_has_one_marker_however_it_is_written():
    texts = {"a": "file:///C:/channels/main", "b": "C:\\channels\\main", "c": "/c/other/main"}
    found = numbered(default_scrubbers().only("paths").apply(texts))
    assert found == {"a": "<path:1>/main", "b": "<path:1>/main", "c": "<path:2>/main"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("http://127.0.0.1:43211/main", "http://127.0.0.1:<port:1>/main"),
        ("http://localhost:8080/main", "http://localhost:<port:1>/main"),
        ("http://[::1]:8080/main", "http://[::1]:<port:1>/main"),
        ("https://example.org:8443/main", "https://example.org:8443/main"),
    ],
)
def test_markers_stand_for_ports_of_this_machine(before, after):
    assert numbered(default_scrubbers().only("ports").apply({"url": before})) == {"url": after}


def test_a_test_chooses_what_it_keeps(locked):
    lock = locked("cases/trio/expected")
    everything = snapshot(lock, chosen_scrubbers(default_scrubbers(), keep=["binary-details"]))
    for marker in ("md5: <md5:1>", "size: <size>", "timestamp: <timestamp>", "sha256: <sha256:1>"):
        assert marker in everything
    sizes = snapshot(lock, chosen_scrubbers(default_scrubbers(), keep="sizes"))
    assert re.search(r"size: \d+$", sizes, re.M)
    fewer = chosen_scrubbers(default_scrubbers(), scrub=["builds", "channels"])
    assert "h1_0" not in snapshot(lock, fewer)


def test_equal_values_have_equal_names(locked):
    text = snapshot(locked("cases/run-exports/expected"))
    found = re.findall(r"noarch-data: 3.0 0 noarch <path:1>/main (<sha256:\d+>)", text)
    assert len(found) == 2  # noarch, for two platforms
    assert len(set(found)) == 1
    digests = re.findall(r"libw: .* (linux-64|osx-arm64) .* (<sha256:\d+>)", text)
    assert len({digest for _, digest in digests}) == 2


def test_identity_is_checked(recorded):
    text = recorded("cases/run-exports/expected")
    other = text.replace("@ROOT@", "/root")
    stored = snapshot(parse_lock(other))
    lock = parse_lock(other)
    default = lock.environment("default")
    cut = default.packages["osx-arm64"]
    changed = tuple(
        replace(p, facts=replace(p.facts, sha256="f" * 64)) if p.name == "noarch-data" else p
        for p in cut
    )
    environment = replace(default, packages={**default.packages, "osx-arm64": changed})
    now = snapshot(replace(lock, environments={"default": environment}))
    [where, line, *_] = snapshot_changes(stored, now)
    assert where == "default: osx-arm64"
    assert line.startswith("  rebuilt     noarch-data  3.0 0")


def test_one_package_more_is_one_difference_though_all_numbers_change(locked):
    lock = locked("cases/trio/expected")
    default = lock.environment("default")
    fewer = tuple(p for p in default.packages["linux-64"] if p.name != "libz")
    packages = {**default.packages, "linux-64": fewer}
    other = replace(lock, environments={"default": replace(default, packages=packages)})
    texts = snapshot(other), snapshot(lock)
    assert "noarch-data: 3.0 0 noarch <path:1>/main <sha256:1>" in texts[0]
    assert "noarch-data: 3.0 0 noarch <path:1>/main <sha256:2>" in texts[1]
    assert snapshot_changes(*texts) == [
        "default: linux-64",
        "  added       libz  1.0.1 h1_0",
    ]


def test_snapshots_of_all_recorded_locks_mean_the_same_as_themselves(recorded):
    for path in sorted((DATA / "cases").glob("*/expected/pixi.lock")):
        text = snapshot(parse_lock(recorded(path.parent.relative_to(DATA).as_posix())))
        assert snapshot_changes(text, text) == []
        assert "/root" not in text


def test_any_other_document_is_told_line_by_line():
    assert snapshot_changes("a: 1\n", "a: 2\n") == ["a", "  1 -> 2"]
    with pytest.raises(ValueError, match="mapping"):
        snapshot_changes("- a\n", "a: 1\n")


def test_a_misspelt_scrubber_gets_a_suggestion():
    with pytest.raises(InvalidInput, match='Did you mean "digests"'):
        default_scrubbers().without("digest")


RECORDED = sorted(path.parent for path in (DATA / "cases").glob("*/expected/pixi.lock"))


@pytest.mark.parametrize("case", RECORDED, ids=[path.parent.name for path in RECORDED])
@pytest.mark.parametrize("salt", ["a", "b", "c"])
def test_a_snapshot_does_not_depend_on_what_markers_stand_for(recorded, case, salt):
    text = recorded(case.relative_to(DATA).as_posix())

    def another(match: re.Match[str]) -> str:
        digits = sha256(f"{salt}{match[2]}".encode()).hexdigest()
        return f"{match[1]}{digits[: len(match[2])]}"

    changed = re.sub(r"(sha256: |md5: |\[)([0-9a-f]{64}|[0-9a-f]{32}|[0-9a-f]{8})\b", another, text)
    changed = changed.replace("/root/", f"/{salt}/somewhere/")
    assert changed != text
    assert snapshot(parse_lock(changed)) == snapshot(parse_lock(text))


KEYS = st.sampled_from(
    [
        "platforms",
        "environments",
        "packages",
        "only-for-building",
        "linux-64",
        "a",
        "version",
        "kind",
    ]
)
VALUES = st.recursive(
    st.one_of(st.none(), st.text("ab <:>1", max_size=8), st.just("1 h0 noarch c <sha256:1>")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
DOCUMENTS = st.dictionaries(KEYS, VALUES, max_size=4)


@pytest.mark.slow
@settings(max_examples=200, deadline=None, database=None)
@given(DOCUMENTS, DOCUMENTS)
@example({"packages": {"a": None}}, {"packages": {"a": {"kind": None}}})
def test_what_is_no_snapshot_is_refused_and_nothing_else_goes_wrong(stored, now):
    try:
        changes = snapshot_changes(json.dumps(stored), json.dumps(now))
    except ValueError:
        return
    assert stored != now or changes == []
