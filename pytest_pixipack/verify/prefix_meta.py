"""Rules about conda-meta: the records of a prefix against the other layers and themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pytest_pixipack.facts import PackageFacts
from pytest_pixipack.prefix.files import PrefixFiles
from pytest_pixipack.prefix.model import HISTORY, META
from pytest_pixipack.verify.prefix_files import unlike_links
from pytest_pixipack.verify.prefix_installed import InstalledPackage, installed_from, unlike_made
from pytest_pixipack.verify.prefix_records import (
    is_history,
    lost_keys,
    misnamed,
    odd_lists,
    odd_places,
    odd_types,
    unknown_keys,
    unlike_entries,
    unlike_file_name,
    unlike_others,
    unlike_placed,
    unlike_real,
    unusual_number,
)
from pytest_pixipack.verify.prefix_subject import files_of, is_pixis, prefix_of, problem
from pytest_pixipack.verify.records import (
    cause_of,
    differing,
    entries,
    expected_record,
    layer_of,
    may_be_patched,
)
from pytest_pixipack.verify.rules import Problem
from pytest_pixipack.verify.subject import Subject

# The rest of a conda-meta record says how it was installed.
_COMPARED = (
    "version", "build", "build_number", "subdir", "noarch", "depends", "constrains",
    "track_features", "features", "license", "license_family", "python_site_packages_path",
    "sha256", "md5", "size", "timestamp", "arch", "platform",
)  # fmt: skip
# What locks know better than the channel, and what installers carry over from the pack.
_CARRIED = ("purls", "run_exports")
# What pixi leaves out of the records of packages that it built itself.
_OF_A_CHANNEL = ("md5", "size")


def check_record(subject: Subject) -> Iterator[Problem]:
    """conda-meta says of each package what lock, artifact or pack say."""
    prefix = prefix_of(subject)
    packed = {}
    if subject.pack is not None:
        packed = {entry.facts.name: entry.record for entry in entries(subject.pack)}
    yield from _history(subject)
    other = misnamed(prefix)
    for name, facts in sorted(prefix.packages.items()):
        layer, expected = expected_record(subject, facts)
        patched = may_be_patched(subject, facts, "depends")
        if name in packed and (patched or "name" not in expected):
            layer, expected = "pack", dict(packed[name])
        if name in other:
            yield _misnamed(subject, name, other[name])
            continue
        yield from _against(subject, facts, layer, expected, packed.get(name))
        yield from _entries(subject, facts)


def _history(subject: Subject) -> Iterator[Problem]:
    """Without its history, conda takes no directory for an environment."""
    prefix = prefix_of(subject)
    if prefix.history is None or not is_history(prefix.history):
        words = "is missing" if prefix.history is None else "is not what installers write"
        yield problem(
            subject,
            f"{META}/{HISTORY} {words}.",
            field=HISTORY,
            expected="comments, or what conda did",
            actual=prefix.history[:200] if prefix.history else None,
            severity="warning",
            layers=("prefix", "prefix"),
        )


def _against(
    subject: Subject,
    facts: PackageFacts,
    layer: str,
    expected: Mapping[str, Any],
    packed: Mapping[str, Any] | None,
) -> Iterator[Problem]:
    """The record against what `layer` expects, and against itself."""
    prefix, name = prefix_of(subject), facts.name
    record, stem = prefix.records[name], prefix.record_files[name].removesuffix(".json")
    patched = tuple(
        field
        for field in _COMPARED
        if layer == "artifact" and may_be_patched(subject, facts, field)
    )
    exact = tuple(field for field in _COMPARED if field not in patched)
    unlike = [
        (layer_of(subject, name, layer, field), field, wanted, found)
        for fields in (exact, patched)
        for field, wanted, found in differing(expected, record, fields)
    ]
    if packed is not None and not is_pixis(prefix.path):
        unlike += [("pack", *each) for each in differing(packed, record, _CARRIED)]
    if is_pixis(prefix.path) and not any(field in record for field in _OF_A_CHANNEL):
        unlike = [each for each in unlike if each[1] not in _OF_A_CHANNEL]
    told = [field for _, field, _, _ in unlike]
    misfits = [each for each in unlike_file_name(stem, record) if each[0] not in told]
    places = odd_places(name, stem, record) if stem == facts.dist else ()
    odd = [*misfits, *places, *odd_lists(record)]
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
    types = [each for each in odd_types(record) if each[0] not in told]
    for field, wanted, found in types:
        yield problem(
            subject,
            f"conda-meta says of {name} what no installer writes: {field}.",
            facts,
            field=field,
            expected=wanted,
            actual=found,
            layers=("prefix", "prefix"),
        )
    yield from _keys(subject, facts, [field for field, _, _ in odd])
    number = unusual_number(record)
    if number is not None and not {"build", "build_number"} & {*told, *(each[0] for each in odd)}:
        yield problem(
            subject,
            f"The build string of {name} ends with another number than its build number.",
            facts,
            field="build_number",
            expected=number,
            actual=record["build_number"],
            severity="note",
            layers=("prefix", "prefix"),
        )
    for source, field, wanted, found in unlike:
        yield problem(
            subject,
            f"conda-meta says of {name} another {field} than the package. A channel may patch its "
            "repodata."
            if field in patched
            else f"conda-meta says of {name} another {field}.",
            facts,
            field=field,
            expected=wanted,
            actual=found,
            cause=cause_of(field),
            severity="note" if field in patched else None,
            layers=(source, "prefix"),
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
    """What the record says of files otherwise than their package, and than they themselves."""
    record, real = prefix_of(subject).records[facts.name], files_of(subject)
    installed = installed_from(subject, facts)
    told = set()
    for field, wanted, found in () if installed is None else _packed(record, real, installed):
        told.add(field)
        yield problem(
            subject,
            f"conda-meta says of a file of {facts.name} another thing than the package: {field}.",
            facts,
            field=field,
            expected=wanted,
            actual=found,
            layers=(installed.layer if installed else "prefix", "prefix"),
        )
    for field, wanted, found in unlike_real(record, real):
        path = field.rpartition(" ")[0]
        # Where the file is another one than the package's, that is what is reported.
        other = installed is not None and installed.is_as_packed(path, real[path]) is False
        if field not in told and not other:
            yield problem(
                subject,
                f"conda-meta says of a file of {facts.name} what is not so: {field}.",
                facts,
                field=field,
                expected=wanted,
                actual=found,
                layers=("prefix", "prefix"),
            )


def _packed(
    record: Mapping[str, Any], real: PrefixFiles, installed: InstalledPackage
) -> Iterator[tuple[str, Any, Any]]:
    def is_packed(path: str) -> bool:
        replaced = installed.listed[path].placeholder is not None
        return replaced or path not in real or bool(installed.is_as_packed(path, real[path]))

    yield from unlike_entries(record, installed.listed, is_packed)
    right = {
        path: real[path]
        for path in installed.placed
        if path in real and installed.is_as_packed(path, real[path])
    }
    packed = {path: installed.files[path] for path in right}
    yield from unlike_placed(record, right, packed)
    yield from unlike_links(record, real, installed)
    yield from unlike_made(record, installed)


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
