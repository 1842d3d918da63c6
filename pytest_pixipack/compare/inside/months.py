"""Names of months and days, as `strftime` and Intl write them in the languages of many machines."""

from __future__ import annotations

_NAMES = {
    "en": "january february march april may june july august september october november december",
    "de": "januar februar märz april mai juni juli august september oktober november dezember",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre "
    "diciembre",
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre "
    "dicembre",
    "pt": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro "
    "dezembro",
    "nl": "januari februari maart april mei juni juli augustus september oktober november december",
}
# Short names that are not simply the first three letters.
_SHORT = {
    "mär": 3, "mrz": 3, "mrt": 3, "avr": 4, "maj": 5, "juin": 6, "juil": 7, "jui": 7, "aoû": 8,
    "août": 8, "déc": 12, "sept": 9, "févr": 2, "janv": 1, "abr": 4, "ago": 8, "ene": 1, "dic": 12,
    "gen": 1, "mag": 5, "giu": 6, "lug": 7, "set": 9, "ott": 10, "dez": 12, "fev": 2, "out": 10,
    "okt": 10, "mai": 5, "mei": 5,
}  # fmt: skip

MONTHS = {
    **{name: number for names in _NAMES.values() for number, name in enumerate(names.split(), 1)},
    **{
        name[:3]: number
        for language in ("en", "de", "nl")
        for number, name in enumerate(_NAMES[language].split(), 1)
    },
    **_SHORT,
}

_DAYS = (
    "monday tuesday wednesday thursday friday saturday sunday montag dienstag mittwoch "
    "donnerstag freitag samstag sonntag lundi mardi mercredi jeudi vendredi samedi dimanche "
    "lunes martes miércoles jueves viernes sábado domingo lunedì martedì mercoledì giovedì "
    "venerdì sabato domenica mon tue wed thu fri sat sun mo di mi do fr sa so lun mar mer jeu "
    "ven sam dim mié jue vie sáb dom gio sab"
)


def _alternatives(names: list[str]) -> str:
    return "|".join(sorted(names, key=lambda name: (-len(name), name)))


# Regular expressions, to be used without regard to case. No word goes on behind them.
MONTH = rf"(?P<month>{_alternatives([*MONTHS])})(?!\w)\.?"
DAY = rf"(?:{_alternatives(_DAYS.split())})(?!\w)\.?"
# Where no day stands before it: many of the others are words of another meaning.
MONTH_ALONE = (
    rf"(?-i:(?P<month>{_alternatives([name.title() for name in _NAMES['en'].split()])}"
    r"|Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec))\.?"
)
