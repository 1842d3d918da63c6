"""What the manifest, and the packages of a lock, ask for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from pytest_pixipack.manifest import Manifest, Spec
from pytest_pixipack.verify.locations import location_of
from pytest_pixipack.verify.specs import spec_name
from pytest_pixipack.verify.subject import Place


@dataclass(frozen=True, slots=True)
class Need:
    """A requirement: its match spec without a channel, who asks, and where its source lies.

    `written_name` is the name with its capitals, where they count.
    """

    text: str
    asker: str | None = None
    spec: Spec | None = None
    source: dict[str, Any] | None = None
    base: str = "."
    written_name: str | None = None

    @property
    def name(self) -> str:
        """The name of the package that is needed."""
        return spec_name(self.text)

    @property
    def is_source(self) -> bool:
        """Whether a package is needed that is built from source."""
        return self.source is not None


def requirements(manifest: Manifest, place: Place) -> tuple[Need, ...]:
    """What the manifest asks of an environment on a platform."""
    specs = manifest.dependencies(place.environment, place.platform)
    return tuple(need_of(spec) for spec in specs)


def need_of(spec: Spec, base: str = ".") -> Need:
    """The requirement that one line of a manifest makes; `base` is the manifest's directory."""
    text = replace(spec, channel=None, subdir=None).match_spec()
    return Need(text, None, spec, location_of(spec) if spec.is_source else None, base)
