"""Stub channels and stub backends as tests hold them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_pixipack.backend.transcript import Call, InitializeCall, Transcript
    from pytest_pixipack.channel import StubChannel

SPECS = "fixture_channels"


class StubChannels:
    """Finds stub channel specifications, or starts an empty channel."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def __call__(self, spec: str | Path | None = None) -> StubChannel:
        """The channel of a specification, or an empty one to add packages to.

        Raises `InvalidInput` where there is no such specification, with those that there are.
        """
        from pytest_pixipack.channel import StubChannel

        return StubChannel() if spec is None else StubChannel.from_toml(self._find(spec))

    def _find(self, spec: str | Path) -> Path:
        from pytest_pixipack.errors import InvalidInput
        from pytest_pixipack.toml_positions import did_you_mean

        if isinstance(spec, Path) or spec.endswith(".toml"):
            return self._root / spec
        known = {path.stem: path for folder in self._folders() for path in _specs(folder)}
        if spec not in known:
            names = sorted(known)
            raise InvalidInput(
                f"There is no stub channel `{spec}` in {self._root / SPECS}, and none is shipped.",
                remedy=did_you_mean(spec, names) or f"There are: {', '.join(names)}.",
            )
        return known[spec]

    def _folders(self) -> Iterator[Path]:
        # What comes later wins: the repository's own.
        package = Path(__file__).parents[1]
        yield from (package.parent / SPECS, package / SPECS, self._root / SPECS)


def _specs(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.toml"))


class StubBackend:
    """A stub backend whose messages are recorded in `directory`, in their order.

    Put it in the place of real backends (`backends={"pixi-build-cmake": stub_backend}`), or give
    it to a package (`.package(..., backend=stub_backend)`).
    """

    name = "pixipack-stub-backend"

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def __repr__(self) -> str:
        return f"StubBackend({str(self.directory)!r})"

    def __str__(self) -> str:
        return self.name

    @property
    def transcript(self) -> Transcript:
        """All messages so far."""
        from pytest_pixipack.backend.transcript import Transcript

        return Transcript.load(self.directory)

    def initialize(self, package: str) -> InitializeCall:
        """How the backend of a package was last initialised. Raises `InvalidInput` if never."""
        return self.transcript.initialize(package)

    def outputs(self, package: str) -> tuple[Call, ...]:
        """The questions for the outputs of a package. Raises as `initialize` does."""
        return self.transcript.outputs(package)

    def builds(self, package: str) -> tuple[Call, ...]:
        """The builds of a package. Raises as `initialize` does."""
        return self.transcript.builds(package)
