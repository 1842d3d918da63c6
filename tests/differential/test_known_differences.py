"""The list of known differences: what it may hold, and what a comparison makes of it."""

from __future__ import annotations

from dataclasses import replace

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from pytest_pixipack.compare import Difference

from .known import EMBEDDED, LAYERS, TARGETS, TOOLS, Item, Known, complaints, read_known
from .made import MADE
from .workspaces import all_cases, injections, items

KNOWN = read_known()
ITEM = Item("pack", "trio", "default", "linux-64")
REFUSED = Difference(("outcome",), "outcome", "payload", "done", "Unsupported: it cannot")
ENTRY = Known("pixi-pack", "pack", "outcome", "It cannot.", ("trio",), ">=0.7,<0.8")
RELEASE = {"pixi-pack": Version("0.7.10")}


def test_every_entry_names_a_tool_a_range_a_layer_and_a_reason():
    for entry in KNOWN:
        assert entry.tool in TOOLS
        assert entry.layer in LAYERS
        assert entry.target in TARGETS
        assert entry.reason.endswith(".")
        assert (entry.versions == "") == (entry.tool == EMBEDDED)
        SpecifierSet(entry.versions)


def test_every_entry_speaks_of_something_that_is_compared():
    """Else it could be gone without anybody noticing."""
    linux = "linux-64"
    compared = [Item("lock", name) for name in all_cases()]
    compared += [Item("inject", name) for name in injections()]
    compared += [Item(layer, name) for layer in ("lock", "build", "install") for name in MADE]
    compared += items("build", here=linux, only_sources=True)
    compared += items("pack", here=linux)
    for layer in ("unpack", "install"):
        compared += items(layer, here=linux, only_here=True)
    for entry in KNOWN:
        spoken = {item.case for item in compared if entry.applies_to(item)}
        assert spoken if entry.cases == ("all",) else spoken == set(entry.cases), entry


def test_what_is_listed_is_expected():
    assert complaints(ITEM, [REFUSED], [ENTRY], RELEASE) == []


def test_what_is_not_listed_is_a_complaint():
    assert complaints(ITEM, [REFUSED], [], RELEASE) == [
        "not listed: payload: outcome > outcome: done -> Unsupported: it cannot"
    ]


def test_what_is_listed_and_gone_is_a_complaint():
    [said] = complaints(ITEM, [], [ENTRY], RELEASE)
    assert said == "listed, but gone: * > outcome (pixi-pack >=0.7,<0.8: It cannot.)"


def test_what_happens_at_random_is_no_complaint_either_way():
    entry = replace(ENTRY, sometimes=True)
    assert complaints(ITEM, [REFUSED], [entry], RELEASE) == []
    assert complaints(ITEM, [], [entry], RELEASE) == []


def test_another_release_need_not_show_it_and_must_not():
    newer = {"pixi-pack": Version("0.8.0")}
    assert complaints(ITEM, [], [ENTRY], newer) == []
    assert len(complaints(ITEM, [REFUSED], [ENTRY], newer)) == 1


def test_an_entry_counts_for_its_own_case_layer_and_target_only():
    elsewhere = Item("pack", "trio", "default", "win-64", here=False)
    here = Known("pixi-pack", "pack", "outcome", "It cannot.", ("trio",), ">=0.7", target="here")
    assert here.applies_to(ITEM)
    assert not here.applies_to(elsewhere)
    assert not here.applies_to(Item("pack", "flat"))
    assert not here.applies_to(Item("unpack", "trio"))


def test_an_entry_says_which_field_kind_and_words_it_means():
    said = Known("pixi", "install", "md5", "r.", ("all",), kind="metadata", says=r"^\w+\nNone$")
    assert said.matches(Difference(("env", "a"), "md5", "metadata", "ab12", None))
    assert not said.matches(Difference(("env", "a"), "md5", "metadata", "ab12", "cd34"))
    assert not said.matches(Difference(("env", "a"), "md5", "payload", "ab12", None))
    assert not said.matches(Difference(("env", "a"), "size", "metadata", 12, None))
