"""Wheels of a lock travel in packs, and those that are injected."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_pixipack import EmbeddedEngine, EngineOptions, StubChannel
from pytest_pixipack.errors import InvalidInput, Unsupported
from pytest_pixipack.verify import verify
from tests.wheels import make_wheel

MANIFEST = """\
[workspace]
name = "ship"
channels = ["./channel"]
platforms = ["linux-64"]

[dependencies]
python = "*"

[pypi-dependencies]
sail = "*"
"""

LOCK = """\
version: 7
platforms:
- name: linux-64
environments:
  default:
    channels:
    - url: {channel}/
    packages:
      linux-64:
      - conda: {channel}/linux-64/python-3.12.1-h0_0.conda
{selectors}
packages:
- conda: {channel}/linux-64/python-3.12.1-h0_0.conda
  subdir: linux-64
  sha256: {python}
  timestamp: {timestamp}
{packages}
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Callable[..., Path]:
    """Writes a workspace whose lock names PyPI packages by location and digest."""

    def make(**locations: tuple[str, str | None]) -> Path:
        root = tmp_path / "ship"
        root.mkdir()
        (root / "pixi.toml").write_text(MANIFEST, encoding="utf-8")
        files: dict[str, str] = {"bin/python": "#!/bin/sh\n"}
        channel = StubChannel("channel").add(
            "python", "3.12.1", build="h0_0", subdir="linux-64", files=files
        )
        built = channel.build(root / "channel")
        selectors = [f"      - pypi: {location}" for location, _ in locations.values()]
        packages: list[str] = []
        for name, (location, digest) in locations.items():
            packages += [f"- pypi: {location}", f"  name: {name}"]
            packages += [f"  sha256: {digest}"] if digest else []
        text = LOCK.format(
            channel=built.url.rstrip("/"),
            selectors="\n".join(selectors),
            packages="\n".join(packages),
            python=built.packages[0].sha256,
            timestamp=built.packages[0].timestamp,
        )
        (root / "pixi.lock").write_text(text, encoding="utf-8")
        return root

    return make


@pytest.fixture
def engine(tmp_path: Path) -> EmbeddedEngine:
    return EmbeddedEngine(EngineOptions(cache_dir=tmp_path / "cache"))


def digest_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_locked_wheel_is_packed_and_installed(
    workspace: Callable[..., Path], engine: EmbeddedEngine, tmp_path: Path
) -> None:
    wheel = make_wheel(tmp_path / "ship-wheels", "sail", "2.0", scripts={"hoist": "sail:main"})
    root = workspace(sail=(f"../ship-wheels/{wheel.name}", digest_of(wheel)))

    pack = engine.pack(root, tmp_path / "environment.tar", platform="linux-64")

    assert pack.wheels == ("sail-2.0-py3-none-any.whl",)
    assert pack.environment_yml is not None
    assert pack.environment_yml.pip == ("--no-index", "--find-links ./pypi", "sail==2.0")
    prefix = engine.unpack(pack.path, tmp_path / "out", platform="linux-64")
    assert (prefix.path / "lib/python3.12/site-packages/sail/__init__.py").is_file()
    script = (prefix.path / "bin" / "hoist").read_text(encoding="utf-8")
    assert str(prefix.path / "bin" / "python") in script
    assert verify(pack=pack, prefix=prefix).findings == ()


def test_another_wheel_than_the_locked_one_is_refused(
    workspace: Callable[..., Path], engine: EmbeddedEngine, tmp_path: Path
) -> None:
    wheel = make_wheel(tmp_path / "wheels", "sail", "2.0")
    root = workspace(sail=(f"../wheels/{wheel.name}", "0" * 64))

    with pytest.raises(InvalidInput, match=r"sail-2\.0-py3-none-any\.whl is not the file"):
        engine.pack(root, tmp_path / "environment.tar", platform="linux-64")
    assert not (tmp_path / "environment.tar").exists()


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("https://files.example/sail-2.0.tar.gz", "a source distribution"),
        ("./sail", "a directory"),
        ("git+https://git.example/sail.git?rev=1#0123", "a git repository"),
    ],
)
def test_what_is_no_wheel_is_named_or_left_out(
    location: str,
    reason: str,
    workspace: Callable[..., Path],
    engine: EmbeddedEngine,
    tmp_path: Path,
) -> None:
    root = workspace(sail=(location, None))
    out = tmp_path / "environment.tar"

    with pytest.raises(Unsupported, match=f"sail cannot be packed: it is locked to {reason}"):
        engine.pack(root, out, platform="linux-64")

    pack = engine.pack(root, out, platform="linux-64", ignore_pypi_non_wheel=True)
    assert pack.wheels == ()


def test_a_wheel_can_be_injected(
    workspace: Callable[..., Path], engine: EmbeddedEngine, tmp_path: Path
) -> None:
    keel = make_wheel(tmp_path / "wheels", "keel", "0.1")

    pack = engine.pack(workspace(), tmp_path / "p.tar", platform="linux-64", inject=[keel])

    assert pack.wheels == (keel.name,)


def test_what_is_injected_as_a_wheel_has_the_name_of_one(
    workspace: Callable[..., Path], engine: EmbeddedEngine, tmp_path: Path
) -> None:
    (tmp_path / "keel.whl").write_bytes(b"")

    with pytest.raises(InvalidInput, match=r"keel\.whl is not the name of a wheel"):
        engine.pack(
            workspace(), tmp_path / "p.tar", platform="linux-64", inject=[tmp_path / "keel.whl"]
        )
