"""The files of a copied workspace: which there are, and which no package can declare."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from pytest_pixipack.backend.input_globs import InputGlobSet
from pytest_pixipack.errors import PixipackError
from pytest_pixipack.lock import Lock, LockedPackage
from pytest_pixipack.reproduce.globs import matching, named_in_vain
from pytest_pixipack.reproduce.sources import LOCK_NAME, Pristine

MANIFESTS = ("pixi.toml", "pyproject.toml", "package.xml", "mojoproject.toml")


class SourceFiles:
    """The files of a copy by their path in it, as they were before anything was built."""

    def __init__(self, pristine: Pristine, lock: Lock) -> None:
        self._pristine = pristine
        self._base = Path(os.path.realpath(pristine.directory))
        self._packages = {each.identifier: each for each in lock.packages if each.is_source}
        self._real = dict(self._walk(pristine.directory, (self._base,)))
        self._not_inputs = tuple(self._of_the_run())

    @property
    def paths(self) -> list[str]:
        """All paths, those through links to directories as well, sorted."""
        return sorted(self._real)

    def place(self, path: str) -> Path:
        """Where a file is."""
        return self._pristine.directory / path

    def shown(self, path: str) -> str:
        """A path of the copy, relative to the workspace."""
        return os.path.relpath(self.place(path), self._pristine.root).replace(os.sep, "/")

    def directory(self, package: LockedPackage) -> Path:
        """Where a package's sources are."""
        return Path(os.path.normpath(self._pristine.root / package.location))

    def declared(self, package: LockedPackage, inputs: Sequence[InputGlobSet]) -> list[str]:
        """The files that a backend names as the inputs of a package, sorted."""
        return matching(self.paths, *self._groups(package, inputs))

    def named_in_vain(
        self, path: str, package: LockedPackage, inputs: Sequence[InputGlobSet]
    ) -> str | None:
        """The pattern that means a file, and by which pixi does not find it."""
        return named_in_vain(path, *self._groups(package, inputs))

    def editable(self, paths: Sequence[str]) -> list[str]:
        """Those that can get another line: neither manifests, links, nor files of tools."""
        return [path for path in paths if self._is_editable(path)]

    def others(self, package: LockedPackage, declared: Sequence[str]) -> list[str]:
        """The files that a package does not declare and that are no part of what it is built with,
        which other backends declare.
        """
        known = {self._real[path] for path in declared}
        own = self.directory(package)
        owners = {self.directory(each): each.identifier for each in self._packages.values()}
        tools = self._built_with(package)
        found = []
        for path in self.editable(self.paths):
            folder = next((each for each in self.place(path).parents if each in owners), own)
            if self._real[path] not in known and (folder == own or owners[folder] not in tools):
                found.append(path)
        return found

    def _groups(
        self, package: LockedPackage, inputs: Sequence[InputGlobSet]
    ) -> tuple[list[InputGlobSet], str]:
        """The groups with relative roots, and the directory that they start from."""
        directory = self.directory(package)
        inner = directory.relative_to(self._pristine.directory).as_posix()
        groups = [self._relative(group, directory) for group in inputs]
        return groups, "" if inner == "." else inner

    def _relative(self, group: InputGlobSet, directory: Path) -> InputGlobSet:
        """The same group with a root that does not say where the copy is."""
        root = Path(group.root or ".")
        if not root.is_absolute():
            return group
        place = Path(os.path.realpath(root))
        if place != self._base and self._base not in place.parents:
            return group
        start = os.path.relpath(place, os.path.realpath(directory)).replace(os.sep, "/")
        return replace(group, root=start)

    def _is_editable(self, path: str) -> bool:
        name = path.rpartition("/")[2]
        real = self._real[path]
        place = self.place(path)
        return (
            name not in (*MANIFESTS, LOCK_NAME)
            # Through a link, it would be another file, or one of the user's own.
            and real == self._base / path
            and place.is_file()
            and not any(place == each or each in place.parents for each in self._not_inputs)
        )

    def _built_with(self, package: LockedPackage) -> frozenset[str]:
        """The identifiers of the source packages that have to be built before one."""
        found: set[str] = set()
        queue = [package]
        while queue:
            each = queue.pop()
            for identifier in (*each.build_packages, *each.host_packages):
                if identifier in self._packages and identifier not in found:
                    found.add(identifier)
                    queue.append(self._packages[identifier])
        return frozenset(found)

    def _walk(self, folder: Path, above: tuple[Path, ...]) -> Iterator[tuple[str, Path]]:
        """Files by their path, with where they really are; pixi follows links to directories."""
        from pytest_pixipack.workspace.copying import left_behind

        try:
            names = sorted(os.listdir(folder))  # noqa: PTH208 (names are all that is needed)
        except OSError:
            return
        out = left_behind(str(folder), names)
        for name in names:
            place = folder / name
            if name in out:
                continue
            real = Path(os.path.realpath(place))
            if place.is_dir():
                inside = real == self._base or self._base in real.parents
                if inside and real not in above:
                    yield from self._walk(place, (*above, real))
            else:
                yield place.relative_to(self._pristine.directory).as_posix(), real

    def _of_the_run(self) -> Iterator[Path]:
        """What stands for channels and backends, and the files of the workspace's own manifest."""
        from pytest_pixipack.backend.stand_in import stand_in
        from pytest_pixipack.engine.channels import canonical_url
        from pytest_pixipack.file_urls import path_of_url

        manifest, options = self._pristine.manifest, self._pristine.options
        yield from manifest.stand_ins.channels.values()
        yield from (manifest.root / each for each in manifest.need_workspace().build_variant_files)
        for environment in manifest.environment_names():
            for name in manifest.channels(environment):
                path = path_of_url(canonical_url(name, manifest.root))
                if path is not None:
                    yield path
        for name, text in options.backends.items():
            try:
                found = stand_in(text, root=manifest.root, environ=options.environ, name=name)
            except PixipackError:
                continue  # the first build says what is wrong with it
            yield from found.files
