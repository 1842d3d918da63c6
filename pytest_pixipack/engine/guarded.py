"""A build backend behind the network guard: where it fails because it wanted the network, the
error says so and names the address.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any

from pytest_pixipack.errors import BackendError

if TYPE_CHECKING:
    from pytest_pixipack.backend.client import Backend
    from pytest_pixipack.backend.protocol import BuildResult, OutputsResult
    from pytest_pixipack.engine.guard import NetworkGuard


class GuardedBackend:
    """`backend`, called `name` in messages; `guard` is the one that its process runs under."""

    def __init__(self, backend: Backend, guard: NetworkGuard, name: str) -> None:
        self._backend = backend
        self._guard = guard
        self._name = name

    def initialize(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """As the backend; raises `Offline` where it wanted the network and failed."""
        with self._explained():
            return self._backend.initialize(params)

    def outputs(self, params: Mapping[str, Any]) -> OutputsResult:
        """As the backend; raises `Offline` where it wanted the network and failed."""
        with self._explained():
            return self._backend.outputs(params)

    def build(self, params: Mapping[str, Any]) -> BuildResult:
        """As the backend; raises `Offline` where it wanted the network and failed."""
        with self._explained():
            return self._backend.build(params)

    def close(self) -> None:
        """Ends the backend."""
        self._backend.close()

    def __enter__(self) -> GuardedBackend:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except BackendError as error:
            offline = self._guard.error(self._name)
            if offline is None:
                raise
            offline.package = error.package
            raise offline from error
