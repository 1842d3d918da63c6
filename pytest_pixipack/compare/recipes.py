"""The packages that a package was built with, as its recipe in `info/recipe` tells them.

`rendered_recipe.yaml` is written by rattler-build (`finalized_dependencies`, with the packages of
each environment), `meta.yaml` by conda-build (`requirements`, pinned as `name version build`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
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
from pytest_pixipack.compare.records import Where, compare_order

RECIPES = ("info/recipe/rendered_recipe.yaml", "info/recipe/meta.yaml")
_ENVIRONMENTS = ("build", "host")
# What tells one package from another of the same version and build.
_DIGESTS = ("sha256", "md5")


Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Recipe:
    """The packages of the build and host environments as `version build`, and all else.

    Packages are known by environment and name, and are in the order of the recipe; `records` are
    what else it says of each.
    """

    packages: Mapping[Key, str]
    rest: Mapping[str, Any]
    records: Mapping[Key, Mapping[str, Any]] = field(default_factory=dict)

    def names(self, environment: str) -> list[str]:
        """The packages of an environment in their order."""
        return [name for known, name in self.packages if known == environment]


def read_recipe(text: str) -> Recipe | None:
    """The recipe in a text, or None where it has no environments that were solved."""
    try:
        value = parsed_yaml(text)
    except ValueError:
        return None
    if not isinstance(value, dict):
        return None
    packages: dict[Key, str] = {}
    records: dict[Key, Mapping[str, Any]] = {}
    rest = dict(value)
    finalized = value.get("finalized_dependencies")
    if isinstance(finalized, dict):
        kept = dict(finalized)
        for environment in _ENVIRONMENTS:
            solved = finalized.get(environment)
            if isinstance(solved, dict) and isinstance(solved.get("resolved"), list):
                records |= _resolved(environment, solved["resolved"])
                kept[environment] = {key: solved[key] for key in solved if key != "resolved"}
        rest["finalized_dependencies"] = kept
        packages |= {
            key: f"{record.get('version')} {record.get('build')}" for key, record in records.items()
        }
    required = value.get("requirements")
    if isinstance(required, dict):
        kept = dict(required)
        for environment in _ENVIRONMENTS:
            listed = required.get(environment)
            if isinstance(listed, list) and listed and all(map(_is_pinned, listed)):
                packages |= {(environment, each.split()[0]): _version(each) for each in listed}
                del kept[environment]
        rest["requirements"] = kept
    return Recipe(packages, rest, records) if packages else None


def recipe_differences(where: Where, left: str, right: str) -> list[Difference] | None:
    """What two recipes differ in, beginning with the packages of their environments.

    None where one has no environments that were solved.
    """
    first, second = read_recipe(left), read_recipe(right)
    if first is None or second is None:
        return None
    packages = list(_packages(where, first, second))
    values = _values(first, second), _values(second, first)
    rest = [
        replace(each, cause="timestamp") if each.field.endswith("timestamp") else each
        for each in value_differences(where, *values)
    ]
    rest += notation_differences(where, *values, "", "")
    if packages:
        # The hash and the pins follow from the packages.
        rest = [each for each in rest if each.cause != "content"]
    comments = [list(yaml_comments(_plain(text))) for text in (left, right)]
    rest += excerpt_differences(where, *comments)
    found = [replace(each, kind="metadata") if each.kind == "payload" else each for each in rest]
    found += _orders(where, first, second)
    ordered = all(each.cause == "member-order" for each in found)
    # In another order, a text has the same letters.
    if not packages and ordered and not (found and Counter(left) == Counter(right)):
        found += yaml_notation(where, left, right)
    return [*packages, *found]


def _values(recipe: Recipe, other: Recipe) -> dict[str, Any]:
    """What a recipe says, with the records of packages that the other one has as well."""
    same = [
        key
        for key in sorted(recipe.records)
        if recipe.packages[key] == other.packages.get(key)
        and key in other.records
        and not _other_digest(recipe, other, key)
    ]
    return {**recipe.rest, **{_called(key): recipe.records[key] for key in same}}


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n")


def _packages(where: Where, left: Recipe, right: Recipe) -> Iterator[Difference]:
    """Which build and host packages changed."""
    for key in sorted({*left.packages, *right.packages}):
        old, new = left.packages.get(key), right.packages.get(key)
        if old != new:
            yield Difference(where, _called(key), "metadata", old, new, "dependency-change")
        elif digests := _other_digest(left, right, key):
            yield Difference(where, _called(key), "metadata", *digests, "dependency-change")


def _other_digest(left: Recipe, right: Recipe, key: Key) -> tuple[Any, Any] | None:
    """The digests of two builds of one version that are called the same."""
    old, new = left.records.get(key, {}), right.records.get(key, {})
    pairs = [(old[name], new[name]) for name in _DIGESTS if old.get(name) and new.get(name)]
    return next((pair for pair in pairs if pair[0] != pair[1]), None)


def _orders(where: Where, left: Recipe, right: Recipe) -> Iterator[Difference]:
    """In which order the packages are; nothing depends on it."""
    for environment in _ENVIRONMENTS:
        field = f"order of {environment} packages"
        names = left.names(environment), right.names(environment)
        if (order := compare_order(where, field, *names)) is not None:
            yield order


def _called(key: Key) -> str:
    environment, name = key
    return f"{environment} package {name}"


def _resolved(environment: str, listed: list[Any]) -> dict[Key, Mapping[str, Any]]:
    return {
        (environment, str(each["name"])): each
        for each in listed
        if isinstance(each, dict) and "name" in each
    }


def _is_pinned(text: Any) -> bool:
    return isinstance(text, str) and len(text.split()) == 3


def _version(text: str) -> str:
    return " ".join(text.split()[1:])
