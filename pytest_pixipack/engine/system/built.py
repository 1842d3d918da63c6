"""Which of the packages that `pixi build` wrote is the one that the lock means."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pytest_pixipack.artifact import Artifact, read_artifact
from pytest_pixipack.engine.system.messages import plain
from pytest_pixipack.errors import BackendError, InvalidInput, Unsupported
from pytest_pixipack.lock import LockedPackage

# `  - vary v1.0 [h11df832_0] (win-64) (color: green, libz: 1.0)`; the variants are those in which
# the outputs differ (pixi, crates/pixi_cli/src/publish).
_LISTED = re.compile(
    r"^\s*- (?P<name>\S+) v(?P<version>\S+) \[(?P<build>[^\]]*)\] \((?P<subdir>[^)]+)\)"
    r"(?: \((?P<variants>.+)\))?\s*$"
)


@dataclass(frozen=True, slots=True)
class ListedOutput:
    """One line of what pixi says it builds."""

    name: str
    version: str
    build: str
    subdir: str
    variants: dict[str, str] = field(default_factory=dict)

    @property
    def file_stem(self) -> str:
        """The file name without its suffix."""
        return f"{self.name}-{self.version}-{self.build}"


def listed_outputs(stderr: str) -> list[ListedOutput]:
    """What pixi says that it builds, in its order."""
    found = []
    for line in plain(stderr).splitlines():
        if match := _LISTED.match(line):
            pairs = (pair.split(": ", 1) for pair in (match["variants"] or "").split(", ") if pair)
            variants = {pair[0]: pair[1] for pair in pairs if len(pair) == 2}
            found.append(
                ListedOutput(
                    match["name"], match["version"], match["build"], match["subdir"], variants
                )
            )
    return found


def chosen(
    package: LockedPackage, listed: Sequence[ListedOutput], directory: Path, tool: str
) -> Artifact:
    """The artifact below `directory` for a package of a lock.

    Raises `BackendError` where nothing of that name was built, `InvalidInput` where the locked
    variant was not, `Unsupported` where several are as good.
    """
    own = [each for each in listed if each.name == package.name]
    locked = {key: str(value) for key, value in package.variants.items()}
    matching = [
        each
        for each in own
        if all(locked.get(key) == value for key, value in each.variants.items())
        and package.build in (None, each.build)
    ]
    if not own:
        names = ", ".join(sorted({each.name for each in listed})) or "nothing"
        raise BackendError(
            f"{tool} builds {names} there, but not {package.name}.",
            file=package.location,
            package=package.name,
            remedy="The backend has to offer an output with the package's name.",
        )
    if not matching:
        offered = "; ".join(", ".join(f"{k}={v}" for k, v in e.variants.items()) for e in own)
        wanted = ", ".join(f"{key}={value}" for key, value in sorted(locked.items()))
        raise InvalidInput(
            f"The lock wants {package.name} as {wanted}, but its backend now offers {offered}.",
            file=package.location,
            package=package.name,
            remedy="Lock again.",
        )
    if len({each.file_stem for each in matching}) > 1:
        stems = ", ".join(sorted(each.file_stem for each in matching))
        raise Unsupported(
            f"{tool} does not say which of {stems} the lock means by {package.name}.",
            package=package.name,
            remedy="Pin the build string of the package in the manifest.",
        )
    return read_artifact(_file_of(matching[0], directory, package))


def _file_of(output: ListedOutput, directory: Path, package: LockedPackage) -> Path:
    for path in sorted(directory.rglob("*")):
        if path.name in (f"{output.file_stem}.conda", f"{output.file_stem}.tar.bz2"):
            return path
    raise BackendError(
        f"pixi says that it built {output.file_stem}, but there is no such file.",
        package=package.name,
        remedy="Output and built package of a backend have to agree.",
    )
