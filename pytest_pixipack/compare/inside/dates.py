"""Dates and times in a text: where they are, and what two of them differ in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from pytest_pixipack.compare.inside.months import DAY, MONTH, MONTH_ALONE, MONTHS
from pytest_pixipack.compare.inside.times import is_told

# Names of zones are no words: only those that tools write are taken for zones.
ZONE_NAMES = (
    "UTC|GMT|WET|WEST|CET|CEST|MET|MEST|MEZ|MESZ|EET|EEST|MSK|BST|IST|JST|KST|SGT|HKT|EST|EDT|CST|"
    "CDT|MST|MDT|PST|PDT|AKST|AKDT|HST|AEST|AEDT|ACST|AWST|NZST|NZDT"
)
# Offsets of zones are whole quarters of an hour, and no more than 14 hours.
OFFSET = r"[+-](?:0\d|1[0-4]):?(?:00|15|30|45)"
_ZONE = (
    rf"(?P<zone> ?(?:Z\b|(?:{ZONE_NAMES})(?:{OFFSET})?\b|{OFFSET}\b)(?: ?\((?:{ZONE_NAMES})\))?)?"
)
_SECONDS = r":(?P<second>\d\d)(?:[.,]\d{1,9})?"
_TIME = (
    rf"(?P<hour>\d\d?)(?:[:.]|h)(?P<minute>\d\d)(?:{_SECONDS.replace(':', '[:.]', 1)})?"
    r"(?: ?(?P<half>[AP]\.?M\b\.?))?"
)
_YEAR = r"(?P<year>(?:19|20)\d\d)"
_DE = r"(?: (?:de|del) | )"

_FORMS = tuple(
    re.compile(rf"(?i){form}")
    for form in (
        # ISO 8601 and RFC 3339; with slashes as well
        rf"(?<![\d.-]){_YEAR}[-/](?P<number>\d\d)[-/](?P<day>\d\d)(?:[T _]{_TIME}{_ZONE})?(?![\d])",
        # RFC 5322, RFC 850, `%d %B %Y`, access logs of web servers, Oracle's 05-MAR-24
        rf"(?<!\d)(?P<day>\d\d?)\.?[ /-]{{1,2}}{MONTH}[ /-]{_YEAR}"
        rf"(?:[,:]? {{0,2}}{_TIME}{_ZONE})?(?!\w)",
        rf"(?<![\w-])(?P<day>\d\d?)-{MONTH}-(?P<short>\d\d)(?: {_TIME}{_ZONE})?(?![\w-])",
        # the same in Romance languages: 16 de marzo de 2024
        rf"(?<!\d)(?P<day>\d\d?){_DE}{MONTH}{_DE}{_YEAR}(?:,? {_TIME}{_ZONE})?(?!\w)",
        # a year behind the time: `%c` of several languages
        rf"(?<!\d)(?P<day>\d\d?)\.? {MONTH} {_TIME}{_ZONE} {_YEAR}(?!\w)",
        # asctime, date(1), and the __DATE__ of C
        rf"(?<!\w){MONTH} {{1,2}}(?P<day>\d\d?),?(?: {_TIME}{_ZONE})? {_YEAR}"
        rf"(?:,? {_TIME.replace('<', '<late_')}{_ZONE.replace('<', '<late_')}"
        rf"|{_ZONE.replace('<', '<last_').removesuffix('?')})?(?!\w)",
        rf"(?<!\w){MONTH_ALONE} {_YEAR}\b",
        rf"(?:copyright|©|\(c\)|\byear\s?[:=])[\s:=(c)©]{{0,6}}{_YEAR}\b",
        # numbers only; either the day or the month comes first
        rf"(?<![\d./])(?P<day>\d\d?)[./](?P<number>\d\d?)[./]{_YEAR}"
        rf"(?:,? {{1,2}}{_TIME}{_ZONE})?(?![\d/])",
        # Chinese, Japanese and Korean
        rf"{_YEAR}\s?[年년]\s?(?P<number>\d\d?)\s?[月월]\s?(?P<day>\d\d?)\s?[日일]"
        rf"(?:\s?\(?\w?\w?\)?\s?(?P<hour>\d\d?)(?:[:時时시]|点)\s?(?P<minute>\d\d)"
        rf"(?:[:分분]\s?(?P<second>\d\d)[秒초]?)?{_ZONE})?",
        # PDF (ISO 32000): D:20240316134500+01'00'
        rf"D:{_YEAR}(?P<number>\d\d)(?P<day>\d\d)(?P<hour>\d\d)(?P<minute>\d\d)(?P<second>\d\d)"
        r"(?P<zone>Z(?:00'00'?)?|[+-]\d\d'\d\d'?)?",
        r"(?<![\w.])(?P<year>20\d\d)(?P<number>\d\d)(?P<day>\d\d)"
        r"(?:[T_-]?(?P<hour>\d\d)(?P<minute>\d\d)(?P<second>\d\d)(?P<zone>Z)?)?(?![\w.])",
        # a time alone: with seconds, in halves of a day, or where it is said to be one
        rf"(?<![\d:.-])(?P<hour>\d\d?):(?P<minute>\d\d){_SECONDS}(?: ?(?P<half>[AP]\.?M\b\.?))?"
        rf"{_ZONE}(?![\d:])",
        rf"(?<![\d:.-])(?P<hour>\d\d?):(?P<minute>\d\d) ?(?P<half>[AP]\.?M\b\.?){_ZONE}",
        rf"\b(?:time|date|at|built|build|um|clock)\b[ :=\"']{{1,4}}"
        rf"(?P<hour>[012]\d):(?P<minute>\d\d){_ZONE}(?![\d:])",
    )
)
# Seconds, milliseconds, micro- or nanoseconds since 1970, from 2001 to 2038: only where something
# beside the number says that it is a time.
_EPOCH = re.compile(
    r"(?<![\w.])(?:1\d{9}|20\d{8}|21[0-3]\d{7})(?:\d{3}|\d{6}|\d{9})?"
    r"(?:\.\d{1,9})?[uUlL]{0,3}(?!\w)"
)
_NAMED_HOURS = {"UTC": 0, "GMT": 0, "Z": 0}
_LARGEST_SHIFT = timedelta(hours=14)
_STEP = timedelta(minutes=15)

# The day of the week before a date that was explained, which GONE stands for.
GONE = "\0"
WEEKDAY = re.compile(rf"(?i)(?<!\w){DAY},? {{1,2}}(?={GONE})")

DATE_FORMS: tuple[re.Pattern[str], ...] = (*_FORMS, _EPOCH)


@dataclass(frozen=True, slots=True)
class _Moment:
    """A time as it is written: `zone` is its text, `offset` what it is known to mean."""

    local: datetime
    zone: str
    offset: timedelta | None
    with_seconds: bool


def date_causes(left: re.Match[str], right: re.Match[str], hint: str = "") -> tuple[str, ...]:
    """Why two times that one form found are not the same; nothing where they are no times.

    `hint` is the name of the file, or of the value, which may say that it holds a time.
    """
    if left.re is _EPOCH:
        told = all(is_told(each.string[: each.start()], hint) for each in (left, right))
        return ("embedded-date",) if told else ()
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
        found[name] = found.get(name) or found.get(f"late_{name}") or found.get(f"last_{name}")
    hour = int(found["hour"] or 0)
    if found["half"]:
        hour = hour % 12 + (12 if found["half"][0] in "Pp" else 0)
    year, month, day = _calendar(found)
    try:
        local = datetime(
            year, month, day, hour, int(found["minute"] or 0), int(found["second"] or 0)
        )
    except ValueError:
        return None
    zone = (found["zone"] or "").strip()
    return _Moment(local, zone, _offset(zone), found["second"] is not None)


def _calendar(found: dict[str, str | None]) -> tuple[int, int, int]:
    name, number = found.get("month"), found.get("number")
    month = MONTHS[name.lower()] if name else int(number or 1)
    day = int(found.get("day") or 1)
    if not name and month > 12 >= day:
        month, day = day, month  # where the month comes first
    short = found.get("short")
    if short is not None:
        return int(short) + (2000 if int(short) < 70 else 1900), month, day
    return int(found.get("year") or 2000), month, day


def _offset(zone: str) -> timedelta | None:
    if zone in _NAMED_HOURS:
        return timedelta(hours=_NAMED_HOURS[zone])
    digits = re.search(r"([+-])(\d\d)[:']?(\d\d)", zone)
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
