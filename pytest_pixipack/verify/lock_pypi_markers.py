"""Environment markers: whether a requirement applies, and whether two markers mean the same.

The environment is that of the locked Python on a platform, as pixi assumes it
(prefix-dev/pixi, crates/pypi_modifiers/src/pypi_marker_env.rs).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping

from pytest_pixipack.verify.lock_pypi_marker_tree import (
    Comparison,
    Node,
    comparisons,
    holds,
    normalised,
    parse_marker,
)

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
    tree = parse_marker(marker or "")
    asked = frozenset(map(normalised, extras))
    if environment is None:
        return any(holds(tree, each, asked) for each in _environments([tree]))
    return holds(tree, environment, asked)


def extras_in(marker: str | None) -> tuple[str, ...]:
    """The extras that a marker speaks of."""
    found = comparisons(parse_marker(marker or ""))
    return tuple(dict.fromkeys(normalised(each.text) for each in found if each.name == "extra"))


def required_extra(marker: str | None) -> str | None:
    """The extra without which the marker never holds."""
    tree = parse_marker(marker or "")
    names = extras_in(marker)
    environments = list(_environments([tree])) if names else []
    for extra in names:
        others = [name for name in names if name != extra]
        if not any(holds(tree, e, chosen) for chosen in _subsets(others) for e in environments):
            return extra
    return None


def without_extra(marker: str | None, extra: str, outer: str | None) -> str | None:
    """`marker` where `extra` is asked for, and `outer` beside it."""
    text = _EXTRA.sub(lambda match: _decided(match, extra), marker) if marker else None
    return " and ".join(f"({part})" for part in (text, outer) if part) or None


def same_meaning(one: str | None, other: str | None) -> bool:
    """Whether two markers hold in the same environments, with the same extras."""
    if (one or "") == (other or ""):
        return True
    left, right = parse_marker(one or ""), parse_marker(other or "")
    environments = list(_environments([left, right]))
    names = sorted({*extras_in(one), *extras_in(other)})
    if 2 ** len(names) * len(environments) > _MOST:
        return False
    return all(
        holds(left, each, extras) == holds(right, each, extras)
        for extras in _subsets(names)
        for each in environments
    )


def _subsets(names: list[str]) -> Iterator[frozenset[str]]:
    for size in range(len(names) + 1):
        yield from map(frozenset, itertools.combinations(names, size))


def _decided(match: re.Match[str], extra: str) -> str:
    """A comparison with `extra` where that extra is asked for."""
    name = match["name"] if match["name"] is not None else match["other"]
    if normalised(name) != extra:
        return match[0]
    return _ALWAYS if (match["op"] or match["po"]) == "==" else _NEVER


def _environments(trees: Iterable[Node]) -> Iterator[dict[str, str]]:
    """Environments between which the markers can tell, and no others."""
    choices = _choices([each for tree in trees for each in comparisons(tree)])
    base = marker_environment("linux-64", "3.11.0") or {}
    for values in itertools.islice(itertools.product(*choices.values()), _MOST + 1):
        environment = {**base, **dict(zip(choices, values, strict=True))}
        if "python" in choices:
            python = environment.pop("python")
            environment["python_full_version"] = environment["implementation_version"] = python
            environment["python_version"] = ".".join(python.split(".")[:2])
        yield environment


def _choices(found: Iterable[Comparison]) -> dict[str, list[str]]:
    versions: set[str] = set()
    texts: dict[str, set[str]] = {}
    for each in found:
        if each.is_version:
            versions.update(re.findall(r"\d+(?:\.\d+)*", each.text))
        elif each.name != "extra":
            words = {each.text, *each.text.split()} if each.operator.endswith("in") else {each.text}
            texts.setdefault(each.name, {"", "~"}).update(words, (word + "~" for word in words))
    result = {name: sorted(values) for name, values in texts.items()}
    if versions:
        result["python"] = sorted({other for text in versions for other in _around(text)})
    return result


def _around(version: str) -> Iterator[str]:
    numbers = [int(part) for part in version.split(".")][:3]
    numbers += [0] * (3 - len(numbers))
    major, minor, patch = numbers
    yield f"{major}.{minor}.{patch}"
    yield f"{major}.{minor}.{patch + 1}"
    yield f"{major}.{minor + 1}.0"
    yield f"{major + 1}.0.0"
    if patch:
        yield f"{major}.{minor}.{patch - 1}"
    if minor:
        yield f"{major}.{minor - 1}.99"
    if major:
        yield f"{major - 1}.99.99"


def _is_version(text: str) -> bool:
    from packaging.version import InvalidVersion, Version

    try:
        Version(text)
    except InvalidVersion:
        return False
    return True
