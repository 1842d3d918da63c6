"""Reports of several runs as the report of one."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from pytest_pixipack.shards.documents import REPORT_COMMAND, SCHEMA, Json, Shard
from pytest_pixipack.shards.parts import merged_parts

# What counts where several shards have done one check: the worst, and what was done over what not.
_RANK = {"failed": 0, "error": 1, "ok": 2, "skipped": 3}
_OK, _FAILED, _NONE = 0, 1, 5
# A run that was interrupted, or could not go on: what is missing is not known.
_BROKEN_OFF = (2, 3, 4)


def merged_report(shards: Sequence[Shard]) -> Json:
    """One report, with the same bytes whatever the order of the shards.

    A check that several shards have done is there once, with its worst outcome and all findings.
    """
    checks: dict[str, Json] = {}
    for check in sorted(_checks(shards), key=_order):
        known = checks.setdefault(check["id"], check)
        if known is not check:
            checks[check["id"]] = {**known, "findings": _union(known, check)}
    crashed = sorted({each for shard in shards for each in shard.content["crashed"]})
    code = _exit_code(shards)
    outcome = whole_outcome({each["outcome"] for each in checks.values()}, bool(crashed), code)
    # A run also fails by what is no check: a record that differs, tests of the repository's own.
    if any(shard.content.get("outcome") == "failed" for shard in shards):
        outcome = "failed"
    against = [shard.content["against"] for shard in shards if "against" in shard.content]
    return {
        "schema": SCHEMA,
        "command": REPORT_COMMAND,
        "outcome": outcome,
        "exit_code": code,
        "network": any(shard.content.get("network") for shard in shards),
        "checks": [checks[key] for key in sorted(checks)],
        "crashed": crashed,
        **merged_parts(shards),
        **({"against": sorted(against, key=_text)} if against else {}),
    }


def whole_outcome(outcomes: Collection[str], crashed: bool, exit_code: int = 0) -> str:
    """The outcome of a run whose checks have these outcomes; `exit_code` is pytest's."""
    if "failed" in outcomes:
        return "failed"
    if crashed or "error" in outcomes or exit_code in _BROKEN_OFF:
        return "infrastructure"
    return "passed" if "ok" in outcomes else "unsupported"


def _checks(shards: Sequence[Shard]) -> Iterable[Json]:
    for shard in shards:
        yield from shard.content["checks"]


def _order(check: Json) -> tuple[int, str]:
    return _RANK[check["outcome"]], _text(check)


def _union(known: Json, other: Json) -> list[Any]:
    return [
        *known["findings"],
        *(each for each in other["findings"] if each not in known["findings"]),
    ]


def _exit_code(shards: Sequence[Shard]) -> int:
    """pytest's: that of a failure, else the highest; a shard without tests does not count."""
    codes = {int(shard.content["exit_code"]) for shard in shards}
    done = codes - {_NONE}
    return _FAILED if _FAILED in done else max(done, default=_NONE)


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
