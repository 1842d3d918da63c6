"""Another date and time is another one in all that a build may write down of it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_pixipack.reproduce.later import seconds_later

DATES = ("%Y", "%y", "%m", "%B", "%d", "%j", "%A", "%u", "%V", "%U", "%W", "%G")
TIMES = ("%H", "%I", "%M", "%S", "%p")
MOMENTS = [
    datetime(2026, 12, 31, 23, 59, 59, tzinfo=timezone.utc),
    datetime(2027, 1, 1, tzinfo=timezone.utc),
    datetime(2028, 2, 29, 11, 59, 59, tzinfo=timezone.utc),
    datetime(2020, 12, 28, 12, tzinfo=timezone.utc),  # the first day of a 53rd week
    datetime(2027, 3, 28, 0, 59, 59, tzinfo=timezone.utc),  # summer time begins in Europe
    datetime(2026, 10, 25, 1, 0, 0, tzinfo=timezone.utc),  # and ends
]


def same(now: datetime, then: datetime, parts: tuple[str, ...]) -> list[str]:
    return [part for part in parts if now.strftime(part) == then.strftime(part)]


def later(now: datetime, passed: timedelta = timedelta()) -> datetime:
    moment = now.timestamp() + seconds_later(now.timestamp())
    return datetime.fromtimestamp(moment, timezone.utc) + passed


@pytest.mark.parametrize("now", MOMENTS, ids=str)
@pytest.mark.parametrize("hours", range(24))
def test_every_part_is_another_one_at_every_hour(now, hours):
    now += timedelta(hours=hours)
    assert same(now, later(now), DATES + TIMES) == []
    # The build that is compared came first, and others take their time.
    assert same(now, later(now, timedelta(hours=3)), (*DATES, "%H", "%p")) == []


MANY = st.datetimes(datetime(2000, 1, 1), datetime(2037, 1, 1), timezones=st.just(timezone.utc))
# Windows has none of its own.
KNOWN = {"Europe/Berlin", "America/New_York", "Pacific/Kiritimati"} & available_timezones()
ZONES = st.sampled_from([timezone.utc, *map(ZoneInfo, sorted(KNOWN))])


@given(MANY, ZONES)
def test_dates_are_other_ones_in_all_zones(now, zone):
    then = later(now)
    assert same(now, then, DATES + TIMES) == []
    assert timedelta(366) < then - now < timedelta(3 * 366)
    local = [each.astimezone(zone) for each in (now, then)]
    assert same(*local, (*DATES, "%H", "%M", "%S")) == []
