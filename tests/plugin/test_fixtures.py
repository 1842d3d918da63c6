"""The fixtures as tests use them; these are tests of workspaces themselves."""

from __future__ import annotations

import pytest
from dirty_equals import Contains

from pytest_pixipack import IsBuildString, IsPackage, IsSource, IsSpec, IsVersion
from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.platforms import current_platform


def test_local_build(pixi_workspace, stub_channel, stub_backend):
    channel = stub_channel("curl")
    ws = pixi_workspace.copy(
        "docs/examples/local-build",
        backends={"pixi-build-cmake": stub_backend},
    )
    ws.lock()
    prefix = ws.pack().unpack()
    assert channel.packages
    assert prefix.packages["main-pkg"] == IsPackage(
        version="0.1.0", build=IsBuildString(prefix="h"), depends=Contains(IsSpec("curl >=8"))
    )
    assert prefix.packages["curl"] == IsPackage(version=IsVersion(">=8,<9"))
    assert stub_backend.initialize("main-pkg").configuration is not None
    assert stub_backend.outputs("main-pkg")
    assert stub_backend.builds("main-pkg")
    ws.verify().raise_for_findings()


def test_openssl_only_on_unix(pixi_workspace, stub_channel):
    channel = stub_channel().add("openssl", "3.3", subdirs=["linux-64", "osx-arm64"])
    ws = pixi_workspace(platforms=["linux-64", "osx-arm64", "win-64"], channels=[channel]).package(
        "app", "1.0", run={"if(unix)": {"openssl": ">=1"}}
    )
    lock = ws.lock()
    assert lock["linux-64"] == {"app": IsSource(), "openssl": IsPackage(version=IsVersion(">=3"))}
    assert "openssl" not in lock["win-64"]


def test_a_channel_takes_the_place_of_another(pixi_workspace, stub_channel):
    channel = stub_channel().add("zlib", "1.3", subdir=current_platform())
    origin = pixi_workspace(channels=["conda-forge"], dependencies={"zlib": "*"})
    ws = pixi_workspace.copy(origin.root, channels={"conda-forge": channel})
    locked = ws.lock()[current_platform()]["zlib"]
    assert locked.location.startswith("https://conda.anaconda.org/conda-forge/")
    assert ws.pack().packages["zlib"] == IsPackage(version="1.3")


def test_roots_are_short(pixi_workspace, tmp_path):
    ws = pixi_workspace(name="a-workspace-with-a-rather-long-name")
    assert len(str(ws.root)) <= len(str(tmp_path.parent)) + 20


def test_several_workspaces_in_one_test(pixi_workspace):
    assert pixi_workspace().root != pixi_workspace().root


def test_a_backend_that_a_package_names(pixi_workspace, stub_backend):
    ws = pixi_workspace().package("app", "1.0", config={"greeting": "hi"})
    ws.lock()
    assert stub_backend.initialize("app").configuration == {"greeting": "hi"}
    assert stub_backend.transcript.packages == ("app",)
    with pytest.raises(InvalidInput, match="recorded packages: app"):
        stub_backend.initialize("ap")


def test_stub_channels_by_name(stub_channel):
    assert stub_channel("curl").packages
    assert not stub_channel().packages
    with pytest.raises(InvalidInput, match=r"no stub channel `crul`(.|\n)*`?curl`?"):
        stub_channel("crul")


def test_the_network_is_off_unless_the_test_says_so(pixi_workspace):
    ws = pixi_workspace(channels=["conda-forge"], dependencies={"zlib": "*"})
    with pytest.raises(Exception, match="network"):
        ws.lock()


@pytest.mark.pixi_engine("embedded")
def test_the_engine_of_a_marker(pixi_engine, pixi_workspace):
    assert pixi_engine == pixi_workspace.engine == pixi_workspace().engine.name == "embedded"
