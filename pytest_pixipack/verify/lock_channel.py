"""Whether binary packages are locked as their channel describes them, where it is a directory.

pixi takes the lock's word for what a channel says; a wrong digest only shows when the package is
installed, a lost dependency never. Remote channels are not asked: there is no network here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pytest_pixipack.lock import LockedPackage
from pytest_pixipack.lock.location import is_url
from pytest_pixipack.verify.places import places
from pytest_pixipack.verify.rules import Problem
from pytest_pixipack.verify.specs import compare_specs
from pytest_pixipack.verify.subject import Place, Subject

# The index of a whole mirror takes longer to read than a check may take.
_LARGEST = 32 * 1024 * 1024
_DIGESTS = ("sha256", "md5")
_LISTS = ("depends", "constrains")


def check_channel_records(subject: Subject) -> Iterator[Problem]:
    """Digests and dependencies of packages from local channels are those of `repodata.json`."""
    assert subject.lock is not None
    for place in places(subject):
        if place.locked is None:
            continue
        packages = subject.lock.environments[place.environment].packages
        for package in packages.get(place.locked.name, ()):
            record = _record(subject, package)
            if record is not None:
                yield from _compared(subject, place, package, record)


def _record(subject: Subject, package: LockedPackage) -> Mapping[str, Any] | None:
    """What the channel's index says of a package; None where there is none to be read."""
    if package.kind != "binary" or is_url(package.location):
        return None
    file = Path(package.location)
    if not file.is_absolute():
        return None
    folder = file.parent
    index = subject.once(f"repodata of {folder}", lambda: _index(folder / "repodata.json"))
    found = index.get(file.name)
    return found if isinstance(found, dict) else None


def _index(path: Path) -> Mapping[str, Any]:
    try:
        if path.stat().st_size > _LARGEST:
            return {}
        document = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    tables = [document.get(key) for key in ("packages", "packages.conda")] if isinstance(
        document, dict
    ) else []  # fmt: skip
    return {
        name: entry for table in tables if isinstance(table, dict) for name, entry in table.items()
    }


def _compared(
    subject: Subject, place: Place, package: LockedPackage, record: Mapping[str, Any]
) -> Iterator[Problem]:
    for field in _DIGESTS:
        wanted, found = record.get(field), getattr(package.facts, field)
        if isinstance(wanted, str) and found is not None and wanted.lower() != found:
            yield _problem(subject, place, package, field, wanted.lower(), found)
    for field in _LISTS:
        wanted = record.get(field) or []
        if not isinstance(wanted, list) or not all(isinstance(text, str) for text in wanted):
            continue
        difference = compare_specs(wanted, getattr(package.facts, field))
        if difference:
            yield _problem(
                subject, place, package, field, list(difference.missing), list(difference.extra)
            )


def _problem(
    subject: Subject, place: Place, package: LockedPackage, field: str, expected: Any, actual: Any
) -> Problem:
    return Problem(
        message=f"{package.dist} is locked with another {field} than its channel says; pixi does "
        "not notice.",
        environment=place.environment,
        platform=place.platform.name,
        package=package.name,
        version=package.version,
        field=field,
        expected=expected,
        actual=actual,
        file=subject.lock_file,
        line=subject.line_of(package),
        # What is expected is the channel's word, not the manifest's.
        layers=("lock", "lock"),
        remedy=f"Run `pixi update {package.name}`",
    )
