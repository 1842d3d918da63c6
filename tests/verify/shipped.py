"""An environment of everything that is shipped: wheels, placeholders, links, `.tar.bz2`, ..."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pytest_pixipack.artifact import read_artifact
from pytest_pixipack.channel import StubChannel
from pytest_pixipack.channel.files import File
from pytest_pixipack.engine.embedded import EmbeddedEngine
from pytest_pixipack.engine.options import EngineOptions
from pytest_pixipack.lock import read_lock
from pytest_pixipack.manifest import load_manifest
from tests.verify.conftest import Layers
from tests.wheels import make_wheel

PLATFORM = "linux-64"
SITE = "lib/python3.12/site-packages"
MANIFEST = """\
[workspace]
name = "ship"
channels = ["./channel"]
platforms = ["linux-64"]

[dependencies]
data = "*"
old = "*"
sails = "*"
tool = "*"
"""
SCRIPT = "#!@PREFIX@/bin/rig --fast\n# of @PREFIX@\n"


def channel() -> StubChannel:
    """Packages with as many kinds of files and fields as there are."""
    stub = StubChannel("channel")
    stub.add(
        "tool",
        "2.0.1",
        build="h2_3",
        build_number=3,
        subdir=PLATFORM,
        depends=["python >=3.12", "old <1"],
        constrains=["rival >=5"],
        license="MIT",
        license_family="MIT",
        track_features=["feat"],
        purls=["pkg:pypi/tool"],
        run_exports={"weak": ["tool >=2"]},
        timestamp=1_700_000_000_000,
        files={
            "bin/tool": File(SCRIPT, executable=True, placeholder=True),
            "bin/tool-link": File(link="tool"),
            "etc/tool.cfg": File("prefix=@PREFIX@\n", placeholder=True),
            "lib/libtool.so": File(data=b"\0a @PREFIX@/lib:@PREFIX@/x\0b", placeholder=True),
            "share/tool/data.txt": "data\n",
            "etc/conda/env_vars.d/tool.json": '{"TOOL_ENV": "a b"}\n',
        },
        activate={"sh": "export TOOL=1\n"},
    )
    stub.add("old", "0.9", build="0", subdir=PLATFORM, files={"share/old.txt": "old\n"},
             format="tar.bz2")  # fmt: skip
    python = File("#!/bin/sh\nexit 0\n", executable=True)
    stub.add("python", "3.12.1", build="h0_0", subdir=PLATFORM,
             files={"bin/python3.12": python, "bin/python": File(link="python3.12")})  # fmt: skip
    stub.add("data", "3.0", build="0", noarch="generic", files={"share/data.txt": "data\n"})
    stub.add(
        "sails",
        "1.5",
        build="pyh0_1",
        build_number=1,
        noarch="python",
        depends=["python >=3.9"],
        files={
            "site-packages/sails/__init__.py": "def main(): pass\n",
            "python-scripts/reef": File("#!@PREFIX@/bin/python\n", executable=True,
                                        placeholder=True),
        },
        entry_points=["furl = sails:main"],
    )  # fmt: skip
    return stub


def make(root: Path) -> Layers:
    """All layers of the environment, below `root`."""
    ship = root / "ship"
    channel().build(ship / "channel")
    wheel = make_wheel(
        ship / "wheels", "keel", "1.2",
        {
            "keel/plank.txt": b"oak\n",
            "keel-1.2.data/scripts/caulk": b"#!python\nprint('caulk')\n",
            "keel-1.2.data/scripts/haul": b"#!/bin/sh\n",
            "keel-1.2.data/data/share/keel/log.txt": b"log\n",
            "keel-1.2.data/headers/keel.h": b"h\n",
        },
        scripts={"lay": "keel:main"}, metadata="Requires-Dist: tool >=2\n",
    )  # fmt: skip
    (ship / "pixi.toml").write_text(MANIFEST, encoding="utf-8")
    engine = EmbeddedEngine(EngineOptions(cache_dir=root / "cache"))
    text = engine.lock(ship).to_text()
    (ship / "pixi.toml").write_text(
        f'{MANIFEST}\n[pypi-dependencies]\nkeel = {{ path = "wheels/{wheel.name}" }}\n',
        encoding="utf-8",
    )
    (ship / "pixi.lock").write_text(_with_wheel(text, wheel), encoding="utf-8")
    pack = engine.pack(ship, root / "environment.tar", platform=PLATFORM)
    prefix = engine.unpack(pack.path, root / "unpacked", platform=PLATFORM)
    return Layers(load_manifest(ship), read_lock(ship / "pixi.lock"), (), pack, prefix, root)


def _with_wheel(lock: str, wheel: Path) -> str:
    """A lock of conda packages, to which a wheel was added as pixi does."""
    head, mark, tail = lock.partition("\npackages:\n")
    head = head.replace(
        "    packages:\n", "    indexes:\n    - https://pypi.org/simple\n    packages:\n"
    )
    location = f"./wheels/{wheel.name}"
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    entry = f"- pypi: {location}\n  name: keel\n  version: '1.2'\n  sha256: {digest}\n"
    entry += "  requires_dist:\n  - tool>=2\n"
    return f"{head}\n      - pypi: {location}{mark}{tail}{entry}"


def with_artifacts(layers: Layers) -> Layers:
    """The layers, and the packages of the channel as artifacts."""
    from dataclasses import replace

    files = sorted((layers.manifest.root / "channel").rglob("*.conda"))
    files += sorted((layers.manifest.root / "channel").rglob("*.tar.bz2"))
    return replace(layers, artifacts=tuple(map(read_artifact, files)))


def repodata(
    folder: Path, edit: Callable[[dict[str, Any]], object], subdir: str = PLATFORM
) -> None:
    """Edits a repodata.json of a directory pack."""
    file = folder / "channel" / subdir / "repodata.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    edit(content)
    file.write_text(json.dumps(content), encoding="utf-8")


def replace_package(folder: Path, member: str, data: bytes) -> None:
    """Puts another file in the place of a package, whose record has the digests of that file."""
    file = folder / member
    file.write_bytes(data)
    digests = {
        "sha256": hashlib.sha256(data).hexdigest(),
        "md5": hashlib.md5(data, usedforsecurity=False).hexdigest(),
        "size": len(data),
    }
    repodata(folder, lambda c: c["packages.conda"][file.name].update(digests), file.parent.name)


def rezipped(wheel: bytes, changes: Mapping[str, bytes | None], directory: Path) -> bytes:
    """The wheel with members changed (None: left out), whose RECORD does not follow."""
    old, new = directory / "old.whl", directory / "new.whl"
    old.write_bytes(wheel)
    with zipfile.ZipFile(old) as source, zipfile.ZipFile(new, "w") as target:
        for name in source.namelist():
            content = changes.get(name, source.read(name))
            if content is not None:
                target.writestr(name, content)
        for name in set(changes) - set(source.namelist()):
            target.writestr(name, changes[name] or b"")
    return new.read_bytes()


def record_line(path: str, content: bytes) -> str:
    """A line of a RECORD."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"{path},sha256={digest},{len(content)}\n"


def copied(layers: Layers, place: Path) -> Path:
    """A copy of the prefix and the scripts beside it; the path of the prefix."""
    shutil.copytree(layers.prefix.path.parent, place, symlinks=True)
    return place / "env"
