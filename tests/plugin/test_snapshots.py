"""`lock_regression` and `pack_regression` in a run: names, failures, and snapshots left over."""

from __future__ import annotations

from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

INI = "[pytest]\naddopts = -p no:randomly -p no:hypothesispytest --strict-markers\n"
# Locks that need no engine: a version for each test.
LOCKS = """
    import pytest
    from pytest_pixipack.facts import PackageFacts
    from pytest_pixipack.lock import LockBuilder, binary_package


    def lock(*packages, root="https://example.org/main", sha256="0" * 64):
        builder = LockBuilder()
        for platform in ("linux-64", "win-64"):
            builder.platform(platform)
        builder.environment("default", channels=[root])
        for platform in ("linux-64", "win-64"):
            for package in packages:
                name, version = package.split()
                url = f"{root}/noarch/{name}-{version}-0.conda"
                facts = PackageFacts(name=name, version=version, build="0", subdir="noarch",
                                     noarch="generic", url=url, sha256=sha256, size=len(version),
                                     timestamp=1700000000000 + len(version))
                builder.add("default", platform, binary_package(facts))
        return builder.build()
"""


@pytest.fixture(autouse=True)
def settings(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    pytester.makeini(INI)
    pytester.makepyfile(helper=LOCKS)
    pytester.syspathinsert()


@pytest.fixture
def tests(pytester):
    """Writes `test_snap.py` (or another) with these lines; runs it once to store snapshots."""

    def write(*lines: str, name: str = "test_snap", store: bool = True) -> None:
        text = "\n".join(["import pytest", "from helper import lock", "", *lines, ""])
        pytester.path.joinpath(f"{name}.py").write_text(text, encoding="utf-8")
        if store:
            result = pytester.runpytest(f"{name}.py", "--regen-all")
            result.assert_outcomes(passed=text.count("def test"))

    return write


ONE = 'def test_one(lock_regression): lock_regression.check(lock("zlib 1.3"))'
TWO = 'def test_two(lock_regression): lock_regression.check(lock("curl 8.1"))'
PLAIN = "def test_plain(): pass"


def stored(pytester: pytest.Pytester, name: str = "test_snap") -> list[str]:
    return sorted(path.name for path in (pytester.path / name).iterdir())


def unused(result: pytest.RunResult) -> list[str]:
    """What the summary lists."""
    lines = result.outlines
    starts = [n for n, line in enumerate(lines) if "pixi-pack: unused snapshots" in line]
    if not starts:
        return []
    ends = [n for n, line in enumerate(lines) if " snapshot" in line and n > starts[0]]
    return lines[starts[0] + 1 : ends[0]]


def test_a_failure_shows_what_changed_and_not_the_text(pytester, tests):
    tests(ONE.replace('"zlib 1.3"', '"zlib 1.3", "curl 8.1", "openssl 3.3"'))
    tests(ONE.replace('"zlib 1.3"', '"zlib 1.4", "openssl 3.1", "pip 24"'), store=False)
    result = pytester.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E *differs from test_one.lock (--force-regen stores it anew)",
            "E *default: both platforms",
            "E *added       pip      24 0",
            "E *removed     curl     8.1 0",
            "E *upgraded    zlib     1.3 -> 1.4",
            "E *downgraded  openssl  3.3 -> 3.1",
        ],
        consecutive=True,
    )


@pytest.mark.parametrize(
    "elsewhere",
    ['sha256="f" * 64', 'root="file:///somewhere/else/main"'],
    ids=["digest", "folder"],
)
def test_what_the_machine_decides_does_not_count(pytester, tests, elsewhere):
    tests(ONE.replace('"zlib 1.3"', '"zlib 1.3", root="file:///here/main"'))
    tests(
        ONE.replace(
            '"zlib 1.3"', f'"zlib 1.3", **{{"root": "file:///here/main"}} | dict({elsewhere})'
        ),
        store=False,
    )
    pytester.runpytest().assert_outcomes(passed=1)


def test_a_test_chooses_what_counts(pytester, tests):
    line = 'def test_one(lock_regression): lock_regression.check(lock("zlib {}"), {})'
    tests(line.format("1.3", 'scrub=["versions"]'))
    tests(line.format("1.4", 'scrub=["versions"]'), store=False)
    pytester.runpytest().assert_outcomes(passed=1)
    tests(line.format("1.3", 'keep=["binary-details", "sizes"]'))
    text = (pytester.path / "test_snap" / "test_one.lock").read_text(encoding="utf-8")
    assert "size: 3" in text
    assert "timestamp: <timestamp>" in text


def test_a_misspelt_choice_is_a_sentence(pytester, tests):
    tests(
        'def test_one(lock_regression): lock_regression.check(lock("a 1"), keep=["size"])',
        store=False,
    )
    result = pytester.runpytest()
    result.stdout.fnmatch_lines(['*There is no scrubber "size"*Did you mean "sizes"?*'])


def test_what_is_stored_anew_is_told_in_the_same_sentence(pytester, tests):
    tests(ONE)
    tests(ONE.replace("1.3", "1.4"), store=False)
    result = pytester.runpytest("--force-regen")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *test_one.lock", "E *default:*", "E *upgraded *1.3 -> 1.4"])
    result.stdout.no_fnmatch_line("*another exception*")
    pytester.runpytest().assert_outcomes(passed=1)


@pytest.mark.slow
def test_a_stored_file_that_is_no_snapshot_is_a_sentence(pytester, tests):
    tests(ONE)
    (pytester.path / "test_snap" / "test_one.lock").write_text("- [", encoding="utf-8")
    result = pytester.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*test_one.lock is no snapshot*--force-regen*"])


@pytest.mark.slow
def test_line_ends_of_git_do_not_count(pytester, tests):
    tests(ONE)
    path = pytester.path / "test_snap" / "test_one.lock"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    pytester.runpytest().assert_outcomes(passed=1)


@pytest.mark.slow
def test_names_of_classes_as_pytest_regressions_has_them(pytester, tests):
    tests(
        "class TestIt:",
        '    def test_one(self, lock_regression): lock_regression.check(lock("a 1"))',
    )
    pytester.runpytest("--with-test-class-names")
    assert stored(pytester) == ["TestIt_test_one.lock", "test_one.lock"]


def test_a_snapshot_that_no_test_used_is_reported(pytester, tests):
    tests(ONE, TWO)
    tests(ONE, store=False)
    result = pytester.runpytest()
    result.assert_outcomes(passed=1)
    assert result.ret == 0
    assert unused(result) == ["test_snap/test_two.lock"]
    result.stdout.fnmatch_lines(["1 snapshot: --pixipack-unused=delete deletes*"])
    assert stored(pytester) == ["test_one.lock", "test_two.lock"]


@pytest.mark.slow
def test_also_where_no_test_of_the_file_has_snapshots_any_more(pytester, tests):
    tests(ONE, PLAIN)
    tests(PLAIN, store=False)
    assert unused(pytester.runpytest()) == ["test_snap/test_one.lock"]


@pytest.mark.slow
def test_also_where_the_file_with_the_test_is_gone(pytester, tests):
    tests(ONE)
    tests(TWO, name="test_gone")
    (pytester.path / "test_gone.py").unlink()
    assert unused(pytester.runpytest()) == ["test_gone/test_two.lock"]
    assert unused(pytester.runpytest("test_snap.py")) == []


def test_it_can_make_the_run_fail(pytester, tests):
    tests(ONE, TWO)
    tests(ONE, store=False)
    result = pytester.runpytest("--pixipack-unused=fail")
    result.assert_outcomes(passed=1)
    assert (result.ret, unused(result)) == (1, ["test_snap/test_two.lock"])


def test_it_is_deleted_when_asked_for_and_nothing_else_is(pytester, tests):
    tests(ONE, TWO)
    tests(ONE, store=False)
    theirs = pytester.path / "test_snap" / "pixi.lock"
    theirs.write_text("version: 7\n", encoding="utf-8")
    result = pytester.runpytest("--pixipack-unused=delete")
    result.stdout.fnmatch_lines(["1 snapshot: deleted"])
    assert stored(pytester) == ["pixi.lock", "test_one.lock"]
    assert unused(pytester.runpytest()) == []


def test_a_wrong_choice_is_a_usage_error(pytester, tests):
    tests(ONE)
    result = pytester.runpytest("--pixipack-unused=remove")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*report, fail, delete*"])


@pytest.mark.parametrize(
    "arguments",
    [
        ("-k", "one"),
        *(
            pytest.param(arguments, marks=pytest.mark.slow)
            for arguments in (
                ("-m", "not slow"),
                ("--deselect", "test_snap.py::test_plain"),
                ("test_snap.py::test_one",),
                ("test_snap.py::test_one", "test_snap.py::test_plain"),
                ("--lf",),
                ("--collect-only",),
                ("--sw",),
            )
        ),
    ],
    ids=" ".join,
)
def test_only_a_full_run_can_tell(pytester, tests, arguments):
    tests(ONE, TWO, PLAIN)
    tests(ONE, PLAIN, store=False)
    assert unused(pytester.runpytest()) == ["test_snap/test_two.lock"]
    result = pytester.runpytest(*arguments, "--pixipack-unused=delete")
    assert unused(result) == []
    assert stored(pytester) == ["test_one.lock", "test_two.lock"]


@pytest.mark.parametrize(
    "more",
    [
        "def test_more(lock_regression): pytest.skip('not here')",
        pytest.param(
            "@pytest.mark.skip\ndef test_more(lock_regression): pass", marks=pytest.mark.slow
        ),
        "def test_more(lock_regression): assert 0",
        "@pytest.mark.xfail(strict=False)\ndef test_more(lock_regression): assert 0",
        "@pytest.fixture\ndef broken(): assert 0\ndef test_more(broken, lock_regression): pass",
    ],
    ids=["skipped", "skipped by mark", "failed", "expected to fail", "error"],
)
def test_a_test_that_did_not_come_to_its_snapshots_might_have_used_them(pytester, tests, more):
    tests(ONE, TWO)
    tests(ONE, more, store=False)
    assert unused(pytester.runpytest()) == []


@pytest.mark.slow
def test_a_test_that_was_left_out_by_a_conftest_might_have_used_it(pytester, tests):
    tests(ONE, TWO)
    pytester.makeconftest("def pytest_collection_modifyitems(items): items.pop()")
    assert unused(pytester.runpytest()) == []


@pytest.mark.slow
def test_nor_can_a_run_tell_that_stops_early_or_cannot_collect(pytester, tests):
    tests(ONE, TWO)
    tests(ONE, "def test_fails(): assert 0", PLAIN, store=False)
    assert unused(pytester.runpytest("-x")) == []
    tests("import nothing_of_this_name", name="test_broken", store=False)
    assert unused(pytester.runpytest()) == []
    assert unused(pytester.runpytest("--continue-on-collection-errors")) == []


@pytest.mark.slow
def test_a_failure_of_a_test_without_snapshots_does_not_matter(pytester, tests):
    tests(ONE, TWO)
    tests(ONE, "def test_fails(): assert 0", store=False)
    assert unused(pytester.runpytest()) == ["test_snap/test_two.lock"]


@pytest.mark.slow
def test_workers_of_xdist_tell_what_they_used(pytester, tests):
    pytest.importorskip("xdist")
    tests(ONE, TWO, *(f"{PLAIN[:-8]}{n}(): pass" for n in range(6)))
    assert unused(pytester.runpytest_subprocess("-n2")) == []
    tests(ONE, PLAIN, store=False)
    result = pytester.runpytest_subprocess("-n2", "--pixipack-unused=fail")
    assert (result.ret, unused(result)) == (1, ["test_snap/test_two.lock"])
    assert unused(pytester.runpytest_subprocess("-n2", "-k", "one")) == []


def test_a_file_is_replaced_as_a_whole(pytester, tests):
    tests(ONE)
    tests(ONE.replace("1.3", "1.4"), store=False)
    pytester.runpytest("--force-regen").assert_outcomes(failed=1)
    assert stored(pytester) == ["test_one.lock"]
    assert "1.4" in Path(pytester.path, "test_snap", "test_one.lock").read_text(encoding="utf-8")
    pytester.runpytest().assert_outcomes(passed=1)


@pytest.mark.slow
def test_a_snapshot_at_a_place_of_its_own_may_be_used_by_any_test(pytester, tests):
    tests(ONE)
    place = "test_snap/shared.lock"
    tests(
        "from pathlib import Path",
        "def test_two(lock_regression):",
        f'    lock_regression.check(lock("a 1"), fullpath=Path(__file__).parent / "{place}")',
        name="test_other",
    )
    assert stored(pytester) == ["shared.lock", "test_one.lock"]
    assert unused(pytester.runpytest()) == []
    assert unused(pytester.runpytest("test_snap.py")) == []
