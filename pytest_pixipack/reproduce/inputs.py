"""The inputs of packages: what backends declare, what was edited, and what that means."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_pixipack.backend.input_globs import InputGlobSet
from pytest_pixipack.verify.findings import Finding

RULE = "artifact-stale"
_ADD = "Add it to the backend's extra input globs, or pixi keeps an old package."
_FEW = 3


@dataclass(frozen=True, slots=True)
class Edited:
    """One file that was edited: whether it is a declared input, whether the package is built again
    (with the system engine, by pixi itself; else where it is declared), and whether it is another
    one then: None where that cannot be told, for it is another one each time. `asked` is whether a
    person named the file; `problem` is what the backend said where it could not build; `in_vain` is
    the backend's pattern that means the file, and by which pixi does not find it.
    """

    path: str
    declared: bool
    rebuilt: bool
    changed: bool | None
    asked: bool = False
    problem: str | None = None
    in_vain: str | None = None


@dataclass(frozen=True, slots=True)
class PackageInputs:
    """What one package is made from: the backend's globs, the files they name, and what was tried.

    `noise` are the files of the package that differ although nothing was touched, with the `cause`
    and `evidence` that their comparison names; `built_again` is whether pixi builds it again then.
    `untried` is the number of declared files that were not edited. In each of `undecided` are files
    that are not declared, of which at least one matters.
    """

    package: str
    manifest: str
    groups: tuple[InputGlobSet, ...] | None
    declared: tuple[str, ...] = ()
    edits: tuple[Edited, ...] = ()
    noise: tuple[str, ...] = ()
    cause: str | None = None
    evidence: str | None = None
    built_again: bool = False
    untried: int = 0
    undecided: tuple[tuple[str, ...], ...] = ()

    @property
    def differs(self) -> bool:
        """Whether the package is another one although nothing was touched."""
        return bool(self.noise)

    @property
    def tried(self) -> str:
        """How many files were declared and edited, in words."""
        declared = sum(each.declared for each in self.edits)
        others = len(self.edits) - declared
        files = "file" if others == 1 else "files"
        return f"{len(self.declared)} inputs, {declared} edited; {others} other {files} edited"

    def findings(self) -> Iterator[Finding]:
        """What does not hold, the worst first."""
        if self.groups is None:
            text = f"The backend of {self.package} does not say what its inputs are."
            remedy = "It has to answer a build with `input_globs`."
            yield self._finding("warning", text, self.manifest, remedy)
            return
        if self.built_again:
            text = f"{self.package} is built again although nothing was touched."
            yield self._finding("error", text, self.manifest, "Look for inputs that builds write.")
        if self.noise:
            yield self._of_noise()
        for each in self.edits:
            yield from self._of_edit(each)
        for files in self.undecided:
            text = (
                f"{self.package} depends on one of these {len(files)} files, which its backend "
                f"does not declare, or on several together: {_few(files)}."
            )
            remedy = "A greater --most-files tells them apart. " + _ADD.replace("it", "them", 1)
            yield self._finding("error", text, files[0], remedy)
        if self.untried:
            usual = sum(each.declared for each in self.edits) + self.untried
            text = f"{self.untried} of {usual} declared inputs of {self.package} were not tried."
            remedy = "`--most-files all` tries them."
            yield self._finding("note", text, self.manifest, remedy)

    def _of_noise(self) -> Finding:
        blind = sum(each.changed is None for each in self.edits)
        text = (
            f"{self.package} is another package although nothing was touched: {_few(self.noise)} "
            f"{'differs' if len(self.noise) == 1 else 'differ'}."
        )
        if blind:
            text += f" So {blind} edit{' that changes' if blind == 1 else 's that change'} nothing "
            text += "else cannot be judged."
        remedy = "`pixipack reproduce` says what makes the difference."
        return self._finding("error", text, self.manifest, remedy, self.cause, self.evidence)

    def _of_edit(self, each: Edited) -> Iterator[Finding]:
        if each.declared and not each.rebuilt:
            text = f"{each.path} is a declared input of {self.package}, but not built again."
            yield self._finding("error", text, each.path, "This is for pixi to mend.")
        if each.changed and not each.rebuilt and not each.declared:
            text = f"{self.package} depends on {each.path}, which its backend does not declare."
            remedy = _ADD
            if each.in_vain:
                text = f"{self.package} depends on {each.path}. Its backend names it by "
                text += f"`{each.in_vain}`, by which pixi does not find it."
                remedy = "Write a pattern with a wildcard: only before one, pixi understands `..`."
            yield self._finding("error", text, each.path, remedy)
        elif each.rebuilt and each.changed is False:
            text = f"{each.path} was edited, and {self.package} is built again, but the same."
            remedy = "Take it out of the inputs, or look why nothing depends on it."
            yield self._finding("error" if each.asked else "note", text, each.path, remedy)

    def _finding(
        self,
        severity: Any,
        text: str,
        file: str,
        remedy: str,
        cause: str | None = None,
        evidence: str | None = None,
    ) -> Finding:
        return Finding(
            rule=RULE,
            severity=severity,
            layers=("artifact",),
            message=text,
            package=self.package,
            file=file,
            cause=cause,
            evidence=evidence,
            remedy=remedy,
        )

    def to_json(self) -> dict[str, Any]:
        """One entry of `staleness`."""
        return {
            "package": self.package,
            "globs": None if self.groups is None else [p for g in self.groups for p in g.patterns],
            "glob_sets": [each.to_json() for each in self.groups or ()],
            "declared": list(self.declared),
            "differs_untouched": self.differs,
            "differing": list(self.noise),
            "built_again_untouched": self.built_again,
            "untried": self.untried,
            "undecided": [list(files) for files in self.undecided],
            "edits": [
                {
                    "file": each.path,
                    "declared": each.declared,
                    "rebuilt": each.rebuilt,
                    "changed": each.changed,
                    "problem": each.problem,
                }
                for each in self.edits
            ],
            "findings": [each.to_json() for each in self.findings()],
        }


@dataclass(frozen=True, slots=True)
class Staleness:
    """The inputs of all packages of an environment."""

    packages: tuple[PackageInputs, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Of all packages."""
        return tuple(finding for each in self.packages for finding in each.findings())

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that are errors."""
        return tuple(each for each in self.findings if each.severity == "error")

    def package(self, name: str) -> PackageInputs:
        """The inputs of one package. Raises `KeyError` where it was not looked at."""
        return {each.package: each for each in self.packages}[name]

    def raise_for_findings(self) -> None:
        """Raises `AssertionError` with the errors."""
        __tracebackhide__ = True
        if self.errors:
            from pytest_pixipack.verify.render import render

            raise AssertionError("\n".join(render(self.errors)))


def _few(names: Sequence[str]) -> str:
    more = len(names) - _FEW
    return ", ".join(names[:_FEW]) + (f" and {more} more" if more > 0 else "")
