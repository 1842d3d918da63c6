"""Activation scripts as pixi-unpack writes them, through rattler_shell.

Texts follow rattler_shell (src/activation.rs, src/shell/mod.rs) for a shell in which nothing is
active. Unlike there, a `$` or a backtick in the path of the prefix is never expanded, and xonsh
keeps its `PATH`: `$PATH = "...:${PATH}"`, as rattler_shell has it, expands nothing in xonsh, so
that no command is found afterwards (`as_pixi_unpack` gives that script).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from pytest_pixipack.errors import InvalidInput, Unsupported
from pytest_pixipack.platforms import is_windows

_PLAIN = re.compile(r"[A-Za-z0-9+\-./:@\]_]+")
_WINDOWS_ENTRIES = ("", "Library/mingw-w64/bin", "Library/usr/bin", "Library/bin", "Scripts", "bin")


@dataclass(frozen=True, slots=True)
class Shell:
    """How one shell says things. `path` gets the entries, and whether they are those of Windows;
    `pixi_unpacks_path` is what pixi-unpack writes instead, where that does not work.
    """

    name: str
    extension: str
    assign: Callable[[str, str], str]
    source: Callable[[str], str]
    path: Callable[[list[str], bool], str]
    start: str = ""
    newline: str = "\n"
    runs: tuple[str, ...] = ()
    pixi_unpacks_path: Callable[[list[str], bool], str] | None = None


def activation_script(
    prefix: Path,
    *,
    platform: str,
    shell: str | None = None,
    final_prefix: Path | None = None,
    as_pixi_unpack: bool = False,
) -> str:
    """The script that activates `prefix`, whose packages are for `platform`.

    `shell` is one of `SHELLS`, by default that of the platform. `final_prefix` is where the prefix
    will be, if not where it is. `as_pixi_unpack` asks for what pixi-unpack 0.7.10 writes, even
    where that does not work. Raises `Unsupported` for an unknown shell and `InvalidInput` where a
    file with environment variables in the prefix is broken.
    """
    told = shell or default_shell(platform)
    check_shell(told)
    speak = SHELLS[told]
    target = str(final_prefix or prefix)
    path = (as_pixi_unpack and speak.pixi_unpacks_path) or speak.path
    lines = [
        path(_path_entries(target, platform), is_windows(platform)),
        speak.assign("CONDA_SHLVL", "1"),
        speak.assign("CONDA_PREFIX", target),
    ]
    lines += [speak.assign(name, value) for name, value in _variables(prefix).items()]
    folder = prefix / "etc/conda/activate.d"
    extensions = {speak.extension, *speak.runs}
    for script in sorted(folder.iterdir()) if folder.is_dir() else ():
        if script.is_file() and script.suffix.removeprefix(".") in extensions:
            lines.append(speak.source(_join(target, f"etc/conda/activate.d/{script.name}")))
    text = speak.start + "".join(f"{line}\n" for line in lines)
    return text.replace("\n", speak.newline)


def check_shell(name: str) -> None:
    """Raises `Unsupported` for a shell that is none of `SHELLS`."""
    if name not in SHELLS:
        raise Unsupported(
            f"There is no activation script for the shell {name!r}.",
            remedy=f"Choose one of {', '.join(SHELLS)}.",
        )


def default_shell(platform: str) -> str:
    """The shell whose script is written if none is asked for: bash, on Windows cmd."""
    return "cmd" if is_windows(platform) else "bash"


def script_name(shell: str) -> str:
    """`activate.sh`, `activate.bat`, ..."""
    return f"activate.{SHELLS[shell].extension}"


def _path_entries(prefix: str, platform: str) -> list[str]:
    if not is_windows(platform):
        return [_join(prefix, "bin")]
    return [_join(prefix, entry) for entry in _WINDOWS_ENTRIES]


def _join(prefix: str, relative: str) -> str:
    # As Rust's Path::join: what is appended keeps its slashes.
    if not relative:
        return prefix
    separator = "\\" if PureWindowsPath(prefix).drive else "/"
    return f"{prefix}{'' if prefix.endswith(separator) else separator}{relative}"


def _variables(prefix: Path) -> dict[str, str]:
    """Variables from `etc/conda/env_vars.d/*` and `conda-meta/state`, in this order."""
    found: dict[str, str] = {}
    folder = prefix / "etc/conda/env_vars.d"
    for file in sorted(folder.iterdir()) if folder.is_dir() else ():
        if file.is_file():
            found.update(_texts(_object(file), file))
    state = prefix / "conda-meta/state"
    if state.is_file():
        values = _texts(_object(state).get("env_vars"), state)
        found.update({name.upper(): value for name, value in values.items()})
    return found


def _object(file: Path) -> dict[str, object]:
    try:
        value = json.loads(file.read_bytes().decode())
    except (ValueError, OSError, RecursionError) as error:
        raise InvalidInput(
            f"The environment variables cannot be read: {error}.", file=file
        ) from None
    if not isinstance(value, dict):
        raise InvalidInput("The environment variables are not a JSON object.", file=file)
    return value


def _texts(value: object, file: Path) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise InvalidInput("The file has no object with environment variables.", file=file)
    found = {str(name): text for name, text in value.items() if isinstance(text, str)}
    for name in found:
        if not name or "=" in name or any(ord(char) < 32 or ord(char) == 127 for char in name):
            raise InvalidInput(f"{name!r} cannot be an environment variable.", file=file)
    return found


def _quoted(text: str) -> str:
    """As the shlex crate quotes for a POSIX shell, where one pair of quotes is enough."""
    if _PLAIN.fullmatch(text):
        return text
    return "'" + text.replace("'", "'\"'\"'") + "'"


def _escape(text: str, special: str, escape: str) -> str:
    return "".join(escape + char if char in special else char for char in text)


def _posix(text: str) -> str:
    return '"' + _escape(text, '\\"$`', "\\") + '"'


def _fish(text: str) -> str:
    return '"' + _escape(text, '\\"$', "\\") + '"'


def _powershell(text: str) -> str:
    return '"' + _escape(text, '`"$', "`") + '"'


def _backslashed(text: str) -> str:
    return '"' + _escape(text, '\\"', "\\") + '"'


def _posix_path(entries: list[str], _windows: bool) -> str:
    if PureWindowsPath(entries[0]).drive:
        entries = [_cygwin(entry) for entry in entries]
    return f'export PATH={_posix(":".join(entries))[:-1]}:${{PATH}}"'


def _cygwin(entry: str) -> str:
    # `C:\x` -> `/c/x`, as cygpath, which Git for Windows brings, would say it.
    path = PureWindowsPath(entry)
    return str(PurePosixPath("/", path.drive[0].lower(), *path.parts[1:]))


def _joined(quote: Callable[[str], str], assign: str, reference: str) -> Callable[..., str]:
    """Puts the entries before the old value; `{}` stands for the name of the variable."""

    def path(entries: list[str], windows: bool) -> str:
        name, separator = ("Path", ";") if windows else ("PATH", ":")
        old = reference.replace("{}", name)
        return (
            assign.replace("{}", name) + f'{quote(separator.join(entries))[:-1]}{separator}{old}"'
        )

    return path


def _xonsh_source(path: str) -> str:
    return f"{'source-bash' if path.endswith('.sh') else 'source'} {_backslashed(path)}"


def _xonsh_path(entries: list[str], _windows: bool) -> str:
    return "\n".join(f"$PATH.insert(0, {_backslashed(entry)})" for entry in reversed(entries))


def _nu_assign(name: str, value: str) -> str:
    plain = re.fullmatch("[A-Za-z0-9_-]+", name)
    return f"$env.{name if plain else _backslashed(name)} = {_backslashed(value)}"


def _nu_path(entries: list[str], windows: bool) -> str:
    name = "Path" if windows else "PATH"
    return f"$env.{name} = ($env.{name} | prepend [{', '.join(map(_backslashed, entries))}])"


_UTF8 = (
    "$OutputEncoding = [System.Console]::OutputEncoding ="
    " [System.Console]::InputEncoding = [System.Text.Encoding]::UTF8\n"
)

_ALL = (
    Shell(
        "bash",
        "sh",
        assign=lambda name, value: f"export {name}={_quoted(value)}",
        source=lambda path: f". {_quoted(path)}",
        path=_posix_path,
    ),
    Shell(
        "zsh",
        "sh",
        assign=lambda name, value: f"export {name}={_posix(value)}",
        source=lambda path: f". {_posix(path)}",
        path=_posix_path,
    ),
    Shell(
        "xonsh",
        "xsh",
        assign=lambda name, value: f"${name} = {_backslashed(value)}",
        source=_xonsh_source,
        path=_xonsh_path,
        runs=("sh",),
        pixi_unpacks_path=_joined(_backslashed, "${} = ", "${{}}"),
    ),
    Shell(
        "cmd",
        "bat",
        assign=lambda name, value: f'@SET "{name}={value}"',
        source=lambda path: f'@CALL "{path}"',
        path=_joined(lambda text: f'{text}"', '@SET "{}=', "%{}%"),
        start="@chcp 65001 > nul\n",
        newline="\r\n",
    ),
    Shell(
        "powershell",
        "ps1",
        assign=lambda name, value: f"${{Env:{name}}} = {_powershell(value)}",
        source=lambda path: f". {_powershell(path)}",
        path=_joined(_powershell, "${Env:{}} = ", "$Env:{}"),
        start=_UTF8,
    ),
    Shell(
        "fish",
        "fish",
        assign=lambda name, value: f"set -gx {name} {_fish(value)}",
        source=lambda path: f"source {_fish(path)}",
        path=_joined(_fish, "set -gx {} ", "${}"),
    ),
    Shell(
        "nushell",
        "nu",
        assign=_nu_assign,
        source=lambda path: f"source-env {_backslashed(path)}",
        path=_nu_path,
    ),
)
SHELLS: Mapping[str, Shell] = {shell.name: shell for shell in _ALL}
