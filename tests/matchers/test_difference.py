# Both orders of the operands, and both operators, are what is tested here.
# ruff: noqa: SIM300
from __future__ import annotations

from types import MappingProxyType

import pytest
from dirty_equals import (
    AnyThing,
    Contains,
    DirtyEquals,
    HasAttributes,
    HasLen,
    IsDict,
    IsIgnoreDict,
    IsInt,
    IsList,
    IsListOrTuple,
    IsOneOf,
    IsPartialDict,
    IsPositive,
    IsStr,
    IsStrictDict,
    IsTuple,
)

from pytest_pixipack.difference import Difference, difference
from pytest_pixipack.facts import FileFacts, PackageFacts, RunExports
from pytest_pixipack.matchers import (
    HasFiles,
    IsBuildString,
    IsMd5,
    IsPackage,
    IsSha256,
    IsSource,
    IsSpec,
    IsTimestamp,
    IsVersion,
)

OPENSSL = PackageFacts(
    name="openssl", version="1.1.1w", build="h0_0", depends=("ca-certificates", "libz >=1.2")
)
APP = PackageFacts(name="app", kind="source", depends=("openssl >=3",))


def one(expected, actual):
    """The only difference, as text."""
    (found,) = difference(expected, actual)
    return str(found)


def test_equal_values_do_not_differ():
    assert (
        difference({"app": IsSource, "openssl": IsPackage()}, {"app": APP, "openssl": OPENSSL})
        == []
    )
    assert difference([1, IsStr, AnyThing], [1, "a", None]) == []
    assert difference(~IsVersion(">=3"), "1.1.1w") == []
    assert difference(None, None) == []


def test_field_expected_and_found():
    assert difference({"openssl": IsPackage(version=IsVersion(">=3"))}, {"openssl": OPENSSL}) == [
        Difference(("openssl", "version"), ">=3", "1.1.1w")
    ]


def test_each_field_that_differs_is_named_and_no_other():
    expected = IsPackage(name="openssl", version="3.1", build=IsBuildString("h0_*", number=1))
    assert list(map(str, difference(expected, OPENSSL))) == [
        "version: expected 3.1, found 1.1.1w",
        "build: expected h0_*, build number 1, found h0_0 (not build number 1)",
    ]


def test_what_is_missing_and_what_is_not_expected():
    actual = {"libopenssl": OPENSSL, "app": APP}
    assert list(map(str, difference({"openssl": IsPackage, "app": IsSource}, actual))) == [
        "openssl: expected a package, found nothing (there is libopenssl)",
        "libopenssl: expected nothing, found openssl 1.1.1w h0_0",
    ]


def test_a_missing_key_is_missing_even_where_anything_is_allowed():
    assert one({"a": AnyThing}, {}) == "a: expected anything, found nothing"
    assert one({"a": None}, {}) == "a: expected None, found nothing"
    assert one({"a": ~IsStr()}, {}) == "a: expected not IsStr(), found nothing"


@pytest.mark.parametrize(
    ("expected", "actual", "text"),
    [
        (IsVersion(">=3"), "1.1.1w", "expected >=3, found 1.1.1w"),
        (IsVersion, "a b", "expected a version, found a b (not a conda version)"),
        (IsVersion(">=3"), 3, "expected >=3, found 3 (not a text)"),
        (IsVersion(">=3") & IsStr, "1", "expected >=3, found 1"),
        (IsVersion("1.*") | IsVersion(">=3"), "2", "expected 1.* or >=3, found 2"),
        (~IsVersion("1.*"), "1.1", "expected not 1.*, found 1.1"),
        (~(IsVersion("1.*") | IsInt), "1.1", "expected not 1.* or IsInt(), found 1.1"),
        (IsBuildString("py*"), "h0_0", "expected py*, found h0_0"),
        (IsBuildString, "", "expected a build string, found '' (not a well-formed build string)"),
        (IsSha256(), "AB" * 32, f"expected a sha256, found {'AB' * 32} (upper case)"),
        (IsMd5, "ab", "expected a md5, found ab (2 characters, not 32)"),
        (IsTimestamp(), 1_789_000_000, "expected a time in ms, found 1789000000 (in seconds)"),
        (
            IsTimestamp(before=1_000_000_000_000),
            1_789_000_000_000,
            "expected a time in ms until 1000000000000, "
            "found 1789000000000 (2026-09-10T00:26:40+00:00)",
        ),
        (IsSpec("curl >=8"), "curl >=7", "expected curl >=8, found curl >=7"),
        (IsSpec("curl"), "!", "expected curl, found ! (not a match spec)"),
        (
            IsPackage(version="1"),
            "curl",
            "expected a package with version 1, found curl (not a package)",
        ),
        (
            HasFiles("bin/curl"),
            OPENSSL,
            "expected bin/curl, found openssl 1.1.1w h0_0 (files not known)",
        ),
        (
            HasFiles("etc/x", "bin/curl"),
            ["bin/curl", "y"],
            "expected etc/x, found not among 2 files",
        ),
        (
            HasFiles("bin/crul"),
            ["bin/curl"],
            "expected bin/crul, found not among 1 file; near: bin/curl",
        ),
    ],
)
def test_our_matchers_explain_themselves(expected, actual, text):
    assert one(expected, actual) == text


@pytest.mark.parametrize(
    ("expected", "actual", "text"),
    [
        (IsStr(regex="a+"), "b", "expected IsStr(regex='a+'), found b"),
        (IsPositive, -1, "expected IsPositive(), found -1"),
        (IsOneOf("a", "b"), "c", "expected a or b, found c"),
        (HasLen(2), [1], "expected HasLen(2), found 1 (its length is 1)"),
        (Contains("a"), ("b", "c"), "expected contains a, found b, c"),
        (Contains("a"), (), "expected contains a, found nothing"),
        (Contains("a"), 3, "expected contains a, found 3 (not a collection)"),
        (
            Contains(IsSpec("libz >=2")),
            OPENSSL.depends,
            "expected contains libz >=2, found libz >=1.2",
        ),
        (Contains("libz >=2"), OPENSSL.depends, "expected contains libz >=2, found libz >=1.2"),
        (IsDict(a=1), {"a": 2}, "a: expected 1, found 2"),
        (IsPartialDict(a=1), {"b": 2}, "a: expected 1, found nothing"),
        (IsPartialDict(a={"b": IsStr}), {"a": {"b": 1}}, "a.b: expected IsStr(), found 1"),
        (IsIgnoreDict(a=1), {"a": 2, "c": None}, "a: expected 1, found 2"),
        (
            IsStrictDict(a=1, b=2),
            {"b": 2, "a": 1},
            "expected a, b, found b, a (the order of the keys)",
        ),
        (IsPartialDict(a=1), 3, "expected IsPartialDict(a=1), found 3"),
        (IsList(1, 2), [1, 3], "[1]: expected 2, found 3"),
        (IsList(1, 2), (1, 2), "expected IsList(1, 2), found 1, 2 (tuple)"),
        (IsList(1, length=3), [1, 2], "expected IsList(1, length=3), found 1, 2"),
        (IsList(positions={2: "c"}), ["a"], "[2]: expected c, found nothing"),
        (IsTuple(1, 2, check_order=False), (2, 3, 1), "expected nothing, found 3"),
        (IsListOrTuple(1, 2), [2, 1], "expected 1, 2, found 2, 1 (the order)"),
        (HasAttributes(version="3"), OPENSSL, "version: expected 3, found 1.1.1w"),
        (HasAttributes(verison="3"), OPENSSL, "verison: expected 3, found nothing"),
    ],
)
def test_dirty_equals_own_matchers_are_explained(expected, actual, text):
    assert one(expected, actual) == text


@pytest.mark.parametrize(
    ("expected", "actual", "text"),
    [
        (1, 2, "expected 1, found 2"),
        ("1", 1, "expected '1', found 1 (int, not str)"),
        ((1,), [1], "expected (1,), found [1] (list, not tuple)"),
        ([1, 2], [2, 1], "expected 1, 2, found 2, 1 (the order)"),
        ([1, 2], [1, 2, 3], "expected nothing, found 3"),
        ([1, [2, 3]], [1, [2, 4]], "[1][1]: expected 3, found 4"),
        ({1, 2}, {1, 2, 3}, "expected nothing, found 3"),
        ("a\nb\n", "a\nc\n", "line 2: expected b, found c"),
        ("a\nb", "a", "line 2: expected b, found nothing"),
        ("x" * 90 + "a", "x" * 90 + "b", f"expected …{'x' * 16}a, found …{'x' * 16}b"),
        (OPENSSL, APP, None),
        (RunExports(weak=("a",)), RunExports(weak=("b",)), "weak[0]: expected a, found b"),
        (FileFacts(path="a", size=3), FileFacts(path="a", size=4), "size: expected 3, found 4"),
        (None, "None", "expected None, found 'None'"),
        (MappingProxyType({"a": 1}), {"a": 2}, "a: expected 1, found 2"),
        (
            float("nan"),
            float("nan"),
            "expected nan (float), found nan (float) (two that look the same and compare unequal)",
        ),
    ],
)
def test_plain_values_are_compared_part_by_part(expected, actual, text):
    if text is None:
        fields = {each.path[0] for each in difference(expected, actual)}
        assert fields == {"name", "kind", "version", "build", "depends"}
    else:
        assert one(expected, actual) == text


def test_a_trailing_newline_is_a_difference():
    assert one("a\n", "a") == "expected 'a\\n', found a"


def test_a_package_within_a_package_matcher_names_the_innermost_place():
    package = PackageFacts(
        name="libz",
        run_exports=RunExports(weak=("libz >=1",)),
        files={"bin/a": FileFacts(path="bin/a", size=1)},
    )
    assert one(IsPackage(run_exports={"weak": ["libz >=2"]}), package) == (
        "run_exports.weak[0]: expected libz >=2, found libz >=1"
    )
    assert one(IsPackage(files=IsPartialDict({"bin/a": HasAttributes(size=2)})), package) == (
        "files.bin/a.size: expected 2, found 1"
    )


def test_what_a_layer_does_not_record_is_called_so():
    assert one(IsSource(version=IsVersion(">=1")), APP) == (
        "version: expected >=1, found None (not recorded here)"
    )


def test_of_alternatives_the_nearest_is_explained():
    expected = IsPackage(name="a", version="2") | IsPackage(name="openssl", version="2")
    assert one(expected, OPENSSL) == "version: expected 2, found 1.1.1w (nearest of 2 alternatives)"


def test_a_matcher_among_the_actual_values_is_what_is_expected():
    assert one({"a": "1"}, {"a": IsVersion(">=3")}) == "a: expected >=3, found 1"
    assert one("1 2", IsVersion) == "expected a version, found 1 2 (not a conda version)"


def test_an_expectation_reads_the_same_after_a_match():
    matched = IsStr(regex="1.*")
    assert "1.1" == matched
    assert one(matched, "2") == "expected IsStr(regex='1.*'), found 2"
    assert "1.1" == matched
    assert one({"a": matched}, {}) == "a: expected IsStr(regex='1.*'), found nothing"


def test_hostile_values_are_explained_all_the_same():
    class Hostile:
        def __eq__(self, other):
            raise RuntimeError("no")

        def __repr__(self):
            raise RuntimeError("no")

        def __len__(self):
            raise RuntimeError("no")

        def __contains__(self, item):
            raise RuntimeError("no")

        @property
        def facts(self):
            raise RuntimeError("no")

        __hash__ = None

    for expected in (
        1,
        [1],
        {"a": 1},
        IsPackage(name="a"),
        HasLen(1),
        Contains(1),
        IsList(1),
        Hostile(),
    ):
        assert "found <Hostile>" in one(expected, Hostile())
    assert one({"a": Hostile()}, {"a": 1}) == "a: expected <Hostile>, found 1"


def test_values_that_contain_themselves_are_explained():
    left, right = [1], [2]
    left.append(left)
    right.append(right)
    assert difference(left, right) != []


def test_a_matcher_that_cannot_be_made_without_arguments_is_named():
    class IsNearly(DirtyEquals):
        def __init__(self, value):
            super().__init__(value)

        def equals(self, other):
            return other is self

    assert one(IsNearly, 1) == "expected IsNearly, found 1"
    assert one(IsNearly(3), 1) == "expected IsNearly(3), found 1"


def test_texts_are_bounded():
    found = one({"a": "x" * 100_000}, {"a": "y" * 100_000})
    assert len(found) < 1000
    assert len(one(list(range(1000)), tuple(range(1000)))) < 1000
    assert len(difference(list(range(1000)), list(range(1, 1001)))) == 1000


SECRETS = [
    ("https://me:hunter2@host/c/x.conda", "https://host/c/x.conda"),
    ("https://host/t/hunter2/c/x.conda", "https://host/t/***/c/x.conda"),
    ("https://host/x.conda?sig=hunter2", "https://host/x.conda?sig=***"),
]


@pytest.mark.parametrize("url", [secret for secret, _ in SECRETS])
@pytest.mark.parametrize("long", ["", "y" * 100], ids=["short", "long"])
def test_no_secret_of_a_url_is_shown(url, long):
    url += long
    pairs = [
        (IsPackage(url="elsewhere"), PackageFacts(name="a", url=url)),
        (IsPackage(url=url), PackageFacts(name="a")),
        ("https://me@host/", url),
        ({url: 1}, {f"{url}x": 1}),
        (IsPartialDict(a=url), {"a": 1}),
        (Contains(url), [f"{url} "]),
        (f"one\n{url}\n", f"one\n{url}x\n"),
        (IsStr(regex="x"), url),
        (IsOneOf(url, 1), [url]),
        (1, (url, [url])),
    ]
    for expected, actual in pairs:
        found = [str(each) for each in difference(expected, actual)]
        assert found
        assert "hunter2" not in "".join(found)


def test_what_differs_in_secrets_alone_is_said_so():
    package = PackageFacts(name="a", url="https://me:hunter2@host/")
    assert one(IsPackage(url="https://host/"), package) == (
        "url: expected https://host/, found https://host/ "
        "(they differ in what is not shown: user, password or query of a URL)"
    )


@pytest.mark.parametrize(("url", "shown"), SECRETS)
def test_nor_is_one_in_the_repr_of_a_matcher(url, shown):
    assert repr(IsPackage(url=url)) == f"IsPackage(url={shown!r})"
