"""Building stub channels on disk: package files, `repodata.json`, `run_exports.json`.

The layout is that of conda channels (CEP 12 for `run_exports.json`); conda, rattler and pixi read
it through a `file://` URL.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_pixipack.artifact import Digests, file_digests, write_artifact
from pytest_pixipack.cache.scratch import scratch_in
from pytest_pixipack.channel.layers import StubPackage
from pytest_pixipack.channel.spec import StubChannel, load_channel_spec
from pytest_pixipack.errors import Infrastructure, InvalidInput, PixipackError
from pytest_pixipack.facts import PackageFacts, RunExports
from pytest_pixipack.file_urls import file_url

if TYPE_CHECKING:
    from pytest_pixipack.channel.server import ChannelServer
    from pytest_pixipack.channel.server_respx import MountedChannel

MARKER = ".pixipack-channel.json"
# What renaming a directory to the name of another one ends with.
_IS_THERE = (errno.EEXIST, errno.ENOTEMPTY, *([errno.EACCES] if os.name == "nt" else []))
_ATTEMPTS = 20


@dataclass(frozen=True, slots=True)
class BuiltChannel:
    """A stub channel on disk; `packages` are sorted by subdir and file name."""

    path: Path
    name: str
    packages: tuple[PackageFacts, ...]

    @property
    def url(self) -> str:
        """The `file://` URL of the channel, without a trailing slash."""
        return file_url(self.path.resolve())

    def package_path(self, package: PackageFacts) -> Path:
        """Where the file of one of its packages is."""
        return self.path / str(package.subdir) / str(package.file_name)

    def serve(self, **options: Any) -> ChannelServer:
        """A server of this channel on the loopback interface; close it, or use it with `with`.

        `options` are those of `ChannelServer`: `faults`, `port`, `basic`, `bearer`, `token`, `tls`.
        """
        from pytest_pixipack.channel.server import ChannelServer

        return ChannelServer({self.name: self.path}, **options)

    def mount(self, router: Any, **options: Any) -> MountedChannel:
        """Makes a respx router answer for this channel; `options` are those of `mount_channel`."""
        from pytest_pixipack.channel.server_respx import mount_channel

        return mount_channel(router, self.name, self.path, **options)


def repodata_record(index: Mapping[str, Any], digests: Digests, file_name: str) -> dict[str, Any]:
    """The entry of `repodata.json` for a package: its index, its digests, keys sorted.

    Raises `InvalidInput` naming `file_name` where the index has no name.
    """
    if not index.get("name"):
        raise InvalidInput("The package's index.json has no name.", file=file_name)
    record = {key: value for key, value in index.items() if value is not None}
    record.setdefault("depends", [])
    record |= {"md5": digests.md5, "sha256": digests.sha256, "size": digests.size}
    return dict(sorted(record.items()))


def build_channel_from_file(spec: Path, out: Path) -> BuiltChannel:
    """Builds what a TOML spec describes; raises as `load_channel_spec` and `build_channel` do."""
    return build_channel(load_channel_spec(spec), out)


def build_channel(spec: StubChannel, out: Path) -> BuiltChannel:
    """Builds a channel into `out`, which appears complete or stays as it was.

    An existing directory is replaced only if it is empty or holds nothing but a stub channel;
    otherwise `InvalidInput`. `Infrastructure` where the target cannot be written. Of several that
    build into one directory at the same time, the last one's channel stays.
    """
    out = out.resolve()
    _check_target(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with scratch_in(out.parent) as scratch:
            fresh = scratch / "channel"
            assemble(spec, fresh)
            # Read here: where it goes, another process may replace it at once.
            found = _loaded(fresh, out)
            _put(fresh, out)
            return found
    except OSError as error:
        raise unwritable(out, error) from None
    except Infrastructure as error:
        raise Infrastructure(error.message, file=out, remedy=error.remedy) from None


def assemble(spec: StubChannel, folder: Path) -> None:
    """Writes a channel into a folder that does not exist yet. Raises `OSError`."""
    subdirs: dict[str, list[StubPackage]] = {"noarch": []}
    for package in spec.packages:
        subdirs.setdefault(package.subdir, []).append(package)
    folder.mkdir()
    for subdir, packages in subdirs.items():
        (folder / subdir).mkdir()
        _write_subdir(folder / subdir, packages)
    marker = {"name": spec.name, "spec": spec.digest(), "files": _files(folder)}
    _write_json(folder / MARKER, marker)


def _write_subdir(folder: Path, packages: list[StubPackage]) -> None:
    repodata: dict[str, Any] = {
        "info": {"subdir": folder.name},
        "packages": {},
        "packages.conda": {},
        "removed": [],
        "repodata_version": 1,
    }
    exports: dict[str, Any] = {
        "info": {"subdir": folder.name, "version": 1},
        "packages": {},
        "packages.conda": {},
    }
    for package in packages:
        path = folder / package.file_name
        run_exports = package.run_exports.to_json()
        try:
            write_artifact(
                path,
                package.index(),
                package.members(),
                run_exports=run_exports,
                about=package.about or None,
                extra_info=_link_json(package),
            )
        except InvalidInput as error:
            raise InvalidInput(
                error.message, file=f"{folder.name}/{package.file_name}", package=package.name
            ) from None
        section = "packages.conda" if package.format == "conda" else "packages"
        record = repodata_record(package.index(), file_digests(path), package.file_name)
        repodata[section][package.file_name] = record
        exports[section][package.file_name] = {"run_exports": run_exports}
    _write_json(folder / "repodata.json", repodata)
    _write_json(folder / "run_exports.json", exports)


def _link_json(package: StubPackage) -> dict[str, bytes]:
    # conda-build writes it for every noarch package.
    if package.noarch is None:
        return {}
    noarch: dict[str, Any] = {"type": package.noarch}
    if package.noarch == "python":
        noarch["entry_points"] = list(package.entry_points)
    link = {"noarch": noarch, "package_metadata_version": 1}
    return {"link.json": json.dumps(link, indent=2).encode()}


def load_built_channel(path: Path) -> BuiltChannel:
    """Reads a channel that was built here. Raises `InvalidInput` for any other directory."""
    return _loaded(path, path)


def _loaded(now: Path, path: Path) -> BuiltChannel:
    """The channel that is to be at `path`, and is read where it is `now`."""
    marker = _read_json(now / MARKER)
    if not isinstance(marker, dict):
        raise InvalidInput("This directory is not a stub channel.", file=path)
    url, packages = file_url(path.resolve()), []
    for folder in sorted(entry for entry in now.iterdir() if entry.is_dir()):
        repodata = _read_json(folder / "repodata.json") or {}
        exports = _read_json(folder / "run_exports.json") or {}
        for section in ("packages", "packages.conda"):
            for file_name, record in repodata.get(section, {}).items():
                export = exports[section][file_name]["run_exports"]
                facts = PackageFacts.from_index(
                    record,
                    file_name=file_name,
                    url=f"{url}/{folder.name}/{file_name}",
                    channel=url,
                    run_exports=RunExports.from_json(export),
                )
                packages.append(facts)
    packages.sort(key=lambda facts: (facts.subdir or "", facts.file_name or ""))
    return BuiltChannel(path, str(marker["name"]), tuple(packages))


def _check_target(out: Path) -> None:
    remedy = "Choose another directory."
    if out.exists() and not out.is_dir():
        raise InvalidInput("The target is a file, not a directory.", file=out, remedy=remedy)
    try:
        if not out.is_dir() or not any(out.iterdir()):
            return
        marker = _read_json(out / MARKER)
        present = set(_files(out)) if marker else set()
    except OSError as error:
        raise unwritable(out, error) from None
    if not isinstance(marker, dict) or not isinstance(marker.get("files"), list):
        raise InvalidInput(
            "The target holds files but is not a stub channel, so it is not replaced.",
            file=out,
            remedy=remedy,
        )
    if foreign := sorted(present - {MARKER, *map(str, marker["files"])}):
        raise InvalidInput(
            f"The target holds `{foreign[0]}`, which was not built here, so it is not replaced.",
            file=out,
            remedy=remedy,
        )


def _put(fresh: Path, out: Path) -> None:
    """Renames `fresh` to `out`; what was there goes into the work files beside it.

    Another process may do the same at the same time: nothing that has just been looked at is taken
    for granted.
    """
    old = None
    for number in range(_ATTEMPTS):
        try:
            fresh.rename(out)
            return
        except OSError as error:
            if error.errno not in _IS_THERE or number == _ATTEMPTS - 1:
                if old is not None:
                    with contextlib.suppress(OSError):
                        old.rename(out)
                raise
        _check_target(out)
        old = fresh.with_name(f"old-{number}")
        with contextlib.suppress(FileNotFoundError):
            out.rename(old)


def _files(folder: Path) -> list[str]:
    found = []
    for root, _, names in os.walk(folder, onerror=_raise):
        found += [(Path(root) / name).relative_to(folder).as_posix() for name in names]
    return sorted(found)


def _raise(error: OSError) -> None:
    raise error


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None


def _write_json(path: Path, value: Any) -> None:
    text = json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    path.write_bytes(text.encode())


def unwritable(out: Path, error: OSError) -> PixipackError:
    """The error for a place where no channel can be put."""
    reason = error.strerror or str(error)
    if isinstance(error, (NotADirectoryError, FileExistsError)):
        return InvalidInput(
            f"The channel cannot be put here: {reason}.", file=out, remedy="Choose another target."
        )
    return Infrastructure(
        f"The channel cannot be written: {reason}.",
        file=out,
        remedy="Choose a directory that can be written, with enough space.",
    )
