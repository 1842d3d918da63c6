"""What the stub backend is told: keys, faults, and where they come from.

Later ones win, key by key: `stub.toml` beside the manifest, `[package.build.config.stub]`, and
`stub.json` in the directory that a test's fixture names
(`{"packages": {name: {...}}, "fail": [...]}`, where `fail` is for whatever package asks). Nothing
heavy is imported here: the stub starts with it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from typing import Any

from pytest_pixipack.backend.recording import RECORD_VARIABLE
from pytest_pixipack.errors import BackendError

Json = dict[str, Any]

ORDERS_VARIABLE = "PIXIPACK_STUB_ORDERS"
STUB_FILE = "stub.toml"
ORDERS_FILE = "stub.json"

DEPENDENCY_KEYS = ("build-dependencies", "host-dependencies", "run-dependencies", "run-constraints")
# Of one output, or of all where they stand outside of `outputs`.
OUTPUT_KEYS = (
    "build-number", *DEPENDENCY_KEYS, "extra-dependencies", "files", "flags", "ignore-run-exports",
    "input-glob-sets", "input-globs", "license", "license-family", "noarch", "purls",
    "python-site-packages-path", "run-exports", "scripts", "track-features", "variant", "version",
)  # fmt: skip
STUB_KEYS = tuple(sorted({*OUTPUT_KEYS, "fail", "leak", "outputs", "timestamp", "variant-keys"}))
RUN_EXPORTS = ("weak", "strong", "noarch", "weak-constraints", "strong-constraints")

STAGES = {
    "negotiateCapabilities": "negotiate",
    "initialize": "initialize",
    "conda/outputs": "outputs",
    "conda/build_v1": "build",
}
_ALL = tuple(STAGES.values())
_ANSWERS = ("negotiate", "outputs", "build")
# how -> stages where it has an effect; `start` is before anything is asked.
FAULTS: Mapping[str, tuple[str, ...]] = {
    "error": _ALL,
    "error-without-data": _ALL,
    "crash": ("start", *_ALL),
    "crash-halfway": _ALL,
    "junk": ("start", *_ALL),
    "noise": _ALL,
    "hang": ("start", *_ALL),
    "slow": _ALL,
    "flood": ("start", *_ALL),
    "wrong-id": _ALL,
    "malformed": _ANSWERS,
    "not-implemented": _ALL,
    "wrong-name": ("outputs", "build"),
    "wrong-version": ("build",),
    "missing-file": ("build",),
    "corrupt-artifact": ("build",),
}
_FAULT_KEYS = ("stage", "how", "message", "seconds", "bytes")


class Fault:
    """One thing that goes wrong: `how`, with the words and numbers that were given for it."""

    def __init__(self, table: Mapping[str, Any]) -> None:
        self.how: str = table["how"]
        self.message: str | None = table.get("message")
        self.seconds = float(table.get("seconds", 1.0))
        self.bytes = int(table.get("bytes", 4 * 1024 * 1024))


class Orders:
    """What is asked of one session, as far as it is known."""

    def __init__(self, directory: str | None = None) -> None:
        self._fixture = _read_orders(directory)
        self._everybody = self._fixture.get("fail") or []
        check_faults(self._everybody, "fail")
        self.stub: Json = {}

    def read(self, params: Mapping[str, Any]) -> None:
        """Takes what is told of the package that `initialize` names.

        Raises `BackendError` for keys, kinds and faults that are not known.
        """
        name = (params.get("projectModel") or {}).get("name")
        configured = (params.get("configuration") or {}).get("stub") or {}
        check_stub_table(configured, "config.stub")
        beside = _read_toml(params)
        check_stub_table(beside, STUB_FILE)
        told = (self._fixture.get("packages") or {}).get(name) or {}
        check_stub_table(told, f"stub_backend.tell({name!r})")
        self.stub = {**beside, **configured, **told}
        self.has_file = bool(beside)

    def fault(self, stage: str) -> Fault | None:
        """What goes wrong in a stage."""
        own = self.stub.get("fail") or []
        for table in [*(own if isinstance(own, list) else [own]), *self._everybody]:
            if table["stage"] == stage:
                return Fault(table)
        return None

    def outputs(self, model: Mapping[str, Any]) -> list[Json]:
        """The tables of all outputs, `name` and `version` filled in."""
        common = {key: self.stub[key] for key in OUTPUT_KEYS if key in self.stub}
        named = {"name": model["name"], "version": model.get("version") or "0.0.0"}
        tables = self.stub.get("outputs") or [{}]
        return [{**named, **common, **table} for table in tables]


def orders_directory(environ: Mapping[str, str]) -> str | None:
    """Where a test's fixture leaves what it tells."""
    return environ.get(ORDERS_VARIABLE) or environ.get(RECORD_VARIABLE)


def _read_orders(directory: str | None) -> Json:
    if directory is None:
        return {}
    try:
        with open(os.path.join(directory, ORDERS_FILE), "rb") as stream:  # noqa: PTH118, PTH123
            found = json.load(stream)
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise BackendError(f"{ORDERS_FILE} is no JSON: {error}") from None
    return found if isinstance(found, dict) else {}


def _read_toml(params: Mapping[str, Any]) -> Json:
    manifest = params.get("manifestPath")
    directory = os.path.dirname(manifest) if manifest else params["sourceDirectory"]  # noqa: PTH120
    path = os.path.join(directory, STUB_FILE)  # noqa: PTH118
    if not os.path.isfile(path):  # noqa: PTH113 (pathlib costs start-up time)
        return {}
    import tomli

    try:
        with open(path, "rb") as stream:  # noqa: PTH123
            return tomli.load(stream)
    except (tomli.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BackendError(f"{path} is not valid TOML: {error}") from None


def check_stub_table(stub: Any, where: str) -> None:
    """Raises `BackendError` for a key, a kind or a fault that the stub does not know."""
    _check_keys(stub, STUB_KEYS, where)
    _check_output(stub, where)
    check_faults(stub.get("fail"), f"{where}.fail")
    outputs = stub.get("outputs", [])
    if not isinstance(outputs, list) or (not outputs and "outputs" in stub):
        raise BackendError(f"{where}.outputs has to be a list of at least one table")
    for number, output in enumerate(outputs):
        at = f"{where}.outputs[{number}]"
        _check_keys(output, ("name", *OUTPUT_KEYS), at)
        _check_output(output, at)


def _check_output(table: Json, where: str) -> None:
    if table.get("noarch") not in (None, "generic", "python"):
        raise BackendError(f"{where}.noarch is {table['noarch']!r}, not generic or python")
    for key in (*DEPENDENCY_KEYS, "extra-dependencies", "files", "scripts", "variant"):
        if not isinstance(table.get(key, {}), dict):
            raise BackendError(f"{where}.{key} has to be a table")
    _check_keys(table.get("run-exports", {}), RUN_EXPORTS, f"{where}.run-exports")
    _check_keys(
        table.get("ignore-run-exports", {}),
        ("by-name", "from-package"),
        f"{where}.ignore-run-exports",
    )
    number = table.get("build-number", 0)
    if isinstance(number, bool) or not isinstance(number, int) or number < 0:
        raise BackendError(f"{where}.build-number is {number!r}, not a natural number")


def _check_keys(table: Any, known: Iterable[str], where: str) -> None:
    if not isinstance(table, dict):
        raise BackendError(f"{where} has to be a table")
    for key in table:
        if key not in known:
            expected = ", ".join(known)
            raise BackendError(f"unknown field `{key}` in {where}, expected one of {expected}")


def check_faults(value: Any, where: str) -> None:
    """Raises `BackendError` for a fault, or a stage of one, that the stub does not know."""
    for table in value if isinstance(value, list) else [value] if value is not None else []:
        _check_keys(table, _FAULT_KEYS, where)
        how, stage = table.get("how"), table.get("stage")
        if how not in FAULTS or stage not in FAULTS[how]:
            raise BackendError(
                f"the stub cannot fail in stage {stage!r} by {how!r}; it knows "
                + ", ".join(f"{name} ({'/'.join(stages)})" for name, stages in FAULTS.items())
            )
