"""What is solved for: a platform with its channels and options, and what is kept of a lock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_pixipack.engine.channels import Channel
from pytest_pixipack.facts import PackageFacts
from pytest_pixipack.manifest import Spec

if TYPE_CHECKING:
    from pytest_pixipack.verify.cutoff import Cutoffs


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """What a lock says of one environment (or solve group) on one platform.

    `binaries` are its packages of channels, whose URL is their location in the lock;
    `environments` are those that a source package was built with, by the package's name, its
    location (see `engine.pinned.location_key`) and `build` or `host`; `pins` and `build_pins` are
    the locations of source packages and of their separate sources, by name. Two of these are equal
    only if they are one.
    """

    binaries: tuple[PackageFacts, ...] = ()
    environments: Mapping[tuple[str, object, str], tuple[PackageFacts, ...]] = field(
        default_factory=dict
    )
    pins: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    build_pins: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What an environment is solved for: platforms, channels, options, build variants.

    `cutoffs` are those of `exclude-newer`, which are the same wherever the channels are.
    """

    subdir: str
    build_subdir: str
    channels: tuple[Channel, ...]
    virtual_packages: tuple[str, ...] = ()
    build_virtual_packages: tuple[str, ...] = ()
    channel_priority: str = "strict"
    strategy: str = "highest"
    cutoffs: Cutoffs | None = None
    variants: Mapping[str, Sequence[str]]
    variant_files: tuple[Path, ...] = ()
    kept: Kept | None = None

    @property
    def channel_urls(self) -> list[str]:
        """The channels as a backend is told of them."""
        return [channel.url.rstrip("/") for channel in self.channels]

    def for_host(self) -> Target:
        """The same for what a package is linked against: a strategy applies to environments."""
        return replace(self, strategy="highest")

    def for_build_tools(self) -> Target:
        """The same for packages that run during the build."""
        return replace(
            self.for_host(),
            subdir=self.build_subdir,
            virtual_packages=self.build_virtual_packages,
        )

    @property
    def key(self) -> tuple[object, ...]:
        """All that a source record depends on."""
        virtual = (self.virtual_packages, self.build_virtual_packages)
        own = id(self.cutoffs) if self.cutoffs and self.cutoffs.channels else None
        rest = (self.channel_priority, own, id(self.kept))
        return *self.asked, *virtual, *rest

    @property
    def asked(self) -> tuple[object, ...]:
        """All that a backend is told when it is asked for its outputs."""
        variants = tuple(sorted((name, *values) for name, values in self.variants.items()))
        return self.subdir, self.build_subdir, self.channels, variants, self.variant_files


@dataclass(frozen=True, slots=True)
class Wanted:
    """A source package that somebody asks for; `asked_by` is the line of the manifest.

    `location` is as the lock writes it (see `Checkouts.locate`).
    """

    name: str
    location: str
    asked_by: Spec | None = None
