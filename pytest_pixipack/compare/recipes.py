"""The packages that a package was built with, as its recipe in `info/recipe` tells them.

`rendered_recipe.yaml` is written by rattler-build (`finalized_dependencies`, with the packages of
each environment), `meta.yaml` by conda-build (`requirements`, pinned as `name version build`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pytest_pixipack.compare.inside.comments import yaml_comments
from pytest_pixipack.compare.inside.excerpts import excerpt_differences
from pytest_pixipack.compare.inside.structured import (
    notation_differences,
    parsed_yaml,
    value_differences,
)
from pytest_pixipack.compare.model import Difference
from pytest_pixipack.compare.notation import yaml_notation
from pytest_pixipack.compare.records import Where

RECIPES = ("info/recipe/rendered_recipe.yaml", "info/recipe/meta.yaml")
_ENVIRONMENTS = ("build", "host")


@dataclass(frozen=True, slots=True)
class Recipe:
    """The packages of the build and host environments as `version build`, and all else."""

    packages: Mapping[tuple[str, str], str]
    rest: Any


def read_recipe(text: str) -> Recipe | None:
    """The recipe in a text, or None where it has no environments that were solved."""
    try:
        value = parsed_yaml(text)
    except ValueError:
        return None
    if not isinstance(value, dict):
        return None
    packages: dict[tuple[str, str], str] = {}
    rest = dict(value)
    finalized = value.get("finalized_dependencies")
    if isinstance(finalized, dict):
        kept = dict(finalized)
        for environment in _ENVIRONMENTS:
            solved = finalized.get(environment)
            if isinstance(solved, dict) and isinstance(solved.get("resolved"), list):
                packages |= _resolved(environment, solved["resolved"])
                kept[environment] = {key: solved[key] for key in solved if key != "resolved"}
        rest["finalized_dependencies"] = kept
    required = value.get("requirements")
    if isinstance(required, dict):
        kept = dict(required)
        for environment in _ENVIRONMENTS:
            listed = required.get(environment)
            if isinstance(listed, list) and listed and all(map(_is_pinned, listed)):
                packages |= {(environment, each.split()[0]): _version(each) for each in listed}
                del kept[environment]
        rest["requirements"] = kept
    return Recipe(packages, rest) if packages else None


def recipe_differences(where: Where, left: str, right: str) -> list[Difference] | None:
    """What two recipes differ in, beginning with the packages of their environments.

    None where one has no environments that were solved.
    """
    first, second = read_recipe(left), read_recipe(right)
    if first is None or second is None:
        return None
    packages = list(_packages(where, first, second))
    rest = [
        replace(each, cause="timestamp") if each.field.endswith("timestamp") else each
        for each in value_differences(where, first.rest, second.rest)
    ]
    rest += notation_differences(where, first.rest, second.rest, "", "")
    if packages:
        # The hash and the pins follow from the packages.
        rest = [each for each in rest if each.cause != "content"]
    comments = [list(yaml_comments(_plain(text))) for text in (left, right)]
    rest += excerpt_differences(where, *comments)
    found = [replace(each, kind="metadata") if each.kind == "payload" else each for each in rest]
    if not packages and not found:
        found = list(yaml_notation(where, left, right))
    return [*packages, *found]


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n")


def _packages(where: Where, left: Recipe, right: Recipe) -> Iterator[Difference]:
    """Which build and host packages changed."""
    for key in sorted({*left.packages, *right.packages}):
        old, new = left.packages.get(key), right.packages.get(key)
        if old != new:
            environment, name = key
            field = f"{environment} package {name}"
            yield Difference(where, field, "metadata", old, new, "dependency-change")


def _resolved(environment: str, listed: list[Any]) -> dict[tuple[str, str], str]:
    return {
        (environment, str(each["name"])): f"{each.get('version')} {each.get('build')}"
        for each in listed
        if isinstance(each, dict) and "name" in each
    }


def _is_pinned(text: Any) -> bool:
    return isinstance(text, str) and len(text.split()) == 3


def _version(text: str) -> str:
    return " ".join(text.split()[1:])
