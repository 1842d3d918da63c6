"""Locks of versions 1 to 5 are read and upgraded; what is broken is one sentence."""

from __future__ import annotations

import pytest

from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.lock import parse_lock

URL = "https://conda.anaconda.org/conda-forge/linux-64/libz-1.3-h1_0.conda"
SHA = "ab" * 32
MD5 = "cd" * 16

ENVIRONMENTS = f"""
environments:
  default:
    channels:
    - url: https://conda.anaconda.org/conda-forge/
    packages:
      linux-64:
      - conda: {URL}
"""
VERSION_5 = f"""\
version: 5{ENVIRONMENTS}
packages:
- kind: conda
  name: libz
  version: '1.3'
  build: h1_0
  subdir: linux-64
  url: {URL}
  sha256: {SHA}
  md5: {MD5}
  depends:
  - libc >=2
  license: Zlib
  size: 12
  timestamp: 1700000000000
"""
VERSION_4 = VERSION_5.replace("version: 5", "version: 4")
VERSION_1 = f"""\
version: 1
metadata:
  content_hash:
    linux-64: {SHA}
  channels:
  - url: https://conda.anaconda.org/conda-forge/
    used_env_vars: []
  platforms:
  - linux-64
  sources: []
  time_metadata: null
  git_metadata: null
  inputs_metadata: null
  custom_metadata: null
package:
- platform: linux-64
  name: libz
  version: '1.3'
  category: main
  manager: conda
  dependencies:
    libc: '>=2'
  url: {URL}
  hash:
    md5: {MD5}
    sha256: {SHA}
  optional: false
  build: h1_0
  subdir: linux-64
  license: Zlib
  size: 12
  timestamp: 1700000000000
"""


@pytest.mark.parametrize("text", [VERSION_1, VERSION_4, VERSION_5], ids=["1", "4", "5"])
def test_an_older_lock_says_the_same(text):
    lock = parse_lock(text, "pixi.lock")
    assert lock.version == int(text[9])
    package = lock["linux-64"]["libz"]
    assert (package.version, package.build, package.sha256) == ("1.3", "h1_0", SHA)
    assert package.depends == ("libc >=2",)
    assert package.location == URL


@pytest.mark.parametrize("text", [VERSION_1, VERSION_4, VERSION_5], ids=["1", "4", "5"])
def test_it_is_written_in_the_current_version(text):
    written = parse_lock(text).to_text()
    assert written.startswith("version: 7\n")
    assert parse_lock(written)["linux-64"]["libz"].depends == ("libc >=2",)


def test_one_that_is_broken_is_a_sentence():
    with pytest.raises(InvalidInput, match="version 4 cannot be read") as caught:
        parse_lock(
            VERSION_4.replace("linux-64:\n      - conda", "linux-64:\n      - canda"), "a.lock"
        )
    assert caught.value.file == "a.lock"
    assert "\n" not in caught.value.message


WHEEL = "https://files.example.org/foo-1.0-py3-none-any.whl"
WITH_WHEEL = f"""\
version: 5
environments:
  default:
    channels:
    - url: https://conda.anaconda.org/conda-forge/
    indexes:
    - https://index.example.org/simple
    packages:
      linux-64:
      - conda: {URL}
      - pypi: {WHEEL}
packages:
- kind: conda
  name: libz
  version: '1.3'
  build: h1_0
  subdir: linux-64
  url: {URL}
  arch: x86_64
  platform: linux
  purls:
  - pkg:pypi/z-b
  - pkg:pypi/z?source=x
- kind: pypi
  name: foo
  version: '1.0'
  url: {WHEEL}
  requires_dist:
  - Bar >=1,<2 ; python_version > "3.8"
  editable: false
"""
SOURCES = """\
version: 6
environments:
  default:
    channels:
    - url: https://conda.anaconda.org/conda-forge/
    options:
      exclude-newer: 2024-01-01T00:00:00Z
    packages:
      linux-64:
      - conda: ./lib
        name: lib
        version: '1.0'
        build: py38
        subdir: noarch
      - conda: ./lib
        name: lib-2
packages:
- conda: ./lib
  name: lib
  version: '1.0'
  build: py38
  subdir: noarch
  noarch: python
  input:
    hash: 0000000000000000000000000000000000000000000000000000000000000000
    globs: []
- conda: ./lib
  name: lib-2
  version: '2.0'
  build: h1_0
  subdir: linux-64
  sources:
    other:
      path: ../other
"""


@pytest.mark.parametrize("text", [VERSION_1, VERSION_4, VERSION_5, WITH_WHEEL, SOURCES])
def test_it_is_upgraded_to_what_rattler_writes(text, tmp_path):
    import rattler

    path = tmp_path / "pixi.lock"
    path.write_bytes(text.encode())
    rattler.LockFile.from_path(path).to_path(path)
    assert parse_lock(text).to_text() == path.read_bytes().decode()


def test_what_the_older_version_did_not_say_is_not_made_up():
    foo = parse_lock(WITH_WHEEL)["linux-64"]["foo"]
    assert foo.pypi.index is None
    assert foo.pypi.requires_dist == ("bar>=1,<2 ; python_full_version >= '3.9'",)


@pytest.mark.parametrize(
    ("old", "new", "words", "says"),
    [
        (SHA, "zz", "`sha256` has to be 64 hexadecimal digits", "  sha256: zz"),
        ("- libc >=2", "- 5", "`depends` has to be a list of texts", "  depends:"),
        ("size: 12", "size: x", "`size` has to be a whole number", "  size: x"),
        ("name: libz", "name: 1", "`name` has to be a text", "  name: 1"),
    ],
)
def test_a_field_of_a_wrong_type_has_its_line(old, new, words, says):
    text = VERSION_5.replace(old, new)
    with pytest.raises(InvalidInput, match=words) as caught:
        parse_lock(text, "a.lock")
    assert caught.value.package == URL
    assert text.splitlines()[caught.value.line - 1] == says


def test_a_package_that_is_not_there_has_its_line():
    text = WITH_WHEEL.replace(f"      - pypi: {WHEEL}", "      - pypi: https://e.org/lost.whl")
    with pytest.raises(InvalidInput, match=r"does not exist: https://e\.org/lost\.whl") as caught:
        parse_lock(text)
    assert text.splitlines()[caught.value.line - 1] == "      - pypi: https://e.org/lost.whl"


@pytest.mark.parametrize("text", [VERSION_4, VERSION_5], ids=["4", "5"])
def test_a_channel_on_disk(text):
    """rattler_lock does not say again what follows from a `file://` URL, pixi knows it."""
    local = text.replace("https://conda.anaconda.org/", "file:///srv/channels/")
    (package,) = parse_lock(local).packages
    assert package.location == "/srv/channels/conda-forge/linux-64/libz-1.3-h1_0.conda"
    assert (package.subdir, package.channel) == ("linux-64", "file:///srv/channels/conda-forge")
    assert (package.name, package.version, package.build) == ("libz", "1.3", "h1_0")
    again = parse_lock(parse_lock(local).to_text())
    assert again.packages[0].facts == package.facts
