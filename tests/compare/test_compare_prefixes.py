"""Two environments, at different places."""

from __future__ import annotations

import json
import os
import shutil

import pytest

from pytest_pixipack import InvalidInput, unpack
from pytest_pixipack.artifact import Member
from pytest_pixipack.compare import compare_prefixes
from pytest_pixipack.platforms import current_platform

PLACEHOLDER = "/opt/" + "placehold_" * 20
FILES = (
    Member("bin/app", f"#!{PLACEHOLDER}/bin/sh\n".encode(), True, None, PLACEHOLDER, "text"),
    Member("lib/a.bin", f"\1{PLACEHOLDER}/lib\0\0\2".encode(), False, None, PLACEHOLDER, "binary"),
    Member("share/a", b"a\nb\n"),
)


@pytest.fixture
def installed(make, pack, tmp_path):
    """Installs one package at a place of that name, and returns `env` or what is around it."""

    def install(place: str, around: bool = False, **change):
        here = {"subdir": current_platform(), "depends": [], "files": FILES, **change}
        made = pack(make(**here), platform=current_platform())
        prefix = unpack(made, tmp_path / place)
        return tmp_path / place if around else prefix.path

    return install


def only(comparison):
    assert len(comparison.differences) == 1, [str(each) for each in comparison.differences]
    return comparison.differences[0]


@pytest.mark.parametrize("around", [False, True])
def test_the_place_makes_no_difference(around, installed):
    left, right = installed("a", around), installed("a-much-longer-name", around)
    assert compare_prefixes(left, right).verdict == "identical"


def test_a_build_at_another_time_is_metadata(installed):
    left, right = installed("a"), installed("b", timestamp=1_700_000_009_000)
    found = compare_prefixes(left, right)
    assert found.verdict == "metadata"
    # That the package came in another file follows.
    assert [each.field for each in found.differences] == ["timestamp"]


def test_another_package_file_with_the_same_in_it_is_metadata(installed):
    left, right = installed("a"), installed("b", info={"recipe/meta.yaml": b"1"})
    found = compare_prefixes(left, right)
    assert found.verdict == "metadata"
    assert {each.field for each in found.differences} == {"sha256", "md5", "size"}


def test_another_dependency_is_payload(installed):
    found = compare_prefixes(installed("a"), installed("b", constrains=["old <1"]))
    assert found.verdict == "payload"


@pytest.mark.parametrize(
    ("path", "change", "cause"),
    [
        ("share/a", lambda file: file.write_bytes(b"b\na\n"), "line-order"),
        ("share/a", lambda file: file.unlink(), "file-removed"),
        ("share/new", lambda file: file.write_bytes(b""), "file-added"),
        ("bin/app", lambda file: file.write_bytes(file.read_bytes() + b"x"), "content"),
        ("etc/conda/activate.d/a.sh", lambda file: write(file, b"export A=1"), "file-added"),
        ("conda-meta/state", lambda file: file.write_bytes(b"{}"), "file-added"),
    ],
)
def test_files_are_payload(path, change, cause, installed):
    left, right = installed("a"), installed("b")
    change(right / path)
    found = only(compare_prefixes(left, right))
    assert (found.kind, found.cause, found.where) == ("payload", cause, ("env", path))


def write(file, content):
    file.parent.mkdir(parents=True)
    file.write_bytes(content)


def test_an_installers_own_files_are_metadata(installed):
    left, right = installed("a"), installed("b")
    (right / "conda-meta" / "pixi").write_bytes(b"{}")
    assert compare_prefixes(left, right).verdict == "metadata"


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"url": "https://example.org/c/linux-64/app-1.0-h0_0.conda", "channel": "x"}, ["url"]),
        ({"channel": "https://example.org/c"}, ["channel"]),
        ({"requested_specs": ["app >=1"]}, ["requested_specs"]),
        ({"requested_spec": "app >=1"}, ["requested_spec"]),
        ({"fn": "app-1.0-h0_0.tar.bz2"}, ["fn"]),
        # Places on this machine, and what is said in another way, make no difference.
        ({"url": "file:///elsewhere/app-1.0-h0_0.conda", "channel": "file:///elsewhere"}, []),
        ({"extracted_package_dir": "/cache/app", "package_tarball_full_path": "/c/a.conda"}, []),
        ({"requested_spec": None, "requested_specs": []}, []),
    ],
)
def test_where_a_package_came_from_is_metadata(change, fields, installed):
    left, right = installed("a"), installed("b")
    rewrite(right, lambda record: record | change)
    for each in (compare_prefixes(left, right), compare_prefixes(right, left)):
        assert [(d.field, d.kind) for d in each.differences] == [(f, "metadata") for f in fields]


def test_a_package_from_a_mirror(installed):
    left, right = installed("a"), installed("b")
    for prefix, host in ((left, "conda.anaconda.org"), (right, "mirror.example.org")):
        channel = f"https://{host}/main"
        origin = {"url": f"{channel}/noarch/app-1.0-h0_0.conda", "channel": channel}
        rewrite(prefix, lambda record, origin=origin: record | origin)
    found = only(compare_prefixes(left, right))
    assert (found.field, found.kind) == ("url", "metadata")


def rewrite(prefix, change):
    record = next((prefix / "conda-meta").glob("app-*.json"))
    text = json.dumps(change(json.loads(record.read_bytes())), indent=2)
    record.write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ([*FILES[:2], Member("share/a", b"made 2024-03-01\n")], ("share/a", "content")),
        ([*FILES, Member("share/new", b"")], ("share/new", "file-added")),
        (FILES[:2], ("share/a", "file-removed")),
        ([*FILES[:2], Member("share/a", b"a\nb\n", executable=True)], ("share/a", "mode")),
        ([*FILES[:2], Member("share/a", link_target="../bin/app")], ("share/a", "content")),
    ],
)
def test_what_the_record_says_of_another_file_follows_from_the_file(files, expected, installed):
    """Digests and sizes of the file and of the package, and the list of files."""
    found = only(compare_prefixes(installed("a"), installed("b", files=files)))
    assert (found.where[-1], found.cause, found.kind) == (*expected, "payload")


@pytest.mark.parametrize(
    ("change", "where", "field"),
    [
        (lambda record: record | {"sha256": "0" * 64}, "app", "sha256"),
        (lambda record: record | {"md5": "0" * 32}, "app", "md5"),
        (lambda record: record | {"size": 1}, "app", "size"),
        (lambda record: record | {"files": record["files"][1:]}, "app", "files"),
        (lambda record: edited(record, sha256="0" * 64), "share/a", "sha256"),
        (lambda record: edited(record, path_type="softlink"), "share/a", "path_type"),
    ],
)
def test_a_record_that_differs_where_the_files_do_not_is_told(change, where, field, installed):
    left, right = installed("a"), installed("b")
    for prefix in (left, right):  # digests of the packages, which are the same
        rewrite(prefix, lambda record: record | {"sha256": "1" * 64, "md5": "1" * 32, "size": 5})
    rewrite(right, change)
    found = only(compare_prefixes(left, right))
    assert (found.where[-1], found.field, found.kind) == (where, field, "metadata")


def edited(record, **change):
    """The record with another entry for `share/a`."""
    for entry in record["paths_data"]["paths"]:
        if entry["_path"] == "share/a":
            entry.update(change)
    return record


@pytest.mark.parametrize("strange", [5, "text", [], [5, None], {"a": 1}, None, True])
@pytest.mark.parametrize(
    "field",
    [
        "files",
        "paths_data",
        "link",
        "url",
        "channel",
        "fn",
        "requested_spec",
        "requested_specs",
        "sha256",
        "size",
        "depends",
        "run_exports",
        "track_features",
        "purls",
        "new",
    ],
)
@pytest.mark.slow
def test_whatever_a_record_says(field, strange, tmp_path):
    record = {"name": "app", "version": "1.0", "build": "0", "build_number": 0, "subdir": "noarch",
              "depends": [], "files": ["a"], "fn": "app-1.0-0.conda"}  # fmt: skip
    for side, change in (("l", {}), ("r", {field: strange})):
        meta = tmp_path / side / "conda-meta"
        meta.mkdir(parents=True)
        text = json.dumps(record | change)
        (meta / "app-1.0-0.json").write_text(text, encoding="utf-8")
    for pair in ((tmp_path / "l", tmp_path / "r"), (tmp_path / "r", tmp_path / "l")):
        try:
            compare_prefixes(*pair)
        except InvalidInput as refused:
            assert str(tmp_path / "r") in str(refused.file)  # noqa: PT017


def test_the_history_follows_from_the_packages(installed):
    left, right = installed("a"), installed("b", version="1.1", name="app-1.1-h0_0.conda")
    for prefix, version in ((left, "1.0"), (right, "1.1")):
        line = f"+https://example.org/c/noarch::app-{version}-h0_0\n"
        (prefix / "conda-meta" / "history").write_text(line, encoding="utf-8")
    assert {each.cause for each in compare_prefixes(left, right).differences} == {"version-change"}
    (right / "conda-meta" / "history").write_text("+c::other-1-0\n", encoding="utf-8")
    assert {each.field for each in compare_prefixes(left, right).differences} == {
        "packages", "version"
    }  # fmt: skip


@pytest.mark.skipif(os.name == "nt", reason="files have no permission bits there")
@pytest.mark.parametrize(
    ("mode", "expected"), [(0o600, ("metadata", "mode")), (0o755, ("payload", "executable"))]
)
def test_permission_bits(mode, expected, installed):
    left, right = installed("a"), installed("b")
    (left / "share" / "a").chmod(0o644)
    (right / "share" / "a").chmod(mode)
    found = only(compare_prefixes(left, right))
    assert (found.kind, found.field, found.cause) == (*expected, "mode")


def test_a_package_without_its_record_is_payload(installed):
    left, right = installed("a"), installed("b")
    next((right / "conda-meta").glob("app-*.json")).unlink()
    found = only(compare_prefixes(left, right))
    assert (found.where, found.cause) == (("env", "conda-meta", "app"), "file-removed")


def test_activation_scripts_beside_the_environment(installed):
    left, right = installed("a", around=True), installed("b", around=True)
    script = next(path for path in right.iterdir() if path.name.startswith("activate"))
    script.write_bytes(script.read_bytes() + b"export MORE=1\n")
    found = only(compare_prefixes(left, right))
    assert (found.kind, found.where) == ("payload", ("a", script.name))
    assert "<prefix>" in found.left


@pytest.mark.parametrize(
    ("rewrite", "kind", "cause"),
    [
        (lambda value: json.dumps(value, indent=7), "metadata", "json-format"),
        (lambda value: json.dumps(dict(reversed(value.items())), indent=2), "order-only",
         "member-order"),
    ],
)  # fmt: skip
def test_how_a_record_is_written(rewrite, kind, cause, installed, tmp_path):
    left = installed("a")
    right = tmp_path / "b" / left.name
    shutil.copytree(left, right, symlinks=True)
    record = next((right / "conda-meta").glob("app-*.json"))
    record.write_text(rewrite(json.loads(record.read_bytes())), encoding="utf-8")
    found = only(compare_prefixes(left, right))
    assert (found.kind, found.cause) == (kind, cause)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no named pipes in directories")
@pytest.mark.parametrize("path", ["bin/app", "share/a", "conda-meta/history"])
@pytest.mark.parametrize("both", [False, True])
def test_a_pipe_in_the_place_of_an_installed_file_is_refused(path, both, installed):
    """Nobody knows what comes through it: neither the same nor another content."""
    left, right = installed("a"), installed("b")
    for each in (left, right) if both else (right,):
        (each / path).unlink()
        os.mkfifo(each / path)
    for pair in ((left, right), (right, left)):
        with pytest.raises(InvalidInput, match="is a named pipe, not a file") as caught:
            compare_prefixes(*pair)
        assert str(caught.value.file).endswith(path)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no named pipes in directories")
def test_a_pipe_that_no_package_owns_is_left_out(installed):
    """Programs that run in an environment leave pipes and sockets there."""
    left, right = installed("a"), installed("b")
    os.mkfifo(left / "var.pipe")
    assert compare_prefixes(left, right).verdict == "identical"
    os.mkfifo(right / "var.pipe")
    assert compare_prefixes(left, right).verdict == "identical"
    (left / "var.pipe").unlink()
    (left / "var.pipe").write_bytes(b"a file")
    assert only(compare_prefixes(left, right)).cause == "file-removed"
