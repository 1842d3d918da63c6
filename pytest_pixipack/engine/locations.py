"""Where source packages are: locations as a lock writes them, and which run dependencies have one.

The location of a directory is relative to the workspace, with `/`, and keeps the spelling of the
manifest; for others see `engine.pinned`.
Follows prefix-dev/pixi, `crates/pixi_spec/src/source_anchor.rs` and
`crates/pixi_command_dispatcher/src/keys/resolve_source_record.rs`.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pytest_pixipack.backend.matchspec import named_spec_to_match_spec
from pytest_pixipack.backend.protocol import NamedSpec
from pytest_pixipack.backend.run_exports import BuildDependency
from pytest_pixipack.engine.pinned import GitPin, joined, parse_pin
from pytest_pixipack.engine.records import Resolved, SourceRecord
from pytest_pixipack.file_urls import expand_user
from pytest_pixipack.lock.identifier import DEFAULT_BRANCH


class RunSources:
    """Collects which run dependencies are built from source, and where they are.

    What a manifest says counts more than what follows from the build and host environments
    (pixi_command_dispatcher, resolve_source_record.rs).
    """

    def __init__(
        self, location: str, build: tuple[Resolved, ...], host: tuple[Resolved, ...]
    ) -> None:
        self._location = location
        self._environments = {"build": build, "host": host}
        self.found: dict[str, Mapping[str, Any]] = {}

    def depends(self, dependencies: Sequence[BuildDependency]) -> tuple[str, ...]:
        """The match specs of run dependencies; what follows from the environments is noted too."""
        texts = self.texts(dependencies)
        for each in dependencies:
            known = {name.lower() for name in self.found}
            if each.spec.name in known or each.spec.is_source:
                continue
            # What was linked against a source-built package must run with that very package.
            place = self._implied(each)
            words = None if place is None else implied_words(place, self._location)
            if words is not None:
                self.found[each.spec.name] = words
        return texts

    def texts(self, dependencies: Iterable[BuildDependency]) -> tuple[str, ...]:
        """The match specs of dependencies; the sources that they name are noted."""
        texts = []
        for each in dependencies:
            if each.spec.is_source:
                self.found[each.spec.written_name] = source_location(each.spec)
            texts.append(named_spec_to_match_spec(each.spec))
        return tuple(texts)

    def _implied(self, dependency: BuildDependency) -> str | None:
        if dependency.exported_from is not None:
            place = exported_source(dependency, self._environments[dependency.exported_from])
            if place is not None:
                return place
        both = (*self._environments["build"], *self._environments["host"])
        return place_of(dependency.spec.name, both)


def place_of(name: str, packages: Iterable[Resolved]) -> str | None:
    """Where a package of an environment was built from source, if it was; the last one counts."""
    last = {each.name: each for each in packages}.get(name)
    return last.location if isinstance(last, SourceRecord) else None


def exported_source(dependency: BuildDependency, environment: tuple[Resolved, ...]) -> str | None:
    """Where a run export's package is built from source, if it is.

    What exports it can say so; else it is what the environment holds
    (pixi_command_dispatcher, build/dependencies.rs).
    """
    name = dependency.spec.name
    for each in environment:
        if not isinstance(each, SourceRecord) or each.name != dependency.exporter:
            continue
        if "path" in each.sources.get(name, {}):
            return below(str(each.sources[name]["path"]), each.location)
    return place_of(name, environment)


def implied_words(target: str, base: str) -> Mapping[str, Any] | None:
    """A location in the words of `source_depends`, for a package at `base`; None where pixi has no
    words for it: a path of the workspace cannot be said in a repository.
    """
    pin = parse_pin(target)
    if isinstance(pin, GitPin):
        words = {"git": pin.url, pin.kind or "": pin.name, "subdirectory": pin.subdirectory}
        found: dict[str, Any] = {key: value for key, value in words.items() if key and value}
        if pin.kind is None:
            found[DEFAULT_BRANCH] = True
        return found if pin.lfs is None else {**found, "lfs": pin.lfs}
    if pin is not None:
        words = {"url": pin.url, "sha256": pin.sha256, "subdirectory": pin.subdirectory}
        return {key: value for key, value in words.items() if value}
    absolute = posixpath.isabs(target) or target.startswith("~")
    if parse_pin(base) is not None and not absolute:
        return None
    return {"path": relative_location(target, base)}


def relative_location(target: str, base: str) -> str:
    """One location relative to another, part by part, as pixi has it (source_anchor.rs)."""
    if posixpath.isabs(target) or target.startswith("~"):
        return target
    folder = posixpath.dirname(base) if base.endswith(".toml") else base
    ours, theirs = location_parts(folder), location_parts(target)
    equal = [a == b for a, b in zip(ours, theirs, strict=False)]
    common = [*equal, False].index(False)
    return "/".join([*[".."] * (len(ours) - common), *theirs[common:]]) or "."


def location_parts(location: str) -> tuple[str, ...]:
    """The parts of a location; locations with equal parts are one (`x`, `x/`, but not `./x`)."""
    first, *rest = location.split("/")
    return first, *(part for part in rest if part not in ("", "."))


def source_location(spec: NamedSpec) -> dict[str, Any]:
    """Where a source dependency lies, in the words of a lock's `source_depends`."""
    location = spec.location or {}
    if path := location.get("path"):
        return {"path": path["path"]}
    if git := location.get("git"):
        revision = git.get("rev")
        named = dict(revision) if isinstance(revision, Mapping) else {}
        found = {"git": git.get("git"), **named, "subdirectory": git.get("subdirectory")}
        kept = {key: value for key, value in found.items() if value}
        return kept if git.get("lfs") is None else {**kept, "lfs": git["lfs"]}
    url = location.get("url") or {}
    names = ("url", "md5", "sha256", "subdirectory")
    return {name: url[name] for name in names if url.get(name)}


def below(path: str, base: str | None) -> str:
    """The location of a path that the package at `base` names; without `base`, the workspace does,
    and the path stays as it is spelled (pixi_spec, source_anchor.rs).
    """
    if base is None or path.startswith("~") or Path(path).is_absolute():
        return path
    plain = path.replace(os.sep, "/")
    pin = parse_pin(base)
    if pin is not None:
        return joined(pin, plain).text
    folder = posixpath.dirname(base) if base.endswith(".toml") else base
    return posixpath.normpath(posixpath.join(folder, plain))


def directory_of(location: str, root: Path) -> Path:
    """The directory of a source package; a location may also name its manifest."""
    directory = Path(os.path.normpath(root / expand_user(location)))
    return directory.parent if directory.suffix == ".toml" else directory
