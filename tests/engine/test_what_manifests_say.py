"""What a manifest can say of dependencies, beyond a version: each was compared with pixi 0.77."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_pixipack import EmbeddedEngine, EngineOptions, StubChannel
from pytest_pixipack.errors import InvalidInput, Offline, SolveError, Unsupported
from pytest_pixipack.lock import Lock

BACKEND = '[package.build]\nbackend = { name = "stub-backend", version = "*" }\n'
YEAR_2021, YEAR_2022 = 1_609_459_200_000, 1_640_995_200_000


@pytest.fixture
def lock(tmp_path: Path) -> Callable[..., Lock]:
    """Locks a manifest; `one` and `two` stand for the URLs of channels."""
    first, second = StubChannel("one"), StubChannel("two")
    for version, timestamp in (("1", YEAR_2021), ("2", YEAR_2022)):
        first.add("libz", version, timestamp=timestamp)
        first.add("app", version, timestamp=timestamp, depends=["libz"])
        second.add("other", version, timestamp=timestamp)
    first.add("gui", "1", extra_depends={"qt": ["libz"]})
    urls = {"one": first.build(tmp_path / "one").url, "two": second.build(tmp_path / "two").url}

    def run(manifest: str, channels: str = '"one"', **packages: str) -> Lock:
        text = (
            f'[workspace]\nname = "w"\nchannels = [{channels}]\nplatforms = ["linux-64"]\n'
            f'preview = ["pixi-build"]\n{manifest}'
        )
        for name, url in urls.items():
            text = text.replace(f'"{name}"', f'"{url}"').replace(f"@{name}/", url)
        root = tmp_path / "w"
        for name, content in {".": text, **packages}.items():
            (root / name).mkdir(parents=True, exist_ok=True)
            (root / name / "pixi.toml").write_text(content, encoding="utf-8")
        options = EngineOptions(cache_dir=tmp_path / "cache", backends={"stub-backend": "stub"})
        return EmbeddedEngine(options).lock(root)

    return run


def versions(lock: Lock) -> dict[str, str | None]:
    return {name: package.version for name, package in lock["linux-64"].items()}


def package(name: str, more: str = "") -> str:
    return f'[package]\nname = "{name}"\nversion = "1"\n{BACKEND}{more}'


def test_a_cutoff_of_a_package_goes_before_that_of_the_workspace(lock):
    limits = (
        'exclude-newer = "2021-06-01"\n[dependencies]\napp = "*"\n[exclude-newer]\nlibz = "0d"\n'
    )
    assert versions(lock(limits)) == {"app": "1", "libz": "2"}


def test_a_cutoff_of_a_package_needs_no_other(lock):
    limits = '[dependencies]\napp = "*"\n[exclude-newer]\nlibz = "2021-06-01"\n'
    assert versions(lock(limits)) == {"app": "2", "libz": "1"}


def test_a_cutoff_of_a_channel_is_one_of_that_channel(lock):
    wanted = '[dependencies]\nlibz = "*"\nother = "*"\n'
    channels = '"one", { channel = "two", exclude-newer = "2021-06-01" }'
    assert versions(lock(wanted, channels)) == {"libz": "2", "other": "1"}


def test_a_cutoff_is_one_of_what_a_package_is_built_with_too(lock):
    needs = '[package.host-dependencies]\nlibz = "*"\n'
    limits = '[dependencies]\na = { path = "a" }\n[exclude-newer]\nlibz = "2021-06-01"\n'
    locked = lock(limits, a=package("a", needs))
    [libz] = map(locked.package, locked["linux-64"]["a"].host_packages)
    assert libz.version == "1"


def file_of(lock: Lock) -> str:
    return lock["linux-64"]["libz"].location


@pytest.mark.parametrize("key", ["url", "path"])
def test_one_certain_package_file_can_be_asked_for(key, lock):
    old = file_of(lock('[dependencies]\nlibz = "1"\n'))
    place = Path(old).as_uri() if key == "url" else old
    locked = lock(f'[dependencies]\nlibz = {{ {key} = "{place}" }}\napp = "*"\n')
    assert versions(locked) == {"app": "2", "libz": "1"}
    # Which channel it is of, a lock does not say of such a file.
    assert locked["linux-64"]["libz"].channel is None


def test_a_package_file_that_is_not_there_is_named_with_its_line(lock):
    with pytest.raises(InvalidInput, match="does not exist") as caught:
        lock('[dependencies]\nlibz = { path = "nowhere/libz-1-0.conda" }\n')
    assert caught.value.line == 7


def test_a_package_file_of_a_server_needs_the_network(lock):
    with pytest.raises(Offline, match="needs the network"):
        lock('[dependencies]\nlibz = { url = "https://example.org/libz-1-0.conda" }\n')


def test_of_a_dev_package_only_the_dependencies_are_locked(lock):
    needs = '[package.host-dependencies]\nlibz = "1"\n[package.run-dependencies]\ngui = "*"\n'
    locked = lock('[dev]\na = { path = "a" }\n', a=package("a", needs))
    assert versions(locked) == {"libz": "1", "gui": "1"}


def test_dev_packages_do_not_need_one_another(lock):
    needs = '[package.run-dependencies]\na = { path = "../a" }\nc = { path = "../c" }\n'
    locked = lock(
        '[dev]\na = { path = "a" }\nb = { path = "b" }\n',
        a=package("a"),
        b=package("b", needs),
        c=package("c"),
    )
    assert set(locked["linux-64"]) == {"c"}


def test_a_dev_package_with_another_name_is_refused(lock):
    with pytest.raises(InvalidInput, match="wrong is asked for"):
        lock('[dev]\nwrong = { path = "a" }\n', a=package("a"))


@pytest.mark.parametrize(("extras", "names"), [("[]", {"gui"}), ('["qt"]', {"gui", "libz"})])
def test_a_list_of_extras_may_be_empty(extras, names, lock):
    locked = lock(f'[dependencies]\ngui = {{ version = "*", extras = {extras} }}\n')
    assert set(locked["linux-64"]) == names


def test_a_package_that_is_defined_where_it_is_asked_for_is_unsupported(lock):
    build = '{ backend = { name = "stub-backend", version = "*" } }'
    inline = f'{{ version = "1", build = {build} }}'
    with pytest.raises(Unsupported, match="is defined where it is asked for") as caught:
        lock(f'[dependencies]\na = {{ path = "a", package = {inline} }}\n')
    assert caught.value.line == 7


def test_pypi_requirements_are_not_solved_and_a_sentence_says_what_to_do(lock):
    with pytest.raises(Unsupported, match="requests") as caught:
        lock('[dependencies]\nlibz = "*"\n[pypi-dependencies]\nrequests = "*"\n')
    assert caught.value.line == 9
    assert "Lock with pixi" in (caught.value.remedy or "")


def test_the_digest_of_package_urls_is_pixis(lock):
    purls = '[package.build.config.stub]\npurls = ["pkg:pypi/a"]\n'
    found = lock(
        '[dependencies]\na = { path = "a" }\n',
        a=package("a", purls).replace('version = "1"', 'version = "1.0"', 1),
    )
    assert found["linux-64"]["a"].facts.purls == ("pkg:pypi/a",)
    # What pixi 0.77 wrote; neither the channel nor the directory enters it.
    assert found["linux-64"]["a"].identifier == "a[9d8ebd76] @ a"


def test_a_license_that_a_run_export_asks_for_is_handed_on(lock):
    exports = '[package.run-exports.strong]\nlibz = { version = "*", license = "MIT" }\n'
    needs = '[package.host-dependencies]\na = { path = "../a" }\n'
    with pytest.raises(SolveError, match="libz"):  # which the channel has no license of
        lock('[dependencies]\nb = { path = "b" }\n', a=package("a", exports), b=package("b", needs))
