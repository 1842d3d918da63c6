"""Whether the files of a package can lie beside each other on the systems that it is for.

A package for Linux may hold what Linux allows. One for Windows or macOS may not hold two files that
are one there, and a `noarch` package is for all of them.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from pytest_pixipack.artifact.safety import refuse
from pytest_pixipack.safe_names import (
    TooManyDirectories,
    device_name,
    folded,
    one_file,
    shown,
    unlike_windows,
)

# Headers and libraries that cross compilers take for another system: `kernel-headers_linux-64` has
# xt_MARK.h and xt_mark.h, and is `noarch`.
_FOR_LINUX = re.compile(r".*_linux-[a-z0-9]+")


def check_portable(names: Collection[str], subdir: str, package: str, archive: object) -> None:
    """Refuses a package whose members cannot all be on a system of its `subdir`.

    `names` are those of its files and links; `package` is its name. Raises `InvalidInput`.
    """
    windows, noarch = subdir.startswith("win-"), subdir == "noarch"
    if not windows and not noarch and not subdir.startswith("osx-"):
        return
    foreign = _FOR_LINUX.fullmatch(package) is not None
    for name in names:
        reason = unlike_windows(name) if windows else None
        if noarch and not foreign:
            reason = device_name(name)
        if reason is not None:
            refuse(archive, name, f"cannot be used on Windows: {reason}")
        if folded(name.partition("/")[0]) == "info":
            refuse(archive, name, "is what the package says of itself on some systems")
    if foreign:
        return
    try:
        pair = next(one_file(names), None)
    except TooManyDirectories as reason:
        refuse(archive, None, str(reason))
    if pair is not None:
        refuse(archive, pair[1], f"and `{shown(pair[0])}` are one file on some systems")
