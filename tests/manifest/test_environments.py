"""What an environment gets: features, targets, channels, platforms, solve groups."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.manifest import default_virtual_packages, load_manifest

from .helpers import BUILDING, DATA, WORKSPACE, load, requirements


def test_features_add_and_later_targets_replace(tmp_path: Path) -> None:
    manifest = load(
        tmp_path,
        WORKSPACE,
        """
        [dependencies]
        a = "*"
        b = "*"
        [target.linux-64.dependencies]
        b = "1.*"
        [target.unix.dependencies]
        b = "2.*"
        [feature.f.dependencies]
        c = "*"
        a = ">=1"
        [environments]
        f = ["f"]
        """,
    )
    assert requirements(manifest, "default", "win-64") == ["a *", "b *"]
    assert requirements(manifest, "default", "linux-64") == ["a *", "b 2.*"]
    # Features come before the default one, and both requirements for `a` stay.
    assert requirements(manifest, "f", "linux-64") == ["c *", "a >=1", "a *", "b 2.*"]


def test_build_over_host_over_run_dependencies(tmp_path: Path) -> None:
    manifest = load(
        tmp_path,
        WORKSPACE,
        '[dependencies]\na = "1.*"\n[host-dependencies]\na = "2.*"\n',
        '[build-dependencies]\na = "3.*"',
    )
    assert requirements(manifest, "default", "linux-64") == ["a 3.*"]
    assert len(manifest.warnings) == 2


@pytest.mark.parametrize(
    ("selector", "subdirs"),
    [
        ("unix", ["linux-64", "osx-arm64"]),
        ("linux", ["linux-64"]),
        ("macos", ["osx-arm64"]),
        ("osx", ["osx-arm64"]),
        ("win", ["win-64"]),
        ("win-64", ["win-64"]),
        ("*-64", ["linux-64", "win-64"]),
    ],
)
def test_target_selectors(tmp_path: Path, selector: str, subdirs: list[str]) -> None:
    manifest = load(tmp_path, WORKSPACE, f'[target."{selector}".dependencies]\na = "*"')
    platforms = [platform.name for platform in manifest.platforms()]
    assert [p for p in platforms if manifest.dependencies("default", p)] == subdirs


def test_channels_by_priority_then_by_order(tmp_path: Path) -> None:
    manifest = load(
        tmp_path,
        '[workspace]\nplatforms = ["linux-64"]\n'
        'channels = ["a", { channel = "b", priority = 1 }, { channel = "c", priority = -1 }, "d"]\n'
        '[feature.f]\nchannels = ["d", "e"]\n[environments]\nf = ["f"]',
    )
    assert manifest.channels() == ("b", "a", "d", "c")
    assert manifest.channels("f") == ("b", "d", "e", "a", "c")


def recorded_environments() -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Channels and platforms of each environment in the lock that pixi wrote."""
    text = (DATA / "cases/environments/expected/pixi.lock").read_text(encoding="utf-8")
    block = text.partition("environments:\n")[2].partition("\npackages:\n")[0]
    channels: dict[str, list[str]] = {}
    platforms: dict[str, list[str]] = {}
    for part in re.split(r"^  (?=\S)", block, flags=re.MULTILINE)[1:]:
        name = part.partition(":")[0]
        channels[name] = re.findall(r"- url: file://@ROOT@/channels/(\w+)/", part)
        platforms[name] = re.findall(r"^      ([\w-]+):$", part, flags=re.MULTILINE)
    return channels, platforms


def test_environments_as_in_the_lock_that_pixi_wrote() -> None:
    manifest = load_manifest(DATA / "cases/environments/workspace")
    channels, platforms = recorded_environments()
    assert set(channels) == set(manifest.environment_names())
    names = manifest.lock_platform_names()
    for environment in manifest.environment_names():
        found = [name.rpartition("/")[2] for name in manifest.channels(environment)]
        assert found == channels[environment]
        locked = sorted(names[platform.name] for platform in manifest.platforms(environment))
        assert locked == platforms[environment]


def test_system_requirements_become_platforms() -> None:
    manifest = load_manifest(DATA / "cases/environments/workspace")
    linux, windows = manifest.platforms("gpu")
    assert (linux.name, linux.subdir) == ("linux-64-cuda-12-glibc-2-30", "linux-64")
    assert linux.virtual_packages == (
        "__cuda=12",
        "__glibc=2.30",
        "__unix=0=0",
        "__linux=4.18",
        "__archspec=0=x86_64",
    )
    assert windows.virtual_packages == ("__cuda=12", "__win=10.0", "__archspec=0=x86_64")
    assert manifest.lock_platform_names()[linux.name] == "p1"
    assert "system-requirements" in manifest.warnings[0].message


def test_environments_join_the_requirements_of_their_features(tmp_path: Path) -> None:
    manifest = load(
        tmp_path,
        '[workspace]\nchannels = ["c"]\nplatforms = ["linux-64", "osx-64"]\n',
        '[feature.a.system-requirements]\ncuda = "11"\nlibc = "2.31"',
        '[feature.b.system-requirements]\ncuda = "12"\nlinux = "5.10"',
        '[environments]\nab = ["a", "b"]',
    )
    names = sorted(platform.name for platform in manifest.platforms("ab"))
    assert names == ["linux-64-cuda-12-glibc-2-31-linux-5-10", "osx-64"]


def test_named_platforms(tmp_path: Path) -> None:
    manifest = load(
        tmp_path,
        '[workspace]\nchannels = ["c"]\nplatforms = ["linux-64", '
        '{ name = "gpu", platform = "linux-64", cuda = { driver = "12.0", arch = "8.6" } }]\n',
        '[target.gpu.dependencies]\na = "*"\n[target.linux-64.dependencies]\nb = "*"',
        '[feature.g]\nplatforms = ["gpu"]\n[feature.l]\nplatforms = ["linux-64"]',
        '[environments]\ng = ["g"]\nl = ["l"]',
    )
    assert [platform.name for platform in manifest.platforms("g")] == ["gpu"]
    assert [platform.name for platform in manifest.platforms("l")] == ["linux-64"]
    assert requirements(manifest, "default", "gpu") == ["a *", "b *"]
    assert requirements(manifest, "default", "linux-64") == ["b *"]
    assert manifest.virtual_packages("g", "gpu")[:2] == ("__cuda=12.0", "__cuda_arch=8.6")
    assert manifest.lock_platform_names() == {"linux-64": "linux-64", "gpu": "p1"}


@pytest.mark.parametrize(
    ("subdir", "packages"),
    [
        ("linux-64", "__unix=0=0 __linux=4.18 __glibc=2.28 __archspec=0=x86_64"),
        ("linux-aarch64", "__unix=0=0 __linux=4.18 __glibc=2.28 __archspec=0=aarch64"),
        ("osx-64", "__unix=0=0 __osx=13.0 __archspec=0=x86_64"),
        ("osx-arm64", "__unix=0=0 __osx=13.0 __archspec=0=m1"),
        ("win-64", "__win=10.0 __archspec=0=x86_64"),
        ("win-arm64", "__win=10.0 __archspec=0=aarch64"),
        ("emscripten-wasm32", "__unix=0=0"),
        ("noarch", ""),
    ],
)
def test_what_a_plain_platform_is_assumed_to_have(subdir: str, packages: str) -> None:
    assert default_virtual_packages(subdir) == tuple(packages.split())


def test_a_solve_group_is_solved_with_all_its_requirements() -> None:
    manifest = load_manifest(DATA / "cases/environments/workspace")
    assert [e.name for e in manifest.group_members("old")] == ["old", "paired"]
    own = manifest.dependencies("old", "linux-64")
    together = manifest.dependencies("old", "linux-64", group=True)
    assert {spec.name for spec in together} - {spec.name for spec in own} == {"checker"}


def test_the_default_environment_exists_and_can_be_defined(tmp_path: Path) -> None:
    plain = load(tmp_path, WORKSPACE)
    assert plain.environment_names() == ("default",)
    text = '[feature.f.dependencies]\na = "*"\n[environments]\nz = ["f"]\ndefault = ["f"]'
    redefined = load(tmp_path, WORKSPACE, text)
    assert redefined.environment_names() == ("z", "default")
    assert requirements(redefined, "default", "linux-64") == ["a *"]


def test_an_environment_can_have_dependencies_of_its_own(tmp_path: Path) -> None:
    manifest = load(tmp_path, WORKSPACE, '[environments.t.dependencies]\na = "*"')
    assert requirements(manifest, "t", "linux-64") == ["a *"]
    assert requirements(manifest, "default", "linux-64") == []


def test_a_misspelt_environment_or_platform_gets_a_suggestion(tmp_path: Path) -> None:
    manifest = load(tmp_path, WORKSPACE)
    with pytest.raises(InvalidInput, match="Did you mean `default`"):
        manifest.environment("defualt")
    with pytest.raises(InvalidInput, match="Did you mean `linux-64`"):
        manifest.platform("default", "linux-46")


def test_unused_features_are_a_warning(tmp_path: Path) -> None:
    (warning,) = load(tmp_path, WORKSPACE, '[feature.f.dependencies]\na = "*"').warnings
    assert "`f`" in warning.message


def test_build_variants_of_the_last_matching_target(tmp_path: Path) -> None:
    manifest = load(
        tmp_path,
        BUILDING,
        '[workspace.build-variants]\npython = ["3.12"]\ncolor = ["red"]',
        '[workspace.target.linux-64.build-variants]\npython = ["3.13"]',
        '[workspace.target.unix.build-variants]\npython = ["3.14", "3.15"]',
    )
    linux, osx, windows = manifest.platforms()
    assert manifest.build_variants(linux) == {"python": ("3.14", "3.15"), "color": ("red",)}
    assert manifest.build_variants(osx)["python"] == ("3.14", "3.15")
    assert manifest.build_variants(windows)["python"] == ("3.12",)


def test_priority_and_strategy(tmp_path: Path) -> None:
    manifest = load(
        tmp_path,
        '[workspace]\nchannels = ["c"]\nplatforms = ["linux-64"]\nchannel-priority = "disabled"',
        'solve-strategy = "lowest"\n[feature.f]\nchannel-priority = "strict"',
        '[environments]\nalone = { features = ["f"], no-default-feature = true }\nboth = ["f"]',
    )
    assert manifest.channel_priority() == "disabled"
    assert manifest.channel_priority("alone") == "strict"
    assert (manifest.solve_strategy(), manifest.solve_strategy("alone")) == ("lowest", "highest")
    with pytest.raises(InvalidInput, match="different channel priorities"):
        manifest.channel_priority("both")
