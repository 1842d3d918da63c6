"""Two files or directories of one layer: which layer that is, and how they are compared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pytest_pixipack.compare.model import Comparison, Difference, Verdict
from pytest_pixipack.errors import Infrastructure, InvalidInput
from pytest_pixipack.regular_files import read_regular

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
    "file": "an archive or a library, or another file",
    "directory": "a directory of other files",
}
_PACKAGES = (".conda", ".tar.bz2")
_PACK = "pixi-pack.json"
_INDEX = "info/index.json"
# What a directory of a layer has, in the order in which it is looked for; `env` is what unpacking
# a pack makes.
_MARKS: dict[Layer, tuple[str, ...]] = {
    "pack": (_PACK,),
    "lock": ("pixi.lock",),
    "prefix": ("conda-meta", "env/conda-meta"),
}
_SCRIPT_MARKS = (b"@@END_HEADER@@", b"__END_HEADER__")
# How much of a file is read to tell what it is; the head of a self-extracting pack is smaller.
_HEAD = 1 << 16
_EXPECTED = (
    "Compare two locks, packages (.conda, .tar.bz2), packs (tar, directory, self-extracting), "
    "installed environments, channels, other files, or directories of such."
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

    @property
    def verdict(self) -> Verdict:
        """The worst kind of difference; `identical` where there is none."""
        return self.comparison.verdict

    @property
    def differences(self) -> tuple[Difference, ...]:
        """All differences, in the order of their places."""
        return self.comparison.differences


@dataclass(frozen=True, slots=True)
class _Seen:
    """The layer of a file or directory. A damaged one may be no more than a file: not `sure`."""

    layer: Layer
    sure: bool = True


def layer_of(path: Path) -> Layer:
    """The layer of a file or directory, by what is in it.

    Raises `InvalidInput` for one that is absent, or is neither (a named pipe, a device), and
    `Infrastructure` where it cannot be looked at.
    """
    return _seen(path).layer


def _seen(path: Path) -> _Seen:
    try:
        return _Seen(_directory(path)) if path.is_dir() else _file(path)
    except FileNotFoundError:
        raise InvalidInput("There is no such file or directory.", file=path) from None
    except OSError as error:
        raise Infrastructure(f"It cannot be read: {error.strerror or error}.", file=path) from error


def _common(left: _Seen, right: _Seen) -> Layer | None:
    """The layer of which two things are, or that they can be compared as."""
    if left.layer == right.layer:
        return left.layer
    layers = {left.layer, right.layer}
    if layers == {"artifacts", "directory"}:
        return "artifacts"
    unsure = (left if left.layer != "file" else right).sure is False
    return "file" if "file" in layers and unsure else None


def compare_paths(left: Path | str, right: Path | str) -> Compared:
    """Compares two files or directories of one layer, or any two files or directories.

    Raises `InvalidInput` where they are of two layers, and as the comparison of the layer does.
    """
    return _compared(Path(left), Path(right))


def _compared(left: Path, right: Path) -> Compared:
    seen = _seen(left), _seen(right)
    layer = _common(*seen)
    if layer is None:
        names = [_LAYERS[each.layer] for each in seen]
        raise InvalidInput(
            f"{left} is {names[0]}, {right} is {names[1]}: they cannot be compared with each "
            "other.",
            file=right,
            remedy=f"{_EXPECTED} `pixipack verify` checks layers against each other.",
        )
    if layer == "lock":
        return _locks(left, right)
    from pytest_pixipack import compare

    if layer == "artifact":
        return Compared(layer, left, right, compare.compare_artifacts(left, right), 1)
    if layer == "pack":
        return Compared(layer, left, right, compare.compare_packs(left, right), _packed(left))
    if layer == "prefix":
        return Compared(layer, left, right, compare.compare_prefixes(left, right))
    if layer == "file":
        from pytest_pixipack.compare.files import compare_files

        return Compared(layer, left, right, compare_files(left, right))
    if layer in ("artifacts", "directory"):
        from pytest_pixipack.compare.trees import compare_directories

        return Compared(layer, left, right, *compare_directories(left, right))
    from pytest_pixipack.compare.channels import compare_channels

    return Compared(layer, left, right, compare_channels(left, right))


def _directory(path: Path) -> Layer:
    for layer, marks in _MARKS.items():
        if any((path / mark).exists() for mark in marks):
            return layer
    inside = sorted(path.iterdir())
    if any((each / "repodata.json").is_file() for each in inside if each.is_dir()):
        return "channel"
    return "artifacts" if any(each.name.endswith(_PACKAGES) for each in inside) else "directory"


def _file(path: Path) -> _Seen:
    head = read_regular(path, _HEAD)
    if path.name.endswith(".conda"):
        return _Seen("artifact")
    if path.name.endswith(".tar.bz2"):
        return _by_member(path, _INDEX, "artifact")
    if head[257:262] == b"ustar" or path.suffix == ".tar":
        return _by_member(path, _PACK, "pack")
    if any(mark in head for mark in _SCRIPT_MARKS):
        return _Seen("pack")
    if _is_lock(head) or (path.suffix == ".lock" and not _is_other_lock(head)):
        return _Seen("lock")
    return _Seen("file")


def _by_member(path: Path, name: str, layer: Layer) -> _Seen:
    """Whether a tar is of a layer: where it has a member. One that is broken may be so."""
    from pytest_pixipack.compare.inside.content import Content, Unreadable
    from pytest_pixipack.compare.inside.streams import unpacked
    from pytest_pixipack.compare.inside.tars import TarReader

    try:
        with path.open("rb") as stream:
            reader = TarReader(stream, seekable=True)
            if layer == "artifact":
                reader = TarReader(_Pieces(unpacked(Content.file(path), "bzip2")))
            names = (entry.name for entry, _ in reader)
            first = next(names, None)
            if first is not None:
                return _Seen(layer if name == first or name in names else "file")
    except Unreadable:
        pass
    return _Seen(layer, sure=False)


class _Pieces:
    """A stream of the pieces of something."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._rest = memoryview(piece)
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken.tobytes()


def _is_lock(head: bytes) -> bool:
    told = _told(head)
    return any(line.startswith(b"version:") for line in told[:1]) and b"environments:" in told


def _is_other_lock(head: bytes) -> bool:
    """Whether this is TOML or JSON, as the locks of other tools are."""
    first = next(iter(_told(head)), b"")
    return first.startswith((b"{", b"[")) or b" = " in first


def _told(head: bytes) -> list[bytes]:
    lines = [line.strip() for line in head.splitlines()]
    return [line for line in lines if line and not line.startswith(b"#")]


def _locks(left: Path, right: Path) -> Compared:
    from pytest_pixipack.compare.locks import lock_comparison
    from pytest_pixipack.lock import read_lock

    first, second = read_lock(left), read_lock(right)
    diff = first.diff(second)
    return Compared("lock", left, right, lock_comparison(first, second, diff), lock=diff)


def _packed(path: Path) -> int:
    from pytest_pixipack.pack import read_pack

    return len(read_pack(path, digests=False).records)
