"""Options of the plugin: command line over environment variable over ini file.

Imported in every pytest run of an environment that has this package, so it imports nothing heavy;
making one frozen dataclass would take half of the time that the plugin may cost.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

CHECKS = ("lock", "build", "pack", "unpack")
REPRODUCE = "reproduce"  # takes several builds, so that it has to be asked for
TOOLCHAIN = "toolchain"  # a check as well, where toolchains are named
ENGINES = ("auto", "embedded", "system")
UNUSED = ("report", "fail", "delete")
REPORT_FORMATS = (".json", ".html")
_TRUE = ("1", "true", "yes", "on")
_FALSE = ("0", "false", "no", "off", "")


class Settings(NamedTuple):
    """What the user asked for. Paths are absolute; empty tuples mean no choice was made.

    `toolchains` are names and directories; the first is what the others are compared with. `vary`
    are the conditions that rebuilds change, `against` is an earlier `record`. `shard` is which of
    how many parts of the tests to run, counted from 1.
    """

    collect: bool = False
    only: bool = False
    engine: str = "auto"
    environments: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    checks: tuple[str, ...] = CHECKS
    network: bool = False
    report: Path | None = None
    keep: bool = False
    toolchains: tuple[tuple[str, Path], ...] = ()
    unused: str = "report"
    tools: Path | None = None
    vary: tuple[str, ...] = ()
    record: Path | None = None
    against: Path | None = None
    shard: tuple[int, int] | None = None
    rebuild: bool = False


SETTINGS = pytest.StashKey[Settings]()


class _Option(NamedTuple):
    name: str
    kind: str
    help: str
    metavar: str | None = None
    flag: str | None = None

    @property
    def command_line(self) -> str:
        return self.flag or f"--pixipack-{self.name}"

    @property
    def dest(self) -> str:
        return f"pixipack_{self.name}"

    @property
    def variable(self) -> str:
        return f"PIXIPACK_{self.name.upper()}"


_OPTIONS = (
    _Option("collect", "flag", "check the pixi workspaces below the given paths, else below "
            "rootdir: lock, builds, packs, prefixes", flag="--pixi-pack"),
    _Option("only", "flag", "check pixi workspaces and leave out all other tests"),
    _Option("engine", "text", "what locks, builds, packs and unpacks: auto, embedded or system",
            "ENGINE"),
    _Option("tools", "text", "look for pixi, pixi-pack, pixi-unpack and rattler-build in this "
            "directory before PATH", "DIR"),
    _Option("environment", "list", "check these environments only (commas, repeatable)", "NAME"),
    _Option("platform", "list", "check these platforms only (commas, repeatable)", "NAME"),
    _Option("checks", "list", f"what to check: {','.join(CHECKS)}; and {REPRODUCE}", "LIST"),
    _Option("vary", "list", "build again with these conditions changed, `all` for all of them, and "
            "name those that make a difference (commas, repeatable)", "LIST"),
    _Option("record", "text", "write a record of what was built, from what and by what", "FILE"),
    _Option("against", "text", "compare what is built with an earlier record and explain what has "
            "changed", "FILE"),
    _Option("network", "flag", "allow the network, which is off otherwise"),
    _Option("report", "text", "write what was checked and found to a .json or .html file", "PATH"),
    _Option("toolchain", "paths", "compare what the tools in DIR make of each workspace with what "
            "those of the first toolchain make (repeatable)", "NAME=DIR"),
    _Option("unused", "text", "what to do after a full run about snapshots that no test used: "
            "report (the default), fail or delete", "WHAT"),
    _Option("shard", "text", "run the I-th of N parts of the tests, on one of N machines", "I/N"),
    _Option("rebuild", "flag", "build all packages, also those that an earlier run has built from "
            "the same things"),
    _Option("keep", "flag", "keep the copies of workspaces that passed, too"),
)  # fmt: skip


def path_options() -> dict[str, str]:
    """The options whose whole value is a path, with what stands for it in the help."""
    return {
        option.command_line: option.metavar
        for option in _OPTIONS
        if option.metavar in ("DIR", "FILE", "PATH")
    }


def add_options(parser: pytest.Parser) -> None:
    """Registers every option with its ini twin `pixipack_<name>`."""
    group = parser.getgroup("pixi-pack", "pixi workspaces (pytest-pixipack)")
    for option in _OPTIONS:
        more: dict[str, Any] = {}
        if option.kind == "flag":
            more["action"] = argparse.BooleanOptionalAction
        else:
            more["metavar"] = option.metavar
            more["action"] = "store" if option.kind == "text" else "append"
        group.addoption(
            option.command_line, dest=option.dest, default=None, help=option.help, **more
        )
        # "args" would take the backslashes out of Windows paths.
        ini_types = {"flag": "bool", "text": "string", "list": "args", "paths": "linelist"}
        ini_type: Any = ini_types[option.kind]
        parser.addini(option.dest, f"{option.help} ({option.command_line})", ini_type, None)


def read_settings(config: pytest.Config, environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of a run. Raises `pytest.UsageError` for values that make no sense."""
    found = os.environ if environ is None else environ
    values = {option.name: _value(option, config, found) for option in _OPTIONS}
    engine = values["engine"] or "auto"
    _one_of("engine", [engine], ENGINES)
    unused = values["unused"] or "report"
    _one_of("way to treat unused snapshots", [unused], UNUSED)
    toolchains = _toolchains(values["toolchain"], config)
    usual = (*CHECKS, TOOLCHAIN) if toolchains else CHECKS
    vary = tuple(values["vary"] or ())
    known = (*usual, REPRODUCE)
    checks = tuple(values["checks"] or (known if vary else usual))
    if TOOLCHAIN in checks and not toolchains:
        raise pytest.UsageError(
            "pixi-pack: the check `toolchain` needs two of --pixipack-toolchain NAME=DIR."
        )
    _one_of("check", checks, known)
    only = bool(values["only"])
    return Settings(
        collect=bool(values["collect"]) or only,
        only=only,
        engine=engine,
        environments=tuple(values["environment"] or ()),
        platforms=tuple(values["platform"] or ()),
        checks=checks,
        network=bool(values["network"]),
        report=_report(values["report"], config),
        keep=bool(values["keep"]),
        toolchains=toolchains,
        unused=unused,
        tools=_tools(values["tools"], config),
        vary=vary,
        record=_file(values["record"], config),
        against=_existing(values["against"], config),
        shard=_shard(values["shard"]),
        rebuild=bool(values["rebuild"]),
    )


def _value(option: _Option, config: pytest.Config, environ: Mapping[str, str]) -> Any:
    given = config.getoption(option.dest)
    if given is None and option.variable in environ:
        given = environ[option.variable]
        if option.kind == "flag":
            given = _flag(option.variable, given)
        elif option.kind != "text":
            given = [given]
    if given is None:
        try:
            given = config.getini(option.dest)
        except (ValueError, pytest.UsageError) as error:
            raise pytest.UsageError(f"{option.dest}: {error}; write true or false.") from None
    if option.kind in ("list", "paths"):
        return [part.strip() for each in given or () for part in each.split(",") if part.strip()]
    return given


def _shard(text: str | None) -> tuple[int, int] | None:
    if not text:
        return None
    part, slash, parts = text.partition("/")
    if not (slash and part.isdecimal() and parts.isdecimal() and 0 < int(part) <= int(parts)):
        raise pytest.UsageError(
            f"pixi-pack: `{text}` is no shard; write I/N, for example 1/4 to 4/4."
        )
    return int(part), int(parts)


def _flag(variable: str, text: str) -> bool:
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise pytest.UsageError(f"{variable}={text}: write 1 or 0.")


def _one_of(what: str, given: Iterable[str], known: tuple[str, ...]) -> None:
    for each in given:
        if each not in known:
            from pytest_pixipack.toml_positions import did_you_mean

            hint = did_you_mean(each, known) or f"Choose from {', '.join(known)}."
            raise pytest.UsageError(f"pixi-pack: there is no {what} `{each}`. {hint}")


def _toolchains(given: Iterable[str], config: pytest.Config) -> tuple[tuple[str, Path], ...]:
    found: dict[str, Path] = {}
    for each in given:
        name, _, directory = (part.strip() for part in each.partition("="))
        if not directory or not name.replace("-", "").replace("_", "").replace(".", "").isalnum():
            raise pytest.UsageError(
                f"pixi-pack: a toolchain is NAME=DIR, such as candidate=/opt/candidate/bin; the "
                f"name has letters, digits, `-`, `_` and `.` only. This is not one: {each}"
            )
        if name in found:
            raise pytest.UsageError(f"pixi-pack: two toolchains are called {name}.")
        found[name] = Path(config.invocation_params.dir, directory)
    if len(found) == 1:
        raise pytest.UsageError(
            f"pixi-pack: toolchain {next(iter(found))} needs a second one to be compared with: "
            "name the released one first, --pixipack-toolchain released=DIR."
        )
    return tuple(found.items())


def _tools(text: str | None, config: pytest.Config) -> Path | None:
    if not text:
        return None
    path = Path(config.invocation_params.dir, text)
    if not path.is_dir():
        raise pytest.UsageError(
            f"pixi-pack: the directory of --pixipack-tools is not there: {path}"
        )
    return path


def _file(text: str | None, config: pytest.Config) -> Path | None:
    return Path(config.invocation_params.dir, text) if text else None


def _existing(text: str | None, config: pytest.Config) -> Path | None:
    path = _file(text, config)
    if path is not None and not path.is_file():
        raise pytest.UsageError(f"pixi-pack: there is no record {path} to compare with.")
    return path


def _report(text: str | None, config: pytest.Config) -> Path | None:
    if not text:
        return None
    path = Path(config.invocation_params.dir, text)
    if path.suffix not in REPORT_FORMATS:
        raise pytest.UsageError(
            f"pixi-pack: there is no report in the format `{path.suffix or text}`; name a .json or "
            "an .html file."
        )
    return path
