"""An executable without arguments that runs a stand-in: what pixi wants of a backend."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

from pytest_pixipack.backend.stand_in import stand_in, start_code
from pytest_pixipack.whole_files import write_file


def write_launcher(text: str, path: Path, *, root: Path, environ: Mapping[str, str]) -> Path:
    """Writes the executable for a stand-in and returns its absolute path.

    Beside it lies a Python file of the same name. Raises as `stand_in` does, and `OSError` where
    they cannot be written.
    """
    chosen = stand_in(text, root=root, environ=environ, name=path.name, file=None)
    command = list(chosen.argv)
    path = path.absolute()
    path.parent.mkdir(parents=True, exist_ok=True)
    if chosen.kind != "executable":
        script = path.with_name(f"{path.name}.py")
        write_file(script, start_code().encode("utf-8"))
        command = [sys.executable, str(script), *chosen.words]
    if sys.platform == "win32":
        path = path.with_suffix(".bat")
        line = " ".join(f'"{word}"' for word in command)
        write_file(path, f"@{line}\r\n".encode())
        return path
    write_file(path, f"#!/bin/sh\nexec {shlex.join(command)}\n".encode())
    path.chmod(0o755)
    return path
