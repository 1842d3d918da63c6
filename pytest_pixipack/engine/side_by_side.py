"""The differences between what two toolchains made of one workspace, and what they mean."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pytest_pixipack.engine.toolchains import LAYERS, Layer, Refusal, ToolchainRun

if TYPE_CHECKING:
    from pytest_pixipack.compare.model import Comparison, Difference

# `lost`: the base made it and the other one cannot; `gained`: the reverse; `neither`: none made it.
LayerVerdict = Literal[
    "identical", "gained", "neither", "order-only", "metadata", "payload", "lost"
]  # From the least to the worst.
LAYER_VERDICTS: tuple[LayerVerdict, ...] = (
    "identical", "gained", "neither", "order-only", "metadata", "payload", "lost"
)  # fmt: skip
FAILING: frozenset[LayerVerdict] = frozenset(("payload", "lost"))


@dataclass(frozen=True, slots=True)
class LayerResult:
    """One layer of both runs. `comparison` is None where not both made it; the refusals say why."""

    layer: Layer
    comparison: Comparison | None = None
    base: Refusal | None = None
    other: Refusal | None = None

    @property
    def verdict(self) -> LayerVerdict:
        """Of the comparison, or who did not make the layer."""
        if self.comparison is not None:
            return self.comparison.verdict
        if self.base is None:
            return "lost"
        return "gained" if self.other is None else "neither"


@dataclass(frozen=True, slots=True)
class SideBySide:
    """Two runs of the same workspace, environment and platform, compared layer by layer."""

    base: ToolchainRun
    other: ToolchainRun
    layers: tuple[LayerResult, ...]

    @property
    def verdict(self) -> LayerVerdict:
        """The worst of all layers."""
        return worst([result.verdict for result in self.layers])

    @property
    def failed(self) -> bool:
        """Whether users of the other toolchain get something else, or get less.

        Metadata and order are told, and fail nothing: a pack names the release that made it.
        """
        return any(result.verdict in FAILING for result in self.layers)

    @property
    def infrastructure(self) -> Refusal | None:
        """The first refusal that says nothing of a toolchain: network, disk, a crash."""
        return self._first("infrastructure")

    @property
    def nothing(self) -> Refusal | None:
        """The reason, where not even the locks could be compared."""
        first = self.layers[0]
        return first.base if first.verdict == "neither" else None

    def _first(self, outcome: str) -> Refusal | None:
        every = (each for layer in self.layers for each in (layer.base, layer.other))
        return next((each for each in every if each and each.outcome == outcome), None)

    def to_json(self) -> dict[str, Any]:
        """What a report says of it."""
        return {
            "base": {"name": self.base.name, "tools": dict(self.base.tools)},
            "other": {"name": self.other.name, "tools": dict(self.other.tools)},
            "verdict": self.verdict,
            "layers": [
                {
                    "layer": result.layer,
                    "verdict": result.verdict,
                    "differences": result.comparison.to_json()["differences"]
                    if result.comparison
                    else [],
                    "refused": {
                        run.name: refusal.message
                        for run, refusal in ((self.base, result.base), (self.other, result.other))
                        if refusal is not None
                    },
                }
                for result in self.layers
            ],
        }


def compare_runs(
    base: ToolchainRun, other: ToolchainRun, *, elsewhere: Collection[str] = ()
) -> SideBySide:
    """Compares what two toolchains made in each layer. Raises as reading the layers does.

    `elsewhere` are environments whose packages in the lock are not looked at here.
    """
    layers = [_layer(layer, base, other) for layer in LAYERS]
    layers[0] = _without(layers[0], elsewhere)
    return SideBySide(base, other, tuple(layers))


def worst(verdicts: Sequence[LayerVerdict]) -> LayerVerdict:
    """The worst of some verdicts; `identical` of none."""
    return max(verdicts, key=LAYER_VERDICTS.index, default="identical")


def _layer(layer: Layer, base: ToolchainRun, other: ToolchainRun) -> LayerResult:
    refused = base.refused.get(layer), other.refused.get(layer)
    if refused != (None, None):
        return LayerResult(layer, None, *refused)
    return LayerResult(layer, _COMPARE[layer](base, other))


def _without(result: LayerResult, environments: Collection[str]) -> LayerResult:
    from pytest_pixipack.compare.model import Comparison

    if result.comparison is None:
        return result
    kept = [
        each
        for each in result.comparison.differences
        # (pixi.lock, environment, platform, package)
        if len(each.where) < 4 or each.where[1] not in environments
    ]
    return replace(result, comparison=Comparison.of(kept))


def _locks(base: ToolchainRun, other: ToolchainRun) -> Comparison:
    from pytest_pixipack.compare import compare_locks
    from pytest_pixipack.lock import read_lock

    assert base.lock is not None
    assert other.lock is not None
    return compare_locks(read_lock(base.lock), read_lock(other.lock))


def _artifacts(base: ToolchainRun, other: ToolchainRun) -> Comparison:
    from pytest_pixipack.compare.model import Comparison

    return Comparison.of(_of_artifacts(_by_name(base), _by_name(other)))


def _of_artifacts(base: dict[str, Path], other: dict[str, Path]) -> Iterator[Difference]:
    from pytest_pixipack.compare import compare_artifacts
    from pytest_pixipack.compare.model import Difference

    for name in sorted({*base, *other}):
        left, right = base.get(name), other.get(name)
        if left is not None and right is not None:
            yield from compare_artifacts(left, right).differences
        elif left is not None:
            yield Difference((left.name,), "package", "payload", left.name, None, "file-removed")
        elif right is not None:
            yield Difference((right.name,), "package", "payload", None, right.name, "file-added")


def _by_name(run: ToolchainRun) -> dict[str, Path]:
    from pytest_pixipack.artifact import read_index

    return {str(read_index(path)["name"]): path for path in run.artifacts or ()}


def _packs(base: ToolchainRun, other: ToolchainRun) -> Comparison:
    from pytest_pixipack.compare import compare_packs

    assert base.pack is not None
    assert other.pack is not None
    return compare_packs(base.pack, other.pack)


def _prefixes(base: ToolchainRun, other: ToolchainRun) -> Comparison:
    from pytest_pixipack.compare import compare_prefixes

    assert base.prefix is not None
    assert other.prefix is not None
    return compare_prefixes(base.prefix, other.prefix)


_COMPARE = {"lock": _locks, "artifacts": _artifacts, "pack": _packs, "prefix": _prefixes}
