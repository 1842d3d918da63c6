"""Files of a prefix against their packages: what installers change in them, too."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.verify.conftest import Layers
from tests.verify.shipped import SITE, with_artifacts
from tests.verify.test_broken_prefixes import edit, meta

posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no such bits and links")


def forge(path: str, name: str, content: bytes | None) -> Callable[[Path], None]:
    """Changes a file (None: removes it) together with what the record says of it."""

    def change(prefix: Path) -> None:
        file = prefix / path
        data = json.loads(meta(prefix, name).read_text("utf-8"))["paths_data"]
        others = [each for each in data["paths"] if each["_path"] != path]
        entries = [each for each in data["paths"] if each["_path"] == path]
        if content is None:
            file.unlink()
            entries = []
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
            entry = entries[0] if entries else {"_path": path, "path_type": "hardlink"}
            digest = hashlib.sha256(content).hexdigest()
            key = "sha256_in_prefix" if "prefix_placeholder" in entry else "sha256"
            if key == "sha256":
                entry |= {"size_in_bytes": len(content)}
            entry.pop("sha256_in_prefix", None)
            entries = [{**entry, key: digest}]
        data["paths"] = [*others, *entries]
        edit(prefix, name, paths_data=data, files=[each["_path"] for each in data["paths"]])

    return change


def test_a_shipment_is_right(shipped: Layers) -> None:
    for layers in (("prefix",), ("lock", "prefix"), ("pack", "prefix")):
        assert shipped.verify(*layers).findings == (), layers
    assert with_artifacts(shipped).verify("artifacts", "prefix").findings == ()


@pytest.mark.parametrize("layer", ["pack", "artifacts"])
@pytest.mark.parametrize(
    ("name", "path", "content", "field"),
    [
        ("tool", "share/tool/data.txt", b"evil\n", "files altered"),
        ("tool", "bin/tool", b"#!/bin/sh\nexec rm\n", "files altered"),
        ("tool", "lib/libtool.so", b"\0a evil\0b", "files altered"),
        ("sails", f"{SITE}/sails/__init__.py", b"evil\n", "files altered"),
        ("sails", "bin/reef", b"#!/bin/sh\n", "files altered"),
        ("tool", "share/tool/data.txt", None, "files absent"),
        ("sails", f"{SITE}/sails/__init__.py", None, "files absent"),
        ("tool", "share/tool/new.txt", b"new\n", "files added"),
        ("old", "share/new.txt", b"new\n", "files added"),
    ],
)
def test_a_file_and_its_record_that_the_package_has_otherwise(
    name: str, path: str, content: bytes | None, field: str, layer: str, shipped: Layers
) -> None:
    broken = with_artifacts(shipped).with_prefix(forge(path, name, content))
    (finding,) = broken.verify(layer, "prefix").findings
    assert (finding.rule, finding.package, finding.field) == ("prefix-files", name, field)
    assert finding.layers == (layer.removesuffix("s"), "prefix")


@posix
@pytest.mark.parametrize("layers", [("prefix",), ("pack", "prefix")])
def test_a_program_that_runs_as_its_owner(layers: tuple[str, ...], shipped: Layers) -> None:
    broken = shipped.with_prefix(lambda prefix: (prefix / "bin/tool").chmod(0o4755))
    (finding,) = broken.verify(*layers).findings
    assert (finding.field, finding.actual, finding.cause) == ("files setuid", ["bin/tool"], "mode")


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"size_in_bytes": 77}, "size_in_bytes"), ({"path_type": "directory"}, "path_type")],
)
def test_what_a_record_says_of_a_file_is_not_so(
    changes: dict[str, object], field: str, shipped: Layers
) -> None:
    def lie(prefix: Path) -> None:
        data = json.loads(meta(prefix, "tool").read_text("utf-8"))["paths_data"]
        for entry in data["paths"]:
            if entry["_path"] == "share/tool/data.txt":
                entry.update(changes)
        edit(prefix, "tool", paths_data=data)

    (finding,) = shipped.with_prefix(lie).verify("prefix").findings
    assert (finding.rule, finding.field) == ("prefix-record", f"share/tool/data.txt {field}")


def test_what_was_compiled_from_nothing(shipped: Layers) -> None:
    def compile_two(prefix: Path) -> None:
        for name in ("__init__", "evil"):
            file = prefix / SITE / "keel/__pycache__" / f"{name}.cpython-312.pyc"
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(b"")
        (prefix / SITE / "keel/__init__.py").touch()

    (finding,) = shipped.with_prefix(compile_two).verify("prefix").findings
    assert f"{SITE}/keel/__pycache__/evil.cpython-312.pyc" in finding.actual
    assert f"{SITE}/keel/__pycache__/__init__.cpython-312.pyc" not in finding.actual


@pytest.mark.parametrize("layer", ["lock", "pack"])
def test_a_wheel_that_nobody_asked_for(layer: str, shipped: Layers) -> None:
    def install(prefix: Path) -> None:
        info = prefix / SITE / "extra-1.0.dist-info"
        info.mkdir()
        (info / "RECORD").write_text("extra-1.0.dist-info/RECORD,,\n", encoding="utf-8")

    (finding,) = shipped.with_prefix(install).verify(layer, "prefix").findings
    assert (finding.rule, finding.package, finding.actual) == ("prefix-extra", "extra", "extra 1.0")


def test_what_a_package_without_a_record_left_is_no_wheel(shipped: Layers) -> None:
    def lose(prefix: Path) -> None:
        install = prefix / SITE / "sails-1.5.dist-info"
        install.mkdir()
        (install / "RECORD").write_text("sails-1.5.dist-info/RECORD,,\n", encoding="utf-8")
        meta(prefix, "sails").unlink()

    (finding,) = shipped.with_prefix(lose).verify("pack", "prefix").findings
    assert (finding.rule, finding.package) == ("prefix-missing", "sails")


@pytest.mark.parametrize("content", [b"\xff\xfe,,,,\n", b"../../../../../../etc/passwd,,\n"])
@pytest.mark.parametrize("layers", [("prefix",), ("pack", "prefix"), ("lock", "prefix")])
def test_a_list_of_files_that_cannot_be_used(
    layers: tuple[str, ...], content: bytes, shipped: Layers
) -> None:
    broken = shipped.with_prefix(
        lambda prefix: (prefix / SITE / "keel-1.2.dist-info/RECORD").write_bytes(content)
    )
    (finding,) = broken.verify(*layers).findings
    assert (finding.rule, finding.package) == ("prefix-parse", "keel")


@pytest.mark.parametrize("layer", ["lock", "pack"])
def test_a_wheel_without_a_list_of_its_files(layer: str, shipped: Layers) -> None:
    broken = shipped.with_prefix(
        lambda prefix: (prefix / SITE / "keel-1.2.dist-info/RECORD").unlink()
    )
    (finding,) = broken.verify(layer, "prefix").findings
    assert (finding.rule, finding.package) == ("prefix-parse", "keel")


def test_a_wheel_that_was_removed_is_missing_and_its_files_are_nobodys(shipped: Layers) -> None:
    broken = shipped.with_prefix(lambda prefix: shutil.rmtree(prefix / SITE / "keel-1.2.dist-info"))
    (finding,) = broken.verify("pack", "prefix").findings
    assert (finding.rule, finding.package) == ("prefix-missing", "keel")
    (finding,) = broken.verify("prefix").findings
    assert (finding.rule, finding.field) == ("prefix-files", "files unowned")


def test_an_activation_script_that_was_removed(shipped: Layers) -> None:
    broken = shipped.with_prefix(lambda prefix: (prefix.parent / "activate.sh").unlink())
    (finding,) = broken.verify("pack", "prefix").findings
    assert (finding.rule, finding.severity) == ("prefix-activation", "warning")
    assert broken.verify("prefix").findings == ()  # pixi and conda write none
    (broken.prefix.path / "conda-meta/pixi").write_text("{}", encoding="utf-8")
    assert broken.verify("pack", "prefix").findings == ()


@pytest.mark.parametrize("path", ["etc/conda/activate.d/tool.sh", "etc/conda/env_vars.d/tool.json"])
def test_a_file_that_activation_reads_is_told_once(path: str, shipped: Layers) -> None:
    def change(prefix: Path) -> None:
        for file in (prefix / path).parent.glob("*"):
            file.write_text('{"TOOL_ENV": "b"}\n', encoding="utf-8")

    (finding,) = shipped.with_prefix(change).verify("pack", "prefix").findings
    assert (finding.rule, finding.package) == ("prefix-files", "tool")


BROKEN = ["", "{", "[1]", '{"A=B": "c"}', '{"TOOL_ENV": "a b"}\nx', "\x00"]


@pytest.mark.parametrize("text", BROKEN)
@pytest.mark.parametrize("layers", [("prefix",), ("pack", "prefix"), ("lock", "pack", "prefix")])
def test_a_file_that_activation_cannot_read_is_told_once(
    layers: tuple[str, ...], text: str, shipped: Layers
) -> None:
    def change(prefix: Path) -> None:
        (prefix / "etc/conda/env_vars.d/tool.json").write_text(text, encoding="utf-8")
        (prefix / "share/data.txt").write_text("evil", encoding="utf-8")

    found = shipped.with_prefix(change).verify(*layers).findings
    assert [(each.rule, each.package) for each in found] == [
        ("prefix-files", "data"), ("prefix-files", "tool"),
    ]  # fmt: skip


def test_where_the_record_says_the_same_only_the_package_knows_better(shipped: Layers) -> None:
    path = "etc/conda/env_vars.d/tool.json"
    broken = shipped.with_prefix(forge(path, "tool", b"{"))
    (finding,) = broken.verify("pack", "prefix").findings
    assert (finding.rule, finding.package) == ("prefix-files", "tool")
    (finding,) = broken.verify("prefix").findings
    assert (finding.rule, finding.field, finding.package) == ("prefix-activation", path, "tool")


@pytest.mark.parametrize("text", BROKEN)
def test_a_state_that_activation_cannot_read(text: str, shipped: Layers) -> None:
    state = "conda-meta/state"
    broken = shipped.with_prefix(lambda prefix: (prefix / state).write_text(text, "utf-8"))
    (finding,) = broken.verify("pack", "prefix").findings
    assert (finding.rule, finding.field) == ("prefix-activation", state)


def in_entry(prefix: Path, name: str, path: str, **changes: object) -> None:
    """Changes what a record says of one file (None: removes the field)."""
    data = json.loads(meta(prefix, name).read_text("utf-8"))["paths_data"]
    for entry in data["paths"]:
        if entry["_path"] == path:
            entry.update(changes)
            for key in [key for key, value in changes.items() if value is None]:
                del entry[key]
    edit(prefix, name, paths_data=data)


def test_without_the_record_of_python_nothing_else_is_wrong(shipped: Layers) -> None:
    """Where files of noarch packages go depends on it."""
    broken = with_artifacts(shipped).with_prefix(lambda prefix: meta(prefix, "python").unlink())
    for layers in (("pack", "prefix"), ("manifest", "lock", "pack", "prefix")):
        (finding,) = broken.verify(*layers).findings
        assert (finding.rule, finding.package) == ("prefix-missing", "python")
    found = broken.verify("artifacts", "prefix").findings
    assert {each.field for each in found} == {"files unowned"}


@pytest.mark.parametrize("kind", ["hardlink", "softlink", "evil", None])
def test_a_program_of_an_entry_point_that_is_called_something_else(
    kind: str | None, shipped: Layers
) -> None:
    broken = shipped.with_prefix(
        lambda prefix: in_entry(prefix, "sails", "bin/furl", path_type=kind)
    )
    found = broken.verify("pack", "prefix").findings
    assert {(each.rule, each.package) for each in found} == {("prefix-record", "sails")}, found


@pytest.mark.parametrize(
    ("name", "path", "changes"),
    [
        ("tool", "bin/tool", {"size_in_bytes": 1}),
        ("tool", "bin/tool-link", {"sha256_in_prefix": "0" * 64}),
        ("sails", "bin/furl", {"size_in_bytes": 1}),
        ("sails", "bin/furl", {"sha256": None}),
    ],
)
def test_a_single_field_of_a_file_of_which_only_the_record_speaks(
    name: str, path: str, changes: dict[str, object], shipped: Layers
) -> None:
    broken = shipped.with_prefix(lambda prefix: in_entry(prefix, name, path, **changes))
    (finding,) = broken.verify("lock", "pack", "prefix").findings
    (field,) = changes
    assert (finding.rule, finding.package, finding.field) == (
        "prefix-record", name, f"{path} {field}",
    )  # fmt: skip


def test_conda_records_the_size_that_a_file_has_in_its_package(shipped: Layers) -> None:
    packed = next(
        each for each in with_artifacts(shipped).artifacts if each.facts.name == "tool"
    ).payload["bin/tool"]
    broken = shipped.with_prefix(
        lambda prefix: in_entry(prefix, "tool", "bin/tool", size_in_bytes=packed.size)
    )
    assert broken.verify("pack", "prefix").findings == ()


def test_a_path_that_is_listed_twice(shipped: Layers) -> None:
    def double(prefix: Path) -> None:
        data = json.loads(meta(prefix, "tool").read_text("utf-8"))["paths_data"]
        edit(prefix, "tool", paths_data={**data, "paths": [*data["paths"], data["paths"][0]]})

    (finding,) = shipped.with_prefix(double).verify("prefix").findings
    assert (finding.rule, finding.field) == ("prefix-record", "paths_data")


@pytest.mark.parametrize("field", ["license", "arch", "platform", "noarch", "track_features"])
def test_a_value_of_a_type_that_no_installer_writes(field: str, shipped: Layers) -> None:
    broken = shipped.with_prefix(lambda prefix: edit(prefix, "tool", **{field: {"a": 1}}))
    (finding,) = broken.verify("prefix").findings
    assert (finding.rule, finding.field) == ("prefix-record", field)
    (finding,) = broken.verify("lock", "pack", "prefix").findings
    assert (finding.rule, finding.field) == ("prefix-record", field)
