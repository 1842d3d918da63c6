"""JSON of files that are not trusted, with bounds on the memory that its values take."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

# A value takes some hundred bytes in memory, and a few in the file.
MOST_VALUES = 1_000_000
# Of a whole document as text, in which one rare character makes all take four bytes.
MOST_TEXT = 32 << 20
_HALF_CHARACTER = re.compile(rb"\\u[dD][89a-fA-F]")
# Beyond the first 65,536 characters, as they are or escaped.
_RARE = re.compile(rb"[\xf0-\xff]|\\u[dD][89a-fA-F]")


class BadJson(ValueError):
    """Why a text is no JSON that can be used; `line` counts from 1 where it is known."""

    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(reason)
        self.line = line


def _width(data: bytes) -> int:
    """The bytes that a character takes in memory, or will take in one of the values."""
    if data.isascii() and b"\\u" not in data:
        return 1
    return 4 if _RARE.search(data) else 2


def count_values(data: bytes) -> int:
    """At most how many values a JSON document has."""
    # Every value but the first follows one of these.
    return 1 + sum(map(data.count, (b",", b"[", b"{")))


def load_json(
    data: bytes,
    most_values: int = MOST_VALUES,
    each_object: Callable[[dict[str, Any]], Any] | None = None,
) -> Any:
    """The value in a JSON document in UTF-8. Raises `BadJson`.

    What `each_object` makes of an object takes its place.
    """
    if len(data) * _width(data) > MOST_TEXT:
        raise BadJson(f"it takes more than {MOST_TEXT} bytes as text")
    if count_values(data) > most_values:
        raise BadJson(f"it has more than {most_values} values")
    try:
        value = json.loads(data.decode(), object_hook=each_object)
        if _HALF_CHARACTER.search(data):
            json.dumps(value, ensure_ascii=False, default=str).encode()
    except json.JSONDecodeError as error:
        raise BadJson(error.msg, error.lineno) from None
    except RecursionError:
        raise BadJson("it is nested too deeply") from None
    except UnicodeDecodeError:
        raise BadJson("it is not UTF-8") from None
    except UnicodeEncodeError:
        raise BadJson("it has half a character") from None
    except ValueError:  # Python refuses integers of thousands of digits
        raise BadJson("it has a number of too many digits") from None
    return value
