"""Reading two packages side by side, so that what is equal in both is read once and never hashed.

Only for packages that are made in the same way: `None` for all others, and for whatever is
suspicious, which `read_artifact` then refuses in its own words.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_pixipack.artifact import DEFAULT_LIMITS, Artifact, read_index
from pytest_pixipack.artifact.containers import Budget
from pytest_pixipack.artifact.reader import READ, artifact_of
from pytest_pixipack.artifact.safety import check_links, check_tree, is_record, safe_name
from pytest_pixipack.compare.archives import BOTH, PackageFile, Scanned
from pytest_pixipack.compare.inside.content import Content, Scratch, Unreadable
from pytest_pixipack.compare.inside.lockstep import Aligned, NotAligned, aligned
from pytest_pixipack.compare.inside.members import Listing
from pytest_pixipack.facts import FileFacts

_SET_ID = 0o6000
_EXECUTABLE = 0o111
_LARGEST_INFO = 64 << 20


@dataclass(frozen=True, slots=True)
class Side:
    """One package, and how it is stored."""

    artifact: Artifact
    scanned: Scanned


@dataclass(slots=True)
class Pair:
    """Two packages, and the contents of their files that differ."""

    left: Side
    right: Side
    contents: dict[str, tuple[Content, Content]] = field(default_factory=dict)


def read_pair(left: Path, right: Path, scratch: Scratch) -> Pair | None:
    """Both packages, or None where they have to be read one by one."""
    files = PackageFile(left), PackageFile(right)
    if files[0].is_conda != files[1].is_conda:
        return None
    from pytest_pixipack.errors import PixipackError

    try:
        return _read(files, scratch)
    except (NotAligned, Unreadable, PixipackError):
        return None  # it is read again, and refused with the usual sentence


def _read(files: tuple[PackageFile, PackageFile], scratch: Scratch) -> Pair | None:
    for file in files:
        if file.is_conda:
            read_index(file.path)  # for what it refuses in the zip, which is not looked at here
    parts = [file.parts() for file in files]
    if set(parts[0]) != set(parts[1]) or not set(parts[0]) & {"info", BOTH}:
        return None
    budgets = [Budget(file.path, file.path.stat().st_size, DEFAULT_LIMITS) for file in files]

    def spend(size: int) -> None:
        for budget in budgets:
            budget.spend(size)

    found: dict[str, Aligned] = {}
    for kind in parts[0]:
        if kind != "metadata":
            with _opened(files[0], kind) as one, _opened(files[1], kind) as other:
                found[kind] = aligned(one, other, scratch, wanted=READ, spend=spend)
            old, new = (file.contents(kind, found[kind].late, scratch) for file in files)
            for name in found[kind].late:
                found[kind].add(name, old[name], new[name])
    contents = {name: pair for each in found.values() for name, pair in each.differing.items()}
    sides = [
        _side(file, {kind: getattr(each, which) for kind, each in found.items()}, _kept(found, at))
        for at, (file, which) in enumerate(zip(files, ("left", "right"), strict=True))
    ]
    if sides[0] is None or sides[1] is None:
        return None
    return Pair(sides[0], sides[1], contents)


def _opened(file: PackageFile, kind: str) -> AbstractContextManager[Any]:
    return file.unpacked(kind)


def _kept(found: Mapping[str, Aligned], side: int) -> dict[str, bytes]:
    """The files of info/ that are read, of one side."""
    kept: dict[str, bytes] = {}
    for each in found.values():
        for name in READ:
            pair = each.differing.get(name)
            content = pair[side] if pair else each.wanted.get(name)
            if content is not None:
                data = content.whole(_LARGEST_INFO)
                if data is None:
                    raise NotAligned
                kept[name] = data
    return kept


def _side(
    file: PackageFile, listings: Mapping[str, Listing], kept: dict[str, bytes]
) -> Side | None:
    path = file.path
    payload: dict[str, FileFacts] = {}
    kinds: dict[str, str] = {}
    links: dict[str, str] = {}
    info: list[str] = []
    for kind, listed in listings.items():
        for name, member in listed.members.items():
            entry = member.entry
            if name == "." and entry.kind == "directory":
                continue
            safe_name(name, path)
            is_info = name.startswith("info/") or name == "info"
            if kind != BOTH and (kind == "info") != is_info:
                return None
            if name in kinds or (entry.kind == "file" and (entry.mode or 0) & _SET_ID):
                return None
            kinds[name] = entry.kind
            if entry.kind == "directory":
                continue
            if is_record(name):
                return None
            if entry.kind == "link":
                links[name] = entry.target or ""
            if is_info:
                info.append(name.removeprefix("info/"))
            elif entry.kind == "link":
                payload[name] = FileFacts(name, "link", target=entry.target)
            else:
                executable = bool((entry.mode or 0) & _EXECUTABLE)
                payload[name] = FileFacts(name, "file", member.sha256, entry.size, executable)
    check_links(links, path)
    check_tree(kinds, path)
    if "info/index.json" not in kept:
        return None
    parts = file.parts()
    scanned = file.scanned({
        kind: (part, listings.get(kind)) for kind, part in parts.items()
    })  # fmt: skip
    return Side(artifact_of(path, kept, payload, info), scanned)
