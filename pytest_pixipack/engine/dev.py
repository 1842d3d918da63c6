"""`[dev]`: source packages whose dependencies are wanted, but not they themselves.

The solver is offered a package in the place of each, which needs what building and running it
needs, and which is left out of the result (prefix-dev/pixi, pixi_command_dispatcher,
dev_source_metadata and solve_conda).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pytest_pixipack.backend.matchspec import named_spec_to_match_spec
from pytest_pixipack.backend.protocol import NamedSpec, Output
from pytest_pixipack.engine.locations import source_location
from pytest_pixipack.engine.records import Resolved, SourceRecord
from pytest_pixipack.engine.sessions import SourcePackage, wrong_output
from pytest_pixipack.engine.target import Target, Wanted
from pytest_pixipack.facts import PackageFacts

_PREFIX = "pixipack-dev-of-"


def dev_name(name: str) -> str:
    """The name of what stands in the place of a package."""
    return _PREFIX + name


def without_dev(packages: Iterable[Resolved]) -> tuple[Resolved, ...]:
    """A solution without what stood in the place of packages."""
    return tuple(package for package in packages if not package.name.startswith(_PREFIX))


def dev_records(
    package: SourcePackage,
    offered: Sequence[Output],
    want: Wanted,
    target: Target,
    dev_names: Iterable[str],
) -> tuple[SourceRecord, ...]:
    """What stands in the place of a package, one record for each of its variants.

    `dev_names` are all packages of that kind: they do not need one another. Raises `InvalidInput`
    where the package has another name.
    """
    named = [output for output in offered if output.name == want.name]
    if not named:
        raise wrong_output(package, want.name, tuple(offered))
    others = frozenset(dev_names)
    return tuple(_record(package, output, want, target, others) for output in named)


def _record(
    package: SourcePackage, output: Output, want: Wanted, target: Target, others: frozenset[str]
) -> SourceRecord:
    specs = [spec for spec in _depends(output) if spec.name not in others]
    sources: dict[str, Mapping[str, Any]] = {
        spec.name: source_location(spec) for spec in specs if spec.is_source
    }
    constraints = [spec for spec in _constraints(output) if spec.name not in others]
    facts = PackageFacts(
        name=dev_name(output.name),
        kind="source",
        version="0",
        build=output.build or "0",
        build_number=0,
        subdir=target.subdir,
        depends=tuple(s.name if s.is_source else named_spec_to_match_spec(s) for s in specs),
        constrains=tuple(map(named_spec_to_match_spec, constraints)),
        variants=dict(output.variant),
    )
    return SourceRecord(facts, package.directory, want.location, output, sources)


def _depends(output: Output) -> Iterator[NamedSpec]:
    # What building brings in says all that a pin could say.
    for each in (output.build_dependencies, output.host_dependencies, output.run_dependencies):
        yield from (spec for spec in each.depends if spec.kind in ("binary", "source"))


def _constraints(output: Output) -> Iterator[NamedSpec]:
    for each in (output.build_dependencies, output.host_dependencies, output.run_dependencies):
        yield from (spec for spec in each.constraints if spec.kind == "binary")
