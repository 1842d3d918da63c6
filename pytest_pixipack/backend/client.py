"""Talks to build backends: in a process of their own, or to the stub backend in this process.

The sequence is pixi's: `negotiateCapabilities` and `initialize` once, then `conda/outputs` and
`conda/build_v1` one at a time. Whatever a backend does wrong becomes a `BackendError` with one
sentence; a backend is never left running.
"""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, TypeVar

from pytest_pixipack.backend import rpc_errors
from pytest_pixipack.backend.process import GRACE, BackendProcess
from pytest_pixipack.backend.protocol import BuildResult, OutputsResult
from pytest_pixipack.backend.recording import RECORD_VARIABLE, Recorder
from pytest_pixipack.backend.stub import Misbehaviour, StubBackend
from pytest_pixipack.backend.stub_main import Answering
from pytest_pixipack.backend.stub_orders import ORDERS_VARIABLE
from pytest_pixipack.errors import BackendError, Infrastructure, InvalidInput, PixipackError

Json = dict[str, Any]
_Self = TypeVar("_Self", bound="_Session")

DEFAULT_TIMEOUT = 600.0  # seconds for one answer


class Backend(Protocol):
    """A build backend for one package."""

    def initialize(self, params: Mapping[str, Any]) -> Json:
        """Negotiates and initialises; returns the capabilities that the backend announced."""

    def outputs(self, params: Mapping[str, Any]) -> OutputsResult:
        """Calls `conda/outputs`."""

    def build(self, params: Mapping[str, Any]) -> BuildResult:
        """Calls `conda/build_v1`; what comes back is the output that was asked for."""

    def close(self) -> None:
        """Ends the backend; more calls do nothing."""

    def __enter__(self) -> Backend: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


class _Session:
    """What all backends have in common: the sequence of calls, recording, checks of results."""

    def __init__(self, name: str, record: Path | None) -> None:
        self.name = name
        self._record_to = record
        self._recorder: Recorder | None = None
        self._next_id = 0
        self._package: str | None = None

    def initialize(self, params: Mapping[str, Any]) -> Json:
        """Negotiates and initialises; returns the capabilities that the backend announced."""
        model = params.get("projectModel")
        self._package = model.get("name") if isinstance(model, Mapping) else None
        negotiated = self._request("negotiateCapabilities", {"capabilities": {}})
        capabilities = negotiated.get("capabilities")
        if not isinstance(capabilities, Mapping):
            with _Naming(self._package):
                raise rpc_errors.malformed(self.name, "negotiateCapabilities", "no capabilities")
        self._request("initialize", params)
        return dict(capabilities)

    def outputs(self, params: Mapping[str, Any]) -> OutputsResult:
        """Calls `conda/outputs`. Raises `BackendError`."""
        result = self._request("conda/outputs", params)
        with _Naming(self._package):
            return OutputsResult.from_json(result)

    def build(self, params: Mapping[str, Any]) -> BuildResult:
        """Calls `conda/build_v1`.

        Raises `BackendError`, also where another package comes back or the file does not exist.
        """
        result = self._request("conda/build_v1", params)
        with _Naming(self._package):
            built = BuildResult.from_json(result)
            check_built(built, params)
            check_readable(built)
        return built

    def close(self) -> None:
        """Ends the backend; more calls do nothing."""
        if self._recorder is not None:
            self._recorder.close()

    def __enter__(self: _Self) -> _Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _request(self, method: str, params: Mapping[str, Any]) -> Json:
        request = {"jsonrpc": "2.0", "id": self._next_id, "method": method, "params": dict(params)}
        self._next_id += 1
        self._note("->", request)
        with _Naming(self._package):
            reply = self._exchange(request)
            self._note("<-", reply)
            if reply.get("error") is not None:
                raise rpc_errors.from_json_rpc(
                    reply["error"], self.name, method, self._stderr_text()
                )
            result = reply.get("result")
            if not isinstance(result, dict):
                raise rpc_errors.malformed(
                    self.name, method, "a result that is not an object", self._stderr_text()
                )
            return result

    def _exchange(self, request: Json) -> Json:
        raise NotImplementedError

    def _stderr_text(self) -> str:
        return ""

    def _note(self, direction: str, message: Json) -> None:
        if self._record_to is None:
            return
        try:
            if self._recorder is None:
                self._recorder = Recorder(self._record_to)
            self._recorder(direction, message)
        except OSError as error:
            raise Infrastructure(
                f"The messages of the build backend cannot be recorded: {error}.",
                file=self._record_to,
                remedy="Record into a directory that can be written.",
            ) from None


class ProcessBackend(_Session):
    """A backend in a process of its own, started by the first call.

    `argv` is the command line; `env` its whole environment (default: this process's); `timeout` the
    seconds that one answer may take; `record` a directory for the messages; `umask` applies where
    the system has one; `name` is how messages call the backend (default: `argv[0]`); `grace` the
    seconds that it has to end by itself when it is closed.
    """

    def __init__(
        self,
        argv: Sequence[str | Path],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        record: Path | None = None,
        umask: int | None = None,
        name: str | None = None,
        grace: float = GRACE,
    ) -> None:
        super().__init__(name or str(argv[0]), record)
        if record is not None:
            # Our stub would record a second time what the client records already.
            inherited = os.environ if env is None else env
            env = {key: value for key, value in inherited.items() if key != RECORD_VARIABLE}
            env[ORDERS_VARIABLE] = str(record)
        self._process = BackendProcess(
            [str(part) for part in argv], self.name, env=env, cwd=cwd, umask=umask, grace=grace
        )
        self._timeout = timeout

    @property
    def exit_code(self) -> int | None:
        """How the process ended; None while it runs, and where it was never started."""
        return self._process.exit_code

    def close(self) -> None:
        """Ends the backend: its input is closed, and it is killed if that does not help."""
        self._process.close()
        super().close()

    def _exchange(self, request: Json) -> Json:
        return self._process.exchange(request, self._timeout)

    def _stderr_text(self) -> str:
        return self._process.stderr_text()


class InProcessBackend(_Session):
    """The stub backend without a process: the same answers, errors and recordings, but faster.

    A stub that is told to crash, to print junk or to hang gives the error that a process would.
    """

    def __init__(
        self,
        record: Path | None = None,
        *,
        name: str = "stub",
        backend: Answering | None = None,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> None:
        super().__init__(name, record)
        self._record = record
        self._backend = backend
        self._timeout = timeout

    def _exchange(self, request: Json) -> Json:
        method = request["method"]
        try:
            reply = self._answering().answer(copy.deepcopy(request))
        except Misbehaviour as fault:
            reply = self._despite(fault, method)
        # Only notifications have no reply, and a session sends none.
        answer: Json = json.loads(json.dumps(reply or {}))
        return answer

    def _answering(self) -> Answering:
        if self._backend is None:
            stub = StubBackend(str(self._record) if self._record else None)
            self._backend = stub
            try:
                stub.start()
            except Misbehaviour as fault:
                self._despite(fault, "negotiateCapabilities")
        return self._backend

    def _despite(self, fault: Misbehaviour, method: str) -> Json | None:
        """The reply that a process would have got through; raises what its client would have."""
        if fault.how in ("crash", "crash-halfway"):
            code, text = fault.CRASH_CODE, fault.CRASH_TEXT
            raise rpc_errors.exited(self.name, method, code, text) from None
        if fault.how in ("junk", "noise"):
            raise rpc_errors.junk(self.name, method, fault.JUNK_TEXT.encode()) from None
        if fault.how == "hang" or (fault.how == "slow" and fault.fault.seconds > self._timeout):
            raise rpc_errors.timed_out(self.name, method, self._timeout) from None
        if fault.how == "wrong-id":
            raise rpc_errors.malformed(self.name, method, "a reply to another request") from None
        return fault.reply


def check_built(built: BuildResult, params: Mapping[str, Any]) -> None:
    """Raises `BackendError` where a build did not produce the output that was asked for."""
    wanted = params["output"]
    asked = tuple(wanted.get(key) for key in ("name", "version", "build", "subdir"))
    if asked != (built.name, built.version, built.build, built.subdir):
        name, version, build, subdir = asked
        raise BackendError(
            "The build backend did not return the expected package: "
            f"{subdir}/{name}={version}={build}. "
            f"Instead the build backend returned {built.dist}.",
            remedy="Outputs and built packages of a backend have to agree.",
        )
    if not built.output_file.is_file():
        raise BackendError(
            f"The build backend says that it built {built.output_file.name}, but there is no such "
            f"file: {built.output_file}.",
            remedy="A backend has to write the package before it answers.",
        )


def check_readable(built: BuildResult) -> None:
    """Raises `BackendError` where what was built is no package: its `index.json` cannot be read."""
    from pytest_pixipack.artifact import read_index

    try:
        read_index(built.output_file)
    except InvalidInput as error:
        raise BackendError(
            f"The build backend wrote a package that cannot be read, {built.output_file.name}: "
            f"{error.message}",
            remedy="Look at what the backend writes, and whether the disk is full.",
        ) from None


class _Naming:
    """Adds the package to errors that pass through."""

    def __init__(self, package: str | None) -> None:
        self._package = package

    def __enter__(self) -> None:
        return

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if isinstance(value, PixipackError) and value.package is None:
            value.package = self._package
