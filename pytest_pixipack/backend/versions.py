"""Which version of the pixi-build API which pixi speaks, and what to do about others.

The one table of it. `tools/check_build_api.py` compares it, and the field names of `schema`, with a
checkout of pixi (crates/pixi_build_types/src/lib.rs).

The policy: fields that are not known are kept and shown (`schema.unknown_fields`), never dropped; a
version that is not known is `Unsupported`, and the error names those that are.
"""

from __future__ import annotations

from dataclasses import dataclass

from pytest_pixipack.errors import Unsupported

PACKAGE_NAME = "pixi-build-api-version"


@dataclass(frozen=True, slots=True)
class ApiVersion:
    """One version; `first_pixi` spoke it first (None: not known), `breaking` as pixi calls it."""

    number: int
    first_pixi: str | None
    change: str
    breaking: bool = False


API_VERSIONS = (
    ApiVersion(1, None, "`conda/outputs` and `conda/build_v1`"),
    ApiVersion(2, None, "the name in a project model can be null"),
    ApiVersion(3, "0.60", "outputs of one name need different variants"),
    ApiVersion(4, "0.63", "match spec fields of source dependencies", breaking=True),
    ApiVersion(
        5, "0.71", "match specs of `conda/build_v1` as objects, extra groups, `if()`", breaking=True
    ),
    ApiVersion(6, "0.76", "run exports in the targets of a project model", breaking=True),
    ApiVersion(7, "0.77", "`pin-subpackage` and `pin-compatible`", breaking=True),
)
CURRENT = API_VERSIONS[-1].number
OLDEST_SUPPORTED = 5


def require_supported(version: object, what: str) -> int:
    """The version as a number, where this project reads and writes it.

    `what` begins the error's sentence (`The transcript`). Raises `Unsupported` for any other.
    """
    if isinstance(version, int) and OLDEST_SUPPORTED <= version <= CURRENT:
        return version
    raise Unsupported(
        f"{what} has version {version!r} of the pixi-build API; supported are "
        f"{OLDEST_SUPPORTED} to {CURRENT}.",
        remedy="Use a newer pytest-pixipack, or a backend of a supported version.",
    )


def first_pixi(version: int) -> str | None:
    """The first release of pixi that spoke a version; None where that is not known.

    Raises `Unsupported` as `require_supported` does, but knows the old versions, too.
    """
    for known in API_VERSIONS:
        if known.number == version:
            return known.first_pixi
    require_supported(version, "The backend")
    return None


def spoken_by(pixi: str) -> int:
    """The version that a release of pixi (`0.77.0`) speaks, as far as the table goes.

    Newer releases are taken to speak the current one; what is older than the table speaks 2.
    """
    release = tuple(int(part) for part in pixi.split(".")[:2])
    known = [
        version.number
        for version in API_VERSIONS
        if version.first_pixi is not None
        and tuple(int(part) for part in version.first_pixi.split(".")) <= release
    ]
    return max(known, default=2)
