"""What `pyproject.toml` says outside `[tool.pixi]`: name, version, Python, PyPI dependencies.

Follows pixi_manifest/src/pyproject.rs of pixi 0.77.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pytest_pixipack.manifest.model import Feature, FeatureTarget, PypiSpec
from pytest_pixipack.manifest.project import (
    check_build_system,
    check_project,
    check_requirement,
)
from pytest_pixipack.manifest.pypi import normalised
from pytest_pixipack.manifest.reader import Document, Table
from pytest_pixipack.manifest.spec import Spec
from pytest_pixipack.manifest.versions import NotAVersion, check_version, check_version_spec
from pytest_pixipack.toml_positions import did_you_mean


def project_table(document: Document, data: Mapping[str, Any]) -> Table | None:
    """The `[project]` table, or None."""
    return Table(document, dict(data), (), "pyproject.toml").table("project", "`[project]`")


def project_defaults(document: Document, data: Mapping[str, Any]) -> dict[str, Any]:
    """Name, version, description and authors, from `[project]`, else from `[tool.poetry]`."""
    whole = Table(document, dict(data), (), "pyproject.toml")
    check_build_system(whole)
    project = project_table(document, data)
    tool = whole.table("tool")
    poetry = tool.table("poetry") if tool is not None else None
    defaults: dict[str, Any] = {}
    if project is not None:
        check_project(project)
        defaults["name"] = project.need_string("name")
        defaults["description"] = project.string("description")
        defaults["version"] = _version(project)
        defaults["authors"] = _authors(project)
    if poetry is not None:
        defaults["name"] = defaults.get("name") or poetry.string("name")
        defaults["version"] = defaults.get("version") or _version(poetry)
        defaults["description"] = defaults.get("description") or poetry.string("description")
        defaults["authors"] = defaults.get("authors") or poetry.strings("authors")
    return defaults


def implicit_features(document: Document, data: Mapping[str, Any]) -> dict[str, list[PypiSpec]]:
    """Requirements by feature: `[project] dependencies` are those of the default feature, each
    group of optional dependencies and each dependency group has a feature of its own name."""
    found: dict[str, list[PypiSpec]] = {}
    groups = Groups.of(document, data)
    for extra in groups.extras or ():
        found[extra] = groups.extra(extra, ())
    for group in groups.groups or ():
        found[group] = groups.group(group, ())
    project = project_table(document, data)
    if project is not None and "dependencies" in project:
        texts = enumerate(project.strings("dependencies") or ())
        own = [_requirement(project, text, "dependencies", index) for index, text in texts]
        found.setdefault("default", []).extend(own)
    return found


def add_requirements(feature: Feature, requirements: list[PypiSpec]) -> Feature:
    """The feature with these PyPI dependencies beside its own."""
    target = feature.targets.get(None, FeatureTarget())
    specs = dict(target.pypi_dependencies)
    for requirement in requirements:
        specs[requirement.name] = (*specs.get(requirement.name, ()), requirement)
    targets = {**feature.targets, None: replace(target, pypi_dependencies=specs)}
    return replace(feature, targets=targets)


def add_python(feature: Feature, document: Document, data: Mapping[str, Any]) -> Feature:
    """The default feature with `python`, as `requires-python` has it, unless it has it already."""
    target = feature.targets.get(None, FeatureTarget())
    if "python" in target.dependencies:
        return feature
    python = Spec(
        name="python",
        version=_requires_python(document, data),
        written_name="python",
        position=document.at("project", "requires-python"),
    )
    dependencies = {**target.dependencies, "python": python}
    targets = {**feature.targets, None: replace(target, dependencies=dependencies)}
    return replace(feature, targets=targets)


def _requires_python(document: Document, data: Mapping[str, Any]) -> str:
    project = project_table(document, data)
    text = project.string("requires-python") if project is not None else None
    if project is None or text is None:
        return "*"
    text = re.sub(r"\s+", "", text)
    try:
        return check_version_spec(text.removeprefix("=="))[0]
    except NotAVersion as error:
        raise project.error(
            f'"{text}" is not a version constraint: {error}.', "requires-python"
        ) from None


def _version(table: Table) -> str | None:
    text = table.string("version")
    try:
        return check_version(text) if text is not None else None
    except NotAVersion:
        return None  # a PEP 440 version that conda does not know; pixi ignores it too


def _authors(project: Table) -> tuple[str, ...] | None:
    authors = project.array("authors")
    if authors is None:
        return None
    found = []
    for author in authors:
        name, email = author.get("name"), author.get("email")
        found.append(f"{name} <{email}>" if name and email else str(name or email))
    return tuple(found)


def _requirement(table: Table, text: str, key: str, index: int) -> PypiSpec:
    name = check_requirement(table, text, key, index)
    return PypiSpec(normalised(name), text, table.at(key, index))


@dataclass(frozen=True, slots=True)
class Groups:
    """Optional dependencies and dependency groups (PEP 735), which include one another.

    An extra of the project itself (`this[test]`) stands for the requirements of that extra.
    """

    project: str | None
    extras: Table | None
    groups: Table | None

    @classmethod
    def of(cls, document: Document, data: Mapping[str, Any]) -> Groups:
        """Those of a `pyproject.toml`."""
        project = project_table(document, data)
        name = project.string("name") if project is not None else None
        whole = Table(document, dict(data), (), "pyproject.toml")
        return cls(
            # As it is written: pixi takes `my-app[x]` for another project where this is `My_App`.
            name,
            project.table("optional-dependencies") if project is not None else None,
            whole.table("dependency-groups", "`[dependency-groups]`"),
        )

    def extra(self, name: str, through: tuple[str, ...]) -> list[PypiSpec]:
        """The requirements of an extra with those that it includes."""
        assert self.extras is not None
        found: list[PypiSpec] = []
        for index, text in enumerate(self.extras.strings(name) or ()):
            own = _requirement(self.extras, text, name, index)
            found += self._expanded(own, self.extras, (name, index), (*through, f"extra {name}"))
        return found

    def group(self, name: str, through: tuple[str, ...]) -> list[PypiSpec]:
        """The requirements of a dependency group with those that it includes."""
        assert self.groups is not None
        found: list[PypiSpec] = []
        here = (*through, f"group {name}")
        for index, entry in enumerate(self.groups.array(name) or ()):
            if isinstance(entry, str):
                own = _requirement(self.groups, entry, name, index)
                found += self._expanded(own, self.groups, (name, index), here)
            elif isinstance(entry, dict):
                found += self.group(self._included(name, index, entry, here), here)
            else:
                wanted = "a requirement or { include-group = ... }"
                raise self.groups.wrong(name, wanted, index)
        return found

    def _included(
        self, name: str, index: int, entry: dict[str, Any], through: tuple[str, ...]
    ) -> str:
        assert self.groups is not None
        path = (*self.groups.path, name, index)
        include = Table(self.groups.document, entry, path, "an entry of a dependency group")
        include.allow("include-group", need="include-group")
        other = include.need_string("include-group")
        if other not in self.groups:
            raise include.error(
                f"`{name}` includes the dependency group `{other}`, but there is none.",
                "include-group",
                remedy=did_you_mean(other, self.groups) or f"Add `{other}`, or remove this.",
            )
        if f"group {other}" in through:
            raise include.error(f"`{name}` and `{other}` include each other.", "include-group")
        return other

    def _expanded(
        self, own: PypiSpec, table: Table, keys: tuple[str, int], through: tuple[str, ...]
    ) -> list[PypiSpec]:
        wanted = _extras_of(own.value) if own.name == self.project else ()
        if own.name != self.project:
            return [own]
        found: list[PypiSpec] = []
        for extra in wanted:
            names = {normalised(name): name for name in self.extras or ()}
            name = names.get(normalised(extra))
            if name is None:
                raise table.error(
                    f"The project has no optional dependencies `{extra}`.",
                    *keys,
                    remedy=did_you_mean(extra, names.values()) or f"Add `{extra}`.",
                )
            if f"extra {name}" in through:
                raise table.error(f"`{extra}` includes itself.", *keys)
            found += self.extra(name, through)
        return found


def _extras_of(requirement: str) -> tuple[str, ...]:
    found = re.match(r"[^\[;@]*\[([^\]]*)\]", requirement)
    parts = found[1].split(",") if found else []
    return tuple(part.strip() for part in parts if part.strip())
