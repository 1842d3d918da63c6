"""A backend that answers from a transcript, and says where it is asked something else.

Every session of the transcript whose `initialize` is the same, but for paths, may answer; of their
calls, the one whose parameters are the same. A package that was built comes from beside the
transcript: where the line of its answer says (`artifact`), else from `artifacts/<subdir>/`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pytest_pixipack.backend.recording import INFRASTRUCTURE, REPLAY_DIFFERENCE, UNSUPPORTED
from pytest_pixipack.backend.requests_compared import (
    Bindings,
    FieldDifference,
    request_differences,
    restored,
)
from pytest_pixipack.backend.transcript import Call, Transcript
from pytest_pixipack.whole_files import write_file

Json = dict[str, Any]

_CAPABILITIES = {"capabilities": {"providesCondaOutputs": True, "providesCondaBuildV1": True}}
_IDENTITY = ("hostPlatform", "output.name", "output.build", "output.subdir")
_MOST = 5  # differences in one sentence
_AGAIN = "Record it again, or ask as it was asked then."


class ReplayBackend:
    """One session. `path` is the transcript's file or directory.

    Raises `InvalidInput` where it cannot be read, `Unsupported` for a version of the protocol or
    of transcripts that is not known.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._transcript = _about_the_workspace(Transcript.load(path))
        self._calls: Sequence[Call] = ()
        self._bindings: Bindings = {}
        self._package: str | None = None

    def answer(self, request: object) -> Json | None:
        """The reply to one JSON-RPC request; None for a notification."""
        if not isinstance(request, dict) or not isinstance(request.get("method"), str):
            return {"jsonrpc": "2.0", "id": None,
                    "error": {"code": -32600, "message": "Invalid Request"}}  # fmt: skip
        if "id" not in request:
            return None
        params = request.get("params")
        try:
            reply = self._reply(request["method"], params if isinstance(params, dict) else {})
        except OSError as error:
            reply = _error(f"cannot write the recorded package: {error.strerror or error}",
                           code=INFRASTRUCTURE)  # fmt: skip
        return {"jsonrpc": "2.0", "id": request["id"], **reply}

    def _reply(self, method: str, params: Json) -> Json:
        if method == "negotiateCapabilities":
            return {"result": self._capabilities()}
        if method == "initialize":
            return self._initialize(params)
        if self._package is None:
            return _error(f"initialize has to be called before {method}")
        return self._call(method, params)

    def _capabilities(self) -> Any:
        calls = self._transcript.calls
        recorded = (c.result for c in calls if c.method == "negotiateCapabilities" and c.result)
        return next(recorded, _CAPABILITIES)

    def _initialize(self, params: Json) -> Json:
        model = params.get("projectModel")
        name = model.get("name") if isinstance(model, Mapping) else None
        asked = [
            call
            for call in self._transcript.calls
            if call.method == "initialize" and call.package == name
        ]
        if not asked:
            names = ", ".join(self._transcript.packages) or "none"
            return _error(
                f"{self._path.name} has no package {name}; recorded packages: {names}",
                code=UNSUPPORTED,
                help="Record that package, too.",
            )
        tried = [(call, *_compared(call, params, {})) for call in asked]
        same = [(call, bindings) for call, found, bindings in tried if not found]
        if not same:
            closest = min(tried, key=lambda each: _distance(each[1]))
            return self._differs("initialize", name, closest[1])
        self._package, self._bindings = str(name), same[0][1]
        sessions = {call.session for call, _ in same}
        self._calls = [call for call in self._transcript.calls if call.session in sessions]
        return self._recorded(same[0][0], params)

    def _call(self, method: str, params: Json) -> Json:
        asked = [call for call in self._calls if call.method == method and call.answered]
        if not asked:
            return _error(
                f"{self._path.name} has no `{method}` for {self._package}",
                code=UNSUPPORTED,
                help="Record it with a front end that goes as far.",
            )
        tried = [(call, *_compared(call, params, self._bindings)) for call in asked]
        call, found, bindings = min(tried, key=lambda each: _distance(each[1]))
        if found:
            return self._differs(method, self._package, found)
        self._bindings = bindings
        return self._recorded(call, params)

    def _recorded(self, call: Call, params: Json) -> Json:
        if call.error is not None:
            return {"error": restored(dict(call.error), self._bindings)}
        result = restored(dict(call.result or {}), self._bindings)
        if call.method != "conda/build_v1":
            return {"result": result}
        kept = self._artifact(call)
        if kept is None:
            return _error(
                f"The package that was built for {self._package} was not kept beside "
                f"{self._path.name}",
                code=UNSUPPORTED,
                help=f"Record the build, or put the package into {self._kept_in(call)}.",
            )
        content = kept.read_bytes()
        digest = (call.artifact or {}).get("sha256")
        if digest is not None and hashlib.sha256(content).hexdigest() != digest:
            return _error(
                f"{kept.name} beside {self._path.name} is not the package that was recorded",
                help="Restore it, or record it again.",
            )
        target = _placed(content, params, _base_name(call))
        return {"result": {**result, "output_file": str(target)}}

    def _artifact(self, call: Call) -> Path | None:
        beside = self._path if self._path.is_dir() else self._path.parent
        named = (call.artifact or {}).get("path")
        if isinstance(named, str):
            path = (beside / named).resolve()
            return path if path.is_file() and path.is_relative_to(beside.resolve()) else None
        path = self._kept_in(call) / _base_name(call)
        return path if path.is_file() else None

    def _kept_in(self, call: Call) -> Path:
        beside = self._path if self._path.is_dir() else self._path.parent
        subdir = str((call.result or {}).get("subdir")).replace("\\", "/").rpartition("/")[2]
        return beside / "artifacts" / subdir

    def _differs(
        self, method: str, package: object, differences: Sequence[FieldDifference]
    ) -> Json:
        shown = "; ".join(str(each) for each in differences[:_MOST])
        more = f"; and {len(differences) - _MOST} more" if len(differences) > _MOST else ""
        return _error(
            f"The request `{method}` for {package} is not the one in {self._path.name}: "
            f"{shown}{more}",
            code=REPLAY_DIFFERENCE,
            help=_AGAIN,
        )


def _about_the_workspace(transcript: Transcript) -> Transcript:
    """The transcript with `@WORKSPACE@` for whatever placeholder and name it has for it.

    Recorded as `@ROOT@/workspace`, it could be replayed in a directory of that name only.
    """
    found: dict[tuple[Any, ...], str] = {}
    for call in transcript.calls:
        directory = call.params.get("workspaceDirectory")
        if call.method == "initialize" and isinstance(directory, str) and "@" in directory:
            found[call.session] = directory
    return Transcript(
        replace(message, message=_renamed(message.message, found.get(message.session)))
        for message in transcript.messages
    )


def _renamed(value: Any, directory: str | None) -> Any:
    if directory is None:
        return value
    if isinstance(value, str):
        return value.replace(directory, "@WORKSPACE@") if directory in value else value
    if isinstance(value, list):
        return [_renamed(entry, directory) for entry in value]
    if isinstance(value, dict):
        return {_renamed(k, directory): _renamed(v, directory) for k, v in value.items()}
    return value


def _distance(differences: Sequence[FieldDifference]) -> int:
    # What was asked for another platform or output is no help in telling what is different here.
    return sum(10 if each.place in _IDENTITY else 1 for each in differences)


def _compared(
    call: Call, params: Json, bindings: Bindings
) -> tuple[list[FieldDifference], Bindings]:
    tried = dict(bindings)
    return request_differences(call.params, params, tried), tried


def _placed(content: bytes, params: Json, name: str) -> Path:
    """Writes the package where the front end wants it, else where it works."""
    directory = Path(params.get("outputDirectory") or params["workDirectory"])
    directory.mkdir(parents=True, exist_ok=True)
    target = directory / name
    write_file(target, content)
    return target


def _base_name(call: Call) -> str:
    recorded = str((call.result or {}).get("output_file"))
    return recorded.replace("\\", "/").rpartition("/")[2]


def _error(message: str, **more: str) -> Json:
    data: Json = {"message": message, "severity": "error", "causes": [], "labels": []}
    return {"error": {"code": -32000, "message": message,
                      "data": {**data, "related": [], **more}}}  # fmt: skip
