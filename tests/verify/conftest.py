"""One good run, made once; every test breaks one thing in a copy of one layer of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from pytest_pixipack.artifact import Artifact, Member, read_artifact, write_artifact
from pytest_pixipack.artifact.containers import tar_streams
from pytest_pixipack.artifact.safety import DEFAULT_LIMITS
from pytest_pixipack.channel import StubChannel
from pytest_pixipack.engine.embedded import EmbeddedEngine
from pytest_pixipack.engine.options import EngineOptions
from pytest_pixipack.lock import Lock, parse_lock, write_lock
from pytest_pixipack.manifest import Manifest, load_manifest
from pytest_pixipack.pack import Pack, read_pack, unpack
from pytest_pixipack.prefix import Prefix, read_prefix
from pytest_pixipack.verify import Report, verify
from pytest_pixipack.workspace import WorkspaceBuilder

PLATFORM = "linux-64"
CHANNEL = "https://example.invalid/main"


@dataclass(frozen=True)
class Layers:
    """The layers of a run. The `with_...` methods return a copy in which one of them is broken."""

    manifest: Manifest
    lock: Lock
    artifacts: tuple[Artifact, ...]
    pack: Pack
    prefix: Prefix
    scratch: Path
    environment: str = "default"
    left_out: tuple[str, ...] = ()

    def verify(self, *only: str) -> Report:
        """The report about all layers, or those that are named."""
        layers: dict[str, Any] = {
            "manifest": self.manifest,
            "lock": self.lock,
            "artifacts": self.artifacts,
            "pack": self.pack,
            "prefix": self.prefix,
        }
        given = {name: layers[name] for name in only or layers if name not in self.left_out}
        return verify(**given, environment=self.environment, platform=PLATFORM)

    def without(self, *layers: str) -> Layers:
        """The layers without some of them."""
        return replace(self, left_out=layers)

    def artifact(self, name: str) -> Artifact:
        return next(each for each in self.artifacts if each.facts.name == name)

    def with_manifest(self, edit: Callable[[Path], None]) -> Layers:
        root = self.scratch / "workspace"
        shutil.copytree(self.manifest.root, root)
        edit(root)
        return replace(self, manifest=load_manifest(root))

    def with_lock(self, *edits: tuple[str, str]) -> Layers:
        """The lock with its canonical text edited."""
        text = self.lock.to_text()
        for old, new in edits:
            assert old in text
            text = text.replace(old, new)
        return replace(self, lock=parse_lock(text, "pixi.lock"))

    def with_artifact(
        self,
        name: str,
        *,
        index: Mapping[str, Any] | None = None,
        files: Mapping[str, bytes | None] | None = None,
        members: tuple[Member, ...] = (),
        run_exports: Mapping[str, list[str]] | None = None,
        paths: Callable[[list[dict[str, Any]]], None] | None = None,
        file_name: str | None = None,
        extra_info: Mapping[str, bytes] | None = None,
    ) -> Layers:
        """The artifact written again: with other fields of index.json (None removes one), other
        files (None removes one), other run exports, or an edited paths.json."""
        good = self.artifact(name)
        fields = {**good.index, **(index or {})}
        target = self.scratch / (file_name or good.path.name)
        content = dict(_contents(good.path)) | dict(files or {})
        kept = [
            Member(
                path,
                data,
                executable=path in good.payload and good.payload[path].executable,
                placeholder=_recorded(good, path, "placeholder"),
                placeholder_mode=_recorded(good, path, "placeholder_mode"),
            )
            for path, data in content.items()
            if data is not None
        ]
        info = dict(extra_info or {})
        if paths is not None:
            entries = json.loads(_info(good.path, "info/paths.json"))
            paths(entries["paths"])
            info["paths.json"] = json.dumps(entries).encode()
        exports = good.facts.run_exports.to_json() if good.facts.run_exports else None
        write_artifact(
            target,
            {key: value for key, value in fields.items() if value is not None},
            [*kept, *members],
            run_exports=exports if run_exports is None else run_exports,
            extra_info=info,
        )
        broken = read_artifact(target)
        return replace(
            self,
            artifacts=tuple(broken if each is good else each for each in self.artifacts),
        )

    def with_pack(self, edit: Callable[[Path], object]) -> Layers:
        """The pack as a directory in which something was edited."""
        folder = self.scratch / "pack"
        self.pack.extract(folder)
        edit(folder)
        return replace(self, pack=read_pack(folder))

    def with_prefix(self, edit: Callable[[Path], object]) -> Layers:
        """A fresh prefix in which something was edited."""
        prefix = unpack(self.pack, self.scratch / "installed", platform=PLATFORM, shells=["bash"])
        edit(prefix.path)
        return replace(self, prefix=read_prefix(prefix.path))


def _contents(path: Path) -> list[tuple[str, bytes]]:
    found = []
    with tar_streams(path, DEFAULT_LIMITS) as parts:
        for part, tar in parts:
            for entry in tar:
                if part != "info" and entry.kind == "file":
                    found.append((entry.name, b"".join(tar.content())))
    return found


def _info(path: Path, name: str) -> bytes:
    with tar_streams(path, DEFAULT_LIMITS) as parts:
        for _, tar in parts:
            for entry in tar:
                if entry.name == name:
                    return b"".join(tar.content())
    raise AssertionError(f"{path} has no {name}")


def _recorded(artifact: Artifact, path: str, what: str) -> Any:
    facts = (artifact.facts.files or {}).get(path)
    return getattr(facts, what) if facts is not None else None


def channel() -> StubChannel:
    """`libw` exports a bound that it moves; `tool` comes with a script that activates it."""
    stub = StubChannel("main")
    for version, bound in (("1.2.4", ">=1.2,<2"), ("1.3.0", ">=1.3,<2")):
        stub.add(
            "libw",
            version,
            subdirs=[PLATFORM, "win-64"],
            run_exports={"weak": [f"libw {bound}"]},
            constrains=["tool >=1"],
            files={"lib/libw.txt": version},
        )
    stub.add(
        "tool",
        "2.0",
        subdirs=[PLATFORM, "win-64"],
        depends=["data"],
        files={"bin/tool": "#!/bin/sh\n"},
        activate={"sh": "export TOOL=1\n"},
    )
    stub.add("data", "3.0", noarch="generic", files={"share/data.txt": "data\n"})
    stub.add("win-helper", "1.0", subdirs=["win-64"])
    return stub


def workspace(root: Path, engine: EmbeddedEngine) -> WorkspaceBuilder:
    """`app` needs `lib`, `tool`, on Windows a helper, and `libw` as a run export of its host."""
    built = WorkspaceBuilder(
        root / "workspace",
        engine,
        root / "outputs",
        channels=[CHANNEL],
        platforms=[PLATFORM, "win-64"],
        dependencies={"data": ">=3"},
    )
    built.package(
        "lib",
        "0.2.0",
        run={"data": "*"},
        run_exports={"weak": {"lib": ">=0.2,<1"}},
        files={"share/lib.txt": "lib\n", "bin/lib": "#!/bin/sh\n"},
        depend=False,
    )
    return built.package(
        "app",
        "0.1.0",
        host={"libw": "1.2.*"},
        run={"lib": {"path": "../lib"}, "tool": ">=2", "if(win)": {"win-helper": "*"}},
        constraints={"data": "<4"},
        files={"share/app.txt": "app\n", "bin/app": "#!/bin/sh\n"},
    )


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Layers:
    """The good run: all layers of the default environment for one platform."""
    root = tmp_path_factory.mktemp("good")
    stub = channel().build(root / "channel")
    options = EngineOptions(
        cache_dir=root / "cache",
        channels={CHANNEL: stub.path},
        backends={"pixipack-stub-backend": "stub"},
    )
    engine = EmbeddedEngine(options)
    made = workspace(root, engine)
    write_lock(engine.lock(made.root), made.root / "pixi.lock")
    lock = made.locked()
    artifacts = engine.build(made.root, root / "artifacts", platform=PLATFORM)
    pack = engine.pack(made.root, root / "p.tar", platform=PLATFORM, artifacts=artifacts)
    prefix = engine.unpack(pack.path, root / "unpacked", platform=PLATFORM)
    return Layers(made.manifest, lock, artifacts, pack, prefix, root)


@pytest.fixture
def good(run: Layers, tmp_path: Path) -> Layers:
    """The good run; what a test breaks is written below its own `tmp_path`."""
    return replace(run, scratch=tmp_path)


@pytest.fixture(scope="session")
def shipment(tmp_path_factory: pytest.TempPathFactory) -> Layers:
    """Another good run, of packages and a wheel that come from elsewhere; see `shipped`."""
    from tests.verify.shipped import make

    return make(tmp_path_factory.mktemp("shipped"))


@pytest.fixture
def shipped(shipment: Layers, tmp_path: Path) -> Layers:
    """The shipment; what a test breaks is written below its own `tmp_path`."""
    return replace(shipment, scratch=tmp_path)
