"""The three forms of `pixipack pack`: a tar file, a directory, a script that unpacks itself."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_pixipack.errors import Infrastructure, InvalidInput
from pytest_pixipack.platforms import is_windows

if TYPE_CHECKING:
    from pytest_pixipack.pack import Pack


@dataclass(frozen=True, slots=True)
class PackWriter:
    """What the options ask for. An engine makes the tar; the other forms are made of that."""

    output: Path | None
    executable: bool
    directory: bool
    unpacker: Path | None

    def run(self, platform: str, make: Callable[[Path], Pack]) -> Pack:
        """Calls `make` with the path of the tar to write and gives the pack in the form asked for.

        Raises `InvalidInput` for options that do not fit, and whatever `make` raises.
        """
        unpacker = self._checked_unpacker()
        out = self.output or Path(self._default_name(platform))
        if not (self.executable or self.directory):
            return make(out)
        from pytest_pixipack.cache.scratch import scratch_in
        from pytest_pixipack.pack import read_pack

        with contextlib.ExitStack() as at_end:
            try:
                place = at_end.enter_context(scratch_in(out.parent))
            except OSError as error:
                raise Infrastructure(
                    f"The pack cannot be written: {error.strerror or error}.", file=out
                ) from None
            self._convert(make(place / "environment.tar"), out, unpacker)
        return read_pack(out)

    def _convert(self, pack: Pack, out: Path, unpacker: Path | None) -> None:
        if unpacker is not None:
            from pytest_pixipack.pack.executable import write_executable

            write_executable(out, pack.path, unpacker, pack.platform)
            return
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise InvalidInput(
                "The pack cannot be written: there is something else in its place.",
                file=out,
                remedy="Remove it, or choose another name.",
            )
        complete = pack.path.with_name("complete")
        pack.extract(complete)
        if out.is_dir():
            out.rmdir()
        complete.replace(out)

    def _default_name(self, platform: str) -> str:
        if self.executable:
            return "environment.ps1" if is_windows(platform) else "environment.sh"
        return "environment" if self.directory else "environment.tar"

    def _checked_unpacker(self) -> Path | None:
        if self.executable and self.unpacker is None:
            raise InvalidInput(
                "A script that unpacks itself holds a pixi-unpack, and none was named.",
                remedy="Name one of the pack's platform: --pixi-unpack-source FILE.",
            )
        if self.unpacker is not None and not self.executable:
            raise InvalidInput(
                "--pixi-unpack-source is only used with --create-executable.",
                remedy="Add --create-executable, or leave it out.",
            )
        return self.unpacker
