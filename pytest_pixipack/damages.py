"""What libraries raise for a file that is damaged, or that wants more than there is."""

from __future__ import annotations

import errno
import struct
import tarfile
import zipfile
import zlib

DAMAGES: tuple[type[Exception], ...] = (
    ArithmeticError, EOFError, LookupError, MemoryError, RuntimeError, ValueError, struct.error,
    tarfile.TarError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
try:
    import lzma
except ImportError:  # Python may have been built without it
    pass
else:
    DAMAGES = (*DAMAGES, lzma.LZMAError)
# The same, and what bz2 and the system say.
UNREADABLE: tuple[type[Exception], ...] = (*DAMAGES, OSError)


def is_damage(error: Exception) -> bool:
    """Whether an error is a library's about what it read, not one of the system or of ours."""
    if isinstance(error, OSError):
        # bz2 gives no number; a seek to a place before the beginning is an invalid argument.
        return error.filename is None and error.errno in (None, errno.EINVAL)
    # Its exceptions cannot be named without importing it.
    library = type(error).__module__.partition(".")[0]
    return isinstance(error, DAMAGES) or library == "zstandard"
