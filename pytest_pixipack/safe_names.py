"""Names that a file may have below a directory, on every system."""

from __future__ import annotations

# Device names of Windows, with or without an extension.
_RESERVED = frozenset(
    {"con", "prn", "aux", "nul", "conin$", "conout$"}
    | {f"{device}{number}" for device in ("com", "lpt") for number in "0123456789¹²³"}
)
_FORBIDDEN = frozenset('<>"|?*')
_LONGEST_COMPONENT = 255


def unsafe_name(name: str) -> str | None:
    """Why no file may have this name, or None. `name` is relative, with `/`."""
    if not name:
        return "it is empty"
    if name.startswith("/"):
        return "it is an absolute path"
    if "\\" in name:
        return "it has a backslash"
    if ":" in name:
        return "it has a colon (a drive or a stream on Windows)"
    return next((reason for each in name.split("/") if (reason := _unsafe_component(each))), None)


def _unsafe_component(component: str) -> str | None:
    if component in ("", ".", ".."):
        return "it leaves its directory" if component == ".." else "it has an empty part"
    try:
        encoded = component.encode()
    except UnicodeEncodeError:
        return "it is not UTF-8"
    if any(ord(char) < 32 or ord(char) == 127 for char in component):
        return "it has a control character"
    if _FORBIDDEN.intersection(component):
        return "it has a character that Windows does not allow"
    if component[-1] in ". ":
        return "it ends in a dot or a blank, which Windows drops"
    if component.partition(".")[0].rstrip().casefold() in _RESERVED:
        return "it is a device on Windows"
    if len(encoded) > _LONGEST_COMPONENT:
        return f"a part of it is longer than {_LONGEST_COMPONENT} bytes"
    return None
