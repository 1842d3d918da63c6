"""`--pixipack-record` and `--pixipack-against`: what a run built, recorded and compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_pixipack.errors import PixipackError

if TYPE_CHECKING:
    from pytest_pixipack.artifact import Artifact
    from pytest_pixipack.engine.options import EngineOptions
    from pytest_pixipack.lock import Lock
    from pytest_pixipack.manifest import Manifest
    from pytest_pixipack.pack import Pack
    from pytest_pixipack.plugin.plan import Place
    from pytest_pixipack.prefix import Prefix


def recorded(
    manifest: Manifest,
    lock: Lock,
    options: EngineOptions,
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
        parts = [record.prefix_record(digest, place.environment, place.platform)]
    elif pack is not None:
        parts = [record.pack_record(pack, place.environment, artifacts)]
    else:
        parts = record.package_records(artifacts, lock, manifest, options)
    return {"lock": lock_digests(lock), "parts": parts}


class Records:
    """The record of a run, written and compared when it is over."""

    def __init__(self, target: Path | None, earlier: Path | None) -> None:
        self._target = target
        self._earlier = earlier
        self.lines: list[str] = []
        self.compared: Mapping[str, Any] | None = None
        self.unexplained = False

    def finish(self, results: Sequence[Mapping[str, Any]]) -> bool:
        """Writes and compares; false where that is not possible, which `lines` then say."""
        if self._target is None and self._earlier is None:
            return True
        try:
            made = _whole(results)
            self._compare(made)
            self._write(made)
        except PixipackError as error:
            self.lines.append(f"record   {error.message} ({error.file})")
            return False
        return True

    def _write(self, made: dict[str, Any]) -> None:
        from pytest_pixipack.reproduce.record import write_record

        if self._target is not None:
            write_record(made, self._target)
            self.lines.append(f"record   {self._target.name}")

    def _compare(self, made: dict[str, Any]) -> None:
        from pytest_pixipack.reproduce.record import read_record
        from pytest_pixipack.reproduce.records import compare_records

        if self._earlier is None:
            return
        earlier = read_record(self._earlier)
        found = compare_records(_of_the_same(earlier, made), made)
        self.compared = found.to_json()
        if not found.changes:
            self.lines.append(f"against  {self._earlier.name}: nothing has changed")
        for each in found.changes:
            mark = "=" if each.is_explained else "!"
            self.lines.append(f"against  {mark} {each}")
        self.unexplained = bool(found.findings)


def _whole(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The record of all that was made."""
    from pytest_pixipack.reproduce import record

    files = {result["workspace"]["file"]: result["workspace"] for result in results}
    workspaces: list[dict[str, Any]] = []
    tools: dict[str, str] = {}
    names = [each["name"] for each in files.values()]
    for file, facts in sorted(files.items()):
        told = [r["record"] for r in results if r["workspace"]["file"] == file and r.get("record")]
        if not told:
            continue
        name = facts["name"] if names.count(facts["name"]) == 1 else file
        parts = [part for each in told for part in each["parts"]]
        workspaces.append(record.workspace_record(name, facts["engine"], told[0]["lock"], parts))
        tools |= record.tool_versions(facts["engine"])
    return record.new_record(workspaces, tools)


def _of_the_same(earlier: dict[str, Any], made: dict[str, Any]) -> dict[str, Any]:
    """The earlier record without what this run was not asked to make."""
    kept = []
    new = {each["name"]: each for each in made["workspaces"]}
    for each in earlier["workspaces"]:
        if each["name"] in new:
            present = new[each["name"]]
            kept.append({**each, **{kind: [] for kind in ("packages", "packs", "prefixes")
                                    if not present[kind]}})  # fmt: skip
    return {**earlier, "workspaces": kept}
