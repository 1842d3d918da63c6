"""Where source packages are: locations as a lock writes them, and which run dependencies have one.

A location is relative to the workspace, with `/`, and keeps the spelling of the manifest.
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
from pytest_pixipack.engine.records import Resolved, SourceRecord
from pytest_pixipack.errors import Unsupported
from pytest_pixipack.file_urls import expand_user


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
            if each.spec.name in self.found or each.spec.is_source:
                continue
            # What was linked against a source-built package must run with that very package.
            place = self._implied(each)
            if place is not None:
                self.found[each.spec.name] = {"path": relative_location(place, self._location)}
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
            return locate(each.sources[name], name, each.location)
    return place_of(name, environment)


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
        found = {"git": git.get("git"), **named, "subdir": git.get("subdirectory")}
        return {key: value for key, value in found.items() if value}
    url = location.get("url") or {}
    found = {"url": url.get("url"), "sha256": url.get("sha256"), "subdir": url.get("subdirectory")}
    return {key: value for key, value in found.items() if value}


def locate(location: Mapping[str, Any] | None, name: str, base: str | None = None) -> str:
    """Where a source dependency lies, as a lock writes it: relative to the workspace, with `/`.

    `base` is the location of the package that asks for it; what the workspace itself asks for
    stays as it is spelled (pixi_spec, source_anchor.rs). Raises `Unsupported` for git and URL
    sources.
    """
    path = (location or {}).get("path")
    if path is None:
        kind = "git" if location and "git" in location else "url"
        raise Unsupported(
            f"The source of {name} is a {kind} source, which the embedded engine does not fetch.",
            package=name,
            remedy="Use a path source, or the system engine (--pixipack-engine=system).",
        )
    text = str(path)
    if base is None or text.startswith("~") or Path(text).is_absolute():
        return text
    folder = posixpath.dirname(base) if base.endswith(".toml") else base
    return posixpath.normpath(posixpath.join(folder, text.replace(os.sep, "/")))


def directory_of(location: str, root: Path) -> Path:
    """The directory of a source package; a location may also name its manifest."""
    directory = Path(os.path.normpath(root / expand_user(location)))
    return directory.parent if directory.suffix == ".toml" else directory
