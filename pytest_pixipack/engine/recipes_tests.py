"""The tests of a recipe, which rattler-build puts into the package, run by py-rattler-build.

pixi does not run them. Here they run when all packages are built, each in an environment of the
package and what it needs: what was built from source, and packages of the workspace's channels. As
with rattler-build's own `--test native`, those of packages for other platforms are left out.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_pixipack.artifact import Artifact
from pytest_pixipack.errors import BackendError, Unsupported
from pytest_pixipack.file_urls import file_url
from pytest_pixipack.platforms import current_platform

if TYPE_CHECKING:
    from pytest_pixipack.engine.building import Builder
    from pytest_pixipack.engine.sessions import Sessions
    from pytest_pixipack.engine.target import Target
    from pytest_pixipack.lock import LockedPackage

Json = dict[str, Any]

_TESTS = "tests/tests.yaml"
_LINES = 12


def check_recipes(
    sessions: Sessions,
    builder: Builder,
    artifacts: Sequence[Artifact],
    members: Sequence[LockedPackage],
    target: Target,
    scratch: Path,
) -> None:
    """Runs the tests of those artifacts that were built from recipes by py-rattler-build.

    `members` are all packages of the locked environment; those of them that a package needs to run
    and that are built from source are built. Raises as `run_recipe_tests`.
    """
    sources = {each.name: each for each in members if each.is_source}
    channels = [channel.origin for channel in target.channels]
    for number, artifact in enumerate(artifacts):
        package = sources.get(artifact.facts.name)
        if package is None or not sessions.is_tested(package.location) or not has_tests(artifact):
            continue
        needed = [
            builder.build_more(sources[name], target)
            for name in _needed(artifact.facts.depends, members)
            if name in sources and name != artifact.facts.name
        ]
        folder = scratch / str(number)
        run_recipe_tests(artifact, needed, channels, folder, sessions.run_own)


def _needed(depends: Iterable[str], members: Iterable[LockedPackage]) -> list[str]:
    """The names of all packages that these dependencies bring in, sorted."""
    by_name = {each.name: each for each in members}
    found: set[str] = set()
    queue = list(depends)
    while queue:
        name = re.split(r"[ \[]", queue.pop())[0]
        if name not in found and name in by_name:
            found.add(name)
            queue += by_name[name].facts.depends
    return sorted(found)


def has_tests(artifact: Artifact) -> bool:
    """Whether there is anything that could be run on this machine."""
    return _TESTS in artifact.info_files and artifact.facts.subdir in (current_platform(), "noarch")


def run_recipe_tests(
    artifact: Artifact,
    needed: Iterable[Artifact],
    channels: Sequence[str],
    scratch: Path,
    run: Callable[[Sequence[str]], str],
) -> None:
    """Runs the tests of one package. `needed` are packages that were built from source, `channels`
    the URLs of further ones; `run` starts our own program with these words and returns its output.

    Raises `BackendError` for a test that fails, `Unsupported` for one whose environment cannot be
    made of these packages.
    """
    shutil.rmtree(scratch, ignore_errors=True)  # of an earlier run
    built = _channel(needed, scratch)
    words = ["recipe-tests", str(artifact.path), file_url(built), *channels]
    result = json.loads(run(words).rstrip("\n").rpartition("\n")[2])
    if result.get("outcome") == "passed":
        return
    name, number = artifact.facts.name, result.get("test")
    if result.get("outcome") == "unsupported":
        raise Unsupported(
            f"Test {number} of the recipe of {name} cannot be run: its environment cannot be made "
            f"of the packages that are here ({result.get('text')}).",
            package=name,
            remedy="Put what it needs into a channel, or build without tests: [tool.pixipack] "
            'backends = { pixi-build-rattler-build = "recipe-untested" }.',
        )
    raise BackendError(
        f"Test {number} of the recipe of {name} failed: {result.get('text')}.",
        package=name,
        remedy="Correct the package or the test.",
    )


def main(words: Sequence[str]) -> int:
    """Runs all tests of a package, the first word, against channels, the others.

    Prints one line of JSON; returns 0.
    """
    package, *channels = words
    print(json.dumps(_outcome(Path(package), channels)))
    sys.stdout.flush()
    return 0


def _outcome(package: Path, channels: Sequence[str]) -> Json:
    from rattler_build import Package

    found = Package.from_file(package)
    for number in range(found.test_count):
        try:
            result = found.run_test(number, channel=list(channels))
            passed, lines = result.success, list(result.output)
        except Exception as error:  # what cannot even be started
            passed, lines = False, [str(error)]
        if not passed:
            text = "\n".join(lines)
            unsolved = "failed to setup test environment" in text
            return {
                "outcome": "unsupported" if unsolved else "failed",
                "test": number + 1,
                "text": _specs(text) if unsolved else _last(text),
            }
    return {"outcome": "passed"}


def _specs(text: str) -> str:
    """What the environment was asked to hold."""
    listed = re.search(r"Specs:\n((?:\s+- .*\n?)+)", text)
    specs = re.findall(r"- (.*)", listed[1]) if listed else []
    return "wanted " + ", ".join(specs) if specs else "see the recipe"


def _last(text: str) -> str:
    """The output of the script, without what rattler-build says around it."""
    own = text.partition("Testing commands:\n")[2] or text
    own = re.split(r"PyRattlerBuildError|\n\s*Work directory:|Script execution failed", own)[0]
    lines = [line.strip() for line in own.splitlines() if line.strip()]
    return " | ".join(lines[-_LINES:]).rstrip(".") or "it said nothing"


def _channel(packages: Iterable[Artifact], folder: Path) -> Path:
    from pytest_pixipack.engine.building import built_record
    from pytest_pixipack.engine.recipes_build import write_channel

    return write_channel(
        folder, [(built_record(each), each.path) for each in packages], [current_platform()]
    )
