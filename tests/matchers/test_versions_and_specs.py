# Both orders of the operands, and both operators, are what is tested here.
# ruff: noqa: SIM201, SIM202, SIM300
from __future__ import annotations

import copy
import pickle

import pytest
from dirty_equals import Contains, IsStr

from pytest_pixipack.matchers import IsSpec, IsVersion


@pytest.mark.parametrize(
    ("spec", "version"),
    [
        (">=8,<9", "8.11.1"),
        ("8.*", "8"),
        ("=8.1", "8.1.5"),
        ("8", "8.0"),
        ("==8", "8.0.0"),
        ("~=8.1", "8.9"),
        ("<1|>=3", "3.0.1"),
        (">=1!2", "1!2.0"),
        ("!=1.1.*", "1.2"),
        (">=3.0rc1", "3.0.0rc2"),
        ("*", "0a"),
    ],
)
def test_a_version_within_the_constraint_is_equal_on_either_side(spec, version):
    assert version == IsVersion(spec)
    assert IsVersion(spec) == version
    assert not version != IsVersion(spec)
    assert not IsVersion(spec) != version


@pytest.mark.parametrize(
    ("spec", "version"),
    [(">=8,<9", "9.0"), ("8", "8.1"), (">=3", "1.1.1w"), ("8.*", "80"), (">=3", "3.0rc1")],
)
def test_a_version_outside_the_constraint_is_not(spec, version):
    assert version != IsVersion(spec)
    assert not IsVersion(spec) == version


@pytest.mark.parametrize("spec", ["", "foo bar", ">=8,", "!!", ">=", "1..2", ">=8 <9"])
def test_a_bad_constraint_is_refused_where_it_is_written(spec):
    with pytest.raises(ValueError, match="is not a version or a constraint"):
        IsVersion(spec)


@pytest.mark.parametrize("spec", [8, 8.1, None, b"8"])
def test_a_constraint_is_text(spec):
    with pytest.raises(TypeError, match="as text"):
        IsVersion(spec)


@pytest.mark.parametrize(
    "other", [None, 8, 8.1, b"8", ["8"], object(), "", "not a version", "1\ud800"]
)
def test_what_is_no_version_is_unequal_and_nothing_is_raised(other):
    assert other != IsVersion()
    assert other != IsVersion("*")
    assert other != IsSpec("curl")


def test_the_class_alone_is_any_version():
    assert "1.1.1w" == IsVersion
    assert "1 2" != IsVersion


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("curl >=8", "curl>=8"),
        ("curl >=8", "CURL >=8"),
        ("curl >=8", "curl[version='>=8']"),
        ("curl >=8", "curl >=8.0"),
        ("curl >=8", "curl >=8 *"),
        ("curl >=8,<9", "curl <9,>=8"),
        ("curl >=8,<9", "curl <9,>=8,>=8"),
        ("curl <1|>=3", "curl >=3|<1"),
        ("curl <1|(>=3,<4)", "curl (<4,>=3)|<1"),
        ("curl 8.*", "curl =8"),
        ("curl 8", "curl ==8.0"),
        ("curl", "curl *"),
        ("curl", "curl * *"),
        ("curl >=1,*", "curl >=1"),
        ("python_abi 3.12.* *_cp312", "python_abi[version='3.12.*',build='*_cp312']"),
        ("foo[extras=[a,b]]", "foo[extras=[b,a]]"),
    ],
)
def test_specs_that_say_the_same_are_equal(left, right):
    assert left == IsSpec(right)
    assert right == IsSpec(left)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("curl >=8", "libcurl >=8"),
        ("curl >=8", "curl >=8.1"),
        ("curl >=8", "curl"),
        ("curl >=8", "curl >8"),
        ("curl 8.*", "curl 8.0.*"),
        ("curl ~=8.0", "curl ~=8"),
        ("curl 8", "curl 8.*"),
        ("curl >=8 h*", "curl >=8"),
        ("curl >=8,<9", "curl >=8|<9"),
        ("conda-forge::curl", "curl"),
        ("curl[build_number='>=1']", "curl"),
        ("foo[when='python >=3.8']", "foo"),
    ],
)
def test_specs_that_say_something_else_are_not(left, right):
    assert left != IsSpec(right)
    assert right != IsSpec(left)


@pytest.mark.parametrize("spec", ["", "@x", "*", "curl >=", "a\ud800"])
def test_a_bad_spec_is_refused_where_it_is_written(spec):
    with pytest.raises(ValueError, match="is not a match spec"):
        IsSpec(spec)


def test_contains_finds_a_spec_among_depends():
    depends = ("libz *", "curl >=8.0,<9", "__unix")
    assert depends == Contains(IsSpec("curl >=8,<9"))
    assert depends == Contains(IsSpec("__unix"), IsSpec("libz"))
    assert depends != Contains(IsSpec("curl >=8"))


def test_repr_is_the_call_before_and_after_a_comparison():
    matcher = IsVersion(">=8")
    assert repr(matcher) == "IsVersion('>=8')"
    assert "8.1" == matcher
    assert repr(matcher) == "IsVersion('>=8')"
    assert repr(IsVersion()) == "IsVersion()"
    assert repr(IsSpec("curl >=8")) == "IsSpec('curl >=8')"
    assert repr(IsSpec()) == "IsSpec()"
    assert repr(~IsVersion("1.*") | IsStr) == "~IsVersion('1.*') | IsStr"


def test_matchers_compose_with_each_other_and_with_dirty_equals():
    assert "3.1" == IsVersion(">=3") & ~IsVersion("3.0.*")
    assert "3.0.7" != IsVersion(">=3") & ~IsVersion("3.0.*")
    assert "1.1.1w" == IsVersion("1.1.*") | IsVersion(">=3")
    assert "3.1" == IsVersion & IsStr(regex=r"3\..*")
    assert 3 == ~IsVersion


def test_matchers_can_be_copied_and_sent_to_another_process():
    for send in (copy.copy, copy.deepcopy, lambda matcher: pickle.loads(pickle.dumps(matcher))):
        assert "8.1" == send(IsVersion(">=8"))
        assert "curl >=8" == send(IsSpec("curl >=8.0"))
        assert "curl >=8" != send(IsSpec("libcurl"))
