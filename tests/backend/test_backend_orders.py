"""What the stub backend can be told: in `stub.toml`, in the manifest, by a test's fixture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_pixipack.artifact import read_artifact
from pytest_pixipack.backend.client import InProcessBackend
from pytest_pixipack.backend.expectations import (
    dependency_problems,
    offered,
    variant_problems,
)
from pytest_pixipack.backend.protocol import NamedSpec, Output
from pytest_pixipack.backend.transcript import Call
from pytest_pixipack.errors import BackendError, InvalidInput

Json = dict[str, Any]

EVERYTHING = """
license = "MIT"
variant-keys = ["color"]
input-globs = ["src/**"]

[[outputs]]                       # the package itself, with what its manifest says
flags = ["fast"]
track-features = ["slow"]
run-dependencies = { zlib = ">=1", "if(unix)" = { bash = "*" }, "if(win)" = { m2-bash = "*" } }
run-constraints = { old = "<1" }
ignore-run-exports = { by-name = ["never"], from-package = ["noisy"] }
extra-dependencies.dev = { pytest = ">=8" }

[outputs.run-exports]
weak = { lib = { pin-subpackage = { lower-bound = "x.x", upper-bound = "x" } } }
strong = { lib = { pin-subpackage = { exact = true } } }
noarch = { a = "1" }
weak-constraints = { b = "2" }
strong-constraints = { c = "3" }

[[outputs]]
name = "lib-data"
version = "7"
noarch = "generic"
build-number = 3
host-dependencies = { other = { path = "../other" } }
files = { "share/x" = "text", "bin/run" = { text = "#!/bin/sh", executable = true } }
scripts = { hello = "echo hello" }
"""


@pytest.fixture
def told(tmp_path: Path, initialize_with: Any) -> Json:
    """The parameters of `initialize` for a package with a `stub.toml` beside its manifest."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "stub.toml").write_text(EVERYTHING, encoding="utf-8")
    model = {
        "name": "lib",
        "version": "1.2.3",
        "targets": {"defaultTarget": {"runDependencies": {"tool": {"binary": {"version": "*"}}}}},
    }
    return {**initialize_with(None, model), "manifestPath": str(source / "pixi.toml")}


def names(specs: tuple[NamedSpec, ...]) -> list[str]:
    return [spec.name for spec in specs]


def outputs(params: Json, ask: Json, record: Path | None = None) -> dict[str, list[Output]]:
    with InProcessBackend(record) as backend:
        backend.initialize(params)
        found: dict[str, list[Output]] = {}
        for output in backend.outputs(ask).outputs:
            found.setdefault(output.name, []).append(output)
        return found


def test_several_outputs_with_all_that_they_can_have(told: Json, ask: Json) -> None:
    ask["variantConfiguration"] = {"color": ["red", "blue"]}
    found = outputs(told, ask)
    assert [output.variant["color"] for output in found["lib"]] == ["red", "blue"]
    lib = found["lib"][0]
    assert names(lib.run_dependencies.depends) == ["tool", "zlib", "bash"]
    assert names(lib.run_dependencies.constraints) == ["old"]
    assert (lib.flags, lib.track_features, lib.license) == (("fast",), ("slow",), "MIT")
    assert (lib.ignore_by_name, lib.ignore_from_package) == (("never",), ("noisy",))
    assert names(lib.extra_dependencies["dev"]) == ["pytest"]
    data = found["lib-data"][0]
    assert (data.version, data.subdir, data.build_number) == ("7", "noarch", 3)
    assert data.run_dependencies.depends == ()
    assert data.host_dependencies.depends[0].location == {"path": {"path": "../other"}}
    assert data.input_globs == ("src/**",)


def test_pins_on_the_package_itself_are_resolved(told: Json, ask: Json) -> None:
    (lib,) = outputs(told, ask)["lib"]
    exports = {kind: specs[0] for kind, specs in lib.run_exports.items()}
    assert exports["weak"].version == ">=1.2,<2.0a0"
    assert exports["strong"].version == "==1.2.3"
    assert exports["strong"].fields["build"] == lib.build
    assert names(tuple(exports[k] for k in ("noarch", "weak_constrains", "strong_constrains"))) == [
        "a", "b", "c",
    ]  # fmt: skip


@pytest.mark.parametrize(("platform", "shell"), [("linux-64", "bash"), ("win-64", "m2-bash")])
def test_conditions_are_evaluated_in_its_own_tables(
    platform: str, shell: str, told: Json, ask: Json
) -> None:
    found = outputs(told, {**ask, "hostPlatform": platform})
    assert names(found["lib"][0].run_dependencies.depends) == ["tool", "zlib", shell]


@pytest.mark.parametrize(
    ("platform", "script"), [("linux-64", "bin/hello"), ("win-64", "Scripts/hello.bat")]
)
def test_files_and_scripts_are_in_the_package(
    platform: str, script: str, told: Json, order: Json
) -> None:
    wanted = {"name": "lib-data", "version": "7", "build": "h1234567_3", "subdir": "noarch"}
    order |= {"output": {**wanted, "variant": {}}, "hostPrefix": {"platform": platform}}
    with InProcessBackend() as backend:
        backend.initialize(told)
        artifact = read_artifact(backend.build(order).output_file)
    assert artifact.payload["bin/run"].executable
    assert artifact.payload[script].executable
    assert artifact.payload.keys() >= {"share/x", "share/lib-data/config.json"}
    assert artifact.facts.noarch == "generic"
    assert artifact.facts.license == "MIT"


def test_the_manifest_and_the_fixture_come_after_the_file(
    told: Json, ask: Json, tmp_path: Path
) -> None:
    from pytest_pixipack.plugin.stubs import StubBackend

    (tmp_path / "record").mkdir()
    told["configuration"] = {"stub": {"license": "Apache-2.0"}}
    assert outputs(told, ask)["lib"][0].license == "Apache-2.0"
    StubBackend(tmp_path / "record").tell("lib", license="ISC", build_number=5)
    (lib,) = outputs(told, ask, tmp_path / "record")["lib"]
    assert (lib.license, lib.build_number) == ("ISC", 5)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("colour = 1", "unknown field `colour` in stub.toml, expected one of build-dependencies"),
        ("[[outputs]]\nnam = 'x'", r"unknown field `nam` in stub.toml.outputs\[0\]"),
        ("noarch = 'perl'", "stub.toml.noarch is 'perl', not generic or python"),
        ("outputs = []", "outputs has to be a list of at least one table"),
        ("build-number = -1", "build-number is -1, not a natural number"),
        ("run-exports = { loose = {} }", "unknown field `loose` in stub.toml.run-exports"),
        ("run-dependencies = 'zlib'", "run-dependencies has to be a table"),
        ("fail = { stage = 'outputs', how = 'explode' }", "cannot fail in stage 'outputs' by"),
        ("= 1", "stub.toml is not valid TOML"),
    ],
)
def test_what_cannot_be_understood_is_refused(
    text: str, problem: str, told: Json, ask: Json
) -> None:
    Path(told["manifestPath"]).with_name("stub.toml").write_text(text, encoding="utf-8")
    with pytest.raises(BackendError, match=problem):
        outputs(told, ask)


@pytest.mark.parametrize(
    "spec", ["run-dependencies = { zlib = 3 }", "run-dependencies = { 'if(unix)' = 'zlib' }"]
)
def test_a_dependency_is_a_version_or_a_table(spec: str, told: Json, ask: Json) -> None:
    Path(told["manifestPath"]).with_name("stub.toml").write_text(spec, encoding="utf-8")
    with pytest.raises(BackendError, match="has to be a"):
        outputs(told, ask)


# --- what was answered ------------------------------------------------------------------------
def call(host: str, on: str, variant: Json, **sections: list[str]) -> Call:
    def specs(section: str) -> Json:
        entries = (text.partition(" ") for text in sections.get(section, []))
        depends = [{"name": n, "binary": {"version": v or "*"}} for n, _, v in entries]
        return {"depends": depends, "constraints": []}

    metadata = {"name": "app", "version": "1", "build": "h0_0", "buildNumber": 0, "subdir": host,
                "noarch": False, "variant": {"target_platform": host, **variant}}  # fmt: skip
    output = {"metadata": metadata, "buildDependencies": specs("build"),
              "hostDependencies": specs("host"), "runDependencies": specs("run")}  # fmt: skip
    params = {"hostPlatform": host, "buildPlatform": on}
    return Call("app", "conda/outputs", params, {"outputs": [output], "inputGlobs": []})


CALLS = [
    call("linux-64", "linux-64", {"py": "3.12"}, build=["cmake"], run=["openssl >=3", "libc"]),
    call("linux-64", "linux-64", {"py": "3.13"}, build=["cmake"], run=["openssl >=3"]),
    call("win-64", "linux-64", {}, build=["ninja"], run=["vc"]),
]


@pytest.mark.parametrize(
    ("expected", "problems"),
    [
        ({"win-64": {"run": ["vc"], "build": ["ninja"]}}, []),
        ({"linux-64 [py=3.12]": {"run": ["openssl >=3", "libc"]}}, []),
        ({"*": {"run": [..., "!bash"]}}, []),
        ({"win-64 on linux-64": {"run": [..., "vc"]}}, []),
        ({"linux-64": {"run": ["openssl"]}}, ["linux-64 [py=3.12]: run leaks libc *"]),
        ({"win-64": {"run": ["vc", "bash"]}}, ["win-64 on linux-64: run lacks bash"]),
        (
            {"win-64": {"build": [..., "!ninja"]}},
            ["win-64 on linux-64: build has ninja *, which must not be there"],
        ),
        (
            {"linux-64 [py=3.13]": {"run": ["openssl >=4"]}},
            ["linux-64 [py=3.13]: run should have openssl >=4, and has openssl >=3"],
        ),
        (
            {"osx-64": {"run": []}},
            ["osx-64: no output was asked for; there were linux-64 [py=3.12], linux-64 [py=3.13], "
             "win-64 on linux-64"],
        ),
    ],
)  # fmt: skip
def test_dependencies_by_platform_and_variant(expected: Any, problems: list[str]) -> None:
    assert dependency_problems(offered(CALLS, "app"), expected) == problems


@pytest.mark.parametrize(
    "expected", [{"linux 64": {}}, {"linux-64 [py]": {}}, {"*": {"test": []}}, {"*": {"run": [3]}}]
)
def test_an_expectation_that_cannot_be_understood_is_refused(expected: Any) -> None:
    with pytest.raises(InvalidInput):
        dependency_problems(offered(CALLS, "app"), expected)


def test_a_declared_matrix_against_what_was_offered() -> None:
    linux = offered(CALLS[:2], "app")
    assert variant_problems(linux, {"py": ["3.12", "3.13"]}) == []
    assert variant_problems(linux, {"py": ["3.13", "3.14"]}) == [
        "linux-64: py=3.14 was declared and not offered",
        "linux-64: py=3.12 was offered and not declared",
    ]
    assert variant_problems([linux[0], linux[0]], {"py": ["3.12"]}) == [
        "linux-64: py=3.12 was offered 2 times"
    ]
    assert variant_problems([], {"py": ["3.12"]}) == ["no output was asked for"]
