"""An installed environment as its `conda-meta` tells it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pytest_pixipack.errors import Infrastructure, InvalidInput
from pytest_pixipack.facts import FileFacts, FileKind, PackageFacts
from pytest_pixipack.regular_files import read_regular
from pytest_pixipack.safe_names import quoted, shown
from pytest_pixipack.small_json import BadJson, load_json

if TYPE_CHECKING:
    from pytest_pixipack.prefix.running import Ran

META = "conda-meta"
HISTORY = "history"
# Bytes of one record; that of a package of a hundred thousand files has a third of it.
_LARGEST = 64 << 20


@dataclass(frozen=True, slots=True)
class Prefix:
    """A prefix: `packages` by name, `records` the conda-meta JSON by the same names.

    A package's `files` are those that its record says it installed, with the digest and size that
    they have in the prefix. A link's sha256 is that of the text of its target. `record_files` are
    the names of the records' files.
    """

    path: Path
    packages: Mapping[str, PackageFacts]
    records: Mapping[str, Mapping[str, Any]]
    history: str | None = None
    record_files: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Prefix(path={self.path!r}, packages=<{len(self.packages)} packages>)"

    def run(self, *argv: str, shell: str | None = None, timeout: float = 60.0) -> Ran:
        """Runs a command in the activated environment, for example `prefix.run("curl", "-V")`.

        Raises as `prefix.running.run_in` does.
        """
        from pytest_pixipack.prefix.running import run_in

        return run_in(self.path, argv, shell=shell, timeout=timeout)

    def normalised_digest(self) -> str:
        """One sha256 for what the prefix holds, equal for equal content wherever it was installed.

        Raises as `prefix.normalised.normalised_digest` does.
        """
        from pytest_pixipack.prefix.normalised import normalised_digest

        return normalised_digest(self)


def read_prefix(path: Path) -> Prefix:
    """Reads `conda-meta` of the prefix at `path`; its other files are not looked at.

    Raises `InvalidInput` naming the file where there is no prefix or a record is broken, and
    `Infrastructure` where it cannot be read.
    """
    # Absolute, because activation scripts and conda-meta say where the prefix is.
    path = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow links
    meta = path / META
    if not meta.is_dir():
        raise InvalidInput(
            f"There is no environment here: {META} is missing.",
            file=path,
            remedy="Give the directory that holds conda-meta, such as out/env.",
        )
    packages: dict[str, PackageFacts] = {}
    records: dict[str, Mapping[str, Any]] = {}
    files: dict[str, str] = {}
    for file in sorted(meta.glob("*.json")):
        record = _read_record(file)
        facts = _facts(record, file)
        if facts.name in packages:
            raise InvalidInput(
                f"Two records describe the package {facts.name}.", file=file, package=facts.name
            )
        packages[facts.name] = facts
        records[facts.name] = record
        files[facts.name] = file.name
    return Prefix(path, packages, records, _history(meta / HISTORY), files)


def _read_record(file: Path) -> dict[str, Any]:
    try:
        value = load_json(_read(file))
    except BadJson as error:
        raise _broken(file, f"it is not JSON ({error})", line=error.line) from None
    if not isinstance(value, dict):
        raise _broken(file, "it is not a JSON object")
    return value


def _read(file: Path) -> bytes:
    try:
        data = read_regular(file, _LARGEST + 1)
    except OSError as error:
        raise Infrastructure(
            f"The record cannot be read: {error.strerror or error}.", file=file
        ) from None
    if len(data) > _LARGEST:
        raise _broken(file, f"it is larger than {_LARGEST} bytes")
    return data


def _history(file: Path) -> str | None:
    if not file.exists() or file.is_dir():
        return None
    try:
        return _read(file).decode()
    except UnicodeDecodeError:
        raise _broken(file, "it is not UTF-8") from None


def _facts(record: Mapping[str, Any], file: Path) -> PackageFacts:
    if not isinstance(record.get("name"), str):
        raise _broken(file, "it names no package")
    try:
        files = {entry["_path"]: _file(entry) for entry in _paths(record)}
        return PackageFacts.from_index(record, files=files)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _broken(file, f"it is malformed ({shown(str(error))})") from None


def _paths(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    data = record.get("paths_data")
    if data is not None:
        paths: list[dict[str, Any]] = list(data["paths"])
        return paths
    # Old installers wrote only the list of files.
    return [{"_path": path} for path in record.get("files") or ()]


_ENTRY_TYPES: Mapping[str, type] = {
    "_path": str, "path_type": str, "sha256": str, "sha256_in_prefix": str, "size_in_bytes": int,
    "file_mode": str, "prefix_placeholder": str,
}  # fmt: skip


def _file(entry: Mapping[str, Any]) -> FileFacts:
    for key, kind in _ENTRY_TYPES.items():
        if not isinstance(entry.get(key), kind | None):
            path = quoted(str(entry.get("_path")))
            raise TypeError(f"`{key}` of {path} is {quoted(str(entry[key]))}")
    kinds: dict[str, FileKind] = {"softlink": "link", "directory": "directory"}
    placeholder_mode: Literal["text", "binary"] | None = entry.get("file_mode")
    return FileFacts(
        path=entry["_path"],
        kind=kinds.get(entry.get("path_type", "hardlink"), "file"),
        sha256=entry.get("sha256_in_prefix") or entry.get("sha256"),
        size=entry.get("size_in_bytes"),
        placeholder=entry.get("prefix_placeholder"),
        placeholder_mode=placeholder_mode,
    )


def _broken(file: Path, reason: str, *, line: int | None = None) -> InvalidInput:
    return InvalidInput(
        f"The record {shown(file.name)} cannot be used: {reason}.",
        file=file,
        line=line,
        remedy="Install the environment again.",
    )
