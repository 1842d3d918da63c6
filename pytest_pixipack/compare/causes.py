"""What each cause of a difference means: its evidence, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["CAUSE_TEXTS", "Cause", "causes_markdown"]


@dataclass(frozen=True, slots=True)
class Cause:
    """One named reason for a difference.

    `evidence` is what is seen where it is named, `remedy` what makes it go away; both are phrases
    without a capital and a full stop.
    """

    name: str
    evidence: str
    remedy: str


_ALL = (
    Cause(
        "timestamp",
        "a time of building differs: in index.json, in the header of a member or of a program",
        "set SOURCE_DATE_EPOCH for the build",
    ),
    Cause(
        "member-order",
        "the same members, entries or keys in another order",
        "sort what a tool lists before it writes it; nothing depends on this order",
    ),
    Cause(
        "line-order",
        "a text file has the same lines in another order",
        "sort what is written, or write it from a list instead of a set",
    ),
    Cause(
        "locale-sort",
        "the same lines, sorted by code point on one side and as in a language on the other",
        "sort with LC_ALL=C, or by code point",
    ),
    Cause(
        "hash-seed",
        "a set is written in the order of Python's hashes: `{'a', 'b'}` and `{'b', 'a'}`",
        "sort sets before they are written, or set PYTHONHASHSEED for the build",
    ),
    Cause(
        "compression",
        "the bytes differ only as compressed",
        "compress with one version of the tool at one level",
    ),
    Cause(
        "archive-format",
        "the archives hold the same in another form",
        "write both with the same version of the tool",
    ),
    Cause(
        "owner",
        "the owner or the group of a member differs",
        "write archives with owner 0:0, as pixi-pack does",
    ),
    Cause(
        "mode",
        "permission bits differ",
        "set the modes with `install -m`, or set the umask for the build",
    ),
    Cause(
        "json-format",
        "a JSON or YAML text says the same in another notation",
        "write both with the same tool; nothing depends on it",
    ),
    Cause(
        "line-endings",
        "a text differs only in its line ends",
        "keep git from converting them (`* -text` in .gitattributes), write `\\n`",
    ),
    Cause(
        "encoding",
        "the same text in another encoding, or with a byte order mark",
        "write UTF-8 without a byte order mark",
    ),
    Cause(
        "embedded-path",
        "paths differ that lead to the same file, or to where things are built",
        "map it with -ffile-prefix-map, or build in a directory of a fixed name",
    ),
    Cause(
        "embedded-date",
        "dates, times or seconds since 1970 differ",
        "write SOURCE_DATE_EPOCH instead of the current time",
    ),
    Cause(
        "timezone",
        "the same moment as local times of two zones, or the name of a zone",
        "set TZ=UTC for the build",
    ),
    Cause(
        "hostname-or-user",
        "what is named host, user or builder differs, or `user@host`",
        "leave it out of what the build writes",
    ),
    Cause(
        "cpu-count",
        "a number of processors, jobs or threads differs",
        "build with a fixed number of jobs",
    ),
    Cause(
        "environment-variable",
        "a line sets a variable that tools and shells know, or exports one",
        "unset it for the build, or declare it in the recipe",
    ),
    Cause(
        "pyc-header",
        "compiled Python differs only in the time or size of its source, or in its references",
        "compile with --invalidation-mode unchecked-hash",
    ),
    Cause(
        "gzip-header",
        "a gzip stream differs only in time or system of its header",
        "compress with `gzip -n`",
    ),
    Cause(
        "archive-member-header",
        "a static library differs only in the headers of its members",
        "write it with `ar D`",
    ),
    Cause(
        "build-id",
        "two programs differ only in build id, UUID, or the id of their debug data",
        "link with --build-id=none (ELF), -no_uuid (Mach-O) or /Brepro (PE)",
    ),
    Cause(
        "random",
        "an identifier that is made at random: a UUID, a nonce, an address in memory",
        "give the generator a fixed seed",
    ),
    Cause(
        "build-string",
        "the same version was built anew, under another build string or number",
        "compare variants and host packages: the hash in a build string is made from them",
    ),
    Cause(
        "dependency-change",
        "another package, or another dependency of a package",
        "lock again from the same manifest and channels, or pin the dependency",
    ),
    Cause(
        "version-change",
        "another version of a package; other digests and builds follow from it",
        "pin the version in the manifest, or lock both at the same time (exclude-newer)",
    ),
    Cause(
        "tool-version",
        "the tools that wrote the two are of different versions",
        "use one version for both; between two releases it is expected",
    ),
    Cause(
        "source-identifier",
        "the hash by which a lock tells source packages apart differs",
        "nothing: it changes between releases of pixi and names the record, not the package",
    ),
    Cause(
        "file-added",
        "only the right side has the file",
        "look at the script of the build; clean its directory before it",
    ),
    Cause(
        "file-removed",
        "only the left side has the file",
        "look at the script of the build, and whether it stopped early",
    ),
    Cause(
        "link-target",
        "a link points somewhere else",
        "make links relative to the prefix",
    ),
    Cause(
        "content",
        "the content differs, and nothing shows why",
        "build both again under one changed condition at a time",
    ),
    Cause(
        "unknown",
        "nothing is known about it",
        "compare both values",
    ),
)  # fmt: skip

CAUSE_TEXTS: Mapping[str, Cause] = {cause.name: cause for cause in _ALL}


def causes_markdown() -> str:
    """The table of all causes, for documentation."""
    rows = [f"| `{cause.name}` | {cause.evidence} | {cause.remedy} |" for cause in _ALL]
    return "\n".join(["| cause | evidence | remedy |", "|---|---|---|", *rows]) + "\n"
