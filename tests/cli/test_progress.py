"""Downloads show one line on a terminal, and nothing in a pipe."""

from __future__ import annotations

import io

import pytest

from pytest_pixipack.cli.progress import ProgressLine, progress_line


class Clock:
    """Moves on by a second each time it is looked at, or stands still."""

    def __init__(self, step: float) -> None:
        self.now, self.step = 0.0, step

    def __call__(self) -> float:
        self.now += self.step
        return self.now


def drawn(*states: tuple[int, int | None], step: float = 1.0, width: int = 60) -> list[str]:
    stream = io.StringIO()
    line = ProgressLine(stream, clock=Clock(step), width=width)
    for done, total in states:
        line("a-package-1.0-0", done, total)
    return [text.rstrip() for text in stream.getvalue().split("\r")[1:]]


def test_it_says_how_far_a_download_is() -> None:
    assert drawn((5_000_000, 20_000_000)) == [
        "a-package-1.0-0 [#####               ] 5.0 of 20.0 MB"
    ]


def test_it_works_without_knowing_the_whole() -> None:
    assert drawn((5_000_000, None)) == ["a-package-1.0-0 5.0 MB"]


def test_it_is_gone_when_the_download_is_complete() -> None:
    assert drawn((1, 2), (2, 2))[1:] == ["", ""]


def test_it_is_not_drawn_faster_than_it_can_be_read() -> None:
    assert len(drawn((1, 9), (2, 9), (3, 9), step=0.001)) == 1


@pytest.mark.parametrize("width", [20, 40, 80])
def test_it_fits_the_terminal(width: int) -> None:
    stream = io.StringIO()
    ProgressLine(stream, clock=Clock(1), width=width)("x" * 200, 1, 10_000_000)

    assert len(stream.getvalue().lstrip("\r").rstrip()) < max(width, 45)


def test_nothing_is_shown_in_a_pipe() -> None:
    assert progress_line() is None
