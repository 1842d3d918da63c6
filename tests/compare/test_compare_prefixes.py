"""Two environments, at different places."""

from __future__ import annotations

import json
import shutil

import pytest

from pytest_pixipack import unpack
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

    def install(name: str, around: bool = False, **change):
        here = {"subdir": current_platform(), "depends": [], "files": FILES, **change}
        made = pack(make(**here), platform=current_platform())
        prefix = unpack(made, tmp_path / name)
        return tmp_path / name if around else prefix.path

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


def test_where_a_package_came_from_makes_no_difference(installed):
    left, right = installed("a"), installed("b")
    record = next((right / "conda-meta").glob("app-*.json"))
    changed = {**json.loads(record.read_bytes()), "url": "https://example.org/app", "channel": "x"}
    record.write_text(json.dumps(changed), encoding="utf-8")
    assert compare_prefixes(left, right).verdict == "identical"


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
