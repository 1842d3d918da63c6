"""`[pypi-dependencies]` and `[pypi-options]`.

Follows pixi_pypi_spec/src/toml.rs and pixi_manifest/src/toml/pypi_options.rs of pixi 0.77. The
values are kept as they are written; this says whether they can be used.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pytest_pixipack.manifest.model import PypiSpec
from pytest_pixipack.manifest.reader import Table
from pytest_pixipack.manifest.texts import subdirectory_problem
from pytest_pixipack.spec_limits import is_too_complex

_KEYS = (
    "version", "extras", "path", "editable", "git", "branch", "tag", "rev", "lfs", "url",
    "subdirectory", "index", "env-markers",
)  # fmt: skip
_OPTIONS = (
    "index-url", "extra-index-urls", "find-links", "no-build-isolation", "index-strategy",
    "prerelease-mode", "no-build", "dependency-overrides", "no-binary",
    "skip-wheel-filename-check",
)  # fmt: skip
_STRATEGIES = ("first-index", "unsafe-first-match", "unsafe-best-match")
_PRERELEASES = ("disallow", "allow", "if-necessary", "explicit", "if-necessary-or-explicit")
# What the features of one environment cannot say differently (pypi_options.rs, union).
_SINGLE = ("index-url", "index-strategy", "prerelease-mode", "skip-wheel-filename-check")
# pixi also takes the empty one.
_NAME = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)?")
_PLAIN = re.compile(r"\*|(?:(?:>=|<=|==|!=|>|<) ?\d+(?:\.\d+)*(?:, ?(?=.)|$))+")


def normalised(name: str) -> str:
    """A PyPI name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read_pypi_dependencies(
    table: Table, key: str = "pypi-dependencies"
) -> dict[str, tuple[PypiSpec, ...]]:
    """A table of PyPI dependencies. Raises `InvalidInput`."""
    inner = table.table(key)
    specs: dict[str, tuple[PypiSpec, ...]] = {}
    for name in inner or ():
        assert inner is not None
        check_pypi_name(inner, name)
        _check_dependency(inner, name)
        specs[normalised(name)] = (PypiSpec(normalised(name), inner.data[name], inner.at(name)),)
    return specs


def check_pypi_name(table: Table, key: str) -> None:
    """Raises `InvalidInput` for a key that cannot be the name of a PyPI package."""
    if not _NAME.fullmatch(key):
        raise table.key_error(
            f"`{key}` is not the name of a PyPI package.",
            key,
            remedy="Names hold only letters, digits, `-`, `_` and `.`, and begin and end with a "
            "letter or digit.",
        )


def read_pypi_options(table: Table) -> Mapping[str, Any] | None:
    """`pypi-options` of the workspace, the manifest or a feature. Raises `InvalidInput`."""
    options = table.table("pypi-options")
    if options is None:
        return None
    options.allow(*_OPTIONS)
    options.url("index-url")
    options.urls("extra-index-urls")
    options.choice("index-strategy", _STRATEGIES)
    options.choice("prerelease-mode", _PRERELEASES)
    options.boolean("skip-wheel-filename-check")
    for key in ("no-build-isolation", "no-build", "no-binary"):
        _check_names(options, key)
    _check_find_links(options)
    read_pypi_dependencies(options, "dependency-overrides")
    return options.data


def contradiction(options: Sequence[Mapping[str, Any] | None]) -> str | None:
    """The option that these say differently, as a sentence, or None."""
    for key in _SINGLE:
        values = [found[key] for found in options if found is not None and key in found]
        for value in values[1:]:
            if value != values[0]:
                return (
                    f"The features of this environment say `{key}` differently, "
                    f"`{values[0]}` and `{value}`."
                )
    return None


def _check_dependency(table: Table, key: str) -> None:
    value = table.data[key]
    if isinstance(value, str):
        _check_version(table, key)
        return
    if not isinstance(value, dict):
        raise table.wrong(key, 'a version such as ">=1.2", or a table')
    entry = Table(table.document, value, (*table.path, key), f"the PyPI dependency `{key}`")
    entry.allow(*_KEYS)
    _check_version(entry, "version")
    for name in ("path", "branch", "tag", "rev"):
        entry.string(name)
    for name in ("editable", "lfs"):
        entry.boolean(name)
    for name in ("git", "url", "index"):
        entry.url(name)
    _check_extras(entry)
    _check_markers(entry)
    _check_combinations(entry)
    _check_subdirectory(entry)


def _check_version(table: Table, key: str) -> None:
    text = table.string(key)
    if text is None or not text or _PLAIN.fullmatch(text):
        return
    problem = specifier_problem(text)
    if problem is not None:
        raise table.error(
            f'"{text}" is not a version constraint of PyPI: {problem}.',
            key,
            remedy=_version_remedy(text),
        )


def specifier_problem(text: str) -> str | None:
    """What keeps a text from being a PEP 440 constraint, or None."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet
    from packaging.version import InvalidVersion, Version

    try:
        specifiers = SpecifierSet(text)
        for specifier in specifiers:
            if specifier.operator == "===":
                Version(specifier.version)
    except (InvalidSpecifier, InvalidVersion):
        return "each part is an operator and a version"
    parts = text.split(",")
    if text and not all(part.strip() for part in parts):
        return "there is nothing beside a comma" if len(parts) > 1 else "it is blank"
    return None


def _version_remedy(text: str) -> str:
    if text.startswith(("/", ".", "\\", "~/")):
        return f'Write `{{ path = "{text}" }}` for a package in a directory.'
    if "git" in text:
        return f'Write `{{ git = "{text}" }}` for a package in a Git repository.'
    if "://" in text:
        return f'Write `{{ url = "{text}" }}` for a package at a URL.'
    if re.fullmatch(r"\d+(\.\d+)*(\.\*)?", text):
        return f'Write "=={text}", or a range such as ">={text.removesuffix(".*")}".'
    return 'Write a constraint such as ">=1.2,<2", "==1.2.*" or "*".'


def _check_extras(entry: Table) -> None:
    for index, extra in enumerate(entry.strings("extras") or ()):
        if not _NAME.fullmatch(extra):
            raise entry.error(f"`{extra}` is not the name of an extra.", "extras", index)


def _check_markers(entry: Table) -> None:
    text = entry.string("env-markers")
    if text is None:
        return
    from packaging.markers import InvalidMarker, Marker

    reason = "it is too long, or has too many parentheses" if is_too_complex(text) else None
    try:
        _ = reason or Marker(text)
    except InvalidMarker as error:
        reason = str(error).splitlines()[0].rstrip(".")
    # `packaging` also reads what only locks of PEP 751 have.
    bare = re.sub(r"'[^']*'|\"[^\"]*\"", "", text)
    if found := re.search(r"\b(?:extras|dependency_groups)\b|===", bare):
        reason = f"`{found[0]}` is unknown"
    if reason is not None:
        raise entry.error(
            f'"{text}" is not an environment marker: {reason}.',
            "env-markers",
            remedy="Write for example \"python_version >= '3.10'\".",
        )


def _check_combinations(entry: Table) -> None:
    for key in ("branch", "rev", "tag", "lfs"):
        if key in entry and "git" not in entry:
            raise entry.error(
                f"`{key}` needs `git` beside it.", remedy=f"Add `git`, or remove `{key}`."
            )
    revisions = [key for key in ("branch", "rev", "tag") if key in entry]
    if len(revisions) > 1:
        raise entry.error(
            "Only one of `branch`, `rev` and `tag` can be given.",
            remedy=f"Keep `{revisions[0]}` or `{revisions[1]}`.",
        )
    places = [key for key in ("git", "path", "url") if key in entry]
    more = [key for key in ("version", "index") if key in entry and places]
    if len(places) > 1 or more:
        listed = " and ".join(f"`{key}`" for key in (*places, *more))
        raise entry.error(
            f"A PyPI dependency comes from one place, but this says {listed}.",
            remedy="Keep one of `version`, `path`, `git` and `url`; `index` goes with `version`.",
        )


def _check_subdirectory(entry: Table) -> None:
    text = entry.string("subdirectory")
    # Only these use it; elsewhere pixi passes over it.
    if text is None or not ("git" in entry or "url" in entry):
        return
    if problem := subdirectory_problem(text):
        raise entry.error(f"The `subdirectory` cannot be used: {problem}.")


def _check_names(options: Table, key: str) -> None:
    value = options.data.get(key)
    if value is None or isinstance(value, bool):
        return
    if not isinstance(value, list):
        raise options.wrong(key, "true, false or a list of packages")
    for index, name in enumerate(options.strings(key) or ()):
        if not _NAME.fullmatch(name):
            raise options.error(f"`{name}` is not the name of a PyPI package.", key, index)


def _check_find_links(options: Table) -> None:
    for index, value in enumerate(options.array("find-links") or ()):
        if not isinstance(value, dict):
            raise options.wrong("find-links", "a table with `path` or `url`", index)
        path = (*options.path, "find-links", index)
        entry = Table(options.document, value, path, "an entry of `find-links`")
        if "path" in entry and "url" in entry:
            raise entry.error("An entry of `find-links` is a `path` or a `url`, not both.")
        if "path" not in entry and "url" not in entry:
            raise entry.error(
                "An entry of `find-links` needs a `path` or a `url`.",
                remedy='Write for example { path = "wheels" }.',
            )
        entry.string("path")
        entry.url("url")
