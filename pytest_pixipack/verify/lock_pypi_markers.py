"""Environment markers: whether a requirement applies, and whether two markers mean the same.

The environment is that of the locked Python on a platform, as pixi assumes it
(prefix-dev/pixi, crates/pypi_modifiers/src/pypi_marker_env.rs).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping

_MACHINES = {
    "linux-32": "i386", "linux-64": "x86_64", "linux-aarch64": "aarch64",
    "linux-armv6l": "armv6l", "linux-armv7l": "armv7l", "linux-ppc64le": "ppc64le",
    "linux-ppc64": "ppc64", "linux-s390x": "s390x", "linux-riscv32": "riscv32",
    "linux-riscv64": "riscv64", "osx-64": "x86_64", "osx-arm64": "arm64", "win-32": "x86",
    "win-64": "AMD64", "win-arm64": "ARM64",
}  # fmt: skip
# sys_platform, platform_system, os_name
_SYSTEMS = {
    "linux": ("linux", "Linux", "posix"),
    "osx": ("darwin", "Darwin", "posix"),
    "win": ("win32", "Windows", "nt"),
}
_ALWAYS, _NEVER = "python_version >= '0'", "python_version < '0'"
_EXTRA = re.compile(
    r"""\bextra\s*(?P<op>==|!=)\s*(?P<q>['"])(?P<name>[^'"]*)(?P=q)"""
    r"""|(?P<r>['"])(?P<other>[^'"]*)(?P=r)\s*(?P<po>==|!=)\s*extra\b"""
)
_LITERAL = re.compile(r"""(?P<before>[a-z_.]+)?\s*(?:===|[<>=!~]=|<|>|not\s+in|in)?\s*"""
                      r"""(?P<q>['"])(?P<text>[^'"]*)(?P=q)\s*(?:(?:===|[<>=!~]=|<|>|in)\s*"""
                      r"""(?P<after>[a-z_.]+))?""")  # fmt: skip
_VERSIONS = ("python_version", "python_full_version", "implementation_version")
_ALIASES = {
    "os.name": "os_name", "sys.platform": "sys_platform", "platform.machine": "platform_machine",
    "platform.version": "platform_version", "python_implementation":
    "platform_python_implementation", "platform.python_implementation":
    "platform_python_implementation",
}  # fmt: skip
# Beyond that many combinations two markers are told apart by their text.
_MOST = 20_000


def marker_environment(subdir: str, python: str) -> dict[str, str] | None:
    """The values of all marker variables but `extra`; None where pixi knows none.

    `python` is the version of the locked interpreter.
    """
    system = _SYSTEMS.get(subdir.partition("-")[0])
    numbers = re.match(r"(\d+)\.(\d+)", python)
    if system is None or numbers is None or not _is_version(python):
        return None
    return {
        "implementation_name": "cpython",
        "implementation_version": python,
        "os_name": system[2],
        "platform_machine": _MACHINES.get(subdir, ""),
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": system[1],
        "platform_version": "",
        "python_full_version": python,
        "python_version": f"{numbers[1]}.{numbers[2]}",
        "sys_platform": system[0],
    }


def applies(
    marker: str | None, environment: Mapping[str, str] | None, extras: Iterable[str]
) -> bool:
    """Whether a requirement with this marker applies where these extras are asked for.

    Without an environment every condition but one on an extra counts as met, as in pixi.
    """
    if not marker:
        return True
    text = _decided(marker, frozenset(map(normalised, extras)))
    if environment is None:
        return _could_hold(text)
    return _holds(text, environment)


def extras_in(marker: str | None) -> tuple[str, ...]:
    """The extras that a marker speaks of."""
    found = (match["name"] or match["other"] for match in _EXTRA.finditer(marker or ""))
    return tuple(dict.fromkeys(normalised(name) for name in found))


def required_extra(marker: str | None) -> str | None:
    """The extra without which the marker never holds."""
    for extra in extras_in(marker):
        others = [name for name in extras_in(marker) if name != extra]
        if not any(_could_hold(_decided(marker or "", chosen)) for chosen in _subsets(others)):
            return extra
    return None


def without_extra(marker: str | None, extra: str, outer: str | None) -> str | None:
    """`marker` where `extra` is asked for, and `outer` beside it."""
    parts = []
    if marker:
        parts.append(_EXTRA.sub(lambda m: _literal(m, {extra}) if _name(m) == extra else m[0],
                                marker))  # fmt: skip
    if outer:
        parts.append(outer)
    return " and ".join(f"({part})" for part in parts) or None


def same_meaning(one: str | None, other: str | None) -> bool:
    """Whether two markers hold in the same environments, with the same extras."""
    if (one or "") == (other or ""):
        return True
    texts = (one or _ALWAYS, other or _ALWAYS)
    names = sorted({*extras_in(one), *extras_in(other)})
    choices = _choices(texts)
    combinations = 2 ** len(names)
    for values in choices.values():
        combinations *= len(values)
    if combinations > _MOST:
        return False
    for extras in _subsets(names):
        left, right = (_decided(text, extras) for text in texts)
        if any(_holds(left, each) != _holds(right, each) for each in _environments(choices)):
            return False
    return True


def normalised(name: str) -> str:
    """A PyPI name or extra as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _subsets(names: list[str]) -> Iterator[frozenset[str]]:
    for size in range(len(names) + 1):
        yield from map(frozenset, itertools.combinations(names, size))


def _name(match: re.Match[str]) -> str:
    return normalised(match["name"] if match["name"] is not None else match["other"])


def _literal(match: re.Match[str], extras: Iterable[str]) -> str:
    there = _name(match) in extras
    return _ALWAYS if there == ((match["op"] or match["po"]) == "==") else _NEVER


def _decided(marker: str, extras: frozenset[str]) -> str:
    """The marker with its conditions on extras replaced by what they amount to."""
    return _EXTRA.sub(lambda match: _literal(match, extras), marker)


def _holds(marker: str, environment: Mapping[str, str]) -> bool:
    from packaging.markers import (
        InvalidMarker,
        Marker,
        UndefinedComparison,
        UndefinedEnvironmentName,
    )
    from packaging.version import InvalidVersion

    try:
        return Marker(marker).evaluate({**environment, "extra": ""})
    except (InvalidMarker, UndefinedComparison, UndefinedEnvironmentName, InvalidVersion):
        return False


def _could_hold(marker: str) -> bool:
    """Whether there is an environment in which a marker without extras holds."""
    return any(_holds(marker, each) for each in _environments(_choices((marker,))))


def _choices(markers: Iterable[str]) -> dict[str, list[str]]:
    """For each variable the values between which the markers can tell."""
    versions: set[str] = set()
    texts: dict[str, set[str]] = {}
    for marker in markers:
        for match in _LITERAL.finditer(marker):
            name = match["before"] or match["after"] or ""
            name = _ALIASES.get(name, name)
            if name in _VERSIONS:
                versions.update(re.findall(r"\d+(?:\.\d+)*", match["text"]))
            else:
                texts.setdefault(name, {"", "~"}).update((match["text"], match["text"] + "~"))
    around = {other for text in versions for other in _around(text)}
    found = {name: sorted(values) for name, values in texts.items()}
    if around:
        found["python"] = sorted(around)
    return found


def _around(version: str) -> Iterator[str]:
    numbers = [int(part) for part in version.split(".")][:3]
    numbers += [0] * (3 - len(numbers))
    major, minor, patch = numbers
    yield f"{major}.{minor}.{patch}"
    yield f"{major}.{minor}.{patch + 1}"
    yield f"{major}.{minor + 1}.0"
    if patch:
        yield f"{major}.{minor}.{patch - 1}"
    if minor:
        yield f"{major}.{minor - 1}.99"
    if major:
        yield f"{major - 1}.99.99"


def _environments(choices: Mapping[str, list[str]]) -> Iterator[dict[str, str]]:
    base = marker_environment("linux-64", "3.11.0") or {}
    for values in itertools.product(*choices.values()):
        environment = {**base, **dict(zip(choices, values, strict=True))}
        if "python" in choices:
            python = environment.pop("python")
            environment["python_full_version"] = environment["implementation_version"] = python
            environment["python_version"] = ".".join(python.split(".")[:2])
        yield environment


def _is_version(text: str) -> bool:
    from packaging.version import InvalidVersion, Version

    try:
        Version(text)
    except InvalidVersion:
        return False
    return True
