"""Packages that do not need each other are built at the same time, with the same outcome."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_pixipack import EmbeddedEngine, EngineOptions, StubChannel, WorkspaceBuilder
from pytest_pixipack.engine.backends_parallel import Step, cpu_count, run_steps
from pytest_pixipack.errors import BackendError


def fails(name: str) -> Callable[[], None]:
    def step() -> None:
        raise ValueError(name)

    return step


@given(st.lists(st.sets(st.integers(0, 9), max_size=3), max_size=10), st.integers(1, 4))
def test_every_step_runs_once_and_after_what_it_needs(numbers, workers):
    ran: list[int] = []
    steps = []
    for at, wanted in enumerate(numbers):
        needs = frozenset(number for number in wanted if number < at)
        steps.append(Step(at, needs, lambda at=at: ran.append(at)))
    run_steps(steps, workers)
    assert sorted(ran) == list(range(len(numbers)))
    for step in steps:
        assert all(ran.index(need) < ran.index(step.key) for need in step.needs)


def test_steps_that_do_not_need_each_other_run_at_the_same_time():
    meeting = threading.Barrier(2, timeout=20)
    run_steps([Step(n, frozenset(), meeting.wait) for n in "ab"], 2)


def test_of_several_failures_the_first_in_order_counts():
    later_has_failed = threading.Event()

    def first() -> None:
        assert later_has_failed.wait(20)
        raise ValueError("first")

    def second() -> None:
        later_has_failed.set()
        raise ValueError("second")

    with pytest.raises(ValueError, match="first"):
        run_steps([Step("a", frozenset(), first), Step("b", frozenset(), second)], 2)


def test_after_a_failure_nothing_that_comes_later_is_started_but_what_comes_before():
    ran: list[str] = []
    before = [Step("a", frozenset(), lambda: ran.append("a"))]
    before.append(Step("b", frozenset("a"), lambda: ran.append("b")))
    steps = [*before, Step("c", frozenset(), fails("c"))]
    steps.append(Step("d", frozenset("c"), lambda: ran.append("d")))
    with pytest.raises(ValueError, match="c"):
        run_steps(steps, 2)
    assert ran == ["a", "b"]


# A backend that builds a package only while another one is being built.
MEETING = """
import os, sys
from pytest_pixipack.backend import stub_build
build = stub_build.build_package
def meet(params, *rest):
    name = params["output"]["name"]
    mode = os.O_RDONLY if name == "a" else os.O_WRONLY
    os.close(os.open(%r, mode))  # waits for the other end
    return build(params, *rest)
stub_build.build_package = meet
from pytest_pixipack.backend.stub_main import main
sys.exit(main())
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="named pipes lie elsewhere there")
@pytest.mark.skipif(cpu_count() < 2, reason="there is one processor")
def test_two_packages_are_built_at_the_same_time(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    backend = tmp_path / "meeting.py"
    backend.write_text(MEETING % str(pipe), encoding="utf-8")
    options = EngineOptions(
        cache_dir=tmp_path / "cache", backends={"meeting": str(backend)}, backend_timeout=20
    )
    ws = workspace(tmp_path, options)
    ws.package("a", backend="meeting").package("b", backend="meeting")
    ws.lock()
    assert list(ws.build()) == ["a", "b"]


def test_the_order_of_artifacts_is_that_of_the_lock(tmp_path):
    ws = workspace(tmp_path, stubbed(tmp_path))
    for name in "dacb":
        ws.package(name, host={"e": {"path": "../e"}}, backend="stubbed")
    ws.package("e", backend="stubbed", depend=False)
    ws.lock()
    assert list(ws.build()) == ["a", "b", "c", "d"]


def test_the_first_package_that_fails_is_the_one_that_is_named(tmp_path):
    ws = workspace(tmp_path, stubbed(tmp_path))
    for name in "abcd":
        told = {"stub": {"fail": {"stage": "build", "how": "error", "message": f"no {name}"}}}
        ws.package(name, config=None if name == "a" else told, backend="stubbed")
    ws.lock()
    for _ in range(3):
        with pytest.raises(BackendError, match="no b"):
            ws.build()


def stubbed(tmp_path: Path) -> EngineOptions:
    return EngineOptions(cache_dir=tmp_path / "cache", backends={"stubbed": "stub"})


def workspace(tmp_path: Path, options: EngineOptions) -> WorkspaceBuilder:
    url = StubChannel().add("unused", "1").build(tmp_path / "channel").url
    engine = EmbeddedEngine(options)
    return WorkspaceBuilder(tmp_path / "w", engine, tmp_path / "out", channels=[url])
