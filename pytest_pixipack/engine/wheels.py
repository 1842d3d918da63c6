"""The wheels of a pack: those that the lock names, and those that are added to it.

pixi-pack 0.7.10 copies wheels without a look at the digests in the lock (`download_pypi_package` in
its src/pack.rs); here each is checked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from pytest_pixipack.artifact.wheels import read_wheel_of
from pytest_pixipack.engine.fetch import PackageFiles
from pytest_pixipack.errors import InvalidInput, Unsupported
from pytest_pixipack.lock import LockedPackage
from pytest_pixipack.lock.pypi_files import DIRECT, file_name, why_no_wheel
from pytest_pixipack.pack import PackedWheel
from pytest_pixipack.redaction import public_url


def locked_wheels(
    packages: Iterable[LockedPackage],
    files: PackageFiles,
    lock_file: str | None,
    *,
    ignore_other: bool = False,
) -> Iterator[PackedWheel]:
    """The wheels of the PyPI packages among `packages`, fetched and checked, in their order.

    With `ignore_other`, packages that are no wheels are left out (pixi-pack's
    `--ignore-pypi-non-wheel`). Raises `Unsupported` for the first of them otherwise, and what
    `PackageFiles.path_of` raises.
    """
    for package in packages:
        if package.kind != "pypi":
            continue
        if (reason := why_no_wheel(package)) is None:
            path = files.path_of_wheel(package.facts, package.location.removeprefix(DIRECT))
            wheel = packed_wheel(path, file_name(package.location))
            if package.facts.sha256 is None and package.facts.md5 is None:
                _check_identity(package, path, wheel)
            yield replace(wheel, version=_spelled(wheel.version, package.version))
        elif not ignore_other:
            raise Unsupported(
                f"The PyPI package {package.name} cannot be packed: {reason}"
                f" ({public_url(package.location)}).",
                file=lock_file,
                package=package.name,
                remedy="Depend on a release that has a wheel, build a wheel of it and inject that, "
                "or leave it out with --ignore-pypi-non-wheel.",
            )


def _check_identity(package: LockedPackage, path: Path, wheel: PackedWheel) -> None:
    """What is locked without a digest has to be a wheel at least, and one of that project."""
    from packaging.utils import canonicalize_name

    with path.open("rb") as file:
        found = read_wheel_of(file, path.with_name(wheel.file_name), complete=False)
    if canonicalize_name(found.name) != canonicalize_name(package.name):
        raise InvalidInput(
            f"{wheel.file_name} is not the wheel that was locked: it is of {found.name}, the lock "
            f"says {package.name}.",
            file=path,
            package=package.name,
            remedy="Lock again, or restore the file.",
        )


def _spelled(version: str, locked: str | None) -> str:
    """The version of the file, spelled as in the lock ("1.0" there may be "1.0.0" here).

    A lock need not say it: then rattler_lock takes a placeholder, which is no version of the file.
    """
    from packaging.version import InvalidVersion, Version

    try:
        same = locked is not None and Version(locked) == Version(version)
    except InvalidVersion:
        same = False
    return locked if same and locked is not None else version


def packed_wheel(path: Path, name_in_lock: str | None = None) -> PackedWheel:
    """A wheel file as a member of a pack; name and version come from its file name (PEP 427).

    Raises `InvalidInput` where that is no name of a wheel.
    """
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename

    whole = name_in_lock or path.name
    try:
        name, version, _, _ = parse_wheel_filename(whole)
    except InvalidWheelFilename as error:
        raise InvalidInput(
            f"{whole} is not the name of a wheel: {str(error).rstrip('.')}.",
            file=path,
            remedy="A wheel is named NAME-VERSION-PYTHON-ABI-PLATFORM.whl.",
        ) from None
    return PackedWheel(whole, path, name, str(version))
