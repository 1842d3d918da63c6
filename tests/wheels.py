"""Small wheels, made the same way each time."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path


def make_wheel(
    directory: Path,
    name: str,
    version: str = "1.0",
    files: Mapping[str, bytes] | None = None,
    *,
    scripts: Mapping[str, str] | None = None,
    tag: str = "py3-none-any",
    record: str | None = None,
    metadata: str = "",
) -> Path:
    """Writes a wheel with `files` and the entry points `scripts`; its path."""
    stem = f"{name.replace('-', '_')}-{version}"
    info = f"{stem}.dist-info"
    entries = {
        f"{name.replace('-', '_')}/__init__.py": b"",
        **(files or {}),
        f"{info}/METADATA": (
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{metadata}".encode()
        ),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: {tag}\n".encode(),  # noqa: E501
    }
    if scripts:
        lines = [f"{script} = {target}\n" for script, target in scripts.items()]
        entries[f"{info}/entry_points.txt"] = ("[console_scripts]\n" + "".join(lines)).encode()
    if record is None:
        record = "".join(_line(path, content) for path, content in entries.items())
        record += f"{info}/RECORD,,\n"
    entries[f"{info}/RECORD"] = record.encode()
    path = directory / f"{stem}-{tag}.whl"
    directory.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in entries.items():
            archive.writestr(zipfile.ZipInfo(member, (2020, 1, 1, 0, 0, 0)), content)
    return path


def change_wheel(path: Path, **changes: bytes | None) -> None:
    """Writes a wheel again, some files of its dist-info changed or left out (None).

    Where RECORD is not among them, it has no digests then. `_txt` in a name stands for `.txt`.
    """
    info = "-".join(path.name.split("-")[:2]) + ".dist-info"
    with zipfile.ZipFile(path) as old:
        content = {member.filename: old.read(member) for member in old.infolist()}
    for name, new in changes.items():
        member = f"{info}/{name.replace('_txt', '.txt')}"
        content.pop(member, None)
        if new is not None:
            content[member] = new
    if "RECORD" not in changes:
        content[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in content).encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for member, data in content.items():
            made.writestr(member, data)


def _line(path: str, content: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"{path},sha256={digest},{len(content)}\n"
