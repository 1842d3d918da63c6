"""How long reading and writing a lock of about 3 MB takes: `python benchmarks/read_lock.py`."""

from __future__ import annotations

import time

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


def main() -> None:
    text = synthetic_lock()
    start = time.perf_counter()
    lock = parse_lock(text)
    read = time.perf_counter()
    same = lock.to_text() == text
    written = time.perf_counter()
    print(f"{len(text) / 1e6:.2f} MB, {len(lock.packages)} packages, round trip exact: {same}")
    print(f"read {read - start:.3f} s, write {written - read:.3f} s")


if __name__ == "__main__":
    main()
