"""Conda platforms (subdirs): their names, families, and the one this machine is."""

from __future__ import annotations

import platform as _platform
import struct
import sys

# rattler_conda_types::Platform, without `unknown`.
SUBDIRS = (
    "noarch", "linux-32", "linux-64", "linux-aarch64", "linux-armv6l", "linux-armv7l",
    "linux-loongarch64", "linux-ppc64le", "linux-ppc64", "linux-ppc", "linux-s390x",
    "linux-riscv32", "linux-riscv64", "osx-64", "osx-arm64", "win-32", "win-64", "win-arm64",
    "freebsd-32", "freebsd-64", "freebsd-arm64", "ios-arm64", "iossimulator-arm64",
    "iossimulator-64", "android-aarch64", "android-armv7a", "android-64", "android-32",
    "emscripten-wasm32", "emscripten-wasm64", "wasi-wasm32", "zos-z",
)  # fmt: skip

_ARCH = {
    "32": "x86", "64": "x86_64", "aarch64": "aarch64", "arm64": "arm64", "wasm32": "wasm32",
}  # fmt: skip


def current_platform() -> str:
    """The subdir of this machine, as conda names it (`linux-64`, `osx-arm64`, ...)."""
    system = {"linux": "linux", "darwin": "osx", "win32": "win", "cygwin": "win"}.get(sys.platform)
    machine = _platform.machine().lower()
    if system is None:
        return f"{sys.platform}-{machine}"
    if machine in ("x86_64", "amd64", "i386", "i686", "x86"):
        wide = struct.calcsize("P") == 8
        return f"{system}-{'64' if wide else '32'}"
    if machine in ("arm64", "aarch64"):
        return f"{system}-{'aarch64' if system == 'linux' else 'arm64'}"
    return f"{system}-{machine}"


def family(subdir: str) -> str | None:
    """`linux`, `osx`, `win`, ..., the part before the dash; None for noarch."""
    return None if subdir == "noarch" else subdir.partition("-")[0]


def is_windows(subdir: str) -> bool:
    """Whether packages for this subdir run on Windows."""
    return family(subdir) == "win"


def arch_and_platform(subdir: str) -> tuple[str | None, str | None]:
    """`arch` and `platform` as rattler derives them for repodata records."""
    if subdir == "noarch" or "-" not in subdir:
        return None, None
    system, _, arch = subdir.partition("-")
    return _ARCH.get(arch, arch), system
