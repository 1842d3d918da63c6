"""Reading repodata through py-rattler's gateway: what its errors mean, and which are tried again.

Only the words of its messages tell a broken connection from broken repodata (py-rattler 0.28,
`rattler_repodata_gateway`); what is not known counts as the network, of which nothing follows for
the product.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pytest_pixipack.aio import run_async
from pytest_pixipack.cache import used
from pytest_pixipack.engine.channels import Channel
from pytest_pixipack.engine.download import Patience
from pytest_pixipack.engine.proxies import client_for
from pytest_pixipack.errors import Infrastructure, InvalidInput, PixipackError
from pytest_pixipack.redaction import redact

T = TypeVar("T")

# A body that broke off. rattler itself asks again where no answer came, or a busy status, but not
# where a shard ends too soon.
_BROKEN_OFF = re.compile(
    r"error decoding response body|error reading a body|end of file before message length"
    r"|incomplete frame|stream did not finish|received empty response|EOF while parsing"
    r"|connection closed before message completed"
)
# An answer that is whole and cannot be read.
_UNREADABLE = re.compile(
    r"failed to decode zstd|[Ff]rame descriptor|[Cc]hecksum|[Cc]orrupt|Data error"
    r"|missing field|unknown variant|invalid (?:type|value|length|utf-8|unicode)"
    r"|at line \d+ column \d+|failed to parse|expected (?:value|ident)|is not a valid"
)
_CANNOT_ASK = re.compile(r"HTTP status client error \((401|403|407)")
_WORKING = re.compile(r"operation timed out|error sending request|HTTP status")


def open_gateway(cache_dir: Path) -> Any:
    """A gateway that keeps what it has read in `cache_dir`."""
    import rattler

    cache_dir.mkdir(parents=True, exist_ok=True)
    used(cache_dir)
    return rattler.Gateway(cache_dir=cache_dir, client=client_for(os.environ))


def ask(
    what: str, channels: Sequence[Channel], question: Callable[[], Coroutine[Any, Any, T]]
) -> T:
    """The answer of a coroutine that asks a gateway; asked again where a body broke off.

    `what` is whose repodata they are. Raises `InvalidInput` for repodata that cannot be read and
    `Infrastructure` where a channel cannot be reached; neither shows a secret of a URL.
    """
    from rattler.exceptions import GatewayError

    patience = Patience.of(os.environ)
    tried = 0
    while True:
        tried += 1
        try:
            return run_async(question)
        except GatewayError as error:
            message = str(error)
            again = _BROKEN_OFF.search(message) and _is_remote(channels)
            if not again or tried == patience.attempts:
                raise _error(what, channels, message, patience, tried) from None
        patience.wait(tried)


def one_line(text: str) -> str:
    """A library's message as part of a sentence: box drawing and line breaks removed."""
    cleaned = re.sub(r"[\u2500-\u257f]+", " ", text)
    return re.sub(r"\s+", " ", cleaned).strip().rstrip(".") + "."


def _is_remote(channels: Sequence[Channel]) -> bool:
    return any(channel.directory is None for channel in channels)


def _error(
    what: str, channels: Sequence[Channel], message: str, patience: Patience, tried: int
) -> PixipackError:
    named = ", ".join(redact(channel.name) for channel in channels)
    reason = redact(one_line(message))
    text = f"The repodata of {what} (channels {named}) cannot be read: {reason}"
    if not _is_remote(channels):
        return InvalidInput(text, remedy="Build the channel again.")
    if _BROKEN_OFF.search(message):
        return Infrastructure(_with_attempts(text, tried), remedy=_TRY_AGAIN)
    if _UNREADABLE.search(message) and not _WORKING.search(message):
        return InvalidInput(
            text, remedy="The server's answer is whole, but no repodata: ask the channel's owner."
        )
    if _CANNOT_ASK.search(message):
        return Infrastructure(
            text, remedy="The channel wants credentials, which may stand in its URL."
        )
    busy = re.search(r"server error|429|408|error sending request|timed out", message)
    return Infrastructure(_with_attempts(text, patience.attempts if busy else 1), remedy=_TRY_AGAIN)


_TRY_AGAIN = "Try again; check the network and the channel's address."


def _with_attempts(text: str, count: int) -> str:
    return f"{text.rstrip('.')} ({count} attempts)." if count > 1 else text
