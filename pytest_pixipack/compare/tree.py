"""A tree of places with the differences at each, drawn in the columns of a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from pytest_pixipack.compare.columns import broken, columns, padded, printable
from pytest_pixipack.compare.model import Difference, Verdict
from pytest_pixipack.compare.rows import inline, row

_PACKAGES = (".conda", ".tar.bz2")
# Columns that a name has to leave for what is behind it.
_BEHIND = 24
# Columns that are left where places are set below each other for the last time.
_DEEPEST = 33


@dataclass(slots=True)
class Node:
    """A place: the places in it by name, and the differences at it."""

    children: dict[str, Node] = field(default_factory=dict)
    leaves: list[Difference] = field(default_factory=list)


def drawn(root: Node, width: int, verdict: Verdict) -> list[str]:
    """The lines of all that is below a root, which itself has no name."""
    drawing = _Drawing(width, verdict)
    lines: list[str] = []
    for name, node in root.children.items():
        joined, below = _joined(name, node)
        lines += broken(printable(joined), width)
        lines += drawing.branches(below, "")
    return [*lines, *drawing.rows(root.leaves, "")]


@dataclass(frozen=True, slots=True)
class _Drawing:
    width: int
    verdict: Verdict

    def branches(self, node: Node, indent: str) -> Iterator[str]:
        """The differences at a place, and the places in it."""
        yield from self.rows(node.leaves, indent, more=bool(node.children))
        ready = [(printable(name), each) for name, each in self._children(node, indent)]
        column = max(
            (columns(name) for name, child in ready
             if not child.children and columns(name) <= self.width // 2),
            default=0,
        )  # fmt: skip
        for number, (name, child) in enumerate(ready):
            head, below = _lead(indent, last=number == len(ready) - 1)
            line = self._in_one(f"{head}{padded(name, column)}   ", name, child, head)
            if line is not None:
                yield line
                continue
            first, *further = broken(name, self.width - columns(head))
            yield f"{head}{first}"
            yield from (f"{below}{each}" for each in further)
            yield from self.branches(child, below)

    def rows(self, leaves: list[Difference], indent: str, *, more: bool = False) -> Iterator[str]:
        """Differences at one place; `more` says that something comes below them."""
        column = max((columns(printable(each.field)) for each in leaves), default=0)
        for number, each in enumerate(leaves):
            head, below = _lead(indent, last=number == len(leaves) - 1 and not more)
            room = self.width - columns(head)
            first, *further = row(each, room, self.verdict, min(column, self.width // 3))
            yield f"{head}{first}"
            yield from (f"{below}{line}" for line in further)

    def _in_one(self, start: str, name: str, child: Node, head: str) -> str | None:
        """A place with its only difference in one line, where that fits."""
        if child.children or len(child.leaves) != 1:
            return None
        if columns(head) + columns(name) > self.width - _BEHIND:
            return None
        line = inline(child.leaves[0], self.width - columns(start), self.verdict)
        return None if line is None else f"{start}{line}"

    def _children(self, node: Node, indent: str) -> list[tuple[str, Node]]:
        """The places in a place; all that are below them as well, where there is no more room."""
        if columns(indent) > self.width - _DEEPEST:
            return list(_all(node))
        return [_joined(name, each) for name, each in node.children.items()]


def _lead(indent: str, *, last: bool) -> tuple[str, str]:
    """What stands in front of a line, and of those that belong below it."""
    return f"{indent}{'└─' if last else '├─'} ", f"{indent}{'   ' if last else '│  '}"


def _joined(name: str, node: Node) -> tuple[str, Node]:
    """A place and the only one in it, and so on, as one."""
    names = [name]
    while len(node.children) == 1 and not node.leaves and not names[-1].endswith(_PACKAGES):
        inner, node = next(iter(node.children.items()))
        names.append(inner)
    return "/".join(names), node


def _all(node: Node) -> Iterator[tuple[str, Node]]:
    """All places below a place that have differences, each by its whole way."""
    waiting = [(name, each) for name, each in reversed(node.children.items())]
    while waiting:
        name, each = waiting.pop()
        if each.leaves:
            yield name, Node(leaves=each.leaves)
        waiting += [(f"{name}/{inner}", below) for inner, below in reversed(each.children.items())]
