"""Stand-ins of build backends, as pixi can run them: `PIXI_BUILD_BACKEND_OVERRIDE`.

pixi wants `name=/path/of/an/executable`, without arguments, and splits the text at `,` and `=`. A
stand-in that is no such file (our stub, a replay or a recorder, a Python file, a path with one of
these characters) gets a launcher of its own. pixi recognises a backend by the bytes of that file
(its metadata cache) and by its path (its artifact cache): the launcher has a new path in every run
and names the digest of what it runs, so that no cache, however warm, answers for another stub.
"""

from __future__ import annotations

import hashlib
import shlex
import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from pytest_pixipack.backend.overrides import OVERRIDE, OVERRIDE_ALL, overrides
from pytest_pixipack.backend.recording import RECORD_VARIABLE
from pytest_pixipack.backend.stand_in import is_ours, stand_in, start_code
from pytest_pixipack.errors import InvalidInput, Unsupported

_UNSPEAKABLE = frozenset(",=")


def backend_variables(
    backends: Mapping[str, str],
    environ: Mapping[str, str],
    *,
    root: Path,
    directory: Path,
    record: Path | None = None,
) -> dict[str, str]:
    """The environment variables that put stand-ins in the place of backends.

    `backends` maps names to stand-ins (paths are relative to `root`); what `environ` overrides
    comes after them. Launchers are written into `directory`; `record` takes the stub's messages.
    Raises `InvalidInput` for a stand-in that is not there, `Unsupported` for one that pixi cannot
    run.
    """
    inherited = overrides(environ)
    if inherited.every and not backends:
        return {OVERRIDE_ALL: environ[OVERRIDE_ALL]}
    commands = {
        name: _executable(name, command, root, environ, directory)
        for name, command in inherited.commands
    }
    for name, choice in backends.items():
        commands[name] = _executable(name, choice, root, environ, directory)
    variables = {}
    if commands:
        variables[OVERRIDE] = ",".join(f"{name}={path}" for name, path in commands.items())
    if record is not None:
        variables[RECORD_VARIABLE] = str(record)
    return variables


def _executable(
    name: str, choice: str, root: Path, environ: Mapping[str, str], directory: Path
) -> Path:
    if _UNSPEAKABLE & set(name):
        raise Unsupported(f"pixi cannot override the backend {name!r}: `,` and `=` separate.")
    if not is_ours(choice) and _is_plain(path := _found(name, choice, root, environ)):
        return path
    chosen = stand_in(choice, root=root, environ=environ, name=name, file=root)
    if chosen.kind == "executable":
        return _launcher(name, list(chosen.argv), _digest(chosen.files), directory)
    script = _write(directory / "our-backend.py", start_code())
    digest = hashlib.sha256((stub_digest() + _digest(chosen.files)).encode()).hexdigest()
    return _launcher(name, [sys.executable, str(script), *chosen.words], digest, directory)


def _is_plain(path: Path) -> bool:
    """Whether pixi can run this very file."""
    return path.suffix.lower() != ".py" and not _UNSPEAKABLE & set(str(path))


def _found(name: str, choice: str, root: Path, environ: Mapping[str, str]) -> Path:
    path = root / choice
    if path.is_file():
        return path
    located = shutil.which(choice, path=environ.get("PATH", ""))
    if located is None:
        raise InvalidInput(
            f"The stand-in of backend {name} does not exist: {choice}.",
            file=root,
            remedy='Name an executable, "stub", or "replay:FILE".',
        )
    return Path(located)


def stub_digest() -> str:
    """A digest of the stub's code: another stub is another backend."""
    import pytest_pixipack

    package = Path(pytest_pixipack.__file__).parent
    return _digest(sorted([*package.glob("backend/*.py"), *package.glob("artifact/*.py")]))


def _digest(paths: Iterable[Path]) -> str:
    state = hashlib.sha256()
    for path in paths:
        state.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return state.hexdigest()


def _launcher(name: str, argv: list[str], digest: str, directory: Path) -> Path:
    """An executable file, called like the backend, that runs a command without arguments."""
    if _UNSPEAKABLE & set(str(directory)):
        raise Unsupported(
            f"pixi cannot run a backend below {directory}: `,` and `=` separate overrides.",
            remedy="Choose another directory for temporary files (TMPDIR).",
        )
    if sys.platform == "win32":
        line = " ".join(f'"{part}"' for part in argv)
        return _write(directory / f"{name}.bat", f"@rem {digest}\r\n@{line}\r\n")
    launcher = _write(directory / name, f"#!/bin/sh\n# {digest}\nexec {shlex.join(argv)}\n")
    launcher.chmod(0o755)
    return launcher


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="")
    return path
