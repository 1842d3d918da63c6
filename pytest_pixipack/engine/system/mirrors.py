"""Stub channels in the place of real ones: a server on loopback and `[mirrors]` that lead to it.

pixi and pixi-pack read a channel from its mirror and write the channel's own URL into the lock
(tried with pixi 0.77.0 and pixi-pack 0.7.10). Channels that are directories need no mirror.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pytest_pixipack.channel.serve import ChannelServer
from pytest_pixipack.engine.channels import canonical_url
from pytest_pixipack.errors import Unsupported


@dataclass(frozen=True, slots=True)
class Configuration:
    """The configuration files that a run gives to its tools; `mirrors`: channel URL -> mirror."""

    pixi: Path
    pixi_pack: Path
    mirrors: Mapping[str, str]


@contextmanager
def mirrored(stand_ins: Mapping[str, Path], root: Path, directory: Path) -> Iterator[Configuration]:
    """Serves the stand-ins as long as the block runs, and writes the configuration files.

    `stand_ins` are channel names or URLs and the directories in their place, `root` is the
    workspace that relative names belong to, `directory` takes the files. Raises `Unsupported` for
    a stand-in of a `file://` channel, which no tool lets be mirrored.
    """
    urls = {canonical_url(name, root): path for name, path in sorted(stand_ins.items())}
    for url in urls:
        if not url.startswith(("http://", "https://")):
            raise Unsupported(
                f"pixi cannot mirror the channel {url}: only http and https channels have mirrors.",
                remedy="Name the stub channel itself in `channels`, or use the embedded engine "
                "(--pixipack-engine=embedded).",
            )
    with ChannelServer({str(n): path for n, path in enumerate(urls.values())}) as server:
        mirrors = {url: server.url(str(number)) for number, url in enumerate(urls)}
        yield write_configuration(directory, mirrors)


def write_configuration(directory: Path, mirrors: Mapping[str, str]) -> Configuration:
    """Writes `pixi.toml`-style configuration files for pixi and for pixi-pack."""
    directory.mkdir(parents=True, exist_ok=True)
    lines = ["[mirrors]"]
    for url, mirror in mirrors.items():
        # A JSON string of a URL is a TOML string. The longest prefix decides on the mirror;
        # with its final `/`, `a/` does not catch `ab/`.
        lines.append(f"{json.dumps(url)} = [{json.dumps(mirror)}]")
    text = "\n".join(lines) + "\n" if mirrors else ""
    pixi, pixi_pack = directory / "pixi-config.toml", directory / "pixi-pack-config.toml"
    for path in (pixi, pixi_pack):
        path.write_text(text, encoding="utf-8", newline="\n")
    return Configuration(pixi, pixi_pack, dict(mirrors))
