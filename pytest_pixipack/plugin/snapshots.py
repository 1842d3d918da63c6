"""`lock_regression` and `pack_regression`: what was right once, kept beside the tests.

The files are those of pytest-regressions, with its options `--force-regen` and `--regen-all` and
its rules for directories; they are compared by meaning.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_pixipack.plugin.fixtures import SNAPSHOTS
from pytest_pixipack.whole_files import write_named

if TYPE_CHECKING:
    from pytest_pixipack.lock import Lock, Scrubber, Scrubbers
    from pytest_pixipack.pack import Pack

EXTENSIONS = (".lock", ".pack")
# The first line of a file that is ours: others in a data directory are none of our business.
HEADER = "# A snapshot of pytest-pixipack; pytest --force-regen writes it anew.\n"
# The same for a file at a place of its own: tests of any file may use it, so that nobody can tell
# that none does.
PLACED_HEADER = "# A placed snapshot of pytest-pixipack; pytest --force-regen writes it anew.\n"


class LockRegression:
    """Compares locks with stored ones, without what says nothing about the workspace."""

    def __init__(self, request: pytest.FixtureRequest, datadir: Path, original: Path) -> None:
        self._snapshots = _Snapshots(request, datadir, original, ".lock")
        self._config = request.config

    def check(
        self,
        lock: Lock,
        *,
        keep: Iterable[str] = (),
        scrub: Iterable[str | Scrubber] = (),
        basename: str | None = None,
        fullpath: Path | None = None,
    ) -> None:
        """Fails where the lock says something else than the stored one.

        Markers stand for digests, identifiers, absolute paths and ports, times and sizes; of binary
        packages only version, build, place and digest are stored. `keep` names scrubbers that are
        not to be applied, `scrub` those to be applied as well: names of `more_scrubbers()`, or
        scrubbers. The second check of a test is stored under `<name>_2`, unless `basename` or
        `fullpath` says where. Raises `InvalidInput` for a scrubber that there is not.
        """
        __tracebackhide__ = True
        from pytest_pixipack.lock import default_scrubbers, snapshot

        scrubbers = _chosen(self._config, default_scrubbers(), keep, scrub)
        self._snapshots.check(snapshot(lock, scrubbers), basename, fullpath)


class PackRegression:
    """Compares what packs hold with what was stored: packages, channels, files by name."""

    def __init__(self, request: pytest.FixtureRequest, datadir: Path, original: Path) -> None:
        self._snapshots = _Snapshots(request, datadir, original, ".pack")
        self._config = request.config

    def check(
        self,
        pack: Pack,
        *,
        keep: Iterable[str] = (),
        scrub: Iterable[str | Scrubber] = (),
        basename: str | None = None,
        fullpath: Path | None = None,
    ) -> None:
        """Fails where the pack holds something else than the stored one.

        Markers stand for digests, sizes, times and the hashes in build strings; `keep`, `scrub` and
        the rest are as for locks.
        """
        __tracebackhide__ = True
        from pytest_pixipack.plugin.pack_snapshots import pack_scrubbers, pack_snapshot

        scrubbers = _chosen(self._config, pack_scrubbers(), keep, scrub)
        self._snapshots.check(pack_snapshot(pack, scrubbers), basename, fullpath)


def _chosen(
    config: pytest.Config,
    base: Scrubbers,
    keep: Iterable[str],
    scrub: Iterable[str | Scrubber],
) -> Scrubbers:
    """The scrubbers of a check: usual ones, those of hooks, those that the test asks for."""
    from pytest_pixipack.lock.scrub import chosen_scrubbers

    for added in config.hook.pytest_pixipack_lock_scrubbers(config=config):
        base = base.adding(*added)
    return chosen_scrubbers(base, keep, scrub)


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
        header = HEADER if fullpath is None else PLACED_HEADER
        source = fullpath or self._original / f"{basename}{self._extension}"
        used = self._request.node.stash.setdefault(SNAPSHOTS, [])
        used.append(str(Path(self._request.config.invocation_params.dir, source)))
        try:
            perform_regression_check(
                datadir=self._datadir,  # type: ignore[arg-type]
                original_datadir=self._original,
                request=self._request,
                check_fn=_compare,
                dump_fn=lambda path: write_named(Path(path), (header + text).encode()),
                extension=self._extension,
                basename=basename,
                fullpath=fullpath,
                obtained_filename=None,
            )
        except pytest.fail.Exception as failure:
            # `--force-regen`: what differed belongs to the sentence, not to a second traceback.
            if isinstance(failure.__context__, AssertionError):
                changes = str(failure.__context__).split("\n")[1:]
                failure.msg = "\n".join([str(failure.msg), *changes])
            raise failure from None


def snapshot_name(node: pytest.Item, number: int = 1) -> str:
    """The file name of a test's snapshot: that of the test, but for the engine's name in it.

    The same test run by two engines has to give the same. With `--with-test-class-names`, the name
    of the class comes first, as pytest-regressions has it.
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
    in_class = getattr(node, "cls", None)
    if in_class is not None and node.config.getoption("with_test_class_names", False):
        name = f"{in_class.__name__}_{name}"
    text = re.sub(r"\W", "_", name)
    return text if number == 1 else f"{text}_{number}"


def _compare(obtained: Path, expected: Path) -> None:
    __tracebackhide__ = True
    from pytest_pixipack.lock.snapshot_diff import snapshot_changes

    try:
        stored = expected.read_bytes().decode("utf-8")
        changes = snapshot_changes(stored, obtained.read_bytes().decode("utf-8"))
    except ValueError as error:
        raise AssertionError(
            f"{expected.name} is no snapshot: {error} (--force-regen stores it anew)"
        ) from None
    if changes:
        hint = f"differs from {expected.name} (--force-regen stores it anew)"
        raise AssertionError("\n".join([hint, *changes]))
