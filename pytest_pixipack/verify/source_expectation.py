"""What a source record ought to say, from a backend's answer or from the manifest alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_pixipack.facts import RUN_EXPORT_KINDS, PackageFacts, RunExports, VariantValue
from pytest_pixipack.lock import LockedPackage
from pytest_pixipack.manifest import Package, Spec
from pytest_pixipack.verify.locations import location_of
from pytest_pixipack.verify.tables import applicable

if TYPE_CHECKING:
    from pytest_pixipack.backend.protocol import NamedSpec, Output


@dataclass(frozen=True, slots=True)
class Requirement:
    """What a build or host environment has to hold.

    `name` is as it was asked for, capitals included; `source` is where the package's source has to
    lie, None for a binary package.
    """

    name: str
    text: str
    source: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """Match specs as a lock spells them; `build` and `host` are what the environments need.

    `sources` says where run dependencies lie that are built from source.
    """

    depends: tuple[str, ...] = ()
    constrains: tuple[str, ...] = ()
    extra_depends: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    run_exports: RunExports = field(default_factory=RunExports)
    build: tuple[Requirement, ...] = ()
    host: tuple[Requirement, ...] = ()
    sources: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def from_output(
    output: Output, build: Iterable[LockedPackage], host: Iterable[LockedPackage]
) -> Expectation:
    """What follows from a backend's answer and the locked build and host packages.

    Raises `BackendError` for a pin on a package that neither environment has, or of which the lock
    does not know the version, as it is with packages that are built from a path.
    """
    from pytest_pixipack.backend.matchspec import named_spec_to_match_spec
    from pytest_pixipack.backend.run_exports import plain, run_requirements
    from pytest_pixipack.engine.pins import pin_host, pin_run

    build, host = tuple(build), tuple(host)
    pinned = pin_run(pin_host(output, _known(build)), _known(build), _known(host))
    run = run_requirements(
        pinned, [package.facts for package in build], [package.facts for package in host]
    )

    def texts(specs: Iterable[object]) -> tuple[str, ...]:
        return tuple(named_spec_to_match_spec(each.spec) for each in specs)  # type: ignore[attr-defined]

    exports = {kind: texts(plain(specs)) for kind, specs in pinned.run_exports.items()}
    return Expectation(
        depends=texts(run.depends),
        constrains=texts(run.constraints),
        extra_depends={k: texts(plain(v)) for k, v in pinned.extra_dependencies.items()},
        run_exports=RunExports(**exports),
        build=_asked(pinned.build_dependencies.depends),
        host=_asked(pinned.host_dependencies.depends),
        sources=_sources(_asked(pinned.run_dependencies.depends)),
    )


def _known(packages: Iterable[LockedPackage]) -> list[PackageFacts]:
    return [package.facts for package in packages if not package.is_partial]


def _asked(specs: Iterable[NamedSpec]) -> tuple[Requirement, ...]:
    from pytest_pixipack.backend.matchspec import named_spec_to_match_spec
    from pytest_pixipack.engine.locations import source_location

    found = (
        Requirement(
            spec.written_name,
            named_spec_to_match_spec(spec),
            source_location(spec) if spec.is_source else None,
        )
        for spec in specs
    )
    return tuple({(each.name, each.text, str(each.source)): each for each in found}.values())


def from_manifest(
    package: Package, subdir: str, variants: Mapping[str, VariantValue]
) -> Expectation:
    """What the manifest alone says; a backend may add to it. Pins are left out.

    Raises `BackendError` for a condition that cannot be evaluated.
    """
    tables = applicable(package, subdir, variants)
    exports = {
        bucket.replace("-", "_").replace("constraints", "constrains"): _texts(specs)
        for bucket, specs in tables.groups("run_exports")
    }
    return Expectation(
        depends=_texts(tables.specs("run")),
        constrains=_texts(tables.specs("run_constraints")),
        extra_depends={group: _texts(specs) for group, specs in tables.groups("extra")},
        run_exports=RunExports(**{k: exports.get(k, ()) for k in RUN_EXPORT_KINDS}),
        # A variant may have given a dependency without a version one; then its name is enough.
        build=_declared(tables.specs("build")),
        host=_declared(tables.specs("host")),
        sources=_sources(_declared(tables.specs("run"))),
    )


def _sources(requirements: Iterable[Requirement]) -> dict[str, Mapping[str, Any]]:
    return {each.name.lower(): each.source for each in requirements if each.source is not None}


def build_source(package: Package) -> dict[str, Any] | None:
    """Where a manifest says that the sources are, in the words of a lock; None: beside it."""
    source = package.build.source
    if source is None:
        return None
    found = {
        source.kind: source.location, "branch": source.branch, "tag": source.tag,
        "rev": source.rev, "subdirectory": source.subdirectory, "sha256": source.sha256,
    }  # fmt: skip
    return {key: value for key, value in found.items() if value is not None}


def _plain(specs: Iterable[Spec]) -> list[Spec]:
    return [spec for spec in specs if not spec.kind.startswith("pin")]


def _texts(specs: Iterable[Spec]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(spec.match_spec() for spec in _plain(specs)))


def _declared(specs: Iterable[Spec]) -> tuple[Requirement, ...]:
    # A backend may write the name in lower case.
    return tuple(
        Requirement(spec.name, spec.match_spec(), location_of(spec) if spec.is_source else None)
        for spec in _plain(specs)
    )


def locked_text(package: LockedPackage) -> str:
    """A locked package in a few words."""
    if package.is_partial:
        return f"{package.name} from {package.location}"
    return f"{package.name} {package.version or ''}".strip()


def output_text(name: str, variant: Mapping[str, Any]) -> str:
    """An output with the values of its variant."""
    values = ", ".join(f"{k}={v}" for k, v in sorted(variant.items()) if k != "target_platform")
    return f"{name} ({values})" if values else name
