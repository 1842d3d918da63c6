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

# Device names of Windows, with or without an extension.
_RESERVED = frozenset(
    {"con", "prn", "aux", "nul", "conin$", "conout$"}
    | {f"{device}{number}" for device in ("com", "lpt") for number in "0123456789¹²³"}
)
_FORBIDDEN = frozenset('<>"|?*')
_LONGEST_COMPONENT = 255


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


def unsafe_name(name: str) -> str | None:
    """Why a member must not have this name, or None. `name` is relative, with `/`."""
    if not name:
        return "it is empty"
    if name.startswith("/"):
        return "it is an absolute path"
    if "\\" in name:
        return "it has a backslash"
    if ":" in name:
        return "it has a colon (a drive or a stream on Windows)"
    return next((reason for each in name.split("/") if (reason := _unsafe_component(each))), None)


def _unsafe_component(component: str) -> str | None:
    if component in ("", ".", ".."):
        return "it leaves its directory" if component == ".." else "it has an empty part"
    try:
        encoded = component.encode()
    except UnicodeEncodeError:
        return "it is not UTF-8"
    if any(ord(char) < 32 or ord(char) == 127 for char in component):
        return "it has a control character"
    if _FORBIDDEN.intersection(component):
        return "it has a character that Windows does not allow"
    if component[-1] in ". ":
        return "it ends in a dot or a blank, which Windows drops"
    if component.partition(".")[0].rstrip().casefold() in _RESERVED:
        return "it is a device on Windows"
    if len(encoded) > _LONGEST_COMPONENT:
        return f"a part of it is longer than {_LONGEST_COMPONENT} bytes"
    return None


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
