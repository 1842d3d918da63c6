"""The recorded workspaces, copied to where they can be run."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from pytest_pixipack import EmbeddedEngine, EngineOptions

CASES = Path(__file__).parents[1] / "data" / "conformance" / "cases"
IDENTIFIER = re.compile(r"([\w.-]+)\[([0-9a-f]{8})\] @ (?!git\+|https?:)([^\n]+)")


@dataclass(frozen=True)
class Case:
    """A copy of a recorded case below `root`; `expected` holds what the real tools made of it."""

    root: Path
    expected: Path

    @property
    def workspace(self) -> Path:
        return self.root / "workspace"

    def expected_lock(self, name: str = "pixi.lock") -> str:
        text = (self.expected / name).read_text(encoding="utf-8")
        # The root stands in paths (`/root`) and in URLs (`file:///root`).
        text = text.replace("file://@ROOT@", self.root.as_uri())
        return text.replace("@ROOT@", self.root.as_posix())


@pytest.fixture
def case(tmp_path: Path) -> Callable[[str], Case]:
    def copy(name: str) -> Case:
        shutil.copytree(
            CASES / name, tmp_path / "c", symlinks=True, ignore=shutil.ignore_patterns("expected")
        )
        (tmp_path / "c" / "workspace" / "pixi.lock").unlink(missing_ok=True)
        return Case(tmp_path / "c", CASES / name / "expected")

    return copy


@pytest.fixture
def engine(tmp_path: Path) -> EmbeddedEngine:
    """An engine in whose runs our stub is the backend of the recorded workspaces."""
    options = EngineOptions(cache_dir=tmp_path / "cache", backends={"stub-backend": "stub"})
    return EmbeddedEngine(options)


def numbered(lock: str) -> str:
    """The lock with the hashes of path sources replaced by numbers, as the recorded locks have it.

    The hash may depend on absolute paths; numbers count per name and location in the order of the
    references, those of the environments first.
    """
    head, packages, tail = lock.partition("\npackages:\n")
    blocks = re.split(r"^(?=- )", tail, flags=re.M)
    own = {m.group(0): b for b in blocks if (m := IDENTIFIER.match(b.partition(": ")[2]))}
    numbers: dict[str, str] = {}
    count: dict[tuple[str, str], int] = {}
    queue = [head]
    waiting = sorted(own.items(), key=lambda item: IDENTIFIER.sub(r"\1 \3", item[1]))
    while queue or waiting:
        text = queue.pop(0) if queue else waiting.pop(0)[1]
        for match in IDENTIFIER.finditer(text):
            if match.group(0) in numbers:
                continue
            name, _, place = match.groups()
            number = count[name, place] = count.get((name, place), 0) + 1
            numbers[match.group(0)] = f"{name}[{number:08x}] @ {place}"
            if match.group(0) in own:
                queue.append(own[match.group(0)].partition("\n")[2])

    def swap(text: str) -> str:
        return IDENTIFIER.sub(lambda m: numbers[m.group(0)], text)

    fresh = iter(sorted(swap(block) for block in blocks if block in own.values()))
    body = "".join(next(fresh) if block in own.values() else block for block in blocks)
    return swap(head) + packages + body
