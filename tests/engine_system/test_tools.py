"""Which tools are there, which release they are, and whether that is enough."""

from __future__ import annotations

import os

import pytest
from packaging.version import Version

from pytest_pixipack import Infrastructure, Unsupported
from pytest_pixipack.engine.system.support import (
    LIMITS,
    SUPPORTED,
    first_release_reading,
    newest_lock_version,
)
from pytest_pixipack.engine.system.tools import MissingTool, find_tools, parse_version, probe

from .programs import program, says


def test_tools_are_found_on_the_path_that_is_given(tmp_path):
    says(tmp_path / "bin", "pixi", "pixi 0.77.0")
    tools = find_tools({"PATH": str(tmp_path / "bin")})
    assert tools.require("pixi").version == Version("0.77.0")
    assert str(tools) == "pixi 0.77.0"


def test_a_missing_tool_says_what_to_install_and_how_to_go_on(tmp_path):
    tools = find_tools({"PATH": str(tmp_path)})
    assert tools.problem() == "pixi was not found on PATH."
    with pytest.raises(MissingTool, match=r"pixi-pack was not found on PATH") as caught:
        tools.require("pixi-pack")
    assert isinstance(caught.value, Infrastructure)
    assert "pixi-pack >=0.7" in str(caught.value)
    assert "embedded" in str(caught.value)


def test_a_toolchain_directory_takes_nothing_from_the_path(tmp_path):
    says(tmp_path / "path", "pixi", "pixi 0.77.0")
    says(tmp_path / "candidate", "pixi-pack", "pixi-pack 0.8.0")
    tools = find_tools({"PATH": str(tmp_path / "path")}, directory=tmp_path / "candidate")
    assert tools.get("pixi") is None
    assert tools.require("pixi-pack").version == Version("0.8.0")
    assert str(tmp_path / "candidate") in (tools.problem() or "")


def test_a_tool_can_be_named_by_its_file(tmp_path):
    path = says(tmp_path, "my-pixi", "pixi 0.80.1")
    tools = find_tools({"PATH": ""}, explicit={"pixi": path})
    assert tools.require("pixi").path == path


def test_a_named_file_that_is_not_there_is_missing(tmp_path):
    with pytest.raises(MissingTool, match="nowhere"):
        find_tools({"PATH": ""}, explicit={"pixi": tmp_path / "nowhere"})


def test_rattler_build_is_found_where_it_is_and_not_missed_where_it_is_not(tmp_path):
    for name, version in (("pixi", "0.77.0"), ("pixi-pack", "0.7.10"), ("pixi-unpack", "0.7.10")):
        says(tmp_path, name, f"{name} {version}")
    tools = find_tools({"PATH": str(tmp_path)})
    assert tools.problem() is None
    with pytest.raises(MissingTool, match=r"rattler-build was not found on PATH"):
        tools.require("rattler-build")
    says(tmp_path, "rattler-build", "rattler-build 0.31.0")
    tools = find_tools({"PATH": str(tmp_path)})
    assert tools.require("rattler-build").version == Version("0.31.0")
    assert "rattler-build 0.31.0" in str(tools)


def test_an_old_rattler_build_is_refused_by_who_needs_it(tmp_path):
    old = says(tmp_path, "rb", "rattler-build 0.20.0")
    tools = find_tools({"PATH": ""}, explicit={"rattler-build": old})
    with pytest.raises(Unsupported, match=r"rattler-build 0\.20\.0 .* rattler-build >=0\.30 is"):
        tools.require("rattler-build")


def test_an_option_names_the_directory_of_the_tools(pytester, tmp_path, monkeypatch):
    for name, version in (("pixi", "0.70.0"), ("rattler-build", "0.31.0")):
        says(tmp_path / "here", name, f"{name} {version}")
    before = os.environ["PATH"]
    pytester.makeini("[pytest]\naddopts = -p no:randomly -p no:hypothesispytest\n")
    pytester.makepyfile(
        """
        from pytest_pixipack.engine.system.tools import find_tools

        def test_it():
            assert find_tools().problem().startswith("pixi 0.70.0 ")
            assert find_tools().require("rattler-build")
        """
    )
    where = os.path.relpath(tmp_path / "here", pytester.path)
    pytester.runpytest(f"--pixipack-tools={where}").assert_outcomes(passed=1)
    assert os.environ["PATH"] == before
    result = pytester.runpytest("--pixipack-tools=nowhere")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*directory of --pixipack-tools is not there: *nowhere"])


def test_an_old_release_is_refused_with_the_range_that_is_supported(tmp_path):
    says(tmp_path, "pixi", "pixi 0.70.2")
    with pytest.raises(Unsupported, match=r"pixi 0\.70\.2 .* is not supported; pixi >=0\.71 is"):
        find_tools({"PATH": str(tmp_path)}).require("pixi")


@pytest.mark.parametrize("text", ["", "pixi", "pixi: command not found", "pixi x.y"])
def test_an_unknown_version_is_refused(text, tmp_path):
    says(tmp_path, "pixi", text)
    with pytest.raises(Unsupported, match=r"The version of pixi .* is unknown"):
        find_tools({"PATH": str(tmp_path)}).require("pixi")


def test_a_program_that_fails_has_no_version(tmp_path):
    path = says(tmp_path, "pixi", "pixi 0.77.0", code=3)
    assert probe("pixi", path).version is None


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("pixi 0.77.0", "0.77.0"),
        ("pixi-pack 0.7.10\n", "0.7.10"),
        ("rattler-build 0.31.0", "0.31.0"),
        ("pixi 0.78.0-rc.1", "0.78.0rc1"),
        ("pixi 0.77.0-dirty-build", "0.77.0"),
        ("v1.2.3", "1.2.3"),
        ("a warning\npixi 0.77.0", "0.77.0"),
    ],
)
def test_versions_are_read_from_what_tools_print(text, version):
    assert parse_version(text) == Version(version)


def test_a_release_candidate_of_a_supported_release_will_do(tmp_path):
    says(tmp_path, "pixi", "pixi 0.78.0-rc.1")
    assert find_tools({"PATH": str(tmp_path)}).require("pixi")


def test_a_tool_is_asked_once_and_again_after_it_has_changed(tmp_path):
    count = tmp_path / "count"
    code = f"open({str(count)!r}, 'a').write('x')\nprint('pixi 0.77.0')\n"
    path = program(tmp_path, "pixi", code)
    for _ in range(3):
        assert probe("pixi", path).version == Version("0.77.0")
    assert count.read_text() == "x"
    path.touch()
    os.utime(path, ns=(1, 1))
    probe("pixi", path)
    assert count.read_text() == "xx"


def test_a_tool_sees_nothing_of_the_user_when_it_is_asked(tmp_path, monkeypatch):
    monkeypatch.setenv("PIXI_PROJECT_ROOT", "/elsewhere")
    code = "import os\nprint('pixi 0.77.0' if 'PIXI_PROJECT_ROOT' not in os.environ else 'no')\n"
    assert probe("pixi", program(tmp_path, "pixi", code)).version == Version("0.77.0")


@pytest.mark.parametrize(
    ("release", "lock_version"), [("0.7.0", 6), ("0.7.6", 6), ("0.7.7", 7), ("0.7.10", 7)]
)
def test_which_lock_a_pixi_pack_reads(release, lock_version):
    assert newest_lock_version("pixi-pack", Version(release)) == lock_version


def test_the_release_that_reads_a_lock_can_be_named():
    assert first_release_reading("pixi-pack", 7) == ">=0.7.7"
    assert first_release_reading("pixi-pack", 8) is None


def test_every_limit_is_one_of_a_known_tool_and_has_a_key_of_its_own():
    assert {limit.tool for limit in LIMITS} <= set(SUPPORTED)
    assert len({limit.key for limit in LIMITS}) == len(LIMITS)
