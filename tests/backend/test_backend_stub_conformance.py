"""The stub answers recorded requests of pixi exactly as the recording backend did."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from pytest_pixipack.backend.stub import StubBackend

ALL = [
    "backend-config",
    "conditionals",
    "flat",
    "package-target",
    "pyproject",
    "run-exports",
    "trio",
    "variants",
]


def replayed(case: Path, root: Path) -> list[tuple[Any, Any]]:
    """(recorded reply, our reply) for each request of a transcript, paths replaced."""
    shutil.copytree(case / "workspace", root / "workspace")
    native = json.dumps(str(root))[1:-1]
    pairs, backends = [], {}
    ours: Any = None
    for line in (case / "expected" / "rpc.jsonl").read_text(encoding="utf-8").splitlines():
        entry = json.loads(line.replace("@ROOT@", native))
        backend = backends.setdefault((entry["command"], entry["session"]), StubBackend())
        if entry["dir"] == "->":
            ours = backend.answer(entry["msg"])
        else:
            pairs.append((entry["msg"], ours))
    return pairs


@pytest.mark.parametrize("name", ALL)
def test_every_recorded_reply_is_given_again(name: str, cases: Path, tmp_path: Path) -> None:
    pairs = replayed(cases / name, tmp_path)
    assert pairs
    for recorded, ours in pairs:
        if "output_file" in recorded.get("result", {}):
            # Recorded with `/`; on Windows the stub's paths have another separator.
            recorded["result"]["output_file"] = str(Path(recorded["result"]["output_file"]))
        assert ours == recorded


@pytest.mark.skipif(os.name == "nt", reason="a checkout on Windows has no executable bit")
@pytest.mark.parametrize("name", ["backend-config", "conditionals", "flat", "run-exports", "trio"])
def test_packages_have_the_recorded_bytes(name: str, cases: Path, tmp_path: Path) -> None:
    built = 0
    for recorded, ours in replayed(cases / name, tmp_path):
        result = recorded.get("result", {})
        if "output_file" in result:
            file = Path(ours["result"]["output_file"])
            expected = cases / name / "expected" / "artifacts" / result["subdir"] / file.name
            assert file.read_bytes() == expected.read_bytes()
            built += 1
    assert built
