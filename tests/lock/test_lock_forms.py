"""Every form of every field: read, refused and written as rattler_lock does it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.lock import parse_lock
from pytest_pixipack.lock.purls import sorted_purls

LIBZ = "https://example.org/main/linux-64/libz-1.0.1-h1_2.conda"
FOO = "https://files.example.org/foo-1.0-py3-none-any.whl"
HEAD = """\
version: 7
platforms:
- name: linux-64
environments:
  default:
    channels:
    - url: https://example.org/main/
    indexes:
    - https://pypi.org/simple
    packages:
      linux-64:
"""
BINARY = HEAD + f"      - conda: {LIBZ}\npackages:\n- conda: {LIBZ}\n"
SOURCE = (
    HEAD
    + "      - conda_source: app[1111aaaa] @ app\npackages:\n- conda_source: app[1111aaaa] @ app\n"
)
PYPI = HEAD + f"      - pypi: {FOO}\npackages:\n- pypi: {FOO}\n  name: foo\n"
SHA256, MD5 = "ab" * 32, "ab" * 16


def with_fields(text: str, fields: str) -> str:
    return text + "".join(f"  {line}\n" for line in fields.splitlines())


@pytest.fixture
def rattler_writes(tmp_path):
    """What rattler_lock makes of a text, None where it refuses it."""
    import rattler

    def write(text: str) -> str | None:
        path = Path(tmp_path, "pixi.lock")
        path.write_bytes(text.encode())
        try:
            rattler.LockFile.from_path(path).to_path(path)
        except Exception:
            return None
        return path.read_bytes().decode()

    return write


def we_write(text: str) -> str | None:
    try:
        return parse_lock(text).to_text()
    except InvalidInput:
        return None


@pytest.mark.parametrize(
    "fields",
    [
        "name: other", "version: '1.2.3'", "version: 1.2", "version: ''", "version: 1..2",
        "build: ''", "build: xy_7", "build_number: 3", "build_number: 2", "build_number: '3'",
        "subdir: noarch", "subdir: ''", "noarch: generic", "noarch: true", "noarch: false",
        "noarch: null", "noarch: ''", "variants:\n  a: b", "variants:\n  a: 1.5",
        f"sha256: {SHA256.upper()}",
        "sha256: " + "0" * 64, "sha256: " + "1" * 64, "md5: ''", "legacy_bz2_md5: zz",
        f"legacy_bz2_md5: {MD5}", "legacy_bz2_size: 5", "legacy_bz2_size: x",
        f"attestations_sha256: {SHA256}", "attestations_sha256: x", "indexed_timestamp: 1700000000",
        "indexed_timestamp: x", "depends: []", "depends: null", "depends:\n- 5",
        "constrains:\n- b\n- a", "extra_depends: {}", "extra_depends:\n  b: []\n  a:\n  - x",
        "extra_depends:\n  a: null", "channel: https://example.org/main/",
        "channel: https://EXAMPLE.org:443/other//", "channel: https://exämple.org/x y",
        "channel: file:///srv/main", "channel: main", "features: ''", "flags:\n- b\n- a\n- a",
        "track_features:\n- b\n- a", "track_features: a b", "file_name: x-1-0.conda",
        "file_name: x.zip", "license: ''", "license: 5", "purls: []", "purls: null",
        "purls:\n- pkg:pypi/b\n- pkg:pypi/a\n- pkg:pypi/a", "purls:\n- b",
        "purls:\n- pkg:PyPI/Foo@1.0?b=1&a=2", "run_exports: {}", "run_exports: null",
        "run_exports:\n  weak: []", "run_exports:\n- a", "size: 5", "size: -1", "size: 5.0",
        "timestamp: 1", "timestamp: -5", "timestamp: 1700000000123", "timestamp: 253402300799",
        "timestamp: 9999999999999999", "timestamp: '5'", "python_site_packages_path: lib/x",
        "run_exports:\n  strong:\n  - x\n  weak_constrains:\n  - r\n  weak:\n  - y",
    ],
)  # fmt: skip
def test_fields_of_binary_packages(fields, rattler_writes):
    text = with_fields(BINARY, fields)
    assert we_write(text) == rattler_writes(text)


@pytest.mark.parametrize(
    "fields",
    [
        "version: '1.0'", "subdir: linux-64", "version: '1.0'\nsubdir: noarch",
        "version: '1.0'\nsubdir: noarch\nnoarch: python\nbuild: h_3\nbuild_number: 3\nsize: 3",
        "build: x\nbuild_number: 3\nfeatures: x\nlicense_family: Q\nflags:\n- x\nlicense: MIT",
        "variants: {}", "variants:\n  b: '1'\n  a: true\n  c: -5", "variants:\n  a: null",
        "purls: []", "run_exports: {}", "run_exports:\n  weak:\n  - a", "source:\n  path: a",
        "source:\n  path: a\n  subdir: b", "source:\n  path: 5", "source: {}", "source: null",
        f"source:\n  url: https://a.org/b\n  sha256: {SHA256.upper()}\n  subdir: x",
        "source:\n  url: https://a.org/b", "source:\n  git: https://a.org/b", "source: x",
        "source:\n  git: https://a.org/b\n  rev: abc\n  branch: m\n  subdir: q",
        "source:\n  rev: abc\n  tag: m\n  git: https://a.org/b",
        "source:\n  git: https://a.org/b\n  rev: abc\n  explicit_rev: false",
        "source:\n  git: https://a.org/b\n  rev: abc\n  explicit_rev: true",
        "source:\n  git: https://a.org/b\n  rev: abc\n  tag: m\n  branch: x",
        "source:\n  git: https://a.org/b\n  rev: 1234567", "source:\n  git: b\n  rev: abc",
        "source_depends:\n  b:\n    path: a\n  a:\n    git: https://a.org/b\n    rev: x",
        "source_depends:\n  a:\n    git: https://a.org/b\n    rev: x\n    tag: y",
        "source_depends:\n  a:\n    git: https://A.org/b\n    lfs: true\n    subdirectory: s",
        "source_depends:\n  a:\n    git: https://a.org/b\n    lfs: 'true'",
        f"source_depends:\n  a:\n    url: https://a.org/b\n    md5: {MD5.upper()}",
        "source_depends:\n  a:\n    path: b\n    subdirectory: s", "source_depends:\n  a: {}",
        "source_depends: null", "build_packages: []", "build_packages: null",
        "build_packages:\n- conda_source: app[1111aaaa] @ app", "build_packages:\n- conda: lost",
        "host_packages:\n- x",
    ],
)  # fmt: skip
def test_fields_of_source_packages(fields, rattler_writes):
    text = with_fields(SOURCE, fields)
    assert we_write(text) == rattler_writes(text)


@pytest.mark.parametrize(
    "fields",
    [
        "version: '1.0'", "version: 1.0", "version: 1.0.0-alpha.1", "version: foo", "version: ''",
        f"sha256: {SHA256}", f"version: '1'\nmd5: {MD5.upper()}",
        "version: '1'\nsha256: " + "1" * 64, f"version: '1'\nsha256: zz\nmd5: {MD5}",
        "index: https://pypi.org/simple", "version: '1'\nindex: https://pypi.org/simple",
        "version: '1'\nindex: https://x.org", "version: '1'\nindex: foo",
        "version: '1'\nindex: null", "requires_dist: []", "requires_dist: null",
        "requires_dist:\n- foo >=1.0\n- Foo_Bar[b,a] ; python_version > \"3.8\"",
        "requires_dist:\n- foo @ ./bar\n- foo @ https://a.b", "requires_dist:\n- foo bar",
        "requires_dist:\n- foo~=1", "requires_python: '>=3.8'", "requires_python: '<4, >=3.8'",
        "requires_python: ''", "requires_python: 3", "requires_python: foo",
        "version: '1'\nbuild_packages:\n- pypi: " + FOO, "host_packages:\n- pypi: " + FOO,
        "version: 1.0+local", "version: 1.0-1", "version: null",
    ],
)  # fmt: skip
def test_fields_of_pypi_packages(fields, rattler_writes):
    text = with_fields(PYPI, fields)
    assert we_write(text) == rattler_writes(text)


@pytest.mark.parametrize(
    "location",
    [
        "https://EXAMPLE.org:443/main/linux-64/libz-1.0.1-h1_2.conda",
        "https://example.org/main/../linux-64/libz-1.0.1-h1_2.conda",
        "https://example.org/t/token/main/linux-64/libz-1.0.1-h1_2.conda",
        "https://user:pw@example.org/linux-64/libz-1.0.1-h1_2.conda",
        "https://example.org/main/linux-64/libz-1.0.1-h1_2.conda#0123",
        "https://example.org/main/linux-64/x264-1!164.3095-h1_2.tar.bz2",
        "https://example.org/main/linux-64/lib z-1.0.1-h1_2.conda",
        "https://example.org/main/linux-64/libz-1.0.1.conda",
        "https://example.org/main/linux-64/libz-1.0.1-h1_2.zip",
        "https://example.org/é/noarch/libz-1-pyh_99999999999999999999.conda",
        "https://example.org/weird/libz-1.0.1-h1_2.conda",
        "s3://bucket/main/linux-64/libz-1.0.1-h1_2.conda",
        "./linux-64/libz-1.0.1-h1_2.conda",
        "C:\\main\\linux-64\\libz-1.0.1-h1_2.conda",
        "file:///srv/linux-64/libz-1.0.1-h1_2.conda",
        "FILE:///srv/linux-64/libz-1.0.1-h1_2.conda",
    ],
)
@pytest.mark.parametrize("fields", ["", "subdir: linux-64"])
def test_locations_of_binary_packages(location, fields, rattler_writes):
    text = with_fields(BINARY.replace(LIBZ, location), fields)
    assert we_write(text) == rattler_writes(text)


@pytest.mark.parametrize(
    "location",
    ["./foo", "../foo-1.0.tar.gz", "/srv/foo.whl", "file:///srv/foo", "C:\\foo", "'@foo'", ".",
     "git+https://A.org/b.git?tag=v1&subdirectory=x#abc", "git+ssh://git@a.org/b?rev=1#2",
     "direct+https://x.org/foo.whl", "https://EXAMPLE.org/foo.whl", "https://x.org/a#sha256=abc"],
)  # fmt: skip
@pytest.mark.parametrize("fields", ["", "version: '1.0'", "index: https://x.org/simple"])
def test_locations_of_pypi_packages(location, fields, rattler_writes):
    text = with_fields(PYPI.replace(FOO, location), fields)
    assert we_write(text) == rattler_writes(text)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("version: 7\n", "# a comment\n---\nversion: 7\n"),
        ("version: 7\n", "\ufeffversion: 7\n"),
        ("\n", "\r\n"),
        ("version: 7\n", "version: '7'\n"),
        ("version: 7\n", "version: 0x7\n"),
        ("linux-64\n", "linux-64\n  subdir: linux-64\n  virtual-packages: []\n"),
        ("- name: linux-64\n", "- name: linux-64\n- name: a b\n  subdir: osx-64\n"),
        ("- name: linux-64\n", "- name: linux-64\n- name: p1\n"),
        ("    channels:\n    - url: https://example.org/main/\n", ""),
        ("    channels:\n    - url: https://example.org/main/\n", "    channels: []\n"),
        ("main/\n", "main/\n      used_env_vars:\n      - B\n      - A\n"),
        ("    indexes:\n    - https://pypi.org/simple\n", ""),
        ("    - https://pypi.org/simple\n", "    - https://x.org\n    - https://B.org/x y\n"),
        ("    - https://pypi.org/simple\n", "    - foo\n"),
        ("simple\n", "simple\n    find-links:\n    - path: ./x\n    - url: https://a.b\n"),
        ("simple\n", "simple\n    find-links:\n    - path: ./x\n      url: https://a\n"),
        ("    indexes:\n    - https://pypi.org/simple\n", "    find-links:\n    - path: ./x\n"),
        ("simple\n", "simple\n    options: {}\n"),
        ("simple\n", "simple\n    options:\n      strategy: lowest-version\n"),
        ("simple\n", "simple\n    options:\n      strategy: lowest\n"),
        ("simple\n", "simple\n    options:\n      strategy: null\n"),
        ("simple\n", "simple\n    options:\n      pypi-prerelease-mode: allow\n"),
        ("simple\n", "simple\n    options:\n      channel-priority: disabled\n"),
        ("      linux-64:\n", "      osx-64: []\n      linux-64:\n"),
        (f"      - conda: {LIBZ}\n", f"      - conda: {LIBZ}\n      - conda: {LIBZ}\n"),
        (f"\n- conda: {LIBZ}\n", f"\n- conda: {LIBZ}\n- conda: {LIBZ}\n"),
        (f"\n- conda: {LIBZ}\n", f"\n- conda: {LIBZ}\n- conda: https://e.org/noarch/x-1-0.conda\n"),
        (f"\npackages:\n- conda: {LIBZ}\n", "\n"),
    ],
)  # fmt: skip
def test_everything_around_packages(old, new, rattler_writes):
    assert old in BINARY
    text = BINARY.replace(old, new)
    assert we_write(text) == rattler_writes(text)


def test_package_urls_are_ordered_by_their_parts():
    purls = ["pkg:pypi/a-b", "pkg:pypi/a@1.0", "pkg:conda/z", "pkg:pypi/a?source=x", "pkg:pypi/a-b"]
    assert sorted_purls(purls) == [
        "pkg:conda/z",
        "pkg:pypi/a?source=x",
        "pkg:pypi/a@1.0",
        "pkg:pypi/a-b",
    ]


def test_unknown_keys_survive_what_rattler_has_to_normalise():
    text = (
        with_fields(BINARY.replace("example.org", "EXAMPLE.org"), "colour: blue") + "mood: good\n"
    )
    lock = parse_lock(text)
    assert lock.extra == {"mood": "good"}
    (package,) = lock.packages
    assert package.location == LIBZ
    assert package.extra == {"colour": "blue"}
    assert "colour: blue" in lock.to_text()


def test_what_only_rattler_can_refuse_has_its_reason_and_a_line():
    text = with_fields(BINARY, "version: 1..2")
    with pytest.raises(InvalidInput, match=r"malformed version string '1\.\.2'") as caught:
        parse_lock(text, "pixi.lock")
    assert text.splitlines()[caught.value.line - 1] == f"- conda: {LIBZ}"
