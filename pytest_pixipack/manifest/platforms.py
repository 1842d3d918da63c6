"""Platforms of a workspace: entries of `platforms`, `[system-requirements]`, target selectors.

Follows pixi_manifest/src/{platform,platform_composition,system_requirements}.rs and
toml/platform.rs of pixi 0.77.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Sequence
from typing import Any

from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.manifest.archspec import MICROARCHITECTURES, knows
from pytest_pixipack.manifest.model import Platform
from pytest_pixipack.manifest.reader import Table
from pytest_pixipack.manifest.versions import NotAVersion, check_version, compare_versions
from pytest_pixipack.platforms import SUBDIRS, family
from pytest_pixipack.toml_positions import did_you_mean

FAMILIES = {"unix": "unix", "linux": "linux", "win": "win", "osx": "osx", "macos": "osx"}

# Key in a manifest -> virtual package, in the order in which a derived name lists them.
_FRIENDLY = {
    "cuda": "__cuda",
    "archspec": "__archspec",
    "glibc": "__glibc",
    "linux": "__linux",
    "macos": "__osx",
    "windows": "__win",
}
_ALIASES = {"osx": "macos"}
_UNIX = ("linux", "osx", "freebsd", "emscripten", "ios", "iossimulator", "android")
_LIBCS = ("__glibc", "__musl", "__eglibc")
_NAME = re.compile(r"[A-Za-z](?:[A-Za-z0-9-]{0,62}[A-Za-z0-9])?")
_GLOB = re.compile(r"[A-Za-z0-9*-]{1,64}")
# archspec of a subdir's oldest machine (rattler_virtual_packages, Archspec::from_platform).
_ARCHSPEC = {
    "32": "x86", "64": "x86_64", "aarch64": "aarch64", "armv6l": "aarch64", "armv7l": "aarch64",
    "loongarch64": "loongarch64", "ppc64le": "ppc64le", "ppc64": "ppc64", "ppc": "ppc",
    "s390x": "s390x", "riscv32": "riscv32", "riscv64": "riscv64", "arm64": "aarch64",
}  # fmt: skip


def is_unix(subdir: str) -> bool:
    """Whether a subdir is a kind of Unix, as rattler sees it."""
    return family(subdir) in _UNIX


def default_virtual_packages(subdir: str) -> tuple[str, ...]:
    """What pixi assumes of a machine of this subdir, spelled as in a lock."""
    system = family(subdir)
    packages = ["__unix=0=0"] if is_unix(subdir) else []
    if system == "linux":
        packages += ["__linux=4.18", "__glibc=2.28"]
    elif system == "win":
        packages.append("__win=10.0")
    elif system == "osx":
        packages.append("__osx=13.0")
    arch = "m1" if subdir == "osx-arm64" else _ARCHSPEC.get(subdir.partition("-")[2])
    if system == "freebsd":
        arch = None  # rattler knows none
    if arch is not None:
        packages.append(f"__archspec=0={arch}")
    return tuple(packages)


def plain(subdir: str) -> Platform:
    """The platform of a bare subdir."""
    return Platform(subdir, subdir, default_virtual_packages(subdir))


def rich(subdir: str, declared: Sequence[str], name: str | None = None) -> Platform:
    """A platform with virtual packages of its own; without `name` it is derived from them."""
    name = name or derived_name(subdir, declared)
    if name == subdir:
        return plain(subdir)
    has = {_package(item) for item in declared}
    has_libc = any(libc in has for libc in _LIBCS)
    defaults = (
        item
        for item in default_virtual_packages(subdir)
        if _package(item) not in has and not (has_libc and _package(item) == "__glibc")
    )
    return Platform(name, subdir, (*declared, *defaults))


def derived_name(subdir: str, declared: Iterable[str]) -> str:
    """`linux-64-cuda-12-glibc-2-30`: the subdir and what differs from its defaults."""
    defaults = default_virtual_packages(subdir)
    custom = {_package(item): item for item in declared if item not in defaults}
    parts = [subdir]
    for key, package in _FRIENDLY.items():
        item = custom.get(package)
        value = _friendly_value(package, item) if item is not None else None
        if value is not None:
            parts.append(f"{key}-{_segment(value)}")
            del custom[package]
    for package, item in sorted(custom.items()):
        _, version, build = _parts(item)
        value = version if build in ("", "0") else f"{version}={build}"
        parts.append(f"{_segment(package)}-{_segment(value)}")
    return "-".join(parts)


def read_platforms(table: Table) -> tuple[Platform, ...]:
    """The `platforms` of the workspace. Raises `InvalidInput`."""
    found: dict[str, Platform] = {}
    for index, entry in enumerate(table.array("platforms") or ()):
        if isinstance(entry, str):
            platform = plain(_subdir(table, entry, "platforms", index))
        elif isinstance(entry, dict):
            path = (*table.path, "platforms", index)
            platform = _read_entry(Table(table.document, entry, path, "a platform"))
        else:
            raise table.wrong("platforms", "a platform's name or a table", index)
        if platform.name in found:
            raise table.error(
                f"The platform `{platform.name}` is listed twice.",
                "platforms",
                index,
                remedy="Remove one, or give one of them another `name`.",
            )
        found[platform.name] = platform
    return tuple(found.values())


def read_system_requirements(table: Table) -> tuple[str, ...]:
    """Virtual packages in pixi's order: linux, cuda, macOS, libc. Raises `InvalidInput`."""
    table.allow("macos", "linux", "cuda", "libc", "archspec")
    packages = [
        f"{package}={version}"
        for key, package in (("linux", "__linux"), ("cuda", "__cuda"), ("macos", "__osx"))
        if (version := table.version(key)) is not None
    ]
    libc = table.data.get("libc")
    if isinstance(libc, dict):
        inner = table.table("libc", "`libc`")
        assert inner is not None
        inner.allow("family", "version")
        inner.need_string("version")
        packages.append(f"__{_family(inner)}={inner.version('version')}")
    elif libc is not None:
        packages.append(f"__glibc={table.version('libc')}")
    table.string("archspec")
    return tuple(packages)


def libc_families(requirements: Iterable[str]) -> set[str]:
    """The C libraries among the virtual packages of `[system-requirements]`: `glibc`, ..."""
    known = ("__linux", "__cuda", "__osx")
    return {_package(item)[2:] for item in requirements if _package(item) not in known}


def _family(libc: Table) -> str:
    family = libc.string("family")
    return "glibc" if family is None else family


def applies_to(package: str, subdir: str) -> bool:
    """Whether a system requirement means anything for a subdir."""
    name = _package(package)
    if name == "__linux" or name in _LIBCS:
        return family(subdir) == "linux"
    if name == "__osx":
        return family(subdir) == "osx"
    return name != "__cuda" or family(subdir) != "osx"


def combine(platforms: Sequence[Platform], subdir: str) -> Platform:
    """The one platform that features with these platforms share on a subdir."""
    if not platforms:
        return plain(subdir)
    if len(platforms) == 1:
        return platforms[0]
    union: dict[str, str] = {}
    for item in (item for platform in platforms for item in platform.virtual_packages):
        if item in default_virtual_packages(subdir):
            continue
        name, version, _ = _parts(item)
        if name not in union or compare_versions(version, _parts(union[name])[1]) > 0:
            union[name] = item
    return rich(subdir, [union[name] for name in sorted(union)])


def selector_matches(selector: str, platform: Platform) -> bool:
    """Whether a `[target.<selector>]` table applies to a platform."""
    if selector in FAMILIES:
        wanted = FAMILIES[selector]
        return is_unix(platform.subdir) if wanted == "unix" else family(platform.subdir) == wanted
    if selector in SUBDIRS:
        return platform.subdir == selector
    if "*" in selector:
        return fnmatch.fnmatchcase(platform.name, selector)
    return platform.name == selector


def check_selector(table: Table, key: str) -> str:
    """The target selector of a key of a `target` table; `macos` becomes `osx`.

    Raises `InvalidInput` for what names no platform, and for `if(...)`.
    """
    if "(" in key:
        raise table.key_error(
            f"`{key}` cannot be a target: conditions belong into the tables of a package.",
            key,
            remedy="Name a platform, such as `linux-64`, or `unix`, `linux`, `osx`, `win`; "
            "`if(...)` works in `[package.run-dependencies]` and its siblings.",
        )
    if key in FAMILIES:
        return FAMILIES[key]
    if not (_NAME.fullmatch(key) or ("*" in key and _GLOB.fullmatch(key))):
        raise table.key_error(
            f"`{key}` is not the name of a platform.",
            key,
            remedy=did_you_mean(key, (*FAMILIES, *SUBDIRS))
            or "Platform names hold letters, digits and `-`; `*` is the only wildcard.",
        )
    return key


def _read_entry(entry: Table) -> Platform:
    raw = tuple(key for key in entry if key.startswith("__"))
    entry.allow("name", "platform", *_FRIENDLY, *_ALIASES, *raw)
    name, subdir = entry.string("name"), entry.string("platform")
    if name is None and subdir is None:
        raise entry.error(
            "A platform needs a `platform` or a `name`.",
            remedy='Write for example { platform = "linux-64", cuda = "12" }.',
        )
    if subdir is None and name not in SUBDIRS:
        raise entry.error(
            f"`{name}` is not a conda platform.",
            "name",
            remedy='Say which one it is, for example platform = "linux-64".',
        )
    subdir = _subdir(entry, subdir or str(name), "platform" if subdir else "name")
    if name is not None and (not _NAME.fullmatch(name) or name in FAMILIES):
        raise entry.error(
            f"`{name}` cannot be the name of a platform.",
            "name",
            remedy="Use letters, digits and `-`, beginning with a letter, and no family name.",
        )
    declared = _declared(entry, raw)
    platform = rich(subdir, declared, name)
    if declared and platform.name == subdir:
        raise entry.error(
            f"The plain platform `{subdir}` cannot have virtual packages of its own.",
            remedy="Give the entry another `name`, or remove the virtual packages.",
        )
    return platform


def _declared(entry: Table, raw: Sequence[str]) -> list[str]:
    declared: list[str] = []
    if isinstance(entry.data.get("cuda"), dict):
        declared += _cuda(entry)
    elif "cuda" in entry:
        declared.append(f"__cuda={entry.version('cuda')}")
    for key, package in list(_FRIENDLY.items())[1:]:
        written = [name for name in (key, *_aliases(key)) if name in entry]
        if len(written) > 1:
            raise entry.error(f"`{written[1]}` means the same as `{key}`.", written[1])
        for name in written:
            if key == "archspec":
                declared.append(f"{package}=0={_microarchitecture(entry, name)}")
            else:
                declared.append(f"{package}={entry.version(name)}")
    for key in raw:
        declared.append(_raw(entry, key, declared))
    names = {_package(item) for item in declared}
    if "__cuda_arch" in names and "__cuda" not in names:
        raise entry.error("`__cuda_arch` needs `__cuda` beside it.", "__cuda_arch")
    return declared


def _cuda(entry: Table) -> list[str]:
    table = entry.table("cuda", "`cuda`")
    assert table is not None
    table.allow("driver", "arch")
    driver, arch = table.version("driver"), table.version("arch")
    if driver is None:
        raise table.error("`cuda` needs a `driver`.", remedy='For example { driver = "12.0" }.')
    return [f"__cuda={driver}", *([f"__cuda_arch={arch}"] if arch else [])]


def _raw(entry: Table, key: str, declared: Sequence[str]) -> str:
    text = entry.need_string(key)
    version, _, build = text.partition("=")
    try:
        version = check_version(version)
    except NotAVersion as error:
        raise entry.error(f'"{version}" is not a version: {error}.', key) from None
    if key == "__archspec" and build and not knows(build):
        raise _no_microarchitecture(entry, key, build)
    if key.lower() in {_package(item).lower() for item in declared}:
        raise entry.error(f"`{key}` is declared twice.", key, remedy="Keep one spelling.")
    return f"{key}={version}={build}" if build else f"{key}={version}"


def _microarchitecture(entry: Table, key: str) -> str:
    name = entry.need_string(key)
    if not knows(name):
        raise _no_microarchitecture(entry, key, name)
    return name


def _no_microarchitecture(entry: Table, key: str, name: str) -> InvalidInput:
    return entry.error(
        f'"{name}" is not a microarchitecture that archspec knows.',
        key,
        remedy=did_you_mean(name, sorted(MICROARCHITECTURES))
        or 'Write one such as "x86_64_v3", "armv8.2a" or "power9le".',
    )


def _aliases(key: str) -> tuple[str, ...]:
    return tuple(alias for alias, name in _ALIASES.items() if name == key)


def _subdir(table: Table, name: str, *keys: Any) -> str:
    if name in SUBDIRS:
        return name
    raise table.error(
        f"`{name}` is not a conda platform.",
        *keys,
        remedy=did_you_mean(name, SUBDIRS) or f"Known platforms: {', '.join(SUBDIRS)}.",
    )


def _parts(item: str) -> tuple[str, str, str]:
    name, _, rest = item.partition("=")
    version, _, build = rest.partition("=")
    return name, version, build


def _package(item: str) -> str:
    return item.partition("=")[0]


def _friendly_value(package: str, item: str) -> str | None:
    _, version, build = _parts(item)
    if package == "__archspec":
        return build if version == "0" and build else None
    return version if not build else None


def _segment(text: str) -> str:
    return re.sub(r"[^0-9A-Za-z]+", "-", text).strip("-")
