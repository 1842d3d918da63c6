"""Variables of the environment in a text: what sets one, prints one, or speaks of one."""

from __future__ import annotations

import re
from collections.abc import Sequence

# How a text is known for a list of the environment.
_MOST_VARIABLES = 1000
_FEWEST_KNOWN = 3
ASSIGNED = re.compile(
    r"^\s*(?:(?:export|declare -x|setenv|set|SET|@set|@SET|ENV)\s+|\$env:)?(?P<quote>[\"']?)"
    r"(?P<name>[A-Za-z_]\w*)(?P=quote)(?P<sign>\s?:?=\s?|\s?:\s?|\s+)(?P<value>.*)$"
)
SHELL = re.compile(r"^\s*(?:export|declare -x|setenv|ENV|@?SET|@set)\s+\"?\w|^\s*\$env:\w")
_SPOKEN = re.compile(
    r"(?:\b(?i:env(?:ironment)?(?:[ _-]var(?:iable)?)?s?)\b[\s:]{1,3}[\"'$]{0,2}"
    r"(?P<name>[A-Z_][A-Z0-9_]+)\b|\bos\.environ(?:\.get)?[\[(][\"'](?P<python>\w+)[\"'][\])]"
    r"|\bgetenv\([\"'](?P<c>\w+)[\"']\))"
    r"[\"']?\s*(?:=|:|->|=>|\bis\b|\bwas\b|\bset to\b)\s*[\"']?"
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
            "HTTPS_PROXY", "NO_PROXY", "DEBUG_BUILD", "COLUMNS", "LINES", "PS1", "PROMPT",
        ),
        "environment-variable",
    ),
}  # fmt: skip
_FAMILIES = re.compile(
    r"(?:LC|GITHUB|GITLAB|CI|RUNNER|AZURE|TRAVIS|CIRCLE|JENKINS|XDG|PIXI|CONDA)_\w+"
)
_LOOKS_LIKE_PATH = re.compile(r"[/\\~]|^[A-Za-z]:")
_HOSTLIKE = re.compile(r"[\w.\\-]+")
# Those whose values are command lines, with paths in them.
_FLAGS = re.compile(r"\w*FLAGS|CC|CXX|FC|CPP|LD|AR|AS|NM|RANLIB|STRIP")
# `environ({'HOME': '/root'})`, as Python prints it
ENTRY = re.compile(r"'(?P<name>[A-Za-z_]\w*)': '(?P<value>(?:[^'\\]|\\.)*)'")
_NUMBER = re.compile(r"\d+")


def line_cause(line: str) -> str | None:
    """The cause of a line that only one side has: it sets a variable of the environment."""
    found = ASSIGNED.match(line)
    if found is None or not _is_setting(line, found):
        return None
    known = known_cause(found["name"])
    if SHELL.match(line):
        return known or "environment-variable"
    return known if known is not None and _fits(known, found["value"]) else None


def variable_name(line: str) -> str | None:
    """The name in `NAME=value`."""
    found = ASSIGNED.match(line)
    return found["name"] if found and "=" in found["sign"] else None


def is_environment(lines: Sequence[str]) -> bool:
    """Whether a text is what `env` prints: `NAME=value`, with names that every shell sets."""
    names = [variable_name(line) for line in lines[:_MOST_VARIABLES] if line.strip()]
    known = sum(name is not None and known_cause(name) is not None for name in names)
    most = known > 1 and 2 * known >= len(names) and None not in names
    return most or (known >= _FEWEST_KNOWN and names.count(None) * 5 <= len(names))


def setting_cause(left: str, right: str) -> str | None:
    """The cause where both lines set one variable, which is known, to two values."""
    first, second = ASSIGNED.match(left), ASSIGNED.match(right)
    if not first or not second or first["name"] != second["name"]:
        return None
    if not (_is_setting(left, first) and _is_setting(right, second)):
        return None
    cause = known_cause(first["name"])
    if SHELL.match(left) and SHELL.match(right):
        return cause or "environment-variable"
    if cause is None:
        return None
    return cause if all(_fits(cause, each["value"]) for each in (first, second)) else None


def spoken_cause(left: str, right: str) -> str | None:
    """The cause where both lines say what one variable is: `environment variable EDITOR is vi`."""
    for one, other in zip(_SPOKEN.finditer(left), _SPOKEN.finditer(right), strict=False):
        if one[0] == other[0] and left[: one.end()] == right[: other.end()]:
            name = one["name"] or one["python"] or one["c"]
            return known_cause(name) or "environment-variable"
    return None


def holds_flags(line: str) -> bool:
    """Whether a line sets a variable that holds a command, or parts of one."""
    found = ASSIGNED.match(line)
    return found is not None and _FLAGS.fullmatch(found["name"]) is not None


def entry_causes(left: re.Match[str], right: re.Match[str], _hint: str) -> tuple[str, ...]:
    """The cause where two entries of a printed environment are those of one variable."""
    if left["name"] != right["name"] or "environ" not in left.string:
        return ()
    return (known_cause(left["name"]) or "environment-variable",)


def known_cause(name: str) -> str | None:
    """What another value of a variable is, for one that tools and shells set."""
    if name in _VARIABLES:
        return _VARIABLES[name]
    return "environment-variable" if _FAMILIES.fullmatch(name) else None


def _is_setting(line: str, found: re.Match[str]) -> bool:
    """Whether it is `NAME=value`, a shell's way to set one, or a quoted name with a colon."""
    sign = found["sign"].strip()
    return "=" in sign or bool(SHELL.match(line)) or (sign == ":" and bool(found["quote"]))


def _fits(cause: str, value: str) -> bool:
    """Whether a value can be one of such a variable: names are short, and used for other things."""
    text = value.strip().strip("\"',;")
    if cause == "embedded-path":
        return bool(_LOOKS_LIKE_PATH.search(text))
    if cause == "cpu-count":
        return bool(_NUMBER.fullmatch(text))
    if cause == "hostname-or-user":
        return bool(_HOSTLIKE.fullmatch(text))
    return True
