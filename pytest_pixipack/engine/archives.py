"""Archives of sources: fetched, compared with their digests, and unpacked safely.

Which archives there are, and that a single directory at the top is left out, follows
prefix-dev/pixi, `crates/pixi_url/src/extract.rs`. An archive is unpacked once, below a directory
that is named by its sha256.
"""

from __future__ import annotations

import shutil
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from pytest_pixipack.artifact import file_digests
from pytest_pixipack.artifact.safety import check_links, check_tree, refuse, safe_name
from pytest_pixipack.cache import is_there, made_once, taken
from pytest_pixipack.cache.made_once import remove
from pytest_pixipack.cache.scratch import scratch_directory
from pytest_pixipack.damages import is_damage
from pytest_pixipack.engine.channels import is_local
from pytest_pixipack.engine.damage import mended
from pytest_pixipack.engine.download import Wanted, download
from pytest_pixipack.errors import Infrastructure, InvalidInput, Offline, Unsupported
from pytest_pixipack.file_urls import path_of_url
from pytest_pixipack.redaction import public_url

_TARS = {
    ".tar": "", ".tar.gz": "gz", ".tgz": "gz", ".taz": "gz", ".tar.bz2": "bz2", ".tbz": "bz2",
    ".tbz2": "bz2", ".tz2": "bz2", ".tar.xz": "xz", ".txz": "xz", ".tar.lzma": "xz", ".tlz": "xz",
    ".tar.zst": "zst", ".tzst": "zst",
}  # fmt: skip
_TREE, _MD5 = "tree", "md5"
_MOST_BYTES = 8 << 30
_MOST_MEMBERS = 500_000
_CHUNK = 1 << 20


class ArchiveCache:
    """Unpacked archives below `directory`. Without `network`, only local URLs are read."""

    def __init__(self, directory: Path, *, network: bool) -> None:
        self._directory = directory
        self._network = network
        self._known: dict[str, tuple[str, str]] = {}

    def pin(self, url: str, sha256: str | None, md5: str | None, **where: Any) -> tuple[str, str]:
        """The sha256 and md5 of the archive at a URL, which is unpacked on the way.

        `sha256` and `md5` are what it has to have; `where` goes into errors. Raises `InvalidInput`
        for an archive that is missing, broken, unsafe, or not the one that is meant,
        `Offline` and `Infrastructure` where it cannot be fetched, `Unsupported` for a format that
        is not read.
        """
        md5_file = None
        if sha256 is not None:
            md5_file = taken(self._place(sha256), lambda place: is_there(place / _MD5))
        if sha256 is not None and md5_file is not None:
            found = sha256, md5_file.read_text(encoding="ascii")
        else:
            if url not in self._known:
                self._known[url] = self._mended(url, sha256, md5, where)
            found = self._known[url]
        for kind, actual, wanted in zip(("sha256", "md5"), found, (sha256, md5), strict=True):
            if wanted is not None and actual != wanted:
                raise _other(url, kind, actual, wanted, where)
        return found

    def directory_of(self, url: str, sha256: str, **where: Any) -> Path:
        """The directory with the content of an archive, which nobody may change. Raises as `pin`
        does.
        """
        self.pin(url, sha256, None, **where)
        return self._place(sha256) / _TREE

    def _place(self, sha256: str) -> Path:
        return self._directory / sha256

    def _mended(self, url: str, sha256: str | None, md5: str | None, where: Any) -> tuple[str, str]:
        if sha256 is None:
            return self._take(url, sha256, md5, where)
        with mended([self._place(sha256)], f"What the cache has of the archive {public_url(url)}"):
            return self._take(url, sha256, md5, where)

    def _take(self, url: str, sha256: str | None, md5: str | None, where: Any) -> tuple[str, str]:
        with self._file(url, sha256, md5, where) as file:
            found = file_digests(file)
            digests = found.sha256, found.md5
            if sha256 in (None, found.sha256) and md5 in (None, found.md5):
                place = self._place(found.sha256)
                self._unpack(file, _file_name(url), place, found.md5, where)
        return digests

    @contextmanager
    def _file(self, url: str, sha256: str | None, md5: str | None, where: Any) -> Iterator[Path]:
        local = path_of_url(url)
        if local is not None:
            if not local.is_file():
                raise InvalidInput(
                    f"The archive {public_url(url)} does not exist.",
                    **{**where, "remedy": "Correct the URL."},
                )
            yield local
            return
        if not self._network and not is_local(url):
            raise Offline(
                f"The archive {public_url(url)} needs the network, which is off.",
                **{**where, "remedy": "Allow the network (--pixipack-network), or use a path."},
            )
        with scratch_directory() as scratch:
            file = Path(scratch) / "archive"
            wanted = Wanted(
                url, f"The archive {public_url(url)}", sha256, md5, package=where.get("package")
            )
            download(wanted, file, network=self._network)
            yield file

    def _unpack(self, file: Path, name: str, place: Path, md5: str, where: Any) -> None:
        def make(whole: Path) -> None:
            tree = whole / "unpacked"
            tree.mkdir(parents=True)
            if name.endswith(".zip"):
                _unpack_zip(file, tree)
            elif (kind := _tar_kind(name)) is not None:
                _unpack_tar(file, tree, kind)
            else:
                raise Unsupported(
                    f"The archive {name} is of a kind that cannot be unpacked here.",
                    **{**where, "remedy": f"Use .zip, or one of {', '.join(_TARS)}."},
                )
            entries = list(tree.iterdir())
            if len(entries) == 1 and entries[0].is_dir() and not entries[0].is_symlink():
                tree = entries[0]
            tree.rename(whole / _TREE)
            remove(whole / "unpacked")
            (whole / _MD5).write_text(md5, encoding="ascii")

        try:
            made_once(place, is_there, make)
        except Exception as error:
            if is_damage(error):
                raise InvalidInput(
                    f"The archive {name} cannot be read: {str(error) or 'it ends too soon'}.",
                    **{**where, "remedy": "Get the archive again."},
                ) from error
            if isinstance(error, OSError):
                raise _no_room(name, place, error, where) from error
            raise


def _unpack_tar(file: Path, tree: Path, kind: str) -> None:
    with _decompressed(file, kind) as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
        links: dict[str, str] = {}
        kinds: dict[str, str] = {}
        total = 0
        for member in archive:
            if member.name.rstrip("/") in (".", "./", ""):
                continue
            name = safe_name(member.name, file)
            if not (member.isfile() or member.isdir() or member.issym() or member.islnk()):
                refuse(file, member.name, "is a device or another special file")
            if member.issym():
                links[name] = member.linkname
                check_links(links, file)
            kinds[name] = "directory" if member.isdir() else "link" if member.issym() else "file"
            check_tree(kinds if len(kinds) < 2 else _with_parents(kinds, name), file)
            total += member.size
            _limit(file, total, len(kinds))
            _take_member(archive, member, name, tree, file)
        while stream.read(_CHUNK):  # the checksum of a compressed stream stands at its end
            pass


def _with_parents(kinds: dict[str, str], name: str) -> dict[str, str]:
    """What `check_tree` needs to judge one member: it and everything above it."""
    parts = name.split("/")
    above = ["/".join(parts[:depth]) for depth in range(1, len(parts) + 1)]
    return {each: kinds[each] for each in above if each in kinds}


def _take_member(
    archive: tarfile.TarFile, member: tarfile.TarInfo, name: str, tree: Path, file: Path
) -> None:
    target = tree / name
    target.parent.mkdir(parents=True, exist_ok=True)
    if member.isdir():
        target.mkdir(exist_ok=True)
    elif member.issym():
        target.unlink(missing_ok=True)
        target.symlink_to(member.linkname)
    elif member.islnk():
        source = tree / safe_name(member.linkname, file)
        if not source.is_file() or source.is_symlink():
            refuse(file, member.name, f"is a link to {member.linkname}, which is no file before it")
        shutil.copyfile(source, target)
        shutil.copymode(source, target)
    else:
        target.unlink(missing_ok=True)
        stream = archive.extractfile(member)
        assert stream is not None
        with target.open("xb") as out:
            shutil.copyfileobj(stream, out, _CHUNK)
        target.chmod(0o755 if member.mode & 0o100 else 0o644)


def _unpack_zip(file: Path, tree: Path) -> None:
    with zipfile.ZipFile(file) as archive:
        kinds: dict[str, str] = {}
        total = 0
        for info in archive.infolist():
            name = safe_name(info.filename, file)
            mode = info.external_attr >> 16
            if mode & 0o170000 not in (0, 0o100000, 0o040000):
                refuse(file, info.filename, "is a link or a special file")
            kinds[name] = "directory" if info.is_dir() else "file"
            total += info.file_size
            _limit(file, total, len(kinds))
        check_tree(kinds, file)
        for info in archive.infolist():
            target = tree / safe_name(info.filename, file)
            if info.is_dir():
                target.mkdir(parents=True, exist_ok=True)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            # A member cannot hold more than it says: zipfile stops there.
            with archive.open(info) as stream, target.open("wb") as out:
                shutil.copyfileobj(stream, out, _CHUNK)
            target.chmod(0o755 if (info.external_attr >> 16) & 0o100 else 0o644)


@contextmanager
def _decompressed(file: Path, kind: str) -> Iterator[Any]:
    import bz2
    import gzip
    import lzma

    with file.open("rb") as raw:
        if kind == "gz":
            yield gzip.GzipFile(fileobj=raw)
        elif kind == "bz2":
            yield bz2.BZ2File(raw)
        elif kind == "xz":
            with lzma.open(raw) as stream:
                yield stream
        elif kind == "zst":
            import zstandard

            with zstandard.ZstdDecompressor().stream_reader(raw) as stream:
                yield stream
        else:
            yield raw


def _limit(file: Path, size: int, members: int) -> None:
    if size > _MOST_BYTES:
        refuse(file, None, f"unpacks to more than {_MOST_BYTES} bytes")
    if members > _MOST_MEMBERS:
        refuse(file, None, f"has more than {_MOST_MEMBERS} members")


def _tar_kind(name: str) -> str | None:
    # The longest ending counts: `.tar.gz` before `.gz`.
    return next((kind for suffix, kind in _TARS.items() if name.endswith(suffix)), None)


def _file_name(url: str) -> str:
    return unquote(urlsplit(url).path.rpartition("/")[2])


def _other(url: str, kind: str, actual: str, wanted: str, where: Any) -> InvalidInput:
    return InvalidInput(
        f"The archive {public_url(url)} is not the one that is meant: its {kind} is {actual}, not "
        f"{wanted}.",
        **{**where, "remedy": f"Correct the {kind}, or find out who changed the archive."},
    )


def _no_room(name: str, place: Path, error: OSError, where: Any) -> Infrastructure:
    return Infrastructure(
        f"The archive {name} cannot be unpacked: {error.strerror or error}.",
        file=place,
        package=where.get("package"),
        remedy="Make room, or name another cache directory (PIXIPACK_CACHE_DIR).",
    )
