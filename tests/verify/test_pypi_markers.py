"""Markers, requirements, tags and Python bounds: what holds for all of them."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.markers import Marker
from packaging.specifiers import SpecifierSet
from packaging.tags import compatible_tags, cpython_tags

from pytest_pixipack.facts import PackageFacts
from pytest_pixipack.lock.build import binary_package, pypi_package
from pytest_pixipack.manifest import Platform
from pytest_pixipack.verify.lock_pypi_local import Change, Metadata, changes
from pytest_pixipack.verify.lock_pypi_marker_tree import NotAMarker, parse_marker
from pytest_pixipack.verify.lock_pypi_markers import (
    applies,
    marker_environment,
    required_extra,
    same_meaning,
)
from pytest_pixipack.verify.lock_pypi_match import locked_git, repository, same_url
from pytest_pixipack.verify.lock_pypi_python import Tags, python_fits, tags_of
from pytest_pixipack.verify.lock_pypi_wanted import NotARequirement, parse

SUBDIRS = ("linux-64", "osx-arm64", "win-64")
WORDS = ("linux", "darwin", "win32", "posix", "nt", "x86_64", "Windows")
versions = st.builds("{}.{}".format, st.integers(2, 4), st.integers(0, 20))
comparisons = st.one_of(
    st.builds(
        "{} {} '{}'".format,
        st.sampled_from(("python_version", "python_full_version")),
        st.sampled_from(("<", "<=", ">", ">=", "==", "!=", "~=")),
        versions,
    ),
    st.builds(
        "{} {} '{}'".format,
        st.sampled_from(("sys_platform", "os_name", "platform_machine", "platform_system")),
        st.sampled_from(("==", "!=", "in", "not in")),
        st.sampled_from(WORDS),
    ),
)
markers = st.recursive(
    comparisons,
    lambda inner: st.builds("({}) {} ({})".format, inner, st.sampled_from(("and", "or")), inner),
    max_leaves=5,
)
environments = st.builds(marker_environment, st.sampled_from(SUBDIRS), versions)


@given(marker=markers, environment=environments)
def test_a_marker_means_what_it_means_to_packaging(
    marker: str, environment: dict[str, str]
) -> None:
    expected = Marker(marker).evaluate({**environment, "extra": ""})
    assert applies(marker, environment, ()) == expected


@given(marker=markers, environment=environments)
def test_the_spelling_does_not_matter(marker: str, environment: dict[str, str]) -> None:
    respelled = str(Marker(marker)).replace('"', "'")
    assert applies(respelled, environment, ()) == applies(marker, environment, ())


@settings(max_examples=25)
@given(one=comparisons, other=comparisons, environment=environments)
def test_markers_of_the_same_meaning_agree_everywhere(
    one: str, other: str, environment: dict[str, str]
) -> None:
    assert same_meaning(f"{one} and {other}", f"({other}) and {one}")
    if same_meaning(one, other):
        assert applies(one, environment, ()) == applies(other, environment, ())


@given(marker=comparisons, environment=environments)
def test_an_extra_is_required_where_it_is_named(marker: str, environment: dict[str, str]) -> None:
    gated = f"{marker} and extra == 'Night_Shift'"
    assert required_extra(gated) == "night-shift"
    assert not applies(gated, environment, ())
    assert applies(gated, environment, ("night.shift",)) == applies(marker, environment, ())
    assert required_extra(f"{marker} or extra == 'x'") is None


@pytest.mark.parametrize(
    ("marker", "holds"),
    [
        ("sys_platform >= 'lin'", True),  # words have an order
        ("sys_platform < 'lin'", False),
        ("platform_release >= '5'", False),  # nobody knows it
        ("python_version in '3.1 3.11'", True),
        ("python_version in '3.110 3.12'", False),
        ("python_version not in '3.10, 3.11'", True),  # "3.10," is no version: left out
        ("python_version not in '3.10, 3.11' and os_name == 'nt'", False),
        ("'linux' in sys_platform", True),
        ("sys_platform ~= 'x'", True),
        ("extra == 'a' and extra == 'b'", True),
        ("extra != 'a'", False),
        ("extra == 'c'", False),
    ],
)
def test_what_only_uv_says(marker: str, holds: bool) -> None:
    environment = marker_environment("linux-64", "3.11.5")
    assert applies(marker, environment, ("a", "b")) == holds


@pytest.mark.parametrize("marker", ["", "os_name", "os_name == nt", "(os_name == 'nt'", "a == 'b'"])
def test_what_is_no_marker(marker: str) -> None:
    if not marker:
        assert parse_marker(marker).parts == ()
        return
    with pytest.raises(NotAMarker):
        parse_marker(marker)


@given(text=st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    for read, refusal in ((parse, NotARequirement), (parse_marker, NotAMarker)):
        with contextlib.suppress(refusal):
            read(text)


@given(low=versions, python=versions)
def test_the_lower_bound_decides_about_python(low: str, python: str) -> None:
    expected = SpecifierSet(f">={low}").contains(python, prereleases=True)
    assert python_fits(f">={low}", python) == expected
    assert python_fits(f">={low},<99", python) == expected
    assert python_fits(f"<{low}", python)  # pixi looks at no upper bound


@pytest.mark.parametrize(
    ("requires", "fits"),
    [
        (">=3.11,!=3.11.*", False),
        ("!=3.11.*", True),
        ("==3.11.*", True),
        (">3.11.5", False),
        ("~=3.11", True),
        ("~=3.12", False),
        ("", True),
        ("*", True),
    ],
)
def test_bounds_on_python(requires: str, fits: bool) -> None:
    assert python_fits(requires, "3.11.5") == fits


@pytest.mark.parametrize("minor", [8, 11, 13])
def test_tags_are_those_of_packaging(minor: int) -> None:
    platforms = ["manylinux_2_17_x86_64", "manylinux2014_x86_64", "linux_x86_64"]
    tags = Tags(3, minor, False, frozenset(platforms))
    known = {str(tag) for tag in cpython_tags((3, minor), [f"cp3{minor}"], platforms)}
    known |= {str(tag) for tag in compatible_tags((3, minor), f"cp3{minor}", platforms)}
    assert all(tags.accept(f"a-1-{tag}.whl") for tag in known)
    others = {re.sub(r"^(cp|py)3", r"\g<1>2", tag) for tag in known}
    assert not any(tags.accept(f"a-1-{tag}.whl") for tag in others)


@given(
    name=st.sampled_from(["rig", "Rig", "r.g"]),
    scheme=st.sampled_from(["https", "ssh"]),
    end=st.sampled_from(["", ".git", "/", ".git/"]),
)
def test_a_repository_has_many_spellings(name: str, scheme: str, end: str) -> None:
    assert repository(f"{scheme}://host/{name}{end}") == f"{scheme}://host/{name}"
    assert repository(f"git+{scheme}://HOST/{name}{end}") == f"{scheme}://host/{name}"


def test_the_users_of_repositories() -> None:
    assert repository("https://me:secret@host/rig") == "https://host/rig"
    assert repository("ssh://git@host/rig.git") == "ssh://git@host/rig"
    assert repository("https://github.com/Me/Rig") == "https://github.com/me/rig"


def test_urls_are_compared_without_who_asks() -> None:
    assert same_url("https://me:secret@HOST:443/a.whl", "https://host/a.whl")
    assert not same_url("https://host/a.whl#sha256=1", "https://host/a.whl")


@pytest.mark.parametrize(
    "location",
    ["https://host/rig", "git+https://host/rig", "git+https://host/rig?tag=a&branch=b#" + "a" * 40],
)
def test_what_is_no_locked_repository(location: str) -> None:
    assert locked_git(location) is None


def test_a_platform_decides_which_wheels_fit() -> None:
    python = binary_package(
        PackageFacts(name="python", version="3.11.5", url="https://host/linux-64/python-0.conda")
    )
    old = tags_of(Platform("linux-64", "linux-64", ("__glibc=2.12",)), python)
    new = tags_of(Platform("linux-64", "linux-64", ("__glibc=2.28",)), python)
    wheel = "a-1-cp311-cp311-manylinux_2_17_x86_64.whl"
    assert old is not None
    assert new is not None
    assert (old.accept(wheel), new.accept(wheel)) == (False, True)


def change_of(requires: str, now: str) -> list[Change]:
    package = pypi_package(PackageFacts(name="crew"), "./crew", requires_dist=[requires])
    return list(changes(package, Metadata((parse(now),), None, None), Path()))


@pytest.mark.parametrize(
    ("locked", "now"),
    [
        ("a>=1,<2", "A <2, >=1"),
        ("a[x,y]", "a[y, x]"),
        ("a ; python_full_version < '3.10'", "a; python_version < '3.10'"),
        ("a ; os_name == 'nt' and extra == 'x'", "a; (extra == 'x') and os_name == 'nt'"),
        ("a @ ./b", "a @ ./c/../b"),
    ],
)
def test_a_project_may_spell_its_requirements_otherwise(locked: str, now: str) -> None:
    assert change_of(locked, now) == []


@pytest.mark.parametrize(
    ("locked", "now"),
    [("a>=1", "a>=1.0"), ("a", "b"), ("a", "a[x]"), ("a", "a ; os_name == 'nt'")],
)
def test_a_project_that_requires_something_else(locked: str, now: str) -> None:
    found = change_of(locked, now)
    assert [(each.field, each.added, each.removed) for each in found] == [
        ("requires_dist", (now,), (locked,))
    ]
