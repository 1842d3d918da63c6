"""The value of an option that pytest takes for a path of tests, and how that moves its rootdir.

Before plugins are known, pytest looks for its configuration from the common ancestor of all
arguments that are existing paths; `--pixipack-against FILE` is an option and a path to it then
(`_pytest/config/findpaths.py`). With `=`, it is one argument.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from pytest_pixipack.plugin.options import path_options

_CONFIGURATION = ("pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg")


def require_own_rootdir(config: pytest.Config) -> None:
    """Raises `pytest.UsageError` where the value of an option has moved pytest's rootdir.

    All would be looked for below another directory, without the configuration of this one.
    """
    if config.option.inifilename or config.option.rootdir:
        return
    args, start = config.invocation_params.args, config.invocation_params.dir
    options = path_options()
    values = {number + 1: name for number, name in enumerate(map(str, args)) if name in options}
    folders = [*_folders(config, [arg for n, arg in enumerate(args) if n not in values])]
    base = Path(os.path.commonpath(folders or [start]))
    for number, name in values.items():
        for folder in _folders(config, args[number : number + 1]):
            if not folder.is_relative_to(base) and not _finds_the_same(config.inipath, base):
                value = options[name]
                raise pytest.UsageError(
                    f"pixi-pack: pytest takes the {value} of `{name} {value}` for a path of tests, "
                    f"so that its rootdir is {config.rootpath}. Write {name}={value}."
                )


def _folders(config: pytest.Config, args: Sequence[object]) -> Iterator[Path]:
    """The directories of those arguments that are existing paths."""
    for arg in map(str, args):
        path = Path(os.path.abspath(config.invocation_params.dir / arg.split("::")[0]))  # noqa: PTH100
        if not arg.startswith("-") and path.exists():
            yield path if path.is_dir() else path.parent


def _finds_the_same(found: Path | None, base: Path) -> bool:
    """Whether the configuration that was found is also the nearest one from `base` upwards."""
    if found is None:
        return False
    for folder in (base, *base.parents):
        if folder == found.parent:
            return True
        if any((folder / name).is_file() for name in _CONFIGURATION):
            return False
    return False
