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
