"""Source packages from archives: compared with their digests, unpacked safely, once."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_pixipack import EmbeddedEngine, EngineOptions, StubChannel
from pytest_pixipack.engine.archives import ArchiveCache
from pytest_pixipack.errors import InvalidInput, Offline, Unsupported
from pytest_pixipack.lock import parse_lock, write_lock
from pytest_pixipack.platforms import current_platform

BACKEND = '[package.build]\nbackend = { name = "stub-backend", version = "*" }\n'
FILES = {
    "pixi.toml": '[workspace]\nname = "r"\npreview = ["pixi-build"]\n'
    "channels = []\nplatforms = []\n",
    "app/pixi.toml": f'[package]\nname = "app"\nversion = "1.0"\n{BACKEND}'
    '[package.run-dependencies]\nlib = { path = "../lib" }\n',
    "lib/pixi.toml": f'[package]\nname = "lib"\nversion = "2.0"\n{BACKEND}',
}


def tar(path: Path, members: dict[str, str], mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, text in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            archive.addfile(info, io.BytesIO(text.encode()))
    return path


def zipped(path: Path, members: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return path


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def cache(tmp_path: Path) -> ArchiveCache:
    return ArchiveCache(tmp_path / "cache", network=False)


@pytest.fixture
def lock(tmp_path: Path) -> Callable[..., tuple[EmbeddedEngine, Path]]:
    """An engine, and a workspace that wants `app` from an archive."""
    channel = StubChannel().add("libz", "1.3").build(tmp_path / "channel")

    def make(words: str) -> tuple[EmbeddedEngine, Path]:
        root = tmp_path / "w"
        root.mkdir()
        (root / "pixi.toml").write_text(
            f'[workspace]\nname = "w"\npreview = ["pixi-build"]\nchannels = ["{channel.url}"]\n'
            f'platforms = ["{current_platform()}"]\n[dependencies]\napp = {{ {words} }}\n',
            encoding="utf-8",
        )
        options = EngineOptions(cache_dir=tmp_path / "c", backends={"stub-backend": "stub"})
        return EmbeddedEngine(options), root

    return make


@pytest.mark.parametrize("name", ["a.tar.gz", "a.tgz", "a.tar.bz2", "a.tar.xz", "a.tar", "a.zip"])
def test_every_kind_of_archive_is_unpacked(name, cache, tmp_path):
    modes = {"a.tar.bz2": "w:bz2", "a.tar.xz": "w:xz", "a.tar": "w"}
    pack = zipped if name.endswith(".zip") else lambda p, m: tar(p, m, modes.get(name, "w:gz"))
    path = pack(tmp_path / name, {"top/a.txt": "a", "top/deep/b.txt": "b"})
    digest, _ = cache.pin(path.as_uri(), None, None)
    assert digest == sha256(path)
    place = cache.directory_of(path.as_uri(), digest)
    # The single directory at the top is left out.
    assert (place / "a.txt").read_text(encoding="utf-8") == "a"
    assert (place / "deep" / "b.txt").read_text(encoding="utf-8") == "b"


def test_several_entries_at_the_top_stay_where_they_are(cache, tmp_path):
    path = tar(tmp_path / "a.tar.gz", {"one/a": "", "two/b": ""})
    place = cache.directory_of(path.as_uri(), sha256(path))
    assert sorted(entry.name for entry in place.iterdir()) == ["one", "two"]


def test_an_archive_is_unpacked_once(cache, tmp_path):
    path = tar(tmp_path / "a.tar.gz", {"top/a": "a"})
    digest = sha256(path)
    place = cache.directory_of(path.as_uri(), digest)
    path.unlink()
    assert cache.directory_of(path.as_uri(), digest) == place


@pytest.mark.parametrize("kind", ["sha256", "md5"])
def test_another_archive_than_the_one_that_is_meant_is_refused(kind, cache, tmp_path):
    path = tar(tmp_path / "a.tar.gz", {"top/a": "a"})
    wanted = {"sha256": None, "md5": None, kind: "0" * (64 if kind == "sha256" else 32)}
    with pytest.raises(InvalidInput, match=f"its {kind} is"):
        cache.pin(path.as_uri(), **wanted)
    assert not (tmp_path / "cache").exists()  # it is not unpacked either


@pytest.mark.parametrize("name", ["../out", "/out", "a/../../out", "C:/out", "a\\..\\..\\out"])
@pytest.mark.parametrize("suffix", ["tar.gz", "zip"])
def test_members_that_leave_the_archive_are_refused(name, suffix, cache, tmp_path):
    pack = zipped if suffix == "zip" else tar
    path = pack(tmp_path / f"a.{suffix}", {"good": "", name: "bad"})
    with pytest.raises(InvalidInput):
        cache.pin(path.as_uri(), None, None)
    assert sorted(p.name for p in tmp_path.iterdir()) == [f"a.{suffix}", "cache"]
    assert not [p for p in (tmp_path / "cache").iterdir() if p.suffix != ".lock"]


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        (tarfile.SYMTYPE, "../../out"),
        (tarfile.SYMTYPE, "/etc"),
        (tarfile.LNKTYPE, "../out"),
        (tarfile.LNKTYPE, "nowhere"),
        (tarfile.FIFOTYPE, ""),
        (tarfile.CHRTYPE, ""),
    ],
)
def test_links_that_lead_out_and_special_files_are_refused(kind, target, cache, tmp_path):
    path = tmp_path / "a.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        info = tarfile.TarInfo("top/bad")
        info.type, info.linkname = kind, target
        archive.addfile(info)
    with pytest.raises(InvalidInput, match=r"bad|\.\./out"):
        cache.pin(path.as_uri(), None, None)


def test_nothing_is_written_through_a_link(cache, tmp_path):
    (tmp_path / "outside").mkdir()
    path = tmp_path / "a.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        info = tarfile.TarInfo("top/here")
        info.type, info.linkname = tarfile.SYMTYPE, "."
        archive.addfile(info)
        archive.addfile(tarfile.TarInfo("top/here/file"))
    with pytest.raises(InvalidInput, match="lies below"):
        cache.pin(path.as_uri(), None, None)


@pytest.mark.skipif(os.name == "nt", reason="links need a right on Windows")
def test_links_within_the_archive_are_kept(cache, tmp_path):
    path = tmp_path / "a.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        info = tarfile.TarInfo("top/real")
        info.size = 1
        archive.addfile(info, io.BytesIO(b"x"))
        for name, kind in (("soft", tarfile.SYMTYPE), ("hard", tarfile.LNKTYPE)):
            info = tarfile.TarInfo(f"top/{name}")
            info.type, info.linkname = kind, "real" if name == "soft" else "top/real"
            archive.addfile(info)
    place = cache.directory_of(path.as_uri(), sha256(path))
    assert (place / "soft").readlink() == Path("real")
    assert (place / "hard").read_bytes() == b"x"


@pytest.mark.parametrize("name", ["a.tar.gz", "a.tar.bz2", "a.tar.xz", "a.tar", "a.zip"])
@pytest.mark.parametrize("cut", [0, 1, 30, -20])
def test_broken_archives_are_one_sentence(name, cut, cache, tmp_path):
    whole = tmp_path / "whole"
    modes = {"a.tar.gz": "w:gz", "a.tar.bz2": "w:bz2", "a.tar.xz": "w:xz", "a.tar": "w"}
    members = {"top/a": os.urandom(3000).hex()}
    pack = zipped if name.endswith(".zip") else lambda p, m: tar(p, m, modes[name])
    data = pack(whole, members).read_bytes()
    path = tmp_path / name
    # A plain tar may lack what fills up its last block.
    path.write_bytes(data[: cut if name != "a.tar" or cut >= 0 else 3000])
    with pytest.raises(InvalidInput):
        cache.pin(path.as_uri(), None, None)


def test_a_kind_of_archive_that_is_not_read_says_which_are(cache, tmp_path):
    path = tmp_path / "a.7z"
    path.write_bytes(b"7z")
    with pytest.raises(Unsupported, match=r"a\.7z") as caught:
        cache.pin(path.as_uri(), None, None)
    assert ".tar.gz" in (caught.value.remedy or "")


def test_a_server_is_not_asked_while_the_network_is_off(cache):
    with pytest.raises(Offline, match=r"https://example\.org/a\.zip needs the network"):
        cache.pin("https://user:secret@example.org/a.zip?token=1", None, None)


def test_a_package_of_an_archive_is_locked_and_packed(lock, tmp_path):
    path = tar(tmp_path / "a.tar.gz", {f"top/{name}": text for name, text in FILES.items()})
    engine, root = lock(f'url = "{path.as_uri()}", subdirectory = "app"')
    locked = engine.lock(root)
    found = locked[current_platform()]
    assert found["app"].location.startswith(f"url+{path.as_uri()}#sha256={sha256(path)}&")
    assert (found["app"].version, found["lib"].version) == ("1.0", "2.0")
    assert parse_lock(locked.to_text()).to_text() == locked.to_text()
    write_lock(locked, root / "pixi.lock")
    path.unlink()  # what is in the cache is enough
    assert set(engine.pack(root, tmp_path / "environment.tar").packages) == {"app", "lib"}


def test_the_sources_of_a_package_may_be_an_archive(lock, tmp_path):
    path = tar(tmp_path / "a.tar.gz", {"top/files/share/x.txt": "x"})
    engine, root = lock('path = "app"')
    (root / "app").mkdir()
    (root / "app" / "pixi.toml").write_text(
        f'[package]\nname = "app"\nversion = "1"\n{BACKEND}'
        f'source = {{ url = "{path.as_uri()}", sha256 = "{sha256(path)}" }}\n',
        encoding="utf-8",
    )
    locked = engine.lock(root)
    source = locked[current_platform()]["app"].source
    assert source.source == {"url": path.as_uri(), "sha256": sha256(path)}
    [built] = engine.build(root, tmp_path / "out", lock=locked)
    assert "share/x.txt" in built.facts.files
