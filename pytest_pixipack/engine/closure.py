"""Whether injected packages fit into an environment, as pixi-pack checks it.

pixi-pack validates all records of a pack (Quantco/pixi-pack, src/pack.rs; `PackageRecord::validate`
of rattler_conda_types): every dependency is there, every constraint holds, virtual packages aside.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from pytest_pixipack.cache.scratch import scratch_directory
from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.pack import PackedPackage


def check_closure(packages: Sequence[PackedPackage], injected: Sequence[PackedPackage]) -> None:
    """Raises `InvalidInput` where a dependency or a constraint is not met by what is packed.

    `packages` is all that will be in the pack, `injected` what was added to the locked packages.
    """
    import rattler
    from rattler.exceptions import ValidatePackageRecordsError

    entries = {package.file_name: dict(package.record) for package in packages}
    with scratch_directory() as scratch:
        path = Path(scratch, "repodata.json")
        document = {"info": {"subdir": "noarch"}, "packages.conda": entries}
        path.write_text(json.dumps(document), encoding="utf-8")
        records = rattler.RepoData.from_path(path).into_repo_data(rattler.Channel("pack"))
    try:
        rattler.PackageRecord.validate(list(records))
    except ValidatePackageRecordsError as error:
        names = ", ".join(package.file_name for package in injected)
        raise InvalidInput(
            f"What is injected ({names}) does not fit: {str(error).rstrip('.')}.",
            file=injected[0].path,
            remedy="Inject what is missing, too, or another version.",
        ) from None
