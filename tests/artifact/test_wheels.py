"""Wheels are read whole before anything is made of them."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from pytest_pixipack.artifact import ArtifactLimits
from pytest_pixipack.artifact.wheels import Wheel, read_wheel
from pytest_pixipack.errors import InvalidInput
from tests.pack.hostile import add_member
from tests.wheels import change_wheel, make_wheel
from tests.zips import Part, archive

INFO = "sail-1.0.dist-info"
DATA = "sail-1.0.data"


def test_a_wheel_says_what_it_is(tmp_path: Path) -> None:
    wheel = read_wheel(
        make_wheel(
            tmp_path,
            "top-sail",
            "2.0",
            {"top_sail-2.0.data/scripts/furl": b"#!python\n"},
            scripts={"hoist": "top_sail:main", "lower": "top_sail.deck:Deck.main [extra]"},
            metadata="Requires-Dist: rope\nRequires-Dist: mast>1\nRequires-Python: >=3.9\n",
        )
    )
    assert (wheel.name, wheel.version) == ("top-sail", "2.0")
    assert (wheel.requires_dist, wheel.requires_python) == (("rope", "mast>1"), ">=3.9")
    assert wheel.scripts == ("hoist", "lower")
    assert "bin/furl" in set(
        wheel.placed({"purelib": "lib", "scripts": "bin", "data": "", "headers": "include"})
    )


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("../evil", "leaves its directory"),
        ("sail/../../evil", "leaves its directory"),
        ("/etc/evil", "absolute path"),
        ("C:/evil", "colon"),
        ("C:evil", "colon"),
        ("sail\\..\\evil", "backslash"),
        ("sail/aux.py", "device on Windows"),
        ("sail/com1", "device on Windows"),
        ("sail/dot.", "ends in a dot"),
        ("sail/new\nline", "control character"),
        ("sail/right\u202eleft", "invisible character"),
        ("sail/" + "x" * 300, "longer than 255 bytes"),
        ("x/" * 600 + "y", "directories deep"),
        ("SAIL/__INIT__.py", "once on some systems"),
        ("sail/__init__.py/x", "occurs twice, or once"),
        ("sail/__init__.py/", "a directory, and a file"),
        (f"{DATA}/odd/x", "no directory that"),
        (f"{DATA}/x", "no directory that"),
        (f"{DATA}/data/conda-meta/evil.json", "only installers write"),
        (f"{DATA}/data/CONDA-META/history", "only installers write"),
        (f"{DATA}/data/conda-meta./state", "ends in a dot"),
    ],
)
def test_members_stay_where_they_belong(name: str, said: str, tmp_path: Path) -> None:
    path = make_wheel(tmp_path, "sail")
    add_member(path, name)
    with pytest.raises(InvalidInput, match=said) as caught:
        read_wheel(path, complete=False)
    assert caught.value.file == str(path)


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        (0o120777, "a link or a device"), (0o020644, "a link or a device"),
        (0o010644, "a link or a device"), (0o060644, "a link or a device"),
        (0o140644, "a link or a device"), (0o040755, "a directory, and a file"),
        (0o104755, "another user"), (0o102755, "another user"),
    ],
)  # fmt: skip
def test_members_are_files(mode: int, said: str, tmp_path: Path) -> None:
    path = make_wheel(tmp_path, "sail")
    add_member(path, "sail/evil", mode=mode)
    with pytest.raises(InvalidInput, match=said):
        read_wheel(path, complete=False)


@pytest.mark.parametrize(
    ("point", "said"),
    [
        ("= sail:main", "cannot be used"),
        ("../hoist = sail:main", "it has a slash"),
        ("/etc/hoist = sail:main", "it has a slash"),
        ("..\\hoist = sail:main", "backslash"),
        ("C:hoist = sail:main", "colon"),
        ("con = sail:main", "device on Windows"),
        ("NUL.x = sail:main", "device on Windows"),
        (".. = sail:main", "leaves its directory"),
        ("hoist. = sail:main", "ends in a dot"),
        ("hoist = sail", "does not name a function"),
        ("hoist = os:system('x')", "does not name a function"),
        ("hoist = sail:main\n import os", "does not name a function"),
        ("hoist = ", "does not name a function"),
        ("hoist", "cannot be used"),
        ("hoist = sail:main\nHoist = sail:main", "twice on some systems"),
        ("hoist = sail:main\nhoist = sail:main", "already exists"),
        ("x" * 300 + " = sail:main", "longer than 255 bytes"),
        ("hoi\x1bst = sail:main", "control character"),
    ],
)
def test_programs_are_made_in_one_directory(point: str, said: str, tmp_path: Path) -> None:
    path = make_wheel(tmp_path, "sail")
    change_wheel(path, entry_points_txt=f"[console_scripts]\n{point}\n".encode())
    with pytest.raises(InvalidInput, match=said):
        read_wheel(path, complete=False)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"RECORD": None}, "no RECORD"),
        ({"METADATA": None}, "no METADATA"),
        ({"WHEEL": None}, "no WHEEL"),
        ({"RECORD": b"\xff,,\n"}, "not UTF-8"),
        ({"RECORD": b"a,b\n"}, "2 fields instead of 3"),
        ({"RECORD": b"sail/__init__.py,sha256=!,0\n"}, "malformed"),
        ({"RECORD": b"sail/__init__.py,md5=AAAA,0\n"}, "no sha256"),
        ({"RECORD": b"sail/__init__.py,,9\n"}, "is not in it"),
        ({"RECORD": b"sail/__init__.py,," + b"9" * 5000 + b"\n"}, "malformed"),
        ({"RECORD": b"sail/__init__.py,,\n" * 2}, "twice"),
        ({"RECORD": b'"' + b"x" * 200_000}, "malformed"),
        ({"RECORD": b"a,,\n" * 100_000}, "more files than there are"),
        ({"METADATA": b"Name: other\nVersion: 1.0\n"}, "METADATA is that of 'other 1.0'"),
        ({"METADATA": b"Name: sail\nVersion: 2.0\n"}, "METADATA is that of 'sail 2.0'"),
        ({"METADATA": b"Name: sail\nVersion: odd\n"}, "METADATA is that of 'sail odd'"),
        ({"METADATA": b"Name: sail\n"}, "does not say its version"),
        ({"METADATA": b"Name: sail\nName: x\nVersion: 1.0\n"}, "does not say its name"),
        ({"METADATA": b"\xff\xfe\0\0"}, "does not say its name"),
        ({"METADATA": b"X: \n" * 200_000}, "too many"),
        ({"WHEEL": b"Wheel-Version: 2.0\n"}, "version '2.0' of the format"),
        ({"entry_points_txt": b"[console_scripts\n"}, "cannot be used"),
        ({"entry_points_txt": b"\xff"}, "not UTF-8"),
        ({"entry_points_txt": b"x" * (2 << 20)}, "too large"),
    ],
)
def test_what_a_wheel_says_of_itself_is_usable(
    changes: dict[str, bytes | None], said: str, tmp_path: Path
) -> None:
    path = make_wheel(tmp_path, "sail")
    change_wheel(path, **changes)
    with pytest.raises(InvalidInput, match=said):
        read_wheel(path)


@pytest.mark.parametrize("line", ["{},,9", "{},sha256=AAAA,0", "{},sha512=AAAA,"])
def test_a_file_that_is_another_than_recorded(line: str, tmp_path: Path) -> None:
    path = make_wheel(tmp_path, "sail", record=line.format("sail/__init__.py") + "\n")
    with pytest.raises(InvalidInput, match=r"'sail/__init__\.py' is another file"):
        read_wheel(path, complete=False)


def test_a_large_record_is_not_read(tmp_path: Path) -> None:
    path = make_wheel(tmp_path, "sail", record="x" * (17 << 20))
    with pytest.raises(InvalidInput, match="its RECORD is larger than"):
        read_wheel(path)


def test_what_record_leaves_out_matters_where_it_is_installed(tmp_path: Path) -> None:
    path = make_wheel(tmp_path, "sail")
    add_member(path, "sail/more.py")
    assert "sail/more.py" in read_wheel(path, complete=False).members
    with pytest.raises(InvalidInput, match=r"'sail/more\.py' is not in it"):
        read_wheel(path)


def test_signatures_are_in_no_record(tmp_path: Path) -> None:
    path = make_wheel(tmp_path, "sail")
    add_member(path, f"{INFO}/RECORD.jws")
    assert isinstance(read_wheel(path), Wheel)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("sail.whl", "is not the name of a wheel"),
        ("mast-1.0-py3-none-any.whl", "is that of another project"),
        ("sail-2.0-py3-none-any.whl", "its name says sail 2.0"),
    ],
)
def test_a_wheel_is_what_its_name_says(name: str, said: str, tmp_path: Path) -> None:
    path = make_wheel(tmp_path, "sail")
    path = path.rename(path.with_name(name))
    with pytest.raises(InvalidInput, match=said):
        read_wheel(path)


@pytest.mark.parametrize("stem", ["mast-1.0", "mast"])
def test_a_wheel_is_of_one_project(stem: str, tmp_path: Path) -> None:
    path = make_wheel(tmp_path, "sail")
    add_member(path, f"{stem}.dist-info/METADATA")
    with pytest.raises(InvalidInput, match="2 directories"):
        read_wheel(path, complete=False)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not a valid zip"),
        (b"<html>Not found</html>", "not a valid zip"),
        (archive([]), "no directories"),
        (archive([Part(b"a", listed={"name": b"b"})]), "says something else"),
        (archive([Part(b"a", before=b"MZ program")]), "does not list"),
        (archive([Part(b"a", b"x" * 99, deflated=True, behind=b"x")]), "does not list"),
    ],
)
def test_damaged_wheels_are_refused(content: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "sail-1.0-py3-none-any.whl"
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match=said) as caught:
        read_wheel(path)
    assert caught.value.file == str(path)


def test_bombs_are_not_unfolded(tmp_path: Path) -> None:
    path = make_wheel(tmp_path, "sail")
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as made:
        made.writestr("sail/zeros", bytes(80 << 20))
    said = "'sail/zeros' is unsafe: with it, the wheel unpacks to"
    with pytest.raises(InvalidInput, match=said) as caught:
        read_wheel(path, complete=False)
    assert "--max-ratio" in (caught.value.remedy or "")
    with pytest.raises(InvalidInput, match="more than 1000 bytes"):
        read_wheel(path, ArtifactLimits(max_unpacked_bytes=1000), complete=False)
    assert "sail/zeros" in read_wheel(path, ArtifactLimits(max_ratio=3000), complete=False).members
