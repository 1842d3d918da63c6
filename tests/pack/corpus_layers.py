"""Packages and wheels that nobody should install, each in a pack, and what is said of each."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import replace

from tests.pack.hostile import (
    INDEX,
    PATH,
    add_member,
    conda,
    inside,
    payload,
    several,
    special,
    tar,
    wheel,
    zipped,
    zstd,
)
from tests.wheels import change_wheel
from tests.zips import Part, archive, header


def _record(name: str, **more: object) -> Mapping[str, object]:
    return {**INDEX, "name": name, **more}


def _changed(part: int, **more: object) -> Callable[[list[Part]], bytes]:
    """A zip one member of which is made otherwise."""

    def make(members: list[Part]) -> bytes:
        members[part] = replace(members[part], **more)  # type: ignore[arg-type]
        return archive(members)

    return make


def _with_hidden(at: int) -> Callable[[list[Part]], bytes]:
    """A zip that holds a payload which its directory does not list."""
    hidden = replace(_payload_part(("bin/evil", b"x")), is_listed=False)
    return lambda members: archive([*members[:at], hidden, *members[at:]])


def _payload_part(*members: tuple[str, bytes]) -> Part:
    return Part(b"pkg-a-1-0.tar.zst", zstd(tar(members)))


def _behind_a_name(members: list[Part]) -> bytes:
    """What a reader of streams takes for the payload is the data of another name."""
    evil = _payload_part(("bin/evil", b"x"))
    shell = Part(b"info-b.tar.zst", header(evil) + evil.content)
    return archive([members[0], replace(shell, is_listed=False), *members[1:]])


ZIPS = [
    zipped(
        "a header with another name",
        "something else",
        _changed(2, local={"name": b"pkg-b-1-0.tar.zst"}),
    ),
    zipped(
        "a header with another size", "something else", _changed(2, local={"size": 1, "stored": 1})
    ),
    zipped("a header with another checksum", "something else", _changed(2, local={"crc": 1})),
    zipped("a header with another method", "something else", _changed(2, local={"method": 8})),
    zipped("an entry with another checksum", "something else", _changed(2, listed={"crc": 1})),
    zipped(
        "an encrypted member", "encrypted", _changed(2, local={"flags": 1}, listed={"flags": 1})
    ),
    zipped(
        "a method of its own",
        "by the method 99",
        _changed(2, local={"method": 99}, listed={"method": 99}),
    ),
    zipped("a link", "is no file", _changed(2, listed={"mode": 0o120777})),
    zipped("a device", "is no file", _changed(2, listed={"mode": 0o020644})),
    zipped("a hidden member first", "does not list", _with_hidden(0)),
    zipped("a hidden member between", "does not list", _with_hidden(1)),
    zipped("a hidden member last", "does not list", _with_hidden(3)),
    zipped("a member in the data of another", "does not list", _behind_a_name),
    zipped("data before it", "does not list", lambda members: archive(members, first=b"MZ")),
    zipped("data behind it", "behind the end", lambda members: archive(members, last=b"x")),
    zipped("a comment", "behind the end", lambda members: archive(members, comment=b"x")),
    zipped("a zip behind it", "not where it says", lambda members: archive(members) * 2),
    zipped(
        "an offset of 2**63",
        "outside the archive",
        _changed(
            2,
            listed={"offset": 0xFFFFFFFF, "extra": b"\1\0\x08\0" + (1 << 63).to_bytes(8, "little")},
        ),
    ),
    zipped(
        "a size of 2**64 - 1",
        "outside the archive",
        _changed(2, listed={"size": 0xFFFFFFFF, "extra": b"\1\0\x08\0" + b"\xff" * 8}),
    ),
    zipped(
        "two payloads",
        "occurs twice",
        lambda members: archive([*members, replace(members[2], name=b"pkg-b.tar.zst")]),
    ),
    zipped("the same name twice", "occurs twice", lambda members: archive([*members, members[2]])),
    zipped("no payload", "has no member", lambda members: archive(members[:2])),
    zipped(
        "300 members",
        "more than 16 members",
        lambda members: archive([*members, *(Part(b"%d" % number, b"") for number in range(300))]),
    ),
]

DIGITS = b"9" * 5000
LINK = {"noarch": {"type": "python", "entry_points": ["../../evil = a:b"]}}

PACKAGES = [
    payload("records of others", "only installers write", ("conda-meta/b-1-0.json", b"{}")),
    payload("history", "only installers write", ("CONDA-META/history", b"")),
    payload(
        "link to records", "only installers write", special("m", tarfile.SYMTYPE, "conda-meta")
    ),
    payload("device in a directory", "device", special("dev/null", tarfile.CHRTYPE)),
    payload("setgid", "another user", special("s", tarfile.REGTYPE, mode=0o2755)),
    payload("escape sequence", "control character", ("a\x1b[2Jb", b"x")),
    payload("sparse", "sparse", special("s", b"S")),
    payload("a file and what is below it", "lies below", ("d", b"x"), ("d/e", b"x")),
    payload("a file that is a directory", "twice", ("d", b"x"), special("d/", tarfile.DIRTYPE)),
    inside("listed outside", "`..`", lambda: conda(paths=[PATH, {**PATH, "_path": "../evil"}])),
    inside(
        "listed and absent",
        "which is not in it",
        lambda: conda(paths=[PATH, {**PATH, "_path": "b"}]),
    ),
    inside("listed twice", "twice", lambda: conda(paths=[PATH, PATH])),
    inside(
        "program elsewhere",
        "has a slash",
        lambda: conda(info={"link.json": json.dumps(LINK).encode()}),
    ),
    inside("number of 5000 digits", "too many digits", lambda: conda(info={"about.json": DIGITS})),
    inside("index nested too deeply", "nested", lambda: conda(info={"index.json": b"[" * 100_000})),
    inside(
        "half a character",
        "half a character",
        lambda: conda(info={"about.json": b'{"a": "\\ud800"}'}),
    ),
    inside("another package", "the package in the file is 'b'", lambda: conda(index=_record("b"))),
    several("name in capitals", "lower case", (_record("A"), conda(index=_record("A")))),
    several(
        "name with a slash", "leaves its directory", (_record("../a"), conda(index=_record("../a")))
    ),
    several(
        "name twice",
        "one name",
        (INDEX, conda()),
        (_record("a", build="1"), conda(index=_record("a", build="1"))),
    ),
    several(
        "no version",
        "malformed version",
        (_record("a", version=""), conda(index=_record("a", version=""))),
    ),
    several(
        "odd version",
        "malformed version",
        (_record("a", version="1..0"), conda(index=_record("a", version="1..0"))),
    ),
    several(
        "out through the link of another",
        "through a link of another package",
        (INDEX, conda([("bin/a", b"x"), special("d/l", tarfile.SYMTYPE, "s/../..")])),
        (
            _record("b"),
            conda([special("d/s", tarfile.SYMTYPE, "..")], index=_record("b"), paths=[]),
        ),
    ),
    several(
        "records through the link of another",
        "through a link of another package",
        (INDEX, conda([("bin/a", b"x"), special("l", tarfile.SYMTYPE, "e/conda-meta")])),
        (_record("b"), conda([special("e", tarfile.SYMTYPE, ".")], index=_record("b"), paths=[])),
    ),
    several(
        "a file through the link of another",
        "through a link of another package",
        (INDEX, conda([("bin/a", b"x"), special("e", tarfile.SYMTYPE, ".")])),
        (_record("b"), conda([("e/conda-meta/x", b"")], index=_record("b"), paths=[])),
    ),
]

DATA = "sail-1.0.data"
WHEELS = [
    wheel("drive", "colon", lambda path: add_member(path, "C:/evil")),
    wheel("absolute", "absolute", lambda path: add_member(path, "/etc/evil")),
    wheel("device name", "device on Windows", lambda path: add_member(path, "sail/nul.py")),
    wheel("device", "a link or a device", lambda path: add_member(path, "sail/d", mode=0o020644)),
    wheel("setuid", "another user", lambda path: add_member(path, "sail/s", mode=0o104755)),
    wheel("twice", "occurs twice", lambda path: add_member(path, "sail/__init__.py")),
    wheel(
        "upper and lower case", "some systems", lambda path: add_member(path, "Sail/__init__.py")
    ),
    wheel(
        "records",
        "only installers write",
        lambda path: add_member(path, f"{DATA}/data/conda-meta/a-1-0.json"),
    ),
    wheel("unknown place", "no directory", lambda path: add_member(path, f"{DATA}/etc/x")),
    wheel("not in its RECORD", "is not in it", lambda path: add_member(path, "sail/more.py")),
    wheel("no RECORD", "no RECORD", lambda path: change_wheel(path, RECORD=None)),
    wheel(
        "RECORD of 60 MiB", "RECORD", lambda path: change_wheel(path, RECORD=b"x,,\n" * (15 << 20))
    ),
    wheel(
        "METADATA of 60 MiB",
        "METADATA",
        lambda path: change_wheel(path, METADATA=b"a: b\n" * (12 << 20)),
    ),
    wheel(
        "RECORD of another file",
        "RECORD does not fit",
        lambda path: change_wheel(path, RECORD=b"sail/__init__.py,sha256=AAAA,0\n"),
    ),
    wheel(
        "METADATA of another",
        "METADATA is that of",
        lambda path: change_wheel(path, METADATA=b"Name: b\nVersion: 1\n"),
    ),
    wheel(
        "program elsewhere",
        "has a slash",
        lambda path: change_wheel(path, entry_points_txt=b"[console_scripts]\n../evil = a:b\n"),
    ),
    wheel(
        "program without a name",
        "cannot be used",
        lambda path: change_wheel(path, entry_points_txt=b"[console_scripts]\n= a:b\n"),
    ),
    wheel(
        "program of a device's name",
        "device on Windows",
        lambda path: change_wheel(path, entry_points_txt=b"[gui_scripts]\naux = a:b\n"),
    ),
    wheel(
        "data before it",
        "not where it says",
        lambda path: path.write_bytes(b"MZ" + path.read_bytes()),
    ),
    wheel(
        "data behind it", "behind the end", lambda path: path.write_bytes(path.read_bytes() + b"x")
    ),
    wheel("HTML", "not a valid zip", lambda path: path.write_bytes(b"<html></html>")),
]
