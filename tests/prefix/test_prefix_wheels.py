"""Wheels are installed where the Python of the prefix looks for them."""

from __future__ import annotations

import csv
import os
import shutil
import sys
import zipfile
from pathlib import Path

import pytest

from pytest_pixipack import StubChannel, read_artifact
from pytest_pixipack.engine.building import built_record
from pytest_pixipack.errors import InvalidInput, PixipackError
from pytest_pixipack.pack import PackedPackage, PackedWheel, read_pack, write_pack
from pytest_pixipack.prefix import InstallRecord, Prefix, install
from pytest_pixipack.prefix.distributions import distributions
from pytest_pixipack.verify import verify
from tests.wheels import make_wheel

SITE_T = "lib/python3.12t/site-packages"


def python_record(directory: Path, subdir: str, **more: str) -> InstallRecord:
    files: dict[str, str] = {"python.exe" if subdir == "win-64" else "bin/python": "stub"}
    channel = StubChannel("c").add("python", "3.12.1", subdir=subdir, files=files)
    path = next(channel.build(directory / "channel").path.rglob("python-*.conda"))
    return InstallRecord(path, {**built_record(read_artifact(path)), **more})


def installed(tmp_path: Path, *wheels: Path, subdir: str = "linux-64", **more: str) -> Prefix:
    record = python_record(tmp_path, subdir, **more)
    return install([record], tmp_path / "env", platform=subdir, wheels=wheels)


@pytest.mark.parametrize(
    ("subdir", "more", "place"),
    [
        ("linux-64", {}, "lib/python3.12/site-packages"),
        ("osx-arm64", {}, "lib/python3.12/site-packages"),
        ("win-64", {}, "Lib/site-packages"),
        (
            "linux-64",
            {"python_site_packages_path": SITE_T},
            "lib/python3.12t/site-packages",
        ),
    ],
    ids=["linux", "macOS", "Windows", "free-threaded"],
)
def test_packages_go_to_the_site_packages_of_python(
    subdir: str, more: dict[str, str], place: str, tmp_path: Path
) -> None:
    prefix = installed(tmp_path, make_wheel(tmp_path, "sail"), subdir=subdir, **more)

    assert (prefix.path / place / "sail" / "__init__.py").is_file()
    assert (prefix.path / place / "sail-1.0.dist-info" / "INSTALLER").is_file()


def test_a_data_directory_is_spread_over_the_prefix(tmp_path: Path) -> None:
    files = {
        "sail-1.0.data/data/share/sail.txt": b"cloth",
        "sail-1.0.data/scripts/furl": b"#!python\nprint()\n",
        "sail-1.0.data/headers/sail.h": b"int sail;",
    }

    prefix = installed(tmp_path, make_wheel(tmp_path, "sail", files=files))

    assert (prefix.path / "share/sail.txt").read_bytes() == b"cloth"
    assert (prefix.path / "include/python3.12/sail/sail.h").is_file()
    script = (prefix.path / "bin/furl").read_text(encoding="utf-8")
    assert script == f"#!{prefix.path / 'bin/python3.12'}\nprint()\n"
    if sys.platform != "win32":
        assert os.access(prefix.path / "bin/furl", os.X_OK)


@pytest.mark.parametrize(
    ("subdir", "more", "place"),
    [
        ("linux-64", {}, "include/python3.12"),
        ("osx-arm64", {"python_site_packages_path": SITE_T}, "include/python3.12t"),
        ("linux-64", {"python_site_packages_path": "odd/site-packages"}, "include/python3.12"),
        ("win-64", {}, "Include"),
    ],
    ids=["plain", "free-threaded", "odd", "Windows"],
)
def test_headers_go_where_python_has_its_own(
    subdir: str, more: dict[str, str], place: str, tmp_path: Path
) -> None:
    wheel = make_wheel(tmp_path, "top-sail", files={"top_sail-1.0.data/headers/sail.h": b""})

    prefix = installed(tmp_path, wheel, subdir=subdir, **more)

    assert (prefix.path / place / "top-sail" / "sail.h").is_file()


def test_entry_points_become_launchers_on_windows(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "sail", scripts={"hoist": "sail:main"})

    prefix = installed(tmp_path, wheel, subdir="win-64")

    assert (prefix.path / "Scripts" / "hoist.exe").read_bytes().startswith(b"MZ")


def test_what_was_installed_is_listed(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "top-sail", "2.5", scripts={"hoist": "top_sail:main"})

    (found,) = distributions(installed(tmp_path, wheel))

    assert (found.name, found.version) == ("top-sail", "2.5")
    assert {"bin/hoist", "lib/python3.12/site-packages/top_sail/__init__.py"} <= set(found.files)


def test_a_good_prefix_with_a_wheel_has_no_findings(tmp_path: Path) -> None:
    prefix = installed(tmp_path, make_wheel(tmp_path, "sail", scripts={"hoist": "sail:main"}))

    assert verify(prefix=prefix).findings == ()


def test_an_altered_file_of_a_wheel_is_found(tmp_path: Path) -> None:
    prefix = installed(tmp_path, make_wheel(tmp_path, "sail"))
    file = prefix.path / "lib/python3.12/site-packages/sail/__init__.py"
    file.write_bytes(b"import os\n")

    (finding,) = verify(prefix=prefix).findings

    assert (finding.rule, finding.field) == ("prefix-files", "files altered")
    assert "wheel sail" in finding.message


def test_a_lost_file_of_a_wheel_is_found(tmp_path: Path) -> None:
    prefix = installed(tmp_path, make_wheel(tmp_path, "sail"))
    shutil.rmtree(prefix.path / "lib/python3.12/site-packages/sail")

    (finding,) = verify(prefix=prefix).findings

    assert (finding.rule, finding.field) == ("prefix-files", "files absent")


@pytest.mark.parametrize(
    "line", ["../../../../../etc/x,,", "a,b", "x,sha256=A,1"], ids=["outside", "short", "digest"]
)
def test_a_broken_list_of_files_is_one_sentence(line: str, tmp_path: Path) -> None:
    prefix = installed(tmp_path, make_wheel(tmp_path, "sail"))
    record = prefix.path / "lib/python3.12/site-packages/sail-1.0.dist-info/RECORD"
    record.write_text(line + "\n", encoding="utf-8")

    with pytest.raises(InvalidInput, match="record of the Python package sail cannot be used"):
        distributions(prefix)


def test_a_wheel_of_the_pack_that_is_not_installed_is_missing(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "sail", "2.0")
    record = python_record(tmp_path, "linux-64")
    package = PackedPackage("linux-64", record.file_name, record.path, record.record)
    packed = [PackedWheel(wheel.name, wheel, "sail", "2.0")]
    write_pack(tmp_path / "p.tar", "linux-64", [package], packed)
    pack = read_pack(tmp_path / "p.tar")
    without = install([record], tmp_path / "env", platform="linux-64")
    older = make_wheel(tmp_path, "sail", "1.0")
    other = install([record], tmp_path / "other", platform="linux-64", wheels=[older])

    # Nothing was unpacked, so that there is no activation script, either.
    missing, scripts = verify(pack=pack, prefix=without).findings
    another, _ = verify(pack=pack, prefix=other).findings

    assert (missing.rule, missing.package, missing.actual) == ("prefix-missing", "sail", None)
    assert (another.rule, another.actual) == ("prefix-missing", "sail 1.0")
    assert (scripts.rule, scripts.severity) == ("prefix-activation", "warning")


def test_without_python_a_wheel_is_refused(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "sail")

    with pytest.raises(InvalidInput, match="the pack has no Python"):
        install([], tmp_path / "env", platform="linux-64", wheels=[wheel])
    assert not (tmp_path / "env").exists()


def zip_with(path: Path, name: str, content: bytes = b"x", mode: int = 0) -> Path:
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        info = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
        info.external_attr = mode << 16
        info.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(info, content)
    return path


@pytest.mark.parametrize(
    ("name", "mode", "reason"),
    [
        ("../evil.py", 0, "it leaves its directory"),
        ("/etc/evil", 0, "it is an absolute path"),
        ("C:/evil", 0, "it has a colon"),
        ("sail/con.py", 0, "it is a device on Windows"),
        ("SAIL/__init__.py", 0, "it occurs twice"),
        ("sail/link", 0o120777, "it is a link or a device"),
    ],
)
def test_a_wheel_with_an_unsafe_member_is_refused(
    name: str, mode: int, reason: str, tmp_path: Path
) -> None:
    wheel = zip_with(make_wheel(tmp_path, "sail"), name, mode=mode)

    with pytest.raises(InvalidInput, match=reason):
        installed(tmp_path, wheel)
    assert not (tmp_path / "env").exists()


def test_a_wheel_that_is_a_bomb_is_refused(tmp_path: Path) -> None:
    wheel = zip_with(make_wheel(tmp_path, "sail"), "sail/zeros", bytes(80 << 20))

    with pytest.raises(InvalidInput, match="the wheel unpacks to more than"):
        installed(tmp_path, wheel)


@pytest.mark.parametrize(
    "record",
    ["", "sail/__init__.py,sha256=AAAA,0\n", "x\ny,z\n"],
    ids=["empty", "wrong digest", "malformed"],
)
def test_a_wheel_whose_record_does_not_fit_is_refused(record: str, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "sail", record=record)

    with pytest.raises(InvalidInput, match="not a wheel that can be installed"):
        installed(tmp_path, wheel)


def test_two_wheels_with_one_file_are_refused(tmp_path: Path) -> None:
    one = make_wheel(tmp_path / "1", "sail", files={"shared.py": b"1"})
    two = make_wheel(tmp_path / "2", "keel", files={"shared.py": b"2"})

    with pytest.raises(InvalidInput, match="File already exists"):
        installed(tmp_path, one, two)
    assert not (tmp_path / "env").exists()


@pytest.mark.parametrize("cut", [0, 10, 200, -30])
def test_a_wheel_that_was_cut_is_one_sentence(cut: int, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "sail")
    wheel.write_bytes(wheel.read_bytes()[:cut])

    with pytest.raises(PixipackError):
        installed(tmp_path, wheel)


def test_the_record_that_is_written_names_every_file(tmp_path: Path) -> None:
    prefix = installed(tmp_path, make_wheel(tmp_path, "sail", scripts={"hoist": "sail:main"}))
    site_packages = prefix.path / "lib/python3.12/site-packages"

    rows = csv.reader((site_packages / "sail-1.0.dist-info/RECORD").open(encoding="utf-8"))

    for path, *_ in rows:
        assert (site_packages / path).is_file(), path
