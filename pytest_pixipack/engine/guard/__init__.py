"""The network guard: children without network, and the address that they wanted."""

from __future__ import annotations

from pytest_pixipack.engine.guard.guard import NetworkGuard, network_guard
from pytest_pixipack.engine.guard.namespace import NetworkIsolation, network_isolation
from pytest_pixipack.engine.guard.proxy import RefusingProxy
from pytest_pixipack.engine.guard.requests import RefusedRequest
from pytest_pixipack.engine.guard.variables import proxy_variables

__all__ = [
    "NetworkGuard",
    "NetworkIsolation",
    "RefusedRequest",
    "RefusingProxy",
    "network_guard",
    "network_isolation",
    "proxy_variables",
]
