"""The order of package URLs in a lock: that of the crate purl, by their parts (purl-spec)."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import unquote

_Key = tuple[str, str, str, bool, str, list[tuple[str, str]], str]


def sorted_purls(purls: Iterable[str]) -> list[str]:
    """Each package URL once, ordered by type, namespace, name, version, qualifiers, subpath."""
    return sorted(set(purls), key=_key)


def _key(purl: str) -> _Key:
    rest, _, subpath = purl.partition("#")
    rest, _, query = rest.partition("?")
    kind, _, path = rest.removeprefix("pkg:").strip("/").partition("/")
    namespace, _, last = path.rpartition("/")
    name, at, version = last.partition("@")
    pairs = [pair.partition("=") for pair in query.split("&") if pair]
    qualifiers = sorted((key, unquote(value)) for key, _, value in pairs)
    return kind, unquote(namespace), unquote(name), bool(at), unquote(version), qualifiers, subpath
