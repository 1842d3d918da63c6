"""License expressions."""

from __future__ import annotations

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
        canonicalize_license_expression(text)
    except InvalidLicenseExpression as error:
        raise table.error(
            f'"{text}" is not an SPDX license expression: {error}.',
            "license",
            remedy='Write one such as "MIT" or "Apache-2.0 OR MIT"; see https://spdx.org/licenses.',
        ) from None
    return text
