"""The inputs that a backend names: flat globs, and groups of globs with rules of their own.

Sources: prefix-dev/pixi 0.77, `crates/pixi_build_types/src/input_glob_set.rs`,
`crates/pixi_command_dispatcher/src/input_globs.rs`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_pixipack.backend import reading as read


@dataclass(frozen=True, slots=True)
class InputGlobSet:
    """One group of globs (`InputGlobSet`), which is matched without regard to other groups.

    `patterns` are globs, those with `!` exclude, and the last one that matches decides. A directory
    that holds a file named in `markers` is not looked at, but for that file where a pattern matches
    it. `exclude_hidden` is whether names that begin with a dot need a pattern that names them.
    `root` is where the patterns start: a path relative to the directory of the sources, an absolute
    one, or None for that directory itself.
    """

    patterns: tuple[str, ...]
    markers: tuple[str, ...] = ()
    exclude_hidden: bool = True
    root: str | None = None

    @classmethod
    def from_json(cls, value: object, where: str = "inputGlobSets") -> InputGlobSet:
        """Reads one group; raises `BackendError` where it is none."""
        table = read.table(value, where)
        hidden = table.get("excludeHidden", True)
        if not isinstance(hidden, bool):
            raise read.bad(f"{where}.excludeHidden", "has to be true or false")
        return cls(
            read.texts(table.get("patterns"), f"{where}.patterns"),
            read.texts(table.get("markers") or [], f"{where}.markers"),
            hidden,
            read.optional_text(table, "root", where),
        )

    def to_json(self) -> dict[str, Any]:
        """The group as a backend writes it."""
        return {
            "patterns": list(self.patterns),
            "markers": list(self.markers),
            "excludeHidden": self.exclude_hidden,
            "root": self.root,
        }

    @property
    def leads_out(self) -> bool:
        """Whether a file elsewhere than below the sources may match; a path is not looked up."""
        texts = [pattern.removeprefix("!") for pattern in self.patterns]
        return any(map(_leads_out, texts if not self.root else [*texts, self.root]))


def fold_input_globs(
    globs: Sequence[str] | None, sets: Iterable[Mapping[str, Any]] | None
) -> tuple[InputGlobSet, ...]:
    """Both ways to name inputs as one list of groups: the flat globs are the last group.

    Raises `BackendError` for a group that is none.
    """
    every = enumerate(sets or ())
    found = [InputGlobSet.from_json(each, f"input_glob_sets[{number}]") for number, each in every]
    return (*found, InputGlobSet(tuple(globs))) if globs else tuple(found)


def _leads_out(text: str) -> bool:
    parts = text.replace("\\", "/").split("/")
    return ".." in parts or parts[0] == "" or parts[0].endswith(":")
