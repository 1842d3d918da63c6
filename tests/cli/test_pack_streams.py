"""Packs through pipes, and the options that pixi-unpack has."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from pytest_pixipack.pack import read_pack


@pytest.fixture
def pack(pixipack: Callable[..., object], example: Path, tmp_path: Path) -> Path:
    file = tmp_path / "environment.tar"
    assert pixipack("pack", example, "-o", file).code == 0  # type: ignore[attr-defined]
    return file


def stdin(monkeypatch: pytest.MonkeyPatch, data: bytes, *, terminal: bool = False) -> None:
    stream = SimpleNamespace(buffer=io.BytesIO(data), isatty=lambda: terminal)
    monkeypatch.setattr(sys, "stdin", stream)


def test_a_pack_on_standard_output_is_that_in_a_file(pack, pixipack, example, capfdbinary):
    from pytest_pixipack.cli import main

    assert main(["pack", str(example), "-o", "-"]) == 0
    out, err = capfdbinary.readouterr()
    assert out == pack.read_bytes()
    assert f"{len(read_pack(pack).records)} packages".encode() in err


def test_a_pack_on_standard_input(pack, pixipack, tmp_path, monkeypatch):
    stdin(monkeypatch, pack.read_bytes())
    done = pixipack("unpack", "-", "-o", tmp_path / "there", "-e", "mine")
    assert done.code == 0, done.err
    assert (tmp_path / "there" / "mine" / "conda-meta").is_dir()


@pytest.mark.parametrize(("data", "terminal"), [(b"", False), (b"no tar", False), (b"", True)])
def test_no_pack_on_standard_input(data, terminal, pixipack, tmp_path, monkeypatch):
    stdin(monkeypatch, data, terminal=terminal)
    done = pixipack("unpack", "-", "-o", tmp_path / "there")
    assert done.code == 2
    assert done.err.startswith("pixipack: ")
    assert not (tmp_path / "there").exists()


def test_without_a_name_the_pack_is_environment_tar(pack, pixipack, tmp_path):
    assert pixipack("unpack", cwd=tmp_path).code == 0
    assert (tmp_path / "env" / "conda-meta").is_dir()


def test_shells(pack, pixipack, tmp_path):
    there = tmp_path / "there"
    done = pixipack("unpack", pack, "-o", there, "-s", "fish", "--shell", "powershell")
    assert done.code == 0, done.err
    scripts = {path.name for path in there.iterdir() if path.is_file()}
    assert scripts == {"activate.fish", "activate.ps1"}


def test_a_shell_that_there_is_not_is_refused_before_anything_is_written(pack, pixipack, tmp_path):
    done = pixipack("unpack", pack, "-o", tmp_path / "there", "-s", "csh")
    assert done.code == 2
    assert "no activation script for the shell 'csh'" in done.err
    assert not (tmp_path / "there").exists()


@pytest.mark.parametrize("more", [("--directory-only",), ("--json", "-")])
def test_what_standard_output_cannot_be(more, pixipack, example):
    done = pixipack("pack", example, "-o", "-", *more)
    assert done.code == 2
    assert "Standard output cannot be" in done.err + done.out
