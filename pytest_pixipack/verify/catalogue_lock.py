"""The rules that compare a manifest with its lock."""

from __future__ import annotations

from functools import partial

from pytest_pixipack.verify import lock_environments as environments
from pytest_pixipack.verify.lock_channel import check_channel_records
from pytest_pixipack.verify.lock_closure import problems_of
from pytest_pixipack.verify.lock_pypi import conda_reached, pypi_problems
from pytest_pixipack.verify.lock_pypi_environment import check_indexes
from pytest_pixipack.verify.lock_sources import source_problems
from pytest_pixipack.verify.lock_text import check_canonical
from pytest_pixipack.verify.rules import PRESENCE, REST, UNREADABLE, Problem, Rule, nothing
from pytest_pixipack.verify.subject import Subject

_BOTH = ("manifest", "lock")
_LOCK_AGAIN = "Run `pixi lock`"


def _locations(subject: Subject) -> tuple[Problem, ...]:
    rule = "lock-source-location"
    return (*problems_of(subject, rule), *source_problems(subject, rule))


def _unused(subject: Subject) -> tuple[Problem, ...]:
    rule = "lock-unused"
    reached = conda_reached(subject)
    conda = (
        p
        for p in problems_of(subject, rule)
        if (p.environment, p.platform, p.package) not in reached
    )
    return (*conda, *pypi_problems(subject, rule))


def _duplicates(subject: Subject) -> tuple[Problem, ...]:
    rule = "lock-duplicate"
    return (*problems_of(subject, rule), *pypi_problems(subject, rule))


LOCK_RULES = (
    Rule(
        name="lock-parse",
        layers=("lock",),
        severity="error",
        title="the lock can be read",
        damage=("the lock is missing", "it is not YAML or a field has a wrong type",
                "an environment refers to a package that has no entry"),
        remedy="Restore pixi.lock, or remove it and run `pixi lock`",
        check=nothing,
        rank=UNREADABLE,
    ),
    Rule(
        name="lock-environments",
        layers=_BOTH,
        severity="error",
        title="manifest and lock have the same environments",
        damage=("an environment was added to the manifest", "an environment was removed from it"),
        remedy=_LOCK_AGAIN,
        check=environments.check_environments,
        rank=PRESENCE,
    ),
    Rule(
        name="lock-platforms",
        layers=_BOTH,
        severity="error",
        title="each environment is locked for the platforms of the manifest",
        damage=("a platform was added to the manifest", "a platform was removed from it"),
        remedy=_LOCK_AGAIN,
        check=environments.check_platforms,
        rank=PRESENCE,
    ),
    Rule(
        name="lock-platform-definition",
        layers=_BOTH,
        severity="error",
        title="a platform was locked with the virtual packages that the manifest gives it",
        damage=("the virtual packages or the subdir of a platform changed",),
        remedy=_LOCK_AGAIN,
        check=environments.check_platform_definition,
    ),
    Rule(
        name="lock-channels",
        layers=_BOTH,
        severity="error",
        title="each environment was locked with the channels of the manifest, in their order",
        damage=("a channel was added, removed, replaced or moved",),
        remedy=_LOCK_AGAIN,
        check=environments.check_channels,
    ),
    Rule(
        name="lock-solve-group",
        layers=_BOTH,
        severity="error",
        title="the environments of a solve group are locked with the same packages",
        damage=("environments that were locked apart were put into one solve group",
                "the lock of one of them was edited"),
        remedy=_LOCK_AGAIN,
        check=environments.check_solve_groups,
        consequence_of=("lock-duplicate",),
    ),
    Rule(
        name="lock-options",
        layers=_BOTH,
        severity="error",
        title="each environment was solved with the options of the manifest",
        damage=("solve-strategy, channel-priority or prerelease-mode changed",),
        remedy=_LOCK_AGAIN,
        check=environments.check_options,
    ),
    Rule(
        name="lock-exclude-newer",
        layers=_BOTH,
        severity="error",
        title="no locked package is newer than exclude-newer allows",
        damage=("exclude-newer was set to an earlier date",),
        remedy=_LOCK_AGAIN,
        check=environments.check_exclude_newer,
    ),
    Rule(
        name="lock-duplicate",
        layers=_BOTH,
        severity="error",
        title="an environment has one package of a name on a platform",
        damage=("two versions of a package are locked for one environment",),
        remedy=_LOCK_AGAIN,
        check=_duplicates,
        rank=PRESENCE,
    ),
    Rule(
        name="lock-spec",
        layers=_BOTH,
        severity="error",
        title="every requirement and constraint of the manifest is met by a locked package",
        damage=("a dependency was added to the manifest", "a requirement became tighter than what "
                "is locked", "a package was removed from the lock"),
        remedy=_LOCK_AGAIN,
        check=partial(problems_of, rule="lock-spec"),
        rank=PRESENCE,
        consequence_of=("lock-duplicate",),
    ),
    Rule(
        name="lock-depends",
        layers=_BOTH,
        severity="error",
        title="every dependency of a locked package is met by a locked package",
        damage=("a package that another one depends on was removed from the lock, or its version "
                "changed",),
        remedy=_LOCK_AGAIN,
        check=partial(problems_of, rule="lock-depends"),
        rank=PRESENCE,
        consequence_of=("lock-duplicate", "lock-spec"),
    ),
    Rule(
        name="lock-constrains",
        layers=_BOTH,
        severity="warning",
        title="no locked package violates what another one constrains",
        damage=("a locked package was replaced by a version that another one excludes",),
        remedy="Run `pixi update` for the package",
        check=partial(problems_of, rule="lock-constrains"),
        consequence_of=("lock-duplicate", "lock-spec", "lock-depends"),
    ),
    Rule(
        name="lock-unused",
        layers=_BOTH,
        severity="error",
        title="every locked package is needed by something",
        damage=("a dependency was removed from the manifest",),
        remedy=_LOCK_AGAIN,
        check=_unused,
        rank=REST,
        consequence_of=("lock-source-metadata", "lock-duplicate"),
    ),
    Rule(
        name="lock-source-kind",
        layers=_BOTH,
        severity="error",
        title="what is to be built from source is locked as source, and nothing else",
        damage=("a dependency on a channel's package became one on a path, or the reverse",),
        remedy=_LOCK_AGAIN,
        check=partial(problems_of, rule="lock-source-kind"),
        rank=PRESENCE,
    ),
    Rule(
        name="lock-source-location",
        layers=_BOTH,
        severity="error",
        title="source packages lie where the lock says",
        damage=("the path or the repository of a source package changed",
                "its directory is gone"),
        remedy=_LOCK_AGAIN,
        check=_locations,
        rank=PRESENCE,
        consequence_of=("lock-source-kind",),
    ),
    Rule(
        name="lock-source-metadata",
        layers=_BOTH,
        severity="error",
        title="the record of a source package is what its manifest and backend say",
        damage=("a run dependency, constraint, extra or run export of a source package changed",
                "its name or its variants changed", "its record was edited"),
        remedy=_LOCK_AGAIN,
        check=partial(source_problems, rule="lock-source-metadata"),
        consequence_of=("lock-source-location", "lock-source-kind"),
    ),
    Rule(
        name="lock-build-environment",
        layers=_BOTH,
        severity="error",
        title="the locked build and host packages are those that a source package needs",
        damage=("a build or host dependency of a source package changed",
                "its build or host packages were removed from the lock"),
        remedy=_LOCK_AGAIN,
        check=partial(source_problems, rule="lock-build-environment"),
        consequence_of=("lock-source-location", "lock-source-kind"),
    ),
    Rule(
        name="lock-channel-record",
        layers=_BOTH,
        severity="warning",
        title="packages from local channels are locked as their channel describes them",
        damage=("a digest in the lock was edited", "a dependency of a locked package was lost",
                "a package of a local channel was replaced by another one of its name"),
        description="Only channels that are directories are looked at; remote ones are not asked.",
        remedy="Run `pixi update` for the package",
        check=check_channel_records,
        consequence_of=("lock-channels",),
    ),
    Rule(
        name="lock-backend",
        layers=_BOTH,
        severity="note",
        title="the build backends of source packages were asked",
        damage=("no backend is named by `--backend` or `PIXI_BUILD_BACKEND_OVERRIDE`",
                "the package is described by a `recipe.yaml` or in the workspace's manifest"),
        description="Without its backend's answer, a source package is compared with its manifest "
        "alone. Everything that the manifest declares has to be locked; what the backend has added "
        "since, or what was removed from the manifest, cannot be seen.",
        remedy="pixipack check --backend NAME=PATH",
        check=partial(source_problems, rule="lock-backend"),
        rank=REST,
        consequence_of=("lock-source-kind", "lock-source-location", "lock-source-metadata",
                        "lock-build-environment"),
    ),
    Rule(
        name="lock-indexes",
        layers=_BOTH,
        severity="error",
        title="PyPI packages were locked with the indexes and find-links of the manifest",
        damage=("a PyPI index was added, removed, replaced or moved",
                "an entry of find-links was added, removed, replaced or moved"),
        remedy=_LOCK_AGAIN,
        check=check_indexes,
    ),
    Rule(
        name="lock-pypi-requirement",
        layers=_BOTH,
        severity="error",
        title="every PyPI requirement is met by a locked package",
        damage=("a PyPI dependency was added to the manifest",
                "a PyPI package was removed from the lock",
                "the dependencies of a local Python project changed",
                "a PyPI requirement cannot be read"),
        remedy=_LOCK_AGAIN,
        check=partial(pypi_problems, rule="lock-pypi-requirement"),
        rank=PRESENCE,
        consequence_of=("lock-duplicate",),
    ),
    Rule(
        name="lock-pypi-extra",
        layers=_BOTH,
        severity="error",
        title="what an extra of a PyPI package requires is locked",
        damage=("an extra was added to a PyPI dependency",),
        remedy=_LOCK_AGAIN,
        check=partial(pypi_problems, rule="lock-pypi-extra"),
        rank=PRESENCE,
        consequence_of=("lock-duplicate",),
    ),
    Rule(
        name="lock-pypi-conda",
        layers=_BOTH,
        severity="error",
        title="a conda package stands for one of PyPI only where it can and is asked for",
        damage=("a dependency on a conda package was removed that stood for one of PyPI",
                "a PyPI requirement became tighter than the conda package that is in its place",
                "a PyPI dependency that a conda package meets got a path, a URL or a repository",
                "no locked conda package says which package of PyPI it is"),
        remedy=_LOCK_AGAIN,
        check=partial(pypi_problems, rule="lock-pypi-conda"),
        rank=PRESENCE,
        consequence_of=("lock-duplicate", "lock-spec", "lock-depends"),
    ),
    Rule(
        name="lock-pypi-version",
        layers=_BOTH,
        severity="error",
        title="locked PyPI packages have versions that are asked for",
        damage=("a PyPI requirement became tighter than what is locked",
                "environments of a solve group have different versions of a PyPI package"),
        remedy=_LOCK_AGAIN,
        check=partial(pypi_problems, rule="lock-pypi-version"),
        consequence_of=("lock-duplicate",),
    ),
    Rule(
        name="lock-pypi-index",
        layers=_BOTH,
        severity="error",
        title="locked PyPI packages come from the index that is asked for",
        damage=("the index of a PyPI dependency was added, removed or replaced",),
        remedy=_LOCK_AGAIN,
        check=partial(pypi_problems, rule="lock-pypi-index"),
        consequence_of=("lock-duplicate",),
    ),
    Rule(
        name="lock-pypi-url",
        layers=_BOTH,
        severity="error",
        title="PyPI packages from URLs and repositories are locked at what is asked for",
        damage=("the URL of a PyPI dependency changed",
                "the repository, the branch, the tag, the commit or the subdirectory of a PyPI "
                "dependency changed"),
        remedy=_LOCK_AGAIN,
        check=partial(pypi_problems, rule="lock-pypi-url"),
        consequence_of=("lock-duplicate",),
    ),
    Rule(
        name="lock-pypi-path",
        layers=_BOTH,
        severity="error",
        title="PyPI packages from paths are locked at the path that is asked for",
        damage=("the path of a PyPI dependency changed",
                "the file or directory of a PyPI dependency is gone",
                "a wheel was replaced by a directory of its name"),
        remedy=_LOCK_AGAIN,
        check=partial(pypi_problems, rule="lock-pypi-path"),
        consequence_of=("lock-duplicate",),
    ),
    Rule(
        name="lock-pypi-python",
        layers=_BOTH,
        severity="error",
        title="the locked Python is one that locked PyPI packages can run with",
        damage=("a locked package requires a newer Python than is locked",
                "no Python is locked beside PyPI packages",
                "requires-python of a local Python project changed"),
        remedy=_LOCK_AGAIN,
        check=partial(pypi_problems, rule="lock-pypi-python"),
        consequence_of=("lock-duplicate",),
    ),
    Rule(
        name="lock-pypi-tags",
        layers=_BOTH,
        severity="error",
        title="locked wheels are for the locked Python and the platform",
        damage=("a platform promises an older libc or macOS than a wheel needs",
                "a wheel is locked for another Python or another platform"),
        remedy=_LOCK_AGAIN,
        check=partial(pypi_problems, rule="lock-pypi-tags"),
        consequence_of=("lock-duplicate",),
    ),
    Rule(
        name="lock-pypi-binary",
        layers=_BOTH,
        severity="error",
        title="where no-build is set, only wheels and editable projects are locked",
        damage=("no-build was set for a package that has to be built",),
        remedy=_LOCK_AGAIN,
        check=partial(pypi_problems, rule="lock-pypi-binary"),
        consequence_of=("lock-duplicate",),
    ),
    Rule(
        name="lock-pypi-hash",
        layers=_BOTH,
        severity="warning",
        title="local wheels, and URLs with a digest, have the digest that is locked",
        damage=("a local wheel was replaced by another one of the same name",
                "the digest of a PyPI package was edited"),
        remedy=_LOCK_AGAIN,
        check=partial(pypi_problems, rule="lock-pypi-hash"),
        consequence_of=("lock-duplicate",),
    ),
    Rule(
        name="lock-canonical",
        layers=("lock",),
        severity="warning",
        title="the lock has the bytes that pixi would write",
        damage=("the lock was edited by hand or by a merge", "an entry is used by nothing",
                "an older pixi wrote it"),
        # `pixi lock` writes nothing where the lock is up to date; nor does it for other warnings.
        remedy="Undo the edit, or let write_lock(read_lock(path), path) of pytest_pixipack.lock "
        "write it again; pixi leaves a lock that is up to date as it is",
        check=check_canonical,
        rank=REST,
    ),
)  # fmt: skip
