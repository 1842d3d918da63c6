"""A build backend for recipes: it answers as pixi-build-rattler-build does, through
py-rattler-build. It runs in a process of its own, because recipes run scripts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pytest_pixipack.backend.error_report import ErrorReport
from pytest_pixipack.backend.recording import INFRASTRUCTURE, UNSUPPORTED
from pytest_pixipack.backend.stub import error_reply
from pytest_pixipack.engine.recipes_build import build_recipe
from pytest_pixipack.engine.recipes_outputs import outputs_json
from pytest_pixipack.engine.recipes_render import (
    Recipe,
    recipe_of,
    relative_glob,
    render,
    variants_for,
)
from pytest_pixipack.errors import BackendError, PixipackError

Json = dict[str, Any]

_CODES = {"unsupported": UNSUPPORTED, "infrastructure": INFRASTRUCTURE}


def main() -> int:
    """Serves on stdin and stdout until stdin ends; returns the exit code."""
    from pytest_pixipack.backend.stub_main import run

    return run(RecipeBackend())


class RecipeBackend:
    """One session: `negotiateCapabilities`, `initialize`, then any number of the other two."""

    def __init__(self) -> None:
        self._recipe: Recipe | None = None
        self._asked: Json | None = None

    def answer(self, request: object) -> Json | None:
        """The reply to one JSON-RPC request; None for a notification."""
        if not isinstance(request, dict) or not isinstance(request.get("method"), str):
            return error_reply(None, -32600, "Invalid Request")
        methods: dict[str, Callable[[Json], Json]] = {
            "negotiateCapabilities": _capabilities,
            "initialize": self._initialize,
            "conda/outputs": self._outputs,
            "conda/build_v1": self._build,
        }
        identifier, method = request.get("id"), methods.get(request["method"])
        if "id" not in request:
            return None
        if method is None:
            return error_reply(identifier, -32601, "Method not found")
        try:
            result = method(request.get("params") or {})
        except PixipackError as error:
            return _refused(identifier, error.message, _CODES.get(error.outcome), error.remedy)
        except OSError as error:
            return _refused(identifier, str(error), INFRASTRUCTURE, None)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            text = f"invalid parameters for {request['method']}: {error!r}"
            return _refused(identifier, text, None, None)
        return {"jsonrpc": "2.0", "id": identifier, "result": result}

    def _initialize(self, params: Json) -> Json:
        self._recipe = recipe_of(params)
        return {}

    def _outputs(self, params: Json) -> Json:
        recipe = self._known()
        host = params["hostPlatform"]
        variants, globs = variants_for(
            recipe, host, params.get("variantFiles") or (), params.get("variantConfiguration") or {}
        )
        self._asked = params
        # As there: while it is asked for outputs, both platforms are that of the host.
        found = outputs_json(recipe, render(recipe, variants, host, host))
        own = relative_glob(recipe.manifest_root, recipe.path)
        return {"outputs": found, "inputGlobs": sorted({*globs, own})}

    def _build(self, params: Json) -> Json:
        return build_recipe(self._known(), params, self._asked)

    def _known(self) -> Recipe:
        if self._recipe is None:
            raise BackendError("initialize has to be called first")
        return self._recipe


def _capabilities(_params: Mapping[str, Any]) -> Json:
    return {"capabilities": {"providesCondaOutputs": True, "providesCondaBuildV1": True}}


def _refused(identifier: object, message: str, code: str | None, remedy: str | None) -> Json:
    report = ErrorReport(message=message.rstrip("."), code=code, help=remedy)
    reply = error_reply(identifier, -32000, message)
    reply["error"]["data"] = report.to_json()
    return reply
