"""Is a package built again when what it is made from has changed, and only then?

A backend names its inputs by globs, and pixi builds a package again only where one of those files
has changed. So a declared file that is edited has to change the package, a file that is not
declared must not, and where nothing was touched, nothing is to be built.

Declared files are edited one by one, all others together: where that changes nothing, none of them
matters, and else halves are tried, and halves of those that matter. A file gets a line more first;
where that makes no difference, only a part of it may be read, and it is emptied.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from pytest_pixipack.cache.scratch import scratch_directory
from pytest_pixipack.errors import BackendError, InvalidInput
from pytest_pixipack.platforms import current_platform
from pytest_pixipack.reproduce.edits import edited, emptied, spread
from pytest_pixipack.reproduce.inputs import Edited, PackageInputs, Staleness
from pytest_pixipack.reproduce.rebuilding import Rebuilds, Rebuilt
from pytest_pixipack.reproduce.source_files import MANIFESTS, SourceFiles
from pytest_pixipack.reproduce.sources import Pristine, pristine_copy, require_packages
from pytest_pixipack.reproduce.untouched import Untouched

if TYPE_CHECKING:
    from pytest_pixipack.engine.options import EngineOptions
    from pytest_pixipack.lock import LockedPackage

_Edit: TypeAlias = "Callable[[Sequence[str]], AbstractContextManager[None]]"

MOST_FILES = 8
# Builds for the files that are not declared, for each of `most_files` and of the two edits.
_SEARCH = 4


def check_staleness(
    root: Path,
    options: EngineOptions,
    *,
    environment: str = "default",
    platform: str | None = None,
    only: Sequence[str] | None = None,
    edits: Mapping[str, str | bytes] | None = None,
    most_files: int | None = MOST_FILES,
    engine: str = "embedded",
) -> Staleness:
    """Edits the sources of the workspace's packages, and builds each time.

    Everything happens in a copy. Packages are built by the embedded engine; which of them are built
    again follows from their backends' globs or, with the engine `system`, from what pixi does when
    it installs the environment on this machine. `edits` maps files, relative to the
    workspace, to new content; without it, a line is added to up to `most_files` (None: all) of the
    declared files of each package, and to all files that it does not declare, and those for which
    that makes no difference are emptied; to tell them apart takes up to four builds for each of
    `most_files` and of these two edits. A build that fails then has noticed the edit as well. Only
    packages whose sources lie in a directory are looked at.

    Raises what the first build raises, and `InvalidInput` for a file that there is not.
    """
    with scratch_directory() as scratch:
        pristine = pristine_copy(root, options, scratch / "w", "embedded")
        for path in edits or ():
            _require_file(path, pristine, root)
        require_packages(only or (), pristine)
        check = _Check(pristine, scratch, environment, platform or current_platform())
        if engine == "system":
            check.ask_pixi()
        packages = [each for each in check.packages() if only is None or each.name in only]
        return Staleness(tuple(check.inputs(each, edits, most_files) for each in packages))


def _require_file(path: str, pristine: Pristine, root: Path) -> None:
    """Raises `InvalidInput` for what is no file of the copy: a link could lead to one of a user."""
    place = Path(os.path.realpath(pristine.root / path))
    inside = Path(os.path.realpath(pristine.directory)) in place.parents
    if not (inside and place.is_file()):
        raise InvalidInput(f"There is no file {path} to edit.", file=root)


class _Check:
    """The packages of one copy."""

    def __init__(self, pristine: Pristine, scratch: Path, environment: str, platform: str) -> None:
        from pytest_pixipack.lock import read_lock

        self._pristine = pristine
        self._scratch = scratch
        self._environment = environment
        self._platform = platform
        self._lock = read_lock(pristine.lock_path)
        self._files = SourceFiles(pristine, self._lock)
        self._rebuilds = Rebuilds(pristine, scratch, environment, platform)
        self._pixi: Callable[[], frozenset[str]] | None = None

    def ask_pixi(self) -> None:
        """From now on, pixi itself says what is built again."""
        from pytest_pixipack.reproduce.rebuilding import pixi_rebuilds

        self._pixi = pixi_rebuilds(self._pristine, self._scratch, self._environment)
        self._pixi()

    def packages(self) -> list[LockedPackage]:
        """The source packages of the environment whose sources are files here."""
        from pytest_pixipack.engine.locking import platform_of

        manifest = self._pristine.manifest
        place, _ = platform_of(manifest, self._lock, self._environment, self._platform)
        packages = self._lock.environment(self._environment).packages[place.name]
        return [each for each in packages if each.is_source and "://" not in each.location]

    def inputs(
        self, package: LockedPackage, asked: Mapping[str, str | bytes] | None, most: int | None
    ) -> PackageInputs:
        """What one package is made from, found out by editing."""
        directory = self._files.directory(package)
        manifest = next((name for name in MANIFESTS if (directory / name).is_file()), "pixi.toml")
        place = os.path.relpath(directory / manifest, self._pristine.root).replace(os.sep, "/")
        first = self._rebuilds.build(package.name, keep=True)
        if first.problem is not None:
            raise first.problem
        if first.inputs is None:
            return PackageInputs(package.name, place, None)
        untouched = Untouched(first, self._rebuilds.build(package.name))
        built_again = self._pixi is not None and package.name in self._pixi()
        declared = self._files.declared(package, first.inputs)
        aside = self._scratch / "aside"
        trials = _Trials(package, first, self._files, self._rebuilds, untouched, self._pixi, aside)
        untried = 0
        if asked is not None:
            edits = [trials.asked(path, content, declared) for path, content in self._named(asked)]
        else:
            usual = self._files.editable(declared)
            chosen = spread(usual, most)
            untried = len(usual) - len(chosen)
            edits = [trials.one(path, declared=True) for path in chosen]
            bound = None if most is None else _SEARCH * most
            edits += trials.search(self._files.others(package, declared), bound)
        return PackageInputs(
            package.name,
            place,
            first.inputs,
            tuple(self._files.shown(path) for path in declared),
            tuple(edits),
            untouched.noise,
            untouched.cause,
            untouched.evidence,
            built_again,
            untried,
            tuple(trials.undecided),
        )

    def _named(self, asked: Mapping[str, str | bytes]) -> Iterator[tuple[str, bytes]]:
        for path, content in asked.items():
            place = Path(os.path.normpath(self._pristine.root / path))
            name = place.relative_to(self._pristine.directory).as_posix()
            yield name, content.encode("utf-8") if isinstance(content, str) else content


class _Trials:
    """Edits for one package; `undecided` are files of which at least one matters."""

    def __init__(
        self,
        package: LockedPackage,
        first: Rebuilt,
        files: SourceFiles,
        rebuilds: Rebuilds,
        untouched: Untouched,
        pixi: Callable[[], frozenset[str]] | None,
        aside: Path,
    ) -> None:
        self._locked = package
        self._package = package.name
        self._inputs = first.inputs or ()
        self._files = files
        self._rebuilds = rebuilds
        self._untouched = untouched
        self._pixi = pixi
        self._aside = aside
        self._left: int | None = None
        self.undecided: list[tuple[str, ...]] = []

    def asked(self, path: str, content: bytes, declared: Sequence[str]) -> Edited:
        """A file that a person named, with the content that it is to get."""
        edit = edited({self._files.place(path): content})
        return self._result(path, path in declared, *self._try(edit), asked=True)

    def one(self, path: str, *, declared: bool) -> Edited:
        """A file with one line more; where that makes no difference, with nothing in it."""
        found = self._result(path, declared, *self._try(self._lengthened([path])))
        if found.changed or not self._has_content(path):
            return found
        other = self._result(path, declared, *self._try(self._emptied([path])))
        return other if other.changed else found

    def search(self, paths: Sequence[str], bound: int | None) -> list[Edited]:
        """All files that are not declared, those that matter told from the others.

        `bound` is the number of builds for each of the two edits.
        """
        found: dict[str, Edited] = {}
        for edit in (self._lengthened, self._emptied):
            left = [path for path in paths if self._matters_not(path, found)]
            if edit == self._emptied:
                left = list(filter(self._has_content, left))
            self._left = bound
            if left:
                found |= self._halved(left, edit)
        return sorted(found.values(), key=lambda each: each.path)

    def _matters_not(self, path: str, found: Mapping[str, Edited]) -> bool:
        """Whether no edit of a file made a difference so far; one of those that were not told apart
        may make one.
        """
        if path in found:
            return not (found[path].changed or found[path].rebuilt)
        return not any(self._files.shown(path) in group for group in self.undecided)

    def _has_content(self, path: str) -> bool:
        return self._files.place(path).stat().st_size > 0

    def _lengthened(self, paths: Iterable[str]) -> AbstractContextManager[None]:
        return edited(dict.fromkeys(map(self._files.place, paths)))

    def _emptied(self, paths: Iterable[str]) -> AbstractContextManager[None]:
        return emptied(map(self._files.place, paths), self._aside)

    def _halved(self, paths: Sequence[str], edit: _Edit) -> dict[str, Edited]:
        if self._left is not None and self._left <= 0:
            self.undecided.append(tuple(map(self._files.shown, paths)))
            return {}
        built, rebuilt = self._try(edit(paths))
        changed = self._untouched.differs(built)
        if changed and self._untouched.is_noise(self._untouched_again()):
            changed = self._untouched.differs(built)
        if not changed and not rebuilt:
            return {path: self._result(path, False, built, rebuilt) for path in paths}
        if len(paths) == 1:
            if changed:  # twice: what differs then does so by itself
                self._untouched.is_noise(built, self._try(edit(paths))[0])
            return {paths[0]: self._result(paths[0], False, built, rebuilt)}
        before = len(self.undecided)
        found = self._halved(paths[: len(paths) // 2], edit)
        found |= self._halved(paths[len(paths) // 2 :], edit)
        alone = any(each.changed or each.rebuilt for each in found.values())
        told = alone or len(self.undecided) > before
        if not told and self._untouched.differs(built):
            self.undecided.append(tuple(map(self._files.shown, paths)))
        return found

    def _untouched_again(self) -> Rebuilt:
        self._count()
        return self._rebuilds.build(self._package)

    def _count(self) -> None:
        if self._left is not None:
            self._left -= 1

    def _try(self, edit: AbstractContextManager[None]) -> tuple[Rebuilt, bool]:
        """What comes out while files are edited, and whether pixi builds it again by itself."""
        self._count()
        rebuilt = False
        with edit:
            built = self._rebuilds.build(self._package)
            if self._pixi is not None:
                rebuilt = self._pixi_builds()
        if self._pixi is not None:
            self._pixi_builds()  # so that the next edit is the only one
        return built, rebuilt

    def _pixi_builds(self) -> bool:
        """Whether pixi builds the package again, or at least tries to."""
        assert self._pixi is not None
        try:
            return self._package in self._pixi()
        except BackendError:
            return True

    def _result(
        self, path: str, declared: bool, built: Rebuilt, rebuilt: bool, *, asked: bool = False
    ) -> Edited:
        return Edited(
            self._files.shown(path),
            declared,
            rebuilt if self._pixi is not None else declared,
            self._untouched.differs(built),
            asked,
            built.problem.message if built.problem is not None else None,
            None if declared else self._files.named_in_vain(path, self._locked, self._inputs),
        )
