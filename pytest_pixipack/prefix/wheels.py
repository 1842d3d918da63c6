"""Installs wheels into a prefix that has a Python, with `installer`; no interpreter is run.

pixi-unpack 0.7.10 asks the interpreter of the prefix and installs with uv (`install_pypi_packages`
in its src/unpack.rs). Where the files go follows from the record of the `python` package (CEP 17
for `python_site_packages_path`), so packs for other platforms can be unpacked, too.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from pytest_pixipack.artifact.safety import is_record
from pytest_pixipack.artifact.wheels import Wheel
from pytest_pixipack.errors import Infrastructure, InvalidInput
from pytest_pixipack.platforms import is_windows
from pytest_pixipack.safe_names import quoted, shown, unsafe_name

if TYPE_CHECKING:
    from installer.scripts import LauncherKind

INSTALLER = "pytest-pixipack"
_LAUNCHERS: Mapping[str, LauncherKind] = {
    "win-64": "win-amd64", "win-32": "win-ia32", "win-arm64": "win-arm64",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class WheelPlaces:
    """Where wheels go in a prefix with this Python; paths are below the prefix, with `/`."""

    python: str
    windows: bool
    site_packages: str

    def of(self, wheel: Wheel) -> Mapping[str, str]:
        """The directories of a wheel's schemes (uv: those that `sysconfig` gives)."""
        from packaging.utils import canonicalize_name

        # `lib/python3.13t/site-packages`: the headers' directory has the same name.
        library = PurePosixPath(self.site_packages).parent
        own = library.name if library.parent.name == "lib" else f"python{self.python}"
        headers = "Include" if self.windows else f"include/{own}"
        return {
            "purelib": self.site_packages,
            "platlib": self.site_packages,
            "headers": f"{headers}/{canonicalize_name(wheel.name)}",
            "scripts": "Scripts" if self.windows else "bin",
            "data": "",
        }

    @property
    def interpreter(self) -> str:
        """The program that scripts are run with, by its full name, as uv does."""
        return "python.exe" if self.windows else f"bin/python{self.python}"


def wheel_places(records: Sequence[Mapping[str, Any]], platform: str, wheel: Path) -> WheelPlaces:
    """Where wheels go, by the conda packages of a prefix, one of which has to be Python.

    Raises `InvalidInput` where none is, naming `wheel`.
    """
    record = next((each for each in records if each.get("name") == "python"), None)
    if record is None:
        raise InvalidInput(
            f"The wheel {wheel.name} cannot be installed: the pack has no Python.",
            file=wheel,
            remedy="Add `python` to the environment that is packed.",
        )
    version = ".".join(str(record["version"]).split(".")[:2])
    windows = is_windows(platform)
    default = "Lib/site-packages" if windows else f"lib/python{version}/site-packages"
    place = str(record.get("python_site_packages_path") or default)
    if reason := unsafe_place(place) or unsafe_place(f"python{version}"):
        raise InvalidInput(
            f"The record of python names site packages at {quoted(place)}, which is unsafe: "
            f"{reason}."
        )
    return WheelPlaces(version, windows, place)


def unsafe_place(place: str) -> str | None:
    """Why packages may not be put into this directory of a prefix, or None."""
    if is_record(place):
        return "only installers write there"
    return unsafe_name(place)


def install_wheel(
    wheel: Path, read: Wheel, staged: Path, places: WheelPlaces, *, platform: str, prefix: Path
) -> None:
    """Installs a wheel that was read into `staged`, which will be moved to `prefix`.

    A file that is there already is not replaced. Raises `InvalidInput` for that, and
    `Infrastructure` where the prefix cannot be written.
    """
    import installer
    from installer.destinations import SchemeDictionaryDestination
    from installer.sources import WheelFile

    destination = SchemeDictionaryDestination(
        {scheme: str(staged / place) for scheme, place in places.of(read).items()},
        interpreter=str(prefix / places.interpreter),
        script_kind=_LAUNCHERS.get(platform, "posix"),
    )
    # An empty REQUESTED says that a person asked for it (the PyPA specification "Recording
    # installed projects"); uv writes it for each wheel that it is given.
    more = {"INSTALLER": INSTALLER.encode(), "REQUESTED": b""}
    with _sentences(wheel, staged), warnings.catch_warnings(), WheelFile.open(wheel) as source:
        warnings.simplefilter("ignore")  # compiled files are left out
        installer.install(source, destination, more)
    scripts = staged / places.of(read)["scripts"]
    for name in read.members:
        scheme, path = read.scheme_of(name)
        if scheme == "scripts":
            _make_executable(scripts / path)  # few zips know that they are programs


def _make_executable(path: Path) -> None:
    mode = path.stat().st_mode
    path.chmod(mode | (mode & 0o444) >> 2)


@contextmanager
def _sentences(wheel: Path, staged: Path) -> Iterator[None]:
    from installer.exceptions import InstallerError

    try:
        yield
    except FileExistsError as error:
        path = str(error).rpartition(f"{staged}")[2].strip("\\/")
        raise InvalidInput(
            f"The wheel {wheel.name} cannot be installed: File already exists: {shown(path)}.",
            file=wheel,
            remedy="Two packages of the pack have this file; leave one of them out.",
        ) from None
    except OSError as error:
        raise Infrastructure(
            f"The wheel {wheel.name} cannot be installed: {error.strerror or error}.",
            file=wheel,
            remedy="Check free space and permissions.",
        ) from None
    except (InstallerError, ValueError, KeyError, AssertionError, EOFError, RuntimeError) as error:
        # The wheel was read before: this is something in it that `installer` alone stumbles over.
        raise InvalidInput(
            f"The wheel {wheel.name} cannot be installed: it is malformed.",
            file=wheel,
            remedy="Get or make the wheel again.",
        ) from error
