"""What variations change, how that is seen, and what is said where it cannot be."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from pytest_pixipack.compare.model import CAUSES, Comparison, Difference
from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.reproduce import VARIATIONS, probe
from pytest_pixipack.reproduce.agreement import agree, remedy, sharpened
from pytest_pixipack.reproduce.conditions import (
    Machine,
    Setup,
    marks,
    this_machine,
    without_effect,
    words,
)
from pytest_pixipack.reproduce.html import html_report
from pytest_pixipack.reproduce.model import Attributed, Reproduction, Target, VariationResult
from pytest_pixipack.reproduce.report import junit_properties, report_lines
from pytest_pixipack.reproduce.sources import copy_in_order, lists_as_made
from pytest_pixipack.reproduce.variations import Variation, chosen_variations, differs, variables

LINUX = Machine(system="linux", cpus=4, locale="en_US.UTF-8", network=True)
WINDOWS = Machine(system="win32", cpus=4)


@pytest.fixture
def usual(tmp_path: Path) -> Setup:
    names = ("workspace", "work", "home", "temp", "cache")
    return Setup(**{name: tmp_path / name for name in names})


def varied(name: str, usual: Setup, machine: Machine = LINUX) -> Setup:
    (variation,) = chosen_variations([name])
    return variation.change(usual, machine)


@pytest.mark.parametrize("name", VARIATIONS)
def test_each_variation_changes_the_conditions_and_nothing_of_this_process(name, usual):
    before = dict(os.environ)
    machine = replace(LINUX, network=True)
    changed = varied(name, replace(usual, network=True), machine)
    assert changed != replace(usual, network=True)
    assert dict(os.environ) == before


def test_the_clock_is_moved_where_libfaketime_is(usual, tmp_path):
    moved = varied("clock", usual, replace(LINUX, faketime=tmp_path / "libfaketime.so.1"))
    assert moved.variables()["LD_PRELOAD"] == str(tmp_path / "libfaketime.so.1")
    plain = varied("clock", usual, LINUX).variables()
    assert "LD_PRELOAD" not in plain
    assert "SOURCE_DATE_EPOCH" not in plain
    assert usual.variables()["SOURCE_DATE_EPOCH"] == "1577836800"
    (clock,) = chosen_variations(["clock"])
    assert "libfaketime is not on this machine" in (clock.note(LINUX) or "")


def test_what_libfaketime_does_not_reach_is_said(tmp_path):
    (clock,) = chosen_variations(["clock"])
    machine = replace(LINUX, faketime=tmp_path / "libfaketime.so.1")
    assert "linked statically" in (clock.missed(machine, {"static": True, "time": 0.0}) or "")
    assert "no effect" in (clock.missed(machine, {"static": False, "time": 0.0}) or "")
    assert clock.missed(machine, {"static": False, "time": 9e9}) is None


def test_the_path_is_longer_and_safe_for_shells(usual):
    path = varied("path", usual).workspace
    assert len(str(path)) > len(str(usual.workspace))
    assert path.name == usual.workspace.name
    assert not set(str(path.relative_to(usual.workspace.parent))) & set(" ,;'\"$")


def test_what_this_system_cannot_do_is_said():
    reasons = {
        each.name: each.unavailable(WINDOWS)
        for each in chosen_variations(["umask", "network", "timezone"])
    }
    assert reasons == {
        "umask": "Windows has no umask",
        "network": "the network is off for all builds",
        "timezone": None,
    }
    (cpus,) = chosen_variations(["cpu-count"])
    assert cpus.unavailable(replace(LINUX, cpus=1)) == "this machine has one processor"
    assert cpus.unavailable(replace(LINUX, system="darwin"))


def test_names_of_variations():
    assert [each.name for each in chosen_variations()] == list(VARIATIONS)
    assert [each.name for each in chosen_variations(["umask", "clock"])] == ["clock", "umask"]
    assert "clock" not in {each.name for each in chosen_variations(["-clock"])}
    assert len(chosen_variations(["all", "-clock", "-umask"])) == len(VARIATIONS) - 2
    with pytest.raises(InvalidInput, match="no variation `timezon`") as caught:
        chosen_variations(["timezon"])
    assert "timezone" in (caught.value.remedy or "")
    assert chosen_variations("umask, clock") == chosen_variations(["clock", "umask"])
    with pytest.raises(InvalidInput, match="No variation is left"):
        chosen_variations(["-all"])


def test_a_variation_of_ones_own(usual):
    own = Variation("columns", "a wide terminal", variables(COLUMNS="300"), differs("noise"))
    (found,) = chosen_variations(["columns"], [own])
    assert found.change(usual, LINUX).variables()["COLUMNS"] == "300"


def seen(tmp_path: Path, **environment: str) -> dict[str, object]:
    out = tmp_path / str(len([*tmp_path.iterdir()]))
    out.mkdir()
    subprocess.run(
        [sys.executable, "-S", probe.__file__, str(out), "--", sys.executable, "-c", "exit(0)"],
        env={**os.environ, "XDG_CACHE_HOME": str(tmp_path / "none"), **environment},
        cwd=out,
        check=True,
    )
    (path,) = out.glob("*.json")
    found: dict[str, object] = json.loads(path.read_text(encoding="utf-8"))
    return found


def test_the_process_that_becomes_the_backend_sees_what_was_changed(tmp_path):
    plain = seen(tmp_path, PYTHONHASHSEED="0", TZ="UTC")
    other = seen(tmp_path, PYTHONHASHSEED="7", TZ="PXT-13:45", EDITOR="ed")
    for name in ("hash-seed", "timezone"):
        (variation,) = chosen_variations([name])
        assert variation.effect(plain, other)
        assert not variation.effect(plain, seen(tmp_path, PYTHONHASHSEED="0", TZ="UTC"))
    (temp,) = chosen_variations(["temp"])
    assert not temp.effect(plain, other)


def test_values_of_variables_are_not_written_down(tmp_path):
    one, other = (seen(tmp_path, TOKEN=token) for token in ("abc-secret", "def-secret"))
    assert differs("environment")(one, other)
    assert not differs("environment")(one, seen(tmp_path, TOKEN="abc-secret"))
    assert "TOKEN" in one["environment"]
    assert "secret" not in json.dumps([one, other])


def elf(*segments: int) -> bytes:
    """The head of a 64-bit ELF file with program headers of these types (System V ABI)."""
    ident = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
    rest = (2, 62, 1, 0, 64, 0, 0, 64, 56, len(segments), 0, 0, 0)
    header = ident + struct.pack("<HHIQQQIHHHHHH", *rest)
    return header + b"".join(struct.pack("<I", each) + bytes(52) for each in segments)


@pytest.mark.skipif(os.name == "nt", reason="ELF files do not run on Windows")
@pytest.mark.parametrize(("segments", "static"), [((1, 1), True), ((6, 3, 1), False)])
def test_programs_that_libfaketime_does_not_reach_are_recognised(segments, static, tmp_path):
    program = tmp_path / "backend"
    program.write_bytes(elf(*segments))
    program.chmod(0o755)
    assert probe.observed([str(program)])["static"] is static


def test_sources_are_copied_in_either_order(tmp_path):
    source = tmp_path / "s"
    (source / "inner").mkdir(parents=True)
    for name in "abc":
        (source / "inner" / name).write_text(name, encoding="utf-8")
    copy_in_order(source, tmp_path / "one")
    copy_in_order(source, tmp_path / "two", reverse=True, later=100)
    texts = [
        {p.name: p.read_text(encoding="utf-8") for p in (tmp_path / side / "inner").iterdir()}
        for side in ("one", "two")
    ]
    assert texts[0] == texts[1] == {"a": "a", "b": "b", "c": "c"}
    times = [(tmp_path / side / "inner" / "a").stat().st_mtime for side in ("one", "two")]
    assert times[1] - times[0] == pytest.approx(100, abs=1)
    if lists_as_made(tmp_path):
        orders = [
            [each.name for each in (tmp_path / side / "inner").iterdir()] for side in ("one", "two")
        ]
        assert orders[0] != orders[1]


def test_the_machine_is_looked_at_without_changing_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PIXIPACK_FAKETIME", str(tmp_path / "missing.so"))
    assert this_machine(tmp_path, locales=False).faketime is None
    (tmp_path / "libfaketime.so.1").touch()
    monkeypatch.setenv("PIXIPACK_FAKETIME", str(tmp_path / "libfaketime.so.1"))
    assert this_machine(tmp_path, locales=False).faketime == tmp_path / "libfaketime.so.1"


@pytest.mark.parametrize(
    ("cause", "variations", "agrees", "sharp"),
    [
        ("line-order", ["hash-seed"], True, "hash-seed"),
        ("line-order", ["locale"], True, "locale-sort"),
        ("line-order", ["directory-order"], True, "line-order"),
        ("content", ["cpu-count"], True, "cpu-count"),
        ("embedded-date", ["timezone"], True, "timezone"),
        ("embedded-date", ["umask"], False, "embedded-date"),
        ("embedded-date", ["locale"], False, "embedded-date"),
        ("environment-variable", ["timezone"], True, "environment-variable"),
        ("environment-variable", ["umask"], False, "environment-variable"),
        ("random", ["hash-seed"], True, "hash-seed"),
        ("random", ["umask"], False, "mode"),
        ("random", ["jobs"], False, "content"),
        ("random", ["home", "path"], False, "content"),
        ("mode", ["timezone"], False, "mode"),
        ("content", ["home", "path"], True, "content"),
        ("mode", ["one of a plugin"], True, "mode"),
    ],
)
def test_causes_and_conditions(cause, variations, agrees, sharp):
    assert agree(cause, variations) is agrees
    assert sharpened(cause, variations) == sharp
    assert sharp in CAUSES


@pytest.mark.parametrize(
    ("cause", "variations", "about", "what"),
    [
        ("timezone", ["timezone"], "timezone", "set TZ=UTC for the build"),
        ("content", ["locale"], "locale", "set LC_ALL=C for the build"),
        ("embedded-date", ["locale"], "locale", "set LC_ALL=C for the build"),
        ("embedded-date", ["clock"], "embedded-date", "write SOURCE_DATE_EPOCH instead of"),
        ("file-added", ["cache"], "cache", "build with an empty cache"),
        ("content", ["home", "temp"], "home + temp", "; or leave the directory for temporary"),
        ("content", ["one of a plugin"], "one of a plugin", "look for what of one of a plugin"),
        ("random", [], "random", "give the generator a fixed seed"),
    ],
)
def test_what_to_do(cause, variations, about, what):
    told = remedy(cause, variations, agrees=agree(cause, variations))
    assert told[0] == about
    assert what in told[1]


def test_every_variation_has_something_to_do_about_it():
    for name in VARIATIONS:
        assert remedy("content", [name], agrees=True)[0] == name
        assert "look for" not in remedy("content", [name], agrees=True)[1]


def test_words_by_which_a_condition_is_known(usual):
    changed = varied("temp", usual)
    assert marks(usual, changed) == {"another-temp"}
    assert "PXT" in marks(usual, varied("timezone", usual))
    assert words("zone PXT+1345 in /tmp/another-temp") >= {"zone", "PXT", "another-temp"}


def test_what_variations_set_is_set_in_all_builds(usual, tmp_path):
    machine = replace(LINUX, faketime=tmp_path / "f.so", locale_path=tmp_path / "locales")
    before = replace(usual, environment=without_effect(machine))
    for name in ("locale", "hash-seed", "cpu-count", "umask", "temp", "jobs"):
        assert not varied(name, before, machine).variables().keys() - {
            *before.variables(), "LC_ALL", "LANG", "PYTHONUTF8", "PYTHONHASHSEED"
        }  # fmt: skip
    moved = varied("clock", before, machine).variables().keys()
    assert moved < before.variables().keys()


def result() -> Reproduction:
    place = ("app-1-0.conda", "pkg-app-1-0.tar.zst", "share/<b>.txt")
    difference = Difference(place, "content", "payload", "a", "b", "line-order")
    return Reproduction(
        Path("w"),
        "default",
        "linux-64",
        (Target("app", "artifact", Comparison((difference,))),),
        (
            VariationResult("hash-seed", True, None, "payload", ("hash-seed",)),
            VariationResult("umask", True, None, "identical"),
            VariationResult("cache", False, "nothing is kept"),
        ),
        (
            Attributed(difference, ("hash-seed",), "line-order", "hash-seed"),
            Attributed(replace(difference, field="mode"), ("umask",), "mode", "mode", agrees=False),
            Attributed(replace(difference, field="x"), (), "content", "random"),
            Attributed(replace(difference, field="y"), ("a", "b"), None, None, resolved=False),
            Attributed(replace(difference, field="z"), ("a",), None, None, resolved=False),
        ),
        8,
        60,
        hidden=(("app-1-0.conda", "share/restless.bin"),),
    )


def test_the_report_fits_a_terminal_and_says_all(monkeypatch):
    lines = report_lines(result())
    assert max(map(len, lines)) <= 80
    text = "\n".join(lines)
    for part in (
        "hash-seed   payload",
        "random: differs although nothing was changed",
        "one of a, b; too few builds were left to find out which",
        "a, or chance; too few builds were left to find out",
        "what conditions change in share/restless.bin cannot be told",
        "it looks like mode, but umask makes the difference",
        "cache: nothing is kept",
        "sort sets before they are written",
        "8 (at most 60); default on linux-64",
    ):
        assert part in text


def test_a_result_is_read_as_it_was_written():
    document = json.loads(json.dumps(result().to_json()))
    assert Reproduction.from_json(document).to_json() == document
    assert dict(junit_properties(result()))["pixipack_variation_cache"] == "not applied"


class Tags(HTMLParser):
    """Fails where a tag is not closed, or closed twice."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_html_is_well_formed_and_names_are_no_markup():
    text = html_report([result()])
    tags = Tags()
    tags.feed(text)
    assert tags.open == []
    assert "share/&lt;b&gt;.txt" in text
    assert "<b>.txt" not in text
    assert "script" not in text
