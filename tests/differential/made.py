"""Workspaces that no recorded case covers, by the names that the list of differences uses."""

from __future__ import annotations

from pathlib import Path

from pytest_pixipack import StubChannel
from pytest_pixipack.platforms import current_platform

HERE = current_platform()


def priority_disabled(root: Path) -> None:
    """Two channels without priority: the newer `lib`, with other run exports, is in the second."""
    channels = [
        StubChannel(f"c{number}")
        .add("lib", version, subdir=HERE, run_exports=[f"runtime >={number}"])
        .add("runtime", "3.0", subdir=HERE)
        .build(root / f"c{number}")
        .url
        for number, version in ((1, "1.0"), (2, "2.0"))
    ]
    write(root, channels, 'channel-priority = "disabled"\n', 'lib = "*"\n')


def exclude_newer(root: Path) -> None:
    """One channel; the newer `lib`, with other run exports, is too new."""
    spec = channel_of("1.0")
    spec.add("lib", "2.0", subdir=HERE, run_exports=["runtime >=2"], timestamp=1_750_000_000_000)
    write(root, [spec.build(root / "c").url], 'exclude-newer = "2025-01-01"\n', 'lib = "*"\n')


def moved_on(root: Path) -> None:
    """One channel, to which `LATER` adds a newer `lib` with other run exports."""
    write(root, [channel_of("1.0").build(root / "c").url], "", 'lib = "*"\n')


def newer_lib(root: Path) -> None:
    channel_of("1.0", "2.0").build(root / "c")


def channel_of(*versions: str) -> StubChannel:
    spec = StubChannel("c").add("runtime", "3.0", subdir=HERE)
    for version in versions:
        spec.add("lib", version, subdir=HERE, run_exports=[f"runtime >={version[0]}"])
    return spec


def write(root: Path, channels: list[str], settings: str, host: str) -> None:
    """A workspace with one source package that has host dependencies."""
    app = root / "workspace" / "app"
    app.mkdir(parents=True)
    (root / "workspace" / "pixi.toml").write_text(
        f'[workspace]\nname = "w"\nchannels = {channels!r}\nplatforms = ["{HERE}"]\n'
        f'preview = ["pixi-build"]\n{settings}[dependencies]\napp = {{ path = "app" }}\n',
        encoding="utf-8",
    )
    (app / "pixi.toml").write_text(
        '[package]\nname = "app"\nversion = "1.0"\n'
        '[package.build]\nbackend = { name = "stub-backend", version = "*" }\n'
        f"[package.host-dependencies]\n{host}",
        encoding="utf-8",
    )


MADE = {
    "made-priority-disabled": priority_disabled,
    "made-exclude-newer": exclude_newer,
    "made-moved-on": moved_on,
}
# What happens after a workspace was locked.
LATER = {"made-moved-on": newer_lib}
