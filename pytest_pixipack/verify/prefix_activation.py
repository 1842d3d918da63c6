"""The activation scripts beside a prefix, as pixi-unpack writes them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.facts import PackageFacts
from pytest_pixipack.verify.prefix_files import absent_files, altered_files, unowned_files
from pytest_pixipack.verify.prefix_installed import installed_from
from pytest_pixipack.verify.prefix_subject import files_of, is_pixis, prefix_of, problem
from pytest_pixipack.verify.rules import Problem
from pytest_pixipack.verify.subject import Subject

_OWN = ("prefix", "prefix")
_SCRIPTS, _VARIABLES = "etc/conda/activate.d/", "etc/conda/env_vars.d/"
# What every script sets, whatever packages are there.
_ALWAYS = re.compile(r"\b(PATH|Path|CONDA_SHLVL|CONDA_PREFIX)\b")


def check_activation(subject: Subject) -> Iterator[Problem]:
    """The activation scripts beside the prefix are those that it needs; a pack brings one."""
    from pytest_pixipack.prefix.activation import SHELLS, script_name

    prefix, platform = prefix_of(subject), subject.subdir
    if platform is None:
        return
    there, scripts = False, {}
    for name in sorted({script_name(shell) for shell in SHELLS}):
        script = prefix.path.parent / name
        if script.is_file():
            scripts[script] = [shell for shell in SHELLS if script_name(shell) == name]
        elif script.is_symlink() or script.exists():
            yield problem(
                subject,
                f"{name} is no file.",
                field=name,
                expected="a script",
                file=str(script),
                layers=_OWN,
            )
        else:
            continue
        there = True
    yield from _scripts(subject, scripts, platform)
    if subject.pack is not None and not there and not is_pixis(prefix.path):
        yield problem(
            subject,
            "There is no activation script beside the prefix, though unpacking writes one.",
            field="activation script",
            expected="a script",
            cause="file-removed",
            severity="warning",
            layers=_OWN,
        )


def _scripts(
    subject: Subject, scripts: Mapping[Path, list[str]], platform: str
) -> Iterator[Problem]:
    """The scripts that are there, with the shells that each may be for."""
    for script, shells in scripts.items():
        try:
            yield from list(_unlike(subject, script, shells, platform))
        except InvalidInput as error:
            # What a file in the prefix says is in none of the scripts then.
            yield from _unreadable(subject, error)
            return


def _unreadable(subject: Subject, error: InvalidInput) -> Iterator[Problem]:
    """A file that activation reads cannot be used; where it was changed, that is reported."""
    prefix = prefix_of(subject)
    file = Path(error.file or prefix.path)
    path = file.relative_to(prefix.path).as_posix()
    owners = [f.name for f in prefix.packages.values() if path in (f.files or ())]
    if path not in _changed(subject):
        yield problem(
            subject,
            f"The prefix cannot be activated: {error.message}",
            prefix.packages[owners[0]] if owners else None,
            field=path,
            expected="environment variables",
            file=str(file),
            about=tuple(owners),
            layers=_OWN,
        )


def _unlike(subject: Subject, script: Path, shells: list[str], platform: str) -> Iterator[Problem]:
    from pytest_pixipack.prefix.activation import activation_script

    prefix = prefix_of(subject).path
    text = script.read_bytes().decode("utf-8", "replace")
    wanted = [activation_script(prefix, platform=platform, shell=each) for each in shells]
    if text in wanted:
        return
    theirs = [
        activation_script(prefix, platform=platform, shell=each, as_pixi_unpack=True)
        for each in shells
    ]
    missing, extra = _lines(wanted[0], text)
    if text in theirs:
        yield problem(
            subject,
            f"{script.name} is as pixi-unpack writes it, and loses PATH: no command is found.",
            field=script.name,
            expected=missing,
            actual=extra,
            file=str(script),
            remedy="Use another shell, or unpack with `pixipack unpack`",
            severity="note",
            layers=_OWN,
        )
        return
    if (missing or extra) and _follows(subject, [*missing, *extra]):
        return
    moved = _moved(missing, extra, str(prefix))
    yield problem(
        subject,
        f"{script.name} does not activate the prefix that it stands beside.",
        field=script.name,
        expected=missing,
        actual=extra,
        file=str(script),
        cause="embedded-path" if moved else "content",
        layers=_OWN,
    )


def _follows(subject: Subject, lines: Iterable[str]) -> bool:
    """Whether lines differ because files of packages do, which is reported by itself."""
    changed = _changed(subject)
    scripts = any(path.startswith(_SCRIPTS) for path in changed)
    variables = any(path.startswith(_VARIABLES) for path in changed)
    return all(
        scripts if _SCRIPTS in line.replace("\\", "/") else variables and not _ALWAYS.search(line)
        for line in lines
    )


def _changed(subject: Subject) -> frozenset[str]:
    """Files that activation reads and that are gone, altered, or nobody's."""

    def find() -> frozenset[str]:
        found = set(unowned_files(subject))
        for facts in prefix_of(subject).packages.values():
            found.update(absent_files(subject, facts), altered_files(subject, facts))
            found.update(_unlike_packed(subject, facts))
        return frozenset(found)

    return subject.once("changed files", find)


def _unlike_packed(subject: Subject, facts: PackageFacts) -> Iterator[str]:
    """Files that are as their record says, and not as their package."""
    real, installed = files_of(subject), installed_from(subject, facts)
    if installed is None:
        return
    for path in installed.files:
        read = path.startswith((_SCRIPTS, _VARIABLES))
        if read and (path not in real or installed.is_as_packed(path, real[path]) is False):
            yield path


def _moved(wanted: list[str], found: list[str], path: str) -> bool:
    """Whether lines differ in nothing but the place of the prefix."""
    places: set[str] = set()
    for left, right in zip(wanted, found, strict=False):
        pattern = re.escape(left).replace(re.escape(path), "(?P<place>.+)", 1)
        same = re.fullmatch(pattern, right) if "(?P<place>" in pattern else None
        if same is None:
            return False
        places.add(same["place"])
    return len(wanted) == len(found) and len(places) == 1


def _lines(wanted: str, found: str) -> tuple[list[str], list[str]]:
    left, right = wanted.splitlines(), found.splitlines()
    return [line for line in left if line not in right], [
        line for line in right if line not in left
    ]
