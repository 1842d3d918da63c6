"""`--pixipack-toolchain`: one workspace on several toolchains, each compared with the first."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any

import pytest

from pytest_pixipack.engine.options import EngineOptions, stand_in_directory
from pytest_pixipack.engine.side_by_side import (
    LAYER_VERDICTS,
    SideBySide,
    compare_runs,
)
from pytest_pixipack.engine.side_by_side_text import notes, side_by_side_lines
from pytest_pixipack.engine.toolchains import (
    LAYERS,
    UNKNOWN,
    ToolchainRun,
    load_toolchain,
    run_toolchain,
)
from pytest_pixipack.errors import PixipackError
from pytest_pixipack.manifest import Manifest
from pytest_pixipack.plugin.outcomes import Outcome, Status

if TYPE_CHECKING:
    from pytest_pixipack.plugin.plan import Check
    from pytest_pixipack.plugin.store import Store

_TITLES = {"lock": "lock", "artifacts": "build", "pack": "pack", "prefix": "prefix"}
_TOOLS = ("pixi", "pixi-pack", "pixi-unpack")
_STATUS: Mapping[str, Status] = {
    "infrastructure": "infrastructure",
    "offline": "offline",
    "unsupported": "unsupported",
}


def require_toolchains(toolchains: Iterable[tuple[str, Path]]) -> None:
    """Raises `pytest.UsageError` where a toolchain lacks a tool, naming both and the directory."""
    for name, directory in toolchains:
        try:
            load_toolchain(name, directory)
        except PixipackError as error:
            raise pytest.UsageError(f"pixi-pack: {error.message} {error.remedy or ''}") from None


@dataclass
class ToolchainStages:
    """The stages of one workspace on all toolchains; `prepare` changes the copy that they share."""

    manifest: Manifest
    toolchains: Sequence[tuple[str, Path]]
    store: Store
    cache: Path
    network: bool
    prepare: Callable[[Path], object]
    checks: Sequence[Check] = ()

    def outcome(self, check: Check) -> Outcome:
        """The comparison of one toolchain with the first one, in one place."""
        return self.store.outcome(check.name, lambda _: self._compared(check))

    def _compared(self, check: Check) -> Outcome:
        copy = self.store.outcome("toolchains", self._copy)
        if not copy.passed:
            return copy
        base, _ = self.toolchains[0]
        assert check.toolchain is not None
        runs = [self._run(name, check, Path(copy.data["root"])) for name in (base, check.toolchain)]
        failed = next((each for each in runs if not each.passed), None)
        if failed is not None:
            return failed
        first, second = (ToolchainRun.from_json(each.data) for each in runs)
        others = {
            each.place.environment for each in self.checks if each.toolchain == check.toolchain
        } - {check.place.environment}
        return judged_pair(compare_runs(first, second, elsewhere=others))

    def _run(self, name: str, check: Check, root: Path) -> Outcome:
        """The run of one toolchain in one place; the lock is made once for all places."""
        toolchain = load_toolchain(name, dict(self.toolchains)[name])
        out = self.store.root / "t"

        def lock(_: Path) -> Outcome:
            run = run_toolchain(toolchain, root, out, options=self._options, only_lock=True)
            return Outcome("passed", data=run.to_json())

        locked = self.store.outcome(f"toolchain {name}", lock)
        if not locked.passed:
            return locked

        def work(_: Path) -> Outcome:
            run = run_toolchain(
                toolchain,
                root,
                out,
                options=self._options,
                environment=check.place.environment,
                platform=check.place.subdir,
                after=ToolchainRun.from_json(locked.data),
            )
            return Outcome("passed", data=run.to_json())

        return self.store.outcome(f"toolchain {name} {check.place}", work)

    def _copy(self, folder: Path) -> Outcome:
        """One copy for all, so that its path is no difference; without a lock, to solve anew."""
        from pytest_pixipack.engine.reachable import reachable_packages
        from pytest_pixipack.workspace.copying import copy_beside

        sources = [package.directory for package in reachable_packages(self.manifest)]
        root = copy_beside(self.manifest.root, [*sources, *self._channels()], folder / "w")
        self.prepare(root)
        (root / "pixi.lock").unlink(missing_ok=True)
        return Outcome("passed", data={"root": str(root)})

    def _channels(self) -> Iterator[Path]:
        """Channels that the manifest names by a relative path."""
        from pytest_pixipack.engine.channels import canonical_url
        from pytest_pixipack.file_urls import path_of_url

        for environment in self.manifest.environment_names():
            for name in self.manifest.channels(environment):
                path = path_of_url(canonical_url(name, self.manifest.root))
                relative = "://" not in name and not Path(name).expanduser().is_absolute()
                if path is not None and relative and path.is_dir():
                    yield path

    @cached_property
    def _options(self) -> EngineOptions:
        """With those stand-ins that are not in the copy."""
        root = self.manifest.root
        return EngineOptions(
            cache_dir=self.cache,
            network=self.network,
            channels={
                name: stand_in_directory(name, path, self.cache, self.manifest.path)
                for name, path in self.manifest.stand_ins.channels.items()
                if root not in Path(os.path.normpath(path)).parents
            },
        )


def judged_pair(pair: SideBySide) -> Outcome:
    """Failed where users of the other toolchain get something else, or get less.

    Where nothing could be compared, or the machine is to blame, it is that outcome.
    """
    told = {"toolchain": {**pair.to_json(), "notes": notes(pair)}}
    blame = pair.infrastructure or pair.nothing
    if blame is not None:
        status = _STATUS.get(blame.outcome, "failed")
        details = {"remedy": blame.remedy} if blame.remedy else {}
        return Outcome(status, blame.message, data=told, details=details)
    if not pair.failed:
        return Outcome("passed", data=told)
    lines = side_by_side_lines(pair, get_terminal_size().columns - 2)
    return Outcome("failed", "\n".join(lines), data=told)


def toolchain_table(results: Iterable[Mapping[str, Any]]) -> list[str]:
    """A row for each toolchain: its releases, and of each layer the worst verdict of all places.

    >>> run = {"tools": {"pixi": "0.77.0", "pixi-pack": "0.7.10", "pixi-unpack": "0.7.10"}}
    >>> layers = [{"layer": "lock", "verdict": "identical"}, {"layer": "pack", "verdict": "lost"}]
    >>> pair = {"base": {"name": "old", **run}, "other": {"name": "new", **run}, "layers": layers}
    >>> for line in toolchain_table([{"toolchain": pair}]):
    ...     print(line)
    toolchain  pixi    pixi-pack  pixi-unpack  lock       build  pack  prefix
    old        0.77.0  0.7.10     0.7.10
    new        0.77.0  0.7.10     0.7.10       identical         lost
    """
    tools: dict[str, Mapping[str, str]] = {}
    verdicts: dict[str, dict[str, str]] = {}
    for result in results:
        pair = result.get("toolchain")
        if pair:
            for side in (pair["base"], pair["other"]):
                tools.setdefault(side["name"], side["tools"])
            found = verdicts.setdefault(pair["other"]["name"], {})
            for each in pair["layers"]:
                before = found.get(each["layer"], "identical")
                found[each["layer"]] = max(before, each["verdict"], key=_rank)
    if not tools:
        return []
    own = sorted({name for known in tools.values() for name in known if name not in _TOOLS})
    rows = [["toolchain", *_TOOLS, *own, *_TITLES.values()]]
    for name, known in tools.items():
        cells = [known.get(each, "").replace(UNKNOWN, "?") for each in (*_TOOLS, *own)]
        rows.append([name, *cells, *(verdicts.get(name, {}).get(each, "") for each in LAYERS)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def toolchain_notes(results: Iterable[Mapping[str, Any]]) -> list[str]:
    """What comparisons that passed have to say, each once."""
    texts = [
        f"{result['toolchain']['other']['name']}: {text}"
        for result in results
        if result["outcome"] == "ok" and result.get("toolchain")
        for text in result["toolchain"]["notes"]
    ]
    return [f"note     {text}" for text in dict.fromkeys(texts)]


def _rank(verdict: str) -> int:
    return [*LAYER_VERDICTS].index(verdict)  # type: ignore[arg-type]
