"""What is added to a pack is what its name says, and fits what is packed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_pixipack import EmbeddedEngine, EngineOptions, Pack, StubChannel
from pytest_pixipack.artifact import Member, write_artifact
from pytest_pixipack.errors import InvalidInput
from tests.wheels import change_wheel, make_wheel

MANIFEST = """\
[workspace]
name = "ship"
channels = ["./channel"]
platforms = ["linux-64"]

[dependencies]
python = "*"
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
packages:
- conda: {channel}/linux-64/python-3.12.1-h0_0.conda
  subdir: linux-64
{digest}
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A workspace whose lock has a Python."""
    place = tmp_path / "ship"
    place.mkdir()
    (place / "pixi.toml").write_text(MANIFEST, encoding="utf-8")
    files: dict[str, str] = {"bin/python": "#!/bin/sh\n"}
    channel = StubChannel("channel").add(
        "python", "3.12.1", build="h0_0", subdir="linux-64", files=files
    )
    built = channel.build(place / "channel")
    digest = f"  sha256: {built.packages[0].sha256}"
    text = LOCK.format(channel=built.url.rstrip("/"), digest=digest)
    (place / "pixi.lock").write_text(text, encoding="utf-8")
    return place


@pytest.fixture
def pack(root: Path, tmp_path: Path) -> Callable[..., Pack]:
    """Packs the workspace with what is injected; where it is refused, nothing is written."""
    engine = EmbeddedEngine(EngineOptions(cache_dir=tmp_path / "cache"))

    def make(*inject: Path) -> Pack:
        out = tmp_path / "environment.tar"
        try:
            return engine.pack(root, out, platform="linux-64", inject=inject)
        except InvalidInput:
            assert not out.exists()
            raise

    return make


def package(
    folder: Path, name: str = "sail", *, file_name: str | None = None, **index: Any
) -> Path:
    record = {
        "name": name, "version": "1.0", "build": "0", "build_number": 0, "depends": [],
        "subdir": "linux-64", **index,
    }  # fmt: skip
    path = folder / (file_name or f"{name}-{record['version']}-{record['build']}.conda")
    folder.mkdir(exist_ok=True)
    write_artifact(path, record, [Member(f"share/{name}", b"x")])
    return path


@pytest.mark.parametrize("subdir", ["linux-64", "noarch"])
def test_a_package_is_added(subdir: str, pack: Callable[..., Pack], tmp_path: Path) -> None:
    made = pack(package(tmp_path / "p", subdir=subdir, depends=["python >=3.12"]))
    assert {facts.name for facts in made.records} == {"python", "sail"}


@pytest.mark.parametrize(
    ("index", "said"),
    [
        ({"subdir": "osx-arm64"}, "it is for 'osx-arm64', the pack is for linux-64"),
        ({"subdir": "win-64"}, "it is for 'win-64'"),
        ({"subdir": "../noarch"}, "it is for '../noarch'"),
        ({"depends": ["mast"]}, "does not fit"),
        ({"constrains": ["python <3"]}, "does not fit"),
        ({"depends": ["python >=3 ||"]}, "injected|does not fit"),
        ({"depends": ["[[["]}, "injected|does not fit|cannot be read"),
        ({"version": "1..0"}, "cannot be read"),
        ({"name": "Sail"}, "no name of a package; they are in lower case"),
        ({"file_name": "mast-1.0-0.conda"}, "the package in it is sail-1.0-0"),
        ({"file_name": "sail-1.0-1.conda"}, "the package in it is sail-1.0-0"),
        ({"file_name": "NUL.conda"}, "the package in it is sail-1.0-0"),
    ],
)
def test_a_package_that_does_not_fit_is_refused(
    index: dict[str, Any], said: str, pack: Callable[..., Pack], tmp_path: Path
) -> None:
    with pytest.raises(InvalidInput, match=said):
        pack(package(tmp_path / "p", **index))


def test_another_file_of_a_locked_name_is_refused(
    pack: Callable[..., Pack], root: Path, tmp_path: Path
) -> None:
    """It would take the place of the locked one."""
    other = package(tmp_path / "p", "python", version="3.12.1", build="h0_0")
    with pytest.raises(InvalidInput, match="another file of that name is in the pack"):
        pack(other)
    same = shutil.copy(next(root.rglob("python-*.conda")), tmp_path)
    assert len(pack(Path(same)).records) == 1


@pytest.mark.parametrize("content", [b"", b"<html>Not found</html>", b"PK\3\4junk"])
@pytest.mark.parametrize(
    "name", ["sail-1.0-0.conda", "sail-1.0-0.tar.bz2", "sail-1.0-py3-none-any.whl"]
)
def test_what_is_no_package_is_refused(
    content: bytes, name: str, pack: Callable[..., Pack], tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidInput, match=r"not (a )?valid|not a wheel|cut off"):
        pack(tmp_path / name)


def test_two_names_of_one_file_are_refused(pack: Callable[..., Pack], tmp_path: Path) -> None:
    one = package(tmp_path / "p", build="a")
    other = package(tmp_path / "p", build="A")
    with pytest.raises(InvalidInput, match="are one file on some systems"):
        pack(one, other)


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"metadata": "Requires-Dist: mast\nRequires-Dist: [[[\n"},
        {"metadata": "Requires-Python: >=3.13\n"},
        {"tag": "cp39-cp39-win_amd64"},
    ],
    ids=["good", "requires what is absent", "another Python", "another system"],
)
def test_a_wheel_is_added(more: dict[str, Any], pack: Callable[..., Pack], tmp_path: Path) -> None:
    """As pixi-pack does; whether it can be used there is what `verify` tells."""
    wheel = make_wheel(tmp_path / "w", "sail", **more)
    assert pack(wheel).wheels == (wheel.name,)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"files": {"../evil": b""}}, "leaves its directory"),
        ({"files": {"sail-1.0.data/data/conda-meta/x.json": b""}}, "only installers write"),
        ({"scripts": {"../evil": "sail:main"}}, "has a slash"),
    ],
)
def test_a_wheel_that_is_unsafe_is_refused(
    more: dict[str, Any], said: str, pack: Callable[..., Pack], tmp_path: Path
) -> None:
    with pytest.raises(InvalidInput, match=said):
        pack(make_wheel(tmp_path / "w", "sail", **more))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("sail.whl", "is not the name of a wheel"),
        ("mast-1.0-py3-none-any.whl", "that of another project"),
        ("sail-2.0-py3-none-any.whl", "its name says sail 2.0"),
    ],
)
def test_a_wheel_with_the_name_of_another_is_refused(
    name: str, said: str, pack: Callable[..., Pack], tmp_path: Path
) -> None:
    wheel = make_wheel(tmp_path / "w", "sail")
    with pytest.raises(InvalidInput, match=said):
        pack(wheel.rename(wheel.with_name(name)))


def test_two_wheels_of_one_project_are_refused(pack: Callable[..., Pack], tmp_path: Path) -> None:
    wheels = [make_wheel(tmp_path / "w", "sail", version) for version in ("1.0", "2.0")]
    with pytest.raises(InvalidInput, match=r"the pack has sail-1\.0-py3-none-any\.whl"):
        pack(*wheels)


def test_a_wheel_whose_files_are_others_is_refused(
    pack: Callable[..., Pack], tmp_path: Path
) -> None:
    wheel = make_wheel(tmp_path / "w", "sail")
    change_wheel(wheel, RECORD=b"sail/__init__.py,sha256=AAAA,\n")
    with pytest.raises(InvalidInput, match="its RECORD does not fit"):
        pack(wheel)


def test_what_is_locked_without_a_digest_is_looked_at(
    pack: Callable[..., Pack], root: Path
) -> None:
    """A server may answer with a page instead of the package."""
    lock = root / "pixi.lock"
    lines = lock.read_text(encoding="utf-8").splitlines()
    lock.write_text("\n".join(line for line in lines if "sha256" not in line), encoding="utf-8")
    pack().path.unlink()
    next((root / "channel").rglob("python-*.conda")).write_bytes(b"<html>Sign in</html>")
    with pytest.raises(InvalidInput, match="not a valid zip"):
        pack()
