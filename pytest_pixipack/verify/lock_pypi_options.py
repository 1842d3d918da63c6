"""PyPI options of an environment: indexes, `no-build`, overrides, pre-releases.

Follows prefix-dev/pixi, crates/pixi_manifest/src/pypi/pypi_options.rs (union, overlay).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from pytest_pixipack.lock import LockEnvironment
from pytest_pixipack.lock.model import DEFAULT_INDEX
from pytest_pixipack.manifest import Manifest, PypiSpec, queries
from pytest_pixipack.verify.lock_pypi_marker_tree import normalised
from pytest_pixipack.verify.lock_pypi_match import comparable_url, same_index


@dataclass(frozen=True, slots=True)
class PypiOptions:
    """The options that a lock can contradict. `no_build` is True, or the names that it is about.

    `find_links` are `path:...` or `url:...`.
    """

    index: str | None = None
    extra_indexes: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    prerelease_mode: str | None = None
    no_build: bool | frozenset[str] = False
    overrides: Mapping[str, Any] = field(default_factory=dict)

    @property
    def indexes(self) -> tuple[str, ...]:
        """All indexes; the first one is the index of packages that name none."""
        return (self.index or DEFAULT_INDEX, *self.extra_indexes)


def options_of(manifest: Manifest, environment: str, *, group: bool = True) -> PypiOptions:
    """The options of an environment: those of `[workspace]`, over them those of its features.

    `group`: of all features of its solve group, with which it is locked.
    """
    workspace = manifest.need_workspace()
    of = queries.solved_features if group else queries.own_features
    listed = [feature.pypi_options for feature in of(workspace, manifest.environment(environment))]
    features = [options for options in listed if isinstance(options, Mapping)]
    base = workspace.pypi_options if isinstance(workspace.pypi_options, Mapping) else {}
    everything = [base, *features]

    def first(key: str) -> str | None:
        found = next((o[key] for o in (*features, base) if o.get(key) is not None), None)
        return None if found is None else str(found)

    def merged(key: str) -> tuple[str, ...]:
        texts = (_link(item) for options in everything for item in _list(options.get(key)))
        return tuple(dict.fromkeys(texts))

    overrides: dict[str, Any] = {}
    for options in (*features, base):
        for name, value in (options.get("dependency-overrides") or {}).items():
            overrides.setdefault(normalised(str(name)), value)
    return PypiOptions(
        index=first("index-url"),
        extra_indexes=merged("extra-index-urls"),
        find_links=merged("find-links"),
        prerelease_mode=first("prerelease-mode"),
        no_build=_no_build([options.get("no-build") for options in everything]),
        overrides=overrides,
    )


def override_specs(manifest: Manifest, environment: str) -> dict[str, PypiSpec]:
    """What `dependency-overrides` put in the place of requirements on a name."""
    found = options_of(manifest, environment, group=False).overrides
    position = manifest.position("pypi-options", "dependency-overrides")
    return {name: PypiSpec(name, value, position) for name, value in found.items()}


def differing_indexes(options: PypiOptions, locked: LockEnvironment) -> dict[str, tuple[Any, Any]]:
    """`indexes` and `find-links` where the lock has others: what is expected and what is there."""
    found = tuple(locked.indexes or ())
    links = tuple(_link(item) for item in locked.find_links)
    result: dict[str, tuple[Any, Any]] = {}
    if len(found) != len(options.indexes) or not all(
        same_index(a, b) for a, b in zip(options.indexes, found, strict=True)
    ):
        result["indexes"] = (list(options.indexes), list(found))
    if list(map(_comparable, options.find_links)) != list(map(_comparable, links)):
        result["find-links"] = (list(options.find_links), list(links))
    return result


def _list(value: object) -> Iterable[Any]:
    return value if isinstance(value, list | tuple) else ()


def _link(item: object) -> str:
    if isinstance(item, Mapping):
        return next((f"{kind}:{item[kind]}" for kind in ("path", "url") if kind in item), str(item))
    return str(item)


def _comparable(link: str) -> object:
    kind, _, text = link.partition(":")
    if kind == "path":
        return ("./" if text.startswith("./") else "", PurePosixPath(text))
    return comparable_url(text)


def _no_build(values: Iterable[object]) -> bool | frozenset[str]:
    names: set[str] = set()
    for value in values:
        if value is True:
            return True
        names.update(normalised(str(name)) for name in _list(value))
    return frozenset(names) if names else False
