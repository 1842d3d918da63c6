"""Numbers that count the time at which a build ran, though no word beside them says so.

A comparison does not know when its two sides were made; who has just built them does.
"""

from __future__ import annotations

import re
from dataclasses import replace

from pytest_pixipack.compare.model import Difference
from pytest_pixipack.reproduce.agreement import VAGUE

_EVIDENCE = "the seconds since 1970 when each was built"
_COUNT = re.compile(r"(?<![\d.])\d{10,19}(?:\.\d+)?")
# Seconds, milliseconds, microseconds and nanoseconds.
_UNITS = (1, 10**3, 10**6, 10**9)
# Seconds; a number of this many digits is so near to the present by chance once in 10,000 times.
_NEAR = 86_400


def dated(difference: Difference, now: float) -> Difference:
    """The difference as an `embedded-date`, where nothing differs but times of two builds.

    Both were made within the last hours before `now`, in seconds since 1970.
    """
    # Evidence says that there is more than is shown, of which nothing is known.
    if difference.cause not in VAGUE | {"random"} or difference.evidence:
        return difference
    left, right = (text if isinstance(text, str | int | float) else "" for text in (
        difference.left, difference.right
    ))  # fmt: skip
    texts = str(left), str(right)
    if _COUNT.sub("#", texts[0]) != _COUNT.sub("#", texts[1]):
        return difference
    pairs = zip(_COUNT.findall(texts[0]), _COUNT.findall(texts[1]), strict=True)
    unlike = [each for pair in pairs if pair[0] != pair[1] for each in pair]
    if not unlike or not all(_is_near(each, now) for each in unlike):
        return difference
    return replace(difference, cause="embedded-date", evidence=_EVIDENCE)


def _is_near(number: str, now: float) -> bool:
    return any(abs(float(number) / unit - now) < _NEAR for unit in _UNITS)
