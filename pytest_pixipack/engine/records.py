"""What a solve chooses from and returns: packages of a channel and packages built from source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from pytest_pixipack.facts import PackageFacts
from pytest_pixipack.redaction import hidden_repr

if TYPE_CHECKING:
    from pytest_pixipack.backend.protocol import Output


@dataclass(frozen=True, slots=True)
class BinaryRecord:
    """A package of a channel.

    `facts.url` and `facts.channel` are what the lock says; `origin` is the URL that the file is
    really read from (a stub channel may stand in for the channel).
    """

    facts: PackageFacts
    origin: str

    def __repr__(self) -> str:
        return hidden_repr(self)

    @property
    def name(self) -> str:
        """The package's name."""
        return self.facts.name


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """One output of a source package, with everything that the lock says of it.

    `directory` holds the package's manifest; `location` is that directory as the lock writes it;
    `sources` maps run dependencies that are built from source themselves to where they are, as the
    manifest spells it. `source` and `source_location` say in a lock's words and as a location where
    the files are that are built; they are None where those lie beside the manifest.
    """

    facts: PackageFacts
    directory: Path
    location: str
    output: Output
    sources: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    source: Mapping[str, Any] | None = None
    source_location: str | None = None
    build_packages: tuple[Resolved, ...] = ()
    host_packages: tuple[Resolved, ...] = ()

    @property
    def name(self) -> str:
        """The package's name."""
        return self.facts.name

    @property
    def key(self) -> tuple[str, str, tuple[tuple[str, str], ...]]:
        """Tells outputs of one workspace apart: name, location, variant."""
        variant = tuple(sorted((k, str(v)) for k, v in self.facts.variants.items()))
        return self.facts.name, self.location, variant


Resolved: TypeAlias = "BinaryRecord | SourceRecord"
