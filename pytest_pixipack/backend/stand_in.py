"""What can stand in for a build backend, as users write it, and how it is started.

| text | what answers |
|---|---|
| `stub` | the stub backend |
| `recipe`, `recipe-untested` | py-rattler-build, with the tests of the recipe and without |
| `replay:FILE` | what was recorded in FILE (a transcript, or a directory of them) |
| `record:FILE:BACKEND` | BACKEND (a path, a name on PATH, `stub`), into FILE (`*.jsonl`) |
| anything else | an executable, or a Python file |

Relative paths are from `root`, the workspace's directory.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pytest_pixipack.errors import InvalidInput

STUB = "stub"
RECIPE = "recipe"
RECIPE_UNTESTED = "recipe-untested"
REPLAY = "replay:"
RECORD = "record:"
_RECORDED = ".jsonl:"
_WORDS = (STUB, RECIPE, RECIPE_UNTESTED)

# Not `-m`: that looks for modules in the current directory first, where a package may have a
# `types.py` of its own. This package comes after Python's own modules, and before installed ones.
_START = """\
import sys
sys.path = [path for path in sys.path if path]
at = [i for i, path in enumerate(sys.path) if path.endswith("-packages")]
sys.path.insert(at[0] if at else len(sys.path), {root!r})
from pytest_pixipack.backend.main import main
raise SystemExit(main(sys.argv[1:]))
"""


@dataclass(frozen=True, slots=True)
class StandIn:
    """A stand-in with its files found: `words` for `pytest_pixipack.backend.main`, or `argv`.

    `files` are those whose content decides what it answers.
    """

    kind: str
    words: tuple[str, ...] = ()
    argv: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()

    @property
    def command(self) -> list[str]:
        """The command line that runs it."""
        if self.kind == "executable":
            return list(self.argv)
        return [sys.executable, "-c", start_code(), *self.words]


def start_code() -> str:
    """Python code that runs `pytest_pixipack.backend.main` of this very package."""
    return _START.format(root=str(Path(__file__).parents[2]))


def is_ours(text: str) -> bool:
    """Whether a stand-in is one that this package runs itself."""
    return text in _WORDS or text.startswith((REPLAY, RECORD))


def stand_in(
    text: str, *, root: Path, environ: Mapping[str, str], name: str = "", file: Path | None = None
) -> StandIn:
    """What a text names. `name` is the backend's, `file` the place to mention.

    Raises `InvalidInput` for what is not there, and for a text that cannot be understood.
    """
    if text == STUB:
        return StandIn("stub")
    if text in (RECIPE, RECIPE_UNTESTED):
        return StandIn(text, (RECIPE,))
    if text.startswith(REPLAY):
        path = root / text[len(REPLAY) :]
        if not path.exists():
            raise InvalidInput(
                f"There is no transcript {path} to replay for the backend {name}.",
                file=file,
                remedy=f"Record one first: `record:{path.name}:EXECUTABLE`.",
            )
        return StandIn("replay", ("replay", str(path.absolute())), files=_files(path))
    if text.startswith(RECORD):
        return _recording(text, root, environ, name, file)
    path = _executable(text, root, environ, name, file)
    # A Python file needs no executable bit and no shebang, which Windows would not read.
    is_python = path.suffix.lower() == ".py"
    argv = (sys.executable, str(path)) if is_python else (str(path),)
    return StandIn("executable", argv=argv, files=(path,))


def _recording(
    text: str, root: Path, environ: Mapping[str, str], name: str, file: Path | None
) -> StandIn:
    # Not at the first colon: Windows has one behind the drive.
    target, found, backend = text[len(RECORD) :].partition(_RECORDED)
    if not found or not target or not backend or backend.startswith((REPLAY, RECORD)):
        raise InvalidInput(
            f"`{text}` is not of the form record:FILE.jsonl:BACKEND.",
            file=file,
            remedy="Write for example record:rpc.jsonl:pixi-build-cmake.",
        )
    path = root / f"{target}.jsonl"
    inner = stand_in(backend, root=root, environ=environ, name=name, file=file)
    command = [STUB] if inner.kind == STUB else inner.command
    return StandIn("record", ("record", str(path.absolute()), *command), files=inner.files)


def _executable(
    text: str, root: Path, environ: Mapping[str, str], name: str, file: Path | None
) -> Path:
    path = root / text
    if path.is_file():
        return path.absolute()
    # First below the workspace, too: Windows leaves `.exe` and the like away.
    found = shutil.which(str(path)) or shutil.which(text, path=environ.get("PATH", ""))
    if found is None:
        raise InvalidInput(
            f"The stand-in of backend {name} does not exist: {text}.",
            file=file,
            remedy='Name an executable, "stub", "recipe", or "replay:FILE".',
        )
    return Path(found).absolute()


def _files(path: Path) -> tuple[Path, ...]:
    return tuple(sorted(path.glob("*.jsonl"))) if path.is_dir() else (path,)


def absolute(text: str, root: Path) -> str:
    """The same stand-in, its files named from the root of the disk.

    Names without a separator stay: they are looked for on PATH.
    """
    if text in _WORDS:
        return text
    if text.startswith(REPLAY):
        return f"{REPLAY}{os.path.abspath(root / text[len(REPLAY) :])}"  # noqa: PTH100
    if text.startswith(RECORD):
        target, found, backend = text[len(RECORD) :].partition(_RECORDED)
        place = os.path.abspath(root / target)  # noqa: PTH100
        return f"{RECORD}{place}{found}{absolute(backend, root)}" if found else text
    if "/" not in text.replace("\\", "/"):
        return text
    return os.path.abspath(root / text)  # noqa: PTH100
