"""What is inside of the packages and wheels of a pack is read whole.

What unpacking would refuse, or install without knowing better, is a finding of one rule.
"""

from __future__ import annotations

import json
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.pack import read_pack, unpack
from pytest_pixipack.verify import verify
from pytest_pixipack.verify.findings import Finding
from pytest_pixipack.verify.pack_inside import is_unsafe
from tests.verify import conda_files as conda
from tests.verify.conftest import Layers
from tests.verify.shipped import (
    PLATFORM,
    record_line,
    replace_package,
    repodata,
    rezipped,
)
from tests.wheels import make_wheel

SAILS = "channel/noarch/sails-1.5-pyh0_1.conda"
TOOL = f"channel/{PLATFORM}/tool-2.0.1-h2_3.conda"
OLD = f"channel/{PLATFORM}/old-0.9-0.tar.bz2"
WHEEL = "pypi/keel-1.2-py3-none-any.whl"
INFO = "keel-1.2.dist-info"
DATA = "share/tool/data.txt"

Change = Callable[[Path], bytes]


def edited(good: Layers, edit: Callable[[Path], object]) -> Path:
    folder = good.scratch / "pack"
    good.pack.extract(folder)
    edit(folder)
    return folder


def only(findings: tuple[Finding, ...]) -> Finding:
    (finding,) = findings
    return finding


def paths(change: Callable[[list[dict[str, Any]]], object]) -> Change:
    """paths.json of the package edited."""

    def edit(members: conda.Members) -> conda.Members:
        (content,) = [c for info, c in members if info.name == "info/paths.json"]
        document = json.loads(content)
        change(document["paths"])
        return conda.with_file("info/paths.json", json.dumps(document).encode())(members)

    return lambda path: conda.changed(path, info=edit)


def entry(listed: list[dict[str, Any]], path: str = DATA) -> dict[str, Any]:
    return next(each for each in listed if each["_path"] == path)


UNSAFE: dict[str, Change] = {
    "a path out": lambda p: conda.changed(p, payload=conda.with_file("../evil", b"x")),
    "an absolute path": lambda p: conda.changed(p, payload=conda.with_file("/evil", b"x")),
    "a link out": lambda p: conda.changed(
        p, payload=conda.with_special("l", tarfile.SYMTYPE, "/etc/passwd")
    ),
    "a link out by steps": lambda p: conda.changed(
        p, payload=conda.with_special("share/l", tarfile.SYMTYPE, "../../x")
    ),
    "a device": lambda p: conda.changed(p, payload=conda.with_special("d", tarfile.CHRTYPE)),
    "a pipe": lambda p: conda.changed(p, payload=conda.with_special("d", tarfile.FIFOTYPE)),
    "setuid": lambda p: conda.changed(p, payload=conda.with_special("s", mode=0o4755)),
    "a file twice": lambda p: conda.changed(p, payload=conda.with_special(DATA)),
}
UNREADABLE: dict[str, Change] = {
    "no payload": lambda p: conda.changed(p, packed=b"junk"),
    "a payload cut off": lambda p: p.read_bytes()[:-200],
    "no paths.json that is JSON": lambda p: conda.changed(
        p, info=conda.with_file("info/paths.json", b"junk")
    ),
    **{
        f"a {name} that is none": lambda p, name=name: conda.changed(  # type: ignore[misc]
            p, info=conda.with_file(f"info/{name}", b"junk")
        )
        for name in ("index.json", "about.json", "link.json", "run_exports.json")
    },
    "no index.json": lambda p: conda.changed(p, info=conda.without("info/index.json")),
}
CONTRADICTORY: dict[str, Change] = {
    "another sha256": paths(lambda listed: entry(listed).update(sha256="0" * 64)),
    "another size": paths(lambda listed: entry(listed).update(size_in_bytes=99)),
    "another kind": paths(lambda listed: entry(listed).update(path_type="softlink")),
    "a file too few": paths(lambda listed: listed.remove(entry(listed))),
    "a file too many": paths(lambda listed: listed.append({**entry(listed), "_path": "x"})),
}


@pytest.mark.parametrize("change", UNSAFE.values(), ids=UNSAFE)
@pytest.mark.parametrize("follows", [True, False], ids=["new digests", "old digests"])
def test_a_package_that_must_not_be_unpacked(
    change: Change, follows: bool, shipped: Layers
) -> None:
    def replace(folder: Path) -> None:
        data = change(folder / TOOL)
        if follows:
            replace_package(folder, TOOL, data)
        else:
            (folder / TOOL).write_bytes(data)

    folder = edited(shipped, replace)

    finding = only(verify(pack=folder).findings)
    assert (finding.rule, finding.severity, finding.package) == ("pack-members", "error", "tool")
    with_all = verify(pack=folder, lock=shipped.lock, prefix=shipped.prefix)
    assert only(with_all.findings).rule == "pack-members"
    with pytest.raises(InvalidInput):
        unpack(folder, shipped.scratch / "out", platform=PLATFORM)


@pytest.mark.parametrize("change", UNREADABLE.values(), ids=UNREADABLE)
def test_a_package_that_cannot_be_read(change: Change, shipped: Layers) -> None:
    folder = edited(shipped, lambda f: replace_package(f, TOOL, change(f / TOOL)))

    finding = only(verify(pack=folder).findings)
    assert (finding.rule, finding.package, finding.field) == ("pack-package", "tool", "file")
    # Where something else says which file it has to be, it is another one.
    assert only(verify(pack=folder, lock=shipped.lock).findings).rule == "pack-digest"


@pytest.mark.parametrize("point", ["furl", "furl = "])
def test_an_entry_point_that_no_installer_can_read(point: str, shipped: Layers) -> None:
    noarch = {"type": "python", "entry_points": [point]}
    link = json.dumps({"noarch": noarch, "package_metadata_version": 1}).encode()

    def replace(folder: Path) -> None:
        data = conda.changed(folder / SAILS, info=conda.with_file("info/link.json", link))
        replace_package(folder, SAILS, data)

    folder = edited(shipped, replace)
    finding = only(verify(pack=folder).findings)
    assert (finding.rule, finding.package, finding.field) == ("pack-package", "sails", "file")
    with pytest.raises(InvalidInput):
        unpack(folder, shipped.scratch / "out", platform=PLATFORM)


@pytest.mark.parametrize(
    "edit",
    [lambda data: data + b"junk", lambda data: data[:-8], lambda data: data[:0]],
    ids=["with junk behind it", "cut off", "empty"],
)
def test_a_tar_bz2_that_cannot_be_read(edit: Callable[[bytes], bytes], shipped: Layers) -> None:
    folder = edited(shipped, lambda f: replace_package(f, OLD, edit((f / OLD).read_bytes())))
    assert only(verify(pack=folder).findings).rule == "pack-package"


@pytest.mark.parametrize("change", CONTRADICTORY.values(), ids=CONTRADICTORY)
def test_a_package_whose_list_of_files_is_wrong(change: Change, shipped: Layers) -> None:
    folder = edited(shipped, lambda f: replace_package(f, TOOL, change(f / TOOL)))

    finding = only(verify(pack=folder).findings)
    assert (finding.rule, finding.package, finding.field) == ("pack-package", "tool", "paths.json")


@pytest.mark.parametrize("what", ["another sha256", "another size", "a file too few"])
def test_what_follows_from_it_in_the_prefix_is_silent(what: str, shipped: Layers) -> None:
    change = CONTRADICTORY[what]
    folder = edited(shipped, lambda f: replace_package(f, TOOL, change(f / TOOL)))
    prefix = unpack(folder, shipped.scratch / "there", platform=shipped.pack.platform)

    finding = only(verify(pack=folder, prefix=prefix).findings)
    assert (finding.rule, finding.package, finding.field) == ("pack-package", "tool", "paths.json")


def test_a_file_of_another_name(shipped: Layers) -> None:
    """repodata.json and package agree; a version that no installer reads is found as well."""

    def rename(folder: Path) -> None:
        (folder / TOOL).rename(folder / TOOL.replace("2.0.1", "2.0.2"))
        repodata(
            folder,
            lambda c: c["packages.conda"].update(
                {"tool-2.0.2-h2_3.conda": c["packages.conda"].pop("tool-2.0.1-h2_3.conda")}
            ),
        )

    finding = only(verify(pack=edited(shipped, rename)).findings)
    assert (finding.rule, finding.field, finding.package) == ("pack-repodata", "file name", "tool")


def test_a_record_that_no_installer_reads(shipped: Layers) -> None:
    """Package, record, name and environment.yml agree about a version that is none."""
    name = TOOL.replace("2.0.1", "2..1")

    def edit(folder: Path) -> None:
        index = {"name": "tool", "version": "2..1", "build": "h2_3", "build_number": 3,
                 "subdir": PLATFORM, "depends": []}  # fmt: skip
        member = conda.with_file("info/index.json", json.dumps(index).encode())
        data = conda.changed(folder / TOOL, info=member)
        (folder / TOOL).unlink()

        def change(content: dict[str, Any]) -> None:
            del content["packages.conda"][Path(TOOL).name]
            content["packages.conda"][Path(name).name] = {**index, "arch": "x86_64",
                                                          "platform": "linux"}  # fmt: skip

        repodata(folder, change)
        replace_package(folder, name, data)
        yml = folder / "environment.yml"
        yml.write_text(yml.read_text("utf-8").replace("tool=2.0.1", "tool=2..1"), "utf-8")

    findings = verify(pack=edited(shipped, edit)).findings
    assert {(each.rule, each.field) for each in findings if each.package == "tool"} == {
        ("pack-repodata", "record")
    }


def wheel_with(changes: dict[str, bytes | None]) -> Callable[[Path], bytes]:
    return lambda folder: rezipped((folder / WHEEL).read_bytes(), changes, folder.parent)


def another_wheel(**options: Any) -> Callable[[Path], bytes]:
    return lambda folder: make_wheel(folder.parent / "w", "keel", "1.2", **options).read_bytes()


def says(version: str) -> Callable[[Path], bytes]:
    """A wheel that is called 1.2 and says another version of itself."""
    text = f"Metadata-Version: 2.1\nName: keel\nVersion: {version}\n".encode()

    def make(folder: Path) -> bytes:
        files = {
            "keel/__init__.py": b"",
            f"{INFO}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\n",
        }
        files[f"{INFO}/METADATA"] = text
        record = "".join(record_line(*each) for each in files.items()) + f"{INFO}/RECORD,,\n"
        return rezipped(
            (folder / WHEEL).read_bytes(),
            {**dict.fromkeys(("keel/plank.txt", f"{INFO}/entry_points.txt")), **files,
             f"{INFO}/RECORD": record.encode()},
            folder.parent,
        )  # fmt: skip

    return make


def damaged(folder: Path) -> bytes:
    data = bytearray((folder / WHEEL).read_bytes())
    data[data.index(b"oak")] ^= 1
    return bytes(data)


BAD_WHEELS: dict[str, Callable[[Path], bytes]] = {
    "junk": lambda _: b"hello",
    "empty": lambda _: b"",
    "cut off": lambda f: (f / WHEEL).read_bytes()[:-30],
    "damaged": damaged,
    "a file that is not the recorded one": wheel_with({"keel/__init__.py": b"evil"}),
    "a file that is not recorded": wheel_with({"keel/new.py": b"x"}),
    "a recorded file that is not there": wheel_with({"keel/plank.txt": None}),
    "no RECORD": wheel_with({f"{INFO}/RECORD": None}),
    "no WHEEL": wheel_with({f"{INFO}/WHEEL": None, f"{INFO}/RECORD": b""}),
    "a RECORD that contradicts it": another_wheel(record="keel/__init__.py,sha256=AA,1\n"),
    "another version inside": says("1.3"),
}


@pytest.mark.parametrize("make", BAD_WHEELS.values(), ids=BAD_WHEELS)
def test_a_wheel_that_cannot_be_used(make: Callable[[Path], bytes], shipped: Layers) -> None:
    folder = edited(shipped, lambda f: (f / WHEEL).write_bytes(make(f)))

    for given in ({}, {"lock": shipped.lock}, {"lock": shipped.lock, "prefix": shipped.prefix}):
        finding = only(verify(pack=folder, **given).findings)  # type: ignore[arg-type]
        assert (finding.rule, finding.severity, finding.package) == ("pack-wheels", "error", "keel")
        assert str(folder.parent) not in finding.message


def test_a_wheel_that_must_not_be_installed(shipped: Layers) -> None:
    make = another_wheel(files={"../evil": b"x"})
    folder = edited(shipped, lambda f: (f / WHEEL).write_bytes(make(f)))

    for given in ({}, {"lock": shipped.lock}):
        finding = only(verify(pack=folder, **given).findings)  # type: ignore[arg-type]
        assert (finding.rule, finding.severity, finding.package) == (
            "pack-members",
            "error",
            "keel",
        )
    assert not list(folder.parent.rglob("evil"))


def test_nothing_is_left_behind(shipped: Layers, tmp_path: Path, monkeypatch: Any) -> None:
    import tempfile

    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    folder = edited(shipped, lambda f: (f / WHEEL).write_bytes(b"junk"))
    verify(pack=folder)
    assert list(place.iterdir()) == []
    shutil.rmtree(folder)


def test_a_pack_is_read_in_each_form(shipped: Layers) -> None:
    folder = edited(shipped, lambda f: (f / WHEEL).write_bytes(b"junk"))
    assert only(verify(pack=read_pack(folder)).findings).rule == "pack-wheels"


@pytest.mark.parametrize(
    ("message", "unsafe"),
    [
        ("The member `include/Windows.h` is cut off.", False),
        ("The member `info/paths.json` has an unusable size for `lib/device.h`.", False),
        ("its RECORD does not fit: 'torch/cuda/device.py' is another file.", False),
        ("The member `a/../b` has `..` in its path.", True),
        ("The member `dev/null` is a device.", True),
        ("The wheel is refused: its member 'x' is unsafe: it is a link or a device.", True),
    ],
)
def test_how_members_are_called_is_no_reason(message: str, unsafe: bool) -> None:
    assert is_unsafe(InvalidInput(message)) is unsafe
