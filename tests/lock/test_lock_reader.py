"""Reading a lock: what it says, and what is said about one that is broken."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_pixipack.errors import InvalidInput, Unsupported
from pytest_pixipack.facts import RunExports
from pytest_pixipack.lock import parse_lock, read_lock

MINIMAL = """\
version: 7
platforms:
- name: linux-64
environments:
  default:
    channels:
    - url: https://example.org/main/
    packages:
      linux-64:
      - conda: https://example.org/main/linux-64/libz-1.0.1-h1_2.conda
packages:
- conda: https://example.org/main/linux-64/libz-1.0.1-h1_2.conda
"""


def with_field(field: str) -> str:
    return f"{MINIMAL}  {field}\n"


def test_what_a_url_says_is_not_repeated():
    package = parse_lock(MINIMAL)["linux-64"]["libz"]
    assert (package.name, package.version, package.build) == ("libz", "1.0.1", "h1_2")
    assert (package.build_number, package.subdir, package.noarch) == (2, "linux-64", None)
    assert package.channel == "https://example.org/main"
    assert package.file_name == "libz-1.0.1-h1_2.conda"


def test_written_fields_win_over_the_url():
    package = parse_lock(with_field("version: '9'"))["linux-64"]["libz"]
    assert package.version == "9"


def test_noarch_packages_are_recognised_by_their_folder():
    noarch = parse_lock(MINIMAL.replace("main/linux-64", "main/noarch"))["linux-64"]["libz"]
    python = parse_lock(MINIMAL.replace("main/linux-64", "main/noarch").replace("h1_2", "pyh1_2"))
    assert noarch.noarch == "generic"
    assert python["linux-64"]["libz"].noarch == "python"


def test_a_partial_source_package_has_no_version(locked):
    app = locked("cases/trio/expected")["linux-64"]["app"]
    assert app.is_source
    assert app.is_partial
    assert app.location == "."
    assert app.version is None
    assert app.depends == ("lib", "tool-a >=1.2")
    assert app.source.source_depends == {"lib": {"path": "./lib"}}
    assert app.variants == {"target_platform": "linux-64"}


def test_a_git_source_package_has_a_full_record(locked):
    remote = locked("cases/git-source/expected")["linux-64"]["remote"]
    assert not remote.is_partial
    assert (remote.version, remote.build) == ("0.9", "hd57432d_0")


def test_run_exports_and_build_environments(locked):
    lock = locked("cases/run-exports/expected")
    user = lock["linux-64"]["user"]
    assert [lock.package(name).name for name in user.build_packages] == ["cc", "maker"]
    assert "base-lib" in [lock.package(name).name for name in user.host_packages]
    assert lock["linux-64"]["libw"].run_exports == RunExports(weak=("libw >=2.1,<3",))
    assert lock["linux-64"]["libcc-rt"].run_exports is None


def test_rich_platforms_are_found_by_their_subdir(locked):
    lock = locked("cases/environments/expected")
    assert [platform.name for platform in lock.platforms_of("gpu", "linux-64")] == ["p1"]
    assert lock.platform("p1").virtual_packages[0] == "__cuda=12"


def test_an_entry_knows_its_line(recorded, locked):
    lock = locked("cases/trio/expected")
    lines = recorded("cases/trio/expected").splitlines()
    for package in lock.packages:
        line = lock.line_of(package.identifier)
        assert lines[line - 1].startswith("- conda")
        assert lines[line - 1].endswith(package.identifier)
    assert lock.line_of("nothing") is None


def test_pypi_packages_come_from_the_first_index():
    wheel = "https://files.example.org/foo-1.0-py3-none-any.whl"
    text = MINIMAL.replace(
        "    packages:\n", "    indexes:\n    - https://index.example.org/simple\n    packages:\n"
    ).replace(
        "packages:\n- conda", f"packages:\n- pypi: {wheel}\n  name: foo\n  version: '1.0'\n- conda"
    )
    text = text.replace("      linux-64:\n", f"      linux-64:\n      - pypi: {wheel}\n")
    foo = parse_lock(text)["linux-64"]["foo"]
    assert (foo.kind, foo.version) == ("pypi", "1.0")
    assert foo.pypi.index == "https://index.example.org/simple"


def test_unknown_keys_are_kept(recorded):
    text = with_field("colour: blue").replace("version: 7\n", "version: 7\nmood: good\n")
    lock = parse_lock(text)
    assert lock.extra == {"mood": "good"}
    assert lock["linux-64"]["libz"].extra == {"colour": "blue"}


@pytest.mark.parametrize(
    ("path", "line", "words"),
    [
        ("errors/lock-broken-yaml/workspace", 3, "not valid YAML"),
        ("errors/lock-no-version/workspace", None, "no `version`"),
        ("errors/lock-not-a-map/workspace", 1, "not a mapping"),
        (
            "errors/lock-dangling/workspace",
            10,
            "does not exist: https://example.org/c/linux-64/lost",
        ),
        ("lock-check/lock-dangling/workspace", 21, 'platform "linux-64", refers to a package'),
        ("lock-check/lock-bad-md5/workspace", 65, "`md5` has to be 32 hexadecimal digits"),
        ("lock-check/lock-missing-subdir/workspace", 79, "`subdir` is missing"),
    ],
)
def test_a_broken_lock_is_refused_with_its_line(recorded, path, line, words):
    with pytest.raises(InvalidInput) as caught:
        parse_lock(recorded(path), "pixi.lock")
    assert words in caught.value.message
    assert (caught.value.file, caught.value.line) == ("pixi.lock", line)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", None, "is empty"),
        (MINIMAL.replace("version: 7", "version: seven"), 1, "not a number"),
        (MINIMAL.replace("platforms:\n- name: linux-64\n", ""), 7, "not under `platforms`"),
        (MINIMAL.replace("- name: linux-64", "- name: linux-65"), 3, 'unknown subdir "linux-65"'),
        (
            MINIMAL + MINIMAL.partition("\npackages:\n")[2] + "  license: MIT\n",
            13,
            "has two entries that differ",
        ),
        (
            MINIMAL.replace("name: linux-64", "name: my box\n  subdir: linux-64"),
            3,
            "no name for a platform",
        ),
        (with_field("version: 1.0"), 13, "`version` has to be a text in quotes, not the number 1"),
        (with_field("depends: libz"), 13, "`depends` has to be a list, not a text"),
        (with_field("channel: main"), 13, "`channel` has to be a URL, not `main`"),
        (
            MINIMAL.replace("    channels:\n    - url: https://example.org/main/\n", ""),
            5,
            "no `chan",
        ),
        (with_field("size: -1"), 13, "`size` has to be a whole number"),
        (with_field("noarch: sometimes"), 13, "`noarch` has to be `generic` or `python`"),
        (MINIMAL.replace("libz-1.0.1-h1_2.conda", "libz.zip"), 12, "has to be a `.conda`"),
        (MINIMAL.replace("- conda: h", "- conda_source: h"), 10, "is not of the form"),
        (MINIMAL.replace("packages:\n- conda", "packages:\n- condo"), None, "an entry needs"),
    ],
)
def test_a_contradictory_lock_is_refused_with_its_line(text, line, words):
    with pytest.raises(InvalidInput) as caught:
        parse_lock(text)
    assert words in caught.value.message
    if line is not None:
        assert caught.value.line == line


def test_an_unknown_build_package_is_refused(recorded):
    text = recorded("cases/run-exports/expected").replace("linux-64/cc-13.0", "linux-64/cd-13.0", 1)
    with pytest.raises(InvalidInput, match="is built with a package that does not exist") as caught:
        parse_lock(text)
    assert "cc-13.0" in text.splitlines()[caught.value.line - 1]


def test_a_newer_version_is_unsupported(recorded):
    with pytest.raises(Unsupported, match=r"version 8; supported: 1, .*, 6, 7") as caught:
        parse_lock(recorded("errors/lock-version-8/workspace"), "pixi.lock")
    assert caught.value.line == 1


def test_a_missing_or_unreadable_file_is_named(tmp_path: Path):
    with pytest.raises(InvalidInput, match="no lock file") as caught:
        read_lock(tmp_path)
    assert caught.value.file == str(tmp_path / "pixi.lock")
    (tmp_path / "pixi.lock").write_bytes(b"version: \xff")
    with pytest.raises(InvalidInput, match="not UTF-8"):
        read_lock(tmp_path)


def test_unknown_names_get_a_suggestion(locked):
    lock = locked("cases/environments/expected")
    with pytest.raises(InvalidInput, match='Did you mean "default"'):
        lock.environment("defautl")
    with pytest.raises(InvalidInput, match=r'not locked for platform "linux-46".*"linux-64"'):
        lock["linux-46"]
