"""Walks from PyPI requirements through the locked packages, and says what is wrong.

Follows prefix-dev/pixi, crates/pixi_core/src/lock_file/satisfiability (platform.rs, pypi.rs), but
goes on after the first problem.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pytest_pixipack.lock import LockedPackage
from pytest_pixipack.manifest import PypiSpec
from pytest_pixipack.verify.lock_pypi_conda import CondaSide, Provided
from pytest_pixipack.verify.lock_pypi_local import Metadata, changes, read_project
from pytest_pixipack.verify.lock_pypi_marker_tree import normalised
from pytest_pixipack.verify.lock_pypi_markers import applies, marker_environment, required_extra
from pytest_pixipack.verify.lock_pypi_match import (
    NO_VERSION,
    Locked,
    Mismatch,
    distribution_extension,
    is_url,
    locked_directory,
    mismatch,
    satisfies,
)
from pytest_pixipack.verify.lock_pypi_options import override_specs
from pytest_pixipack.verify.lock_pypi_python import python_fits
from pytest_pixipack.verify.lock_pypi_wanted import NotARequirement, Wanted, parse, wanted_of
from pytest_pixipack.verify.rules import Problem
from pytest_pixipack.verify.subject import Place, Subject

_Found = tuple[str, Problem]


class Walk:
    """The PyPI packages of one environment on one platform."""

    def __init__(self, subject: Subject, place: Place, packages: Sequence[LockedPackage]) -> None:
        assert subject.manifest is not None
        assert subject.lock is not None
        self.subject = subject
        self.manifest = subject.manifest
        self.place = place
        self.packages = tuple(packages)
        self.root = subject.manifest.root
        self.listed = [package for package in packages if package.kind == "pypi"]
        self.conda = CondaSide(subject, place, packages)
        python = self.conda.python
        version = python.version if python is not None else None
        self.python = version
        self.markers = marker_environment(place.platform.subdir, version) if version else None
        environment = subject.lock.environments[place.environment]
        links = [str(link["url"]) for link in environment.find_links if "url" in link]
        self.indexes = (*(environment.indexes or ()), *links)
        self.projects: dict[str, Metadata | None] = {}
        self.locked = {normalised(p.name): self._locked(p) for p in self.listed}
        self.extras: dict[str, tuple[str, ...]] = {}
        self.visited: set[str] = set()
        self.problems: list[_Found] = []

    def run(self) -> None:
        """Fills `problems`."""
        wanted = self._of_manifest()
        self.extras = {each.name: each.extras for each in wanted}
        self._duplicates()
        self._purls(wanted)
        if wanted and self.python and self.markers is None:
            self._add("lock-pypi-python", f"What Python {self.python} is on "
                      f"{self.place.platform.subdir} cannot be told.", None)  # fmt: skip
        overrides = self._overrides()
        queue = [each for each in wanted if applies(each.marker, self.markers, each.extras)]
        seen = set(queue)
        while queue:
            for each in self._visit(queue.pop(), overrides):
                if each not in seen:
                    seen.add(each)
                    queue.append(each)
        self._unused()

    def _of_manifest(self) -> list[Wanted]:
        found = []
        for spec in self.manifest.pypi_dependencies(self.place.environment, self.place.platform):
            try:
                wanted = wanted_of(spec)
            except NotARequirement as error:
                self._bad(spec, str(error))
                continue
            if self._is_there(wanted):
                found.append(wanted)
        return found

    def _is_there(self, wanted: Wanted) -> bool:
        """Whether what lies on the disk can be what the manifest says of it."""
        problem = None
        if wanted.path is not None:
            at = self.root / wanted.path
            editable = isinstance(wanted.spec.value, dict) and wanted.spec.value.get("editable")  # type: ignore[union-attr]
            if not at.exists():
                problem = f"{wanted.name} is said to be in {wanted.path}, where nothing is"
            elif not at.is_dir() and editable is True:
                problem = f"{wanted.path} is no directory, and so {wanted.name} cannot be editable"
            elif not at.is_dir() and distribution_extension(wanted.path) is None:
                problem = f"{wanted.path} is neither a directory nor a wheel nor an archive"
        elif wanted.url is not None and distribution_extension(wanted.url.split("#")[0]) is None:
            problem = f"{wanted.url} does not end like a wheel or an archive"
        if problem is None:
            return True
        self._add("lock-pypi-path" if wanted.path is not None else "lock-pypi-url", f"{problem}.",
                  wanted, expected=wanted.path or wanted.url,
                  remedy="Correct it in the manifest, then run `pixi lock`")  # fmt: skip
        return False

    def _overrides(self) -> dict[str, Wanted]:
        found = {}
        for name, spec in override_specs(self.manifest, self.place.environment).items():
            try:
                found[name] = replace(wanted_of(spec), name=name)
            except NotARequirement as error:
                self._bad(spec, str(error))
        return found

    def _bad(self, spec: PypiSpec, problem: str) -> None:
        self._add(
            "lock-pypi-requirement", f"The requirement on {spec.name} cannot be read: {problem}.",
            Wanted(normalised(spec.name), spec.name, spec=spec), expected="a requirement",
            actual=str(spec.value), remedy="Correct it in the manifest, then run `pixi lock`",
        )  # fmt: skip

    def _locked(self, package: LockedPackage) -> Locked:
        assert self.subject.lock is not None
        version, index = package.version, package.pypi.index if package.pypi is not None else None
        if version is None:
            version = self._project_version(package) or NO_VERSION
        environment = self.subject.lock.environments[self.place.environment]
        if self.subject.lock.version < 7 or not is_distribution(package):
            index = None
        elif not is_url(package.location):
            # An index of a path is not read back; that of the environment is put in its place.
            index = next(iter(environment.indexes or ()), "https://pypi.org/simple")
        return Locked(package, version, index)

    def _project_version(self, package: LockedPackage) -> str | None:
        metadata = self._project(package)
        return metadata.version if metadata is not None else None

    def _project(self, package: LockedPackage) -> Metadata | None:
        if is_url(package.location):
            return None
        directory = locked_directory(self.root, package.location)

        def read() -> Metadata | None:
            return read_project(directory) if directory.is_dir() else None

        return self.subject.once(f"project {directory}", read)

    def _visit(self, wanted: Wanted, overrides: dict[str, Wanted]) -> list[Wanted]:
        """What a requirement leads to; notes what is wrong with it."""
        asked = overrides.get(wanted.name, wanted)
        asked = replace(
            asked, asker=wanted.asker, spec=wanted.spec if asked is wanted else asked.spec
        )
        provided = self.conda.provides.get(wanted.name)
        if provided is not None:
            self._from_conda(wanted, asked, provided)
            self.conda.use(provided.package)
            return []
        locked = self.locked.get(wanted.name)
        if locked is None:
            self._missing(wanted)
            return []
        problem = mismatch(asked, locked, self.root, self.indexes)
        if problem is not None:
            text = (
                asked.text if asked is wanted or asked == wanted else f"{asked.text} (an override)"
            )
            self._add(problem.rule, f"{_by(asked)} {text}, but {problem.clause}.", asked,
                      expected=problem.expected, actual=problem.actual, cause=problem.cause,
                      locked=locked.package, remedy=_remedy(problem, asked))  # fmt: skip
        return self._follow(locked, asked)

    def _follow(self, locked: Locked, wanted: Wanted) -> list[Wanted]:
        package = locked.package
        if wanted.name not in self.visited:
            self.visited.add(wanted.name)
            self._own(locked)
        if self.markers is None:
            return []
        found = []
        for text in package.pypi.requires_dist if package.pypi is not None else ():
            try:
                each = parse(text, asker=package.name)
            except NotARequirement as error:
                self._add("lock-pypi-requirement",
                          f"{package.name} requires something that cannot be read: {error}.",
                          None, actual=text, locked=package)  # fmt: skip
                continue
            if applies(each.marker, self.markers, wanted.extras):
                found.append(each)
        return found

    def _own(self, locked: Locked) -> None:
        """What is wrong with a package whoever asks for it."""
        package = locked.package
        if self.python is None:
            self._add("lock-pypi-python",
                      f"{package.name} is locked from PyPI, but no Python is locked with it.",
                      None, expected="python", locked=package,
                      remedy="Add python to [dependencies], then run `pixi lock`")  # fmt: skip
        requires = package.pypi.requires_python if package.pypi is not None else None
        if requires and self.python and not python_fits(requires, self.python):
            self._add("lock-pypi-python",
                      f"{package.name} requires Python {requires}, but {self.python} is locked.",
                      None, expected=requires, actual=self.python, locked=package,
                      cause="version-change")  # fmt: skip
        if is_url(package.location):
            return
        directory = locked_directory(self.root, package.location)
        if not directory.is_dir():
            return
        if is_distribution(package):
            self._add("lock-pypi-path",
                      f"{package.name} is locked as a file, but {package.location} is a directory.",
                      None, expected="a directory", actual="a file with a version or a hash",
                      locked=package)  # fmt: skip
            return
        metadata = self._project(package)
        for change in changes(package, metadata, self.root) if metadata is not None else ():
            rule = (
                "lock-pypi-python" if change.field == "requires_python" else "lock-pypi-requirement"
            )
            what = "another Python" if change.field == "requires_python" else "other packages"
            self._add(rule, f"The project in {package.location} requires {what} than is locked.",
                      None, expected=list(change.added), actual=list(change.removed),
                      locked=package, field=change.field, cause="dependency-change",
                      evidence=f"{package.location}/pyproject.toml".removeprefix("./"))  # fmt: skip

    def _from_conda(self, wanted: Wanted, asked: Wanted, provided: Provided) -> None:
        package = provided.package
        if asked.bounds is None or wanted.bounds is None:
            told = wanted if wanted.bounds is None else asked
            where = "a path" if told.path else "a URL" if told.url else "a git repository"
            self._add("lock-pypi-conda",
                      f"{_by(asked)} {wanted.name} from {where}, but the conda package "
                      f"{package.name} is in its place.", wanted, expected=wanted.text,
                      actual=f"{package.name} {package.version}", locked=package,
                      remedy=f"Remove {package.name} from [dependencies], or the source of "
                      f"{wanted.name}, then run `pixi lock`")  # fmt: skip
        elif asked.bounds and not satisfies(provided.version, asked.bounds):
            self._add("lock-pypi-conda",
                      f"{_by(asked)} {asked.text}, but {package.name} {provided.version} is locked "
                      "as a conda package.", asked, expected=asked.text,
                      actual=f"{package.name} {provided.version}", locked=package,
                      cause="version-change")  # fmt: skip

    def _missing(self, wanted: Wanted) -> None:
        extra = required_extra(wanted.marker) if wanted.asker is not None else None
        why = f" for its extra {extra}" if extra else ""
        remedy = None
        if wanted.of_manifest:
            remedy = f"Run `pixi lock`, or remove {wanted.name} from the manifest"
        elif extra in self.extras.get(normalised(wanted.asker or ""), ()):
            remedy = f"Run `pixi lock`, or take {extra} out of the extras of {wanted.asker}"
        self._add("lock-pypi-extra" if extra else "lock-pypi-requirement",
                  f"{_by(wanted)} {wanted.text}{why}, but no such package is locked.", wanted,
                  expected=wanted.text, cause="dependency-change", remedy=remedy,
                  about=(wanted.name,))  # fmt: skip

    def _duplicates(self) -> None:
        seen: set[str] = set()
        for package in self.listed:
            name = normalised(package.name)
            if name in seen:
                self._add("lock-duplicate",
                          f"{package.name} is locked twice for {self.place.platform.name}.", None,
                          actual=package.location, locked=package)  # fmt: skip
            seen.add(name)

    def _purls(self, wanted: list[Wanted]) -> None:
        """A lock from before conda packages said what they are on PyPI."""
        asks = wanted or self.manifest_asks()
        known = [p for p in self.packages if p.kind == "binary" and p.facts.purls is not None]
        if asks and not self.listed and not known:
            self._add("lock-pypi-conda",
                      "No locked conda package says which package of PyPI it is.", None,
                      field="purls")  # fmt: skip

    def manifest_asks(self) -> bool:
        """Whether the environment has PyPI dependencies on any platform."""
        name = self.place.environment
        platforms = self.manifest.platforms(name)
        return any(self.manifest.pypi_dependencies(name, each) for each in platforms)

    def _unused(self) -> None:
        for name, locked in self.locked.items():
            if name not in self.visited:
                package = locked.package
                why = ""
                if name in self.conda.provides:
                    why = f": the conda package {self.conda.provides[name].package.name} is it"
                self._add("lock-unused", f"{package.name} is locked, but nothing needs it{why}.",
                          None, actual=f"{package.name} {package.version or ''}".strip(),
                          locked=package, cause="dependency-change")  # fmt: skip

    def _add(
        self,
        rule: str,
        message: str,
        wanted: Wanted | None,
        *,
        locked: LockedPackage | None = None,
        field: str = "pypi-dependencies",
        **more: Any,
    ) -> None:
        spec = wanted.spec if wanted is not None else None
        asker = wanted.asker if wanted is not None else None
        owner = self.locked[normalised(asker)].package if asker else locked
        name = asker or (wanted.name if wanted is not None else locked.name if locked else None)
        problem = Problem(
            message=message,
            environment=self.place.environment,
            platform=self.place.platform.name,
            package=name,
            version=owner.version if owner is not None else None,
            field=field,
            file=str(spec.position.file) if spec is not None else self.subject.lock_file,
            line=spec.position.line if spec is not None else self.subject.line_of(owner),
            **more,
        )
        self.problems.append((rule, problem))


def is_distribution(package: LockedPackage) -> bool:
    """Whether pixi takes an entry for a file and not for a directory to build from."""
    facts = package.facts
    at_index = is_url(package.location) and package.pypi is not None and package.pypi.index
    return bool(facts.version or facts.md5 or facts.sha256 or at_index)


def _by(wanted: Wanted) -> str:
    return f"{wanted.asker} requires" if wanted.asker else "The manifest asks for"


def _remedy(problem: Mismatch, wanted: Wanted) -> str | None:
    if not wanted.of_manifest:
        return None
    if problem.rule == "lock-pypi-version":
        return f"Run `pixi lock`, or let the manifest's {wanted.name} allow what is locked"
    if problem.rule == "lock-pypi-index":
        return f'Run `pixi lock`, or write {wanted.name} = {{ index = "{problem.actual}" }}'
    return None
