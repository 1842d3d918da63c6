"""Workspaces written in Python instead of TOML, with the manifest's own words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pytest_pixipack.platforms import current_platform
from pytest_pixipack.workspace.toml_text import toml_text
from pytest_pixipack.workspace.workspace import Engine, Workspace

Table = Mapping[str, Any]
_PYTHON_FILE = "pixi.toml"


class WorkspaceBuilder(Workspace):
    """A workspace that is still being written.

    `channels` are channel names, URLs or paths, `platforms` default to this machine's. Every method
    writes at once and returns the builder, so that calls can be chained; dependency tables are
    written as in a manifest: `{"libz": ">=1", "if(unix)": {"openssl": "*"}}`.
    """

    def __init__(
        self,
        root: Path,
        engine: Engine,
        outputs: Path,
        *,
        name: str = "workspace",
        channels: Sequence[str] = (),
        platforms: Sequence[str] | None = None,
        dependencies: Table | None = None,
        workspace: Table | None = None,
        tables: Table | None = None,
    ) -> None:
        super().__init__(root, engine, outputs)
        self._manifest: dict[str, Any] = {
            "workspace": {
                "name": name,
                "channels": list(channels),
                "platforms": list(platforms or [current_platform()]),
                "preview": ["pixi-build"],
                **(workspace or {}),
            },
            "dependencies": dict(dependencies or {}),
            **(tables or {}),
        }
        self._write()

    def depend(
        self, name: str, spec: Any = "*", *, platform: str | None = None
    ) -> WorkspaceBuilder:
        """Adds a dependency to the default environment, for one target platform or for all."""
        table = self._manifest
        if platform is not None:
            table = table.setdefault("target", {}).setdefault(platform, {})
        table.setdefault("dependencies", {})[name] = spec
        self._write()
        return self

    def package(
        self,
        name: str,
        version: str = "0.1.0",
        *,
        path: str | None = None,
        run: Table | None = None,
        host: Table | None = None,
        build: Table | None = None,
        constraints: Table | None = None,
        run_exports: Table | None = None,
        extra: Table | None = None,
        config: Table | None = None,
        backend: object = "pixipack-stub-backend",
        files: Mapping[str, str | bytes] | None = None,
        depend: bool = True,
        package: Table | None = None,
    ) -> WorkspaceBuilder:
        """Adds a source package in the directory `path` (its name by default).

        `backend` is a backend's name or what bears it, such as the fixture `stub_backend`.
        `files` are written below `files/`, from where the stub backend installs them. Unless
        `depend` is false, the default environment depends on the package.
        """
        folder = path or name
        section = {
            "name": name,
            "version": version,
            **(package or {}),
            "build": _without_none(
                backend={"name": str(backend), "version": "*"}, config=config or None
            ),
        } | _without_none(
            **{
                "run-dependencies": run,
                "host-dependencies": host,
                "build-dependencies": build,
                "run-constraints": constraints,
                "run-exports": run_exports,
                "extra-dependencies": extra,
            }
        )
        self.file(f"{folder}/{_PYTHON_FILE}", toml_text({"package": section}))
        for place, content in (files or {}).items():
            self.file(f"{folder}/files/{place}", content)
        return self.depend(name, {"path": folder}) if depend else self

    def file(self, path: str, content: str | bytes) -> WorkspaceBuilder:
        """Writes a file below the workspace; text is written as UTF-8 with `\\n`."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
        return self

    def _write(self) -> None:
        self.file(_PYTHON_FILE, toml_text(self._manifest))


def _without_none(**values: Any) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}
