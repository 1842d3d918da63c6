"""Pairs of files that differ for one reason each, made here."""

from __future__ import annotations

import bz2
import gzip
import importlib.util
import io
import json
import lzma
import marshal
import struct
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

Files = Mapping[str, bytes]
SOME: Files = {"lib/a.py": b"a = 1\n", "lib/b.txt": b"one\ntwo\nthree\n", "c": b"\0\1\2" * 50}


def tar(
    files: Files = SOME,
    change: Callable[[tarfile.TarInfo], None] = lambda _: None,
    *,
    form: int = tarfile.GNU_FORMAT,
    reverse: bool = False,
    padding: int = 0,
) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=form) as archive:
        for name, content in sorted(files.items(), reverse=reverse):
            info = tarfile.TarInfo(name)
            info.size, info.mtime, info.mode = len(content), 1_700_000_000, 0o644
            change(info)
            archive.addfile(info, io.BytesIO(content) if info.isreg() else None)
    return raw.getvalue() + bytes(padding)


def put(field: str, value: Any) -> Callable[[Any], None]:
    """Sets one field of the header of `c`."""

    def change(info: Any) -> None:
        if (info.name if isinstance(info, tarfile.TarInfo) else info.filename) == "c":
            setattr(info, field, value)

    return change


def zipped(
    files: Files = SOME,
    change: Callable[[zipfile.ZipInfo], None] = lambda _: None,
    *,
    reverse: bool = False,
    method: int = zipfile.ZIP_DEFLATED,
    level: int | None = None,
    comment: bytes = b"",
) -> bytes:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", method) as archive:
        for name, content in sorted(files.items(), reverse=reverse):
            info = zipfile.ZipInfo(name, (2024, 1, 2, 3, 4, 6))
            info.create_system, info.compress_type = 3, method
            info.external_attr = 0o100644 << 16
            change(info)
            archive.writestr(info, content, compresslevel=level)
        archive.comment = comment
    return raw.getvalue()


def ar(
    files: Files = SOME, *, reverse: bool = False, symbols: bytes = b"\0\0\0\0", **header: int
) -> bytes:
    fields = {"mtime": 0, "uid": 0, "gid": 0, "mode": 0o644, **header}
    found = [_ar_member("/", symbols, {"mtime": 0, "uid": 0, "gid": 0, "mode": 0})]
    found += [
        _ar_member(f"{name.rpartition('/')[2]}/", content, fields)
        for name, content in sorted(files.items(), reverse=reverse)
    ]
    return b"!<arch>\n" + b"".join(found)


def _ar_member(name: str, content: bytes, fields: Mapping[str, int]) -> bytes:
    header = f"{name:16}{fields['mtime']:<12}{fields['uid']:<6}{fields['gid']:<6}"
    header += f"{fields['mode']:<8o}{len(content):<10}`\n"
    return header.encode() + content + b"\n" * (len(content) % 2)


def pyc(
    source: str = "a = 'text'\n",
    *,
    mtime: int = 1,
    flags: int = 0,
    file: str = "a.py",
    version: int = marshal.version,
) -> bytes:
    code = marshal.dumps(compile(source, file, "exec"), version)
    magic = importlib.util.MAGIC_NUMBER
    return struct.pack("<4sIII", magic, flags, mtime, len(source)) + code


def about(more: bytes = b"") -> bytes:
    """A wheel with more in its metadata."""
    return wheel({"a-1.dist-info/METADATA": b"Metadata-Version: 2.1\nName: a\nVersion: 1\n" + more})


def swapped(data: bytes, left: bytes, right: bytes) -> bytes:
    """With two texts of one length in each other's place."""
    between = b"\xff" * len(left)
    return data.replace(left, between).replace(right, left).replace(between, right)


def thin_ar(*paths: str) -> bytes:
    """A thin archive of GNU: names are in a table, contents elsewhere."""
    names = "".join(f"{path}/\n" for path in paths).encode()
    fields = {"mtime": 0, "uid": 0, "gid": 0, "mode": 0o644}
    found = [b"!<thin>\n", _ar_member("//", names, fields)]
    at = 0
    for path in paths:
        found.append(_ar_member(f"/{at}", bytes(9), fields)[:60])
        at += len(path) + 2
    return b"".join(found)


def wheel(files: Files | None = None, *, generator: str = "1.0", tool: str = "make") -> bytes:
    import base64
    import hashlib

    found = dict(files or {"a/__init__.py": b"a = 1\n", "a/b.txt": b"text\n"})
    found["a-1.dist-info/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: {tool} ({generator})\n".encode()
    rows = []
    for name, content in sorted(found.items()):
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        rows.append(f"{name},sha256={digest},{len(content)}\n")
    found["a-1.dist-info/RECORD"] = "".join([*rows, "a-1.dist-info/RECORD,,\n"]).encode()
    return zipped(found)


def zstd(data: bytes, level: int = 3) -> bytes:
    import zstandard

    return zstandard.ZstdCompressor(level=level).compress(data)


TEXT = b"".join(f"line {n} of a text that is long enough\n".encode() for n in range(400))
LIST = ["Zebra", "apple", "Mango", "banana", "Äpfel", "cherry"]
WORDS = "".join(f"{word}\n" for word in sorted(LIST)).encode()
BY_LOCALE = "".join(
    f"{word}\n" for word in ("Äpfel", "apple", "banana", "cherry", "Mango", "Zebra")
)
VALUE = {"name": "a", "list": [1, 2], "inner": {"x": 1, "y": None}}
P, M, O = "payload", "metadata", "order-only"  # noqa: E741

# Name of the file, both contents, kind and cause of all differences.
Case = tuple[str, bytes, bytes, str, str]
CASES: dict[str, Case] = {
    # texts
    "encoding-bom": ("a.txt", b"a\n", b"\xef\xbb\xbfa\n", P, "encoding"),
    "encoding-latin": ("a.txt", "é\n".encode(), "é\n".encode("latin-1"), P, "encoding"),
    "encoding-wide": ("a.txt", "aé\n".encode(), "aé\n".encode("utf-16"), P, "encoding"),
    "encoding-cyrillic": ("a.txt", "привет\n".encode(), "привет\n".encode("koi8-r"), P, "encoding"),
    "encoding-mac": ("a.txt", "Café crème\n".encode(), "Café crème\n".encode("mac_roman"), P,
                     "encoding"),
    "encoding-mainframe": ("a.txt", b"hello world\n", "hello world\n".encode("cp037"), P,
                           "encoding"),
    "ascii-has-no-encoding": ("a.txt", "naïve\n".encode("latin-1"), b"naive\n", P, "content"),
    "ascii-and-one-more-line": ("a.txt", b"one\n", "one\nzwölf\n".encode("latin-1"), P, "content"),
    "encodings-that-are-one": ("a.txt", "thé\n".encode("latin-1"), "été\n".encode("latin-1"), P,
                               "content"),
    "endings": ("a.txt", b"a\nb\n", b"a\r\nb\r\n", P, "line-endings"),
    "endings-mac": ("a.txt", b"a\nb\n", b"a\rb\r", P, "line-endings"),
    "endings-mixed": ("a.txt", b"a\nb\nc\n", b"a\r\nb\nc\n", P, "line-endings"),
    "endings-last": ("a.txt", b"a\nb\n", b"a\nb", P, "line-endings"),
    "endings-batch": ("a.bat", b"@echo off\r\n", b"@echo off\n", P, "line-endings"),
    "order": ("a.txt", b"one\ntwo\nthree\nfour\n", b"three\none\nfour\ntwo\n", P, "line-order"),
    "order-twice": ("a.txt", b"x\nx\ny\nz\n", b"x\ny\nx\nz\n", P, "line-order"),
    "locale": ("a.txt", WORDS, BY_LOCALE.encode(), P, "locale-sort"),
    "hash-seed": ("a.txt", b"{'a', 'b', 'c'}\n", b"{'b', 'c', 'a'}\n", P, "hash-seed"),
    "path-home": ("a.cfg", b"src=/home/me/w/a.c\n", b"src=/build/w/a.c\n", P, "embedded-path"),
    "path-windows": ("a.cfg", rb"D:\a\1\s\x.c" + b"\n", rb"C:\b\s\x.c" + b"\n", P, "embedded-path"),
    "path-quoted": ("a.py", b'P = "/tmp/x1/lib"\n', b'P = "/tmp/y2/lib"\n', P, "embedded-path"),
    "path-conda": ("a.la", b"dir='/opt/conda-bld/a_1/lib'\n", b"dir='/opt/conda-bld/a_2/lib'\n", P,
                   "embedded-path"),
    "date-iso": ("a.py", b"D = '2024-03-01'\n", b"D = '2024-04-02'\n", P, "embedded-date"),
    "date-time": ("a.txt", b"at 2024-03-01T10:00:00Z\n", b"at 2024-03-01T12:00:07Z\n", P,
                  "embedded-date"),
    "date-c": ("a.h", b'#define D "Mar  1 2024"\n', b'#define D "Apr 12 2024"\n', P,
               "embedded-date"),
    "time-c": ("a.h", b'#define T "10:11:12"\n', b'#define T "11:12:13"\n', P, "embedded-date"),
    "date-shell": ("a.txt", b"Fri Mar  1 10:11:12 UTC 2024\n", b"Sat Mar  2 10:11:15 UTC 2024\n", P,
                   "embedded-date"),
    "date-mail": ("a.txt", b"Date: Fri, 01 Mar 2024 10:11:12 +0000\n",
                  b"Date: Sat, 02 Mar 2024 10:15:12 +0000\n", P, "embedded-date"),
    "date-epoch": ("a.txt", b"built=1709287872\n", b"built=1709374272\n", P, "embedded-date"),
    "date-copyright": ("a.1", b'.TH A 1 "1 March 2024"\n', b'.TH A 1 "2 April 2024"\n', P,
                       "embedded-date"),
    "zone-local": ("a.txt", b"2024-03-01 10:11:12\n", b"2024-03-01 19:11:12\n", P, "timezone"),
    "zone-named": ("a.txt", b"Fri Mar  1 10:11:12 UTC 2024\n", b"Fri Mar  1 11:11:12 CET 2024\n", P,
                   "timezone"),
    "zone-offset": ("a.txt", b"2024-03-01 10:11:12 +0000\n", b"2024-03-01 15:41:12 +0530\n", P,
                    "timezone"),
    "zone-name": ("a.txt", b"TZ=UTC\n", b"TZ=Europe/Berlin\n", P, "timezone"),
    "host": ("a.txt", b"hostname: build-1\n", b"hostname: build-2\n", P, "hostname-or-user"),
    "user": ("a.txt", b"Built by alice\n", b"Built by bob\n", P, "hostname-or-user"),
    "user-host": ("a.txt", b"by root@7f3a9c\n", b"by root@81bb02\n", P, "hostname-or-user"),
    "user-variable": ("a.txt", b"USER=alice\n", b"USER=bob\n", P, "hostname-or-user"),
    "cpu": ("a.txt", b"jobs = 4\n", b"jobs = 16\n", P, "cpu-count"),
    "cpu-make": ("a.txt", b"make -j4 all\n", b"make -j16 all\n", P, "cpu-count"),
    "cpu-words": ("a.txt", b"built on 4 cores\n", b"built on 16 cores\n", P, "cpu-count"),
    "variable": ("a.txt", b"LANG=C\n", b"LANG=de_DE.UTF-8\n", P, "environment-variable"),
    "variable-export": ("a.sh", b"export NOISE=1\n", b"export NOISE=2\n", P,
                        "environment-variable"),
    "variable-gone": ("a.txt", b"a\nCI=true\n", b"a\n", P, "environment-variable"),
    "variable-dump": ("env.txt", b"HOME=/h\nPATH=/b\nFOO=1\nTERM=x\n",
                      b"HOME=/h\nPATH=/b\nFOO=2\nTERM=x\n", P, "environment-variable"),
    "content-assigned": ("a.txt", b"FOO=1\n", b"FOO=2\n", P, "content"),
    "cpu-python": ("a.txt", b"os.cpu_count() = 4\n", b"os.cpu_count() = 64\n", P, "cpu-count"),
    "host-uname": ("a.txt", b"Linux a1 6.1.0\n", b"Linux b2 6.1.0\n", P, "hostname-or-user"),
    "host-header": ("a.h", b'#define BUILD_HOST "a"\n', b'#define BUILD_HOST "b"\n', P,
                    "hostname-or-user"),
    "path-flags": ("a.pc", b"Cflags: -I/build/a/include\n", b"Cflags: -I/build/b/include\n", P,
                   "embedded-path"),
    "date-year": ("LICENSE", b"Copyright 2023 me\n", b"Copyright 2024 me\n", P, "embedded-date"),
    "tool-plain": ("a.txt", b"cmake version 3.30.1\n", b"cmake version 3.31.0\n", P,
                   "tool-version"),
    "uuid": ("a.txt", b"id 3fa85f64-5717-4562-b3fc-2c963f66afa6\n",
             b"id 9c858901-8a57-4791-81fe-4c455b099bc9\n", P, "random"),
    "nonce": ("a.txt", b"nonce: q9f3\n", b"nonce: 7ub1\n", P, "random"),
    "tool": ("a.txt", b"Generated by CMake 3.30.1\n", b"Generated by CMake 3.31.0\n", P,
             "tool-version"),
    "content": ("a.txt", b"hello\n", b"world\n", P, "content"),
    "content-number": ("a.py", b"LIMIT = 10\n", b"LIMIT = 11\n", P, "content"),
    "content-prose": ("a.md", b"The user must log in.\n", b"The user may log in.\n", P, "content"),
    "content-environment": ("a.md", b"An environment that is small\n",
                            b"An environment that is large\n", P, "content"),
    "content-mail": ("a.txt", b"Mail a@example.org\n", b"Mail b@example.org\n", P, "content"),
    "content-url": ("a.txt", b"https://example.org/a/x\n", b"https://example.org/b/x\n", P,
                    "content"),
    "content-emptied": ("a.txt", b"one line\n", b"", P, "content"),
    "endings-only": ("a.txt", b"\n", b"", P, "line-endings"),
    "content-more": ("a.txt", b"a\nb\n", b"a\nb\nc\n", P, "content"),
    # JSON and YAML
    "json-space": ("a.json", json.dumps(VALUE).encode(), json.dumps(VALUE, indent=2).encode(), M,
                   "json-format"),
    "json-escape": ("a.json", b'{"a": "\xc3\xa9"}', rb'{"a": "\u00e9"}', M, "json-format"),
    "json-keys": ("a.json", b'{"a": 1, "b": 2}', b'{"b": 2, "a": 1}', O, "member-order"),
    "json-list": ("a.json", b'["a", "b", "c"]', b'["c", "a", "b"]', P, "line-order"),
    "json-date": ("a.json", b'{"t": "2024-03-01", "a": 1}', b'{"t": "2024-03-02", "a": 1}', P,
                  "embedded-date"),
    "json-path": ("a.json", b'{"dir": "/home/a/w"}', b'{"dir": "/home/b/w"}', P, "embedded-path"),
    "json-cpu": ("a.json", b'{"cpu_count": 2}', b'{"cpu_count": 8}', P, "cpu-count"),
    "json-value": ("a.json", b'{"a": 1}', b'{"a": 2}', P, "content"),
    "json-final-newline": ("a.json", b'{"a": 1}', b'{"a": 1}\n', M, "json-format"),
    "json-blank-lines": ("a.json", b'{"a": 1}\n', b'{"a": 1}\n\n\n', M, "json-format"),
    "json-line-ends": ("a.json", b'{\n"a": 1}\n', b'{\r\n"a": 1}\r\n', M, "line-endings"),
    "json-no-number": ("a.json", b'{"a": NaN, "b": [NaN]}', b'{"a": NaN, "b": [NaN] }', M,
                       "json-format"),
    "json-becomes-nan": ("a.json", b'{"a": [NaN, 1]}', b'{"a": [NaN, 2]}', P, "content"),
    "json-infinite": ("a.json", b'{"a": Infinity}', b'{"a": -Infinity}', P, "content"),
    "json-value-and-end": ("a.json", b'{"a": 1}', b'{"a": 2}\n', P, "content"),
    "json-beyond-floats": ("a.json", b'{"a": 1e400}', b'{"a": 2e400}', P, "content"),
    "json-below-floats": ("a.json", b"[1e-400]", b"[2e-400]", P, "content"),
    "json-more-digits": ("a.json", b"[12345678901234567890.1]", b"[12345678901234567999.2]", P,
                         "content"),
    "json-last-digit": ("a.json", b"[0.1]", b"[0.10000000000000000001]", P, "content"),
    "json-overflow-is-no-infinity": ("a.json", b"[1e400]", b"[Infinity]", P, "content"),
    "json-all-digits-of-a-float": ("a.json", b"[0.1, 1.5]", b"[0.10000000000000001, 1.5]", M,
                                   "json-format"),
    "json-neighbour-of-a-float": ("a.json", b"[0.1, 1.5]", b"[0.10000000000000002, 1.5]", P,
                                  "content"),
    "json-number-in-zeros": ("a.json", b"[1.0, 0.5]", b"[1.00, 5e-1]", M, "json-format"),
    "json-large-in-zeros": ("a.json", b"[1e400, 1e1]", b"[10.0e399, 10.0]", M, "json-format"),
    "json-huge-exponents": ("a.json", b"[1e99999999999999999999]", b"[2e99999999999999999999]", P,
                            "content"),
    "record-beyond-floats": ("info/index.json", b'{"name": "a", "x": [1e400]}',
                             b'{"name": "a", "x": [2e400]}', P, "unknown"),
    "yaml-more-digits": ("a.yaml", b"a: 12345678901234567890.1\n", b"a: 12345678901234567999.2\n",
                         P, "content"),
    "yaml-long-integer": ("a.yaml", b"a: 9999999999999999999999999999999999999999991\n",
                          b"a: 9999999999999999999999999999999999999999992\n", P, "content"),
    "yaml-numbers-as-before": ("a.yaml", b"a: 12345678901234567890.1\nb: [1.50]\n",
                               b"a: 12345678901234567890.1\nb:\n- 1.5\n", M, "json-format"),
    "json-schema-version": ("a.json", b'{"version": 1}', b'{"version": 2}', P, "content"),
    "yaml-final-newline": ("a.yaml", b"a: 1", b"a: 1\n", M, "json-format"),
    "yaml-keys-of-all-types": ("a.yaml", b"1: a\nb: c\nnull: d\n", b"1: a\nb: c\nnull: e\n", P,
                               "content"),
    "yaml-text-or-number": ("a.yaml", b"version: '1.10'\n", b"version: 1.10\n", P, "content"),
    "yaml-anchors": ("a.yaml", b"a: &x {k: 1}\nb: *x\n", b"a: {k: 1}\nb: {k: 1}\n", M,
                     "json-format"),
    "yaml-style": ("a.yaml", b"a: [1, 2]\n", b"a:\n- 1\n- 2\n", M, "json-format"),
    "yaml-keys": ("a.yml", b"a: 1\nb: 2\n", b"b: 2\na: 1\n", O, "member-order"),
    "yaml-value": ("a.yml", b"a: 1\nb: 2\n", b"a: 1\nb: 3\n", P, "content"),
    "yaml-comment": ("a.yml", b"# 2024-03-01\na: 1\n", b"# 2024-03-02\na: 1\n", P, "embedded-date"),
    # compiled Python
    "pyc-time": ("a.pyc", pyc(), pyc(mtime=2), M, "pyc-header"),
    "pyc-flags": ("a.pyc", pyc(), pyc(flags=1), M, "pyc-header"),
    "pyc-code": ("a.pyc", pyc(), pyc("a = 'next'\n"), P, "content"),
    "pyc-date": ("a.pyc", pyc("a = 'Tue Mar  5 14:22:01 2024'\n"),
                 pyc("a = 'Wed Mar  6 09:10:44 2024'\n"), P, "embedded-date"),
    "pyc-uuid": ("a.pyc", pyc("a = '3f2504e0-4f89-41d3-9a0c-0305e82c3301'\n"),
                 pyc("a = '7d9f0c52-12ab-4c3e-8e77-1f3e5a7b9c0d'\n"), P, "random"),
    "pyc-host": ("a.pyc", pyc("def f():\n    return 'by me@build01'\n"),
                 pyc("def f():\n    return 'by you@build02'\n"), P, "hostname-or-user"),
    "pyc-set": ("a.pyc", pyc("def f(x):\n    return x in {'alpha', 'gamma', 'omega'}\n"),
                swapped(pyc("def f(x):\n    return x in {'alpha', 'gamma', 'omega'}\n"),
                        b"alpha", b"omega"), P, "hash-seed"),
    "pyc-set-member": ("a.pyc", pyc("def f(x):\n    return x in {'alpha', 'gamma', 'omega'}\n"),
                       pyc("def f(x):\n    return x in {'alpha', 'gamma', 'delta'}\n"), P,
                       "content"),
    "pyc-references": ("a.pyc", pyc("a = ('text', 'text2')\n"),
                       pyc("a = ('text', 'text2')\n", version=2), M, "pyc-header"),
    "pyc-number": ("a.pyc", pyc("a = 10\n"), pyc("a = 11\n"), P, "content"),
    "pyc-lines": ("a.pyc", pyc("a = 1\nb = 2\n"), pyc("a = 1\n\nb = 2"), P, "content"),
    "pyc-rest": ("a.pyc", pyc(), pyc() + b"more", P, "content"),
    "pyc-path": ("a.pyc", pyc(file="/home/a/w/a.py"), pyc(file="/build/b/a.py"), P,
                 "embedded-path"),
    # compressed
    "gzip-time": ("a.gz", gzip.compress(TEXT, mtime=1), gzip.compress(TEXT, mtime=2), M,
                  "gzip-header"),
    "gzip-system": ("a.gz", gzip.compress(TEXT, mtime=1)[:9] + b"\3" + gzip.compress(TEXT)[10:],
                    gzip.compress(TEXT, mtime=1)[:9] + b"\0" + gzip.compress(TEXT)[10:], M,
                    "gzip-header"),
    "gzip-level": ("a.gz", gzip.compress(TEXT, 1, mtime=1), gzip.compress(TEXT, 9, mtime=1), M,
                   "compression"),
    "gzip-content": ("a.gz", gzip.compress(b"hello", mtime=1), gzip.compress(b"world", mtime=1), P,
                     "content"),
    "bzip2-level": ("a.bz2", bz2.compress(TEXT, 1), bz2.compress(TEXT, 9), M, "compression"),
    "xz-level": ("a.xz", lzma.compress(TEXT, preset=0), lzma.compress(TEXT, preset=9), M,
                 "compression"),
    "zstd-level": ("a.zst", zstd(TEXT, 1), zstd(TEXT, 19), M, "compression"),
    "zstd-date": ("a.zst", zstd(b"2024-03-01\n"), zstd(b"2024-03-02\n"), P, "embedded-date"),
    # tar
    "tar-time": ("a.tar", tar(), tar(change=put("mtime", 1)), M, "timestamp"),
    "tar-owner": ("a.tar", tar(), tar(change=put("uname", "me")), M, "owner"),
    "tar-number": ("a.tar", tar(), tar(change=put("uid", 1000)), M, "owner"),
    "tar-mode": ("a.tar", tar(), tar(change=put("mode", 0o664)), M, "mode"),
    "tar-executable": ("a.tar", tar(), tar(change=put("mode", 0o755)), P, "mode"),
    "tar-order": ("a.tar", tar(), tar(reverse=True), O, "member-order"),
    "tar-ustar": ("a.tar", tar(), tar(form=tarfile.USTAR_FORMAT), M, "archive-format"),
    "tar-pax": ("a.tar", tar(form=tarfile.USTAR_FORMAT),
                tar(change=put("pax_headers", {"comment": "x"}), form=tarfile.PAX_FORMAT), M,
                "archive-format"),
    "tar-fraction": ("a.tar", tar(change=put("mtime", 1.25), form=tarfile.PAX_FORMAT),
                     tar(change=put("mtime", 1.5), form=tarfile.PAX_FORMAT), M, "timestamp"),
    "tar-padding": ("a.tar", tar(), tar(padding=10240), M, "archive-format"),
    "tar-added": ("a.tar", tar(), tar({**SOME, "new": b"1"}), P, "file-added"),
    "tar-removed": ("a.tar", tar({**SOME, "old": b"1"}), tar(), P, "file-removed"),
    "tar-content": ("a.tar", tar(), tar({**SOME, "lib/a.py": b"a = 2\n"}), P, "content"),
    "tar-gz-time": ("a.tar.gz", gzip.compress(tar(), mtime=1),
                    gzip.compress(tar(change=put("mtime", 1)), mtime=1), M, "timestamp"),
    "tar-bz2-order": ("a.tbz2", bz2.compress(tar()), bz2.compress(tar(reverse=True)), O,
                      "member-order"),
    # zip and wheels
    "zip-time": ("a.zip", zipped(), zipped(change=put("date_time", (2025, 1, 1, 0, 0, 0))), M,
                 "timestamp"),
    "zip-order": ("a.zip", zipped(), zipped(reverse=True), O, "member-order"),
    "zip-system": ("a.zip", zipped(), zipped(change=put("create_system", 0)), M, "archive-format"),
    "zip-method": ("a.zip", zipped(), zipped(method=zipfile.ZIP_STORED), M, "compression"),
    "zip-level": ("a.zip", zipped({"a": TEXT}, level=1), zipped({"a": TEXT}, level=9), M,
                  "compression"),
    "zip-mode": ("a.zip", zipped(), zipped(change=put("external_attr", 0o100664 << 16)), M, "mode"),
    "zip-extra": ("a.zip", zipped(),
                  zipped(change=put("extra", struct.pack("<HHBI", 0x5455, 5, 1, 99))), M,
                  "timestamp"),
    "zip-comment": ("a.zip", zipped(), zipped(comment=b"made by me"), M, "archive-format"),
    "zip-added": ("a.zip", zipped(), zipped({**SOME, "new": b"1"}), P, "file-added"),
    "jar-content": ("a.jar", zipped(), zipped({**SOME, "c": b"\0\1\3"}), P, "content"),
    "wheel-file": ("a-1-py3-none-any.whl", wheel(),
                   wheel({"a/__init__.py": b"a = 2\n", "a/b.txt": b"text\n"}), P, "content"),
    "wheel-endings": ("a-1-py3-none-any.whl", wheel(),
                      wheel({"a/__init__.py": b"a = 1\n", "a/b.txt": b"text\r\n"}), P,
                      "line-endings"),
    "wheel-tool": ("a-1-py3-none-any.whl", wheel(), wheel(generator="1.1"), M, "tool-version"),
    "wheel-other-tool": ("a-1-py3-none-any.whl", wheel(tool="setuptools"), wheel(tool="flit"), M,
                         "tool-version"),
    "wheel-requires": ("a-1-py3-none-any.whl", about(b"Requires-Dist: b >=1\n"),
                       about(b"Requires-Dist: b >=2\n"), P, "dependency-change"),
    "wheel-requires-more": ("a-1-py3-none-any.whl", about(), about(b"Requires-Dist: b >=2\n"), P,
                            "dependency-change"),
    "wheel-requires-order": ("a-1-py3-none-any.whl",
                             about(b"Requires-Dist: b\nRequires-Dist: c\n"),
                             about(b"Requires-Dist: c\nRequires-Dist: b\n"), O, "member-order"),
    "wheel-python": ("a-1-py3-none-any.whl", about(b"Requires-Python: >=3.9\n"),
                     about(b"Requires-Python: >=3.10\n"), P, "dependency-change"),
    "wheel-version": ("a-1.dist-info/METADATA", b"Name: a\nVersion: 1\n",
                      b"Name: a\nVersion: 2\n", P, "version-change"),
    "sdist-requires": ("PKG-INFO", b"Name: a\nRequires-Dist: b\n",
                       b"Name: a\nRequires-Dist: c\n", P, "dependency-change"),
    "wheel-text": ("a-1-py3-none-any.whl", about(b"\nThe manual.\nRequires-Dist: none\n"),
                   about(b"\nThe manual.\nRequires-Dist: some\n"), P, "content"),
    "wheel-summary": ("a-1-py3-none-any.whl", about(b"Summary: one\n"), about(b"Summary: two\n"),
                      P, "content"),
    "wheel-added": ("a-1-py3-none-any.whl", wheel(), wheel(
        {"a/__init__.py": b"a = 1\n", "a/b.txt": b"text\n", "a/c": b""}), P, "file-added"),
    # static libraries
    "ar-time": ("a.a", ar(), ar(mtime=5), M, "archive-member-header"),
    "ar-owner": ("a.a", ar(), ar(uid=1000), M, "archive-member-header"),
    "ar-mode": ("a.a", ar(), ar(mode=0o664), M, "archive-member-header"),
    "ar-order": ("a.a", ar(symbols=b"\0\0\0\1"), ar(reverse=True, symbols=b"\0\0\0\2"), O,
                 "member-order"),
    "ar-content": ("a.a", ar(), ar({**SOME, "c": b"\0\1"}), P, "content"),
    "ar-none-added": ("a.a", b"!<arch>\n", ar(), P, "file-added"),
    "ar-none-thin": ("a.a", b"!<arch>\n", b"!<thin>\n", M, "archive-format"),
    "ar-dialect": ("a.a", ar({"a": b""}), ar({"a": b""}).replace(b"a/ ", b"a  "), M,
                   "archive-format"),
    "ar-symbols": ("a.a", ar(), ar(symbols=b"\0\0\0\1"), M, "archive-format"),
    "ar-thin-path": ("a.a", thin_ar("/home/a/x.o", "/usr/y.o"), thin_ar("/home/b/x.o", "/usr/y.o"),
                     P, "link-target"),
    "ar-thin-added": ("a.a", thin_ar("x.o"), thin_ar("x.o", "y.o"), P, "file-added"),
    # what is in front of a zip
    "zipapp-path": ("a.pyz", b"#!/home/me/env/bin/python\n" + zipped(),
                    b"#!/home/someone/env/bin/python\n" + zipped(), P, "embedded-path"),
    "zipapp-date": ("a.pyz", b"#!/usr/bin/env python3\n" + zipped({"a": b"2024-03-01\n"}),
                    b"#!/usr/bin/env python3\n" + zipped({"a": b"2024-03-02\n"}), P,
                    "embedded-date"),
    "zipapp-time": ("a.pyz", b"#!python\n" + zipped(),
                    b"#!python\n" + zipped(change=put("date_time", (2025, 1, 1, 0, 0, 0))), M,
                    "timestamp"),
    # other files
    "binary": ("a.bin", b"\0\1\2\3", b"\0\1\2\4", P, "content"),
    "binary-path": ("a.bin", b"\0\1/home/me/w/a.c\0\2", b"\0\1/build/x/w/a.c\0\2", P,
                    "embedded-path"),
    "binary-date": ("a.bin", b"\0\1built Mar  1 2024\0\2", b"\0\1built Apr  2 2024\0\2", P,
                    "embedded-date"),
    # deep inside
    "deep": ("a.tar.gz", gzip.compress(tar({"b.zip": zipped({"c.tar": tar()})}), mtime=1),
             gzip.compress(tar({"b.zip": zipped({"c.tar": tar(change=put("mtime", 5))})}), mtime=1),
             M, "timestamp"),
}  # fmt: skip

# Two reasons at once: both are told.
BOTH: dict[str, tuple[str, bytes, bytes, set[tuple[str, str]]]] = {
    "time-and-owner": ("a.tar", tar(), tar(change=lambda i: (put("mtime", 1)(i), put("uid", 7)(i))),
                       {(M, "timestamp"), (M, "owner")}),
    "date-and-host": ("a.txt", b"2024-03-01 on host a1\n", b"2024-03-02 on host a2\n",
                      {(P, "embedded-date"), (P, "hostname-or-user")}),
    "encoding-and-content": ("a.txt", "thé vert\n".encode(), "thé noir\n".encode("latin-1"),
                             {(P, "encoding"), (P, "content")}),
    "ends-and-content": ("a.txt", b"a\nb\n", b"a\r\nc\r\n",
                         {(P, "line-endings"), (P, "content")}),
    "bom-and-order": ("a.txt", b"a\nb\nc\n", b"\xef\xbb\xbfc\na\nb\n",
                      {(P, "encoding"), (P, "line-order")}),
    "space-and-value": ("a.json", b'{"a": 1, "b": "/home/a/x"}', b'{"a":1,"b":"/home/b/x"}',
                        {(M, "json-format"), (P, "embedded-path")}),
    "keys-and-space": ("a.json", b'{"a":1,"b":2}', b'{"b": 2, "a": 1}',
                       {(O, "member-order"), (M, "json-format")}),
    "header-and-content": ("a.gz", gzip.compress(b"2024-03-01", mtime=1),
                           gzip.compress(b"2024-03-02", mtime=2),
                           {(M, "gzip-header"), (P, "embedded-date")}),
    "pyc-time-and-path": ("a.pyc", pyc(file="/home/a/w/a.py"), pyc(file="/home/b/w/a.py", mtime=3),
                          {(M, "pyc-header"), (P, "embedded-path")}),
    "order-and-time": ("a.zip", zipped(), zipped(
        change=put("date_time", (2025, 1, 1, 0, 0, 0)), reverse=True),
        {(O, "member-order"), (M, "timestamp")}),
    "order-and-date": ("a.txt", b"a\nb\nc\nd\n2024-03-01\n", b"d\nb\na\nc\n2024-03-02\n",
                       {(P, "line-order"), (P, "embedded-date")}),
}  # fmt: skip
