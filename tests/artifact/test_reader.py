"""Packages that are read: real ones, old ones, damaged ones, hostile ones."""

from __future__ import annotations

import bz2
import hashlib
import io
import json
import re
import tarfile
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_pixipack.artifact import (
    ArtifactLimits,
    Member,
    file_digests,
    read_artifact,
    read_index,
    write_artifact,
)
from pytest_pixipack.errors import InvalidInput, PixipackError, Unsupported
from pytest_pixipack.verify.artifact_files import mislisted

INDEX = {"name": "tool", "version": "1.0", "build": "h0_0", "build_number": 0, "depends": ["a"]}
NAME = "tool-1.0-h0_0"
Entry = tuple[str, bytes] | tarfile.TarInfo


def tar(entries: Iterable[Entry], form: int = tarfile.GNU_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for entry in entries:
            if isinstance(entry, tarfile.TarInfo):
                archive.addfile(entry)
                continue
            info = tarfile.TarInfo(entry[0])
            info.size = len(entry[1])
            archive.addfile(info, io.BytesIO(entry[1]))
    return buffer.getvalue()


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def info_tar(**more: bytes) -> bytes:
    files = {"index.json": json.dumps(INDEX).encode(), **more}
    return tar((f"info/{name}", content) for name, content in files.items())


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=3).compress(data)


def conda(
    folder: Path,
    payload: bytes = b"",
    info: bytes | None = None,
    *,
    pack: Callable[[bytes], bytes] = zstd,
    metadata: bytes = b'{"conda_pkg_format_version": 2}',
) -> Path:
    path = folder / f"{NAME}.conda"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", metadata)
        archive.writestr(f"info-{NAME}.tar.zst", zstd(info or info_tar()))
        archive.writestr(f"pkg-{NAME}.tar.zst", pack(payload or tar([("bin/tool", b"x")])))
    return path


def old(folder: Path, entries: Iterable[Entry]) -> Path:
    path = folder / f"{NAME}.tar.bz2"
    path.write_bytes(bz2.compress(tar(entries)))
    return path


def test_a_package_as_other_tools_write_it(tmp_path: Path) -> None:
    paths = {
        "paths_version": 1,
        "paths": [
            {"_path": "bin/tool", "path_type": "hardlink", "sha256": "00", "size_in_bytes": 1},
            {"_path": "bin/t", "path_type": "softlink", "no_link": True},
            {"_path": "share", "path_type": "directory"},
        ],
    }
    path = conda(
        tmp_path,
        tar([("./bin/tool", b"x"), special("bin/t", tarfile.SYMTYPE, "tool")], tarfile.PAX_FORMAT),
        info_tar(**{"paths.json": json.dumps(paths).encode(), "recipe/meta.yaml": b"a: b"}),
    )
    artifact = read_artifact(path)
    assert artifact.facts.depends == ("a",)
    assert artifact.facts.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert artifact.facts.size == path.stat().st_size
    assert artifact.facts.file_name == f"{NAME}.conda"
    assert artifact.payload["bin/tool"].sha256 == hashlib.sha256(b"x").hexdigest()
    assert artifact.payload["bin/t"].target == "tool"
    assert artifact.facts.files is not None
    assert artifact.facts.files["bin/tool"].sha256 == "00"
    assert {facts.kind for facts in artifact.facts.files.values()} == {"file", "link", "directory"}
    assert artifact.info_files == ("index.json", "paths.json", "recipe/meta.yaml")
    assert read_index(path) == INDEX


def test_several_frames_and_frames_without_a_size(tmp_path: Path) -> None:
    def frames(data: bytes) -> bytes:
        writer = zstandard.ZstdCompressor(level=19, write_content_size=False)
        skippable = b"\x50\x2a\x4d\x18\x03\x00\x00\x00abc"
        return writer.compress(data[:700]) + skippable + writer.compress(data[700:])

    content = bytes(range(256)) * 2000
    path = conda(tmp_path, tar([("share/large", content)]), pack=frames)
    assert read_artifact(path).payload["share/large"].size == len(content)


def test_a_package_from_before_paths_json(tmp_path: Path) -> None:
    path = old(
        tmp_path,
        [
            ("bin/tool", b"#!/old/prefix/bin/sh"),
            ("bin/other", b"#!/opt/anaconda1anaconda2anaconda3/bin/sh"),
            ("info/files", b"bin/tool\nbin/other\n"),
            ("info/has_prefix", b'"/old/prefix" binary "bin/tool"\nbin/other\n'),
            ("info/index.json", json.dumps({**INDEX, "noarch": True}).encode()),
        ],
    )
    artifact = read_artifact(path)
    files = artifact.facts.files
    assert files is not None
    assert (files["bin/tool"].placeholder, files["bin/tool"].placeholder_mode) == (
        "/old/prefix", "binary",
    )  # fmt: skip
    assert files["bin/other"].placeholder == "/opt/anaconda1anaconda2anaconda3"
    assert artifact.facts.noarch == "generic"
    assert read_index(path)["name"] == "tool"


def test_links_in_a_package_from_before_paths_json(tmp_path: Path) -> None:
    """The list does not say what is a link; installers look at what the archive holds."""
    path = old(
        tmp_path,
        [
            ("share/d/a", b"a"),
            special("share/file", tarfile.SYMTYPE, "d/a"),
            special("share/dir", tarfile.SYMTYPE, "d"),
            ("info/files", b"share/d/a\nshare/file\nshare/dir\n"),
            ("info/index.json", json.dumps(INDEX).encode()),
        ],
    )
    artifact = read_artifact(path)
    kinds = {name: file.kind for name, file in (artifact.facts.files or {}).items()}
    assert kinds == {"share/d/a": "file", "share/file": "link", "share/dir": "link"}
    assert list(mislisted(artifact)) == []


def test_hard_links_and_repeated_directories(tmp_path: Path) -> None:
    path = conda(
        tmp_path,
        tar(
            [
                special("./", tarfile.DIRTYPE),
                special("bin", tarfile.DIRTYPE),
                special("bin/", tarfile.DIRTYPE),
                ("bin/tool", b"x"),
                special("bin/same", tarfile.LNKTYPE, "bin/tool"),
            ]
        ),
    )
    payload = read_artifact(path).payload
    assert payload["bin/same"].sha256 == payload["bin/tool"].sha256
    assert set(payload) == {"bin/tool", "bin/same"}


@pytest.mark.parametrize(
    ("entries", "problem"),
    [
        ([("../evil", b"")], "`..`"),
        ([("a/../../evil", b"")], "`..`"),
        ([("..\\evil", b"")], "`..`"),
        ([("/etc/evil", b"")], "absolute"),
        ([("\\\\server\\evil", b"")], "absolute"),
        ([("C:evil", b"")], "drive"),
        ([special("dev", tarfile.CHRTYPE)], "device"),
        ([special("dev", tarfile.BLKTYPE)], "device"),
        ([special("pipe", tarfile.FIFOTYPE)], "named pipe"),
        ([special("odd", b"Z")], "unknown tar type"),
        ([special("a", tarfile.SYMTYPE, "/etc/passwd")], "absolute"),
        ([special("a", tarfile.SYMTYPE, "C:\\x")], "absolute"),
        ([special("a/b", tarfile.SYMTYPE, "../../x")], "leads out"),
        ([special("d", tarfile.SYMTYPE, "."), special("e", tarfile.SYMTYPE, "d/../x")], "leads"),
        ([special("d", tarfile.SYMTYPE, "x"), ("d/evil", b"")], "lies below"),
        ([special("a", tarfile.LNKTYPE, "../x")], "`..`"),
        ([special("a", tarfile.LNKTYPE, "later"), ("later", b"")], "does not precede"),
        ([("a", b""), ("a", b"")], "twice"),
        ([("a", b""), ("./a", b"")], "twice"),
        ([("a", b""), special("a", tarfile.DIRTYPE)], "twice"),
        ([("info/index.json", b"{}")], "does not belong"),
        ([("conda-meta/b-1-0.json", b"{}")], "only installers write"),
        ([("Conda-Meta/history", b"")], "only installers write"),
        ([("conda-meta", b"")], "only installers write"),
        ([("conda-meta./state", b"")], "only installers write"),
        ([special("conda-meta", tarfile.SYMTYPE, "share")], "only installers write"),
        ([special("m", tarfile.SYMTYPE, "conda-meta")], "only installers write"),
        ([special("d/m", tarfile.SYMTYPE, "../conda-meta/x")], "only installers write"),
        ([("a\nb", b"")], "control character"),
        ([("a\x1b[31mb", b"")], "control character"),
        ([("d/" * 2000 + "x", b"")], "directories deep"),
        ([("x" * 4200, b"")], "longer than 4096 bytes"),
        ([special("a", tarfile.SYMTYPE, "x/" * 2000)], "without a usable target"),
    ],
)
def test_hostile_members_are_refused(tmp_path: Path, entries: list[Entry], problem: str) -> None:
    path = conda(tmp_path, tar(entries))
    with pytest.raises(InvalidInput, match=problem) as caught:
        read_artifact(path)
    assert caught.value.file == str(path)


def test_messages_about_members_are_short_and_plain(tmp_path: Path) -> None:
    for name in ("a/\x1b[2J/../b", "../" + "x" * 4000):
        with pytest.raises(InvalidInput) as caught:
            read_artifact(conda(tmp_path, tar([(name, b"")])))
        assert caught.value.message.isprintable()
        assert len(caught.value.message) < 500


def test_chains_of_links_are_followed_within_bounds(tmp_path: Path) -> None:
    """Each goes twice through the one before it: the last one takes 2**60 steps."""
    links = [special("l0", tarfile.SYMTYPE, ".")]
    links += [special(f"l{n}", tarfile.SYMTYPE, f"l{n - 1}/l{n - 1}") for n in range(1, 60)]
    assert len(read_artifact(conda(tmp_path, tar(links))).payload) == 60


def test_links_with_many_steps_are_refused(tmp_path: Path) -> None:
    wide = "d/../" * 250 + "x"
    links = [special(f"l{n}", tarfile.SYMTYPE, wide) for n in range(11_000)]
    with pytest.raises(InvalidInput, match="links through more than"):
        read_artifact(conda(tmp_path, tar(links)))


def test_names_with_colons_and_long_pax_names_are_fine(tmp_path: Path) -> None:
    names = ["man/Foo::Bar.3", "share/" + "ä" * 200, "x"]
    path = conda(tmp_path, tar([(name, b"") for name in names], tarfile.PAX_FORMAT))
    assert set(read_artifact(path).payload) == set(names)


def cut(data: bytes) -> bytes:
    return data[: len(data) * 2 // 3]


@pytest.mark.parametrize(
    ("pack", "problem"),
    [
        (lambda data: cut(zstd(data)), "cut off"),
        (lambda data: zstd(data[:700]), "`bin/tool` is cut off"),
        (lambda data: zstd(data[:300]), "ends within"),
        (lambda _: b"", "cut off"),
        (lambda _: b"no zstandard at all", "not valid zstandard"),
        (lambda data: zstd(data) + b"garbage", "not valid zstandard"),
        (lambda data: zstd(data.rstrip(b"\0") + bytes(5000) + data), "behind the end"),
        (lambda _: zstd(b"\x01" * 2048), "damaged tar header"),
    ],
)
def test_damaged_streams_are_refused(
    tmp_path: Path, pack: Callable[[bytes], bytes], problem: str
) -> None:
    content = hashlib.sha512(b"").digest() * 40
    path = conda(tmp_path, tar([("bin/tool", content), ("bin/more", content)]), pack=pack)
    with pytest.raises(InvalidInput, match=problem):
        read_artifact(path)


def test_a_damaged_header_in_the_middle_does_not_end_the_archive(tmp_path: Path) -> None:
    data = bytearray(tar([("a", b"x"), ("b", b"y")]))
    data[1024] ^= 0xFF  # the name of the second member, so its checksum is wrong
    path = conda(tmp_path, bytes(data))
    with pytest.raises(InvalidInput, match="`a` is followed by a damaged tar header"):
        read_artifact(path)


def test_any_cut_and_any_flipped_byte_is_noticed(tmp_path: Path) -> None:
    for suffix in ("conda", "tar.bz2"):
        whole = tmp_path / f"{NAME}.{suffix}"
        write_artifact(whole, INDEX, [Member("bin/tool", b"content")])
        data, broken = whole.read_bytes(), tmp_path / f"broken.{suffix}"
        for end in range(0, len(data), 17):
            broken.write_bytes(data[:end])
            with pytest.raises(InvalidInput):
                read_artifact(broken)
        assert read_artifact(whole).facts.name == "tool"


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.integers(0, 10_000), byte=st.integers(0, 255))
def test_a_changed_byte_never_gives_a_traceback(tmp_path: Path, position: int, byte: int) -> None:
    path = tmp_path / f"{NAME}.conda"
    write_artifact(path, INDEX, [Member("bin/tool", b"content"), Member("t", link_target="bin")])
    data = bytearray(path.read_bytes())
    data[position % len(data)] = byte
    path.write_bytes(data)
    files = {str(path)}
    try:
        read_artifact(path)
    except PixipackError as error:
        files.add(str(error.file))
    assert files == {str(path)}


def test_bombs_are_refused(tmp_path: Path) -> None:
    path = conda(tmp_path, tar([("zeros", bytes(3_000_000))]))
    limits = ArtifactLimits(ratio_free_bytes=1_000_000, max_ratio=100)
    with pytest.raises(InvalidInput, match="unpacks to more than 1000000 bytes"):
        read_artifact(path, limits)
    with pytest.raises(InvalidInput, match="unpacks to more than 2000 bytes"):
        read_artifact(path, ArtifactLimits(max_unpacked_bytes=2000))
    assert read_artifact(path).payload["zeros"].size == 3_000_000


def test_the_number_of_members_and_the_size_of_metadata_are_limited(tmp_path: Path) -> None:
    path = conda(tmp_path, tar((str(number), b"") for number in range(50)))
    with pytest.raises(InvalidInput, match="more than 20 members"):
        read_artifact(path, ArtifactLimits(max_members=20))
    with pytest.raises(InvalidInput, match="larger than 10 bytes"):
        read_index(path, ArtifactLimits(max_info_file_bytes=10))
    path = conda(tmp_path, tar([("long" * 500, b"")]))
    with pytest.raises(InvalidInput, match="oversized tar header"):
        read_artifact(path, ArtifactLimits(max_header_bytes=1000))


@pytest.mark.parametrize(
    ("index", "problem"),
    [
        (b"{", "not valid JSON"),
        (b"\xff", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b"[]", "not a JSON object"),
        (b'{"name": "x", "version": "1"}', "`build`"),
        (b'{"name": "x", "version": 1, "build": "0"}', "`version`"),
        (b'{"name": "x", "version": "1", "build": "0", "depends": "a"}', "`depends`"),
        (b'{"name": "x", "version": "1", "build": "0", "build_number": "0"}', "build_number"),
        (b'{"name": "x", "version": "1", "build": "0", "timestamp": "now"}', "timestamp"),
        (
            b'{"name": "x", "version": "1", "build": "0", "n": ' + b"9" * 5000 + b"}",
            "not valid JSON",
        ),
        (b'{"name": "x", "version": "1", "build": "\\ud800"}', "not valid JSON"),
        (b'{"name": "x", "version": "1", "build": "0", "extra_depends": {"a": 1}}', "`a`"),
    ],
)
def test_unusable_indexes_are_refused(tmp_path: Path, index: bytes, problem: str) -> None:
    path = conda(tmp_path, info=tar([("info/index.json", index)]))
    with pytest.raises(InvalidInput, match=problem):
        read_artifact(path)
    with pytest.raises(InvalidInput, match=problem):
        read_index(path)


@pytest.mark.parametrize(
    ("paths", "problem"),
    [
        ([{"_path": "../x"}], "`..`"),
        ([{"_path": "a"}, {"_path": "a"}], "twice"),
        ([{}], "without a path"),
        ([{"_path": "a", "path_type": "socket"}], "unknown type"),
        ({"a": 1}, "no list"),
        ([{"_path": 1}], "without a path"),
        (["a"], "without a path"),
        ([[]], "without a path"),
        ([{"_path": "a", "path_type": []}], "unknown type"),
        ([{"_path": "a", "sha256": 1}], "digest or size"),
        ([{"_path": "a", "size_in_bytes": "1"}], "digest or size"),
        ([{"_path": "conda-meta/x.json"}], "only installers write"),
        ([{"_path": "info/index.json"}], "not for the prefix"),
        ([{"_path": "x/" * 5000}], "cannot be used"),
        ([{"_path": "a\n"}], "control character"),
    ],
)
def test_unusable_lists_of_paths_are_refused(tmp_path: Path, paths: object, problem: str) -> None:
    content = json.dumps({"paths": paths}).encode()
    path = conda(tmp_path, info=info_tar(**{"paths.json": content}))
    with pytest.raises(InvalidInput, match=problem):
        read_artifact(path)


@pytest.mark.parametrize(
    ("point", "said"),
    [
        ("../evil = a:b", "has a slash"),
        ("/etc/evil = a:b", "has a slash"),
        ("..\\evil = a:b", "backslash"),
        ("con = a:b", "device"),
        (" = a:b", "empty"),
        ("", "empty"),
    ],
)
def test_entry_points_that_lie_elsewhere_are_refused(tmp_path: Path, point: str, said: str) -> None:
    link = {"noarch": {"type": "python", "entry_points": ["good = a:b", point]}}
    path = conda(tmp_path, info=info_tar(**{"link.json": json.dumps(link).encode()}))
    with pytest.raises(InvalidInput, match=f"unsafe: .*{said}"):
        read_artifact(path)


def python_link(*points: str) -> dict[str, object]:
    noarch = {"type": "python", "entry_points": list(points)}
    return {"noarch": noarch, "package_metadata_version": 1}


@pytest.mark.parametrize(
    ("link", "said"),
    [
        (python_link("a = b:c", "tool"), "entry point `tool`"),
        (python_link("tool = "), "entry point `tool = `"),
        (python_link("tool = a"), "NAME = MODULE:FUNCTION"),
        (python_link("tool = a:b:c"), "NAME = MODULE:FUNCTION"),
        (python_link("tool = a-b:c"), "NAME = MODULE:FUNCTION"),
        (python_link("tool = a:b()"), "NAME = MODULE:FUNCTION"),
        (python_link("tool = a:b [extra]"), "NAME = MODULE:FUNCTION"),
        ({"noarch": {"type": "python", "entry_points": None}, "package_metadata_version": 1},
         "entry_points"),
        ({"noarch": {"type": "other"}, "package_metadata_version": 1}, "noarch.type"),
        ({"noarch": "python", "package_metadata_version": 1}, "noarch.type"),
        ({"noarch": {"type": "python"}}, "package_metadata_version"),
    ],
)  # fmt: skip
def test_what_no_installer_can_read_in_link_json(
    tmp_path: Path, link: dict[str, object], said: str
) -> None:
    def with_link(**index: object) -> Path:
        files = {"index.json": {**INDEX, **index}, "link.json": link}
        info = info_tar(**{name: json.dumps(value).encode() for name, value in files.items()})
        return conda(tmp_path, info=info)

    assert read_artifact(with_link()).link == link  # nobody reads it there
    with pytest.raises(InvalidInput, match=re.escape(said)):
        read_artifact(with_link(noarch="python"))


@pytest.mark.parametrize(
    "point", ["tool=a:b", "  two words  =  a.b : C.d  ", "t-o.o_l = _a:_b", "tül=a:b"]
)
def test_entry_points_that_installers_read(tmp_path: Path, point: str) -> None:
    info = info_tar(
        **{
            "index.json": json.dumps({**INDEX, "noarch": "python"}).encode(),
            "link.json": json.dumps(python_link(point)).encode(),
        }
    )
    assert read_artifact(conda(tmp_path, info=info)).link == python_link(point)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_packed_by_a_method_that_few_readers_know(tmp_path: Path, method: int) -> None:
    path = conda(tmp_path)
    with zipfile.ZipFile(path) as old_zip:
        content = {info.filename: old_zip.read(info) for info in old_zip.infolist()}
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    with pytest.raises(InvalidInput, match=f"by the method {method}, not deflated"):
        read_artifact(path)


def test_an_old_package_is_one_bzip2_stream(tmp_path: Path) -> None:
    """rattler reads the first one alone, so the rest would be checked and not installed."""
    path = old(tmp_path, [("info/index.json", json.dumps(INDEX).encode())])
    whole = path.read_bytes()
    for more in (bz2.compress(tar([("bin/evil", b"")])), b"junk"):
        path.write_bytes(whole + more)
        with pytest.raises(InvalidInput, match="more of it follows the end"):
            read_artifact(path)


def test_other_containers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Unsupported, match="version 3"):
        read_artifact(conda(tmp_path, metadata=b'{"conda_pkg_format_version": 3}'))
    with pytest.raises(InvalidInput, match=r"metadata\.json"):
        read_artifact(conda(tmp_path, metadata=b"[]"))
    text = tmp_path / "text.conda"
    text.write_text("hello")
    with pytest.raises(InvalidInput, match="not a valid zip"):
        read_artifact(text)
    text = text.rename(tmp_path / "text.tar.bz2")
    with pytest.raises(InvalidInput, match="not valid bzip2"):
        read_artifact(text)
    with pytest.raises(InvalidInput, match="ends neither"):
        read_artifact(text.rename(tmp_path / "text.zip"))
    with pytest.raises(InvalidInput, match="does not exist"):
        read_artifact(tmp_path / "absent.conda")
    with pytest.raises(InvalidInput, match=r"has no `info/index.json`"):
        read_artifact(old(tmp_path, [("bin/tool", b"")]))


def test_a_zip_with_other_members_is_refused(tmp_path: Path) -> None:
    path = conda(tmp_path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("evil.txt", "x")
    with pytest.raises(InvalidInput, match=r"`evil.txt` does not belong"):
        read_artifact(path)


def test_digests(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"abc")
    digests = file_digests(path)
    assert (digests.size, digests.md5) == (3, "900150983cd24fb0d6963f7d28e17f72")
    assert digests.sha256 == hashlib.sha256(b"abc").hexdigest()
