"""Packages of a local channel, and what a lock says of them: pixi 0.77 accepts all of these."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_pixipack.lock import parse_lock
from pytest_pixipack.manifest import load_manifest
from pytest_pixipack.verify import Report, check_lock

NAME = "libz-1.0-h0_0.conda"
RECORD = {
    "name": "libz", "version": "1.0", "build": "h0_0", "build_number": 0, "subdir": "linux-64",
    "sha256": "ab" * 32, "md5": "cd" * 16, "depends": ["__glibc >=2.17"],
}  # fmt: skip


@pytest.fixture
def lock(tmp_path: Path) -> str:
    subdir = tmp_path / "channel" / "linux-64"
    subdir.mkdir(parents=True)
    index = {"packages": {}, "packages.conda": {NAME: RECORD}}
    (subdir / "repodata.json").write_text(json.dumps(index), encoding="utf-8")
    channel = (tmp_path / "channel").as_uri()
    (tmp_path / "pixi.toml").write_text(
        f'[workspace]\nname = "w"\nchannels = ["{channel}"]\nplatforms = ["linux-64"]\n'
        '[dependencies]\nlibz = "*"\n',
        encoding="utf-8",
    )
    place = (subdir / NAME).as_posix()
    return (
        "version: 7\nplatforms:\n- name: linux-64\nenvironments:\n  default:\n    channels:\n"
        f"    - url: {channel}/\n    packages:\n      linux-64:\n      - conda: {place}\n"
        f"packages:\n- conda: {place}\n  subdir: linux-64\n"
        f"  sha256: {'ab' * 32}\n  md5: {'cd' * 16}\n"
        "  depends:\n  - __glibc >=2.17\n"
    )


def check(root: Path, text: str) -> Report:
    report = check_lock(load_manifest(root), parse_lock(text))
    assert report.ok
    return Report.of(f for f in report.findings if f.rule == "lock-channel-record")


def test_a_lock_that_says_what_the_channel_says(tmp_path: Path, lock: str) -> None:
    assert check(tmp_path, lock).findings == ()
    assert check(tmp_path, lock.replace("__glibc >=2.17", "__glibc  >=2.17")).findings == ()


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("ab" * 32, "00" * 32, "sha256"),
        ("cd" * 16, "00" * 16, "md5"),
        ("  depends:\n  - __glibc >=2.17\n", "", "depends"),
        ("  - __glibc >=2.17\n", "  - __glibc >=2.17\n  constrains:\n  - b <1\n", "constrains"),
    ],
)
def test_a_record_that_was_edited(
    tmp_path: Path, lock: str, old: str, new: str, field: str
) -> None:
    (finding,) = check(tmp_path, lock.replace(old, new)).findings
    assert (finding.severity, finding.package, finding.field) == ("warning", "libz", field)


@pytest.mark.parametrize("text", ["", "[]", '{"packages": 1}', '{"packages.conda": {"a": []}}'])
def test_an_index_that_cannot_be_read_says_nothing(tmp_path: Path, lock: str, text: str) -> None:
    (tmp_path / "channel" / "linux-64" / "repodata.json").write_text(text, encoding="utf-8")
    assert check(tmp_path, lock.replace("ab" * 32, "00" * 32)).findings == ()


def test_the_edit_that_mends_is_named(tmp_path: Path, lock: str) -> None:
    """`pixi lock` sees nothing to do, and a lock without the entry cannot be read."""
    (finding,) = check(tmp_path, lock.replace("sha256: ab", "sha256: 00")).findings
    assert finding.remedy == "Run `pixi update libz`"
    assert finding.layers == ("lock", "lock")  # the manifest did not ask for it
