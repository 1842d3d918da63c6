"""`PIXI_BUILD_BACKEND_OVERRIDE` and `..._ALL`, as pixi reads them.

Source: pixi, crates/pixi_build_frontend/src/backend_override.rs. `..._ALL` wins whatever its value
is, the empty one included. A text that pixi cannot parse overrides nothing: pixi drops the error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

OVERRIDE = "PIXI_BUILD_BACKEND_OVERRIDE"
OVERRIDE_ALL = "PIXI_BUILD_BACKEND_OVERRIDE_ALL"


@dataclass(frozen=True, slots=True)
class Overrides:
    """Which backends an executable takes the place of.

    `commands` are (backend name, path or name of an executable on PATH), in their order; with
    `every` set, each backend is run by its own name from PATH.
    """

    commands: tuple[tuple[str, str], ...] = ()
    every: bool = False

    def command(self, name: str) -> str | None:
        """The executable that runs the backend `name`, or None where it is not overridden."""
        if self.every:
            return name
        return next((command for key, command in self.commands if key == name), None)


def parse_overrides(text: str) -> Overrides | None:
    """Reads `name=/path,name2`; None where pixi would refuse (and then ignore) the text."""
    if not text:
        return Overrides()
    commands = []
    for entry in text.split(","):
        parts = entry.split("=")
        if len(parts) > 2:
            return None
        commands.append((parts[0], parts[-1]))
    return Overrides(tuple(commands))


def overrides(environ: Mapping[str, str]) -> Overrides:
    """What the environment variables say."""
    if OVERRIDE_ALL in environ:
        return Overrides(every=True)
    return parse_overrides(environ.get(OVERRIDE, "")) or Overrides()


def backend_override(name: str, environ: Mapping[str, str]) -> str | None:
    """The executable for one backend, or None where the environment does not override it."""
    return overrides(environ).command(name)
