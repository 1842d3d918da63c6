"""A proxy of the environment is for other hosts than this machine."""

from __future__ import annotations

import contextlib
import functools
import json
import math
import os
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from pytest_pixipack.engine.guard.variables import proxy_variables
from pytest_pixipack.errors import InvalidInput

# How much longer a whole request may take than a server may be silent.
_WHOLE_REQUEST = 5
LOOPBACK = ("127.0.0.1", "localhost", "::1")
_THIS_MACHINE = "127.0.0.0/8,localhost,::1"


def client_for(environ: Mapping[str, str], refusing: str | None = None) -> Any:
    """The client of py-rattler that asks servers of this machine without a proxy, and that gives
    up on a server that says nothing more; see `Patience.of`.

    py-rattler by itself takes the proxies of the environment for the loopback interface as well,
    unless `NO_PROXY` says otherwise, and waits for ever. With `refusing`, the URL of a proxy,
    everything that is not on this machine is asked of that one, wherever a redirect or a channel's
    repodata lead.
    """
    from rattler.exceptions import AuthenticationStorageError
    from rattler.networking import Client, RetryMiddleware

    from pytest_pixipack.engine.download import Patience

    patience = Patience.of(environ)
    retries = patience.attempts - 1
    # It bounds a request as a whole, and repodata may be large.
    seconds = max(1, math.ceil(patience.timeout * _WHOLE_REQUEST))
    with _only_to(refusing):
        try:
            if refusing is not None:
                return _plain_client(retries, seconds)
            return _client_of(environ, retries, seconds)
        except AuthenticationStorageError:
            if environ.get("RATTLER_AUTH_FILE"):
                raise InvalidInput(
                    "The file that RATTLER_AUTH_FILE names cannot be read.",
                    file=environ["RATTLER_AUTH_FILE"],
                    remedy="Correct it, or unset the variable.",
                ) from None
            # Nothing is stored where there is no home.
            return Client([RetryMiddleware(retries)], timeout=seconds)


def _client_of(environ: Mapping[str, str], retries: int, seconds: int) -> Any:
    import rattler
    from rattler.networking import Client

    with contextlib.suppress(ValueError):  # a proxy that is no URL is passed over
        found = rattler.Config.from_toml(proxy_config(environ) or "")
        return Client.from_config(found, max_retries=retries, timeout=seconds)
    return Client.from_config(rattler.Config.from_toml(""), max_retries=retries, timeout=seconds)


def _plain_client(retries: int, seconds: int) -> Any:
    """Knows http and https alone: what rattler has for `s3`, `gcs` and `oci` goes ways of its own,
    past a proxy."""
    from rattler.networking import AuthenticationMiddleware, Client, RetryMiddleware

    return Client([RetryMiddleware(retries), AuthenticationMiddleware()], timeout=seconds)


@contextlib.contextmanager
def _only_to(proxy: str | None) -> Iterator[None]:
    """The variables that lead a client to a proxy, while it is made: that is when it reads them,
    and it takes them no other way together with a choice of what it knows.
    """
    if proxy is None:
        yield
        return
    variables = {**proxy_variables(proxy), "NO_PROXY": _THIS_MACHINE, "no_proxy": _THIS_MACHINE}
    with _one_at_a_time():
        # As a script of a web server, it would not read `HTTP_PROXY`.
        before = {name: os.environ.pop(name, None) for name in (*variables, "REQUEST_METHOD")}
        os.environ.update(variables)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value


@functools.cache
def _one_at_a_time() -> threading.Lock:
    return threading.Lock()


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
