"""Version 6 of the lock format, turned into version 7 while it is still a mapping.

Follows what rattler_lock does on reading (`parse/deserialize.rs`, `parse/models/v6`): source
packages get an identifier, `package_build_source` becomes `source`, `sources` becomes
`source_depends`, and fields that version 7 dropped disappear. Version 6 knows neither virtual
packages nor the build environments of source packages; only solving again can add those.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_pixipack.lock import fields, location
from pytest_pixipack.lock.fields import FieldError
from pytest_pixipack.lock.identifier import source_identifier
from pytest_pixipack.lock.packages import join_identifier, read_package

_SELECTORS = ("name", "version", "build", "subdir")
# Dropped from the entries of source packages: the archive's properties and the hash of the inputs.
_NOT_IN_SOURCES = (
    "input", "sha256", "md5", "timestamp", "channel", "file_name", "legacy_bz2_md5",
    "legacy_bz2_size",
)  # fmt: skip
_ARCHIVES = (
    ".whl", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.Z", ".tgz", ".tbz", ".tar", ".zip",
)  # fmt: skip


def upgrade_v6(document: Mapping[str, Any]) -> dict[str, Any]:
    """A document of version 7 that says the same. Raises `FieldError` for one that is broken."""
    entries = [
        _Entry(fields.as_mapping(item, "packages"))
        for item in fields.as_list(document.get("packages"), "packages")
    ]
    by_key: dict[str, list[_Entry]] = {}
    for entry in entries:
        by_key.setdefault(entry.old_key, []).append(entry)
    environments = fields.as_mapping(document.get("environments"), "environments")
    result = {**document, "version": 7}
    result["environments"] = {
        name: _environment(name, fields.as_mapping(body, "environments"), by_key)
        for name, body in environments.items()
    }
    names = {name for body in result["environments"].values() for name in body["packages"]}
    result["platforms"] = [{"name": name} for name in sorted(names)]
    result["packages"] = _deduplicated(entries)
    return result


class _Entry:
    """An old entry, what it is called by selectors, and the new entry."""

    def __init__(self, old: dict[str, Any]) -> None:
        if "conda" in old:
            place = location.normalize_location(fields.required_text({**old}, "conda"))
            self.old_key = f"conda {place}"
            is_binary = location.split_file_name(location.file_name(place) or "") is not None
            self.new = {**old, "conda": place} if is_binary else _source(old, place)
            self.new.pop("input", None)
        elif "pypi" in old:
            self.new = _pypi(old)
            self.old_key = f"pypi {self.new['pypi']}"
        else:
            raise FieldError("packages", "an entry needs `conda` or `pypi`")

    @property
    def selector(self) -> dict[str, str]:
        key = next(key for key in ("conda", "conda_source", "pypi") if key in self.new)
        return {key: self.new[key]}

    def matches(self, selector: Mapping[str, Any]) -> bool:
        """Whether the further fields of a selector fit, which tell apart entries of one place."""
        wanted = {key: selector[key] for key in _SELECTORS if selector.get(key) is not None}
        if not wanted:
            return True
        facts = read_package(self.new).facts
        return all(getattr(facts, key) == value for key, value in wanted.items())


def _environment(
    name: str, body: dict[str, Any], by_key: Mapping[str, list[_Entry]]
) -> dict[str, Any]:
    options = fields.as_mapping(body.get("options") or {}, "options")
    options.pop("exclude-newer", None)
    platforms = fields.as_mapping(body.get("packages"), "packages")
    packages = {
        platform: [
            _select(
                fields.as_mapping(item, "packages"),
                by_key,
                f'environment "{name}", platform "{platform}",',
            )
            for item in fields.as_list(items, platform)
        ]
        for platform, items in platforms.items()
    }
    return {**body, "options": options, "packages": packages}


def _select(
    selector: Mapping[str, Any], by_key: Mapping[str, list[_Entry]], where: str
) -> dict[str, str]:
    key = "conda" if "conda" in selector else "pypi"
    place = location.normalize_location(fields.required_text({**selector}, key))
    for entry in by_key.get(f"{key} {place}", ()):
        if entry.matches(selector):
            return entry.selector
    raise FieldError(
        key, f"{where} refers to a package that does not exist: {place}", written=str(selector[key])
    )


def _source(old: Mapping[str, Any], place: str) -> dict[str, Any]:
    new = {key: value for key, value in old.items() if key not in _NOT_IN_SOURCES}
    del new["conda"]
    name = fields.required_text(new, "name")
    for before, after in (("package_build_source", "source"), ("sources", "source_depends")):
        if before in new:
            new[after] = new.pop(before)
    unnamed = read_package({"conda_source": join_identifier(name, "0", place), **new})
    digits = source_identifier(
        unnamed.facts,
        place,
        source=new.get("source"),
        source_depends=new.get("source_depends"),
    )
    return {"conda_source": join_identifier(name, digits, place), **new}


def _pypi(old: Mapping[str, Any]) -> dict[str, Any]:
    place = location.normalize_location(fields.required_text({**old}, "pypi"))
    new = {**old, "pypi": place}
    new.pop("editable", None)
    if not location.is_url(place) and not place.endswith(_ARCHIVES):
        # A directory: what is built from it has no version yet.
        for key in ("version", "md5", "sha256"):
            new.pop(key, None)
    return new


def _deduplicated(entries: list[_Entry]) -> list[dict[str, Any]]:
    result: dict[str, dict[str, Any]] = {}
    for entry in entries:
        result.setdefault(str(entry.selector), entry.new)
    return list(result.values())
