"""Source packages that need source packages, and source packages for another platform.

The embedded engine packs them. pixi-pack refuses them: a run that asks for the real tools says so,
and one that does not takes the embedded engine.
"""

from __future__ import annotations

import pytest

from pytest_pixipack.engine.system.tools import find_tools
from pytest_pixipack.platforms import current_platform
from tests.acceptance.refusals import assert_refused

pytestmark = pytest.mark.slow

HERE = current_platform()
ELSEWHERE = "osx-arm64" if HERE != "osx-arm64" else "linux-64"


def test_all_layers_are_checked_as_far_as_the_engine_goes(chain, pytester, engine):
    result = pytester.runpytest("--pixi-pack")
    result.assert_outcomes(
        **{"embedded": {"passed": 9}, "system": {"passed": 6, "failed": 2, "skipped": 1}}[engine]
    )


def test_packing_source_run_dependencies(chain, pytester, engine):
    result = pytester.runpytest("--pixi-pack", f"pixi.toml::pack[default-{HERE}]")
    if engine == "embedded":
        result.assert_outcomes(passed=1)
    else:
        assert_refused(result, "source-run-dependencies", "app", "lib")


def test_packing_for_another_platform(chain, pytester, engine):
    result = pytester.runpytest("--pixi-pack", f"pixi.toml::pack[default-{ELSEWHERE}]")
    if engine == "embedded":
        result.assert_outcomes(passed=1)
    else:
        assert_refused(result, "cross-source", ELSEWHERE, HERE)


def test_a_source_package_outside_of_the_workspace_is_copied_too(chain, pytester, engine):
    inner = chain.copied_to(chain.root / "repository" / "workspace")
    (inner.root / "lib").rename(chain.root / "repository" / "lib")
    inner.replace("app/pixi.toml", "../lib", "../../lib")
    inner.lock()
    if engine == "embedded":
        pytester.runpytest("--pixi-pack", "repository").assert_outcomes(passed=9)
    else:
        build = f"repository/workspace/pixi.toml::build[lib-{HERE}]"
        result = pytester.runpytest("--pixi-pack", build)
        assert_refused(result, "other-workspace", "lib", "and there is none")


def test_a_run_that_may_choose_takes_the_engine_that_can(chain, pytester):
    result = pytester.runpytest("--pixi-pack", "--pixipack-engine=auto")
    result.assert_outcomes(passed=9)
    why = find_tools().problem() or "pixi-pack * cannot pack *"
    result.stdout.fnmatch_lines([f"engine   embedded: {why.rstrip('.')}"])
