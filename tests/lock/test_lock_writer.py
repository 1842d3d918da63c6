"""Writing a lock: the bytes that pixi writes."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_pixipack.errors import Infrastructure, InvalidInput
from pytest_pixipack.facts import PackageFacts, RunExports
from pytest_pixipack.lock import (
    Lock,
    LockBuilder,
    binary_package,
    parse_lock,
    write_lock,
)

DATA = Path(__file__).parent.parent / "data" / "conformance"
RECORDED = sorted(path.parent.parent.name for path in DATA.glob("cases/*/expected/pixi.lock"))


@pytest.mark.parametrize("case", RECORDED)
def test_what_pixi_wrote_is_written_byte_for_byte(recorded, case):
    text = recorded(f"cases/{case}/expected")
    assert parse_lock(text).to_text() == text


def test_order_of_the_file_does_not_matter(locked):
    lock = locked("cases/trio/expected")
    shuffled = replace(
        lock, packages=lock.packages[::-1], platforms=lock.platforms[::-1], text=None
    )
    assert shuffled.to_text() == lock.to_text()


def test_entries_that_nothing_needs_are_left_out(recorded, locked):
    text = locked("lock-check/lock-unreferenced/workspace").to_text()
    assert text == recorded("lock-check/unchanged/workspace")


def test_file_urls_become_paths():
    text = """\
version: 7
platforms:
- name: win-64
environments:
  default:
    channels:
    - url: file:///C:/main/
    packages:
      win-64:
      - conda: file:///C:/main/noarch/a%20b-1-0.conda
packages:
- conda: file:///C:/main/noarch/a%20b-1-0.conda
  subdir: noarch
"""
    package = parse_lock(text)["win-64"]["a b"]
    assert package.location == "C:\\main\\noarch\\a b-1-0.conda"
    assert package.noarch == "generic"


def test_only_what_does_not_follow_from_the_url_is_written():
    url = "https://example.org/main/linux-64/libz-1.0.1-h1_2.conda"
    facts = PackageFacts(
        name="libz", version="1.0.1", build="h1_2", build_number=2, subdir="linux-64", url=url
    )

    def entry(facts: PackageFacts) -> str:
        builder = LockBuilder()
        builder.platform("linux-64")
        builder.environment(channels=["https://example.org/main/"])
        builder.add("default", "linux-64", binary_package(facts))
        return builder.build().to_text().partition("\npackages:\n")[2]

    assert entry(facts) == f"- conda: {url}\n"
    assert entry(replace(facts, build_number=7)) == f"- conda: {url}\n  build_number: 7\n"
    assert entry(replace(facts, noarch="python")) == f"- conda: {url}\n  noarch: python\n"
    assert entry(replace(facts, channel="https://example.org/other/")) == (
        f"- conda: {url}\n  channel: https://example.org/other\n"
    )
    assert entry(replace(facts, run_exports=RunExports(weak=("libz",)))) == f"- conda: {url}\n"


def test_unknown_keys_are_written_behind_the_known_ones(recorded):
    text = recorded("cases/flat/expected")
    text = text.replace("timestamp: 1700000000000\n", "timestamp: 1700000000000\n  mood: good\n")
    text = text.replace("virtual-packages:\n", "virtual-packages:\n", 1) + "weather: fine\n"
    assert parse_lock(text).to_text() == text


def test_fields_of_newer_rattler_keep_their_place(recorded):
    text = recorded("cases/flat/expected").replace(
        "  timestamp: 1700000000000\n",
        "  timestamp: 1700000000000\n  indexed_timestamp: 1700000000001\n",
    )
    assert parse_lock(text).to_text() == text


def test_a_reference_to_nothing_cannot_be_written(locked):
    lock = locked("cases/run-exports/expected")
    without = [package for package in lock.packages if package.name != "cc"]
    with pytest.raises(InvalidInput, match=r"cc-13\.0"):
        replace(lock, packages=tuple(without)).to_text()


def test_writing_replaces_the_file_as_a_whole(tmp_path, locked, recorded):
    path = tmp_path / "pixi.lock"
    path.write_text("old")
    write_lock(locked("cases/trio/expected"), path)
    assert path.read_bytes().decode() == recorded("cases/trio/expected")
    assert [entry.name for entry in tmp_path.iterdir()] == ["pixi.lock"]


def test_a_failure_leaves_the_file_alone(tmp_path, locked):
    path = tmp_path / "pixi.lock"
    path.mkdir()
    (path / "precious").touch()
    with pytest.raises(Infrastructure, match="cannot be written"):
        write_lock(locked("cases/trio/expected"), path)
    assert (path / "precious").exists()
    assert os.listdir(tmp_path) == ["pixi.lock"]  # noqa: PTH208


def test_reading_a_canonical_lock_from_py_rattler(tmp_path, recorded):
    """rattler reads what we write, and writes the same again."""
    import rattler

    path = tmp_path / "pixi.lock"
    text = recorded("cases/run-exports/expected")
    path.write_bytes(parse_lock(text).to_text().encode())
    rattler.LockFile.from_path(path).to_path(path)
    assert path.read_bytes().decode() == text


def test_version_6_is_upgraded_as_rattler_upgrades_it(tmp_path, recorded, locked):
    import rattler

    path = tmp_path / "pixi.lock"
    path.write_bytes(recorded("cases/lock-v6/workspace").encode())
    rattler.LockFile.from_path(path).to_path(path)
    ours = locked("cases/lock-v6/workspace")
    theirs = parse_lock(path.read_bytes().decode())
    digits = theirs["linux-64"]["lib"].identifier_hash
    hash_of_ours = ours["linux-64"]["lib"].identifier_hash
    assert ours.version == 6
    assert ours.to_text().replace(f"[{hash_of_ours}]", f"[{digits}]") == theirs.to_text()


def test_the_binaries_of_version_6_are_those_that_pixi_keeps(locked):
    def binaries(lock: Lock):
        return [package for package in lock.packages if package.kind == "binary"]

    upgraded = locked("cases/lock-v6/workspace")
    assert binaries(upgraded) == binaries(locked("cases/lock-v6/expected"))


def test_a_dangling_selector_of_version_6_is_refused(recorded):
    text = recorded("cases/lock-v6/workspace").replace("noarch-data", "lost", 1)
    with pytest.raises(InvalidInput, match=r"does not exist: .*lost-3\.0-0\.conda") as caught:
        parse_lock(text)
    assert "lost-3.0-0.conda" in text.splitlines()[caught.value.line - 1]
