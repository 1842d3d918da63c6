"""License expressions."""

from __future__ import annotations

import re

from pytest_pixipack.manifest.reader import Table


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
    try:
        canonical = canonicalize_license_expression(text)
    except InvalidLicenseExpression as error:
        reason, better = f": {error}", None
    else:
        # pixi wants identifiers and operators spelled exactly.
        if re.findall(r"[^\s()]+", canonical) == re.findall(r"[^\s()]+", text):
            return text
        reason, better = "", canonical
    raise table.error(
        f'"{text}" is not an SPDX license expression{reason}.',
        "license",
        remedy=f'Write "{better}".'
        if better
        else 'Write one such as "MIT" or "Apache-2.0 OR MIT"; see https://spdx.org/licenses.',
    )
