"""The files that a backend's globs name, as pixi 0.77 finds them.

pixi turns globs into the patterns of a `.gitignore` file and walks the directory with them, so that
both have a say: what matches a directory decides over all that is in it, a pattern without a slash
matches in every directory, and a name without wildcards is a file beside the manifest.

Sources: prefix-dev/pixi, `crates/pixi_glob/src/glob_set/` (`walk_root.rs`, `walk.rs`), and the
crates `ignore` (`gitignore.rs`, `overrides.rs`) and `globset` (`glob.rs`).
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pytest_pixipack.backend.input_globs import InputGlobSet
from pytest_pixipack.reproduce.glob_patterns import Rule, rules_of

# A directory above all paths, of which nobody here knows the name.
_ABOVE = "\0"
_META = re.compile(r"[*?\[{]")
_EVERYTHING = ("**", "./**", "**/*", "./**/*")
_ALL_HIDDEN = (".*", ".**", "**/.*", "./.*", ".**/*")
_NOTHING_HIDDEN = "!{**/.*, .*, .**/*}"


def matching(
    paths: Iterable[str], groups: Sequence[InputGlobSet], directory: str = ""
) -> list[str]:
    """Those of the paths that a group names, sorted; `directory` is where relative roots start.

    Paths and `directory` have `/` and a common root. Absolute roots match nothing.
    """
    every = list(paths)
    found: set[str] = set()
    for group in groups:
        root = posixpath.normpath(posixpath.join(directory, group.root or "."))
        if not root.startswith("/"):
            found.update(_matching(every, group, root))
    return sorted(found)


def named_in_vain(path: str, groups: Sequence[InputGlobSet], directory: str = "") -> str | None:
    """The pattern without wildcards that means a path, and by which pixi does not find it: `..` and
    `./` are only understood before a wildcard.
    """
    for group in groups:
        root = posixpath.join(directory, group.root or ".")
        for pattern in group.patterns:
            meant = posixpath.normpath(posixpath.join(root, pattern))
            if meant == path and not _META.search(pattern) and pattern.startswith("."):
                return pattern
    return None


def _matching(paths: Sequence[str], group: InputGlobSet, root: str) -> list[str]:
    steps = [step for step in root.split("/") if step != "."]
    specs = [spec for each in group.patterns if (spec := _split(each)) is not None]
    up = max((spec.up for spec in specs), default=0)
    # Where the walk begins above all paths, they lie in directories without a name.
    out = steps.count("..")
    above = [_ABOVE] * max(out, up - (len(steps) - 2 * out))
    base = _resolved([*above, *steps])
    kept, popped = base[: len(base) - up], base[len(base) - up :]
    patterns = [_anchored(spec.rebased(popped, up)) for spec in specs]
    walk = _Walk(patterns, group)
    start = "".join(f"{step}/" for step in kept)
    prefix = "".join(f"{step}/" for step in above)
    names = {f"{prefix}{path}"[len(start) :]: path for path in paths
             if f"{prefix}{path}".startswith(start)}  # fmt: skip
    return [names[each] for each in walk.found(names)]


def _resolved(steps: Iterable[str]) -> list[str]:
    found: list[str] = []
    for step in steps:
        if step == "..":
            found.pop()
        else:
            found.append(step)
    return found


@dataclass(frozen=True, slots=True)
class _Spec:
    """A glob taken apart: how many directories up, the names before its first wildcard, the rest.

    A glob without wildcards is all rest, `..` included, which then matches nothing.
    """

    negated: bool
    up: int
    names: tuple[str, ...]
    rest: str

    def rebased(self, popped: Sequence[str], up: int) -> str:
        """The pattern for a walk that begins `up` directories higher, in `popped`."""
        mark = "!" if self.negated else ""
        if self.negated and not self.up and not self.names and self.rest.startswith("**/"):
            return f"{mark}{self.rest}"  # an exclusion that holds everywhere
        return mark + "/".join([*popped[: up - self.up], *self.names, self.rest])


def _split(pattern: str) -> _Spec | None:
    """None for what pixi cannot use: an empty pattern, and an absolute one with wildcards."""
    negated = pattern.startswith("!")
    text = pattern[1:] if negated else pattern
    meta = _META.search(text)
    at = text.rfind("/", 0, meta.start()) + 1 if meta else 0
    prefix, rest = text[:at], text[at:]
    if not rest or prefix.startswith("/"):
        return None
    steps = [step for step in posixpath.normpath(prefix).split("/") if step != "."] if at else []
    up = steps.count("..")
    return _Spec(negated, up, tuple(steps[up:]), rest)


def _anchored(pattern: str) -> str:
    """A plain file name as one beside the manifest; a `.gitignore` would take it anywhere."""
    negated = pattern.startswith("!")
    text = pattern[1:] if negated else pattern
    if text and "/" not in text and not _META.search(text):
        return f"{'!' if negated else ''}/{text}"
    return pattern


class _Walk:
    """A walk through all paths; what is decided of a directory is kept."""

    def __init__(self, patterns: Sequence[str], group: InputGlobSet) -> None:
        hidden = _hidden_patterns(patterns) if group.exclude_hidden else None
        self._skips_hidden = group.exclude_hidden and hidden is None
        self._rules: list[Rule] = rules_of([*patterns, *(hidden or ())])
        self._includes = any(not rule.negated for rule in self._rules)
        self._markers = group.markers
        self._nothing = not patterns
        self._open: dict[str, bool] = {}
        self._files: frozenset[str] = frozenset()
        self._leaves: set[str] = set()

    def found(self, paths: Iterable[str]) -> list[str]:
        """The paths that the walk comes to and takes."""
        self._files = frozenset(paths)
        if self._nothing or not self._enters(""):
            return sorted(self._leaves)
        taken = {path for path in self._files if self._takes(path)}
        return sorted(taken | self._leaves)

    def _takes(self, path: str) -> bool:
        steps = path.split("/")
        for number in range(1, len(steps)):
            folder = "/".join(steps[:number])
            if folder not in self._open:
                self._open[folder] = self._is_open(folder, steps[number - 1])
            if not self._open[folder]:
                return False
        decided = self._decided(path, is_directory=False)
        return decided if decided is not None else not self._is_skipped(steps[-1])

    def _is_open(self, folder: str, name: str) -> bool:
        decided = self._decided(folder, is_directory=True)
        if decided is None:
            decided = not self._is_skipped(name)
        return decided and self._enters(f"{folder}/")

    def _enters(self, start: str) -> bool:
        """Whether no marker keeps the walk out of a directory; one that is an input is a leaf."""
        there = [start + name for name in self._markers if start + name in self._files]
        if there and all(self._decided(each, is_directory=False) for each in there):
            self._leaves.add(there[0])
        return not there

    def _decided(self, path: str, *, is_directory: bool) -> bool | None:
        """What the last pattern that matches says; None where none does."""
        for rule in reversed(self._rules):
            if (is_directory or not rule.directories) and rule.pattern.fullmatch(path):
                return not rule.negated
        return False if self._includes and not is_directory else None

    def _is_skipped(self, name: str) -> bool:
        return self._skips_hidden and name.startswith(".")


def _hidden_patterns(patterns: Sequence[str]) -> list[str] | None:
    """The patterns that pixi adds so that a wide one leaves out what is hidden; None where the walk
    itself leaves it out (`set_ignore_hidden_patterns`).
    """
    if any(each.startswith("!**/.*") for each in patterns):
        return None
    if any(each in _ALL_HIDDEN for each in patterns):
        return list(patterns)
    named = [each for each in patterns
             if (each.startswith(".") or "/." in each) and not each.startswith("!.")]  # fmt: skip
    if not named and not any(each in _EVERYTHING for each in patterns):
        return None
    added = [*patterns, _NOTHING_HIDDEN]
    for each in named:
        if "/" in each and not re.search(r"[*?\[]", each):
            folder = each.rpartition("/")[0]
            added += [folder, f"!{folder}/*", each]
        elif each.startswith("."):
            added.append(each.partition("/")[0])
        else:
            added.append(each[each.index("/.") + 1 :].partition("/")[0])
    return added
