# Both orders of the operands, and both operators, are what is tested here.
# ruff: noqa: SIM300
from __future__ import annotations

from dirty_equals import Contains, IsPartialDict, IsStr

from pytest_pixipack.difference import Difference, explain_comparison, render_difference
from pytest_pixipack.facts import PackageFacts
from pytest_pixipack.matchers import IsPackage, IsSource, IsSpec, IsVersion

OPENSSL = PackageFacts(name="openssl", version="1.1.1w", build="h0_0")
APP = PackageFacts(name="app", kind="source", depends=("curl >=7",))


def test_columns_are_aligned_and_the_package_named_once():
    lines = render_difference(
        [
            Difference(("openssl", "version"), ">=3", "1.1.1w", "app asks for openssl >=1"),
            Difference(("openssl", "build"), "h…", "0"),
            Difference(("curl", "depends"), "contains libz", "nothing"),
        ]
    )
    assert lines == [  # the first row is too long for the columns
        "openssl   version   expected >=3   found 1.1.1w   app asks for openssl >=1",
        "          build     expected h…              found 0",
        "curl      depends   expected contains libz   found nothing",
    ]


def test_what_does_not_fit_has_its_own_lines():
    digests = "0123456789abcdef" * 4, "fedcba9876543210" * 4
    lines = render_difference([Difference(("curl", "sha256"), *digests, "altered")])
    assert lines == [
        "curl   sha256",
        f"  expected  {digests[0]}",
        f"  found     {digests[1]}",
        "  altered",
    ]


def test_the_number_of_lines_and_their_width_are_capped():
    many = [Difference((f"package-{n}", "x" * 200), "y" * 500, "z " * 500) for n in range(50)]
    lines = render_difference(many, limit=10)
    assert lines[-1] == "… and 40 more"
    assert len(lines) <= 10 * 10 + 1
    assert max(map(len, lines)) <= 80
    assert render_difference([]) == []


def test_a_comparison_of_environments_is_explained_whichever_side_is_expected():
    actual = {"app": APP, "openssl": OPENSSL}
    expected = {"app": IsSource(), "openssl": IsPackage(version=IsVersion(">=3"))}
    explanation = [
        "1 of 2 packages is not as expected",
        "  openssl   version   expected >=3   found 1.1.1w",
    ]
    assert explain_comparison(actual, expected) == explanation
    assert explain_comparison(expected, actual) == explanation
    assert explain_comparison(actual, IsPartialDict(openssl=expected["openssl"])) == [
        "1 of 1 package is not as expected",
        *explanation[1:],
    ]


def test_a_package_is_explained_by_its_fields():
    assert explain_comparison(APP, IsSource(name="app", depends=Contains(IsSpec("curl >=8")))) == [
        "app (source): 1 of 3 fields is not as expected",
        "  depends   expected contains curl >=8   found curl >=7",
    ]


def test_a_single_value_takes_one_line():
    assert explain_comparison("1.1.1w", IsVersion(">=3")) == ["expected >=3   found 1.1.1w"]
    assert explain_comparison("1.1.1w", IsStr & IsVersion(">=3")) == ["expected >=3   found 1.1.1w"]


def test_facts_are_explained_without_a_matcher_and_the_right_side_is_expected():
    assert explain_comparison(OPENSSL, PackageFacts(name="openssl", version="3", build="h0_0")) == [
        "not as expected",
        "  version   expected 3   found 1.1.1w",
    ]


def test_what_holds_nothing_of_ours_is_left_to_others():
    assert explain_comparison([1], [2]) is None
    assert explain_comparison({"a": 1}, IsPartialDict(a=IsStr)) is None
    assert explain_comparison("a", IsStr(regex="b")) is None
    # A matcher remembers the value it was compared with last, which is nothing that it asks for.
    remembers = IsStr(regex="b")
    assert OPENSSL != remembers
    assert explain_comparison("a", remembers) is None


def test_equal_values_need_no_explanation():
    assert explain_comparison("3.1", IsVersion(">=3")) is None
    assert explain_comparison(OPENSSL, OPENSSL) is None


def test_an_explanation_fits_a_terminal_behind_the_margin_of_pytest():
    long = PackageFacts(
        name="a-package-with-a-long-name", depends=("something >=1.2.3,<2.0a0",) * 30
    )
    wanted = {"a-package-with-a-long-name": IsPackage(depends=Contains(IsSpec("another >=3,<4")))}
    lines = explain_comparison({long.name: long}, wanted)
    assert lines
    assert max(map(len, lines)) <= 72
