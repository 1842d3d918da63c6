"""A package replaced by another form, build or version of it: in packs, channels, directories."""

from __future__ import annotations

import json
import shutil

import pytest

from pytest_pixipack import read_artifact, read_pack
from pytest_pixipack.compare import compare_packs, compare_paths
from pytest_pixipack.compare.pairing import Named, paired


def told(found):
    return {(each.kind, each.cause) for each in found.differences}


def channel(root, *packages):
    """A channel with these packages, as an index makes it: `.tar.bz2` has a table of its own."""
    repodata = {"info": {"subdir": "linux-64"}, "packages": {}, "packages.conda": {}}
    directory = root / "channel" / "linux-64"
    directory.mkdir(parents=True)
    for path in packages:
        facts = read_artifact(path).facts
        digests = {"sha256": facts.sha256, "md5": facts.md5, "size": facts.size}
        table = "packages.conda" if path.name.endswith(".conda") else "packages"
        repodata[table][path.name] = {**read_artifact(path).index, **digests}
        shutil.copy(path, directory)
    (directory / "repodata.json").write_text(json.dumps(repodata), encoding="utf-8")
    return root / "channel"


def directory(root, *packages):
    """The packages alone."""
    (root / "packages").mkdir(parents=True)
    for path in packages:
        shutil.copy(path, root / "packages")
    return root / "packages"


@pytest.fixture(params=["pack", "directory pack", "channel", "directory"])
def holder(request, pack, tmp_path):
    """Makes what holds packages; all of them tell the same of a package that was replaced."""
    made = iter(range(10))

    def hold(*packages):
        root = tmp_path / f"held{next(made)}"
        if request.param == "channel":
            return channel(root, *packages)
        if request.param == "directory":
            return directory(root, *packages)
        packed = pack(*packages)
        if request.param == "directory pack":
            read_pack(packed).extract(root)
            return root
        return packed

    return hold


VERSION = ("payload", "version-change")
BUILD = ("payload", "build-string")
FORM = ("metadata", "archive-format")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"name": "app-1.0-h0_0.tar.bz2"}, {FORM}),
        ({"name": "app-1.1-h0_0.conda", "version": "1.1"}, {VERSION}),
        ({"name": "app-1.0-h1_0.conda", "build": "h1_0"}, {BUILD}),
        ({"name": "app-1.1-h0_0.tar.bz2", "version": "1.1"}, {FORM, VERSION}),
        ({"name": "app-1.0-h0_1.conda", "build": "h0_1", "build_number": 1}, {BUILD}),
    ],
)
def test_one_package_replaced_by_another(change, expected, holder, make):
    other = make(name="more-1-0.conda", package="more", version="1", build="0")
    left, right = holder(make(), other), holder(make(**change), other)
    assert told(compare_paths(left, right).comparison) == expected
    assert told(compare_paths(right, left).comparison) == expected


def test_a_package_more_replaces_none(holder, make):
    old, new = make(), make(name="app-1.1-h0_0.conda", version="1.1")
    found = compare_paths(holder(old), holder(old, new)).comparison
    assert told(found) == {("payload", "file-added")}


def named(file):
    name, version, build = file.removesuffix(".conda").removesuffix(".tar.bz2").rsplit("-", 2)
    return Named(file, "linux-64", name, version, build)


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        # One version of each variant.
        ("a-1-py310h12ab_0.conda a-1-py311h12ac_0.conda",
         "a-2-py310h34ab_0.conda a-2-py311h34ac_0.conda",
         {"a-1-py310h12ab_0.conda": "a-2-py310h34ab_0.conda",
          "a-1-py311h12ac_0.conda": "a-2-py311h34ac_0.conda"}),
        # A channel with several versions: one goes, one comes.
        ("a-1-0.conda a-2-0.conda", "a-2-0.conda a-3-0.conda", {"a-2-0.conda": "a-2-0.conda"}),
        # But a version that is built anew is the same one.
        ("a-1-h12_0.conda a-2-h12_0.conda", "a-1-h12_0.conda a-2-h34_0.conda",
         {"a-1-h12_0.conda": "a-1-h12_0.conda", "a-2-h12_0.conda": "a-2-h34_0.conda"}),
        # Both forms of one package.
        ("a-1-0.conda a-1-0.tar.bz2", "a-2-0.conda a-2-0.tar.bz2",
         {"a-1-0.conda": "a-2-0.conda", "a-1-0.tar.bz2": "a-2-0.tar.bz2"}),
        ("a-1-0.conda a-1-0.tar.bz2", "a-1-0.conda", {"a-1-0.conda": "a-1-0.conda"}),
        ("a-1-0.tar.bz2", "a-1-0.conda", {"a-1-0.tar.bz2": "a-1-0.conda"}),
        ("a-1-0.conda", "b-1-0.conda", {}),
    ],
)  # fmt: skip
def test_which_package_stands_for_which(left, right, expected):
    old, new = ([named(file) for file in side.split()] for side in (left, right))
    assert paired(old, new) == expected
    assert paired(new, old) == {other: file for file, other in expected.items()}


def test_environment_yml_follows_whatever_the_spelling_of_a_name(make, pack):
    sides = [
        make(name=f"my_app-{version}-h0_0.conda", package="my_app", version=version)
        for version in ("1", "2")
    ]
    assert told(compare_packs(*map(pack, sides))) == {VERSION}
