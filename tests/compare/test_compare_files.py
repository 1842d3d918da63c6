"""Wheels, libraries, archives and directories that are no layer of their own."""

from __future__ import annotations

import bz2
import io
import os
import shutil
import zipfile

import pytest

import pytest_pixipack
from pytest_pixipack import InvalidInput
from pytest_pixipack.compare import compare
from pytest_pixipack.compare.layers import compare_paths, layer_of

from .corpus import CASES, ar, put, tar, wheel, zipped


def told(found):
    return told_of(found.comparison)


def told_of(comparison):
    return {(each.kind, each.cause) for each in comparison.differences}


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


def written(tmp_path, name, left, right):
    pair = tmp_path / "l" / name, tmp_path / "r" / name
    for path, content in zip(pair, (left, right), strict=True):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    return pair


@pytest.mark.parametrize(
    "case",
    ["date-iso", "json-space", "json-path", "yaml-style", "yaml-value", "pyc-time", "binary-path",
     "endings", "tar-bz2-order"],
)  # fmt: skip
def test_a_file_of_any_kind_is_compared_as_what_it_is(case, tmp_path):
    name, left, right, kind, cause = CASES[case]
    assert told(compare_paths(*written(tmp_path, name, left, right))) == {(kind, cause)}


@pytest.mark.parametrize(
    ("name", "left", "right"),
    [
        ("poetry.lock", b'[[package]]\nname = "a"\n', b'[[package]]\nname = "b"\n'),
        ("Cargo.lock", b"# made by cargo\nversion = 3\n", b"# made by cargo\nversion = 4\n"),
        ("flake.lock", b'{"a": 1}', b'{"a": 2}'),
        ("compose.yml", b"version: 3\nservices: a\n", b"version: 3\nservices: b\n"),
        ("build.sh", b"make\n", b"make all\n"),
        ("empty", b"", b"a\n"),
        ("strange", bytes(range(256)), bytes(255)),
    ],
)
def test_what_looks_like_a_layer_but_is_none(name, left, right, tmp_path):
    pair = written(tmp_path, name, left, right)
    assert compare_paths(*pair).layer == "file"
    assert compare_paths(*pair).comparison.verdict == "payload"
    assert compare_paths(pair[0], pair[0]).comparison.verdict == "identical"


@pytest.mark.parametrize("name", ["a.tar.bz2", "a-1-0.tar.bz2"])
def test_a_tar_bz2_that_is_no_package(name, tmp_path):
    left, right = tar(), tar(change=put("mtime", 1))
    pair = written(tmp_path, name, bz2.compress(left), bz2.compress(right))
    assert told(compare_paths(*pair)) == {("metadata", "timestamp")}
    assert told(compare_paths(tmp_path / "l", tmp_path / "r")) == {("metadata", "timestamp")}
    levels = written(tmp_path, name, bz2.compress(left, 1), bz2.compress(left, 9))
    assert told(compare_paths(*levels)) == {("metadata", "compression")}


def damaged(archive, place):
    return archive[:place] + b"~~~~" + archive[place + 4 :]


@pytest.mark.parametrize(
    ("name", "pack", "place"),
    [("a.tar.bz2", bz2.compress, 100), ("a.tar", bytes, 1024 + 148)],  # the second header
)
def test_a_plain_archive_beside_one_that_is_damaged(name, pack, place, tmp_path):
    whole = pack(tar())
    pair = written(tmp_path, name, whole, damaged(whole, place))
    for one, other in (pair, pair[::-1]):
        found = compare_paths(one, other)
        assert told(found) == {("payload", "content")}
        assert "not looked into" in found.comparison.differences[0].evidence
    pair = written(tmp_path, name, damaged(whole, place - 1), damaged(whole, place))
    with pytest.raises(InvalidInput):  # they may have been packages, or packs
        compare_paths(*pair)


def test_a_record_of_a_wheel_follows_in_a_directory_too(tmp_path):
    for side, day in (("l", b"1"), ("r", b"2")):
        with zipfile.ZipFile(io.BytesIO(wheel({"a/b.txt": b"2024-03-0%s\n" % day}))) as archive:
            archive.extractall(tmp_path / side)
    assert told(compare_paths(tmp_path / "l", tmp_path / "r")) == {("payload", "embedded-date")}


def test_two_empty_directories(tmp_path):
    for side in ("l", "r"):
        (tmp_path / side).mkdir()
    assert compare_paths(tmp_path / "l", tmp_path / "r").comparison.verdict == "identical"
    (tmp_path / "r" / "new").write_bytes(b"")
    assert told(compare_paths(tmp_path / "l", tmp_path / "r")) == {("payload", "file-added")}


def test_packages_and_other_files_in_one_directory(make, tmp_path):
    """Nothing beside packages is passed over; packages are compared as such, wherever they are."""
    for side, time, text in (("l", 5, b"2024-03-01\n"), ("r", 6, b"2024-03-02\n")):
        (tmp_path / side / "noarch").mkdir(parents=True)
        shutil.copy(make(info={"recipe/meta.yaml": b"a: %d" % time}), tmp_path / side / "noarch")
        shutil.copy(make(timestamp=time), tmp_path / side)
        (tmp_path / side / "about.txt").write_bytes(text)
        (tmp_path / side / "damaged-1-0.conda").write_bytes(text)
    found = compare_paths(tmp_path / "l", tmp_path / "r")
    assert {(each.where[1], each.kind, each.cause) for each in found.comparison.differences} == {
        ("about.txt", "payload", "embedded-date"),
        ("app-1.0-h0_0.conda", "metadata", "timestamp"),
        ("damaged-1-0.conda", "payload", "embedded-date"),
        ("noarch/app-1.0-h0_0.conda", "metadata", "content"),
    }
    assert found.packages == 3
    (tmp_path / "none").mkdir()
    nothing = compare_paths(tmp_path / "none", tmp_path / "r").comparison
    assert told_of(nothing) == {("payload", "file-added")}


@pytest.mark.skipif(os.name == "nt", reason="files have no permission bits there")
def test_permission_bits(trees):
    left, right = trees
    (right / "about.txt").chmod(0o600)
    (left / "about.txt").chmod(0o644)
    assert told(compare_paths(left, right)) == {("metadata", "mode")}
    (right / "about.txt").chmod(0o755)
    assert told(compare_paths(left, right)) == {("payload", "mode")}


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


def test_two_paths_in_python(tmp_path):
    """`compare` takes whatever the command takes, also as text."""
    left, right = written(tmp_path, "a.txt", b"made 2024-03-01\n", b"made 2024-03-02\n")
    found = compare(left, str(right))
    assert (found.verdict, found.layer) == ("payload", "file")
    assert [each.cause for each in found.differences] == ["embedded-date"]
    assert pytest_pixipack.compare_paths(left, left).verdict == "identical"
    assert pytest_pixipack.compare_paths is compare
    assert isinstance(found, pytest_pixipack.Compared)
