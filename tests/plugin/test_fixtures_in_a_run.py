"""What the fixtures do to a run: what is kept, how failures read, engines, snapshots."""

from __future__ import annotations

from pathlib import Path

import pytest

INI = "[pytest]\naddopts = -p no:randomly -p no:hypothesispytest --strict-markers\n"


@pytest.fixture(autouse=True)
def settings(pytester: pytest.Pytester) -> None:
    pytester.makeini(INI)


def test_a_failing_test_keeps_its_workspace_and_prints_where(pytester):
    pytester.makepyfile(
        """
        def test_it(pixi_workspace):
            ws = pixi_workspace()
            assert ws is None
        """
    )
    result = pytester.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*pixi-pack: kept*"])
    path = result.outlines[
        next(i for i, x in enumerate(result.outlines) if "pixi-pack: kept" in x) + 1
    ]
    assert (Path(path) / "workspace" / "pixi.toml").is_file()


@pytest.mark.parametrize(("option", "left"), [((), 0), (("--pixipack-keep",), 1)])
def test_a_passing_test_leaves_nothing_unless_asked_to(pytester, tmp_path, option, left):
    pytester.makepyfile("def test_it(pixi_workspace): pixi_workspace()")
    base = tmp_path / "base"
    pytester.runpytest("--basetemp", str(base), *option).assert_outcomes(passed=1)
    assert len(list(base.glob("w[0-9]*"))) == left


def test_an_infrastructure_failure_is_labelled(pytester):
    pytester.makepyfile(
        """
        def test_it(pixi_workspace):
            pixi_workspace(channels=["conda-forge"], dependencies={"zlib": "*"}).lock()
        """
    )
    result = pytester.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*pixi-pack: infrastructure failure*"])


def test_markers_are_registered(pytester):
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.pixi_engine("embedded")
        def test_one(pixi_engine): assert pixi_engine == "embedded"

        @pytest.mark.pixi_network
        def test_two(): assert False
        """
    )
    result = pytester.runpytest("-rs")
    result.assert_outcomes(passed=1, skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED*needs the network (--pixipack-network)"])
    pytester.runpytest("--pixipack-network").assert_outcomes(passed=1, failed=1)


def test_an_engine_that_is_not_here_is_a_skip_for_a_marked_test(pytester, monkeypatch):
    monkeypatch.setenv("PATH", str(pytester.path))
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.pixi_engine("embedded", "system")
        def test_it(pixi_workspace): pass
        """
    )
    result = pytester.runpytest("-rs", "-v")
    result.assert_outcomes(passed=1, skipped=1)
    result.stdout.fnmatch_lines(
        ["*test_it?embedded? PASSED*", "*the system engine cannot run here: pixi was not found*"]
    )


def test_a_missing_engine_is_told_once_without_being_asked_for(pytester, monkeypatch):
    monkeypatch.setenv("PATH", str(pytester.path))
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.parametrize("number", [1, 2, 3])
        @pytest.mark.pixi_engine("system")
        def test_it(number, pixi_engine): pass
        """
    )
    result = pytester.runpytest("-q")
    told = [line for line in result.outlines if "the system engine cannot run here" in line]
    assert told == [
        "3 tests: unsupported: the system engine cannot run here: pixi was not found on PATH."
    ]


def test_and_a_failure_where_the_option_asks_for_it(pytester, monkeypatch):
    monkeypatch.setenv("PATH", str(pytester.path))
    pytester.makepyfile("def test_it(pixi_workspace): pass")
    pytester.runpytest("--pixipack-engine=system").assert_outcomes(errors=1)


def test_a_failed_comparison_says_what_differs(pytester):
    pytester.makepyfile(
        """
        from pytest_pixipack import IsPackage, IsVersion
        from pytest_pixipack.facts import PackageFacts

        def test_it():
            lock = {"openssl": PackageFacts(name="openssl", version="1.1")}
            assert lock == {"openssl": IsPackage(version=IsVersion(">=3"))}
        """
    )
    result = pytester.runpytest()
    result.stdout.fnmatch_lines(["E *openssl   version   expected >=3   found 1.1"])


SNAPSHOT = """
    import pytest

    {marker}
    def test_it(pixi_workspace, stub_channel, {fixture}):
        channel = stub_channel().add("zlib", "{version}", noarch="generic")
        ws = pixi_workspace(channels=[channel], dependencies={{"zlib": "*"}})
        lock = ws.lock()
        {fixture}.check({value})
    """


def write_snapshot_test(pytester, fixture="lock_regression", version="1.3", marker=""):
    value = "lock" if fixture == "lock_regression" else "ws.pack()"
    text = SNAPSHOT.format(fixture=fixture, version=version, marker=marker, value=value)
    pytester.makepyfile(test_snap=text)


@pytest.mark.parametrize(
    ("fixture", "name"),
    [("lock_regression", "test_it.lock"), ("pack_regression", "test_it.pack")],
)
def test_a_snapshot_is_made_once_and_compared_from_then_on(pytester, fixture, name):
    write_snapshot_test(pytester, fixture)
    pytester.runpytest().assert_outcomes(failed=1)
    stored = pytester.path / "test_snap" / name
    text = stored.read_bytes()
    assert b"zlib" in text
    assert b"\r" not in text
    assert str(pytester.path).encode() not in text
    pytester.runpytest().assert_outcomes(passed=1)

    write_snapshot_test(pytester, fixture, version="1.4")
    result = pytester.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"*differs from {name}*", "*upgraded*zlib*1.3 -> 1.4"])
    assert stored.read_bytes() == text

    pytester.runpytest("--force-regen").assert_outcomes(failed=1)
    pytester.runpytest().assert_outcomes(passed=1)


def test_engines_share_a_snapshot(pytester):
    write_snapshot_test(pytester)
    pytester.runpytest()
    write_snapshot_test(pytester, marker="@pytest.mark.pixi_engine('embedded')")
    pytester.runpytest().assert_outcomes(passed=1)


def test_two_checks_in_one_test_are_two_snapshots(pytester):
    pytester.makepyfile(
        test_snap="""
        def test_it(pixi_workspace, stub_channel, lock_regression):
            for version in ("1", "2"):
                channel = stub_channel().add("zlib", version, noarch="generic")
                ws = pixi_workspace(channels=[channel], dependencies={"zlib": "*"})
                try:
                    lock_regression.check(ws.lock())
                except BaseException:
                    pass
        """
    )
    pytester.runpytest()
    names = sorted(path.name for path in (pytester.path / "test_snap").iterdir())
    assert names == ["test_it.lock", "test_it_2.lock"]


def test_scrubbers_come_from_hooks_and_arguments(pytester):
    pytester.makeconftest(
        """
        from pytest_pixipack.lock import more_scrubbers

        def pytest_pixipack_lock_scrubbers(config):
            return more_scrubbers().only("versions")
        """
    )
    write_snapshot_test(pytester)
    pytester.runpytest()
    write_snapshot_test(pytester, version="1.4")
    # The build string holds a hash of the content.
    assert "1.3" not in (pytester.path / "test_snap" / "test_it.lock").read_text(encoding="utf-8")
