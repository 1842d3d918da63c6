"""`pixipack pack` writes a tar file, a directory, or a script that unpacks itself."""

from __future__ import annotations

import sys

import pytest

from pytest_pixipack import read_pack

from .conftest import snapshot

pytestmark = pytest.mark.slow


@pytest.fixture
def unpacker(tmp_path):
    path = tmp_path / "pixi-unpack"
    path.write_bytes(b"#!/bin/sh\nexit 0\n")
    return path


def test_the_three_forms_hold_the_same(pixipack, example, tmp_path, unpacker):
    tar, directory, script = tmp_path / "p.tar", tmp_path / "p", tmp_path / "p.sh"
    options = ("pack", example, "-p", "osx-arm64")

    assert pixipack(*options, "-o", tar).code == 0
    assert pixipack(*options, "-o", directory, "--directory-only").code == 0
    executable = ("--create-executable", "--pixi-unpack-source", unpacker)
    assert pixipack(*options, "-o", script, *executable).code == 0

    assert read_pack(script).members == read_pack(tar).members
    assert [(m.name, m.sha256) for m in read_pack(directory).members] == [
        (m.name, m.sha256) for m in read_pack(tar).members
    ]


def test_a_directory_with_files_is_left_alone(pixipack, example, tmp_path):
    there = tmp_path / "there"
    there.mkdir()
    (there / "mine.txt").write_text("mine", encoding="utf-8")
    before = snapshot(there)

    done = pixipack("pack", example, "-o", there, "--directory-only")

    assert done.code == 2
    assert "there is something else in its place" in done.err
    assert snapshot(there) == before


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--create-executable"], "and none was named"),
        (["--pixi-unpack-source", "x"], "is only used with --create-executable"),
        (["--create-executable", "--pixi-unpack-source", "absent"], "No such file"),
    ],
    ids=["no pixi-unpack", "no executable", "absent pixi-unpack"],
)
def test_options_that_do_not_fit_write_nothing(pixipack, example, tmp_path, options, sentence):
    out = tmp_path / "out"
    out.mkdir()

    done = pixipack("pack", example, "-o", out / "x", *options)

    assert done.code == 2
    assert sentence in done.err
    assert not list(out.iterdir())


def test_two_forms_at_once_are_refused(pixipack, example):
    assert pixipack("pack", example, "--create-executable", "--directory-only").code == 2


def test_the_limits_of_unpacking_can_be_set(pixipack, example, tmp_path):
    from pytest_pixipack.artifact import DEFAULT_LIMITS

    assert pixipack("pack", example, "-o", tmp_path / "p.tar").code == 0

    usual = pixipack("unpack", "--help").out
    assert f"(default: {DEFAULT_LIMITS.max_ratio})" in usual
    assert f"(default: {DEFAULT_LIMITS.max_unpacked_bytes >> 30})" in usual
    limits = ("--max-size", "1", "--max-ratio", "5")
    assert pixipack("unpack", tmp_path / "p.tar", "-o", tmp_path / "out", *limits).code == 0


def test_a_limit_is_a_number(pixipack, tmp_path):
    assert pixipack("unpack", tmp_path / "p.tar", "--max-ratio", "none").code == 2


@pytest.mark.skipif(sys.platform == "win32", reason="needs true and false")
@pytest.mark.parametrize(("command", "code"), [("true", 0), ("sh -c 'echo no; exit 3'", 1)])
def test_a_smoke_command_runs_in_the_environment(pixipack, example, tmp_path, command, code):
    assert pixipack("pack", example, "-o", tmp_path / "p.tar").code == 0

    arguments = ("unpack", tmp_path / "p.tar", "-o", tmp_path / "out", "--smoke", command)
    done = pixipack(*arguments, "--json", "-")

    assert done.code == code
    (ran,) = done.document["smoke"]
    assert (ran["exit_code"], ran["stdout"]) == ((0, "") if code == 0 else (3, "no\n"))
