"""A proxy of the environment is for other hosts than this machine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def client_for(environ: Mapping[str, str]) -> Any:
    """The client of py-rattler that asks servers of this machine without a proxy; None where the
    environment names no proxy that can be used, so that the default client does the same.

    py-rattler by itself takes the proxies of the environment for the loopback interface as well,
    unless `NO_PROXY` says otherwise.
    """
    config = proxy_config(environ)
    if config is None:
        return None
    import rattler
    from rattler.networking import Client

    try:
        return Client.from_config(rattler.Config.from_toml(config))
    except ValueError:  # a proxy that is no URL: the default client passes over it
        return None


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
