"""What pixi tells a build backend about a package (`initialize`).

Follows pixi 0.77, crates/pixi_build_type_conversions/src/project_model.rs: tables in the order of
the manifest, every field of a spec written out (null where it is not given), conditions without
their `if(...)`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_pixipack.backend.matchspec import channel_url, condition_to_json
from pytest_pixipack.errors import InvalidInput, Unsupported
from pytest_pixipack.file_urls import file_url

if TYPE_CHECKING:
    from pytest_pixipack.manifest import Manifest, Package, Spec
    from pytest_pixipack.manifest.model import BuildSource, DependencyTables

Json = dict[str, Any]

# Manifest spelling -> wire spelling, in the order in which pixi writes the buckets.
_BUCKETS = {
    "noarch": "noarch",
    "strong": "strong",
    "weak": "weak",
    "strong-constraints": "strongConstraints",
    "weak-constraints": "weakConstraints",
}
_SELECTORS = {"osx": "macos"}  # TargetSelector, FromStr and Display


def initialize_params(
    manifest: Manifest,
    *,
    workspace_directory: Path,
    cache_directory: Path,
    scratch_directory: Path | None = None,
    source_directory: Path | None = None,
    checkout_root: Path | None = None,
) -> Json:
    """The parameters of `initialize` for the package of a manifest.

    `scratch_directory` is that of the workspace (default: where pixi has it, below `.pixi`).
    `source_directory` overrides `[package.build] source`; `checkout_root` is given for packages
    from a Git repository or an archive only. Raises `InvalidInput` where the manifest has no
    package and `Unsupported` where the sources lie elsewhere and are not checked out.
    """
    package = manifest.package
    if package is None:
        raise InvalidInput(
            "This manifest describes no package.",
            file=manifest.path,
            line=1,
            remedy="Add a `[package]` table with a `[package.build]` in it.",
        )
    source = source_directory or _source_directory(package, manifest)
    scratch = scratch_directory or workspace_directory / ".pixi" / "scratch-v0"
    params: Json = {
        "manifestPath": str(manifest.path),
        "sourceDirectory": str(source),
        "workspaceDirectory": str(workspace_directory),
    }
    if checkout_root is not None:
        params["checkoutRoot"] = str(checkout_root)
    targets = {
        _SELECTORS.get(selector, selector): config
        for selector, config in package.build.target_configs.items()
        if config is not None
    }
    return {
        **params,
        "cacheDirectory": str(cache_directory),
        "workspaceScratchDirectory": str(scratch),
        "projectModel": project_model(package, channel_root=workspace_directory),
        "configuration": package.build.config,
        "targetConfiguration": targets or None,
    }


def project_model(package: Package, *, channel_root: Path | None = None) -> Json:
    """The `projectModel` of a package.

    Channels given as paths are relative to `channel_root`, the workspace's directory.
    """
    root = file_url((channel_root or package.root).resolve())
    model: Json = {
        "name": package.name,
        "buildStringPrefix": package.build.build_string_prefix,
        "buildNumber": package.build.build_number,
        "version": package.version,
        "description": package.description,
    }
    if package.build.flags:
        model["buildFlags"] = list(package.build.flags)
    model |= {
        "authors": None if package.authors is None else list(package.authors),
        "license": package.license,
        "licenseFile": package.license_file,
        "readme": package.readme,
        "homepage": package.homepage,
        "repository": package.repository,
        "documentation": package.documentation,
        "targets": _targets(package, root),
    }
    if package.build.secrets:
        model["secrets"] = sorted(set(package.build.secrets))
    return model


def _targets(package: Package, root: str) -> Json:
    from pytest_pixipack.manifest.model import DependencyTables

    default = package.tables.get(None) or DependencyTables()
    targets: Json = {"defaultTarget": _target(default, root)}
    conditional = {
        condition: _target(tables, root)
        for condition, tables in package.tables.items()
        if condition is not None
    }
    if conditional:
        targets["conditional"] = conditional
    return targets


def _target(tables: DependencyTables, root: str) -> Json:
    target: Json = {
        "hostDependencies": _specs(tables.host, root),
        "buildDependencies": _specs(tables.build, root),
        "runDependencies": _specs(tables.run, root),
        "runConstraints": _specs(tables.run_constraints, root),
    }
    if tables.extra:
        target["extraDependencies"] = {g: _specs(specs, root) for g, specs in tables.extra.items()}
    exports = {
        wire: _specs(tables.run_exports[bucket], root)
        for bucket, wire in _BUCKETS.items()
        if tables.run_exports.get(bucket)
    }
    if exports:
        target["runExports"] = exports
    return target


def _specs(specs: Mapping[str, Spec], root: str) -> Json:
    # Names keep their capitals on the wire; only what is compared is in lower case.
    return {spec.written_name or n: package_spec(spec, root) for n, spec in specs.items()}


def package_spec(spec: Spec, channel_root: str) -> Json:
    """One dependency of the project model: `{"binary": {...}}`, `{"source": {...}}` or a pin.

    `channel_root` is the `file://` URL that channels given as paths are relative to.
    """
    if spec.pin is not None:
        kind = "pinSubpackage" if spec.kind == "pin-subpackage" else "pinCompatible"
        return {kind: _pin(spec)}
    if spec.is_source:
        return {"source": _source(spec)}
    url = spec.url if spec.kind == "url" else None
    if spec.kind == "path" and spec.path is not None:
        url = file_url((spec.position.file.parent / spec.path).resolve())
    return {
        "binary": {
            "version": spec.version,
            "build": spec.build,
            "buildNumber": spec.build_number,
            "fileName": spec.file_name,
            "extras": _list(spec.extras),
            "flags": _list(spec.flags),
            "channel": None if spec.channel is None else channel_url(spec.channel, channel_root),
            "subdir": spec.subdir,
            "md5": spec.md5,
            "sha256": spec.sha256,
            "url": url,
            "license": spec.license,
            "condition": _condition(spec),
        }
    }


def _source(spec: Spec) -> Json:
    fields: Json = {
        **_location(spec),
        "version": spec.version,
        "build": spec.build,
        "buildNumber": spec.build_number,
    }
    if spec.extras is not None:
        fields["extras"] = list(spec.extras)
    if spec.flags is not None:
        fields["flags"] = list(spec.flags)
    fields |= {"subdir": spec.subdir, "license": spec.license}
    if spec.when is not None:
        fields["condition"] = _condition(spec)
    return fields


def _location(spec: Spec) -> Json:
    if spec.kind == "path":
        return {"path": {"path": spec.path}}
    if spec.kind == "url":
        keys = {"url": spec.url, "md5": spec.md5, "sha256": spec.sha256}
        return {"url": {**keys, "subdirectory": spec.subdirectory}}
    git: Json = {"git": spec.git, "rev": _revision(spec), "subdirectory": spec.subdirectory}
    if spec.lfs is not None:
        git["lfs"] = spec.lfs
    return {"git": git}


def _revision(spec: Spec) -> Json | None:
    for key in ("branch", "tag", "rev"):
        value = getattr(spec, key)
        if value is not None:
            return {key: value}
    return None


def _pin(spec: Spec) -> Json:
    pin = spec.pin
    assert pin is not None
    fields: Json = {}
    for key, bound in (("lowerBound", pin.lower_bound), ("upperBound", pin.upper_bound)):
        if bound is not None:
            kind = "expression" if set(bound) <= {"x", "."} else "version"
            fields[key] = {kind: bound}
    if pin.exact:
        fields["exact"] = True
    if pin.build is not None:
        fields["build"] = pin.build
    return fields


def _condition(spec: Spec) -> Json | None:
    """`when` as rattler writes a condition: nested `MatchSpec`, `And` and `Or`."""
    if spec.when is None:
        return None
    return condition_to_json(spec.when)


def _list(values: tuple[str, ...] | None) -> list[str] | None:
    return None if values is None else list(values)


def _source_directory(package: Package, manifest: Manifest) -> Path:
    source: BuildSource | None = package.build.source
    if source is None:
        return Path(manifest.root)
    if source.kind == "path":
        return Path(manifest.root, source.location).resolve()
    raise Unsupported(
        f"The sources of {package.name} are fetched from {source.location}, which is not possible "
        "here.",
        file=manifest.path,
        line=package.build.position.line,
        package=package.name,
        remedy="Check the sources out and name their directory: source = { path = ... }.",
    )
