"""Rules about conda-meta: the records of a prefix against the other layers and themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pytest_pixipack.facts import PackageFacts
from pytest_pixipack.verify.prefix_installed import installed_from
from pytest_pixipack.verify.prefix_records import (
    lost_keys,
    misnamed,
    odd_fields,
    unknown_keys,
    unlike_entries,
    unlike_others,
    unlike_placed,
)
from pytest_pixipack.verify.prefix_rules import files_of, prefix_of, problem
from pytest_pixipack.verify.records import (
    cause_of,
    differing,
    entries,
    expected_record,
    layer_of,
)
from pytest_pixipack.verify.rules import Problem
from pytest_pixipack.verify.subject import Subject

# The rest of a conda-meta record says how it was installed.
_COMPARED = (
    "version", "build", "build_number", "subdir", "noarch", "depends", "constrains",
    "track_features", "license", "sha256", "md5", "size", "timestamp", "arch", "platform",
)  # fmt: skip


def check_record(subject: Subject) -> Iterator[Problem]:
    """conda-meta says of each package what lock, artifact or pack say."""
    prefix = prefix_of(subject)
    packed = {}
    if subject.pack is not None:
        packed = {entry.facts.name: entry.record for entry in entries(subject.pack)}
    other = misnamed(prefix)
    for name, facts in sorted(prefix.packages.items()):
        layer, expected = expected_record(subject, facts)
        if "name" not in expected and name in packed:
            layer, expected = "pack", dict(packed[name])
        if name in other:
            yield _misnamed(subject, name, other[name])
            continue
        stem = prefix.record_files[name].removesuffix(".json")
        odd = () if _renamed(stem, facts) else tuple(odd_fields(name, stem, prefix.records[name]))
        for field, wanted, found in odd:
            yield problem(
                subject,
                f"conda-meta contradicts itself: {field} of {name}.",
                facts,
                field=field,
                expected=wanted,
                actual=found,
                layers=("prefix", "prefix"),
            )
        yield from _keys(subject, facts, [field for field, _, _ in odd])
        yield from _entries(subject, facts)
        for field, wanted, found in differing(expected, prefix.records[name], _COMPARED):
            yield problem(
                subject,
                f"conda-meta says of {name} another {field}.",
                facts,
                field=field,
                expected=wanted,
                actual=found,
                cause=cause_of(field),
                layers=(layer_of(subject, name, layer, field), "prefix"),
            )


def _keys(subject: Subject, facts: PackageFacts, told: Sequence[str]) -> Iterator[Problem]:
    """What the record has and no installer writes, and what it lacks and all others have."""
    prefix = prefix_of(subject)
    lost = subject.once("lost keys", lambda: lost_keys(prefix)).get(facts.name, ())
    for key in lost:
        if key not in told:
            yield problem(
                subject,
                f"conda-meta says nothing of the {key} of {facts.name}, though of all others'.",
                facts,
                field=key,
                expected=key,
                severity="warning",
                layers=("prefix", "prefix"),
            )
    usual = subject.once("link types", lambda: unlike_others(prefix))
    if facts.name in usual and "link" not in told:
        yield problem(
            subject,
            f"conda-meta says that {facts.name} was linked in another way than all others.",
            facts,
            field="link.type",
            expected=usual[facts.name],
            actual=prefix.records[facts.name]["link"].get("type"),
            severity="warning",
            layers=("prefix", "prefix"),
        )
    for key in unknown_keys(prefix.records[facts.name]):
        yield problem(
            subject,
            f"conda-meta says of {facts.name} what no known installer writes: {key}.",
            facts,
            field=key,
            actual=key,
            severity="warning",
            layers=("prefix", "prefix"),
        )


def _entries(subject: Subject, facts: PackageFacts) -> Iterator[Problem]:
    """What the record says of files that their package says otherwise."""
    installed = installed_from(subject, facts)
    if installed is None:
        return
    record = prefix_of(subject).records[facts.name]
    real = files_of(subject)

    def is_packed(path: str) -> bool:
        replaced = installed.listed[path].placeholder is not None
        return replaced or path not in real or bool(installed.is_as_packed(path, real[path]))

    unlike = list(unlike_entries(record, installed.listed, is_packed))
    right = {
        path: real[path].sha256
        for path in installed.placed
        if path in real and installed.is_as_packed(path, real[path])
    }
    for field, wanted, found in (*unlike, *unlike_placed(record, right)):
        yield problem(
            subject,
            f"conda-meta says of a file of {facts.name} another thing than the package: {field}.",
            facts,
            field=field,
            expected=wanted,
            actual=found,
            layers=(installed.layer, "prefix"),
        )


def _renamed(stem: str, facts: PackageFacts) -> bool:
    """Whether version or build are not those of the record's file; that is reported by itself."""
    return stem != facts.dist


def _misnamed(subject: Subject, name: str, called: str) -> Problem:
    return problem(
        subject,
        f"The record of {called} in conda-meta is of {name}.",
        PackageFacts(name=called),
        field="name",
        expected=called,
        actual=name,
        about=(name,),
        layers=("prefix", "prefix"),
    )
