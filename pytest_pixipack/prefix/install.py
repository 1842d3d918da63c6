"""Installs package files into a prefix with py-rattler."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_pixipack.aio import run_async
from pytest_pixipack.artifact import DEFAULT_LIMITS, ArtifactLimits
from pytest_pixipack.cache.scratch import scratch_in
from pytest_pixipack.errors import Infrastructure, InvalidInput, PixipackError, Unsupported
from pytest_pixipack.file_urls import file_url
from pytest_pixipack.prefix.checked import InstallRecord, check_packages
from pytest_pixipack.prefix.extracted import extract_packages, rattler_errors
from pytest_pixipack.prefix.model import HISTORY, META, Prefix, read_prefix
from pytest_pixipack.prefix.wheels import install_wheel

if TYPE_CHECKING:
    from rattler import RepoDataRecord

# What pixi-unpack writes (create_prefix in its src/unpack.rs).
HISTORY_TEXT = "// not relevant for pixi but for `conda run -p`"
# How often a directory is tried to be removed, 20 ms apart.
_PATIENCE = 50


def install(
    records: Sequence[InstallRecord],
    prefix: Path,
    *,
    platform: str,
    cache_dir: Path | None = None,
    final_prefix: Path | None = None,
    execute_link_scripts: bool = False,
    wheels: Sequence[Path] = (),
    limits: ArtifactLimits = DEFAULT_LIMITS,
) -> Prefix:
    """Makes a new environment for `platform` (any subdir) at `prefix` and reads it back.

    `prefix` must be absent or empty; it appears only when it is complete. `final_prefix` is the
    path that is written into files instead of `prefix`, for one that will be moved. Packages are
    extracted to a directory of their own, below `cache_dir` where it is given, which is removed
    afterwards: a cache that is shared and keyed by file name would mix up packages of one name.
    Link scripts run only where `execute_link_scripts` is set. `wheels` are installed after the
    conda packages, one of which has to be Python.

    Only local files are installed; nothing is fetched. A file that has not the sha256 or md5 of its
    record, or whose members are unsafe or beyond `limits`, is refused before anything is written.
    Raises `InvalidInput`, `Unsupported` or `Infrastructure`.
    """
    prefix = Path(os.path.abspath(prefix))  # noqa: PTH100 - resolve() would follow links
    _refuse_existing(prefix)
    checked = check_packages(records, wheels, platform, limits)
    with _scratch(prefix) as scratch, _work(cache_dir, scratch) as cache:
        staged = scratch / "prefix"
        with _without_scratch(staged, cache):
            rattler_records = [_rattler_record(record, scratch) for record in records]
            extract_packages([(record.path, record.record) for record in records], cache)
            _run_install(
                rattler_records,
                staged,
                platform=platform,
                cache_dir=cache,
                alternative_target_prefix=final_prefix or prefix,
                execute_link_scripts=execute_link_scripts,
            )
            for path, wheel in checked.wheels.items():
                assert checked.places is not None
                install_wheel(
                    path,
                    wheel,
                    staged,
                    checked.places,
                    platform=platform,
                    prefix=final_prefix or prefix,
                )
            _write_history(staged)
            found = read_prefix(staged)
        _move(staged, prefix)
    return replace(found, path=prefix)


def _refuse_existing(prefix: Path) -> None:
    try:
        taken = any(prefix.iterdir()) if prefix.is_dir() else os.path.lexists(prefix)
    except OSError as error:
        raise _cannot_write(prefix, error) from None
    if taken:
        raise InvalidInput(
            "The environment cannot be installed: there is something in its place.",
            file=prefix,
            remedy="Remove it, or choose another directory.",
        )


@contextmanager
def _scratch(prefix: Path) -> Iterator[Path]:
    """A directory beside the prefix, so that it can be moved and hard links work."""
    with ExitStack() as stack:
        try:
            prefix.parent.mkdir(parents=True, exist_ok=True)
            scratch = stack.enter_context(scratch_in(prefix.parent))
        except OSError as error:
            raise _cannot_write(prefix, error) from None
        try:
            yield scratch
        finally:
            _remove(scratch)


def _remove(directory: Path) -> None:
    """Removes a directory, also where threads of rattler still write to it after a failure."""
    for _ in range(_PATIENCE):
        shutil.rmtree(directory, ignore_errors=True)
        if not directory.exists():
            return
        time.sleep(0.02)


@contextmanager
def _work(cache_dir: Path | None, scratch: Path) -> Iterator[Path]:
    if cache_dir is None:
        yield scratch / "cache"
        return
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        own = Path(tempfile.mkdtemp(prefix="install-", dir=cache_dir))
    except OSError as error:
        raise _cannot_write(cache_dir, error) from None
    try:
        yield own
    finally:
        shutil.rmtree(own, ignore_errors=True)


def _rattler_record(record: InstallRecord, scratch: Path) -> RepoDataRecord:
    """The record as rattler has it; repodata is the only form in which it reads all fields."""
    from rattler import Channel, RepoData, RepoDataRecord

    values = {key: value for key, value in record.record.items() if value is not None}
    file = scratch / "record.json"
    subdir = values.get("subdir")
    document = {"info": {"subdir": subdir}, "packages.conda": {record.file_name: values}}
    with rattler_errors(f"The record of {record.file_name} cannot be used", record.path):
        file.write_text(json.dumps(document), encoding="utf-8")
        found = RepoData.from_path(file).into_repo_data(Channel("file:///pack"))
        if len(found) != 1:
            raise ValueError("it is not that of a conda package")
        # pixi-unpack names no channel; the type says str, the library takes None.
        no_channel: Any = None
        return RepoDataRecord(found[0], record.file_name, file_url(record.path), no_channel)


def _run_install(
    records: list[RepoDataRecord], staged: Path, *, platform: str, **options: Any
) -> None:
    from rattler import install as rattler_install
    from rattler.exceptions import ParseSubdirError
    from rattler.platform import Subdir

    try:
        subdir = Subdir(platform)
    except ParseSubdirError:
        raise Unsupported(
            f"{platform!r} is no platform that packages can be installed for."
        ) from None
    with rattler_errors("The environment cannot be installed", None):
        run_async(
            lambda: rattler_install(
                records,
                staged,
                platform=subdir,
                show_progress=False,
                installed_packages=[],
                **options,
            )
        )


def _write_history(staged: Path) -> None:
    try:
        meta = staged / META
        meta.mkdir(parents=True, exist_ok=True)
        (meta / HISTORY).write_bytes(HISTORY_TEXT.encode())
    except OSError as error:
        raise _cannot_write(staged, error) from None


def _move(staged: Path, prefix: Path) -> None:
    try:
        if prefix.is_dir():
            prefix.rmdir()
        staged.rename(prefix)
    except OSError as error:
        raise _cannot_write(prefix, error) from None


@contextmanager
def _without_scratch(staged: Path, cache: Path) -> Iterator[None]:
    """Leaves directories that are gone by the time a message is read out of it."""
    try:
        yield
    except PixipackError as error:
        gone = re.compile("|".join(re.escape(str(each)) + r"[\\/]?" for each in (staged, cache)))
        file = error.file
        if file is not None and gone.match(file):
            file = gone.sub("", file) or None
        raise type(error)(
            gone.sub("", error.message),
            file=file,
            line=error.line,
            column=error.column,
            package=error.package,
            remedy=error.remedy,
        ) from None


def _cannot_write(path: Path, error: OSError) -> Infrastructure:
    return Infrastructure(
        f"The environment cannot be written: {error.strerror or error}.",
        file=path,
        remedy="Nothing was installed. Check free space and permissions.",
    )
