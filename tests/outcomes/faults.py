"""Each fault of the channel server, and its outcome on both engines.

The tests beside this file try every line; `python -m tests.outcomes.faults` writes the page
`docs/outcomes.md` from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "outcomes.md"

PASSED, NETWORK, PRODUCT = "passed", "infrastructure", "failed"
# Where a fault strikes: what is done, and the requests that are struck.
PLACES = {
    "repodata": ("lock", "*/noarch/repodata*"),
    "a shard": ("lock", "*/shards/*"),
    "a package": ("pack", "*.conda"),
}
ONCE, ALWAYS = ",count=1", ""


@dataclass(frozen=True)
class Case:
    """One line: outcomes of a fault that strikes once, and of one that stays."""

    fault: str
    place: str
    embedded: tuple[str, str]
    tools: tuple[str, str]

    @property
    def stage(self) -> str:
        return PLACES[self.place][0]

    def written(self, often: str) -> str:
        return f"{self.fault},path={PLACES[self.place][1]}{often}"


def cases() -> list[Case]:
    retried, gone = (PASSED, NETWORK), (NETWORK, NETWORK)
    wrong, harmless = (PRODUCT, PRODUCT), (PASSED, PASSED)
    lines: list[tuple[str, str, tuple[str, str], tuple[str, str]]] = []
    for place in ("repodata", "a shard"):
        lines += [
            ("404", place, retried if place == "repodata" else gone,
             retried if place == "repodata" else gone),
            ("401", place, gone, gone),
            ("429", place, retried, retried),
            ("500", place, retried, retried),
            ("503,retry-after=1", place, retried, retried),
            ("reset", place, retried, retried),
            ("reset=100", place, retried, gone),
            ("truncate=100", place, retried, gone),
            ("cut=100", place, retried, gone),
            ("stall", place, retried, gone),
            ("stall=100", place, retried, gone),
            ("drip=20000", place, harmless, harmless),
            ("wrong-length=5", place, retried, gone),
            ("wrong-length=-5", place, retried, gone),
            ("corrupt", place, wrong, wrong),
        ]  # fmt: skip
    lines.append(("stale=zlib-*", "repodata", wrong, wrong))
    place = "a package"
    lines += [
        ("404", place, gone, gone),
        ("401", place, gone, gone),
        ("429", place, retried, gone),
        ("500", place, retried, gone),
        ("503,retry-after=1", place, retried, gone),
        ("reset", place, retried, gone),
        ("reset=100", place, retried, gone),
        ("truncate=100", place, retried, gone),
        ("cut=100", place, retried, wrong),
        ("stall", place, retried, gone),
        ("stall=100", place, retried, gone),
        ("drip=20000", place, harmless, harmless),
        ("wrong-length=5", place, harmless, gone),
        ("wrong-length=-5", place, wrong, wrong),
        ("corrupt", place, wrong, wrong),
    ]
    return [Case(*line) for line in lines]


HEAD = """# What a bad network leads to

Made by the tests from what both engines do with each [fault](channel-server.md#faults)
(`python -m tests.outcomes.faults`).

A fault of the network is `infrastructure`: nothing is known about the product. The embedded engine
tries again within bounds before it says so: four attempts for each file, with pauses that grow; for
a package they follow `Retry-After` up to 20 seconds, and what has arrived is continued.
`PIXIPACK_HTTP_RETRIES` (3) and `PIXIPACK_HTTP_TIMEOUT` (60) change the bounds: the latter is how
many seconds a server may be silent, and a request for repodata may take five times as long in all.
The error says what it was and how often it was tried:

```text
zlib-1.3-h0_0 cannot be downloaded from http://127.0.0.1:41523/mine/noarch/zlib-1.3-h0_0.conda:
peer closed connection without sending complete message body (received 100 bytes, expected 5312)
(4 attempts).
```

What changes the content is `failed` (`invalid-input` and exit code 2 on the command line), and is
never retried away: a whole answer that is another file, or no repodata, is what the server has.

pixi 0.77 asks again where no answer came or the server is busy, but not where a body breaks off;
pixi-pack 0.7.10 never asks again. Their "error decoding response body" is `infrastructure`. A
package that is cut where HTTP says no length is a "checksum mismatch" to pixi-pack, so `failed`.

| fault | in | embedded: once | always | pixi, pixi-pack: once | always |
|---|---|---|---|---|---|
"""


def page() -> str:
    rows = [
        f"| `{case.fault}` | {case.place} | {' | '.join((*case.embedded, *case.tools))} |"
        for case in cases()
    ]
    return HEAD + "\n".join(rows) + "\n" + TAIL


TAIL = """
`404` once in the repodata: there are no sharded repodata, so the plain ones are read. `stall` with
the real tools ends with the time limit of a command, here 4 seconds; pixi itself waits for minutes.
`wrong-length=5` in a package: all bytes came, and the digest is right.
"""


if __name__ == "__main__":
    PAGE.write_bytes(page().encode())
