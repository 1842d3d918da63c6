"""Dates and times in a text: where they are, and what two of them differ in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_MONTH = r"(?P<month>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}\.?"
_DAY = r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6},? {1,2})?"
# Names of zones are no words: only those that tools write are taken for zones.
_ZONES = (
    "UTC|GMT|WET|WEST|CET|CEST|EET|EEST|MSK|BST|IST|JST|KST|SGT|HKT|EST|EDT|CST|CDT|MST|MDT|"
    "PST|PDT|AKST|AKDT|HST|AEST|AEDT|ACST|AWST|NZST|NZDT"
)
_OFFSET = r"[+-]\d\d:?\d\d"
_ZONE = rf"(?P<zone> ?(?:Z\b|(?:{_ZONES})(?:{_OFFSET})?\b|{_OFFSET}\b)(?: ?\((?:{_ZONES})\))?)?"
_TIME = (
    r"(?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,]\d{1,9})?)?(?: ?(?P<half>[AP]M))?"
)
_YEAR = r"(?P<year>(?:19|20)\d\d)"

_FORMS = tuple(
    re.compile(form)
    for form in (
        # ISO 8601 and RFC 3339; with slashes as well
        rf"(?<![\d.-]){_YEAR}[-/](?P<number>\d\d)[-/](?P<day>\d\d)(?:[T _]{_TIME}{_ZONE})?(?![\d])",
        # RFC 5322, and `%d %B %Y`
        rf"\b{_DAY}(?P<day>\d\d?)[ -]{_MONTH}[ -]{_YEAR}(?:,? {_TIME}{_ZONE})?\b",
        # asctime, date(1), and the __DATE__ of C
        rf"\b{_DAY}{_MONTH} {{1,2}}(?P<day>\d\d?),?(?: {_TIME}{_ZONE})? {_YEAR}"
        rf"(?: {_TIME.replace('<', '<late_')}{_ZONE.replace('<', '<late_')})?\b",
        rf"\b{_MONTH} {_YEAR}\b",
        rf"(?i)(?:copyright|©|\(c\)|\byear)[\s:=(c)©]{{1,6}}{_YEAR}\b",
        rf"\b(?P<day>\d\d?)[./](?P<number>\d\d?)[./]{_YEAR}(?: {_TIME}{_ZONE})?\b",
        r"(?<![\w.])(?P<year>20\d\d)(?P<number>\d\d)(?P<day>\d\d)"
        r"(?:[T_-]?(?P<hour>\d\d)(?P<minute>\d\d)(?P<second>\d\d)(?P<zone>Z)?)?(?![\w.])",
        rf"(?<![\d:.]){_TIME}{_ZONE}(?![\d:])",
    )
)
# Seconds or milliseconds since 1970, from 2001 to 2038.
_EPOCH = re.compile(
    r"(?<![\w.])(?:1\d{9}|20\d{8}|21[0-3]\d{7}|1\d{12}|20\d{11})(?:\.\d{1,9})?(?![\w])"
)
_NAMED_HOURS = {"UTC": 0, "GMT": 0, "Z": 0}
_LARGEST_SHIFT = timedelta(hours=14)
_STEP = timedelta(minutes=15)

DATE_FORMS: tuple[re.Pattern[str], ...] = (*_FORMS, _EPOCH)


@dataclass(frozen=True, slots=True)
class _Moment:
    """A time as it is written: `zone` is its text, `offset` what it is known to mean."""

    local: datetime
    zone: str
    offset: timedelta | None
    with_seconds: bool


def date_causes(left: re.Match[str], right: re.Match[str]) -> tuple[str, ...]:
    """Why two times that one form found are not the same; nothing where they are no times."""
    if left.re is _EPOCH:
        return ("embedded-date",)
    first, second = _moment(left), _moment(right)
    if first is None or second is None:
        return ()
    if first.zone != second.zone:
        if first.local == second.local or _same_instant(first, second):
            return ("timezone",)
        known = first.offset is not None and second.offset is not None
        shifted = _is_shift(first.local - second.local)
        # Two zones without known offsets: a difference of whole quarters is theirs.
        return ("timezone",) if not known and shifted else ("embedded-date", "timezone")
    exact = first.with_seconds and first.local.second != 0 and not first.zone
    if exact and _is_shift(first.local - second.local):
        return ("timezone",)
    return ("embedded-date",)


def _moment(match: re.Match[str]) -> _Moment | None:
    found = match.groupdict()
    for name in ("hour", "minute", "second", "half", "zone"):
        found[name] = found.get(name) or found.get(f"late_{name}")
    month = found.get("number") or (
        _MONTHS.index(found["month"].lower()) + 1 if found.get("month") else 1
    )
    hour = int(found["hour"] or 0)
    if found["half"]:
        hour = hour % 12 + (12 if found["half"] == "PM" else 0)
    try:
        local = datetime(
            int(found.get("year") or 2000), int(month), int(found.get("day") or 1),
            hour, int(found["minute"] or 0), int(found["second"] or 0),
        )  # fmt: skip
    except ValueError:
        return None
    zone = (found["zone"] or "").strip()
    return _Moment(local, zone, _offset(zone), found["second"] is not None)


def _offset(zone: str) -> timedelta | None:
    if zone in _NAMED_HOURS:
        return timedelta(hours=_NAMED_HOURS[zone])
    digits = re.search(r"([+-])(\d\d):?(\d\d)", zone)
    if digits is None:
        return None
    size = timedelta(hours=int(digits[2]), minutes=int(digits[3]))
    return -size if digits[1] == "-" else size


def _same_instant(left: _Moment, right: _Moment) -> bool:
    if left.offset is None or right.offset is None:
        return False
    return left.local - left.offset == right.local - right.offset


def _is_shift(delta: timedelta) -> bool:
    return timedelta(0) < abs(delta) <= _LARGEST_SHIFT and not delta % _STEP
