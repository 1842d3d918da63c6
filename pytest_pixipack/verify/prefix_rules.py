"""Rules about prefixes: against the layers before them, and against themselves."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pytest_pixipack.artifact import Artifact
from pytest_pixipack.facts import FileFacts, PackageFacts
from pytest_pixipack.prefix import Prefix, prefix_files
from pytest_pixipack.prefix.distributions import Distribution, distributions
from pytest_pixipack.prefix.files import PrefixFiles, is_installers
from pytest_pixipack.verify.prefix_payload import unlike_artifact
from pytest_pixipack.verify.prefix_records import listed_files, misnamed
from pytest_pixipack.verify.prefix_wheels import short, wheel_files, wheels_missing
from pytest_pixipack.verify.rules import Problem
from pytest_pixipack.verify.subject import Subject

_CLOBBERS = "__clobbers__"


def check_missing(subject: Subject) -> Iterator[Problem]:
    """Everything that was locked or packed is installed."""
    prefix = prefix_of(subject)
    present = {*prefix.packages, *misnamed(prefix).values()}
    for name, (layer, facts) in sorted(_expected(subject).items()):
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
    yield from wheels_missing(subject, distributions(prefix), problem)


def _expected(subject: Subject) -> Mapping[str, tuple[str, PackageFacts]]:
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
    expected = _expected(subject)
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


def check_files(subject: Subject) -> Iterator[Problem]:
    """The files of the prefix are those that its records and the artifacts say, unaltered."""
    prefix = prefix_of(subject)
    real = files_of(subject)
    for facts in prefix.packages.values():
        recorded = {p: f for p, f in (facts.files or {}).items() if f.kind != "directory"}
        # Where a record contradicts itself, that is what is reported.
        listed = listed_files(prefix.records[facts.name])
        absent = sorted(
            path for path in recorded if path not in real and (listed is None or path in listed)
        )
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
        layer, artifact = installed_from(subject, facts)
        altered = sorted(
            path
            for path, entry in recorded.items()
            if path in real
            and not _same(entry, real[path], path, real)
            and not as_packed(path, real[path], artifact)
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
        for message, more in unlike_artifact(facts, artifact, real) if artifact else ():
            yield problem(subject, message, facts, layers=(layer, "prefix"), **more)
    installed = distributions(prefix)
    for distribution in installed:
        yield from wheel_files(subject, distribution, real, problem)
    yield from _unowned(subject, prefix, real, installed)


def _unowned(
    subject: Subject, prefix: Prefix, real: PrefixFiles, installed: Iterable[Distribution]
) -> Iterator[Problem]:
    owned = {path for facts in prefix.packages.values() for path in facts.files or ()}
    owned |= {path for each in installed for path in each.files}
    owned |= {path for each in prefix.records.values() for path in listed_files(each) or ()}
    unowned = [
        path
        for path in real
        if path not in owned and not is_installers(path) and not _made_by_running(path)
    ]
    # The files of a package whose record is gone belong to it.
    lost = tuple(name for name in _expected(subject) if name not in prefix.packages)
    unowned = [path for path in unowned if not path.startswith(f"{_CLOBBERS}/")]
    if unowned:
        yield problem(
            subject,
            f"{len(unowned)} files of the prefix belong to no package.",
            field="files unowned",
            expected=None,
            actual=unowned[:20],
            cause="file-added",
            about=lost,
            layers=("prefix", "prefix"),
        )


def _made_by_running(path: str) -> bool:
    return path.endswith(".pyc") and "__pycache__/" in path


def _same(recorded: FileFacts, found: FileFacts, path: str, real: PrefixFiles) -> bool:
    if (recorded.kind == "link") != (found.kind == "link"):
        return False
    if recorded.sha256 is None or recorded.sha256 == found.sha256:
        return True
    if found.kind != "link":
        return False
    # Some installers record the digest of the file that a link leads to.
    return recorded.sha256 == _followed(path, found, real)


def as_packed(path: str, found: FileFacts, artifact: Artifact | None) -> bool:
    """Whether a file is that of its package, so that it is the record which is wrong."""
    if artifact is None or artifact.facts.noarch == "python":
        return False
    packed = artifact.payload.get(path)
    recorded = (artifact.facts.files or {}).get(path)
    if packed is None or (recorded is not None and recorded.placeholder):
        return False
    if packed.kind == "link":
        return found.kind == "link" and packed.target == found.target
    return packed.sha256 is not None and packed.sha256 == found.sha256


def _followed(path: str, link: FileFacts, real: PrefixFiles) -> str | None:
    import posixpath

    for _ in range(40):
        path = posixpath.normpath(posixpath.join(posixpath.dirname(path), link.target or ""))
        found = real.get(path)
        if found is None:
            return hashlib.sha256(b"").hexdigest()
        if found.kind != "link":
            return found.sha256
        link = found
    return None


def installed_from(subject: Subject, facts: PackageFacts) -> tuple[str, Artifact | None]:
    """The layer that has the package file that was installed, and the file; None where none has."""
    artifact = subject.built.get(facts.name)
    if artifact is None and subject.pack is not None:
        layer, artifact = "pack", _packed(subject).get(facts.sha256)
        return layer, artifact
    return "artifact", artifact


def _packed(subject: Subject) -> Mapping[str | None, Artifact]:
    """The packages in the pack by their sha256."""
    from pytest_pixipack.pack.extract import packed_artifacts

    pack = subject.pack
    assert pack is not None
    return subject.once(
        "packed artifacts", lambda: {each.facts.sha256: each for each in packed_artifacts(pack)}
    )


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
    clobbered = [path for path in files_of(subject) if path.startswith(f"{_CLOBBERS}/")]
    if clobbered:
        yield problem(
            subject,
            "Packages overwrote each other's files when they were installed.",
            field=_CLOBBERS,
            expected=None,
            actual=clobbered[:20],
            layers=("prefix", "prefix"),
        )


def check_activation(subject: Subject) -> Iterator[Problem]:
    """The activation scripts beside the prefix are those that it needs."""
    from pytest_pixipack.prefix.activation import SHELLS, activation_script, script_name

    prefix = prefix_of(subject)
    platform = subject.subdir
    if platform is None:
        return
    for name in sorted({script_name(shell) for shell in SHELLS}):
        script = prefix.path.parent / name
        if not script.is_file():
            continue
        text = script.read_bytes().decode("utf-8", "replace")
        shells = [shell for shell in SHELLS if script_name(shell) == name]
        wanted = [activation_script(prefix.path, platform=platform, shell=each) for each in shells]
        if text in wanted:
            continue
        theirs = [
            activation_script(prefix.path, platform=platform, shell=each, as_pixi_unpack=True)
            for each in shells
        ]
        missing, extra = _lines(wanted[0], text)
        if text in theirs:
            yield problem(
                subject,
                f"{name} is as pixi-unpack writes it, and loses PATH: no command is found.",
                field=name,
                expected=missing,
                actual=extra,
                file=str(script),
                remedy="Use another shell, or unpack with `pixipack unpack`",
                severity="note",
                layers=("prefix", "prefix"),
            )
            continue
        yield problem(
            subject,
            f"{name} does not activate the prefix that it stands beside.",
            field=name,
            expected=missing,
            actual=extra,
            file=str(script),
            cause="embedded-path" if _moved(missing, extra, str(prefix.path)) else "content",
            layers=("prefix", "prefix"),
        )


def _moved(wanted: list[str], found: list[str], path: str) -> bool:
    """Whether lines differ in nothing but the place of the prefix."""
    places: set[str] = set()
    for left, right in zip(wanted, found, strict=False):
        pattern = re.escape(left).replace(re.escape(path), "(?P<place>.+)", 1)
        same = re.fullmatch(pattern, right) if "(?P<place>" in pattern else None
        if same is None:
            return False
        places.add(same["place"])
    return len(wanted) == len(found) and len(places) == 1


def _lines(wanted: str, found: str) -> tuple[list[str], list[str]]:
    left, right = wanted.splitlines(), found.splitlines()
    return [line for line in left if line not in right], [
        line for line in right if line not in left
    ]


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
