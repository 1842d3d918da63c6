"""Numbers in JSON and YAML, as they are written: two that no float tells apart are still two."""

from __future__ import annotations

import re
from collections import Counter
from decimal import Decimal

# RFC 8259, section 6; YAML also has a plus sign, and numbers without a digit before the point.
_NUMBER = re.compile(
    r"(?P<sign>[+-]?)(?P<whole>\d*)\.?(?P<part>\d*)(?:[eE](?P<power>[+-]?\d+))?", re.ASCII
)
_IN_TEXT = re.compile(r"(?<![\w.+-])[+-]?\.?\d[\d.]*(?:[eE][+-]?\d+)?(?![\w.])", re.ASCII)
# A float holds every number of so many characters, without an exponent.
_SHORT = 16
# Decimals have no larger powers of ten on machines of 32 bits.
_LARGEST_POWER = 10**8
# What 64 bits hold, with a sign or without.
_LEAST, _MOST = -(2**63), 2**64 - 1


def exact_number(text: str) -> float | Decimal:
    """The number that a text is: a float where the text is one of its own forms, else a decimal.

    However it is written, one number is one value: `1.50` and `15e-1`. Raises `ValueError` for a
    text that is no number, or has an exponent that nothing computes with.
    """
    rounded = float(text)
    if _is_short(text) or repr(rounded) == text:
        return rounded
    exact = _decimal(text)
    if exact is None:
        raise ValueError("this is no number")
    # Some writers give a float all the 17 digits that tell it from its neighbours.
    of_float = (_decimal(repr(rounded)), _decimal(f"{rounded:.17g}"))
    return rounded if exact in of_float else exact


def lost_numbers(text: str) -> Counter[Decimal]:
    """How often each number is in a text that readers of YAML round, long integers among them."""
    found: Counter[Decimal] = Counter()
    for match in _IN_TEXT.finditer(text):
        if _is_short(match[0]):
            continue
        try:
            exact = exact_number(match[0])
            whole = _decimal(match[0])
        except ValueError:
            continue
        is_integer = match[0].lstrip("+-").isdigit()
        if whole is not None and (
            not _LEAST <= whole <= _MOST if is_integer else isinstance(exact, Decimal)
        ):
            found[whole] += 1
    return found


def _is_short(text: str) -> bool:
    return len(text) <= _SHORT and "e" not in text.lower()


def _decimal(text: str) -> Decimal | None:
    """A number without zeros at its ends; None for what is no number, or infinite."""
    found = _NUMBER.fullmatch(text)
    if found is None or not found["whole"] + found["part"]:
        return None
    digits = (found["whole"] + found["part"]).lstrip("0")
    if not digits:
        return Decimal(f"{found['sign']}0")
    if len(found["power"] or "") > len(str(_LARGEST_POWER)):
        raise ValueError("a number is too large, or too small")
    kept = digits.rstrip("0")
    power = int(found["power"] or 0) - len(found["part"]) + len(digits) - len(kept)
    return Decimal(f"{found['sign']}{kept}E{power}")
