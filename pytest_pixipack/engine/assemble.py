"""Source records: what a source package will be, asked from its backend and completed with the
run exports of its build and host environments.

Follows prefix-dev/pixi, `crates/pixi_command_dispatcher/src/keys/resolve_source_record.rs`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

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
from pytest_pixipack.engine.channels import Channel, ChannelTable
from pytest_pixipack.engine.locations import (
    RunSources,
    directory_of,
    exported_source,
    locate,
    location_parts,
    source_location,
)
from pytest_pixipack.engine.pins import pin_host, pin_run
from pytest_pixipack.engine.records import BinaryRecord, Resolved, SourceRecord
from pytest_pixipack.engine.sessions import Sessions, SourcePackage, wrong_output
from pytest_pixipack.engine.solve import Solver, SolveRequest
from pytest_pixipack.errors import SolveError
from pytest_pixipack.facts import PackageFacts, RunExports
from pytest_pixipack.manifest import Manifest, Spec


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What an environment is solved for: platforms, channels, options, build variants."""

    subdir: str
    build_subdir: str
    channels: tuple[Channel, ...]
    virtual_packages: tuple[str, ...] = ()
    build_virtual_packages: tuple[str, ...] = ()
    channel_priority: str = "strict"
    strategy: str = "highest"
    exclude_newer: str | None = None
    variants: Mapping[str, Sequence[str]]
    variant_files: tuple[Path, ...] = ()

    @property
    def channel_urls(self) -> list[str]:
        """The channels as a backend is told of them."""
        return [channel.url.rstrip("/") for channel in self.channels]

    def for_host(self) -> Target:
        """The same for what a package is linked against: a strategy applies to environments."""
        return replace(self, strategy="highest")

    def for_build_tools(self) -> Target:
        """The same for packages that run during the build."""
        return replace(
            self.for_host(),
            subdir=self.build_subdir,
            virtual_packages=self.build_virtual_packages,
        )

    @property
    def key(self) -> tuple[object, ...]:
        """All that a source record depends on."""
        variants = tuple(sorted((name, *values) for name, values in self.variants.items()))
        virtual = (self.virtual_packages, self.build_virtual_packages)
        rest = (self.channel_priority, self.exclude_newer, variants, self.variant_files)
        return self.subdir, self.build_subdir, self.channels, *virtual, *rest


@dataclass(frozen=True, slots=True)
class Wanted:
    """A source package that somebody asks for; `asked_by` is the line of the manifest.

    `location` is as the lock writes it (see `locate`).
    """

    name: str
    location: str
    asked_by: Spec | None = None


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
        self._table = table
        self._root = table.root
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
    ) -> tuple[Resolved, ...]:
        """Solves one environment; every source package that is reachable is offered."""
        sources = self.reachable(wanted, target)
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
            exclude_newer=target.exclude_newer,
        )
        locked = tuple(f for f in preferred if f.subdir in (target.subdir, "noarch"))
        resolved = self._solver.solve(request)
        # What is preferred changes the order of the result, and with it that of run exports, so it
        # only is where the result would be another one.
        if locked and _binaries(each.facts for each in resolved) != _binaries(locked):
            resolved = self._solver.solve(replace(request, preferred=locked))
        return resolved

    def reachable(self, wanted: Iterable[Wanted], target: Target) -> tuple[SourceRecord, ...]:
        """The records of the wanted packages and of all source packages that they need to run."""
        found: list[SourceRecord] = []
        queue = list(wanted)
        for want in queue:
            self._spelling(want.location)  # what is asked for directly decides on it
        seen: set[tuple[str, str]] = set()
        while queue:
            want = queue.pop(0)
            if (want.name, want.location) in seen:
                continue
            seen.add((want.name, want.location))
            for record in self.records(want, target):
                found.append(record)
                for name, location in sorted(record.sources.items()):
                    # pixi looks a source up by its name in lower case, and keeps it as it is
                    # written: one with capitals is not found.
                    if name == name.lower():
                        place = locate(location, name, record.location)
                        asked_by = self._asked_by(record.directory, name)
                        queue.append(Wanted(name, place, asked_by))
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
            directory = directory_of(location, self._root)
            package = self._sessions.package(directory, want.asked_by)
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
        return package.outputs(params, repr(target.key))

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
                locate(source_location(spec), spec.name, location),
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
        )
        # Only what was declared hands on run exports, so only theirs are read.
        exporters = {each.spec.name for each in needed.depends if each.exporter is None}
        exporters -= set(output.ignore_from_package)
        return tuple(
            self._with_run_exports(each) if each.name in exporters else each for each in resolved
        )

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


def _binaries(packages: Iterable[PackageFacts]) -> set[tuple[str, str | None, str | None]]:
    return {(f.name, f.version, f.build) for f in packages if f.kind == "binary"}
