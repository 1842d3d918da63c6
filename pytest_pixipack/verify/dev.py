"""`[dev]`: source packages of which only the dependencies are wanted.

Follows prefix-dev/pixi, crates/pixi_command_dispatcher/src/dev_source_metadata/mod.rs.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_pixipack.errors import InvalidInput, Unsupported
from pytest_pixipack.manifest import Spec
from pytest_pixipack.verify.locations import location_of, source_directory
from pytest_pixipack.verify.lock_needs import Need, need_of
from pytest_pixipack.verify.resolved import outputs_in
from pytest_pixipack.verify.subject import Place, Subject

if TYPE_CHECKING:
    from pytest_pixipack.backend.protocol import Output


def dev_directories(subject: Subject, place: Place) -> Iterator[tuple[Spec, Path]]:
    """The packages under development that lie in a directory."""
    assert subject.manifest is not None
    for spec in subject.manifest.dev_dependencies(place.environment, place.platform):
        path = location_of(spec).get("path")
        directory = source_directory(subject.manifest.root, str(path)) if path else None
        if directory is not None:
            yield spec, directory


def broken_dev_sources(subject: Subject, place: Place) -> Iterator[tuple[Spec, str, str | None]]:
    """The packages under development that cannot be read, each with a sentence and a remedy."""
    from pytest_pixipack.manifest import load_package

    assert subject.manifest is not None
    for spec, directory in dev_directories(subject, place):
        if not directory.is_dir():
            yield spec, f"There is no directory {spec.path} with the package {spec.name}.", None
            continue
        offered = outputs_in(subject, place, directory)
        if offered is not None:
            if not _own(offered, spec):
                yield spec, f"The package in {spec.path} does not provide {spec.name}.", None
            continue
        try:
            load_package(directory, subject.manifest)
        except InvalidInput as error:
            remedy = error.remedy or f"Correct the manifest in {spec.path}"
            yield spec, f"The package {spec.name} cannot be read: {error.message}", remedy
        except Unsupported:
            continue


def unasked(subject: Subject, place: Place) -> Iterator[Spec]:
    """The packages under development of which no backend has said what they need."""
    assert subject.manifest is not None
    found = dict(dev_directories(subject, place))
    for spec in subject.manifest.dev_dependencies(place.environment, place.platform):
        if spec not in found or outputs_in(subject, place, found[spec]) is None:
            yield spec


def dev_needs(subject: Subject, place: Place) -> tuple[list[Need], bool]:
    """The requirements that packages under development bring, and whether these are all."""
    assert subject.manifest is not None
    names = {s.name for s in subject.manifest.dev_dependencies(place.environment, place.platform)}
    needs: list[Need] = []
    complete = True
    found = list(dev_directories(subject, place))
    for spec, directory in found:
        offered = outputs_in(subject, place, directory)
        if offered is not None:
            needs += _asked(_own(offered, spec), str(spec.path))
        else:
            complete = False
            needs += _declared(subject, place, spec, directory)
    complete &= len(names) == len({spec.name for spec, _ in found})
    return [need for need in needs if need.name not in names], complete


def _own(outputs: tuple[Output, ...], spec: Spec) -> list[Output]:
    return [output for output in outputs if output.name == spec.name]


def _asked(outputs: list[Output], path: str) -> Iterator[Need]:
    """What backends say; pins have no effect."""
    from pytest_pixipack.backend.matchspec import named_spec_to_match_spec
    from pytest_pixipack.engine.locations import source_location

    for output in outputs:
        for table in (
            output.build_dependencies, output.host_dependencies, output.run_dependencies
        ):  # fmt: skip
            for spec in table.depends:
                if spec.kind in ("binary", "source"):
                    source = source_location(spec) if spec.is_source else None
                    text = named_spec_to_match_spec(spec)
                    yield Need(text, output.name, None, source, path, spec.written_name)


def _declared(subject: Subject, place: Place, spec: Spec, directory: Path) -> Iterator[Need]:
    """What the manifest says; a backend may add to it."""
    from pytest_pixipack.manifest import load_package
    from pytest_pixipack.verify.tables import applicable

    assert subject.manifest is not None
    try:
        manifest = load_package(directory, subject.manifest)
    except (InvalidInput, Unsupported):
        return
    tables = applicable(manifest.need_package(), place.platform.subdir, {})
    for kind in ("build", "host", "run"):
        for each in tables.specs(kind):
            if not each.kind.startswith("pin"):
                yield need_of(each, str(spec.path))
