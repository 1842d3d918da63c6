"""Files of stub packages: from the words of a spec to members of an archive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pytest_pixipack.artifact.writer import Member

# The extensions that rattler runs from etc/conda/activate.d (rattler_shell).
SHELLS = ("sh", "bash", "zsh", "fish", "xsh", "nu", "ps1", "bat")
PREFIX_MARK = "@PREFIX@"
# As long as conda-build's, so that any prefix fits into its place in a binary.
PLACEHOLDER = ("/opt/stub_" + "placehold_" * 25)[:255].ljust(255, "_")


@dataclass(frozen=True, slots=True)
class File:
    """One file of a stub package: `text`, `data` (bytes) or `link` (the target of a symbolic link).

    `placeholder` is the text in the content that installers replace by the prefix; True means that
    `@PREFIX@` in the content stands for a placeholder of 255 characters. `placeholder_mode` is
    `text` for texts and `binary` for data, unless it is given. `mode` goes beyond `executable`.
    """

    text: str | None = None
    data: bytes | None = None
    link: str | None = None
    executable: bool = False
    mode: int | None = None
    placeholder: str | Literal[True] | None = None
    placeholder_mode: Literal["text", "binary"] | None = None

    def problem(self) -> str | None:
        """What is contradictory here, as a sentence, or None."""
        given = [part for part in (self.text, self.data, self.link) if part is not None]
        if len(given) != 1:
            return "A file has either a text, or base64 (data in Python), or a link."
        if self.link is not None and (self.executable or self.mode or self.placeholder):
            return "A link has neither a mode nor a placeholder."
        if self.mode is not None and not 0 < self.mode <= 0o777:
            return f"The mode {self.mode:#o} is not between 0o001 and 0o777."
        mark = PREFIX_MARK if self.placeholder is True else self.placeholder
        if mark is not None and mark.encode() not in self._content():
            return f"The placeholder `{mark}` does not occur in the file."
        if self.placeholder_mode is not None and self.placeholder is None:
            return "A placeholder mode needs a placeholder."
        return None

    def member(self, path: str) -> Member:
        """The member of an archive at this path."""
        if self.link is not None:
            return Member(path, link_target=self.link)
        content, placeholder = self._content(), self.placeholder
        if placeholder is True:
            content = content.replace(PREFIX_MARK.encode(), PLACEHOLDER.encode())
            placeholder = PLACEHOLDER
        mode = self.placeholder_mode or ("binary" if self.data is not None else "text")
        executable = self.executable if self.mode is None else bool(self.mode & 0o111)
        return Member(
            path=path,
            content=content,
            executable=executable,
            placeholder=placeholder,
            placeholder_mode=mode if placeholder is not None else None,
            mode=self.mode,
        )

    def _content(self) -> bytes:
        if self.data is not None:
            return self.data
        return (self.text or "").encode("utf-8")


def script_files(
    package: str, activate: Mapping[str, str], deactivate: Mapping[str, str]
) -> dict[str, File]:
    """The activation scripts of a package, where installers look for them."""
    return {
        f"etc/conda/{folder}.d/{package}.{shell}": File(text=script)
        for folder, scripts in (("activate", activate), ("deactivate", deactivate))
        for shell, script in scripts.items()
    }
