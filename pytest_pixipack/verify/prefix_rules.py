"""Rules about prefixes: against the layers before them, and against themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.facts import PackageFacts
from pytest_pixipack.prefix import Prefix, prefix_files
from pytest_pixipack.prefix.distributions import Distribution, distributions
from pytest_pixipack.prefix.files import PrefixFiles
from pytest_pixipack.prefix.model import META
from pytest_pixipack.verify.prefix_records import misnamed
from pytest_pixipack.verify.prefix_wheels import wheels_extra, wheels_missing
from pytest_pixipack.verify.rules import Problem
from pytest_pixipack.verify.subject import Subject

CLOBBERS = "__clobbers__"


def check_missing(subject: Subject) -> Iterator[Problem]:
    """Everything that was locked or packed is installed."""
    prefix = prefix_of(subject)
    present = {*prefix.packages, *misnamed(prefix).values()}
    for name, (layer, facts) in sorted(expected_packages(subject).items()):
        if name not in present:
            yield problem(
                subject,
                f"{name} is in the {layer}, but not installed.",
                facts,
                field="package",
                expected=facts.dist if facts.version else name,
                cause="file-removed",
                layers=(layer, "prefix"),
            )
    if unreadable_wheel(subject) is None:
        yield from wheels_missing(subject, wheels_of(subject), problem)


def expected_packages(subject: Subject) -> Mapping[str, tuple[str, PackageFacts]]:
    """The packages that have to be installed, with the layer that says so: lock, pack, builds."""
    found: dict[str, tuple[str, PackageFacts]] = {}
    if subject.lock is not None:
        found |= {name: ("lock", p.facts) for name, p in subject.locked.items()}
    if subject.pack is not None:
        for facts in subject.pack.records:
            known = found.get(facts.name)
            if known is None or known[1].version is None:
                layer = known[0] if known else "pack"
                found[facts.name] = (layer, facts)
    return found


def check_extra(subject: Subject) -> Iterator[Problem]:
    """Nothing is installed that was neither locked nor packed."""
    if subject.lock is None and subject.pack is None:
        return
    expected = expected_packages(subject)
    layer = "pack" if subject.pack is not None else "lock"
    other = misnamed(prefix_of(subject))
    for name, facts in sorted(prefix_of(subject).packages.items()):
        if name not in expected and other.get(name) not in expected:
            yield problem(
                subject,
                f"{name} is installed, but not in the {layer}.",
                facts,
                field="package",
                actual=facts.dist,
                cause="file-added",
                layers=(layer, "prefix"),
            )
    yield from wheels_extra(subject, wheels_of(subject), problem)


def check_clobber(subject: Subject) -> Iterator[Problem]:
    """No file of the prefix belongs to two packages."""
    prefix = prefix_of(subject)
    owners: dict[str, list[str]] = {}
    for facts in prefix.packages.values():
        for path, entry in (facts.files or {}).items():
            if entry.kind != "directory":
                owners.setdefault(path, []).append(facts.name)
    for path, names in sorted(owners.items()):
        if len(names) > 1:
            yield problem(
                subject,
                f"{path} belongs to {' and '.join(names)}.",
                prefix.packages[names[0]],
                field=path,
                expected="one package",
                actual=names,
                about=tuple(names),
                layers=("prefix", "prefix"),
            )
    clobbered = [path for path in files_of(subject) if path.startswith(f"{CLOBBERS}/")]
    if clobbered:
        yield problem(
            subject,
            "Packages overwrote each other's files when they were installed.",
            field=CLOBBERS,
            expected=None,
            actual=clobbered[:20],
            layers=("prefix", "prefix"),
        )


def check_readable(subject: Subject) -> Iterator[Problem]:
    """The lists of files that wheels left can be read; records are read with the prefix."""
    error = unreadable_wheel(subject)
    if error is not None:
        yield problem(
            subject,
            error.message,
            PackageFacts(name=error.package or ""),
            file=error.file,
            layers=("prefix", "prefix"),
        )


def wheels_of(subject: Subject) -> tuple[Distribution, ...]:
    """What wheels installed into the prefix; nothing where one of them cannot be read."""
    found = _wheels(subject)
    return found if isinstance(found, tuple) else ()


def unreadable_wheel(subject: Subject) -> InvalidInput | None:
    """Why what wheels installed cannot be read."""
    found = _wheels(subject)
    return found if isinstance(found, InvalidInput) else None


def _wheels(subject: Subject) -> tuple[Distribution, ...] | InvalidInput:
    def read() -> tuple[Distribution, ...] | InvalidInput:
        try:
            return distributions(prefix_of(subject))
        except InvalidInput as error:
            return error

    return subject.once("installed wheels", read)


def is_pixis(prefix: Path) -> bool:
    """Whether pixi installed it, from a lock and without scripts (pixi, `conda-meta/pixi`)."""
    return (prefix / META / "pixi").exists()


def files_of(subject: Subject) -> PrefixFiles:
    """The files that really are in the prefix, listed once."""
    return subject.once("prefix files", lambda: prefix_files(prefix_of(subject).path))


def prefix_of(subject: Subject) -> Prefix:
    """The prefix, where one was given."""
    assert subject.prefix is not None
    return subject.prefix


def problem(
    subject: Subject, message: str, facts: PackageFacts | None = None, **more: Any
) -> Problem:
    """A problem with the prefix."""
    values: dict[str, Any] = {
        "environment": subject.environment if subject.lock is not None else None,
        "platform": subject.platform,
        "package": facts.name if facts else None,
        "version": facts.version if facts else None,
        "file": str(prefix_of(subject).path),
    }
    return Problem(message=message, **{**values, **more})
