"""From a manifest's environment and platform to what the solver is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pytest_pixipack.engine.channels import ChannelTable, is_local
from pytest_pixipack.engine.checkouts import Checkouts
from pytest_pixipack.engine.target import Kept, Target, Wanted
from pytest_pixipack.errors import InvalidInput, Offline
from pytest_pixipack.file_urls import expand_user, path_of_url
from pytest_pixipack.manifest import Manifest, Platform, Spec, default_virtual_packages
from pytest_pixipack.redaction import public_url


def target_for(
    manifest: Manifest,
    environment: str,
    platform: Platform,
    table: ChannelTable,
    *,
    build_subdir: str | None = None,
    kept: Kept | None = None,
) -> Target:
    """The target of one environment on one platform.

    Locking takes the build platform to be the host platform, as pixi does; a build names the
    platform that it runs on. `kept` is what stays of an earlier lock.
    """
    import datetime as dt

    from pytest_pixipack.verify.cutoff import cutoffs

    workspace = manifest.need_workspace()
    build = build_subdir or platform.subdir
    virtual = manifest.virtual_packages(environment, platform)
    build_virtual = virtual if build == platform.subdir else default_virtual_packages(build)
    return Target(
        subdir=platform.subdir,
        build_subdir=build,
        channels=tuple(table.resolve(name) for name in manifest.channels(environment)),
        virtual_packages=virtual,
        build_virtual_packages=build_virtual,
        channel_priority=manifest.channel_priority(environment),
        strategy=manifest.solve_strategy(environment),
        cutoffs=cutoffs(manifest, environment, dt.datetime.now(dt.timezone.utc)) or None,
        variants=manifest.build_variants(platform),
        variant_files=workspace.build_variant_files,
        kept=kept,
    )


def match_spec(spec: Spec, table: ChannelTable) -> str:
    """A manifest's dependency as the solver reads it; a channel becomes the place it is read from.

    A dependency on one certain package file becomes its URL. Raises `InvalidInput` where that file
    is not there, `Offline` where it would have to be fetched and the network is off.
    """
    if spec.kind in ("url", "path") and not spec.is_source:
        given = {"url": _file(spec, table), "md5": spec.md5, "sha256": spec.sha256}
        fields = [f'{key}="{value}"' for key, value in given.items() if value]
        return f"{spec.name}[{', '.join(fields)}]"
    if not spec.extras:  # an empty list means nothing, and is no match spec
        spec = replace(spec, extras=None)
    if spec.channel is not None:
        spec = replace(spec, channel=table.resolve(spec.channel).origin.rstrip("/"))
    return spec.match_spec()


def _file(spec: Spec, table: ChannelTable) -> str:
    """The URL of the package file that a dependency names."""
    at = spec.position
    url = table.origin_of(spec.url or str(expand_user(spec.path or "")))
    path = path_of_url(url)
    where: dict[str, Any] = {
        "file": at.file, "line": at.line, "column": at.column, "package": spec.name,
    }  # fmt: skip
    if path is not None and not path.is_file():
        raise InvalidInput(
            f"The package file of {spec.name} does not exist: {path}.",
            **where,
            remedy="Correct the path or the URL.",
        )
    if path is None and not table.network and not is_local(url):
        raise Offline(
            f"The package file of {spec.name} needs the network, which is off: {public_url(url)}.",
            **where,
            remedy="Allow the network (--pixipack-network), or use a version and a channel.",
        )
    return url


def wanted_sources(
    specs: tuple[Spec, ...], checkouts: Checkouts, pins: Mapping[str, Sequence[str]]
) -> tuple[Wanted, ...]:
    """The dependencies that are built from source, with where they are.

    `pins` are the locations that a lock has for a name. Raises as `Checkouts.locate` does.
    """
    return tuple(
        Wanted(
            spec.name,
            checkouts.locate(spec_words(spec), spec.name, None, spec, pins.get(spec.name, ())),
            spec,
        )
        for spec in specs
        if spec.is_source
    )


def spec_words(spec: Spec) -> dict[str, object]:
    """The location that a dependency names, in the words of a lock's `source_depends`."""
    if spec.kind == "path":
        return {"path": spec.path}
    found = {
        "git": spec.git, "branch": spec.branch, "tag": spec.tag, "rev": spec.rev, "lfs": spec.lfs,
        "url": spec.url, "sha256": spec.sha256, "md5": spec.md5, "subdirectory": spec.subdirectory,
    }  # fmt: skip
    return {key: value for key, value in found.items() if value is not None}
