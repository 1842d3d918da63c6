"""Conda packages that stand for PyPI packages.

Follows prefix-dev/pixi, crates/pixi_core/src/lock_file/package_identifier.rs and
crates/pypi_mapping/src/channel.rs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from pytest_pixipack.lock import LockedPackage
from pytest_pixipack.verify.lock_pypi_marker_tree import normalised
from pytest_pixipack.verify.resolved import resolved_facts
from pytest_pixipack.verify.specs import spec_name
from pytest_pixipack.verify.subject import Place, Subject


@dataclass(frozen=True, slots=True)
class Provided:
    """A conda package, and the version that it has as a package of PyPI."""

    package: LockedPackage
    version: str


class CondaSide:
    """The conda packages of one environment on one platform, as PyPI requirements see them."""

    def __init__(self, subject: Subject, place: Place, packages: Sequence[LockedPackage]) -> None:
        self.known = {package.name: package for package in packages if package.kind != "pypi"}
        self.provides = {
            name: provided
            for package in self.known.values()
            for name, provided in _provides(subject, place, package)
        }
        self.python = self.known.get("python")
        self.used: set[str] = set()

    def use(self, package: LockedPackage) -> None:
        """Notes that a PyPI requirement is met by a conda package."""
        self.used.add(package.name)

    @property
    def brought_in(self) -> frozenset[str]:
        """What the used packages depend on."""
        found: set[str] = set()
        queue = [name for used in self.used for name in self._depends(used)]
        while queue:
            name = queue.pop()
            if name not in found and name in self.known:
                found.add(name)
                queue += self._depends(name)
        return frozenset(found)

    def _depends(self, name: str) -> Iterable[str]:
        return [spec_name(text) for text in self.known[name].depends]


def _provides(
    subject: Subject, place: Place, package: LockedPackage
) -> Iterator[tuple[str, Provided]]:
    """The PyPI packages that a conda package is."""
    version = package.version
    if version is None:
        version = resolved_facts(subject, place, package).version
    purls = package.facts.purls
    found = []
    for purl in purls or ():
        if not purl.startswith("pkg:pypi/"):
            continue
        name, _, own = (
            purl.removeprefix("pkg:pypi/").partition("#")[0].partition("?")[0].partition("@")
        )
        found.append((normalised(unquote(name)), unquote(own) or version or ""))
    if purls is None and package.kind == "binary" and _of_conda_forge(package.channel):
        found = [(normalised(package.name), version or "")]
    # One version that PyPI would not take, and pixi takes nothing from the package.
    if all(_is_version(text) for _, text in found):
        for name, text in found:
            yield name, Provided(package, text)


def _of_conda_forge(channel: str | None) -> bool:
    return urlsplit(channel or "").path.startswith("/conda-forge")


def _is_version(text: str) -> bool:
    from packaging.version import InvalidVersion, Version

    try:
        Version(text)
    except InvalidVersion:
        return False
    return True
