"""Source packages from Git repositories: pinned in the lock, built from the locked commit."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_pixipack import EmbeddedEngine, EngineOptions, StubChannel
from pytest_pixipack.errors import Infrastructure, InvalidInput, Offline
from pytest_pixipack.lock import Lock, write_lock
from pytest_pixipack.platforms import current_platform

pytestmark = [
    pytest.mark.skipif(shutil.which("git") is None, reason="there is no git on PATH"),
    pytest.mark.slow,
]

BACKEND = '[package.build]\nbackend = { name = "stub-backend", version = "*" }\n'
WORKSPACE = '[workspace]\nname = "r"\npreview = ["pixi-build"]\nchannels = []\nplatforms = []\n'


class Repository:
    """A repository on the disk with `app` (which needs `../lib`) and `lib`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir()
        self.write("pixi.toml", WORKSPACE)
        self.package("app", "1.0", '[package.run-dependencies]\nlib = { path = "../lib" }\n')
        self.package("lib", "2.0")
        self.git("init", "-q", "-b", "main")
        self.commit()

    @property
    def url(self) -> str:
        return self.root.as_uri()

    def package(self, name: str, version: str, more: str = "") -> None:
        text = f'[package]\nname = "{name}"\nversion = "{version}"\n{BACKEND}{more}'
        self.write(f"{name}/pixi.toml", text)

    def write(self, name: str, text: str) -> None:
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_text(text, encoding="utf-8")

    def commit(self) -> str:
        """Commits all there is and returns the commit."""
        self.git("add", ".")
        return self.record()

    def record(self) -> str:
        """Commits what is staged."""
        self.git("-c", "user.name=n", "-c", "user.email=n@example.org", "commit", "-q", "-m", "m")
        return self.git("rev-parse", "HEAD")

    def git(self, *arguments: str) -> str:
        return git(self.root, *arguments)


def git(directory: Path, *arguments: str) -> str:
    environment = {**os.environ, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
    done = subprocess.run(
        ["git", *arguments], cwd=directory, env=environment, capture_output=True, check=True
    )
    return done.stdout.decode().strip()


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


@pytest.fixture
def engine(tmp_path: Path) -> EmbeddedEngine:
    options = EngineOptions(cache_dir=tmp_path / "cache", backends={"stub-backend": "stub"})
    return EmbeddedEngine(options)


@pytest.fixture
def workspace(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a workspace with these dependencies for this machine, and returns its directory."""
    channel = StubChannel().add("libz", "1.3").build(tmp_path / "channel")

    def write(dependencies: str) -> Path:
        root = tmp_path / "w"
        root.mkdir(exist_ok=True)
        (root / "pixi.toml").write_text(
            f'[workspace]\nname = "w"\npreview = ["pixi-build"]\nchannels = ["{channel.url}"]\n'
            f'platforms = ["{current_platform()}"]\n[dependencies]\n{dependencies}\n',
            encoding="utf-8",
        )
        return root

    return write


def locations(lock: Lock) -> dict[str, str]:
    return {package.name: package.location for package in lock.packages if package.is_source}


def test_the_commit_and_the_whole_record_are_locked(workspace, engine, repository):
    root = workspace(f'app = {{ git = "{repository.url}", subdirectory = "app" }}')
    found = engine.lock(root)[current_platform()]
    commit = repository.git("rev-parse", "HEAD")
    assert found["app"].location == f"git+{repository.url}?subdirectory=app#{commit}"
    assert found["lib"].location == f"git+{repository.url}?subdirectory=lib#{commit}"
    assert (found["app"].version, found["lib"].version) == ("1.0", "2.0")
    assert found["app"].source.source_depends == {"lib": {"path": "../lib"}}


@pytest.mark.parametrize("kind", ["branch", "tag", "rev"])
def test_a_reference_is_followed_and_written_down(kind, workspace, engine, repository):
    old = repository.git("rev-parse", "HEAD")
    repository.git("branch", "topic/one")
    repository.git("tag", "v1")
    repository.package("app", "1.1")
    repository.commit()
    name = {"branch": "topic/one", "tag": "v1", "rev": old[:9]}[kind]
    root = workspace(
        f'app = {{ git = "{repository.url}", subdirectory = "app", {kind} = "{name}" }}'
    )
    place = locations(engine.lock(root))["app"]
    assert place.endswith(f"&{kind}={name.replace('/', '%2F')}#{old}")


def test_it_is_built_and_packed_from_the_locked_commit(workspace, engine, repository, tmp_path):
    root = workspace(f'app = {{ git = "{repository.url}", subdirectory = "app" }}')
    write_lock(engine.lock(root), root / "pixi.lock")
    repository.package("app", "9.9")
    repository.commit()
    pack = engine.pack(root, tmp_path / "environment.tar")
    assert {name: facts.version for name, facts in pack.packages.items()} == {
        "app": "1.0",
        "lib": "2.0",
    }


def test_another_machine_fetches_the_locked_commit(workspace, engine, repository, tmp_path):
    root = workspace(f'app = {{ git = "{repository.url}", subdirectory = "app" }}')
    lock = engine.lock(root)
    repository.package("app", "9.9")
    repository.commit()
    elsewhere = EngineOptions(cache_dir=tmp_path / "other", backends={"stub-backend": "stub"})
    built = EmbeddedEngine(elsewhere).build(root, tmp_path / "out", lock=lock)
    assert sorted(artifact.facts.dist.rpartition("-")[0] for artifact in built) == [
        "app-1.0", "lib-2.0",
    ]  # fmt: skip


def test_a_package_of_the_workspace_may_need_one_of_a_repository(workspace, engine, repository):
    root = workspace('own = { path = "own" }')
    (root / "own").mkdir()
    (root / "own" / "pixi.toml").write_text(
        f'[package]\nname = "own"\nversion = "1"\n{BACKEND}[package.run-dependencies]\n'
        f'app = {{ git = "{repository.url}", subdirectory = "app" }}\n',
        encoding="utf-8",
    )
    lock = engine.lock(root)
    assert set(locations(lock)) == {"own", "app", "lib"}
    assert lock[current_platform()]["own"].source.source_depends == {
        "app": {"git": repository.url, "subdirectory": "app"}
    }


def test_the_sources_of_a_package_may_lie_in_a_repository(workspace, engine, repository, tmp_path):
    repository.write("files/share/x.txt", "from the repository")
    commit = repository.commit()
    root = workspace('own = { path = "own" }')
    (root / "own").mkdir()
    (root / "own" / "pixi.toml").write_text(
        f'[package]\nname = "own"\nversion = "1"\n{BACKEND}'
        f'source = {{ git = "{repository.url}", branch = "main" }}\n',
        encoding="utf-8",
    )
    lock = engine.lock(root)
    own = lock[current_platform()]["own"]
    assert own.source.source == {"git": repository.url, "branch": "main", "rev": commit}
    assert own.is_partial  # its manifest can change at any time
    [built] = engine.build(root, tmp_path / "out", lock=lock)
    assert "share/x.txt" in built.facts.files


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ('branch = "nope"', "nope"),
        ('rev = "1234567890"', "has no rev 1234567890"),
        ('subdirectory = "nowhere"', "has no directory 'nowhere'"),
        ('subdirectory = ""', "app is asked for|no `\\[package\\]`"),
    ],
)
def test_what_a_repository_does_not_have_is_named_with_its_line(
    words, message, workspace, engine, repository
):
    root = workspace(f'app = {{ git = "{repository.url}", {words} }}')
    with pytest.raises(InvalidInput, match=message) as caught:
        engine.lock(root)
    assert caught.value.file == str(root / "pixi.toml")
    assert caught.value.line == 7


def test_a_directory_outside_the_repository_is_none_of_it(workspace, engine, repository, tmp_path):
    (tmp_path / "secret").mkdir()
    (repository.root / "link").symlink_to(tmp_path / "secret")
    repository.commit()
    root = workspace(f'app = {{ git = "{repository.url}", subdirectory = "link" }}')
    with pytest.raises(InvalidInput, match="has no directory 'link'"):
        engine.lock(root)


def test_a_path_is_not_the_url_of_a_repository(workspace, engine):
    root = workspace('app = { git = "../repository", subdirectory = "app" }')
    with pytest.raises(InvalidInput, match="not a URL"):
        engine.lock(root)


def test_a_server_is_not_asked_while_the_network_is_off(workspace, engine):
    root = workspace('app = { git = "https://git.example.org/r.git" }')
    with pytest.raises(Offline, match=r"https://git\.example\.org/r\.git needs the network"):
        engine.lock(root)


def test_a_submodule_of_a_server_is_not_asked_for_either(workspace, engine, repository):
    commit = repository.git("rev-parse", "HEAD")
    repository.write(".gitmodules", '[submodule "m"]\npath = m\nurl = https://git.example.org/m\n')
    repository.git("add", ".")
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{commit},m")
    repository.record()
    root = workspace(f'app = {{ git = "{repository.url}", subdirectory = "app" }}')
    with pytest.raises(Offline, match="submodule"):
        engine.lock(root)


def test_without_git_a_sentence_says_so(workspace, repository, tmp_path):
    root = workspace(f'app = {{ git = "{repository.url}" }}')
    options = EngineOptions(cache_dir=tmp_path / "cache", environ={"PATH": str(tmp_path)})
    with pytest.raises(Infrastructure, match="no `git` on PATH") as caught:
        EmbeddedEngine(options).lock(root)
    assert caught.value.line == 7


def test_a_package_of_a_repository_needs_a_workspace_around_it(workspace, engine, repository):
    repository.git("rm", "-q", "pixi.toml")
    repository.commit()
    root = workspace(f'app = {{ git = "{repository.url}", subdirectory = "app" }}')
    with pytest.raises(InvalidInput, match="no workspace around its directory app"):
        engine.lock(root)


def test_what_a_package_inherits_comes_from_its_own_workspace(workspace, engine, repository):
    repository.write("pixi.toml", WORKSPACE + '[workspace.dependencies]\nlibz = ">=1,<2"\n')
    needs = "[package.run-dependencies]\nlibz = { workspace = true }\n"
    repository.package("app", "1.0", needs)
    repository.commit()
    root = workspace(f'app = {{ git = "{repository.url}", subdirectory = "app" }}')
    assert engine.lock(root)[current_platform()]["app"].depends == ("libz >=1,<2",)


def test_processes_that_start_together_share_one_checkout(repository, tmp_path):
    """Each of them ends with the same directory, whoever was first."""
    commit = repository.git("rev-parse", "HEAD")
    program = (
        "import os, sys; from pathlib import Path\n"
        "from pytest_pixipack.engine.git import GitCache\n"
        "cache = GitCache(Path(sys.argv[1]), os.environ, Path(sys.argv[3]), network=False)\n"
        "commit = cache.resolve(sys.argv[2], 'branch', 'main')\n"
        "print(cache.checkout(sys.argv[2], commit))\n"
    )
    import sys

    call = [sys.executable, "-c", program, str(tmp_path / "git"), repository.url]
    homes = [str(tmp_path / f"scratch{number}") for number in range(4)]
    running = [subprocess.Popen([*call, home], stdout=subprocess.PIPE) for home in homes]
    places = {process.communicate()[0].decode().strip() for process in running}
    assert [process.returncode for process in running] == [0] * 4
    [place] = places
    assert Path(place).name == commit
    assert (Path(place) / "app" / "pixi.toml").is_file()
    assert [path.name for path in Path(place).parent.glob(".new-*")] == []
