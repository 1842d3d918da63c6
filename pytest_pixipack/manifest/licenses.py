"""License expressions."""

from __future__ import annotations

import re

from pytest_pixipack.manifest.reader import Table

_GNU_PLUS = re.compile(r"(?:[AL]?GPL|GFDL)-.*\+")


def _as_packaging_knows(text: str) -> str:
    """The same expression without what SPDX has and PEP 639 does not."""
    text = re.sub(r"\bDocumentRef-[A-Za-z0-9.-]+:(?=LicenseRef-)", "", text)
    text = re.sub(r"\bLicenseRef-(?=[\s()]|$)", "LicenseRef-x", text)
    return re.sub(r"\bNOASSERTION\b", "LicenseRef-x", text)


def check_license(table: Table) -> str | None:
    """The `license` of a workspace or package. Raises `InvalidInput` for what is not SPDX.

    A `packaging` too old to know SPDX checks nothing.
    """
    text = table.string("license")
    if text is None:
        return None
    try:
        from packaging.licenses import (
            InvalidLicenseExpression,
            canonicalize_license_expression,
        )
    except ImportError:
        return text
    known = _as_packaging_knows(text)
    try:
        canonical = canonicalize_license_expression(known)
    except InvalidLicenseExpression as error:
        reason, better = f": {error}", None
    else:
        # pixi wants identifiers and operators spelled exactly.
        words = re.findall(r"[^\s()]+", known)
        if plus := next((word for word in words if _GNU_PLUS.fullmatch(word)), None):
            better = text.replace(plus, f"{plus[:-1]}-or-later") if "or-" not in plus else None
            reason = ": the `+` of GNU licenses is spelled `-or-later`"
        elif re.findall(r"[^\s()]+", canonical) == words:
            return text
        else:
            reason, better = "", canonical
    raise table.error(
        f'"{text}" is not an SPDX license expression{reason}.',
        "license",
        remedy=f'Write "{better}".'
        if better
        else 'Write one such as "MIT" or "Apache-2.0 OR MIT"; see https://spdx.org/licenses.',
    )
