"""What became of packages: the words, where they are said, and how they look."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_pixipack.facts import PackageFacts
from pytest_pixipack.lock import (
    Lock,
    LockBuilder,
    LockedPackage,
    binary_package,
    parse_lock,
    pypi_package,
    source_package,
)

CHANNEL = "https://example.org/main"
PLATFORMS = ("linux-64", "osx-arm64", "win-64")
Packages = Mapping[str, Mapping[str, list[LockedPackage]]]


def conda(name: str, version: str = "1.0", build: str = "h0_0", **more: object) -> LockedPackage:
    channel = more.pop("channel", CHANNEL)
    subdir = more.pop("subdir", "linux-64")
    usual = {"sha256": sha256(f"{name}-{version}-{build}".encode()).hexdigest(), "build_number": 0}
    url = f"{channel}/{subdir}/{name}-{version}-{build}.conda"
    facts = PackageFacts(
        name=name, version=version, build=build, subdir=subdir, url=url, **{**usual, **more}
    )
    return binary_package(facts)


def source(name: str, path: str | None = None, digits: str = "0a0a0a0a", **more) -> LockedPackage:
    return source_package(
        PackageFacts(name=name, kind="source"), path or name, digits=digits, **more
    )


def wheel(name: str, version: str, **more: object) -> LockedPackage:
    place = f"https://files.example.org/{name}-{version}-py3-none-any.whl"
    facts = PackageFacts(name=name, kind="pypi", version=version, sha256=f"{len(version):064x}")
    return pypi_package(facts, place, **more)


def lock(
    packages: Packages,
    channels: tuple[str, ...] = (CHANNEL,),
    built_with: Iterable[LockedPackage] = (),
) -> Lock:
    builder = LockBuilder()
    for package in built_with:
        builder.register(package)
    for platform in sorted({name for each in packages.values() for name in each}):
        builder.platform(platform)
    for environment, platforms in packages.items():
        builder.environment(environment, channels=channels)
        for platform, listed in platforms.items():
            for package in listed:
                builder.add(environment, platform, package)
    return builder.build()


def one(*packages: LockedPackage, built_with: Iterable[LockedPackage] = ()) -> Lock:
    return lock({"default": {"linux-64": list(packages)}}, built_with=built_with)


def what(left: Lock, right: Lock) -> list[tuple[str, str]]:
    return [(change.name, change.what) for change in left.diff(right).packages]


CHANGES = [
    pytest.param([], [conda("a")], "added", id="added"),
    pytest.param([conda("a")], [], "removed", id="removed"),
    pytest.param([conda("a", "1.9")], [conda("a", "1.10")], "upgraded", id="upgraded"),
    pytest.param([conda("a", "1.0.post1")], [conda("a", "1.0")], "downgraded", id="downgraded"),
    pytest.param([conda("a", "2024a")], [conda("a", "2024b")], "upgraded", id="letters"),
    pytest.param([conda("a", "1!1.0")], [conda("a", "2.0")], "downgraded", id="epoch"),
    pytest.param([conda("a")], [conda("a", "no version!")], "changed", id="no version"),
    pytest.param([conda("a")], [conda("a", build="h1_0")], "rebuilt", id="another build"),
    pytest.param([conda("a")], [conda("a", sha256="f" * 64)], "rebuilt", id="another file"),
    pytest.param([conda("a", "1.0")], [conda("a", "1.0.0")], "rebuilt", id="version respelled"),
    pytest.param(
        [conda("a")], [conda("a", channel="https://example.org/other")], "moved", id="channel"
    ),
    pytest.param([source("a")], [source("a", "elsewhere/a")], "moved", id="moved source"),
    pytest.param([conda("a")], [source("a")], "replaced", id="binary to source"),
    pytest.param([source("a")], [conda("a")], "replaced", id="source to binary"),
    pytest.param([conda("a-b")], [wheel("a_b", "1.0")], "replaced", id="conda to PyPI"),
    pytest.param([conda("a")], [conda("a", depends=("b",))], "changed", id="depends"),
    pytest.param([conda("a")], [conda("a", license="MIT")], "metadata", id="license"),
    pytest.param([source("a")], [source("a", digits="0b0b0b0b")], "metadata", id="identifier"),
    pytest.param(
        [conda("a", depends=("b", "c"))], [conda("a", depends=("c", "b"))], "order", id="order"
    ),
    pytest.param([wheel("a", "1.0rc1")], [wheel("a", "1.0")], "upgraded", id="PyPI upgraded"),
    pytest.param([wheel("A.b", "2.0")], [wheel("a-b", "1.0")], "downgraded", id="PyPI respelled"),
    pytest.param(
        [wheel("a", "1.0")], [wheel("a", "1.0", requires_dist=["b"])], "changed", id="PyPI depends"
    ),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "expected"), CHANGES)
def test_each_change_has_its_word(before, after, expected):
    always = conda("always")
    assert [word for _, word in what(one(*before, always), one(*after, always))] == [expected]


def test_the_same_file_from_another_channel_is_metadata():
    diff = one(conda("a")).diff(one(conda("a", channel="https://mirror.example.org/main")))
    assert diff.verdict == "metadata"


def test_another_file_from_another_channel_is_payload():
    other = conda("a", channel="https://example.org/other", sha256="f" * 64)
    assert one(conda("a")).diff(one(other)).verdict == "payload"


def test_a_digest_that_only_one_lock_knows_is_metadata():
    assert one(conda("a", md5="1" * 32)).diff(one(conda("a"))).verdict == "metadata"


def test_two_packages_of_one_name_are_both_compared():
    left = one(conda("a"), conda("a", "2.0"))
    assert what(left, one(conda("a"), conda("a", "3.0"))) == [("a", "upgraded")]
    assert what(left, one(conda("a"))) == [("a", "removed")]


def everywhere(*versions: str) -> Lock:
    return lock({
        name: {platform: [conda("zlib", each, subdir=platform)] for platform in PLATFORMS}
        for name, each in zip(("default", "test"), versions, strict=True)
    })  # fmt: skip


def test_what_is_the_same_everywhere_is_told_once():
    assert everywhere("1.2", "1.2").diff(everywhere("1.3", "1.3")).lines() == [
        "default, test: all 3 platforms",
        "  upgraded    zlib  1.2 -> 1.3",
    ]


def test_what_differs_between_environments_is_told_for_each():
    assert everywhere("1.2", "1.2").diff(everywhere("1.3", "1.1")).lines() == [
        "default: all 3 platforms",
        "  upgraded    zlib  1.2 -> 1.3",
        "test: all 3 platforms",
        "  downgraded  zlib  1.2 -> 1.1",
    ]


def test_only_some_platforms_are_named():
    left = lock({"default": {name: [conda("a", subdir=name)] for name in PLATFORMS}})
    right = lock({
        "default": {
            name: [conda("a", "2.0" if name != "win-64" else "1.0", subdir=name)]
            for name in PLATFORMS
        }
    })  # fmt: skip
    assert left.diff(right).lines()[0] == "default: linux-64, osx-arm64"


def test_a_package_that_is_only_built_with_says_so():
    first, second = conda("libw", "1"), conda("libw", "2")
    left = one(source("app", host_packages=[first]), built_with=[first])
    right = one(source("app", host_packages=[second]), built_with=[second])
    assert left.diff(right).lines() == [
        "default: linux-64",
        "  upgraded    libw  1 -> 2 (to build app)",
    ]


def test_a_dependency_that_changes_is_told_by_what_went_and_came():
    left, right = conda("a", depends=("b >=1", "c")), conda("a", depends=("b >=2", "c"))
    assert one(left).diff(one(right)).lines() == [
        "default: linux-64",
        "  changed     a  1.0 h0_0",
        "                depends  - b >=1  + b >=2",
    ]


def test_environments_platforms_channels_and_options():
    left = lock({"default": {"linux-64": [conda("a")]}})
    right = lock(
        {"default": {"linux-64": [conda("a")], "win-64": [conda("a", subdir="win-64")]},
         "docs": {"linux-64": [conda("a")]}},
        channels=("https://example.org/first", CHANNEL),
    )  # fmt: skip
    right = replace(
        right,
        environments={
            name: replace(each, options=replace(each.options, strategy="lowest-version"))
            for name, each in right.environments.items()
        },
    )
    assert left.diff(right).lines() == [
        "win-64: platform added",
        "default: channels",
        "  + https://example.org/first",
        "default: strategy",
        "  highest -> lowest-version",
        "default: win-64: platform added (1 package)",
        "docs: environment added (linux-64)",
    ]


def test_many_small_changes_are_told_together():
    names = [f"package{number}" for number in range(20)]
    left = one(*(conda(name, license="MIT") for name in names))
    right = one(*(conda(name, license="BSD") for name in names))
    lines = left.diff(right).lines()
    assert lines[1].startswith("  metadata    20 packages")
    assert "and 12 more" in "\n".join(lines)
    assert max(map(len, lines)) <= 80


def test_lines_fit_the_terminal():
    left = one(*(conda(f"a-package-with-quite-a-long-name-{n}", "1.0.0") for n in range(3)))
    right = one(
        *(
            conda(
                f"a-package-with-quite-a-long-name-{n}",
                "2.0.0",
                depends=("x" * 30, "y" * 30, "z" * 30),
            )
            for n in range(2)
        )
    )
    for width in (60, 80, 120):
        assert max(len(line) for line in left.diff(right).lines(width)) <= width


def test_a_lock_of_version_6_is_compared_by_meaning(recorded):
    old = parse_lock(recorded("cases/lock-v6/workspace"))
    new = parse_lock(recorded("cases/lock-v6/expected"))
    assert (old.version, new.version) == (6, 7)
    diff = old.diff(new)
    assert diff.verdict == "metadata"
    assert {(change.package, change.field) for change in diff} >= {(None, "version")}
    assert {change.package for change in diff} <= {None, "lib"}


def test_keys_in_another_order_are_order_only(recorded):
    text = recorded("cases/flat/expected")
    first, rest = text.split("platforms:", 1)
    platforms, rest = rest.split("environments:", 1)
    environments, packages = rest.split("\npackages:", 1)
    turned = f"{first}packages:{packages}environments:{environments}\nplatforms:{platforms}"
    diff = parse_lock(text).diff(parse_lock(turned))
    assert [(change.field, change.kind) for change in diff] == [("order of keys", "order-only")]


def test_markdown_for_a_pull_request():
    left = one(conda("a", "1.0"), conda("b", license="MIT"), conda("c", depends=("x",)))
    right = one(conda("a", "2.0"), conda("b", license="BSD|MIT"), conda("c", depends=("y",)))
    text = left.diff(right).to_markdown()
    assert "| `a` | upgraded | `1.0` | `2.0` |" in text
    assert "<details><summary>1 package with other metadata or order only</summary>" in text
    assert "| `b` | `license` | `MIT` | `BSD\\|MIT` |" in text
    assert "| `c` | `depends` | `x` | `y` |" in text
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in tables} == {5}


def test_nothing_differs():
    diff = one(conda("a")).diff(one(conda("a")))
    assert not diff
    assert (diff.verdict, diff.lines(), len(diff)) == ("identical", [], 0)


HOST = [conda("z", "1"), conda("z", "2")]
NAMES = st.sampled_from(["a", "b", "c-d", "e"])
VERSIONS = st.sampled_from(["1.0", "1.1", "1.10", "2024a", "1.0.post1"])
SPECS = st.lists(st.sampled_from(["x", "y >=1", "z <2"]), unique=True)
CONDA = st.builds(
    lambda name, version, build, depends: conda(name, version, build, depends=tuple(depends)),
    NAMES, VERSIONS, st.sampled_from(["h0_0", "h1_1"]), SPECS,
)  # fmt: skip
SOURCES = st.builds(
    lambda name, path, digits, host: source(name, path, digits, host_packages=host),
    NAMES, st.sampled_from(["p", "q"]), st.sampled_from(["0a0a0a0a", "0b0b0b0b"]),
    st.lists(st.sampled_from(HOST), max_size=1),
)  # fmt: skip
PYPI = st.builds(wheel, NAMES, st.sampled_from(["1.0", "1.1rc1", "2.0"]))
LISTS = st.lists(
    st.one_of(CONDA, SOURCES, PYPI), max_size=4, unique_by=lambda package: package.identifier
)
LOCKS = st.builds(
    lambda packages: lock(packages, built_with=HOST),
    st.dictionaries(
        st.sampled_from(["default", "test"]),
        st.dictionaries(st.sampled_from(PLATFORMS[:2]), LISTS, max_size=2),
        max_size=2,
    ),
)
TRIES = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)
SWAPPED = {
    "added": "removed",
    "removed": "added",
    "upgraded": "downgraded",
    "downgraded": "upgraded",
}


@pytest.mark.slow
@TRIES
@given(LOCKS)
def test_a_lock_is_identical_to_itself_read_again(made):
    again = parse_lock(made.to_text())
    assert made.diff(made).verdict == "identical"
    assert again.diff(parse_lock(made.to_text())).verdict == "identical"


@pytest.mark.slow
@TRIES
@given(LOCKS, LOCKS)
def test_seen_from_the_other_side_everything_is_the_reverse(left, right):
    there, back = left.diff(right), right.diff(left)
    assert there.verdict == back.verdict
    assert sorted(map(repr, there)) == sorted(repr(change.swapped()) for change in back)

    def words(diff, names=lambda word: word):
        return sorted(
            (each.environment, each.platform, each.inside, each.name, names(each.what))
            for each in diff.packages
        )

    assert words(there) == words(back, lambda word: SWAPPED.get(word, word))


@pytest.mark.slow
@TRIES
@given(LOCKS, st.randoms())
def test_another_order_is_order_only(made, random):
    def turned(values):
        values = list(values)
        random.shuffle(values)
        return tuple(values)

    def with_order(package):
        facts = replace(package.facts, depends=turned(package.depends))
        return replace(package, facts=facts)

    other = replace(
        made,
        platforms=turned(made.platforms),
        packages=turned(with_order(package) for package in made.packages),
        environments={
            name: replace(
                each,
                packages={
                    platform: turned(with_order(package) for package in packages)
                    for platform, packages in turned(each.packages.items())
                },
            )
            for name, each in turned(made.environments.items())
        },
    )
    assert made.diff(other).verdict in ("identical", "order-only")


@pytest.mark.slow
@TRIES
@given(LOCKS, LOCKS, st.integers(40, 120))
def test_every_difference_is_shown_and_nothing_fails(left, right, width):
    diff = left.diff(right)
    text = "\n".join(diff.lines(width))
    markdown = diff.to_markdown()
    assert bool(text) == bool(diff)
    for change in diff.packages:
        if not change.inside:
            assert change.name in text
            assert change.name in markdown


@pytest.mark.slow
def test_a_very_long_chain_of_packages_that_build_each_other_is_compared():
    def chain(version: str) -> Lock:
        packages = [conda("first", version)]
        for number in range(3000):
            packages.append(source(f"p{number}", host_packages=[packages[-1]]))
        return one(packages[-1], built_with=packages)

    assert what(chain("1"), chain("2")) == [("first", "upgraded")]
