"""What installing pytest-pixipack adds to the start of an unrelated pytest run.

Makes two environments, one with pytest alone and one with this checkout, all dependencies and
their plugins included, and times `pytest --collect-only` in an empty directory in both, in turns.

    python benchmarks/plugin_startup.py [RUNS]
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]
SCRIPTS = "Scripts" if sys.platform == "win32" else "bin"


def make_environment(path: Path, *requirements: str) -> Path:
    venv.create(path, with_pip=True)
    python = path / SCRIPTS / "python"
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*command, *requirements], check=True)
    return python


def once(python: Path, directory: Path) -> float:
    start = time.perf_counter()
    subprocess.run(
        [python, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"],
        cwd=directory,
        stdout=subprocess.DEVNULL,
        check=False,
    )
    return (time.perf_counter() - start) * 1000


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    with tempfile.TemporaryDirectory() as scratch:
        base = Path(scratch)
        without = make_environment(base / "without", "pytest")
        with_us = make_environment(base / "with", str(ROOT))
        empty = base / "empty"
        empty.mkdir()
        for python in (without, with_us):  # compiles what is not compiled yet
            once(python, empty)
        pairs = [(once(without, empty), once(with_us, empty)) for _ in range(runs)]
    alone = statistics.median(pair[0] for pair in pairs)
    ours = statistics.median(pair[1] for pair in pairs)
    print(f"pytest alone       {alone:7.1f} ms (median of {runs})")
    print(f"with the plugin    {ours:7.1f} ms")
    print(f"added              {ours - alone:7.1f} ms, ratio {ours / alone:.2f}")


if __name__ == "__main__":
    main()
