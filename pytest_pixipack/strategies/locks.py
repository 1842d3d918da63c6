"""Locks of version 7 with everything that the format knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from pytest_pixipack.facts import PackageFacts, RunExports
from pytest_pixipack.lock import (
    Lock,
    LockBuilder,
    LockChannel,
    LockedPackage,
    LockedPypi,
    LockOptions,
    binary_package,
    source_package,
)
from pytest_pixipack.lock.model import DEFAULT_INDEX

_Draw = Callable[[st.SearchStrategy[Any]], Any]

_SUBDIRS = ("linux-64", "linux-aarch64", "osx-64", "osx-arm64", "win-64", "emscripten-wasm32")
# Among them everything that YAML 1.1 or 1.2 could take for something else.
_AWKWARD = st.sampled_from(
    ["0.1", ">=3", "*", "yes", "no", "on", "null", "~", "", "1_000", "1:30", "2024-01-01", "0x1f",
     "a: b", "a #b", "- x", " lead", "trail ", "two\nlines", "two\nlines\n", "é", "😀", "\t", "'",
     '"', "@x", "%x", "!x", "&x", "{}", "[]", "NaN", ".inf", "1e3", "01", "\x7f", "a\rb", "<<",
     "x" * 200, "a\u2028b", "\ufeff", "? a", "---", "true", "12345678901234567890"]
)  # fmt: skip
_TEXTS = _AWKWARD | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_WORDS = st.text("abcdefgh", max_size=6).map(lambda word: "p" + word)
_NAMES = st.lists(_WORDS | st.sampled_from(["no", "2", "e1"]), min_size=1, max_size=3).map("-".join)
_SPECS = st.lists(_TEXTS, max_size=3).map(tuple)
_VERSIONS = st.sampled_from(["1.0", "0.1", "1!2.0", "1.1.1w", "2024.1.0", "1e3", "9e", "1.0+2"])
_BUILDS = st.sampled_from(["h1_2", "py_0", "0", "abc", "py311h_cpython", "1e3", "007"])
_MOMENTS = st.integers(253_402_300_800, 2_000_000_000_000_000 // 10)
_EXPORTS = st.builds(
    RunExports,
    weak=_SPECS,
    strong=_SPECS,
    noarch=_SPECS,
    weak_constrains=_SPECS,
    strong_constrains=_SPECS,
)
_PURLS = st.none() | st.lists(
    st.builds("pkg:{}/{}{}".format, st.sampled_from(["pypi", "conda", "github"]), _NAMES,
              st.sampled_from(["", "@1.0", "@1.0-1", "?source=mapping", "@2?b=c"])),
    max_size=3,
    unique=True,
)  # fmt: skip
_VARIANTS = st.dictionaries(
    _WORDS, _TEXTS | st.integers(-(2**63), 2**63 - 1) | st.booleans(), max_size=2
)
_BUILD_SOURCES = st.one_of(
    st.none(),
    st.just({"path": "../src"}),
    st.just({"url": "https://example.org/a.tar.gz", "sha256": "0" * 64}),
    st.just({"url": "https://example.org/a.zip", "sha256": "1" * 64, "subdir": "a b"}),
    st.just({"git": "https://example.org/a.git", "rev": "1e5"}),
    st.builds(
        lambda key, value: {"git": "https://example.org/a.git", key: value, "rev": "0" * 40},
        st.sampled_from(["branch", "tag"]),
        _TEXTS,
    ),
    st.just({"git": "https://a.org/b", "explicit_rev": True, "rev": "abc", "subdir": "no"}),
)
_DEPENDS_SOURCES = st.one_of(
    _TEXTS.map(lambda path: {"path": path}),
    st.just({"url": "https://example.org/a.zip", "md5": "0" * 32, "sha256": "ab" * 32}),
    st.just({"git": "https://example.org/a.git", "subdirectory": "x", "lfs": True}),
    st.just({"git": "https://example.org/a.git", "tag": "1.0"}),
)
_REQUIREMENTS = st.lists(
    st.sampled_from(
        ["foo", "foo>=1.0", "foo>=1.0,<2", "foo[a,b]==1.*", "foo ; sys_platform == 'win32'",
         "foo!=1.5,~=2.0 ; extra == 'x'", "on", "foo-bar<=3.dev0".replace(".dev0", "")]
    ),
    max_size=3,
).map(tuple)  # fmt: skip
_PYTHONS = st.sampled_from([None, "", ">=3.8", ">=3.8,<4", "!=3.9.*", "==3.11.*"])
_INDEXES = ("https://index.example.org/simple", "https://index.example.org/other/")


@st.composite
def locks(draw: _Draw) -> Lock:
    """Locks as pixi could have written them.

    They have several environments and platforms, conda packages from URLs and paths, partial and
    full source packages with build and host packages, PyPI packages in every form, and texts that
    need quotes in YAML. `parse_lock(lock.to_text()) == lock` holds for all of them.
    """
    builder = LockBuilder()
    platforms = draw(st.lists(st.sampled_from(_SUBDIRS), unique=True, max_size=3))
    for platform in platforms:
        builder.platform(platform, virtual_packages=draw(_SPECS))
    if platforms and draw(st.booleans()):
        builder.platform("p1", subdir=platforms[0], virtual_packages=["__cuda=12"])
        platforms.append("p1")
    subdirs = {name: name if name != "p1" else platforms[0] for name in platforms}
    indexes = draw(st.none() | st.lists(st.sampled_from(_INDEXES), unique=True, max_size=2))
    packages = _packages(draw, sorted(set(subdirs.values())), (indexes or [DEFAULT_INDEX])[0])
    names = draw(st.lists(_WORDS | st.just("on"), unique=True, max_size=2))
    for name in ["default", *names]:
        builder.environment(
            name,
            channels=draw(st.lists(st.builds(LockChannel, _WORDS), max_size=2)),
            indexes=indexes,
            find_links=[] if indexes is None else draw(_find_links()),
            options=draw(_options()),
        )
        for platform in platforms:
            chosen = draw(st.lists(st.sampled_from(packages), max_size=4)) if packages else []
            for package in chosen:
                builder.add(name, platform, package)
    for package in packages:
        builder.register(package)
    return _without_unused(builder.build())


def lock_texts() -> st.SearchStrategy[str]:
    """The texts of `locks()`."""
    return locks().map(Lock.to_text)


def _packages(draw: _Draw, subdirs: list[str], index: str) -> list[LockedPackage]:
    names = draw(st.lists(_NAMES, unique=True, max_size=5)) if subdirs else []
    found: list[LockedPackage] = []
    for name in names:
        kind = draw(st.sampled_from(["binary", "source", "full", "file", "directory"]))
        subdir = draw(st.sampled_from([*subdirs, "noarch"]))
        conda = [package for package in found if package.kind != "pypi"]
        needed = draw(st.lists(st.sampled_from(conda), max_size=2)) if conda else []
        if kind == "binary":
            found.append(_binary(draw, name, subdir))
        elif kind in ("source", "full"):
            found.append(_source(draw, name, subdir, needed, partial=kind == "source"))
        elif kind == "file":
            found.append(_pypi_file(draw, name, index))
        else:
            found.append(_pypi_directory(draw, name, needed))
    return found


def _common(draw: _Draw, name: str, subdir: str) -> dict[str, Any]:
    purls = draw(_PURLS)
    return {
        "name": name,
        "version": draw(_VERSIONS),
        "build": draw(_BUILDS),
        "build_number": draw(st.integers(0, 12)),
        "subdir": subdir,
        "noarch": draw(st.sampled_from([None, "generic", "python"])),
        "depends": draw(_SPECS),
        "constrains": draw(_SPECS),
        "extra_depends": draw(st.dictionaries(_WORDS, _SPECS, max_size=2)),
        "features": draw(st.none() | _TEXTS),
        "flags": tuple(draw(st.lists(_WORDS, max_size=2))),
        "track_features": draw(_SPECS),
        "license": draw(st.none() | _TEXTS),
        "license_family": draw(st.none() | _TEXTS),
        "purls": purls if purls is None else _in_order(purls),
        "size": draw(st.none() | st.integers(0, 2**64 - 1)),
        "python_site_packages_path": draw(st.none() | _TEXTS),
    }


def _binary(draw: _Draw, name: str, subdir: str) -> LockedPackage:
    common = _common(draw, name, subdir)
    named = draw(st.booleans())
    version, build = (common["version"], common["build"]) if named else ("1.0", "h1_2")
    file = f"{name}-{version}-{build}{draw(st.sampled_from(['.conda', '.tar.bz2']))}"
    channel = draw(st.sampled_from(["https://example.org/main", "/srv/main", "./main"]))
    facts = PackageFacts(
        **common,
        url=f"{channel}/{subdir}/{file}",
        channel=draw(st.sampled_from([None, "https://example.org/other", "file:///srv/main"])),
        sha256=draw(_digests(64)),
        md5=draw(_digests(32)),
        timestamp=draw(st.none() | _MOMENTS),
        run_exports=draw(_EXPORTS),
    )
    return binary_package(facts, run_exports=draw(st.booleans()))


def _source(
    draw: _Draw, name: str, subdir: str, needed: list[LockedPackage], *, partial: bool
) -> LockedPackage:
    facts = PackageFacts(
        **_common(draw, name, subdir),
        variants=draw(_VARIANTS),
        run_exports=draw(_EXPORTS),
    )
    place = draw(st.sampled_from([".", f"../{name}", f"git+https://example.org/{name}?tag=1#abc"]))
    return source_package(
        facts,
        place,
        source=draw(_BUILD_SOURCES),
        source_depends=draw(st.dictionaries(_WORDS, _DEPENDS_SOURCES, max_size=2)),
        build_packages=needed[:1],
        host_packages=needed,
        partial=partial,
        digits=draw(st.text("0123456789abcdef", min_size=8, max_size=8)),
    )


def _pypi_file(draw: _Draw, name: str, index: str) -> LockedPackage:
    file = f"{name}-1.0{draw(st.sampled_from(['-py3-none-any.whl', '.tar.gz']))}"
    url = draw(st.booleans())
    place = f"https://example.org/{file}" if url else f"./wheels/{file}"
    return LockedPackage(
        kind="pypi",
        location=place,
        identifier=place,
        facts=PackageFacts(
            name=name,
            kind="pypi",
            version=draw(st.sampled_from(["1.0", "1.0.post1", "2!1.0a1", "1.0+local.1"])),
            md5=draw(_digests(32)),
            sha256=draw(_digests(64)),
            url=place if url else None,
            file_name=file,
        ),
        pypi=LockedPypi(
            index=draw(st.sampled_from([index, *_INDEXES])) if url else index,
            requires_dist=draw(_REQUIREMENTS),
            requires_python=draw(_PYTHONS),
        ),
    )


def _pypi_directory(draw: _Draw, name: str, needed: list[LockedPackage]) -> LockedPackage:
    place = draw(st.sampled_from([f"./{name}", f"git+https://example.org/{name}.git?rev=1#abc"]))
    return LockedPackage(
        kind="pypi",
        location=place,
        identifier=place,
        facts=PackageFacts(
            name=name,
            kind="pypi",
            url=place if "://" in place else None,
            file_name=place.partition("?")[0].rpartition("/")[2],
        ),
        pypi=LockedPypi(requires_dist=draw(_REQUIREMENTS), requires_python=draw(_PYTHONS)),
        build_packages=_identifiers(needed[:1]),
        host_packages=_identifiers(needed),
    )


def _digests(length: int) -> st.SearchStrategy[str | None]:
    # Only digits, and a number with an exponent, are what YAML could take for a number.
    return st.none() | st.sampled_from(
        ["0" * length, "1" * length, "1e".ljust(length, "5"), "ab" * (length // 2)]
    )


@st.composite
def _options(draw: _Draw) -> LockOptions:
    return LockOptions(
        strategy=draw(st.sampled_from(["highest", "lowest-version", "lowest-version-direct"])),
        channel_priority=draw(st.sampled_from(["strict", "disabled"])),
        pypi_prerelease_mode=draw(
            st.sampled_from(["if-necessary-or-explicit", "disallow", "allow", "explicit"])
        ),
    )


def _find_links() -> st.SearchStrategy[list[dict[str, str]]]:
    link = _TEXTS.map(lambda path: {"path": path}) | st.just({"url": "https://example.org/links"})
    return st.lists(link, max_size=2)


def _identifiers(packages: list[LockedPackage]) -> tuple[str, ...]:
    return tuple(identifier for _, identifier in sorted({p.sort_key for p in packages}))


def _in_order(purls: list[str]) -> tuple[str, ...]:
    from pytest_pixipack.lock.purls import sorted_purls

    return tuple(sorted_purls(purls))


def _without_unused(lock: Lock) -> Lock:
    from dataclasses import replace

    from pytest_pixipack.lock.writer import used_packages

    return replace(lock, packages=tuple(used_packages(lock)))
