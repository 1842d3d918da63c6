"""Names that a file may have below a directory, on every system, and how to show them."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Iterator

# Device names of Windows, with or without an extension.
_RESERVED = frozenset(
    {"con", "prn", "aux", "nul", "conin$", "conout$", "clock$"}
    | {f"{device}{number}" for device in ("com", "lpt") for number in "0123456789¹²³"}
)
_FORBIDDEN = frozenset('<>"|?*')
_LONGEST_COMPONENT = 255
# PATH_MAX of Linux; beyond some hundred directories, systems and tools give up.
LONGEST_NAME = 4096
DEEPEST_NAME = 512
# What the directories above all names of one archive may take in memory, in bytes.
_MOST_DIRECTORIES = 32 << 20
# Characters of a name that are shown: more would hide what is said of it.
_SHOWN = 256
# Other, control; other, format (they change how a text is shown); surrogates; line separators.
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def unsafe_name(name: str) -> str | None:
    """Why no file may have this name, or None. `name` is relative, with `/`."""
    if not name:
        return "it is empty"
    if reason := too_long(name):
        return reason
    if name.startswith("/"):
        return "it is an absolute path"
    if "\\" in name:
        return "it has a backslash"
    if ":" in name:
        return "it has a colon (a drive or a stream on Windows)"
    return next((reason for each in name.split("/") if (reason := _unsafe_component(each))), None)


def too_long(name: str) -> str | None:
    """Whether a name is longer or deeper than systems can take, or None."""
    # Bytes are only counted where they could be too many.
    if len(name) > LONGEST_NAME // 4 and len(name.encode(errors="replace")) > LONGEST_NAME:
        return f"it is longer than {LONGEST_NAME} bytes"
    if name.count("/") >= DEEPEST_NAME:
        return f"it is more than {DEEPEST_NAME} directories deep"
    return None


def unlike_windows(name: str) -> str | None:
    """Why a file cannot have this name on Windows, or None; what is unsafe anywhere aside."""
    if ":" in name:
        return "it has a colon (a drive or a stream on Windows)"
    parts = name.split("/")
    return next((reason for each in parts if (reason := _unlike_windows(each))), None)


def device_name(name: str) -> str | None:
    """Why a part of the name is that of a device on Windows, or None."""
    return next(("it is a device on Windows" for part in name.split("/") if _is_device(part)), None)


def folded(name: str) -> str:
    """One text for all names that are one file on some system, by case or by composition."""
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


class TooManyDirectories(ValueError):
    """Names that lie in more directories than there is room for; a sentence without its end."""


def directories_above(names: Iterable[str]) -> Iterator[str]:
    """All directories that the names lie in, each once. Raises `TooManyDirectories`."""
    known: set[str] = set()
    left = _MOST_DIRECTORIES
    for name in names:
        above = name.rpartition("/")[0]
        while above and above not in known:
            left -= len(above) + 64
            if left < 0:
                raise TooManyDirectories("has names in too many directories")
            known.add(above)
            yield above
            above = above.rpartition("/")[0]


def one_file(names: Collection[str]) -> Iterator[tuple[str, str]]:
    """Pairs of different names that are one file on some systems; also a file and a directory.

    `names` are those of files and links. Directories that differ in the same way are one
    directory, which does no harm. Raises `TooManyDirectories`.
    """
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(folded(name), name)
        if other != name:
            yield other, name
    for above in directories_above(names):
        if (file := seen.get(folded(above))) is not None:
            yield file, above


def shown(text: str) -> str:
    """A name from a file that is not trusted, for a sentence: short, and without invisible signs.

    The beginning is shown, for the whole can be of any length.
    """
    short = text[:_SHOWN]
    if not short.isascii() or not short.isprintable():
        short = "".join(_shown(char) for char in short)
    return short if len(text) <= _SHOWN else f"{short}... ({len(text)} characters)"


def quoted(text: str) -> str:
    """The same in quotes, with backslashes as Python writes them."""
    cut = "" if len(text) <= _SHOWN else f"... ({len(text)} characters)"
    return f"{text[:_SHOWN]!r}{cut}"


def _shown(char: str) -> str:
    if unicodedata.category(char) in _INVISIBLE:
        return char.encode("unicode_escape", "surrogatepass").decode("ascii")
    return char


def _unsafe_component(component: str) -> str | None:
    if component in ("", ".", ".."):
        return "it leaves its directory" if component == ".." else "it has an empty part"
    try:
        encoded = component.encode()
    except UnicodeEncodeError:
        return "it is not UTF-8"
    if any(ord(char) < 32 or ord(char) == 127 for char in component):
        return "it has a control character"
    if not component.isascii() and any(unicodedata.category(c) in _INVISIBLE for c in component):
        return "it has an invisible character"
    if reason := _unlike_windows(component):
        return reason
    if len(encoded) > _LONGEST_COMPONENT:
        return f"a part of it is longer than {_LONGEST_COMPONENT} bytes"
    return None


def _unlike_windows(component: str) -> str | None:
    if _FORBIDDEN.intersection(component):
        return "it has a character that Windows does not allow"
    if component[-1:] in (".", " ") and component not in (".", ".."):
        return "it ends in a dot or a blank, which Windows drops"
    if _is_device(component):
        return "it is a device on Windows"
    return None


def _is_device(component: str) -> bool:
    return component.partition(".")[0].rstrip().casefold() in _RESERVED
