"""How long reading and writing a lock of about 3 MB takes: `python benchmarks/read_lock.py [LOCK]`.

For comparison, what py-rattler (rattler_lock) and PyYAML's loader in C, where it is installed, need
for the same text. Times are the best of five, in seconds.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from pytest_pixipack.lock import parse_lock

CHANNEL = "https://conda.anaconda.org/conda-forge"
PACKAGES = 7000


def synthetic_lock() -> str:
    urls = [
        f"{CHANNEL}/linux-64/package-{number:05}-1.{number}.0-h{number:07x}_0.conda"
        for number in range(PACKAGES)
    ]
    head = f"""\
version: 7
platforms:
- name: linux-64
environments:
  default:
    channels:
    - url: {CHANNEL}/
    packages:
      linux-64:
"""
    entry = f"""
  sha256: {"ab" * 32}
  md5: {"cd" * 16}
  depends:
  - libz >=1.0,<1.1
  - python >=3.10,<3.11.0a0
  - __glibc >=2.17,<3.0.a0
  license: MIT
  purls: []
  size: 1199
  timestamp: 1700000000000
"""
    selectors = "".join(f"      - conda: {url}\n" for url in urls)
    return head + selectors + "packages:\n" + "".join(f"- conda: {url}{entry}" for url in urls)


def best(work: Callable[[], object]) -> float:
    times = []
    for _ in range(5):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def with_rattler(text: str) -> dict[str, float]:
    import rattler

    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, "pixi.lock")
        path.write_bytes(text.encode())
        lock = rattler.LockFile.from_path(path)
        return {
            "py-rattler reads": best(lambda: rattler.LockFile.from_path(path)),
            "py-rattler writes": best(lambda: lock.to_path(path)),
        }


def with_pyyaml(text: str) -> dict[str, float]:
    try:
        import yaml
    except ImportError:
        return {}
    return {"PyYAML's C loader reads": best(lambda: yaml.load(text, yaml.CSafeLoader))}


def main() -> None:
    text = Path(sys.argv[1]).read_text(encoding="utf-8") if sys.argv[1:] else synthetic_lock()
    lock = parse_lock(text)
    same = lock.to_text() == text
    print(f"{len(text) / 1e6:.2f} MB, {len(lock.packages)} packages, round trip exact: {same}")
    times = {
        "pytest-pixipack reads": best(lambda: parse_lock(text)),
        "pytest-pixipack writes": best(lock.to_text),
        **with_rattler(text),
        **with_pyyaml(text),
    }
    for name, seconds in times.items():
        print(f"{name:24} {seconds:.3f}")


if __name__ == "__main__":
    main()
