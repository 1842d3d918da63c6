"""Differences between two package files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_pixipack.compare.archives import (
    Stored,
    compare_containers,
    compare_headers,
    contents,
    part_names,
    stored_members,
)
from pytest_pixipack.compare.content import MOST_BYTES, explain
from pytest_pixipack.compare.model import Comparison, Difference, Kind
from pytest_pixipack.compare.records import (
    Where,
    compare_json_text,
    compare_order,
    compare_records,
)
from pytest_pixipack.facts import FileFacts

if TYPE_CHECKING:
    from pytest_pixipack.artifact import Artifact

# The files below info/ that are read: the others are carried along.
_READ = ("index.json", "run_exports.json", "paths.json", "link.json", "about.json")
_LISTS = ("files", "has_prefix")


def compare_artifacts(left: Path, right: Path) -> Comparison:
    """Compares two `.conda` or `.tar.bz2` files, also one of each.

    Files with the same bytes are identical without being opened. Raises as `read_artifact` does.
    """
    if same_bytes(left, right):
        return Comparison()
    from pytest_pixipack.artifact import read_artifact

    return Comparison.of(_Artifacts(read_artifact(left), read_artifact(right)).differences())


def same_bytes(left: Path, right: Path) -> bool:
    """Whether two files have the same content. Raises as `file_digests` does."""
    from pytest_pixipack.artifact import file_digests

    return file_digests(left).sha256 == file_digests(right).sha256


class _Artifacts:
    """Two artifacts that are not the same byte for byte."""

    def __init__(self, left: Artifact, right: Artifact) -> None:
        self.left, self.right = left, right
        self.where: Where = (left.path.name,)
        # Where one side has no parts, places have none either.
        named = left.path.suffix == right.path.suffix
        self.parts = part_names(left.path) if named else {}
        self.info = (*self.where, *((self.parts["info"],) if self.parts else ()))
        self.payload = (*self.where, *((self.parts["pkg"],) if self.parts else ()))

    def differences(self) -> list[Difference]:
        first, second = stored_members(self.left.path), stored_members(self.right.path)
        meaning = [*self._records(), *self._files(), *self._recorded()]
        carried = [*self._texts(first, second, meaning), *self._others(first, second)]
        headers = list(compare_headers(self.where, self.parts, first, second))
        found = [*meaning, *carried, *headers]
        paths = (self.left.path, self.right.path)
        containers = compare_containers(self.where, *paths, explained=bool(found))
        found += containers
        if not found:
            sides: tuple[Any, Any] = (self.left.facts.sha256, self.right.facts.sha256)
            found.append(Difference(self.where, "bytes", "metadata", *sides, "unknown"))
        return found

    def _records(self) -> Iterator[Difference]:
        left, right = self.left, self.right
        yield from compare_records((*self.info, "info/index.json"), left.index, right.index)
        yield from compare_records(
            (*self.info, "info/run_exports.json"),
            {"run_exports": _exports(left)},
            {"run_exports": _exports(right)},
        )
        yield from compare_records((*self.info, "info/link.json"), left.link, right.link)
        yield from compare_records(
            (*self.info, "info/about.json"), left.about, right.about, kind="metadata"
        )

    def _files(self) -> Iterator[Difference]:
        left, right = self.left.payload, self.right.payload
        differing = {
            name
            for name in set(left) & set(right)
            if left[name].kind == right[name].kind == "file"
            and left[name].sha256 != right[name].sha256
        }
        first = contents(self.left.path, differing, MOST_BYTES)
        second = contents(self.right.path, differing, MOST_BYTES)
        for name in sorted({*left, *right}):
            texts = (first.get(name), second.get(name))
            yield from compare_files((*self.payload, name), left.get(name), right.get(name), *texts)

    def _recorded(self) -> Iterator[Difference]:
        """What paths.json says, where that does not merely follow from the payload."""
        left, right = self.left.facts.files, self.right.facts.files
        where = (*self.info, "info/paths.json")
        if left is None or right is None:
            if left is not right:
                sides: tuple[Any, Any] = (left and sorted(left), right and sorted(right))
                yield Difference(where, "paths", "payload", *sides, "unknown")
            return
        for name in sorted({*left, *right}):
            old, new = left.get(name), right.get(name)
            sides = (_recorded(old), _recorded(new))
            if self.left.payload.get(name) != self.right.payload.get(name):
                sides = (_placeholder(old), _placeholder(new))
            if sides[0] != sides[1]:
                yield Difference((*where, name), "entry", "payload", *sides, "content")
        if (order := compare_order(where, "paths", list(left), list(right))) is not None:
            yield order

    def _texts(
        self, first: Mapping[str, Stored], second: Mapping[str, Stored], meaning: list[Difference]
    ) -> Iterator[Difference]:
        """The files that are read and mean the same, but are written in another way."""
        spoken = {part for each in meaning for part in each.where}
        names = [f"info/{name}" for name in _READ if f"info/{name}" not in spoken]
        names = [name for name in names if _digest(first, name) != _digest(second, name)]
        old = contents(self.left.path, names, MOST_BYTES)
        new = contents(self.right.path, names, MOST_BYTES)
        for name in names:
            place = (*self.info, name)
            if name in old and name in new:
                consequence = name == "info/paths.json" and meaning
                found = None if consequence else compare_json_text(place, old[name], new[name])
                if found is not None:
                    yield found
            elif (name in first) != (name in second):
                sides: tuple[Any, Any] = (_digest(first, name), _digest(second, name))
                yield Difference(place, "file", "metadata", *sides, _presence(name, first))

    def _others(
        self, first: Mapping[str, Stored], second: Mapping[str, Stored]
    ) -> Iterator[Difference]:
        """Recipe, tests, licences and whatever else no installer reads."""
        read = {f"info/{name}" for name in _READ}
        same_paths = set(self.left.payload) == set(self.right.payload)
        for name in sorted({*first, *second} - read):
            if not name.startswith("info/"):
                continue
            sides: tuple[Any, Any] = (_digest(first, name), _digest(second, name))
            if sides[0] == sides[1]:
                continue
            if name.removeprefix("info/") in _LISTS and name in first and name in second:
                if same_paths:
                    yield self._list(name)
            else:
                both = name in first and name in second
                cause = "content" if both else _presence(name, first)
                yield Difference((*self.info, name), "content", "metadata", *sides, cause)

    def _list(self, name: str) -> Difference:
        texts = [
            contents(each.path, [name], MOST_BYTES).get(name, b"")
            for each in (self.left, self.right)
        ]
        old, new = (text.decode("utf-8", "replace").splitlines() for text in texts)
        place = (*self.info, name)
        if old != new and sorted(old) == sorted(new):
            return Difference(place, "content", "order-only", old, new, "line-order")
        return Difference(place, "content", "metadata", old, new, "content")


def compare_files(
    where: Where,
    left: FileFacts | None,
    right: FileFacts | None,
    left_content: bytes | None = None,
    right_content: bytes | None = None,
) -> Iterator[Difference]:
    """The differences between two files that are installed; contents sharpen the cause."""
    if left is None or right is None:
        cause = "file-added" if left is None else "file-removed"
        yield Difference(where, "file", "payload", _described(left), _described(right), cause)
        return
    if left.kind != right.kind:
        yield Difference(where, "kind", "payload", left.kind, right.kind, "content")
        return
    if left.kind == "link":
        if left.target != right.target:
            sides: tuple[Any, Any] = (left.target, right.target)
            yield Difference(where, "target", "payload", *sides, "link-target")
        return
    if left.executable != right.executable:
        yield Difference(where, "executable", "payload", left.executable, right.executable, "mode")
    if left.sha256 != right.sha256:
        kind: Kind = "payload"
        cause = "content"
        if left_content is not None and right_content is not None:
            kind, cause = explain(where[-1], left_content, right_content)
        yield Difference(where, "content", kind, left.sha256, right.sha256, cause)


def _described(file: FileFacts | None) -> str | None:
    if file is None:
        return None
    return f"link to {file.target}" if file.kind == "link" else file.sha256


def _exports(artifact: Artifact) -> dict[str, list[str]]:
    exports = artifact.facts.run_exports
    return exports.to_json() if exports is not None else {}


def _recorded(file: FileFacts | None) -> dict[str, Any] | None:
    if file is None:
        return None
    said = {"kind": file.kind, "sha256": file.sha256, "size": file.size}
    return {**said, **(_placeholder(file) or {})}


def _placeholder(file: FileFacts | None) -> dict[str, Any] | None:
    if file is None or file.placeholder is None:
        return None
    return {"prefix_placeholder": file.placeholder, "file_mode": file.placeholder_mode}


def _digest(members: Mapping[str, Stored], name: str) -> str | None:
    return members[name].sha256 if name in members else None


def _presence(name: str, first: Mapping[str, Stored]) -> str:
    return "file-removed" if name in first else "file-added"
