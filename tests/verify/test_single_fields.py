"""Each single field of a good pack or prefix that is changed is reported, and nothing else is."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.verify.prefix_records import odd_lists, odd_places, unlike_file_name
from tests.verify.conftest import Layers
from tests.verify.test_broken_packs import repodata
from tests.verify.test_broken_prefixes import meta

RECORDED = Path(__file__).parents[1] / "data" / "conformance" / "cases"


def altered(value: Any) -> Any:
    """Another value of the same type."""
    if isinstance(value, int):
        return value + 1
    if isinstance(value, str):
        return "0" * len(value) if len(value) in (32, 64) else value + "x"
    if isinstance(value, list):
        return [*value, "zzz"]
    return {**value, "zzz": 1} if isinstance(value, dict) else "zzz"


def of_another_type(value: Any) -> Any:
    return 5.5 if isinstance(value, dict) else {"a": 1}


def mutations(record: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Field, kind of change, and the changed record."""
    for field, value in record.items():
        yield field, "altered", {**record, field: altered(value)}
        yield field, "gone", {key: v for key, v in record.items() if key != field}
        yield field, "of another type", {**record, field: of_another_type(value)}
    yield "zzz", "added", {**record, "zzz": 1}


def inner_mutations(record: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The same for what lies inside of `link`, `paths_data`, and the entries of files."""
    for outer in ("link", "paths_data"):
        for field, kind, changed in mutations(record[outer]):
            yield f"{outer}.{field}", kind, {**record, outer: changed}
    data = record["paths_data"]
    for number, entry in enumerate(data["paths"]):
        for field, kind, changed in mutations(entry):
            paths = [*data["paths"][:number], changed, *data["paths"][number + 1 :]]
            changed_data = {**data, "paths": paths}
            yield f"{entry['_path']}.{field}", kind, {**record, "paths_data": changed_data}


def scratch(good: Layers, tmp_path: Path, number: int) -> Layers:
    place = tmp_path / str(number)
    place.mkdir()
    return replace(good, scratch=place)


def rules(broken: Callable[[], Layers]) -> list[tuple[str, str | None]]:
    """Rules and fields of the findings; a layer that cannot even be read is one, too."""
    try:
        return [(finding.rule, finding.field) for finding in broken().verify().findings]
    except InvalidInput as error:
        return [("unreadable", None)] if error.file else [("a file is not named", None)]


def one_package(good: Layers, name: str) -> tuple[str, str, dict[str, Any]]:
    for subdir, content in good.pack.repodata.items():
        for file_name, record in content["packages.conda"].items():
            if record["name"] == name:
                return subdir, file_name, record
    raise AssertionError(name)


@pytest.mark.parametrize(
    "name",
    ["app", *(pytest.param(each, marks=pytest.mark.slow) for each in ("lib", "tool", "data"))],
)
def test_every_field_of_a_record_in_a_pack(name: str, good: Layers, tmp_path: Path) -> None:
    subdir, file_name, record = one_package(good, name)
    wrong = []
    for number, (field, kind, changed) in enumerate(mutations(record)):
        layers = scratch(good, tmp_path, number)

        def edit(content: dict[str, Any], changed: dict[str, Any] = changed) -> None:
            content["packages.conda"][file_name] = changed

        found = rules(lambda e=edit, at=layers: at.with_pack(lambda f: repodata(f, e, subdir)))  # type: ignore[misc]
        right = {("pack-repodata", field), ("unreadable", None)}
        if field == "subdir":
            right.add(("pack-platform", "subdir"))
        if len(found) != 1 or found[0] not in right:
            wrong.append((field, kind, found))
    assert not wrong, "\n".join(map(str, wrong))


@pytest.mark.parametrize(
    "name", [pytest.param(each, marks=pytest.mark.slow) for each in ("app", "tool", "data")]
)
def test_every_field_of_a_record_in_a_prefix(name: str, good: Layers, tmp_path: Path) -> None:
    record = json.loads(meta(good.prefix.path, name).read_text("utf-8"))
    wrong = []
    for number, (field, kind, changed) in enumerate(mutations(record)):
        layers = scratch(good, tmp_path, number)

        def edit(prefix: Path, changed: dict[str, Any] = changed) -> None:
            meta(prefix, name).write_text(json.dumps(changed), encoding="utf-8")

        found = rules(lambda e=edit, at=layers: at.with_prefix(e))  # type: ignore[misc]
        told = [(rule, (where or "").partition(".")[0] or None) for rule, where in found]
        if told not in ([("prefix-record", field)], [("unreadable", None)]):
            wrong.append((field, kind, found))
    assert not wrong, "\n".join(map(str, wrong))


@pytest.mark.parametrize(
    "name", ["app", *(pytest.param(each, marks=pytest.mark.slow) for each in ("tool", "data"))]
)
def test_what_lies_deeper_in_a_record_of_a_prefix(name: str, good: Layers, tmp_path: Path) -> None:
    record = json.loads(meta(good.prefix.path, name).read_text("utf-8"))
    wrong = []
    for number, (field, kind, changed) in enumerate(inner_mutations(record)):
        layers = scratch(good, tmp_path, number)

        def edit(prefix: Path, changed: dict[str, Any] = changed) -> None:
            meta(prefix, name).write_text(json.dumps(changed), encoding="utf-8")

        found = rules(lambda e=edit, at=layers: at.with_prefix(e))  # type: ignore[misc]
        known = {rule for rule, _ in found} <= {"prefix-record", "prefix-files", "unreadable"}
        if len(found) != 1 or not known:
            wrong.append((field, kind, found))
    assert not wrong, "\n".join(map(str, wrong))


def test_records_that_real_tools_wrote_do_not_contradict_themselves() -> None:
    files = sorted(RECORDED.glob("*/expected/**/conda-meta/*.json"))
    assert files
    for file in files:
        record = json.loads(file.read_text("utf-8"))
        assert list(odd_places(record["name"], file.stem, record)) == [], file
        assert list(odd_lists(record)) == [], file
        assert list(unlike_file_name(file.stem, record)) == [], file


def rename(prefix: Path) -> None:
    file = meta(prefix, "tool")
    file.rename(file.with_name("tool-9-0.json"))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"version": "2.0.2"}, "version"),
        ({"version": 5}, "version"),
        ({"build": "h9_9"}, "build"),
        ({"build_number": None}, "build_number"),
        ({"depends": None}, "depends"),
        ({"subdir": "osx-arm64"}, "subdir"),
        ({"subdir": None}, "subdir"),
        ({"url": "https://a.invalid/osx-64/tool-2.0.1-h2_3.conda"}, "url"),
    ],
)
def test_a_record_that_contradicts_its_file_needs_no_other_layer(
    change: dict[str, Any], field: str, shipped: Layers
) -> None:
    def edit(prefix: Path) -> None:
        record = json.loads(meta(prefix, "tool").read_text("utf-8"))
        if field == "url":  # channels are URLs, too, and this one is that of the pack
            record["channel"] = None
        meta(prefix, "tool").write_text(json.dumps({**record, **change}), encoding="utf-8")

    (finding,) = shipped.with_prefix(edit).verify("prefix").findings
    assert (finding.rule, finding.package, finding.field) == ("prefix-record", "tool", field)


@pytest.mark.parametrize("layers", [("prefix",), ("lock", "prefix"), ("pack", "prefix")])
def test_a_record_in_a_file_of_another_name(layers: tuple[str, ...], shipped: Layers) -> None:
    (finding,) = shipped.with_prefix(rename).verify(*layers).findings
    assert (finding.rule, finding.field) == ("prefix-record", "file")
    assert finding.expected == "tool-2.0.1-h2_3.json"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("license_family", "other"),
        ("features", "f"),
        ("python_site_packages_path", "lib/x"),
        ("purls", ["pkg:pypi/x"]),
        ("run_exports", {"weak": ["x"]}),
    ],
)
def test_what_else_a_record_says_otherwise_than_the_pack(
    field: str, value: object, shipped: Layers
) -> None:
    def edit(prefix: Path) -> None:
        record = json.loads(meta(prefix, "tool").read_text("utf-8"))
        meta(prefix, "tool").write_text(json.dumps({**record, field: value}), encoding="utf-8")

    for layers in (("pack", "prefix"), ("manifest", "lock", "pack", "prefix")):
        place = shipped.scratch / str(len(layers))
        place.mkdir()
        (finding,) = replace(shipped, scratch=place).with_prefix(edit).verify(*layers).findings
        assert (finding.rule, finding.field) == ("prefix-record", field)
