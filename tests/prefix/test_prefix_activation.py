"""Activation scripts: their text, and what shells make of it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_pixipack.errors import InvalidInput, Unsupported
from pytest_pixipack.prefix import SHELLS, activation_script


def make_prefix(path: Path) -> Path:
    scripts = path / "etc/conda/activate.d"
    scripts.mkdir(parents=True)
    for name in ("b.sh", "a.sh", "a.bat", "a.fish", "a.ps1", "a.xsh", "a.nu", "notes.txt"):
        (scripts / name).write_text("", encoding="utf-8")
    return path


UNIX = {
    "bash": """\
export PATH="/opt/env/bin:${PATH}"
export CONDA_SHLVL=1
export CONDA_PREFIX=/opt/env
. /opt/env/etc/conda/activate.d/a.sh
. /opt/env/etc/conda/activate.d/b.sh
""",
    "fish": """\
set -gx PATH "/opt/env/bin:$PATH"
set -gx CONDA_SHLVL "1"
set -gx CONDA_PREFIX "/opt/env"
source "/opt/env/etc/conda/activate.d/a.fish"
""",
    "nushell": """\
$env.PATH = ($env.PATH | prepend ["/opt/env/bin"])
$env.CONDA_SHLVL = "1"
$env.CONDA_PREFIX = "/opt/env"
source-env "/opt/env/etc/conda/activate.d/a.nu"
""",
    "xonsh": """\
$PATH.insert(0, "/opt/env/bin")
$CONDA_SHLVL = "1"
$CONDA_PREFIX = "/opt/env"
source-bash "/opt/env/etc/conda/activate.d/a.sh"
source "/opt/env/etc/conda/activate.d/a.xsh"
source-bash "/opt/env/etc/conda/activate.d/b.sh"
""",
}


@pytest.mark.skipif(sys.platform == "win32", reason="the final prefix is a path of Unix")
@pytest.mark.parametrize("shell", UNIX)
def test_the_script_of_a_unix_shell(shell: str, tmp_path: Path) -> None:
    script = activation_script(
        make_prefix(tmp_path), platform="linux-64", shell=shell, final_prefix=Path("/opt/env")
    )

    assert script == UNIX[shell]


@pytest.mark.skipif(sys.platform == "win32", reason="the final prefix is a path of Unix")
def test_the_script_of_xonsh_is_another_one_than_that_of_pixi_unpack(tmp_path: Path) -> None:
    """There, `${PATH}` is not expanded: `docs/found.md`."""
    theirs = activation_script(
        make_prefix(tmp_path),
        platform="linux-64",
        shell="xonsh",
        final_prefix=Path("/opt/env"),
        as_pixi_unpack=True,
    )
    first, *rest = theirs.splitlines()
    assert first == '$PATH = "/opt/env/bin:${PATH}"'
    assert rest == UNIX["xonsh"].splitlines()[1:]


@pytest.mark.skipif(sys.platform == "win32", reason="the final prefix is a path of Unix")
def test_the_scripts_of_windows_shells(tmp_path: Path) -> None:
    prefix = make_prefix(tmp_path)
    at = Path("/env")

    assert activation_script(prefix, platform="win-64", final_prefix=at) == (
        "@chcp 65001 > nul\r\n"
        '@SET "Path=/env;/env/Library/mingw-w64/bin;/env/Library/usr/bin;/env/Library/bin;'
        '/env/Scripts;/env/bin;%Path%"\r\n'
        '@SET "CONDA_SHLVL=1"\r\n'
        '@SET "CONDA_PREFIX=/env"\r\n'
        '@CALL "/env/etc/conda/activate.d/a.bat"\r\n'
    )
    powershell = activation_script(prefix, platform="win-64", shell="powershell", final_prefix=at)
    assert powershell.splitlines()[1:] == [
        '${Env:Path} = "/env;/env/Library/mingw-w64/bin;/env/Library/usr/bin;/env/Library/bin;'
        '/env/Scripts;/env/bin;$Env:Path"',
        '${Env:CONDA_SHLVL} = "1"',
        '${Env:CONDA_PREFIX} = "/env"',
        '. "/env/etc/conda/activate.d/a.ps1"',
    ]


@pytest.mark.skipif(
    sys.platform == "win32" or shutil.which("bash") is None, reason="needs bash and Unix paths"
)
@pytest.mark.parametrize(
    "name", ["plain", "with blank", "it's", 'dollar $HOME`id`"q"', "ünï", "a\\b"]
)
def test_bash_activates_a_prefix_of_any_name(name: str, tmp_path: Path) -> None:
    prefix = tmp_path / name
    (prefix / "etc/conda/activate.d").mkdir(parents=True)
    (prefix / "etc/conda/activate.d/x.sh").write_text("export RAN=yes\n", encoding="utf-8")
    (prefix / "etc/conda/env_vars.d").mkdir()
    (prefix / "etc/conda/env_vars.d/x.json").write_text('{"WORD": "a $b"}', encoding="utf-8")
    (tmp_path / "activate.sh").write_text(
        activation_script(prefix, platform="linux-64"), encoding="utf-8"
    )

    show = 'printf "%s\\n" "$PATH" "$CONDA_PREFIX" "$CONDA_SHLVL" "$WORD" "$RAN"'
    done = subprocess.run(
        ["bash", "-c", f'. "$0" && {show}', str(tmp_path / "activate.sh")],
        env={"PATH": "/usr/bin:/bin", "HOME": "/nobody"}, capture_output=True, check=True,
    )  # fmt: skip

    assert done.stdout.decode().splitlines() == [
        f"{prefix}/bin:/usr/bin:/bin", str(prefix), "1", "a $b", "yes",
    ]  # fmt: skip


def test_variables_come_from_packages_and_then_from_the_state(tmp_path: Path) -> None:
    (tmp_path / "etc/conda/env_vars.d").mkdir(parents=True)
    for name, values in {"2.json": {"ONE": "2"}, "1.json": {"ONE": "1", "NUMBER": 3}}.items():
        (tmp_path / "etc/conda/env_vars.d" / name).write_text(json.dumps(values), encoding="utf-8")
    (tmp_path / "conda-meta").mkdir()
    (tmp_path / "conda-meta/state").write_text('{"env_vars": {"two": "x"}}', encoding="utf-8")

    script = activation_script(tmp_path, platform="linux-64", final_prefix=Path("/e"))

    assert script.splitlines()[3:] == ["export ONE=2", "export TWO=x"]


@pytest.mark.parametrize("text", ["{", "[]", "\x00", '{"env_vars": 1}'])
def test_a_broken_state_is_bad_input(text: str, tmp_path: Path) -> None:
    (tmp_path / "conda-meta").mkdir()
    (tmp_path / "conda-meta/state").write_text(text, encoding="utf-8")

    with pytest.raises(InvalidInput) as caught:
        activation_script(tmp_path, platform="linux-64")

    assert caught.value.file == str(tmp_path / "conda-meta/state")


def test_an_unknown_shell_is_unsupported(tmp_path: Path) -> None:
    with pytest.raises(Unsupported, match="csh"):
        activation_script(tmp_path, platform="linux-64", shell="csh")


def test_every_shell_that_pixi_unpack_names_is_known() -> None:
    assert set(SHELLS) == {"bash", "zsh", "xonsh", "cmd", "powershell", "fish", "nushell"}
