"""Writing a lock: the bytes that pixi writes."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_pixipack.errors import Infrastructure, InvalidInput
from pytest_pixipack.facts import PackageFacts, RunExports
from pytest_pixipack.lock import (
    Lock,
    LockBuilder,
    LockOptions,
    binary_package,
    parse_lock,
    pypi_package,
    source_package,
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


# What a lock may hold, in any combination. -----------------------------------------------------
words = st.text("abcdefgh-_.", min_size=1, max_size=8).map(lambda word: "p" + word)
# Among them everything that YAML 1.1 or 1.2 could take for something else.
awkward = st.sampled_from(
    ["0.1", ">=3", "*", "yes", "no", "on", "null", "~", "", "1_000", "1:30", "2024-01-01", "0x1f",
     "a: b", "a #b", "- x", " lead", "trail ", "two\nlines", "two\nlines\n", "é", "😀", "\t",
     "'", '"', "@x", "%x", "!x", "&x", "{}", "[]", "NaN", ".inf", "1e3", "01", "\x7f", "a\rb"]
)  # fmt: skip
texts = st.one_of(awkward, st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
specs = st.lists(texts, max_size=3).map(tuple)
exports = st.builds(RunExports, weak=specs, strong=specs, noarch=specs)


@st.composite
def locks(draw) -> Lock:
    builder = LockBuilder()
    platforms = draw(st.lists(st.sampled_from(["linux-64", "osx-arm64", "win-64"]), unique=True))
    builder.environment(
        channels=draw(st.lists(words, max_size=2)),
        platforms=platforms,
        options=LockOptions(strategy=draw(st.sampled_from(["highest", "lowest-version"]))),
    )
    for platform in platforms:
        builder.platform(platform, virtual_packages=draw(specs))
    host = []
    for name in draw(st.lists(words, unique=True, max_size=3)) if platforms else []:
        common = {
            "name": name,
            "version": draw(st.sampled_from(["1.0", "0.1", "1!2.0"])),
            "build": draw(st.sampled_from(["h1_2", "py_0", "0", "abc", ""])),
            "build_number": draw(st.integers(0, 9)),
            "depends": draw(specs),
            "constrains": draw(specs),
            "extra_depends": draw(st.dictionaries(words, specs, max_size=2)),
            "license": draw(st.none() | words),
            "run_exports": draw(exports),
        }
        kind = draw(st.sampled_from(["binary", "source", "full", "pypi"]))
        platform = draw(st.sampled_from(platforms))
        if kind == "binary":
            url = f"https://example.org/{draw(words)}/{platform}/{name}-1.0-h1_2.conda"
            facts = PackageFacts(**common, subdir=platform, url=url, size=draw(st.integers(0, 9)))
            package = binary_package(facts, run_exports=draw(st.booleans()))
            host.append(package)
        elif kind == "pypi":
            facts = PackageFacts(name=name, version="1.0", sha256="0" * 64)
            package = pypi_package(
                facts, f"./{name}.whl", index="https://pypi.org/simple", requires_dist=draw(specs)
            )
        else:
            package = source_package(
                PackageFacts(**common, subdir=platform, variants={"target_platform": platform}),
                f"./{name}",
                host_packages=host,
                source_depends=draw(st.dictionaries(words, st.just({"path": "../x"}), max_size=2)),
                partial=kind == "source",
            )
        builder.add("default", platform, package)
    return builder.build()


@given(locks())
def test_what_is_written_is_read_again(lock):
    text = lock.to_text()
    again = parse_lock(text)
    assert again == lock
    assert again.to_text() == text
