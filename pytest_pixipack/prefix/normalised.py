"""One digest for what a prefix holds, equal wherever and by whomever it was installed.

Left out is what tells of the installation: where the prefix is, where packages came from, caches,
compiled files, and what installers of wheels write about themselves.
"""

from __future__ import annotations

import configparser
import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any

from pytest_pixipack.prefix.distributions import distributions
from pytest_pixipack.prefix.files import PrefixFiles, is_installers, prefix_files
from pytest_pixipack.prefix.model import Prefix
from pytest_pixipack.prefix.placed import Place, place_of

# Fields of a conda-meta record that say where a package came from and how it was put there.
_VOLATILE = frozenset({
    "url", "channel", "extracted_package_dir", "package_tarball_full_path", "link", "fn",
    "requested_spec", "requested_specs", "files", "paths_data",
})  # fmt: skip
# Files that an installer of wheels writes: who it is, what it was told, and the list of files.
_OF_INSTALLERS = re.compile(
    r"[^/]+\.dist-info/(INSTALLER|REQUESTED|RECORD|direct_url\.json|uv_cache\.json)"
)
_COMPILED = re.compile(r"(.*/)?__pycache__/[^/]+\.pyc")


def normalised_digest(prefix: Prefix) -> str:
    """The sha256 of what a prefix holds, in hexadecimal.

    Two prefixes have the same one where the same packages were installed and no file was changed;
    the path of the prefix inside files counts as one text wherever the prefix is. A launcher
    of a wheel counts by the entry point that it was made from, because installers word it
    differently. Raises `Infrastructure` where a file cannot be read, `InvalidInput` where the list
    of a wheel's files is broken.
    """
    hasher = hashlib.sha256()
    for line in _lines(prefix):
        hasher.update(line.encode("utf-8", "surrogateescape") + b"\n")
    return hasher.hexdigest()


def _lines(prefix: Prefix) -> Iterator[str]:
    for name in sorted(prefix.records):
        record = {k: v for k, v in prefix.records[name].items() if k not in _VOLATILE}
        yield f"record {name} {json.dumps(record, sort_keys=True, ensure_ascii=True)}"
    real, place = prefix_files(prefix.path), place_of(prefix.path)
    left_out = set(_launchers(prefix))
    binaries = {
        path
        for facts in prefix.packages.values()
        for path, file in (facts.files or {}).items()
        if file.placeholder_mode == "binary"
    }
    for path in real:
        if not (is_installers(path) or path in left_out or _tells_of_installing(path)):
            yield _line(path, real, place, binary=path in binaries)


def _tells_of_installing(path: str) -> bool:
    parts = path.split("/")
    of_installers = len(parts) > 1 and _OF_INSTALLERS.fullmatch("/".join(parts[-2:])) is not None
    return of_installers or _COMPILED.fullmatch(path) is not None


def _line(path: str, real: PrefixFiles, place: Place, *, binary: bool) -> str:
    file = real[path]
    if file.kind == "link":
        return f"link {path} {place.text(file.target or '')}"
    mode = "program" if file.executable else "file"
    return f"{mode} {path} {place.digest(path, binary=binary)}"


def _launchers(prefix: Prefix) -> Iterator[str]:
    """The files that installers made of the entry points of wheels."""
    for wheel in distributions(prefix):
        listed = next((p for p in wheel.files if p.endswith(".dist-info/entry_points.txt")), None)
        if listed is None:
            continue
        names = _entry_points((prefix.path / listed).read_text("utf-8", "replace"))
        for path in wheel.files:
            directory, _, file = path.rpartition("/")
            if directory in ("bin", "Scripts") and file.removesuffix(".exe") in names:
                yield path


def _entry_points(text: str) -> set[str]:
    parser: Any = configparser.ConfigParser(delimiters=("=",), interpolation=None)
    parser.optionxform = str
    try:
        parser.read_string(text)
    except configparser.Error:
        return set()
    sections = ("console_scripts", "gui_scripts")
    return {name for each in sections if parser.has_section(each) for name in parser[each]}
