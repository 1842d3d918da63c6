"""Rebuilding under changed conditions: the fixture `pixi_reproduce`, and the check `reproduce`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any

import pytest

from pytest_pixipack.errors import InvalidInput, PixipackError
from pytest_pixipack.plugin.options import SETTINGS
from pytest_pixipack.plugin.outcomes import Outcome
from pytest_pixipack.reproduce.experiment import MOST_BUILDS, reproduce
from pytest_pixipack.reproduce.report import junit_properties, report_lines
from pytest_pixipack.reproduce.staleness import MOST_FILES, check_staleness
from pytest_pixipack.reproduce.variations import chosen_variations

if TYPE_CHECKING:
    from pytest_pixipack.engine.options import EngineOptions
    from pytest_pixipack.plugin.plan import Place
    from pytest_pixipack.reproduce import Reproduction, Variation
    from pytest_pixipack.reproduce.inputs import Staleness
    from pytest_pixipack.workspace import Workspace


class Reproducer:
    """Builds workspaces of one test again under changed conditions."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._request = request

    def __call__(
        self,
        workspace: Workspace,
        *,
        vary: Sequence[str] | str | None = None,
        environment: str = "default",
        platform: str | None = None,
        jobs: int = 1,
        only: Sequence[str] | None = None,
        pack: bool = True,
        most_builds: int = MOST_BUILDS,
    ) -> Reproduction:
        """Builds and packs a workspace again; `.raise_for_differences()` on the result fails.

        `vary` names the conditions, one text with commas or several (default: `--pixipack-vary`,
        else all); the rest as in `pytest_pixipack.reproduce.reproduce`, which also says what is
        raised. The workspace itself stays as it is. The result's properties go into the JUnit
        report.
        """
        config = self._request.config
        result = reproduce(
            workspace.root,
            workspace.engine.options,
            vary=vary if vary is not None else config.stash[SETTINGS].vary or None,
            environment=environment,
            platform=platform,
            jobs=jobs,
            engine=workspace.engine.name,
            only=only,
            pack=pack,
            most_builds=most_builds,
            extra=variations_of(config),
        )
        self._request.node.user_properties += junit_properties(result)
        return result

    def staleness(
        self,
        workspace: Workspace,
        *,
        edits: Mapping[str, str | bytes] | None = None,
        environment: str = "default",
        platform: str | None = None,
        only: Sequence[str] | None = None,
        most_files: int | None = MOST_FILES,
    ) -> Staleness:
        """Edits sources of a workspace, in a copy: is what depends on them built again?

        As `pytest_pixipack.reproduce.staleness.check_staleness`. Raises `InvalidInput` also for a
        file that is not the workspace's.
        """
        _require_own_files(workspace, edits or {})
        return check_staleness(
            workspace.root,
            workspace.engine.options,
            edits=edits,
            environment=environment,
            platform=platform,
            only=only,
            most_files=most_files,
            engine=workspace.engine.name,
        )


def _require_own_files(workspace: Workspace, paths: Iterable[str]) -> None:
    """Raises `InvalidInput` for a file that lies in no directory that is built from."""
    from pytest_pixipack.lock import read_lock
    from pytest_pixipack.reproduce.sources import LOCK_NAME

    root = Path(workspace.root)
    lock = read_lock(root / LOCK_NAME) if (root / LOCK_NAME).is_file() else None
    sources = [
        Path(os.path.normpath(root / package.location))
        for package in (lock.packages if lock else ())
        if package.is_source and "://" not in package.location
    ]
    for path in paths:
        place = Path(os.path.normpath(root / path))
        if Path(path).is_absolute() or not any(map(place.is_relative_to, (root, *sources))):
            raise InvalidInput(
                f"{path} is no file of the workspace or of a source package of it.",
                file=root,
                remedy="Name files relative to the workspace.",
            )


def variations_of(config: pytest.Config) -> list[Variation]:
    """The variations that conftest files and other plugins add."""
    return [each for found in config.hook.pytest_pixipack_variations(config=config)
            for each in found]  # fmt: skip


def require_variations(config: pytest.Config, names: Sequence[str]) -> None:
    """Raises `pytest.UsageError` for a variation that there is not."""
    try:
        chosen_variations(names, variations_of(config))
    except PixipackError as error:
        raise pytest.UsageError(f"pixi-pack: {error.message} {error.remedy or ''}") from None


def reproduced(
    root: Path,
    options: EngineOptions,
    place: Place,
    *,
    engine: str,
    vary: Sequence[str],
    extra: Iterable[Variation],
    title: Path,
) -> Outcome:
    """The check of one place: passed where every build is the same.

    Raises as `reproduce` does. `title` is what a report calls the workspace.
    """
    result = reproduce(
        root,
        options,
        vary=vary or None,
        environment=place.environment,
        platform=place.subdir,
        engine=engine,
        extra=extra,
    )
    told = {**result.to_json(), "workspace": title.as_posix()}
    data: dict[str, Any] = {"reproduction": told, "properties": junit_properties(result)}
    if result.is_reproducible:
        return Outcome("passed", data=data)
    lines = report_lines(result, get_terminal_size().columns - 2)
    return Outcome("failed", "\n".join(lines), data=data)
