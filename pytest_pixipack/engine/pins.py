"""`pin_compatible`: a bound on the version that a build or host environment holds.

Follows prefix-dev/pixi, `crates/pixi_command_dispatcher/src/build/pin_compatible.rs`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from pytest_pixipack.backend.pins import pin_fields
from pytest_pixipack.backend.protocol import Dependencies, NamedSpec, Output
from pytest_pixipack.errors import BackendError
from pytest_pixipack.facts import PackageFacts


def pin_host(output: Output, build: Iterable[PackageFacts]) -> Output:
    """The output with the pins of its host dependencies resolved against the build environment.

    Raises `BackendError` where a pinned package is not there.
    """
    pins = _Pins(output.name, build)
    return replace(
        output,
        build_dependencies=_Pins(output.name, ()).dependencies(output.build_dependencies),
        host_dependencies=pins.dependencies(output.host_dependencies),
    )


def pin_run(output: Output, build: Iterable[PackageFacts], host: Iterable[PackageFacts]) -> Output:
    """The output with all other pins resolved, the host environment before the build one."""
    pins = _Pins(output.name, [*build, *host])
    return replace(
        output,
        run_dependencies=pins.dependencies(output.run_dependencies),
        extra_dependencies={k: pins.specs(v) for k, v in output.extra_dependencies.items()},
        run_exports={k: pins.specs(v) for k, v in output.run_exports.items()},
    )


class _Pins:
    def __init__(self, package: str, found: Iterable[PackageFacts]) -> None:
        self._package = package
        self._found = {facts.name: facts for facts in found}

    def dependencies(self, dependencies: Dependencies) -> Dependencies:
        return replace(
            dependencies,
            depends=self.specs(dependencies.depends),
            constraints=self.specs(dependencies.constraints),
        )

    def specs(self, specs: Iterable[NamedSpec]) -> tuple[NamedSpec, ...]:
        return tuple(self._spec(spec) for spec in specs)

    def _spec(self, spec: NamedSpec) -> NamedSpec:
        if spec.kind != "pinCompatible":
            return spec
        found = self._found.get(spec.name)
        if found is None or found.version is None:
            raise BackendError(
                f"The build backend pins {spec.name}, which is in neither the build nor the host "
                f"environment of {self._package}.",
                package=self._package,
                remedy=f"Add {spec.name} to the host dependencies.",
            )
        return NamedSpec(spec.name, "binary", pin_fields(spec.fields, found.version, found.build))
