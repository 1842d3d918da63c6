"""Git repositories: which commit a branch, tag or revision is, and its files.

Uses the `git` executable, as pixi does. One bare repository per URL and one checkout per commit are
kept below the cache directory; several processes may use it at once. Which references are fetched
for which words follows prefix-dev/pixi, `crates/pixi_git/src/git.rs`.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pytest_pixipack.cache import is_there, made_once, taken
from pytest_pixipack.cache.made_once import lock_of, was_made
from pytest_pixipack.engine.channels import is_local
from pytest_pixipack.engine.hermetic import hermetic_environment
from pytest_pixipack.engine.pinned import repository_url
from pytest_pixipack.errors import Infrastructure, InvalidInput, Offline, PixipackError
from pytest_pixipack.redaction import public_url, redact

_FULL_COMMIT = re.compile(r"[0-9a-fA-F]{40}")
_LIKE_A_COMMIT = re.compile(r"[0-9a-fA-F]{7,}")
# What a surrounding git would have set; it would point our calls at its own repository.
_SURROUNDING = (
    "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR",
    "GIT_NAMESPACE", "GIT_PREFIX", "GIT_ALTERNATE_OBJECT_DIRECTORIES",
)  # fmt: skip
# The bytes of a checkout depend on the commit alone.
# Nothing of git's goes on when the call is over.
_SETTINGS = (
    "-c", "core.autocrlf=false", "-c", "core.longpaths=true", "-c", "gc.auto=0",
    "-c", "maintenance.auto=false",
)  # fmt: skip
_LONGEST_WAIT = 600.0  # seconds for one call
_LONGEST_MESSAGE = 400


class GitCache:
    """Repositories below `directory`.

    Without `network`, only `file://` and loopback URLs are fetched, and git sees no configuration
    of the user's, which could lead elsewhere. With it, git runs as the user runs it, but never
    asks for a password.
    """

    def __init__(self, directory: Path, environ: Mapping[str, str], *, network: bool) -> None:
        self._directory = directory
        self._environ = environ
        self._network = network

    def resolve(self, url: str, kind: str | None, name: str | None, **where: Any) -> str:
        """The commit (40 digits) that a reference is now.

        `kind` is `branch`, `tag`, `rev`, or None for the default branch; `where` goes into errors
        (`package`, `file`, `line`). Raises `InvalidInput` where the repository has no such thing,
        `Offline` for a URL that needs the network where that is off, `Infrastructure` where git
        is missing or the repository cannot be read.
        """
        wanted = _Wanted.of(kind, name)
        if wanted.commit is not None and self._has(url, wanted.commit):
            return wanted.commit
        with self._locked(url):
            self._fetch(url, wanted, where)
            was_made(self._repository(url))
            for text in wanted.names:
                found = self._run(self._database(url), "rev-parse", "--verify", "-q", text, ok=True)
                if found:
                    return found
        raise InvalidInput(
            f"The repository {public_url(url)} has no "
            f"{f'{kind} {name}' if kind else 'commit on its default branch'}.",
            **{**where, "remedy": "Name a branch, a tag or a commit that is there."},
        )

    def checkout(self, url: str, commit: str, **where: Any) -> Path:
        """The directory with the files of a commit. Raises as `resolve` does."""
        repository = self._repository(url)
        place = repository / commit
        if taken(repository, lambda _: is_there(place)) is not None:
            return place
        if not self._has(url, commit):
            self.resolve(url, "rev", commit, **where)

        def make(tree: Path) -> None:
            self._run(repository, "clone", "-q", "--local", "--no-checkout",
                      str(self._database(url)), str(tree), where=where)  # fmt: skip
            self._run(tree, "checkout", "-q", "--detach", commit, where=where)
            if (tree / ".gitmodules").is_file():
                self._run(tree, "submodule", "update", "-q", "--init", "--recursive", where=where)

        with self._locked(url):
            made_once(place, is_there, make)
            was_made(repository)
        return place

    def checkout_root(self, directory: Path) -> Path | None:
        """The root of the checkout that a directory lies in, None for any other directory."""
        if not directory.is_relative_to(self._directory):
            return None
        repository, commit = directory.relative_to(self._directory).parts[:2]
        return self._directory / repository / commit

    def _repository(self, url: str) -> Path:
        return self._directory / hashlib.sha256(repository_url(url).encode()).hexdigest()[:16]

    def _database(self, url: str) -> Path:
        return self._repository(url) / "db"

    def _has(self, url: str, commit: str) -> bool:
        if not self._database(url).is_dir():
            return False
        found = self._run(self._database(url), "cat-file", "-t", commit, ok=True)
        return found == "commit"

    @contextmanager
    def _locked(self, url: str) -> Iterator[None]:
        try:
            self._repository(url).mkdir(parents=True, exist_ok=True)
            with lock_of(self._repository(url)):
                yield
        except OSError as error:
            raise Infrastructure(
                f"{public_url(url)} cannot be kept in the cache: {error.strerror or error}.",
                file=self._directory,
                remedy="Make room, or name another cache directory (PIXIPACK_CACHE_DIR).",
            ) from error

    def _fetch(self, url: str, wanted: _Wanted, where: Mapping[str, Any]) -> None:
        if not self._network and not is_local(url):
            raise Offline(
                f"The repository {public_url(url)} needs the network, which is off.",
                **{**where, "remedy": "Allow the network (--pixipack-network), or use a path."},
            )
        repository = self._repository(url)
        database = made_once(
            self._database(url),
            lambda place: place if (place / "HEAD").is_file() else None,
            lambda place: self._run(repository, "init", "-q", "--bare", str(place), where=where),
        )
        _unlock(database)
        error: PixipackError | None = None
        for refspecs in wanted.refspecs:
            try:
                call = ("fetch", "-q", "--force", "--update-head-ok")
                tags = ("--tags",) if wanted.tags else ()
                self._run(database, *call, *tags, url, *refspecs, where=where)
                return
            except PixipackError as failed:
                error = failed
        assert error is not None
        raise error

    def _run(
        self,
        directory: Path,
        *arguments: str,
        where: Mapping[str, Any] | None = None,
        ok: bool = False,
    ) -> str:
        """Calls git and returns what it printed; with `ok`, failure is an empty answer."""
        environment = self._environment(arguments)
        program = shutil.which("git", path=environment.get("PATH"))
        if program is None:
            raise Infrastructure(
                "A source package comes from a Git repository, and there is no `git` on PATH.",
                **{**(where or {}), "remedy": "Install Git, or use a path source."},
            )
        try:
            done = subprocess.run(
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
                f"`git {arguments[0]}` cannot be run: {error}.", **(where or {})
            ) from error
        if done.returncode == 0:
            return done.stdout.decode(errors="replace").strip()
        if ok:
            return ""
        raise _failed(arguments, done.stderr.decode(errors="replace"), where or {})

    def _environment(self, arguments: Sequence[str]) -> dict[str, str]:
        if self._network:
            environment = {k: v for k, v in self._environ.items() if k not in _SURROUNDING}
        else:
            environment = hermetic_environment(self._directory / "home", base=self._environ)
            environment |= {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
            urls = [text for text in arguments if "://" in text]
            plain = any(not url.startswith("file:") for url in urls)
            # Submodules may name URLs of their own; git itself refuses other protocols then.
            environment["GIT_ALLOW_PROTOCOL"] = "file:http:https" if plain else "file"
        # The objects of large files are not fetched; their pointers stand for them.
        return environment | {
            "GIT_TERMINAL_PROMPT": "0", "GIT_LFS_SKIP_SMUDGE": "1", "LC_ALL": "C",
        }  # fmt: skip


def _unlock(database: Path) -> None:
    """Removes git's own locks, which a git that was killed has left; our lock keeps others out."""
    for path in (*database.glob("*.lock"), *(database / "refs").rglob("*.lock")):
        path.unlink(missing_ok=True)


class _Wanted:
    """What is asked of a repository: `refspecs` to try one after the other, `names` likewise."""

    def __init__(
        self,
        refspecs: Sequence[Sequence[str]],
        names: Sequence[str],
        *,
        tags: bool = False,
        commit: str | None = None,
    ) -> None:
        self.refspecs = refspecs
        self.names = names
        self.tags = tags
        self.commit = commit

    @classmethod
    def of(cls, kind: str | None, name: str | None) -> _Wanted:
        if kind is None or name is None:
            return cls([["+HEAD:refs/remotes/origin/HEAD"]], ["refs/remotes/origin/HEAD^0"])
        branch = f"+refs/heads/{name}:refs/remotes/origin/{name}"
        tag = f"+refs/tags/{name}:refs/remotes/origin/tags/{name}"
        as_branch = f"refs/remotes/origin/{name}^0"
        as_tag = f"refs/remotes/origin/tags/{name}^0"
        if kind == "branch":
            return cls([[branch]], [as_branch])
        if kind == "tag":
            return cls([[tag]], [as_tag])
        everything = ["+refs/heads/*:refs/remotes/origin/*", "+HEAD:refs/remotes/origin/HEAD"]
        if name.startswith("refs/"):
            return cls([[f"+{name}:{name}"]], [f"{name}^0"])
        if _FULL_COMMIT.fullmatch(name):
            # Some servers only hand out what a branch or a tag holds.
            lone = [f"+{name}:refs/commit/{name}"]
            return cls([lone, everything], [f"{name}^0"], tags=True, commit=name.lower())
        if _LIKE_A_COMMIT.fullmatch(name):
            return cls([everything], [f"{name}^0", as_tag, as_branch], tags=True)
        return cls([[branch], [tag]], [as_branch, as_tag])


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
    return Infrastructure(
        f"`git {arguments[0]}` failed: {text or 'it printed nothing'}.",
        **{**where, "remedy": "Check the address of the repository, and that it can be read."},
    )
