"""Stub channels in the place of real ones: `[mirrors]` that lead to a server on loopback.

pixi and pixi-pack read a channel from its mirror and write the channel's own URL into the lock
(tried with pixi 0.77.0 and pixi-pack 0.7.10). Channels that are directories need no mirror.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pytest_pixipack.engine.channels import canonical_url
from pytest_pixipack.errors import Unsupported
from pytest_pixipack.redaction import hidden_repr


@dataclass(frozen=True, slots=True)
class StandInChannel:
    """A channel's URL, with a final `/`; the directory in its place; its name on the server."""

    url: str
    directory: Path
    served_as: str

    def __repr__(self) -> str:
        return hidden_repr(self)


def stand_in_channels(stand_ins: Mapping[str, Path], root: Path) -> tuple[StandInChannel, ...]:
    """The channels to serve for stand-ins (channel names or URLs -> directories).

    `root` is the workspace that relative names belong to. Raises `Unsupported` for a stand-in of a
    `file://` channel, which no tool lets be mirrored.
    """
    urls = {canonical_url(name, root): path for name, path in sorted(stand_ins.items())}
    for url in urls:
        if not url.startswith(("http://", "https://")):
            raise Unsupported(
                f"pixi cannot mirror the channel {url}: only http and https channels have mirrors.",
                remedy="Name the stub channel itself in `channels`, or use the embedded engine "
                "(--pixipack-engine=embedded).",
            )
    return tuple(
        StandInChannel(url, path, f"channel-{number}")
        for number, (url, path) in enumerate(urls.items())
    )


@dataclass(frozen=True, slots=True)
class Configuration:
    """The configuration files of a run, one for each program's dialect."""

    pixi: Path
    pixi_pack: Path


def write_configuration(directory: Path, mirrors: Mapping[str, str]) -> Configuration:
    """Writes configuration files with mirrors (channel URL -> URL to read from, both with `/`)."""
    directory.mkdir(parents=True, exist_ok=True)
    lines = ["[mirrors]"]
    # A JSON string of a URL is a TOML string. The longest prefix decides on the mirror; with its
    # final `/`, `a/` does not catch `ab/`.
    lines += [f"{json.dumps(url)} = [{json.dumps(mirror)}]" for url, mirror in mirrors.items()]
    text = "\n".join(lines) + "\n" if mirrors else ""
    pixi, pixi_pack = directory / "pixi.toml", directory / "pixi-pack.toml"
    for path in (pixi, pixi_pack):
        path.write_text(text, encoding="utf-8", newline="\n")
    return Configuration(pixi, pixi_pack)
