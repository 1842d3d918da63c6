"""The parameters of `conda/outputs` and `conda/build_v1`, as pixi 0.77 sends them.

Source: crates/pixi_command_dispatcher/src/backend_source_build/mod.rs and keys/source_build.rs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pytest_pixipack.backend.matchspec import named_spec_to_match_spec, parse_match_spec
from pytest_pixipack.backend.protocol import WIRE_RUN_EXPORTS, NamedSpec, Output
from pytest_pixipack.backend.run_exports import (
    BuildDependency,
    Requirements,
    build_requirements,
    host_requirements,
    plain,
    run_requirements,
)
from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.facts import PackageFacts, VariantValue
from pytest_pixipack.platforms import arch_and_platform

Json = dict[str, Any]

# What `pixi install` asks for; `pixi publish` leaves the choice to the backend (None).
FAST_FORMAT: Mapping[str, Any] = {"archiveType": "conda", "compressionLevel": "lowest"}


def outputs_params(
    *,
    channels: Sequence[str],
    host_platform: str,
    work_directory: Path,
    build_platform: str | None = None,
    variants: Mapping[str, Sequence[VariantValue]] | None = None,
    variant_files: Sequence[Path] = (),
) -> Json:
    """The parameters of `conda/outputs`.

    `channels` are URLs; `build_platform` is `host_platform` while locking, which is the default.
    """
    return {
        "channels": list(channels),
        "hostPlatform": host_platform,
        "buildPlatform": build_platform or host_platform,
        "variantConfiguration": {
            key: list((variants or {})[key]) for key in sorted(variants or {})
        },
        "variantFiles": [str(path) for path in variant_files],
        "workDirectory": str(work_directory),
    }


def build_params(
    output: Output,
    *,
    channels: Sequence[str],
    build_prefix: Path,
    build_platform: str,
    host_prefix: Path,
    host_platform: str,
    work_directory: Path,
    build_packages: Sequence[PackageFacts] = (),
    host_packages: Sequence[PackageFacts] = (),
    run_depends: Sequence[str] | None = None,
    run_constrains: Sequence[str] | None = None,
    editable: bool = True,
    package_format: Mapping[str, Any] | None = FAST_FORMAT,
) -> Json:
    """The parameters of `conda/build_v1` for one output.

    `build_packages` and `host_packages` are what was installed into the two prefixes, in their
    order; their run exports become dependencies of the package. `run_depends` and `run_constrains`,
    where given, are match specs that take the place of what follows from the output and the run
    exports (a lock may know better); where a text is the same, its origin is kept.

    Raises `BackendError` for an unresolved pin, `InvalidInput` for a text that is no match spec.
    """
    run = run_requirements(output, build_packages, host_packages)
    exports = {
        wire: _json(plain(output.run_exports.get(kind, ())))
        for kind, wire in WIRE_RUN_EXPORTS.items()
    }
    return {
        "channels": list(channels),
        "buildPrefix": _prefix(
            build_prefix, build_platform, build_requirements(output), build_packages
        ),
        "hostPrefix": _prefix(
            host_prefix, host_platform, host_requirements(output, build_packages), host_packages
        ),
        "runDependencies": _json(_replaced(run.depends, run_depends)),
        "runConstraints": _json(_replaced(run.constraints, run_constrains)),
        "runExports": exports,
        "extraDependencies": {
            group: _json(plain(specs)) for group, specs in sorted(output.extra_dependencies.items())
        },
        "output": {
            "name": output.name,
            "version": output.version,
            "build": output.build,
            "subdir": output.subdir,
            "variant": {key: output.variant[key] for key in sorted(output.variant)},
        },
        "workDirectory": str(work_directory),
        "outputDirectory": None,
        "editable": editable,
        "packageFormat": None if package_format is None else dict(package_format),
    }


def prefix_package(facts: PackageFacts) -> Json:
    """An installed package as a repodata record with `fn`, `url` and `channel`, as pixi has it."""
    arch, platform = arch_and_platform(facts.subdir or "")
    record: Json = {
        "arch": arch,
        "build": facts.build,
        "build_number": facts.build_number,
        "constrains": list(facts.constrains) or None,
        "extra_depends": {g: list(s) for g, s in sorted(facts.extra_depends.items())} or None,
        "features": facts.features,
        "flags": list(facts.flags) or None,
        "license": facts.license,
        "license_family": facts.license_family,
        "md5": facts.md5,
        "name": facts.name,
        "noarch": facts.noarch,
        "platform": platform,
        "purls": None if facts.purls is None else list(facts.purls),
        "python_site_packages_path": facts.python_site_packages_path,
        "run_exports": None if facts.run_exports is None else facts.run_exports.to_json() or None,
        "sha256": facts.sha256,
        "size": facts.size,
        "subdir": facts.subdir,
        "timestamp": facts.timestamp,
        "track_features": " ".join(facts.track_features) or None,
        "version": facts.version,
    }
    present = {key: value for key, value in record.items() if value is not None}
    present["depends"] = list(facts.depends)
    return {
        **{key: present[key] for key in sorted(present)},
        "fn": facts.file_name,
        "url": facts.url,
        "channel": facts.channel,
    }


def _prefix(
    prefix: Path, platform: str, requirements: Requirements, packages: Iterable[PackageFacts]
) -> Json:
    return {
        "prefix": str(prefix),
        "platform": platform,
        "dependencies": _json(requirements.depends),
        "constraints": _json(requirements.constraints),
        "packages": [prefix_package(package) for package in packages],
    }


def _replaced(
    computed: Sequence[BuildDependency], texts: Sequence[str] | None
) -> list[BuildDependency]:
    if texts is None:
        return list(computed)
    known: dict[str, list[BuildDependency]] = {}
    for dependency in computed:
        if dependency.spec.kind in ("binary", "source"):
            text = named_spec_to_match_spec(dependency.spec)
            known.setdefault(text, []).append(dependency)
    return [known[text].pop(0) if known.get(text) else _from_text(text) for text in texts]


def _from_text(text: str) -> BuildDependency:
    spec = parse_match_spec(text)
    if spec is None:
        raise InvalidInput(
            f"`{text}` is not a match spec.", remedy="Write a name, a version and a build."
        )
    if spec.name == text.strip():  # a bare name, as of a source dependency, says no version
        spec = NamedSpec(spec.name)
    return BuildDependency(spec)


def _json(dependencies: Iterable[BuildDependency]) -> list[Json]:
    return [dependency.to_json() for dependency in dependencies]
