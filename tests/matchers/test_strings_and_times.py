# Both orders of the operands, and both operators, are what is tested here.
# ruff: noqa: SIM201, SIM300
from __future__ import annotations

import hashlib
from datetime import datetime, timezone

import pytest
from dirty_equals import IsInt

from pytest_pixipack.matchers import IsBuildString, IsMd5, IsSha256, IsTimestamp


@pytest.mark.parametrize(
    ("build", "matcher"),
    [
        ("py312h4f5a6b7_3", IsBuildString()),
        ("h0_0", IsBuildString),
        ("py312h4f5a6b7_3", IsBuildString("py312*_3")),
        ("py312h4f5a6b7_3", IsBuildString(prefix="py312h")),
        ("py312h4f5a6b7_3", IsBuildString(regex=r"py\d+h[0-9a-f]{7}_\d+")),
        ("py312h4f5a6b7_3", IsBuildString(number=3)),
        ("py312h4f5a6b7_3", IsBuildString(hash_length=7)),
        ("h4f5a6b7_cpython", IsBuildString(hash_length=7)),
        ("hb7_13", IsBuildString("h*", prefix="hb", number=13, hash_length=2)),
        ("0", IsBuildString(number=0)),
    ],
)
def test_a_build_string_that_fits(build, matcher):
    assert build == matcher
    assert matcher == build


@pytest.mark.parametrize(
    ("build", "matcher"),
    [
        ("", IsBuildString()),
        ("a b", IsBuildString()),
        ("a-b", IsBuildString("*")),
        (None, IsBuildString()),
        (0, IsBuildString(number=0)),
        ("py312_0", IsBuildString("py311*")),
        ("PY312_0", IsBuildString("py312*")),
        ("xpy312_0", IsBuildString(prefix="py")),
        ("py312_0", IsBuildString(regex="py")),
        ("h0_13", IsBuildString(number=3)),
        ("h0_3a", IsBuildString(number=3)),
        ("py312h__3", IsBuildString(hash_length=7)),
        ("h4f5a6b7c_3", IsBuildString(hash_length=7)),
        ("h4f5a6b7_3", IsBuildString(hash_length=7, number=4)),
    ],
)
def test_a_build_string_that_does_not(build, matcher):
    assert build != matcher
    assert not matcher == build


def test_a_bad_criterion_is_refused():
    with pytest.raises(ValueError, match="is not a regular expression"):
        IsBuildString(regex="(")
    with pytest.raises(TypeError, match="number has to be a whole number"):
        IsBuildString(number="0")
    with pytest.raises(TypeError, match="prefix has to be text"):
        IsBuildString(prefix=3)
    with pytest.raises(TypeError, match="suffix"):
        IsBuildString(suffix="_0")


def test_repr_names_what_was_given():
    assert repr(IsBuildString("h*", number=0)) == "IsBuildString('h*', number=0)"
    assert repr(IsBuildString()) == "IsBuildString()"
    assert repr(IsSha256()) == "IsSha256()"
    assert repr(IsTimestamp(after=5)) == "IsTimestamp(after=5)"


def test_digests():
    sha256, md5 = hashlib.sha256(b"").hexdigest(), hashlib.md5(b"").hexdigest()
    assert sha256 == IsSha256()
    assert sha256 == IsSha256
    assert md5 == IsMd5()
    assert md5 != IsSha256()
    assert sha256 != IsMd5()
    assert sha256.upper() != IsSha256()
    assert f"{sha256}\n" != IsSha256()
    assert sha256.encode() != IsSha256()
    assert sha256.replace(sha256[0], "g") != IsSha256()


def test_times_are_milliseconds():
    assert 1_789_000_000_000 == IsTimestamp()
    assert 315_532_800_000 == IsTimestamp  # 1980, the first time that a zip file can hold
    assert 1_789_000_000 != IsTimestamp()
    assert 1_789_000_000_000_000 != IsTimestamp()
    assert 0 != IsTimestamp()
    assert -1 != IsTimestamp()
    assert True != IsTimestamp()  # noqa: E712
    assert 1_789_000_000_000.0 != IsTimestamp()
    assert "1789000000000" != IsTimestamp()
    assert 1_789_000_000_000 == IsTimestamp() & IsInt


def test_times_have_bounds():
    noon = datetime(2026, 9, 10, 12, tzinfo=timezone.utc)
    milliseconds = int(noon.timestamp()) * 1000
    assert milliseconds == IsTimestamp(after=noon, before=noon)
    assert milliseconds - 1 != IsTimestamp(after=noon)
    assert milliseconds + 1 != IsTimestamp(before=milliseconds)
    with pytest.raises(ValueError, match="time zone"):
        IsTimestamp(after=datetime(2026, 1, 1))
    with pytest.raises(ValueError, match="matches nothing"):
        IsTimestamp(after=2, before=1)
    with pytest.raises(TypeError, match="after has to be a whole number"):
        IsTimestamp(after="now")
