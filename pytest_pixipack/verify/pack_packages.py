"""The package files inside a pack against their records, and against their own lists of files."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pytest_pixipack.artifact import Digests
from pytest_pixipack.facts import PackageFacts
from pytest_pixipack.platforms import SUBDIRS, arch_and_platform
from pytest_pixipack.verify.pack_inside import Inside, packages_inside
from pytest_pixipack.verify.pack_rules import pack_of, problem
from pytest_pixipack.verify.records import IDENTITY, SPEC_LISTS, Entry, entries
from pytest_pixipack.verify.rules import Problem
from pytest_pixipack.verify.specs import compare_specs
from pytest_pixipack.verify.subject import Subject

_PATCHED = (
    "extra_depends", "flags", "track_features", "features", "license",
    "license_family", "timestamp", "python_site_packages_path", "arch", "platform",
)  # fmt: skip
# The greatest time in seconds that conda knows; a greater number is one of milliseconds.
_LAST_SECOND = 253_402_300_799
_MOST_LISTED = 20


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A field of which a record says another thing (`recorded`) than the package (`packed`).

    `wrong` is the side that the rest of the pack speaks against: the name of the file, of its
    directory, or the number at the end of the build string. A patch is nobody's fault.
    """

    field: str
    packed: Any
    recorded: Any
    wrong: Literal["package", "record", "patched"]


def check_packages(subject: Subject) -> Iterator[Problem]:
    """Each package file in the pack can be read, holds what it lists, and is what its name says."""
    pack = pack_of(subject)
    by_member = {entry.member: entry for entry in entries(pack)}
    for member, inside in packages_inside(subject).items():
        entry = by_member.get(member)
        if entry is None or inside.is_unsafe:
            continue
        if inside.problem is not None:
            yield problem(
                subject,
                f"{entry.file_name} in the pack cannot be read: {inside.problem.message}",
                entry.facts,
                field="file",
                layers=("pack", "pack"),
            )
            continue
        if listing := _listing(subject, entry, inside):
            yield listing
            continue
        for each in contradictions(entry, inside):
            if each.wrong == "package":
                yield _unlike(subject, entry, each)


def _listing(subject: Subject, entry: Entry, inside: Inside) -> Problem | None:
    """What paths.json says of the files beside it; an installer believes it."""
    if not inside.mislisted and inside.mislisted is not None:
        return None
    found = list(inside.mislisted or ())
    return problem(
        subject,
        f"{entry.file_name} in the pack has no list of its files."
        if not found
        else f"paths.json of {entry.file_name} in the pack does not list what the archive holds.",
        entry.facts,
        field="paths.json",
        expected=[f"{each.field} {each.expected}" for each in found[:_MOST_LISTED]]
        or "info/paths.json",
        actual=[f"{each.field} {each.actual}" for each in found[:_MOST_LISTED]] or None,
        cause=found[0].cause if found else None,
        layers=("pack", "pack"),
    )


def _unlike(subject: Subject, entry: Entry, each: Contradiction) -> Problem:
    return problem(
        subject,
        f"{entry.file_name} says another {each.field} of itself than its name and repodata.json.",
        PackageFacts(name=entry.facts.name, version=entry.facts.version),
        field=each.field,
        expected=each.packed,
        actual=each.recorded,
        layers=("pack", "pack"),
    )


def contradictions(entry: Entry, inside: Inside) -> Iterator[Contradiction]:
    """Where the record of a package is not about the package; nothing where it cannot be read."""
    index, record = inside.index, entry.record
    for field in IDENTITY if index else ():
        packed, recorded = _value(field, index), _value(field, record)
        derived = _derived_noarch(index, entry) if field == "noarch" else packed
        if recorded not in (packed, derived) and (field in index or field == "noarch"):
            wrong = _witness(field, packed, recorded, entry)
            yield Contradiction(field, index.get(field), record.get(field), wrong)
    for field in SPEC_LISTS if index else ():
        difference = compare_specs(_texts(index.get(field)), _texts(record.get(field)))
        if difference:
            sides = list(difference.missing), list(difference.extra)
            yield Contradiction(field, *sides, "patched")
        elif field == "depends" and field not in record:
            # It is always written, also where it is empty.
            yield Contradiction(field, [], None, "patched")
    for field in (*_PATCHED, *({"purls"} & set(index))) if index else ():
        packed, recorded = _value(field, index), _value(field, record)
        derived = recorded is not None and recorded == _derived_system(field, entry)
        if packed != recorded and not derived:
            yield Contradiction(field, index.get(field), record.get(field), "patched")
    exported = record.get("run_exports")
    if index and isinstance(exported, dict) and inside.run_exports is not None:
        own = inside.run_exports.to_json()
        if {kind: specs for kind, specs in exported.items() if specs} != own:
            yield Contradiction("run_exports", own, exported, "patched")


def digests_unlike(recorded: Mapping[str, Any], found: Digests) -> Iterator[tuple[str, Any, Any]]:
    """Digests and size that are recorded and are not those of the file."""
    for field in ("sha256", "md5", "size"):
        wanted, real = recorded.get(field), getattr(found, field)
        if wanted is not None and wanted != real:
            yield field, wanted, real


def _value(field: str, record: Mapping[str, Any]) -> Any:
    """What a record or an index.json says of a field, however it spells it."""
    value = record.get(field)
    if field == "noarch":
        return "generic" if value is True else value or None
    if field == "timestamp":
        return value * 1000 if isinstance(value, int) and 0 < value <= _LAST_SECOND else value
    if field == "purls" and isinstance(value, list):
        return sorted(map(str, value)) or None
    if field == "track_features":
        return tuple(re.split("[, ]+", value) if isinstance(value, str) else value or ()) or None
    return None if value in ("", [], {}) else value


def _derived_noarch(index: Mapping[str, Any], entry: Entry) -> str | None:
    """As rattler_lock derives it where an old package says nothing."""
    if index.get("noarch") or entry.directory != "noarch":
        return None if not index.get("noarch") else _value("noarch", index)
    return "python" if "py" in str(index.get("build")) else "generic"


def _derived_system(field: str, entry: Entry) -> str | None:
    """What rattler_lock makes of a subdir; it does not ask the package."""
    if field not in ("arch", "platform") or entry.directory not in SUBDIRS:
        return None
    return arch_and_platform(entry.directory)[field == "platform"]


def _witness(
    field: str, packed: Any, recorded: Any, entry: Entry
) -> Literal["package", "record", "patched"]:
    """Which of two that contradict each other is wrong, by a third that speaks of the same."""
    says = _WITNESSES[field](entry)
    if says == packed:
        return "record"
    return "package" if says == recorded else "record"


def _stem_part(number: int) -> Callable[[Entry], str | None]:
    def part(entry: Entry) -> str | None:
        parts = entry.stem.rsplit("-", 2)
        return parts[number] if len(parts) == 3 else None

    return part


def _number(entry: Entry) -> int | None:
    found = re.search(r"(?:^|_)(\d{1,9})$", str(entry.record.get("build") or ""))
    return int(found[1]) if found else None


_WITNESSES: Mapping[str, Callable[[Entry], Any]] = {
    "name": _stem_part(0),
    "version": _stem_part(1),
    "build": _stem_part(2),
    "build_number": _number,
    "subdir": lambda entry: entry.directory,
    # What is not for all platforms lies elsewhere.
    "noarch": lambda entry: None if entry.directory != "noarch" else "",
}


def _texts(value: Any) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []
