"""Unpacks packs into prefixes as pixi-unpack 0.7.10 does (its src/unpack.rs)."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_pixipack.cache.scratch import scratch_in
from pytest_pixipack.errors import Infrastructure, InvalidInput, PixipackError
from pytest_pixipack.pack.model import CHANNEL, REPODATA, WHEELS, Pack
from pytest_pixipack.pack.read import read_pack
from pytest_pixipack.platforms import current_platform
from pytest_pixipack.safe_names import folded, quoted, shown, unsafe_name

if TYPE_CHECKING:
    from pytest_pixipack.artifact import ArtifactLimits
    from pytest_pixipack.prefix import InstallRecord, Prefix


def unpack(
    pack: Pack | Path,
    out: Path,
    *,
    platform: str | None = None,
    cache_dir: Path | None = None,
    env_name: str = "env",
    shells: Sequence[str] | None = None,
    execute_link_scripts: bool = False,
    limits: ArtifactLimits | None = None,
) -> Prefix:
    """Installs the packages of a pack at `out`/`env_name` and writes the activation scripts beside.

    The pack must be for `platform`, by default this machine's. `shells` are those to write scripts
    for (see `prefix.SHELLS`), by default the one that pixi-unpack takes: bash, on Windows cmd.
    Everything is extracted and installed in a directory beside the target (or below `cache_dir`)
    and moved when it is complete; where it fails, nothing is left at the target. Unlike
    pixi-unpack, digests are verified and an environment that is already there is not changed.

    `limits` are those of each package in it. Wheels are installed, too, without running the
    environment's Python.

    Raises `InvalidInput`, `Unsupported` (format, shell) or `Infrastructure`.
    """
    from pytest_pixipack.artifact import DEFAULT_LIMITS
    from pytest_pixipack.prefix.activation import check_shell, default_shell, script_name
    from pytest_pixipack.prefix.install import install

    if isinstance(pack, Path):
        pack = read_pack(pack)
    wanted = platform or current_platform()
    for shell in shells or ():
        check_shell(shell)
    shells = shells or (default_shell(wanted),)
    _refuse(pack, wanted, env_name, {script_name(shell) for shell in shells})
    out = Path(os.path.abspath(out))  # noqa: PTH100 - resolve() would follow links
    prefix = out / env_name
    with _scratch(out, cache_dir) as scratch, _named_in(pack, scratch / "pack") as extracted:
        pack.extract(extracted)
        installed = install(
            list(_install_records(pack, extracted)),
            prefix,
            platform=wanted,
            cache_dir=scratch if cache_dir else None,
            execute_link_scripts=execute_link_scripts,
            wheels=[extracted / WHEELS / name for name in pack.wheels],
            limits=limits or DEFAULT_LIMITS,
        )
    try:
        _write_activation(out, prefix, wanted, shells)
    except BaseException:
        shutil.rmtree(prefix, ignore_errors=True)
        raise
    return installed


@contextmanager
def _named_in(pack: Pack, extracted: Path) -> Iterator[Path]:
    """Names the pack and the member in errors about what was extracted, which is gone by then."""
    place = f"{extracted}{os.sep}"
    try:
        yield extracted
    except PixipackError as error:
        file, message = error.file or "", error.message.replace(place, "")
        if file.startswith(place):
            member = Path(file.removeprefix(place)).as_posix()
            file, message = str(pack.path), f"{shown(member)}: {message}"
        raise type(error)(
            message,
            file=str(pack.path) if file == str(extracted) else file or None,
            line=error.line,
            column=error.column,
            package=error.package,
            remedy=error.remedy,
        ) from None


def _refuse(pack: Pack, platform: str, env_name: str, scripts: Collection[str]) -> None:
    reason = "it has a slash" if "/" in env_name else unsafe_name(env_name)
    if folded(env_name) in scripts:
        reason = "the activation script has that name"
    if reason is not None:
        raise InvalidInput(
            f"{quoted(env_name)} cannot be the name of an environment: {reason}.",
            remedy="Choose another name.",
        )
    if pack.platform != platform:
        raise InvalidInput(
            f"The pack was created for a different platform: {shown(pack.platform)}, not "
            f"{platform}.",
            file=pack.path,
            remedy=f"Unpack it on {shown(pack.platform)}, or pack again for {platform}.",
        )


def _install_records(pack: Pack, extracted: Path) -> Iterator[InstallRecord]:
    from pytest_pixipack.prefix import InstallRecord

    present = {member.name for member in pack.members}
    for subdir in sorted({name.split("/")[1] for name in present if name.count("/") == 2}):
        if f"{CHANNEL}/{subdir}/{REPODATA}" in present:
            continue
        if any(name.startswith(f"{CHANNEL}/{subdir}/") for name in present):
            raise InvalidInput(
                f"The pack has no {REPODATA} for {shown(subdir)}.",
                file=pack.path,
                remedy="Pack again.",
            )
    for subdir, content in pack.repodata.items():
        entries = {**content.get("packages.conda", {}), **content.get("packages", {})}
        for file_name in sorted(entries):
            member = f"{CHANNEL}/{subdir}/{file_name}"
            if member not in present:
                raise InvalidInput(
                    f"The pack's {REPODATA} for {shown(subdir)} names {shown(file_name)}, which "
                    "is not in it.",
                    file=pack.path,
                    package=entries[file_name].get("name"),
                    remedy="Pack again.",
                )
            yield InstallRecord(extracted / member, entries[file_name])


@contextmanager
def _scratch(out: Path, cache_dir: Path | None) -> Iterator[Path]:
    made = not out.exists()
    try:
        out.mkdir(parents=True, exist_ok=True)
        parent = cache_dir or out
        parent.mkdir(parents=True, exist_ok=True)
        stack = ExitStack()
        scratch = stack.enter_context(scratch_in(parent))
    except OSError as error:
        raise _cannot_write(out, error) from None
    try:
        with stack:
            yield scratch
    finally:
        if made and not any(out.iterdir()):
            out.rmdir()


def _write_activation(out: Path, prefix: Path, platform: str, shells: Sequence[str]) -> None:
    from pytest_pixipack.prefix.activation import activation_script, script_name

    texts = {
        shell: activation_script(prefix, platform=platform, shell=shell).encode()
        for shell in shells
    }
    for shell, text in texts.items():
        temporary = out / f".pixipack-{secrets.token_hex(8)}.tmp"
        try:
            temporary.write_bytes(text)
            temporary.replace(out / script_name(shell))
        except OSError as error:
            raise _cannot_write(out, error) from None
        finally:
            temporary.unlink(missing_ok=True)


def _cannot_write(path: Path, error: OSError) -> Infrastructure | InvalidInput:
    if error.errno in (errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ELOOP):
        return InvalidInput(
            "The pack cannot be unpacked here: something else has the name of a directory.",
            file=error.filename or path,
            remedy="Nothing was unpacked. Choose another directory (-o).",
        )
    return Infrastructure(
        f"The pack cannot be unpacked: {error.strerror or error}.",
        file=path,
        remedy="Nothing was unpacked. Check free space and permissions.",
    )
