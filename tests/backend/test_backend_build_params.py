"""What a backend is asked to build equals what pixi asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_pixipack.backend.build_params import build_params
from pytest_pixipack.backend.protocol import NamedSpec, Output, OutputsResult
from pytest_pixipack.backend.transcript import Call, Transcript
from pytest_pixipack.errors import BackendError
from pytest_pixipack.facts import PackageFacts, RunExports

# Run exports that a record of the channel does not show: they are in the package, or (base-lib,
# cond) in what the package's own backend said.
HIDDEN = {
    "ignored": RunExports(weak=("never >=1",)),
    "base-lib": RunExports(weak=("libw 2.1.*",)),
    "cond": RunExports(
        weak=("any-weak *", "linux-weak >=1"),
        strong=("any-strong *", "linux-strong >=1"),
        noarch=("any-noarch *",),
        weak_constrains=("any-weakconstraints *", "linux-weakconstraints >=1"),
        strong_constrains=("any-strongconstraints *", "linux-strongconstraints >=1"),
    ),
}


def built(case: Path) -> Iterator[tuple[Call, Output]]:
    """Every recorded build with the output that it builds."""
    transcript = Transcript.load(case / "expected" / "rpc.jsonl")
    for package in transcript.packages:
        for build in transcript.builds(package):
            wanted = build.params["output"]
            yield (
                build,
                next(
                    output
                    for call in transcript.outputs(package)
                    if call.session == build.session
                    for output in OutputsResult.from_json(call.result).outputs
                    if (output.build, output.subdir) == (wanted["build"], wanted["subdir"])
                ),
            )


def packages(prefix: Any) -> list[PackageFacts]:
    found = []
    for record in prefix["packages"]:
        exports = record.get("run_exports")
        known = RunExports.from_json(exports) if exports else HIDDEN.get(record["name"])
        found.append(PackageFacts.from_index(record, run_exports=known))
    return found


def without_hidden(params: Any) -> Any:
    for prefix in ("buildPrefix", "hostPrefix"):
        for record in params[prefix]["packages"]:
            if record["name"] in HIDDEN:
                record.pop("run_exports", None)
    return params


def as_on_this_system(params: Any) -> Any:
    return {
        **params,
        "workDirectory": str(Path(params["workDirectory"])),
        **{
            key: {**params[key], "prefix": str(Path(params[key]["prefix"]))}
            for key in ("buildPrefix", "hostPrefix")
        },
    }


@pytest.mark.parametrize(
    "name", ["backend-config", "conditionals", "flat", "run-exports", "trio", "variants"]
)
def test_every_recorded_build_is_reproduced(name: str, cases: Path) -> None:
    builds = list(built(cases / name))
    assert builds
    for build, output in builds:
        wanted = build.params
        params = build_params(
            output,
            channels=wanted["channels"],
            build_prefix=Path(wanted["buildPrefix"]["prefix"]),
            build_platform=wanted["buildPrefix"]["platform"],
            build_packages=packages(wanted["buildPrefix"]),
            host_prefix=Path(wanted["hostPrefix"]["prefix"]),
            host_platform=wanted["hostPrefix"]["platform"],
            host_packages=packages(wanted["hostPrefix"]),
            work_directory=Path(wanted["workDirectory"]),
            editable=wanted["editable"],
            package_format=wanted["packageFormat"],
        )
        assert without_hidden(params) == as_on_this_system(wanted)


def output(*run: NamedSpec) -> Output:
    from pytest_pixipack.backend.protocol import Dependencies

    return Output(
        name="lib", version="1", build="h0_0", subdir="linux-64", run_dependencies=Dependencies(run)
    )


def params(found: Output, **more: Any) -> Any:
    here = Path("here")
    return build_params(
        found,
        channels=[],
        build_prefix=here,
        build_platform="linux-64",
        host_prefix=here,
        host_platform="linux-64",
        work_directory=here,
        **more,
    )


def test_given_run_dependencies_take_the_place_of_computed_ones() -> None:
    found = params(output(NamedSpec("zlib", fields={"version": "*"})), run_depends=["lib", "z >=1"])
    assert [d["spec"] for d in found["runDependencies"]] == [
        {"name": "lib"},
        {"name": "z", "version": ">=1"},
    ]


def test_a_pin_has_to_be_resolved_first() -> None:
    with pytest.raises(BackendError, match="pinCompatible of zlib was not resolved"):
        params(output(NamedSpec("zlib", "pinCompatible", {})))
