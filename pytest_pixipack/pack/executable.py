"""Self-extracting packs: a script, the tar and a pixi-unpack, both as one line of base64.

The frame is that of pixi-pack 0.7.10 (`create_self_extracting_executable` in its src/pack.rs): the
header ends in a mark, a line of base64 follows, another mark, another line. The scripts before
the first mark are our own. They take pixi-unpack's options, and unlike pixi-pack's they remove
what they wrote to the temporary directory also where pixi-unpack fails or is interrupted.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pytest_pixipack.errors import Infrastructure, InvalidInput
from pytest_pixipack.pack.model import TOOL_VERSION
from pytest_pixipack.platforms import is_windows
from pytest_pixipack.regular_files import open_regular

# Bytes that are encoded at once: a multiple of three, so that no padding appears in the middle.
_PIECE = 3 << 18

_USAGE = """\
Usage: {name} [OPTIONS]

Unpacks the environment that this file holds.

  -o, --output-directory <DIR>  where the environment is made, in a directory of its name
  -e, --env-name <NAME>         its name [default: env]
  -s, --shell <SHELL>           the shell that its activation script is for
  -v, --verbose                 say more
  -q, --quiet                   say less
  -h, --help                    print this help
"""

# `|| status=$?` keeps the exit code of pixi-unpack past the cleaning up; a line that is only the
# mark is searched for, because this text names the marks too.
_UNIX = (
    """\
#!/usr/bin/env bash
# A conda environment that unpacks itself, in the format of pixi-pack {tool}.
set -euo pipefail

for argument in "$@"; do
  case "$argument" in
    -h | --help)
      cat <<'END_OF_HELP'
"""
    + _USAGE.replace("{name}", "environment.sh")
    + """\
END_OF_HELP
      exit 0
      ;;
  esac
done

line_of() {{ grep -a -n -x -m 1 "$1" "$0" | cut -d : -f 1; }}
archive="$(line_of '@@END_HEADER@@' || true)"
unpacker="$(line_of '@@END_ARCHIVE@@' || true)"
if [ -z "$archive" ] || [ -z "$unpacker" ]; then
  echo "error: this file is not complete; get it again" >&2
  exit 1
fi

place="$(mktemp -d)"
trap 'rm -rf "$place"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
part() {{ sed -n "$1p" "$0" | base64 --decode > "$place/$2"; }}
part "$((archive + 1)),$((unpacker - 1))" environment.tar
part "$((unpacker + 1)),\\$" pixi-unpack
chmod +x "$place/pixi-unpack"
status=0
"$place/pixi-unpack" "$@" "$place/environment.tar" || status=$?
exit "$status"
@@END_HEADER@@
"""
)

_WINDOWS = (
    """\
# A conda environment that unpacks itself, in the format of pixi-pack {tool}.
$ErrorActionPreference = "Stop"

if (($args -contains "-h") -or ($args -contains "--help")) {{
    Write-Output @'
"""
    + _USAGE.replace("{name}", "environment.ps1")
    + """\
'@
    exit 0
}}

$lines = [System.IO.File]::ReadAllLines($MyInvocation.MyCommand.Path)
$archive = [System.Array]::IndexOf($lines, "__END_HEADER__")
$unpacker = [System.Array]::IndexOf($lines, "__END_ARCHIVE__")
if (($archive -lt 0) -or ($unpacker -lt 0)) {{
    [Console]::Error.WriteLine("error: this file is not complete; get it again")
    exit 1
}}

$place = Join-Path ([System.IO.Path]::GetTempPath()) ([System.Guid]::NewGuid().ToString())
$null = New-Item -ItemType Directory -Path $place
try {{
    function Expand-Part([int] $first, [int] $last, [string] $name) {{
        $text = -join $lines[$first..$last]
        $target = Join-Path $place $name
        [System.IO.File]::WriteAllBytes($target, [System.Convert]::FromBase64String($text))
        return $target
    }}
    $tar = Expand-Part ($archive + 1) ($unpacker - 1) "environment.tar"
    $program = Expand-Part ($unpacker + 1) ($lines.Count - 1) "pixi-unpack.exe"
    & $program @args $tar
    $status = $LASTEXITCODE
}} finally {{
    Remove-Item -LiteralPath $place -Recurse -Force
}}
exit $status
# The two parts follow.
__END_HEADER__
"""
)


def write_executable(out: Path, archive: Path, unpacker: Path, platform: str) -> None:
    """Writes a pack that unpacks itself to `out`: a bash script, for Windows a PowerShell one.

    `archive` is a tar pack for `platform`, `unpacker` a pixi-unpack that runs there. Both are
    copied in pieces, so memory does not grow with them. `out` appears only when it is complete; a
    file is replaced. On systems that have it, the executable bit is set for scripts of Unix.

    Raises `InvalidInput` where a part cannot be read or is no program for `platform`, and
    `Infrastructure` where `out` cannot be written.
    """
    windows = is_windows(platform)
    header = (_WINDOWS if windows else _UNIX).format(tool=TOOL_VERSION)
    end = "\r\n" if windows else "\n"
    mark = "__END_ARCHIVE__" if windows else "@@END_ARCHIVE@@"
    with _part(archive, "pack") as tar, _part(unpacker, "pixi-unpack") as program:
        _refuse_foreign(program, unpacker, windows)
        temporary = out.parent / f".pixipack-{secrets.token_hex(8)}.tmp"
        try:
            with temporary.open("xb") as stream:
                stream.write(f"{header}\n".replace("\n", end).encode())
                _encode(tar, stream)
                stream.write(f"{end}{mark}{end}".encode())
                _encode(program, stream)
            if not windows:
                temporary.chmod(0o755)
            temporary.replace(out)
        except OSError as error:
            raise Infrastructure(
                f"The pack cannot be written: {error.strerror or error}.",
                file=out,
                remedy="Nothing was changed. Check free space and permissions.",
            ) from None
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def _part(path: Path, what: str) -> Iterator[BinaryIO]:
    try:
        stream = open_regular(path)
    except OSError as error:
        raise InvalidInput(
            f"The {what} cannot be read: {error.strerror or error}.", file=path
        ) from None
    with stream:
        yield stream


def _refuse_foreign(program: BinaryIO, path: Path, windows: bool) -> None:
    """A script or a program of the other kind of system would only fail on the user's machine."""
    head = program.read(2)
    program.seek(0)
    if (head == b"MZ") != windows:
        system = "Windows" if windows else "Unix"
        raise InvalidInput(
            f"{path.name} is no program for {system}, where the pack is to be unpacked.",
            file=path,
            remedy="Take the pixi-unpack of that platform from the releases of pixi-pack.",
        )


def _encode(source: BinaryIO, target: BinaryIO) -> None:
    while piece := source.read(_PIECE):
        # Only the last piece may be short: a file gives less only at its end.
        target.write(base64.b64encode(piece))
