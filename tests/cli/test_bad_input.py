"""Bad input ends in one clear sentence and exit code 2; the user's files stay as they were."""

from __future__ import annotations

import sys

import pytest

from tests.permissions import is_root, obey

from .conftest import snapshot

STUB_FAULT = """
[package.build.config.stub]
fail = {{ stage = "{stage}", how = "{how}" }}
"""


def refused(done, *words: str) -> None:
    """One sentence, with a remedy at most, that says these words."""
    assert done.code == 2, (done.code, done.out, done.err)
    lines = [line for line in done.err.splitlines() if line.strip()]
    assert lines[0].startswith("pixipack: ")
    for word in words:
        assert word in done.err


def edit(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8", newline="")


def test_a_directory_for_the_json_document_is_refused_before_anything_is_done(
    pixipack, example, tmp_path
):
    before = snapshot(example)
    refused(pixipack("build", example, "-o", tmp_path / "built", "--json", tmp_path), "a directory")
    assert snapshot(example) == before
    assert not (tmp_path / "built").exists()


def test_a_broken_manifest(pixipack, example):
    edit(example / "pixi.toml", "[workspace]", "[workspace")
    before = snapshot(example)
    refused(pixipack("lock", example), "pixi.toml:1:")
    refused(pixipack("check", example), "pixi.toml:1:")
    assert snapshot(example) == before


def test_a_misspelt_key_has_a_suggestion(pixipack, example):
    edit(example / "pixi.toml", "run-dependencies]", "run-dependecies]")
    refused(pixipack("lock", example), "run-dependecies", "run-dependencies")


def test_a_manifest_that_is_not_text(pixipack, example):
    (example / "pixi.toml").write_bytes(b"\xff\xfe\x00[workspace]")
    refused(pixipack("lock", example), "pixi.toml")


def test_no_workspace_at_all(pixipack, tmp_path):
    refused(pixipack("lock", tmp_path), "no manifest")
    refused(pixipack("check", tmp_path / "nowhere"), "does not exist")


def test_a_package_is_no_workspace(pixipack, example):
    refused(pixipack("lock", example / "base"), "no `[workspace]`")


def test_a_missing_package_directory(pixipack, example):
    edit(example / "pixi.toml", 'path = "lib"', 'path = "gone"')
    before = snapshot(example)
    refused(pixipack("lock", example), "pixi.toml:", "lib-pkg", "gone")
    assert snapshot(example) == before


@pytest.mark.parametrize("stage", ["initialize", "outputs"])
@pytest.mark.parametrize("how", ["crash", "junk", "error"])
def test_a_backend_that_fails_while_locking(stage, how, pixipack, example):
    manifest = example / "base" / "pixi.toml"
    manifest.write_text(
        manifest.read_text(encoding="utf-8") + STUB_FAULT.format(stage=stage, how=how),
        encoding="utf-8",
    )
    before = snapshot(example)
    refused(pixipack("lock", example), "base-pkg")
    assert snapshot(example) == before


@pytest.mark.parametrize("how", ["crash", "junk", "error", "wrong-version", "missing-file"])
def test_a_backend_that_fails_while_building(how, pixipack, example, tmp_path):
    manifest = example / "base" / "pixi.toml"
    manifest.write_text(
        manifest.read_text(encoding="utf-8") + STUB_FAULT.format(stage="build", how=how),
        encoding="utf-8",
    )
    before = snapshot(example)
    target = tmp_path / "environment.tar"
    target.write_bytes(b"an older pack")
    refused(pixipack("pack", example, "-o", target), "base-pkg")
    assert snapshot(example) == before
    assert target.read_bytes() == b"an older pack"


def test_a_backend_that_offers_another_package(pixipack, example):
    manifest = example / "base" / "pixi.toml"
    manifest.write_text(
        manifest.read_text(encoding="utf-8") + STUB_FAULT.format(stage="outputs", how="wrong-name"),
        encoding="utf-8",
    )
    refused(pixipack("lock", example), "base-pkg", "somebody-else")


def test_specs_that_nothing_satisfies(pixipack, example):
    edit(example / "pixi.toml", 'curl = ">=8"', 'curl = ">=800"')
    before = snapshot(example)
    refused(pixipack("lock", example), "curl >=800")
    assert snapshot(example) == before


def test_an_impossible_version(pixipack, example):
    edit(example / "pixi.toml", 'curl = ">=8"', 'curl = ">=>8"')
    refused(pixipack("lock", example), "pixi.toml:", ">=>8")


def test_a_lock_that_is_not_yaml(pixipack, example):
    (example / "pixi.lock").write_text("version: 7\n  - [", encoding="utf-8")
    refused(pixipack("pack", example), "pixi.lock")


def test_a_lock_of_the_future(pixipack, example):
    edit(example / "pixi.lock", "version: 7", "version: 8")
    done = pixipack("verify", "--workspace", example, "--json", "-")
    refused(done, "8")
    assert done.document["outcome"] == "unsupported"


def test_a_pack_that_is_none(pixipack, tmp_path):
    (tmp_path / "environment.tar").write_bytes(b"not a tar" * 100)
    refused(pixipack("unpack", tmp_path / "environment.tar"), "environment.tar")
    refused(pixipack("unpack", tmp_path / "absent.tar"), "absent.tar")
    refused(pixipack("verify", "--pack", tmp_path / "absent.tar"), "absent.tar")


def test_a_malformed_option(pixipack, example):
    refused(pixipack("lock", example, "--backend", "pixi-build-cmake"), "NAME=PATH")
    refused(pixipack("lock", example, "--channel", "conda-forge=nowhere.toml"), "nowhere.toml")


def test_nothing_to_verify(pixipack):
    refused(pixipack("verify"), "nothing to verify")


def test_the_network_is_not_used_unasked(pixipack, example):
    edit(example / "pixi.toml", "channels = { conda-forge", "# channels = { conda-forge")
    (example / "pixi.lock").unlink()
    done = pixipack("lock", example, "--json", "-")
    refused(done, "network", "conda-forge", "(--network)")
    assert done.document["outcome"] == "infrastructure"
    assert "--pixipack-" not in done.out + done.err  # an option of pytest


def test_a_channel_spec_with_a_misspelt_key(pixipack, tmp_path):
    spec = tmp_path / "channel.toml"
    spec.write_text('[[package]]\nname = "a"\nversoin = "1"\n', encoding="utf-8")
    refused(pixipack("channel", "build", spec, tmp_path / "out"), "channel.toml:3", "version")
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other permissions")
@pytest.mark.skipif(is_root() and sys.platform != "linux", reason="root writes anywhere")
def test_a_target_that_cannot_be_written(pixipack, example, tmp_path):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o555)
    target = locked / "environment.tar"
    refused(pixipack("pack", example, "-o", target, preexec=obey), "environment.tar")
    refused(pixipack("build", example, "-o", locked / "built", preexec=obey), "locked")


def test_a_file_where_a_directory_has_to_be(pixipack, example, tmp_path):
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    refused(pixipack("build", example, "-o", tmp_path / "file"), "file")
    refused(pixipack("pack", example, "-o", tmp_path / "file" / "e.tar"), "file")
    refused(pixipack("channel", "build", example / "channel.toml", tmp_path / "file"), "file")
    assert (tmp_path / "file").read_text(encoding="utf-8") == "mine"


@pytest.mark.skipif(sys.platform == "win32", reason="a limit on file sizes is POSIX only")
@pytest.mark.parametrize(
    "kilobytes", [0, *(pytest.param(size, marks=pytest.mark.slow) for size in (1, 4, 16))]
)
def test_a_full_disk(kilobytes, pixipack, example, tmp_path):
    """A limit on the size of files makes writes fail like a full disk, at different places."""
    import resource

    before = snapshot(example)
    target = tmp_path / "environment.tar"
    target.write_bytes(b"an older pack")
    size = kilobytes * 1024

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    done = pixipack("pack", example, "-o", target, preexec=limit)
    assert done.code == 2, done.err
    assert target.read_bytes() == b"an older pack"
    assert snapshot(example) == before
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_names_give_no_orders_to_a_terminal(pixipack, example):
    edit(example / "pixi.lock", "  default:\n", '  "\\x1b[31mother":\n')
    done = pixipack("check", example)
    assert done.code == 1
    assert "\x1b" not in done.out + done.err
    assert "\\x1b[31mother" in done.out
    edit(example / "pixi.lock", "version: 7", '"\\x1b[31m": 1\nversion: 8')
    assert "\x1b" not in pixipack("check", example).err


def test_a_default_environment_cannot_be_removed(pixipack, example):
    edit(example / "pixi.lock", "  default:\n", "  other:\n")
    done = pixipack("check", example)
    assert "remove other from" not in done.out
    assert "remove default" not in done.out


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ('python -c "print(1)', "no closing quotation"),
        ("", "it is empty"),
        ("python \\", "escaped"),
    ],
)
def test_a_smoke_test_that_is_no_command(command, said, pixipack, tmp_path):
    """It is looked at before anything is unpacked: the pack is not even there."""
    done = pixipack("unpack", tmp_path / "absent.tar", "-o", tmp_path / "out", "--smoke", command)
    refused(done, "--smoke", said)
    assert not (tmp_path / "out").exists()
