"""Match specs: what satisfies one, and when two of them say the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_pixipack.facts import PackageFacts
from pytest_pixipack.verify.specs import (
    compare_specs,
    condition_holds,
    satisfies,
    spec_name,
    virtual_satisfies,
)

LIBZ = PackageFacts(name="libz", version="1.2", build="h1_0", build_number=0, subdir="linux-64")
SOURCE = PackageFacts(name="app", kind="source")


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("libz", True),
        ("libz *", True),
        ("libz >=1,<2", True),
        ("libz 1.2.* h1*", True),
        ("libz >=2", False),
        ("libz * h2*", False),
        ("zlib", False),
        ("libz >=", False),
        ("main::libz >=1", True),
    ],
)
def test_satisfaction(spec: str, expected: bool) -> None:
    assert satisfies(LIBZ, spec) is expected


def test_of_a_package_without_a_version_only_the_name_counts() -> None:
    assert satisfies(SOURCE, "app >=9")
    assert not satisfies(SOURCE, "other")


def test_a_source_record_may_say_nothing_of_its_build() -> None:
    facts = PackageFacts(name="app", kind="source", version="1.0", build="", build_number=0)
    assert satisfies(facts, "app >=1")
    assert not satisfies(facts, "app * h1*")


def test_fields_of_a_package_that_a_spec_can_ask_for() -> None:
    facts = PackageFacts(
        name="a", version="1", build="h0", build_number=0, license="MIT", license_family="MIT",
        flags=("gpu",), track_features=("slow",), url="https://host/linux-64/a-1-h0.conda",
    )  # fmt: skip
    for met in ('a[license="MIT"]', 'a[license_family="MIT"]', "a[flags=[gpu]]",
                'a[track_features="slow"]', "https://host/linux-64/a-1-h0.conda"):  # fmt: skip
        assert satisfies(facts, met), met
    for unmet in ('a[license="BSD"]', 'a[license_family="BSD"]', "a[flags=[cpu]]",
                  'a[track_features="fast"]', "https://other/linux-64/a-1-h0.conda"):  # fmt: skip
        assert not satisfies(facts, unmet), unmet


def test_virtual_packages() -> None:
    assert virtual_satisfies("__cuda=12", "__cuda >=12")
    assert not virtual_satisfies("__cuda=12", "__cuda * other")
    assert virtual_satisfies("__glibc=2.28", "__glibc >=2.17")
    assert not virtual_satisfies("__glibc=2.28", "__glibc >=2.34")
    assert virtual_satisfies("__archspec=0=x86_64", "__archspec")


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("libz>=1", True),
        ("libz>=2", False),
        ("__unix", True),
        ("libz>=2 or __unix", True),
        ("libz>=1 and __win", False),
        ("__win and libz>=1 or __unix", True),
        ("__win and (libz>=1 or __unix)", False),
        ('libz[version=">=1,<2"]', True),
        ('(libz[version=">=1"] and __unix)', True),
    ],
)
def test_conditions(condition: str, expected: bool) -> None:
    assert condition_holds(condition, [LIBZ], ["__unix=0=0"]) is expected


def test_names() -> None:
    assert spec_name("Libz >=1") == "libz"
    assert spec_name("main::libz[build=h1]") == "libz"
    assert spec_name("libz >=") == "libz"


SPECS = st.lists(st.sampled_from(["a >=1,<2", "a <2,>=1", "a", "a *", "b 1.*", "c", "!bad"]))


@given(SPECS)
def test_a_list_has_no_difference_to_itself_in_any_order(specs: list[str]) -> None:
    assert not compare_specs(specs, list(reversed(specs)))


@given(SPECS, SPECS)
def test_a_difference_is_the_same_from_both_sides(one: list[str], other: list[str]) -> None:
    there, back = compare_specs(one, other), compare_specs(other, one)
    assert (there.missing, there.extra) == (back.extra, back.missing)
    assert len(one) - len(there.missing) == len(other) - len(there.extra)


def test_meaning_counts_and_not_spelling() -> None:
    assert not compare_specs(["libz >=1,<2", "lib"], ["lib *", "libz <2,>=1"])
    assert compare_specs(["libz >=1"], ["libz >=1", "libz >=1"]).extra == ("libz >=1",)
