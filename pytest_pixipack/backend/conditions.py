"""Conditions of `if(<expression>)` tables, evaluated as rattler-build evaluates them.

pixi does not look into the expression; a backend hands it to rattler-build as the selector of a
conditional requirement. So does this module: py-rattler-build renders a recipe that has one
conditional requirement. It is imported only here, because most packages have no conditions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from pytest_pixipack.cache.scratch import scratch_directory
from pytest_pixipack.errors import BackendError, Infrastructure
from pytest_pixipack.facts import VariantValue

_NAMES = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_STRINGS = re.compile(r"'[^']*'|\"[^\"]*\"")
_WORDS = frozenset({"and", "or", "not", "in", "is", "if", "else", "true", "false", "defined"})
_MESSAGE = re.compile(r'message: "((?:[^"\\]|\\.)*)"')


def evaluate(
    expression: str,
    host_platform: str,
    build_platform: str,
    variant: Mapping[str, VariantValue] | None = None,
) -> bool:
    """Whether the bare expression (without `if(...)`) holds for these platforms and this variant.

    Raises `BackendError` for an undefined name or a syntax error, in the words that pixi's backends
    begin with (`invalid selector expression ...`).
    """
    try:
        return _render(expression, host_platform, build_platform, variant or {})
    except ImportError as error:
        raise BackendError(
            f"The condition `if({expression})` cannot be evaluated, because py-rattler-build is "
            f"not installed ({error}).",
            remedy="Install py-rattler-build, or write the dependency without a condition.",
        ) from None
    except OSError as error:
        raise Infrastructure(
            f"The condition `if({expression})` cannot be evaluated: {error.strerror or error}.",
            remedy="Check free space and permissions of the directory for temporary files.",
        ) from None
    except Exception as error:
        reason = _reason(str(error), expression)
    if "undefined" in reason:
        undefined = [
            name
            for name in sorted(names_in(expression) - _WORDS)
            if not _render(f"{name} is defined", host_platform, build_platform, variant or {})
        ]
        if undefined:
            reason = f"undefined variable `{'`, `'.join(undefined)}`"
    raise BackendError(f"invalid selector expression `{expression}`: {reason}")


def _render(
    expression: str,
    host_platform: str,
    build_platform: str,
    variant: Mapping[str, VariantValue],
) -> bool:
    from rattler_build import PlatformConfig, RenderConfig, Stage0Recipe, VariantConfig

    recipe = {
        "package": {"name": "condition", "version": "0"},
        "requirements": {"run": [{"if": expression, "then": ["holds"]}]},
    }
    values = {key: [value] for key, value in variant.items() if key != "target_platform"}
    platforms = PlatformConfig(
        target_platform=host_platform, host_platform=host_platform, build_platform=build_platform
    )
    # JSON is YAML, except that surrogate pairs are not: hence no ASCII escapes.
    text = json.dumps(recipe, ensure_ascii=False)
    # Left to itself, rattler-build writes the recipe to a temporary directory that stays.
    with scratch_directory() as scratch:
        stage0 = Stage0Recipe.from_yaml(text, recipe_dir=scratch)
        rendered = stage0.render(VariantConfig(values), RenderConfig(platform=platforms))
        return any(found.recipe.requirements.run for found in rendered)


def names_in(expression: str) -> frozenset[str]:
    """The names that an expression uses, those inside of strings left out."""
    return frozenset(_NAMES.findall(_STRINGS.sub("''", expression)))


def _reason(text: str, expression: str) -> str:
    # 'Render error: Parse(JinjaError { message: "undefined variable in condition", span: ... })' or
    # "...: Failed to parse Jinja expression: syntax error: ... (in <expression>:1)".
    message = _MESSAGE.search(text)
    if message:
        text = message[1].replace('\\"', '"')
    text = text.rpartition("Failed to parse Jinja expression: ")[2]
    text = text.rpartition(f"Failed to evaluate condition '{expression}': ")[2]
    return text.partition(" (in <")[0]
