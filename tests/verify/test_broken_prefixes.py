"""One thing is broken in the prefix: exactly one rule speaks."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_pixipack.prefix import read_prefix
from pytest_pixipack.verify import verify
from tests.verify.conftest import PLATFORM, Layers


def only(layers: Layers) -> Any:
    (finding,) = layers.verify().findings
    return finding


def meta(prefix: Path, name: str) -> Path:
    return next(
        file
        for file in (prefix / "conda-meta").glob(f"{name}-*.json")
        if json.loads(file.read_text("utf-8"))["name"] == name
    )


def edit(prefix: Path, name: str, **changes: Any) -> None:
    file = meta(prefix, name)
    content = {**json.loads(file.read_text("utf-8")), **changes}
    file.write_text(json.dumps(content), encoding="utf-8")


def test_a_fresh_prefix_is_right(good: Layers) -> None:
    assert good.with_prefix(lambda _: None).verify().findings == ()


@pytest.mark.parametrize("name", ["app", "tool", "data"])
def test_a_package_that_is_not_installed(good: Layers, name: str) -> None:
    finding = only(good.with_prefix(lambda prefix: meta(prefix, name).unlink()))
    assert (finding.rule, finding.package) == ("prefix-missing", name)


def test_a_package_that_nobody_asked_for(good: Layers) -> None:
    def add(prefix: Path) -> None:
        record = {"name": "extra", "version": "1", "build": "0", "files": [], "depends": []}
        (prefix / "conda-meta" / "extra-1-0.json").write_text(json.dumps(record), "utf-8")

    finding = only(good.with_prefix(add))
    assert (finding.rule, finding.package) == ("prefix-extra", "extra")


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("tool", "version", "2.1"),
        ("tool", "build", "other_0"),
        ("tool", "depends", []),
        ("app", "depends", ["lib"]),
        ("app", "constrains", []),
        ("tool", "sha256", "0" * 64),
        ("app", "md5", "0" * 32),
    ],
)
def test_an_edited_record(good: Layers, name: str, field: str, value: object) -> None:
    finding = only(good.with_prefix(lambda prefix: edit(prefix, name, **{field: value})))
    assert (finding.rule, finding.package, finding.field) == ("prefix-record", name, field)


def test_an_edited_record_where_only_the_pack_knows_better(good: Layers) -> None:
    broken = good.with_prefix(lambda prefix: edit(prefix, "app", version="9"))
    (finding,) = broken.verify("pack", "prefix").findings
    assert (finding.rule, finding.layers) == ("prefix-record", ("pack", "prefix"))


def test_a_file_that_is_gone(good: Layers) -> None:
    finding = only(good.with_prefix(lambda prefix: (prefix / "share/app.txt").unlink()))
    assert (finding.rule, finding.field, finding.package) == ("prefix-files", "files absent", "app")
    assert finding.expected == ["share/app.txt"]


def test_a_file_that_was_altered(good: Layers) -> None:
    broken = good.with_prefix(lambda prefix: (prefix / "share/data.txt").write_bytes(b"x"))
    finding = only(broken)
    assert (finding.rule, finding.field, finding.package) == (
        "prefix-files",
        "files altered",
        "data",
    )


def edit_file_and_record(prefix: Path, content: bytes | None) -> None:
    """What an installer does that installs something else than it was given."""
    record = json.loads(meta(prefix, "app").read_text("utf-8"))["paths_data"]
    file = prefix / "share/app.txt"
    if content is None:
        file.unlink()
        record["paths"] = [e for e in record["paths"] if e["_path"] != "share/app.txt"]
    else:
        file.write_bytes(content)
        (entry,) = [e for e in record["paths"] if e["_path"] == "share/app.txt"]
        entry.pop("sha256_in_prefix", None)
        entry["sha256"] = hashlib.sha256(content).hexdigest()
    edit(prefix, "app", paths_data=record, files=[e["_path"] for e in record["paths"]])


@pytest.mark.parametrize(("content", "field"), [(b"x", "altered"), (None, "absent")])
def test_a_file_and_its_record_that_are_not_what_was_built(
    good: Layers, content: bytes | None, field: str
) -> None:
    finding = only(good.with_prefix(lambda prefix: edit_file_and_record(prefix, content)))
    assert (finding.rule, finding.package, finding.field) == (
        "prefix-files", "app", f"files {field}",
    )  # fmt: skip
    assert finding.layers == ("artifact", "prefix")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no executable bit")
def test_a_file_with_another_executable_bit(good: Layers) -> None:
    finding = only(good.with_prefix(lambda prefix: (prefix / "bin/app").chmod(0o755)))
    assert (finding.rule, finding.package, finding.cause) == ("prefix-files", "app", "mode")
    assert (finding.expected, finding.actual) == (
        ["bin/app not executable"],
        ["bin/app executable"],
    )


def test_a_file_that_belongs_to_no_package(good: Layers) -> None:
    finding = only(good.with_prefix(lambda prefix: (prefix / "share/new.txt").write_bytes(b"x")))
    assert (finding.rule, finding.actual) == ("prefix-files", ["share/new.txt"])


def test_what_python_compiles_later_belongs_to_nobody(good: Layers) -> None:
    def compile_something(prefix: Path) -> None:
        (prefix / "share/__pycache__").mkdir()
        (prefix / "share/__pycache__/app.cpython-312.pyc").write_bytes(b"")
        (prefix / "share/app.py").write_bytes(b"")

    (finding,) = good.with_prefix(compile_something).verify().findings
    assert finding.actual == ["share/app.py"]


def test_a_file_of_two_packages(good: Layers) -> None:
    def share(prefix: Path) -> None:
        app = json.loads(meta(prefix, "app").read_text("utf-8"))
        lib = json.loads(meta(prefix, "lib").read_text("utf-8"))
        lib["paths_data"]["paths"] += [
            entry for entry in app["paths_data"]["paths"] if entry["_path"] == "share/app.txt"
        ]
        edit(prefix, "lib", paths_data=lib["paths_data"], files=[*lib["files"], "share/app.txt"])

    finding = only(good.with_prefix(share))
    assert (finding.rule, finding.actual) == ("prefix-clobber", ["app", "lib"])


def test_files_that_were_put_aside(good: Layers) -> None:
    def clobber(prefix: Path) -> None:
        (prefix / "__clobbers__").mkdir()
        (prefix / "__clobbers__/app.txt").write_bytes(b"x")

    assert only(good.with_prefix(clobber)).rule == "prefix-clobber"


def test_an_edited_activation_script(good: Layers) -> None:
    def edit_script(prefix: Path) -> None:
        script = prefix.parent / "activate.sh"
        text = script.read_bytes().decode().replace("CONDA_SHLVL", "SHLVL")
        script.write_bytes(text.encode())

    finding = only(good.with_prefix(edit_script))
    assert (finding.rule, finding.field) == ("prefix-activation", "activate.sh")
    assert finding.cause == "content"


def test_a_prefix_that_was_moved(good: Layers) -> None:
    installed = good.with_prefix(lambda _: None).prefix.path.parent
    installed.rename(good.scratch / "elsewhere")
    moved = replace(good, prefix=read_prefix(good.scratch / "elsewhere" / "env"))
    (finding,) = [f for f in moved.verify().findings if f.rule == "prefix-activation"]
    assert finding.cause == "embedded-path"


def test_a_prefix_without_records(good: Layers) -> None:
    (good.scratch / "env").mkdir()
    (finding,) = verify(prefix=good.scratch / "env", platform=PLATFORM).findings
    assert finding.rule == "prefix-parse"


def test_a_file_and_its_record_that_are_not_what_the_pack_has(good: Layers) -> None:
    """`tool` comes from a channel: only the pack has its package."""

    def forge(prefix: Path) -> None:
        path = prefix / "bin" / "tool"
        path.write_bytes(b"#!/bin/sh\nexec rm\n")
        record = json.loads(meta(prefix, "tool").read_text("utf-8"))
        for entry in record["paths_data"]["paths"]:
            if entry["_path"] == "bin/tool":
                entry["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
                entry["size_in_bytes"] = path.stat().st_size
        meta(prefix, "tool").write_text(json.dumps(record), "utf-8")

    (finding,) = good.with_prefix(forge).verify("pack", "prefix").findings
    assert (finding.rule, finding.package) == ("prefix-files", "tool")
    assert finding.layers == ("pack", "prefix")
