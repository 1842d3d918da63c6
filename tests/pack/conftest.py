from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

DATA = Path(__file__).parent.parent / "data" / "conformance"
METADATA = {"version": "1", "pixi-pack-version": "0.7.10", "platform": "linux-64"}


@pytest.fixture
def conformance() -> Path:
    """What the real tools wrote."""
    return DATA


@pytest.fixture
def make_tar(tmp_path: Path) -> Callable[..., Path]:
    """Makes a tar of files and other members, with Python's own writer."""

    def make(
        files: Mapping[str, bytes] | None = None,
        members: tuple[tarfile.TarInfo, ...] = (),
        metadata: Any = METADATA,
    ) -> Path:
        path = tmp_path / "made.tar"
        with tarfile.open(path, "w:", format=tarfile.GNU_FORMAT) as tar:
            if metadata is not None:
                files = {"pixi-pack.json": json.dumps(metadata).encode(), **(files or {})}
            for name, content in (files or {}).items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
            for member in members:
                tar.addfile(member)
        return path

    return make
