"""Two packages: what differs, how much it matters, and why."""

from __future__ import annotations

import tarfile

import pytest
from dirty_equals import IsPartialDict

from pytest_pixipack import InvalidInput
from pytest_pixipack.artifact import Member
from pytest_pixipack.compare import compare_artifacts

from .conftest import FILES


def only(comparison):
    assert len(comparison.differences) == 1, [str(each) for each in comparison.differences]
    return comparison.differences[0]


def test_the_same_bytes_are_identical_without_a_look_inside(tmp_path):
    for name in ("a.conda", "b.conda"):
        (tmp_path / name).write_bytes(b"no package at all")
    assert compare_artifacts(tmp_path / "a.conda", tmp_path / "b.conda").verdict == "identical"


def test_a_file_that_is_no_package_is_refused(make, tmp_path):
    (tmp_path / "b.conda").write_bytes(b"no package at all")
    with pytest.raises(InvalidInput, match="not a valid zip"):
        compare_artifacts(make(), tmp_path / "b.conda")


@pytest.mark.parametrize(
    ("change", "verdict", "field", "cause"),
    [
        ({"depends": ["curl >=8", "libz >=1"]}, "order-only", "depends", "member-order"),
        ({"depends": ["libz >=1"]}, "payload", "depends", "dependency-change"),
        ({"constrains": ["old <1"]}, "payload", "constrains", "dependency-change"),
        ({"timestamp": 1_700_000_000_001}, "metadata", "timestamp", "timestamp"),
        ({"license": "MIT"}, "metadata", "license", "unknown"),
        ({"version": "1.1"}, "payload", "version", "version-change"),
        ({"build": "h1_0"}, "payload", "build", "build-string"),
        ({"constrains": []}, "metadata", "constrains", "json-format"),
        ({"extra_depends": {"x": ["y"]}}, "payload", "extra_depends.x", "dependency-change"),
        ({"new_field": "new"}, "payload", "new_field", "unknown"),
    ],
)
def test_the_index(change, verdict, field, cause, make):
    found = only(compare_artifacts(make(), make(**change)))
    assert (found.kind, found.field, found.cause) == (verdict, field, cause)
    assert found.where == ("app-1.0-h0_0.conda", "info-app-1.0-h0_0.tar.zst", "info/index.json")


@pytest.mark.parametrize(
    ("before", "after", "fields"),
    [
        (0o755, 0o750, {("mode", "metadata")}),
        (0o755, 0o754, {("mode", "metadata")}),  # still a program, for fewer
        (0o711, 0o710, {("mode", "metadata")}),
        (0o755, 0o655, {("mode", "metadata")}),
        (0o644, 0o640, {("mode", "metadata")}),
        (0o755, 0o644, {("executable", "payload")}),
        (0o644, 0o645, {("executable", "payload")}),
        (0o755, 0o640, {("executable", "payload"), ("mode", "metadata")}),
    ],
)
def test_permission_bits_of_a_file(before, after, fields, make):
    sides = [make(files=[Member("bin/app", b"x", mode=mode)]) for mode in (before, after)]
    found = compare_artifacts(*sides).differences
    assert {(each.field, each.kind) for each in found} == fields
    assert {each.cause for each in found} == {"mode"}


@pytest.mark.parametrize(
    ("exports", "verdict"),
    [({"weak": ["libz", "app >=1"]}, "order-only"), ({"strong": ["app >=1"]}, "payload")],
)
def test_run_exports(exports, verdict, make):
    assert compare_artifacts(make(), make(run_exports=exports)).verdict == verdict


@pytest.mark.parametrize(
    ("files", "field", "cause", "kind"),
    [
        ([FILES[0]], "file", "file-removed", "payload"),
        ([*FILES, Member("new", b"")], "file", "file-added", "payload"),
        ([FILES[0], Member("share/a", b"a\r\nb\r\n")], "line ends", "line-endings", "payload"),
        ([FILES[0], Member("share/a", b"b\na\n")], "order of lines", "line-order", "payload"),
        ([FILES[0], Member("share/a", b"\xef\xbb\xbfa\nb\n")], "encoding", "encoding", "payload"),
        ([FILES[0], Member("share/a", b"else")], "line 1", "content", "payload"),
        ([FILES[0], Member("share/a", link_target="b")], "kind", "content", "payload"),
        ([Member("bin/app", FILES[0].content), FILES[1]], "executable", "mode", "payload"),
    ],
)
def test_the_payload(files, field, cause, kind, make):
    found = compare_artifacts(make(), make(files=files))
    assert found.verdict == "payload"
    about = [each for each in found.differences if each.where[1].startswith("pkg-")]
    assert [(each.field, each.cause, each.kind) for each in about] == [(field, cause, kind)]


def test_what_follows_from_the_payload_is_not_said_again(make):
    found = compare_artifacts(make(), make(files=[FILES[0], Member("share/a", b"else")]))
    assert only(found).where[-1] == "share/a"


def test_a_link_to_another_target(make):
    left, right = (make(files=[Member("a", link_target=to), *FILES]) for to in ("bin", "share"))
    found = compare_artifacts(left, right).differences
    assert [each.cause for each in found if each.field == "target"] == ["link-target"]


def test_a_placeholder_is_payload(make):
    text = b"prefix=/opt/old\n"
    plain = make(files=[Member("a", text)])
    marked = make(files=[Member("a", text, placeholder="/opt/old", placeholder_mode="text")])
    found = only(compare_artifacts(plain, marked))
    assert (found.kind, found.where[-2:]) == ("payload", ("info/paths.json", "a"))
    assert found.right == IsPartialDict(prefix_placeholder="/opt/old", file_mode="text")


@pytest.mark.parametrize(
    ("name", "left", "right", "cause"),
    [
        ("a.pyc", b"MAGC" + bytes(12) + b"code", b"MAGC" + b"x" * 12 + b"code", "pyc-header"),
        ("a.gz", b"\x1f\x8b\x08\0" + b"t" * 6 + b"d", b"\x1f\x8b\x08\0" + b"u" * 6 + b"d",
         "gzip-header"),
    ],
)  # fmt: skip
def test_headers_without_meaning_are_metadata(name, left, right, cause, make):
    found = compare_artifacts(*(make(files=[Member(name, each)]) for each in (left, right)))
    assert {(each.kind, each.cause) for each in found.differences} == {("metadata", cause)}


def test_about_and_recipe_are_metadata(make):
    left = make(about={"home": "a"}, info={"recipe/meta.yaml": b"1", "test/run": b""})
    right = make(about={"home": "b"}, info={"recipe/meta.yaml": b"2"})
    found = compare_artifacts(left, right)
    assert found.verdict == "metadata"
    assert {(each.where[-1], each.field) for each in found.differences} == {
        ("info/about.json", "home"),
        ("info/recipe/meta.yaml", "line 1"),
        ("info/test/run", "file"),
    }


def test_one_of_each_format(make):
    found = only(compare_artifacts(make(), make(name="app-1.0-h0_0.tar.bz2")))
    assert (found.kind, found.cause, found.left, found.right) == (
        "metadata", "archive-format", ".conda", ".bz2"
    )  # fmt: skip


class TestContainers:
    """The same content, carried in another way."""

    def test_compression(self, plain_tar_bz2):
        found = only(compare_artifacts(plain_tar_bz2(), plain_tar_bz2(level=1)))
        assert (found.kind, found.cause) == ("metadata", "compression")

    def test_dialect(self, plain_tar_bz2):
        other = plain_tar_bz2(dialect=tarfile.USTAR_FORMAT)
        found = only(compare_artifacts(plain_tar_bz2(), other))
        assert (found.kind, found.cause) == ("metadata", "archive-format")

    def test_order(self, plain_tar_bz2):
        found = only(compare_artifacts(plain_tar_bz2(), plain_tar_bz2(reverse=True)))
        assert (found.kind, found.cause) == ("order-only", "member-order")

    @pytest.mark.parametrize(
        ("field", "value", "cause"),
        [("mtime", 1, "timestamp"), ("uname", "me", "owner"), ("mode", 0o664, "mode")],
    )
    def test_headers(self, field, value, cause, plain_tar_bz2):
        def change(info):
            if info.name == "bin/app":
                setattr(info, field, value)

        found = only(compare_artifacts(plain_tar_bz2(), plain_tar_bz2(change)))
        assert (found.kind, found.cause) == ("metadata", cause)
        assert found.where == ("app-1.0-h0_0.tar.bz2", "bin/app")


def test_another_level_of_zstandard(make):
    import zipfile

    import zstandard

    left = make()
    right = left.with_name("other.conda").parent / "o" / left.name
    right.parent.mkdir()
    with zipfile.ZipFile(left) as old, zipfile.ZipFile(right, "w") as new:
        for info in old.infolist():
            data = old.read(info)
            if info.filename.startswith("pkg-"):
                plain = zstandard.ZstdDecompressor().decompressobj().decompress(data)
                data = zstandard.ZstdCompressor(level=1).compress(plain)
            new.writestr(info, data)
    found = only(compare_artifacts(left, right))
    assert (found.kind, found.cause) == ("metadata", "compression")
    assert found.where == (left.name, "pkg-app-1.0-h0_0.tar.zst")
