"""What the record of a package ought to say, and where another one differs from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.facts import PackageFacts
from pytest_pixipack.pack import Pack
from pytest_pixipack.pack.records import artifact_record, locked_record
from pytest_pixipack.verify.resolved import expected_facts
from pytest_pixipack.verify.specs import compare_specs
from pytest_pixipack.verify.subject import Subject

SPEC_LISTS = ("depends", "constrains")
# What only some tools carry from layer to layer; nothing depends on it.
LEGACY = ("legacy_bz2_md5", "legacy_bz2_size")

_DIGESTS = ("sha256", "md5", "size")
# What no patch of repodata changes.
IDENTITY = ("name", "version", "build", "build_number", "subdir", "noarch")
_OF_THE_FILE = frozenset({*IDENTITY, *_DIGESTS})


def expected_digests(subject: Subject, facts: PackageFacts) -> tuple[str, dict[str, Any]]:
    """The layer that knows how the file of a package has to be, and what it says."""
    locked, artifact = subject.locked.get(facts.name), subject.built.get(facts.name)
    if locked is not None and locked.sha256 is not None and locked.file_name == facts.file_name:
        return "lock", {field: getattr(locked.facts, field) for field in _DIGESTS}
    if artifact is not None and artifact.path.name == facts.file_name:
        return "artifact", {field: getattr(artifact.facts, field) for field in _DIGESTS}
    return "pack", {field: getattr(facts, field) for field in _DIGESTS}


def expected_record(subject: Subject, facts: PackageFacts) -> tuple[str, dict[str, Any]]:
    """The layer that knows the record of a package, and the record as pixi-pack writes it."""
    locked, artifact = subject.locked.get(facts.name), subject.built.get(facts.name)
    if locked is not None and locked.kind == "binary":
        try:
            extra = {key: locked.extra[key] for key in LEGACY if key in locked.extra}
            return "lock", locked_record(locked.facts, extra=extra)
        except InvalidInput:
            return "lock", {}
    if artifact is not None:
        own = artifact.facts
        record = artifact_record(
            artifact.index,
            sha256=own.sha256 or "",
            md5=own.md5 or "",
            size=own.size or 0,
            run_exports=own.run_exports,
        )
        return "artifact", record
    if locked is not None and locked.is_source:
        known = {"depends": list(locked.depends), "constrains": list(locked.constrains)}
        version = expected_facts(subject, locked).version
        return "lock", known if version is None else {**known, "version": version}
    return "pack", {}


def may_be_patched(subject: Subject, facts: PackageFacts, field: str) -> bool:
    """Whether another value of a field than that of the given artifact can be a channel's patch.

    Locks have the patched record of each package; without one, nobody knows which of two is right,
    as long as they are about the same file.
    """
    artifact = subject.built.get(facts.name)
    if artifact is None or subject.lock is not None or field in _OF_THE_FILE:
        return False
    return artifact.facts.sha256 == facts.sha256


def layer_of(subject: Subject, name: str, layer: str, field: str) -> str:
    """The layer that says one field of what `expected_record` gave as that of `layer`."""
    locked = subject.locked.get(name)
    if layer == "lock" and field == "version" and locked is not None and locked.version is None:
        return "manifest"  # locks do not hold the versions of path sources
    return layer


def cause_of(field: str) -> str | None:
    """The name of the cause where a field of a record differs."""
    if field in SPEC_LISTS:
        return "dependency-change"
    return "version-change" if field == "version" else None


# What is installed depends on these; the rest of a record is for display.
COMPARED = (
    "name", "version", "build", "build_number", "subdir", "noarch", "depends", "constrains",
    "extra_depends", "track_features", "features", "license", "license_family", "sha256", "md5",
    "size", "timestamp", "python_site_packages_path", "arch", "platform",
)  # fmt: skip


def differing(
    expected: Mapping[str, Any], record: Mapping[str, Any], fields: tuple[str, ...]
) -> Iterator[tuple[str, Any, Any]]:
    """Field, expected and found value where a record differs; lists of specs by meaning.

    What `expected` does not hold at all is only compared where it holds a whole record.
    """
    found_differences = list(_differences(expected, record, fields))
    explained = any(field not in _CARRIER for field, _, _ in found_differences)
    for field, wanted, found in found_differences:
        if not (explained and field in _CARRIER):
            yield field, wanted, found


# What changes with whatever else changes in a package.
_CARRIER = ("sha256", "md5", "size", "timestamp")


def _differences(
    expected: Mapping[str, Any], record: Mapping[str, Any], fields: tuple[str, ...]
) -> Iterator[tuple[str, Any, Any]]:
    whole = "name" in expected
    for field in fields:
        if field not in expected and not (whole and field in record):
            continue
        wanted, found = expected.get(field), record.get(field)
        if field in SPEC_LISTS:
            difference = compare_specs(wanted or (), found or ())
            if difference:
                yield field, list(difference.missing), list(difference.extra)
            elif field == "depends" and whole and field not in record:
                # It is always written, also where it is empty.
                yield field, [], None
        elif _known(wanted) != _known(found):
            yield field, wanted, found


def _known(value: Any) -> Any:
    """The value, None for what says nothing; a number says something, also where it is zero."""
    return None if value in (None, "", [], {}) else value


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a repodata.json: where its file has to be, its record, and the facts."""

    directory: str
    file_name: str
    record: Mapping[str, Any]
    facts: PackageFacts

    @property
    def member(self) -> str:
        """The name of the package's file in the pack."""
        return f"channel/{self.directory}/{self.file_name}"

    @property
    def stem(self) -> str:
        """The name of the file without its suffix: `name-version-build`."""
        return self.file_name.removesuffix(".conda").removesuffix(".tar.bz2")


def entries(pack: Pack) -> Iterator[Entry]:
    """The entries of the pack's repodata, in the order of subdir and file name.

    Of a file that is listed twice only what pixi-pack lists (`packages.conda`).
    """
    for found in _listed(pack).values():
        yield found[0]


def listed_twice(pack: Pack) -> Iterator[Entry]:
    """Entries that are under `packages` and under `packages.conda`: both times one file."""
    for found in _listed(pack).values():
        yield from found[1:]


def _listed(pack: Pack) -> Mapping[str, list[Entry]]:
    listed: dict[str, list[Entry]] = {}
    for directory, content in sorted(pack.repodata.items()):
        found = [
            Entry(
                directory,
                file_name,
                record,
                PackageFacts.from_index(
                    record, file_name=file_name, subdir=record.get("subdir") or directory
                ),
            )
            for key in ("packages.conda", "packages")
            for file_name, record in (content.get(key) or {}).items()
        ]
        for entry in sorted(found, key=lambda each: each.file_name):
            listed.setdefault(entry.member, []).append(entry)
    return listed
