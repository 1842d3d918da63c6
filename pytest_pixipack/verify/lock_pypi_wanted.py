"""PyPI requirements: of the manifest, and of locked packages, in one form.

Follows prefix-dev/pixi, crates/pixi_pypi_spec (pep508.rs, toml.rs) and
crates/pixi_uv_conversions (requirements.rs).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pytest_pixipack.manifest import PypiSpec
from pytest_pixipack.redaction import hidden_repr
from pytest_pixipack.spec_limits import is_too_complex
from pytest_pixipack.verify.lock_pypi_marker_tree import NotAMarker, normalised, parse_marker

_OPERATOR = re.compile(r"\s*(===|[<>=!~]=|<|>|\*)")


class NotARequirement(ValueError):
    """A requirement that cannot be read; the text is a clause for a sentence."""


@dataclass(frozen=True, slots=True)
class GitSource:
    """A repository; `kind` is `branch`, `tag`, `rev`, or empty for the default branch."""

    url: str
    kind: str = ""
    reference: str = ""
    subdirectory: str = ""
    lfs: bool = False

    def __repr__(self) -> str:
        return hidden_repr(self)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A requirement. Exactly one of `bounds`, `url`, `git` and `path` says where it comes from.

    `bounds` are PEP 440 specifiers, empty where any version will do. `spec` is the manifest's line,
    None for what a locked package (`asker`) requires.
    """

    name: str
    text: str
    bounds: str | None = None
    url: str | None = None
    git: GitSource | None = None
    path: str | None = None
    index: str | None = None
    extras: tuple[str, ...] = ()
    marker: str | None = None
    spec: PypiSpec | None = field(default=None, compare=False)
    asker: str | None = field(default=None, compare=False)

    def __repr__(self) -> str:
        return hidden_repr(self)

    @property
    def of_manifest(self) -> bool:
        """Whether the manifest asks."""
        return self.asker is None


def wanted_of(spec: PypiSpec) -> Wanted:
    """What a line of the manifest asks for. Raises `NotARequirement`."""
    value = spec.value
    if isinstance(value, dict):
        return _of_table(spec, value)
    text = str(value).strip()
    if _OPERATOR.match(text) or not text:
        bounds = "" if text == "*" else text
        check_bounds(bounds)
        return Wanted(normalised(spec.name), f"{spec.name} {text}", bounds=bounds, spec=spec)
    if normalised(re.split(r"[^A-Za-z0-9._-]", text)[0]) != normalised(spec.name):
        raise NotARequirement(f'"{text}" is not a version specifier')
    return replace(parse(text), spec=spec)


def parse(text: str, asker: str | None = None) -> Wanted:
    """A PEP 508 requirement. Raises `NotARequirement`."""
    found = _parsed(text)
    return found if asker is None else replace(found, asker=asker)


@lru_cache(maxsize=4096)
def _parsed(text: str) -> Wanted:
    from packaging.requirements import InvalidRequirement, Requirement

    if is_too_complex(text):
        raise NotARequirement("it is too long, or has too many parentheses")
    try:
        found = Requirement(text)
    except InvalidRequirement as error:
        raise NotARequirement(str(error).splitlines()[0]) from None
    source: dict[str, Any] = _located(found.url) if found.url else {"bounds": str(found.specifier)}
    return Wanted(
        name=normalised(found.name),
        text=text,
        extras=tuple(sorted(normalised(extra) for extra in found.extras)),
        marker=_checked(str(found.marker)) if found.marker is not None else None,
        **source,
    )


def check_bounds(bounds: str) -> None:
    """Raises `NotARequirement` for what are no version specifiers."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        SpecifierSet(bounds)
    except InvalidSpecifier:
        raise NotARequirement(f'"{bounds}" is not a version specifier') from None


def _of_table(spec: PypiSpec, value: dict[str, Any]) -> Wanted:
    source: dict[str, Any]
    if "path" in value:
        source = {"path": str(value["path"])}
    elif "git" in value:
        kind = next((key for key in ("branch", "tag", "rev") if value.get(key)), "")
        source = {"git": GitSource(
            str(value["git"]).removeprefix("git+"), kind, str(value.get(kind, "")) if kind else "",
            _directory(str(value.get("subdirectory") or "")), value.get("lfs") is True,
        )}  # fmt: skip
    elif "url" in value:
        source = {"url": str(value["url"])}
    else:
        text = str(value.get("version", "*")).strip()
        source = {"bounds": "" if text == "*" else text}
        if value.get("index"):
            source["index"] = str(value["index"])
        check_bounds(source["bounds"])
    extras = value.get("extras") or ()
    marker = value.get("env-markers")
    text = next((str(value[k]) for k in ("path", "git", "url", "version") if k in value), "*")
    named = f"{spec.name}[{','.join(map(str, extras))}]" if extras else spec.name
    return Wanted(
        name=normalised(spec.name),
        text=f"{named} {text}",
        extras=tuple(normalised(str(extra)) for extra in extras),
        marker=_checked(str(marker)) if marker else None,
        spec=spec,
        **source,
    )


def _checked(marker: str) -> str:
    try:
        parse_marker(marker)
    except NotAMarker as error:
        raise NotARequirement(str(error)) from None
    return marker


def _located(url: str) -> dict[str, Any]:
    """Where the URL of a requirement points: a repository, a file, a directory, an archive."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        from pytest_pixipack.file_urls import path_of_url

        return {"path": str(path_of_url(url))}
    if not parts.scheme or len(parts.scheme) == 1:
        return {"path": url}
    if not parts.scheme.startswith("git+") and not parts.path.lower().endswith(".git"):
        return {"url": url}
    options = parse_qs(parts.fragment)
    path, _, reference = parts.path.rpartition("@") if "@" in parts.path else (parts.path, "", "")
    bare = parts._replace(path=path, query="", fragment="").geturl().removeprefix("git+")
    subdirectory = _directory(options.get("subdirectory", [""])[0])
    return {"git": GitSource(bare, "rev" if reference else "", reference, subdirectory)}


def _directory(text: str) -> str:
    import posixpath

    path = posixpath.normpath(text.replace("\\", "/")) if text else ""
    return "" if path == "." else path
