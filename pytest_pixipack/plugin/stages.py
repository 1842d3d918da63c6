"""What is done to a workspace: check its lock, and in a copy build, pack and unpack."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_pixipack.errors import Unsupported
from pytest_pixipack.lock import Lock, read_lock, write_lock
from pytest_pixipack.manifest import Manifest, load_manifest
from pytest_pixipack.plugin.copies import copy_with_sources
from pytest_pixipack.plugin.options import REPRODUCE
from pytest_pixipack.plugin.outcomes import Outcome, judged
from pytest_pixipack.plugin.plan import (
    Check,
    Place,
    builds_of,
    engine_reaches,
    lock_path,
    packages_of,
)
from pytest_pixipack.plugin.store import Store, short_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pytest_pixipack.artifact import Artifact
    from pytest_pixipack.engine.options import EngineOptions
    from pytest_pixipack.engine.reuse import BuiltPackages
    from pytest_pixipack.pack import Pack
    from pytest_pixipack.plugin.toolchains import ToolchainStages
    from pytest_pixipack.prefix import Prefix
    from pytest_pixipack.reproduce import Variation
    from pytest_pixipack.verify.findings import Finding
    from pytest_pixipack.workspace import Engine

_PREPARED, _CHECKED, _COPY = "copy", "check", "w"


class Stages:
    """The stages of one workspace.

    `shared` is the directory of the run, `prepare` changes a copy before it is used, `cache` says
    where the cache is. Nothing is written beside the manifest.
    """

    def __init__(
        self,
        manifest: Manifest,
        checks: Sequence[Check],
        shared: Path,
        *,
        engine: str,
        network: bool,
        prepare: Callable[[Path], object],
        cache: Callable[[], Path],
        toolchains: Sequence[tuple[str, Path]] = (),
        record: bool = False,
        vary: Sequence[str] = (),
        variations: Callable[[], Iterable[Variation]] = tuple,
        rebuild: bool = False,
    ) -> None:
        self.manifest = manifest
        self._checks = checks
        self._engine_name = engine
        self._network = network
        self._prepare = prepare
        self._cache = cache
        self._toolchains = toolchains
        self._record = record
        self._vary = vary
        self._variations = variations
        self._rebuild = rebuild
        self._shared = shared
        self.directory = shared / _content_key(manifest, engine, network)
        self._store = Store(self.directory)

    def prerequisites(self, check: Check) -> tuple[Check, ...]:
        """The checks whose failure leaves nothing to be said by this one."""
        place = check.place
        if check.kind == "build":
            return () if self._relocked() else self._locks(check.places[:1])
        if check.kind in ("pack", REPRODUCE):
            locks = () if self._relocked() else self._locks((place,))
            return (*locks, *builds_of(self._checks, place))
        if check.kind == "unpack":
            packs = [c for c in self._checks if c.kind == "pack" and place in c.places]
            return (*self.prerequisites(packs[0]), packs[0]) if packs else ()
        return ()

    def outcome(self, check: Check) -> Outcome:
        """How a check went; it is done if no one has done it. Its prerequisites have to be met."""
        if check.kind == "lock":
            return self._lock_outcome(check.place)
        if check.kind == "toolchain":
            return self._side_by_side.outcome(check)
        prepared = self._prepared()
        if not prepared.passed:
            return prepared
        makers = {"build": self._build, "pack": self._pack, "unpack": self._unpack}
        make = {**makers, REPRODUCE: self._reproduce}[check.kind]
        stage = self._store.outcome(check.name, lambda folder: make(check, folder))
        return replace(stage, data={**stage.data, "relocked": prepared.data["relocked"]})

    def readable(self, text: str) -> str:
        """A text in which the copy of the workspace is called what the workspace is."""
        start = re.escape(str(self.directory))
        name = re.escape(self.manifest.root.name)
        inner = rf"[/\\][^/\\]+[/\\][^/\\]+[/\\]{_COPY}(?:[/\\][^\s:]*?{name})?(?=[/\\])"
        return re.sub(start + inner, lambda _: str(self.manifest.root), text)

    def _locks(self, places: Sequence[Place]) -> tuple[Check, ...]:
        return tuple(c for c in self._checks if c.kind == "lock" and c.place in places)

    # The lock ---------------------------------------------------------------------------------

    def _lock_outcome(self, place: Place) -> Outcome:
        whole = self._store.outcome(_CHECKED, lambda _: self._check())
        if whole.message is not None:
            return whole
        names = {place.platform, place.subdir, self.manifest.lock_platform_names()[place.platform]}
        return judged(
            tuple(
                finding
                for finding in whole.findings
                if finding.environment in (None, place.environment)
                and (finding.platform is None or finding.platform in names)
            )
        )

    def _check(self) -> Outcome:
        from pytest_pixipack.engine.embedded import locked
        from pytest_pixipack.verify import check_lock

        return judged(tuple(check_lock(self.manifest, locked(self.manifest)).findings))

    # The copy ---------------------------------------------------------------------------------

    def _prepared(self) -> Outcome:
        return self._store.outcome(_PREPARED, self._copy)

    def _relocked(self) -> bool:
        return bool(self._prepared().data.get("relocked"))

    def _copy(self, folder: Path) -> Outcome:
        from pytest_pixipack.workspace.relock import made_from_stand_ins

        lock = read_lock(lock_path(self.manifest))
        root = copy_with_sources(self.manifest.root, lock, folder / _COPY)
        self._prepare(root)
        manifest = load_manifest(root / self.manifest.path.name)
        options = self._options(()).with_stand_ins(manifest)
        relocked = not made_from_stand_ins(lock, options, root)
        if relocked:
            # pixi would keep what the old lock says, digests of other packages included.
            lock_path(manifest).unlink()
            write_lock(self._engine.lock(root), lock_path(manifest))
        return Outcome("passed", data={"root": str(root), "relocked": relocked})

    @cached_property
    def _side_by_side(self) -> ToolchainStages:
        from pytest_pixipack.plugin.toolchains import ToolchainStages

        return ToolchainStages(
            self.manifest,
            self._toolchains,
            self._store,
            self._shared / "cache",
            self._network,
            self._prepare,
            self._checks,
        )

    @cached_property
    def _root(self) -> Path:
        return Path(self._prepared().data["root"])

    @cached_property
    def _lock(self) -> Lock:
        # The committed file where it is used, so that findings name that one.
        return read_lock(lock_path(self.manifest) if not self._relocked() else self._copied_lock)

    @property
    def _copied_lock(self) -> Path:
        return self._root / "pixi.lock"

    # Engine -----------------------------------------------------------------------------------

    @cached_property
    def _engine(self) -> Engine:
        from pytest_pixipack.engine.choice import make_engine

        return make_engine(self._engine_name, self._options(self.manifest.environment_names()))

    def _options(self, environments: Sequence[str]) -> EngineOptions:
        """With the local channels of these environments where they are, not where the copy is."""
        from pytest_pixipack.engine.channels import canonical_url
        from pytest_pixipack.engine.options import EngineOptions, default_cache_dir
        from pytest_pixipack.file_urls import path_of_url

        stand_ins = self.manifest.stand_ins.channels
        local: dict[str, Path] = {}
        for environment in environments:
            for name in self.manifest.channels(environment):
                path = path_of_url(canonical_url(name, self.manifest.root))
                if path is not None and name not in stand_ins:
                    local[name] = path
        return EngineOptions(
            cache_dir=default_cache_dir() if self._uses_cache() else self._shared / "cache",
            channels=local,
            network=self._network,
            shared_dir=self._cache(),
            built=self._built_before,
        )

    @cached_property
    def _built_before(self) -> BuiltPackages | None:
        """What earlier runs have built from the same things."""
        from pytest_pixipack.engine.reuse import BuiltPackages

        return None if self._rebuild else BuiltPackages(self._cache() / "built")

    def _uses_cache(self) -> bool:
        """Whether downloads of earlier runs can be there, or new ones have to be kept."""
        from pytest_pixipack.engine.options import user_cache_dir

        known = user_cache_dir(os.environ)
        named = "PIXIPACK_CACHE_DIR" in os.environ
        return self._network or named or (known is not None and (known / "packages").is_dir())

    def _reach(self, place: Place) -> None:
        if not engine_reaches(self.manifest, self._lock, place):
            raise Unsupported(
                f"The {self._engine_name} engine cannot tell platform {place.platform} from "
                f"another one of the same subdir, {place.subdir}.",
                file=self.manifest.path,
            )

    # Artifact, pack, prefix -------------------------------------------------------------------

    def _build(self, check: Check, folder: Path) -> Outcome:
        place = check.place
        self._reach(place)
        artifacts = self._engine.build(
            self._root,
            folder,
            environment=place.environment,
            platform=place.subdir,
            only=[check.package or ""],
        )
        findings = self._verified(place, artifacts=artifacts)
        return judged(
            _of_layer(findings, "artifact"),
            artifacts=[str(each.path) for each in artifacts],
            record=self._recorded(place, artifacts),
            reused=self._was_there(artifacts),
        )

    def _was_there(self, artifacts: Iterable[Artifact]) -> bool:
        """Whether none of these packages had to be built."""
        known = self._built_before.taken if self._built_before is not None else set()
        return all((each.facts.name, each.facts.subdir) in known for each in artifacts)

    def _pack(self, check: Check, folder: Path) -> Outcome:
        self._reach(check.place)
        artifacts = self._artifacts(check.place)
        pack = self._engine.pack(
            self._root,
            folder / "environment.tar",
            environment=check.place.environment,
            platform=check.place.subdir,
            artifacts=artifacts,
        )
        findings = self._verified(check.place, artifacts=artifacts, pack=pack)
        record = self._recorded(check.place, artifacts, pack=pack)
        return judged(_of_layer(findings, "pack"), pack=str(pack.path), record=record)

    def _unpack(self, check: Check, folder: Path) -> Outcome:
        from pytest_pixipack.pack import read_pack

        packs = [c for c in self._checks if c.kind == "pack" and check.place in c.places]
        pack = read_pack(Path(self.outcome(packs[0]).data["pack"]))
        prefix = self._engine.unpack(pack.path, folder / "p", platform=check.place.subdir)
        artifacts = self._artifacts(check.place)
        findings = self._verified(check.place, artifacts=artifacts, pack=pack, prefix=prefix)
        record = self._recorded(check.place, artifacts, prefix=prefix)
        return judged(_of_layer(findings, "prefix"), prefix=str(prefix.path), record=record)

    def _recorded(
        self,
        place: Place,
        artifacts: Sequence[Artifact],
        pack: Pack | None = None,
        prefix: Prefix | None = None,
    ) -> dict[str, Any] | None:
        """What a record says of these; None where none was asked for."""
        if not self._record:
            return None
        from pytest_pixipack.plugin.records import recorded

        manifest = load_manifest(self._root)
        options = self._engine.options.with_stand_ins(manifest)
        engine = self._engine_name
        return recorded(manifest, self._lock, options, engine, place, artifacts, pack, prefix)

    def _reproduce(self, check: Check, _: Path) -> Outcome:
        from pytest_pixipack.plugin.reproduce import reproduced

        place = check.place
        self._reach(place)
        return reproduced(
            self._root,
            self._engine.options,
            place,
            engine=self._engine_name,
            vary=self._vary,
            extra=self._variations(),
            title=self.manifest.root,
        )

    def _artifacts(self, place: Place) -> list[Artifact]:
        from pytest_pixipack.artifact import read_artifact

        by_name = {
            artifact.facts.name: artifact
            for build in builds_of(self._checks, place)
            for artifact in map(
                read_artifact, map(Path, self.outcome(build).data.get("artifacts", ()))
            )
        }
        # The lock's order; solving anew can bring packages that no check was planned for.
        wanted = [p.name for p in packages_of(self.manifest, self._lock, place) if p.is_source]
        missing = [name for name in wanted if name not in by_name]
        if missing:
            more = self._engine.build(
                self._root,
                self._store.root / short_key("more", *missing, place.platform),
                environment=place.environment,
                platform=place.subdir,
                only=missing,
            )
            by_name |= {artifact.facts.name: artifact for artifact in more}
        return [by_name[name] for name in wanted]

    def _verified(self, place: Place, **layers: object) -> tuple[Finding, ...]:
        from pytest_pixipack.verify import verify

        report = verify(
            manifest=self.manifest,
            lock=self._lock,
            environment=place.environment,
            platform=place.subdir,
            **layers,  # type: ignore[arg-type]
        )
        return tuple(report.findings)


def _of_layer(findings: Sequence[Finding], layer: str) -> tuple[Finding, ...]:
    """Errors, and those others that an earlier check did not show."""
    return tuple(f for f in findings if f.severity == "error" or layer in f.layers)


def _content_key(manifest: Manifest, engine: str, network: bool) -> str:
    files = [manifest.path, lock_path(manifest), *manifest.stand_ins.channels.values()]
    contents = [path.read_bytes() if path.is_file() else b"" for path in files]
    return short_key(str(manifest.path), *contents, engine, str(network))
