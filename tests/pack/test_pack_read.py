"""Reading packs: what is found in them, and which are refused."""

from __future__ import annotations

import base64
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_pixipack.errors import InvalidInput, PixipackError, Unsupported
from pytest_pixipack.pack import read_pack
from pytest_pixipack.pack.safety import Limits, refuse_unsafe, unsafe_name

MakeTar = Callable[..., Path]


@pytest.fixture
def flat(conformance: Path) -> Path:
    return conformance / "cases/flat/expected/pack/environment.tar"


def test_a_pack_tells_what_it_is(flat: Path) -> None:
    pack = read_pack(flat)

    assert (pack.form, pack.platform, pack.tool_version) == ("tar", "linux-64", "0.7.10")
    assert sorted(pack.packages) == ["alpha", "beta", "gamma", "libz", "noarch-data", "tool-a"]
    assert pack.packages["alpha"].depends == ("libz >=1.0,<2",)
    assert pack.packages["alpha"].file_name == "alpha-1.0-hd57432d_0.conda"
    assert sorted(pack.repodata) == ["linux-64", "noarch"]


def test_members_carry_their_kind_size_mode_and_digest(flat: Path) -> None:
    pack = read_pack(flat)
    directory = pack.member("channel/linux-64")
    file = pack.member("channel/linux-64/alpha-1.0-hd57432d_0.conda")

    assert directory is not None
    assert (directory.kind, directory.mode, directory.sha256) == ("directory", 0o755, None)
    assert file is not None
    assert (file.kind, file.size, file.mode) == ("file", 1990, 0o644)
    assert file.sha256 == pack.packages["alpha"].sha256


def test_environment_yml_is_parsed(conformance: Path) -> None:
    pack = read_pack(conformance / "cases/injection/expected/pack-wheel/environment.tar")
    environment = pack.environment_yml

    assert environment is not None
    assert environment.channels == ("./channel", "nodefaults")
    assert environment.dependencies == ("libz=1.0.1=h1_0",)
    assert environment.pip == ("--no-index", "--find-links ./pypi", "stub-wheel==1.0")
    assert pack.wheels == ("stub_wheel-1.0-py3-none-any.whl",)


@pytest.mark.parametrize(
    ("marks", "newline"), [("@@END_{}@@", "\n"), ("__END_{}__", "\r\n")], ids=["sh", "ps1"]
)
def test_a_self_extracting_pack_is_read_like_its_tar(
    marks: str, newline: str, flat: Path, tmp_path: Path
) -> None:
    script = tmp_path / "environment.sh"
    archive = base64.b64encode(flat.read_bytes()).decode()
    header = [
        "#!/usr/bin/env bash",
        f'grep "{marks.format("HEADER")}" "$0"',
        marks.format("HEADER"),
    ]
    lines = [*header, archive, marks.format("ARCHIVE"), base64.b64encode(b"unpacker").decode()]
    script.write_bytes(newline.join(lines).encode())

    pack = read_pack(script)

    assert pack.form == "executable"
    assert pack.members == read_pack(flat).members


def test_a_directory_pack_is_read_without_the_cache_that_pixi_unpack_leaves(
    flat: Path, tmp_path: Path
) -> None:
    read_pack(flat).extract(tmp_path / "pack")
    (tmp_path / "pack/cache").mkdir()
    (tmp_path / "pack/cache/left.lock").write_bytes(b"")

    pack = read_pack(tmp_path / "pack")

    assert {m.name: m.sha256 for m in pack.members} == {
        m.name: m.sha256 for m in read_pack(flat).members
    }


def test_a_tar_made_by_another_tool_is_read(make_tar: MakeTar) -> None:
    pack = read_pack(make_tar({"./channel/noarch/repodata.json": b"{}"}))

    assert [m.name for m in pack.members] == ["pixi-pack.json", "channel/noarch/repodata.json"]
    assert pack.environment_yml is None


# --- what is refused ----------------------------------------------------------------------------


def link(name: str, kind: bytes, target: str = "target") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    info.linkname = target
    return info


@pytest.mark.parametrize(
    "name",
    ["../out.txt", "/etc/passwd", "a/../../b", "C:/x", "a\\b", "a//b", "a/./b", "nul",
     "lib/COM1.txt", "a.", "a ", "a?b", "a\nb", "x" * 256],
)  # fmt: skip
def test_a_member_with_an_unsafe_name_is_named(name: str, make_tar: MakeTar) -> None:
    with pytest.raises(InvalidInput, match="refused") as caught:
        read_pack(make_tar({name: b""}))

    assert repr(name) in caught.value.message


@pytest.mark.parametrize(
    ("kind", "said"),
    [(tarfile.SYMTYPE, "symbolic link"), (tarfile.LNKTYPE, "hard link"),
     (tarfile.CHRTYPE, "device"), (tarfile.FIFOTYPE, "device")],
)  # fmt: skip
def test_links_and_devices_are_refused(kind: bytes, said: str, make_tar: MakeTar) -> None:
    with pytest.raises(InvalidInput, match=said):
        read_pack(make_tar(members=(link("odd", kind),)))


@pytest.mark.parametrize(
    ("one", "two"),
    [("a", "a"), ("a", "./a"), ("a", "A"), ("ä", "a\u0308"), ("ß", "SS"), ("d/x", "D/y"),
     ("f", "f/x"), ("F", "f/x")],
)  # fmt: skip
def test_members_that_would_replace_one_another_are_refused(one: str, two: str) -> None:
    with pytest.raises(InvalidInput, match="refused"):
        refuse_unsafe([(one, "file"), (two, "file")], Path("x.tar"))
    with pytest.raises(InvalidInput, match="refused"):
        refuse_unsafe([(two, "file"), (one, "file")], Path("x.tar"))


def test_a_link_in_a_directory_pack_is_refused(flat: Path, tmp_path: Path) -> None:
    read_pack(flat).extract(tmp_path / "pack")
    try:
        (tmp_path / "pack/channel/link").symlink_to(tmp_path)
    except OSError:
        pytest.skip("symbolic links cannot be made here")

    with pytest.raises(InvalidInput, match="symbolic link"):
        read_pack(tmp_path / "pack")


def test_too_many_members_are_refused(flat: Path) -> None:
    with pytest.raises(InvalidInput, match="more than 3 members"):
        read_pack(flat, limits=Limits(members=3))


def test_a_metadata_file_over_the_limit_is_refused(flat: Path) -> None:
    with pytest.raises(InvalidInput, match="larger than 10 bytes"):
        read_pack(flat, limits=Limits(metadata=10))


def test_a_sparse_member_that_would_fill_the_disk_is_refused(make_tar: MakeTar) -> None:
    path = make_tar()
    with tarfile.open(path, "w:", format=tarfile.PAX_FORMAT) as tar:
        bomb = tarfile.TarInfo("bomb")
        bomb.pax_headers = {
            "GNU.sparse.map": "0,0", "GNU.sparse.size": str(2**50), "GNU.sparse.numblocks": "0",
        }  # fmt: skip
        tar.addfile(bomb)

    with pytest.raises(InvalidInput, match="would become"):
        read_pack(path)


@pytest.mark.parametrize("content", [b"", b"not a tar archive\n", b"\0" * 600, b"\x1f\x8b" * 400])
def test_a_file_that_is_no_tar_is_bad_input(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(content)

    with pytest.raises(InvalidInput):
        read_pack(tmp_path / "x.tar")


def test_a_pack_that_is_absent_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no such pack"):
        read_pack(tmp_path / "absent.tar")


@pytest.mark.parametrize("cut", [100, 600, 5000])
def test_a_pack_that_is_cut_short_is_refused(cut: int, flat: Path, tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(flat.read_bytes()[:cut])

    with pytest.raises(InvalidInput):
        read_pack(tmp_path / "x.tar")


def test_a_damaged_header_in_the_middle_is_not_taken_for_the_end(
    flat: Path, tmp_path: Path
) -> None:
    data = bytearray(flat.read_bytes())
    data[1024] ^= 1
    (tmp_path / "x.tar").write_bytes(data)

    with pytest.raises(InvalidInput, match="at byte 1024"):
        read_pack(tmp_path / "x.tar")


@pytest.mark.parametrize(
    ("case", "error", "said"),
    [("unpack-not-a-tar/workspace/x.tar", InvalidInput, "not a pack"),
     ("unpack-no-metadata/workspace/dir", InvalidInput, r"no pixi-pack\.json"),
     ("unpack-future-version/workspace/dir", Unsupported, "Unsupported pixi-pack version: 2")],
)  # fmt: skip
def test_what_pixi_unpack_refuses_is_refused(
    case: str, error: type[PixipackError], said: str, conformance: Path
) -> None:
    with pytest.raises(error, match=said):
        read_pack(conformance / "errors" / case)


@pytest.mark.parametrize(
    "metadata",
    [[], {}, {"version": 1, "platform": "linux-64"}, {"version": "1"},
     {"version": "1", "platform": "linux-64", "pixi-pack-version": 7}],
)  # fmt: skip
def test_metadata_of_another_shape_is_bad_input(metadata: Any, make_tar: MakeTar) -> None:
    with pytest.raises(InvalidInput, match=r"pixi-pack\.json"):
        read_pack(make_tar(metadata=metadata))


@pytest.mark.parametrize(
    "repodata",
    [b"{", b"[]", b"\xff", b'{"packages.conda": []}', b'{"packages.conda": {"a-1-0.conda": 1}}',
     b'{"packages.conda": {"a-1-0.conda": {"name": "a", "depends": 1}}}', b"[" * 100_000],
)  # fmt: skip
def test_broken_repodata_is_bad_input(repodata: bytes, make_tar: MakeTar) -> None:
    with pytest.raises(InvalidInput, match=r"channel/noarch/repodata\.json"):
        read_pack(make_tar({"channel/noarch/repodata.json": repodata}))


@pytest.mark.parametrize("text", [b"a: [", b"- a", b"\xff", b"dependencies: {a: b}"])
def test_a_broken_environment_yml_is_bad_input(text: bytes, make_tar: MakeTar) -> None:
    with pytest.raises(InvalidInput, match=r"environment\.yml"):
        read_pack(make_tar({"environment.yml": text}))


def test_unknown_keys_are_kept(make_tar: MakeTar) -> None:
    more = {"version": "1", "platform": "linux-64", "later": {"key": 1}}
    pack = read_pack(make_tar({"channel/x/repodata.json": b'{"new": 1}'}, metadata=more))

    assert pack.metadata["later"] == {"key": 1}
    assert pack.repodata["x"] == {"new": 1}
    assert pack.tool_version is None


def test_two_packages_of_one_name_are_both_known(make_tar: MakeTar) -> None:
    entries = {f"a-{v}-0.conda": {"name": "a", "version": v} for v in ("1", "2")}
    pack = read_pack(
        make_tar({"channel/noarch/repodata.json": json.dumps({"packages.conda": entries}).encode()})
    )

    assert [facts.version for facts in pack.records] == ["1", "2"]
    assert list(pack.packages) == ["a"]


@given(data=st.binary(max_size=2000))
def test_any_bytes_are_read_or_refused_but_never_crash(data: bytes, tmp_path_factory: Any) -> None:
    path = tmp_path_factory.mktemp("any") / "x.tar"
    path.write_bytes(data)

    with pytest.raises(PixipackError):
        read_pack(path)


@given(name=st.text(max_size=40))
def test_a_safe_name_stays_below_its_directory(name: str) -> None:
    if unsafe_name(name) is None:
        root = Path("/root/of/pack")
        parts = (root / name).parts
        assert parts[: len(root.parts)] == root.parts
        assert ".." not in parts
        assert len(parts) > len(root.parts)
