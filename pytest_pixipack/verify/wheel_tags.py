"""Which wheels the Python of a pack can install."""

from __future__ import annotations

from pytest_pixipack.facts import PackageFacts
from pytest_pixipack.manifest import Platform
from pytest_pixipack.platforms import family
from pytest_pixipack.verify.lock_pypi_python import Tags, tags_of
from pytest_pixipack.verify.subject import Subject

# A pack does not say how old the system may be on which it is unpacked; any one is thought of.
_NEWEST = {"linux": "__glibc=2.99", "osx": "__osx=99.0"}
_MUSL = "__musl=1.99"


def pack_tags(subject: Subject, python: PackageFacts) -> Tags | None:
    """The tags that `python` accepts on the platform of the subject's pack.

    None where nothing can be said: on other systems, and of another Python than CPython.
    """
    assert subject.pack is not None
    subdir = subject.pack.platform
    if python.build is not None and ("pypy" in python.build or "graalpy" in python.build):
        return None
    newest = _MUSL if _is_for_musl(subject, subdir) else _NEWEST.get(family(subdir) or "")
    return tags_of(Platform(subdir, subdir, (newest,) if newest else ()), python)


def _is_for_musl(subject: Subject, subdir: str) -> bool:
    platforms = subject.lock.platforms if subject.lock is not None else ()
    named = [p for p in platforms if p.subdir == subdir]
    exact = [p for p in named if p.name == subject.platform] or named
    return any(each.startswith("__musl") for p in exact for each in p.virtual_packages)
