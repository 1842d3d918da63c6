"""Paths, hosts, users, processors and what is made at random, in a text."""

from __future__ import annotations

import re

_QUOTE = r"[\"'`]?"
_IS = rf"{_QUOTE}\s*(?:=>|:=|[:=])\s*{_QUOTE}"

# An option with a path right behind it (`-S/src`, `-isystem/usr/include`, `-LC:\lib`, `/FoC:\obj`),
# and a text in a pickle of protocol 0 (opcode `V`, CPython: Lib/pickletools.py).
_OPTION = (
    r"(?P<option>-[A-Za-z]{1,20}?(?=\.{0,2}/|[A-Za-z]:[\\/])|/[A-Za-z][a-z]?(?=[A-Za-z]:[\\/]))"
)
PATH = re.compile(
    rf"(?:(?<![\w/.~@-]){_OPTION}|(?<![\w/.~@-])|(?<=^V))(?P<path>(?:file://|(?:\.\.?)(?=/))?"
    r"(?:(?:/[^\s/:\"'`<>|;,()\[\]{}=\\\0\ufffd]{1,255}){2,64}/?"
    r"|[A-Za-z]:(?:[\\/]{1,2}[^\s/:\"'`<>|;,()\[\]{}=\\\0]{1,255}){1,64}"
    r"|(?<![:\w/])\\\\[\w.-]{1,99}(?:\\[^\s\\:\"'`<>|;,\0]{1,255}){1,64}))"
)
# First directories of places where people and services build.
_BUILD_ROOTS = frozenset({
    "home", "users", "root", "tmp", "temp", "private", "build", "builds", "builddir", "work",
    "workspace", "workspaces", "mnt", "scratch", "github", "__w", "croot", "feedstock_root",
    "recipe_root", "runner", "jenkins", "buildroot", "drone", "tmpdir",
})  # fmt: skip
_BUILD_PARTS = re.compile(
    r"conda-bld|_build_env|_h_env|host_env|build_env|rattler-build|/work/|_placehold|\.pixi/|"
    r"/var/tmp/|/var/lib/(?:jenkins|buildkite|gitlab)|/envs/|(?:conda|miniforge|mambaforge)\d?/|"
    r"\\Temp\\|\\a\\"
)
UUID = re.compile(
    r"(?i)\b[0-9a-f]{8}-[0-9a-f]{4}-(?P<kind>[0-9a-f])[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\b"
    r"|(?<![0-9a-f])[0-9a-f]{12}(?P<plain>4)[0-9a-f]{3}[89ab][0-9a-f]{15}(?![0-9a-f])"
)
RANDOM = re.compile(
    rf"(?i)\b(?:\w*nonce|\w*random\w*|\w*salt|\w*uuid|\w*guid){_IS}(?P<value>[\w+/=.-]+)"
    rf"|\bboundary{_IS}(?P<boundary>[\w'()+,./:=?-]{{12,70}})"
    # names that tempfile, mktemp(1), gcc, go, rustc and pip make up
    r"|(?<![a-zA-Z0-9])(?P<name>tmp(?-i:[a-z0-9_]{8})|\.?tmp[._-]?[A-Za-z0-9]{6,12}|temp[._-][A-Za-z0-9]{6,12}"
    r"|(?-i:cc[A-Za-z0-9]{6})(?=\.\w)|go-build\d{6,12}|rustc[A-Za-z0-9]{6}"
    r"|pip-[a-z-]{3,30}-(?-i:[a-z0-9_]{8}))(?![A-Za-z0-9])"
    # where Python's objects lie, and where Linux maps memory
    r"|(?<=\bat )0x[0-9a-f]{6,16}(?=>)|\b0x(?:0000)?(?:7f|5[56])[0-9a-f]{10}\b"
)
_LETTERS_AND_DIGITS = re.compile(r"(?=.*[0-9_])(?=.*[a-z])|(?=.*[A-Z].*[a-z])(?=.*[a-z].*[A-Z])")
CPU = re.compile(
    r"(?i)\b(?:\w{0,20}_)?(?:(?:go)?maxprocs|load-average|n?cpus?|n?proc(?:s|essors?)?|n?cores?"
    r"|n?jobs|n?threads|n?workers?|parallel\w{0,12})"
    rf"(?:[ _-](?:count|num|number|level))?\b(?:\(\))?"
    rf"{_QUOTE}(?:\s*(?:=>|:=|[:=])\s*| ){_QUOTE}\d{{1,4}}\b(?!\.\d)"
    # make: the load of the machine up to which more jobs are started (`-l`) is a number of jobs
    r"|(?<!\w)(?:-l ?\d{1,4}(?:\.\d)? +)?-j ?\d{1,4}\b(?: +-l ?\d{1,4}\b(?:\.\d+)?)?"
    r"|(?<![\w.,])\d{1,4} "
    r"(?:(?:parallel|logical|physical|cpu|virtual|available|online|concurrent) ){0,2}"
    r"(?:cpus?|cores?|processors?|threads)\b"
    r"|\b(?:using|with|running|on) \d{1,4} (?:jobs|workers)\b"
    r"|\b\d{1,4} (?:parallel|build|concurrent) (?:jobs|workers|builds|processes)\b"
)
# A name, or the id of a container, which is its host name.
_WORD = r"(?:[A-Za-z_][\w.+\\-]{0,63}|(?=\d{1,11}[a-f])[\da-f]{6,64}(?!\w))"
# Behind a name: no call, and no more words, but a further key, a place or a time.
_ENDS = r"(?![\w.+\\(\[-])(?!\s+(?-i:[a-z]{2,})(?![\w-]*\s?[:=])(?!(?<=on|at|by)\s+\S*\d))"
_PERSON = r"(?-i:(?: [A-Z][\w.-]{0,30}){0,3})"
_ON_HOST = r"(?: on (?:host |machine )?(?=\S*[\d.-])[\w.-]+)?"
HOST = re.compile(
    # user and host by name
    rf"(?i)(?<![A-Za-z0-9])(?:(?:build|builder|my|local|compile|cf|uname|remote|configure)[ _-]?)?"
    rf"(?:(?:host|user|node|machine|computer|log(?=[ _-]?name)|login(?=[ _-]?name))[ _-]?name|host"
    rf"|user|builder|packager|cf_by|cf_email|built[ _-]by|compile[dr]?[ _-](?:by|host)"
    # CMakeCache.txt: the name of the machine, of CTest
    r"|SITE(?=:STRING=))(?::STRING(?==))?"
    rf"(?![A-Za-z0-9])_{{0,2}}(?:{_IS}| +(?=[\"'])[\"'])(?P<value>{_WORD}(?:@[\w.-]+)?){_PERSON}"
    rf"(?:(?P<mail> <[^>\n]{{1,99}}>)|{_ON_HOST}{_ENDS})"
    r"|\b(?:getuser|getlogin|gethostname|whoami)\b(?:\(\))?[\"'`)]?\s*(?:=+>?|:|->|is\b|was\b)"
    r"\s*[\"'`]?[\w.@+-]+"
    r"|\b(?:Linux|Darwin|FreeBSD) (?P<node>[\w.-]+)(?= \d+\.\d+)"
    rf"|\b(?:uname){_IS}[\w.@+-]+"
    rf"|\b(?:built|compiled|packaged|made|created) by (?:user |host )?"
    rf"(?P<by>{_WORD}(?:@[\w.-]+)?)(?![\w.-]* v?\d){_ON_HOST}"
    rf"|\b(?:built|compiled|packaged|made|created) on (?:host |machine )?(?P<on>{_WORD})"
    rf"(?: by (?:user )?(?P<user>{_WORD})(?![\w.-]* v?\d))?"
    r"|\bon host (?P<host>[\w.-]+)|\bhost(?:name)? (?=\S*[\d.-])(?P<named>[\w.-]+)"
    # `user@host`, not a package with its version, and not an address for mail
    r"|(?<![\w.+/@-])(?P<account>[A-Za-z_][\w.+-]{0,63}@(?![\d.]+\b)[\w-]{1,63}"
    r"(?:\.[\w-]{1,63}){0,8})(?![\w.-])"
    # R: `Packaged: 2024-03-01 10:00:00 UTC; alice`
    rf"|(?<=; )(?P<packaged>{_WORD})$"
)
# Where a host would stand, but these do not name one.
_NO_HOSTS = frozenset({
    "localhost", "true", "false", "yes", "no", "none", "null", "any", "all", "root", "admin",
    "guest", "hand", "machine", "default", "linux", "windows", "macos", "monday", "tuesday",
    "wednesday", "thursday", "friday", "saturday", "sunday", "top", "demand", "latest", "next",
    "alpha", "beta", "canary", "stable",
})  # fmt: skip
# Who builds and packs may be a tool.
_TOOLS = frozenset({
    "cmake", "meson", "ninja", "make", "autotools", "bazel", "scons", "gradle", "maven", "ant",
    "setuptools", "hatchling", "poetry", "flit", "pdm", "sphinx", "docker", "podman", "buildah",
    "conda", "conda-build", "rattler-build", "pixi", "cargo", "npm", "yarn", "gcc", "clang", "html",
    "rpm", "rpmbuild", "dpkg", "debian", "nix", "cpack", "xcodebuild", "msbuild", "python", "rustc",
})  # fmt: skip
_DOMAIN = re.compile(r"\.(?:internal|local|lan|localdomain|home|corp)$")
_LOCAL_ACCOUNT = re.compile(r"[A-Za-z_][\w.+-]*@(?![\d.]+$)[\w-]+")
_SAID = re.compile(
    r"(?i)\b(?:by|from|on|host|user|builder|built|compiled|packaged|as)\b\W{0,3}$|[(\[\"']$"
)


def path_causes(left: re.Match[str], right: re.Match[str], _hint: str) -> tuple[str, ...]:
    """`embedded-path` where both lead to one file, or to places where things are built."""
    if left["option"] != right["option"]:
        return ()
    texts = [each["path"].removeprefix("file://").rstrip("/\\") for each in (left, right)]
    old, new = (re.split(r"[\\/]+", text) for text in texts)
    if old[0].startswith(".") or new[0].startswith("."):
        return _relative_causes(old, new)
    built = _is_built(texts[0], old) or _is_built(texts[1], new)
    if old[-1] == new[-1]:  # the same from another place
        return ("embedded-path",) if built or not _in_list(left) else ()
    if not built:
        return ()
    # Two files of one directory are two files; two directories may be two places of one build.
    beside = old[:-1] == new[:-1] and any("." in name.strip(".") for name in (old[-1], new[-1]))
    return () if beside else ("embedded-path",)


def _in_list(match: re.Match[str]) -> bool:
    """Whether what looks like an option may be an entry of a list: `-docs/new/a.txt`."""
    option = match["option"] or ""
    return len(option) > len("-x") and not match.string[: match.start()].strip()


def _is_built(text: str, parts: list[str]) -> bool:
    """Whether a path leads to where people and services build."""
    drive = parts[0].endswith(":")
    return bool(_BUILD_PARTS.search(text)) or drive or parts[1].lower() in _BUILD_ROOTS


def _relative_causes(old: list[str], new: list[str]) -> tuple[str, ...]:
    """Of relative paths, only those through directories that are named for a build."""
    if old[-1] != new[-1] or len(old) != len(new):
        return ()
    pairs = [(a, b) for a, b in zip(old, new, strict=True) if a != b]
    named = all(re.search(r"build|tmp|obj\b", a) and re.search(r"build|tmp|obj\b", b)
                for a, b in pairs)  # fmt: skip
    return ("embedded-path",) if named else ()


def uuid_causes(left: re.Match[str], right: re.Match[str], _hint: str) -> tuple[str, ...]:
    """`random`, but not for those that are made from names (versions 3 and 5)."""
    kinds = {each["kind"] or each["plain"] for each in (left, right)}
    return ("random",) if kinds <= set("1467") else ()


def random_causes(left: re.Match[str], right: re.Match[str], _hint: str) -> tuple[str, ...]:
    """`random` for names of temporary files, addresses, and what is called random."""
    names = left["name"], right["name"]
    if names[0] is None or names[1] is None:
        return ("random",) if names[0] is names[1] else ()
    if names[0].startswith("tmp") and len(names[0]) == len(names[1]) == 11:
        shown = all(re.search(r"[0-9_]", name) or _at_path(each) for name, each in
                    zip(names, (left, right), strict=True))  # fmt: skip
        return ("random",) if shown else ()
    both = all(_LETTERS_AND_DIGITS.search(name[3:]) for name in names)
    return ("random",) if both and len(names[0]) == len(names[1]) else ()


def _at_path(match: re.Match[str]) -> bool:
    return match.string[max(match.start() - 1, 0) : match.start()] in ("/", "\\", '"', "'")


def host_causes(left: re.Match[str], right: re.Match[str], _hint: str) -> tuple[str, ...]:
    """`hostname-or-user` for what is said to be one."""
    pair = left, right
    groups = [next((name for name, text in each.groupdict().items() if text), "") for each in pair]
    if groups[0] != groups[1]:
        return ()
    group = groups[0]
    values = [(each[group] if group else each[0]).lower() for each in pair]
    if group != "value" and any(value in _NO_HOSTS for value in values):
        return ()
    if any(value in _TOOLS for value in values):
        return ()
    if group == "value" and all(value in _NO_HOSTS for value in values):
        mails = [(each["mail"] or "").strip(" <>") for each in pair]
        return ("hostname-or-user",) if all(map(_LOCAL_ACCOUNT.fullmatch, mails)) else ()
    if group == "on" and not all(re.search(r"[\d.-]", value) for value in values):
        return ()
    if group == "packaged" and not all(each.string.startswith("Packaged") for each in pair):
        return ()
    if group == "account" and not all(map(_is_account, pair)):
        return ()
    return ("hostname-or-user",)


def _is_account(match: re.Match[str]) -> bool:
    """Whether `user@host` is one: by its domain, or by what stands before it."""
    host = match["account"].rpartition("@")[2].lower()
    if host in _NO_HOSTS:
        return False
    before = match.string[max(match.start() - 24, 0) : match.start()]
    alone = match.string.strip() == match[0] and "." not in host
    if before.endswith("<") and "." not in host:
        return True
    return bool(_DOMAIN.search(host) or _SAID.search(before) or alone)
