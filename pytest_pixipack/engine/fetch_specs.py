"""Which records of the channels a solve with source packages sees.

A channel shows only the records that fit what is asked for directly, and strict priority looks at
what is shown. pixi asks directly for what its source packages need from channels, too
(pixi_command_dispatcher, keys/solve_conda.rs), so that such a dependency may come from a channel
of lower priority where the one above has no fitting version.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from pytest_pixipack.engine.channels import ChannelTable
from pytest_pixipack.engine.records import SourceRecord

_WITH_CHANNEL = re.compile(r"(?P<channel>.*?)(?:(?<=/)/(?P<subdir>[a-z0-9-]+))?::(?P<rest>.*)")


def needed_from_channels(sources: Iterable[SourceRecord], table: ChannelTable) -> list[Any]:
    """Match specs of what source packages need and is not built from source itself."""
    import rattler
    from rattler.exceptions import InvalidMatchSpecError

    texts: dict[str, None] = {}
    for source in sources:
        facts = source.facts
        for text in (*facts.depends, *(t for group in facts.extra_depends.values() for t in group)):
            plain = solver_text(text, table)
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


async def records_shown(
    gateway: Any, sources: Sequence[str], platforms: Sequence[Any], specs: Sequence[Any]
) -> list[_Records]:
    """What the channels show to these specs, as sources for a solve, in the same order."""
    found = await gateway.query(sources, platforms, specs)
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
