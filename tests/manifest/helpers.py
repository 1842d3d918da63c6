from __future__ import annotations

from pathlib import Path

from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.manifest import Manifest, load_manifest

DATA = Path(__file__).parents[1] / "data" / "conformance"

WORKSPACE = """
[workspace]
name = "w"
channels = ["conda-forge"]
platforms = ["linux-64", "osx-arm64", "win-64"]
"""

# Source packages are only possible with the preview flag.
BUILDING = """
[workspace]
name = "w"
version = "2.0"
preview = ["pixi-build"]
channels = ["conda-forge"]
platforms = ["linux-64", "osx-arm64", "win-64"]
"""

PACKAGE = """
[package]
name = "p"
version = "1.0"

[package.build]
backend = { name = "b", version = "*" }
"""


def load(directory: Path, *texts: str, name: str = "pixi.toml") -> Manifest:
    """The manifest with this text."""
    (directory / name).write_text("\n".join(texts), encoding="utf-8")
    return load_manifest(directory)


def refusal(directory: Path, *texts: str, name: str = "pixi.toml") -> InvalidInput:
    """The error that this manifest ends in."""
    try:
        load(directory, *texts, name=name)
    except InvalidInput as error:
        return error
    raise AssertionError("the manifest was accepted")


def requirements(manifest: Manifest, environment: str, platform: str) -> list[str]:
    """The dependencies of an environment as texts."""
    return [spec.match_spec() for spec in manifest.dependencies(environment, platform)]
