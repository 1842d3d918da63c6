"""From the fields of a spec to packages: defaults, the package, and what differs per platform."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pytest_pixipack.artifact.writer import Member
from pytest_pixipack.channel import checks
from pytest_pixipack.channel.checks import Check, Problem
from pytest_pixipack.channel.files import File, script_files
from pytest_pixipack.facts import RunExports
from pytest_pixipack.platforms import SUBDIRS, arch_and_platform, family
from pytest_pixipack.toml_positions import did_you_mean

DEFAULT_TIMESTAMP = 1_700_000_000_000  # milliseconds: 2023-11-14

_CHECKS: dict[str, Check] = {
    "name": checks.name,
    "version": checks.version,
    "build": checks.build,
    "build-number": checks.number,
    "subdirs": checks.subdirs,
    "subdir": checks.subdir,
    "noarch": checks.choice("generic", "python"),
    "depends": checks.specs,
    "constrains": checks.specs,
    "run-exports": checks.run_exports,
    "extra-depends": checks.spec_groups,
    "track-features": checks.texts,
    "flags": checks.texts,
    "license": checks.text,
    "license-family": checks.text,
    "timestamp": checks.timestamp,
    "purls": checks.texts,
    "python-site-packages-path": checks.text,
    "files": checks.files,
    "activate": checks.scripts,
    "deactivate": checks.scripts,
    "entry-points": checks.entry_points,
    "about": checks.about,
    "format": checks.choice(*checks.FORMATS),
}
_PLACE = ("name", "version", "subdirs", "subdir", "noarch")  # what `on` cannot change
PACKAGE_KEYS = (*_CHECKS, "on")
DEFAULT_KEYS = tuple(key for key in PACKAGE_KEYS if key not in ("name", "version"))
_ON_KEYS = tuple(key for key in _CHECKS if key not in _PLACE)

Fields = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class StubPackage:
    """One package of a stub channel in one subdir, complete. `timestamp` is in milliseconds."""

    name: str
    version: str
    build: str
    build_number: int
    subdir: str
    noarch: str | None
    timestamp: int
    format: str
    depends: tuple[str, ...] = ()
    constrains: tuple[str, ...] = ()
    run_exports: RunExports = field(default_factory=RunExports)
    extra_depends: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    track_features: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    license: str | None = None
    license_family: str | None = None
    purls: tuple[str, ...] | None = None
    python_site_packages_path: str | None = None
    files: Mapping[str, File] = field(default_factory=dict)
    entry_points: tuple[str, ...] = ()
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def file_name(self) -> str:
        """As conda names package files."""
        return f"{self.name}-{self.version}-{self.build}.{self.format}"

    def index(self) -> dict[str, Any]:
        """`info/index.json`, keys in alphabetical order, without what is not set."""
        arch, platform = arch_and_platform(self.subdir)
        always = {"build": self.build, "build_number": self.build_number}
        always |= {"depends": list(self.depends), "name": self.name, "subdir": self.subdir}
        always |= {"timestamp": self.timestamp, "version": self.version}
        perhaps = {
            "arch": arch,
            "constrains": list(self.constrains),
            "extra_depends": {group: list(s) for group, s in sorted(self.extra_depends.items())},
            "flags": list(self.flags),
            "license": self.license,
            "license_family": self.license_family,
            "noarch": self.noarch,
            "platform": platform,
            "python_site_packages_path": self.python_site_packages_path,
            "track_features": " ".join(self.track_features),
        }
        index = {**always, **{key: value for key, value in perhaps.items() if value}}
        if self.purls is not None:
            index["purls"] = list(self.purls)
        return dict(sorted(index.items()))

    def members(self) -> list[Member]:
        """The files, for the archive."""
        return [self.files[path].member(path) for path in sorted(self.files)]


def check_fields(
    value: Any, known: Sequence[str], where: str, path: checks.SpecPath = ()
) -> Fields:
    """Checks every field of one layer for itself; raises `Problem`."""
    given = checks.table(value, path)
    fields: Fields = {}
    for key, at in checks.keys(given, known, where, path).items():
        content = given[str(at[-1])]
        fields[key] = _on(content, at) if key == "on" else _CHECKS[key](content, at)
    return fields


def _on(value: Any, path: checks.SpecPath) -> dict[str, Fields]:
    known = (*checks.FAMILIES, *SUBDIRS)
    layers = {}
    for selector, fields in checks.table(value, path).items():
        if selector not in known:
            remedy = did_you_mean(selector, known) or "Use `unix`, `win`, `linux-64`, ..."
            raise Problem(f"`{selector}` is no platform and no family.", (*path, selector), remedy)
        where = f"a package on `{selector}`"
        layers[selector] = check_fields(fields, _ON_KEYS, where, (*path, selector))
    return layers


def expand(defaults: Fields, package: Fields, path: checks.SpecPath = ()) -> list[StubPackage]:
    """The packages that one entry of a spec stands for, one per subdir. Raises `Problem`."""
    for key in ("name", "version"):
        if key not in package:
            raise Problem(f"A package needs a `{key}`.", path)
    subdirs, noarch = _place(defaults, package, path)
    return [_package(defaults, package, subdir, noarch, path) for subdir in subdirs]


def _place(
    defaults: Fields, package: Fields, path: checks.SpecPath
) -> tuple[tuple[str, ...], str | None]:
    for layer in (package, defaults):
        noarch = layer.get("noarch")
        subdirs = layer.get("subdirs") or ((layer["subdir"],) if "subdir" in layer else None)
        if "subdirs" in layer and "subdir" in layer:
            raise Problem("Either `subdir` or `subdirs` can be given.", path)
        if noarch and subdirs not in (None, ("noarch",)):
            raise Problem("A noarch package has only the subdir `noarch`.", path)
        if noarch or subdirs == ("noarch",):
            return ("noarch",), noarch or "generic"
        if subdirs and "noarch" in subdirs:
            raise Problem("`noarch` stands beside other subdirs.", path, "Make it two packages.")
        if subdirs:
            return subdirs, None
    return ("noarch",), "generic"


def _package(
    defaults: Fields, package: Fields, subdir: str, noarch: str | None, path: checks.SpecPath
) -> StubPackage:
    fields: Fields = {}
    for layer in (defaults, package):
        fields = _merged(fields, layer)
        for selector in _selectors(subdir):
            fields = _merged(fields, layer.get("on", {}).get(selector, {}))
    name, number = fields["name"], fields.get("build-number", 0)
    files = {at: file for at, file in fields.get("files", {}).items() if file is not None}
    scripts = script_files(name, fields.get("activate", {}), fields.get("deactivate", {}))
    if both := sorted(files.keys() & scripts.keys()):
        raise Problem(f"`{both[0]}` is both a file and an activation script.", path)
    entry_points = fields.get("entry-points", ())
    if entry_points and noarch != "python":
        raise Problem("Only noarch Python packages have entry points.", path)
    plain = (
        "depends", "constrains", "extra-depends", "track-features", "flags", "license",
        "license-family", "purls", "python-site-packages-path", "about",
    )  # fmt: skip
    given = {key.replace("-", "_"): fields[key] for key in plain if key in fields}
    return StubPackage(
        name=name,
        version=fields["version"],
        build=fields.get("build", f"{'pyh' if noarch == 'python' else 'h'}0_{number}"),
        build_number=number,
        subdir=subdir,
        noarch=noarch,
        timestamp=fields.get("timestamp", DEFAULT_TIMESTAMP),
        format=fields.get("format", "conda"),
        run_exports=RunExports(**fields.get("run-exports", {})),
        files={**files, **scripts},
        entry_points=entry_points,
        **given,
    )


def _selectors(subdir: str) -> tuple[str, ...]:
    """What applies to a subdir, the general before the special."""
    system = family(subdir)
    if system is None:
        return (subdir,)
    return (*(() if system == "win" else ("unix",)), system, subdir)


def _merged(below: Fields, above: Fields) -> Fields:
    """Lists and tables add to those below; everything else replaces."""
    fields = dict(below)
    for key, value in above.items():
        if key == "on":
            continue
        known = fields.get(key)
        if key == "subdirs" or known is None:
            fields[key] = value
        elif isinstance(value, tuple):
            fields[key] = known + tuple(item for item in value if item not in known)
        elif isinstance(value, dict):
            fields[key] = {**known, **{k: _joined(known.get(k), v) for k, v in value.items()}}
        else:
            fields[key] = value
    return fields


def _joined(known: Any, value: Any) -> Any:
    if isinstance(known, tuple) and isinstance(value, tuple):
        return known + tuple(item for item in value if item not in known)
    return value
