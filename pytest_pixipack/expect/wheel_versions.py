"""Constraints in conda's language on versions of wheels, which are compared as PEP 440 says."""

from __future__ import annotations

import re

_PLAIN = re.compile(
    r"(?P<operator>==|!=|~=|>=|<=|>|<|=|)\s*(?P<version>[^\s=<>!~*]+?)(?P<any>\.\*)?"
)


def wheel_fits(version: str, constraint: str) -> bool:
    """Whether a wheel's version satisfies a constraint (`>=2,<3`, `2.*`, `1.4|1.6`).

    A local version (`2.0+cpu`) is one of the versions that it is made of, unlike in conda's order.
    What PEP 440 cannot read is compared as conda does.
    """
    from packaging.specifiers import InvalidSpecifier, SpecifierSet
    from packaging.version import InvalidVersion, Version

    try:
        found = Version(version)
        return any(
            SpecifierSet(",".join(_plain(part) for part in way.split(","))).contains(
                found, prereleases=True
            )
            for way in constraint.split("|")
        )
    except (InvalidSpecifier, InvalidVersion):
        from pytest_pixipack.matchers import IsVersion

        return version == IsVersion(constraint)


def _plain(part: str) -> str:
    """A part of a constraint as PEP 440 writes it; what it has no way to write stays as it is."""
    text = part.strip()
    if text == "*":
        return ""
    matched = _PLAIN.fullmatch(text)
    if matched is None:
        return text
    operator, version, any_below = matched.group("operator", "version", "any")
    if operator == "=":
        return f"=={version}.*"
    if operator in ("", "==", "!="):
        return f"{operator or '=='}{version}{any_below or ''}"
    return f"{operator}{version}"
