"""One workspace and its lock, each test edits one thing; the verdicts were tried with pixi 0.77."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from pytest_pixipack.engine.embedded import EmbeddedEngine
from pytest_pixipack.engine.options import EngineOptions
from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.lock import parse_lock, write_lock
from pytest_pixipack.manifest import load_manifest
from pytest_pixipack.verify import Report, backend_metadata, check_lock

CHANNEL = "https://example.invalid/main"
WORKSPACE = f"""\
[workspace]
name = "here"
channels = ["{CHANNEL}"]
platforms = ["linux-64", {{ platform = "osx-arm64", macos = "14.0" }}]
preview = ["pixi-build"]

[dependencies]
app = {{ path = "pkgs/app" }}

[target.linux-64.dependencies]
libz = "*"
"""
PACKAGE = """\
[package]
name = "{name}"
version = "1.0"
build = {{ backend = {{ name = "stub-backend", version = "*" }} }}
"""
APP = f"""\
{PACKAGE.format(name="app")}
[package.host-dependencies]
inner = {{ path = "../inner" }}

[package.run-dependencies]
lib = {{ path = "../lib" }}
"""
FILES = {
    "pixi.toml": WORKSPACE,
    "pkgs/app/pixi.toml": APP,
    "pkgs/lib/pixi.toml": PACKAGE.format(name="lib"),
    "pkgs/inner/pixi.toml": PACKAGE.format(name="inner"),
}
Edit = tuple[str, str]


@dataclass(frozen=True)
class Locked:
    """A workspace that was locked once, and its lock's text."""

    root: Path
    engine: EmbeddedEngine
    text: str

    def check(
        self, manifests: Mapping[str, Edit] | None = None, lock: Edit | None = None, **more: bool
    ) -> Report:
        """The report after edits: file -> (old, new), and one of the lock."""
        for name, content in FILES.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(edited(content, (manifests or {}).get(name)), encoding="utf-8")
        manifest = load_manifest(self.root)
        read = parse_lock(edited(self.text, lock), "pixi.lock")
        metadata = backend_metadata(manifest, read, self.engine.options)
        return check_lock(manifest, read, metadata=metadata, **more)


def edited(text: str, edit: Edit | None) -> str:
    if edit is None:
        return text
    assert edit[0] in text
    return text.replace(*edit)


def rules(report: Report) -> set[str]:
    return {finding.rule for finding in report.errors}


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Locked:
    from pytest_pixipack.channel import StubChannel

    root = tmp_path_factory.mktemp("edits")
    stub = StubChannel("main").add("libz", "1.0", subdirs=["linux-64", "osx-arm64"])
    options = EngineOptions(
        cache_dir=root / "cache",
        channels={CHANNEL: stub.build(root / "channel").path},
        backends={"stub-backend": "stub"},
    )
    made = Locked(root / "w", EmbeddedEngine(options), "")
    for name, content in FILES.items():
        path = made.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    path = made.root / "pixi.lock"
    write_lock(made.engine.lock(made.root), path)
    text = path.read_bytes().decode()
    path.unlink()
    return Locked(made.root, made.engine, text)


def test_what_was_just_locked_is_up_to_date(locked: Locked) -> None:
    assert locked.check(notes=True).findings == ()


@pytest.mark.parametrize("path", ["./pkgs/app", "pkgs/app/", "pkgs/../pkgs/app"])
def test_a_path_may_be_spelled_in_other_ways(locked: Locked, path: str) -> None:
    assert locked.check({"pixi.toml": ("pkgs/app", path)}).ok


def test_a_manifest_is_another_place_than_its_directory(locked: Locked) -> None:
    report = locked.check({"pixi.toml": ("pkgs/app", "pkgs/app/pixi.toml")})
    assert rules(report) == {"lock-source-location"}


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        ('{ path = "./../inner/" }', set()),
        # Of a package that is built from a path, pixi looks neither at version nor at build.
        ('{ path = "../inner", version = ">=99" }', set()),
        ('">=99"', set()),
        ('{ path = "../lib" }', {"lock-build-environment"}),
    ],
)
def test_a_source_dependency_of_the_host_environment(
    locked: Locked, new: str, expected: set[str]
) -> None:
    assert rules(locked.check({"pkgs/app/pixi.toml": ('{ path = "../inner" }', new)})) == expected


def test_capitals_in_a_host_dependency_are_never_up_to_date(locked: Locked) -> None:
    report = locked.check({"pkgs/app/pixi.toml": ("inner = {", "Inner = {")})
    assert rules(report) == {"lock-build-environment"}
    assert "Write inner for Inner" in str(report.errors[0].remedy)


def test_capitals_in_what_a_package_under_development_needs(locked: Locked) -> None:
    """pixi 0.77 locks this, and finds its own lock out of date each time."""
    table = '[dev]\ninner = { path = "pkgs/inner" }\n\n[dependencies]'
    needs = PACKAGE.format(name="inner") + "\n[package.host-dependencies]\n"
    osx = {"pixi.toml": ("[dependencies]", table.replace("[dev]", "[target.linux-64.dev]"))}
    plain = {**osx, "pkgs/inner/pixi.toml": (PACKAGE.format(name="inner"), needs + 'libz = "*"\n')}
    assert "lock-depends" not in rules(locked.check(plain))
    capitals = {
        **osx,
        "pkgs/inner/pixi.toml": (PACKAGE.format(name="inner"), needs + 'LibZ = "*"\n'),
    }
    report = locked.check(capitals)
    found = [finding for finding in report.errors if finding.rule == "lock-depends"]
    assert [finding.platform for finding in found] == ["linux-64"]
    assert "Write libz for LibZ" in str(found[0].remedy)


def test_what_cannot_be_read_is_to_be_corrected(locked: Locked) -> None:
    """`pixi lock` cannot read it either."""
    report = locked.check({"pkgs/lib/pixi.toml": ("[package]", "[package")})
    assert {(finding.remedy, finding.line) for finding in report.errors} == {("Correct it", 1)}


def test_a_source_dependency_is_declared_with_its_place(locked: Locked) -> None:
    edit = {"pkgs/app/pixi.toml": ('lib = { path = "../lib" }', "")}
    (finding, *_) = locked.check(edit).errors
    assert 'declare lib = { path = "../lib" } in pkgs/app/pixi.toml' in str(finding.remedy)


def test_a_run_dependency_whose_source_moved_is_a_warning(locked: Locked) -> None:
    report = locked.check({"pkgs/app/pixi.toml": ("../lib", "../inner")})
    assert report.ok
    assert {(w.rule, w.package) for w in report.warnings} == {("lock-source-location", "app")}


def test_other_sources_than_those_beside_the_manifest(locked: Locked) -> None:
    report = locked.check({"pkgs/lib/pixi.toml": ("build = {", 'build = { source.path = "src",')})
    assert rules(report) == {"lock-source-location"}


@pytest.mark.parametrize("place", ["pkgs/nothing", "pkgs/inner"])
def test_packages_under_development(locked: Locked, place: str) -> None:
    table = f'[dev]\ninner = {{ path = "{place}" }}\n\n[dependencies]'
    report = locked.check({"pixi.toml": ("[dependencies]", table)})
    assert rules(report) == ({"lock-source-location"} if place == "pkgs/nothing" else set())


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://example.invalid/main/", set()),
        ("https://example.invalid:443/main", set()),
        ("HTTPS://Example.Invalid/other/../main", set()),
        ("https://example.invalid/other", {"lock-channels"}),
    ],
)
def test_spellings_of_a_channel(locked: Locked, url: str, expected: set[str]) -> None:
    assert rules(locked.check({"pixi.toml": (CHANNEL, url)})) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        # The subdir's own assumptions do not count, in the spelling that pixi gives them.
        ("  - __linux=4.18\n  - __linux=4.18\n", set()),
        ("", set()),
        ("  - __linux=4.18=0\n", {"lock-platform-definition"}),
        ("  - __linux=4.18\n  - __unix\n", {"lock-platform-definition"}),
        ("  - __linux=4.18\n  - __cuda=12\n", {"lock-platform-definition"}),
    ],
)
def test_virtual_packages_of_a_platform(locked: Locked, line: str, expected: set[str]) -> None:
    assert rules(locked.check(lock=("  - __linux=4.18\n", line))) == expected


def test_a_platform_of_another_name_is_found_by_what_it_is(locked: Locked) -> None:
    assert locked.check(lock=("p1", "apple")).ok
    report = locked.check(lock=("  - __osx=14.0\n", "  - __osx=14.0\n  - __unix\n"))
    assert rules(report) == {"lock-platform-definition"}


def test_a_platform_that_needs_nothing_has_not_to_be_locked(locked: Locked) -> None:
    more = 'platforms = ["win-64", '
    only_unix = {"pixi.toml": ("platforms = [", more)}
    assert rules(locked.check(only_unix)) == {"lock-platforms"}
    text = WORKSPACE.replace("platforms = [", more).replace(
        "[dependencies]", "[target.unix.dependencies]"
    )
    assert locked.check({"pixi.toml": (WORKSPACE, text)}).ok


def test_what_is_listed_twice_counts_once(locked: Locked) -> None:
    line = f"      - conda: {CHANNEL}/linux-64/libz-1.0-"
    start = locked.text.index(line)
    whole = locked.text[start : locked.text.index("\n", start) + 1]
    report = locked.check(lock=(whole, whole * 2))
    assert report.ok
    assert {warning.rule for warning in report.warnings} == {"lock-canonical"}


def test_a_name_that_no_platform_can_have(locked: Locked) -> None:
    with pytest.raises(InvalidInput, match="no name for a platform"):
        locked.check(lock=("p1", "my phone"))


def test_the_environments_of_a_solve_group_have_the_same_packages(tmp_path: Path) -> None:
    """Two environments were locked apart, and are put into one group."""
    manifest = """\
[workspace]
name = "groups"
channels = []
platforms = ["linux-64"]

[feature.one.dependencies]
libz = "*"

[feature.two.dependencies]
libz = "*"

[environments]
one = { features = ["one"]GROUP }
two = { features = ["two"]GROUP }
"""
    environment = """\
    channels: []
    packages:
      linux-64:
"""
    package = "- conda: https://example.invalid/main/linux-64/libz-{0}-h0_0.conda\n"
    lock = (
        "version: 7\nplatforms:\n- name: linux-64\nenvironments:\n"
        "  default:\n    channels: []\n    packages: {}\n"
        f"  one:\n{environment}      {package.format('1.0')}"
        f"  two:\n{environment}      {package.format('2.0')}"
        f"packages:\n{package.format('1.0')}{package.format('2.0')}"
    )

    def checked(group: str) -> Report:
        (tmp_path / "pixi.toml").write_text(manifest.replace("GROUP", group), encoding="utf-8")
        return check_lock(load_manifest(tmp_path), parse_lock(lock))

    assert checked("").ok
    report = checked(', solve-group = "g"')
    assert rules(report) == {"lock-solve-group"}
    assert "both in the solve group g" in report.errors[0].message


def test_it_is_said_where_no_backend_was_asked(locked: Locked) -> None:
    assert locked.check().ok
    manifest = load_manifest(locked.root)
    report = check_lock(manifest, parse_lock(locked.text), notes=True)
    assert report.ok
    assert {finding.rule for finding in report.findings} == {"lock-backend"}
    assert {finding.package for finding in report.findings} == {"app", "lib"}
    assert {finding.severity for finding in report.findings} == {"note"}
    assert check_lock(manifest, parse_lock(locked.text)).findings == ()


REMEDIES: list[tuple[Callable[[Locked], Report], str]] = [
    (lambda w: w.check({"pixi.toml": ('libz = "*"', 'libz = ">=2"')}), 'libz = "==1.0"'),
    (lambda w: w.check({"pixi.toml": ('libz = "*"', "")}), "add libz to the dependencies again"),
    (
        lambda w: w.check({"pixi.toml": ('libz = "*"', 'libz = "*"\nghost = "*"')}),
        "remove ghost from the manifest",
    ),
    (lambda w: w.check({"pixi.toml": (CHANNEL, "other")}), f'channels = ["{CHANNEL}/"]'),
    (
        lambda w: w.check({"pixi.toml": ("preview", 'solve-strategy = "lowest"\npreview')}),
        "set solve-strategy as it was",
    ),
    (lambda w: w.check({"pixi.toml": ("pkgs/app", "pkgs/lib")}), "name pkgs/app again"),
]


@pytest.mark.parametrize(("make", "words"), REMEDIES, ids=[words for _, words in REMEDIES])
def test_each_finding_names_an_edit(
    locked: Locked, make: Callable[[Locked], Report], words: str
) -> None:
    report = make(locked)
    assert not report.ok
    remedies = [str(finding.remedy) for finding in report.errors]
    assert any(words in remedy for remedy in remedies), remedies
    assert all(remedy.startswith("Run `pixi lock`, or ") for remedy in remedies)
