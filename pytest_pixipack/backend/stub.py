"""A pixi-build backend (API version 7) that echoes the project model and builds real packages.

The table `[package.build.config.stub]` steers it; every key is optional:

| key | meaning |
|---|---|
| `noarch` | `"generic"` or `"python"` |
| `build-number` | integer; a `build-number` in the manifest wins |
| `variant-keys` | keys of the variant configuration that get one output per value |
| `ignore-run-exports` | `{by-name = [...], from-package = [...]}` |
| `timestamp` | milliseconds since the epoch for `index.json` |
| `fail` | `{stage = "initialize"|"outputs"|"build", how = ...}`, see `FAULTS` |

Build and host dependencies without a version, and names that conditions use, are expanded into
variants where the variant configuration has them. The module imports nothing heavy: it is what the
executable `pixipack-stub-backend` starts with.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pytest_pixipack.backend.recording import INFRASTRUCTURE
from pytest_pixipack.errors import BackendError, Infrastructure, PixipackError

Json = dict[str, Any]

INPUT_GLOBS = ("pixi.toml", "pyproject.toml", "files/**")
STAGES = {"initialize": "initialize", "conda/outputs": "outputs", "conda/build_v1": "build"}
STUB_KEYS = ("build-number", "fail", "ignore-run-exports", "noarch", "timestamp", "variant-keys")

# how -> stages where it has an effect.
FAULTS: Mapping[str, tuple[str, ...]] = {
    "error": ("initialize", "outputs", "build"),
    "error-without-data": ("outputs", "build"),
    "crash": ("initialize", "outputs", "build"),
    "junk": ("initialize", "outputs", "build"),
    "hang": ("initialize", "outputs", "build"),
    "malformed": ("outputs", "build"),
    "not-implemented": ("outputs", "build"),
    "wrong-name": ("outputs", "build"),
    "wrong-version": ("build",),
    "missing-file": ("build",),
    "corrupt-artifact": ("build",),
}


class Misbehaviour(Exception):
    """What the stub was told to do instead of answering: `crash`, `junk` or `hang`.

    The executable does it; in process, it becomes the error that a client would have reported.
    """

    def __init__(self, how: str) -> None:
        super().__init__(how)
        self.how = how

    CRASH_CODE = 3
    CRASH_TEXT = "stub: simulated crash"
    JUNK_TEXT = "this is not JSON"


class RpcError(Exception):
    """A JSON-RPC error object of its own making, without `data` unless given."""

    def __init__(self, code: int, message: str, data: Json | None = None) -> None:
        super().__init__(message)
        self.error: Json = {"code": code, "message": message}
        if data is not None:
            self.error["data"] = data


class StubBackend:
    """One session: `negotiateCapabilities`, `initialize`, then any number of the other two."""

    def __init__(self) -> None:
        self._model: Json | None = None
        self._config: Json = {}
        self._target_config: Json = {}
        self._stub: Json = {}
        self._source = ""

    # --- transport ----------------------------------------------------------------------------
    def answer(self, request: object) -> Json | None:
        """The reply to one JSON-RPC request; None for a notification.

        Raises `Misbehaviour` where the configuration asks for it, and nothing else.
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
        return reply if "id" in request else None

    def call(self, method: str, params: Any) -> Json:
        """The result of one method.

        Raises `BackendError`, `RpcError` or `Misbehaviour`; with parameters of another shape also
        `KeyError`, `TypeError`, `ValueError` or `AttributeError`.
        """
        methods: dict[str, Callable[[Json], Json]] = {
            "negotiateCapabilities": _capabilities,
            "initialize": self._initialize,
            "conda/outputs": self._outputs,
            "conda/build_v1": self._build,
        }
        if method not in methods:
            raise RpcError(-32601, "Method not found")
        if self._model is None and method in ("conda/outputs", "conda/build_v1"):
            raise BackendError(f"initialize has to be called before {method}")
        return methods[method](params or {})

    # --- the methods --------------------------------------------------------------------------
    def _initialize(self, params: Json) -> Json:
        self._model = params["projectModel"]
        self._config = params.get("configuration") or {}
        self._target_config = params.get("targetConfiguration") or {}
        self._source = params["sourceDirectory"]
        self._stub = self._config.get("stub") or {}
        check_stub_table(self._stub)
        self._fail("initialize")
        return {}

    def _outputs(self, params: Json) -> Json:
        how = self._fail("outputs")
        host, build = params["hostPlatform"], params["buildPlatform"]
        variants = self._variants(host, build, params.get("variantConfiguration") or {})
        found = [self._output(host, build, variant) for variant in variants]
        if how == "wrong-name":
            for output in found:
                output["metadata"]["name"] = "somebody-else"
        if how == "malformed":
            return {"outputs": [{"metadata": {"name": self._name}}]}
        return {"outputs": found, "inputGlobs": list(INPUT_GLOBS)}

    def _build(self, params: Json) -> Json:
        how = self._fail("build")
        from pytest_pixipack.backend.stub_build import build_package

        if how == "malformed":
            return {"name": self._name}
        stub_facts = {
            "license": self._the_model.get("license"),
            "noarch": self._stub.get("noarch"),
            "timestamp": self._stub.get("timestamp"),
        }
        return build_package(
            params, stub_facts, self._source, self._config, self._target_config, how
        )

    # --- helpers ------------------------------------------------------------------------------
    @property
    def _the_model(self) -> Json:
        assert self._model is not None
        return self._model

    @property
    def _name(self) -> str:
        name: str = self._the_model["name"]
        return name

    def _fail(self, stage: str) -> str | None:
        """The fault for this stage that has an effect later; the others happen here."""
        wanted = self._stub.get("fail") or {}
        if wanted.get("stage") != stage:
            return None
        how: str = wanted["how"]
        if how == "error":
            raise BackendError(f"stub was told to fail in {stage}")
        if how == "not-implemented":
            raise RpcError(-32601, "Method not found")
        if how == "error-without-data":
            raise RpcError(-32000, "only a message")
        if how in ("crash", "junk", "hang"):
            raise Misbehaviour(how)
        return how

    def _targets(self, host: str, build: str, variant: Json) -> Iterator[Json]:
        targets = self._the_model.get("targets") or {}
        yield targets.get("defaultTarget") or {}
        conditional = targets.get("conditional") or {}
        if conditional:
            from pytest_pixipack.backend.conditions import evaluate

            for expression, target in sorted(conditional.items()):
                if evaluate(expression, host, build, variant):
                    yield target

    def _specs(
        self, key: str, targets: list[Json], bucket: str | None = None
    ) -> list[dict[str, Any]]:
        found: list[Json] = []
        for target in targets:
            table = target.get(key) or {}
            if bucket is not None:
                table = table.get(bucket) or {}
            found += [{"name": name, **_prune(spec)} for name, spec in table.items()]
        return found

    def _variants(self, host: str, build: str, configuration: Json) -> Iterator[Json]:
        keys = set(self._stub.get("variant-keys") or [])
        in_conditions = self._names_in_conditions() & set(configuration)
        for variant in _combinations(in_conditions, configuration):
            targets = list(self._targets(host, build, variant))
            specs = self._specs("buildDependencies", targets)
            specs += self._specs("hostDependencies", targets)
            keys |= {spec["name"] for spec in specs if _version(spec) == "*"}
        used = (keys | in_conditions) & set(configuration)
        for variant in _combinations(used, configuration):
            yield {"target_platform": host, **variant}

    def _names_in_conditions(self) -> set[str]:
        conditional = (self._the_model.get("targets") or {}).get("conditional") or {}
        if not conditional:
            return set()
        from pytest_pixipack.backend.conditions import names_in

        return {name for expression in conditional for name in names_in(expression)}

    def _output(self, host: str, build: str, variant: Json) -> Json:
        targets = list(self._targets(host, build, variant))

        def section(key: str, constraints: list[Json] | None = None) -> Json:
            depends = [_with_variant(spec, variant) for spec in self._specs(key, targets)]
            return {"depends": depends, "constraints": constraints or []}

        extras: dict[str, list[Json]] = {}
        for target in targets:
            for group, table in (target.get("extraDependencies") or {}).items():
                entry = extras.setdefault(group, [])
                entry += [{"name": name, **_prune(spec)} for name, spec in table.items()]
        ignore = self._stub.get("ignore-run-exports") or {}
        return {
            "metadata": self._metadata(host, variant),
            "buildDependencies": section("buildDependencies"),
            "hostDependencies": section("hostDependencies"),
            "runDependencies": section("runDependencies", self._specs("runConstraints", targets)),
            "extraDependencies": extras,
            "ignoreRunExports": {
                "byName": ignore.get("by-name", []),
                "fromPackage": ignore.get("from-package", []),
            },
            "runExports": {
                key.replace("Constraints", "Constrains"): self._specs("runExports", targets, key)
                for key in ("weak", "strong", "noarch", "weakConstraints", "strongConstraints")
            },
            "inputGlobs": None,
        }

    def _metadata(self, host: str, variant: Json) -> Json:
        model = self._the_model
        number = model.get("buildNumber")
        number = self._stub.get("build-number", 0) if number is None else number
        digest = hashlib.sha256(json.dumps(variant, sort_keys=True).encode()).hexdigest()[:7]
        prefix = model.get("buildStringPrefix")
        noarch = self._stub.get("noarch")
        return {
            "name": model["name"],
            "version": model.get("version") or "0.0.0",
            "build": f"{prefix + '_' if prefix else ''}h{digest}_{number}",
            "buildNumber": number,
            "subdir": "noarch" if noarch else host,
            "license": model.get("license"),
            "licenseFamily": None,
            "noarch": noarch or False,
            "purls": None,
            "pythonSitePackagesPath": None,
            "variant": {**variant, "target_platform": "noarch"} if noarch else variant,
        }


def check_stub_table(stub: Mapping[str, Any]) -> None:
    """Raises `BackendError` for a key or a fault that the stub does not know."""
    for key in stub:
        if key not in STUB_KEYS:
            known = ", ".join(STUB_KEYS)
            raise BackendError(f"unknown field `{key}` in config.stub, expected one of {known}")
    if stub.get("noarch") not in (None, "generic", "python"):
        raise BackendError(f"config.stub.noarch is {stub['noarch']!r}, not generic or python")
    fail = stub.get("fail")
    if fail is None:
        return
    how, stage = fail.get("how"), fail.get("stage")
    if how not in FAULTS or stage not in FAULTS[how]:
        raise BackendError(
            f"the stub cannot fail in stage {stage!r} by {how!r}; it knows "
            + ", ".join(f"{name} ({'/'.join(stages)})" for name, stages in FAULTS.items())
        )


def error_reply(identifier: object, code: int, message: str) -> Json:
    """A reply that carries an error without `data`."""
    return {"jsonrpc": "2.0", "id": identifier, "error": {"code": code, "message": message}}


def _described(number: int, message: str, **more: str) -> Json:
    # pixi shows `data` alone and ignores the message beside it.
    data: Json = {"message": message, "severity": "error", "causes": [], "labels": []}
    return {"code": number, "message": message, "data": {**data, "related": [], **more}}


def _text(error: Exception) -> str:
    return error.message if isinstance(error, PixipackError) else str(error)


def _capabilities(_params: Json) -> Json:
    return {"capabilities": {"providesCondaOutputs": True, "providesCondaBuildV1": True}}


def _prune(value: Any) -> Any:
    """Drops nulls, which the output types do not need."""
    if isinstance(value, dict):
        return {k: _prune(v) for k, v in value.items() if v is not None}
    return value


def _version(spec: Json) -> str | None:
    """The version of a dependency that is not from source; `*` where it has none."""
    if "source" in spec:
        return None
    version: str = (spec.get("binary") or {}).get("version", "*")
    return version


def _with_variant(spec: Json, variant: Json) -> Json:
    if spec["name"] in variant and "binary" in spec and _version(spec) == "*":
        return {**spec, "binary": {"version": f"{variant[spec['name']]}.*"}}
    return spec


def _combinations(keys: set[str], configuration: Json) -> Iterator[Json]:
    ordered = sorted(keys)
    for values in itertools.product(*(configuration[key] for key in ordered)):
        yield dict(zip(ordered, values, strict=True))
