"""How long `pixipack check` takes for a lock of 3 MB: `python benchmarks/check_lock.py [DIR]`.

DIR is a workspace with its lock; without one, a workspace with 2,000 packages for each of three
platforms is made up. Where pixi is on `PATH`, `pixi lock --check` is run on the same one, with
a home and a cache of its own. Times are the best of five, whole processes included, in seconds.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from pytest_pixipack.lock import parse_lock

CHANNEL = "https://conda.anaconda.org/conda-forge"
PLATFORMS = ("linux-64", "osx-arm64", "win-64")
PACKAGES = 2000

MANIFEST = f"""\
[workspace]
name = "large"
channels = ["{CHANNEL}"]
platforms = {list(PLATFORMS)}

[dependencies]
package-00000 = "*"
"""


def url(platform: str, number: int) -> str:
    return f"{CHANNEL}/{platform}/package-{number:05}-1.{number}.0-h{number:07x}_0.conda"


def entry(platform: str, number: int) -> str:
    """A package that depends on the next three and on one far away."""
    needed = sorted({n for n in (number + 1, number + 2, number + 3, 2 * number) if n < PACKAGES})
    depends = "".join(f"  - package-{n:05} >=1.{n // 2},<2.0a0\n" for n in needed)
    return f"""\
- conda: {url(platform, number)}
  sha256: {"ab" * 32}
  md5: {"cd" * 16}
{"  depends:" if depends else "  subdir: " + platform}
{depends}  license: MIT
  purls: []
  size: 1199
  timestamp: 1700000000000
"""


def synthetic(root: Path) -> None:
    """Writes a workspace and its lock."""
    (root / "pixi.toml").write_text(MANIFEST, encoding="utf-8")
    text = "version: 7\nplatforms:\n" + "".join(f"- name: {name}\n" for name in PLATFORMS)
    text += f"environments:\n  default:\n    channels:\n    - url: {CHANNEL}/\n    packages:\n"
    for name in PLATFORMS:
        text += f"      {name}:\n"
        text += "".join(f"      - conda: {url(name, n)}\n" for n in range(PACKAGES))
    text += "packages:\n"
    text += "".join(entry(name, n) for name in PLATFORMS for n in range(PACKAGES))
    written = parse_lock(text).to_text()
    (root / "pixi.lock").write_bytes(written.encode())


def best(command: Sequence[str], root: Path, environment: Mapping[str, str]) -> float:
    """The best time of five; ends the benchmark where the lock is called out of date."""
    times = []
    for _ in range(5):
        start = time.perf_counter()
        done = subprocess.run(command, cwd=root, env=environment, capture_output=True, check=False)
        times.append(time.perf_counter() - start)
        if done.returncode != 0:
            sys.exit((done.stdout + done.stderr).decode(errors="replace"))
    return min(times)


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch, "workspace")
        if sys.argv[1:]:
            shutil.copytree(sys.argv[1], root, symlinks=True)
        else:
            root.mkdir()
            synthetic(root)
        size = (root / "pixi.lock").stat().st_size
        print(f"a lock of {size / 1e6:.2f} MB")
        home = {"HOME": scratch, "PIXI_HOME": scratch, "PIXI_CACHE_DIR": f"{scratch}/cache"}
        environment = {**os.environ, **home, "PIXI_NO_PROGRESS": "true"}
        ours = [sys.executable, "-m", "pytest_pixipack", "check", "--no-backend"]
        times = {"pixipack check": best(ours, root, os.environ)}
        if pixi := shutil.which("pixi"):
            times["pixi lock --check"] = best([pixi, "lock", "--check"], root, environment)
        for name, seconds in times.items():
            print(f"{name:20} {seconds:.3f}")
        if len(times) > 1:
            print(
                f"ratio                {times['pixipack check'] / times['pixi lock --check']:.2f}"
            )


if __name__ == "__main__":
    main()
