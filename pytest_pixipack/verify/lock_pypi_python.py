"""What the locked Python allows: wheel tags and `requires_python`.

Follows prefix-dev/pixi, crates/pypi_modifiers/src/pypi_tags.rs, and astral-sh/uv,
crates/uv-platform-tags/src/tags.rs and crates/uv-distribution-types/src/requires_python.rs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pytest_pixipack.facts import PackageFacts
from pytest_pixipack.lock import LockedPackage
from pytest_pixipack.manifest import Platform

_ARCHES = {
    "32": "i686", "64": "x86_64", "aarch64": "aarch64", "armv7l": "armv7l", "ppc64le": "ppc64le",
    "ppc64": "ppc64", "s390x": "s390x", "riscv64": "riscv64", "loongarch64": "loongarch64",
}  # fmt: skip
# The oldest `manylinux_2_N` of an architecture.
_OLDEST = {"i686": 5, "x86_64": 5, "riscv64": 31, "loongarch64": 36}
_LEGACY = {5: "manylinux1", 12: "manylinux2010", 17: "manylinux2014"}
_WINDOWS = {"win-32": "win32", "win-64": "win_amd64", "win-arm64": "win_arm64"}
_MAC = {
    "osx-64": ("x86_64", "intel", "fat64", "fat32", "universal2", "universal"),
    "osx-arm64": ("arm64", "universal2"),
}


@dataclass(frozen=True, slots=True)
class Tags:
    """The tags of wheels that a Python on a platform can install."""

    major: int
    minor: int
    free_threaded: bool
    platforms: frozenset[str]

    def accept(self, file_name: str) -> bool:
        """Whether a wheel is among them; what is not named like a wheel is."""
        parts = file_name.removesuffix(".whl").split("-")
        if not file_name.endswith(".whl") or len(parts) not in (5, 6) or not _named(parts):
            return True
        pythons, abis, platforms = (part.split(".") for part in parts[-3:])
        return any(
            self._accepts(python, abi, platform)
            for python in pythons
            for abi in abis
            for platform in platforms
        )

    def _accepts(self, python: str, abi: str, platform: str) -> bool:
        native = platform in self.platforms
        if not native and platform != "any":
            return False
        own = f"cp{self.major}{self.minor}"
        suffix = "t" if self.free_threaded else ("m" if (self.major, self.minor) <= (3, 7) else "")
        if abi == "none":
            return python == own or self._is_generic(python)
        if not native:
            return False
        if abi == own + suffix:
            return python == own
        if abi == ("abi3t" if self.free_threaded else "abi3"):
            older = re.fullmatch(rf"cp{self.major}(\d+)", python)
            return older is not None and 2 <= int(older[1]) <= self.minor
        return False

    def _is_generic(self, python: str) -> bool:
        found = re.fullmatch(rf"py{self.major}(\d*)", python)
        return found is not None and (not found[1] or int(found[1]) <= self.minor)


def tags_of(platform: Platform, python: LockedPackage | PackageFacts) -> Tags | None:
    """The tags of a locked or packed Python; None where pixi can tell none."""
    numbers = re.match(r"(\d+)\.(\d+)", python.version or "")
    platforms = _platform_tags(platform)
    if numbers is None or platforms is None:
        return None
    free = any(_free_threaded(text) for text in python.depends)
    return Tags(int(numbers[1]), int(numbers[2]), free, platforms)


def python_fits(requires: str, python: str) -> bool:
    """Whether the lower bound of `requires_python` admits a Python; pixi looks at no other one."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet
    from packaging.version import InvalidVersion, Version

    try:
        specifiers = [(each.operator, each.version) for each in SpecifierSet(requires)]
        release = _release(Version(python))
        low, strict = _lowest(specifiers)
        if _is_empty(specifiers, low):
            return True
    except (InvalidSpecifier, InvalidVersion):
        return True
    return release > low if strict else release >= low


def _lowest(specifiers: list[tuple[str, str]]) -> tuple[tuple[int, ...], bool]:
    """The lower bound, and whether it is excluded."""
    bounds = [
        (_numbers(text), operator == ">")
        for operator, text in specifiers
        if operator in (">=", ">", "==", "===", "~=")
    ]
    low, strict = max(bounds, default=((), False))
    for _ in specifiers:  # a hole can begin where another one ends
        for operator, text in specifiers:
            if operator != "!=":
                continue
            hole = _numbers(text)
            if text.endswith(".*"):
                prefix = tuple(int(part) for part in text.removesuffix(".*").split("."))
                padded = (*low, *[0] * (len(prefix) - len(low)))
                if padded[: len(prefix)] == prefix:
                    low, strict = _trimmed((*prefix[:-1], prefix[-1] + 1)), False
            elif hole == low and bounds:
                strict = True
    return low, strict


def _is_empty(specifiers: list[tuple[str, str]], low: tuple[int, ...]) -> bool:
    for operator, text in specifiers:
        if operator in ("<", "<=", "==", "===") and not text.endswith(".*"):
            high = _numbers(text)
        elif operator == "~=" or (operator == "==" and text.endswith(".*")):
            parts = [int(n) for n in text.removesuffix(".*").split(".")]
            parts = parts[:-1] if operator == "~=" else parts
            high = _trimmed((*parts[:-1], parts[-1] + 1))
        else:
            continue
        if low > high or (low == high and operator in ("<", "~=")):
            return True
    return False


def _numbers(text: str) -> tuple[int, ...]:
    from packaging.version import Version

    return _release(Version(text.removesuffix(".*")))


def _release(version: object) -> tuple[int, ...]:
    return _trimmed(tuple(getattr(version, "release", ())))


def _trimmed(numbers: tuple[int, ...]) -> tuple[int, ...]:
    while numbers and numbers[-1] == 0:
        numbers = numbers[:-1]
    return numbers


def _named(parts: list[str]) -> bool:
    from packaging.version import InvalidVersion, Version

    try:
        Version(parts[1].replace("_", "-"))
    except InvalidVersion:
        return False
    return len(parts) == 5 or parts[2][:1].isdigit()


def _free_threaded(depend: str) -> bool:
    words = depend.split()
    return words[:1] == ["python_abi"] and re.search(r"cp\d{3}t", " ".join(words[1:])) is not None


def _platform_tags(platform: Platform) -> frozenset[str] | None:
    declared = dict(_virtual(text) for text in platform.virtual_packages)
    system, _, rest = platform.subdir.partition("-")
    if platform.subdir in _WINDOWS:
        return frozenset({_WINDOWS[platform.subdir]})
    if platform.subdir in _MAC:
        return _mac_tags(platform.subdir, declared.get("__osx") or "13.0")
    if system != "linux" or rest not in _ARCHES:
        return None
    arch = _ARCHES[rest]
    for name in declared:
        if name in ("__glibc", "__musl", "__eglibc"):
            numbers = re.match(r"(\d+)\.(\d+)", declared[name])
            if numbers is None:
                return None
            return _linux_tags(arch, name, int(numbers[1]), int(numbers[2]))
    return _linux_tags(arch, "__glibc", 2, 28)


def _linux_tags(arch: str, libc: str, major: int, minor: int) -> frozenset[str]:
    found = {f"linux_{arch}"}
    if libc == "__musl":
        return frozenset(found | {f"musllinux_{major}_{n}_{arch}" for n in range(minor + 1)})
    for number in range(_OLDEST.get(arch, 17), minor + 1):
        found.add(f"manylinux_{major}_{number}_{arch}")
        if number in _LEGACY:
            found.add(f"{_LEGACY[number]}_{arch}")
    return frozenset(found)


def _mac_tags(subdir: str, version: str) -> frozenset[str] | None:
    numbers = re.match(r"(\d+)(?:\.(\d+))?", version)
    if numbers is None:
        return None
    major, minor = int(numbers[1]), int(numbers[2] or 0)
    formats = _MAC[subdir]
    if major == 10 and subdir == "osx-64":
        return frozenset(f"macosx_10_{n}_{f}" for n in range(4, minor + 1) for f in formats)
    old = formats if subdir == "osx-64" else ("universal2",)
    found = {f"macosx_{n}_0_{f}" for n in range(11, major + 1) for f in formats}
    return frozenset(found | {f"macosx_10_{n}_{f}" for n in range(4, 17) for f in old})


def _virtual(text: str) -> tuple[str, str]:
    name, _, rest = text.partition("=")
    return name, rest.partition("=")[0]
