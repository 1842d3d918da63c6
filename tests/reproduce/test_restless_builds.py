"""Builds that differ anyway, or now and then: nothing that was seen is lost, nobody is blamed."""

from __future__ import annotations

import pytest

from pytest_pixipack.reproduce import Reproduction
from pytest_pixipack.reproduce.report import report_lines

pytestmark = pytest.mark.slow


def named(result: Reproduction) -> dict[str, str | None]:
    """The variations that make a difference, and how much."""
    return {each.name: each.verdict for each in result.variations if each.verdict != "identical"}


ZONE = "time.tzname[0]"
COUNT = """
counter = Path({counter!r})
number = int(counter.read_text()) if counter.exists() else 0
counter.write_text(str(number + 1))
"""


def counted(tmp_path: object, code: str) -> str:
    """Code that knows which build it is."""
    return COUNT.format(counter=f"{tmp_path}/counter") + code


# What is another one each time and what a condition makes, in one file.
MIXED = {
    "a time in a header, and a path": (
        "import gzip; files['x.gz'] = gzip.compress(f'in {source}'.encode())",
        {"clock": "metadata", "path": "payload"},
    ),
    "a time, a path and a zone in three lines": (
        f"files['x'] = f'time: {{time.time()}}\\nin {{source}}\\nzone {{{ZONE}}}\\n'",
        {"clock": "payload", "path": "payload", "timezone": "payload"},
    ),
    "the time in the zone, in one line": (
        "files['x'] = time.strftime('%Y-%m-%d %H:%M:%S %Z\\n') + str(time.time_ns() // 1000)",
        {"clock": "payload", "timezone": "payload"},
    ),
    "chance in one line, a mask in the other": (
        "mask = os.umask(0); os.umask(mask)\n"
        "files['x'] = f'{os.urandom(9).hex()}\\nmask {mask:o}\\n'",
        {"umask": "payload"},
    ),
    "chance in one member of an archive, a path in another": (
        "import io, tarfile\n"
        "stream = io.BytesIO(); archive = tarfile.open(fileobj=stream, mode='w')\n"
        "for name, data in (('a', os.urandom(9)), ('b', str(source).encode())):\n"
        "    member = tarfile.TarInfo(name); member.size = len(data)\n"
        "    archive.addfile(member, io.BytesIO(data))\n"
        "archive.close(); files['x.tar'] = stream.getvalue()",
        {"path": "payload"},
    ),
}


@pytest.mark.parametrize("what", MIXED)
def test_what_differs_anyway_does_not_hide_a_condition(what, planted):
    code, expected = MIXED[what]
    result = planted(code, vary="clock,timezone,umask,path,jobs")
    assert named(result) == expected
    assert result.verdict == "payload"
    assert result.variation("jobs").verdict == "identical"


def test_where_nothing_can_be_told_apart_that_is_said(planted):
    code = "import hashlib; files['x'] = hashlib.sha256(os.urandom(9) + bytes(source)).digest()"
    result = planted(code, vary="path,umask")
    assert result.verdict == "payload"
    assert [where[-1] for where in result.hidden] == ["share/x"]
    assert result.to_json()["hidden"] == [list(result.hidden[0])]
    assert not any(each.told for each in result.variations)
    text = " ".join(" ".join(report_lines(result)).split())
    assert "clean as far as can be told: umask, path" in text
    assert "what conditions change in share/x cannot be told: it differs each time anyway" in text


@pytest.mark.parametrize("every", [2, 3, 5])
@pytest.mark.parametrize("vary", ["clock", "clock,timezone,umask,home,path,jobs"])
def test_a_build_that_differs_now_and_then_is_no_conditions_fault(every, vary, planted, tmp_path):
    code = counted(tmp_path, f"files['x'] = f'odd: {{number % {every} == {every} - 1}}'")
    result = planted(code, vary=vary)
    assert named(result) == {}
    # Every fifth build may be one that nobody looks for.
    assert result.causes == ("random",) or (every > 3 and result.is_reproducible)
    assert result.builds <= 60


@pytest.mark.parametrize("every", [2, 3])
def test_a_build_that_fails_now_and_then_is_no_conditions_fault(every, planted, tmp_path):
    code = counted(tmp_path, f"if number % {every} == {every} - 1: sys.exit('not today')")
    result = planted(code, vary="clock,timezone,umask,home,path,jobs")
    assert named(result) == {}
    assert result.causes == ("random",)
    assert any("fails      now and then: " in line for line in report_lines(result))


@pytest.mark.parametrize(("every", "start"), [(2, 0), (3, 0), (3, 1), (3, 2)])
def test_chance_beside_a_condition_leaves_the_condition(every, start, planted, tmp_path):
    code = f"files['x'] = str((number + {start}) % {every} == 0)\nfiles['y'] = {ZONE}"
    code = counted(tmp_path, code)
    result = planted(code, vary="timezone,umask,jobs")
    assert named(result) == {"timezone": "payload"}
    places = {names: {each.difference.where[-1] for each in those}
              for names, those in result.culprits().items()}  # fmt: skip
    assert places == {("timezone",): {"share/y"}, (): {"share/x"}}


LEAK = f"files['x'] = 'zone ' + {ZONE}"
FOUR = "timezone,umask,locale,path"


@pytest.mark.parametrize(
    ("jobs", "most"), [(1, 3), (1, 4), (1, 5), (1, 8), (2, 4), (2, 7), (3, 5), (4, 9), (8, 21)]
)
def test_what_was_seen_is_told_and_the_bound_holds(jobs, most, planted):
    result = planted(LEAK, vary=FOUR, jobs=jobs, most_builds=most)
    assert result.builds <= most
    assert result.verdict == "payload"
    assert all("timezone" in each.variations for each in result.differences)
    if most == 3:
        assert not any(each.resolved for each in result.differences)


@pytest.mark.parametrize("most", [4, 5, 6])
def test_no_build_that_could_tell_more_is_kept_back(most, planted):
    result = planted(LEAK, vary="timezone,umask", most_builds=most)
    (found,) = result.differences
    if most > 4:  # with one build more, one of two can be tried, but not both
        assert found.variations == ("timezone",)
        assert result.builds >= 5
    text = " ".join(" ".join(report_lines(result)).split())
    assert "too few builds were left to find out" in text


def test_one_condition_takes_few_builds(planted):
    result = planted(LEAK, vary="all", jobs=1)
    assert named(result) == {"timezone": "payload", **_not_tried(result)}
    assert result.builds <= 10
    assert all(each.resolved for each in result.differences)


def _not_tried(result: Reproduction) -> dict[str, None]:
    return {each.name: None for each in result.variations if not each.applied}


def test_a_single_condition_is_tried_more_than_once(planted):
    result = planted(LEAK, vary="timezone")
    assert named(result) == {"timezone": "payload"}
    assert result.builds == 7


ORDERS = {
    "a list in JSON": "import json; files['x.json'] = json.dumps(list({words}))",
    "members of an archive": (
        "import io, zipfile\nstream = io.BytesIO(); archive = zipfile.ZipFile(stream, 'w')\n"
        "for name in {words}: archive.writestr(zipfile.ZipInfo(name), 'x')\n"
        "archive.close(); files['x.zip'] = stream.getvalue()"
    ),
}


@pytest.mark.parametrize("what", ORDERS)
def test_differences_whose_values_are_lists(what, planted):
    code = ORDERS[what].replace("{words}", "{'alpha', 'beta', 'gamma', 'delta', 'epsilon'}")
    result = planted(code, vary="hash-seed,umask")
    assert list(result.culprits()) == [("hash-seed",)]
    assert result.to_json()["targets"][0]["verdict"] == result.verdict


def test_the_pack_differs_as_the_packages_in_it(planted):
    result = planted(LEAK, vary="timezone,umask")
    targets = {each.name: each.comparison for each in result.targets}
    assert {name: each.verdict for name, each in targets.items()} == {
        "app": "payload",
        "environment.tar": "payload",
    }
    (inside,) = targets["environment.tar"].differences
    assert inside.where[0] == "environment.tar"
    assert inside.where[1].startswith("channel/linux-64/app-") or "app-" in inside.where[1]
    # Of the package alone is told to people.
    assert len(result.differences) == 1
