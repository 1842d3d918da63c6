"""`[dev]`: source packages of which only the dependencies are wanted."""

from __future__ import annotations

from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.verify.locations import location_of, source_directory
from pytest_pixipack.verify.lock_closure import Need, need_of
from pytest_pixipack.verify.subject import Place, Subject


def dev_needs(subject: Subject, place: Place) -> tuple[list[Need], bool]:
    """The requirements that packages under development bring, and whether these are all."""
    from pytest_pixipack.manifest import load_package
    from pytest_pixipack.verify.tables import applicable

    assert subject.manifest is not None
    wanted = subject.manifest.dev_dependencies(place.environment, place.platform)
    names = {spec.name for spec in wanted}
    needs: list[Need] = []
    for spec in wanted:
        path = location_of(spec).get("path")
        directory = source_directory(subject.manifest.root, str(path)) if path else None
        if directory is None:
            continue
        try:
            manifest = load_package(directory, subject.manifest)
        except InvalidInput:
            continue
        tables = applicable(manifest.need_package(), place.platform.subdir, {})
        for kind in ("build", "host", "run"):
            for each in tables.specs(kind):
                if each.name not in names and not each.kind.startswith("pin"):
                    needs.append(need_of(each, str(path)))
    return needs, not wanted
