"""Which members of a pack may be written to a disk, on every system.

A pack that is safe here can be extracted on Linux, macOS and Windows without writing outside its
directory, and without one member replacing another.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.safe_names import unsafe_name


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a pack may get: members, bytes of a metadata file, bytes on the disk.

    A tar file can promise more than it holds (sparse members): what comes out may be at most
    `expansion` times its size plus `allowance` bytes.
    """

    members: int = 200_000
    metadata: int = 512 * 1024 * 1024
    expansion: int = 4
    allowance: int = 64 * 1024 * 1024


LIMITS = Limits()


def refuse_unsafe(members: Iterable[tuple[str, str]], file: Path, limits: Limits = LIMITS) -> None:
    """Raises `InvalidInput` naming the first member that must not be extracted.

    `members` are pairs of a name and a kind: `file`, `directory`, or what else it is ("symbolic
    link", "device", ...). Names may end in `/` or start with `./`, as other tars write them.
    """
    seen: dict[str, tuple[str, str]] = {}
    for number, (name, kind) in enumerate(members):
        if number >= limits.members:
            raise _refusal(file, f"it has more than {limits.members} members")
        plain = plain_name(name)
        if plain is None:
            continue
        if kind not in ("file", "directory"):
            raise _refusal(file, f"its member {name!r} is a {kind}")
        if reason := unsafe_name(plain):
            raise _refusal(file, f"its member {name!r} is unsafe: {reason}")
        folded = _folded(plain)
        if folded in seen:
            raise _refusal(file, _collision(plain, seen[folded][0]))
        seen[folded] = (plain, kind)
    _refuse_shadowed(seen, file)


def refuse_foreign_owner(members: Iterable[tuple[str, int]], file: Path) -> None:
    """Raises `InvalidInput` naming the first member that would run as another user.

    `members` are pairs of a name and the mode in the archive.
    """
    for name, mode in members:
        if mode & 0o6000:
            raise _refusal(file, f"its member {name!r} is setuid or setgid")


def plain_name(name: str) -> str | None:
    """The name without a leading `./` and a trailing `/`; None for the root itself."""
    plain = name
    while plain.startswith("./"):
        plain = plain[2:]
    plain = plain[:-1] if plain.endswith("/") and plain != "/" else plain
    return None if plain in (".", "") and name else plain


def _refuse_shadowed(seen: dict[str, tuple[str, str]], file: Path) -> None:
    spelled: dict[str, str] = {}
    for plain, _ in seen.values():
        parts = plain.split("/")
        for depth in range(1, len(parts)):
            parent = "/".join(parts[:depth])
            folded = _folded(parent)
            other, kind = seen.get(folded, (parent, "directory"))
            if kind == "file":
                raise _refusal(file, f"its member {other!r} is a file and a directory")
            if spelled.setdefault(folded, other) != parent:
                raise _refusal(file, _collision(parent, spelled[folded]))


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _collision(name: str, other: str) -> str:
    if name == other:
        return f"its member {name!r} occurs twice"
    return f"its members {other!r} and {name!r} are one file on some systems"


def _refusal(file: Path, reason: str) -> InvalidInput:
    return InvalidInput(
        f"The pack is refused: {reason}.",
        file=file,
        remedy="Nothing was extracted. Get the pack from where it was made, or pack again.",
    )
