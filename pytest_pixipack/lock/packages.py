"""Entries of a lock's `packages`, from mappings to `LockedPackage`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from pytest_pixipack.facts import RUN_EXPORT_KINDS, PackageFacts, PackageKind, RunExports
from pytest_pixipack.lock import fields, location
from pytest_pixipack.lock.fields import FieldError
from pytest_pixipack.lock.model import KEY_OF_KIND, LockedPackage, LockedPypi, LockedSource

_IDENTIFIER = re.compile(
    r"(?P<name>[A-Za-z0-9._-]+)\[(?P<hash>[^\[\]]+)\] @ (?P<location>.+)\Z", re.S
)


def kind_of(entry: Mapping[str, Any]) -> PackageKind:
    """The kind of an entry or of a selector. Raises `FieldError` where it names none or several."""
    for kind, key in KEY_OF_KIND.items():
        if key in entry:
            return kind
    raise FieldError("packages", "an entry needs `conda`, `conda_source` or `pypi`")


def identifier_of(kind: PackageKind, written: object) -> str:
    """The identifier that a selector or an entry stands for, with `file://` URLs as paths."""
    key = KEY_OF_KIND[kind]
    if not isinstance(written, str) or not written:
        raise FieldError(key, f"`{key}` has to be a text")
    fields.check_url(written, key)
    if kind == "binary":
        return location.normalize_location(written)
    if kind == "pypi":
        return written
    name, digits, place = split_identifier(written)
    return join_identifier(name, digits, location.normalize_location(place))


def split_identifier(identifier: str) -> tuple[str, str, str]:
    """Name, hash and location of `name[hash] @ location`. Raises `FieldError` for other texts."""
    found = _IDENTIFIER.match(identifier)
    if not found:
        raise FieldError(
            "conda_source", f"`{identifier}` is not of the form `name[hash] @ location`"
        )
    return found["name"], found["hash"], found["location"]


def join_identifier(name: str, digits: str, place: str) -> str:
    """`name[hash] @ location`."""
    return f"{name}[{digits}] @ {place}"


def read_package(entry: dict[str, Any], default_index: str | None = None) -> LockedPackage:
    """One entry of version 7. Raises `FieldError`.

    `default_index` is the PyPI index of an entry that names none.
    """
    kind = kind_of(entry)
    if kind == "binary":
        return _binary(dict(entry))
    if kind == "source":
        return _source(dict(entry))
    return _pypi(dict(entry), default_index)


def _binary(entry: dict[str, Any]) -> LockedPackage:
    place = identifier_of("binary", entry.pop("conda"))
    derived = location.derive(place)
    if location.split_file_name(location.file_name(place) or "") is None:
        raise FieldError("conda", "a binary package has to be a `.conda` or `.tar.bz2` file")
    name = fields.text(entry, "name") or derived.name
    version = fields.filled_text(entry, "version") or derived.version
    if name is None or version is None:
        missing = "name" if name is None else "version"
        raise FieldError(missing, f"`{missing}` is missing and does not follow from the file name")
    written = fields.text(entry, "build")
    build = (derived.build or "") if written is None else written
    number = fields.integer(entry, "build_number")
    subdir = fields.text(entry, "subdir")
    if subdir is None:  # an empty one is what upgraded locks have that knew none
        subdir = derived.subdir
    if subdir is None:
        raise FieldError("subdir", "`subdir` is missing and does not follow from the location")
    default_noarch = location.noarch_of(derived.subdir or subdir, derived.build or build)
    # What a URL was asked for has no channel: pixi writes null, and means the URL's when it reads.
    no_channel = "channel" in entry and entry["channel"] is None and derived.channel is not None
    channel = fields.text(entry, "channel")
    fields.check_url(channel, "channel")
    if channel is not None and not location.is_url(channel):
        raise FieldError("channel", f"`channel` has to be a URL, not `{channel}`")
    facts = PackageFacts(
        name=name,
        kind="binary",
        version=version,
        build=build,
        build_number=location.build_number_of(build) if number is None else number,
        subdir=subdir,
        noarch=_noarch(entry, default_noarch),
        sha256=fields.digest(entry, "sha256", 64),
        md5=fields.digest(entry, "md5", 32),
        channel=location.strip_slash(channel) if channel else derived.channel,
        file_name=fields.filled_text(entry, "file_name") or derived.file_name,
        url=place if location.is_url(place) else None,
        timestamp=fields.timestamp(entry, "timestamp"),
        size=fields.integer(entry, "size"),
        **_common(entry),
    )
    # Version 7 still reads the variants of a binary package, and never writes them.
    fields.variants(entry, "variants")
    if entry:
        _check_rest(entry)
    if no_channel:
        entry["channel"] = None
    return LockedPackage(kind="binary", location=place, identifier=place, facts=facts, extra=entry)


def _check_rest(entry: dict[str, Any]) -> None:
    """Checks the keys that stay in `extra`."""
    for key, length in (("legacy_bz2_md5", 32), ("attestations_sha256", 64)):
        if (value := fields.digest(entry, key, length)) is not None:
            entry[key] = value
    for key, read in (("legacy_bz2_size", fields.integer), ("indexed_timestamp", fields.timestamp)):
        value = entry.get(key)
        if read(entry, key) is not None:
            entry[key] = value


def _source(entry: dict[str, Any]) -> LockedPackage:
    identifier = identifier_of("source", entry.pop("conda_source"))
    written, _, place = split_identifier(identifier)
    name = written.lower()  # pixi writes source packages as their manifests spell them
    version = fields.filled_text(entry, "version")
    build = fields.text(entry, "build")
    number = fields.integer(entry, "build_number")
    common = _common(entry)
    facts = PackageFacts(
        name=name,
        kind="source",
        version=version,
        # A full record that does not write these means nothing and zero.
        build="" if build is None and version is not None else build,
        build_number=(number or 0) if version is not None else number,
        subdir=fields.text(entry, "subdir"),
        noarch=_noarch(entry, None),
        variants=fields.variants(entry, "variants"),
        size=fields.integer(entry, "size"),
        # A source record always knows its run exports; none written means none.
        **{**common, "run_exports": common.get("run_exports") or RunExports()},
    )
    source = entry.pop("source", None)
    return LockedPackage(
        kind="source",
        location=place,
        identifier=identifier,
        facts=facts,
        source=LockedSource(
            source=None if source is None else _place(source, "source"),
            source_depends={
                name: _place(place, "source_depends")
                for name, place in fields.mappings(entry, "source_depends").items()
            },
        ),
        build_packages=_references(entry, "build_packages"),
        host_packages=_references(entry, "host_packages"),
        extra=entry,
    )


def _pypi(entry: dict[str, Any], default_index: str | None) -> LockedPackage:
    place = identifier_of("pypi", entry.pop("pypi"))
    md5, sha256 = _digests(entry)
    facts = PackageFacts(
        name=fields.required_text(entry, "name"),
        kind="pypi",
        version=fields.text(entry, "version"),
        md5=md5,
        sha256=sha256,
        url=place if location.is_url(place) else None,
        file_name=location.file_name(place),
    )
    index = fields.text(entry, "index")
    fields.check_url(index, "index")
    if not location.is_url(place):
        index = index and default_index  # only an URL comes from an index of its own
    # What has neither version nor hash nor index is built from a directory (rattler_lock,
    # parse/deserialize.rs): it comes from no index.
    is_file = bool(facts.version or facts.md5 or facts.sha256 or index)
    return LockedPackage(
        kind="pypi",
        location=place,
        identifier=place,
        facts=facts,
        pypi=LockedPypi(
            index=(index or default_index) if is_file else None,
            requires_dist=fields.texts(entry, "requires_dist"),
            requires_python=fields.text(entry, "requires_python"),
        ),
        build_packages=_references(entry, "build_packages"),
        host_packages=_references(entry, "host_packages"),
        extra=entry,
    )


def _digests(entry: dict[str, Any]) -> tuple[str | None, str | None]:
    """md5 and sha256 of a PyPI package. Where one is malformed, rattler_lock ignores both."""
    copy = {**entry}
    try:
        digests = fields.digest(copy, "md5", 32), fields.digest(copy, "sha256", 64)
    except FieldError:
        return None, None
    entry.pop("md5", None)
    entry.pop("sha256", None)
    return digests


def _common(entry: dict[str, Any]) -> dict[str, Any]:
    """The facts that binary and source packages spell the same way, as far as they are there."""
    # Most entries have few of these keys, and a large lock has many entries.
    return {key: read(entry, key) for key, read in _COMMON.items() if key in entry}


def _purls(entry: dict[str, Any], key: str) -> tuple[str, ...] | None:
    value = entry.pop(key)
    return None if value is None else fields.as_texts(value, key)


def _place(value: object, key: str) -> dict[str, Any]:
    place = fields.as_mapping(value, key)
    if sum(root in place for root in ("url", "git", "path")) != 1:
        raise FieldError(key, f"`{key}` needs exactly one of `url`, `git` and `path`")
    for root in ("url", "git"):
        fields.check_url(fields.text(dict(place), root), key)
    return place


def _run_exports(entry: dict[str, Any], key: str) -> RunExports | None:
    value = entry.pop(key)
    if value is None:
        return None
    mapping = fields.as_mapping(value, "run_exports")
    known = {kind: fields.texts(mapping, kind) for kind in RUN_EXPORT_KINDS}
    if mapping:
        entry["run_exports"] = mapping
    return RunExports(**known)


def _noarch(entry: dict[str, Any], default: str | None) -> str | None:
    if "noarch" not in entry:
        return default
    value = entry.pop("noarch")
    if value is True:
        # The old spelling of generic, kept because pixi writes it back as it was.
        entry["noarch"] = True
        return "generic"
    if value is False or value is None:
        return None if value is False else default
    if value in ("generic", "python"):
        return str(value)
    raise FieldError("noarch", f"`noarch` has to be `generic` or `python`, not `{value}`")


def _references(entry: dict[str, Any], key: str) -> tuple[str, ...]:
    if key not in entry:
        return ()
    if entry[key] is None:
        raise FieldError(key, f"`{key}` has to be a list, not nothing")
    result = []
    for item in fields.as_list(entry.pop(key), key):
        selector = fields.as_mapping(item, key)
        kind = kind_of(selector)
        result.append(identifier_of(kind, selector[KEY_OF_KIND[kind]]))
    return tuple(result)


_COMMON: Mapping[str, Callable[[dict[str, Any], str], Any]] = {
    "depends": fields.texts,
    "constrains": fields.texts,
    "extra_depends": fields.text_lists,
    "features": fields.text,
    "flags": fields.texts,
    "track_features": fields.texts,
    "license": fields.text,
    "license_family": fields.text,
    "purls": _purls,
    "run_exports": _run_exports,
    "python_site_packages_path": fields.text,
}
