"""How long comparing takes, beside diffoscope: `python benchmarks/compare.py [PACKAGES] [MIB]`.

Two equal packs and two that differ (in every package: the time of the build, a date in a text,
times in an archive, and those in compiled Python) are made; `pixipack compare` and diffoscope
compare each pair, every run in a process of its own. Printed are seconds and the peak of the memory
of the largest process, and for equal packs the speed in MiB/s. By default, packages are as large as
most in a pack are. diffoscope is found on `PATH` or given by `--diffoscope PATH`; without it only
our times are printed. `--huge GIB` compares one pair of packages of that size instead, to show that
memory is bounded. Needs Linux or macOS.
"""

from __future__ import annotations

import argparse
import compileall
import hashlib
import importlib.util
import io
import marshal
import os
import shutil
import struct
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest_pixipack
from pytest_pixipack.artifact import Member, read_artifact, write_artifact
from pytest_pixipack.pack import PackedPackage, artifact_record, write_pack

BLOCK = 1 << 20


def noise(seed: int, size: int) -> bytes:
    """Bytes that cannot be compressed, the same each time."""
    return hashlib.shake_256(b"%d" % seed).digest(size)


def nested(day: int) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for number in range(50):
            content = f"file {number}\n".encode() * 100
            info = tarfile.TarInfo(f"data/{number}.txt")
            info.size, info.mtime = len(content), 1_700_000_000 + 86400 * day
            tar.addfile(info, io.BytesIO(content))
    return raw.getvalue()


def modules(day: int) -> Iterator[Member]:
    """A library in Python; its compiled files say when the sources were written."""
    for number in range(50):
        source = f"def function_{number}(x):\n    return x + {number}\n" * 20
        packages = "lib/python3.12/site-packages/library"
        yield Member(f"{packages}/m{number}.py", source.encode())
        header = importlib.util.MAGIC_NUMBER + struct.pack(
            "<3I", 0, 1_700_000_000 + 86400 * day, len(source)
        )
        code = marshal.dumps(compile(source, f"m{number}.py", "exec"))
        yield Member(f"{packages}/__pycache__/m{number}.cpython-312.pyc", header + code)


def write_package(path: Path, number: int, day: int, mib: float) -> None:
    name = f"package-{number}"
    members = [
        Member("lib/large.bin", noise(number, int(mib * (1 << 20)))),
        Member("share/about.txt", f"built on 2024-03-{day:02}\n".encode() * 20),
        Member("share/data.tar", nested(day)),
        *modules(day),
    ]
    index = {
        "name": name, "version": "1.0", "build": "h0_0", "build_number": 0, "subdir": "linux-64",
        "depends": [], "timestamp": 1_700_000_000_000 + day,
    }  # fmt: skip
    write_artifact(path / f"{name}-1.0-h0_0.conda", index, members)


def make_pack(place: Path, side: str, day: int, packages: int, mib: float) -> Path:
    folder = place / side
    folder.mkdir()
    packed = []
    for number in range(packages):
        write_package(folder, number, day, mib)
    for path in sorted(folder.iterdir()):
        facts = read_artifact(path).facts
        assert facts.sha256
        assert facts.md5
        assert facts.size
        record = artifact_record(
            dict(read_artifact(path).index), sha256=facts.sha256, md5=facts.md5, size=facts.size
        )
        packed.append(PackedPackage("linux-64", path.name, path, record))
    out = place / f"{side}.tar"
    write_pack(out, "linux-64", packed)
    shutil.rmtree(folder)
    return out


def make_huge(place: Path, side: str, day: int, gib: float) -> Path:
    """A package of one large file, of which a byte near the end differs."""
    import zipfile

    folder = place / side
    folder.mkdir()
    path = folder / "huge-1.0-h0_0.conda"
    write_artifact(path, {
        "name": "huge", "version": "1.0", "build": "h0_0", "build_number": 0, "subdir": "noarch",
        "depends": [],
    }, [])  # fmt: skip
    with zipfile.ZipFile(path) as archive:
        parts = {info.filename: archive.read(info) for info in archive.infolist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in parts.items():
            if not name.startswith("pkg-"):
                archive.writestr(zipfile.ZipInfo(name), data)
        import zstandard

        info = zipfile.ZipInfo(next(name for name in parts if name.startswith("pkg-")))
        size = int(gib * (1 << 30))
        with (
            archive.open(info, "w", force_zip64=True) as member,
            zstandard.ZstdCompressor(1).stream_writer(member, closefd=False) as packed,
        ):
            header = tarfile.TarInfo("lib/huge.bin")
            header.size = size
            packed.write(header.tobuf(tarfile.GNU_FORMAT))
            block = noise(1, BLOCK)
            for start in range(0, size, BLOCK):
                last = start + BLOCK >= size
                packed.write(block[:-1] + bytes([day]) if last else block)
            packed.write(bytes(-size % 512 + 1024))
    return path


def run(command: list[str]) -> tuple[float, float]:
    """Seconds, and the peak of the memory of the largest process in MiB."""
    script = (
        "import resource, subprocess, sys, time\n"
        "start = time.perf_counter()\n"
        "subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\n"
        "spent = time.perf_counter() - start\n"
        "print(spent, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, *command], capture_output=True, text=True)
    seconds, peak = done.stdout.split()
    return float(seconds), float(peak) / (1 << 10 if sys.platform == "linux" else 1 << 20)


def measure(pairs: dict[str, tuple[Path, Path]], diffoscope: str | None) -> None:
    ours = [sys.executable, "-m", "pytest_pixipack", "compare"]
    for name, pair in pairs.items():
        sides = [str(path) for path in pair]
        mib = sum(path.stat().st_size for path in pair) / (1 << 20)
        seconds, peak = run([*ours, *sides])
        speed = f"{mib / seconds:8.0f} MiB/s"
        print(f"{name:10} pixipack    {seconds:8.2f} s {peak:8.0f} MiB {speed}")
        if diffoscope:
            theirs, peak = run([diffoscope, "--no-progress", "--text", os.devnull, *sides])
            times = f"{theirs / seconds:8.0f} times ours"
            print(f"{name:10} diffoscope  {theirs:8.2f} s {peak:8.0f} MiB {times}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("packages", nargs="?", type=int, default=100)
    parser.add_argument("mib", nargs="?", type=float, default=0.25)
    parser.add_argument("--diffoscope", default=shutil.which("diffoscope"))
    parser.add_argument("--huge", type=float, metavar="GIB")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        if options.huge:
            pair = tuple(make_huge(place, side, n, options.huge) for n, side in enumerate("ab"))
            measure({"huge": (pair[0], pair[1])}, None)
            return
        first = make_pack(place, "monday", 1, options.packages, options.mib)
        same = Path(shutil.copy(first, place / "copy.tar"))
        second = make_pack(place, "tuesday", 2, options.packages, options.mib)
        # As an installer leaves a package.
        compileall.compile_dir(Path(pytest_pixipack.__file__).parent, quiet=1)
        print(f"packs of {options.packages} packages of {options.mib:g} MiB")
        measure({"equal": (first, same), "differing": (first, second)}, options.diffoscope)


if __name__ == "__main__":
    main()
