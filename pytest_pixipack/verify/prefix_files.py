"""The files of a prefix: those of its records and packages, unaltered, and no others."""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Iterator, Mapping
from typing import Any

from pytest_pixipack.facts import FileFacts, PackageFacts
from pytest_pixipack.prefix.files import PrefixFiles, is_installers
from pytest_pixipack.verify.prefix_installed import InstalledPackage, installed_from
from pytest_pixipack.verify.prefix_payload import entry_points, not_executable, unlike_package
from pytest_pixipack.verify.prefix_records import entries_of, listed_files
from pytest_pixipack.verify.prefix_subject import (
    CLOBBERS,
    expected_packages,
    files_of,
    prefix_of,
    problem,
    unreadable_wheel,
    wheels_of,
)
from pytest_pixipack.verify.prefix_wheels import missing_wheels, short, wheel_files
from pytest_pixipack.verify.rules import Problem
from pytest_pixipack.verify.subject import Subject

# Modes with which a program runs as another user or group.
_FOREIGN = 0o6000


def check_files(subject: Subject) -> Iterator[Problem]:
    """The files of the prefix are those that its records and the packages say, unaltered."""
    prefix, real = prefix_of(subject), files_of(subject)
    for facts in prefix.packages.values():
        absent, altered = absent_files(subject, facts), altered_files(subject, facts)
        recorded = facts.files or {}
        if absent:
            yield problem(
                subject,
                f"{len(absent)} installed files of {facts.name} are gone.",
                facts,
                field="files absent",
                expected=absent,
                actual=None,
                cause="file-removed",
                layers=("prefix", "prefix"),
            )
        if altered:
            yield problem(
                subject,
                f"{len(altered)} installed files of {facts.name} are not as they were installed.",
                facts,
                field="files altered",
                expected=[f"{path} {short(recorded[path].sha256)}" for path in altered],
                actual=[f"{path} {short(real[path].sha256)}" for path in altered],
                cause="content",
                layers=("prefix", "prefix"),
            )
        installed = installed_from(subject, facts)
        if installed is not None:
            record = prefix.records[facts.name]
            for message, more in unlike_package(facts, record, installed, real, altered):
                yield problem(subject, message, facts, layers=(installed.layer, "prefix"), **more)
        made = entry_points(prefix.records[facts.name])
        for message, more in not_executable(facts, made, real):
            yield problem(subject, message, facts, layers=("prefix", "prefix"), **more)
        yield from _running_as_others(subject, facts, [path for path in recorded if path in real])
    for wheel in wheels_of(subject):
        yield from wheel_files(subject, wheel, real)
        own = PackageFacts(name=wheel.name, version=wheel.version)
        yield from _running_as_others(subject, own, [path for path in wheel.files if path in real])
    if unreadable_wheel(subject) is None:
        yield from _unowned(subject)


def absent_files(subject: Subject, facts: PackageFacts) -> list[str]:
    """Files that a record lists and that are not there.

    Where the record contradicts itself, that is what is reported.
    """
    listed = listed_files(prefix_of(subject).records[facts.name])
    real = files_of(subject)
    return sorted(
        path
        for path, file in (facts.files or {}).items()
        if file.kind != "directory" and path not in real and (listed is None or path in listed)
    )


def altered_files(subject: Subject, facts: PackageFacts) -> list[str]:
    """Files that are not as their record says; where only the record is wrong, they are not."""
    real, installed = files_of(subject), installed_from(subject, facts)
    record = prefix_of(subject).records[facts.name]
    # Of what kind files are, old installers did not write.
    kinds = isinstance(record.get("paths_data"), dict)
    return sorted(
        path
        for path, entry in (facts.files or {}).items()
        if entry.kind != "directory" and path in real
        if not _same(entry, real[path], path, real, kinds)
        if installed is None
        or not (
            installed.is_as_packed(path, real[path])
            # What an installer made, and calls a file of another kind.
            or (installed.made_type(path) and entry.sha256 == real[path].sha256)
        )
    )


def _running_as_others(
    subject: Subject, facts: PackageFacts, paths: list[str]
) -> Iterator[Problem]:
    """Programs that run as another user; no package may have one."""
    root = prefix_of(subject).path
    found = [path for path in paths if (root / path).lstat().st_mode & _FOREIGN]
    if found:
        yield problem(
            subject,
            f"{len(found)} installed files of {facts.name} are setuid or setgid.",
            facts,
            field="files setuid",
            expected=None,
            actual=found,
            cause="mode",
            layers=("prefix", "prefix"),
        )


def unowned_files(subject: Subject) -> list[str]:
    """Files of the prefix that belong to no package, no wheel, and no installer."""
    prefix, real = prefix_of(subject), files_of(subject)
    owned = {path for facts in prefix.packages.values() for path in facts.files or ()}
    owned |= {path for each in wheels_of(subject) for path in each.files}
    owned |= {path for each in prefix.records.values() for path in listed_files(each) or ()}
    return [
        path
        for path in real
        if path not in owned and not is_installers(path) and not _made_by_running(path, real)
        if not path.startswith(f"{CLOBBERS}/")
    ]


def _unowned(subject: Subject) -> Iterator[Problem]:
    unowned = unowned_files(subject)
    # The files of a package or wheel whose record is gone belong to it.
    lost = [name for name in expected_packages(subject) if name not in prefix_of(subject).packages]
    lost += missing_wheels(subject, wheels_of(subject))
    if unowned:
        yield problem(
            subject,
            f"{len(unowned)} files of the prefix belong to no package.",
            field="files unowned",
            expected=None,
            actual=unowned[:20],
            cause="file-added",
            about=tuple(lost),
            layers=("prefix", "prefix"),
        )


def _made_by_running(path: str, real: PrefixFiles) -> bool:
    """Whether Python compiled a source file that is there (PEP 3147)."""
    directory, slash, name = path.rpartition("__pycache__/")
    compiled = path.endswith(".pyc") and slash and "/" not in name
    return bool(compiled) and f"{directory}{name.partition('.')[0]}.py" in real


def _same(recorded: FileFacts, found: FileFacts, path: str, real: PrefixFiles, kinds: bool) -> bool:
    if kinds and (recorded.kind == "link") != (found.kind == "link"):
        return False
    if recorded.sha256 is None or recorded.sha256 == found.sha256:
        return True
    if found.kind != "link":
        return False
    # Some installers record the digest of the file that a link leads to.
    return recorded.sha256 == _followed(path, found, real)


def unlike_links(
    record: Mapping[str, Any], real: PrefixFiles, installed: InstalledPackage
) -> Iterator[tuple[str, Any, Any]]:
    """Field, expected and found value where a record has a wrong digest of a link that is right."""
    for entry in entries_of(record):
        path, digest = entry.get("_path"), entry.get("sha256_in_prefix")
        if not isinstance(path, str) or path not in real or not isinstance(digest, str):
            continue
        found = real[path]
        if found.kind == "link" and installed.is_as_packed(path, found):
            recorded = FileFacts(path, kind="link", sha256=digest)
            if not _same(recorded, found, path, real, True):
                yield f"{path} sha256_in_prefix", found.sha256, digest


def _followed(path: str, link: FileFacts, real: PrefixFiles) -> str | None:
    for _ in range(40):
        path = posixpath.normpath(posixpath.join(posixpath.dirname(path), link.target or ""))
        found = real.get(path)
        if found is None:
            return hashlib.sha256(b"").hexdigest()
        if found.kind != "link":
            return found.sha256
        link = found
    return None
