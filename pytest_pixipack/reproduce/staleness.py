"""Is a package built again when what it is made from has changed, and only then?

A backend names its inputs by globs, and pixi builds a package again only where one of those files
has changed. So a declared file that is edited has to change the package, a file that is not
declared must not, and where nothing was touched, nothing is to be built.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_pixipack.errors import BackendError, InvalidInput
from pytest_pixipack.platforms import current_platform
from pytest_pixipack.reproduce.globs import matching
from pytest_pixipack.reproduce.inputs import Edited, PackageInputs, Staleness
from pytest_pixipack.reproduce.sources import Pristine, pristine_copy, remove, require_packages

if TYPE_CHECKING:
    from pytest_pixipack.engine.options import EngineOptions
    from pytest_pixipack.lock import LockedPackage

_MANIFESTS = ("pixi.toml", "pyproject.toml", "package.xml", "mojoproject.toml")
_MARK = b"\nedited, to see what depends on it\n"
MOST_FILES = 8


def check_staleness(
    root: Path,
    options: EngineOptions,
    *,
    environment: str = "default",
    platform: str | None = None,
    only: Sequence[str] | None = None,
    edits: Mapping[str, str | bytes] | None = None,
    most_files: int = MOST_FILES,
    engine: str = "embedded",
) -> Staleness:
    """Edits the sources of the workspace's packages, file by file, and builds each time.

    Everything happens in a copy. Packages are built by the embedded engine; which of them are built
    again follows from their backends' globs or, with the engine `system`, from what pixi does when
    it installs the environment on this machine. `edits` maps files, relative to the
    workspace, to new content; without it, a line is added to up to `most_files` declared and as
    many other files of each package. A build that fails then has noticed the edit as well. Only
    packages whose sources lie in a directory are looked at.

    Raises what the first build raises, and `InvalidInput` for a file that there is not.
    """
    with tempfile.TemporaryDirectory(prefix="pixipack-", ignore_cleanup_errors=True) as scratch:
        pristine = pristine_copy(root, options, Path(scratch, "w"), "embedded")
        check = _Check(pristine, Path(scratch), environment, platform or current_platform())
        if engine == "system":
            check.ask_pixi()
        require_packages(only or (), pristine)
        packages = [each for each in check.packages() if only is None or each.name in only]
        for path in edits or ():
            if not (pristine.root / path).is_file():
                raise InvalidInput(f"There is no file {path} to edit.", file=root)
        return Staleness(tuple(check.inputs(each, edits, most_files) for each in packages))


class _Check:
    def __init__(self, pristine: Pristine, scratch: Path, environment: str, platform: str) -> None:
        self._pristine = pristine
        self._scratch = scratch
        self._environment = environment
        self._platform = platform
        self._builds = 0
        self._pixi: Callable[[], frozenset[str]] | None = None

    def ask_pixi(self) -> None:
        """From now on, pixi itself says what is built again."""
        from pytest_pixipack.reproduce.rebuilding import pixi_rebuilds

        self._pixi = pixi_rebuilds(self._pristine, self._scratch, self._environment)
        self._pixi()

    def packages(self) -> list[LockedPackage]:
        """The source packages of the environment whose sources are files here."""
        from pytest_pixipack.engine.locking import platform_of
        from pytest_pixipack.lock import read_lock

        lock = read_lock(self._pristine.lock_path)
        manifest = self._pristine.manifest
        place, _ = platform_of(manifest, lock, self._environment, self._platform)
        packages = lock.environment(self._environment).packages[place.name]
        return [each for each in packages if each.is_source and "://" not in each.location]

    def inputs(
        self, package: LockedPackage, asked: Mapping[str, str | bytes] | None, most: int
    ) -> PackageInputs:
        """What one package is made from, found out by editing."""
        directory = Path(os.path.normpath(self._pristine.root / package.location))
        manifest = next((name for name in _MANIFESTS if (directory / name).is_file()), "pixi.toml")
        place = os.path.relpath(directory / manifest, self._pristine.root).replace(os.sep, "/")
        before, globs, problem = self._build(package.name)
        if problem is not None:
            raise problem
        if globs is None:
            return PackageInputs(package.name, place, None)
        inner = directory.relative_to(self._pristine.directory).as_posix()
        every = self._files(self._pristine.directory)
        declared = matching(every, globs, "" if inner == "." else inner)
        again, _, _ = self._build(package.name)
        untouched = self._pixi is not None and package.name in self._pixi()
        chosen = self._chosen(directory, every, set(declared), asked, most)
        edits = tuple(
            self._edited(package.name, path, path in declared, content, before, asked is not None)
            for path, content in chosen.items()
        )
        return PackageInputs(
            package.name,
            place,
            tuple(globs),
            tuple(self._shown(path) for path in declared),
            edits,
            again != before,
            untouched,
        )

    def _chosen(
        self,
        directory: Path,
        every: Sequence[str],
        declared: set[str],
        asked: Mapping[str, str | bytes] | None,
        most: int,
    ) -> dict[str, bytes | None]:
        """The files to edit, with what they become; None for one line more."""
        if asked is not None:
            found = {}
            for path, content in asked.items():
                place = Path(os.path.normpath(self._pristine.root / path))
                name = place.relative_to(self._pristine.directory).as_posix()
                found[name] = content.encode("utf-8") if isinstance(content, str) else content
            return dict(found)
        inside = self._files(directory)
        # A manifest says what to build; a line more in it is no TOML.
        usual = [path for path in every if path.rpartition("/")[2] not in _MANIFESTS]
        known = [path for path in usual if path in declared][:most]
        others = [path for path in usual if path in inside and path not in declared][:most]
        return dict.fromkeys([*known, *others])

    def _edited(
        self,
        package: str,
        path: str,
        declared: bool,
        content: bytes | None,
        before: str | None,
        asked: bool,
    ) -> Edited:
        place = self._pristine.directory / path
        old, facts = place.read_bytes(), place.stat()
        place.write_bytes(old + _MARK if content is None else content)
        try:
            after, _, problem = self._build(package)
            rebuilt = declared if self._pixi is None else self._pixi_builds(package)
        finally:
            place.write_bytes(old)
            os.utime(place, ns=(facts.st_atime_ns, facts.st_mtime_ns))
            if self._pixi is not None:
                self._pixi_builds(package)  # so that the next edit is the only one
        text = problem.message if problem is not None else None
        return Edited(self._shown(path), declared, rebuilt, after != before, asked, text)

    def _pixi_builds(self, package: str) -> bool:
        """Whether pixi builds a package again, or at least tries to."""
        assert self._pixi is not None
        try:
            return package in self._pixi()
        except BackendError:
            return True

    def _build(
        self, package: str
    ) -> tuple[str | None, list[str] | None, BackendError | InvalidInput | None]:
        """The digest of what is built, the globs of its inputs, and why there is nothing."""
        from pytest_pixipack.backend.transcript import Transcript
        from pytest_pixipack.engine.embedded import EmbeddedEngine
        from pytest_pixipack.reproduce.digests import artifact_digest

        self._builds += 1
        out = self._scratch / f"b{self._builds}"
        record = out / "messages"
        record.mkdir(parents=True)
        options = replace(self._pristine.options, record=record, scratch=self._scratch / "scratch")
        try:
            (artifact,) = EmbeddedEngine(options).build(
                self._pristine.root,
                out,
                environment=self._environment,
                platform=self._platform,
                only=[package],
            )
        except (BackendError, InvalidInput) as error:
            return None, None, error
        finally:
            remove(self._scratch / "scratch")
        transcript = Transcript.load(record)
        calls = transcript.builds(package) if package in transcript.packages else ()
        result = calls[-1].result if calls else None
        named = None if result is None else result.get("input_globs", result.get("inputGlobs"))
        digest = artifact_digest(artifact)
        remove(out)
        return digest, None if named is None else [str(each) for each in named], None

    def _files(self, directory: Path) -> list[str]:
        """The files below a directory, sorted, but for those of other packages and locks."""
        from pytest_pixipack.workspace.copying import left_behind

        found = []
        for folder, directories, names in os.walk(directory):
            out = left_behind(folder, [*directories, *names])
            inner = directory != self._pristine.directory
            directories[:] = sorted(
                name
                for name in directories
                if name not in out and not (inner and Path(folder, name, "pixi.toml").is_file())
            )
            for name in sorted(names):
                if name not in out and name != "pixi.lock":
                    path = Path(folder, name).relative_to(self._pristine.directory)
                    found.append(path.as_posix())
        return sorted(found)

    def _shown(self, path: str) -> str:
        """A path of the copy, relative to the workspace."""
        place = self._pristine.directory / path
        return os.path.relpath(place, self._pristine.root).replace(os.sep, "/")
