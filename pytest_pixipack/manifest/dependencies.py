"""Reads dependency tables into `Spec`s."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pytest_pixipack.manifest.conditions import read_when
from pytest_pixipack.manifest.matchers import read_matcher, read_matchers
from pytest_pixipack.manifest.model import Package
from pytest_pixipack.manifest.pins import PINS, read_pin
from pytest_pixipack.manifest.reader import Table
from pytest_pixipack.manifest.spec import ARCHIVE_SUFFIXES, Spec, SpecKind
from pytest_pixipack.manifest.texts import subdirectory_problem

# The keys of a dependency's table (pixi_spec/src/toml.rs, TomlSpec).
SPEC_KEYS = (
    "version", "url", "git", "path", "branch", "rev", "tag", "lfs", "subdirectory", "build",
    "build-number", "file-name", "extras", "flags", "channel", "subdir", "license",
    "license-family", "when", "track-features", "md5", "sha256",
)  # fmt: skip
LOCATION_KEYS = (
    "url", "git", "path", "branch", "rev", "tag", "lfs", "subdirectory", "md5", "sha256",
)  # fmt: skip
# What identifies a package is the workspace's to say.
_OWNED = ("version", "path", "git", "url")
# pixi also takes the empty name.
NAME = re.compile(r"[0-9A-Za-z_.-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a dependency table may hold.

    `pool` is `[workspace.dependencies]`, raw; None where `workspace = true` is not possible. `pins`
    are the kinds of pin allowed, `no_pins` says why the others are not. `inline` reads an inline
    `package` table; None where there can be none.
    """

    pixi_build: bool = True
    pool: Mapping[str, Mapping[str, Any]] | None = None
    pins: tuple[str, ...] = ()
    package_name: str | None = None
    source: bool = True
    url: bool = True
    inline: Callable[[Table, str], Package] | None = field(default=None)


def check_name(table: Table, key: str) -> str:
    """The normalised package name of a key. Raises `InvalidInput`."""
    if not NAME.fullmatch(key):
        remedy = "Package names hold only letters, digits, `-`, `_` and `.`."
        if table.path and str(table.path[-1]).startswith("if("):
            remedy = "Conditions cannot be nested; join the expressions by `and`."
        elif key.startswith("if("):
            remedy = "Conditions work only in the dependency tables of `[package]`."
            if table.path[-1:] == ("dependencies",):
                remedy += (
                    " For an environment write a target, such as `[target.unix.dependencies]`."
                )
        elif "==" in key or " in " in key:
            remedy = f'If this is a condition, write "if({key})".'
        raise table.key_error(f"`{key}` is not a package name.", key, remedy=remedy)
    return key.lower()


def read_dependencies(table: Table | None, rules: Rules) -> dict[str, Spec]:
    """A dependency table, in order. Raises `InvalidInput`."""
    specs: dict[str, Spec] = {}
    for key in table or ():
        assert table is not None
        name = check_name(table, key)
        if name in specs:
            raise table.key_error(
                f"`{key}` is listed twice, as `{specs[name].written_name}` and `{key}`.",
                key,
                remedy="Package names are compared in lower case; keep one of them.",
            )
        specs[name] = read_spec(table, key, name, rules)
    return specs


def read_inline_packages(table: Table | None, rules: Rules) -> dict[str, Package]:
    """The packages that are defined where they are asked for (`{ path = ..., package = ... }`)."""
    packages = {}
    for key in table or ():
        assert table is not None
        if not isinstance(table.data[key], dict) or rules.inline is None:
            continue
        entry = table.table(key)
        assert entry is not None
        if inner := entry.table("package", f"the inline package `{key}`"):
            packages[key.lower()] = rules.inline(inner, key.lower())
    return packages


def read_spec(table: Table, key: str, name: str, rules: Rules) -> Spec:
    """One entry of a dependency table. Raises `InvalidInput`."""
    value = table.data[key]
    if isinstance(value, str):
        return Spec(
            name=name, version=table.version_spec(key), written_name=key, position=table.at(key)
        )
    if not isinstance(value, dict):
        raise table.wrong(key, 'a version constraint such as ">=1.2", or a table')
    entry = table.table(key, f"the dependency `{key}`")
    assert entry is not None
    if rules.inline is not None:
        entry = entry.without("package")
    if "workspace" in entry:
        entry = inherited(entry, name, rules)
    pins = [pin for pin in PINS if pin in entry]
    if pins:
        own = rules.package_name
        return read_pin(entry, name, pins[0], allowed=rules.pins, package_name=own)
    spec = read_fields(entry, name)
    _check_allowed(spec, entry, rules)
    if rules.inline is not None and "package" in value and not spec.is_source:
        raise entry.error(
            "An inline package has to say where its sources are.",
            "package",
            remedy="Add `path`, `git` or `url`, or remove `package`.",
        )
    return spec


def read_locations(table: Table | None) -> dict[str, Spec]:
    """A table such as `[dev]`, whose entries only say where something is. Raises `InvalidInput`."""
    specs = {}
    for key in table or ():
        assert table is not None
        name = check_name(table, key)
        if not isinstance(table.data[key], dict):
            raise table.wrong(key, "a table with `path`, `git` or `url`")
        entry = table.table(key, f"the dependency `{key}`")
        assert entry is not None
        specs[name] = read_location(entry, name)
    return specs


def read_location(entry: Table, name: str) -> Spec:
    """A table that only says where something is. Raises `InvalidInput`."""
    entry.allow(*LOCATION_KEYS)
    if not any(key in entry for key in ("path", "git", "url")):
        raise entry.error(
            f"{_sentence_start(entry.what)} says nothing of where it is.",
            remedy="Give a `path`, `git` or `url`.",
        )
    return read_fields(entry, name)


def read_fields(entry: Table, name: str) -> Spec:
    """A dependency written as a table. Raises `InvalidInput`."""
    entry.allow(*SPEC_KEYS)
    kind = _kind(entry)
    _check_combinations(entry, kind)
    return _fields(entry, name, kind)


def check_fields(entry: Table) -> None:
    """Checks each field of a dependency's table for itself. Raises `InvalidInput`.

    For `[workspace.dependencies]`, whose entries are completed where they are inherited.
    """
    entry.allow(*SPEC_KEYS)
    _fields(entry, "", "version")


def _fields(entry: Table, name: str, kind: SpecKind) -> Spec:
    return Spec(
        name=name,
        kind=kind,
        version=entry.version_spec("version"),
        build=read_matcher(entry, "build"),
        build_number=_build_number(entry),
        channel=entry.string("channel"),
        subdir=entry.string("subdir"),
        file_name=entry.string("file-name"),
        md5=_digest(entry, "md5", 32),
        sha256=_digest(entry, "sha256", 64),
        license=entry.string("license"),
        license_family=entry.string("license-family"),
        extras=entry.strings("extras"),
        flags=read_matchers(entry, "flags"),
        track_features=entry.strings("track-features"),
        when=read_when(entry, "when") if "when" in entry else None,
        path=entry.string("path"),
        url=entry.url("url"),
        git=entry.url("git"),
        branch=entry.string("branch"),
        tag=entry.string("tag"),
        rev=entry.string("rev"),
        lfs=entry.boolean("lfs"),
        subdirectory=_subdirectory(entry, kind),
        written_name=str(entry.path[-1]) if entry.path else name,
        position=entry.at(),
    )


def inherited(entry: Table, name: str, rules: Rules) -> Table:
    """An entry with `workspace = true`, completed by `[workspace.dependencies]`.

    Raises `InvalidInput` where nothing can be inherited, or is not there to be.
    """
    if not entry.boolean("workspace"):
        raise entry.error(
            "`workspace` cannot be false.",
            "workspace",
            remedy="Leave it out: nothing is inherited unless it says `workspace = true`.",
        )
    for key in _OWNED:
        if key in entry:
            raise entry.error(
                f"`{key}` cannot be set beside `workspace = true`.",
                key,
                remedy=f"`[workspace.dependencies]` says where `{name}` comes from; "
                "remove one of the two.",
            )
    if rules.pool is None:
        raise entry.error(
            "Nothing can be inherited from the workspace here.",
            "workspace",
            remedy="Write the version constraint.",
        )
    if name not in rules.pool:
        from pytest_pixipack.toml_positions import did_you_mean

        raise entry.error(
            f"The workspace has no dependency `{name}` to inherit.",
            "workspace",
            remedy=did_you_mean(name, rules.pool)
            or f"Add `{name}` to `[workspace.dependencies]`, or write its version here.",
        )
    merged = {**rules.pool[name], **entry.without("workspace").data}
    return Table(entry.document, merged, entry.path, entry.what)


def _kind(entry: Table) -> SpecKind:
    places: tuple[SpecKind, ...] = ("path", "git", "url")
    found = [place for place in places if place in entry]
    if len(found) > 1:
        listed = " and ".join(f"`{place}`" for place in found)
        raise entry.error(
            f"{_sentence_start(entry.what)} says {listed}, but a package comes from one place.",
            remedy="Keep one of `path`, `git` and `url`.",
        )
    if not found and not set(entry) - {"license-family", "lfs", "subdirectory"}:
        raise entry.error(
            f"{_sentence_start(entry.what)} says nothing of which package is wanted.",
            remedy='Write "*" for any version, or give a `version`, `path`, `git` or `url`.',
        )
    return found[0] if found else "version"


def _check_combinations(entry: Table, kind: SpecKind) -> None:
    refused: tuple[str, ...] = ()
    if kind != "git":
        refused += ("branch", "rev", "tag", "lfs")
    if kind != "version":
        refused += ("channel", "file-name", "license-family")
    if kind in ("path", "git"):
        refused += ("md5", "sha256")
    if _is_archive(entry, kind):
        refused += (
            "version", "build", "build-number", "extras", "flags", "subdir", "license", "when",
            "track-features",
        )  # fmt: skip
    for key in entry:
        if key in refused:
            place = "a version from a channel" if kind == "version" else f"`{kind}`"
            remedy = f"Remove `{key}`"
            remedy += ", or add `git`." if key in ("branch", "rev", "tag", "lfs") else "."
            raise entry.error(f"`{key}` cannot be used with {place}.", key, remedy=remedy)
    revisions = [key for key in ("branch", "rev", "tag") if key in entry]
    if len(revisions) > 1:
        raise entry.error(
            "Only one of `branch`, `rev` and `tag` can be given.",
            revisions[1],
            remedy=f"Keep `{revisions[0]}` or `{revisions[1]}`.",
        )


def _subdirectory(entry: Table, kind: SpecKind) -> str | None:
    text = entry.string("subdirectory")
    # Of a package file and of a path it means nothing, and pixi passes over it.
    used = text is not None and kind in ("git", "url") and not _is_archive(entry, kind)
    if used and (problem := subdirectory_problem(text or "")):
        raise entry.error(f"The `subdirectory` cannot be used: {problem}.")
    return text


def _is_archive(entry: Table, kind: SpecKind) -> bool:
    location = entry.string(kind) if kind in ("path", "url") else None
    return location is not None and location.endswith(ARCHIVE_SUFFIXES)


def _build_number(entry: Table) -> str | None:
    """A constraint on the build number, with its operator (rattler_conda_types, build_spec)."""
    value = entry.string("build-number")
    if value is None:
        return None
    found = re.fullmatch(r"(?:==|!=|<=|>=|<|>)?([0-9]{1,19})", value)
    if found is None:
        raise entry.error(
            f"`{value}` is not a build number or a constraint on one.",
            "build-number",
            remedy='Write for example "2" or ">=2".',
        )
    return f"=={value}" if value.isdigit() else value


def _digest(entry: Table, key: str, length: int) -> str | None:
    value = entry.string(key)
    if value is not None and not re.fullmatch(rf"[0-9a-fA-F]{{{length}}}", value):
        raise entry.error(f"`{key}` has to be {length} hexadecimal digits.", key)
    return value.lower() if value else value


def _check_allowed(spec: Spec, entry: Table, rules: Rules) -> None:
    if not rules.url and (spec.kind == "url" or (spec.kind == "path" and not spec.is_source)):
        raise entry.error(
            "Run exports cannot name a URL or a package file.",
            remedy="Write a version constraint, or the path of a source directory.",
        )
    if not spec.is_source:
        return
    if not rules.source:
        raise entry.error(
            f"A constraint cannot name a source package, as `{spec.name}` does.",
            remedy="Write a version constraint.",
        )
    if not rules.pixi_build:
        raise entry.error(
            f"`{spec.name}` is built from source, which this workspace has not enabled.",
            remedy='Add `preview = ["pixi-build"]` to `[workspace]`.',
        )


def _sentence_start(what: str) -> str:
    # Not capitalize(), which would change the case of names.
    return what[0].upper() + what[1:]
