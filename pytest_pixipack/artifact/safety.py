"""What a package may hold: limits, and names and links that stay inside the prefix."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

from pytest_pixipack.errors import InvalidInput

_DRIVE = re.compile(r"^[A-Za-z]:")
_MAX_LINKS = 40  # as many as Linux follows


@dataclass(frozen=True, slots=True)
class ArtifactLimits:
    """How much of an archive is read before it is refused; sizes in bytes.

    The ratio of unpacked to packed size only counts beyond `ratio_free_bytes`, for small files of
    zeros compress very well.
    """

    max_unpacked_bytes: int = 32 << 30
    max_ratio: int = 2000
    ratio_free_bytes: int = 256 << 20
    max_members: int = 1_000_000
    max_header_bytes: int = 1 << 20
    max_info_file_bytes: int = 256 << 20


DEFAULT_LIMITS = ArtifactLimits()


def refuse(
    archive: object, member: str | None, problem: str, *, remedy: str | None = None
) -> NoReturn:
    """Raises `InvalidInput` that names the archive and, where there is one, the member."""
    subject = "The package" if member is None else f"The member `{member}`"
    raise InvalidInput(f"{subject} {problem}.", file=str(archive), remedy=remedy)


def safe_name(name: str, archive: object) -> str:
    """The name without `./` and trailing slashes; refuses whatever could leave the prefix.

    Backslashes count as separators, because they are on Windows.
    """
    problem = unsafe(name)
    if problem:
        refuse(archive, name, problem)
    return posixpath.normpath(name)


def unsafe(name: str) -> str | None:
    """What is wrong with a member's name, as the end of a sentence, or None."""
    plain = name.replace("\\", "/")
    if not plain.strip("/"):
        return "has no name"
    if "\0" in plain:
        return "has a NUL in its name"
    if plain.startswith("/"):
        return "has an absolute path"
    if _DRIVE.match(plain):
        return "has a drive in its path"
    if ".." in plain.split("/"):
        return "has `..` in its path"
    return None


def check_links(links: Mapping[str, str], archive: object) -> None:
    """Refuses symbolic links that are absolute, empty, or leave the prefix, also by way of others.

    `links` maps names to targets.
    """
    plain = {name: target.replace("\\", "/") for name, target in links.items()}
    for name, target in plain.items():
        if not target or "\0" in target:
            refuse(archive, name, "is a link without a usable target")
        if target.startswith("/") or _DRIVE.match(target):
            refuse(archive, name, f"is a link to the absolute path `{target}`")
    for name, target in plain.items():
        if _leaves(name, plain):
            refuse(archive, name, f"is a link that leads out of the package, to `{target}`")


def _leaves(name: str, links: Mapping[str, str]) -> bool:
    # Step by step: a/../../x leaves the prefix for a moment even where its end lies inside.
    at = name.split("/")[:-1]
    todo = list(reversed(links[name].split("/")))
    followed = 0
    while todo:
        part = todo.pop()
        if part == "..":
            if not at:
                return True
            at.pop()
        elif part not in ("", "."):
            at.append(part)
            target = links.get("/".join(at))
            if target is not None and todo:
                followed += 1
                if followed > _MAX_LINKS:
                    return False  # a loop leads nowhere
                at.pop()
                todo += reversed(target.split("/"))
    return False


def check_tree(kinds: Mapping[str, str], archive: object) -> None:
    """Refuses members that lie below a file or a link: they could be written through it.

    `kinds` maps names to `file`, `link` or `directory`.
    """
    for name in kinds:
        parent = posixpath.dirname(name)
        while parent:
            if kinds.get(parent, "directory") != "directory":
                refuse(archive, name, f"lies below `{parent}`, which is a {kinds[parent]}")
            parent = posixpath.dirname(parent)
