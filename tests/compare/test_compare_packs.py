"""Two packs."""

from __future__ import annotations

import io
import tarfile

import pytest

from pytest_pixipack import read_pack
from pytest_pixipack.artifact import Member
from pytest_pixipack.compare import compare_packs
from pytest_pixipack.pack.executable import write_executable


def rewritten(pack, target, change=lambda info: info, *, reverse=False, edit=None):
    """The same pack, made of the same members by another hand."""
    target.parent.mkdir(parents=True)
    with tarfile.open(pack) as old, tarfile.open(target, "w", format=tarfile.GNU_FORMAT) as new:
        members = old.getmembers()
        for info in reversed(members) if reverse else members:
            content = old.extractfile(info).read() if info.isfile() else b""
            if edit and info.name in edit:
                content = edit[info.name](content)
            info.size = len(content)
            new.addfile(change(info), io.BytesIO(content))
    return target


def test_a_pack_is_identical_to_itself(make, pack):
    path = pack(make())
    assert compare_packs(path, path).verdict == "identical"


def test_the_directory_form_is_metadata(make, pack, tmp_path):
    path = pack(make())
    read_pack(path).extract(tmp_path / "environment")
    found = compare_packs(path, tmp_path / "environment")
    assert [(each.field, each.kind, each.cause) for each in found.differences] == [
        ("form", "metadata", "archive-format")
    ]


def test_the_version_of_the_tool_is_metadata(make, pack):
    artifact = make()
    found = compare_packs(pack(artifact), pack(artifact, tool_version="0.7.11"))
    assert found.verdict == "metadata"
    assert [each.cause for each in found.differences] == ["tool-version"]


def test_another_platform_is_payload(make, pack):
    artifact = make()
    found = compare_packs(pack(artifact), pack(artifact, platform="osx-64"))
    assert [(each.field, each.kind) for each in found.differences] == [("platform", "payload")]


def test_a_missing_package_is_payload(make, pack):
    app, more = make(), make(name="more-1-0.conda", **{"version": "1", "build": "0"})
    found = compare_packs(pack(app, more), pack(app))
    assert found.verdict == "payload"
    by_place = {each.where[1]: each.cause for each in found.differences}
    assert by_place["channel/linux-64/more-1-0.conda"] == "file-removed"


def test_a_difference_inside_a_package_is_found_at_its_place(make, pack):
    left, right = make(), make(files=[Member("bin/app", b"else", executable=True)])
    found = compare_packs(pack(left), pack(right))
    assert found.verdict == "payload"
    assert (
        "environment.tar", "channel/linux-64/app-1.0-h0_0.conda", "pkg-app-1.0-h0_0.tar.zst",
        "bin/app",
    ) in {each.where for each in found.differences}  # fmt: skip
    # That digests and sizes in repodata follow is no news.
    assert not [each for each in found.differences if each.field in ("sha256", "md5", "size")]


def test_another_build_string_is_one_package_not_two(make, pack):
    found = compare_packs(pack(make()), pack(make(name="app-1.0-h1_0.conda", build="h1_0")))
    assert found.verdict == "payload"
    causes = {each.cause for each in found.differences}
    assert "build-string" in causes
    assert not causes & {"file-added", "file-removed"}


def test_the_order_of_members_is_order_only(make, pack, tmp_path):
    path = pack(make())
    found = compare_packs(path, rewritten(path, tmp_path / "n" / path.name, reverse=True))
    assert found.verdict == "order-only"


@pytest.mark.parametrize(
    ("field", "value", "cause"),
    [("mtime", 1, "timestamp"), ("uid", 7, "owner"), ("mode", 0o600, "mode")],
)
def test_headers_are_metadata(field, value, cause, make, pack, tmp_path):
    def change(info):
        if info.name.endswith("environment.yml"):
            setattr(info, field, value)
        return info

    path = pack(make())
    found = compare_packs(path, rewritten(path, tmp_path / "n" / path.name, change))
    assert [(each.kind, each.cause) for each in found.differences] == [("metadata", cause)]


@pytest.mark.parametrize(
    ("name", "old", "new", "kind", "cause"),
    [
        ("environment.yml", b"nodefaults", b"defaults", "payload", "unknown"),
        ("environment.yml", b"channels:", b"# a comment\nchannels:", "metadata", "json-format"),
        ("channel/linux-64/repodata.json", b"libz >=1", b"libz >=2", "payload",
         "dependency-change"),
        ("channel/linux-64/repodata.json", b":", b" :", "metadata", "json-format"),
        ("pixi-pack.json", b":", b" :", "metadata", "json-format"),
    ],
)  # fmt: skip
def test_texts(name, old, new, kind, cause, make, pack, tmp_path):
    path = pack(make())
    with tarfile.open(path) as tar:
        names = {member.name.removeprefix("./"): member.name for member in tar}
    edit = {names[name]: lambda content: content.replace(old, new)}
    found = compare_packs(path, rewritten(path, tmp_path / "n" / path.name, edit=edit))
    assert [(each.where[1], each.kind, each.cause) for each in found.differences] == [
        (name, kind, cause)
    ]


def test_build_and_host_packages_are_named_beside_a_dependency(make, pack):
    def recipe(version):
        resolved = f"{{resolved: [{{name: cmake, version: '{version}', build: h0}}]}}"
        text = f"finalized_dependencies: {{build: {resolved}}}\n"
        return {"recipe/rendered_recipe.yaml": text.encode()}

    left = pack(make(info=recipe("3.30")))
    right = pack(make(info=recipe("3.31"), depends=["libz >=2"]))
    found = compare_packs(left, right).differences
    assert {each.cause for each in found} == {"dependency-change"}
    assert {each.field: each.evidence for each in found} == {
        "depends": "build package cmake 3.30 h0 -> 3.31 h0",
        "build package cmake": None,
    }


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"build": "h1_0", "name": "app-1.0-h1_0.conda"}, "build-string"),
        ({"version": "1.1", "name": "app-1.1-h0_0.conda"}, "version-change"),
        ({"depends": ["libz >=2"]}, "dependency-change"),
        ({"timestamp": 5}, "timestamp"),
    ],
)
def test_one_change_of_a_package_is_told_once(change, cause, make, pack):
    (found,) = compare_packs(pack(make()), pack(make(**change))).differences
    assert (found.cause, found.where[-1]) == (cause, "info/index.json")


def test_a_package_more_is_told_once(make, pack):
    app, more = make(), make(name="more-1-0.conda", **{"version": "1", "build": "0"})
    (found,) = compare_packs(pack(app), pack(app, more)).differences
    assert (found.kind, found.cause) == ("payload", "file-added")


@pytest.mark.parametrize(
    ("edit", "kind", "cause"),
    [
        (lambda script: script.replace(b"0.7.10", b"0.7.11", 1), "metadata", "tool-version"),
        (lambda script: script + b"AAAA\n", "metadata", "content"),
    ],
)
def test_the_script_around_a_pack_is_metadata(edit, kind, cause, make, pack, tmp_path):
    (tmp_path / "pixi-unpack").write_bytes(b"#!/bin/sh\n")
    left, right = tmp_path / "left.sh", tmp_path / "right.sh"
    write_executable(left, pack(make()), tmp_path / "pixi-unpack", "linux-64")
    script = left.read_bytes()
    right.write_bytes(edit(script))
    assert compare_packs(left, left).verdict == "identical"
    found = compare_packs(left, right).differences
    assert {each.kind for each in found} == {kind}
    assert cause in {each.cause for each in found}


@pytest.mark.parametrize("platform", ["linux-64", "win-64"])
def test_the_program_in_a_script_is_not_what_is_packed(platform, make, pack, tmp_path):
    (tmp_path / "pixi-unpack").write_bytes(b"MZ" if platform == "win-64" else b"program")
    scripts = []
    for name, text in (("left", b"a\n"), ("right", b"b\n")):
        scripts.append(tmp_path / name)
        packed = pack(make(files=[Member("share/a", text)]), platform=platform)
        write_executable(scripts[-1], packed, tmp_path / "pixi-unpack", platform)
    found = compare_packs(*scripts).differences
    assert {each.where[-1] for each in found} == {"share/a"}
