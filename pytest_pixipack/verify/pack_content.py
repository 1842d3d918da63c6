"""Rules about what is in a pack: records, digests, environment.yml, and what needs what."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_pixipack.facts import PackageFacts
from pytest_pixipack.pack import Pack
from pytest_pixipack.pack.model import TOOL_VERSION
from pytest_pixipack.verify.pack_rules import pack_of, problem
from pytest_pixipack.verify.records import (
    COMPARED,
    Entry,
    cause_of,
    differing,
    entries,
    expected_digests,
    expected_record,
    layer_of,
)
from pytest_pixipack.verify.rules import Problem
from pytest_pixipack.verify.specs import satisfies, spec_name
from pytest_pixipack.verify.subject import Subject


def check_digest(subject: Subject) -> Iterator[Problem]:
    """Each file of the pack has the digest of the lock or of what was built, else of repodata."""
    pack = pack_of(subject)
    for entry in entries(pack):
        facts, member = entry.facts, pack.member(entry.member)
        if member is None:
            continue
        layer, expected = expected_digests(subject, facts)
        for field, found in (("sha256", member.sha256), ("size", member.size)):
            wanted = expected.get(field)
            if wanted is not None and wanted != found:
                yield problem(
                    subject,
                    f"The {field} of {facts.file_name} in the pack is another one.",
                    facts,
                    field=field,
                    expected=wanted,
                    actual=found,
                    cause="content",
                    layers=(layer, "pack"),
                )
                break


def check_repodata(subject: Subject) -> Iterator[Problem]:
    """repodata.json says of each package what lock or artifact say, and names every file."""
    pack = pack_of(subject)
    yield from _unnamed_files(subject, pack)
    for entry in entries(pack):
        if _is_second(subject, pack, entry):
            continue
        if (name := _name_by_file(subject, entry)) not in (None, entry.facts.name):
            yield problem(
                subject,
                f"repodata.json calls {name} by another name.",
                PackageFacts(name=name or ""),
                field="name",
                expected=name,
                actual=entry.facts.name,
                about=(entry.facts.name,),
                layers=("pack", "pack"),
            )
            continue
        layer, expected = expected_record(subject, entry.facts)
        for field, wanted, found in differing(expected, entry.record, _fields(pack, entry)):
            yield problem(
                subject,
                f"repodata.json says of {entry.facts.name} another {field}.",
                entry.facts,
                field=field,
                expected=wanted,
                actual=found,
                cause=cause_of(field),
                layers=(layer_of(subject, entry.facts.name, layer, field), "pack"),
            )
    for subdir, content in sorted(pack.repodata.items()):
        info = content.get("info")
        named = info.get("subdir") if isinstance(info, dict) else None
        if named is not None and named != subdir:
            yield problem(
                subject,
                f"The repodata.json of {subdir} says that it is that of {named}.",
                field="info.subdir",
                expected=subdir,
                actual=named,
                layers=("pack", "pack"),
            )


def _fields(pack: Pack, entry: Entry) -> tuple[str, ...]:
    """The fields to compare: of a pack in the format that we write, each one.

    Other releases of pixi-pack write records with more fields, or with fewer.
    """
    if pack.tool_version != TOOL_VERSION:
        return COMPARED
    return (*COMPARED, *sorted({*entry.record, "run_exports"} - set(COMPARED)))


def _name_by_file(subject: Subject, entry: Entry) -> str | None:
    """The name of the package whose file an entry of repodata is about, as lock or builds say."""
    known = {a.path.name: a.facts.name for a in subject.artifacts}
    known |= {p.file_name: name for name, p in subject.locked.items() if p.file_name}
    return known.get(entry.file_name)


def _is_second(subject: Subject, pack: Pack, entry: Entry) -> bool:
    """Whether there is another package of the name, and that one is the locked or built one."""
    locked, artifact = subject.locked.get(entry.facts.name), subject.built.get(entry.facts.name)
    wanted = {locked.file_name if locked else None, artifact.path.name if artifact else None}
    names = {e.file_name for e in entries(pack) if e.facts.name == entry.facts.name}
    return bool(names & wanted) and entry.file_name not in wanted


def _unnamed_files(subject: Subject, pack: Pack) -> Iterator[Problem]:
    named = {entry.member for entry in entries(pack)}
    by_file = {a.path.name: a.facts.name for a in subject.artifacts}
    by_file |= {p.file_name: name for name, p in subject.locked.items() if p.file_name}
    for member in pack.members:
        parts = member.name.split("/")
        if len(parts) != 3 or parts[0] != "channel" or member.name in named:
            continue
        if parts[2].endswith((".conda", ".tar.bz2")):
            name = by_file.get(parts[2]) or parts[2].rsplit("-", 2)[0]
            yield problem(
                subject,
                f"The pack holds {parts[2]}, which its repodata.json does not name.",
                PackageFacts(name=name),
                field="packages",
                expected=parts[2],
                actual=None,
                layers=("pack", "pack"),
            )


def check_environment_yml(subject: Subject) -> Iterator[Problem]:
    """environment.yml lists what repodata.json lists, and the pack's own channel."""
    pack = pack_of(subject)
    found = pack.environment_yml
    if found is None:
        yield problem(
            subject,
            "The pack has no environment.yml.",
            field="environment.yml",
            expected="environment.yml",
            cause="file-removed",
            layers=("pack", "pack"),
        )
        return
    if found.channels != ("./channel", "nodefaults"):
        yield problem(
            subject,
            "environment.yml names other channels than the pack's own.",
            field="channels",
            expected=["./channel", "nodefaults"],
            actual=list(found.channels),
            layers=("pack", "pack"),
        )
    listed = {facts.name: _pin(facts) for facts in pack.records}
    wanted = {_pin(facts) for facts in pack.records}
    named = set(found.dependencies)
    by_name: dict[str, tuple[list[str], list[str]]] = {}
    for pin in sorted(wanted - named):
        by_name.setdefault(pin.partition("=")[0], ([], []))[0].append(pin)
    for pin in sorted(named - wanted):
        by_name.setdefault(pin.partition("=")[0], ([], []))[1].append(pin)
    for name, (missing, extra) in by_name.items():
        yield problem(
            subject,
            f"environment.yml and repodata.json disagree about {name}.",
            PackageFacts(name=name),
            field="environment.yml",
            expected=missing,
            actual=extra,
            cause=_cause(missing, extra, name in listed),
            layers=("pack", "pack"),
        )


def _cause(missing: list[str], extra: list[str], listed: bool) -> str | None:
    if missing and extra:
        return "version-change"
    return None if listed else "file-added"


def _pin(facts: PackageFacts) -> str:
    return f"{facts.name}={facts.version}={facts.build}"


def check_closure(subject: Subject) -> Iterator[Problem]:
    """Everything that a package of the pack depends on is in the pack, once."""
    pack = pack_of(subject)
    by_name: dict[str, list[PackageFacts]] = {}
    for facts in pack.records:
        by_name.setdefault(facts.name, []).append(facts)
    for name, same in sorted(by_name.items()):
        if len(same) > 1:
            yield problem(
                subject,
                f"The pack has {len(same)} packages with the name {name}.",
                same[0],
                field="package",
                expected="one package",
                actual=[facts.dist for facts in same],
                layers=("pack", "pack"),
            )
    for facts in pack.records:
        for text in facts.depends:
            name = spec_name(text)
            others = by_name.get(name, [])
            if name.startswith("__") or any(satisfies(other, text) for other in others):
                continue
            yield problem(
                subject,
                f"{facts.name} depends on {text}, which nothing in the pack satisfies.",
                facts,
                field="depends",
                expected=text,
                actual=[other.dist for other in others],
                about=(name,),
                layers=("pack", "pack"),
            )
        for text in facts.constrains:
            for other in by_name.get(spec_name(text), []):
                if not satisfies(other, text):
                    yield problem(
                        subject,
                        f"{facts.name} cannot be together with {other.dist}.",
                        facts,
                        field="constrains",
                        expected=text,
                        actual=other.dist,
                        about=(other.name,),
                        layers=("pack", "pack"),
                    )
