"""Which records of the channels a solve with source packages sees.

A channel shows only the records that fit what is asked for directly, and strict priority looks at
what is shown. pixi asks directly for what its source packages need from channels, too
(pixi_command_dispatcher, keys/solve_conda.rs), so that such a dependency may come from a channel
of lower priority where the one above has no fitting version.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

from pytest_pixipack.engine.channels import ChannelTable
from pytest_pixipack.engine.records import SourceRecord

_WITH_CHANNEL = re.compile(r"(?P<channel>.*?)(?:(?<=/)/(?P<subdir>[a-z0-9-]+))?::(?P<rest>.*)")


def needed_from_channels(
    sources: Iterable[SourceRecord], text_of: Callable[[str], str]
) -> list[Any]:
    """Match specs of what source packages need and is not built from source itself.

    `text_of` makes what the solver reads of a dependency.
    """
    import rattler
    from rattler.exceptions import InvalidMatchSpecError

    texts: dict[str, None] = {}
    for source in sources:
        facts = source.facts
        for text in (*facts.depends, *(t for group in facts.extra_depends.values() for t in group)):
            plain = text_of(text)
            if re.split(r"[ \[]", plain)[0] not in source.sources:
                texts[plain] = None
    specs = []
    for text in texts:
        try:
            specs.append(rattler.MatchSpec(text))
        except InvalidMatchSpecError:  # the solver refuses it, with a better message
            continue
    return specs


def solver_text(text: str, table: ChannelTable) -> str:
    """A dependency as the solver reads it: its channel in brackets, and where that really is.

    In front of the name, the URL of a channel hides the name.
    """
    found = _WITH_CHANNEL.fullmatch(text)
    if found is None:
        return text
    plain, _, fields = found["rest"].partition("[")
    given = [f'subdir="{found["subdir"]}"'] if found["subdir"] else []
    if found["channel"]:
        given.insert(0, f'channel="{table.resolve(found["channel"]).origin}"')
    fields = ", ".join([*given, *([fields.removesuffix("]")] if fields else [])])
    return f"{plain}[{fields}]" if fields else plain


# A moment after all packages, and one after that for those that are too new: a solver knows one
# moment for all of them.
BEYOND_ALL = dt.datetime(9000, 1, 1, tzinfo=dt.timezone.utc)
_TOO_NEW = dt.datetime(9999, 1, 1, tzinfo=dt.timezone.utc)

# Whether a record is too new: by its name, its channel's URL, and its date in milliseconds.
TooNew: TypeAlias = Callable[[str, "str | None", "int | None"], bool]


async def records_shown(
    gateway: Any,
    sources: Sequence[str],
    platforms: Sequence[Any],
    specs: Sequence[Any],
    too_new: TooNew | None = None,
) -> list[_Records]:
    """What the channels show to these specs, as sources for a solve, in the same order.

    Records that are `too_new` get a date after `BEYOND_ALL`; they are not left out, because a
    channel that has nothing else of a name still hides those of the next one.
    """
    found = await gateway.query(sources, platforms, specs)
    for record in (each for records in found for each in records) if too_new else ():
        assert too_new is not None
        moment = record.timestamp
        age = None if moment is None else int(moment.timestamp() * 1000)
        if too_new(record.name.normalized, record.channel, age):
            record.timestamp = _TOO_NEW
    return [_Records(records) for records in found]


class _Records:
    """Records of one channel; `rattler.RepoDataSource`."""

    def __init__(self, records: Iterable[Any]) -> None:
        self._records: dict[tuple[str, str], list[Any]] = {}
        for record in records:
            key = (str(record.subdir), record.name.normalized)
            self._records.setdefault(key, []).append(record)

    async def fetch_package_records(self, platform: Any, name: Any) -> list[Any]:
        """The records of a name on a platform."""
        return self._records.get((str(platform), name.normalized), [])

    def package_names(self, platform: Any) -> list[str]:
        """All names on a platform."""
        return [name for subdir, name in self._records if subdir == str(platform)]
