"""Which releases of the tools are supported, and what they are known to be unable to do.

This is the one place: preflight checks, error messages and the documentation read it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from packaging.specifiers import SpecifierSet
from packaging.version import Version

# pixi 0.71 is the first whose `if(...)` tables and build protocol (version 5) this project speaks.
# pixi has written locks of version 7 since 0.68; pixi-pack has read them since 0.7.7.
SUPPORTED: Mapping[str, str] = {
    "pixi": ">=0.71",
    "pixi-pack": ">=0.7",
    "pixi-unpack": ">=0.7",
    "rattler-build": ">=0.30",
}
LOCK_VERSIONS_READ: Mapping[str, tuple[tuple[str, int], ...]] = {
    "pixi": ((">=0.68", 7), (">=0", 6)),
    "pixi-pack": ((">=0.7.7", 7), (">=0", 6)),
}
# The way on where a tool refuses something that the embedded engine does.
WAY_ON = (
    "The embedded engine can do it: choose it with --pixipack-engine=embedded; "
    "--pixipack-engine=auto does."
)


def is_supported(tool: str, version: Version) -> bool:
    """Whether a release is in the supported range; development releases count as releases."""
    return SpecifierSet(SUPPORTED[tool]).contains(version, prereleases=True)


def newest_lock_version(tool: str, version: Version) -> int:
    """The newest version of `pixi.lock` that a release reads."""
    for bounds, number in LOCK_VERSIONS_READ[tool]:
        if SpecifierSet(bounds).contains(version, prereleases=True):
            return number
    return 0


def first_release_reading(tool: str, lock_version: int) -> str | None:
    """The range of releases (`>=0.7.7`) that read a version of `pixi.lock`."""
    found = [bounds for bounds, number in LOCK_VERSIONS_READ[tool] if number >= lock_version]
    return found[-1] if found else None


@dataclass(frozen=True, slots=True)
class Limit:
    """Something that a tool cannot do.

    `key` names it, `tool` and `versions` say who cannot; `what` ends the sentence "pixi-pack 0.7.10
    cannot ..."; `pattern` finds it in what the tool prints, where the tool notices at all. In
    `what`, `{0}`, `{1}` are the groups of the pattern. `way_on` says what to do instead.
    """

    key: str
    tool: str
    what: str
    pattern: str | None = None
    versions: str = ">=0"
    way_on: str = WAY_ON

    def applies_to(self, version: Version) -> bool:
        """Whether a release has this limit."""
        return SpecifierSet(self.versions).contains(version, prereleases=True)

    def match(self, text: str) -> re.Match[str] | None:
        """Where the tool's own words say it."""
        return re.search(self.pattern, text) if self.pattern else None

    def sentence(self, tool: str, version: str, *parts: str | None) -> str:
        """`pixi-pack 0.7.10 cannot ...`, a full sentence."""
        return f"{tool} {version} cannot {self.what.format(*(part or '' for part in parts))}."


# Sources: pixi-pack src/pack.rs (build_local_package, pack), pixi crates/pixi_cli/src/publish.
LIMITS = (
    Limit(
        "source-run-dependencies",
        "pixi-pack",
        "pack the source package {0}: it has source run dependencies ({1}), and `pixi publish` "
        "({2}), which builds it, refuses those",
        r"package '([^']+)' has source run dependencies \(([^)]*)\) and cannot be published",
    ),
    Limit(
        "publish-source-run-dependencies",
        "pixi",
        "publish the package {0} on its own: it has source run dependencies ({1})",
        r"package '([^']+)' has source run dependencies \(([^)]*)\) and cannot be published",
    ),
    Limit(
        "no-directory-for-subdir",
        "pixi-pack",
        "add a built or injected package of a subdir (such as noarch) of which the environment "
        "has no locked binary package",
        r"could not copy file to channel directory",
    ),
    Limit(
        "only-pixi-toml",
        "pixi-pack",
        "pack a source package whose manifest is not a pixi.toml ({0})",
        r"Cannot find manifest file ([^:]+(?::[^ ][^:]*)?)",
    ),
    Limit(
        "remote-source",
        "pixi-pack",
        "pack a source package from git or a URL ({0})",
        r"Unexpected URL for local package source: (\S+)",
    ),
    Limit(
        "remote-source-alone",
        "pixi",
        "build {0} on its own: `pixi build` takes a directory, and the source is {1}",
    ),
    Limit(
        "several-outputs",
        "pixi-pack",
        "tell the outputs of one source package apart (it takes any one): {0}",
        r"Expected built package to (?:start with .*|be a \.conda file), got: (.*)",
    ),
    Limit(
        "nothing-built",
        "pixi-pack",
        "pack a source package of which `pixi publish` writes nothing",
        r"Build directory is empty",
    ),
    Limit(
        "no-wheel",
        "pixi-pack",
        "pack {0}, a PyPI package that is not a wheel",
        r"package (\S+) is not a wheel file",
        way_on="Lock a release that has a wheel, or build one and inject it.",
    ),
    Limit(
        "relative-binary",
        "pixi-pack",
        "pack a binary package that the lock names by a relative path",
        r"could not download package: relative URL without a base",
    ),
    Limit(
        "newer-lock",
        "pixi-pack",
        "read this pixi.lock: {0}",
        r"(found newer lockfile format version .*)",
        way_on="Upgrade pixi-pack.",
    ),
    Limit(
        "newer-pack",
        "pixi-unpack",
        "unpack a pack of format version {0}",
        r"Unsupported pixi-pack version: (\S+)",
        way_on="Unpack it with the pixi-unpack that belongs to the pixi-pack that made it.",
    ),
    # The tools do not notice the following ones: they would make something else, or any one thing.
    Limit(
        "other-workspace",
        "pixi",
        "build {0} in this workspace: it takes the channels and variants of the nearest one above "
        "the package, {1}",
    ),
    Limit(
        "cross-source",
        "pixi-pack",
        "pack source packages for {0} on {1}: it sets only the build platform, and would pack "
        "packages of this platform",
    ),
    Limit(
        "several-platforms",
        "pixi-pack",
        "choose among the locked platforms {0}, which are all for {1}: it takes any one",
    ),
    Limit(
        "variants",
        "pixi-pack",
        "pack the locked variant of {0} ({1}): it builds all variants and takes any one",
    ),
    Limit(
        "foreign-platform",
        "pixi-unpack",
        "unpack for {0} on {1}",
        way_on="Unpack on a machine of that platform.",
    ),
)


def limit(key: str) -> Limit:
    """One limit by its key."""
    return next(each for each in LIMITS if each.key == key)
