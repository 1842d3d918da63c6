"""The tables of `pyproject.toml` that are not pixi's, as far as pixi reads them.

Follows pixi_manifest/src/toml/pyproject.rs of pixi 0.77: it refuses a manifest whose `[project]`,
`[build-system]` or `[dependency-groups]` is not what PEP 621, 518 and 735 describe.
"""

from __future__ import annotations

import re
from typing import Any

from pytest_pixipack.manifest.pypi import specifier_problem
from pytest_pixipack.manifest.reader import Table
from pytest_pixipack.spec_limits import is_too_complex

_KEYS = (
    "name", "version", "description", "readme", "requires-python", "license", "license-files",
    "authors", "maintainers", "keywords", "classifiers", "urls", "entry-points", "scripts",
    "gui-scripts", "dependencies", "optional-dependencies", "dynamic", "import-names",
    "import-namespaces",
)  # fmt: skip
_LISTS = ("license-files", "keywords", "classifiers", "dynamic", "import-names",
          "import-namespaces")  # fmt: skip
_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
# A path behind the `@`, which pixi takes and PEP 508 does not.
_AT_A_PATH = re.compile(rf"\s*{_NAME}\s*(?:\[[^\]]*\])?\s*@\s*\S.*", re.DOTALL)


def check_project(project: Table) -> None:
    """Raises `InvalidInput` where `[project]` is not what PEP 621 describes."""
    project.allow(*_KEYS, need="name")
    project.need_string("name")
    project.string("description")
    _check_version(project)
    _check_python(project)
    _check_readme(project)
    _check_license(project)
    for key in _LISTS:
        project.strings(key)
    for key in ("authors", "maintainers"):
        _check_people(project, key)
    for key in ("urls", "scripts", "gui-scripts"):
        _check_texts(project, key)
    if entry_points := project.table("entry-points"):
        for key in entry_points:
            _check_texts(entry_points, key)


def check_build_system(whole: Table) -> None:
    """Raises `InvalidInput` where `[build-system]` is not what PEP 518 describes."""
    table = whole.table("build-system", "`[build-system]`")
    if table is None:
        return
    if "requires" not in table:
        table.allow("build-backend", "backend-path", *table, need="requires")
        raise table.error(
            "`[build-system]` has no `requires`.",
            remedy='Add for example requires = ["hatchling"].',
        )
    for index, text in enumerate(table.strings("requires") or ()):
        check_requirement(table, text, "requires", index)
    table.string("build-backend")
    table.strings("backend-path")


def check_requirement(table: Table, text: str, *keys: str | int) -> str:
    """The name in a PEP 508 requirement, as written. Raises `InvalidInput` for what is none."""
    from packaging.requirements import InvalidRequirement, Requirement

    reason = "it is too long, or has too many parentheses"
    try:
        if not is_too_complex(text):
            return Requirement(text).name
    except InvalidRequirement as error:
        reason = str(error).splitlines()[0].rstrip(".")
    if _AT_A_PATH.fullmatch(text):
        return re.split(r"[\s\[@]", text.strip(), maxsplit=1)[0]
    raise table.error(
        f'"{text}" is not a requirement: {reason}.',
        *keys,
        remedy='Write for example "httpx >=0.27".',
    )


def _check_version(project: Table) -> None:
    from packaging.version import InvalidVersion, Version

    text = project.string("version")
    try:
        Version(text or "0")
    except InvalidVersion:
        text = ""
    if text == "":
        raise project.error(
            f'"{project.data["version"]}" is not a version as PEP 440 describes it.',
            "version",
            remedy='Write one such as "1.2.3" or "1.0.0rc1".',
        )


def _check_python(project: Table) -> None:
    text = project.string("requires-python")
    problem = specifier_problem(text) if text else None
    if problem is not None:
        raise project.error(
            f'"{text}" is not a version constraint: {problem}.',
            "requires-python",
            remedy='Write for example ">=3.10".',
        )


def _check_readme(project: Table) -> None:
    value = project.data.get("readme")
    if value is None or isinstance(value, str):
        return
    readme = _table_of(project, "readme", "a file's path, or a table")
    readme.allow("file", "text", "content-type")
    for key in ("file", "text", "content-type"):
        readme.string(key)


def _check_license(project: Table) -> None:
    value = project.data.get("license")
    if value is None or isinstance(value, str):
        return
    license_table = _table_of(project, "license", "an SPDX expression, or a table")
    key = "text" if "text" in license_table else "file"
    license_table.allow(key, need=key)
    license_table.need_string(key)


def _check_people(project: Table, key: str) -> None:
    for index, value in enumerate(project.array(key) or ()):
        if not isinstance(value, dict):
            raise project.wrong(key, "a table with `name` and `email`", index)
        person = Table(project.document, value, (*project.path, key, index), "a person")
        person.allow("name", "email")
        name, email = person.string("name"), person.string("email")
        if name is None and email is None:
            raise person.error("A person needs a `name` or an `email`.")


def _check_texts(table: Table, key: str) -> None:
    inner = table.table(key)
    for name in inner or ():
        assert inner is not None
        inner.need_string(name)


def _table_of(table: Table, key: str, wanted: str) -> Table:
    value: Any = table.data[key]
    if not isinstance(value, dict):
        raise table.wrong(key, wanted)
    return Table(table.document, value, (*table.path, key), f"`{key}`")
