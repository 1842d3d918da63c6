"""The packs that nobody should unpack, and what is said of each."""

from __future__ import annotations

import base64
import tarfile

from tests.pack.corpus_layers import DIGITS, PACKAGES, WHEELS, ZIPS
from tests.pack.hostile import (
    GOOD,
    GOOD_SCRIPT,
    METADATA,
    add_member,
    conda,
    cut,
    deep_pack,
    huge_window,
    inside,
    lying_frame,
    overlapping,
    pack_bytes,
    payload,
    raw,
    script,
    sized,
    sparse_pack,
    special,
    tar,
    tarred,
    wheel,
    whole,
    zeros,
)
from tests.tars import GNU, block, extension, pax, record

NAMES = {
    "../evil": "leaves its directory",
    "a/../../evil": "leaves its directory",
    "/etc/evil": "absolute path",
    "\\\\server\\evil": "backslash",
    "..\\evil": "backslash",
    "C:evil": "colon",
    "file.txt:stream": "colon",
    "channel/con": "device on Windows",
    "channel/LPT1.txt": "device on Windows",
    "channel/dot.": "ends in a dot",
    "channel/blank ": "ends in a dot or a blank",
    "channel/new\nline": "control character",
    "channel/what?": "Windows does not allow",
    "channel/" + "x" * 300: "longer than 255 bytes",
    "a//b": "empty part",
}

TARS = [
    *tarred("negative size", "without a valid size", block("x", raw={"size": b"\xff" * 12})),
    *tarred(
        "size of minus 512",
        "without a valid size",
        block("x", raw={"size": (-512).to_bytes(12, "big", signed=True)}),
    ),
    *tarred(
        "size of 2**80", "without a valid size", block("x", raw={"size": b"\x80\1" + bytes(10)})
    ),
    *tarred("size that is no number", "without a valid size", block("x", raw={"size": b"0xffff"})),
    *tarred("negative size in pax", "without a valid size", pax({"size": "-512"}), block("x")),
    *tarred("two sizes", "two different sizes", pax({"size": "5"}), block("x")),
    *tarred(
        "two names",
        "two different names",
        extension(b"L", b"x\0"),
        pax({"path": "../x"}),
        block("x"),
    ),
    *tarred("a NUL in a long name", "cannot be used", extension(b"L", b"x\0../evil\0"), block("x")),
    *tarred("a long name of 100 MiB", "oversized", block("x", b"L", size=100 << 20)),
    *tarred("pax records of 200 MiB", "oversized", block("x", b"x", size=200 << 20)),
    *tarred("junk pax records", "damaged pax header", extension(b"x", b"junk"), block("x")),
    *tarred(
        "a name for all members",
        "names all members",
        extension(b"g", record("path", "../evil")),
        block("x"),
    ),
    *tarred(
        "a directory with content", "says it has content", block("x", b"5", size=512), bytes(512)
    ),
    *tarred("a link with content", "says it has content", block("x", b"2", size=512), bytes(512)),
    *tarred("a prefix that GNU tar has not", "two ways", block("x", magic=GNU, prefix=b"..")),
    *tarred("a wrong checksum", "damaged tar header", block("x", raw={"checksum": b"0000001"})),
    *tarred("data behind the end", "behind the end", bytes(1024), block("x")),
    *tarred("a name of 5000 characters", "oversized", extension(b"L", b"x" * 5000), block("x")),
    # The pack is refused for a part of the name that is too long, its package only by the file
    # system when it is extracted, in words that are not ours.
    *tarred("a name of 4000 characters", "", extension(b"L", b"y/" + b"x" * 4000), block("x")),
    *tarred(
        "2000 directories", "directories deep", extension(b"L", b"d/" * 2000 + b"x"), block("x")
    ),
    raw(
        "tar: overlapping sparse pieces",
        "pieces overlap",
        lambda: (
            block("x", b"S", size=7, magic=GNU, pieces=((0, 3), (2, 4)), real_size=9) + bytes(1536)
        ),
    ),
    raw(
        "tar: a sparse file of a terabyte",
        "would become",
        lambda: block("x", b"S", size=0, magic=GNU, real_size=1 << 32) + bytes(1024),
    ),
    raw(
        "tar: without its end",
        "cut off",
        lambda: GOOD.rstrip(b"\0") + bytes(-len(GOOD.rstrip(b"\0")) % 512),
    ),
    raw(
        "tar: with half its end",
        "cut off",
        lambda: GOOD.rstrip(b"\0") + bytes(-len(GOOD.rstrip(b"\0")) % 512 + 512),
    ),
]

SCRIPTS = [
    raw("script cut before its program", "no pixi-unpack", lambda: GOOD_SCRIPT[:-4]),
    raw("script cut in its program", "cut off", lambda: GOOD_SCRIPT[:-1]),
    raw("script cut before its mark", "is missing", lambda: GOOD_SCRIPT[:-25]),
    raw(
        "script with a tar that was cut",
        "cut off",
        lambda: script("@@END_HEADER@@", base64.b64encode(GOOD[: len(GOOD) // 1536 * 1536 - 9216])),
    ),
    raw(
        "script with a mark in a line",
        "base64",
        lambda: script("@@END_HEADER@@", base64.b64encode(GOOD), "AAAA@@END_ARCHIVE@@"),
    ),
    raw(
        "script with words for a program",
        "base64",
        lambda: script("@@END_HEADER@@", base64.b64encode(GOOD), program=b"<html>"),
    ),
    raw(
        "script with data behind the base64",
        "something else than base64",
        lambda: script("@@END_HEADER@@", base64.b64encode(GOOD) + b"=QUJD"),
    ),
    raw(
        "script with words behind its mark",
        "behind it",
        lambda: script("@@END_HEADER@@x", base64.b64encode(GOOD)),
    ),
    raw(
        "script of empty lines",
        "no archive",
        lambda: b"#!/bin/sh\n# @@END_HEADER@@\n" + b"\n" * (100 << 20),
    ),
    raw(
        "script of empty lines for an archive",
        "is missing",
        lambda: b"#!/bin/sh\n@@END_HEADER@@\n" + b"\n" * (100 << 20),
    ),
]

METADATA_ENTRY = ("pixi-pack.json", METADATA.encode())
REPODATA = "channel/linux-64/repodata.json"
MORE = [
    raw(
        "environment.yml with a number for pip",
        "must be a list",
        lambda: pack_bytes(("environment.yml", b"dependencies:\n- pip: 5\n")),
    ),
    raw(
        "environment.yml of brackets",
        "more brackets",
        lambda: pack_bytes(("environment.yml", b"[" * 100_000)),
    ),
    raw(
        "environment.yml with an alias bomb",
        "repetition limit",
        lambda: pack_bytes(
            (
                "environment.yml",
                b"a: &a [x,x]\n"
                + b"".join(
                    b"%c: &%c [%s]\n" % (98 + n, 98 + n, b",".join([b"*%c" % (97 + n)] * 9))
                    for n in range(9)
                )
                + b"dependencies: 1\n",
            )
        ),
    ),
    raw(
        "metadata with a number of 5000 digits",
        "too many digits",
        lambda: tar([("pixi-pack.json", b'{"version": ' + DIGITS + b"}")]),
    ),
    raw(
        "repodata with a number of 5000 digits",
        "too many digits",
        lambda: tar([METADATA_ENTRY, (REPODATA, b'{"packages": ' + DIGITS + b"}")]),
    ),
    raw(
        "repodata of a million lists",
        "more than",
        lambda: tar([METADATA_ENTRY, (REPODATA, b'{"a": [' + b"[]," * 1_100_000 + b"1]}")]),
    ),
    raw(
        "repodata of a list", "not a JSON object", lambda: tar([METADATA_ENTRY, (REPODATA, b"[]")])
    ),
]

CORPUS = [
    *(whole(f"name {name[:20]!r}", said, (name, b"x")) for name, said in NAMES.items()),
    whole("link out", "symbolic link", special("l", tarfile.SYMTYPE, "../../etc")),
    whole("absolute link", "symbolic link", special("l", tarfile.SYMTYPE, "/etc/passwd")),
    whole("hard link", "hard link", special("l", tarfile.LNKTYPE, "/etc/passwd")),
    whole("character device", "device", special("d", tarfile.CHRTYPE)),
    whole("block device", "device", special("d", tarfile.BLKTYPE)),
    whole("named pipe", "device", special("p", tarfile.FIFOTYPE)),
    whole("unknown type", "unknown type", special("o", b"Z")),
    whole("duplicate", "occurs twice", ("x", b"1"), ("x", b"2")),
    whole("duplicate with a dot", "occurs twice", ("x", b"1"), ("./x", b"2")),
    whole("upper and lower case", "are one file", ("x/readme", b"1"), ("x/README", b"2")),
    whole("composed and not", "are one file", ("x/\u00e9", b"1"), ("x/e\u0301", b"2")),
    whole("file and directory", "a file and a directory", ("x", b"1"), ("x/y", b"2")),
    whole("setuid", "setuid", special("s", tarfile.REGTYPE, mode=0o4755)),
    whole("setgid", "setgid", special("s", tarfile.REGTYPE, mode=0o2755)),
    whole("promises a terabyte", "'huge' is cut off", sized("huge", 1 << 40)),
    raw("sparse member", "another file elsewhere", sparse_pack),
    raw("empty", "blocks that end", bytes),
    raw("no tar", "checksum is no number", lambda: b"not a pack" * 100),
    raw("cut in the first header", "ends within a tar header", cut(GOOD, 300)),
    raw("cut in a member", "a-1-0.conda' is cut off", cut(GOOD, 2700)),
    raw("metadata nested a million deep", "not JSON", deep_pack),
    raw("script without an archive", "blocks that end", lambda: script("@@END_HEADER@@", b"")),
    raw(
        "script with odd base64",
        "something else than base64",
        lambda: script("@@END_HEADER@@", b"A===B"),
    ),
    raw(
        "script with another tar",
        "ends within a tar header",
        lambda: script("@@END_HEADER@@", base64.b64encode(b"x")),
    ),
    raw(
        "script that was cut",
        "base64 text is cut off",
        lambda: script("@@END_HEADER@@", base64.b64encode(GOOD)[:999]),
    ),
    raw(
        "script with a hostile tar",
        "leaves its directory",
        lambda: script("@@END_HEADER@@", base64.b64encode(pack_bytes(("../x", b"")))),
    ),
    payload("parent", "`..`", ("../evil", b"x")),
    payload("absolute", "absolute", ("/etc/evil", b"x")),
    payload("drive", "drive", ("C:/evil", b"x")),
    payload("link out", "leads out", special("l", tarfile.SYMTYPE, "../../x")),
    payload("absolute link", "absolute", special("l", tarfile.SYMTYPE, "/etc")),
    payload(
        "through a link",
        "lies below",
        special("d", tarfile.SYMTYPE, "."),
        ("d/evil", b"x"),
    ),
    payload(
        "link by way of another",
        "leads out",
        special("d", tarfile.SYMTYPE, "."),
        special("e", tarfile.SYMTYPE, "d/../x"),
    ),
    payload("hard link out", "`..`", special("h", tarfile.LNKTYPE, "../x")),
    payload("device", "device", special("d", tarfile.CHRTYPE)),
    payload("named pipe", "named pipe", special("p", tarfile.FIFOTYPE)),
    payload("setuid", "another user", special("s", tarfile.REGTYPE, mode=0o4755)),
    payload("duplicate", "twice", ("a", b"1"), ("a", b"2")),
    payload("promises a terabyte", "`huge` is cut off", sized("huge", 1 << 40)),
    inside("bomb", "unpacks to more than", lambda: conda(packed=zeros(300))),
    inside("frame of 2**60 bytes", "too much memory", lambda: conda(packed=lying_frame())),
    inside("window of 2**41 bytes", "too much memory", lambda: conda(packed=huge_window())),
    inside("members over each other", "lies over another", overlapping),
    inside("cut", "not a valid zip", cut(conda(), 400)),
    inside("no zip", "not a valid zip", lambda: b"PK no zip"),
    inside(
        "member outside",
        "does not belong",
        lambda: conda(extra=lambda archive: archive.writestr("../evil", "x")),
    ),
    wheel("parent", "leaves its directory", lambda path: add_member(path, "../evil")),
    wheel("link", "a link or a device", lambda path: add_member(path, "sail/l", mode=0o120777)),
    wheel(
        "bomb", "unpacks to more than", lambda path: add_member(path, "sail/zeros", bytes(80 << 20))
    ),
    wheel("cut", "not a valid zip", lambda path: path.write_bytes(path.read_bytes()[:100])),
    *ZIPS,
    *TARS,
    *SCRIPTS,
    *PACKAGES,
    *WHEELS,
    *MORE,
]
