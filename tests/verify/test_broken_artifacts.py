"""One thing is broken in one artifact: exactly one rule speaks, once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pytest_pixipack.artifact import Member
from pytest_pixipack.verify import verify
from tests.verify.conftest import PLATFORM, Layers

PREFIX = "/home/conda/bld" + "_placehold" * 20


def only(layers: Layers, *given: str) -> Any:
    """The one finding, about `app` or `lib` on the platform of the run."""
    (finding,) = layers.verify(*given).findings
    assert finding.platform == PLATFORM
    return finding


def alone(layers: Layers) -> Any:
    """The one finding where only the artifacts are given: a pack made before holds others."""
    return only(layers, "artifacts")


def test_another_run_dependency(good: Layers) -> None:
    depends = [*good.artifact("app").facts.depends, "data >=9"]
    finding = only(good.with_artifact("app", index={"depends": depends}))
    assert finding.rule == "artifact-depends"
    assert finding.layers == ("lock", "artifact")
    assert (finding.package, finding.expected, finding.actual) == ("app", [], ["data >=9"])
    assert finding.cause == "dependency-change"


def test_a_missing_run_dependency(good: Layers) -> None:
    depends = [d for d in good.artifact("app").facts.depends if not d.startswith("tool")]
    finding = only(good.with_artifact("app", index={"depends": depends}))
    assert (finding.rule, finding.expected, finding.actual) == (
        "artifact-depends",
        ["tool >=2"],
        [],
    )


def test_a_moved_bound_names_the_host_package_and_its_line(good: Layers) -> None:
    depends = [
        "libw >=1.3,<2" if d.startswith("libw") else d for d in good.artifact("app").facts.depends
    ]
    finding = only(good.with_artifact("app", index={"depends": depends}))
    assert finding.rule == "artifact-depends"
    assert (finding.expected, finding.actual) == (["libw >=1.2,<2"], ["libw >=1.3,<2"])
    assert "host package libw 1.2.4" in finding.evidence
    assert "[package.host-dependencies]" in finding.remedy
    text = (good.manifest.root / "app" / "pixi.toml").read_text(encoding="utf-8").splitlines()
    assert finding.file.endswith("pixi.toml")
    assert text[finding.line - 1].startswith("libw")


def test_the_order_and_spelling_of_dependencies_do_not_matter(good: Layers) -> None:
    depends = [
        d.replace(">=1.2,<2", "<2,>=1.2") for d in reversed(good.artifact("app").facts.depends)
    ]
    found = good.with_artifact("app", index={"depends": depends})
    assert found.verify("manifest", "lock", "artifacts").findings == ()


def test_a_dependency_of_another_platform(good: Layers) -> None:
    depends = [*good.artifact("app").facts.depends, "win-helper *"]
    finding = only(good.with_artifact("app", index={"depends": depends}))
    assert (finding.rule, finding.actual) == ("artifact-platform", ["win-helper *"])
    assert "win-64" in finding.message


def test_a_virtual_package_of_another_platform(good: Layers) -> None:
    depends = [*good.artifact("app").facts.depends, "__win"]
    finding = only(good.with_artifact("app", index={"depends": depends}))
    assert (finding.rule, finding.actual) == ("artifact-platform", ["__win"])


def test_built_for_another_platform(good: Layers) -> None:
    finding = only(good.with_artifact("app", index={"subdir": "osx-64"}))
    assert (finding.rule, finding.expected, finding.actual) == (
        "artifact-platform",
        "linux-64",
        "osx-64",
    )


def test_another_run_constraint(good: Layers) -> None:
    finding = only(good.with_artifact("app", index={"constrains": ["data <5"]}))
    assert finding.rule == "artifact-constrains"
    assert (finding.expected, finding.actual) == (["data <4"], ["data <5"])


def test_another_run_export(good: Layers) -> None:
    finding = only(good.with_artifact("lib", run_exports={"weak": ["lib >=0.2,<2"]}))
    assert (finding.rule, finding.field) == ("artifact-run-exports", "run_exports.weak")
    assert (finding.expected, finding.actual) == (["lib >=0.2,<1"], ["lib >=0.2,<2"])


def test_another_version(good: Layers) -> None:
    build = good.artifact("app").facts.build
    changed = good.with_artifact(
        "app", index={"version": "0.1.1"}, file_name=f"app-0.1.1-{build}.conda"
    )
    finding = only(changed)
    assert (finding.rule, finding.field) == ("artifact-identity", "version")
    assert (finding.expected, finding.actual) == ("0.1.0", "0.1.1")


def test_a_renamed_file(good: Layers) -> None:
    finding = only(good.with_artifact("app", file_name="app-0.9-0.conda"))
    assert (finding.rule, finding.field) == ("artifact-identity", "file name")


def test_a_package_that_is_not_locked(good: Layers) -> None:
    build = good.artifact("app").facts.build
    changed = good.with_artifact("app", index={"name": "ap"}, file_name=f"ap-0.1.0-{build}.conda")
    report = changed.verify("lock", "artifacts")
    assert report.rules == ("artifact-identity",)
    assert report.ok
    assert not report.with_strict().ok


@pytest.mark.parametrize(
    ("index", "what"),
    [
        pytest.param({"noarch": "generic"}, "noarch in an arch subdir", id="noarch-with-subdir"),
        pytest.param({"subdir": "noarch"}, "arch in noarch", id="subdir-without-noarch"),
        pytest.param({"subdir": "noarch", "noarch": "python"}, "python", id="python-missing"),
    ],
)
def test_noarch_that_contradicts_itself(good: Layers, index: dict[str, str], what: str) -> None:
    assert only(good.with_artifact("app", index=index)).rule == "artifact-noarch"


def test_an_empty_part_in_the_build_string(good: Layers) -> None:
    changed = good.with_artifact(
        "app", index={"build": "py312__h"}, file_name="app-0.1.0-py312__h.conda"
    )
    finding = alone(changed)
    assert (finding.rule, finding.severity) == ("artifact-build-string", "warning")


def test_a_timestamp_in_seconds(good: Layers) -> None:
    finding = alone(good.with_artifact("app", index={"timestamp": 1_700_000_000}))
    assert (finding.rule, finding.severity) == ("artifact-timestamp", "warning")
    assert finding.expected == 1_700_000_000_000


def test_a_timestamp_in_the_future(good: Layers) -> None:
    finding = alone(good.with_artifact("app", index={"timestamp": 32_503_680_000_000}))
    assert (finding.rule, finding.severity) == ("artifact-timestamp", "warning")


def test_no_timestamp_is_only_a_note(good: Layers) -> None:
    finding = alone(good.with_artifact("app", index={"timestamp": None}))
    assert (finding.rule, finding.severity) == ("artifact-timestamp", "note")


def test_a_file_that_paths_json_does_not_list(good: Layers) -> None:
    def forget(entries: list[dict[str, Any]]) -> None:
        entries.pop()

    finding = only(good.with_artifact("app", paths=forget))
    assert finding.rule == "artifact-paths"
    assert (finding.expected, len(finding.actual)) == ([], 1)


def test_a_listed_file_that_is_not_there(good: Layers) -> None:
    def invent(entries: list[dict[str, Any]]) -> None:
        entries.append({**entries[0], "_path": "share/nothing.txt"})

    finding = only(good.with_artifact("app", paths=invent))
    assert (finding.rule, finding.expected) == ("artifact-paths", ["share/nothing.txt"])


@pytest.mark.parametrize(("key", "value"), [("sha256", "0" * 64), ("size_in_bytes", 1)])
def test_a_file_that_is_not_what_paths_json_says(good: Layers, key: str, value: object) -> None:
    def lie(entries: list[dict[str, Any]]) -> None:
        entries[0][key] = value

    assert only(good.with_artifact("app", paths=lie)).rule == "artifact-paths"


def test_a_link_that_leads_nowhere(good: Layers) -> None:
    link = Member("share/latest", link_target="nothing.txt")
    finding = alone(good.with_artifact("app", members=(link,)))
    assert (finding.rule, finding.severity) == ("artifact-links", "warning")
    assert finding.cause == "link-target"


def test_links_in_a_circle(good: Layers) -> None:
    links = (Member("share/a", link_target="b"), Member("share/b", link_target="a"))
    rules = good.with_artifact("app", members=links).verify("artifacts").rules
    assert rules == ("artifact-links",)


def test_a_build_prefix_without_a_placeholder(good: Layers) -> None:
    finding = only(good.with_artifact("app", files={"share/app.txt": PREFIX.encode()}))
    assert (finding.rule, finding.cause) == ("artifact-prefix-placeholder", "embedded-path")


def test_a_placeholder_that_the_file_does_not_hold(good: Layers) -> None:
    def claim(entries: list[dict[str, Any]]) -> None:
        entries[0] |= {"prefix_placeholder": PREFIX, "file_mode": "text"}

    assert only(good.with_artifact("app", paths=claim)).rule == "artifact-prefix-placeholder"


def test_a_placeholder_that_is_recorded_is_right(good: Layers) -> None:
    member = Member("etc/app.conf", PREFIX.encode(), placeholder=PREFIX)
    report = good.with_artifact("app", members=(member,)).verify("lock", "artifacts")
    assert report.findings == ()


def test_a_channels_package_with_another_digest(good: Layers) -> None:
    sha256 = good.lock[PLATFORM]["tool"].sha256
    assert sha256 is not None
    other = good.with_lock((sha256, "0" * 63 + "a"))
    folder = good.scratch / "pack"
    good.pack.extract(folder)
    tool = next(folder.glob("channel/linux-64/tool-*.conda"))
    report = verify(lock=other.lock, artifacts=[tool], platform=PLATFORM)
    (finding,) = report.findings
    assert (finding.rule, finding.field, finding.actual) == ("artifact-digest", "sha256", sha256)


def test_an_artifact_that_cannot_be_read(good: Layers) -> None:
    broken = good.scratch / "app-0.1.0-0.conda"
    broken.write_bytes(b"PK")
    (finding,) = verify(lock=good.lock, artifacts=[broken], platform=PLATFORM).findings
    assert finding.rule == "artifact-parse"


def test_link_json_that_contradicts_index_json(good: Layers) -> None:
    link = json.dumps({"noarch": {"type": "generic"}, "package_metadata_version": 1}).encode()
    finding = only(good.with_artifact("app", extra_info={"link.json": link}))
    assert finding.rule == "artifact-noarch"


def test_a_rebuild_with_other_files_is_only_another_digest_in_the_pack(good: Layers) -> None:
    rebuilt = good.with_artifact("app", files={"share/app.txt": b"other\n"})
    finding = only(rebuilt)
    assert (finding.rule, finding.layers) == ("pack-digest", ("artifact", "pack"))


def test_a_warning_about_an_artifact_does_not_hide_that_the_pack_holds_another_one(
    good: Layers,
) -> None:
    report = good.with_artifact("app", index={"timestamp": 1_700_000_000}).verify()
    assert set(report.rules) == {"artifact-timestamp", "pack-digest"}
