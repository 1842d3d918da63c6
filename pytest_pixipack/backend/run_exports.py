"""Which dependencies the environments of one output have, run exports included.

Follows pixi 0.77, crates/pixi_command_dispatcher/src/build/dependencies.rs: dependencies are
grouped by name in the order in which a name first occurs, equal ones are kept once, run exports
come after what was declared. Only packages that were declared hand on their exports, not those that
came in by an export themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pytest_pixipack.backend.matchspec import parse_match_spec, to_build_spec
from pytest_pixipack.backend.protocol import Dependencies, NamedSpec, Output
from pytest_pixipack.facts import PackageFacts

From = Literal["build", "host"]


@dataclass(frozen=True, slots=True)
class BuildDependency:
    """A dependency of `conda/build_v1`; `exporter` of environment `exported_from` brought it in."""

    spec: NamedSpec
    exported_from: From | None = None
    exporter: str | None = None

    def to_json(self) -> dict[str, Any]:
        """`{"spec": {...}, "source": ...}`. Raises `BackendError` for an unresolved pin."""
        source = None
        if self.exporter is not None:
            source = {"type": "runExport", "from": self.exported_from, "runExport": self.exporter}
        return {"spec": to_build_spec(self.spec), "source": source}


@dataclass(frozen=True, slots=True)
class Requirements:
    """The dependencies and constraints of one environment."""

    depends: tuple[BuildDependency, ...] = ()
    constraints: tuple[BuildDependency, ...] = ()


def build_requirements(output: Output) -> Requirements:
    """What the build environment holds: what was declared."""
    return _declared(output.build_dependencies)


def host_requirements(output: Output, build: Iterable[PackageFacts]) -> Requirements:
    """What the host environment holds: what was declared, and strong exports of the build one.

    `build` are the packages of the solved build environment.
    """
    declared = _declared(output.host_dependencies)
    exports = _exporters(output, output.build_dependencies, build)
    return Requirements(
        _grouped([*declared.depends, *_exports(output, exports, "build", "strong")]),
        _grouped([*declared.constraints, *_exports(output, exports, "build", "strong_constrains")]),
    )


def run_requirements(
    output: Output, build: Iterable[PackageFacts], host: Iterable[PackageFacts]
) -> Requirements:
    """What the package itself depends on, from the packages of both solved environments.

    A noarch output takes only the `noarch` exports of its host environment.
    """
    declared = _declared(output.run_dependencies)
    from_build = _exporters(output, output.build_dependencies, build)
    from_host = _exporters(output, output.host_dependencies, host)
    depends, constraints = [*declared.depends], [*declared.constraints]
    if output.subdir == "noarch":
        depends += _exports(output, from_host, "host", "noarch")
        return Requirements(_grouped(depends), _grouped(constraints))
    depends += _exports(output, from_host, "host", "strong")
    depends += _exports(output, from_build, "build", "strong")
    depends += _exports(output, from_host, "host", "weak")
    constraints += _exports(output, from_host, "host", "strong_constrains")
    constraints += _exports(output, from_build, "build", "strong_constrains")
    constraints += _exports(output, from_host, "host", "weak_constrains")
    return Requirements(_grouped(depends), _grouped(constraints))


def plain(specs: Iterable[NamedSpec]) -> tuple[BuildDependency, ...]:
    """Declared dependencies, grouped by name."""
    return _grouped([BuildDependency(spec) for spec in specs])


def _declared(dependencies: Dependencies) -> Requirements:
    return Requirements(plain(dependencies.depends), plain(dependencies.constraints))


def _exporters(
    output: Output, declared: Dependencies, packages: Iterable[PackageFacts]
) -> list[PackageFacts]:
    names = {spec.name for spec in declared.depends}
    return [
        package
        for package in packages
        if package.name in names and package.name not in output.ignore_from_package
    ]


def _exports(
    output: Output, exporters: Iterable[PackageFacts], environment: From, kind: str
) -> list[BuildDependency]:
    found = []
    for package in exporters:
        for text in getattr(package.run_exports, kind, ()):
            spec = parse_match_spec(text)
            if spec is not None and spec.name not in output.ignore_by_name:
                found.append(BuildDependency(spec, environment, package.name))
    return found


def _grouped(dependencies: Sequence[BuildDependency]) -> tuple[BuildDependency, ...]:
    by_name: dict[str, list[BuildDependency]] = {}
    for dependency in dependencies:
        group = by_name.setdefault(dependency.spec.name, [])
        if dependency not in group:
            group.append(dependency)
    return tuple(dependency for group in by_name.values() for dependency in group)
