"""Versions and version constraints, checked as pixi checks them.

The common spellings are recognised without py-rattler, whose import takes longer than reading a
manifest; everything else is left to it.
"""

from __future__ import annotations

import re

from pytest_pixipack.spec_limits import is_too_complex

_NUMBERS = r"(?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*))*"
_PART = rf"(?:(?:>=|<=|==|!=|>|<){_NUMBERS}|{_NUMBERS}\.\*)"
_PLAIN_SPEC = re.compile(rf"\*|{_PART}(?:,{_PART})*")
_PLAIN_VERSION = re.compile(_NUMBERS)


class NotAVersion(ValueError):
    """What the text is not, as the end of a sentence; `remedy` is a whole one."""

    def __init__(self, reason: str, remedy: str | None = None) -> None:
        super().__init__(reason)
        self.remedy = remedy


def check_version(text: str) -> str:
    """The version as conda writes it. Raises `NotAVersion`."""
    if _PLAIN_VERSION.fullmatch(text):
        return text
    from rattler import Version
    from rattler.exceptions import InvalidVersionError

    try:
        return str(Version(text))
    except InvalidVersionError as error:
        raise NotAVersion(
            str(error), 'Write a version such as "1.2.3" or "1.0.0rc1", without spaces.'
        ) from None


def check_version_spec(text: str) -> tuple[str, bool]:
    """A constraint as pixi writes it (`>=1, <2` becomes `>=1,<2`), and whether it was ambiguous.

    A bare version (`1.0`) is ambiguous: pixi takes it for `==1.0` and warns
    (pixi_spec/src/toml.rs, parse_version_string). Raises `NotAVersion`.
    """
    if _PLAIN_SPEC.fullmatch(text):
        return text, False
    if is_too_complex(text):
        raise NotAVersion("it is too long, or has too many parentheses", _spec_remedy(""))
    from rattler import VersionSpec
    from rattler.exceptions import InvalidVersionSpecError

    try:
        return str(VersionSpec(text, strict=True)), False
    except InvalidVersionSpecError as error:
        reason = str(error)
    if reason.startswith("missing range specifier"):
        try:
            return str(VersionSpec(text, strict=False)), True
        except InvalidVersionSpecError:
            pass
    raise NotAVersion(reason, _spec_remedy(text))


def compare_versions(left: str, right: str) -> int:
    """Negative, zero or positive, by conda's ordering."""
    from rattler import Version

    a, b = Version(left), Version(right)
    return (a > b) - (a < b)


def _spec_remedy(text: str) -> str:
    if text.startswith(("/", ".", "\\", "~/")):
        return f'Write `{{ path = "{text}" }}` for a package in a directory.'
    if "git" in text:
        return f'Write `{{ git = "{text}" }}` for a package in a Git repository.'
    if "://" in text:
        return f'Write `{{ url = "{text}" }}` for a package at a URL.'
    if "=>" in text or "=<" in text:
        fixed = text.replace("=>", ">=").replace("=<", "<=")
        return f'Write "{fixed}": the `=` comes last in `>=` and `<=`.'
    if found := re.fullmatch(r"\s*(\S+)\s+([\w*]+)\s*", text):
        return f'Write `{{ version = "{found[1]}", build = "{found[2]}" }}` to ask for a build.'
    return 'Write a constraint such as ">=1.2,<2", "1.2.*" or "*".'
