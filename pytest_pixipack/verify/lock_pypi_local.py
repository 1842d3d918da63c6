"""What a local Python project or wheel says of itself, compared with the lock.

Follows prefix-dev/pixi, crates/pixi_core/src/lock_file/satisfiability/pypi_metadata.rs, and
astral-sh/uv, crates/uv-pypi-types/src/metadata/requires_dist.rs: only what `pyproject.toml` says
without running anything counts, else the lock is trusted.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pytest_pixipack.damages import UNREADABLE
from pytest_pixipack.lock import LockedPackage
from pytest_pixipack.verify.lock_pypi_marker_tree import normalised
from pytest_pixipack.verify.lock_pypi_markers import required_extra, same_meaning, without_extra
from pytest_pixipack.verify.lock_pypi_match import repository
from pytest_pixipack.verify.lock_pypi_wanted import GitSource, NotARequirement, Wanted, parse

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
# A wheel's METADATA that is larger is not looked at, in bytes.
_LIMIT = 4 << 20


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a project says: requirements, `requires-python`, and a version if it is written.

    `elsewhere` are the names of requirements of which it is not known where they come from.
    """

    requirements: tuple[Wanted, ...]
    requires_python: str | None
    version: str | None
    elsewhere: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Change:
    """What a project says now (`added`) and no longer (`removed`)."""

    field: str
    added: tuple[str, ...]
    removed: tuple[str, ...]


def read_project(directory: Path) -> Metadata | None:
    """The metadata of a directory, None where nothing certain can be read from it."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib

    try:
        text = (directory / "pyproject.toml").read_text(encoding="utf-8")
        document = tomllib.loads(text)
    except (OSError, ValueError, RecursionError):
        return None
    project = document.get("project")
    if not isinstance(project, dict) or not _is_well_formed(project):
        return None
    dynamic = _texts(project.get("dynamic", []))
    dependencies, groups = project.get("dependencies"), project.get("optional-dependencies", {})
    if dynamic is None or {"dependencies", "optional-dependencies"} & {*dynamic}:
        return None
    if dependencies is None and "poetry" in _table(document.get("tool")):
        return None
    sources = _table(_table(_table(document.get("tool")).get("uv")).get("sources"))
    return _metadata(directory, project, [] if dependencies is None else dependencies, groups,
                     {normalised(str(name)): value for name, value in sources.items()})  # fmt: skip


def _is_well_formed(project: Mapping[str, Any]) -> bool:
    """Whether uv reads the table at all; where it does not, nobody looks at it."""
    from packaging.version import InvalidVersion, Version

    groups = project.get("optional-dependencies", {})
    names = [project.get("name"), *(groups if isinstance(groups, dict) else ())]
    if not all(isinstance(name, str) and _NAME.fullmatch(name) for name in names):
        return False
    texts = [project[key] for key in ("version", "requires-python") if key in project]
    try:
        return all(isinstance(text, str) for text in texts) and (
            "version" not in project or bool(Version(project["version"]))
        )
    except InvalidVersion:
        return False


def _metadata(
    directory: Path,
    project: Mapping[str, Any],
    dependencies: object,
    groups: object,
    sources: Mapping[str, Any],
) -> Metadata | None:
    listed = _texts(dependencies)
    if listed is None or not isinstance(groups, dict):
        return None
    requirements = list(listed)
    for extra, texts in groups.items():
        of_group = _texts(texts)
        if of_group is None:
            return None
        requirements += [_with_extra(text, extra) for text in of_group]
    try:
        wanted = [parse(text) for text in requirements]
    except NotARequirement:
        return None
    if any(each.path is not None and not Path(each.path).is_absolute() for each in wanted):
        return None  # uv cannot read these without knowing what they are relative to
    located = [_located(each, sources.get(each.name), directory) for each in wanted]
    python, version = project.get("requires-python"), project.get("version")
    return Metadata(
        tuple(one if other is None else other for one, other in zip(wanted, located, strict=True)),
        python if isinstance(python, str) else None,
        version if isinstance(version, str) else None,
        frozenset(one.name for one, other in zip(wanted, located, strict=True) if other is None),
    )


def _located(wanted: Wanted, source: object, directory: Path) -> Wanted | None:
    """A requirement at the place that `[tool.uv.sources]` gives it, None where that is unknown."""
    if source is None:
        return wanted
    if not isinstance(source, dict) or {"marker", "extra", "group", "workspace"} & set(source):
        return None
    bare = replace(wanted, bounds=None, url=None, git=None, path=None)
    subdirectory = str(source.get("subdirectory") or "")
    if "path" in source:
        text = f"{wanted.name} @ {source['path']}"
        return replace(bare, path=os.path.normpath(directory / str(source["path"])), text=text)
    if "git" in source:
        at = next((str(source[key]) for key in ("rev", "tag", "branch") if key in source), "")
        git = GitSource(str(source["git"]), "rev" if at else "", at, subdirectory)
        return replace(bare, git=git, text=f"{wanted.name} @ git+{git.url}")
    if "url" in source:
        url = str(source["url"])
        return replace(bare, url=url, text=f"{wanted.name} @ {url}") if not subdirectory else None
    return wanted


def changes(package: LockedPackage, now: Metadata, root: Path) -> Iterator[Change]:
    """How the lock of the workspace in `root` differs from what the project says."""
    assert package.pypi is not None
    name = normalised(package.name)
    try:
        locked = [parse(text) for text in package.pypi.requires_dist]
    except NotARequirement:
        return
    then, current = (
        [_comparable(each, now.elsewhere, root) for each in _expanded(list(some), name)]
        for some in (locked, now.requirements)
    )
    added = _missing(current, then)
    removed = _missing(then, current)
    if added or removed:
        yield Change("requires_dist", added, removed)
    if _specifiers(package.pypi.requires_python) != _specifiers(now.requires_python):
        yield Change(
            "requires_python",
            (now.requires_python or "any Python",),
            (package.pypi.requires_python or "any Python",),
        )


def read_wheel(path: Path) -> Metadata | None:
    """The metadata inside a wheel, None where it cannot be read."""
    import zipfile
    from email.parser import HeaderParser

    try:
        with zipfile.ZipFile(path) as archive:
            names = [n for n in archive.namelist() if n.endswith(".dist-info/METADATA")]
            if len(names) != 1 or archive.getinfo(names[0]).file_size > _LIMIT:
                return None
            text = archive.read(names[0]).decode("utf-8", "replace")
    except UNREADABLE:
        return None
    headers = HeaderParser().parsestr(text)
    try:
        wanted = tuple(parse(str(text)) for text in headers.get_all("Requires-Dist") or ())
    except NotARequirement:
        return None
    return Metadata(wanted, headers.get("Requires-Python"), headers.get("Version"))


def _comparable(wanted: Wanted, elsewhere: frozenset[str], root: Path) -> Wanted:
    if wanted.name in elsewhere:
        return replace(wanted, bounds="", url=None, git=None, path=None)
    if wanted.path is not None:
        return replace(wanted, path=os.path.normpath(root / wanted.path))
    if wanted.git is not None:
        return replace(wanted, git=replace(wanted.git, url=repository(wanted.git.url)))
    return wanted


def _expanded(requirements: list[Wanted], name: str) -> list[Wanted]:
    """The requirements with those on extras of the package itself replaced by what they mean."""
    found: list[Wanted] = []

    def expand(wanted: Wanted, through: frozenset[str]) -> None:
        if wanted.name != name:
            found.append(wanted)
            return
        for extra in wanted.extras:
            if extra in through:
                continue
            for child in requirements:
                if required_extra(child.marker) == extra:
                    marker = without_extra(child.marker, extra, wanted.marker)
                    expand(replace(child, marker=marker), through | {extra})

    for requirement in requirements:
        expand(requirement, frozenset())
    return found


def _missing(these: Iterable[Wanted], those: list[Wanted]) -> tuple[str, ...]:
    """The requirements of the first that the second has not."""
    known: dict[object, list[str | None]] = {}
    for wanted in those:
        known.setdefault(_key(wanted), []).append(wanted.marker)
    # An extra that another one brings in is expanded to the same requirement twice.
    return tuple(dict.fromkeys(
        wanted.text
        for wanted in these
        if not any(same_meaning(wanted.marker, other) for other in known.get(_key(wanted), ()))
    ))  # fmt: skip


def _key(wanted: Wanted) -> object:
    bounds = _specifiers(wanted.bounds, exact=True)
    return (wanted.name, wanted.extras, bounds, wanted.url, wanted.git, wanted.path)


def _specifiers(text: str | None, exact: bool = False) -> object:
    """Specifiers without regard to order; `exact` tells `1` from `1.0`."""
    if text is None:
        return None
    from packaging.specifiers import InvalidSpecifier, SpecifierSet
    from packaging.version import InvalidVersion, Version

    found = []
    try:
        for each in SpecifierSet(text):
            star = each.version.endswith(".*")
            version = Version(each.version.removesuffix(".*"))
            found.append((each.operator, str(version) if exact else version, star))
    except (InvalidSpecifier, InvalidVersion):
        return text
    return tuple(sorted(found, key=str)) if exact else frozenset(found)


def _with_extra(text: str, extra: str) -> str:
    requirement, mark, marker = text.partition(";")
    name = normalised(extra)
    both = f"({marker.strip()}) and extra == '{name}'" if mark else f"extra == '{name}'"
    return f"{requirement.strip()} ; {both}"


def _texts(value: object) -> list[str] | None:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return list(value)
    return None


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
