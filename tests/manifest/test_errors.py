"""Manifests that pixi refuses are refused here, at the same line, with a way out."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from pytest_pixipack.errors import InvalidInput, PixipackError
from pytest_pixipack.manifest import Manifest, load_manifest, load_package

from .helpers import DATA

# Case -> what the sentence names, what the remedy says.
REFUSED = {
    "backend-missing": ("`backend`", "backend = {"),
    "backend-name-missing": ("`name`", "name ="),
    "backend-path": ("source dependency", "channel"),
    "backend-unknown-key": ("`color`", "Known keys"),
    "build-missing": ("`[package.build]`", "Add `[package.build]`"),
    "condition-duplicate": ("`[package.target.linux]`", '"if(linux)"'),
    "config-date": ("Dates", '"2026-01-02"'),
    "dependency-absent-path": ("does not exist", "Correct the `path`"),
    "dependency-empty-table": ("`libz`", '"*"'),
    "dependency-path-and-git": ("`path` and `git`", "Keep one"),
    "environment-default-group": ("`bad name`", "`bad-name`"),
    "environment-unknown-feature": ("`ghost`", "[feature.ghost.dependencies]"),
    "manifest-absent": ("no manifest", "pixi.toml"),
    "matchspec-bad": (">=1..0,<", '">=1.2,<2"'),
    "matchspec-bad-run": ("=>1", 'Write ">=1"'),
    "package-unknown-key": ("`flavour`", "Known keys"),
    "platform-unknown": ("`linux-128`", "Did you mean"),
    "preview-missing": ("`lib`", 'preview = ["pixi-build"]'),
    "selector-call-unwrapped": ("`matches(libz)`", "if(...)"),
    "selector-empty": ("`if()`", "if(host_platform == 'linux-64')"),
    "selector-in-target": ("`if(linux)`", "`linux-64`"),
    "selector-in-workspace-dependencies": ("`if(linux)`", "[target.unix.dependencies]"),
    "selector-nested": ("`if(unix)`", "nested"),
    "selector-spaces-only": ("`if(   )`", "if(host_platform == 'linux-64')"),
    "selector-trailing": ("`if(linux) and win`", "Wrap the whole expression"),
    "selector-unclosed": ("`if(linux`", '"if(linux)"'),
    "selector-unwrapped": ("`host_platform == 'linux-64'`", "\"if(host_platform == 'linux-64')\""),
    "selector-uppercase": ("`IF(linux)`", '"if(linux)"'),
    "target-wildcard-package": ("`linux-*`", '"if(linux)"'),
    "toml-broken": ("not valid TOML", ""),
    "toml-duplicate-key": ("`workspace.name` is given twice", "Keep one"),
    "top-level-unknown-key": ("`nonsense`", "Known keys"),
    "version-invalid": ("one point oh!", '"1.2.3"'),
    "workspace-unknown-key": ("`colour`", "Known keys"),
}
# Here the error points at the one key that is wrong, and pixi at the table around it.
POINTS_CLOSER = {"backend-path"}

# What lies in the manifest but is only wrong to those who come later, or not wrong at all: a
# backend that is not there, an expression that a backend cannot evaluate, a name that it refuses.
ACCEPTED = [
    "backend-not-overridden",
    "config-infinity",
    "dependency-name-mismatch",
    "name-invalid",
    "platforms-missing",
    "selector-backend-name",
    "selector-backend-syntax",
    "target-unknown",
]

# The manifests of these are in order; what is wrong is somebody else's to say.
WRONG_ELSEWHERE = {
    "a backend, which is only started to lock or to build": [
        "build-crash",
        "build-error",
        "build-missing-file",
        "build-wrong-version",
        "initialize-error",
        "outputs-crash",
        "outputs-error",
        "outputs-error-without-data",
        "outputs-junk",
        "outputs-not-implemented",
        "outputs-wrong-name",
    ],
    "a channel, or what can be solved with it": [
        "channel-absent",
        "solve-conflict",
        "solve-conflict-source",
        "solve-no-candidate",
        "solve-unknown-package",
    ],
    "a lock": [
        "install-frozen-without-lock",
        "install-without-lock",
        "lock-broken-yaml",
        "lock-dangling",
        "lock-no-version",
        "lock-not-a-map",
        "lock-version-8",
        "pack-without-lock",
    ],
    "a pack, or what it was made of": [
        "pack-missing-package-file",
        "pack-unknown-environment",
        "publish-source-run-dependency",
        "unpack-absent",
        "unpack-future-version",
        "unpack-no-metadata",
        "unpack-not-a-tar",
    ],
}


def read_everything(workspace: Path) -> Manifest:
    """The workspace and the source packages that its environments ask for."""
    manifest = load_manifest(workspace)
    for environment in manifest.environment_names():
        for platform in manifest.platforms(environment):
            for spec in manifest.dependencies(environment, platform):
                if spec.is_source:
                    assert spec.path is not None
                    load_package(manifest.root / spec.path, manifest, asked_by=spec)
    return manifest


def places_in(stderr: str) -> list[tuple[str, int, int]]:
    """File, line and column of each place that pixi showed."""
    found = re.findall(r"╭─\[@ROOT@/case/(\S+?):(\d+):(\d+)\]", stderr)
    return [(file, int(line), int(column)) for file, line, column in found]


def test_every_recorded_case_is_spoken_of() -> None:
    recorded = {path.parent.name for path in (DATA / "errors").glob("*/expected.json")}
    elsewhere = [case for cases in WRONG_ELSEWHERE.values() for case in cases]
    assert recorded == {*REFUSED, *ACCEPTED, *elsewhere}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_at_the_place_that_pixi_names(case: str) -> None:
    directory = DATA / "errors" / case
    expected = json.loads((directory / "expected.json").read_text(encoding="utf-8"))
    with pytest.raises(InvalidInput) as caught:
        read_everything(directory / "workspace")
    error = caught.value
    sentence, remedy = REFUSED[case]
    assert expected["exit_code"] == 1
    assert sentence in error.message
    assert error.message.endswith(".")
    assert remedy in (error.remedy or "")
    places = places_in(expected["stderr"])
    if places:
        assert error.file is not None
        assert error.column is not None
        file = Path(error.file).relative_to(directory).as_posix()
        columns = {(place[0], place[1]): place[2] for place in places}
        assert (file, error.line) in columns
        # pixi points behind the quote of a text.
        distance = columns[file, error.line or 0] - error.column
        assert distance in (0, 1) or case in POINTS_CLOSER


@pytest.mark.parametrize("case", [case for cases in WRONG_ELSEWHERE.values() for case in cases])
def test_nothing_is_said_of_a_manifest_that_is_in_order(case: str) -> None:
    assert read_everything(DATA / "errors" / case / "workspace").warnings == ()


@pytest.mark.parametrize("case", ACCEPTED)
def test_accepted_as_by_pixi(case: str) -> None:
    read_everything(DATA / "errors" / case / "workspace")


def test_a_target_without_a_platform_is_only_a_warning() -> None:
    (warning,) = load_manifest(DATA / "errors" / "target-unknown" / "workspace").warnings
    assert "`amiga`" in warning.message
    assert (warning.file.name, warning.line, warning.column) == ("pixi.toml", 7, 9)


def test_a_missing_package_names_the_line_that_asks_for_it() -> None:
    with pytest.raises(InvalidInput) as caught:
        read_everything(DATA / "errors" / "dependency-absent-path" / "workspace")
    error = caught.value
    assert error.package == "lib"
    assert error.location is not None
    assert error.location.endswith("pixi.toml:8:1")


@pytest.mark.parametrize("content", [b"\xff\xfe", b"[workspace", b"a = 1\na = 2", b"", b"x = 99e"])
def test_a_broken_manifest_ends_in_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "pixi.toml").write_bytes(content)
    with pytest.raises(PixipackError) as caught:
        load_manifest(tmp_path)
    assert caught.value.file == str(tmp_path / "pixi.toml")
