"""Stub channels and stub backends as tests hold them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_pixipack.backend.expectations import Expected, Offered
    from pytest_pixipack.backend.transcript import Call, InitializeCall, Transcript
    from pytest_pixipack.channel import StubChannel
    from pytest_pixipack.facts import VariantValue

SPECS = "fixture_channels"


class StubChannels:
    """Finds stub channel specifications, or starts an empty channel.

    `on_open` is told how to close the servers that are opened for its channels.
    """

    def __init__(
        self, root: Path, on_open: Callable[[Callable[[], object]], object] | None = None
    ) -> None:
        self._root = root
        self._on_open = on_open

    def __call__(self, spec: str | Path | None = None) -> StubChannel:
        """The channel of a specification, or an empty one to add packages to.

        Raises `InvalidInput` where there is no such specification, with those that there are.
        """
        from pytest_pixipack.channel import StubChannel

        channel = StubChannel() if spec is None else StubChannel.from_toml(self._find(spec))
        channel.on_open = self._on_open
        return channel

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

    # --- what it is to do ---------------------------------------------------------------------
    def tell(self, package: str, **orders: Any) -> StubBackend:
        """Says what it is to do for a package; keys are those of `stub.toml`, `-` written as `_`.

        `tell("lib", noarch="generic", run_dependencies={"zlib": ">=1"}, outputs=[...])`. What is
        told later is added; a key that is told again has the later value.
        """
        from pytest_pixipack.backend.stub_orders import check_stub_table

        table = {key.replace("_", "-"): value for key, value in orders.items()}
        check_stub_table(table, f"tell({package!r})")

        def change(found: dict[str, Any]) -> None:
            found.setdefault("packages", {}).setdefault(package, {}).update(table)

        return self._change(change)

    def fail(self, stage: str, how: str, *, package: str | None = None, **more: Any) -> StubBackend:
        """Says what goes wrong: `fail("build", "crash", package="lib")`, `fail("start", "hang")`.

        Without `package`, for all of them. `more`: `message`, `seconds` (`slow`), `bytes`
        (`flood`). Raises `BackendError` for a fault, or a stage of one, that there is not.
        """
        from pytest_pixipack.backend.stub_orders import check_faults

        fault = {"stage": stage, "how": how, **more}
        check_faults(fault, "fail")

        def change(found: dict[str, Any]) -> None:
            place = found
            if package is not None:
                place = found.setdefault("packages", {}).setdefault(package, {})
            place["fail"] = [*(place.get("fail") or []), fault]

        return self._change(change)

    def _change(self, change: Callable[[dict[str, Any]], None]) -> StubBackend:
        import json

        from pytest_pixipack.backend.stub_orders import ORDERS_FILE
        from pytest_pixipack.whole_files import write_file

        path = self.directory / ORDERS_FILE
        found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        change(found)
        write_file(path, json.dumps(found).encode())
        return self

    # --- what it was told ---------------------------------------------------------------------
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

    # --- what it answered ---------------------------------------------------------------------
    def expects_dependencies(self, package: str, expected: Expected) -> None:
        """Fails where an output has not the dependencies that are expected, and only those.

        `expected` maps a platform (`linux-64`, `osx-arm64 on linux-64` for host and build platform,
        `linux-64 [python=3.12]` for a variant, `*`) to sections (`build`, `host`, `run`,
        `constraints`) to lists: `"openssl"` or `"openssl >=3"` has to be there, `"!openssl"` must
        not, anything else leaks, unless the list has an ellipsis (`...`).
        """
        __tracebackhide__ = True
        from pytest_pixipack.backend.expectations import dependency_problems

        _fail_with(
            f"{package}: dependencies", dependency_problems(self._offered(package), expected)
        )

    def expects_variants(self, package: str, matrix: Mapping[str, Sequence[VariantValue]]) -> None:
        """Fails where a combination of a declared matrix was not offered, or another one was.

        Every platform that was asked for has to have each combination once:
        `expects_variants("lib", {"python": ["3.11", "3.12"]})`.
        """
        __tracebackhide__ = True
        from pytest_pixipack.backend.expectations import variant_problems

        _fail_with(f"{package}: variants", variant_problems(self._offered(package), matrix))

    def _offered(self, package: str) -> list[Offered]:
        from pytest_pixipack.backend.expectations import offered

        return offered(self.transcript.calls, package)


def _fail_with(subject: str, problems: list[str]) -> None:
    __tracebackhide__ = True
    if problems:
        raise AssertionError("\n  ".join([f"{subject} are not as expected", *problems]))
