"""Differences between two package files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_pixipack.compare.archives import (
    BOTH,
    PackageFile,
    Scanned,
    compare_containers,
    compare_headers,
    part_names,
    same_stored,
)
from pytest_pixipack.compare.inside import Content, Inside, Scratch
from pytest_pixipack.compare.inside.members import without_padding
from pytest_pixipack.compare.model import Comparison, Difference
from pytest_pixipack.compare.notation import json_notation
from pytest_pixipack.compare.placeholders import Placeholders, without_placeholders
from pytest_pixipack.compare.quick import read_pair
from pytest_pixipack.compare.recipes import RECIPES, recipe_differences
from pytest_pixipack.compare.records import Where, compare_order, compare_records
from pytest_pixipack.facts import FileFacts
from pytest_pixipack.regular_files import open_regular

if TYPE_CHECKING:
    from pytest_pixipack.artifact import Artifact

# The files below info/ that are read: the others are carried along.
_READ = ("index.json", "run_exports.json", "paths.json", "link.json", "about.json")
_LISTS = ("files", "has_prefix")
# They follow from what is in the payload.
_FOLLOW = ("info/paths.json", "info/files", "info/has_prefix")
# Texts of info/ that are read as a whole.
_MOST_BYTES = 64 << 20
# Files that are taken out of a package in one go.
_AT_ONCE = 500
_CHUNK = 1 << 20


def compare_artifacts(left: Path, right: Path, where: Where | None = None) -> Comparison:
    """Compares two `.conda` or `.tar.bz2` files, also one of each.

    `where` leads to them from the outside in; by default it is the left file's name.
    Files with the same bytes are identical without being opened. Raises as `read_artifact` does.
    """
    if same_bytes(left, right):
        return Comparison()
    with Scratch() as scratch:
        where = (left.name,) if where is None else where
        return Comparison.of(_Artifacts(left, right, where, scratch).differences())


def same_bytes(left: Path, right: Path) -> bool:
    """Whether two files have the same content. Raises `Infrastructure` where one is unreadable."""
    from pytest_pixipack.artifact.digests import unreadable

    path = left
    try:
        with open_regular(left) as first:
            path = right
            with open_regular(right) as second:
                if left.stat().st_size != right.stat().st_size:
                    return False
                while (piece := first.read(_CHUNK)) == second.read(_CHUNK):
                    if not piece:
                        return True
                return False
    except OSError as error:
        raise unreadable(path, error) from None


class _Artifacts:
    """Two artifacts that are not the same byte for byte."""

    def __init__(self, left: Path, right: Path, where: Where, scratch: Scratch) -> None:
        self.files = PackageFile(left), PackageFile(right)
        self.scratch = scratch
        self.inside = Inside(scratch)
        self.where = where
        self.ready: dict[str, tuple[Content, Content]] = {}
        self._read(left, right)
        # Where one side has no parts, places have none either.
        named = self.files[0].is_conda == self.files[1].is_conda
        self.parts = part_names(left) if named else {}
        self.info = (*self.where, *((self.parts["info"],) if self.parts else ()))
        self.payload = (*self.where, *((self.parts["pkg"],) if self.parts else ()))
        self.old = {name: each.sha256 for name, (_, each) in self.first.members().items()}
        self.new = {name: each.sha256 for name, (_, each) in self.second.members().items()}
        self.moved = dict(self._moved())

    def _read(self, left: Path, right: Path) -> None:
        """Both packages, side by side where that can be done."""
        pair = read_pair(left, right, self.scratch)
        if pair is not None:
            self.left, self.right = pair.left.artifact, pair.right.artifact
            self.first, self.second = pair.left.scanned, pair.right.scanned
            self.ready = pair.contents
            return
        from pytest_pixipack.artifact import read_artifact

        self.left, self.right = read_artifact(left), read_artifact(right)
        self.first, self.second = self._scanned()

    def _scanned(self) -> tuple[Scanned, Scanned]:
        """Both as they are stored; parts with the same bytes are not looked into."""
        old, new = self.files[0].parts(), self.files[1].parts()
        wanted = [
            kind
            for kind in dict.fromkeys([*old, *new])
            if kind not in old
            or kind not in new
            or not same_stored(*self.files, old[kind], new[kind])
        ]
        return self.files[0].scan(wanted), self.files[1].scan(wanted)

    def differences(self) -> list[Difference]:
        meaning = [*self._records(), *self._files(), *self._recorded()]
        carried = [*self._texts(meaning), *self._others()]
        headers = list(compare_headers(self.where, self.parts, self.first, self.second))
        found = [*meaning, *carried, *headers]
        if self.left.path.suffix != self.right.path.suffix:
            sides: tuple[Any, Any] = (self.left.path.suffix, self.right.path.suffix)
            found.append(Difference(self.where, "format", "metadata", *sides, "archive-format"))
        else:
            explained = {kind for kind in ("pkg", "info") if self._spoken(kind, found)}
            explained |= {BOTH} if found else set()
            scanned = self.first, self.second
            found += compare_containers(self.where, self.parts, self.files, *scanned, explained)
        if not found:
            sides = (Content.file(self.left.path).digest(), Content.file(self.right.path).digest())
            found.append(Difference(self.where, "bytes", "metadata", *sides, "archive-format"))
        return _with_evidence(without_padding(found))

    def _spoken(self, kind: str, found: list[Difference]) -> bool:
        """Whether a part is known to differ, or follows from what is in the other one."""
        part = self.parts.get(kind)
        at = len(self.where)
        return any(len(each.where) > at and each.where[at] == part for each in found) or (
            kind == "info" and any(self.old.get(name) != self.new.get(name) for name in _FOLLOW)
        )

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
        both_files = [
            name for name in left if name in right and left[name].kind == right[name].kind == "file"
        ]
        differing = [name for name in both_files if left[name].sha256 != right[name].sha256]
        changed = {*differing, *(set(left) ^ set(right))}
        for name in sorted({*left, *right}):
            yield from compare_files(
                (*self.payload, name), left.get(name), right.get(name), content=False
            )
        yield from self._contents("pkg", self.payload, differing, changed)

    def _moved(self) -> Iterator[tuple[str, Placeholders]]:
        """The files that differ and were built in two prefixes."""
        left, right = self.left.facts.files or {}, self.right.facts.files or {}
        for name in left:
            sides = self.left.payload.get(name), self.right.payload.get(name)
            if sides[0] is None or sides[1] is None or sides[0].sha256 == sides[1].sha256:
                continue
            found = Placeholders.of(left[name], right.get(name))
            if found is not None and sides[0].kind == sides[1].kind == "file":
                yield name, found

    def _contents(
        self, kind: str, where: Where, names: list[str], changed: set[str]
    ) -> Iterator[Difference]:
        for start in range(0, len(names), _AT_ONCE):
            wanted = names[start : start + _AT_ONCE]
            old, new = self._taken(kind, wanted)
            for name in wanted:
                if name in old and name in new:
                    yield from self._content((*where, name), name, old[name], new[name], changed)
            for each in (*old.values(), *new.values()):
                self.scratch.drop(each)

    def _content(
        self, where: Where, name: str, left: Content, right: Content, changed: set[str]
    ) -> Iterator[Difference]:
        """What two contents of a file differ in once they are installed."""
        pair = left, right
        if name in self.moved:
            yield self.moved[name].difference(where)
            facts = self.left.payload[name], self.right.payload[name]
            if pair[0].size == facts[0].size and pair[1].size == facts[1].size:  # not only parts
                pair = self.moved[name].replaced(*pair, self.scratch) or pair
        yield from self.inside.differences(where, name, *pair, changed)
        for made in pair:
            if made is not left and made is not right:
                self.scratch.drop(made)

    def _taken(self, kind: str, names: list[str]) -> tuple[dict[str, Content], dict[str, Content]]:
        if self.ready:
            ready = {name: self.ready[name] for name in names if name in self.ready}
            return {n: pair[0] for n, pair in ready.items()}, {
                n: pair[1] for n, pair in ready.items()
            }
        old, new = (
            file.contents(kind if file.is_conda else BOTH, set(names), self.scratch)
            for file in self.files
        )
        return old, new

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
            if name in self.moved:
                continue
            if self.left.payload.get(name) != self.right.payload.get(name):
                sides = (_placeholder(old), _placeholder(new))
            if sides[0] != sides[1]:
                yield Difference((*where, name), "entry", "payload", *sides, "content")
        if (order := compare_order(where, "paths", list(left), list(right))) is not None:
            yield order

    def _texts(self, meaning: list[Difference]) -> Iterator[Difference]:
        """How the files that are read are written, and which of them are there."""
        names = [f"info/{name}" for name in _READ]
        names = [name for name in names if self.old.get(name) != self.new.get(name)]
        old, new = self._taken("info", names) if names else ({}, {})
        spoken = {part for each in meaning for part in each.where}
        for name in names:
            place = (*self.info, name)
            if name in old and name in new:
                told = name in spoken or (name == "info/paths.json" and bool(meaning))
                texts = [each[name].whole(_MOST_BYTES) or b"" for each in (old, new)]
                yield from json_notation(place, *texts, told=told)
            elif name not in spoken:
                sides: tuple[Any, Any] = (self.old.get(name), self.new.get(name))
                cause = "file-removed" if name in self.old else "file-added"
                yield Difference(place, "file", "metadata", *sides, cause)
        for each in (*old.values(), *new.values()):
            self.scratch.drop(each)

    def _others(self) -> Iterator[Difference]:
        """Recipe, tests, licences and whatever else no installer reads."""
        read = {f"info/{name}" for name in _READ}
        names = sorted(
            name
            for name in {*self.old, *self.new} - read
            if name.startswith("info/") and self.old.get(name) != self.new.get(name)
        )
        both = [name for name in names if name in self.old and name in self.new]
        same_paths = set(self.left.payload) == set(self.right.payload)
        for name in sorted(set(names) - set(both)):
            sides: tuple[Any, Any] = (self.old.get(name), self.new.get(name))
            cause = "file-removed" if name in self.old else "file-added"
            if name.removeprefix("info/") not in _LISTS or same_paths:
                yield Difference((*self.info, name), "file", "metadata", *sides, cause)
        lists = [name for name in both if name.removeprefix("info/") in _LISTS]
        special = [*lists, *(name for name in both if name in RECIPES)]
        old, new = self._taken("info", special) if special else ({}, {})
        plain = [name for name in both if name not in special]
        for name in special:
            place = (*self.info, name)
            texts = [(each[name].whole(_MOST_BYTES) or b"").decode("utf-8", "replace")
                     for each in (old, new)]  # fmt: skip
            if name in lists:
                if same_paths:
                    moved = self.moved.values()
                    left, right = without_placeholders(texts[0], texts[1], moved)
                    yield from _list(place, left, right) if left != right else ()
            elif (told := recipe_differences(place, *texts)) is not None:
                yield from told
            else:
                plain.append(name)
        for each in self._contents("info", self.info, plain, set(both)):
            yield replace(each, kind="metadata") if each.kind == "payload" else each


def _with_evidence(found: list[Difference]) -> list[Difference]:
    """Says with a dependency or a build string which build or host packages changed."""
    changed = [
        f"{each.field} {each.left or 'nothing'} -> {each.right or 'nothing'}"
        for each in found
        if each.cause == "dependency-change" and " package " in each.field
    ]
    if not changed:
        return found
    text = "; ".join(changed[:5])
    roots = ("depends", "constrains", "build")
    return [
        replace(each, evidence=text)
        if each.where[-1] == "info/index.json" and each.field in roots
        else each
        for each in found
    ]


def _list(where: Where, left: str, right: str) -> Iterator[Difference]:
    old, new = left.splitlines(), right.splitlines()
    if old == new:
        yield Difference(where, "line ends", "metadata", None, None, "line-endings")
    elif sorted(old) == sorted(new):
        yield Difference(where, "content", "order-only", old, new, "member-order")
    else:
        yield Difference(where, "content", "metadata", old, new, "content")


def compare_files(
    where: Where,
    left: FileFacts | None,
    right: FileFacts | None,
    *,
    content: bool = True,
) -> Iterator[Difference]:
    """The differences between two files that are installed; `content` says whether theirs, too."""
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
    if content and left.sha256 != right.sha256:
        yield Difference(where, "content", "payload", left.sha256, right.sha256, "content")


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
