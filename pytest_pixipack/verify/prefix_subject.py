"""The prefix of a subject: what all rules about prefixes look at, read once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.facts import FileFacts, PackageFacts
from pytest_pixipack.prefix import Prefix, prefix_files
from pytest_pixipack.prefix.distributions import Distribution, distributions
from pytest_pixipack.prefix.files import PrefixFiles
from pytest_pixipack.prefix.model import META
from pytest_pixipack.verify.rules import Problem, problem_of
from pytest_pixipack.verify.subject import Subject

CLOBBERS = "__clobbers__"


def prefix_of(subject: Subject) -> Prefix:
    """The prefix, where one was given."""
    assert subject.prefix is not None
    return subject.prefix


def problem(
    subject: Subject, message: str, facts: PackageFacts | None = None, **more: Any
) -> Problem:
    """A problem with the prefix."""
    return problem_of(subject, prefix_of(subject).path, message, facts, **more)


def shown_file(file: FileFacts) -> str:
    """What a file is, for people: where a link leads, or the first digits of the digest."""
    return f"-> {file.target}" if file.kind == "link" else (file.sha256 or "")[:12]


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


def is_pixis(prefix: Path) -> bool:
    """Whether pixi installed it, from a lock and without scripts (pixi, `conda-meta/pixi`)."""
    return (prefix / META / "pixi").exists()


def files_of(subject: Subject) -> PrefixFiles:
    """The files that really are in the prefix, listed once."""
    return subject.once("prefix files", lambda: prefix_files(prefix_of(subject).path))


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
