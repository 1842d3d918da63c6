"""environment.yml of a pack: what conda and micromamba would install is what the pack holds.

pixi-pack writes channels and dependencies, and where there are wheels, options for pip that keep
it from looking anywhere else (`create_environment_file` in its src/pack.rs).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_pixipack.facts import PackageFacts
from pytest_pixipack.pack import EnvironmentYml
from pytest_pixipack.verify.pack_inside import wheel_members
from pytest_pixipack.verify.pack_rules import pack_of, problem
from pytest_pixipack.verify.records import entries
from pytest_pixipack.verify.rules import Problem
from pytest_pixipack.verify.subject import Subject
from pytest_pixipack.verify.wheel_names import WheelName, wheel_name

_OWN = ("pack", "pack")
_CHANNELS = ("./channel", "nodefaults")
_KEYS = frozenset({"channels", "dependencies"})
_OPTIONS = ("--no-index", "--find-links ./pypi")
_NAME = re.compile(r"[^\s=<>!~\[;,(@]+")


@dataclass(frozen=True, slots=True)
class _Listed:
    """What stands in the file: pins of conda, the blocks of mappings, and what is below `pip`."""

    pins: tuple[str, ...]
    blocks: tuple[Mapping[str, Any], ...]

    @property
    def pip(self) -> tuple[str, ...]:
        """The lines for pip, options among them."""
        below = [block.get("pip") for block in self.blocks]
        return tuple(str(each) for lines in below if isinstance(lines, list) for each in lines)


def check_environment_yml(subject: Subject) -> Iterator[Problem]:
    """environment.yml lists what the pack holds, from the pack's own channel, and nothing else."""
    found = pack_of(subject).environment_yml
    if found is None:
        yield _told(
            subject,
            "The pack has no environment.yml.",
            field="environment.yml",
            expected="environment.yml",
            cause="file-removed",
        )
        return
    content = _content(found)
    listed = _listed(content)
    if broken := _broken(subject, content, listed):
        yield broken
        return
    yield from _keys(subject, content, listed)
    if found.channels != _CHANNELS:
        yield _told(
            subject,
            "environment.yml names other channels than the pack's own.",
            field="channels",
            expected=list(_CHANNELS),
            actual=list(found.channels),
        )
    yield from _conda(subject, listed)
    yield from _pip(subject, listed)


def _content(found: EnvironmentYml) -> Mapping[str, Any]:
    from ryaml import loads  # type: ignore[attr-defined]

    content = loads(found.text)  # it was read before
    return content if isinstance(content, dict) else {}


def _listed(content: Mapping[str, Any]) -> _Listed:
    items = content.get("dependencies")
    items = items if isinstance(items, list) else []
    blocks = tuple(each for each in items if isinstance(each, dict))
    return _Listed(tuple(str(each) for each in items if not isinstance(each, dict)), blocks)


def _broken(subject: Subject, content: Mapping[str, Any], listed: _Listed) -> Problem | None:
    """What makes the rest of the file mean something else: a key or the mark of a list is gone."""
    for key in sorted(_KEYS - set(content)):
        return _told(
            subject, f"environment.yml has no `{key}`.", field=key, expected=key,
            about=tuple(entry.facts.name for entry in entries(pack_of(subject))),
        )  # fmt: skip
    for pin in listed.pins:
        if " - " in pin:
            return _told(
                subject, "environment.yml has lines that are taken for one.", field="dependencies",
                actual=pin,
            )  # fmt: skip
    return None


def _keys(subject: Subject, content: Mapping[str, Any], listed: _Listed) -> Iterator[Problem]:
    """What pixi-pack does not write, such as variables or the place of the environment."""
    unknown = {str(key): value for key, value in content.items() if key not in _KEYS}
    for block in listed.blocks:
        unknown |= {f"dependencies.{key}": value for key, value in block.items() if key != "pip"}
        if "pip" in block and not isinstance(block["pip"], list):
            unknown["dependencies.pip"] = block["pip"]
    if sum("pip" in block for block in listed.blocks) > 1:
        unknown["dependencies.pip"] = "twice"
    for key, value in sorted(unknown.items()):
        yield _told(
            subject,
            f"environment.yml says what pixi-pack does not write: {key}.",
            field=key,
            actual=value,
        )


def _conda(subject: Subject, listed: _Listed) -> Iterator[Problem]:
    records = [entry.facts for entry in entries(pack_of(subject))]
    wanted = [f"{facts.name}={facts.version}={facts.build}" for facts in records]
    if wanted and not listed.pins:
        yield _told(
            subject,
            "environment.yml lists none of the packages of the pack.",
            field="dependencies",
            expected=wanted,
            about=tuple(facts.name for facts in records),
        )
        return
    for name, missing, extra in _by_name(wanted, listed.pins):
        yield _told(
            subject,
            f"environment.yml lists {name} more than once."
            if extra and set(extra) <= set(wanted)
            else f"environment.yml and repodata.json disagree about {name}.",
            PackageFacts(name=name),
            field="environment.yml",
            expected=missing,
            actual=extra,
            cause=_cause(missing, extra, {facts.name for facts in records}, name),
        )


def _by_name(
    wanted: Iterable[str], found: Iterable[str]
) -> Iterator[tuple[str, list[str], list[str]]]:
    """Name, and the pins that only one of both has; repeated ones count as often as they occur."""
    left, right = Counter(wanted), Counter(found)
    together: dict[str, tuple[list[str], list[str]]] = {}
    for side, pins in enumerate((left - right, right - left)):
        for pin in sorted(pins.elements()):
            match = _NAME.match(pin)
            name = match.group() if match else pin
            together.setdefault(name, ([], []))[side].append(pin)
    for name, (missing, extra) in together.items():
        yield name, missing, extra


def _cause(
    missing: Sequence[str], extra: Sequence[str], known: Iterable[str], name: str
) -> str | None:
    if missing and extra:
        return "version-change"
    return None if name in known else "file-added"


def _pip(subject: Subject, listed: _Listed) -> Iterator[Problem]:
    """The part for pip: two options, and each wheel of the pack with its version."""
    names = (wheel_name(each.name) for each in wheel_members(pack_of(subject)))
    wheels = [each for each in names if each is not None]
    about = tuple(sorted({each.name for each in wheels}))
    options = [line.strip() for line in listed.pip if line.strip().startswith("-")]
    pins = [_pin(line) for line in listed.pip if not line.strip().startswith("-")]
    if wheels and not listed.pip:
        yield _told(
            subject,
            "environment.yml lists none of the wheels of the pack.",
            field="pip",
            expected=[*_OPTIONS, *map(_pinned, wheels)],
            about=about,
        )
        return
    wanted = Counter(_OPTIONS if wheels or pins else ())
    missing, extra = wanted - Counter(options), Counter(options) - wanted
    if missing or extra:
        yield _told(
            subject,
            "environment.yml has pip look elsewhere than in the pack."
            if missing or pins
            else "environment.yml has options for pip, though the pack has no wheels.",
            field="pip options",
            expected=list(missing.elements()),
            actual=list(extra.elements()),
        )
    for name, lacking, more in _by_name(map(_pinned, wheels), pins):
        yield _told(
            subject,
            f"environment.yml and the wheels of the pack disagree about {name}.",
            PackageFacts(name=name),
            field="pip",
            expected=lacking,
            actual=more,
            cause=_cause(lacking, more, about, name),
        )


def _pinned(wheel: WheelName) -> str:
    return f"{wheel.name}=={wheel.version}"


def _pin(line: str) -> str:
    """A line as it would be written of a wheel; one that is no pin as it is."""
    from packaging.utils import canonicalize_name, canonicalize_version

    name, equals, version = line.strip().partition("==")
    if not equals or not _NAME.fullmatch(name):
        return line.strip()
    return f"{canonicalize_name(name)}=={canonicalize_version(version, strip_trailing_zero=False)}"


def _told(
    subject: Subject, message: str, facts: PackageFacts | None = None, **more: Any
) -> Problem:
    return problem(subject, message, facts, layers=_OWN, **more)
