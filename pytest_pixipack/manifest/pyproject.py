"""What `pyproject.toml` says outside `[tool.pixi]`: name, version, Python, PyPI dependencies.

Follows pixi_manifest/src/pyproject.rs of pixi 0.77.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pytest_pixipack.manifest.model import Feature, FeatureTarget, PypiSpec
from pytest_pixipack.manifest.reader import Document, Table
from pytest_pixipack.manifest.spec import Spec
from pytest_pixipack.manifest.versions import NotAVersion, check_version, check_version_spec

# pixi refuses other keys of `[project]` (pixi_manifest/src/toml/pyproject.rs, TomlProject).
_PROJECT_KEYS = (
    "name", "version", "description", "readme", "requires-python", "license", "license-files",
    "authors", "maintainers", "keywords", "classifiers", "urls", "entry-points", "scripts",
    "gui-scripts", "dependencies", "optional-dependencies", "dynamic", "import-names",
    "import-namespaces",
)  # fmt: skip


def project_table(document: Document, data: Mapping[str, Any]) -> Table | None:
    """The `[project]` table, or None."""
    return Table(document, dict(data), (), "pyproject.toml").table("project", "`[project]`")


def project_defaults(document: Document, data: Mapping[str, Any]) -> dict[str, Any]:
    """Name, version, description and authors, from `[project]`, else from `[tool.poetry]`."""
    project = project_table(document, data)
    tool = Table(document, dict(data), (), "pyproject.toml").table("tool")
    poetry = tool.table("poetry") if tool is not None else None
    defaults: dict[str, Any] = {}
    if project is not None:
        project.allow(*_PROJECT_KEYS)
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
    project = project_table(document, data)
    if project is not None:
        if optional := project.table("optional-dependencies"):
            for group in optional:
                found[group] = _requirements(optional, group)
        if "dependencies" in project:
            found.setdefault("default", []).extend(_requirements(project, "dependencies"))
    whole = Table(document, dict(data), (), "pyproject.toml")
    if groups := whole.table("dependency-groups", "`[dependency-groups]`"):
        for group in groups:
            found[group] = _group(groups, group, ())
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
    for index, author in enumerate(authors):
        if not isinstance(author, dict):
            raise project.wrong("authors", "a table with `name` and `email`", index)
        name, email = author.get("name"), author.get("email")
        found.append(f"{name} <{email}>" if name and email else str(name or email))
    return tuple(found)


def _requirements(table: Table, key: str) -> list[PypiSpec]:
    return [_requirement(table, text, key, i) for i, text in enumerate(table.strings(key) or ())]


def _requirement(table: Table, text: str, key: str, index: int) -> PypiSpec:
    found = re.match(r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)", text)
    if found is None or not _is_requirement(text):
        raise table.error(
            f'"{text}" is not a requirement.',
            key,
            index,
            remedy='Write for example "httpx >=0.27".',
        )
    name = re.sub(r"[-_.]+", "-", found[1]).lower()
    return PypiSpec(name, text, table.at(key, index))


def _is_requirement(text: str) -> bool:
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        Requirement(text)
    except InvalidRequirement:
        return "@" in text  # pixi also takes paths there
    return True


def _group(groups: Table, name: str, through: tuple[str, ...]) -> list[PypiSpec]:
    """A dependency group with those that it includes (PEP 735)."""
    found = []
    for index, entry in enumerate(groups.array(name) or ()):
        if isinstance(entry, str):
            found.append(_requirement(groups, entry, name, index))
        elif isinstance(entry, dict) and set(entry) == {"include-group"}:
            other = entry["include-group"]
            if other not in groups or other in (*through, name):
                problem = "in a circle" if other in groups else "but there is none"
                raise groups.error(
                    f"`{name}` includes the dependency group `{other}`, {problem}.", name, index
                )
            found += _group(groups, other, (*through, name))
        else:
            raise groups.wrong(name, "a requirement or { include-group = ... }", index)
    return found
