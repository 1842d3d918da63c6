"""Git repositories: which commit a branch, tag or revision is, and its files.

Uses the `git` executable, as pixi does. One bare repository per URL and one checkout per commit are
kept below the cache directory; several processes may use it at once. Which references are fetched
for which words follows prefix-dev/pixi, `crates/pixi_git/src/git.rs`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pytest_pixipack.cache import is_there, made_once, taken
from pytest_pixipack.cache.made_once import can_be_written, lock_of, temporary_name, was_made
from pytest_pixipack.cache.seals import is_whole, write_seal
from pytest_pixipack.engine.channels import is_local
from pytest_pixipack.engine.damage import mended
from pytest_pixipack.engine.git_calls import Git
from pytest_pixipack.engine.pinned import repository_url
from pytest_pixipack.errors import Infrastructure, InvalidInput, Offline, PixipackError
from pytest_pixipack.redaction import public_url

_FULL_COMMIT = re.compile(r"[0-9a-fA-F]{40}")
_LIKE_A_COMMIT = re.compile(r"[0-9a-fA-F]{7,}")


class GitCache:
    """Repositories below `directory`.

    Without `network`, only `file://` and loopback URLs are fetched, and git sees no configuration
    of the user's. With it, git runs as the user runs it, but never asks for a password. `scratch`
    is this process's alone: git's home, and the place for what has to be fetched where `directory`
    can only be read.
    """

    def __init__(
        self,
        directory: Path,
        environ: Mapping[str, str],
        scratch: Path,
        *,
        network: bool,
    ) -> None:
        self._directory = directory
        self._spare = scratch / "git"
        self._network = network
        self._git = Git(environ, scratch / "home", network=network)

    def resolve(self, url: str, kind: str | None, name: str | None, **where: Any) -> str:
        """The commit (40 digits) that a reference is now.

        `kind` is `branch`, `tag`, `rev`, or None for the default branch; `where` goes into errors
        (`package`, `file`, `line`). Raises `InvalidInput` where the repository has no such thing,
        `Offline` for a URL that needs the network where that is off, `Infrastructure` where git
        is missing or the repository cannot be read.
        """
        wanted = _Wanted.of(kind, name)
        if self._database_with(url, wanted.commit) is not None:
            return str(wanted.commit)
        with self._mended(url), self._locked(url, where) as repository:
            # Another one may have been at work in it a moment ago.
            if self._database_with(url, wanted.commit) is not None:
                return str(wanted.commit)
            database = self._fetched(repository, url, wanted, where)
            was_made(repository)
            for text in wanted.names:
                found = self._git.answer(database, "rev-parse", "--verify", "-q", text)
                if found:
                    return found
        raise InvalidInput(
            f"The repository {public_url(url)} has no "
            f"{f'{kind} {name}' if kind else 'commit on its default branch'}.",
            **{**where, "remedy": "Name a branch, a tag or a commit that is there."},
        )

    def checkout(self, url: str, commit: str, **where: Any) -> Path:
        """The directory with the files of a commit, which nobody may change. Raises as `resolve`
        does.
        """
        for repository in self._repositories(url):
            if (place := _checked_out(repository, commit)) is not None:
                return place
        with self._mended(url, commit):
            self.resolve(url, "rev", commit, **where)
            with self._locked(url, where) as repository:
                database = self._database_with(url, commit)

                def make(tree: Path) -> None:
                    assert database is not None
                    self._check_out(database, commit, tree, where)

                place = made_once(repository / commit, is_there, make)
                was_made(repository)
        return place

    def _repositories(self, url: str) -> Iterator[Path]:
        """Where a repository may be, the shared place first."""
        name = hashlib.sha256(repository_url(url).encode()).hexdigest()[:16]
        for room in (self._directory, self._spare):
            yield room / name

    def _database_with(self, url: str, commit: str | None) -> Path | None:
        """The bare repository that has a commit; one that was damaged has nothing."""
        for repository in self._repositories(url):
            database = repository / "db"
            if commit is None or not is_whole(database):
                continue
            if self._git.answer(database, "cat-file", "-t", commit) == "commit":
                return database
        return None

    @contextmanager
    def _mended(self, url: str, commit: str | None = None) -> Iterator[None]:
        repository = next(self._repositories(url))
        homes = [repository / name for name in ("db", commit) if name is not None]
        with mended(homes, f"What the cache has of the repository {public_url(url)}"):
            yield

    @contextmanager
    def _locked(self, url: str, where: Mapping[str, Any]) -> Iterator[Path]:
        """The place where a repository can be written, nobody else being at work in it."""
        place, spare = self._repositories(url)
        try:
            if not can_be_written(place.parent):
                place = spare
            place.mkdir(parents=True, exist_ok=True)
            with lock_of(place):
                yield place
        except OSError as error:
            raise Infrastructure(
                f"{public_url(url)} cannot be kept in the cache: {error.strerror or error}.",
                file=self._directory,
                package=where.get("package"),
                remedy=_REMEDY,
            ) from error

    def _fetched(
        self, repository: Path, url: str, wanted: _Wanted, where: Mapping[str, Any]
    ) -> Path:
        """The bare repository with what is wanted, as it is now."""
        if not self._network and not is_local(url):
            raise Offline(
                f"The repository {public_url(url)} needs the network, which is off.",
                **{**where, "remedy": "Allow the network (--pixipack-network), or use a path."},
            )
        database = made_once(
            repository / "db",
            lambda place: place if (place / "HEAD").is_file() else None,
            lambda place: self._git.run(
                repository, "init", "-q", "--bare", str(place), where=where
            ),
        )
        _unlock(database)
        try:
            self._fetch(database, url, wanted, where)
        finally:
            write_seal(database, database, temporary_name(database))
        return database

    def _fetch(self, database: Path, url: str, wanted: _Wanted, where: Mapping[str, Any]) -> None:
        error: PixipackError | None = None
        for refspecs in wanted.refspecs:
            try:
                call = ("fetch", "-q", "--force", "--update-head-ok")
                tags = ("--tags",) if wanted.tags else ()
                self._git.run(database, *call, *tags, url, *refspecs, where=where)
                return
            except PixipackError as failed:
                error = failed
        assert error is not None
        raise error

    def _check_out(self, database: Path, commit: str, tree: Path, where: Mapping[str, Any]) -> None:
        clone = ("clone", "-q", "--local", "--no-checkout", str(database), str(tree))
        self._git.run(tree.parent, *clone, where=where)
        self._git.run(tree, "checkout", "-q", "--detach", commit, where=where)
        if (tree / ".gitmodules").is_file():
            submodules = ("submodule", "update", "-q", "--init", "--recursive")
            self._git.run(tree, *submodules, where=where)


_REMEDY = "Make room, or name another cache directory (PIXIPACK_CACHE_DIR)."


def _checked_out(repository: Path, commit: str) -> Path | None:
    place = repository / commit
    return taken(repository, lambda _: place if is_whole(place) else None, sealed=False)


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
