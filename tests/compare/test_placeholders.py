"""The prefix a package was built in, which an installer replaces: another one is metadata."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_pixipack.artifact import Member
from pytest_pixipack.compare import compare_artifacts, compare_packs
from pytest_pixipack.compare.inside import Content, Scratch
from pytest_pixipack.compare.placeholders import Placeholders

from .makers_of_programs import elf


def prefix(number, more=0):
    """A directory with a timestamp, as conda-build and rattler-build make one for each build."""
    return f"/home/conda/build_artifacts/app_{number}/_h_env" + "_placehold" * (10 + more)


OLD, NEW, LONGER = prefix(1709648521), prefix(1709716244), prefix(1709716244, 5)


def text(name, rest="\nName: app\n"):
    return f"prefix={name}{rest}".encode()


def binary(name, rest=b"\1\2" * 40):
    """A file with a text that ends with a zero byte, in a field of a fixed size."""
    return b"\0\1\2" * 50 + f"{name}/share:{name}/lib".encode().ljust(500, b"\0") + rest


def tight(name, rest=b"\1\2" * 40):
    """The same without room behind the text."""
    return b"\0\1\2" * 50 + f"{name}/share".encode() + b"\0" + rest


def built(make, placeholder, content, mode, **kwargs):
    member = Member("lib/a", content, False, None, placeholder, mode)
    return make(files=[member, Member("share/b", b"b\n")], **kwargs)


def told(found):
    return {(each.where[-1], each.field, each.kind, each.cause) for each in found.differences}


MOVED = ("lib/a", "prefix placeholder", "metadata", "embedded-path")


@pytest.mark.parametrize("suffix", [".conda", ".tar.bz2"])
@pytest.mark.parametrize("other", [NEW, LONGER])
@pytest.mark.parametrize(
    ("content", "mode"), [(text, "text"), (binary, "binary"), (tight, "binary")]
)
def test_a_build_in_another_directory(suffix, other, content, mode, make):
    name = f"app-1.0-h0_0{suffix}"
    left, right = (built(make, each, content(each), mode, name=name) for each in (OLD, other))
    found = compare_artifacts(left, right)
    assert told(found) == {MOVED}
    assert (found.differences[0].left, found.differences[0].right) == (OLD, other)
    assert told(compare_artifacts(right, left)) == {MOVED}


def test_in_a_pack(make, pack):
    left, right = (pack(built(make, each, text(each), "text")) for each in (OLD, NEW))
    assert told(compare_packs(left, right)) == {MOVED}


def test_the_old_list_of_placeholders_follows(make):
    left, right = (
        built(make, each, text(each), "text", info={"has_prefix": f"{each} text lib/a\n".encode()})
        for each in (OLD, NEW)
    )
    assert told(compare_artifacts(left, right)) == {MOVED}


def test_what_else_differs_is_told_beside_it(make):
    left = built(make, OLD, text(OLD, "/lib 2024-03-01\n"), "text")
    right = built(make, LONGER, text(LONGER, "/lib 2024-03-02\n"), "text")
    assert told(compare_artifacts(left, right)) == {
        MOVED, ("lib/a", "line 1", "payload", "embedded-date")
    }  # fmt: skip


def test_a_path_that_no_installer_replaces_is_payload(make):
    left, right = (
        built(make, each, text(each, f"\nsrc={each[:40]}/work/a.c\n"), "text")
        for each in (OLD, NEW)
    )
    assert told(compare_artifacts(left, right)) == {
        MOVED, ("lib/a", "line 2", "payload", "embedded-path")
    }  # fmt: skip


def test_what_is_not_replaced_in_a_binary_stays_a_difference(make):
    left, right = (
        built(make, each, f"\0\1{each}/share\0{each[:9]}\2".encode(), "binary")
        for each in (OLD, f"/opt{NEW}")
    )
    found = told(compare_artifacts(left, right))
    assert MOVED in found
    assert {kind for _, _, kind, _ in found} == {"metadata", "payload"}


@pytest.mark.parametrize(
    ("one", "other"), [((OLD, "text"), (OLD, "binary")), ((OLD, "text"), (None, None))]
)
def test_another_way_to_install_is_payload(one, other, make):
    content = text(OLD)
    left, right = (
        make(files=[Member("lib/a", content, False, None, name, mode)])
        for name, mode in (one, other)
    )
    assert told(compare_artifacts(left, right)) == {("lib/a", "entry", "payload", "content")}


def test_the_same_bytes_with_another_placeholder_are_payload(make):
    """Only one of the two is replaced."""
    left, right = (built(make, each, text(OLD), "text") for each in (OLD, NEW))
    assert told(compare_artifacts(left, right)) == {("lib/a", "entry", "payload", "content")}


def test_a_program_stays_one(make):
    """Its sections are where they were, so that it is compared section by section."""
    pytest.importorskip("elftools")
    left, right = (
        built(make, each, elf(data=f"{each}/lib".encode() + b"\0"), "binary") for each in (OLD, NEW)
    )
    assert told(compare_artifacts(left, right)) == {MOVED}


@pytest.mark.parametrize("place", [0, (1 << 20) - 50, (1 << 20) - 1, 2 << 20])
@pytest.mark.parametrize("mode", ["text", "binary"])
def test_anywhere_in_a_large_file(place, mode, make):
    noise = random.Random(1).randbytes(3 << 20).replace(b"\0", b"\1")
    contents = [noise[:place] + f"{each}/x".encode() + b"\0" + noise[place:] for each in (OLD, NEW)]
    left, right = (
        built(make, each, content, mode) for each, content in zip((OLD, NEW), contents, strict=True)
    )
    assert told(compare_artifacts(left, right)) == {MOVED}


@pytest.mark.parametrize("names", [("/", "/b"), ("", "x"), ("/opt/a", "/opt/b"), ("ab", "abab")])
@pytest.mark.parametrize("mode", ["text", "binary"])
def test_short_placeholders_are_no_trap(names, mode, make):
    left, right = (built(make, each, f"1 {each * 1000}/x".encode() + b"\0", mode) for each in names)
    kinds = {kind for _, _, kind, _ in told(compare_artifacts(left, right))}
    assert kinds == ({"metadata"} if names[0] == "/opt/a" else kinds)


PARTS = st.lists(st.sampled_from([b"a", b"\0", b"/", b"@", b"@/lib", b"\n", b"_placehold"]))


@given(PARTS, st.sampled_from([NEW, LONGER, "/opt/abc"]), st.sampled_from(["text", "binary"]))
def test_what_is_installed_decides(parts, other, mode):
    """Where both would be installed as the same, contents are the same, and else not."""
    sides = [b"".join(part.replace(b"@", name.encode()) for part in parts) for name in (OLD, other)]
    installed = [
        as_installed(side, name.encode(), mode)
        for side, name in zip(sides, (OLD, other), strict=True)
    ]
    with Scratch() as scratch:
        pair = Content.of(sides[0]), Content.of(sides[1])
        found = Placeholders(OLD, other, mode).replaced(*pair, scratch)
        assert found is not None
        assert (found[0].digest() == found[1].digest()) == (installed[0] == installed[1])


def as_installed(data, name, mode):
    """The file in the environment at `/e`, without the zeros that fill up its texts."""
    if mode == "text":
        return data.replace(name, b"/e")
    return re.sub(re.escape(name) + rb"([^\0]*)\0*", lambda found: found[0].rstrip(b"\0").replace(
        name, b"/e") + b"\0", data)  # fmt: skip
