"""Runs a command in an activated environment, with a real shell."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_pixipack.cache.scratch import scratch_directory
from pytest_pixipack.errors import Infrastructure, InvalidInput
from pytest_pixipack.platforms import current_platform
from pytest_pixipack.prefix.activation import SHELLS, activation_script, default_shell, script_name

# Variables of an environment that is active already would show through.
_OF_OTHERS = ("CONDA_", "PIXI_", "VIRTUAL_ENV", "PYTHONHOME", "PYTHONPATH")


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command left behind; texts are decoded as UTF-8, what is not is replaced."""

    argv: tuple[str, ...]
    returncode: int
    stdout: str
    stderr: str

    @property
    def ok(self) -> bool:
        """Whether it ended with 0."""
        return self.returncode == 0


def run_in(
    prefix: Path,
    argv: Sequence[str],
    *,
    shell: str | None = None,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
    timeout: float = 60.0,
) -> Ran:
    """Activates `prefix` as its users do, with a script in a shell, and runs a command there.

    `shell` is one of `activation.SHELLS`, by default bash, on Windows cmd. `environment` is what
    the shell starts with (by default that of this process without what other environments set);
    `directory` where it starts (by default an empty one). `timeout` is in seconds.

    Raises `InvalidInput` for an empty command or a broken activation, and `Infrastructure` where
    the shell is not on `PATH` or the command does not end in time.
    """
    if not argv:
        raise InvalidInput("There is no command to run in the environment.", file=prefix)
    told = shell or default_shell(current_platform())
    text = activation_script(prefix, platform=current_platform(), shell=told)
    program = shutil.which(_program(told))
    if program is None:
        raise Infrastructure(
            f"The environment cannot be activated: {_program(told)} is not on PATH.",
            file=prefix,
            remedy=f"Install it, or choose another shell: {', '.join(SHELLS)}.",
        )
    with scratch_directory() as scratch:
        script = scratch / script_name(told)
        script.write_bytes((text + _call(told, argv)).encode())
        try:
            done = subprocess.run(
                [program, *_options(told), str(script)],
                env={
                    **(_without_others() if environment is None else environment),
                    **_places(told, str(scratch)),
                },
                cwd=directory or scratch,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise Infrastructure(
                f"`{argv[0]}` did not end within {timeout:g} s in the environment.", file=prefix
            ) from None
    return Ran(tuple(argv), done.returncode, _text(done.stdout), _text(done.stderr))


def shells_here() -> tuple[str, ...]:
    """The shells on `PATH` in which an environment can be activated."""
    return tuple(shell for shell in SHELLS if shutil.which(_program(shell)) is not None)


def _program(shell: str) -> str:
    if shell == "powershell" and sys.platform != "win32":
        return "pwsh"
    return "nu" if shell == "nushell" else shell


def _options(shell: str) -> list[str]:
    return {
        "bash": ["--noprofile", "--norc"],
        "zsh": ["-f"],
        "fish": ["--no-config"],
        "xonsh": ["--no-rc", "--no-script-cache"],
        "nushell": ["--no-config-file"],
        "powershell": ["-NoProfile", "-ExecutionPolicy", "Bypass", "-File"],
        "cmd": ["/d", "/c"],
    }[shell]


def _places(shell: str, directory: str) -> dict[str, str]:
    """Variables that keep a shell from leaving something of its own in the user's home."""
    names = {
        "fish": ["XDG_CONFIG_HOME", "XDG_DATA_HOME"],
        "xonsh": ["XONSH_DATA_DIR", "XONSH_CACHE_DIR"],
    }
    return dict.fromkeys(names.get(shell, []), directory)


def _call(shell: str, argv: Sequence[str]) -> str:
    """The line that runs the command and hands on its exit code."""
    if shell == "cmd":
        return f"@{subprocess.list2cmdline(argv)}\r\n"
    if shell == "powershell":
        quoted = " ".join("'" + each.replace("'", "''") + "'" for each in argv)
        return f"& {quoted}\nexit $LASTEXITCODE\n"
    if shell == "nushell":
        return f"run-external {' '.join(json.dumps(each) for each in argv)}\n"
    if shell == "xonsh":
        return f"import sys\nsys.exit(![@({list(argv)!r})].returncode)\n"  # `!(...)` would capture
    return f"exec {shlex.join(argv)}\n"


def _without_others() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(_OF_OTHERS)}


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace").replace("\r\n", "\n")
