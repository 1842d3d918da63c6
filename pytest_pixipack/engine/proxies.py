"""A proxy of the environment is for other hosts than this machine."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Mapping
from typing import Any

from pytest_pixipack.errors import InvalidInput

# How much longer a whole request may take than a server may be silent.
_WHOLE_REQUEST = 5
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def client_for(environ: Mapping[str, str]) -> Any:
    """The client of py-rattler that asks servers of this machine without a proxy, and that gives
    up on a server that says nothing more; see `Patience.of`.

    py-rattler by itself takes the proxies of the environment for the loopback interface as well,
    unless `NO_PROXY` says otherwise, and waits for ever.
    """
    import rattler
    from rattler.exceptions import AuthenticationStorageError
    from rattler.networking import Client, RetryMiddleware

    from pytest_pixipack.engine.download import Patience

    patience = Patience.of(environ)
    retries = patience.attempts - 1
    # It bounds a request as a whole, and repodata may be large.
    seconds = max(1, math.ceil(patience.timeout * _WHOLE_REQUEST))
    try:
        for config in (proxy_config(environ), None):
            with contextlib.suppress(ValueError):  # a proxy that is no URL is passed over
                found = rattler.Config.from_toml(config or "")
                return Client.from_config(found, max_retries=retries, timeout=seconds)
    except AuthenticationStorageError:
        if environ.get("RATTLER_AUTH_FILE"):
            raise InvalidInput(
                "The file that RATTLER_AUTH_FILE names cannot be read.",
                file=environ["RATTLER_AUTH_FILE"],
                remedy="Correct it, or unset the variable.",
            ) from None
    # Nothing is stored where there is no home.
    return Client([RetryMiddleware(retries)], timeout=seconds)


def proxy_config(environ: Mapping[str, str]) -> str | None:
    """The proxies of an environment as rattler's configuration (TOML); None without any."""
    every = _value(environ, "all_proxy")
    proxies = {name: _value(environ, f"{name}_proxy") or every for name in ("http", "https")}
    if not any(proxies.values()):
        return None
    hosts = [part.strip() for part in (_value(environ, "no_proxy") or "").split(",")]
    lines = [f"{name} = {json.dumps(url)}" for name, url in proxies.items() if url]
    lines.append(f"non-proxy-hosts = {json.dumps([*filter(None, hosts), *LOOPBACK])}")
    return "\n".join(["[proxy-config]", *lines, ""])


def _value(environ: Mapping[str, str], name: str) -> str | None:
    return environ.get(name) or environ.get(name.upper()) or None
