"""`--pixipack-record` and `--pixipack-against`: what a run built, recorded and compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_pixipack.errors import InvalidInput, PixipackError

if TYPE_CHECKING:
    from pytest_pixipack.artifact import Artifact
    from pytest_pixipack.engine.options import EngineOptions
    from pytest_pixipack.lock import Lock
    from pytest_pixipack.manifest import Manifest
    from pytest_pixipack.pack import Pack
    from pytest_pixipack.plugin.options import Settings
    from pytest_pixipack.plugin.plan import Check, Place
    from pytest_pixipack.prefix import Prefix
    from pytest_pixipack.reproduce.changes import RecordComparison


def recorded(
    manifest: Manifest,
    lock: Lock,
    options: EngineOptions,
    engine: str,
    place: Place,
    artifacts: Sequence[Artifact],
    pack: Pack | None = None,
    prefix: Prefix | None = None,
) -> dict[str, Any]:
    """What a record says of one stage: of the packages, or of what was made of them."""
    from pytest_pixipack.reproduce import record
    from pytest_pixipack.reproduce.digests import lock_digests

    if prefix is not None:
        digest = prefix.normalised_digest()
        parts = [record.prefix_record(digest, place.environment, place.platform, artifacts)]
    elif pack is not None:
        parts = [record.pack_record(pack, place.environment, artifacts)]
    else:
        parts = record.package_records(artifacts, lock, manifest, options, engine)
    return {"lock": lock_digests(lock), "parts": parts}


def record_label(check: Check) -> str | None:
    """What a record calls what a check makes; None for checks that make nothing."""
    from pytest_pixipack.reproduce.scope import package_label, place_label

    place = check.place
    if check.kind == "build":
        return package_label(check.package or "", place.subdir)
    if check.kind == "pack":
        return place_label(check.kind, place.environment, place.subdir)
    if check.kind == "unpack":
        return place_label(check.kind, place.environment, place.platform)
    return None


def record_facts(checks: Sequence[Check], lock: Lock | None, settings: Settings) -> dict[str, Any]:
    """What a record says of a workspace whatever is made of it: its lock, what was asked for, and
    what that should lead to (`wanted`). Nothing where no record is asked for.
    """
    if lock is None or not (settings.record or settings.against):
        return {}
    from pytest_pixipack.reproduce.digests import lock_digests
    from pytest_pixipack.reproduce.scope import scope_record

    places = [place for check in checks for place in check.places]
    platforms = {name for place in places for name in (place.platform, place.subdir)}
    scope = scope_record(
        checks=settings.checks,
        environments=settings.environments,
        platforms=platforms if settings.platforms else (),
    )
    labels = (record_label(check) for check in checks if check.kind in settings.checks)
    wanted = sorted(label for label in labels if label)
    return {"lock": lock_digests(lock), "scope": scope, "wanted": wanted}


def require_record(path: Path | None) -> dict[str, Any] | None:
    """Reads the record to compare with, before anything is built. Raises `pytest.UsageError`."""
    import pytest

    from pytest_pixipack.reproduce.record_file import read_record

    if path is None:
        return None
    try:
        return read_record(path)
    except PixipackError as error:
        remedy = f" {error.remedy}" if error.remedy else ""
        raise pytest.UsageError(f"pixi-pack: {error.message} ({error.file}){remedy}") from None


class Records:
    """The record of a run, written and compared when it is over.

    `lines` say what came of it, `problem` is whether something could not be done, `unexplained` are
    the changes that nothing explains, and `compared` is the document of the comparison.
    """

    def __init__(self, settings: Settings) -> None:
        self._target = settings.record
        self._earlier = settings.against
        # Each part of a run has a record, that of a part without builds as well.
        self._shard = settings.shard
        self._needs_builds = settings.shard is None
        self._content: Mapping[str, Any] | None = None
        self.lines: list[str] = []
        self.compared: Mapping[str, Any] | None = None
        self.unexplained: tuple[str, ...] = ()
        self.problem = False

    def read(self) -> None:
        """Reads the earlier record. Raises `pytest.UsageError` where that is not possible."""
        self._content = require_record(self._earlier)

    def finish(self, results: Sequence[Mapping[str, Any]]) -> None:
        """Compares and writes."""
        if self._target is None and self._earlier is None:
            return
        made = whole_record(results, self._shard)
        if self._content is not None and self._earlier is not None:
            self._guarded("against", lambda: self._compare(made))
        if self._target is not None:
            self._guarded("record", lambda: self._write(made))

    @property
    def reason(self) -> str | None:
        """Why the run fails by what is recorded, in one sentence; None where it does not."""
        number = len(self.unexplained)
        if not number or self._earlier is None:
            return None
        changes = "1 change" if number == 1 else f"{number} changes"
        return f"{changes} since {self._earlier.name} that nothing recorded explains"

    @property
    def properties(self) -> list[tuple[str, str]]:
        """What a JUnit file says of the comparison."""
        if self.compared is None:
            return []
        verdict = str(self.compared["verdict"])
        told = f"{verdict}, {len(self.unexplained)} unexplained"
        unexplained = [("pixipack_unexplained", each) for each in self.unexplained]
        return [("pixipack_against", told), *unexplained]

    def _guarded(self, label: str, act: Callable[[], None]) -> None:
        try:
            act()
        except PixipackError as error:
            self.problem = True
            told = " ".join(filter(None, (error.message, error.remedy)))
            self.lines.append(f"{label:<8} {told} ({error.file})")

    def _write(self, made: dict[str, Any]) -> None:
        from pytest_pixipack.reproduce.record_file import write_record
        from pytest_pixipack.reproduce.records import few, refuse_to_lose

        target = self._target
        assert target is not None
        if self._needs_builds and not any(_made(each) for each in made["workspaces"]):
            raise InvalidInput("It is not written, for nothing was built.", file=target)
        refuse_to_lose(target, made)
        write_record(made, target)
        missing = sorted({label for each in made["workspaces"] for label in each["missing"]})
        more = f", in part: without {few(missing)}" if missing else ""
        self.lines.append(f"record   {target.name}{more}")

    def _compare(self, made: dict[str, Any]) -> None:
        from pytest_pixipack.reproduce.records import compare_records, of_the_same

        assert self._earlier is not None
        assert self._content is not None
        nothing = InvalidInput("Nothing was compared, for nothing was built.", file=self._earlier)
        if not made["workspaces"]:
            if self._needs_builds:
                raise nothing
            return
        names = {each["name"]: bool(each.get("unnamed")) for each in made["workspaces"]}
        earlier = of_the_same(self._content, names, self._earlier)
        known = {each["name"] for each in earlier["workspaces"]}
        ours = [each for each in made["workspaces"] if each["name"] in known]
        found = compare_records(earlier, {**made, "workspaces": ours})
        self.compared = found.to_json()
        self.unexplained = tuple(map(str, found.findings))
        others = [f"workspace {name}" for name in sorted(names.keys() - known)]
        self.lines += list(self._told(found, others))
        asked = any(each["scope"]["checks"] for each in ours)
        if asked and not found.compared and self._needs_builds:
            raise nothing

    def _told(self, found: RecordComparison, others: Sequence[str]) -> Iterable[str]:
        from pytest_pixipack.reproduce.records import few

        assert self._earlier is not None
        left_out = [*found.not_compared, *others]
        if not found.changes and found.compared:
            of_it = " in what was compared" if left_out else ""
            yield f"against  {self._earlier.name}: nothing has changed{of_it}"
        for each in found.changes:
            yield f"against  {'=' if each.is_explained else '!'} {each}"
        if left_out:
            yield f"against  not compared, for it is in one of the two only: {few(left_out)}"
        if self.reason:
            yield f"against  this run fails: {self.reason}"


def whole_record(
    results: Sequence[Mapping[str, Any]], shard: tuple[int, int] | None = None
) -> dict[str, Any]:
    """The record of all that was made, and of what is missing."""
    from pytest_pixipack.reproduce import record

    files = {result["workspace"]["file"]: result["workspace"] for result in results}
    workspaces: list[dict[str, Any]] = []
    tools: dict[str, str] = {}
    names = [each["name"] for each in files.values()]
    for file, facts in sorted(files.items()):
        if "record" not in facts:
            continue
        told = facts["record"]
        alone = names.count(facts["name"]) == 1 and not told.get("shares_name")
        mine = [r for r in results if r["workspace"]["file"] == file and r.get("record")]
        parts = [part for each in mine for part in each["record"]["parts"]]
        # One label can stand for several variants, of which each has a check.
        missing = Counter(told["wanted"]) - Counter(each["label"] for each in mine)
        workspaces.append(
            record.workspace_record(
                facts["name"] if alone else file,
                facts["engine"],
                mine[0]["record"]["lock"] if mine else told["lock"],
                parts,
                scope=told["scope"],
                missing=missing.elements(),
                unnamed=bool(facts.get("unnamed")),
            )
        )
        tools |= record.tool_versions(facts["engine"])
    return record.new_record(workspaces, tools, shard)


def _made(workspace: Mapping[str, Any]) -> bool:
    return any(workspace[kind] for kind in ("packages", "packs", "prefixes"))
