"""The package section: conditions, inheritance, build section, source packages."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_pixipack.errors import InvalidInput, Unsupported
from pytest_pixipack.manifest import Manifest, Package, load_manifest, load_package

from .helpers import BUILDING, DATA, PACKAGE, load


def package(directory: Path, *texts: str) -> Package:
    return load(directory, *texts).need_package()


def member(directory: Path, text: str) -> Manifest:
    directory.mkdir(parents=True)
    (directory / "pixi.toml").write_text(text, encoding="utf-8")
    return load_package(directory, load_manifest(directory.parent))


def test_conditions_in_every_table() -> None:
    path = DATA / "cases/conditionals/workspace/pkgs/cond"
    tables = load_manifest(path).need_package().tables
    assert list(tables) == [None, "host_platform == 'linux-64'", "win or osx"]
    linux = tables["host_platform == 'linux-64'"]
    assert [spec.match_spec() for spec in linux.run.values()] == ["linux-run >=1"]
    assert list(linux.build) == ["linux-build"]
    assert list(linux.host) == ["linux-host"]
    assert list(linux.run_constraints) == ["linux-runconstraints"]
    assert list(linux.extra["dev"]) == ["linux-dev"]
    assert {bucket: list(specs) for bucket, specs in linux.run_exports.items()} == {
        "noarch": ["linux-noarch"],
        "strong": ["linux-strong"],
        "weak": ["linux-weak"],
        "strong-constraints": ["linux-strongconstraints"],
        "weak-constraints": ["linux-weakconstraints"],
    }


def test_equal_conditions_are_one(tmp_path: Path) -> None:
    tables = package(
        tmp_path,
        BUILDING,
        PACKAGE,
        '[package.run-dependencies."if( unix )"]\na = "*"',
        '[package.host-dependencies."if(unix)"]\nb = "*"',
    ).tables
    assert list(tables["unix"].run) == ["a"]
    assert list(tables["unix"].host) == ["b"]


def test_former_target_tables_become_conditions_with_a_warning() -> None:
    manifest = load_manifest(DATA / "cases/package-target/workspace/old")
    tables = manifest.need_package().tables
    assert list(tables) == [None, "unix", "host_platform == 'linux-64'", "osx", "win"]
    assert [spec.match_spec() for spec in tables["osx"].run.values()] == ["tool-a 1.1.*"]
    assert [warning.line for warning in manifest.warnings] == [11, 14, 17, 20]
    assert "if(osx)" in (manifest.warnings[2].remedy or "")


def test_configuration_as_pixi_sends_it() -> None:
    build = load_manifest(DATA / "cases/backend-config/workspace/conf").need_package().build
    assert list(build.config) == sorted(build.config)
    assert build.config["hex"] == 255
    assert build.config["a"] == {"b": {"c": "dotted"}}
    assert list(build.target_configs) == ["unix", "linux", "linux-64", "win"]
    assert list(build.target_configs["linux-64"]) == ["deep", "where"]


def test_the_build_section(tmp_path: Path) -> None:
    build = load_manifest(DATA / "cases/backend-config/workspace/bare").need_package().build
    assert (build.backend.name, build.backend.version) == ("stub-backend", ">=1,<2")
    assert build.backend.channels == ("https://example.org/chan",)
    assert list(build.backend.additional_dependencies) == ["libz"]
    assert (build.build_string_prefix, build.build_number) == ("pre", 3)
    assert build.config is None
    infinite = package(tmp_path, BUILDING, PACKAGE, "config = { x = inf, y = [nan] }").build
    assert infinite.config == {"x": None, "y": [None]}


def test_the_former_name_of_the_configuration_is_a_warning() -> None:
    manifest = load_manifest(DATA / "cases/backend-config/workspace/alias")
    assert manifest.need_package().build.config == {"old": "name"}
    (warning,) = manifest.warnings
    assert warning.line == 8
    assert warning.remedy == "Use `config` instead."


def test_a_package_inherits_fields_on_request(tmp_path: Path) -> None:
    load(tmp_path, BUILDING, '[workspace.dependencies]\nlib = { path = "libs/lib" }\nz = "1.*"')
    found = member(
        tmp_path / "app",
        '[package]\nname = "app"\nversion.workspace = true\n'
        '[package.build]\nbackend = { name = "z", workspace = true }\n'
        "[package.run-dependencies]\n"
        'lib = { workspace = true, extras = ["x"] }\nz = { workspace = true }\n',
    ).need_package()
    assert found.version == "2.0"
    assert found.build.backend.version == "1.*"
    run = found.tables[None].run
    assert run["lib"].path == "../libs/lib"
    assert [spec.match_spec() for spec in run.values()] == ["lib[extras=[x]]", "z 1.*"]


def test_pins(tmp_path: Path) -> None:
    tables = package(
        tmp_path,
        BUILDING,
        PACKAGE,
        '[package.run-dependencies]\na = { pin-compatible = { lower-bound = "x.x" } }',
        "[package.run-exports.weak]\np = { pin-subpackage = { exact = true } }",
    ).tables[None]
    pin = tables.run["a"].pin
    assert pin is not None
    assert (pin.lower_bound, pin.upper_bound) == ("x.x", "x")
    own = tables.run_exports["weak"]["p"]
    assert own.kind == "pin-subpackage"
    assert own.pin is not None
    assert own.pin.exact


def test_a_source_package_in_pyproject_toml() -> None:
    workspace = load_manifest(DATA / "cases/pyproject/workspace")
    (spec,) = [s for s in workspace.dependencies("default", "linux-64") if s.is_source]
    found = load_package(workspace.root / str(spec.path), workspace, asked_by=spec)
    assert found.path.name == "pyproject.toml"
    part = found.need_package()
    assert (part.name, part.version, part.description) == ("part", "0.4.0", "from project table")


@pytest.mark.parametrize("name", ["recipe.yaml", "package.xml"])
def test_other_descriptions_of_a_package_are_unsupported(tmp_path: Path, name: str) -> None:
    workspace = load(tmp_path, BUILDING)
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / name).write_text("", encoding="utf-8")
    with pytest.raises(Unsupported, match=name):
        load_package(tmp_path / "p", workspace)


def test_a_directory_without_a_manifest_names_who_asks(tmp_path: Path) -> None:
    workspace = load(tmp_path, BUILDING, '[dependencies]\np = { path = "p" }')
    (tmp_path / "p").mkdir()
    (spec,) = workspace.dependencies("default", "linux-64")
    with pytest.raises(InvalidInput, match="has no manifest") as caught:
        load_package(tmp_path / "p", workspace, asked_by=spec)
    assert caught.value.package == "p"
    assert (caught.value.file, caught.value.line) == (
        str(tmp_path / "pixi.toml"),
        spec.position.line,
    )


def test_a_workspace_is_no_package(tmp_path: Path) -> None:
    workspace = load(tmp_path, BUILDING)
    with pytest.raises(InvalidInput, match=r"no `\[package\]`"):
        load_package(tmp_path, workspace)
