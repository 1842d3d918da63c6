"""What a `pixi.lock` says, as values that can be read, compared and written again.

The fields follow version 7 of the format (rattler_lock, `parse/models/v7`). Keys that are not known
are kept in `extra` at every level and are written back behind the known ones.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.facts import PackageFacts, PackageKind, RunExports, VariantValue
from pytest_pixipack.lock.lines import line_of_entry
from pytest_pixipack.redaction import hidden_repr

if TYPE_CHECKING:
    from pytest_pixipack.lock.diff_model import LockDiff

# The keys that select a package, in the order in which packages are sorted.
KEY_OF_KIND: Mapping[PackageKind, str] = {
    "binary": "conda",
    "source": "conda_source",
    "pypi": "pypi",
}
# The PyPI index that is not written.
DEFAULT_INDEX = "https://pypi.org/simple"
KIND_ORDER: Mapping[PackageKind, int] = {"binary": 0, "source": 1, "pypi": 2}


@dataclass(frozen=True, slots=True)
class LockPlatform:
    """A platform of the lock; `name` differs from `subdir` for rich platforms (`p1`, `p2`, ...)."""

    name: str
    subdir: str
    virtual_packages: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LockChannel:
    """A channel of an environment; `used_env_vars` are names of variables inside the URL."""

    url: str
    used_env_vars: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return hidden_repr(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class LockOptions:
    """How an environment was solved; the defaults are those that the format leaves out."""

    strategy: str = "highest"
    channel_priority: str = "strict"
    pypi_prerelease_mode: str = "if-necessary-or-explicit"
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedSource:
    """Where a source package is built from.

    `source` is `{url, sha256, subdir}`, `{git, branch|tag|explicit_rev, rev, subdir}` or `{path}`,
    and None where the sources lie beside the manifest. `source_depends` maps the names of
    dependencies that are source packages to their location.
    """

    source: Mapping[str, Any] | None = None
    source_depends: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __repr__(self) -> str:
        return hidden_repr(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedPypi:
    """What only PyPI packages have. `index` is the index that the file came from."""

    index: str | None = None
    requires_dist: tuple[str, ...] = ()
    requires_python: str | None = None

    def __repr__(self) -> str:
        return hidden_repr(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedPackage:
    """One entry of `packages`.

    `location` is the URL or path as written; `identifier` is what environments refer to: the
    location, or `name[hash] @ location` for source packages. `build_packages` and `host_packages`
    are identifiers. `extra` also holds known keys that no layer has a use for
    (`legacy_bz2_md5`, `legacy_bz2_size`, `attestations_sha256`, `indexed_timestamp`).
    """

    kind: PackageKind
    location: str
    identifier: str
    facts: PackageFacts
    source: LockedSource | None = None
    build_packages: tuple[str, ...] = ()
    host_packages: tuple[str, ...] = ()
    pypi: LockedPypi | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return hidden_repr(self)

    @property
    def sort_key(self) -> tuple[int, str]:
        """The order of packages in a lock (rattler_lock `SelectorId`)."""
        return KIND_ORDER[self.kind], self.identifier

    @property
    def is_source(self) -> bool:
        """Whether this package is built from source."""
        return self.kind == "source"

    @property
    def is_partial(self) -> bool:
        """Whether this is a source package of which the lock knows no version and no build."""
        return self.kind == "source" and (self.facts.version is None or self.facts.subdir is None)

    @property
    def identifier_hash(self) -> str | None:
        """The digits in the brackets of a source package's identifier."""
        if self.kind != "source":
            return None
        return self.identifier.partition("[")[2].partition("]")[0]

    @property
    def name(self) -> str:
        """The package's name."""
        return self.facts.name

    @property
    def version(self) -> str | None:
        """The version, None for partial source packages."""
        return self.facts.version

    @property
    def build(self) -> str | None:
        """The build string, None for partial source packages and for PyPI."""
        return self.facts.build

    @property
    def build_number(self) -> int | None:
        """The build number, None for partial source packages and for PyPI."""
        return self.facts.build_number

    @property
    def subdir(self) -> str | None:
        """The subdir, None for partial source packages and for PyPI."""
        return self.facts.subdir

    @property
    def noarch(self) -> str | None:
        """`generic`, `python` or None."""
        return self.facts.noarch

    @property
    def depends(self) -> tuple[str, ...]:
        """Run dependencies in the lock's order."""
        return self.facts.depends

    @property
    def constrains(self) -> tuple[str, ...]:
        """Run constraints in the lock's order."""
        return self.facts.constrains

    @property
    def extra_depends(self) -> Mapping[str, tuple[str, ...]]:
        """Dependencies by extra."""
        return self.facts.extra_depends

    @property
    def run_exports(self) -> RunExports | None:
        """Run exports; None means that they are not known."""
        return self.facts.run_exports

    @property
    def variants(self) -> Mapping[str, VariantValue]:
        """The variant of a source package."""
        return self.facts.variants

    @property
    def license(self) -> str | None:
        """The license expression."""
        return self.facts.license

    @property
    def channel(self) -> str | None:
        """The channel's URL without a final slash."""
        return self.facts.channel

    @property
    def url(self) -> str | None:
        """The URL of a binary or PyPI package, None where the location is a path."""
        return self.facts.url

    @property
    def file_name(self) -> str | None:
        """The file name of a binary package."""
        return self.facts.file_name

    @property
    def sha256(self) -> str | None:
        """Lower-case hexadecimal digits."""
        return self.facts.sha256

    @property
    def md5(self) -> str | None:
        """Lower-case hexadecimal digits."""
        return self.facts.md5

    @property
    def size(self) -> int | None:
        """Bytes of the archive."""
        return self.facts.size

    @property
    def timestamp(self) -> int | None:
        """Milliseconds since the epoch."""
        return self.facts.timestamp

    @property
    def dist(self) -> str:
        """`name-version-build`, with `?` for what is not known."""
        return self.facts.dist


@dataclass(frozen=True, slots=True, kw_only=True)
class LockEnvironment:
    """One environment: how it was solved, and its packages by the name of a lock platform."""

    name: str = "default"
    channels: tuple[LockChannel, ...] = ()
    indexes: tuple[str, ...] | None = None
    find_links: tuple[Mapping[str, str], ...] = ()
    options: LockOptions = field(default_factory=LockOptions)
    packages: Mapping[str, tuple[LockedPackage, ...]] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return hidden_repr(self)

    def __getitem__(self, platform: str) -> dict[str, LockedPackage]:
        """The packages for a platform, by name.

        Where a conda and a PyPI package share a name, this shows the conda package; `packages`
        holds both. Raises `InvalidInput` for a platform that the environment does not have.
        """
        if platform not in self.packages:
            raise InvalidInput(
                f'Environment "{self.name}" is not locked for platform "{platform}"; '
                + _choices("it is locked for", platform, self.packages)
            )
        return _by_name(self.packages[platform])


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """A lock file. `version` is the one that was read; `to_text` always writes version 7.

    `packages` keeps the order of the file and also holds entries that nothing refers to. `text` and
    `file` say where the lock was read from, for line numbers; they do not take part in `==`.
    """

    version: int = 7
    platforms: tuple[LockPlatform, ...] = ()
    environments: Mapping[str, LockEnvironment] = field(default_factory=dict)
    packages: tuple[LockedPackage, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)
    text: str | None = field(default=None, compare=False, repr=False)
    file: str | None = field(default=None, compare=False, repr=False)

    def __repr__(self) -> str:
        return hidden_repr(self)

    def __getitem__(self, platform: str) -> dict[str, LockedPackage]:
        """The packages of the default environment for a platform, by name.

        pixi does not list a platform of which an environment has no packages, so for one that the
        lock knows that is none. Raises `InvalidInput` for any other platform.
        """
        default = self.environment("default")
        if platform not in default.packages and platform in {p.name for p in self.platforms}:
            return {}
        return default[platform]

    def environment(self, name: str) -> LockEnvironment:
        """One environment. Raises `InvalidInput` where the lock has none of that name."""
        if name not in self.environments:
            raise InvalidInput(
                f'The lock has no environment "{name}"; '
                + _choices("it has", name, self.environments),
                file=self.file,
            )
        return self.environments[name]

    def platform(self, name: str) -> LockPlatform:
        """One platform. Raises `InvalidInput` where the lock has none of that name."""
        for platform in self.platforms:
            if platform.name == name:
                return platform
        raise InvalidInput(
            f'The lock has no platform "{name}"; '
            + _choices("it has", name, [platform.name for platform in self.platforms]),
            file=self.file,
        )

    def platforms_of(self, environment: str, subdir: str) -> tuple[LockPlatform, ...]:
        """The platforms of an environment whose subdir is `subdir`, in the order of their names.

        An environment with rich platforms can have none that is called like the subdir, or several.
        """
        locked = self.environment(environment).packages
        found = [p for p in self.platforms if p.subdir == subdir and p.name in locked]
        return tuple(sorted(found, key=lambda platform: platform.name))

    def package(self, identifier: str) -> LockedPackage:
        """The package with an identifier. Raises `InvalidInput` where there is none."""
        for package in self.packages:
            if package.identifier == identifier:
                return package
        raise InvalidInput(f"The lock has no package {identifier}.", file=self.file)

    def line_of(self, location: str) -> int | None:
        """The line (from 1) of the `packages` entry with this identifier or location.

        None where the lock was not read from text or has no such entry.
        """
        if self.text is None:
            return None
        for package in self.packages:
            if location in (package.identifier, package.location):
                key = KEY_OF_KIND[package.kind]
                return line_of_entry(self.text, key, package.identifier)
        return None

    def diff(self, other: Lock) -> LockDiff:
        """What differs in another lock, seen from this one: false where nothing does.

        As text it is meant for a terminal; it has `verdict`, `changes`, `packages` and
        `to_markdown()`.
        """
        from pytest_pixipack.lock.diff import diff

        return diff(self, other)

    def to_text(self) -> str:
        """The lock as pixi writes it: canonical version 7, lines end with a newline character."""
        from pytest_pixipack.lock.writer import lock_to_text

        return lock_to_text(self)


def _by_name(packages: Iterable[LockedPackage]) -> dict[str, LockedPackage]:
    result: dict[str, LockedPackage] = {}
    for package in packages:
        known = result.get(package.name)
        if known is None or KIND_ORDER[package.kind] < KIND_ORDER[known.kind]:
            result[package.name] = package
    return result


def _choices(words: str, wanted: str, known: Iterable[str]) -> str:
    names = sorted(known)
    close = difflib.get_close_matches(wanted, names, n=1)
    hint = f' Did you mean "{close[0]}"?' if close else ""
    return f"{words} {', '.join(names) or 'none'}.{hint}"
