"""What one layer says of one package: the common currency of lock, artifact, pack and prefix.

Every layer turns its own format into `PackageFacts`; rules, comparisons and matchers only ever see
these. A layer that does not know a thing leaves it `None` (a partial source record in a lock, for
example, has no version).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pytest_pixipack.redaction import hidden_repr

PackageKind = Literal["binary", "source", "pypi"]
FileKind = Literal["file", "link", "directory"]
VariantValue = str | int | bool


@dataclass(frozen=True, slots=True)
class FileFacts:
    """One file of a package, as recorded or as found.

    `path` is relative to the prefix with `/`; `size` is in bytes; `target` is that of a symbolic
    link; `placeholder` is the prefix that has to be replaced on installation.
    """

    path: str
    kind: FileKind = "file"
    sha256: str | None = None
    size: int | None = None
    executable: bool = False
    target: str | None = None
    placeholder: str | None = None
    placeholder_mode: Literal["text", "binary"] | None = None


@dataclass(frozen=True, slots=True)
class RunExports:
    """The dependencies that a package hands on to what is built with it (conda CEP 12)."""

    weak: tuple[str, ...] = ()
    strong: tuple[str, ...] = ()
    noarch: tuple[str, ...] = ()
    weak_constrains: tuple[str, ...] = ()
    strong_constrains: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> RunExports:
        """Reads `run_exports.json`, or the list form that means `weak`."""
        return cls(**{name: tuple(value.get(name) or ()) for name in RUN_EXPORT_KINDS})

    def to_json(self) -> dict[str, list[str]]:
        """Only the kinds that export something, in conda's spelling."""
        return {name: list(getattr(self, name)) for name in RUN_EXPORT_KINDS if getattr(self, name)}

    def __bool__(self) -> bool:
        return any(getattr(self, name) for name in RUN_EXPORT_KINDS)


RUN_EXPORT_KINDS = ("weak", "strong", "noarch", "weak_constrains", "strong_constrains")


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageFacts:
    """One package in one layer.

    Sequences keep the layer's order; `timestamp` is in milliseconds since the epoch.
    """

    name: str
    kind: PackageKind = "binary"
    version: str | None = None
    build: str | None = None
    build_number: int | None = None
    subdir: str | None = None
    noarch: str | None = None
    depends: tuple[str, ...] = ()
    constrains: tuple[str, ...] = ()
    extra_depends: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    run_exports: RunExports | None = None
    track_features: tuple[str, ...] = ()
    features: str | None = None
    flags: tuple[str, ...] = ()
    license: str | None = None
    license_family: str | None = None
    purls: tuple[str, ...] | None = None
    timestamp: int | None = None
    sha256: str | None = None
    md5: str | None = None
    size: int | None = None
    file_name: str | None = None
    url: str | None = None
    channel: str | None = None
    python_site_packages_path: str | None = None
    variants: Mapping[str, VariantValue] = field(default_factory=dict)
    files: Mapping[str, FileFacts] | None = None

    def __repr__(self) -> str:
        return hidden_repr(self)

    @property
    def is_source(self) -> bool:
        """Whether this is a package that is built from source."""
        return self.kind == "source"

    @property
    def dist(self) -> str:
        """`name-version-build`, with `?` for what is not known."""
        return f"{self.name}-{self.version or '?'}-{self.build or '?'}"

    @classmethod
    def from_index(cls, index: Mapping[str, Any], **more: Any) -> PackageFacts:
        """Facts from `index.json`, a repodata record or a conda-meta record (same field names).

        `more` overrides or adds fields. Raises `KeyError` where the name is missing and `TypeError`
        for a value of another type than the field has.
        """
        _check_types(index)
        features = index.get("track_features") or ()
        known: dict[str, Any] = {
            "name": index["name"],
            "version": _text(index.get("version")),
            "build": index.get("build"),
            "build_number": index.get("build_number"),
            "subdir": index.get("subdir"),
            "noarch": _noarch(index.get("noarch")),
            "depends": tuple(index.get("depends") or ()),
            "constrains": tuple(index.get("constrains") or ()),
            "extra_depends": {k: tuple(v) for k, v in (index.get("extra_depends") or {}).items()},
            "track_features": tuple(features.split() if isinstance(features, str) else features),
            "features": index.get("features"),
            "flags": tuple(index.get("flags") or ()),
            "license": index.get("license"),
            "license_family": index.get("license_family"),
            "purls": tuple(index["purls"]) if index.get("purls") is not None else None,
            "timestamp": index.get("timestamp"),
            "sha256": index.get("sha256"),
            "md5": index.get("md5"),
            "size": index.get("size"),
            "file_name": index.get("fn"),
            "url": index.get("url"),
            "channel": index.get("channel"),
            "python_site_packages_path": index.get("python_site_packages_path"),
        }
        return cls(**{**known, **more})


_TEXTS = (
    "name", "build", "subdir", "features", "license_family", "sha256", "md5", "fn",
    "python_site_packages_path",
)  # fmt: skip
_NUMBERS = ("build_number", "timestamp", "size")
_LISTS = ("depends", "constrains", "flags", "purls")


def _check_types(index: Mapping[str, Any]) -> None:
    def wrong(key: str, wanted: str) -> TypeError:
        return TypeError(f"`{key}` is not {wanted}")

    for key in _TEXTS:
        if not isinstance(index.get(key), str | None):
            raise wrong(key, "text")
    for key in _NUMBERS:
        value = index.get(key)
        if not isinstance(value, int | None) or isinstance(value, bool):
            raise wrong(key, "a number")
    for key in _LISTS:
        value = index.get(key)
        if value is None:
            continue
        if not isinstance(value, list | tuple) or not all(isinstance(v, str) for v in value):
            raise wrong(key, "a list of texts")
    # Old packages have versions that YAML took for numbers.
    if not isinstance(index.get("version"), str | int | float | None):
        raise wrong("version", "text")


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _noarch(value: object) -> str | None:
    # Old packages say `noarch: true`, which means generic.
    if value is True:
        return "generic"
    return str(value) if value else None
