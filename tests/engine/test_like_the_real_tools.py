"""The embedded engine makes what pixi and pixi-pack made of the recorded workspaces."""

from __future__ import annotations

import pytest

from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.lock import write_lock

from .conftest import numbered

# Case, directory of the recorded pack, options, and files below the case's root to inject.
PACKED = [
    ("binary", "pack", {}, []),
    ("flat", "pack", {}, []),
    ("flat", "pack-again", {}, []),
    ("run-exports", "pack", {}, []),
    ("channel-priority", "pack", {}, []),
    ("environments", "pack", {"environment": "tests"}, []),
    ("pack-forms", "pack-cached", {}, []),
    ("pack-platform", "pack", {"platform": "win-64"}, []),
    ("pack-platform", "pack-osx", {"platform": "osx-arm64"}, []),
    ("injection", "pack", {}, ["channels/extra/linux-64/good-1.0-h0_0.conda"]),
    (
        "injection",
        "pack-pair",
        {},
        [
            "channels/extra/linux-64/lonely-1.0-h0_0.conda",
            "channels/extra/linux-64/friend-1.0-h0_0.conda",
        ],
    ),
    ("injection", "pack-wheel", {}, ["wheels/stub_wheel-1.0-py3-none-any.whl"]),
    ("injection", "pack-duplicate", {}, ["channels/main/linux-64/libz-1.0.1-h1_0.conda"]),
    ("injection", "pack-other-version", {}, ["channels/main/linux-64/libz-1.1.0-h1_0.conda"]),
    ("inject-two-versions", "pack", {}, ["channels/main/linux-64/libz-1.1.0-h1_0.conda"]),
]


@pytest.mark.parametrize("name", ["flat", "trio"])
def test_the_lock_is_pixis_byte_for_byte(name, case, engine):
    """All recorded workspaces are in `test_recorded_locks`; these are answered by our stub."""
    found = case(name)
    assert numbered(engine.lock(found.workspace).to_text()) == found.expected_lock()


@pytest.mark.parametrize(
    ("name", "recorded", "options", "inject"), PACKED, ids=[f"{n}-{p}" for n, p, *_ in PACKED]
)
def test_the_pack_is_pixi_packs_byte_for_byte(
    name, recorded, options, inject, case, engine, tmp_path
):
    found = case(name)
    write_lock(engine.lock(found.workspace), found.workspace / "pixi.lock")
    files = [found.root / path for path in inject]
    options = {"platform": "linux-64", **options}

    pack = engine.pack(found.workspace, tmp_path / "environment.tar", inject=files, **options)

    assert pack.path.read_bytes() == (found.expected / recorded / "environment.tar").read_bytes()
    assert pack.tool_version == "0.7.10"


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        ("channels/extra/noarch/repodata.json", "no package"),
        ("channels/extra/linux-64/not-there-1.0-0.conda", "not-there-1.0-0.conda"),
        ("channels/extra/linux-64/rival-1.0-h0_0.conda", "does not fit"),
        ("channels/extra/linux-64/lonely-1.0-h0_0.conda", "does not fit"),
    ],
)
def test_what_does_not_fit_is_not_injected(file, sentence, case, engine, tmp_path):
    """pixi-pack refuses these, too, but for the first: it passes over other files in silence."""
    found = case("injection")
    write_lock(engine.lock(found.workspace), found.workspace / "pixi.lock")

    with pytest.raises(InvalidInput) as caught:
        engine.pack(
            found.workspace, tmp_path / "p.tar", inject=[found.root / file], platform="linux-64"
        )

    assert sentence in str(caught.value)
    assert not (tmp_path / "p.tar").exists()


@pytest.mark.parametrize("platform", ["linux-64", "osx-arm64", "win-64"])
def test_a_chain_of_source_packages_packs_for_every_platform(platform, case, engine, tmp_path):
    """The real pixi-pack refuses both: source run dependencies, and another platform."""
    found = case("trio")
    write_lock(engine.lock(found.workspace), found.workspace / "pixi.lock")
    pack = engine.pack(found.workspace, tmp_path / "environment.tar", platform=platform)
    assert pack.platform == platform
    assert {facts.subdir for facts in pack.records} == {platform, "noarch"}
    assert {"app", "lib", "core"} <= set(pack.packages)
    assert ("tool-a >=1.2" in pack.packages["app"].depends) == (platform == "linux-64")


def test_a_strict_channel_hides_the_versions_of_the_next(case, engine):
    found = case("channel-priority")
    from pytest_pixipack import SolveError

    with pytest.raises(SolveError, match="needs-two"):
        engine.lock(found.root / "transitive")


def test_disabled_priority_takes_the_newest_of_all_channels(case, engine):
    found = case("channel-priority")
    lock = engine.lock(found.root / "disabled")
    assert "second" in (lock["linux-64"]["shared-pkg"].channel or "")
