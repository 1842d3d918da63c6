"""Build backends that come from a channel: solved, installed once, and kept by their content.

Follows prefix-dev/pixi, `crates/pixi_command_dispatcher/src/instantiate_backend_key.rs` and
`crates/pixi_build_discovery/src/discovery.rs`: the backend's package with its requirement and
`additional-dependencies`, from `build.backend.channels` or those of the workspace, for the platform
of this machine, and with `pixi-build-api-version` in the range that the front end speaks.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_pixipack.artifact import file_digests
from pytest_pixipack.cache import is_there, made_once
from pytest_pixipack.engine.channels import Channel, ChannelTable
from pytest_pixipack.engine.fetch import PackageFiles
from pytest_pixipack.engine.records import BinaryRecord
from pytest_pixipack.engine.repodata import Repodata
from pytest_pixipack.engine.solve import Solver, SolveRequest, subdirs_of
from pytest_pixipack.engine.targets import match_spec
from pytest_pixipack.errors import BackendError, Infrastructure, SolveError, Unsupported
from pytest_pixipack.manifest import Manifest, default_virtual_packages
from pytest_pixipack.platforms import current_platform, is_windows

if TYPE_CHECKING:
    from pytest_pixipack.verify.cutoff import Cutoffs

API_VERSION = "pixi-build-api-version"
API_RANGE = ">=7,<8"
_WINDOWS_FOLDERS = ("", "Library/bin", "Scripts", "bin")


@dataclass(frozen=True, slots=True)
class BackendEnvironment:
    """An installed backend: its prefix, the program in it, and the version of its package."""

    prefix: Path
    program: Path
    version: str


class BackendEnvironments:
    """Backends of one workspace's packages; one object solves each requirement once.

    Environments lie below `directory`, each in a directory that is named by what is in it, so that
    runs and workers share them. Not safe for use from several threads at once.
    """

    def __init__(
        self, table: ChannelTable, files: PackageFiles, directory: Path, repodata: Repodata
    ) -> None:
        self._table = table
        self._files = files
        self._environments = directory
        self._repodata = repodata
        self._solver = Solver(table, repodata, files)
        self._found: dict[tuple[object, ...], BackendEnvironment | None] = {}

    def find(self, manifest: Manifest, workspace: Manifest) -> BackendEnvironment | None:
        """The environment of the backend of `manifest`, a package of `workspace`.

        None where no channel has a package of the backend's name. Raises `Offline` where a channel
        would need the network and that is off, `SolveError` where the backend's requirements cannot
        be met, `BackendError` where its package has no such program, `Unsupported` for additional
        dependencies that are built from source, and `Infrastructure`.
        """
        ref = manifest.need_package().build.backend
        channels = [self._table.resolve(name) for name in backend_channels(manifest, workspace)]
        specs = [match_spec(ref.spec, self._table)]
        for spec in ref.additional_dependencies.values():
            if spec.is_source:
                raise Unsupported(
                    f"{spec.name}, an additional dependency of the build backend {ref.name}, is "
                    "built from source, which the embedded engine does not do for backends.",
                    file=spec.position.file,
                    line=spec.position.line,
                    remedy="Take it from a channel, or use PIXI_BUILD_BACKEND_OVERRIDE.",
                )
            specs.append(match_spec(spec, self._table))
        key = ref.name, tuple(specs), tuple(channels)
        if key not in self._found:
            self._found[key] = self._make(ref.name, specs, channels, workspace)
        return self._found[key]

    def _make(
        self, name: str, specs: Sequence[str], channels: Sequence[Channel], workspace: Manifest
    ) -> BackendEnvironment | None:
        for channel in channels:
            self._table.require(channel)
        platform = current_platform()
        if not self._offered(name, channels, platform):
            return None
        records = self._solve(name, specs, channels, platform, _cutoffs(workspace))
        prefix = self._installed(name, records, platform)
        program = _program(prefix, name, platform)
        version = next(r.facts.version or "" for r in records if r.name == name)
        if program is None:
            raise BackendError(
                f"The build backend's package {name} {version} has no program {name}.",
                remedy="The package has to bring a program of its own name.",
            )
        return BackendEnvironment(prefix, program, version)

    def _offered(self, name: str, channels: Sequence[Channel], platform: str) -> bool:
        """Whether a channel has any package of the name."""
        import rattler

        origins = [channel.origin for channel in channels]
        names = subdirs_of(platform)
        found = self._repodata.ask(
            f"the environment of the build backend {name}",
            channels,
            names,
            lambda gateway: gateway.query(
                origins, [rattler.Subdir(each) for each in names], [rattler.MatchSpec(name)]
            ),
        )
        return any(found)

    def _solve(
        self,
        name: str,
        specs: Sequence[str],
        channels: Sequence[Channel],
        platform: str,
        cutoffs: Cutoffs | None,
    ) -> tuple[BinaryRecord, ...]:
        resolved = self._solver.solve(
            SolveRequest(
                what=f"the environment of the build backend {name}",
                subdir=platform,
                specs=tuple(specs),
                channels=tuple(channels),
                virtual_packages=default_virtual_packages(platform),
                constraints=(f"{API_VERSION} {API_RANGE}",),
                cutoffs=cutoffs,
            )
        )
        records = tuple(each for each in resolved if isinstance(each, BinaryRecord))
        if not any(each.name == API_VERSION for each in records):
            raise SolveError(
                f"The environment of the build backend {name} does not depend on {API_VERSION}, "
                "without which nobody knows how to talk to it.",
                package=name,
                remedy=f"The backend's package has to depend on {API_VERSION}.",
            )
        return records

    def _installed(self, name: str, records: Sequence[BinaryRecord], platform: str) -> Path:
        """The prefix with these packages, made where nobody has made it yet.

        The name of the directory is a digest of the packages' content.
        """
        paths = [self._files.path_of(each.facts) for each in records]
        key = _key(paths, platform)
        home = self._environments / f"{name}-{key}"
        prefix = home / "env"
        try:
            made_once(
                home,
                lambda _: is_there(prefix),
                lambda fresh: self._install(records, paths, fresh / "env", prefix, platform),
            )
        except OSError as error:
            raise Infrastructure(
                f"The build backend {name} cannot be installed: {error.strerror or error}.",
                file=prefix,
                remedy="Check free space and permissions, or set PIXIPACK_CACHE_DIR.",
            ) from None
        return prefix

    def _install(
        self,
        records: Sequence[BinaryRecord],
        paths: Sequence[Path],
        prefix: Path,
        final_prefix: Path,
        platform: str,
    ) -> None:
        from pytest_pixipack.pack.records import locked_record
        from pytest_pixipack.prefix import InstallRecord, install
        from pytest_pixipack.prefix.model import META

        install(
            [
                InstallRecord(path, locked_record(each.facts, file_name=path.name))
                for each, path in zip(records, paths, strict=True)
            ],
            prefix,
            platform=platform,
            final_prefix=final_prefix,
        )
        _share(prefix / META)


def _share(meta: Path) -> None:
    """Lets all who may read an environment read its records, which rattler keeps to the owner."""
    from pytest_pixipack.prefix.model import HISTORY

    mode = (meta / HISTORY).stat().st_mode & 0o777
    for path in meta.glob("*.json"):
        path.chmod(mode)


def backend_channels(manifest: Manifest, workspace: Manifest) -> tuple[str, ...]:
    """The channels that the backend of a package comes from, the first one first."""
    named = manifest.need_package().build.backend.channels
    if named is not None:
        return named
    refs = workspace.need_workspace().channels
    return tuple(each.name for each in sorted(refs, key=lambda each: -(each.priority or 0)))


def path_folders(prefix: Path, platform: str) -> list[str]:
    """The directories of an environment that an activation puts in front of `PATH`."""
    folders = _WINDOWS_FOLDERS if is_windows(platform) else ("bin",)
    return [str(prefix / folder) for folder in folders]


def activated(prefix: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """The variables of a process that runs in an activated environment of this machine's platform.

    `environment` is what it would have without. Activation scripts run in a shell, as they do for
    users. Raises `InvalidInput` and `Infrastructure` where that fails.
    """
    folders = os.pathsep.join(path_folders(prefix, current_platform()))
    plain = {
        **environment,
        "PATH": f"{folders}{os.pathsep}{environment.get('PATH', '')}",
        "CONDA_PREFIX": str(prefix),
        "CONDA_SHLVL": "1",
    }
    told = (prefix / "etc/conda/activate.d", prefix / "etc/conda/env_vars.d")
    if not any(folder.is_dir() for folder in told):
        return plain
    from pytest_pixipack.prefix.running import run_in

    show = "import json, os, sys; sys.stdout.write('\\n' + json.dumps(dict(os.environ)))"
    ran = run_in(prefix, [sys.executable, "-c", show], environment=environment)
    try:
        seen = json.loads(ran.stdout.rpartition("\n")[2])
    except ValueError:
        raise BackendError(
            f"The environment of a build backend cannot be activated: {ran.stderr.strip()}.",
            file=prefix,
            remedy="Its activation scripts have to run in bash, on Windows in cmd.",
        ) from None
    return {str(key): str(value) for key, value in seen.items()}


def _program(prefix: Path, name: str, platform: str) -> Path | None:
    found = shutil.which(name, path=os.pathsep.join(path_folders(prefix, platform)))
    return Path(found) if found else None


def _key(paths: Iterable[Path], platform: str) -> str:
    content = sorted((path.name, file_digests(path).sha256) for path in paths)
    text = json.dumps([platform, content])
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]


def _cutoffs(workspace: Manifest) -> Cutoffs | None:
    import datetime as dt

    from pytest_pixipack.verify.cutoff import cutoffs

    return cutoffs(workspace, "default", dt.datetime.now(dt.timezone.utc)) or None
