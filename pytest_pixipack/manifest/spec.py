"""Dependencies: what one entry of a dependency table means.

Rules and their reasons are pixi's: pixi_spec/src/toml.rs (fields, combinations),
pixi_manifest/src/utils/inheritable_package_map.rs (`workspace = true`, pins).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Literal

from pytest_pixipack.manifest.model import Position
from pytest_pixipack.redaction import hidden_repr

SpecKind = Literal["version", "path", "git", "url", "pin-compatible", "pin-subpackage"]

ARCHIVE_SUFFIXES = (".conda", ".tar.bz2")


@dataclass(frozen=True, slots=True)
class Pin:
    """`pin-compatible` or `pin-subpackage`: bounds are `x.x` expressions or versions, or None.

    Where the manifest names no bound, `x.x.x.x.x.x` and `x` apply, as in rattler-build.
    """

    lower_bound: str | None = "x.x.x.x.x.x"
    upper_bound: str | None = "x"
    exact: bool = False
    build: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """One dependency. `name` is normalised (lower case); `version` is as pixi writes it.

    `path` is as written, relative to the directory of the manifest in which the entry stands (a
    path inherited from the workspace is already relative to the inheriting package). `when` is a
    condition in matchspec syntax.
    """

    name: str
    kind: SpecKind = "version"
    version: str | None = None
    build: str | None = None
    build_number: str | None = None
    channel: str | None = None
    subdir: str | None = None
    file_name: str | None = None
    md5: str | None = None
    sha256: str | None = None
    license: str | None = None
    license_family: str | None = None
    extras: tuple[str, ...] | None = None
    flags: tuple[str, ...] | None = None
    track_features: tuple[str, ...] | None = None
    when: str | None = None
    path: str | None = None
    url: str | None = None
    git: str | None = None
    branch: str | None = None
    tag: str | None = None
    rev: str | None = None
    lfs: bool | None = None
    subdirectory: str | None = None
    pin: Pin | None = None
    written_name: str = field(default="", compare=False)
    position: Position = field(compare=False)

    def __repr__(self) -> str:
        return hidden_repr(self)

    @property
    def is_source(self) -> bool:
        """Whether this asks for a package that is built from source."""
        location = self.path if self.kind == "path" else self.url
        if self.kind in ("path", "url"):
            return not (location or "").endswith(ARCHIVE_SUFFIXES)
        return self.kind == "git"

    def match_spec(self) -> str:
        """The dependency as pixi writes it in a lock's `depends`: `libz >=1`, `lib`.

        A source dependency without a version is its bare name. The order of the bracketed fields
        is that of rattler_conda_types (match_spec/mod.rs, Display).
        """
        text = self.name
        if self.channel is not None:
            text = f"{self.channel}{f'/{self.subdir}' if self.subdir else ''}::{text}"
        elif self.subdir is not None:
            text = f"::{text}"
        if self.version is not None:
            text += f" {self.version}"
        elif self.build is not None:
            text += " *"
        if self.build is not None:
            text += f" {self.build}"
        fields = self.bracketed_fields()
        return f"{text}[{', '.join(fields)}]" if fields else text

    def bracketed_fields(self) -> list[str]:
        """The `key=value` texts that stand in brackets behind name, version and build."""
        fields = []
        if self.extras is not None:
            fields.append(f"extras=[{', '.join(self.extras)}]")
        if self.flags is not None:
            fields.append(f"flags=[{', '.join(self.flags)}]")
        quoted: dict[str, Any] = {
            "md5": self.md5 if self.kind == "version" else None,
            "sha256": self.sha256 if self.kind == "version" else None,
            "build_number": self.build_number,
            "fn": self.file_name,
            "license": self.license,
            "license_family": self.license_family,
            "track_features": " ".join(self.track_features) if self.track_features else None,
            "when": re.sub(r'(["\\])', r"\\\1", self.when) if self.when else None,
        }
        return fields + [f'{key}="{value}"' for key, value in quoted.items() if value is not None]
