"""What a source record ought to say, from a backend's answer or from the manifest alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_pixipack.facts import RUN_EXPORT_KINDS, PackageFacts, RunExports, VariantValue
from pytest_pixipack.manifest import Package, Spec
from pytest_pixipack.verify.tables import applicable

if TYPE_CHECKING:
    from pytest_pixipack.backend.protocol import Output


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """Match specs as a lock spells them; `build` and `host` are what the environments need."""

    depends: tuple[str, ...] = ()
    constrains: tuple[str, ...] = ()
    extra_depends: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    run_exports: RunExports = field(default_factory=RunExports)
    build: tuple[str, ...] = ()
    host: tuple[str, ...] = ()


def from_output(
    output: Output, build: Iterable[PackageFacts], host: Iterable[PackageFacts]
) -> Expectation:
    """What follows from a backend's answer and the locked build and host packages.

    Raises `BackendError` for a pin on a package that neither environment has.
    """
    from pytest_pixipack.backend.matchspec import named_spec_to_match_spec
    from pytest_pixipack.backend.run_exports import plain, run_requirements
    from pytest_pixipack.engine.pins import pin_host, pin_run

    build, host = tuple(build), tuple(host)
    pinned = pin_run(pin_host(output, build), build, host)
    run = run_requirements(pinned, build, host)

    def texts(specs: Iterable[object]) -> tuple[str, ...]:
        return tuple(named_spec_to_match_spec(each.spec) for each in specs)  # type: ignore[attr-defined]

    exports = {kind: texts(plain(specs)) for kind, specs in pinned.run_exports.items()}
    return Expectation(
        depends=texts(run.depends),
        constrains=texts(run.constraints),
        extra_depends={k: texts(plain(v)) for k, v in pinned.extra_dependencies.items()},
        run_exports=RunExports(**exports),
        build=texts(plain(pinned.build_dependencies.depends)),
        host=texts(plain(pinned.host_dependencies.depends)),
    )


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
        build=_texts(tables.specs("build")),
        host=_texts(tables.specs("host")),
    )


def _texts(specs: Iterable[Spec]) -> tuple[str, ...]:
    return tuple(
        dict.fromkeys(spec.match_spec() for spec in specs if not spec.kind.startswith("pin"))
    )
