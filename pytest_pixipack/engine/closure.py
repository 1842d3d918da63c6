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
from pytest_pixipack.prefix.extracted import rattler_errors


def check_closure(packages: Sequence[PackedPackage], injected: Sequence[PackedPackage]) -> None:
    """Raises `InvalidInput` where a dependency or a constraint is not met by what is packed, and
    where a record cannot be used.

    `packages` is all that will be in the pack, `injected` what was added to the locked packages.
    """
    import rattler
    from rattler.exceptions import ValidatePackageRecordsError

    entries = {package.file_name: dict(package.record) for package in packages}
    with scratch_directory() as scratch:
        path = Path(scratch, "repodata.json")
        document = {"info": {"subdir": "noarch"}, "packages.conda": entries}
        path.write_text(json.dumps(document), encoding="utf-8")
        names = ", ".join(package.file_name for package in injected)
        with rattler_errors(f"The pack with what is injected ({names}) cannot be read", None):
            found = rattler.RepoData.from_path(path)
            records = found.into_repo_data(rattler.Channel("pack"))
    try:
        rattler.PackageRecord.validate(list(records))
    except ValidatePackageRecordsError as error:
        raise InvalidInput(
            f"What is injected ({names}) does not fit: {str(error).rstrip('.')}.",
            file=injected[0].path,
            remedy="Inject what is missing, too, or another version.",
        ) from None
