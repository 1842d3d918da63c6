"""Installing package files for any platform, and reading the prefix back."""

from __future__ import annotations

import io
import json
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, cast

import pytest

from pytest_pixipack.artifact import Member, file_digests, write_artifact
from pytest_pixipack.errors import Infrastructure, InvalidInput, Unsupported
from pytest_pixipack.prefix import (
    InstallRecord,
    install,
    is_installers,
    prefix_files,
    read_prefix,
)
from pytest_pixipack.prefix.extracted import rattler_errors
from tests.zips import Unseekable

PLACEHOLDER = "/opt/placeholder" + "_" * 60


def make(folder: Path, name: str = "a", build: str = "0", **index: Any) -> InstallRecord:
    """A small package with a program, a text that holds its prefix, and a link script."""
    record = {
        "name": name, "version": "1.0", "build": build, "build_number": 0, "depends": [],
        "subdir": "linux-64", "timestamp": 1_700_000_000_000, **index,
    }  # fmt: skip
    windows = str(record["subdir"]).startswith("win")
    link_script = f"Scripts/.{name}-post-link.bat" if windows else f"bin/.{name}-post-link.sh"
    path = folder / f"{name}-1.0-{build}.conda"
    folder.mkdir(parents=True, exist_ok=True)
    members = [
        Member(f"bin/{name}", b"#!/bin/sh\n", executable=True),
        Member(
            f"share/{name}.txt", f"at {PLACEHOLDER}/share\n".encode(),
            placeholder=PLACEHOLDER, placeholder_mode="text",
        ),
        Member(link_script, b"#!/bin/sh\ntouch $PREFIX/ran\n", executable=True),
    ]  # fmt: skip
    write_artifact(path, record, members)
    digests = file_digests(path)
    return InstallRecord(
        path, {**record, "sha256": digests.sha256, "md5": digests.md5, "size": digests.size}
    )


@pytest.mark.parametrize("platform", ["linux-64", "linux-aarch64", "osx-arm64", "win-64"])
def test_packages_are_installed_for_any_platform(platform: str, tmp_path: Path) -> None:
    one = make(tmp_path / "p", subdir=platform)
    two = make(tmp_path / "p", "b", subdir="noarch", noarch="generic")

    prefix = install([one, two], tmp_path / "env", platform=platform)

    assert sorted(prefix.packages) == ["a", "b"]
    assert prefix.packages["a"].subdir == platform
    assert (prefix.path / "share/b.txt").is_file()


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_package_that_was_zipped_into_a_pipe_is_installed(method: int, tmp_path: Path) -> None:
    """The sizes of its members stand behind their content, where rattler does not look."""
    record = make(tmp_path / "p")
    with zipfile.ZipFile(record.path) as old:
        content = {info.filename: old.read(info) for info in old.infolist()}
    buffer = io.BytesIO()
    with zipfile.ZipFile(cast(IO[bytes], Unseekable(buffer)), "w", method) as made:
        for name, data in content.items():
            made.writestr(name, data)
    record.path.write_bytes(buffer.getvalue())
    digest = file_digests(record.path).sha256
    streamed = InstallRecord(record.path, {**record.record, "sha256": digest, "md5": None})

    prefix = install([streamed], tmp_path / "env", platform="linux-64")

    assert (prefix.path / "share/a.txt").is_file()
    assert prefix.packages["a"].sha256 == digest
    assert {path.name for path in tmp_path.iterdir()} == {"p", "env"}


def test_link_scripts_are_not_run(tmp_path: Path) -> None:
    prefix = install([make(tmp_path / "p")], tmp_path / "env", platform="linux-64")

    assert not (prefix.path / "ran").exists()
    assert (prefix.path / "bin/.a-post-link.sh").exists()


def test_the_prefix_in_files_is_the_final_one(tmp_path: Path) -> None:
    final = tmp_path / "elsewhere"
    install([make(tmp_path / "p")], tmp_path / "one", platform="linux-64")
    install([make(tmp_path / "p")], tmp_path / "two", platform="linux-64", final_prefix=final)

    for name, place in (("one", tmp_path / "one"), ("two", final)):
        text = (tmp_path / name / "share/a.txt").read_text(encoding="utf-8")
        assert text == f"at {place}/share\n"


def test_packages_of_one_name_and_build_do_not_meet_in_a_cache(tmp_path: Path) -> None:
    first = make(tmp_path / "1", license="one")
    second = make(tmp_path / "2", license="two", subdir="osx-64")
    cache = tmp_path / "cache"
    install([first], tmp_path / "env1", platform="linux-64", cache_dir=cache)
    prefix = install([second], tmp_path / "env2", platform="osx-64", cache_dir=cache)

    assert prefix.packages["a"].license == "two"
    assert list(cache.iterdir()) == []


def test_an_empty_environment_can_be_made(tmp_path: Path) -> None:
    prefix = install([], tmp_path / "env", platform="linux-64")

    assert prefix.packages == {}
    assert (prefix.path / "conda-meta/history").is_file()


@pytest.mark.parametrize("digest", ["sha256", "md5"])
def test_a_file_without_the_digest_of_its_record_is_refused(digest: str, tmp_path: Path) -> None:
    good = make(tmp_path / "p")
    wrong = InstallRecord(good.path, {**good.record, digest: "0" * len(good.record[digest])})

    with pytest.raises(InvalidInput, match=f"The {digest} of a-1.0-0.conda"):
        install([wrong], tmp_path / "env", platform="linux-64")

    assert [path.name for path in tmp_path.iterdir()] == ["p"]


def test_two_packages_of_one_name_are_refused(tmp_path: Path) -> None:
    records = [make(tmp_path / "p", build="0"), make(tmp_path / "p", build="1")]

    with pytest.raises(InvalidInput, match="Two packages have one name"):
        install(records, tmp_path / "env", platform="linux-64")


def test_an_unknown_platform_is_unsupported(tmp_path: Path) -> None:
    with pytest.raises(Unsupported, match="odd-99"):
        install([], tmp_path / "env", platform="odd-99")


def test_a_missing_file_is_bad_input(tmp_path: Path) -> None:
    record = make(tmp_path / "p")
    record.path.unlink()

    with pytest.raises(InvalidInput, match="cannot be read"):
        install([record], tmp_path / "env", platform="linux-64")


@pytest.mark.parametrize("name", ["../../evil", "a/b", "", "a\\b"])
def test_a_name_that_leaves_the_cache_is_refused(name: str, tmp_path: Path) -> None:
    good = make(tmp_path / "p")

    with pytest.raises(InvalidInput, match="cannot be used"):
        install(
            [InstallRecord(good.path, {**good.record, "name": name})],
            tmp_path / "env",
            platform="linux-64",
        )

    assert [path.name for path in tmp_path.iterdir()] == ["p"]


def old_package(folder: Path, name: str, listed: str, *members: tarfile.TarInfo) -> InstallRecord:
    """A `.tar.bz2` whose `paths.json` says what it likes."""
    record = {"name": name, "version": "1", "build": "0", "build_number": 0, "depends": []}
    path = folder / f"{name}-1-0.tar.bz2"
    paths = {"paths_version": 1, "paths": [{"_path": listed, "path_type": "hardlink"}]}
    for member in members:
        paths["paths"] = [{"_path": member.name, "path_type": "softlink"}]
    texts = {"info/index.json": json.dumps(record), "info/paths.json": json.dumps(paths)}
    if not listed.startswith((".", "/")) and not members:
        texts[listed] = "content"
    with tarfile.open(path, "w:bz2") as tar:
        for name_in_tar, text in texts.items():
            info = tarfile.TarInfo(name_in_tar)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
        for member in members:
            tar.addfile(member)
    return InstallRecord(path, {**record, "subdir": "linux-64"})


@pytest.mark.parametrize("listed", ["../evil", "/tmp/evil", "a/../../evil", "C:/evil"])
def test_a_package_that_lists_a_file_outside_the_prefix_is_refused(
    listed: str, tmp_path: Path
) -> None:
    with pytest.raises(InvalidInput, match=r"has `\.\.` in its path|absolute path|drive"):
        install([old_package(tmp_path, "a", listed)], tmp_path / "env", platform="linux-64")

    assert [path.name for path in tmp_path.iterdir()] == ["a-1-0.tar.bz2"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs symbolic links")
def test_a_file_is_not_written_through_a_link_that_leaves_the_prefix(tmp_path: Path) -> None:
    link = tarfile.TarInfo("lib")
    link.type, link.linkname = tarfile.SYMTYPE, "../outside"
    (tmp_path / "outside").mkdir()
    records = [old_package(tmp_path, "a", "lib", link), old_package(tmp_path, "b", "lib/evil")]

    with pytest.raises(InvalidInput, match=r"`lib` is a link that leads out of the package"):
        install(records, tmp_path / "env", platform="linux-64")

    assert list((tmp_path / "outside").iterdir()) == []


# --- reading ------------------------------------------------------------------------------------


def write_meta(prefix: Path, records: Mapping[str, str]) -> Path:
    (prefix / "conda-meta").mkdir(parents=True)
    for name, text in records.items():
        (prefix / "conda-meta" / name).write_text(text, encoding="utf-8")
    return prefix


def test_a_package_tells_its_files_as_they_are_in_the_prefix(tmp_path: Path) -> None:
    prefix = install([make(tmp_path / "p")], tmp_path / "env", platform="linux-64")
    recorded, real = prefix.packages["a"].files, prefix_files(prefix.path)

    assert recorded is not None
    assert set(recorded) == {path for path in real if not is_installers(path)}
    for path, facts in recorded.items():
        assert facts.sha256 == real[path].sha256
    assert recorded["share/a.txt"].placeholder == PLACEHOLDER
    assert recorded["share/a.txt"].placeholder_mode == "text"


def test_a_path_longer_than_the_placeholder_is_the_paths_fault(tmp_path: Path) -> None:
    path = tmp_path / "a-1.0-0.conda"
    record = {"name": "a", "version": "1.0", "build": "0", "build_number": 0, "depends": [],
              "subdir": "linux-64"}  # fmt: skip
    code = b"\0" + PLACEHOLDER.encode() + b"/lib\0"
    member = Member("lib/a.so", code, placeholder=PLACEHOLDER, placeholder_mode="binary")
    write_artifact(path, record, [member])

    with pytest.raises(InvalidInput, match="longer than the placeholder") as caught:
        install([InstallRecord(path, record)], tmp_path / ("x" * 90), platform="linux-64")

    assert "shorter path" in (caught.value.remedy or "")


def test_a_changed_file_is_seen(tmp_path: Path) -> None:
    prefix = install([make(tmp_path / "p")], tmp_path / "env", platform="linux-64")
    (prefix.path / "bin/a").unlink()
    (prefix.path / "share/a.txt").write_text("changed", encoding="utf-8")
    (prefix.path / "share/mine.txt").write_text("mine", encoding="utf-8")
    recorded, real = prefix.packages["a"].files, prefix_files(prefix.path)

    assert recorded is not None
    assert "bin/a" not in real
    assert real["share/a.txt"].sha256 != recorded["share/a.txt"].sha256
    assert {p for p in real if not is_installers(p)} - set(recorded) == {"share/mine.txt"}


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret").write_bytes(b"")
    (tmp_path / "env").mkdir()
    try:
        (tmp_path / "env/link").symlink_to("../outside")
    except OSError:
        pytest.skip("symbolic links cannot be made here")

    files = prefix_files(tmp_path / "env")

    assert list(files) == ["link"]
    assert (files["link"].kind, files["link"].target) == ("link", "../outside")


def test_unknown_fields_of_a_record_are_kept(tmp_path: Path) -> None:
    text = json.dumps({"name": "a", "version": "1", "later": [1], "files": ["x"]})
    prefix = read_prefix(write_meta(tmp_path, {"a-1-0.json": text}))

    assert prefix.records["a"]["later"] == [1]
    assert list(prefix.packages["a"].files or ()) == ["x"]
    assert prefix.history is None


@pytest.mark.parametrize(
    "text",
    ["{", "[]", "{}", '{"name": 1}', '{"name": "a", "depends": 1}',
     '{"name": "a", "paths_data": 1}',
     '{"name": "a", "paths_data": {"paths": [{}]}}', "[" * 100_000],
)  # fmt: skip
def test_a_broken_record_is_named(text: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"a-1-0\.json cannot be used") as caught:
        read_prefix(write_meta(tmp_path, {"a-1-0.json": text}))

    assert caught.value.file == str(tmp_path / "conda-meta/a-1-0.json")


def test_the_line_of_a_syntax_error_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_prefix(write_meta(tmp_path, {"a-1-0.json": '{\n"name": "a",\n!}'}))

    assert caught.value.line == 3


def test_a_directory_that_is_no_prefix_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="conda-meta is missing"):
        read_prefix(tmp_path)


def test_two_records_of_one_package_are_bad_input(tmp_path: Path) -> None:
    records = {f"a-{v}-0.json": json.dumps({"name": "a", "version": v}) for v in ("1", "2")}

    with pytest.raises(InvalidInput, match="Two records describe the package a"):
        read_prefix(write_meta(tmp_path, records))


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("an io error occurred\nCaused by: No space left on device (os error 28)", Infrastructure),
        # What it had written itself was cut off.
        ("failed to determine the currently installed packages\nEOF at line 1", Infrastructure),
        ("the package has no paths.json", InvalidInput),
    ],
)
def test_a_full_disk_says_nothing_about_the_packages(message, kind):
    with pytest.raises(kind), rattler_errors("The environment cannot be installed", None):
        raise ValueError(message)
