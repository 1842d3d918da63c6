"""What docs/found.md says of pixi 0.77.0 and pixi-pack 0.7.10 is true where they are on PATH.

One test for each entry, called as its heading is numbered there.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_pixipack import StubChannel, read_pack
from pytest_pixipack.engine.hermetic import hermetic_environment
from pytest_pixipack.engine.system.tools import find_tools

DATA = Path(__file__).parents[1] / "data" / "conformance"
PAGE = Path(__file__).parents[2] / "docs" / "found.md"
WANTED = {"pixi": "0.77.0", "pixi-pack": "0.7.10", "pixi-unpack": "0.7.10"}


def _absent() -> str | None:
    if sys.platform != "linux":
        return "the recorded workspaces are for Linux"
    found = {name: str(tool.version) for name, tool in find_tools().found.items()}
    missing = [
        f"{name} {version}" for name, version in WANTED.items() if found.get(name) != version
    ]
    return f"not on PATH: {', '.join(missing)}" if missing else None


reason = _absent()
needs_tools = pytest.mark.skipif(reason is not None, reason=reason or "")

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs a real tool in a hermetic environment, with our stub as the build backend."""
    home = tmp_path / "home"
    stub = shutil.which("pixipack-stub-backend", path=str(Path(sys.executable).parent))
    extra = {
        "PIXI_BUILD_BACKEND_OVERRIDE": f"stub-backend={stub}",
        "CONDA_OVERRIDE_GLIBC": "2.36",
        "CONDA_OVERRIDE_LINUX": "6.1",
    }
    environment = hermetic_environment(home, extra=extra)

    def call(*argv: object, cwd: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*map(str, argv)], cwd=cwd, env=environment, capture_output=True, encoding="utf-8",
            timeout=120,
        )  # fmt: skip

    return call


@pytest.fixture
def case(tmp_path: Path) -> Callable[[str], Path]:
    """A copy of a recorded workspace."""

    def copy(name: str, kind: str = "cases") -> Path:
        root = tmp_path / "c"
        ignored = shutil.ignore_patterns("expected")
        if kind == "lock-check":
            shutil.copytree(DATA / kind / name, root / "case")
            shutil.copytree(DATA / kind / "channels", root / "channels")
        else:
            shutil.copytree(DATA / kind / name, root, symlinks=True, ignore=ignored)
        for lock in root.rglob("pixi.lock"):
            text = lock.read_text(encoding="utf-8")
            lock.write_text(text.replace("@ROOT@", root.as_posix()), encoding="utf-8")
        return root / "case" / "workspace" if kind == "lock-check" else root / "workspace"

    return copy


def write(root: Path, manifest: str) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    (root / "pixi.toml").write_text(manifest, encoding="utf-8")
    return root


WORKSPACE = """\
[workspace]
name = "w"
channels = ["{channel}"]
platforms = ["linux-64"]
preview = ["pixi-build"]
"""


def headings() -> list[str]:
    return re.findall(r"^## (\d+)\. ", PAGE.read_text(encoding="utf-8"), flags=re.M)


def test_every_entry_has_a_test() -> None:
    tests = [name for name in globals() if re.match(r"test_\d+_", name)]
    assert sorted(name.split("_")[1] for name in tests) == sorted(headings())
    assert len(tests) >= 10


@needs_tools
@pytest.mark.slow
def test_1_source_run_dependencies_cannot_be_packed(run: Run, case: Callable[..., Path]) -> None:
    root = case("trio")
    assert run("pixi", "lock", cwd=root).returncode == 0

    done = run("pixi-pack", "-o", "x.tar", "pixi.toml", cwd=root)

    assert done.returncode == 1
    assert "package 'app' has source run dependencies (lib)" in done.stderr  # the rest is wrapped


@needs_tools
@pytest.mark.slow
def test_2_a_built_package_needs_a_binary_one_of_its_subdir(
    run: Run, case: Callable[..., Path]
) -> None:
    root = case("variants")
    assert run("pixi", "lock", cwd=root).returncode == 0

    done = run("pixi-pack", "-o", "x.tar", "pixi.toml", cwd=root)

    assert done.returncode == 1
    assert (
        "could not copy file to channel directory: No such file or directory (os error 2)"
        in done.stderr
    )


@needs_tools
@pytest.mark.slow
def test_3_packages_in_pyproject_toml_cannot_be_packed(run: Run, case: Callable[..., Path]) -> None:
    root = case("pyproject")
    assert run("pixi", "lock", cwd=root).returncode == 0

    done = run("pixi-pack", "-o", "x.tar", "pyproject.toml", cwd=root)

    assert done.returncode == 1
    assert "Cannot find manifest file part/pixi.toml" in done.stderr


@needs_tools
@pytest.mark.slow
@pytest.mark.parametrize("damage", ["lock-wrong-sha256", "lock-binary-depends-dropped"])
def test_4_a_wrong_digest_or_a_lost_dependency_is_up_to_date(
    damage: str, run: Run, case: Callable[..., Path]
) -> None:
    assert run("pixi", "lock", "--check", cwd=case(damage, "lock-check")).returncode == 0


@needs_tools
@pytest.mark.slow
def test_5_lock_check_writes(run: Run, case: Callable[..., Path]) -> None:
    root = case("lock-v6")
    before = (root / "pixi.lock").read_bytes()

    first = run("pixi", "lock", "--check", cwd=root)

    assert first.returncode == 1
    assert (root / "pixi.lock").read_bytes() != before
    assert run("pixi", "lock", "--check", cwd=root).returncode == 0


@needs_tools
@pytest.mark.slow
def test_6_other_files_are_injected_in_silence(run: Run, case: Callable[..., Path]) -> None:
    root = case("injection")
    assert run("pixi", "lock", cwd=root).returncode == 0

    done = run("pixi-pack", "-i", "pixi.toml", "-o", "x.tar", "pixi.toml", cwd=root)

    assert done.returncode == 0
    assert not any("pixi.toml" in member.name for member in read_pack(root / "x.tar").members)


@needs_tools
@pytest.mark.slow
def test_7_two_versions_of_one_package_are_packed(run: Run, case: Callable[..., Path]) -> None:
    root = case("inject-two-versions")
    assert run("pixi", "lock", cwd=root).returncode == 0
    second = next(root.parent.rglob("linux-64/libz-1.1.0-*.conda"))

    done = run("pixi-pack", "-i", second, "-o", "x.tar", "pixi.toml", cwd=root)

    assert done.returncode == 0
    names = [facts.name for facts in read_pack(root / "x.tar").records]
    assert names.count("libz") == 2
    assert run("pixi-unpack", "-o", "out", "x.tar", cwd=root).returncode == 0
    assert (root / "out" / "env" / "__clobbers__").is_dir()


@needs_tools
@pytest.mark.slow
def test_8_unpacking_a_directory_leaves_a_cache_in_it(run: Run, case: Callable[..., Path]) -> None:
    root = case("pack-forms")
    assert run("pixi", "lock", cwd=root).returncode == 0
    pack = ("pixi-pack", "--directory-only", "-o", "pack", "pixi.toml")
    assert run(*pack, cwd=root).returncode == 0

    assert run("pixi-unpack", "-o", "out", "pack", cwd=root).returncode == 0

    assert any((root / "pack" / "cache").iterdir())


@needs_tools
@pytest.mark.slow
def test_9_a_fresh_lock_with_capitals_is_out_of_date(run: Run, tmp_path: Path) -> None:
    channel = StubChannel("main").add("libz", "1.0", subdirs=["linux-64"]).build(tmp_path / "ch")
    root = write(
        tmp_path / "w",
        WORKSPACE.format(channel=channel.url) + '[dependencies]\nlib = { path = "lib" }\n',
    )
    write(
        root / "lib",
        '[package]\nname = "lib"\nversion = "1"\n'
        '[package.build]\nbackend = { name = "stub-backend", version = "*" }\n'
        '[package.host-dependencies]\nLibZ = "*"\n',
    )
    assert run("pixi", "lock", cwd=root).returncode == 0

    assert run("pixi", "lock", "--check", cwd=root).returncode == 1


@needs_tools
@pytest.mark.slow
def test_10_an_empty_readme_table_is_a_panic(run: Run, tmp_path: Path) -> None:
    root = write(
        tmp_path / "w",
        WORKSPACE.format(channel="https://conda.example/c")
        + '[package]\nname = "a"\nversion = "1"\nreadme = {}\n'
        '[package.build]\nbackend = { name = "stub-backend", version = "*" }\n',
    )

    done = run("pixi", "lock", cwd=root)

    assert done.returncode not in (0, 1)
    assert "panicked" in done.stderr


@needs_tools
@pytest.mark.slow
def test_11_an_error_without_data_is_an_empty_message(run: Run, tmp_path: Path) -> None:
    shutil.copytree(DATA / "errors" / "outputs-error-without-data", tmp_path / "case")
    shutil.copytree(DATA / "errors" / "channels", tmp_path / "channels")

    done = run("pixi", "lock", cwd=tmp_path / "case" / "workspace")

    assert done.returncode == 1
    assert "failed to resolve source package 'lib'" in done.stderr
    assert "only a message" not in done.stderr


@needs_tools
@pytest.mark.slow
def test_12_a_tampered_wheel_is_packed(run: Run, case: Callable[..., Path], tmp_path: Path) -> None:
    from tests.wheels import make_wheel

    root = case("injection")
    assert run("pixi", "lock", cwd=root).returncode == 0
    wheel = make_wheel(root / "wheels", "sail", "2.0")
    lock = root / "pixi.lock"
    text = lock.read_text(encoding="utf-8")
    selector = f"      - pypi: ./wheels/{wheel.name}\n"
    entry = f"- pypi: ./wheels/{wheel.name}\n  name: sail\n  version: '2.0'\n"
    entry += f"  sha256: {'0' * 64}\n"
    at = text.index("packages:\n- ")
    lock.write_text(text[:at] + selector + text[at:] + entry, encoding="utf-8")

    done = run("pixi-pack", "-o", "x.tar", "pixi.toml", cwd=root)

    assert done.returncode == 0, done.stderr
    assert read_pack(root / "x.tar").wheels == (wheel.name,)


@needs_tools
@pytest.mark.slow
def test_13_a_day_is_the_day_after(run: Run, tmp_path: Path) -> None:
    """2020-01-01 lets in what was uploaded on that day, until its last millisecond."""
    noon = 1_577_880_000_000
    channel = (
        StubChannel("main")
        .add("libz", "1.0", subdirs=["linux-64"], timestamp=noon - 86_400_000)
        .add("libz", "1.1", subdirs=["linux-64"], timestamp=noon)
        .build(tmp_path / "ch")
    )
    manifest = WORKSPACE.format(channel=channel.url) + 'exclude-newer = "2020-01-01"\n'
    root = write(tmp_path / "w", manifest + '[dependencies]\nlibz = "*"\n')

    assert run("pixi", "lock", cwd=root).returncode == 0

    assert "libz-1.1-" in (root / "pixi.lock").read_text(encoding="utf-8")


@needs_tools
@pytest.mark.slow
def test_14_a_url_source_is_a_panic(run: Run, tmp_path: Path) -> None:
    root = write(
        tmp_path / "w",
        WORKSPACE.format(channel=StubChannel("main").build(tmp_path / "ch").url)
        + f'[dependencies]\nlib = {{ url = "{(tmp_path / "lib.tar.gz").as_uri()}" }}\n',
    )
    package = write(
        tmp_path / "lib",
        '[workspace]\nchannels = []\nplatforms = ["linux-64"]\npreview = ["pixi-build"]\n'
        '[package]\nname = "lib"\nversion = "1"\n'
        '[package.build]\nbackend = { name = "stub-backend", version = "*" }\n',
    )
    shutil.make_archive(str(tmp_path / "lib"), "gztar", package)

    done = run("pixi", "lock", cwd=root)

    assert done.returncode not in (0, 1), done.stderr
    assert "not implemented" in done.stderr


@needs_tools
@pytest.mark.slow
@pytest.mark.skipif(shutil.which("xonsh") is None, reason="xonsh is not on PATH")
def test_15_in_xonsh_the_activated_environment_has_no_path(run: Run, tmp_path: Path) -> None:
    pack = DATA / "cases" / "flat" / "expected" / "pack" / "environment.tar"
    assert run("pixi-unpack", "-s", "xonsh", pack, cwd=tmp_path).returncode == 0
    script = tmp_path / "activate.xsh"
    lines = [line for line in script.read_text("utf-8").splitlines() if "source-bash" not in line]
    script.write_text("\n".join([*lines, "print(list($PATH))\n"]), "utf-8")

    done = run("xonsh", "--no-rc", "--no-script-cache", script, cwd=tmp_path)

    assert done.stdout.strip() == str([str(tmp_path / "env" / "bin"), "${PATH}"])
