"""What a package may hold: limits, and names and links that stay inside the prefix."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NoReturn

from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.safe_names import (
    TooManyDirectories,
    directories_above,
    folded,
    shown,
    too_long,
)

_DRIVE = re.compile(r"^[A-Za-z]:")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_MAX_LINKS = 40  # as many as Linux follows
_MAX_STEPS = 5_000_000  # of all links of a package together; a few for each are usual
# The records of what is installed are the installer's alone: whoever writes there can take the
# place of another package's record, or set variables (`conda-meta/state`) for the activation.
_META = "conda-meta"


@dataclass(frozen=True, slots=True)
class ArtifactLimits:
    """How much of an archive is read before it is refused; sizes in bytes.

    The ratio of unpacked to packed size only counts beyond `ratio_free_bytes`, for small files of
    zeros compress very well. `max_header_bytes` is for one extension header of a tar,
    `max_names_bytes` for all names in it, `max_info_file_bytes` for a file that is read as a whole.
    """

    max_unpacked_bytes: int = 32 << 30
    max_ratio: int = 2000
    ratio_free_bytes: int = 256 << 20
    max_members: int = 250_000
    max_header_bytes: int = 1 << 20
    max_names_bytes: int = 32 << 20
    max_info_file_bytes: int = 32 << 20


DEFAULT_LIMITS = ArtifactLimits()
RAISE_LIMITS = (
    "If it is right, raise the limit: `pixipack unpack --max-size` or `--max-ratio`, in Python "
    "`ArtifactLimits`."
)


def refuse(
    archive: object,
    member: str | None,
    problem: str,
    *,
    what: str = "package",
    remedy: str | None = None,
) -> NoReturn:
    """Raises `InvalidInput` that names the archive and, where there is one, the member.

    `what` is what the archive is called where no member is named.
    """
    subject = f"The {what}" if member is None else f"The member `{shown(member)}`"
    raise InvalidInput(f"{subject} {problem}.", file=str(archive), remedy=remedy)


def safe_name(name: str, archive: object) -> str:
    """The name without `./` and trailing slashes; refuses whatever could leave the prefix.

    Backslashes count as separators, because they are on Windows.
    """
    problem = unsafe(name)
    if problem:
        refuse(archive, name, problem)
    return posixpath.normpath(name)


@lru_cache(maxsize=1024)  # lists, archives and the other side of a comparison have the same names
def unsafe(name: str) -> str | None:
    """What is wrong with a member's name, as the end of a sentence, or None."""
    plain = name.replace("\\", "/")
    if not plain.strip("/"):
        return "has no name"
    if "\0" in plain:
        return "has a NUL in its name"
    if _CONTROL.search(plain):
        return "has a control character in its name"
    if plain.startswith("/"):
        return "has an absolute path"
    if _DRIVE.match(plain):
        return "has a drive in its path"
    if ".." in plain.split("/"):
        return "has `..` in its path"
    if reason := too_long(plain):
        return f"has a name that cannot be used: {reason}"
    return None


@lru_cache(maxsize=1024)
def is_record(name: str) -> bool:
    """Whether a path below the prefix is where installers keep their records, on any system."""
    return folded(name.replace("\\", "/").partition("/")[0].rstrip(". ")) == _META


def check_links(links: Mapping[str, str], archive: object) -> None:
    """Refuses symbolic links that are absolute, empty, or leave the prefix, also by way of others.

    `links` maps names to targets.
    """
    plain = {name: target.replace("\\", "/") for name, target in links.items()}
    for name, target in plain.items():
        if not target or "\0" in target or too_long(target):
            refuse(archive, name, "is a link without a usable target")
        if target.startswith("/") or _DRIVE.match(target):
            refuse(archive, name, f"is a link to the absolute path `{shown(target)}`")
    steps = Steps(archive)
    for name, target in plain.items():
        place = followed(name, plain, steps)
        if place is None:
            problem = f"is a link that leads out of the package, to `{shown(target)}`"
            refuse(archive, name, problem)
        if is_record(place):
            refuse(archive, name, f"is a link into `{_META}`, where only installers write")


class Steps:
    """Counts the directories that links go through, for links can make many of few."""

    def __init__(self, archive: object) -> None:
        self._archive = archive
        self._left = _MAX_STEPS

    def take(self) -> None:
        """Refuses the archive once there were too many."""
        self._left -= 1
        if self._left < 0:
            refuse(self._archive, None, f"has links through more than {_MAX_STEPS} directories")


def followed(name: str, links: Mapping[str, str], steps: Steps) -> str | None:
    """Where a link of `links`, or another path, leads below the prefix; None for out of it.

    The empty text is the prefix itself; of a circle of links, some place in it.
    """
    # Step by step: a/../../x leaves the prefix for a moment even where its end lies inside.
    at = [""]  # the paths of all directories above, so that none has to be put together again
    todo = list(reversed(name.split("/")))
    links_followed = 0
    while todo:
        steps.take()
        part = todo.pop()
        if part == "..":
            if len(at) == 1:
                return None
            at.pop()
        elif part not in ("", "."):
            target = links.get(at[-1] + part)
            if target is None:
                at.append(f"{at[-1]}{part}/")
                continue
            links_followed += 1
            if links_followed > _MAX_LINKS:
                return at[-1].rstrip("/")  # a circle leads nowhere
            todo += reversed(target.split("/"))
    return at[-1].rstrip("/")


def check_tree(kinds: Mapping[str, str], archive: object) -> None:
    """Refuses members that lie below a file or a link: they could be written through it.

    `kinds` maps names to `file`, `link` or `directory`.
    """
    try:
        above = directories_above(kinds)
        bad = [each for each in above if kinds.get(each, "directory") != "directory"]
    except TooManyDirectories as reason:
        refuse(archive, None, str(reason))
    if bad:
        name = next(each for each in kinds if each.startswith(f"{bad[0]}/"))
        refuse(archive, name, f"lies below `{shown(bad[0])}`, which is a {kinds[bad[0]]}")
