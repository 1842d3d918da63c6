"""A build backend that answers what a real one answered, from a recorded case's `rpc.jsonl`.

`replaying_backend` writes it as a program of its own, which the engine starts like any other. It
answers a request only where a request with the same content was recorded: same package, platforms,
channels and variants. Anything else is an error, so that a wrong question shows too.
"""

from __future__ import annotations

import json
from pathlib import Path

_PROGRAM = """\
import json, sys

ANSWERS = json.loads({answers!r})
model = None
for line in sys.stdin:
    request = json.loads(line)
    method, params = request["method"], request.get("params") or {{}}
    reply = {{"jsonrpc": "2.0", "id": request["id"]}}
    if method == "negotiateCapabilities":
        ready = {{"providesCondaOutputs": True, "providesCondaBuildV1": True}}
        reply["result"] = {{"capabilities": ready}}
    elif method == "initialize":
        model = params["projectModel"]
        reply["result"] = {{}}
    else:
        question = {{"projectModel": model}}
        asked = ("hostPlatform", "buildPlatform", "channels", "variantConfiguration")
        question.update((key, params[key]) for key in asked)
        key = json.dumps(question, sort_keys=True)
        if key in ANSWERS:
            reply["result"] = ANSWERS[key]
        else:
            reply["error"] = {{"code": -1, "message": "nobody asked this: " + key}}
    print(json.dumps(reply), flush=True)
"""
_ASKED = ("hostPlatform", "buildPlatform", "channels", "variantConfiguration")


def replaying_backend(transcript: Path, root: Path, directory: Path) -> Path:
    """Writes the program; `root` takes the place of `@ROOT@` in what was recorded."""
    text = transcript.read_text(encoding="utf-8")
    text = text.replace("file://@ROOT@", root.as_uri()).replace("@ROOT@", root.as_posix())
    models: dict[tuple[int, int], object] = {}
    questions: dict[tuple[int, int, int], str] = {}
    answers: dict[str, object] = {}
    for entry in map(json.loads, text.splitlines()):
        session = entry["command"], entry["session"]
        message = entry["msg"]
        if message.get("method") == "initialize":
            models[session] = message["params"]["projectModel"]
        elif message.get("method") == "conda/outputs":
            params = message["params"]
            question = {"projectModel": models[session], **{k: params[k] for k in _ASKED}}
            questions[(*session, message["id"])] = json.dumps(question, sort_keys=True)
        elif entry["dir"] == "<-" and (*session, message["id"]) in questions:
            answers[questions[(*session, message["id"])]] = message["result"]
    program = directory / "replaying.py"
    program.write_text(_PROGRAM.format(answers=json.dumps(answers)), encoding="utf-8")
    return program
