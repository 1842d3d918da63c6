"""`lock_regression` and `pack_regression`: what was right once, kept beside the tests.

The files are those of pytest-regressions, with its options `--force-regen` and `--regen-all`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_pixipack.plugin.trees import write_atomically

if TYPE_CHECKING:
    from pytest_pixipack.lock import Lock, Scrubber, Scrubbers
    from pytest_pixipack.pack import Pack

_MOST_LINES = 60
_BUILD_HASH = re.compile(r"(?<![0-9a-z])h[0-9a-f]{7,8}(?=_|$)")


class LockRegression:
    """Compares locks with stored ones, without what says nothing about the workspace."""

    def __init__(self, request: pytest.FixtureRequest, datadir: Path, original: Path) -> None:
        self._snapshots = _Snapshots(request, datadir, original, ".lock")
        self._config = request.config

    def check(
        self,
        lock: Lock,
        *,
        basename: str | None = None,
        fullpath: Path | None = None,
        without: Iterable[str] = (),
        scrubbers: Iterable[Scrubber] = (),
    ) -> None:
        """Fails where the lock says something else than the stored one.

        Digests, times, sizes and absolute paths do not count; `without` names scrubbers that are
        not to be applied, `scrubbers` adds some. The second check of a test is stored under
        `<name>_2`, unless `basename` or `fullpath` says where.
        """
        __tracebackhide__ = True
        from pytest_pixipack.lock import snapshot

        self._snapshots.check(
            snapshot(lock, self._scrubbers(without, scrubbers)), basename, fullpath
        )

    def _scrubbers(self, without: Iterable[str], more: Iterable[Scrubber]) -> Scrubbers:
        from pytest_pixipack.lock import default_scrubbers

        found = default_scrubbers().without(*without)
        for added in self._config.hook.pytest_pixipack_lock_scrubbers(config=self._config):
            found = found.adding(*added)
        return found.adding(*more)


class PackRegression:
    """Compares what packs hold with what was stored: packages, channels, files by name."""

    def __init__(self, request: pytest.FixtureRequest, datadir: Path, original: Path) -> None:
        self._snapshots = _Snapshots(request, datadir, original, ".pack")

    def check(
        self, pack: Pack, *, basename: str | None = None, fullpath: Path | None = None
    ) -> None:
        """Fails where the pack holds something else than the stored one.

        Digests, sizes, times and the hashes in build strings do not count.
        """
        __tracebackhide__ = True
        from pytest_pixipack.lock.yaml import dump_yaml

        self._snapshots.check(dump_yaml(_pack_contents(pack)), basename, fullpath)


class _Snapshots:
    """The stored texts of one test."""

    def __init__(
        self, request: pytest.FixtureRequest, datadir: Path, original: Path, extension: str
    ) -> None:
        self._request = request
        self._datadir = datadir
        self._original = original
        self._extension = extension
        self._checks = 0

    def check(self, text: str, basename: str | None, fullpath: Path | None) -> None:
        __tracebackhide__ = True
        from pytest_regressions.common import perform_regression_check

        self._checks += 1
        if basename is None and fullpath is None:
            basename = snapshot_name(self._request.node, self._checks)
        perform_regression_check(
            datadir=self._datadir,  # type: ignore[arg-type]
            original_datadir=self._original,
            request=self._request,
            check_fn=_compare,
            dump_fn=lambda path: write_atomically(Path(path), text),
            extension=self._extension,
            basename=basename,
            fullpath=fullpath,
            obtained_filename=None,
        )


def snapshot_name(node: pytest.Item, number: int = 1) -> str:
    """The file name of a test's snapshot: that of the test, but for the engine's name in it.

    The same test run by two engines has to give the same.
    """
    name = node.name
    parameters = getattr(getattr(node, "callspec", None), "params", {})
    engine = parameters.get("pixi_engine")
    if engine is not None:
        start, bracket, rest = name.partition("[")
        parts = rest.removesuffix("]").split("-")
        if engine in parts:
            parts.remove(engine)
        name = f"{start}{bracket}{'-'.join(parts)}]" if parts else start
    text = re.sub(r"\W", "_", name)
    return text if number == 1 else f"{text}_{number}"


def _compare(obtained: Path, expected: Path) -> None:
    __tracebackhide__ = True
    # Git may have given the stored file other line ends.
    before = expected.read_text(encoding="utf-8").splitlines()
    after = obtained.read_text(encoding="utf-8").splitlines()
    if before == after:
        return
    lines = list(difflib.unified_diff(before, after, "stored", "now", lineterm="", n=2))
    shown = lines[:_MOST_LINES]
    if len(lines) > len(shown):
        shown.append(f"... {len(lines) - len(shown)} more lines")
    raise AssertionError(
        "\n".join([f"differs from {expected.name} (--force-regen stores it anew)", *shown])
    )


def _pack_contents(pack: Pack) -> dict[str, Any]:
    packages = {
        facts.name: {
            "version": facts.version,
            "build": _BUILD_HASH.sub("h*", facts.build or ""),
            "subdir": facts.subdir,
            "depends": list(facts.depends),
            "constrains": list(facts.constrains),
        }
        for facts in sorted(pack.records, key=lambda facts: (facts.name, facts.dist))
    }
    environment = pack.environment_yml
    return {
        "platform": pack.platform,
        "version": pack.format_version,
        "channels": list(environment.channels) if environment else [],
        "packages": {
            name: {key: value for key, value in entry.items() if value not in (None, [])}
            for name, entry in packages.items()
        },
        "members": sorted(
            _BUILD_HASH.sub("h*", member.name) for member in pack.members if member.kind == "file"
        ),
    }
