"""Two files or directories of one layer: which layer that is, and how they are compared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pytest_pixipack.compare.model import Comparison, Difference
from pytest_pixipack.errors import Infrastructure, InvalidInput

if TYPE_CHECKING:
    from pytest_pixipack.lock import LockDiff

Layer = Literal["lock", "artifact", "artifacts", "pack", "prefix", "channel", "file", "directory"]

_LAYERS: dict[Layer, str] = {
    "lock": "a lock",
    "artifact": "a package",
    "artifacts": "a directory of packages",
    "pack": "a pack",
    "prefix": "an installed environment",
    "channel": "a channel",
    "file": "an archive or a library",
    "directory": "a directory of other files",
}
_PACKAGES = (".conda", ".tar.bz2")
_PACK = "pixi-pack.json"
# What a directory of a layer has, in the order in which it is looked for; `env` is what unpacking
# a pack makes.
_MARKS: dict[Layer, tuple[str, ...]] = {
    "pack": (_PACK,),
    "lock": ("pixi.lock",),
    "prefix": ("conda-meta", "env/conda-meta"),
}
_SCRIPT_MARKS = (b"@@END_HEADER@@", b"__END_HEADER__")
# Archives, compressed files, libraries and programs that are compared as they are.
_FORMATS = (
    b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd",
    b"!<arch>\n", b"\x7fELF", b"MZ", b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf",
    b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe",
)  # fmt: skip
# How much of a file is read to tell what it is; the head of a self-extracting pack is smaller.
_HEAD = 1 << 16
_EXPECTED = (
    "Compare two locks, packages (.conda, .tar.bz2), packs (tar, directory, self-extracting), "
    "installed environments, channels, wheels and other archives, libraries, or directories of "
    "such."
)


@dataclass(frozen=True, slots=True)
class Compared:
    """Two things of one layer, and what differs.

    `packages` is the number of packages that were compared, where it is known; `lock` is the
    difference of two locks in their own words.
    """

    layer: Layer
    left: Path
    right: Path
    comparison: Comparison
    packages: int | None = None
    lock: LockDiff | None = None


def layer_of(path: Path) -> Layer:
    """The layer of a file or directory, by what is in it.

    Raises `InvalidInput` for one that is absent or of no layer, `Infrastructure` where it cannot be
    looked at.
    """
    try:
        found = _directory(path) if path.is_dir() else _file(path)
    except FileNotFoundError:
        raise InvalidInput("There is no such file or directory.", file=path) from None
    except OSError as error:
        raise Infrastructure(f"It cannot be read: {error.strerror or error}.", file=path) from error
    if found is None:
        kind = "directory" if path.is_dir() else "file"
        raise InvalidInput(
            f"This {kind} is nothing that can be compared.", file=path, remedy=_EXPECTED
        )
    return found


def compare_paths(left: Path, right: Path) -> Compared:
    """Compares two files or directories of one layer.

    Raises `InvalidInput` where they are of two layers, and as the comparison of the layer does.
    """
    layers = layer_of(left), layer_of(right)
    if layers[0] != layers[1]:
        raise InvalidInput(
            f"{left} is {_LAYERS[layers[0]]}, {right} is {_LAYERS[layers[1]]}: they cannot be "
            "compared with each other.",
            file=right,
            remedy=f"{_EXPECTED} `pixipack verify` checks layers against each other.",
        )
    layer = layers[0]
    if layer == "lock":
        return _locks(left, right)
    from pytest_pixipack import compare

    if layer == "artifact":
        return Compared(layer, left, right, compare.compare_artifacts(left, right), 1)
    if layer == "artifacts":
        return Compared(layer, left, right, *_artifacts(left, right))
    if layer == "pack":
        return Compared(layer, left, right, compare.compare_packs(left, right), _packed(left))
    if layer == "prefix":
        return Compared(layer, left, right, compare.compare_prefixes(left, right))
    if layer in ("file", "directory"):
        from pytest_pixipack.compare.files import compare_files, compare_trees

        plain = compare_files if layer == "file" else compare_trees
        return Compared(layer, left, right, plain(left, right))
    from pytest_pixipack.compare.channels import compare_channels

    return Compared(layer, left, right, compare_channels(left, right))


def _directory(path: Path) -> Layer | None:
    for layer, marks in _MARKS.items():
        if any((path / mark).exists() for mark in marks):
            return layer
    inside = sorted(path.iterdir())
    if any((each / "repodata.json").is_file() for each in inside if each.is_dir()):
        return "channel"
    if any(each.name.endswith(_PACKAGES) for each in inside):
        return "artifacts"
    return "directory" if inside else None


def _file(path: Path) -> Layer | None:
    with path.open("rb") as stream:
        head = stream.read(_HEAD)
    if path.name.endswith(_PACKAGES):
        return "artifact"
    if head[257:262] == b"ustar" or path.suffix == ".tar":
        return "pack" if _is_pack(path) else "file"
    if any(mark in head for mark in _SCRIPT_MARKS) or path.suffix in (".sh", ".ps1"):
        return "pack"
    if path.suffix in (".lock", ".yml", ".yaml") or _is_lock(head):
        return "lock"
    return "file" if head.startswith(_FORMATS) else None


def _is_pack(path: Path) -> bool:
    """Whether a tar has the file that packs have; one that is broken may have been one."""
    from pytest_pixipack.compare.inside.content import Unreadable
    from pytest_pixipack.compare.inside.tars import TarReader

    with path.open("rb") as stream:
        try:
            return any(entry.name == _PACK for entry, _ in TarReader(stream, seekable=True))
        except Unreadable:
            return True


def _is_lock(head: bytes) -> bool:
    lines = [line.strip() for line in head.splitlines()]
    told = [line for line in lines if line and not line.startswith(b"#")]
    return any(line.startswith(b"version:") for line in told[:1]) and b"environments:" in told


def _locks(left: Path, right: Path) -> Compared:
    from pytest_pixipack.compare.locks import lock_comparison
    from pytest_pixipack.lock import read_lock

    first, second = read_lock(left), read_lock(right)
    diff = first.diff(second)
    return Compared("lock", left, right, lock_comparison(first, second, diff), lock=diff)


def _packed(path: Path) -> int:
    from pytest_pixipack.pack import read_pack

    return len(read_pack(path, digests=False).records)


def _artifacts(left: Path, right: Path) -> tuple[Comparison, int]:
    old, new = _by_name(left), _by_name(right)
    return Comparison.of(_of_artifacts(left.name, old, new)), len({*old, *new})


def _of_artifacts(
    where: str, left: dict[tuple[str, ...], Path], right: dict[tuple[str, ...], Path]
) -> Iterator[Difference]:
    from pytest_pixipack.compare.artifacts import compare_artifacts

    for key in sorted({*left, *right}):
        old, new = left.get(key), right.get(key)
        if old is not None and new is not None:
            for each in compare_artifacts(old, new).differences:
                yield replace(each, where=(where, *each.where))
        elif old is not None:
            yield Difference((where, old.name), "file", "payload", old.name, None, "file-removed")
        elif new is not None:
            yield Difference((where, new.name), "file", "payload", None, new.name, "file-added")


def _by_name(directory: Path) -> dict[tuple[str, ...], Path]:
    """The packages of a directory by subdir and name, or by file name where several share those."""
    from pytest_pixipack.artifact import read_index

    found: dict[tuple[str, ...], list[Path]] = {}
    for path in sorted(directory.iterdir()):
        if path.name.endswith(_PACKAGES):
            index = read_index(path)
            found.setdefault((str(index.get("subdir")), str(index["name"])), []).append(path)
    alone = {key: paths[0] for key, paths in found.items() if len(paths) == 1}
    several = {
        (*key, path.name): path for key, paths in found.items() if len(paths) > 1 for path in paths
    }
    return {**alone, **several}
