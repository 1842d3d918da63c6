"""The command line on a workspace where everything is right."""

from __future__ import annotations

import sys

import pytest

from pytest_pixipack import StubChannel, __version__, read_pack
from pytest_pixipack.engine.system.tools import find_tools
from pytest_pixipack.platforms import current_platform

from .conftest import snapshot


def test_version(pixipack):
    assert pixipack("--version").out.strip() == f"pixipack {__version__}"


def test_the_committed_lock_is_what_a_fresh_solve_gives_on_this_machine(pixipack, example):
    before = snapshot(example)
    assert pixipack("lock", "--check", example).code == 0
    done = pixipack("lock", example)
    assert (done.code, done.out.strip()) == (0, f"{example / 'pixi.lock'} was up to date")
    assert snapshot(example) == before


def test_lock_says_what_changes(pixipack, example):
    manifest = example / "base" / "pixi.toml"
    text = manifest.read_text(encoding="utf-8")
    manifest.write_text(
        text.replace('ca-certificates = "*"', 'ca-certificates = ">=2020"'), encoding="utf-8"
    )
    before = snapshot(example)
    check = pixipack("lock", "--check", example)
    assert check.code == 1
    assert "ca-certificates >=2020" in check.out
    assert snapshot(example) == before
    assert pixipack("lock", example).code == 0
    assert pixipack("lock", "--check", example).code == 0


def test_check_accepts_and_refuses(pixipack, example):
    assert pixipack("check", example).code == 0
    assert pixipack("check", "--no-backend", example).code == 0
    manifest = example / "pixi.toml"
    text = manifest.read_text(encoding="utf-8")
    manifest.write_text(text.replace('curl = ">=8"', 'curl = ">=9"'), encoding="utf-8")
    done = pixipack("check", example, "--json", "-")
    assert done.code == 1
    findings = done.document["findings"]
    # Of the two other packages it is only said that no backend was asked.
    wrong = [finding for finding in findings if finding["severity"] != "note"]
    assert {finding["rule"] for finding in findings if finding not in wrong} == {"lock-backend"}
    assert {finding["rule"] for finding in wrong} == {"lock-source-metadata"}
    assert {finding["package"] for finding in wrong} == {"main-pkg"}
    assert {finding["severity"] for finding in wrong} == {"error"}


def test_build_pack_unpack_and_verify(pixipack, example, tmp_path):
    platform = current_platform()
    built = pixipack("build", example, "-o", tmp_path / "built", "--json", "-")
    assert built.code == 0
    assert len(built.document["artifacts"]) == 3
    assert pixipack("pack", example, "-o", tmp_path / "environment.tar").code == 0
    assert read_pack(tmp_path / "environment.tar").platform == platform
    assert pixipack("unpack", tmp_path / "environment.tar", "-o", tmp_path / "there").code == 0
    artifacts = [part for path in built.document["artifacts"] for part in ("--artifact", path)]
    done = pixipack(
        *("verify", "--workspace", example, *artifacts),
        *("--pack", tmp_path / "environment.tar", "--prefix", tmp_path / "there" / "env"),
        *("--strict", "--json", "-"),
    )
    assert done.document == {
        "schema": 1, "command": "verify", "outcome": "passed", "findings": [],
    }  # fmt: skip
    assert done.code == 0


@pytest.mark.parametrize("platform", ["linux-64", "linux-aarch64", "osx-64", "osx-arm64", "win-64"])
def test_packs_for_every_platform_have_the_same_bytes_each_time(
    platform, pixipack, example, tmp_path
):
    for name in ("one", "two"):
        done = pixipack("pack", example, "-p", platform, "-o", tmp_path / name / "e.tar")
        assert done.code == 0, done.err
    one, two = ((tmp_path / name / "e.tar").read_bytes() for name in ("one", "two"))
    assert one == two


@pytest.mark.skipif(
    (problem := find_tools().problem()) is not None, reason=f"the system engine's tools: {problem}"
)
def test_the_real_tools_give_the_same_lock_and_refuse_the_pack(pixipack, example, tmp_path):
    before = (example / "pixi.lock").read_bytes()
    assert pixipack("lock", example, "--engine=system").code == 0
    assert (example / "pixi.lock").read_bytes() == before
    done = pixipack("pack", example, "--engine=system", "-o", tmp_path / "e.tar", "--json", "-")
    assert done.code == 2
    assert done.document["outcome"] == "unsupported"
    assert "source run dependencies" in done.document["error"]["message"]


@pytest.mark.parametrize(
    ("name", "option", "content", "rule", "code"),
    [
        ("pixi.lock", "--lock", b"version: 7\n  - [", "lock-parse", 2),
        ("environment.tar", "--pack", b"no tar" * 200, "pack-parse", 1),
        ("a-1-0.conda", "--artifact", b"no zip", "artifact-parse", 1),
    ],
)
def test_what_is_there_and_cannot_be_read_is_a_finding(
    name, option, content, rule, code, pixipack, tmp_path
):
    (tmp_path / name).write_bytes(content)
    done = pixipack("verify", option, tmp_path / name, "--json", "-")
    assert [finding["rule"] for finding in done.document["findings"]] == [rule]
    assert done.code == code


def test_an_injected_package_is_in_the_pack(pixipack, example, tmp_path):
    channel = StubChannel().add("extra", "1.0").build(tmp_path / "channel")
    (package,) = channel.packages
    out = tmp_path / "environment.tar"
    done = pixipack("pack", example, "-i", channel.package_path(package), "-o", out)
    assert done.code == 0
    assert "extra" in read_pack(out).packages


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ({"depends": ["nowhere >=1"]}, "dependency 'nowhere >=1', which is not in the environment"),
        ({"constrains": ["curl <8"]}, "constraint 'curl <8', which is not satisfied"),
    ],
)
def test_an_injected_package_that_does_not_fit_is_refused(words, says, pixipack, example, tmp_path):
    channel = StubChannel().add("extra", "1.0", **words).build(tmp_path / "channel")
    (package,) = channel.packages
    out = tmp_path / "environment.tar"
    done = pixipack("pack", example, "-i", channel.package_path(package), "-o", out)
    assert done.code == 2
    assert says in done.err
    assert not out.exists()


def test_channel_build(pixipack, tmp_path, example):
    done = pixipack("channel", "build", example / "channel.toml", tmp_path / "channel")
    assert done.code == 0
    assert (tmp_path / "channel" / "noarch" / "repodata.json").is_file()
    assert done.out.startswith("file://")


def test_rules_are_listed_and_explained(pixipack):
    listed = pixipack("rules", "--json", "-").document["rules"]
    names = [rule["name"] for rule in listed]
    assert {"lock-spec", "artifact-depends", "pack-missing", "prefix-files"} <= set(names)
    done = pixipack("rules", "artifact-depends")
    assert done.out.startswith("artifact-depends   error")
    assert all(len(line) <= 80 for line in done.out.splitlines())


def test_what_is_meant_for_people_does_not_get_into_the_json(pixipack, example):
    done = pixipack("check", example, "--json", "-")
    assert done.document["outcome"] == "passed"
    assert "rules checked" in done.err


@pytest.mark.skipif(sys.platform == "win32", reason="a pipe of a POSIX shell")
def test_a_reader_that_has_seen_enough_is_no_error(tmp_path):
    import subprocess

    command = f'"{sys.executable}" -m pytest_pixipack rules | head -n 1'
    done = subprocess.run(command, shell=True, capture_output=True, encoding="utf-8", check=True)
    assert "BrokenPipe" not in done.stderr


def test_tools_are_taken_from_a_directory(pixipack, example, tmp_path):
    (tmp_path / "tools").mkdir()

    done = pixipack("lock", example, "--engine", "system", "--tools", tmp_path / "tools")

    assert done.code == 2
    assert f"pixi was not found in {tmp_path / 'tools'}" in done.err


def test_a_directory_of_tools_is_for_the_system_engine_and_has_to_be_there(
    pixipack, example, tmp_path
):
    assert "--engine system" in pixipack("lock", example, "--tools", tmp_path).err
    absent = ("--engine", "system", "--tools", tmp_path / "absent")
    assert "no such directory of tools" in pixipack("lock", example, *absent).err
