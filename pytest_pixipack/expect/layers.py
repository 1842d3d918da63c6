"""The layers of a verification, as expectations see them."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_pixipack.expect.apply import Layer
from pytest_pixipack.verify.subject import Subject


def layers_of(subject: Subject) -> Iterator[Layer]:
    """The packages of each layer that was given, for the subject's platform."""
    subdir = subject.subdir or subject.platform or ""
    environment = subject.environment if subject.lock is not None else None
    if subject.packages is not None:
        locked = [package.facts for package in subject.packages if package.kind != "pypi"]
        yield Layer("lock", subdir, locked, True, environment, subject.lock_file)
    if subject.artifacts:
        built = [artifact.facts for artifact in subject.artifacts]
        yield Layer("artifact", subdir, built, False, environment)
    if subject.pack is not None:
        yield Layer(
            "pack", subject.pack.platform, subject.pack.records, True, environment,
            str(subject.pack.path),
        )  # fmt: skip
    if subject.prefix is not None:
        installed = tuple(subject.prefix.packages.values())
        path = str(subject.prefix.path)
        yield Layer("prefix", subdir, installed, True, environment, path)
