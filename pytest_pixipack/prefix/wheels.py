"""Installs wheels into a prefix that has a Python, with `installer`; no interpreter is run.

pixi-unpack 0.7.10 asks the interpreter of the prefix and installs with uv (`install_pypi_packages`
in its src/unpack.rs). Where the files go follows from the record of the `python` package (CEP 17
for `python_site_packages_path`), so packs for other platforms can be unpacked, too.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_pixipack.errors import Infrastructure, InvalidInput
from pytest_pixipack.platforms import is_windows
from pytest_pixipack.safe_names import unsafe_name

if TYPE_CHECKING:
    from installer.scripts import LauncherKind
    from installer.sources import WheelFile

INSTALLER = "pytest-pixipack"
# Bytes that all files of one wheel may have, and how often the size of the wheel: zip bombs.
_LARGEST = 16 << 30
_RATIO = 1000
_RATIO_FREE = 64 << 20
_LAUNCHERS: Mapping[str, LauncherKind] = {
    "win-64": "win-amd64", "win-32": "win-ia32", "win-arm64": "win-arm64",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Python:
    """The Python of a prefix: `major.minor`, and where its packages lie below the prefix."""

    version: str
    site_packages: str


def install_wheels(
    wheels: Sequence[Path],
    staged: Path,
    records: Sequence[Mapping[str, Any]],
    *,
    platform: str,
    final_prefix: Path,
) -> None:
    """Installs `wheels` into `staged`, which will be moved to `final_prefix`.

    `records` are those of the conda packages in the prefix; one of them is Python. A file that
    is there already is not replaced. Raises `InvalidInput` for a wheel that is broken or unsafe, or
    where there is no Python, and `Infrastructure` where the prefix cannot be written.
    """
    if not wheels:
        return
    python = _python(records, platform, wheels[0])
    for wheel in sorted(wheels, key=lambda path: path.name):
        with _sentences(wheel), _opened(wheel) as source:
            _install(source, wheel, staged, python, platform, final_prefix)


def _python(records: Sequence[Mapping[str, Any]], platform: str, wheel: Path) -> _Python:
    record = next((each for each in records if each.get("name") == "python"), None)
    if record is None:
        raise InvalidInput(
            f"The wheel {wheel.name} cannot be installed: the pack has no Python.",
            file=wheel,
            remedy="Add `python` to the environment that is packed.",
        )
    version = ".".join(str(record["version"]).split(".")[:2])
    default = "Lib/site-packages" if is_windows(platform) else f"lib/python{version}/site-packages"
    place = str(record.get("python_site_packages_path") or default)
    if reason := unsafe_name(place):
        raise InvalidInput(
            f"The record of python names site packages at {place!r}, which is unsafe: {reason}."
        )
    return _Python(version, place)


def _install(
    source: WheelFile,
    wheel: Path,
    staged: Path,
    python: _Python,
    platform: str,
    final_prefix: Path,
) -> None:
    import installer
    from installer.destinations import SchemeDictionaryDestination
    from packaging.utils import canonicalize_name

    _refuse_unsafe(wheel)
    source.validate_record()
    windows = is_windows(platform)
    site_packages = str(staged / python.site_packages)
    headers = "Include" if windows else f"include/site/python{python.version}"
    scripts = staged / ("Scripts" if windows else "bin")
    destination = SchemeDictionaryDestination(
        {
            "purelib": site_packages,
            "platlib": site_packages,
            "headers": str(staged / headers / canonicalize_name(source.distribution)),
            "scripts": str(scripts),
            "data": str(staged),
        },
        # By its full name, as uv does.
        interpreter=str(
            final_prefix / ("python.exe" if windows else f"bin/python{python.version}")
        ),
        script_kind=_LAUNCHERS.get(platform, "posix"),
    )
    # An empty REQUESTED says that a person asked for it (the PyPA specification "Recording
    # installed projects"); uv writes it for each wheel that it is given.
    installer.install(source, destination, {"INSTALLER": INSTALLER.encode(), "REQUESTED": b""})
    for name in _scripts(source):
        _make_executable(scripts / name)


def _scripts(source: WheelFile) -> Iterator[str]:
    """The files that the wheel itself brings for `bin`; few zips know that they are programs."""
    for (path, _, _), _, _ in source.get_contents():
        directory, _, name = path.partition("/scripts/")
        if name and directory == source.data_dir:
            yield name


def _make_executable(path: Path) -> None:
    mode = path.stat().st_mode
    path.chmod(mode | (mode & 0o444) >> 2)


def _refuse_unsafe(wheel: Path) -> None:
    """Names that leave the prefix on some system, and more bytes than a wheel would have."""
    most = min(_LARGEST, max(_RATIO_FREE, wheel.stat().st_size * _RATIO))
    seen: set[str] = set()
    total = 0
    with zipfile.ZipFile(wheel) as archive:
        for info in archive.infolist():
            name = info.filename.rstrip("/")
            # The upper half has the mode of Unix; links and devices are none of a wheel's.
            kind = info.external_attr >> 16 & 0o170000
            reason = unsafe_name(name)
            if reason is None and kind not in (0, 0o100000, 0o040000):
                reason = "it is a link or a device"
            if reason is None and name.casefold() in seen:
                reason = "it occurs twice, or once on some systems"
            total += info.file_size
            if reason is None and total > most:
                reason = f"with it, the wheel unpacks to more than {most} bytes"
            if reason is not None:
                raise InvalidInput(
                    f"The wheel is refused: its member {info.filename!r} is unsafe: {reason}.",
                    file=wheel,
                    remedy="Nothing was installed. Get the wheel from where it was made.",
                )
            seen.add(name.casefold())


@contextmanager
def _opened(wheel: Path) -> Iterator[WheelFile]:
    from installer.sources import WheelFile

    with WheelFile.open(wheel) as source:
        yield source


@contextmanager
def _sentences(wheel: Path) -> Iterator[None]:
    from installer.exceptions import InstallerError

    try:
        yield
    except FileExistsError as error:
        raise InvalidInput(
            f"The wheel cannot be installed: {str(error).rstrip('.')}.",
            file=wheel,
            remedy="Two packages of the pack have this file; leave one of them out.",
        ) from None
    except OSError as error:
        raise Infrastructure(
            f"The wheel cannot be installed: {error.strerror or error}.",
            file=wheel,
            remedy="Check free space and permissions.",
        ) from None
    except (
        InstallerError, zipfile.BadZipFile, ValueError, KeyError, AssertionError, EOFError,
        NotImplementedError, RuntimeError,
    ) as error:  # fmt: skip
        # `installer` trusts its wheels: what is odd in one comes as any of these.
        what = "; ".join(str(error).splitlines()) or type(error).__name__
        raise InvalidInput(
            f"The file is not a wheel that can be installed: {what.rstrip('.')}.",
            file=wheel,
            remedy="Get or make the wheel again.",
        ) from None
