"""Locking keeps what a lock says: nothing changes that does not have to, as with pixi."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_pixipack import EmbeddedEngine, EngineOptions, StubChannel
from pytest_pixipack.lock import Lock, write_lock

BACKEND = '[package.build]\nbackend = { name = "stub-backend", version = "*" }\n'
HEAD = (
    '[workspace]\nname = "w"\nchannels = ["@"]\nplatforms = ["linux-64"]\n'
    'preview = ["pixi-build"]\n'
)


class Workspace:
    """A workspace on a channel that moves on: it has `libz` 1 and `other` 1, later also 2."""

    def __init__(self, directory: Path) -> None:
        self.root = directory / "w"
        self.root.mkdir()
        self.channel = directory / "channel"
        self.url = StubChannel("c").add("libz", "1").add("other", "1").build(self.channel).url
        options = EngineOptions(cache_dir=directory / "cache", backends={"stub-backend": "stub"})
        self.engine = EmbeddedEngine(options)

    def says(self, text: str, head: str = HEAD) -> None:
        """Writes the manifest."""
        content = (head + text).replace("@", self.url)
        (self.root / "pixi.toml").write_text(content, encoding="utf-8")

    def package(self, text: str = "") -> None:
        """Writes the manifest of the source package `app`."""
        (self.root / "app").mkdir(exist_ok=True)
        content = f'[package]\nname = "app"\nversion = "1"\n{BACKEND}{text}'
        (self.root / "app" / "pixi.toml").write_text(content, encoding="utf-8")

    def moves_on(self) -> None:
        """The channel gets newer versions."""
        newer = StubChannel("c").add("libz", "1").add("libz", "2").add("other", "1")
        newer.add("other", "2").build(self.channel)

    def lock(self) -> Lock:
        lock = self.engine.lock(self.root)
        write_lock(lock, self.root / "pixi.lock")
        return lock

    def versions(self, environment: str = "default") -> dict[str, str | None]:
        packages = self.lock().environment(environment)["linux-64"]
        return {name: package.version for name, package in packages.items()}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


def test_a_lock_that_is_up_to_date_is_returned_as_it_is(workspace):
    workspace.says('[dependencies]\nlibz = "*"\n')
    workspace.lock()
    workspace.moves_on()
    path = workspace.root / "pixi.lock"
    path.write_text("# a comment\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    assert workspace.engine.lock(workspace.root).text.startswith("# a comment\n")


def test_a_new_dependency_leaves_the_others_where_they_are(workspace):
    workspace.says('[dependencies]\nlibz = "*"\n')
    workspace.lock()
    workspace.moves_on()
    workspace.says('[dependencies]\nlibz = "*"\nother = "*"\n')
    assert workspace.versions() == {"libz": "1", "other": "2"}


def test_what_no_longer_satisfies_is_replaced_alone(workspace):
    workspace.says('[dependencies]\nlibz = "*"\nother = "*"\n')
    workspace.lock()
    workspace.moves_on()
    workspace.says('[dependencies]\nlibz = ">=2"\nother = "*"\n')
    assert workspace.versions() == {"libz": "2", "other": "1"}


def test_what_is_removed_goes(workspace):
    workspace.says('[dependencies]\nlibz = "*"\nother = "*"\n')
    workspace.lock()
    workspace.says('[dependencies]\nother = "*"\n')
    assert workspace.versions() == {"other": "1"}


def test_a_platform_that_is_up_to_date_is_not_touched(workspace):
    head = HEAD.replace('["linux-64"]', '["linux-64", "win-64"]')
    workspace.says('[dependencies]\nlibz = "*"\n', head)
    workspace.lock()
    workspace.moves_on()
    workspace.says('[dependencies]\nlibz = "*"\n[target.win.dependencies]\nother = ">=2"\n', head)
    lock = workspace.lock()
    assert {name: p.version for name, p in lock["linux-64"].items()} == {"libz": "1"}
    assert {name: p.version for name, p in lock["win-64"].items()} == {"libz": "1", "other": "2"}


def test_an_environment_that_is_gone_leaves_the_lock(workspace):
    envs = '[feature.f.dependencies]\nother = "*"\n[environments]\ne = ["f"]\n'
    workspace.says('[dependencies]\nlibz = "*"\n' + envs)
    assert set(workspace.lock().environments) == {"default", "e"}
    workspace.moves_on()
    workspace.says('[dependencies]\nlibz = "*"\n')
    lock = workspace.lock()
    assert set(lock.environments) == {"default"}
    assert lock["linux-64"]["libz"].version == "1"


def test_a_new_environment_does_not_know_what_others_have(workspace):
    workspace.says('[dependencies]\nlibz = "*"\n')
    workspace.lock()
    workspace.moves_on()
    workspace.says('[dependencies]\nlibz = "*"\n[feature.f]\n[environments]\ne = ["f"]\n')
    assert workspace.versions() == {"libz": "1"}
    assert workspace.versions("e") == {"libz": "2"}


def test_a_new_member_of_a_solve_group_gets_what_the_group_has(workspace):
    group = '[environments]\ndefault = { solve-group = "g" }\n'
    workspace.says('[dependencies]\nlibz = "*"\n' + group)
    workspace.lock()
    workspace.moves_on()
    workspace.says(
        '[dependencies]\nlibz = "*"\n[feature.f.dependencies]\nother = "*"\n[environments]\n'
        'default = { solve-group = "g" }\ne = { features = ["f"], solve-group = "g" }\n'
    )
    assert workspace.versions("e") == {"libz": "1", "other": "2"}


@pytest.mark.parametrize(
    "option",
    ['channel-priority = "disabled"', 'exclude-newer = "2999-01-01"', 'solve-strategy = "highest"'],
)
def test_other_options_make_a_new_solve_where_they_are_other_ones(option, workspace):
    workspace.says('[dependencies]\nlibz = "*"\n')
    workspace.lock()
    workspace.moves_on()
    workspace.says('[dependencies]\nlibz = "*"\n', HEAD + option + "\n")
    # The strategy is the default one, and what is locked is old enough.
    expected = {"libz": "2"} if "priority" in option else {"libz": "1"}
    assert workspace.versions() == expected


@pytest.mark.parametrize(("channels", "version"), [('["@", "#"]', "1"), ('["#", "@"]', "2")])
def test_a_channel_in_front_makes_a_new_solve_one_behind_does_not(
    channels, version, workspace, tmp_path
):
    more = StubChannel("more").add("extra", "1").build(tmp_path / "more")
    workspace.says('[dependencies]\nlibz = "*"\n')
    workspace.lock()
    workspace.moves_on()
    head = HEAD.replace('["@"]', channels).replace("#", more.url)
    workspace.says('[dependencies]\nlibz = "*"\n', head)
    lock = workspace.lock()
    assert len(lock.environment("default").channels) == 2
    assert lock["linux-64"]["libz"].version == version


def test_a_host_environment_keeps_what_it_was_locked_with(workspace):
    workspace.package('[package.host-dependencies]\nlibz = "*"\n')
    workspace.says('[dependencies]\napp = { path = "app" }\n')
    workspace.lock()
    workspace.moves_on()
    workspace.package('[package.host-dependencies]\nlibz = "*"\nother = "*"\n')
    lock = workspace.lock()
    built_with = map(lock.package, lock["linux-64"]["app"].host_packages)
    assert {each.name: each.version for each in built_with} == {"libz": "1", "other": "2"}


def test_a_lock_of_one_stand_in_is_no_lock_of_another(workspace, tmp_path):
    def lock(channel: StubChannel) -> Lock:
        directory = channel.build(tmp_path / channel.name).path
        options = EngineOptions(
            cache_dir=tmp_path / "cache", channels={"https://conda.example.org/c": directory}
        )
        lock = EmbeddedEngine(options).lock(workspace.root)
        write_lock(lock, workspace.root / "pixi.lock")
        return lock

    head = HEAD.replace("@", "https://conda.example.org/c")
    workspace.says('[dependencies]\nlibz = "*"\n', head)
    assert lock(StubChannel("one").add("libz", "1"))["linux-64"]["libz"].version == "1"
    same = StubChannel("same").add("libz", "1").add("libz", "2")
    assert lock(same)["linux-64"]["libz"].version == "1"
    other = StubChannel("other").add("libz", "1", files={"bin/z": {"text": "z"}}).add("libz", "3")
    assert lock(other)["linux-64"]["libz"].version == "3"
