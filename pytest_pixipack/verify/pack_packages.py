"""Rules about the package files inside a pack, which are read without being unpacked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.facts import PackageFacts
from pytest_pixipack.pack.extract import package_indexes
from pytest_pixipack.verify.pack_rules import pack_of, problem
from pytest_pixipack.verify.records import Entry, entries
from pytest_pixipack.verify.rules import Problem
from pytest_pixipack.verify.specs import compare_specs
from pytest_pixipack.verify.subject import Subject

# What a patch of repodata does not change.
_IDENTITY = ("name", "version", "build", "build_number", "subdir")
_PATCHED = ("depends", "constrains")


def check_packages(subject: Subject) -> Iterator[Problem]:
    """Each package file in the pack can be read, and is the package that repodata.json says."""
    pack = pack_of(subject)
    by_member = {entry.member: entry for entry in entries(pack)}
    for member, index in package_indexes(pack):
        entry = by_member.get(member.name)
        if entry is None:
            continue
        if isinstance(index, InvalidInput):
            yield problem(
                subject,
                f"{entry.file_name} in the pack cannot be read: {index.message}",
                entry.facts,
                field="file",
                layers=("pack", "pack"),
            )
            continue
        yield from _unlike(subject, entry, index)


def _unlike(subject: Subject, entry: Entry, index: Mapping[str, Any]) -> Iterator[Problem]:
    for field in _IDENTITY:
        wanted, found = index.get(field), entry.record.get(field)
        if field in index and wanted != found:
            yield _problem(subject, entry, field, wanted, found, "error")
    if _known_elsewhere(subject, entry):
        return
    for field in _PATCHED:
        difference = compare_specs(index.get(field) or (), entry.record.get(field) or ())
        if difference:
            sides = list(difference.missing), list(difference.extra)
            yield _problem(subject, entry, field, *sides, "note")


def _known_elsewhere(subject: Subject, entry: Entry) -> bool:
    """Whether lock or builds say how the record has to be; that is compared elsewhere."""
    return entry.facts.name in subject.locked or entry.facts.name in subject.built


def _problem(
    subject: Subject, entry: Entry, field: str, wanted: Any, found: Any, severity: Any
) -> Problem:
    patched = " A channel may patch its repodata." if severity == "note" else ""
    return problem(
        subject,
        f"repodata.json says another {field} than {entry.file_name} itself.{patched}",
        PackageFacts(name=entry.facts.name, version=entry.facts.version),
        field=field,
        expected=wanted,
        actual=found,
        severity=severity,
        layers=("pack", "pack"),
    )
