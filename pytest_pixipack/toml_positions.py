"""TOML with positions: the values from `tomli`, the lines and columns from tree-sitter.

pixi reads TOML 1.1 (inline tables over several lines, trailing commas), which the parser of the
standard library refuses. A parser says what a document means but not where; tree-sitter says where.
Positions are worked out only when somebody asks, nearly always when there is an error to report.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tomli

from pytest_pixipack.errors import Infrastructure, InvalidInput

if TYPE_CHECKING:
    from tree_sitter import Node

TomlPath = tuple[str | int, ...]
Position = tuple[int, int]

_AT = re.compile(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)$")
# What tomli says where a key or a table occurs a second time.
_TWICE = re.compile(r"Cannot (?:overwrite|declare|mutate|redefine)|Duplicate|already exist")
_KEYS = ("bare_key", "quoted_key", "dotted_key")


def load_toml(path: Path) -> tuple[dict[str, Any], Positions]:
    """The document in a file, and where its keys are.

    Raises `InvalidInput` with file, line and column for what is not TOML or not UTF-8, and for a
    missing file; `Infrastructure` for one that cannot be read. A byte order mark is ignored.
    """
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise InvalidInput("The file does not exist.", file=path) from None
    except IsADirectoryError:
        raise InvalidInput("This is a directory, not a TOML file.", file=path) from None
    except OSError as error:
        raise Infrastructure(
            f"The file cannot be read: {error.strerror or error}.", file=path
        ) from None
    return parse_toml(content, file=path)


def parse_toml(
    content: str | bytes, file: Path | str | None = None
) -> tuple[dict[str, Any], Positions]:
    """The document in a text; `file` is only named in errors. Raises `InvalidInput`."""
    text = content if isinstance(content, str) else _decode(content, file)
    text = text.removeprefix("\ufeff")
    try:
        return tomli.loads(text), Positions(text, file)
    except tomli.TOMLDecodeError as error:
        broken = _syntax_error(str(error), text, file)
        raise (_given_twice(broken, text) if _TWICE.search(str(error)) else broken) from None
    except RecursionError:
        raise InvalidInput("The values are nested too deeply.", file=file) from None
    except ValueError as error:  # for example an integer with too many digits, or 2026-02-30
        raise InvalidInput(f"A value is not valid TOML: {error}.", file=file) from None


def _decode(content: bytes, file: Path | str | None) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        column = len(before.rpartition(b"\n")[2].decode("utf-8", "replace")) + 1
        raise InvalidInput(
            f"The byte 0x{content[error.start]:02x} is not UTF-8, which TOML files have to be.",
            file=file,
            line=before.count(b"\n") + 1,
            column=column,
        ) from None


def _syntax_error(message: str, text: str, file: Path | str | None) -> InvalidInput:
    line = column = None
    if found := _AT.search(message):
        message = message[: found.start()]
        if found[1]:
            line, column = int(found[1]), int(found[2])
        else:
            lines = text.split("\n")
            line, column = len(lines), len(lines[-1].rstrip("\r")) + 1
    return InvalidInput(f"This is not valid TOML: {message}.", file=file, line=line, column=column)


def _given_twice(broken: InvalidInput, text: str) -> InvalidInput:
    """The same error at the second mention of the key; tomli points behind the whole value."""
    walk = _Walk()
    walk.document(_parse((text + "\n").encode("utf-8", "surrogatepass")))
    lines = text.encode("utf-8", "surrogatepass").split(b"\n")
    limit = (broken.line or 0, broken.column or 0)
    again = [(_characters(lines, at), first[0] + 1, path) for path, first, at in walk.repeated]
    before = [place for place in again if place[0] <= limit]
    if not before:
        return broken
    at, first_line, path = max(before, key=lambda place: place[0])
    key = ".".join(str(part) for part in path)
    return InvalidInput(
        f"This is not valid TOML: `{key}` is given twice; line {first_line} has it already.",
        file=broken.file,
        line=at[0],
        column=at[1],
        remedy="Keep one of the two.",
    )


def _characters(lines: list[bytes], at: Position) -> Position:
    """Line and column from 1, the column in characters, for row and byte from 0."""
    row, column = at
    return row + 1, len(lines[row][:column].decode("utf-8", "replace")) + 1


class Positions:
    """Where the keys and array elements of one TOML document are.

    A path is a sequence of keys and indices, as one would write it to reach the value in the parsed
    data: `positions.of("package", 0, "version")`. Lines and columns count from 1; columns count
    characters.
    """

    def __init__(self, text: str, file: Path | str | None = None) -> None:
        self.file = file
        # tree-sitter wants a newline behind the last pair.
        self._lines = (text + "\n").encode("utf-8", "surrogatepass").split(b"\n")
        self._found: dict[TomlPath, Position] | None = None
        self._values: dict[TomlPath, Position] = {}

    def of(self, *path: str | int) -> Position:
        """(line, column) of a key or an element.

        For what is not in the document, that of the nearest table around it; (1, 1) at the top.
        """
        while path:
            if position := self._all().get(path):
                return position
            path = path[:-1]
        return 1, 1

    def value_of(self, *path: str | int) -> Position:
        """(line, column) where the value of a key begins: behind its `=`, or a table's `[`.

        For a key without a value of its own (as `a` in `a.b = 1`), that of the key.
        """
        self._all()
        return self._values.get(path) or self.of(*path)

    def knows(self, *path: str | int) -> bool:
        """Whether the document says something of exactly this path."""
        return path in self._all()

    def error(
        self,
        message: str,
        *path: str | int,
        package: str | None = None,
        remedy: str | None = None,
    ) -> InvalidInput:
        """An error that points at this path; the caller raises it."""
        return self._error_at(self.of(*path), message, package, remedy)

    def value_error(
        self,
        message: str,
        *path: str | int,
        package: str | None = None,
        remedy: str | None = None,
    ) -> InvalidInput:
        """An error that points at the value of this path; the caller raises it."""
        return self._error_at(self.value_of(*path), message, package, remedy)

    def _error_at(
        self, at: Position, message: str, package: str | None, remedy: str | None
    ) -> InvalidInput:
        return InvalidInput(
            message, file=self.file, line=at[0], column=at[1], package=package, remedy=remedy
        )

    def unknown_key(
        self, *path: str | int, known: Iterable[str], where: str, package: str | None = None
    ) -> InvalidInput:
        """The error for a key (the end of the path) that is not among those known.

        `where` is what has the key, such as "a package"; the remedy suggests the nearest known key.
        """
        names = sorted(known)
        key = str(path[-1])
        return self.error(
            f"`{key}` is not a key of {where}.",
            *path,
            package=package,
            remedy=did_you_mean(key, names) or f"Known keys: {', '.join(names)}.",
        )

    def _all(self) -> dict[TomlPath, Position]:
        if self._found is None:
            walk = _Walk()
            found = walk.document(_parse(b"\n".join(self._lines)))
            self._found = {path: _characters(self._lines, at) for path, at in found.items()}
            values = walk.values.items()
            self._values = {path: _characters(self._lines, at) for path, at in values}
        return self._found


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """A sentence that suggests the nearest of the known words, or None."""
    words = list(known)
    folded = {name.lower().replace("-", "_"): name for name in words}
    near = difflib.get_close_matches(word.lower().replace("-", "_"), list(folded), 1, 0.6)
    return f"Did you mean `{folded[near[0]]}`?" if near else None


def _parse(source: bytes) -> Node:
    import tree_sitter
    import tree_sitter_toml

    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_toml.language()))
    return parser.parse(source).root_node


class _Walk:
    """Turns the syntax tree into paths; rows and columns (in bytes) count from 0.

    A path that occurs several times is where it is defined, or else where it is first mentioned.
    """

    def __init__(self) -> None:
        self.found: dict[TomlPath, Position] = {}
        self.values: dict[TomlPath, Position] = {}
        self.repeated: list[tuple[TomlPath, Position, Position]] = []  # path, first, again
        self._defined: set[TomlPath] = set()
        self._counts: dict[TomlPath, int] = {}  # of arrays of tables: how many elements so far

    def document(self, root: Node) -> dict[TomlPath, Position]:
        for node in root.children:
            if node.type == "pair":
                self._pair((), node)
            elif node.type in ("table", "table_array_element"):
                self._table(node)
        return self.found

    def _put(self, path: TomlPath, at: Position, *, defined: bool) -> None:
        if defined and path in self.found and path not in self._counts:
            self.repeated.append((path, self.found[path], at))
        if path not in self.found or (defined and path not in self._defined):
            self.found[path] = at
        if defined:
            self._defined.add(path)

    def _table(self, node: Node) -> None:
        key = _first(node, _KEYS)
        if key is None:
            return
        segments = _segments(key)
        path: TomlPath = ()
        for name, at in segments[:-1]:
            path = (*path, name)
            self._put(path, at, defined=False)
            if path in self._counts:
                path = (*path, self._counts[path] - 1)
        name, at = segments[-1]
        path = (*path, name)
        self._put(path, at, defined=True)
        self.values.setdefault(path, _start(node))
        if node.type == "table_array_element":
            self._counts[path] = self._counts.get(path, 0) + 1
            path = (*path, self._counts[path] - 1)
            self._put(path, _start(node), defined=True)
        for child in node.children:
            if child.type == "pair":
                self._pair(path, child)

    def _pair(self, table: TomlPath, pair: Node) -> None:
        # A stack, for a hostile file can nest deeper than Python recurses.
        todo: list[tuple[TomlPath, Node]] = [(table, pair)]
        while todo:
            path, node = todo.pop()
            if node.type == "pair":
                key = _first(node, _KEYS)
                if key is None:
                    continue
                segments = _segments(key)
                for name, at in segments:
                    path = (*path, name)
                    self._put(path, at, defined=at == segments[-1][1])
                values = [c for c in node.children[1:] if c.is_named and c.type != "comment"]
                for child in values:
                    self.values.setdefault(path, _start(child))
                    todo.append((path, child))
            elif node.type == "inline_table":
                inner = [child for child in node.children if child.type == "pair"]
                todo += [(path, child) for child in reversed(inner)]
            elif node.type == "array":
                values = [c for c in node.children if c.is_named and c.type != "comment"]
                for index, child in enumerate(values):
                    self._put((*path, index), _start(child), defined=True)
                    todo.append(((*path, index), child))


def _segments(key: Node) -> list[tuple[str, Position]]:
    todo, leaves = [key], []
    while todo:
        node = todo.pop()
        if node.type == "dotted_key":
            todo += [child for child in reversed(node.children) if child.type in _KEYS]
        else:
            leaves.append((_key_text(node), _start(node)))
    return leaves


def _key_text(node: Node) -> str:
    text = (node.text or b"").decode("utf-8", "replace")
    if node.type == "bare_key":
        return text
    try:
        return str(next(iter(tomli.loads(f"{text} = 0"))))
    except (tomli.TOMLDecodeError, StopIteration):
        return text


def _first(node: Node, types: tuple[str, ...]) -> Node | None:
    return next((child for child in node.children if child.type in types), None)


def _start(node: Node) -> Position:
    return node.start_point[0], node.start_point[1]
