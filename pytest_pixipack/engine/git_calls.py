"""Calls of the `git` executable: what it sees, and what its failures mean.

Without the network, git sees no configuration of the user's, which could lead elsewhere, and a
server of this machine that sends it elsewhere sends it to a proxy that refuses.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pytest_pixipack.engine.guard import NetworkGuard, network_guard
from pytest_pixipack.engine.hermetic import hermetic_environment
from pytest_pixipack.errors import Infrastructure, InvalidInput, Offline, PixipackError
from pytest_pixipack.redaction import redact
from pytest_pixipack.whole_files import write_file

# What a surrounding git would have set; it would point our calls at its own repository.
_SURROUNDING = (
    "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR",
    "GIT_NAMESPACE", "GIT_PREFIX", "GIT_ALTERNATE_OBJECT_DIRECTORIES",
)  # fmt: skip
# The bytes of a checkout depend on the commit alone.
# Nothing of git's goes on when the call is over.
# A cache may be another user's, and so may a local repository: whoever names it trusts it.
_SETTINGS = (
    "-c", "core.autocrlf=false", "-c", "core.longpaths=true", "-c", "gc.auto=0",
    "-c", "maintenance.auto=false", "-c", "safe.directory=*",
)  # fmt: skip
_TRUST = "[safe]\n\tdirectory = *\n"
_LONGEST_WAIT = 600.0  # seconds for one call
_LONGEST_MESSAGE = 400
_NO_ROOM = ("No space left", "Disk quota exceeded", "Read-only file system", "File too large")
_ROOM = "Make room, or name another cache directory (PIXIPACK_CACHE_DIR)."
_ADDRESS = "Check the address of the repository, and that it can be read."


class Git:
    """Runs git; `home` is a directory for what it would keep of a user's."""

    def __init__(self, environ: Mapping[str, str], home: Path, *, network: bool) -> None:
        self._environ = environ
        self._home = home
        self._network = network

    def run(self, directory: Path, *arguments: str, where: Mapping[str, Any] | None = None) -> str:
        """Calls git and returns what it printed.

        Raises `InvalidInput` where a repository does not have what is asked for, `Offline` where
        git wanted the network and that is off, and `Infrastructure` for anything else.
        """
        with self._guarded(arguments) as guard:
            done = self._called(directory, arguments, guard, where or {})
            if done.returncode == 0:
                return done.stdout.decode(errors="replace").strip()
            refused = guard.error(f"`git {arguments[0]}`") if guard is not None else None
        if refused is not None:
            raise Offline(refused.message, **{"remedy": refused.remedy, **(where or {})})
        raise _failed(arguments, done.stderr.decode(errors="replace"), where or {})

    def answer(self, directory: Path, *arguments: str) -> str:
        """What git printed; empty where it failed. Raises `Infrastructure` without git."""
        done = self._called(directory, arguments, None, {})
        return "" if done.returncode else done.stdout.decode(errors="replace").strip()

    @contextlib.contextmanager
    def _guarded(self, arguments: Sequence[str]) -> Iterator[NetworkGuard | None]:
        if self._network or not _asks_a_server(arguments):
            yield None
            return
        # Not in a namespace of its own: there, the server that it asks would not be.
        with network_guard(isolate=False) as guard:
            yield guard

    def _called(
        self,
        directory: Path,
        arguments: Sequence[str],
        guard: NetworkGuard | None,
        where: Mapping[str, Any],
    ) -> subprocess.CompletedProcess[bytes]:
        environment = self._environment(arguments, guard)
        program = shutil.which("git", path=environment.get("PATH"))
        if program is None:
            raise Infrastructure(
                "A source package comes from a Git repository, and there is no `git` on PATH.",
                **{**where, "remedy": "Install Git, or use a path source."},
            )
        try:
            return subprocess.run(
                [program, *_SETTINGS, *arguments],
                cwd=directory,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_LONGEST_WAIT,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Infrastructure(
                f"`git {arguments[0]}` cannot be run: {error}.", **where
            ) from error

    def _environment(self, arguments: Sequence[str], guard: NetworkGuard | None) -> dict[str, str]:
        if self._network:
            environment = {k: v for k, v in self._environ.items() if k not in _SURROUNDING}
        else:
            proxy = guard.url if guard is not None else None
            environment = hermetic_environment(self._home, base=self._environ, proxy=proxy)
            environment |= {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": str(self._settings())}
            # Submodules may name URLs of their own; git itself refuses other protocols then.
            plain = _asks_a_server(arguments)
            environment["GIT_ALLOW_PROTOCOL"] = "file:http:https" if plain else "file"
        # The objects of large files are not fetched; their pointers stand for them.
        return environment | {
            "GIT_TERMINAL_PROMPT": "0", "GIT_LFS_SKIP_SMUDGE": "1", "LC_ALL": "C",
        }  # fmt: skip

    def _settings(self) -> Path:
        """The configuration in the place of the user's, for the git at the other end, too."""
        file = self._home / "gitconfig"
        if not file.is_file():
            write_file(file, _TRUST.encode())
        return file


def _asks_a_server(arguments: Sequence[str]) -> bool:
    urls = [text for text in arguments if "://" in text]
    return any(not url.startswith("file:") for url in urls)


def _failed(arguments: Sequence[str], output: str, where: Mapping[str, Any]) -> PixipackError:
    text = redact(" ".join(output.split())).rstrip(".")
    if "transport '" in text and "not allowed" in text:
        return Offline(
            f"A submodule needs the network, which is off: {text}",
            **{**where, "remedy": "Allow the network (--pixipack-network)."},
        )
    if len(text) > _LONGEST_MESSAGE:
        text = text[:_LONGEST_MESSAGE] + " ..."
    if "couldn't find remote ref" in text or "unknown revision" in text:
        return InvalidInput(
            f"The repository does not have what is asked for: {text}.",
            **{**where, "remedy": "Name a branch, a tag or a commit that is there."},
        )
    room = any(words in text for words in _NO_ROOM)
    return Infrastructure(
        f"`git {arguments[0]}` failed: {text or 'it printed nothing'}.",
        **{**where, "remedy": _ROOM if room else _ADDRESS},
    )
