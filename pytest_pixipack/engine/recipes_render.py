"""A recipe (`recipe.yaml`), found and rendered as pixi-build-rattler-build does, by
py-rattler-build.

Follows prefix-dev/pixi, `crates/pixi_build_rattler_build/src` (`protocol.rs`, `rattler_build.rs`,
`config.rs`) and `crates/pixi_build_backend/src/tools.rs`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_pixipack.errors import BackendError, Unsupported

if TYPE_CHECKING:
    from rattler_build import RenderedVariant, VariantConfig

Json = dict[str, Any]

_NAMES = ("recipe.yaml", "recipe.yml", "recipe/recipe.yaml", "recipe/recipe.yml")
_CONFIG_KEYS = frozenset({"debug-dir", "debug_dir", "extra-input-globs", "experimental", "recipe"})
_VARIANTS = "variants.yaml"
_CONDA_BUILD = "conda_build_config.yaml"


@dataclass(frozen=True, slots=True)
class Recipe:
    """A recipe file with what the manifest says of it.

    `sources` are the source packages that the recipe may name: name -> their location on the wire.
    """

    path: Path
    source_directory: Path
    manifest_root: Path
    sources: Mapping[str, Json]
    experimental: bool = False
    extra_globs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rendered:
    """One output of a recipe in one variant: `recipe` is what py-rattler-build made of it."""

    handle: RenderedVariant
    recipe: Json
    variant: Mapping[str, Any]
    host: str

    @property
    def name(self) -> str:
        """The name of the package."""
        return str(self.recipe["package"]["name"])

    @property
    def version(self) -> str:
        """The version of the package."""
        return str(self.recipe["package"]["version"])

    @property
    def build(self) -> str:
        """The build string of the package."""
        return str(self.recipe["build"]["string"])

    @property
    def noarch(self) -> str | None:
        """`generic`, `python`, or nothing."""
        found = self.recipe["build"].get("noarch")
        return None if found in (None, "none", False) else str(found)

    @property
    def subdir(self) -> str:
        """Where the package belongs."""
        return "noarch" if self.noarch else self.host

    @property
    def skipped(self) -> bool:
        """Whether the recipe says that this is not to be built."""
        return bool(self.recipe["build"].get("skip"))


def recipe_of(params: Mapping[str, Any]) -> Recipe:
    """The recipe that the parameters of `initialize` mean.

    Raises `BackendError` where there is none or where the manifest says what only a recipe may say,
    `Unsupported` for what py-rattler-build has no word for.
    """
    config = params.get("configuration") or {}
    _check_config(config)
    model = params.get("projectModel") or {}
    for key, written in (
        ("buildStringPrefix", "build-string-prefix"),
        ("buildNumber", "build-number"),
    ):
        if model.get(key) is not None:
            raise Unsupported(
                f"`{written}` in [package.build] cannot be laid over a recipe here.",
                remedy="Write it into the recipe (`build.string`, `build.number`), or name the "
                "real pixi-build-rattler-build as the backend.",
            )
    manifest = Path(params["manifestPath"])
    source = Path(params.get("sourceDirectory") or manifest.parent)
    return Recipe(
        path=_recipe_path(manifest, source, config),
        source_directory=source,
        manifest_root=manifest.parent,
        sources=_sources(model.get("targets") or {}),
        experimental=bool(config.get("experimental")),
        extra_globs=tuple(config.get("extra-input-globs") or ()),
    )


def variants_for(
    recipe: Recipe, host: str, files: Sequence[str], given: Mapping[str, Sequence[Any]]
) -> tuple[VariantConfig, list[str]]:
    """The variants to render with, and the globs of the files that they come from.

    `files` are further variant files, `given` the build variants of the workspace, which win.
    """
    from rattler_build import JinjaConfig, PlatformConfig, VariantConfig

    folders = dict.fromkeys((recipe.path.parent, recipe.source_directory))
    places = [folder / _VARIANTS for folder in folders]
    globs = [relative_glob(recipe.source_directory, path) for path in places]
    beside = [path for path in places if path.is_file()]
    jinja = JinjaConfig(platform=PlatformConfig(target_platform=host))
    found = VariantConfig()
    with refusals("The variants cannot be read"):
        for path in (*beside, *map(Path, files)):
            read = (
                VariantConfig.from_conda_build_config
                if path.name == _CONDA_BUILD
                else VariantConfig.from_file_with_context
            )
            found = found.merge(read(path, jinja))
        values = {**found.to_dict(), **{key: list(each) for key, each in given.items()}}
        return VariantConfig(values, found.zip_keys), globs


def render(recipe: Recipe, variants: VariantConfig, host: str, build: str) -> list[Rendered]:
    """All outputs in all variants, in the recipe's order.

    Raises `BackendError` for a recipe that cannot be read or rendered.
    """
    from rattler_build import PlatformConfig, RenderConfig, RepodataRevision, Stage0Recipe

    platform = PlatformConfig(
        target_platform=host,
        host_platform=host,
        build_platform=build,
        experimental=recipe.experimental,
    )
    text = _text(recipe.path)
    revision = RepodataRevision.V3 if _uses_v3(text) else RepodataRevision.LEGACY
    with refusals(f"The recipe {recipe.path.name} cannot be rendered"):
        stage0 = Stage0Recipe.from_file(recipe.path, repodata_revision=revision)
        config = RenderConfig(platform=platform, repodata_revision=revision)
        found = stage0.render(variants, config)
        # `variant` has all keys, but texts only; `used_variant` has values as they are written.
        rendered = [
            Rendered(
                each, each.recipe.to_dict(), {**each.variant, **each.recipe.used_variant}, host
            )
            for each in found
        ]
    # Outputs that do not use what the variants differ in are the same several times.
    return list({(r.name, r.version, r.build, str(r.recipe)): r for r in rendered}.values())


@contextmanager
def refusals(what: str, more: Callable[[], str] | None = None) -> Iterator[None]:
    """What py-rattler-build refuses becomes a `BackendError` that begins with `what`.

    `more` says what else is known.
    """
    try:
        yield
    except ImportError as error:
        raise Unsupported(
            f"Recipes need py-rattler-build, which is not installed ({error}).",
            remedy="Install it, or name the real pixi-build-rattler-build as the backend.",
        ) from None
    except (BackendError, Unsupported):
        raise
    except Exception as error:
        known = more() if more is not None else ""
        text = f"{what}: {_sentence(str(error))}" + (f": {known}" if known else "")
        raise BackendError(text) from None


def relative_glob(base: Path, path: Path) -> str:
    """`path` as a glob relative to `base`; a directory means all that is in it."""
    import os

    relative = Path(os.path.relpath(path, base)).as_posix()
    if not path.is_dir():
        return relative
    return "**" if relative == "." else f"{relative}/**"


def _check_config(config: Mapping[str, Any]) -> None:
    for key in config:
        if key not in _CONFIG_KEYS:
            known = ", ".join(f"`{each}`" for each in sorted(_CONFIG_KEYS - {"debug_dir"}))
            raise BackendError(
                f"failed to parse configuration: unknown field `{key}`, expected one of {known}"
            )


def _recipe_path(manifest: Path, source: Path, config: Mapping[str, Any]) -> Path:
    if manifest.name in ("recipe.yaml", "recipe.yml"):
        return manifest
    if config.get("recipe"):
        return source / str(config["recipe"])
    for name in _NAMES:
        if (manifest.parent / name).is_file():
            return manifest.parent / name
    raise BackendError(
        "Could not find a recipe.yaml in the source directory to use as the recipe manifest."
    )


def _sources(targets: Mapping[str, Any]) -> dict[str, Json]:
    """The source packages among the manifest's dependencies; it may have no others."""
    found: dict[str, Json] = {}
    conditional = (targets.get("conditional") or {}).values()
    for target in (targets.get("defaultTarget") or {}, *conditional):
        if any((target.get("runExports") or {}).values()):
            raise BackendError(
                "`[package.run-exports]` is not supported in pixi-build-rattler-build; declare "
                "run-exports in the recipe instead"
            )
        for key in ("buildDependencies", "hostDependencies", "runDependencies"):
            for name, spec in (target.get(key) or {}).items():
                found[name] = _source(name, spec)
    return found


def _source(name: str, spec: Mapping[str, Any]) -> Json:
    if spec.get("source") is not None:
        return dict(spec["source"])
    for key, word in (("pinCompatible", "compatible"), ("pinSubpackage", "subpackage")):
        if spec.get(key) is not None:
            raise BackendError(
                f"`pin-{word}` dependency '{name}' is not supported in pixi-build-rattler-build; "
                f"use `${{{{ pin_{word}('{name}') }}}}` in the recipe instead"
            )
    raise BackendError(
        f"Binary dependency '{name}' is not allowed in pixi-build-rattler-build. Please specify "
        "all binary dependencies in the recipe."
    )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BackendError(f"The recipe {path} cannot be read: {error}") from None


def _uses_v3(text: str) -> bool:
    """Whether a recipe needs what packages have since CEP 45: extras, flags, conditions."""
    keys = re.search(r"^\s+(?:extras|flags):[ \t]*(?:[^\s\[{#]|\[[^\]]|\{[^}]|\n\s+\S)", text, re.M)
    return bool(keys) or any(f"{word}=" in text for word in ("extras", "flags", "when"))


def _sentence(text: str) -> str:
    found = re.search(r'message: "((?:[^"\\]|\\.)*)"', text)
    text = found[1].replace('\\"', '"') if found else text
    text = re.sub(r"^Py\w*Error: ", "", text)
    return re.sub(r"\s+", " ", re.sub(r"[\u2500-\u257f]+", " ", text)).strip().rstrip(".")
