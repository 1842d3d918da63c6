"""Transcripts without what changes from run to run: order, process ids, message ids, paths.

Front ends start backends in any order and ask for platforms in any order. Here sessions with the
same `initialize` are one, calls that are the same are there once, and all are sorted by content.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pytest_pixipack.backend.places import Places
from pytest_pixipack.backend.recorder import HEADER
from pytest_pixipack.backend.requests_compared import FREE
from pytest_pixipack.backend.transcript import Call, Message, Transcript

Json = dict[str, Any]
_ORDER = ("negotiateCapabilities", "initialize", "conda/outputs", "conda/build_v1")
# Of an installed package, what says which one it is; digests and times say how it was made.
_TOLD = ("name", "version", "build", "subdir")


def scrubbed(transcript: Transcript) -> Transcript:
    """The transcript with placeholders for the directories that its requests name."""
    places: dict[tuple[Any, ...], Places] = {}
    messages = []
    for message in transcript.messages:
        known = places.setdefault(message.session, Places())
        if message.direction == "->":
            known.learn(message.message)
        body = known.scrub(dict(message.message))
        messages.append(Message(message.direction, body, message.session, message.raw))
    return Transcript(messages)


def sessions(transcript: Transcript) -> list[list[Call]]:
    """The calls of each session, in the order of the protocol; scrubbed, merged and sorted."""
    found: dict[str, dict[str, Call]] = {}
    by_session: dict[tuple[Any, ...], list[Call]] = {}
    for call in scrubbed(transcript).calls:
        by_session.setdefault(call.session, []).append(call)
    for calls in by_session.values():
        started = [call for call in calls if call.method == "initialize"]
        merged = found.setdefault(_text([_entry(call) for call in started]), {})
        for call in calls:
            key = _text(_entry(call))
            # Of calls that differ in what does not count, always the same one.
            merged[key] = min(call, merged.get(key, call), key=_whole)
    return [sorted(calls.values(), key=_key) for _, calls in sorted(found.items())]


def tidied(transcript: Transcript) -> str:
    """The text of a transcript file with the same messages, tidied."""
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in _lines(transcript))


def _lines(transcript: Transcript) -> Iterator[Json]:
    yield HEADER
    for number, calls in enumerate(sessions(transcript)):
        for identifier, call in enumerate(calls):
            about: Json = {"jsonrpc": "2.0", "id": identifier}
            request = {**about, "method": call.method, "params": call.params}
            yield {"session": number, "dir": "->", "msg": request}
            if call.answered:
                key, value = (
                    ("result", call.result) if call.error is None else ("error", call.error)
                )
                artifact = {"artifact": call.artifact} if call.artifact else {}
                yield {"session": number, "dir": "<-", "msg": {**about, key: value}, **artifact}


def overview(transcript: Transcript) -> Json:
    """What was said, for people: by package and call, nulls and digests left out."""
    found: Json = {}
    for calls in sessions(transcript):
        package = next((call.package for call in calls if call.package), "no package")
        for call in calls:
            of_package = found.setdefault(call.package or package, {})
            name = " ".join(word for word in (call.method, about(call.params)) if word)
            number = sum(key == name or key.startswith(f"{name} (") for key in of_package)
            key = f"{name} ({number + 1})" if number else name
            entry = _entry(call)
            of_package[key] = {k: entry[k] for k in ("request", "result", "error") if k in entry}
    return found


def about(params: Mapping[str, Any]) -> str:
    """What a call is for: the output that is built, or the platform that is asked for."""
    output = params.get("output")
    if isinstance(output, Mapping):
        return f"{output.get('subdir')}/{output.get('name')}={output.get('version')}"
    return str(params.get("hostPlatform") or "")


def _entry(call: Call) -> Json:
    request = _brief(call.params)
    for place in FREE:
        _drop(request, place)
    entry: Json = {"call": call.method, "package": call.package, "request": request}
    if call.error is not None:
        entry["error"] = _brief(call.error)
    elif call.result is not None:
        entry["result"] = _brief(call.result)
    return {key: value for key, value in entry.items() if value is not None}


def _drop(request: Json, place: str) -> None:
    *above, key = place.split(".")
    for name in above:
        request = request.get(name) or {}
    request.pop(key, None)


def _brief(value: Any, key: str = "") -> Any:
    if isinstance(value, Mapping):
        return {k: _brief(v, k) for k, v in value.items() if v is not None}
    if isinstance(value, (list, tuple)):
        if key == "packages":
            return sorted(_package(entry) for entry in value)
        return [_brief(entry) for entry in value]
    return value


def _package(record: Any) -> str:
    if not isinstance(record, Mapping):
        return str(record)
    return " ".join(str(record[key]) for key in _TOLD if record.get(key) is not None)


def _whole(call: Call) -> str:
    return _text([call.params, call.result, call.error, call.artifact])


def _key(call: Call) -> tuple[int, str]:
    position = _ORDER.index(call.method) if call.method in _ORDER else len(_ORDER)
    return position, _text(_entry(call))


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
