"""Stub channels: what is to be in them, said in Python or in TOML with the same words."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pytest_pixipack.channel.checks import Problem, channel_name
from pytest_pixipack.channel.files import File
from pytest_pixipack.channel.layers import (
    DEFAULT_KEYS,
    PACKAGE_KEYS,
    Fields,
    StubPackage,
    check_fields,
    expand,
)
from pytest_pixipack.errors import Infrastructure, InvalidInput

if TYPE_CHECKING:
    from pytest_pixipack.channel.build import BuiltChannel
    from pytest_pixipack.channel.server import ChannelServer
    from pytest_pixipack.channel.server_respx import MountedChannel

_VERSION = 1  # counts up when the same spec gives other bytes
_TOP_KEYS = ("name", "defaults", "package")

_Opened = TypeVar("_Opened", "ChannelServer", "MountedChannel")

Files = Mapping[str, "str | bytes | File | Mapping[str, Any] | Literal[False]"]


class StubChannel:
    """A channel of small packages that exist to be solved, installed and packed.

    `StubChannel("mine").add("libz", "1.3", subdirs=["linux-64"]).build(folder)`; `defaults` are
    fields that every package starts with, in the words of `add`.
    """

    def __init__(self, name: str = "stub", *, defaults: Mapping[str, Any] | None = None) -> None:
        self._packages: dict[tuple[str, str], StubPackage] = {}
        # Is told how to close what `serve` and `mount` open.
        self.on_open: Callable[[Callable[[], object]], object] | None = None
        try:
            self.name = channel_name(name, ("name",))
            self._defaults = check_fields(defaults or {}, DEFAULT_KEYS, "the defaults")
        except Problem as problem:
            raise _error(problem, None) from None

    @property
    def packages(self) -> tuple[StubPackage, ...]:
        """All packages, sorted by subdir and file name."""
        return tuple(self._packages[key] for key in sorted(self._packages))

    def add(
        self,
        name: str,
        version: str,
        *,
        build: str | None = None,
        build_number: int | None = None,
        subdirs: Sequence[str] | None = None,
        subdir: str | None = None,
        noarch: Literal["generic", "python"] | None = None,
        depends: Sequence[str] | None = None,
        constrains: Sequence[str] | None = None,
        run_exports: Mapping[str, Sequence[str]] | Sequence[str] | None = None,
        extra_depends: Mapping[str, Sequence[str]] | None = None,
        track_features: Sequence[str] | None = None,
        flags: Sequence[str] | None = None,
        license: str | None = None,
        license_family: str | None = None,
        timestamp: int | datetime | None = None,
        purls: Sequence[str] | None = None,
        python_site_packages_path: str | None = None,
        files: Files | None = None,
        activate: Mapping[str, str] | None = None,
        deactivate: Mapping[str, str] | None = None,
        entry_points: Sequence[str] | None = None,
        about: Mapping[str, Any] | None = None,
        format: Literal["conda", "tar.bz2"] | None = None,
        on: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> StubChannel:
        """Adds a package, for each of its subdirs; noarch generic where no subdir is given.

        `timestamp` is in milliseconds since 1970; `on` has what differs per platform or family
        (`{"win": {"depends": [...]}}`). Returns the channel itself. Raises `InvalidInput`.
        """
        given = {key: value for key, value in locals().items() if value is not None}
        given.pop("self")
        return self._add(given, package=f"{name} {version}")

    def _add(self, given: Mapping[str, Any], package: str) -> StubChannel:
        try:
            self.add_fields(check_fields(given, PACKAGE_KEYS, "a package"))
        except Problem as problem:
            raise _error(problem, package) from None
        return self

    def add_fields(self, fields: Fields, path: tuple[str | int, ...] = ()) -> None:
        """Adds what has been checked already; `path` leads to it in a spec. Raises `Problem`."""
        for package in expand(self._defaults, fields, path):
            key = (package.subdir, package.file_name)
            if key in self._packages:
                raise Problem(
                    f"`{package.file_name}` is in {package.subdir} already.",
                    path,
                    "Give one of them another build string.",
                )
            self._packages[key] = package

    @classmethod
    def from_toml(cls, path: Path) -> StubChannel:
        """Reads a spec; see `load_channel_spec`."""
        return load_channel_spec(path)

    def build(self, out: Path) -> BuiltChannel:
        """Builds the channel; see `build_channel`."""
        from pytest_pixipack.channel.build import build_channel

        return build_channel(self, out)

    def serve(self, **options: Any) -> ChannelServer:
        """Builds the channel into a temporary directory and serves it until the server is closed.

        `options` are those of `ChannelServer`. Of a channel that came from the fixture
        `stub_channel`, the end of the test closes the server.
        """
        return self._opened(lambda built, after: built.serve(**options, after=after))

    def mount(self, router: Any, **options: Any) -> MountedChannel:
        """The same inside Python clients that a respx router mocks; see `mount_channel`."""
        return self._opened(lambda built, after: built.mount(router, **options, after=after))

    def _opened(self, opening: Callable[[BuiltChannel, Callable[[], object]], _Opened]) -> _Opened:
        from pytest_pixipack.cache.scratch import Scratch

        try:
            scratch = Scratch("pixipack-channel-")
        except OSError as error:
            raise Infrastructure(
                f"There is no room for the channel {self.name}: {error.strerror or error}.",
                file=error.filename,
                remedy="Check free space and permissions of the directory for temporary files.",
            ) from None
        try:
            opened = opening(self.build(scratch.path / self.name), scratch.close)
        except BaseException:
            scratch.close()
            raise
        if self.on_open is not None:
            self.on_open(opened.close)
        return opened

    def digest(self) -> str:
        """A hash of all that the built channel depends on; the same on every machine."""
        content = [_VERSION, self.name, [dataclasses.asdict(p) for p in self.packages]]
        text = json.dumps(content, sort_keys=True, default=_plain)
        return hashlib.sha256(text.encode()).hexdigest()


def load_channel_spec(path: Path) -> StubChannel:
    """Reads a stub channel spec in TOML.

    Raises `InvalidInput` with file, line, column and, where there is one, a suggestion. The name of
    the channel is that of the file, unless the spec gives one.
    """
    from pytest_pixipack.toml_positions import load_toml

    data, positions = load_toml(path)
    for key in data:
        if key not in _TOP_KEYS:
            raise positions.unknown_key(key, known=_TOP_KEYS, where="a stub channel spec")
    package: str | None = None
    try:
        channel = StubChannel(channel_name(data.get("name", path.stem), ("name",)))
        channel._defaults = check_fields(
            data.get("defaults", {}), DEFAULT_KEYS, "the defaults", ("defaults",)
        )
        packages = data.get("package", [])
        if not isinstance(packages, list):
            raise Problem("Packages are written as `[[package]]`.", ("package",))
        for index, given in enumerate(packages):
            at = ("package", index)
            package = given.get("name") if isinstance(given, dict) else None
            package = package if isinstance(package, str) else None
            channel.add_fields(check_fields(given, PACKAGE_KEYS, "a package", at), at)
    except Problem as problem:
        raise positions.error(
            problem.message, *problem.path, package=package, remedy=problem.remedy
        ) from None
    return channel


def _error(problem: Problem, package: str | None) -> InvalidInput:
    where = ".".join(str(part) for part in problem.path)
    message = f"{package or 'stub channel'}: {problem.message}"
    if where and where not in problem.message:
        message = f"{package or 'stub channel'}, {where}: {problem.message}"
    return InvalidInput(message, package=package, remedy=problem.remedy)


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    raise TypeError(type(value))
