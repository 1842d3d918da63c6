"""`[package.build]`: the backend, its configuration and where the sources are.

Follows pixi_manifest/src/toml/build_backend.rs of pixi 0.77.
"""

from __future__ import annotations

import math
import re
from typing import Any

from pytest_pixipack.manifest.dependencies import (
    NAME,
    SPEC_KEYS,
    Rules,
    inherited,
    read_dependencies,
    read_fields,
    read_location,
)
from pytest_pixipack.manifest.model import BackendRef, BuildSection, BuildSource
from pytest_pixipack.manifest.platforms import check_selector
from pytest_pixipack.manifest.reader import Table
from pytest_pixipack.manifest.spec import Spec

_KEYS = (
    "backend", "channels", "additional-dependencies", "source", "flags", "config", "target",
    "build-string-prefix", "build-number", "secrets",
)  # fmt: skip

_FLAG = re.compile(r"[a-z0-9_]+(?::[a-z0-9_]+)?")


def read_build(table: Table, rules: Rules) -> BuildSection:
    """The build section of a package. Raises `InvalidInput`."""
    table.allow(*_KEYS, hidden=["configuration"], need="backend")
    if "backend" not in table:
        raise table.error(
            "`[package.build]` names no `backend`.",
            remedy='Add for example backend = { name = "pixi-build-cmake", version = "*" }.',
        )
    number = table.integer("build-number")
    if number is not None and number < 0:
        raise table.error("`build-number` cannot be negative.", "build-number")
    return BuildSection(
        backend=_read_backend(table, rules),
        config=_read_config(table),
        target_configs=_read_targets(table),
        source=_read_source(table),
        build_string_prefix=table.string("build-string-prefix"),
        build_number=number,
        flags=_read_flags(table),
        secrets=tuple(sorted(set(table.strings("secrets") or ()))),
        position=table.at(),
    )


def _read_flags(table: Table) -> tuple[str, ...]:
    flags = table.strings("flags") or ()
    for index, flag in enumerate(flags):
        if not _FLAG.fullmatch(flag):
            raise table.error(
                f'"{flag}" cannot be a flag.',
                "flags",
                index,
                remedy='Flags hold lower-case letters, digits and `_`, as "cuda" or "blas:mkl".',
            )
    return flags


def check_package_selector(table: Table, key: str) -> str:
    """A target selector in a package, where no wildcard is possible. Raises `InvalidInput`."""
    selector = check_selector(table, key)
    if "*" in selector:
        raise table.key_error(
            f"The wildcard `{key}` cannot be a target of a package.",
            key,
            remedy="Name one platform, such as `linux-64`, or use a condition: "
            '`[package.run-dependencies."if(linux)"]`.',
        )
    return selector


def _read_backend(table: Table, rules: Rules) -> BackendRef:
    backend = table.table("backend", "the build backend")
    assert backend is not None
    if "name" not in backend:
        raise backend.error(
            "The build backend has no `name`.",
            remedy='Add for example name = "pixi-build-cmake".',
        )
    text = backend.need_string("name")
    if not NAME.fullmatch(text):
        raise backend.error(
            f"`{text}` is not a package name.",
            "name",
            remedy="Package names hold only letters, digits, `-`, `_` and `.`.",
        )
    name = text.lower()
    own = ("channels", "additional-dependencies", "name")
    backend.allow(*own, "workspace", *SPEC_KEYS)
    spec = _backend_spec(backend.without(*own), name, rules)
    if spec.is_source:
        raise backend.error(
            "A build backend cannot be a source dependency.",
            spec.kind,
            remedy="Name a package from a channel, with `version` and, if needed, `channels`; to "
            "run a backend of your own use PIXI_BUILD_BACKEND_OVERRIDE or a stand-in.",
        )
    return BackendRef(
        name=name,
        version=spec.version or "*",
        channels=_backend_channels(table, backend),
        additional_dependencies=_additional(table, backend),
        spec=spec,
    )


def _backend_spec(entry: Table, name: str, rules: Rules) -> Spec:
    if "workspace" in entry:
        return read_fields(inherited(entry, name, rules), name)
    if not entry.data:
        return Spec(name=name, version="*", written_name=name, position=entry.at())
    return read_fields(entry, name)


def _backend_channels(table: Table, backend: Table) -> tuple[str, ...] | None:
    chosen = backend if "channels" in backend else table
    channels = chosen.strings("channels")
    if channels is not None and not channels:
        raise chosen.error(
            "The build backend has no channel to come from.",
            "channels",
            remedy="Name a channel, or remove `channels` to use those of the workspace.",
        )
    if chosen is table and channels is not None:
        table.warn(
            "`channels` in `[package.build]` is deprecated.",
            "channels",
            remedy="Write it as `backend.channels`.",
        )
    return channels


def _additional(table: Table, backend: Table) -> dict[str, Spec]:
    key = "additional-dependencies"
    inner = backend.table(key) or table.table(key)
    if inner is not None and inner.path[:-1] == table.path:
        table.warn(
            "`additional-dependencies` in `[package.build]` is deprecated.",
            key,
            remedy="Write it as `backend.additional-dependencies`.",
        )
    return read_dependencies(inner, Rules(pool=None))


def _read_config(table: Table, *, warn: bool = True) -> Any:
    """`config`, or its former name `configuration`, which earns a warning (as in pixi, not in a
    target)."""
    if "config" in table:
        if "configuration" in table:
            raise table.error(
                "`config` and `configuration` mean the same.",
                "configuration",
                remedy="Keep `config`.",
            )
        return json_value(table.data["config"])
    if "configuration" not in table:
        return None
    if warn:
        table.warn(
            "The `configuration` field is deprecated.",
            "configuration",
            remedy="Use `config` instead.",
        )
    return json_value(table.data["configuration"])


def _read_targets(table: Table) -> dict[str, Any]:
    configs = {}
    outer = table.table("target")
    for key, target in table.tables("target", "a target of `[package.build]`"):
        assert outer is not None
        selector = check_package_selector(outer, key)
        target.allow("config", hidden=["configuration"])
        if target.data:
            configs[selector] = _read_config(target, warn=False)
    return configs


def json_value(value: Any) -> Any:
    """TOML as pixi sends it: tables sorted by key, infinities and NaN as null."""
    if isinstance(value, dict):
        return {key: json_value(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [json_value(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _read_source(table: Table) -> BuildSource | None:
    source = table.table("source", "the build source")
    if source is None:
        return None
    spec = read_location(source, "source")
    if "lfs" in source:
        raise source.error("`lfs` is not supported for build sources.", "lfs")
    location = spec.path or spec.git or spec.url or ""
    assert spec.kind in ("path", "git", "url")
    return BuildSource(
        kind="path" if spec.kind == "path" else "git" if spec.kind == "git" else "url",
        location=location,
        branch=spec.branch,
        tag=spec.tag,
        rev=spec.rev,
        subdirectory=spec.subdirectory,
        md5=spec.md5,
        sha256=spec.sha256,
    )
