"""What pixi 0.77 does with workspaces that are spelled or arranged in unusual ways.

Each of these was found by locking generated workspaces with pixi and with the embedded engine.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_pixipack import EmbeddedEngine, EngineOptions, StubChannel
from pytest_pixipack.errors import InvalidInput, SolveError
from pytest_pixipack.lock import Lock, parse_lock

BACKEND = '[package.build]\nbackend = { name = "stub-backend", version = "*" }\n'


def package(name: str, more: str = "") -> str:
    return f'[package]\nname = "{name}"\nversion = "1.0"\n{BACKEND}{more}'


@pytest.fixture
def lock(tmp_path: Path) -> Callable[..., Lock]:
    """Locks a workspace: the text of its manifest, and those of packages by directory."""
    channels = {
        "first": StubChannel("first").add("libz", "1.0").add("other", "1"),
        "second": StubChannel("second").add("libz", "2.0", run_exports=["libz >=2"]),
    }
    urls = {name: channel.build(tmp_path / name).url for name, channel in channels.items()}

    def run(manifest: str, *, channels: str = '["first"]', **packages: str) -> Lock:
        for name, url in urls.items():
            channels = channels.replace(f'"{name}"', f'"{url}"')
            manifest = manifest.replace(f"CHANNEL-{name}", url)
            packages = {k: v.replace(f"CHANNEL-{name}", url) for k, v in packages.items()}
        head = f'[workspace]\nname = "w"\nchannels = {channels}\nplatforms = ["linux-64"]\n'
        root = tmp_path / "w"
        root.mkdir()
        text = head + 'preview = ["pixi-build"]\n' + manifest
        (root / "pixi.toml").write_text(text, encoding="utf-8")
        for name, text in packages.items():
            (root / name).mkdir()
            (root / name / "pixi.toml").write_text(text, encoding="utf-8")
        options = EngineOptions(cache_dir=tmp_path / "cache", backends={"stub-backend": "stub"})
        return EmbeddedEngine(options).lock(root)

    return run


@pytest.mark.parametrize("spelling", ["a", "./a", "a/"])
def test_a_location_is_locked_as_the_workspace_spells_it(lock, spelling):
    locked = lock(f'[dependencies]\na = {{ path = "{spelling}" }}\n', a=package("a"))
    assert locked["linux-64"]["a"].location == spelling


def test_a_location_that_a_package_names_is_normalised(lock):
    needs_b = '[package.run-dependencies]\nb = { path = ".././b/" }\n'
    locked = lock('[dependencies]\na = { path = "./a" }\n', a=package("a", needs_b), b=package("b"))
    assert locked["linux-64"]["b"].location == "b"


@pytest.mark.parametrize(("below", "other"), [("b", "./b"), ("./b", "b")])
def test_of_two_spellings_of_one_directory_the_plain_one_is_locked(lock, below, other):
    locked = lock(
        f'[dependencies]\nb = {{ path = "{below}" }}\n'
        f'[feature.f.dependencies]\nb = {{ path = "{other}" }}\n[environments]\ne = ["f"]\n',
        b=package("b"),
    )
    assert locked.environment("default")["linux-64"]["b"].location == below
    assert locked.environment("e")["linux-64"]["b"].location == "b"


def test_a_slash_at_the_end_is_kept_where_the_workspace_writes_it(lock):
    needs_b = '[package.host-dependencies]\nb = { path = "../b" }\n'
    manifest = '[dependencies]\na = { path = "a" }\nb = { path = "b/" }\n'
    locked = lock(manifest, a=package("a", needs_b), b=package("b"))
    assert {p.location for p in locked.packages if p.name == "b"} == {"b/"}


def test_a_source_package_keeps_its_capitals_in_the_lock_only(lock):
    locked = lock('[dependencies]\nBig = { path = "a" }\n', a=package("Big"))
    found = locked["linux-64"]["big"]
    assert found.identifier.startswith("Big[")
    assert parse_lock(locked.to_text())["linux-64"]["big"].name == "big"


def test_a_run_dependency_with_capitals_is_not_found_as_a_source(lock):
    needs = '[package.run-dependencies]\nBig = { path = "../b" }\n'
    with pytest.raises(SolveError, match="big"):
        lock('[dependencies]\na = { path = "a" }\n', a=package("a", needs), b=package("Big"))


def test_a_platform_without_packages_is_not_listed(lock):
    assert lock("").environment("default").packages == {}


def test_exclude_newer_says_nothing_of_source_packages(lock):
    locked = lock(
        '[dependencies]\na = { path = "a" }\n',
        channels='["first"]\nexclude-newer = "2020-01-01"',
        a=package("a"),
    )
    assert "a" in locked["linux-64"]


@pytest.mark.parametrize(("strategy", "version"), [("lowest", "1.0"), ("highest", "2.0")])
def test_a_strategy_applies_to_environments_but_not_to_host_dependencies(lock, strategy, version):
    locked = lock(
        '[dependencies]\na = { path = "a" }\nlibz = "*"\n',
        channels=f'["first", "second"]\nsolve-strategy = "{strategy}"\n'
        'channel-priority = "disabled"',
        a=package(
            "a",
            '[package.host-dependencies]\nlibz = "*"\n[package.build.config.stub]\n'
            'ignore-run-exports = { by-name = ["libz"] }\n',
        ),
    )
    found = locked["linux-64"]
    assert found["libz"].version == version
    assert [locked.package(name).version for name in found["a"].host_packages] == ["2.0"]


def test_what_source_packages_need_is_no_matter_of_strict_priority(lock):
    # The run export asks for a version that only the second channel has.
    locked = lock(
        '[dependencies]\na = { path = "a" }\n',
        channels='["first", "second"]',
        a=package("a", '[package.host-dependencies]\nlibz = ">=2"\n'),
    )
    assert locked["linux-64"]["libz"].version == "2.0"


def test_environments_with_other_channels_are_built_against_them(lock):
    locked = lock(
        '[dependencies]\na = { path = "a" }\n'
        '[feature.f]\nchannels = [{ channel = "CHANNEL-second", priority = 1 }]\n'
        '[environments]\ne = ["f"]\n',
        a=package("a", '[package.host-dependencies]\nlibz = "*"\n'),
    )
    built_with = {
        name: locked.package(locked.environment(name)["linux-64"]["a"].host_packages[0]).version
        for name in ("default", "e")
    }
    assert built_with == {"default": "1.0", "e": "2.0"}


def test_a_run_export_of_a_source_package_leads_to_that_source(lock):
    exports = '[package.run-exports.strong]\nlib = "*"\n'
    needs = '[package.build-dependencies]\nlib = { path = "../lib" }\n'
    locked = lock(
        '[dependencies]\na = { path = "a" }\n', a=package("a", needs), lib=package("lib", exports)
    )
    found = locked["linux-64"]["a"]
    assert found.source.source_depends == {"lib": {"path": "../lib"}}
    assert [name.partition("[")[0] for name in found.host_packages] == ["lib"]


def test_what_a_package_hands_on_is_no_source_of_its_own(lock):
    exports = '[package.run-exports.weak]\nlib = "*"\n'
    needs = (
        '[package.host-dependencies]\nlib = { path = "../lib" }\n'
        '[package.build.config.stub]\nignore-run-exports = { by-name = ["lib"] }\n'
    )
    locked = lock(
        '[dependencies]\na = { path = "a" }\n',
        a=package("a", needs + exports),
        lib=package("lib"),
    )
    assert locked["linux-64"]["a"].source.source_depends == {}


def test_channels_and_build_numbers_are_written_in_full(lock, tmp_path):
    needs = '[package.run-dependencies]\nlibz = { version = "*", build-number = "0" }\n'
    needs += 'other = { version = "*", channel = "CHANNEL-first" }\n'
    locked = lock('[dependencies]\na = { path = "a" }\n', a=package("a", needs))
    assert locked["linux-64"]["a"].depends == (
        'libz *[build_number="==0"]',
        f"{(tmp_path / 'first').as_uri()}/::other *",
    )


def test_one_directory_in_two_spellings_is_built(lock, tmp_path):
    needs_b = '[package.build-dependencies]\nb = { path = "../b" }\n'
    manifest = '[dependencies]\na = { path = "a" }\nb = { path = "./b" }\n'
    locked = lock(manifest, a=package("a", needs_b), b=package("b"))
    options = EngineOptions(cache_dir=tmp_path / "cache", backends={"stub-backend": "stub"})
    built = EmbeddedEngine(options).build(
        tmp_path / "w", tmp_path / "out", platform="linux-64", lock=locked
    )
    assert {each.facts.name for each in built} == {"a", "b"}


def test_a_package_is_built_with_names_as_its_manifest_writes_them(lock, tmp_path):
    limits = '[package.run-constraints]\nLibX = "<3"\n'
    locked = lock('[dependencies]\na = { path = "a" }\n', a=package("a", limits))
    assert locked["linux-64"]["a"].constrains == ("libx <3",)
    options = EngineOptions(cache_dir=tmp_path / "cache", backends={"stub-backend": "stub"})
    [built] = EmbeddedEngine(options).build(
        tmp_path / "w", tmp_path / "out", platform="linux-64", lock=locked
    )
    assert built.index["constrains"] == ["LibX <3"]


def test_a_build_number_has_to_be_one(lock):
    with pytest.raises(InvalidInput, match="`two` is not a build number"):
        lock('[dependencies]\nlibz = { version = "*", build-number = "two" }\n')


def test_an_environment_without_packages_cannot_be_packed(lock, tmp_path):
    locked = lock("")
    engine = EmbeddedEngine(EngineOptions(cache_dir=tmp_path / "cache"))
    with pytest.raises(InvalidInput, match="default has no packages for linux-64"):
        engine.pack(tmp_path / "w", tmp_path / "env.tar", platform="linux-64", lock=locked)


def test_a_source_that_is_named_with_capitals_is_not_named_again_without(lock):
    exports = '[package.run-exports.strong]\nBig = "*"\n'
    needs = '[package.build-dependencies]\nBig = { path = "../b" }\n'
    needs += '[package.run-dependencies]\nBig = { path = "../b" }\n'
    locked = lock(
        '[dependencies]\na = { path = "./a" }\nBig = { path = "b" }\n',
        a=package("a", needs),
        b=package("Big", exports),
    )
    assert locked["linux-64"]["a"].source.source_depends == {"Big": {"path": "../b"}}
