"""`[package]`: fields, inheritance from the workspace, dependency tables and conditions.

Follows pixi_manifest/src/toml/package.rs and package_target.rs of pixi 0.77.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from pytest_pixipack.manifest.build import check_package_selector, read_build
from pytest_pixipack.manifest.conditions import looks_conditional, read_condition
from pytest_pixipack.manifest.dependencies import NAME, Rules, read_dependencies
from pytest_pixipack.manifest.licenses import check_license
from pytest_pixipack.manifest.model import (
    RUN_EXPORT_BUCKETS,
    BuildSection,
    DependencyTables,
    Package,
    Workspace,
)
from pytest_pixipack.manifest.reader import Table
from pytest_pixipack.manifest.spec import Spec
from pytest_pixipack.platforms import SUBDIRS

_TEXTS = ("name", "description", "license", "homepage", "repository", "documentation")
_URLS = ("homepage", "repository", "documentation")
_FILES = ("license-file", "readme")
_TARGET_KEYS = (
    "run-dependencies", "run-constraints", "host-dependencies", "build-dependencies",
    "extra-dependencies",
)  # fmt: skip
_KEYS = (
    *_TEXTS, *_FILES, "version", "authors", "publish", "build", *_TARGET_KEYS, "run-exports",
    "target",
)  # fmt: skip
_EXTRA = re.compile(r"[a-z0-9._+-]{1,64}")


@dataclass(frozen=True, slots=True)
class Inherited:
    """What a package can take over: from the workspace on request, and unasked from `[project]`.

    `root` is the directory of the workspace, to which the paths of its dependencies are relative.
    """

    workspace: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    dependencies: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    root: Path | None = None
    inline: bool = False

    @classmethod
    def of(
        cls, workspace: Workspace, root: Path, defaults: Mapping[str, Any] | None = None
    ) -> Inherited:
        """What the packages of a workspace can inherit."""
        fields = {
            name: getattr(workspace, name.replace("-", "_"))
            for name in (*_TEXTS, *_FILES, "version", "authors")
        }
        return cls(fields, defaults or {}, workspace.dependencies, root)


def read_package(table: Table, inherited: Inherited) -> Package:
    """The package section. Raises `InvalidInput`; warnings go to the document."""
    table.allow(*_KEYS, need="build")
    root = table.document.root
    build_table = table.table("build", "`[package.build]`")
    if build_table is None:
        raise table.error(
            "The package has no `[package.build]`.",
            remedy='Add `[package.build]` with backend = { name = "...", version = "*" }.',
        )
    fields = {key: _text(table, key, inherited) for key in (*_TEXTS, "version")}
    # Where the name cannot be one, nothing can be compared with it.
    name = fields["name"] if NAME.fullmatch(fields["name"] or "") else None
    rules = Rules(pool=_rebased(inherited, root), package_name=name)
    build = read_build(build_table, replace(rules, package_name=None))
    sources = _source_directory(root, build)
    return Package(
        name=fields["name"],
        version=fields["version"],
        description=fields["description"],
        authors=_authors(table, inherited),
        license=fields["license"],
        license_file=_file(table, "license-file", inherited, sources),
        readme=_file(table, "readme", inherited, sources),
        homepage=fields["homepage"],
        repository=fields["repository"],
        documentation=fields["documentation"],
        publish=bool(table.boolean("publish")),
        build=build,
        tables=_read_tables(table, rules),
        root=root,
        position=table.at(),
    )


def _asks_workspace(table: Table, key: str, inherited: Inherited) -> bool:
    if not isinstance(table.data.get(key), dict):
        return False
    inner = _check_marker(table, key)
    if not inner.boolean("workspace"):
        raise inner.error(
            "`workspace` cannot be false.",
            "workspace",
            remedy="Leave it out: nothing is inherited unless it says `workspace = true`.",
        )
    if inherited.workspace.get(key) is None:
        raise inner.error(
            f"An inline package cannot inherit `{key}`."
            if inherited.inline
            else f"The workspace does not say `{key}`.",
            remedy="Write it here."
            if inherited.inline
            else f"Add `{key}` to `[workspace]`, or write it here.",
        )
    return True


def _is_inherited(table: Table, key: str) -> bool:
    return isinstance(table.data[key], dict) and bool(_check_marker(table, key).data["workspace"])


def _check_marker(table: Table, key: str) -> Table:
    """The table `{ workspace = ... }`, as which a field can be written."""
    inner = table.table(key)
    assert inner is not None
    inner.allow("workspace")
    if inner.boolean("workspace") is None:
        raise table.error(
            f"`{key}` has to be a text or {{ workspace = true }}, not an empty table.", key
        )
    return inner


def _text(table: Table, key: str, inherited: Inherited) -> str | None:
    if _asks_workspace(table, key, inherited):
        return str(inherited.workspace[key])
    if key not in table:
        return inherited.defaults.get(key)
    if key == "license":
        check_license(table)
    if key in _URLS:
        return table.url(key)
    return table.version(key) if key == "version" else table.string(key)


def _authors(table: Table, inherited: Inherited) -> tuple[str, ...] | None:
    if _asks_workspace(table, "authors", inherited):
        return tuple(inherited.workspace["authors"])
    return table.strings("authors") if "authors" in table else inherited.defaults.get("authors")


def _file(table: Table, key: str, inherited: Inherited, sources: Path | None) -> str | None:
    """A file's path, relative to the manifest; None where the sources are not here to look at."""
    if not isinstance(table.data.get(key), dict):
        table.string(key)
    elif sources is None:
        _check_marker(table, key)
    if sources is None:
        return None
    # Other than of the texts, pixi asks nobody for a file that the workspace does not name.
    if key in table and inherited.workspace.get(key) is None and _is_inherited(table, key):
        return None
    if _asks_workspace(table, key, inherited):
        return _relative(Path(inherited.workspace[key]), sources)
    name = table.string(key)
    if name is None:
        return None
    if not (sources / name).is_file():
        raise table.error(f"The file `{name}` does not exist.", key)
    return PurePosixPath(name).as_posix() if "\\" not in name else name


def _source_directory(root: Path, build: BuildSection) -> Path | None:
    if build.source is None:
        return root
    return root / build.source.location if build.source.kind == "path" else None


def _rebased(inherited: Inherited, root: Path) -> Mapping[str, Mapping[str, Any]]:
    """The workspace's dependencies with their paths seen from the package's directory."""
    if inherited.root is None or inherited.root == root:
        return inherited.dependencies
    pool: dict[str, Mapping[str, Any]] = {}
    for name, spec in inherited.dependencies.items():
        path = spec.get("path")
        if isinstance(path, str) and not _is_absolute(path):
            pool[name] = {**spec, "path": _relative(inherited.root / path, root)}
        else:
            pool[name] = spec
    return pool


def _is_absolute(path: str) -> bool:
    if path.startswith(("~/", "~\\")):
        return True
    return PurePosixPath(path).is_absolute() or PureWindowsPath(path).is_absolute()


def _relative(path: Path, start: Path) -> str:
    try:
        return Path(os.path.relpath(path, start)).as_posix()
    except ValueError:  # another drive
        return posixpath.normpath(path.as_posix())


class _Tables:
    """Collects the dependency tables by condition; the unconditional ones come first."""

    def __init__(self) -> None:
        self.found: dict[str | None, dict[str, Any]] = {None: {}}

    def put(self, condition: str | None, section: str, group: str | None, specs: Any) -> None:
        tables = self.found.setdefault(condition, {})
        if group is None:
            tables[section] = specs
        else:
            tables.setdefault(section, {})[group] = specs

    def frozen(self) -> dict[str | None, DependencyTables]:
        return {condition: DependencyTables(**tables) for condition, tables in self.found.items()}


def _read_tables(table: Table, rules: Rules) -> dict[str | None, DependencyTables]:
    tables = _Tables()
    # The order of the sections is the order in which conditions are first seen.
    _read_section(tables, table.table("run-dependencies"), "run", None, _run_rules(rules))
    _read_section(tables, table.table("run-constraints"), "run_constraints", None, rules)
    _read_section(tables, table.table("host-dependencies"), "host", None, _run_rules(rules))
    _read_section(tables, table.table("build-dependencies"), "build", None, rules)
    if exports := table.table("run-exports", "`[package.run-exports]`"):
        exports.allow(*RUN_EXPORT_BUCKETS)
        for bucket in RUN_EXPORT_BUCKETS:
            inner = exports.table(bucket)
            _read_section(tables, inner, "run_exports", bucket, _export_rules(rules, bucket))
    for group, inner in _extras(table):
        _read_section(tables, inner, "extra", group, rules)
    _read_targets(tables, table, rules)
    return tables.frozen()


def _extras(table: Table) -> Iterator[tuple[str, Table]]:
    key = "extra-dependencies"
    for group, inner in table.tables(key, "the extra `{}`"):
        if not _EXTRA.fullmatch(group):
            raise table.key_error(
                f"`{group}` cannot be the name of an extra.",
                key,
                group,
                remedy="Use at most 64 lower-case letters, digits, `_`, `.`, `+` and `-`.",
            )
        yield group, inner


def _run_rules(rules: Rules) -> Rules:
    return replace(rules, pins=("pin-compatible",))


def _export_rules(rules: Rules, bucket: str) -> Rules:
    pins = ("pin-compatible", "pin-subpackage")
    return replace(rules, pins=pins, url=False, source="constraints" not in bucket)


def _read_section(
    tables: _Tables, table: Table | None, section: str, group: str | None, rules: Rules
) -> None:
    if table is None:
        return
    conditions = [key for key in table if looks_conditional(key)]
    plain = read_dependencies(table.without(*conditions), rules)
    if plain:
        tables.put(None, section, group, plain)
    for key in conditions:
        condition = read_condition(table, key)
        inner = table.table(key, f"`{key}`")
        tables.put(condition, section, group, read_dependencies(inner, rules))


def _read_targets(tables: _Tables, table: Table, rules: Rules) -> None:
    """The deprecated `[package.target.*]` tables, which become conditions."""
    outer = table.table("target")
    for key, target in table.tables("target", "`[package.target.{}]`"):
        assert outer is not None
        selector = check_package_selector(outer, key)
        expression = f"host_platform == '{selector}'" if _is_platform(selector) else selector
        target.allow(*_TARGET_KEYS)
        outer.warn(
            "The `[package.target]` tables are deprecated in favor of conditional dependencies.",
            key,
            remedy=f"Move what is in `[package.target.{key}]` into tables such as "
            f'`[package.run-dependencies."if({expression})"]`.',
        )
        if expression in tables.found:
            raise outer.key_error(
                f'`[package.target.{key}]` means the same as the condition "if({expression})", '
                "which is there already.",
                key,
                remedy=f'Move the dependencies into the "if({expression})" tables.',
            )
        _read_target(tables, target, expression, rules)


def _read_target(tables: _Tables, target: Table, expression: str, rules: Rules) -> None:
    tables.found.setdefault(expression, {})
    sections: tuple[tuple[str, str, Rules], ...] = (
        ("run-dependencies", "run", _run_rules(rules)),
        ("run-constraints", "run_constraints", rules),
        ("host-dependencies", "host", _run_rules(rules)),
        ("build-dependencies", "build", rules),
    )
    for key, section, section_rules in sections:
        if inner := target.table(key):
            specs: Mapping[str, Spec] = read_dependencies(inner, section_rules)
            tables.put(expression, section, None, specs)
    for group, inner in _extras(target):
        tables.put(expression, "extra", group, read_dependencies(inner, rules))


def _is_platform(selector: str) -> bool:
    return selector in SUBDIRS or selector not in ("unix", "linux", "win", "osx")
