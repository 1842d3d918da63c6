"""What our own backends start with: `[stub]`, `recipe`, `replay FILE`, `record FILE COMMAND...`.

Used by launchers, so that pixi can run them; users write `pixipack backend`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def main(words: Sequence[str] = ()) -> int:
    """Serves on stdin and stdout until stdin ends; returns the exit code."""
    kind, *rest = words or ("stub",)
    if kind == "replay" and len(rest) == 1:
        from pathlib import Path

        return serve_replay(Path(rest[0]))
    if kind == "record" and len(rest) > 1:
        from pathlib import Path

        from pytest_pixipack.backend.proxy import main as record

        return record(Path(rest[0]), _command(rest[1:]))
    if kind == "recipe" and not rest:
        from pytest_pixipack.engine.recipes_backend import main as recipe

        return recipe()
    if kind == "recipe-tests" and rest:
        from pytest_pixipack.engine.recipes_tests import main as recipe_tests

        return recipe_tests(rest)
    if kind == "stub" and not rest:
        from pytest_pixipack.backend.stub_main import main as stub

        return stub()
    print("usage: [stub] | recipe | replay FILE | record FILE COMMAND...", file=sys.stderr)
    return 2


def _command(words: list[str]) -> list[str]:
    """The backend to record; `stub` alone is our own."""
    if words != ["stub"]:
        return words
    from pytest_pixipack.backend.stand_in import start_code

    return [sys.executable, "-c", start_code(), "stub"]


def serve_replay(path: Path) -> int:
    """Answers from a transcript on stdin and stdout; returns the exit code."""
    from pytest_pixipack.backend.replay import ReplayBackend
    from pytest_pixipack.backend.stub_main import run
    from pytest_pixipack.errors import PixipackError

    try:
        return run(ReplayBackend(path))
    except PixipackError as error:
        print(f"replay: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
