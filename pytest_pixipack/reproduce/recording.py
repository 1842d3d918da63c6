"""The record of a build that an experiment ran."""

from __future__ import annotations

from typing import Any

from pytest_pixipack.reproduce.build_child import PACK
from pytest_pixipack.reproduce.builds import Built
from pytest_pixipack.reproduce.sources import Pristine


def record_of_build(
    pristine: Pristine, base: Built, environment: str, engine: str
) -> dict[str, Any]:
    """What was built, from what and by what, as `pytest_pixipack.reproduce.record` has it.

    Only a build of some packages makes no pack.
    """
    from pytest_pixipack.artifact import read_artifact
    from pytest_pixipack.lock import read_lock
    from pytest_pixipack.pack import read_pack
    from pytest_pixipack.reproduce import record
    from pytest_pixipack.reproduce.digests import lock_digests
    from pytest_pixipack.reproduce.scope import scope_record

    lock, manifest = read_lock(pristine.lock_path), pristine.manifest
    files = dict(base.files)
    file = files.pop(PACK, None)
    pack = None if file is None else read_pack(file)
    artifacts = [read_artifact(path) for path in files.values()]
    parts = record.package_records(artifacts, lock, manifest, pristine.options, engine)
    subdirs = {each.facts.subdir or "noarch" for each in artifacts} - {"noarch"}
    if pack is not None:
        parts.append(record.pack_record(pack, environment, artifacts))
    scope = scope_record(
        checks=("build",) if pack is None else ("build", "pack"),
        environments=[environment],
        platforms=subdirs if pack is None else [pack.platform],
        packages=[each.facts.name for each in artifacts] if pack is None else (),
    )
    name = manifest.need_workspace().name
    made = record.workspace_record(
        name or pristine.source.name,
        engine,
        lock_digests(lock),
        parts,
        scope=scope,
        unnamed=name is None,
    )
    return record.new_record([made], record.tool_versions(engine, pristine.options.environ))
