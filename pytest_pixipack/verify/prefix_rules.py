"""Rules about prefixes: against the layers before them, and against themselves."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_pixipack.facts import PackageFacts
from pytest_pixipack.prefix.distributions import unrecorded
from pytest_pixipack.verify.prefix_records import misnamed
from pytest_pixipack.verify.prefix_subject import (
    CLOBBERS,
    expected_packages,
    files_of,
    prefix_of,
    problem,
    unreadable_wheel,
    wheels_of,
)
from pytest_pixipack.verify.prefix_wheels import missing_wheels, wheels_extra, wheels_missing
from pytest_pixipack.verify.rules import Problem
from pytest_pixipack.verify.subject import Subject


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
        yield from wheels_missing(subject, wheels_of(subject))


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
    if not set(expected) - set(prefix_of(subject).packages) - set(other.values()):
        # Else a wheel may be what a package left whose record is gone.
        yield from wheels_extra(subject, wheels_of(subject))


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
        return
    without = unrecorded(prefix_of(subject))
    for name in missing_wheels(subject, wheels_of(subject)):
        if name in without:
            yield problem(
                subject,
                f"{name} is installed without a RECORD of its files: nobody knows which they are.",
                PackageFacts(name=name),
                file=str(without[name]),
                layers=("prefix", "prefix"),
            )
