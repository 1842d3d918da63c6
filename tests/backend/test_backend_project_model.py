"""What a backend is told about a package equals what pixi sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_pixipack.backend.project_model import initialize_params, project_model
from pytest_pixipack.backend.transcript import Transcript
from pytest_pixipack.errors import InvalidInput, Unsupported
from pytest_pixipack.manifest import load_manifest, load_package

ALL = [
    "backend-config",
    "conditionals",
    "flat",
    "package-target",
    "pyproject",
    "run-exports",
    "trio",
    "variants",
]


def with_root(value: Any, root: Path) -> Any:
    """Recorded parameters with their placeholder replaced, paths as this system writes them."""
    if isinstance(value, dict):
        return {key: with_root(entry, root) for key, entry in value.items()}
    if isinstance(value, str) and value.startswith("@ROOT@"):
        return str(Path(value.replace("@ROOT@", str(root))))
    return value


@pytest.mark.parametrize("name", ALL)
def test_every_recorded_initialize_is_reproduced(name: str, cases: Path) -> None:
    case = cases / name
    transcript = Transcript.load(case / "expected" / "rpc.jsonl")
    workspace = load_manifest(case / "workspace")
    assert transcript.packages
    for package in transcript.packages:
        expected = with_root(transcript.initialize(package).params, case)
        directory = Path(expected["sourceDirectory"])
        manifest = workspace if directory == workspace.root else load_package(directory, workspace)
        params = initialize_params(
            manifest, workspace_directory=workspace.root, cache_directory=Path("@CACHE@")
        )
        assert json.dumps(params) == json.dumps(expected)  # the order of keys counts too


def package_of(tmp_path: Path, text: str) -> Any:
    (tmp_path / "pixi.toml").write_text(
        '[workspace]\nchannels = []\nplatforms = []\npreview = ["pixi-build"]\n'
        '[package]\nname = "lib"\nversion = "1.0"\n'
        '[package.build]\nbackend = { name = "stub-backend", version = "*" }\n' + text,
        encoding="utf-8",
    )
    return load_manifest(tmp_path)


def run_dependency(tmp_path: Path, spec: str) -> Any:
    manifest = package_of(tmp_path, f"[package.run-dependencies]\ntool = {spec}\n")
    return project_model(manifest.package)["targets"]["defaultTarget"]["runDependencies"]["tool"]


def test_a_git_dependency_keeps_its_revision_and_subdirectory(tmp_path: Path) -> None:
    spec = '{ git = "https://example.org/r.git", tag = "v1", subdirectory = "deep" }'
    source = run_dependency(tmp_path, spec)["source"]
    assert source["git"] == {
        "git": "https://example.org/r.git",
        "rev": {"tag": "v1"},
        "subdirectory": "deep",
    }


def test_a_channel_becomes_a_url(tmp_path: Path) -> None:
    spec = '{ version = ">=1", channel = "conda-forge" }'
    binary = run_dependency(tmp_path, spec)["binary"]
    assert binary["channel"] == "https://conda.anaconda.org/conda-forge/"


def test_a_pin_becomes_bounds(tmp_path: Path) -> None:
    manifest = package_of(
        tmp_path,
        '[package.host-dependencies]\nzlib = "*"\n'
        '[package.run-dependencies]\nzlib = { pin-compatible = { upper-bound = "x.x" } }\n',
    )
    run = project_model(manifest.package)["targets"]["defaultTarget"]["runDependencies"]
    assert run["zlib"]["pinCompatible"]["upperBound"] == {"expression": "x.x"}


def test_sources_elsewhere_on_disk_are_the_source_directory(tmp_path: Path) -> None:
    manifest = package_of(tmp_path, 'source = { path = "../elsewhere" }\n')
    params = initialize_params(
        manifest, workspace_directory=tmp_path, cache_directory=tmp_path / "cache"
    )
    assert Path(params["sourceDirectory"]) == (tmp_path / "../elsewhere").resolve()


def test_sources_from_the_network_are_unsupported(tmp_path: Path) -> None:
    manifest = package_of(tmp_path, 'source = { git = "https://example.org/r.git" }\n')
    with pytest.raises(Unsupported, match=r"fetched from https://example\.org/r\.git"):
        initialize_params(manifest, workspace_directory=tmp_path, cache_directory=tmp_path)


def test_a_workspace_without_a_package_is_refused(cases: Path) -> None:
    manifest = load_manifest(cases / "flat" / "workspace")
    with pytest.raises(InvalidInput, match="describes no package"):
        initialize_params(manifest, workspace_directory=Path(), cache_directory=Path())
