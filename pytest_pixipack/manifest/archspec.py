"""Microarchitectures that a platform can require with `archspec`."""

from __future__ import annotations

# The names in microarchitectures.json of archspec 0.2, where pixi 0.77 looks them up.
MICROARCHITECTURES = frozenset((
    "a64fx", "aarch64", "ampere1", "ampere1a", "arm", "armv8.1a", "armv8.2a", "armv8.3a",
    "armv8.4a", "armv8.5a", "armv8.6a", "armv9.0a", "broadwell", "bulldozer", "cannonlake",
    "cascadelake", "core2", "cortex_a72", "excavator", "haswell", "i686", "icelake", "ivybridge",
    "k10", "m1", "m2", "m3", "m4", "mic_knl", "nehalem", "neoverse_n1", "neoverse_n2",
    "neoverse_v1", "neoverse_v2", "nocona", "pentium2", "pentium3", "pentium4", "piledriver",
    "power10", "power10le", "power7", "power8", "power8le", "power9", "power9le", "ppc", "ppc64",
    "ppc64le", "ppcle", "prescott", "riscv64", "sandybridge", "sapphirerapids", "skylake",
    "skylake_avx512", "sparc", "sparc64", "steamroller", "thunderx2", "u74mc", "westmere", "x60",
    "x86", "x86_64", "x86_64_v2", "x86_64_v3", "x86_64_v4", "zen", "zen2", "zen3", "zen4", "zen5",
))  # fmt: skip


def knows(name: str) -> bool:
    """Whether pixi takes this name; `0` stands for any machine."""
    return name == "0" or name in MICROARCHITECTURES
