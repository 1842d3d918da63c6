"""How much later another date and time is, so that nothing of it is as now.

A build may write down any part of a date: only the weekday, the week, or whether it is morning. So
another date has to be another one in all of them.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

# Days that are tried: from more than a year on, so that two years are never the same.
_DAYS = range(400, 1200)
# From the zone that is the last to have a date to the one that is the first, and builds take time.
_BEFORE, _AFTER = -1, 1
_DAY = 24 * 3600
# Hours, minutes and seconds, in seconds, for each half of a half day: in the other half day, with
# hours left in it, at another hour of a clock with twelve.
_IN_THE_FIRST_QUARTER = (13 * 60 + 11) * 60 + 13
_IN_THE_SECOND_QUARTER = (6 * 60 + 48) * 60 + 47


def seconds_later(now: float) -> int:
    """The seconds from `now` (since 1970) to a moment that is different in year, month, day of the
    month and of the year, weekday, week (ISO 8601 and as `%U`), half of the day, hour, minute and
    second.

    Dates are other ones in all zones, and for hours that pass between the builds; the time of day
    is another one in UTC, which is the zone of builds.
    """
    moment = datetime.fromtimestamp(now, timezone.utc)
    today = moment.date()
    second_quarter = moment.hour % 12 >= 6
    seconds = _IN_THE_SECOND_QUARTER if second_quarter else _IN_THE_FIRST_QUARTER
    days = next(number for number in _DAYS if _are_all_different(today, number))
    return days * _DAY + seconds


def _are_all_different(today: date, days: int) -> bool:
    """Whether no part of a date is the same, from one day before to two days after that."""
    near = [_parts(today + timedelta(each)) for each in range(_BEFORE, _AFTER + 1)]
    # The time of day is added: that may be one day more.
    then = [_parts(today + timedelta(days + each)) for each in range(_BEFORE, _AFTER + 2)]
    return not any(
        one == other for old in near for new in then for one, other in zip(old, new, strict=True)
    )


def _parts(day: date) -> tuple[int, ...]:
    year, week, weekday = day.isocalendar()
    sunday_week = int(day.strftime("%U"))
    return day.year, year, day.month, day.day, day.timetuple().tm_yday, week, sunday_week, weekday
