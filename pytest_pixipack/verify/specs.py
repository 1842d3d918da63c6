"""Match specs: parsing, whether a package satisfies one, whether two say the same."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pytest_pixipack.facts import PackageFacts
from pytest_pixipack.spec_limits import is_too_complex

if TYPE_CHECKING:
    from rattler import MatchSpec

_NAME = re.compile(r"[^\s=<>!~\[;,]+")
# How rattler shows a spec that names one file of a channel.
_FILE = re.compile(r'\burl="([^"]*)"')


@lru_cache(maxsize=65536)
def parse_spec(text: str) -> MatchSpec | None:
    """The match spec in a text, None where conda would not read it."""
    if is_too_complex(text):
        return None
    from rattler import MatchSpec

    try:
        spec = MatchSpec(text, strict=False)
    except Exception:
        # rattler's errors have no base class of their own.
        return None
    return spec if spec.name is not None else None


@lru_cache(maxsize=65536)
def spec_name(text: str) -> str:
    """The lower-case package name of a match spec, as far as it can be told."""
    spec = parse_spec(text)
    if spec is not None and spec.name is not None:
        return spec.name.normalized
    found = _NAME.match(text.rpartition("::")[2])
    return found.group().lower() if found else text


@lru_cache(maxsize=65536)
def spec_extras(text: str) -> tuple[str, ...]:
    """The extras that a match spec asks for."""
    spec = parse_spec(text)
    return tuple(spec.extras or ()) if spec is not None else ()


@lru_cache(maxsize=65536)
def spec_condition(text: str) -> str | None:
    """The condition after `when`, None where there is none."""
    spec = parse_spec(text)
    return str(spec.condition) if spec is not None and spec.condition is not None else None


def satisfies(facts: PackageFacts, text: str) -> bool:
    """Whether a package satisfies a match spec; a spec that cannot be read is satisfied by none.

    A channel in the spec is not looked at, as pixi does not. Of a package whose version is not
    known only the name is compared, of one without a build string the version too.
    """
    spec = parse_spec(text)
    if spec is None or spec.name is None:
        return False
    if spec.name.normalized != facts.name.lower():
        return False
    if facts.version is None:
        return True
    if facts.build is None:
        return spec.version is None or _version_in(facts.version, str(spec.version))
    wanted = _FILE.search(str(spec)) if "://" in text else None
    if wanted and facts.url is not None and wanted[1] != facts.url:
        return False
    record = _record(facts)
    return record is not None and spec.matches(record)


def virtual_satisfies(virtual: str, text: str) -> bool:
    """Whether a virtual package, spelled `__glibc=2.28` as in a lock, satisfies a match spec."""
    name, version, build = virtual_parts(virtual)
    if not build and not _any_build(text):
        return False
    return satisfies(PackageFacts(name=name, version=version or "0", build=build or None), text)


def _any_build(text: str) -> bool:
    spec = parse_spec(text)
    return spec is None or spec.build is None or str(spec.build) == "*"


def virtual_parts(virtual: str) -> tuple[str, str, str]:
    """Name, version and build of `__name=version=build`; what is left out is empty."""
    name, _, rest = virtual.partition("=")
    version, _, build = rest.partition("=")
    return name, version, build


@lru_cache(maxsize=8192)
def _version_in(version: str, constraint: str) -> bool:
    from rattler import Version, VersionSpec

    try:
        return VersionSpec(constraint).matches(Version(version))
    except Exception:
        return False


def _record(facts: PackageFacts) -> Any:
    key = (facts.name, facts.version, facts.build, facts.build_number, facts.subdir)
    more = (facts.license_family, facts.flags, facts.track_features)
    return _built_record(*key, facts.md5, facts.sha256, facts.license, *more)


@lru_cache(maxsize=8192)
def _built_record(
    name: str,
    version: str,
    build: str,
    build_number: int | None,
    subdir: str | None,
    md5: str | None,
    sha256: str | None,
    license_: str | None,
    license_family: str | None,
    flags: tuple[str, ...],
    track_features: tuple[str, ...],
) -> Any:
    from rattler import BuildString, PackageRecord

    try:
        # A source record may say nothing of its build; rattler takes no empty one here.
        record = PackageRecord(
            name,
            version,
            BuildString(build or "_"),
            build_number or 0,
            subdir or "noarch",
            None,
            None,
        )
        record.md5 = bytes.fromhex(md5) if md5 else None
        record.sha256 = bytes.fromhex(sha256) if sha256 else None
        record.license = license_
        record.license_family = license_family
        record.flags = list(flags)
        record.track_features = list(track_features)
    except Exception:
        return None
    return record


def same_spec(left: str, right: str) -> bool:
    """Whether two match specs say the same, whatever their spelling and the order of clauses."""
    return left == right or spec_identity(left) == spec_identity(right)


@lru_cache(maxsize=8192)
def spec_identity(text: str) -> object:
    """Equal for specs that say the same; the text itself where it cannot be read."""
    from pytest_pixipack.matchers.constraints import spec_key

    try:
        return spec_key(text)
    except Exception:
        return text


@dataclass(frozen=True, slots=True)
class SpecDifference:
    """Which specs only one side has; repeated ones count as often as they occur."""

    missing: tuple[str, ...]
    extra: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.missing or self.extra)


def compare_specs(expected: Iterable[str], actual: Iterable[str]) -> SpecDifference:
    """Compares two lists of match specs by meaning, without regard to their order."""
    return _compare(list(expected), list(actual), spec_identity)


def compare_texts(expected: Iterable[str], actual: Iterable[str]) -> SpecDifference:
    """Compares two lists of match specs by their text, without regard to their order."""
    return _compare(list(expected), list(actual), lambda text: text)


def _compare(
    expected: Sequence[str], actual: Sequence[str], key: Callable[[str], object]
) -> SpecDifference:
    return SpecDifference(
        tuple(_beyond(expected, actual, key)), tuple(_beyond(actual, expected, key))
    )


def _beyond(
    these: Sequence[str], those: Sequence[str], key: Callable[[str], object]
) -> Iterable[str]:
    left = Counter(key(text) for text in those)
    for text in these:
        if left[key(text)] > 0:
            left[key(text)] -= 1
        else:
            yield text


def condition_holds(
    condition: str, packages: Iterable[PackageFacts], virtual_packages: Iterable[str]
) -> bool:
    """Whether a `when` condition (`python>=3.10 and (__unix or __osx)`) is met.

    An `and` binds stronger than an `or`, as in rattler_conda_types (match_spec/condition.rs).
    """
    known, virtual = list(packages), list(virtual_packages)

    def met(text: str) -> bool:
        return any(satisfies(p, text) for p in known) or any(
            virtual_satisfies(v, text) for v in virtual
        )

    tokens = _condition_tokens(condition)
    return _either(tokens, met)


def _condition_tokens(condition: str) -> list[str]:
    """Specs, `and`, `or`, and parentheses that are not inside of brackets."""
    tokens, word, depth = [], "", 0
    for part in re.findall(r"\s+|[()\[\]]|[^\s()\[\]]+", condition):
        depth += (part == "[") - (part == "]")
        if depth == 0 and part in ("(", ")", "and", "or"):
            tokens += [word.strip()] * bool(word.strip()) + [part]
            word = ""
        else:
            word += part
    return tokens + [word.strip()] * bool(word.strip())


def _either(tokens: list[str], met: Callable[[str], bool]) -> bool:
    result = _both(tokens, met)
    while tokens and tokens[0] == "or":
        tokens.pop(0)
        other = _both(tokens, met)
        result = result or other
    return result


def _both(tokens: list[str], met: Callable[[str], bool]) -> bool:
    result = _term(tokens, met)
    while tokens and tokens[0] == "and":
        tokens.pop(0)
        other = _term(tokens, met)
        result = result and other
    return result


def _term(tokens: list[str], met: Callable[[str], bool]) -> bool:
    if not tokens:
        return True
    token = tokens.pop(0)
    if token != "(":
        return met(token)
    result = _either(tokens, met)
    if tokens and tokens[0] == ")":
        tokens.pop(0)
    return result
