"""The small world in which the real pixi is asked about PyPI packages: a conda channel, wheels, an
index on loopback and a git repository. Everything in it is made here, the same way each time."""

from __future__ import annotations

import hashlib
import http.server
import io
import json
import os
import subprocess
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

GIT_URL = "https://git.example/rig.git"


@dataclass(frozen=True)
class Wheel:
    """A wheel with nothing in it but its metadata."""

    name: str
    version: str
    requires: tuple[str, ...] = ()
    requires_python: str | None = None
    tag: str = "py3-none-any"

    @property
    def file_name(self) -> str:
        return f"{self.name.replace('-', '_')}-{self.version}-{self.tag}.whl"

    def content(self) -> bytes:
        stem = f"{self.name.replace('-', '_')}-{self.version}.dist-info"
        extras = dict.fromkeys(r.split("extra == ")[1].strip("'") for r in self.requires
                               if "extra == " in r)  # fmt: skip
        lines = ["Metadata-Version: 2.1", f"Name: {self.name}", f"Version: {self.version}"]
        lines += [f"Requires-Python: {self.requires_python}"] if self.requires_python else []
        lines += [f"Provides-Extra: {extra}" for extra in extras]
        lines += [f"Requires-Dist: {requirement}" for requirement in self.requires]
        files = {
            "METADATA": "\n".join(lines) + "\n",
            "WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {self.tag}\n",
            "RECORD": "",
        }
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, text in files.items():
                archive.writestr(zipfile.ZipInfo(f"{stem}/{name}", (2020, 1, 1, 0, 0, 0)), text)
        return buffer.getvalue()


# Index -> its wheels.
WHEELS = {
    "main": (
        Wheel("hull", "1.0"),
        Wheel("hull", "2.0", ("sail>=3", "keel>=1", "oars>=1 ; extra == 'manual'",
              "anchor ; sys_platform == 'win32'", "old-rope ; python_version < '3.10'",
              "lamp>=1 ; extra == 'night'", "horn ; extra == 'night'"), ">=3.8"),
        Wheel("hull", "3.0rc1"),
        Wheel("sail", "3.0"),
        Wheel("sail", "4.0", requires_python=">=3.8,<4"),
        Wheel("keel", "2.0"),
        Wheel("oars", "1.5"),
        Wheel("anchor", "0.9"),
        Wheel("lamp", "1.1"),
        Wheel("horn", "2.2"),
        Wheel("old-rope", "1.0"),
        Wheel("buoy", "1.0.post1+local.1"),
        Wheel("fender", "2.0a1"),
        Wheel("pump", "1.0", tag="cp311-cp311-manylinux_2_17_x86_64"),
        Wheel("pump", "1.0", tag="cp311-cp311-win_amd64"),
        Wheel("pump", "1.0", tag="cp311-cp311-macosx_11_0_arm64"),
        Wheel("pump", "1.0", tag="cp312-cp312-manylinux_2_17_x86_64"),
        Wheel("winch", "1.0", tag="cp38-abi3-manylinux_2_28_x86_64"),
        Wheel("winch", "1.0", tag="cp38-abi3-win_amd64"),
        Wheel("ring", "1.0", ("chain[long]>=1",)),
        Wheel("chain", "1.0", ("ring", "links ; extra == 'long'")),
        Wheel("links", "1.0"),
        Wheel("fleet", "1.0", ("hull[night]>=2", "buoy")),
    ),
    "extra": (Wheel("flag", "1.0", ("sail",)), Wheel("sail", "3.5")),
    "flat": (Wheel("knot", "1.0"),),
}  # fmt: skip

SUBDIRS = ("linux-64", "win-64", "osx-arm64")
# name, version, build, depends
CONDA: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("python", "3.9.1", "h0_cpython", ()),
    ("python", "3.11.5", "h0_cpython", ()),
    ("python", "3.12.0", "h0_cpython", ()),
    ("python", "3.13.0", "h0_cp313t", ("python_abi 3.13.* *_cp313t",)),
    ("python_abi", "3.13", "0_cp313t", ()),
    ("keel", "2.1", "0", ()),
    ("keel", "0.5", "0", ()),
    ("cabin", "1.0", "0", ("keel",)),
    ("deck", "1.0", "0", ()),
)
# Conda package -> what it is on PyPI.
ON_PYPI = {"keel": "keel", "cabin": ["the-cabin", "hut"], "python": None, "deck": None,
           "python_abi": None}  # fmt: skip


def write_channel(folder: Path) -> None:
    """A channel that has records only, for locking needs no archives, and its `map.json`."""
    for subdir in (*SUBDIRS, "noarch"):
        packages = {}
        for name, version, build, depends in CONDA if subdir != "noarch" else ():
            packages[f"{name}-{version}-{build}.conda"] = {
                "name": name, "version": version, "build": build, "build_number": 0,
                "subdir": subdir, "depends": list(depends), "size": 10, "timestamp": 1700000000000,
                "sha256": hashlib.sha256(f"{subdir}/{name}-{version}".encode()).hexdigest(),
            }  # fmt: skip
        target = folder / subdir / "repodata.json"
        target.parent.mkdir(parents=True)
        data = {"info": {"subdir": subdir}, "packages": {}, "packages.conda": packages}
        target.write_text(json.dumps(data), encoding="utf-8")
    (folder / "map.json").write_text(json.dumps(ON_PYPI), encoding="utf-8")


def write_index(folder: Path) -> None:
    """`<index>/<name>/index.html` (PEP 503), the wheels, and `flat.html` for `find-links`."""
    for index, wheels in WHEELS.items():
        pages: dict[str, list[str]] = {}
        for wheel in wheels:
            path = folder / "files" / index / wheel.file_name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(wheel.content())
            digest = hashlib.sha256(wheel.content()).hexdigest()
            python = (wheel.requires_python or "").replace("<", "&lt;").replace(">", "&gt;")
            wanted = f' data-requires-python="{python}"' if python else ""
            link = f"/files/{index}/{wheel.file_name}#sha256={digest}"
            pages.setdefault(wheel.name, []).append(
                f'<a href="{link}"{wanted}>{wheel.file_name}</a>'
            )
        for name, links in pages.items():
            page = folder / index / name / "index.html"
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_text(f"<html><body>{'<br>'.join(links)}</body></html>", encoding="utf-8")
        links = [link for each in pages.values() for link in each]
        page = folder / index / "flat.html"
        page.write_text(f"<html><body>{'<br>'.join(links)}</body></html>", encoding="utf-8")


def write_repository(folder: Path) -> str:
    """A git repository with a Python package in it and below `sub/`; the hash of its commit."""
    for at, name in ((folder, "rig"), (folder / "sub", "jib")):
        at.mkdir(parents=True, exist_ok=True)
        text = f'[project]\nname = "{name}"\nversion = "1.0"\ndependencies = ["sail"]\n'
        (at / "pyproject.toml").write_text(text, encoding="utf-8")
    always = {"DATE": "1700000000 +0000", "NAME": "stub", "EMAIL": "stub@example.org"}
    fixed = {f"GIT_{who}_{k}": v for who in ("AUTHOR", "COMMITTER") for k, v in always.items()}
    env = {**os.environ, **fixed, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    commands = (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "stub"],
                ["tag", "v1"], ["branch", "next"])  # fmt: skip
    for argv in commands:
        subprocess.run(["git", *argv], cwd=folder, env=env, check=True)
    done = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serves a folder on loopback; the URL is without a final slash."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(folder))  # type: ignore[arg-type]

        def log_message(self, *_args: object) -> None:
            pass

    class Server(http.server.ThreadingHTTPServer):
        def handle_error(self, *_args: object) -> None:
            pass  # pixi hangs up when it has seen enough

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
