"""What two lines of text differ in: a date, a path, a host, ... as far as they themselves show.

Each recognisable thing in one line is set beside the same thing in the other. What is left when all
of these are taken away has no cause that can be seen.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from pytest_pixipack.compare.inside.dates import DATE_FORMS, date_causes

Judge = Callable[[re.Match[str], re.Match[str]], tuple[str, ...]]

_GONE = "\0"
# How a text is known for a list of the environment.
_MOST_VARIABLES = 1000
_FEWEST_KNOWN = 3
_QUOTE = r"[\"'`]?"
_IS = rf"{_QUOTE}\s*(?:=>|[:=])\s*{_QUOTE}"
_PATH = re.compile(
    r"(?:(?<![\w/.~@-])|(?<=-[ILBF]))(?:file://)?(?:(?:/[^\s/:\"'`<>|;,()\[\]{}=\\\0\ufffd]{1,255}){2,64}/?"
    r"|[A-Za-z]:(?:[\\/]{1,2}[^\s/:\"'`<>|;,()\[\]{}=\\\0]{1,255}){1,64}"
    r"|(?<![:\w/])\\\\[\w.-]{1,99}(?:\\[^\s\\:\"'`<>|;,\0]{1,255}){1,64})"
)
# First directories of places where people and services build.
_BUILD_ROOTS = frozenset({
    "home", "users", "root", "tmp", "temp", "var", "private", "build", "builds", "builddir", "work",
    "workspace", "workspaces", "mnt", "media", "scratch", "github", "__w", "io", "croot",
    "feedstock_root", "recipe_root", "data", "runner", "a", "d", "srv", "jenkins", "buildroot",
    "src", "drone", "tmpdir", "opt",
})  # fmt: skip
_BUILD_PARTS = re.compile(
    r"conda-bld|_build_env|_h_env|host_env|build_env|rattler-build|/work/|_placehold|\.pixi/"
)
_UUID = re.compile(
    r"(?i)\b[0-9a-f]{8}-[0-9a-f]{4}-(?P<kind>[0-9a-f])[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\b"
    r"|(?<![0-9a-f])[0-9a-f]{12}(?P<plain>4)[0-9a-f]{3}[89ab][0-9a-f]{15}(?![0-9a-f])"
)
_RANDOM = re.compile(
    rf"(?i)\b(?:\w*nonce|random\w*|\w*salt|\w*uuid|\w*guid|boundary|entropy)\b{_IS}(?P<value>[\w+/=.-]+)"
    r"|(?<!\w)(?:tmp|temp)[._-]?[A-Za-z0-9_]{6,12}\b(?=.*)"
    r"|\bat 0x[0-9A-Fa-f]{6,16}\b"
)
_TOOL = re.compile(
    r"(?i)\b(?:GCC: \(|clang version |rustc version |LLD |Linker: )[^\n\0]{1,200}"
    r"|\b(?:generated|created|produced|compiled|written|built|made)(?: automatically)?"
    r" (?:by|with|using):? {1,2}[A-Za-z][\w+./@ -]{0,40}?[ /(@-]{1,2}v?\d+(?:\.\d+)+[\w.+-]*\)?"
    r"|^ *(?:x-)?generator:? {0,2}[^\n\0]{1,120}"
    r"|\b(?:rattler[-_]build|conda[-_]build|conda|pixi|pixi-pack|cmake|meson|setuptools|hatchling|"
    r"flit|maturin|cython|swig|protoc|python)(?:"
    rf"[-_ ]?version\b{_IS}[\w.+-]+|(?:[-_ /]version)?[ /]v?\d+(?:\.\d+)+[\w.+-]*)"
)
_CPU = re.compile(
    r"(?i)\b(?:\w{0,20}_)?(?:n?cpus?|n?proc(?:s|essors?)?|n?cores?"
    r"|n?jobs|n?threads|n?workers?|parallel\w{0,12})"
    rf"(?:[ _-](?:count|num|number|level))?\b(?:\(\))?"
    rf"{_QUOTE}(?:\s*(?:=>|[:=])\s*| ){_QUOTE}\d{{1,4}}\b"
    r"|(?<!\w)-j ?\d{1,4}\b"
    r"|\b\d{1,4} (?:cpus?|(?:cpu |logical |physical )?cores?|processors?|threads|jobs|workers)\b"
)
_HOST = re.compile(
    r"(?i)(?<![A-Za-z0-9])(?:build[ _-]?)?(?:host|user|node|machine|computer|log|login)"
    rf"[ _-]?(?:name)?(?![A-Za-z0-9])_{{0,2}}(?:{_IS}| +(?=[\"'])[\"'])(?P<value>[\w.@+\\-]+)"
    r"|\b(?:getuser|getlogin|gethostname|whoami)\b\W{1,8}[\w.@+-]+"
    r"|\b(?:Linux|Darwin|FreeBSD) (?P<node>[\w.-]+)(?= \d+\.\d+)"
    rf"|\b(?:builder|packager|uname){_IS}[\w.@+-]+(?: <[^>\n]{{1,99}}>)?"
    r"|\b(?:built|compiled|packaged|made|created) (?:by|on)(?: host| user)?"
    r" (?P<who>[\w.@+-]+)|\bon host [\w.-]+"
    r"|\bhost(?:name)? (?=\S*[\d.-])[\w.-]+"
    r"|(?<![\w.+/-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.(?:[\w-]{1,63}\.){0,8}"
    r"(?:internal|local|lan|localdomain|home))?"
    r"(?![\w.-])"
)
_ZONE_NAME = re.compile(
    r"\b(?:Africa|America|Antarctica|Asia|Atlantic|Australia|Europe|Indian|Pacific|Etc)/[A-Z][\w/+-]+"
    rf"|(?i:\b(?:tz|time[ _-]?zone|utc[ _-]?offset){_IS}[\w/+:-]+)"
    r"|(?<![\w.:+-])(?:UTC|GMT)?[+-]\d\d:?\d\d(?![\w.:-])"
    r"|\b(?:UTC|GMT|CET|CEST|EST|EDT|CST|CDT|MST|MDT|PST|PDT|JST|IST|BST)\b"
)
_VERSION = re.compile(r"(?i)(?:^ *|\b__)version(?:__)?(?:\"|')?\s*[:=]\s*[\"']?v?\d[\w.+!-]*")
_ASSIGNED = re.compile(
    r"^\s*(?:export\s+|declare -x\s+|setenv\s+|set\s+|\$env:|ENV\s+)?\"?(?P<name>[A-Za-z_]\w*)\"?"
    r"\s?[=:]\s?(?P<value>.*)$"
)
_SHELL = re.compile(r"^\s*(?:export|declare -x|setenv|ENV)\s+\w|^\s*\$env:\w")
_SPOKEN = re.compile(
    r"\b(?i:env(?:ironment)?(?:[ _-]var(?:iable)?)?s?)\b[\s:]{1,3}[\"'$]{0,2}"
    r"(?P<name>[A-Z_][A-Z0-9_]+)\b"
    r"|\bos\.environ\[[\"'](?P<python>\w+)|\$(?P<dollar>[A-Z_][A-Z0-9_]+)\b"
)
# Variables that tools and shells set, and what another value of theirs is.
_VARIABLES = {
    **dict.fromkeys(
        ("HOSTNAME", "HOST", "COMPUTERNAME", "USER", "LOGNAME", "USERNAME", "USERDOMAIN"),
        "hostname-or-user",
    ),
    **dict.fromkeys(
        ("CPU_COUNT", "NPROC", "NUMBER_OF_PROCESSORS", "CMAKE_BUILD_PARALLEL_LEVEL"), "cpu-count"
    ),
    **dict.fromkeys(
        (
            "HOME", "PWD", "OLDPWD", "TMPDIR", "TEMP", "TMP", "PREFIX", "BUILD_PREFIX", "SRC_DIR",
            "RECIPE_DIR", "USERPROFILE",
        ),
        "embedded-path",
    ),
    "TZ": "timezone",
    "SOURCE_DATE_EPOCH": "embedded-date",
    **dict.fromkeys(
        (
            "PATH", "LANG", "LANGUAGE", "SHELL", "TERM", "EDITOR", "PAGER", "DISPLAY", "SHLVL",
            "CI", "PYTHONHASHSEED", "PYTHONPATH", "LD_LIBRARY_PATH", "LD_PRELOAD", "MAKEFLAGS",
            "CFLAGS", "CXXFLAGS", "CPPFLAGS", "FFLAGS", "LDFLAGS", "CC", "CXX", "FC", "RUSTFLAGS",
            "PKG_CONFIG_PATH", "CMAKE_PREFIX_PATH", "GOFLAGS", "CONDA_PREFIX", "CONDA_DEFAULT_ENV",
            "VIRTUAL_ENV", "BUILD_NUMBER", "BUILD_ID", "BUILD_TAG", "JOB_NAME", "COLORTERM",
            "XDG_RUNTIME_DIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "SSH_AUTH_SOCK", "HTTP_PROXY",
            "HTTPS_PROXY", "NO_PROXY", "DEBUG_BUILD",
        ),
        "environment-variable",
    ),
}  # fmt: skip
_FAMILIES = re.compile(
    r"(?:LC|GITHUB|GITLAB|CI|RUNNER|AZURE|TRAVIS|CIRCLE|JENKINS|XDG|PIXI|CONDA)_\w+"
)


@dataclass(frozen=True, slots=True)
class Reasons:
    """What two lines differ in. `complete` says that nothing else differs."""

    causes: tuple[str, ...]
    complete: bool


def line_reasons(left: str, right: str) -> Reasons:
    """Why two lines are not the same; each cause once, in the order in which they were seen."""
    if (variable := _variable(left, right)) is not None:
        return variable
    causes: list[str] = []
    for pattern, judge in _judges():
        if left == right:
            break
        left, right = _masked(pattern, judge, left, right, causes)
    return Reasons(tuple(dict.fromkeys(causes)), left.split() == right.split())


def variable_cause(line: str) -> str | None:
    """The cause of a line that only one side has: it sets a variable of the environment."""
    found = _ASSIGNED.match(line)
    if found is None:
        return None
    known = _known(found["name"])
    return known or ("environment-variable" if _SHELL.match(line) else None)


def variable_name(line: str) -> str | None:
    """The name in `NAME=value`."""
    found = _ASSIGNED.match(line)
    return (
        found["name"] if found and "=" in line[found.start("name") : found.start("value")] else None
    )


def is_environment(lines: Sequence[str]) -> bool:
    """Whether a text is what `env` prints: `NAME=value`, with names that every shell sets."""
    names = [variable_name(line) for line in lines[:_MOST_VARIABLES] if line.strip()]
    known = sum(name is not None and name in _VARIABLES for name in names)
    return known >= _FEWEST_KNOWN and names.count(None) * 5 <= len(names)


def _judges() -> Iterator[tuple[re.Pattern[str], Judge]]:
    yield _TOOL, lambda left, right: ("tool-version",) * _same_start(left, right)
    yield _VERSION, _always("version-change")
    for form in DATE_FORMS:
        yield form, date_causes
    yield _UUID, _random_uuid
    yield _PATH, _path_causes
    yield _CPU, _always("cpu-count")
    yield _ZONE_NAME, _always("timezone")
    yield _HOST, _always("hostname-or-user")
    yield _RANDOM, _always("random")


def _always(cause: str) -> Judge:
    return lambda _left, _right: (cause,)


def _masked(
    pattern: re.Pattern[str], judge: Judge, left: str, right: str, causes: list[str]
) -> tuple[str, str]:
    """Both texts without what the pattern found on both sides and the judge could explain."""
    first, second = list(pattern.finditer(left)), list(pattern.finditer(right))
    if not first or len(first) != len(second):
        return left, right
    explained = []
    for old, new in zip(first, second, strict=True):
        if old[0] == new[0]:
            continue
        found = judge(old, new)
        causes += found
        if found:
            explained.append((old, new))
    old_spans = [old.span() for old, _ in explained]
    new_spans = [new.span() for _, new in explained]
    return _without(left, old_spans), _without(right, new_spans)


def _without(text: str, spans: list[tuple[int, int]]) -> str:
    parts, done = [], 0
    for start, end in spans:
        parts += [text[done:start], _GONE]
        done = end
    return "".join([*parts, text[done:]])


def _same_start(left: re.Match[str], right: re.Match[str]) -> bool:
    """Whether it is one tool in two versions, not two tools."""
    names = [re.split(r"[\d(]", each[0], maxsplit=1)[0].lower() for each in (left, right)]
    return names[0] == names[1]


def _random_uuid(left: re.Match[str], right: re.Match[str]) -> tuple[str, ...]:
    kinds = {each["kind"] or each["plain"] for each in (left, right)}
    # Those of versions 3 and 5 are made from names.
    return ("random",) if kinds <= set("1467") else ()


def _path_causes(left: re.Match[str], right: re.Match[str]) -> tuple[str, ...]:
    parts = [
        re.split(r"[\\/]+", each[0].removeprefix("file://").rstrip("/\\")) for each in (left, right)
    ]
    built = any(
        _BUILD_PARTS.search(each[0]) or part[0].endswith(":") or part[1].lower() in _BUILD_ROOTS
        for each, part in zip((left, right), parts, strict=True)
    )
    moved = parts[0][-1] == parts[1][-1]
    return ("embedded-path",) if built or moved else ()


def _path_parts(path: str) -> list[str]:
    return re.split(r"[\\/]+", path.removeprefix("file://").rstrip("/\\"))


def _variable(left: str, right: str) -> Reasons | None:
    first, second = _ASSIGNED.match(left), _ASSIGNED.match(right)
    if first and second and first["name"] == second["name"]:
        cause = _known(first["name"])
        if cause is None and _SHELL.match(left):
            cause = "environment-variable"
        if cause is not None:
            return Reasons((cause,), True)
    spoken, other = _SPOKEN.search(left), _SPOKEN.search(right)
    if spoken and other and spoken[0] == other[0] and left[: spoken.end()] == right[: other.end()]:
        name = next(filter(None, spoken.groups()))
        return Reasons((_known(name) or "environment-variable",), True)
    return None


def _known(name: str) -> str | None:
    if name in _VARIABLES:
        return _VARIABLES[name]
    return "environment-variable" if _FAMILIES.fullmatch(name) else None
