"""A pixi-build backend (API version 7) that echoes the project model and builds real packages.

What steers it is in `stub_orders`, what it offers in `stub_outputs`, what it builds in
`stub_build`. This module imports nothing heavy: it is what the executable `pixipack-stub-backend`
starts with.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pytest_pixipack.backend.recording import INFRASTRUCTURE
from pytest_pixipack.backend.stub_orders import STAGES, Fault, Orders
from pytest_pixipack.errors import BackendError, Infrastructure, PixipackError

Json = dict[str, Any]

INPUT_GLOBS = ("pixi.toml", "pyproject.toml", "files/**")

# What happens instead of an answer, and what happens around one.
INSTEAD = ("crash", "junk", "hang")
AROUND = ("crash-halfway", "noise", "slow", "flood", "wrong-id")


class Misbehaviour(Exception):
    """What the stub was told to do instead of answering, or around its answer (`reply`).

    The executable does it; in process, it becomes the error that a client would have reported.
    """

    CRASH_CODE = 3
    CRASH_TEXT = "stub: simulated crash"
    JUNK_TEXT = "this is not JSON"

    def __init__(self, fault: Fault, reply: Json | None = None) -> None:
        super().__init__(fault.how)
        self.fault = fault
        self.how = fault.how
        self.reply = reply


class RpcError(Exception):
    """A JSON-RPC error object of its own making, without `data` unless given."""

    def __init__(self, code: int, message: str, data: Json | None = None) -> None:
        super().__init__(message)
        self.error: Json = {"code": code, "message": message}
        if data is not None:
            self.error["data"] = data


class StubBackend:
    """One session: `negotiateCapabilities`, `initialize`, then any number of the other two.

    `orders` is a directory where a test's fixture leaves what it tells (`stub_orders`).
    """

    def __init__(self, orders: str | None = None) -> None:
        self._orders = Orders(orders)
        self._params: Json | None = None

    def start(self) -> None:
        """What happens before anything is asked. Raises `Misbehaviour` where that is something."""
        fault = self._orders.fault("start")
        if fault is not None:
            raise Misbehaviour(fault)

    # --- transport ----------------------------------------------------------------------------
    def answer(self, request: object) -> Json | None:
        """The reply to one JSON-RPC request; None for a notification.

        Raises `Misbehaviour` where it was told to, and nothing else.
        """
        if not isinstance(request, dict) or not isinstance(request.get("method"), str):
            return error_reply(None, -32600, "Invalid Request")
        reply: Json = {"jsonrpc": "2.0", "id": request.get("id")}
        try:
            reply["result"] = self.call(request["method"], request.get("params"))
        except RpcError as error:
            reply["error"] = error.error
        except (Infrastructure, OSError) as error:
            reply["error"] = _described(-32000, _text(error), code=INFRASTRUCTURE)
        except PixipackError as error:
            reply["error"] = _described(-32000, _text(error))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            message = f"invalid parameters for {request['method']}: {error!r}"
            reply["error"] = _described(-32602, message)
        fault = self._orders.fault(STAGES.get(request["method"], ""))
        if fault is not None and fault.how in AROUND:
            raise Misbehaviour(fault, reply)
        return reply if "id" in request else None

    def call(self, method: str, params: Any) -> Json:
        """The result of one method.

        Raises `BackendError`, `RpcError` or `Misbehaviour`; with parameters of another shape also
        `KeyError`, `TypeError`, `ValueError` or `AttributeError`.
        """
        methods: dict[str, Callable[[Json, str | None], Json]] = {
            "negotiateCapabilities": _capabilities,
            "initialize": self._initialize,
            "conda/outputs": self._outputs,
            "conda/build_v1": self._build,
        }
        if method not in methods:
            raise RpcError(-32601, "Method not found")
        if self._params is None and method in ("conda/outputs", "conda/build_v1"):
            raise BackendError(f"initialize has to be called before {method}")
        if method == "initialize":
            self._read(params)
        return methods[method](params or {}, self._fail(STAGES[method]))

    # --- the methods --------------------------------------------------------------------------
    def _read(self, params: Json) -> None:
        params["projectModel"]["name"], params["sourceDirectory"]  # missing ones are told first
        self._orders.read(params)
        self._params = params

    def _initialize(self, _params: Json, _how: str | None) -> Json:
        return {}

    def _outputs(self, params: Json, how: str | None) -> Json:
        from pytest_pixipack.backend.stub_outputs import OutputMaker

        host, build = params["hostPlatform"], params["buildPlatform"]
        configuration = params.get("variantConfiguration") or {}
        keys = self._orders.stub.get("variant-keys") or []
        found: list[Json] = []
        for table in self._orders.outputs(self._model):
            found += OutputMaker(self._model, table, keys).outputs(host, build, configuration)
        if how == "wrong-name":
            for output in found:
                output["metadata"]["name"] = "somebody-else"
        if how == "malformed":
            return {"outputs": [{"metadata": {"name": self._model["name"]}}]}
        return {"outputs": found, "inputGlobs": self._input_globs(), **self._sets("inputGlobSets")}

    def _build(self, params: Json, how: str | None) -> Json:
        from pytest_pixipack.backend.stub_build import build_package

        if how == "malformed":
            return {"name": self._model["name"]}
        session = self._params or {}
        name = params["output"]["name"]
        tables = self._orders.outputs(self._model)
        table = next((t for t in tables if t["name"].lower() == name.lower()), tables[0])
        result = build_package(
            params,
            {
                "license": self._model.get("license"),
                "timestamp": self._orders.stub.get("timestamp"),
                "leak": self._orders.stub.get("leak"),
                **table,
            },
            session["sourceDirectory"],
            session.get("configuration") or {},
            session.get("targetConfiguration") or {},
            how,
        )
        return {**result, "input_globs": self._input_globs(), **self._sets("input_glob_sets")}

    # --- helpers ------------------------------------------------------------------------------
    @property
    def _model(self) -> Json:
        assert self._params is not None
        model: Json = self._params["projectModel"]
        return model

    def _input_globs(self) -> list[str]:
        told = self._orders.stub.get("input-globs")
        globs = list(INPUT_GLOBS) if told is None else list(told)
        return [*globs, "stub.toml"] if self._orders.has_file else globs

    def _sets(self, key: str) -> Json:
        """The structured globs, which an answer has only where there are some."""
        told = self._orders.stub.get("input-glob-sets")
        return {} if told is None else {key: told}

    def _fail(self, stage: str) -> str | None:
        """The fault for this stage that has an effect later; the others happen here."""
        fault = self._orders.fault(stage)
        if fault is None:
            return None
        if fault.how == "error":
            raise BackendError(fault.message or f"stub was told to fail in {stage}")
        if fault.how == "not-implemented":
            raise RpcError(-32601, "Method not found")
        if fault.how == "error-without-data":
            raise RpcError(-32000, fault.message or "only a message")
        if fault.how in INSTEAD:
            raise Misbehaviour(fault)
        return fault.how


def error_reply(identifier: object, code: int, message: str) -> Json:
    """A reply that carries an error without `data`."""
    return {"jsonrpc": "2.0", "id": identifier, "error": {"code": code, "message": message}}


def _described(number: int, message: str, **more: str) -> Json:
    # pixi shows `data` alone and ignores the message beside it.
    data: Json = {"message": message, "severity": "error", "causes": [], "labels": []}
    return {"code": number, "message": message, "data": {**data, "related": [], **more}}


def _text(error: Exception) -> str:
    return error.message if isinstance(error, PixipackError) else str(error)


def _capabilities(_params: Json, how: str | None) -> Json:
    if how == "malformed":
        return {}
    return {"capabilities": {"providesCondaOutputs": True, "providesCondaBuildV1": True}}
