"""Whether a lock spells everything the way pixi does, as far as its own writer depends on it.

rattler_lock parses URLs, versions, requirements and sources and writes them in a normal form. The
patterns here know the usual normal forms. What they do not recognise is not wrong: such a lock is
given to rattler_lock itself, which normalises or refuses it (see `reader`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import pairwise
from typing import Any

from pytest_pixipack.lock import location
from pytest_pixipack.lock.model import Lock, LockedPackage, LockEnvironment

_HOST = r"(?:(?:[a-z0-9_-]+\.)*[a-z][a-z0-9-]*|[1-9][0-9]{0,2}(?:\.(?:0|[1-9][0-9]{0,2})){3})"
_URL = re.compile(
    r"(?:git\+)?(?:https?|ssh|s3|gs|oci)://"
    r"(?:[A-Za-z0-9._~%-]+(?::[A-Za-z0-9._~%-]*)?@)?"
    rf"{_HOST}(?::[1-6]?[1-9][0-9]{{0,3}})?"
    r"/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*"
    r"(?:\?[A-Za-z0-9=&._~/%+-]+)?(?:\#[A-Za-z0-9._=-]+)?"
)
# What the URL standard takes away: dots as segments, ports that go without saying.
_TAKEN_AWAY = re.compile(r"/(?:\.|%2[eE]){1,2}(?:[/?#]|\Z)|\Ahttps://[^/]*:443/|\Ahttp://[^/]*:80/")
_FILE = re.compile(r"file:///(?:[A-Za-z]:/)?[A-Za-z0-9._~!$&'()*+,;=:@%/-]*")
_CONDA_VERSION = re.compile(
    r"(?:[0-9]+!)?[0-9][0-9a-z]*(?:[._][0-9a-z]+)*(?:\+[0-9a-z.]*[0-9a-z])?"
)
_PURL = re.compile(
    r"pkg:[a-z][a-z0-9]*(?:/[A-Za-z0-9._~-]+)+(?:@[A-Za-z0-9._~%-]+)?(?:\?[a-z_]+=[A-Za-z0-9._~-]+)?"
)
_NUMBER = r"(?:0|[1-9][0-9]*)"
_PEP_440 = (
    rf"(?:[1-9][0-9]*!)?{_NUMBER}(?:\.{_NUMBER})*(?:(?:a|b|rc){_NUMBER})?(?:\.post{_NUMBER})?"
    rf"(?:\.dev{_NUMBER})?(?:\+[a-z0-9]+(?:\.[a-z0-9]+)*)?"
)
_VERSION = re.compile(_PEP_440)
_SPECIFIER = (
    rf"(?:(?:==|!=){_PEP_440}(?:\.\*)?|(?:>=|<=|<|>){_PEP_440}|~={_NUMBER}(?:\.{_NUMBER})+)"
)
_SPECIFIERS = re.compile(rf"{_SPECIFIER}(?:,{_SPECIFIER})*")
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_REQUIREMENT = re.compile(
    rf"{_NAME.pattern}(?:\[{_NAME.pattern}(?:,{_NAME.pattern})*\])?"
    r"(?P<specifiers>[<>=!~][^; ]*)?(?: ; (?!.*python_version)[^\"]+)?"
)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_MD5 = re.compile(r"[0-9a-f]{32}")
_REFERENCES = ("branch", "tag", "rev")


def first_irregular(lock: Lock) -> LockedPackage | LockEnvironment | None:
    """The first environment or package with a spelling that is not known to be pixi's."""
    for environment in lock.environments.values():
        if not _environment(environment):
            return environment
    for package in lock.packages:
        check = {"binary": _binary, "source": _source, "pypi": _pypi}[package.kind]
        if not check(package):
            return package
    return None


def _environment(environment: LockEnvironment) -> bool:
    links = environment.find_links
    if environment.indexes is None:
        return not links
    return all(map(_is_url, environment.indexes)) and all(
        len(link) == 1 and (isinstance(link.get("path"), str) or _is_url(link.get("url")))
        for link in links
    )


def _binary(package: LockedPackage) -> bool:
    facts = package.facts
    return (
        _is_place(package.location)
        and (facts.channel is None or _is_channel(facts.channel))
        and _CONDA_VERSION.fullmatch(facts.version or "") is not None
        and _are_purls(facts.purls)
        and (facts.file_name is None or location.split_file_name(facts.file_name) is not None)
    )


def _source(package: LockedPackage) -> bool:
    facts, source = package.facts, package.source
    return (
        _is_place(package.location)
        and (facts.version is None or _CONDA_VERSION.fullmatch(facts.version) is not None)
        and _are_purls(facts.purls)
        and source is not None
        and (source.source is None or _is_source(source.source))
        and all(map(_is_source_depends, source.source_depends.values()))
    )


def _pypi(package: LockedPackage) -> bool:
    facts, pypi = package.facts, package.pypi
    if pypi is None or _NAME.fullmatch(facts.name) is None or not _is_place(package.location):
        return False
    if facts.version is None:
        # A file without a version gets the smallest one.
        built = pypi.index is None and facts.md5 is None and facts.sha256 is None
    else:
        built = not (package.build_packages or package.host_packages)
        built = built and _VERSION.fullmatch(facts.version) is not None
    return (
        built
        and not ("md5" in package.extra or "sha256" in package.extra)
        and (pypi.index is None or _is_url(pypi.index))
        and all(map(_is_requirement, pypi.requires_dist))
        and (not pypi.requires_python or _are_specifiers(pypi.requires_python))
    )


def _is_url(value: object) -> bool:
    return (
        isinstance(value, str)
        and _URL.fullmatch(value) is not None
        and _TAKEN_AWAY.search(value) is None
    )


def _is_place(value: str) -> bool:
    return "://" not in value or _is_url(value)


@lru_cache(maxsize=256)
def _is_channel(value: str) -> bool:
    return _FILE.fullmatch(value) is not None or _is_url(value) or _is_url(value + "/")


def _are_purls(purls: Iterable[str] | None) -> bool:
    return all(_PURL.fullmatch(purl) for purl in purls or ())


@lru_cache(maxsize=4096)
def _is_requirement(text: str) -> bool:
    found = _REQUIREMENT.fullmatch(text)
    if found is None:
        return False
    return found["specifiers"] is None or _are_specifiers(found["specifiers"])


@lru_cache(maxsize=1024)
def _are_specifiers(text: str) -> bool:
    if _SPECIFIERS.fullmatch(text) is None:
        return False
    parts = text.split(",")
    if len(parts) == 1:
        return True
    from packaging.version import Version

    # The specifiers of a set are ordered by their versions.
    versions = [Version(part.lstrip("<>=!~").removesuffix(".*")) for part in parts]
    return all(one < other for one, other in pairwise(versions))


def _is_source(place: Mapping[str, Any]) -> bool:
    keys = set(place)
    if "path" in place:
        return keys == {"path"} and _are_texts(place)
    subdir = keys & {"subdir"}
    if "url" in place:
        return keys == {"url", "sha256"} | subdir and _are_texts(place) and _are_digests(place)
    chosen = keys & {"branch", "tag", "explicit_rev"}
    others = {key: value for key, value in place.items() if key != "explicit_rev"}
    return (
        keys == {"git", "rev"} | chosen | subdir
        and len(chosen) <= 1
        and place.get("explicit_rev", True) is True
        and _are_texts(others)
        and _is_url(place["git"])
    )


def _is_source_depends(place: Mapping[str, Any]) -> bool:
    keys = set(place)
    if "path" in place:
        return keys == {"path"} and _are_texts(place)
    subdirectory = keys & {"subdirectory"}
    if "url" in place:
        digests = keys & {"md5", "sha256"}
        return (
            keys == {"url"} | digests | subdirectory and _are_texts(place) and _are_digests(place)
        )
    chosen = keys & set(_REFERENCES)
    others = {key: value for key, value in place.items() if key != "lfs"}
    return (
        keys == {"git"} | chosen | subdirectory | (keys & {"lfs"})
        and len(chosen) <= 1
        and isinstance(place.get("lfs", True), bool)
        and _are_texts(others)
        and _is_url(place["git"])
    )


def _are_texts(place: Mapping[str, Any]) -> bool:
    return all(isinstance(value, str) for value in place.values())


def _are_digests(place: Mapping[str, Any]) -> bool:
    return (
        _is_url(place["url"])
        and _SHA256.fullmatch(place.get("sha256", "0" * 64)) is not None
        and _MD5.fullmatch(place.get("md5", "0" * 32)) is not None
    )
