"""What goes into a pack and what is found in one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pytest_pixipack.facts import PackageFacts

if TYPE_CHECKING:
    from pytest_pixipack.prefix import Prefix

# The pack format that pixi-pack reads and writes (DEFAULT_PIXI_PACK_VERSION in its src/lib.rs).
FORMAT_VERSION = "1"
# The pixi-pack whose bytes are reproduced.
TOOL_VERSION = "0.7.10"
CHANNEL = "channel"
WHEELS = "pypi"
METADATA = "pixi-pack.json"
ENVIRONMENT = "environment.yml"
REPODATA = "repodata.json"

PackForm = Literal["tar", "directory", "executable"]
MemberKind = Literal["file", "directory"]


@dataclass(frozen=True, slots=True)
class PackedPackage:
    """A conda package to be packed: where its file is, and its repodata record."""

    subdir: str
    file_name: str
    path: Path
    record: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PackedWheel:
    """A wheel to be packed; name and version are written as `name==version`."""

    file_name: str
    path: Path
    name: str
    version: str


@dataclass(frozen=True, slots=True)
class PackMember:
    """One member of a pack: `name` with `/`, `size` in bytes, `mode` as permission bits.

    `sha256` is that of a file's content, None for directories.
    """

    name: str
    kind: MemberKind
    size: int
    mode: int
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class EnvironmentYml:
    """`environment.yml`: what conda and micromamba would install from the pack.

    `pip` holds the lines below `pip:`, options such as `--no-index` included.
    """

    channels: tuple[str, ...] = ()
    dependencies: tuple[str, ...] = ()
    pip: tuple[str, ...] = ()
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """A pack as it was read. Nothing in it has been compared with anything else.

    `repodata` maps each subdir to its `repodata.json`; `records` are all packages named there, in
    the order of subdir and file; `metadata` is `pixi-pack.json` with all its keys.
    """

    path: Path
    form: PackForm
    platform: str
    format_version: str
    tool_version: str | None
    metadata: Mapping[str, Any]
    repodata: Mapping[str, Mapping[str, Any]]
    environment_yml: EnvironmentYml | None
    members: tuple[PackMember, ...]
    records: tuple[PackageFacts, ...] = field(default=())
    unpacker: Callable[[Pack, Path | None], Prefix] | None = field(
        default=None, compare=False, repr=False
    )

    @property
    def packages(self) -> Mapping[str, PackageFacts]:
        """The packages by name. Of two with one name the last; `records` has both.

        Their `files` are read when they are asked for, those of `records` are not known.
        """
        from pytest_pixipack.pack.packed_files import PackedFiles

        members = {
            member.name.rpartition("/")[2]: member.name
            for member in self.members
            if member.kind == "file" and member.name.startswith(f"{CHANNEL}/")
        }

        def with_files(facts: PackageFacts) -> PackageFacts:
            member = members.get(facts.file_name or "")
            return facts if member is None else replace(facts, files=PackedFiles(self.path, member))

        return {facts.name: with_files(facts) for facts in self.records}

    @property
    def wheels(self) -> tuple[str, ...]:
        """The file names below `pypi/`."""
        start = f"{WHEELS}/"
        return tuple(
            member.name.removeprefix(start)
            for member in self.members
            if member.kind == "file" and member.name.startswith(start)
        )

    def __repr__(self) -> str:
        many = f"<{len(self.records)} packages>"
        return f"Pack(path={self.path!r}, platform={self.platform!r}, records={many})"

    def member(self, name: str) -> PackMember | None:
        """The member of that name, if there is one."""
        return next((member for member in self.members if member.name == name), None)

    def unpack(self, out: Path | None = None) -> Prefix:
        """Installs the pack with the engine that made it, else in this process.

        The environment is `out`/`env`; without `out`, a directory beside the pack is taken. Raises
        as `pack.unpack` does.
        """
        if self.unpacker is not None:
            return self.unpacker(self, out)
        from pytest_pixipack.pack.unpack import unpack

        return unpack(self, out or self.path.with_name(f"{self.path.stem}-unpacked"))

    def extract(self, directory: Path) -> None:
        """Writes all members below `directory`, which is made where it is missing.

        Raises `InvalidInput` where a member is unsafe or the file changed since it was read, and
        `Infrastructure` where it cannot be written.
        """
        from pytest_pixipack.pack.extract import extract

        extract(self, directory)
