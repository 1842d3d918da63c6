"""`--pixipack-shard I/N`: each test is run by one of N machines."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from pytest_pixipack.cli import main
from pytest_pixipack.plugin.sharding import part_of

pytestmark = pytest.mark.slow

TESTS = """
import pytest
@pytest.mark.parametrize("number", range(20))
def test_it(number):
    pass
"""


@pytest.fixture(autouse=True)
def quick(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\naddopts = -p no:randomly -p no:hypothesispytest\n")


def test_each_test_is_in_one_part(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(TESTS)
    passed = [
        pytester.runpytest_inprocess(f"--pixipack-shard={part}/3").parseoutcomes()["passed"]
        for part in (1, 2, 3)
    ]
    assert sum(passed) == 20


def test_parts_are_of_about_one_size() -> None:
    sizes = Counter(part_of(f"pixi.toml::build[p{number}]", 8) for number in range(4000))
    assert sorted(sizes) == list(range(1, 9))
    assert max(sizes.values()) < 1.2 * min(sizes.values())


def test_a_part_without_tests_is_all_right(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(): pass")
    codes = [pytester.runpytest_inprocess(f"--pixipack-shard={p}/9").ret for p in range(1, 10)]
    assert codes == [0] * 9


def test_without_any_test_it_is_not(pytester: pytest.Pytester) -> None:
    assert pytester.runpytest_inprocess("--pixipack-shard=1/2").ret == 5


@pytest.mark.parametrize("text", ["3", "0/2", "3/2", "a/b", "1/", "-1/2", "1/2/3"])
def test_what_is_no_shard_is_a_usage_error(pytester: pytest.Pytester, text: str) -> None:
    result = pytester.runpytest_inprocess(f"--pixipack-shard={text}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*is no shard*"])


@pytest.mark.slow
def test_reports_of_all_shards_are_the_report_of_the_whole(pytester: pytest.Pytester) -> None:
    pytester.path.joinpath("pixi.toml").write_text(
        '[workspace]\nname = "w"\nchannels = []\nplatforms = ["linux-64", "osx-arm64", "win-64"]\n'
    )
    main(["lock", str(pytester.path), "--cache-dir", str(pytester.path / "cache")])
    options = ("--pixi-pack", "--pixipack-checks=lock", "-p", "no:cacheprovider", "-p", "xdist")
    pytester.runpytest_inprocess(*options, "--pixipack-report=whole.json")
    files = [str(pytester.path / f"{part}.json") for part in (1, 2, 3)]
    for part, file in enumerate(files, 1):
        pytester.runpytest_inprocess(*options, f"--pixipack-shard={part}/3",
                                     f"--pixipack-report={file}", "-n2")  # fmt: skip
    out = pytester.path / "all.json"
    assert main(["merge", *files, "--of", "3", "-o", str(out)]) == 0
    found, whole = (json.loads((pytester.path / n).read_text()) for n in ("all.json", "whole.json"))
    assert found["checks"] == whole["checks"]
    assert len(found["checks"]) > 2
    assert found["outcome"] == whole["outcome"] == "passed"


def test_records_of_all_shards_are_one_record(pytester: pytest.Pytester) -> None:
    """Some have made nothing, and of two workspaces with one name some have only one."""
    spec = 'name = "c"\n[[package]]\nname = "a"\nversion = "1"\n'
    for name, title in (("a", "same"), ("b", "same"), ("c", "c")):
        root = pytester.mkdir(name)
        root.joinpath("pixi.toml").write_text(
            f'[workspace]\nname = "{title}"\nchannels = ["c"]\nplatforms = ["linux-64"]\n'
            '[dependencies]\na = "*"\n[tool.pixipack.channels]\nc = "c.toml"\n'
        )
        root.joinpath("c.toml").write_text(spec)
        main(["lock", str(root), "--cache-dir", str(pytester.path / "cache")])
    options = ("--pixi-pack", "--pixipack-checks=lock,pack", "-p", "no:cacheprovider")
    pytester.runpytest_inprocess(*options, "--pixipack-record=whole.json")
    files = [str(pytester.path / f"{part}.json") for part in range(1, 10)]
    for part, file in enumerate(files, 1):
        shard = (f"--pixipack-shard={part}/9", f"--pixipack-record={file}")
        assert pytester.runpytest_inprocess(*options, *shard).ret == 0
    out = pytester.path / "all.json"
    assert main(["merge", *files, "--of", "9", "-o", str(out)]) == 0
    found, whole = (json.loads((pytester.path / n).read_text()) for n in ("all.json", "whole.json"))
    assert found.pop("parts") == [f"{part}/9" for part in range(1, 10)]
    assert found.pop("shards") == 9
    assert found == whole
    assert [each["name"] for each in found["workspaces"]] == ["a/pixi.toml", "b/pixi.toml", "c"]
    assert all(each["packs"] for each in found["workspaces"])
