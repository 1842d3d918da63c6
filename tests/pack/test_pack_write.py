"""Packs are written byte for byte as pixi-pack 0.7.10 writes them."""

from __future__ import annotations

import io
import os
import sys
import tarfile
from pathlib import Path

import pytest

from pytest_pixipack.errors import Infrastructure, InvalidInput
from pytest_pixipack.pack import PackedPackage, PackedWheel, read_pack, tar_dialect, write_pack
from tests.permissions import obeyed

RECORDED = [
    "flat/expected/pack",
    "binary/expected/pack",
    "run-exports/expected/pack",
    "flat/expected/pack-again",
    "channel-priority/expected/pack",
    "environments/expected/pack",
    "inject-two-versions/expected/pack",
    "pack-forms/expected/pack-cached",
    "pack-platform/expected/pack",
    "pack-platform/expected/pack-osx",
    "injection/expected/pack",
    "injection/expected/pack-pair",
    "injection/expected/pack-wheel",
    "injection/expected/pack-duplicate",
    "injection/expected/pack-other-version",
    "injection/expected/pack-ignored",
]


def take_apart(tar: Path, to: Path) -> tuple[list[PackedPackage], list[PackedWheel]]:
    """The packages and wheels of a recorded pack, in the order of its environment.yml."""
    pack = read_pack(tar)
    pack.extract(to)
    by_name = {
        f"{record['name']}={record['version']}={record['build']}": PackedPackage(
            subdir, file_name, to / "channel" / subdir / file_name, record
        )
        for subdir, content in pack.repodata.items()
        for file_name, record in content["packages.conda"].items()
    }
    environment = pack.environment_yml
    assert environment is not None
    versions = [line.split("==") for line in environment.pip if "==" in line]
    wheels = [
        PackedWheel(file_name, to / "pypi" / file_name, *version)
        for file_name, version in zip(pack.wheels, versions, strict=True)
    ]
    return [by_name[line] for line in environment.dependencies], wheels


@pytest.mark.parametrize("case", RECORDED)
def test_a_recorded_pack_is_rebuilt_from_its_parts(
    case: str, conformance: Path, tmp_path: Path
) -> None:
    recorded = conformance / "cases" / case / "environment.tar"
    packages, wheels = take_apart(recorded, tmp_path / "parts")

    write_pack(tmp_path / "again.tar", read_pack(recorded).platform, packages, wheels)

    assert (tmp_path / "again.tar").read_bytes() == recorded.read_bytes()


def test_a_directory_pack_has_the_files_of_the_tar(conformance: Path, tmp_path: Path) -> None:
    recorded = conformance / "cases/flat/expected/pack/environment.tar"
    packages, _ = take_apart(recorded, tmp_path / "parts")

    write_pack(tmp_path / "directory", "linux-64", packages, form="directory")

    tar, directory = read_pack(recorded), read_pack(tmp_path / "directory")
    assert directory.form == "directory"
    assert {m.name: m.sha256 for m in directory.members} == {m.name: m.sha256 for m in tar.members}


def test_the_bytes_do_not_depend_on_times_or_modes_of_the_files(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for folder, time, mode in ((one, 1, 0o644), (two, 10**9, 0o755)):
        file = package(folder)
        os.utime(file.path, (time, time))
        file.path.chmod(mode)
        write_pack(folder / "x.tar", "linux-64", [file])

    assert (one / "x.tar").read_bytes() == (two / "x.tar").read_bytes()


def test_an_empty_pack_has_no_channel(tmp_path: Path) -> None:
    write_pack(tmp_path / "x.tar", "linux-64", [])

    assert [m.name for m in read_pack(tmp_path / "x.tar").members] == [
        "environment.yml",
        "pixi-pack.json",
    ]


def test_long_names_of_two_byte_letters_are_cut_between_letters() -> None:
    stream = io.BytesIO()
    name = "channel/" + "ü" * 90
    tar_dialect.write_directory(stream, name)
    stream.write(tar_dialect.END)
    stream.seek(0)

    with tarfile.open(fileobj=stream) as tar:
        assert tar.getnames() == [name]
    header = stream.getvalue()[1024:1536]
    assert header[:100].rstrip(b"\0").decode() == "channel/" + "ü" * 46


def test_a_size_beyond_eight_gibibytes_is_written_in_binary() -> None:
    stream = io.BytesIO()
    with pytest.raises(tar_dialect.ShortFile):
        tar_dialect.write_file(stream, "huge", io.BytesIO(b"no"), 9 * 2**30)

    assert tarfile.TarInfo.frombuf(stream.getvalue()[:512], "utf-8", "strict").size == 9 * 2**30


def package(folder: Path, name: str = "a-1-0.conda", subdir: str = "noarch") -> PackedPackage:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "a-1-0.conda").write_bytes(b"content")
    record = {"name": "a", "version": "1", "build": "0", "build_number": 0, "depends": []}
    return PackedPackage(subdir, name, folder / "a-1-0.conda", {**record, "subdir": subdir})


@pytest.mark.parametrize(
    ("name", "subdir"),
    [("a.conda", "noarch"), ("a-1-0.zip", "noarch"), ("../a-1-0.conda", "noarch"),
     ("a-1-0.conda", ".."), ("a-1-0.conda", "x/y"), ("a-1-0.conda", "con")],
)  # fmt: skip
def test_names_that_no_pack_may_have_are_refused(name: str, subdir: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput):
        write_pack(tmp_path / "x.tar", "linux-64", [package(tmp_path, name, subdir)])

    assert not (tmp_path / "x.tar").exists()


def test_a_missing_package_file_leaves_the_old_pack_alone(tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(b"old")
    missing = PackedPackage(
        "noarch", "b-1-0.conda", tmp_path / "b-1-0.conda", package(tmp_path).record
    )

    with pytest.raises(InvalidInput, match=r"b-1-0\.conda cannot be read"):
        write_pack(tmp_path / "x.tar", "linux-64", [package(tmp_path), missing])

    assert (tmp_path / "x.tar").read_bytes() == b"old"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a-1-0.conda", "x.tar"]


def test_a_target_below_a_missing_directory_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="is not a directory"):
        write_pack(tmp_path / "no" / "x.tar", "linux-64", [])


@pytest.mark.parametrize("form", ["tar", "directory"])
def test_a_directory_with_files_is_not_replaced(form: str, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine", encoding="utf-8")

    with pytest.raises(InvalidInput, match="directory with files"):
        write_pack(tmp_path / "out", "linux-64", [], form=form)  # type: ignore[arg-type]

    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    assert (tmp_path / "out" / "mine.txt").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no size limit for a process")
def test_a_full_disk_is_an_infrastructure_failure(tmp_path: Path) -> None:
    # The size limit of a process fails a write as a full disk does.
    resource = pytest.importorskip("resource")
    signal = pytest.importorskip("signal")
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    file = package(tmp_path)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, old[1]))
    try:
        with pytest.raises(Infrastructure, match="cannot be written"):
            write_pack(tmp_path / "x.tar", "linux-64", [file])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, handler)

    assert [p.name for p in tmp_path.iterdir()] == ["a-1-0.conda"]


def test_a_read_only_target_is_an_infrastructure_failure(tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o555)
    with obeyed(), pytest.raises(Infrastructure, match="cannot be written"):
        write_pack(tmp_path / "locked" / "x.tar", "linux-64", [])
