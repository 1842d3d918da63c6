"""One digest for what a prefix holds, equal wherever and by whomever it was installed.

Left out is what tells of the installation: where the prefix is, where packages came from, caches,
compiled files, and what installers of wheels write about themselves. A file counts as what it was
in its package where it is what an installer makes of that at this place; whatever else it is, it
counts as it is.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pytest_pixipack.facts import FileFacts
from pytest_pixipack.prefix.distributions import (
    Distribution,
    distributions,
    tells_of_installing,
)
from pytest_pixipack.prefix.files import PrefixFiles, is_installers, prefix_files
from pytest_pixipack.prefix.launchers import Launcher, launched, launchers, without_interpreter
from pytest_pixipack.prefix.model import Prefix
from pytest_pixipack.prefix.placed import Place, place_of

# Fields of a conda-meta record that say where a package came from and how it was put there.
_VOLATILE = frozenset({
    "url", "channel", "extracted_package_dir", "package_tarball_full_path", "link", "fn",
    "requested_spec", "requested_specs", "files", "paths_data",
})  # fmt: skip
_PROGRAMS = ("bin/", "Scripts/")
# Modes with which a program runs as another user or group.
_FOREIGN = 0o6000
_HEAD = 1 << 13


def normalised_digest(prefix: Prefix) -> str:
    """The sha256 of what a prefix holds, in hexadecimal.

    Two prefixes have the same one where the same packages were installed and no file was changed:
    the path of the prefix inside files, and how scripts start their interpreter, depend on where
    it is. A launcher of an entry point counts by what it starts, because installers word it
    differently; one that does anything else counts by its content. Raises `Infrastructure` where a
    file cannot be read, `InvalidInput` where the list of a wheel's files is broken.
    """
    hasher = hashlib.sha256()
    for line in _lines(prefix):
        hasher.update(line.encode("utf-8", "surrogateescape") + b"\n")
    return hasher.hexdigest()


def _lines(prefix: Prefix) -> Iterator[str]:
    for name in sorted(prefix.records):
        record = {k: v for k, v in prefix.records[name].items() if k not in _VOLATILE}
        yield f"record {name} {json.dumps(record, sort_keys=True, ensure_ascii=True)}"
    real, content = prefix_files(prefix.path), _content_of(prefix)
    for path in real:
        if not (is_installers(path) or tells_of_installing(path)):
            yield content.line(path, real)


@dataclass(frozen=True, slots=True)
class _Content:
    """What is known of the files of a prefix.

    `packed` has the files of conda packages with the sha256 that they had before they were
    installed, `wheels` those of wheels, `launchers` the programs of entry points.
    """

    place: Place
    packed: Mapping[str, tuple[FileFacts, str | None]]
    wheels: Mapping[str, FileFacts]
    launchers: Mapping[str, Launcher]

    def line(self, path: str, real: PrefixFiles) -> str:
        """The line of a file or link."""
        file = real[path]
        if file.kind == "link":
            return f"link {path} {self.place.target(file.target or '')}"
        mode = "program" if file.executable else "file"
        if (foreign := (self.place.root / path).lstat().st_mode & _FOREIGN) and os.name != "nt":
            mode = f"{foreign:o} {mode}"
        return f"{mode} {path} {self._told(path, file)}"

    def _told(self, path: str, file: FileFacts) -> str:
        known, sha256 = self.packed.get(path, (None, None))
        binary = known is not None and known.placeholder_mode == "binary"
        if known is not None and sha256 is not None:
            if known.placeholder is None and sha256 == file.sha256:
                return f"{sha256}"
            # Where the placeholder is still in it, it is not what an installer makes of it.
            changed = known.placeholder is not None and sha256 != file.sha256
            if changed and self.place.was(path, sha256, known.placeholder or "", binary=binary):
                return f"packed {sha256}"
        if launcher := self.launchers.get(path):
            told = launched(self.place.root / path, launcher, self.place.spellings)
            if told is not None:
                return f"launcher {told}"
        wheel = self.wheels.get(path)
        if wheel is not None and not path.startswith(_PROGRAMS) and wheel.sha256 == file.sha256:
            return f"{wheel.sha256}"
        skipped = self._interpreter(path) if path.startswith(_PROGRAMS) else 0
        digest = self.place.digest(path, binary=binary, skipped=skipped)
        return f"python {digest}" if skipped else digest

    def _interpreter(self, path: str) -> int:
        """How long the lines are that start the Python of this prefix; 0 where none do."""
        head = next(self.place.pieces(path), b"")[:_HEAD]
        body = without_interpreter(head, self.place.spellings)
        return 0 if body is None else len(head) - len(body)


def _content_of(prefix: Prefix) -> _Content:
    wheels: tuple[Distribution, ...] = distributions(prefix)
    before = {
        str(entry.get("_path")): entry.get("sha256")
        for record in prefix.records.values()
        for entry in _entries(record)
        if entry.get("path_type", "hardlink") == "hardlink"
    }
    packed = {
        path: (file, before.get(path))
        for facts in prefix.packages.values()
        for path, file in (facts.files or {}).items()
    }
    owned = {path: file for wheel in wheels for path, file in wheel.files.items()}
    place = place_of(prefix.path)
    return _Content(place, packed, owned, launchers(prefix.path, wheels))


def _entries(record: Mapping[str, object]) -> Iterator[Mapping[str, str]]:
    data = record.get("paths_data")
    paths = data.get("paths") if isinstance(data, dict) else None
    yield from (each for each in paths or () if isinstance(each, dict))
