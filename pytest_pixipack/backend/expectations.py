"""What a backend should have answered: dependencies by platform and variant, variants by matrix.

Pure functions on recorded calls: a list of what does not hold, empty where all does.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_pixipack.backend.protocol import NamedSpec, Output, OutputsResult
from pytest_pixipack.backend.transcript import Call
from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.facts import VariantValue

SECTIONS = ("build", "host", "run", "constraints")
# `linux-64`, `osx-arm64 on linux-64`, `linux-64 [python=3.12, cuda=yes]`, `*`
_WHERE = re.compile(
    r"\s*(?P<host>[\w*-]+)(?:\s+on\s+(?P<build>[\w*-]+))?\s*(?:\[(?P<variant>[^\]]*)\])?\s*"
)
_ENTRY = re.compile(r"(?P<absent>!)?\s*(?P<name>[\w.+-]+)\s*(?P<version>.*)")

Expected = Mapping[str, Mapping[str, Sequence[Any]]]


@dataclass(frozen=True, slots=True)
class Offered:
    """One output that a backend offered, and the platforms that it was asked for."""

    host: str
    build: str
    output: Output

    @property
    def where(self) -> str:
        """The output in words: `osx-arm64 on linux-64 [python=3.12]`."""
        on = "" if self.build == self.host else f" on {self.build}"
        variant = ", ".join(
            f"{key}={value}"
            for key, value in sorted(self.output.variant.items())
            if key != "target_platform"
        )
        return f"{self.host}{on}" + (f" [{variant}]" if variant else "")


def offered(calls: Iterable[Call], package: str) -> list[Offered]:
    """The outputs of one name in the answers to `conda/outputs`, each once, in their order.

    Raises `BackendError` where an answer has another shape.
    """
    found: dict[tuple[str, str, str, str], Offered] = {}
    for call in calls:
        if call.method != "conda/outputs" or call.result is None:
            continue
        host, build = str(call.params.get("hostPlatform")), str(call.params.get("buildPlatform"))
        for output in OutputsResult.from_json(call.result).outputs:
            if output.name == package.lower():
                found[host, build, output.build, str(sorted(output.variant.items()))] = Offered(
                    host, build, output
                )
    return list(found.values())


def dependency_problems(outputs: Sequence[Offered], expected: Expected) -> list[str]:
    """What is missing, what leaks, and which expectation was never met by an output.

    `expected` maps a platform (`linux-64`, `osx-arm64 on linux-64` for host and build platform,
    `linux-64 [python=3.12]` for a variant, `*` for all) to sections (`build`, `host`, `run`,
    `constraints`) to lists: `"openssl"` or `"openssl >=3"` has to be there, `"!openssl"` must not.
    Anything else in that section is a leak, unless the list has an ellipsis (`...`).

    Raises `InvalidInput` for an expectation that cannot be understood.
    """
    found = []
    for where, sections in expected.items():
        host, build, variant = _parsed_where(where)
        matching = [each for each in outputs if _matches(each, host, build, variant)]
        if not matching:
            asked = ", ".join(dict.fromkeys(each.where for each in outputs)) or "nothing"
            found.append(f"{where}: no output was asked for; there were {asked}")
        for each in matching:
            for section, entries in sections.items():
                found += _of_section(each, section, entries)
    return list(dict.fromkeys(found))


def _parsed_where(where: str) -> tuple[str, str | None, dict[str, str]]:
    match = _WHERE.fullmatch(where)
    if match is None:
        raise InvalidInput(
            f"`{where}` names no platform.",
            remedy="Write `linux-64`, `osx-arm64 on linux-64`, `linux-64 [python=3.12]` or `*`.",
        )
    variant = {}
    for part in filter(None, (part.strip() for part in (match["variant"] or "").split(","))):
        key, equals, value = part.partition("=")
        if not equals:
            raise InvalidInput(f"`{part}` in `{where}` is no variant.", remedy="Write key=value.")
        variant[key.strip()] = value.strip()
    return match["host"], match["build"], variant


def _matches(each: Offered, host: str, build: str | None, variant: Mapping[str, str]) -> bool:
    values = {key: str(value) for key, value in each.output.variant.items()}
    return (
        host in ("*", each.host)
        and build in (None, "*", each.build)
        and all(values.get(key) == value for key, value in variant.items())
    )


def _of_section(each: Offered, section: str, entries: Sequence[Any]) -> Iterator[str]:
    specs = _specs(each.output, section)
    by_name: dict[str, list[NamedSpec]] = {}
    for spec in specs:
        by_name.setdefault(spec.name, []).append(spec)
    stated = set()
    for entry in entries:
        if entry is ...:
            continue
        match = _ENTRY.fullmatch(entry) if isinstance(entry, str) else None
        if match is None:
            raise InvalidInput(f"{entry!r} is no dependency.", remedy='Write "name", "name >=1".')
        name, version = match["name"].lower(), match["version"].strip()
        stated.add(name)
        there = by_name.get(name, [])
        if match["absent"]:
            if there:
                yield f"{each.where}: {section} has {_shown(there[0])}, which must not be there"
        elif not there:
            yield f"{each.where}: {section} lacks {entry}"
        elif version and not any(_same_version(spec, version) for spec in there):
            shown = ", ".join(_shown(spec) for spec in there)
            yield f"{each.where}: {section} should have {entry}, and has {shown}"
    if ... not in entries:
        for name in sorted(by_name.keys() - stated):
            yield f"{each.where}: {section} leaks {_shown(by_name[name][0])}"


def _specs(output: Output, section: str) -> tuple[NamedSpec, ...]:
    if section == "build":
        return output.build_dependencies.depends
    if section == "host":
        return output.host_dependencies.depends
    if section == "run":
        return output.run_dependencies.depends
    if section == "constraints":
        return output.run_dependencies.constraints
    raise InvalidInput(f"`{section}` is no section.", remedy=f"There are {', '.join(SECTIONS)}.")


def _shown(spec: NamedSpec) -> str:
    kind = {"source": " (source)", "pinCompatible": " (pinned)"}.get(spec.kind, "")
    return f"{spec.name}{f' {spec.version}' if spec.version else ''}{kind}"


def _same_version(spec: NamedSpec, version: str) -> bool:
    return "".join((spec.version or "*").split()) == "".join(version.split())


def variant_problems(
    outputs: Sequence[Offered], matrix: Mapping[str, Sequence[VariantValue]]
) -> list[str]:
    """Which combinations of a declared matrix were not offered, offered twice, or not declared.

    Every platform that was asked for has to have each combination once.
    """
    keys = sorted(matrix)
    declared = {
        tuple(map(str, values)) for values in itertools.product(*(matrix[key] for key in keys))
    }
    if not outputs:
        return ["no output was asked for"]
    found = []
    platforms: dict[tuple[str, str], list[tuple[str, ...]]] = {}
    for each in outputs:
        values = tuple(str(each.output.variant.get(key, "nothing")) for key in keys)
        platforms.setdefault((each.host, each.build), []).append(values)
    for (host, build), produced in platforms.items():
        where = host if host == build else f"{host} on {build}"
        for values in sorted(declared - set(produced)):
            found.append(f"{where}: {_combination(keys, values)} was declared and not offered")
        for values in sorted(set(produced) - declared):
            found.append(f"{where}: {_combination(keys, values)} was offered and not declared")
        for values in sorted({v for v in produced if produced.count(v) > 1}):
            times = produced.count(values)
            found.append(f"{where}: {_combination(keys, values)} was offered {times} times")
    return found


def _combination(keys: Sequence[str], values: Sequence[str]) -> str:
    return ", ".join(f"{key}={value}" for key, value in zip(keys, values, strict=True))
