"""Building source packages in the order of their dependencies, side by side where it can be."""

from __future__ import annotations

import sys
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_pixipack.artifact import Artifact, read_artifact
from pytest_pixipack.engine.assemble import Assembler
from pytest_pixipack.engine.backends_parallel import Step, cpu_count, run_steps
from pytest_pixipack.engine.fetch import PackageFiles
from pytest_pixipack.engine.records import BinaryRecord, Resolved, SourceRecord
from pytest_pixipack.engine.sessions import Sessions
from pytest_pixipack.engine.target import Target, Wanted
from pytest_pixipack.errors import BackendError, Infrastructure, InvalidInput
from pytest_pixipack.facts import PackageFacts
from pytest_pixipack.file_urls import file_url
from pytest_pixipack.lock import LockedPackage
from pytest_pixipack.whole_files import copy_file

if TYPE_CHECKING:
    from pytest_pixipack.backend.input_globs import InputGlobSet
    from pytest_pixipack.engine.reuse import BuiltPackages
    from pytest_pixipack.prefix import InstallRecord

# pixi pads the host prefix so that a longer prefix can replace it later; Windows paths are short.
_PREFIX_LENGTH = 255
_PAD = "_placehold"


@dataclass(frozen=True, slots=True)
class Places:
    """Where a build puts things: finished packages, work directories, installed packages."""

    out: Path
    work: Path
    package_cache: Path


class Builder:
    """Builds packages, each one once, and what they need before them.

    With `reuse`, those that were built from the same things before are taken from there.
    """

    def __init__(
        self,
        assembler: Assembler,
        sessions: Sessions,
        files: PackageFiles,
        places: Places,
        reuse: BuiltPackages | None = None,
    ) -> None:
        self._reuse = reuse
        self._assembler = assembler
        self._sessions = sessions
        self._files = files
        self._places = places
        self._built: dict[Hashable, Artifact] = {}

    def build_all(self, packages: Sequence[LockedPackage], target: Target) -> tuple[Artifact, ...]:
        """The artifacts of source packages of a lock, in their order.

        Packages that do not need each other to be built are built at the same time, as many as
        there are processors. Raises `InvalidInput` where a backend no longer offers the locked
        variant; of several errors, the one that comes first one after the other.
        """
        records = [self._locked(each, target) for each in packages]
        steps: dict[Hashable, Step] = {}
        for record in records:
            self._plan(record, target, steps)
        run_steps(list(steps.values()), cpu_count())
        return tuple(self._handed_out(self._built[_key(each, target)]) for each in records)

    def build_more(self, package: LockedPackage, target: Target) -> Artifact:
        """The artifact of a source package of a lock that stays among the work files."""
        steps: dict[Hashable, Step] = {}
        record = self._locked(package, target)
        self._plan(record, target, steps)
        run_steps(list(steps.values()), cpu_count())
        return self._built[_key(record, target)]

    def _locked(self, package: LockedPackage, target: Target) -> SourceRecord:
        records = self._assembler.records(Wanted(package.name, package.location), target)
        matching = [each for each in records if variants_agree(package, each)]
        if not matching:
            offered = "; ".join(_variant_text(each) for each in records)
            raise InvalidInput(
                f"The lock wants {package.name} as {_locked_text(package)}, but its backend now "
                f"offers {offered or 'nothing'}.",
                file=self._assembler.checkouts.directory(package.location, package.name),
                package=package.name,
                remedy="Lock again.",
            )
        return matching[0]

    def _plan(self, record: SourceRecord, target: Target, steps: dict[Hashable, Step]) -> Hashable:
        """Adds the step that builds one output, after those that build what it is built with."""
        key = _key(record, target)
        if key in steps or key in self._built:
            return key
        tools = target.for_build_tools()
        with_them = [(each, tools) for each in record.build_packages]
        with_them += [(each, target) for each in record.host_packages]
        needs = frozenset(
            self._plan(each, where, steps)
            for each, where in with_them
            if isinstance(each, SourceRecord)
        )
        work = self._directory(record, target)

        def build() -> None:
            self._built[key] = self._taken_or_built(record, target, work)

        steps[key] = Step(key, needs - self._built.keys(), build)
        return key

    def _directory(self, record: SourceRecord, target: Target) -> Path:
        work = self._places.work / record.name / (record.facts.build or "0") / target.subdir
        if work.exists():  # the same package, built against other packages
            count = len(list(work.parent.iterdir()))
            work = work.with_name(f"{work.name}-{count}")
        work.mkdir(parents=True, exist_ok=True)
        return work

    def _handed_out(self, artifact: Artifact) -> Artifact:
        path = self._places.out / (artifact.facts.subdir or "noarch") / artifact.path.name
        copy_into(artifact.path, path)
        return replace(artifact, path=path)

    def _taken_or_built(self, record: SourceRecord, target: Target, work: Path) -> Artifact:
        made = None
        if self._reuse is not None:
            package = self._sessions.package(record.directory)
            made = self._sessions.made_from(package, self._request(record, target))
        if self._reuse is None or made is None:
            return self._build(record, target, work)[0]
        return self._reuse.taken_or_built(made, lambda: self._build(record, target, work))

    def _request(self, record: SourceRecord, target: Target) -> dict[str, Any]:
        """What is asked of a backend, and of which packages, without where they are."""
        facts, tools = record.facts, target.for_build_tools()
        return {
            "name": [facts.name, facts.version, facts.build, facts.subdir, facts.variants],
            "channels": target.channel_urls,
            "platforms": [target.build_subdir, target.subdir],
            "variants": target.variants,
            "depends": [facts.depends, facts.constrains],
            "build": [_digest(self._told(each, tools)) for each in record.build_packages],
            "host": [_digest(self._told(each, target)) for each in record.host_packages],
        }

    def _build(
        self, record: SourceRecord, target: Target, work: Path
    ) -> tuple[Artifact, Sequence[InputGlobSet]]:
        """Builds one output, what it is built with having been built before; with its inputs."""
        from pytest_pixipack.backend.build_params import build_params
        from pytest_pixipack.backend.input_globs import fold_input_globs

        build_prefix = work / "bld"
        host_prefix = _padded(work / "host")
        tools = target.for_build_tools()
        self._install(record.build_packages, build_prefix, tools)
        self._install(record.host_packages, host_prefix, target)
        package = self._sessions.package(record.directory)
        result = package.build(
            build_params(
                record.output,
                channels=target.channel_urls,
                build_prefix=build_prefix,
                build_platform=target.build_subdir,
                build_packages=[self._told(each, tools) for each in record.build_packages],
                host_prefix=host_prefix,
                host_platform=target.subdir,
                host_packages=[self._told(each, target) for each in record.host_packages],
                run_depends=record.facts.depends,
                run_constrains=record.facts.constrains,
                work_directory=work,
                editable=False,  # a package that leads back to its sources is of no use elsewhere
            )
        )
        inputs = fold_input_globs(result.input_globs, result.input_glob_sets)
        return self._accept(record, result.output_file), inputs

    def _accept(self, record: SourceRecord, produced: Path) -> Artifact:
        facts = record.facts
        if not produced.is_file():
            raise BackendError(
                f"The build backend of {facts.name} says that it wrote {produced.name}, but there "
                "is no such file.",
                package=facts.name,
                remedy="The backend has to write the package before it answers.",
            )
        artifact = read_artifact(produced)
        found = artifact.facts
        for name in ("name", "version", "build", "subdir"):
            expected, actual = getattr(facts, name), getattr(found, name)
            if expected != actual:
                raise BackendError(
                    f"The build backend did not return the expected package: {name} of "
                    f"{facts.dist} ({facts.subdir}) is {actual}, not {expected}.",
                    file=produced.name,
                    package=facts.name,
                    remedy="Output and built package of a backend have to agree.",
                )
        return artifact

    def _told(self, package: Resolved, target: Target) -> PackageFacts:
        """What a backend is told of a package that was installed for it."""
        if isinstance(package, BinaryRecord):
            return package.facts
        built = self._built[_key(package, target)]
        return replace(built.facts, url=file_url(built.path), md5=None, size=None, run_exports=None)

    def _install(self, packages: Sequence[Resolved], prefix: Path, target: Target) -> None:
        prefix.mkdir(parents=True, exist_ok=True)
        if not packages:
            return
        from pytest_pixipack.prefix import install

        records = [self._install_record(package, target) for package in packages]
        install(records, prefix, platform=target.subdir, cache_dir=self._places.package_cache)

    def _install_record(self, package: Resolved, target: Target) -> InstallRecord:
        from pytest_pixipack.pack.records import locked_record
        from pytest_pixipack.prefix import InstallRecord

        if isinstance(package, BinaryRecord):
            path = self._files.path_of(package.facts)
            return InstallRecord(path, locked_record(package.facts, file_name=path.name))
        built = self._built[_key(package, target)]
        return InstallRecord(built.path, built_record(built))


def _key(record: SourceRecord, target: Target) -> Hashable:
    # The assembler keeps its records, so that each has one identity.
    return id(record), target.subdir, target.build_subdir


def built_record(artifact: Artifact) -> dict[str, Any]:
    """The repodata record of a package that was just built."""
    from pytest_pixipack.pack.records import artifact_record

    facts = artifact.facts
    assert facts.sha256 is not None
    assert facts.md5 is not None
    assert facts.size is not None
    # rattler_index, which pixi-pack asks, does not look for run exports in a .tar.bz2.
    read = artifact.path.name.endswith(".conda") and "run_exports.json" in artifact.info_files
    return artifact_record(
        artifact.index,
        sha256=facts.sha256,
        md5=facts.md5,
        size=facts.size,
        run_exports=facts.run_exports if read else None,
    )


def variants_agree(package: LockedPackage, record: SourceRecord) -> bool:
    """Whether a backend's output is the variant that a lock holds; values compare as text."""
    locked = {key: str(value) for key, value in package.variants.items()}
    return locked == {key: str(value) for key, value in record.facts.variants.items()}


def make_directory(path: Path) -> None:
    """Makes a directory for output. Raises `Infrastructure` where that is not possible."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Infrastructure(
            f"The directory cannot be made: {error.strerror or error}.",
            file=path,
            remedy="Choose a directory that can be written.",
        ) from error


def copy_into(source: Path, target: Path) -> None:
    """Copies a file into a directory that may be shared, so that nobody sees half of it.

    Raises `Infrastructure` where the target cannot be written.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        copy_file(source, target)
    except OSError as error:
        raise Infrastructure(
            f"{target.name} cannot be written: {error.strerror or error}.",
            file=target.parent,
            remedy="Choose a directory that can be written, with enough room.",
        ) from error


def _digest(facts: PackageFacts) -> list[str | None]:
    return [facts.subdir, facts.dist, facts.sha256 or facts.md5 or facts.url]


def _padded(prefix: Path) -> Path:
    if sys.platform == "win32":
        return prefix
    text = str(prefix)
    missing = _PREFIX_LENGTH - len(text)
    return Path(text + (_PAD * (missing // len(_PAD) + 1))[:missing]) if missing > 0 else prefix


def _variant_text(record: SourceRecord) -> str:
    return ", ".join(f"{k}={v}" for k, v in sorted(record.facts.variants.items())) or "no variant"


def _locked_text(package: LockedPackage) -> str:
    return ", ".join(f"{k}={v}" for k, v in sorted(package.variants.items())) or "no variant"
