"""A prefix has one digest, wherever it was installed; it changes with what is in it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_pixipack import StubChannel, read_artifact
from pytest_pixipack.channel.files import File
from pytest_pixipack.engine.building import built_record
from pytest_pixipack.pack import PackedPackage, PackedWheel, unpack, write_pack
from pytest_pixipack.prefix import InstallRecord, Prefix, install, read_prefix
from tests.verify import shipped
from tests.wheels import make_wheel

CASES = Path(__file__).parents[1] / "data" / "conformance" / "cases"


def records(directory: Path, **files: object) -> list[InstallRecord]:
    content: dict[str, object] = {
        "bin/tool": File("#!/bin/sh\n", executable=True),
        "share/place.txt": File("the prefix is @PREFIX@\n".replace("@PREFIX@", "/ph" * 40),
                                placeholder="/ph" * 40),
        "lib/libtool.so": File(data=b"\0a " + b"/ph" * 40 + b"/lib\0b", placeholder="/ph" * 40,
                               placeholder_mode="binary"),
        "share/link": File(link="place.txt"),
        **files,
    }  # fmt: skip
    channel = StubChannel("c").add("tool", "1", subdir="linux-64", files=content)  # type: ignore[arg-type]
    paths = channel.build(directory).path.rglob("*.conda")
    return [InstallRecord(path, built_record(read_artifact(path))) for path in paths]


@pytest.fixture
def prefix(tmp_path: Path) -> Prefix:
    return install(records(tmp_path / "c"), tmp_path / "env", platform="linux-64")


def test_it_is_the_same_at_another_place(prefix: Prefix, tmp_path: Path) -> None:
    place = tmp_path / "somewhere" / "with a much longer name" / "env"

    other = install(records(tmp_path / "c2"), place, platform="linux-64")

    assert other.normalised_digest() == prefix.normalised_digest()
    assert len(prefix.normalised_digest()) == 64


def add(prefix: Path) -> None:
    (prefix / "new").write_text("x", encoding="utf-8")


def remove(prefix: Path) -> None:
    (prefix / "bin/tool").unlink()


def alter(prefix: Path) -> None:
    (prefix / "share/place.txt").write_text("the prefix is elsewhere\n", encoding="utf-8")


def leave_placeholder(prefix: Path) -> None:
    (prefix / "share/place.txt").write_text(f"the prefix is {'/ph' * 40}\n", encoding="utf-8")


def run_as_owner(prefix: Path) -> None:
    (prefix / "bin/tool").chmod(0o4755)


def alter_binary(prefix: Path) -> None:
    path = prefix / "lib/libtool.so"
    path.write_bytes(path.read_bytes() + b"more")


def rename(prefix: Path) -> None:
    (prefix / "bin/tool").rename(prefix / "bin/tool2")


def relink(prefix: Path) -> None:
    (prefix / "share/link").unlink()
    (prefix / "share/link").symlink_to("../bin/tool")


def other_version(prefix: Path) -> None:
    path = next(prefix.glob("conda-meta/*.json"))
    record = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**record, "version": "2"}), encoding="utf-8")


posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither")


@pytest.mark.parametrize(
    "change",
    [
        add, remove, alter, alter_binary, leave_placeholder, rename, other_version,
        pytest.param(relink, marks=posix), pytest.param(run_as_owner, marks=posix),
    ],
)  # fmt: skip
def test_it_changes_with_the_content(change: Callable[[Path], None], prefix: Prefix) -> None:
    before = prefix.normalised_digest()
    change(prefix.path)

    assert read_prefix(prefix.path).normalised_digest() != before


@posix
def test_it_changes_with_the_executable_bit(prefix: Prefix) -> None:
    before = prefix.normalised_digest()
    (prefix.path / "bin/tool").chmod(0o644)

    assert prefix.normalised_digest() != before


def test_running_the_environment_does_not_change_it(prefix: Prefix) -> None:
    before = prefix.normalised_digest()
    cache = prefix.path / "lib" / "__pycache__"
    cache.mkdir()
    (cache / "x.cpython-312.pyc").write_bytes(b"compiled")
    (prefix.path / "conda-meta" / "state").write_text("{}", encoding="utf-8")

    assert prefix.normalised_digest() == before


PLACES = {
    "a blank": "with space",
    "more than systems read": "l" * 70 + "/" + "m" * 60,
    "a quote": "it's here",
    "a dollar": "a$b",
    "letters of other languages": "zażółć",
    "a part of other paths": "usr",
}


@pytest.fixture(scope="module")
def shipped_pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pack with scripts, binaries, a noarch Python package and a wheel with launchers."""
    root = tmp_path_factory.mktemp("shipped")
    channel = shipped.channel()
    channel.add("rig", "1", subdir="linux-64", files={
        "bin/rig": File("#! @PREFIX@/bin/python3.12 -O\nprint()\n", executable=True,
                        placeholder=True),
        "bin/perl-like": File("#!@PREFIX@/bin/perl -w\n", executable=True, placeholder=True),
        "share/where.txt": File("@PREFIX@:/usr/bin/env @PREFIX@/x/env\n", placeholder=True),
    })  # fmt: skip
    found = sorted(channel.build(root / "c").path.rglob("*-*-*.*"))
    packages = [
        PackedPackage(path.parent.name, path.name, path, built_record(read_artifact(path)))
        for path in found
        if path.suffix in (".conda", ".bz2")
    ]
    wheel = make_wheel(
        root / "w", "top-sail", "2.5",
        {
            "top_sail-2.5.data/scripts/furl-it": b"#!python\nprint()\n",
            "top_sail-2.5.data/data/share/s.txt": b"x",
        },
        scripts={"hoist": "top_sail:main", "lower": "top_sail.deck:Crew.main"},
    )  # fmt: skip
    pack = root / "environment.tar"
    write_pack(pack, "linux-64", packages, [PackedWheel(wheel.name, wheel, "top-sail", "2.5")])
    return pack


@posix
@pytest.mark.parametrize("name", PLACES.values(), ids=PLACES)
def test_one_pack_has_one_digest_at_every_place(
    name: str, shipped_pack: Path, tmp_path: Path
) -> None:
    here = unpack(shipped_pack, tmp_path / "a", platform="linux-64")
    there = unpack(shipped_pack, tmp_path / name, platform="linux-64")

    assert there.normalised_digest() == here.normalised_digest()


def replaced(path: str, content: bytes) -> Callable[[Path], object]:
    return lambda prefix: (prefix / path).write_bytes(content)


def reworded(path: str, old: str, new: str) -> Callable[[Path], object]:
    """`@` is the path of the prefix."""

    def edit(prefix: Path) -> None:
        file = prefix / path
        data = file.read_bytes()
        words = old.replace("@", str(prefix)).encode(), new.replace("@", str(prefix)).encode()
        assert words[0] in data
        file.write_bytes(data.replace(*words))

    return edit


SITE = "lib/python3.12/site-packages"
TAMPERED: dict[str, Callable[[Path], object]] = {
    "a launcher that does something else": replaced("bin/hoist", b"#!/bin/sh\nrm -rf ~\n"),
    "a launcher that does more": reworded("bin/hoist", "sys.exit(", "evil()\n    sys.exit("),
    "a launcher of another function": reworded("bin/hoist", "main", "other"),
    "a launcher of another interpreter": reworded("bin/hoist", "@/bin/python3.12", "/bin/python3"),
    "an empty launcher": replaced("bin/hoist", b""),
    "no launcher": lambda prefix: (prefix / "bin/hoist").unlink(),
    "a launcher that is no program": lambda prefix: (prefix / "bin/hoist").chmod(0o644),
    "another script of a wheel": reworded("bin/furl-it", "print()", "print(1)"),
    "another entry point": reworded("bin/furl", "main", "other"),
    "a file of a wheel": replaced(f"{SITE}/top_sail/__init__.py", b"x"),
    "the path as a text": reworded("etc/tool.cfg", "@", "<prefix>"),
    "the path as another text": reworded("etc/tool.cfg", "@", "\0"),
    "another path": reworded("etc/tool.cfg", "@", "/elsewhere"),
    "another program of a script": reworded("bin/tool", "/bin/rig", "/bin/rag"),
    "a script found elsewhere": reworded("bin/tool", "#!@/bin/rig", "#!/usr/bin/env rig"),
    "another text in a binary": reworded("lib/libtool.so", "/lib", "/bil"),
    "a longer string in a binary": reworded("lib/libtool.so", "@/x\0", "@/xy"),
}


@posix
@pytest.mark.parametrize("tamper", TAMPERED.values(), ids=TAMPERED)
def test_what_was_tampered_with_has_another_digest(
    tamper: Callable[[Path], object], shipped_pack: Path, tmp_path: Path
) -> None:
    prefix = unpack(shipped_pack, tmp_path / "a", platform="linux-64")
    before = prefix.normalised_digest()

    tamper(prefix.path)

    assert read_prefix(prefix.path).normalised_digest() != before


def test_records_that_follow_do_not_hide_it(shipped_pack: Path, tmp_path: Path) -> None:
    """What conda-meta says that a file was in its package counts, too."""
    prefix = unpack(shipped_pack, tmp_path / "a", platform="linux-64")
    before = prefix.normalised_digest()
    content = f"prefix={prefix.path}/evil\n".encode()
    (prefix.path / "etc/tool.cfg").write_bytes(content)
    file = next(prefix.path.glob("conda-meta/tool-*.json"))
    record = json.loads(file.read_text("utf-8"))
    for entry in record["paths_data"]["paths"]:
        if entry["_path"] == "etc/tool.cfg":
            packed = content.replace(
                str(prefix.path).encode(), entry["prefix_placeholder"].encode()
            )
            entry["sha256"] = hashlib.sha256(packed).hexdigest()
            entry["sha256_in_prefix"] = hashlib.sha256(content).hexdigest()
    file.write_text(json.dumps(record), encoding="utf-8")

    assert read_prefix(prefix.path).normalised_digest() != before


OTHER_LAUNCHERS = {
    "uv": """\
#!{python}
# -*- coding: utf-8 -*-
import sys
from top_sail import main
if __name__ == "__main__":
    if sys.argv[0].endswith("-script.pyw"):
        sys.argv[0] = sys.argv[0][:-11]
    elif sys.argv[0].endswith(".exe"):
        sys.argv[0] = sys.argv[0][:-4]
    sys.exit(main())
""",
    "pip": """\
#!/bin/sh
'''exec' '{python}' "$0" "$@"
' '''
# -*- coding: utf-8 -*-
import sys
from top_sail import main
if __name__ == '__main__':
    sys.argv[0] = sys.argv[0].removesuffix('.exe')
    sys.exit(main())
""",
}


@pytest.mark.parametrize("text", OTHER_LAUNCHERS.values(), ids=OTHER_LAUNCHERS)
def test_launchers_of_other_installers_count_the_same(
    text: str, shipped_pack: Path, tmp_path: Path
) -> None:
    prefix = unpack(shipped_pack, tmp_path / "a", platform="linux-64")
    before = prefix.normalised_digest()
    launcher = prefix.path / "bin/hoist"
    launcher.write_bytes(text.format(python=prefix.path / "bin/python3.12").encode())

    assert read_prefix(prefix.path).normalised_digest() == before


def test_entry_points_that_are_gone_are_no_traceback(shipped_pack: Path, tmp_path: Path) -> None:
    prefix = unpack(shipped_pack, tmp_path / "a", platform="linux-64")
    before = prefix.normalised_digest()
    (prefix.path / SITE / "top_sail-2.5.dist-info/entry_points.txt").unlink()

    assert read_prefix(prefix.path).normalised_digest() != before


def for_windows(root: Path) -> Prefix:
    """A prefix for Windows with the launcher of a wheel."""
    channel = StubChannel("c").add("python", "3.12.1", subdir="win-64", files={"python.exe": "x"})
    packages = [
        PackedPackage("win-64", path.name, path, built_record(read_artifact(path)))
        for path in channel.build(root / "c").path.rglob("*.conda")
    ]
    wheel = make_wheel(root / "w", "sail", scripts={"hoist": "sail:main"})
    packed = [PackedWheel(wheel.name, wheel, "sail", "1.0")]
    write_pack(root / "p.tar", "win-64", packages, packed)
    return unpack(root / "p.tar", root / "out", platform="win-64")


def test_programs_of_windows_count_by_what_they_start(tmp_path: Path) -> None:
    """Their zip file has the time at which it was written, and their path the place."""
    here, there = for_windows(tmp_path / "a"), for_windows(tmp_path / "somewhere else")
    program = here.path / "Scripts/hoist.exe"
    data = program.read_bytes()
    assert there.normalised_digest() == here.normalised_digest()

    for changed in (b"evil" + data, data.replace(b"sail", b"evil"), b"", data[:100]):
        program.write_bytes(changed)
        assert read_prefix(here.path).normalised_digest() != there.normalised_digest()


needs_pixi_unpack = pytest.mark.skipif(
    shutil.which("pixi-unpack") is None, reason="pixi-unpack is not on PATH"
)


@pytest.mark.slow
@needs_pixi_unpack
@pytest.mark.parametrize("case", ["flat", "binary", "run-exports", "environments", "injection"])
def test_the_real_pixi_unpack_makes_a_prefix_of_the_same_digest(case: str, tmp_path: Path) -> None:
    pack = CASES / case / "expected" / "pack" / "environment.tar"

    ours = unpack(pack, tmp_path / "ours", platform="linux-64")
    theirs = unpacked_by_pixi(pack, tmp_path)

    assert theirs.normalised_digest() == ours.normalised_digest()


@pytest.mark.slow
@needs_pixi_unpack
@posix
def test_wheels_installed_by_uv_count_the_same(tmp_path: Path) -> None:
    # This Python, at home in the prefix; it would look for its library there, and takes ours.
    real, library = Path(sys.executable).resolve(), Path(os.__file__).parent
    text = f"""#!/bin/bash
    export PYTHONHOME="$(cd "$(dirname "$0")/.." && pwd)"
    export PYTHONPATH={library}:{library}/lib-dynload
    words=()
    for word in "$@"; do [ "$word" = -I ] || words+=("$word"); done  # else it would not look
    exec -a "$0" {real} "${{words[@]}}"
    """
    python = File(textwrap.dedent(text), executable=True)
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    files = {
        "bin/python": python,
        f"bin/python{version}": python,
    }
    channel = StubChannel("c").add("python", f"{version}.0", subdir="linux-64", files=files)  # type: ignore[arg-type]
    path = next(channel.build(tmp_path / "c").path.rglob("*.conda"))
    package = PackedPackage("linux-64", path.name, path, built_record(read_artifact(path)))
    wheel = make_wheel(
        tmp_path / "w", "top-sail", "2.5",
        {
            "top_sail-2.5.data/data/share/s.txt": b"x",
            "top_sail-2.5.data/scripts/furl": b"#!python\nprint()\n",
            "top_sail-2.5.data/headers/sail.h": b"int x;",
        },
        scripts={"hoist": "top_sail:main"},
    )  # fmt: skip
    packed = [PackedWheel(wheel.name, wheel, "top-sail", "2.5")]
    write_pack(tmp_path / "environment.tar", "linux-64", [package], packed)

    ours = unpack(tmp_path / "environment.tar", tmp_path / "ours", platform="linux-64")
    theirs = unpacked_by_pixi(tmp_path / "environment.tar", tmp_path)

    assert theirs.normalised_digest() == ours.normalised_digest()


def unpacked_by_pixi(pack: Path, tmp_path: Path) -> Prefix:
    import subprocess

    program = shutil.which("pixi-unpack")
    assert program is not None
    done = subprocess.run(
        [program, "-o", str(tmp_path / "theirs"), str(pack)],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home")},
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    return read_prefix(tmp_path / "theirs" / "env")
