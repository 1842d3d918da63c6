"""What is installed was looked at whole before; what is in a prefix is not trusted either."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pytest_pixipack.artifact import Member, file_digests, write_artifact
from pytest_pixipack.errors import InvalidInput, PixipackError
from pytest_pixipack.prefix import InstallRecord, install, prefix_files, read_prefix
from tests.deep import deep_directories
from tests.wheels import make_wheel

INDEX = {"version": "1.0", "build": "0", "build_number": 0, "depends": [], "subdir": "linux-64"}


def made(folder: Path, name: str, *members: Member, **index: Any) -> InstallRecord:
    record = {"name": name, **INDEX, **index}
    folder.mkdir(exist_ok=True)
    path = folder / f"{name.strip('./')}-1.0-0.conda"
    write_artifact(path, record, members or [Member(f"bin/{name}", b"x")])
    return InstallRecord(path, {**record, "sha256": file_digests(path).sha256})


def refused(tmp_path: Path, *records: InstallRecord, **more: Any) -> InvalidInput:
    """The refusal; nothing is left beside the packages."""
    before = set(tmp_path.iterdir())
    with pytest.raises(InvalidInput) as caught:
        install(list(records), tmp_path / "env", platform="linux-64", **more)
    assert set(tmp_path.iterdir()) == before
    assert str(tmp_path / ".pixipack") not in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    ("index", "said"),
    [
        ({"name": "Sail"}, "'Sail' is no name of a package; they are in lower case"),
        ({"name": "../sail"}, "'../sail' is no name of a package"),
        ({"name": "sail/x"}, "'sail/x' is no name of a package"),
        ({"name": "s\u00e4il"}, "is no name of a package"),
        ({"version": "1/0"}, "'1/0' is a malformed version"),
        ({"version": ""}, "'' is a malformed version"),
        ({"build": "../0"}, "'../0' is no build string"),
        ({"python_site_packages_path": "../lib"}, "names site packages at '../lib'"),
        ({"python_site_packages_path": "/lib"}, "names site packages at '/lib'"),
        ({"python_site_packages_path": "conda-meta"}, "names site packages at 'conda-meta'"),
    ],
)
def test_records_are_for_use_in_paths(index: Mapping[str, Any], said: str, tmp_path: Path) -> None:
    record = made(tmp_path / "p", "sail")
    assert said in str(refused(tmp_path, InstallRecord(record.path, {**record.record, **index})))


def test_a_version_that_rattler_cannot_read_is_a_sentence(tmp_path: Path) -> None:
    error = refused(tmp_path, made(tmp_path / "p", "sail", version="1..0"))
    assert "The record of sail-1.0-0.conda cannot be used" in error.message


def test_another_package_than_the_record_says(tmp_path: Path) -> None:
    record = made(tmp_path / "p", "sail")
    other = InstallRecord(record.path, {**record.record, "name": "mast"})
    assert "the package in the file is 'sail'" in str(refused(tmp_path, other))


@pytest.mark.parametrize("inner", ["..", "../..", "x/../../.."])
def test_links_out_by_way_of_another_package(inner: str, tmp_path: Path) -> None:
    """Each alone stays inside; together they do not."""
    depth = inner.count("..") + 1
    up = made(tmp_path / "p", "up", Member("a/b/c/d/l", link_target="/".join(["s", *[".."] * 5])))
    down = made(tmp_path / "p", "down", Member("a/b/c/d/s", link_target="/".join([".."] * depth)))
    assert "through a link of another package" in str(refused(tmp_path, up, down))


def test_files_go_to_no_records_through_another_package(tmp_path: Path) -> None:
    link = made(tmp_path / "p", "link", Member("e", link_target="."))
    file = made(tmp_path / "p", "file", Member("e/conda-meta/x.json", b"{}"))
    error = refused(tmp_path, link, file)
    assert "of file-1.0-0.conda leads out of the environment, or to where" in error.message


def test_files_may_go_through_a_link_that_stays_inside(tmp_path: Path) -> None:
    link = made(tmp_path / "p", "link", Member("lib64", link_target="lib"), Member("lib/a", b""))
    other = made(tmp_path / "p", "other", Member("lib/b", b""))
    assert set(install([link, other], tmp_path / "env", platform="linux-64").packages) == {
        "link", "other",
    }  # fmt: skip


def test_a_wheel_that_would_write_records_leaves_nothing(tmp_path: Path) -> None:
    python = made(tmp_path / "p", "python", version="3.12.1")
    files = {"sail-1.0.data/data/conda-meta/python-3.12.1-0.json": b"{}"}
    wheel = make_wheel(tmp_path / "p", "sail", files=files)
    assert "only installers write" in str(refused(tmp_path, python, wheels=[wheel]))


def test_a_wheel_that_replaces_a_file_of_a_package_leaves_nothing(tmp_path: Path) -> None:
    python = made(tmp_path / "p", "python", version="3.12.1")
    wheel = make_wheel(tmp_path / "p", "sail", files={"sail-1.0.data/scripts/python": b"x"})
    error = refused(tmp_path, python, wheels=[wheel])
    assert "File already exists: bin/python" in error.message


def test_a_package_for_windows_is_what_windows_can_hold(tmp_path: Path) -> None:
    for name, said in (("share/aux.txt", "device on Windows"), ("share/a:b", "colon")):
        record = made(tmp_path / "p", "sail", Member(name, b""))
        with pytest.raises(InvalidInput, match=said):
            install([record], tmp_path / "env", platform="win-64")
        install([record], tmp_path / name[-1], platform="linux-64")


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    return install([made(tmp_path / "p", "sail")], tmp_path / "env", platform="linux-64").path


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"name": "sail", "size": ' + "9" * 5000 + "}", "too many digits"),
        ("[" * 100_000, "nested too deeply"),
        ('{"name": "\\ud800"}', "half a character"),
        ('{"name": "sail", "files": [' + "[]," * 1_100_000 + "[]]}", "more than 1000000 values"),
        ('{"name": 5}', "names no package"),
        ('{"name": "x", "version": "1", "build": "0", "paths_data": {"paths": [5]}}', "malformed"),
    ],
)
def test_records_that_are_hostile_end_in_a_sentence(text: str, said: str, prefix: Path) -> None:
    (prefix / "conda-meta" / "mast-1.0-0.json").write_text(text, encoding="utf-8")
    with pytest.raises(InvalidInput, match=said) as caught:
        read_prefix(prefix)
    assert len(caught.value.message) < 1000


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot hold them")
def test_pipes_in_a_prefix_are_not_waited_for(prefix: Path) -> None:
    os.mkfifo(prefix / "bin" / "pipe")
    facts = prefix_files(prefix)["bin/pipe"]
    assert (facts.sha256, facts.size) == (None, None)
    os.mkfifo(prefix / "conda-meta" / "mast-1.0-0.json")
    with pytest.raises(InvalidInput, match="is a named pipe, not a file"):
        read_prefix(prefix)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot hold them")
def test_thousands_of_directories_end_in_a_sentence(prefix: Path) -> None:
    with deep_directories(prefix, 3000), pytest.raises(PixipackError) as caught:
        prefix_files(prefix)
    assert len(str(caught.value)) < 2000
