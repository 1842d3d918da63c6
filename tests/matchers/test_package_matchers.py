# Both orders of the operands, and both operators, are what is tested here.
# ruff: noqa: SIM202, SIM300
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import pytest
from dirty_equals import Contains, HasAttributes, HasLen, IsList, IsPartialDict, IsTuple

from pytest_pixipack.facts import FileFacts, PackageFacts, RunExports
from pytest_pixipack.matchers import (
    HasFiles,
    IsBuildString,
    IsPack,
    IsPackage,
    IsPrefix,
    IsSha256,
    IsSource,
    IsSpec,
    IsVersion,
)

CURL = PackageFacts(
    name="curl",
    version="8.11.1",
    build="h1d2c3b4_0",
    build_number=0,
    subdir="linux-64",
    depends=("openssl >=3", "libz *"),
    extra_depends=MappingProxyType({"test": ("pytest",)}),
    run_exports=RunExports(weak=("libcurl >=8,<9",)),
    variants=MappingProxyType({"python": "3.12"}),
    files=MappingProxyType(
        {
            path: FileFacts(path=path, executable=path.startswith("bin/"))
            for path in ("bin/curl", "lib/libcurl.so.4", "share/doc/curl/README")
        }
    ),
    sha256="ab" * 32,
)
APP = PackageFacts(name="app", kind="source", depends=("curl >=8",))


@dataclass
class Locked:
    """As the packages of a lock: the facts are an attribute, others have the same names."""

    facts: PackageFacts
    name: str = "another"


@dataclass
class Record:
    """Something with the attributes of a package."""

    name: str
    version: str
    build: str
    subdir: str


def test_a_package_is_equal_on_either_side_where_its_fields_are():
    expected = IsPackage(
        name="curl",
        version=IsVersion(">=8,<9"),
        build=IsBuildString(prefix="h"),
        depends=Contains(IsSpec("openssl >=3.0")),
        sha256=IsSha256,
    )
    assert expected == CURL
    assert CURL == expected
    assert Locked(CURL) == expected
    assert not CURL != expected


@pytest.mark.parametrize(
    "expected",
    [
        IsPackage(version="8.11"),
        IsPackage(version=IsVersion(">=9")),
        IsPackage(version="8.11.1", build="h0_0"),
        IsPackage(depends=["libz *", "openssl >=3"]),
        IsPackage(noarch="generic"),
        IsPackage(kind="source"),
        IsPackage(files=None),
        IsPackage(variants={}),
        IsSource(),
    ],
)
def test_a_package_is_unequal_where_one_field_is(expected):
    assert expected != CURL
    assert CURL != expected
    assert Locked(CURL) != expected


def test_fields_may_be_written_as_lists_and_dicts():
    assert CURL == IsPackage(depends=["openssl >=3", "libz *"])
    assert CURL == IsPackage(depends=("openssl >=3", IsSpec("libz")))
    assert CURL == IsPackage(depends=IsList(IsSpec("openssl >=3"), length=2))
    assert CURL == IsPackage(depends=IsTuple("libz *", "openssl >=3", check_order=False))
    assert CURL == IsPackage(variants={"python": IsVersion("3.12.*")})
    assert CURL == IsPackage(variants=IsPartialDict(python="3.12"))
    assert CURL == IsPackage(extra_depends={"test": ["pytest"]})
    assert CURL == IsPackage(files=HasLen(3))
    assert CURL == IsPackage(files=IsPartialDict({"bin/curl": HasAttributes(executable=True)}))
    assert CURL != IsPackage(extra_depends={"test": ["pytest"], "docs": []})


def test_run_exports_may_be_written_as_a_mapping_of_kinds():
    assert CURL == IsPackage(run_exports={"weak": ["libcurl >=8,<9"]})
    assert CURL == IsPackage(run_exports={"weak": Contains(IsSpec("libcurl <9,>=8")), "strong": []})
    assert CURL == IsPackage(run_exports=IsPartialDict(weak=HasLen(1)))
    assert CURL == IsPackage(run_exports=RunExports(weak=("libcurl >=8,<9",)))
    assert CURL != IsPackage(run_exports={})
    assert CURL != IsPackage(run_exports={"weak": ["libcurl >=8,<9"], "strong": ["libz"]})
    assert APP == IsPackage(run_exports=None)
    assert APP != IsPackage(run_exports={})


def test_a_source_is_a_package_of_kind_source():
    assert APP == IsSource
    assert APP == IsSource(name="app", version=None)
    assert APP == IsPackage(kind="source")
    assert APP != IsSource(name="curl")
    assert CURL == IsPackage & ~IsSource
    with pytest.raises(TypeError, match="kind"):
        IsSource(kind="binary")


def test_a_whole_environment_is_compared_as_a_dict():
    lock = {"app": APP, "curl": Locked(CURL)}
    assert lock == {"app": IsSource(), "curl": IsPackage(version=IsVersion(">=3"))}
    assert {"app": IsSource, "curl": IsPackage} == lock
    assert MappingProxyType(lock) == {"app": IsSource(), "curl": IsPackage()}
    assert lock != {"app": IsSource()}
    assert lock == IsPartialDict(app=IsSource())


def test_an_object_with_the_same_attributes_is_a_package():
    record = Record("zlib", "1.3", "h0_0", "win-64")
    assert record == IsPackage(name="zlib", version=IsVersion("1.3"))
    assert record != IsPackage(depends=[])


@pytest.mark.parametrize(
    "other", [None, 3, "curl", Path("curl"), {"name": "curl"}, [], PackageFacts]
)
def test_what_is_no_package_is_unequal(other):
    assert other != IsPackage()
    assert other != IsPackage
    assert other != IsSource()
    assert other != IsPack()
    assert other != IsPrefix()


def test_an_object_that_raises_is_unequal():
    class Hostile:
        name = version = build = "x"

        @property
        def subdir(self):
            raise RuntimeError("no")

        def __eq__(self, other):
            raise RuntimeError("no")

    assert IsPackage(name="x") != Hostile()
    assert PackageFacts(name="x") != IsPackage(name=Hostile())


def test_a_misspelt_field_is_refused_with_a_suggestion():
    with pytest.raises(
        TypeError, match=r"IsPackage\(\) has no field 'verison'; did you mean 'version'"
    ):
        IsPackage(verison="1")
    with pytest.raises(TypeError, match=r"IsSource.* has no field 'zzz'; there are build, "):
        IsSource(zzz=1)
    with pytest.raises(TypeError, match="did you mean 'platform'"):
        IsPack(plattform="linux-64")
    with pytest.raises(TypeError, match="did you mean 'packages'"):
        IsPrefix(package={})


def test_a_value_that_no_package_can_have_is_refused():
    with pytest.raises(TypeError, match="version is text"):
        IsPackage(version=0.1)
    with pytest.raises(TypeError, match="Contains"):
        IsPackage(depends="curl >=8")


def test_repr_is_the_call():
    matcher = IsPackage(version=IsVersion(">=8"), depends=Contains(IsSpec("libz")))
    assert CURL == matcher
    assert eval(repr(matcher)) == CURL
    assert repr(IsSource(name="app")) == "IsSource(name='app')"
    assert repr(matcher).startswith("IsPackage(version=IsVersion('>=8'), depends=")


def test_files_by_path_and_by_glob():
    assert CURL == HasFiles("bin/curl")
    assert CURL == HasFiles("bin/*", "lib/libcurl.so.[0-9]", "**/README", "share/**")
    assert CURL == IsPackage(files=HasFiles("lib/*.so.?"))
    assert Locked(CURL) == HasFiles
    assert CURL.files == HasFiles("bin/curl")
    assert ["bin/curl"] == HasFiles("bin/c[!a]rl")
    assert [FileFacts(path="a")] == HasFiles("a", "**/a")
    assert ["share/[x]"] == HasFiles("share/[x]")


def test_files_that_are_not_there():
    assert CURL != HasFiles("bin/curl", "bin/wget")
    assert CURL != HasFiles("*")  # a star does not cross directories
    assert CURL != HasFiles("README")
    assert CURL != HasFiles("bin/[!c]url")
    assert CURL == ~HasFiles("**/*.pyc")
    assert APP != HasFiles()  # a lock does not know the files
    assert "bin/curl" != HasFiles("bin/curl")
    assert 3 != HasFiles()


def test_files_are_given_as_in_the_package():
    for path in ("/bin/curl", "bin\\curl", ""):
        with pytest.raises(ValueError, match="relative to the prefix"):
            HasFiles(path)
    with pytest.raises(TypeError, match="as text"):
        HasFiles(Path("bin/curl"))


@dataclass
class Pack:
    platform: str = "linux-64"
    packages: dict = field(default_factory=lambda: {"app": APP, "curl": CURL})
    environment_yml: object = None
    form: str = "tar"


@dataclass
class Prefix:
    packages: dict = field(default_factory=lambda: {"curl": CURL})
    records: dict = field(default_factory=lambda: {"curl": {"name": "curl"}})


def test_a_pack_by_platform_and_packages():
    packages = {"app": IsSource(), "curl": IsPackage(version=IsVersion("8.*"))}
    assert Pack() == IsPack(platform="linux-64", packages=packages, form="tar")
    assert Pack() == IsPack(packages=IsPartialDict(curl=IsPackage))
    assert Pack() != IsPack(platform="win-64")
    assert Pack() != IsPack(packages={"curl": IsPackage})
    assert Prefix() != IsPack()


def test_a_prefix_by_packages():
    assert Prefix() == IsPrefix(packages={"curl": IsPackage(name="curl")})
    assert Prefix() == IsPrefix(records={"curl": IsPartialDict(name="curl")})
    assert Prefix() != IsPrefix(packages={})
    assert Pack() != IsPrefix()
    assert APP != IsPrefix()


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: IsPack(packages=5), "mapping of names"),
        (lambda: IsPack(packages=["curl"]), "mapping of names"),
        (lambda: IsPrefix(records="curl"), "mapping of names"),
        (lambda: IsPack(platform="linux64"), "did you mean"),
        (lambda: IsPack(platform=5), "is text"),
        (lambda: IsPack(form="zip"), "there are tar"),
        (lambda: IsPackage(build_number="3"), "whole number"),
        (lambda: IsPackage(depends=3), "is a list"),
        (lambda: IsBuildString(hash_length=-1), "matches nothing"),
        (lambda: IsBuildString(number=-1), "matches nothing"),
    ],
)
def test_what_matches_nothing_is_refused_at_once(make: Callable[[], object], error: str) -> None:
    with pytest.raises((TypeError, ValueError), match=error):
        make()
