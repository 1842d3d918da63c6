"""The inputs of packages: what backends declare, what was edited, and what that means."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pytest_pixipack.verify.findings import Finding

RULE = "artifact-stale"


@dataclass(frozen=True, slots=True)
class Edited:
    """One file that was edited: whether it is a declared input, whether the package is built again
    (with the system engine, by pixi itself; else where it is declared), and whether it is another
    one then. `asked` is whether a person named the file; `problem` is what the backend said where
    it could not build.
    """

    path: str
    declared: bool
    rebuilt: bool
    changed: bool
    asked: bool = False
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class PackageInputs:
    """What one package is made from: the backend's globs, the files they name, and what was tried.

    `differs` is whether the package is another one although nothing was touched, `built_again`
    whether pixi builds it again then.
    """

    package: str
    manifest: str
    globs: tuple[str, ...] | None
    declared: tuple[str, ...] = ()
    edits: tuple[Edited, ...] = ()
    differs: bool = False
    built_again: bool = False

    def findings(self) -> Iterator[Finding]:
        """What does not hold, the worst first."""
        if self.globs is None:
            text = f"The backend of {self.package} does not say what its inputs are."
            remedy = "It has to answer a build with `input_globs`."
            yield self._finding("warning", text, self.manifest, remedy)
            return
        if self.built_again:
            text = f"{self.package} is built again although nothing was touched."
            yield self._finding("error", text, self.manifest, "Look for inputs that builds write.")
        if self.differs:
            text = f"{self.package} is another package although nothing was touched."
            remedy = "`pixipack reproduce` says what makes the difference."
            yield self._finding("error", text, self.manifest, remedy, "random")
        for each in self.edits:
            if each.declared and not each.rebuilt:
                text = f"{each.path} is a declared input of {self.package}, but not built again."
                yield self._finding("error", text, each.path, "This is for pixi to mend.")
            if each.changed and not each.rebuilt and not each.declared:
                text = f"{self.package} depends on {each.path}, which its backend does not declare."
                remedy = "Add it to the backend's extra input globs, or pixi keeps an old package."
                yield self._finding("error", text, each.path, remedy)
            elif each.rebuilt and not each.changed:
                text = f"{each.path} was edited, and {self.package} is built again, but the same."
                remedy = "Take it out of the inputs, or look why nothing depends on it."
                yield self._finding("error" if each.asked else "note", text, each.path, remedy)

    def _finding(
        self, severity: Any, text: str, file: str, remedy: str, cause: str | None = None
    ) -> Finding:
        return Finding(
            rule=RULE,
            severity=severity,
            layers=("artifact",),
            message=text,
            package=self.package,
            file=file,
            cause=cause,
            remedy=remedy,
        )

    def to_json(self) -> dict[str, Any]:
        """One entry of `staleness`."""
        return {
            "package": self.package,
            "globs": None if self.globs is None else list(self.globs),
            "declared": list(self.declared),
            "differs_untouched": self.differs,
            "built_again_untouched": self.built_again,
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
