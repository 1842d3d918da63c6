"""The metadata of a wheel that lies in the workspace, whatever became of the file."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from pytest_pixipack.verify.lock_pypi_local import read_wheel

METADATA = """\
Metadata-Version: 2.1
Name: sail
Version: 3.0
Requires-Python: >=3.8
Requires-Dist: mast>=1; extra == "tall"
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_damage_anywhere_is_no_crash(method: int, tmp_path: Path) -> None:
    path = tmp_path / "sail-3.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", method) as wheel:
        wheel.writestr("sail-3.0.dist-info/METADATA", METADATA)
    whole = read_wheel(path)
    assert whole is not None
    assert (whole.version, whole.requires_python) == ("3.0", ">=3.8")
    good = path.read_bytes()
    found = []
    for place in range(len(good)):
        for value in (0, good[place] ^ 0x55, 255):
            path.write_bytes(good[:place] + bytes([value]) + good[place + 1 :])
            found.append(read_wheel(path))
        path.write_bytes(good[:place])
        assert read_wheel(path) is None, f"cut off after {place} bytes"
    assert None in found
