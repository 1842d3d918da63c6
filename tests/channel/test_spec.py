"""Stub channel specs, in TOML and in Python."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest

from pytest_pixipack.channel import PLACEHOLDER, File, StubChannel, load_channel_spec
from pytest_pixipack.errors import InvalidInput

EVERYTHING = """
name = "full"

[defaults]
subdirs = ["linux-64", "win-64"]
license = "MIT"
timestamp = 2024-01-01T00:00:00Z
on.win.depends = ["vc"]

[[package]]
name = "tool"
version = "1!2.0"
build = "h1_3"
build-number = 3
depends = ["libz >=1.2,<2"]
constrains = ["old-tool <0"]
track-features = ["slow"]
license = "BSD-3-Clause"
extra-depends = { gui = ["qt >=6"] }
activate.sh = "export TOOL=1\\n"

[package.run-exports]
weak = ["tool >=2"]
strong = ["libtool"]
noarch = ["tool-noarch"]
weak-constrains = ["a <1"]
strong_constrains = ["b <1"]

[package.files]
"share/text.txt" = "text\\n"
"share/bytes" = { base64 = "AAEC" }
"bin/tool" = { text = "#!@PREFIX@/bin/sh\\n", executable = true, placeholder = true }
"bin/alias" = { link = "tool" }
"lib/x" = { base64 = "L29sZC9wcmVmaXgA", placeholder = "/old/prefix", mode = 0o750 }

[package.on.unix]
depends = ["ncurses"]
[package.on.linux-64]
depends = ["__glibc >=2.17"]
files."share/bytes" = false
[package.on.win]
files."share/text.txt" = "text\\r\\n"
activate.bat = "@set TOOL=1\\r\\n"

[[package]]
name = "pure"
version = "1.0"
noarch = "python"
entry-points = ["pure = pure:main"]
format = "tar.bz2"
files."site-packages/pure.py" = "def main(): pass\\n"
"""


def from_python() -> StubChannel:
    defaults: dict[str, Any] = {
        "subdirs": ["linux-64", "win-64"],
        "license": "MIT",
        "timestamp": datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc),
        "on": {"win": {"depends": ["vc"]}},
    }
    return (
        StubChannel("full", defaults=defaults)
        .add(
            "tool",
            "1!2.0",
            build="h1_3",
            build_number=3,
            depends=["libz >=1.2,<2"],
            constrains=["old-tool <0"],
            track_features=["slow"],
            license="BSD-3-Clause",
            extra_depends={"gui": ["qt >=6"]},
            activate={"sh": "export TOOL=1\n"},
            run_exports={
                "weak": ["tool >=2"],
                "strong": ["libtool"],
                "noarch": ["tool-noarch"],
                "weak_constrains": ["a <1"],
                "strong_constrains": ["b <1"],
            },
            files={
                "share/text.txt": "text\n",
                "share/bytes": b"\0\1\2",
                "bin/tool": File(text="#!@PREFIX@/bin/sh\n", executable=True, placeholder=True),
                "bin/alias": File(link="tool"),
                "lib/x": File(data=b"/old/prefix\0", placeholder="/old/prefix", mode=0o750),
            },
            on={
                "unix": {"depends": ["ncurses"]},
                "linux-64": {"depends": ["__glibc >=2.17"], "files": {"share/bytes": False}},
                "win": {
                    "files": {"share/text.txt": "text\r\n"},
                    "activate": {"bat": "@set TOOL=1\r\n"},
                },
            },
        )
        .add(
            "pure",
            "1.0",
            noarch="python",
            entry_points=["pure = pure:main"],
            format="tar.bz2",
            files={"site-packages/pure.py": "def main(): pass\n"},
        )
    )


def spec(folder: Path, text: str, name: str = "channel.toml") -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


def test_toml_and_python_say_the_same(tmp_path: Path) -> None:
    channel = load_channel_spec(spec(tmp_path, EVERYTHING))
    assert channel.packages == from_python().packages
    assert channel.digest() == from_python().digest()


def test_every_word_arrives_in_the_package() -> None:
    linux, pure, windows = from_python().packages
    assert linux.index() == {
        "arch": "x86_64",
        "build": "h1_3",
        "build_number": 3,
        "constrains": ["old-tool <0"],
        "depends": ["libz >=1.2,<2", "ncurses", "__glibc >=2.17"],
        "extra_depends": {"gui": ["qt >=6"]},
        "license": "BSD-3-Clause",
        "name": "tool",
        "platform": "linux",
        "subdir": "linux-64",
        "timestamp": 1704067200000,
        "track_features": "slow",
        "version": "1!2.0",
    }
    assert windows.depends == ("vc", "libz >=1.2,<2")
    assert linux.run_exports.strong_constrains == ("b <1",)
    assert pure.index()["noarch"] == "python"
    assert pure.file_name == "pure-1.0-pyh0_0.tar.bz2"
    assert pure.license == "MIT"


def test_files_become_members() -> None:
    linux, _, windows = from_python().packages
    members = {member.path: member for member in linux.members()}
    assert sorted(members) == [
        "bin/alias", "bin/tool", "etc/conda/activate.d/tool.sh", "lib/x", "share/text.txt",
    ]  # fmt: skip
    assert members["bin/alias"].link_target == "tool"
    assert members["bin/tool"].executable
    assert members["bin/tool"].content == f"#!{PLACEHOLDER}/bin/sh\n".encode()
    assert members["bin/tool"].placeholder_mode == "text"
    assert members["lib/x"].placeholder_mode == "binary"
    assert members["lib/x"].mode == 0o750
    assert windows.files["share/text.txt"].text == "text\r\n"
    assert "etc/conda/activate.d/tool.bat" in windows.files


def test_a_placeholder_is_long_enough_for_any_prefix() -> None:
    assert len(PLACEHOLDER) == 255


def test_without_a_subdir_a_package_is_noarch() -> None:
    (package,) = StubChannel().add("libz", "1.3").packages
    assert (package.subdir, package.noarch, package.build) == ("noarch", "generic", "h0_0")


def test_the_channel_is_named_after_its_file(tmp_path: Path) -> None:
    path = spec(tmp_path, "[[package]]\nname = 'a'\nversion = '1'\n", "mine.toml")
    assert StubChannel.from_toml(path).name == "mine"


HEAD = "[[package]]\nname = 'a'\nversion = '1'\n"


@pytest.mark.parametrize(
    ("text", "line", "problem", "remedy"),
    [
        ("[[package]]\nname = 'a'\nversoin = '1'\n", 3, "`versoin` is not a key", "`version`"),
        ("[[packages]]\n", 1, "`packages` is not a key", "`package`"),
        ("[[package]]\nname = 'a'\nversion = '1..0'\n", 3, "not a valid version", "`1.0`"),
        ("[[package]]\nname = 'a'\nversion = '1.0-1'\n", 3, "dash", "`1.0_1`"),
        ("[[package]]\nname = 'a'\nversion = 1.0\n", 3, "has to be a text", "1.0"),
        ("[[package]]\nname = 'My Tool'\nversion = '1'\n", 2, "package name", "`my-tool`"),
        ("[[package]]\nname = 'a'\n", 1, "needs a `version`", None),
        (HEAD + "subdirs = ['linux-64', 'linux_64']", 4, "not a platform", "`linux-64`"),
        (HEAD + "subdir = 'osx-amr64'", 4, "not a platform", "`osx-arm64`"),
        (HEAD + "noarch = 'pyhton'", 4, "is no noarch", "`python`"),
        (HEAD + "build = 'py3-0'", 4, "build string", "`py3_0`"),
        (HEAD + "build-number = -1", 4, "whole number", None),
        (HEAD + "depends = 'b'", 4, "list of texts", '["b"]'),
        (HEAD + "depends = [\n  'b',\n  'c >=',\n]", 6, "not a valid match spec", "libz"),
        (HEAD + "depends = ['c >=1 <2']", 4, "joined by commas", "libz"),
        (HEAD + "run-exports = { weka = ['b'] }", 4, "`weka` is not a key", "`weak`"),
        (HEAD + "activate = { bsh = 'x' }", 4, "`bsh` is not a key", "`bash`"),
        (HEAD + "[package.on.windows]\ndepends = []", 4, "no platform", None),
        (HEAD + "[package.on.win]\ndepend = []", 5, "`depend` is not a key", "`depends`"),
        (HEAD + "[package.on.win]\nname = 'b'", 5, "`name` is not a key", None),
        (HEAD + "[package.files]\n'../x' = ''", 5, "`..`", None),
        (HEAD + "[package.files]\n'/x' = ''", 5, "absolute", None),
        (HEAD + "[package.files]\nx = { base46 = '' }", 5, "`base46`", "`base64`"),
        (HEAD + "[package.files]\nx = { base64 = '!' }", 5, "not valid base64", None),
        (HEAD + "[package.files]\nx = { text = '', link = 'y' }", 5, "either a text", None),
        (HEAD + "[package.files]\nx = { text = 'a', placeholder = 'b' }", 5, "not occur", None),
        (HEAD + "[package.files]\nx = 1", 5, "a text, bytes, or a table", None),
        (HEAD + "timestamp = 2024-01-01T00:00:00", 4, "no offset", "00:00Z"),
        (HEAD + "format = 'zip'", 4, "is no format", "`conda`"),
        (HEAD + "entry-points = ['a = b:c']", 1, "Only noarch Python", None),
        (HEAD + "noarch = 'generic'\nsubdir = 'win-64'", 1, "only the subdir `noarch`", None),
        (HEAD + HEAD, 4, "in noarch already", "build string"),
        (HEAD + "build_number = 1\nbuild-number = 1", 5, "given twice", None),
        ("name = '../up'", 1, "cannot name a directory", None),
        ("[defaults]\nname = 'a'", 2, "`name` is not a key of the defaults", None),
        ("package = 1", 1, "`[[package]]`", None),
        ("a = [", 1, "not valid TOML", None),
    ],
)
def test_a_mistake_is_shown_with_its_line_and_a_way_out(
    tmp_path: Path, text: str, line: int, problem: str, remedy: str | None
) -> None:
    path = spec(tmp_path, text)
    with pytest.raises(InvalidInput) as caught:
        load_channel_spec(path)
    error = caught.value
    assert (error.file, error.line) == (str(path), line)
    assert problem in error.message
    if remedy:
        assert remedy in (error.remedy or "")


def test_the_builder_names_package_and_field() -> None:
    with pytest.raises(
        InvalidInput, match=r"tool 1\.0, depends\.0: `b >` is not a valid match spec"
    ):
        StubChannel().add("tool", "1.0", depends=["b >"])
    with pytest.raises(InvalidInput, match="is in noarch already"):
        StubChannel().add("tool", "1.0").add("tool", "1.0")
    with pytest.raises(InvalidInput, match="is not a key of a package on"):
        StubChannel().add("tool", "1.0", on={"win": {"dependz": []}})


def test_the_digest_follows_the_content() -> None:
    def one(**more: Any) -> str:
        return StubChannel("c").add("a", "1", **more).digest()

    digests = [
        one(),
        one(depends=["b"]),
        one(files={"x": "1"}),
        one(files={"x": b"1"}),
        one(files={"x": File(text="1", executable=True)}),
        StubChannel("d").add("a", "1").digest(),
    ]
    assert len(set(digests)) == len(digests)
    several = StubChannel("c").add("a", "1").add("b", "1")
    assert several.digest() == StubChannel("c").add("b", "1").add("a", "1").digest()
