"""`file://` URLs as pixi writes them, and the paths that they stand for."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes, urlsplit

# What Rust's url crate leaves as it is in the path of a file URL; `Path.as_uri` quotes more.
_SAFE = "/!$&'()*+,;=:@[]^|~"


def file_url(path: Path) -> str:
    """The `file://` URL of a path, quoted as pixi and rattler quote it; links are not followed."""
    posix = Path(os.path.abspath(path)).as_posix()  # noqa: PTH100 - resolve() would follow links
    # By bytes: a name on a Unix disk need not be UTF-8.
    quoted = quote(os.fsencode(posix), safe=_SAFE)
    if posix.startswith("//"):  # \\server\share
        return "file:" + quoted
    return f"file://{quoted}" if posix.startswith("/") else f"file:///{quoted}"


def path_of_url(url: str) -> Path | None:
    """The path of a `file://` URL, None for any other. A host is a share of Windows."""
    parts = urlsplit(url)
    if parts.scheme != "file":
        return None
    path = os.fsdecode(unquote_to_bytes(parts.path))
    if parts.netloc and parts.netloc != "localhost":
        return Path(f"//{parts.netloc}{path}")
    # file:///C:/x has the path /C:/x
    if len(path) > 2 and path[0] == "/" and path[2] == ":":
        path = path[1:]
    return Path(path)


def expand_user(path: str) -> Path:
    """The path with `~` replaced by the home directory; as it is where nobody knows that."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)
