"""The record of a build that an experiment ran."""

from __future__ import annotations

from typing import Any

from pytest_pixipack.reproduce.build_child import PACK
from pytest_pixipack.reproduce.builds import Built
from pytest_pixipack.reproduce.sources import Pristine


def record_of_build(
    pristine: Pristine, base: Built, environment: str, engine: str
) -> dict[str, Any]:
    """What was built, from what and by what, as `pytest_pixipack.reproduce.record` has it."""
    from pytest_pixipack.artifact import read_artifact
    from pytest_pixipack.lock import read_lock
    from pytest_pixipack.pack import read_pack
    from pytest_pixipack.reproduce import record
    from pytest_pixipack.reproduce.digests import lock_digests

    lock, manifest = read_lock(pristine.lock_path), pristine.manifest
    files = dict(base.files)
    pack = files.pop(PACK, None)
    artifacts = [read_artifact(path) for path in files.values()]
    parts = record.package_records(artifacts, lock, manifest, pristine.options)
    if pack is not None:
        parts.append(record.pack_record(read_pack(pack), environment, artifacts))
    name = manifest.need_workspace().name or manifest.root.name
    made = record.workspace_record(name, engine, lock_digests(lock), parts)
    return record.new_record([made], record.tool_versions(engine, pristine.options.environ))
