"""Files of installed wheels against the wheels of the pack, whatever RECORD was made to say."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.verify.conftest import Layers
from tests.verify.shipped import SITE, record_line

INFO = "keel-1.2.dist-info"
posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no executable bit")


def relative(path: str) -> str:
    """The path of a file of the prefix as RECORD has it."""
    return os.path.relpath(path, SITE).replace(os.sep, "/")


def listed(prefix: Path, path: str, line: str | None) -> None:
    """Writes another line about a file into RECORD (None: none)."""
    record = prefix / SITE / INFO / "RECORD"
    lines = record.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [each for each in lines if not each.startswith(f"{relative(path)},")]
    record.write_text("".join([*kept, line or ""]), encoding="utf-8")


def forge(path: str, content: bytes | None, line: str | None = None) -> Callable[[Path], None]:
    """Replaces a file (None: removes it), and what RECORD says of it."""

    def change(prefix: Path) -> None:
        file = prefix / path
        if content is None:
            file.unlink()
        else:
            file.write_bytes(content)
        fitting = None if content is None else record_line(relative(path), content)
        listed(prefix, path, line or fitting)

    return change


@pytest.mark.parametrize(
    ("path", "content", "field"),
    [
        (f"{SITE}/keel/__init__.py", b"evil\n", "files altered"),
        (f"{SITE}/{INFO}/METADATA", b"Name: keel\nVersion: 9\n", "files altered"),
        (f"{SITE}/{INFO}/entry_points.txt", b"", "files altered"),
        ("share/keel/log.txt", b"evil\n", "files altered"),
        ("include/python3.12/keel/keel.h", b"evil\n", "files altered"),
        ("bin/caulk", b"#!/bin/sh\nprint('caulk')\n", "files altered"),
        ("bin/haul", b"#!/bin/sh\nexec rm\n", "files altered"),
        ("bin/lay", b"#!/bin/sh\nexec rm\n", "files altered"),
        (f"{SITE}/keel/plank.txt", None, "files absent"),
        ("bin/haul", None, "files absent"),
        ("bin/lay", None, "files absent"),
        (f"{SITE}/evil.pth", b"import os\n", "files added"),
        ("bin/evil", b"#!/bin/sh\n", "files added"),
        ("bin/lay3", b"#!/bin/sh\n", "files added"),
    ],
)
def test_a_file_and_its_line_in_record_that_the_wheel_has_otherwise(
    path: str, content: bytes | None, field: str, shipped: Layers
) -> None:
    broken = shipped.with_prefix(forge(path, content))
    (finding,) = broken.verify("pack", "prefix").findings
    assert (finding.rule, finding.package, finding.field) == ("prefix-files", "keel", field)
    assert finding.layers == ("pack", "prefix")
    (finding,) = broken.verify("manifest", "lock", "pack", "prefix").findings
    assert finding.field == field


@pytest.mark.parametrize("digest", ["", "md5=1B2M2Y8AsgTpgAmY7PhCfg"])
def test_a_file_without_a_digest_that_could_betray_it(digest: str, shipped: Layers) -> None:
    line = f"keel/__init__.py,{digest},\n"
    broken = shipped.with_prefix(forge(f"{SITE}/keel/__init__.py", b"evil\n", line))
    (finding,) = broken.verify("pack", "prefix").findings
    assert (finding.rule, finding.field) == ("prefix-files", "files altered")


@pytest.mark.parametrize("said", ["{sha256},77", ",", "md5=1B2M2Y8AsgTpgAmY7PhCfg,4", "sha256=,4"])
def test_record_says_of_a_file_of_the_wheel_what_is_not_so(said: str, shipped: Layers) -> None:
    good = record_line("keel/plank.txt", b"oak\n").split(",")[1]
    line = f"keel/plank.txt,{said.format(sha256=good)}\n"
    broken = shipped.with_prefix(lambda prefix: listed(prefix, f"{SITE}/keel/plank.txt", line))
    (finding,) = broken.verify("pack", "prefix").findings
    assert (finding.rule, finding.package, finding.field) == ("prefix-files", "keel", "RECORD")


def test_programs_that_pip_makes_beside_an_entry_point(shipped: Layers) -> None:
    def copy(prefix: Path) -> None:
        content = (prefix / "bin/lay").read_bytes()
        (prefix / "bin/lay3.12").write_bytes(content)
        listed(prefix, "bin/lay3.12", record_line("../../../bin/lay3.12", content))

    assert shipped.with_prefix(copy).verify("pack", "prefix").findings == ()


def test_headers_in_the_directory_of_another_installer(shipped: Layers) -> None:
    def move(prefix: Path) -> None:
        old, new = "include/python3.12/keel/keel.h", "include/site/python3.12/keel/keel.h"
        (prefix / new).parent.mkdir(parents=True)
        (prefix / old).rename(prefix / new)
        listed(prefix, old, record_line(relative(new), b"h\n"))

    assert shipped.with_prefix(move).verify("pack", "prefix").findings == ()


@pytest.mark.parametrize("line", [b"#!{python}\nprint('caulk')\n", b"#!{python} -u\nrest\n"])
def test_what_follows_upon_the_interpreter_of_a_script(line: bytes, shipped: Layers) -> None:
    def write(prefix: Path) -> None:
        python = str(prefix / "bin/python3.12").encode()
        content = line.replace(b"{python}", python)
        forge("bin/caulk", content)(prefix)

    found = shipped.with_prefix(write).verify("pack", "prefix").findings
    assert [each.field for each in found] == (["files altered"] if b"-u" in line else [])


@posix
@pytest.mark.parametrize(
    ("path", "package", "layers"),
    [
        ("bin/lay", "keel", ("prefix",)),
        ("bin/lay", "keel", ("pack", "prefix")),
        ("bin/caulk", "keel", ("pack", "prefix")),
        ("bin/haul", "keel", ("pack", "prefix")),
        ("bin/furl", "sails", ("prefix",)),
        ("bin/furl", "sails", ("pack", "prefix")),
        ("bin/reef", "sails", ("pack", "prefix")),
    ],
)
def test_a_program_that_is_no_longer_executable(
    path: str, package: str, layers: tuple[str, ...], shipped: Layers
) -> None:
    broken = shipped.with_prefix(lambda prefix: (prefix / path).chmod(0o644))
    (finding,) = broken.verify(*layers).findings
    assert (finding.rule, finding.package, finding.field, finding.cause) == (
        "prefix-files", package, "files executable", "mode",
    )  # fmt: skip
