"""Source records: what a source package will be, asked from its backend and completed with the
run exports of its build and host environments.

Follows prefix-dev/pixi, `crates/pixi_command_dispatcher/src/keys/resolve_source_record.rs`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

from pytest_pixipack.backend.build_params import outputs_params
from pytest_pixipack.backend.matchspec import named_spec_to_match_spec
from pytest_pixipack.backend.protocol import NamedSpec, Output
from pytest_pixipack.backend.run_exports import (
    Requirements,
    build_requirements,
    host_requirements,
    plain,
    run_requirements,
)
from pytest_pixipack.engine.channels import ChannelTable
from pytest_pixipack.engine.dev import dev_records, without_dev
from pytest_pixipack.engine.locations import (
    RunSources,
    exported_source,
    location_parts,
    source_location,
)
from pytest_pixipack.engine.pinned import location_key
from pytest_pixipack.engine.pins import pin_host, pin_run
from pytest_pixipack.engine.records import BinaryRecord, Resolved, SourceRecord
from pytest_pixipack.engine.sessions import Sessions, SourcePackage, wrong_output
from pytest_pixipack.engine.solve import Solver, SolveRequest
from pytest_pixipack.engine.target import Target, Wanted
from pytest_pixipack.errors import SolveError
from pytest_pixipack.facts import PackageFacts, RunExports
from pytest_pixipack.manifest import Manifest, Spec

# Name, variant (values as text) and `build` or `host`: one environment of one source package.
PreferenceKey: TypeAlias = tuple[str, frozenset[tuple[str, str]], str]


def preference_key(name: str, variant: Mapping[str, object], kind: str) -> PreferenceKey:
    """The key of one build or host environment, from a backend's output or from a lock."""
    return name.lower(), frozenset((key, str(value)) for key, value in variant.items()), kind


class Assembler:
    """Makes source records and solves environments that hold them.

    `run_exports` reads the run exports of a channel's package. One object serves one operation: it
    remembers what it has assembled.
    """

    def __init__(
        self,
        table: ChannelTable,
        sessions: Sessions,
        solver: Solver,
        scratch: Path,
        run_exports: Callable[[BinaryRecord], RunExports | None],
    ) -> None:
        self.checkouts = sessions.checkouts
        self._table = table
        self._sessions = sessions
        self._solver = solver
        self._scratch = scratch
        self._run_exports = run_exports
        self._assembled: dict[tuple[object, ...], tuple[SourceRecord, ...]] = {}
        self._under_way: list[tuple[object, ...]] = []
        self._spellings: dict[tuple[str, ...], str] = {}
        self._preferred: Mapping[PreferenceKey, tuple[PackageFacts, ...]] = {}

    def prefer(self, packages: Mapping[PreferenceKey, tuple[PackageFacts, ...]]) -> None:
        """Takes these locked packages in build and host environments where they still fit, so
        that a package is built against what the lock says, whatever a channel has got since.
        """
        self._preferred = packages

    def solve(
        self,
        what: str,
        target: Target,
        specs: Sequence[str],
        wanted: Iterable[Wanted],
        constraints: Sequence[str] = (),
        preferred: Sequence[PackageFacts] = (),
        kept: Sequence[PackageFacts] = (),
        dev: Sequence[Wanted] = (),
    ) -> tuple[Resolved, ...]:
        """Solves one environment; every source package that is reachable is offered.

        `kept` are packages of a lock that is brought up to date, which are taken where they fit;
        `preferred` are those of a lock that is built from. Of `dev` packages only the dependencies
        are wanted.
        """
        in_place = self.dev_records(dev, target)
        needed = [want for record in in_place for want in self._sources_of(record, target)]
        sources = (*self.reachable([*wanted, *needed], target), *in_place)
        specs = [*specs, *dict.fromkeys(record.name for record in in_place)]
        request = SolveRequest(
            what=what,
            subdir=target.subdir,
            specs=tuple(specs),
            channels=target.channels,
            virtual_packages=target.virtual_packages,
            constraints=tuple(constraints),
            sources=sources,
            channel_priority=target.channel_priority,
            strategy=target.strategy,
            cutoffs=target.cutoffs,
            preferred=_fitting(kept, target, sources),
        )
        locked = _fitting(preferred, target, ())
        resolved = self._solver.solve(request)
        # What is preferred changes the order of the result, and with it that of run exports, so it
        # only is where the result would be another one.
        if locked and _binaries(each.facts for each in resolved) != _binaries(locked):
            resolved = self._solver.solve(replace(request, preferred=locked))
        return without_dev(resolved)

    def dev_records(self, dev: Sequence[Wanted], target: Target) -> tuple[SourceRecord, ...]:
        """What stands in the place of packages of which only the dependencies are wanted."""
        found: list[SourceRecord] = []
        names = [want.name for want in dev]
        for want in dev:
            directory = self.checkouts.directory(want.location, want.name, want.asked_by)
            package = self._sessions.package(directory, want.asked_by, _build_pins(target))
            offered = self.outputs(package, target)
            found += dev_records(package, offered, want, target, names)
        return tuple(found)

    def _sources_of(self, record: SourceRecord, target: Target) -> Iterator[Wanted]:
        """The source packages that a package needs to run."""
        for name, location in sorted(record.sources.items()):
            # pixi looks a source up by its name in lower case, and keeps it as it is written: one
            # with capitals is not found.
            if name == name.lower():
                asked_by = self._asked_by(record.directory, name)
                place = self._located(location, name, record.location, target, asked_by)
                yield Wanted(name, place, asked_by)

    def reachable(self, wanted: Iterable[Wanted], target: Target) -> tuple[SourceRecord, ...]:
        """The records of the wanted packages and of all source packages that they need to run."""
        found: list[SourceRecord] = []
        queue = list(wanted)
        # A lock decides on the spelling, else what is asked for directly.
        for pins in (target.kept.pins if target.kept else {}).values():
            for location in pins:
                self._spelling(location)
        for want in queue:
            self._spelling(want.location)
        seen: set[tuple[str, str]] = set()
        while queue:
            want = queue.pop(0)
            if (want.name, want.location) in seen:
                continue
            seen.add((want.name, want.location))
            for record in self.records(want, target):
                found.append(record)
                queue += self._sources_of(record, target)
        return tuple(found)

    def records(self, want: Wanted, target: Target) -> tuple[SourceRecord, ...]:
        """All outputs of one source package that bear the wanted name.

        Raises `InvalidInput` where the package has another name, `SolveError` for a package that
        needs itself to be built.
        """
        location = self._spelling(want.location)
        key = (want.name, location, *target.key)
        if key in self._assembled:
            return self._assembled[key]
        if key in self._under_way:
            names = [str(name) for name, *_ in self._under_way[self._under_way.index(key) :]]
            raise SolveError(
                f"{want.name} is needed to build itself: {' -> '.join([*names, want.name])}.",
                package=want.name,
                remedy="Break the circle of build and host dependencies.",
            )
        self._under_way.append(key)
        try:
            directory = self.checkouts.directory(location, want.name, want.asked_by)
            package = self._sessions.package(directory, want.asked_by, _build_pins(target))
            offered = self.outputs(package, target)
            named = [output for output in offered if output.name == want.name]
            if not named:
                raise wrong_output(package, want.name, offered)
            records = tuple(self._assemble(package, output, target, location) for output in named)
        finally:
            self._under_way.pop()
        self._assembled[key] = records
        return records

    def _spelling(self, location: str) -> str:
        """One spelling for paths that pixi takes for equal (`x`, `x/`, but not `./x`)."""
        return self._spellings.setdefault(location_parts(location), location)

    def source_package(self, location: str) -> SourcePackage:
        """The package at a location, its backend initialised. Raises as `Sessions.package`."""
        return self._sessions.package(self.checkouts.directory(location))

    def outputs(self, package: SourcePackage, target: Target) -> tuple[Output, ...]:
        """What the backend of a package offers for a target."""
        params = outputs_params(
            channels=target.channel_urls,
            host_platform=target.subdir,
            build_platform=target.build_subdir,
            work_directory=self._scratch / "work",
            variants=target.variants,
            variant_files=target.variant_files,
        )
        return package.outputs(params, repr(target.asked))

    def _assemble(
        self, package: SourcePackage, output: Output, target: Target, location: str
    ) -> SourceRecord:
        name = output.name
        tools = target.for_build_tools()
        build = self._environment(
            package, output, "build", build_requirements(output), tools, location
        )
        build_facts = [each.facts for each in build]
        output = pin_host(output, build_facts)
        needed = host_requirements(output, build_facts)
        host = self._environment(
            package, output, "host", needed, target.for_host(), location, build
        )
        host_facts = [each.facts for each in host]
        output = pin_run(output, build_facts, host_facts)
        run = run_requirements(output, build_facts, host_facts)
        sources = RunSources(location, build, host)
        facts = PackageFacts(
            name=name,
            kind="source",
            version=output.version,
            build=output.build,
            build_number=output.build_number,
            subdir=output.subdir,
            noarch=output.noarch,
            depends=sources.depends(run.depends),
            constrains=tuple(named_spec_to_match_spec(each.spec) for each in run.constraints),
            run_exports=RunExports(
                **{kind: sources.texts(plain(specs)) for kind, specs in output.run_exports.items()}
            ),
            extra_depends={
                group: sources.texts(plain(specs))
                for group, specs in output.extra_dependencies.items()
            },
            track_features=output.track_features,
            flags=output.flags,
            license=output.license,
            license_family=output.license_family,
            purls=output.purls,
            python_site_packages_path=output.python_site_packages_path,
            variants=dict(output.variant),
        )
        return SourceRecord(
            facts=facts,
            directory=package.directory,
            location=location,
            output=output,
            sources=sources.found,
            source=package.source,
            source_location=package.source_location_for(location),
            build_packages=build,
            host_packages=host,
        )

    def _environment(
        self,
        package: SourcePackage,
        output: Output,
        kind: str,
        needed: Requirements,
        target: Target,
        location: str,
        build: tuple[Resolved, ...] = (),
    ) -> tuple[Resolved, ...]:
        """Solves the build or host environment of an output.

        `build` is the build environment, whose packages export to the host environment.
        """
        if not needed.depends:
            return ()
        wanted = [
            Wanted(
                spec.name,
                self._located(
                    source_location(spec),
                    spec.name,
                    location,
                    target,
                    asking_spec(package.manifest, spec.name),
                ),
                asking_spec(package.manifest, spec.name),
            )
            for spec in (each.spec for each in needed.depends)
            if spec.is_source
        ]
        for each in needed.depends:
            place = exported_source(each, build) if each.exported_from else None
            if place is not None:
                wanted.append(Wanted(each.spec.name, place))
        resolved = self.solve(
            f"the {kind} environment of {output.name} for {target.subdir}",
            target,
            # Sources first, as pixi has it: the order of specs is that of the result.
            [
                self._solver_text(each.spec)
                for each in sorted(needed.depends, key=lambda each: not each.spec.is_source)
            ],
            wanted,
            [self._solver_text(each.spec) for each in needed.constraints],
            self._preferred.get(preference_key(output.name, output.variant, kind), ()),
            _kept(target, output.name, location, kind),
        )
        # Only what was declared hands on run exports, so only theirs are read.
        exporters = {each.spec.name for each in needed.depends if each.exporter is None}
        exporters -= set(output.ignore_from_package)
        return tuple(
            self._with_run_exports(each) if each.name in exporters else each for each in resolved
        )

    def _located(
        self,
        location: Mapping[str, Any],
        name: str,
        base: str,
        target: Target,
        asked_by: Spec | None,
    ) -> str:
        pins = target.kept.pins.get(name, ()) if target.kept else ()
        return self.checkouts.locate(location, name, base, asked_by, pins)

    def _asked_by(self, directory: Path, name: str) -> Spec | None:
        return asking_spec(self._sessions.package(directory).manifest, name)

    def _solver_text(self, spec: NamedSpec) -> str:
        channel = spec.fields.get("channel")
        if channel is None:
            return named_spec_to_match_spec(spec)
        origin = self._table.resolve(str(channel)).origin
        return named_spec_to_match_spec(
            replace(spec, fields={**spec.fields, "channel": origin.rstrip("/")})
        )

    def _with_run_exports(self, record: Resolved) -> Resolved:
        if isinstance(record, SourceRecord) or record.facts.run_exports is not None:
            return record
        return replace(record, facts=replace(record.facts, run_exports=self._run_exports(record)))


def asking_spec(manifest: Manifest, name: str) -> Spec | None:
    """The entry of a package's manifest that asks for a source package, for error messages."""
    for tables in manifest.need_package().tables.values():
        for table in (tables.run, tables.host, tables.build):
            spec = table.get(name)
            if spec is not None and spec.is_source:
                return spec
    return None


def _fitting(
    packages: Iterable[PackageFacts], target: Target, sources: Iterable[SourceRecord]
) -> tuple[PackageFacts, ...]:
    """Those that can be on the target's platform and are not built from source there."""
    built = {source.name for source in sources}
    subdirs = (target.subdir, "noarch")
    return tuple(f for f in packages if f.subdir in subdirs and f.name not in built)


def _kept(target: Target, name: str, location: str, kind: str) -> tuple[PackageFacts, ...]:
    if target.kept is None:
        return ()
    return target.kept.environments.get((name.lower(), location_key(location), kind), ())


def _build_pins(target: Target) -> Mapping[str, Sequence[str]]:
    return target.kept.build_pins if target.kept else {}


def _binaries(packages: Iterable[PackageFacts]) -> set[tuple[str, str | None, str | None]]:
    return {(f.name, f.version, f.build) for f in packages if f.kind == "binary"}
