"""The traceback of a failed test: the user's own lines, and our sentence."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from pytest_pixipack.errors import PixipackError
from pytest_pixipack.verify.findings import FindingsError

_PACKAGE = Path(__file__).parents[1]
_MATCHERS = _PACKAGE / "matchers"


def hide_internals(error: BaseException | None) -> None:
    """Ends the traceback of an error that is a sentence for the user where our code begins.

    Changes the error and those that it was raised from. An error that is none of ours keeps all.
    """
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if _is_sentence(error) and _cut(error.__traceback__) and _begins_here(before):
            error.__cause__ = None
            error.__suppress_context__ = True
            return
        error = before


def _is_sentence(error: BaseException) -> bool:
    if isinstance(error, (PixipackError, FindingsError)):
        return True
    # Matchers refuse their arguments with Python's own errors.
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return isinstance(error, (TypeError, ValueError)) and _is_below(trace, _MATCHERS)


def _cut(trace: TracebackType | None) -> bool:
    """Drops what is below the last line of the user's; false where there is no such line."""
    user = None
    while trace is not None:
        if not _is_below(trace, _PACKAGE):
            user = trace
        elif user is not None:
            user.tb_next = None
            return True
        trace = trace.tb_next
    return False


def _begins_here(error: BaseException | None) -> bool:
    """Whether an error was caught by our code, which then put it into words."""
    return error is None or _is_below(error.__traceback__, _PACKAGE)


def _is_below(trace: TracebackType | None, folder: Path) -> bool:
    return trace is not None and folder in Path(trace.tb_frame.f_code.co_filename).parents
