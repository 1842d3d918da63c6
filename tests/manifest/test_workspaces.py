"""Finding workspaces, pyproject.toml, and stand-ins."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_pixipack.errors import InvalidInput, PixipackError, Unsupported
from pytest_pixipack.manifest import Manifest, find_workspaces, load_manifest

from .helpers import BUILDING, DATA, PACKAGE, WORKSPACE, load, refusal, requirements

PYPROJECT = """
[project]
name = "in-python"
version = "0.1.0"
requires-python = "==3.12"
dependencies = ["httpx >=0.27"]
authors = [{ name = "A", email = "a@example.org" }, { name = "B" }]
optional-dependencies = { docs = ["sphinx"] }

[dependency-groups]
test = ["pytest", { include-group = "lint" }]
lint = ["ruff"]

[tool.pixi.workspace]
channels = ["conda-forge"]
platforms = ["linux-64"]

[tool.pixi.environments]
test = ["test"]
"""


def put(root: Path, name: str, text: str = WORKSPACE) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text, encoding="utf-8")


def found(root: Path) -> list[str]:
    return [path.relative_to(root).as_posix() for path in find_workspaces(root)]


def test_workspaces_are_found_in_order(tmp_path: Path) -> None:
    put(tmp_path, "pixi.toml")
    put(tmp_path, "b/pixi.toml")
    put(tmp_path, "a/deep/pixi.toml", '[project]\nname = "former"')
    put(tmp_path, "b/inner/pyproject.toml", PYPROJECT)
    assert found(tmp_path) == [".", "a/deep", "b", "b/inner"]


def test_what_is_no_workspace(tmp_path: Path) -> None:
    put(tmp_path, "package/pixi.toml", PACKAGE)
    put(tmp_path, "python/pyproject.toml", '[project]\nname = "pixi-free"')
    put(tmp_path, "part/pyproject.toml", '[tool.pixi.package]\nname = "p"')
    put(tmp_path, "directory/pixi.toml/readme", "")
    assert found(tmp_path) == []


@pytest.mark.parametrize(
    "place", [".pixi/envs", ".git", ".hidden", "node_modules/x", "environment/lib", "conda/share"]
)
def test_places_where_nobody_looks(tmp_path: Path, place: str) -> None:
    put(tmp_path, "environment/pyvenv.cfg", "")
    put(tmp_path, "conda/conda-meta/history", "")
    put(tmp_path, f"{place}/pixi.toml")
    assert found(tmp_path) == []


@pytest.mark.parametrize("content", [b"[workspace", b"\xff", b""])
def test_a_broken_manifest_is_found_so_that_it_is_reported(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / "pixi.toml").write_bytes(content)
    assert found(tmp_path) == ["w"]


def test_ignored_directories(tmp_path: Path) -> None:
    put(tmp_path, "a/pixi.toml")
    put(tmp_path, "b/pixi.toml")
    kept = list(find_workspaces(tmp_path, lambda path: path.name == "a"))
    assert kept == [tmp_path / "b"]


def test_pixi_toml_goes_first(tmp_path: Path) -> None:
    put(tmp_path, "pyproject.toml", PYPROJECT)
    assert load_manifest(tmp_path).path.name == "pyproject.toml"
    put(tmp_path, "pixi.toml")
    assert load_manifest(tmp_path).path.name == "pixi.toml"


def test_a_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "pixi.toml")
    monkeypatch.chdir(tmp_path)
    assert load_manifest(Path()).root.is_absolute()


def test_pyproject_brings_name_python_and_requirements(tmp_path: Path) -> None:
    manifest = load(tmp_path, PYPROJECT, name="pyproject.toml")
    workspace = manifest.need_workspace()
    assert (workspace.name, workspace.version) == ("in-python", "0.1.0")
    assert workspace.authors == ("A <a@example.org>", "B")
    assert requirements(manifest, "default", "linux-64") == ["python ==3.12"]
    pypi = manifest.pypi_dependencies("test", "linux-64")
    assert [spec.value for spec in pypi] == ["pytest", "ruff", "httpx >=0.27"]
    assert list(workspace.features) == ["default", "docs", "test", "lint"]


def test_a_python_of_ones_own_goes_before_requires_python(tmp_path: Path) -> None:
    text = PYPROJECT + '\n[tool.pixi.dependencies]\npython = "3.13.*"'
    manifest = load(tmp_path, text, name="pyproject.toml")
    assert requirements(manifest, "default", "linux-64") == ["python 3.13.*"]


def test_python_comes_last() -> None:
    manifest = load_manifest(DATA / "cases/pyproject/workspace")
    assert requirements(manifest, "default", "linux-64") == ["tool-a *", "part", "python *"]


def test_positions_in_pyproject_are_those_of_the_file(tmp_path: Path) -> None:
    text = PYPROJECT + '\n[tool.pixi.dependencies]\na = "=>1"'
    error = refusal(tmp_path, text, name="pyproject.toml")
    assert error.line == len(text.splitlines())


@pytest.mark.parametrize(
    "text",
    [
        '[project]\nname = "n"\nnmae = "n"',
        '[project]\nname = "n"\ndependencies = ["x >="]',
        '[project]\nname = "n"\nauthors = ["A"]',
        '[project]\nname = "n"\n[dependency-groups]\na = [{ include-group = "a" }]',
        '[project]\nname = "n"\n[dependency-groups]\na = [{ include-group = "b" }]',
        "[tool.pixi.nope]",
    ],
)
def test_a_broken_pyproject(tmp_path: Path, text: str) -> None:
    workspace = '[tool.pixi.workspace]\nchannels = []\nplatforms = ["linux-64"]'
    assert refusal(tmp_path, workspace, text, name="pyproject.toml").line is not None


def test_stand_ins(tmp_path: Path) -> None:
    text = """
    [tool.pixipack]
    channels = { conda-forge = "stubs/channel.toml" }
    backends = { pixi-build-cmake = "stub" }
    """
    stand_ins = load(tmp_path, BUILDING, text).stand_ins
    assert stand_ins.channels == {"conda-forge": tmp_path / "stubs" / "channel.toml"}
    assert stand_ins.backends == {"pixi-build-cmake": "stub"}


@pytest.mark.parametrize(
    ("text", "remedy"),
    [("chanels = {}", "Did you mean `channels`"), ("backends = { b = 1 }", None)],
)
def test_broken_stand_ins(tmp_path: Path, text: str, remedy: str | None) -> None:
    error = refusal(tmp_path, WORKSPACE, f"[tool.pixipack]\n{text}")
    assert error.line == len(f"{WORKSPACE}\n[tool.pixipack]\n{text}".splitlines())
    assert (remedy or "") in (error.remedy or "")


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="does not exist"):
        load_manifest(tmp_path / "absent" / "pixi.toml")
    put(tmp_path, "pyproject.toml", '[project]\nname = "p"')
    with pytest.raises(InvalidInput, match="no manifest"):
        load_manifest(tmp_path)


def pypi_names(manifest: Manifest, environment: str) -> list[str]:
    return [spec.name for spec in manifest.pypi_dependencies(environment, "linux-64")]


EXTRAS = """
[project]
name = "%s"
optional-dependencies = { more = ["rich"], all = ["pytest", "my-app[more]"] }
[dependency-groups]
dev = ["my-app[all]", { include-group = "lint" }]
lint = ["ruff"]
[tool.pixi.workspace]
channels = ["c"]
platforms = ["linux-64"]
[tool.pixi.environments]
all = ["all"]
dev = ["dev"]
"""


def test_an_extra_of_the_project_itself_stands_for_its_requirements(tmp_path: Path) -> None:
    manifest = load(tmp_path, EXTRAS % "my-app", name="pyproject.toml")
    assert pypi_names(manifest, "all") == ["pytest", "rich"]
    assert pypi_names(manifest, "dev") == ["pytest", "rich", "ruff"]


def test_as_in_pixi_only_where_the_name_is_spelled_the_same(tmp_path: Path) -> None:
    manifest = load(tmp_path, EXTRAS % "My_App", name="pyproject.toml")
    assert pypi_names(manifest, "all") == ["pytest", "my-app"]


@pytest.mark.parametrize(
    ("change", "remedy"),
    [
        (("[more]", "[mroe]"), "`more`"),
        (('["rich"]', '["my-app[all]"]'), ""),
        (('include-group = "lint"', 'include-group = "dev"'), ""),
        (('include-group = "lint"', 'include-group = "lnit"'), "`lint`"),
        (('"ruff"', '"ruff @"'), "httpx"),
    ],
)
def test_extras_and_groups_that_cannot_be_put_together(
    change: tuple[str, str], remedy: str, tmp_path: Path
) -> None:
    text = (EXTRAS % "my-app").replace(*change)
    error = refusal(tmp_path, text, name="pyproject.toml")
    assert error.line in (4, 6, 7)
    assert remedy in (error.remedy or "")


@pytest.mark.parametrize("wanted", [">=100", "<0.5", "0.77"])
def test_a_workspace_for_another_pixi(wanted: str, tmp_path: Path) -> None:
    text = f'[workspace]\nrequires-pixi = "{wanted}"\nchannels = []\nfield-of-the-future = 1'
    (tmp_path / "pixi.toml").write_text(text, encoding="utf-8")
    with pytest.raises(PixipackError) as caught:
        load_manifest(tmp_path)
    error = caught.value
    # A bare version is no constraint here, and not what a newer pixi would say.
    assert isinstance(error, InvalidInput if wanted == "0.77" else Unsupported)
    assert (error.line, error.column) == (2, 17)
