"""`exclude-newer`: dates, times and durations, and the URLs that cut-offs of channels go by."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from pytest_pixipack.verify.cutoff import Cutoff, plain_url

NOW = datetime(2025, 1, 31, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        # A date means its end.
        ("2020-01-01", "2020-01-02T00:00:00+00:00"),
        ("2020-01-01T00:00:00Z", "2020-01-01T00:00:00+00:00"),
        ("2020-01-01T02:00:00+02:00", "2020-01-01T00:00:00+00:00"),
        ("2020-01-01T00:00:00.5Z", "2020-01-01T00:00:00.500+00:00"),
        ("2020-01-01T00:00:00.123456789Z", "2020-01-01T00:00:00.123456+00:00"),
        ("7d", "2025-01-24T00:00:00+00:00"),
        ("1day 12h", "2025-01-29T12:00:00+00:00"),
    ],
)
def test_a_moment(text: str, moment: str) -> None:
    found = Cutoff.parse(text, NOW)
    assert found is not None
    assert found.milliseconds == int(datetime.fromisoformat(moment).timestamp() * 1000)


def test_what_is_no_moment() -> None:
    assert Cutoff.parse("yesterday", NOW) is None
    assert Cutoff.parse("7 parsecs", NOW) is None


@pytest.mark.parametrize(
    ("url", "plain"),
    [
        ("https://host/main/", "https://host/main/"),
        ("HTTPS://Host:443/a/../main/", "https://host/main/"),
        ("http://me:Secret@Host:8080/main", "http://me:Secret@host:8080/main"),
        ("file:///a/./main", "file:///a/main"),
    ],
)
def test_a_url_as_pixi_writes_it(url: str, plain: str) -> None:
    assert plain_url(url) == plain
