"""Which members of a pack may be written to a disk, on every system.

A pack that is safe here can be extracted on Linux, macOS and Windows without writing outside its
directory, and without one member replacing another.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from pytest_pixipack.artifact.tarstream import Complaints
from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.safe_names import (
    TooManyDirectories,
    directories_above,
    folded,
    quoted,
    unsafe_name,
)


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a pack may get: members, bytes of all metadata files, bytes on the disk.

    A tar file can promise more than it holds (sparse members): what comes out may be at most
    `expansion` times its size plus `allowance` bytes.
    """

    members: int = 200_000
    metadata: int = 32 * 1024 * 1024
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
        if plain is None and kind == "directory":
            continue
        if kind not in ("file", "directory"):
            raise _refusal(file, f"its member {quoted(name)} is a {kind}")
        reason = "it is the pack's own directory" if plain is None else unsafe_name(plain)
        if plain is None or reason:
            raise _refusal(file, f"its member {quoted(name)} is unsafe: {reason}")
        fold = folded(plain)
        if fold in seen:
            raise _refusal(file, _collision(plain, seen[fold][0]))
        seen[fold] = (plain, kind)
    _refuse_shadowed(seen, file)


def refuse_foreign_owner(members: Iterable[tuple[str, int]], file: Path) -> None:
    """Raises `InvalidInput` naming the first member that would run as another user.

    `members` are pairs of a name and the mode in the archive.
    """
    for name, mode in members:
        if mode & 0o6000:
            raise _refusal(file, f"its member {quoted(name)} is setuid or setgid")


def plain_name(name: str) -> str | None:
    """The name without a leading `./` and a trailing `/`; None for the root itself."""
    plain = name
    while plain.startswith("./"):
        plain = plain[2:]
    plain = plain[:-1] if plain.endswith("/") and plain != "/" else plain
    return None if plain in (".", "") and name else plain


class PackComplaints(Complaints):
    """What is said of a tar that is refused as a pack, or broken."""

    kind = "pack"

    def __init__(self, file: Path) -> None:
        super().__init__(file)
        self._file = file

    def unsafe(self, member: str | None, problem: str) -> NoReturn:
        """Raises the refusal, which says that nothing was extracted."""
        subject = "it" if member is None else f"its member {quoted(member)}"
        raise _refusal(self._file, f"{subject} {problem}")

    def broken(self, member: str | None, problem: str) -> NoReturn:
        """Raises `InvalidInput`."""
        subject = "it" if member is None else f"its member {quoted(member)}"
        raise InvalidInput(
            f"The pack is broken: {subject} {problem}.",
            file=self._file,
            remedy="Get or make the pack again.",
        )


def _refuse_shadowed(seen: dict[str, tuple[str, str]], file: Path) -> None:
    spelled: dict[str, str] = {}
    try:
        for above in directories_above(plain for plain, _ in seen.values()):
            fold = folded(above)
            other, kind = seen.get(fold, (above, "directory"))
            if kind == "file":
                raise _refusal(file, f"its member {quoted(other)} is a file and a directory")
            if spelled.setdefault(fold, other) != above:
                raise _refusal(file, _collision(above, spelled[fold]))
    except TooManyDirectories as reason:
        raise _refusal(file, f"it {reason}") from None


def _collision(name: str, other: str) -> str:
    if name == other:
        return f"its member {quoted(name)} occurs twice"
    return f"its members {quoted(other)} and {quoted(name)} are one file on some systems"


def _refusal(file: Path, reason: str) -> InvalidInput:
    return InvalidInput(
        f"The pack is refused: {reason}.",
        file=file,
        remedy="Nothing was extracted. Get the pack from where it was made, or pack again.",
    )
