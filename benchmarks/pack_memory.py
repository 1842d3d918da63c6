"""How much memory packing takes: `python benchmarks/pack_memory.py [PACKAGES] [GIBIBYTES]`.

A pack of many small packages and a pack of one huge package are written, read and extracted, each
step in a process of its own; beside it, `tarfile` archives and extracts the same files. The peak of
the resident memory is printed (MiB, less that of a process that only imports), and how long each
takes. Needs Linux or macOS.
"""

from __future__ import annotations

import hashlib
import os
import resource
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

STEPS = ("nothing", "write", "read", "extract", "tarfile write", "tarfile extract")


def make_files(directory: Path, count: int, size: int) -> None:
    """Files that cannot be compressed, the same each time."""
    directory.mkdir()
    block = hashlib.shake_256(b"pytest-pixipack").digest(1 << 20)
    for number in range(count):
        with (directory / f"package-{number:05}-1.0-h0_0.conda").open("wb") as stream:
            left = size
            while left:
                left -= stream.write(block[: min(left, len(block))])


def run(step: str, place: Path) -> None:
    from pytest_pixipack.pack import PackedPackage, read_pack, write_pack

    files = sorted((place / "files").iterdir())
    pack = place / "environment.tar"
    if step == "write":
        packages = [
            PackedPackage(
                "linux-64",
                path.name,
                path,
                {
                    "name": path.name.rpartition("-1.0")[0],
                    "version": "1.0",
                    "build": "h0_0",
                    "build_number": 0,
                    "depends": [],
                    "subdir": "linux-64",
                },
            )
            for path in files
        ]
        write_pack(pack, "linux-64", packages)
    elif step == "read":
        read_pack(pack)
    elif step == "extract":
        read_pack(pack).extract(place / "extracted")
    elif step == "tarfile write":
        with tarfile.open(place / "other.tar", "w") as tar:
            for path in files:
                tar.add(path, path.name)
    elif step == "tarfile extract":
        with tarfile.open(place / "other.tar") as tar:
            tar.extractall(place / "other", filter="data")


def peak() -> int:
    """The peak of the resident memory of this process in bytes."""
    if sys.platform == "linux":  # getrusage would also count the process that started this one
        status = Path("/proc/self/status").read_text(encoding="utf-8")
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def measure(count: int, size: int) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        make_files(place / "files", count, size)
        base = 0
        for step in STEPS:
            command = [sys.executable, __file__, "--step", step, str(place)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            memory, seconds = done.stdout.split()
            base = base or int(memory)
            mib = (int(memory) - base) / (1 << 20)
            print(f"  {step:16} {mib:8.1f} MiB {float(seconds):8.2f} s")
            if step in ("extract", "tarfile extract"):
                shutil.rmtree(place / ("extracted" if step == "extract" else "other"))
        os.sync()


def main() -> None:
    if sys.argv[1:2] == ["--step"]:
        start = time.perf_counter()
        run(sys.argv[2], Path(sys.argv[3]))
        print(peak(), time.perf_counter() - start)
        return
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    size = int(float(sys.argv[2]) * (1 << 30)) if len(sys.argv) > 2 else 2 << 30
    print(f"{count} packages of 20 KiB")
    measure(count, 20 << 10)
    print(f"one package of {size / (1 << 30):.1f} GiB")
    measure(1, size)


if __name__ == "__main__":
    main()
