"""Packages that were built before, from the very same things, taken from the cache.

What a package was made from is written down (`Made`) and its digest is the name under which it is
kept: all files of the package's directory and of its sources, what the backend is and what it is
told, the packages that it is built against, the variables that it sees, and this package itself.
Two kinds are always built: those whose backend names inputs that lie elsewhere, and those of a
program that somebody names, or that happens to be on `PATH`, for nobody knows what it is made from.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_pixipack.artifact import Artifact, read_artifact
from pytest_pixipack.backend.stand_in import RECIPE, RECIPE_UNTESTED, STUB
from pytest_pixipack.cache import made_once
from pytest_pixipack.cache.seals import tree_digest
from pytest_pixipack.errors import PixipackError
from pytest_pixipack.platforms import current_platform
from pytest_pixipack.whole_files import copy_file

if TYPE_CHECKING:
    from pytest_pixipack.backend.input_globs import InputGlobSet
    from pytest_pixipack.engine.backends_finding import FoundBackend

_OURS = (STUB, RECIPE, RECIPE_UNTESTED)
# What decides the bytes of a package that our own backends write.
_LIBRARIES = ("py-rattler", "py-rattler-build", "zstandard")
# Never sources, whoever puts them there; the lock is what the request follows from.
_NOT_SOURCES = frozenset({".git", ".pixi", "pixi.lock", "__pycache__"})


class _NotKeptError(Exception):
    """What was built was made from more than is known beforehand."""


@dataclass(frozen=True, slots=True)
class Made:
    """What one package is made from, as values of JSON; `roots` are directories of sources."""

    backend: str
    told: Mapping[str, Any]
    request: Mapping[str, Any]
    environment: Mapping[str, str] = field(repr=False)
    roots: tuple[Path, ...]


@dataclass
class BuiltPackages:
    """The built packages in a cache; one object serves one process of one run.

    Every directory of sources is read once: they do not change while it lives. `taken` are the
    names and subdirs of packages that were there.
    """

    root: Path
    taken: set[tuple[str, str]] = field(default_factory=set)
    _trees: dict[Path, str] = field(default_factory=dict)

    def taken_or_built(
        self, made: Made, build: Callable[[], tuple[Artifact, Sequence[InputGlobSet]]]
    ) -> Artifact:
        """The package that was made from this, else what `build` returns, which is kept.

        `build` also returns the inputs, relative to the package's directory. Where the cache cannot
        be written, what was built is returned all the same. Raises what `build` raises.
        """
        try:
            home = self.root / self._key(made)
        except OSError:  # of what cannot be read nobody knows whether it is the same
            return build()[0]
        fresh: list[Artifact] = []

        def make(place: Path) -> None:
            artifact, inputs = build()
            fresh.append(artifact)
            if any(group.leads_out for group in inputs):
                raise _NotKeptError
            _keep(artifact, place)

        try:
            found = made_once(home, _kept, make)
        except (OSError, _NotKeptError):
            return fresh[0] if fresh else build()[0]
        if not fresh:
            self.taken.add((found.facts.name, found.facts.subdir or ""))
        return found

    def _key(self, made: Made) -> str:
        parts = {
            "by": self._ours,
            "on": [current_platform(), sys.version],
            "backend": made.backend,
            "told": made.told,
            "request": made.request,
            "environment": made.environment,
            "sources": [self._tree(root) for root in made.roots],
        }
        text = json.dumps(parts, sort_keys=True, default=str)
        return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]

    @cached_property
    def _ours(self) -> list[str]:
        package = Path(__file__).parents[1]
        return [_sources_digest(package), *map(_version, _LIBRARIES)]

    def _tree(self, root: Path) -> str:
        if root not in self._trees:
            self._trees[root] = _sources_digest(root)
        return self._trees[root]


def backend_identity(found: FoundBackend) -> str | None:
    """A text that is another one for a backend that may build otherwise; None for one of which
    that cannot be told.
    """
    if found.prefix is not None:
        return f"environment {found.prefix.parent.name}"  # it is named by the packages in it
    return found.stand_in.kind if found.stand_in.kind in _OURS else None


def placed(value: Any, places: Iterable[tuple[Path, str]]) -> Any:
    """A value of JSON in which directories of this run have names that every run has."""
    if isinstance(value, str):
        for path, name in places:
            value = value.replace(str(path), name)
        return value
    if isinstance(value, Mapping):
        return {key: placed(each, places) for key, each in value.items()}
    if isinstance(value, list):
        return [placed(each, places) for each in value]
    return value


def _keep(artifact: Artifact, place: Path) -> None:
    place.mkdir()
    copy_file(artifact.path, place / artifact.path.name)


def _kept(home: Path) -> Artifact | None:
    """The package that is kept there."""
    try:
        (path,) = home.iterdir()
        return read_artifact(path)
    except (OSError, ValueError, PixipackError):
        return None


def _sources_digest(root: Path) -> str:
    """The sha256 of all files of a directory that may be sources, or of one file."""
    return tree_digest(root, lambda name: name not in _NOT_SOURCES, folders=False)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"
