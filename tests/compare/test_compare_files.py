"""Wheels, libraries, archives and directories that are no layer of their own."""

from __future__ import annotations

import shutil

import pytest

from pytest_pixipack import InvalidInput
from pytest_pixipack.compare.layers import compare_paths, layer_of

from .corpus import CASES, ar, put, tar, wheel, zipped


def told(found):
    return {(each.kind, each.cause) for each in found.comparison.differences}


@pytest.mark.parametrize("case", ["wheel-tool", "ar-time", "zip-time", "tar-owner", "gzip-level"])
def test_two_files(case, tmp_path):
    name, left, right, kind, cause = CASES[case]
    for side, content in (("l", left), ("r", right)):
        (tmp_path / side).mkdir()
        (tmp_path / side / name).write_bytes(content)
    pair = tmp_path / "l" / name, tmp_path / "r" / name
    assert layer_of(pair[0]) == "file"
    assert told(compare_paths(*pair)) == {(kind, cause)}
    assert compare_paths(pair[0], pair[0]).comparison.verdict == "identical"


@pytest.fixture
def trees(tmp_path):
    left = tmp_path / "l" / "dist"
    (left / "lib").mkdir(parents=True)
    (left / "a-1-py3-none-any.whl").write_bytes(wheel())
    (left / "lib" / "a.a").write_bytes(ar())
    (left / "about.txt").write_bytes(b"made 2024-03-01\n")
    right = tmp_path / "r" / "dist"
    shutil.copytree(left, right)
    return left, right


def test_two_directories(trees):
    left, right = trees
    assert compare_paths(left, right).comparison.verdict == "identical"
    (right / "lib" / "a.a").write_bytes(ar(mtime=1))
    (right / "about.txt").write_bytes(b"made 2024-03-02\n")
    (right / "new").write_bytes(b"")
    assert told(compare_paths(left, right)) == {
        ("metadata", "archive-member-header"),
        ("payload", "embedded-date"),
        ("payload", "file-added"),
    }


def test_links_and_modes(trees):
    left, right = trees
    for each, target in ((left, "a"), (right, "b")):
        try:
            (each / "link").symlink_to(target)
        except OSError:
            pytest.skip("symbolic links cannot be made here")
    assert told(compare_paths(left, right)) == {("payload", "link-target")}


def test_a_tar_without_metadata_is_no_pack(tmp_path):
    for name, content in (("a.tar", tar()), ("b.tar", tar(change=put("mtime", 1)))):
        (tmp_path / name).write_bytes(content)
    assert told(compare_paths(tmp_path / "a.tar", tmp_path / "b.tar")) == {
        ("metadata", "timestamp")
    }


def test_two_kinds_are_refused(tmp_path):
    (tmp_path / "a.zip").write_bytes(zipped())
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "f").write_bytes(b"")
    with pytest.raises(InvalidInput, match="is an archive or a library"):
        compare_paths(tmp_path / "a.zip", tmp_path / "d")
