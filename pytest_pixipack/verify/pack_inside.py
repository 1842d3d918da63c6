"""The packages and wheels inside of a pack: each is read whole, one after the other.

`pixipack verify --pack` has to find what `pixipack unpack` will refuse, so that both read in the
same way. One file lies in a temporary copy at a time; of a package only what rules compare is kept.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from pytest_pixipack.artifact import Artifact, Digests, file_digests, read_artifact
from pytest_pixipack.cache.scratch import scratch_directory
from pytest_pixipack.errors import Infrastructure, InvalidInput, PixipackError, Unsupported
from pytest_pixipack.facts import RunExports
from pytest_pixipack.pack import Pack, PackMember
from pytest_pixipack.pack.container import Container, open_container
from pytest_pixipack.pack.model import CHANNEL, WHEELS
from pytest_pixipack.pack.records import RECORD_FIELDS
from pytest_pixipack.verify.artifact_files import Mislisted, mislisted
from pytest_pixipack.verify.placed_files import placed_digests
from pytest_pixipack.verify.subject import Subject

T = TypeVar("T")

_CHUNK = 1 << 20
# What a refusal says where nothing is damaged, but something must not be written to a disk. Both
# kinds of refusal are the same error.
_UNSAFE = re.compile(
    r"is refused|is unsafe|`\.\.`|absolute path|a drive|a NUL|leads out|lies below|lies over|"
    r"setuid|device|named pipe|sparse|unknown tar type|hard link|occurs twice|some systems|"
    r"Windows|unpacks to more|larger than it says|more than \d+ (members|bytes)|oversized|"
    r"installers write|control character|does not list|than the directory|two (ways|different)"
)
# Names of members, and what else is quoted: they are nobody's reason. `..` is one.
_QUOTED = re.compile(r"`(?!\.\.`)[^`]*`|'[^']*'")


@dataclass(frozen=True, slots=True)
class Inside:
    """What a package of a pack is when it is read whole.

    `problem` says why it cannot be installed; then nothing else is known but the digests.
    `index` has those fields of its index.json that a record of repodata has, `mislisted` what its
    paths.json says otherwise than the archive, None where it has no such list at all. `artifact` is
    only kept for prefixes, which are compared file by file; its path leads nowhere. `placed` are
    the digests that its files with a placeholder can have in that prefix.
    """

    member: str
    digests: Digests
    problem: PixipackError | None = None
    index: Mapping[str, Any] = field(default_factory=dict)
    run_exports: RunExports | None = None
    mislisted: Sequence[Mislisted] | None = ()
    artifact: Artifact | None = None
    placed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def file_name(self) -> str:
        """`name-version-build.conda` (or `.tar.bz2`)."""
        return PurePosixPath(self.member).name

    @property
    def is_unsafe(self) -> bool:
        """Whether it is refused for what it would do to a disk."""
        return self.problem is not None and is_unsafe(self.problem)


def packages_inside(subject: Subject) -> Mapping[str, Inside]:
    """The subject's pack, package by package, by the names of the members; read once.

    Raises `Infrastructure` where there is no room for a copy.
    """
    pack = subject.pack
    assert pack is not None
    prefix = subject.prefix.path if subject.prefix is not None else None
    return subject.once(
        "packages inside", lambda: {each.member: each for each in _packages(pack, prefix)}
    )


def is_unsafe(problem: PixipackError) -> bool:
    """Whether a package or wheel is refused because it is unsafe, rather than damaged."""
    return _UNSAFE.search(_QUOTED.sub("", problem.message)) is not None


def package_members(pack: Pack) -> Iterator[PackMember]:
    """The package files of a pack."""
    for member in pack.members:
        where = member.name.startswith(f"{CHANNEL}/") and member.name.count("/") == 2
        if member.kind == "file" and where and member.name.endswith((".conda", ".tar.bz2")):
            yield member


def wheel_members(pack: Pack) -> Iterator[PackMember]:
    """The wheels of a pack."""
    for member in pack.members:
        where = member.name.startswith(f"{WHEELS}/") and member.name.count("/") == 1
        if member.kind == "file" and where and member.name.endswith(".whl"):
            yield member


def each_copied(
    pack: Pack, members: Callable[[Pack], Iterator[PackMember]], look: Callable[[Path], T]
) -> Iterator[tuple[PackMember, T]]:
    """What `look` finds in each member, which is given to it as a file of its name."""
    try:
        with open_container(pack.path) as container, scratch_directory() as scratch:
            for member in members(pack):
                name = PurePosixPath(member.name).name
                copied = scratch / name
                _copy(container, member, copied)
                yield member, look(copied)
                copied.unlink()
    except OSError as error:
        raise Infrastructure(
            f"What is in the pack cannot be read: {error.strerror or error}.",
            file=error.filename or pack.path,
            remedy="Check the room for temporary files.",
        ) from None


def _copy(container: Container, member: PackMember, target: Path) -> None:
    with container.open(member.name) as source, target.open("xb") as copy:
        shutil.copyfileobj(source, copy, _CHUNK)


def _packages(pack: Pack, prefix: Path | None) -> Iterator[Inside]:
    look = partial(_inside, prefix=prefix, platform=pack.platform)
    for member, inside in each_copied(pack, package_members, look):
        yield replace(inside, member=member.name)


def _inside(file: Path, *, prefix: Path | None, platform: str) -> Inside:
    """What is in a package file; its member is not known here."""
    try:
        artifact = read_artifact(file)
        placed = {} if prefix is None else placed_digests(file, artifact, prefix, platform)
    except (InvalidInput, Unsupported) as error:
        return Inside("", file_digests(file), error)
    facts = artifact.facts
    return Inside(
        "",
        Digests(facts.sha256 or "", facts.md5 or "", facts.size or 0),
        index={key: artifact.index[key] for key in RECORD_FIELDS if key in artifact.index},
        run_exports=facts.run_exports,
        mislisted=None if facts.files is None else tuple(mislisted(artifact)),
        artifact=None if prefix is None else artifact,
        placed=placed,
    )
