"""`pixipack compare`, as a user runs it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_pixipack.artifact import Member, read_artifact, write_artifact
from pytest_pixipack.channel import StubChannel
from pytest_pixipack.compare.causes import CAUSE_TEXTS
from pytest_pixipack.pack import PackedPackage, artifact_record, write_pack

CASES = Path(__file__).parents[1] / "data" / "conformance" / "cases"
HOUR = 3_600_000
PYC = b"\xcb\x0d\x0d\x0a" + bytes(4)


def package(directory: Path, name: str = "app", *, hours: int = 0, code: int = 0, **index) -> Path:
    """A package; `hours` is when it was built, `code` the time in the header of its .pyc."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{name}-1.0-h0_0.conda"
    known = {
        "name": name, "version": "1.0", "build": "h0_0", "build_number": 0, "subdir": "linux-64",
        "depends": ["libz >=1"], "timestamp": 1_700_000_000_000 + hours * HOUR,
    }  # fmt: skip
    pyc = PYC + code.to_bytes(8, "little") + b"the same code"
    write_artifact(path, {**known, **index}, [Member(f"bin/{name}.pyc", pyc)])
    return path


def pack(path: Path, *packages: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    packed = []
    for each in packages:
        artifact = read_artifact(each)
        facts = artifact.facts
        record = artifact_record(
            dict(artifact.index), sha256=facts.sha256, md5=facts.md5, size=facts.size
        )
        packed.append(PackedPackage("linux-64", each.name, each, record))
    write_pack(path, "linux-64", packed)
    return path


@pytest.fixture
def packs(tmp_path: Path) -> tuple[Path, Path]:
    """Two packs of which what is installed is the same."""
    names = ("lib", "main", "other")
    monday = [package(tmp_path / "a", name) for name in names]
    tuesday = [
        package(tmp_path / "b", "lib", hours=24),
        package(tmp_path / "b", "main", code=7),
        monday[2],
    ]
    return (
        pack(tmp_path / "monday" / "environment.tar", *monday),
        pack(tmp_path / "tuesday" / "environment.tar", *tuesday),
    )


def lock(path: Path, change: Callable[[str], str] = lambda text: text, case: str = "flat") -> Path:
    text = (CASES / case / "expected" / "pixi.lock").read_bytes().decode()
    path.write_bytes(change(text.replace("@ROOT@", "/root")).encode())
    return path


def test_two_packs_as_a_tree_with_causes_and_remedies(pixipack, packs):
    done = pixipack("compare", *packs)
    assert done.code == 1
    assert done.out.splitlines() == [
        "metadata   what gets installed is the same; 2 of 3 packages differ",
        "environment.tar/channel/linux-64",
        "├─ lib-1.0-h0_0.conda",
        "│  └─ info/index.json   timestamp   1700000000000 -> 1700086400000   timestamp",
        "└─ main-1.0-h0_0.conda",
        "   └─ bin/main.pyc   mtime in header   0 -> 7   pyc-header",
        "causes   timestamp: set SOURCE_DATE_EPOCH for the build",
        "         pyc-header: compile with --invalidation-mode unchecked-hash",
        "exit 1   (--tolerate metadata makes it 0)",
    ]


@pytest.mark.parametrize(("tolerated", "code"), [("order-only", 1), ("metadata", 0)])
def test_what_is_tolerated_is_exit_code_0(pixipack, packs, tolerated, code):
    done = pixipack("compare", *packs, "--tolerate", tolerated)
    assert done.code == code
    assert ("exit 1" in done.out) == bool(code)


def test_json_has_all_differences_with_cause(pixipack, packs):
    document = pixipack("compare", *packs, "--json", "-").document
    assert {key: document[key] for key in ("schema", "command", "outcome", "verdict")} == {
        "schema": 1, "command": "compare", "outcome": "failed", "verdict": "metadata",
    }  # fmt: skip
    assert {
        "where": ["environment.tar", "channel/linux-64/lib-1.0-h0_0.conda",
                  "info-lib-1.0-h0_0.tar.zst", "info/index.json"],
        "field": "timestamp", "kind": "metadata", "cause": "timestamp",
        "left": 1_700_000_000_000, "right": 1_700_000_000_000 + 24 * HOUR,
    } in document["differences"]  # fmt: skip


def test_a_tolerated_difference_has_passed(pixipack, packs):
    done = pixipack("compare", *packs, "--tolerate", "metadata", "--json", "-")
    assert (done.document["outcome"], done.document["verdict"]) == ("passed", "metadata")


def test_nothing_differs(pixipack, packs):
    done = pixipack("compare", packs[0], packs[0])
    assert (done.code, done.out) == (0, "identical   nothing differs\n")


def test_locks_by_package(pixipack, tmp_path):
    left = lock(tmp_path / "a.lock")
    right = lock(tmp_path / "b.lock", lambda text: text.replace("tool-a-1.1.0", "tool-a-1.2.0"))
    done = pixipack("compare", left, right)
    assert done.code == 1
    assert done.out.splitlines()[:2] == [
        "payload   what gets installed is not the same",
        "packages   1 upgraded",
    ]
    assert "  upgraded    tool-a  1.1.0 -> 1.2.0" in done.out
    assert "version-change: " in done.out
    found = pixipack("compare", left, right, "--json", "-").document["differences"]
    assert {each["cause"] for each in found} == {"version-change"}
    assert {tuple(each["where"]) for each in found} == {
        ("a.lock", "default", "linux-64", "tool-a"),
    }  # fmt: skip


def test_locks_as_markdown(pixipack, tmp_path):
    left = lock(tmp_path / "a.lock")
    right = lock(tmp_path / "b.lock", lambda text: text.replace("tool-a-1.1.0", "tool-a-1.2.0"))
    done = pixipack("compare", left, right, "--markdown", "-")
    assert done.code == 1
    assert "| `tool-a` | upgraded | `1.1.0` | `1.2.0` |" in done.out
    pixipack("compare", left, right, "--markdown", tmp_path / "out.md")
    assert (tmp_path / "out.md").read_text(encoding="utf-8") == done.out


def test_packs_as_markdown(pixipack, packs, tmp_path):
    done = pixipack("compare", *packs, "--markdown", tmp_path / "out.md", "--json", "-")
    assert done.document["verdict"] == "metadata"
    text = (tmp_path / "out.md").read_text(encoding="utf-8")
    assert "<summary>main-1.0-h0_0.conda: 1 difference</summary>" in text
    assert "| `pyc-header` | compile with" in text


def test_only_one_document_goes_to_standard_output(pixipack, packs):
    done = pixipack("compare", *packs, "--markdown", "-", "--json", "-")
    assert done.code == 2
    assert "cannot both go to standard output" in done.err


def test_locks_of_two_versions_of_the_format(pixipack, tmp_path):
    old = CASES / "lock-v6" / "workspace" / "pixi.lock"
    path = tmp_path / "old.lock"
    path.write_bytes(old.read_bytes().replace(b"@ROOT@", b"/root"))
    done = pixipack("compare", path, lock(tmp_path / "new.lock", case="lock-v6"))
    assert done.out.startswith("metadata   what gets installed is the same")
    assert "version\n  6 -> 7" in done.out


def test_packages_and_directories_of_packages(pixipack, tmp_path):
    left, right = tmp_path / "a", tmp_path / "b"
    one, other = package(left, depends=["libz >=1", "x"]), package(right)
    done = pixipack("compare", one, other)
    assert "info/index.json   depends   - x   dependency-change" in done.out
    package(right, "more")
    done = pixipack("compare", left, right)
    assert "2 of 2 packages differ" in done.out
    assert "more-1.0-h0_0.conda" in done.out


@pytest.mark.filterwarnings("ignore:Python 3.14 will")
def test_packs_of_two_forms(pixipack, packs, tmp_path):
    shutil.unpack_archive(packs[0], tmp_path / "unpacked")
    done = pixipack("compare", packs[0], tmp_path / "unpacked", "--tolerate", "metadata")
    assert (done.code, done.out.split()[0]) == (0, "metadata")


def test_channels(pixipack, tmp_path):
    channel = StubChannel("main").add("libz", "1.0").add("curl", "8.1")
    left, right = channel.build(tmp_path / "a").path, tmp_path / "b"
    assert pixipack("compare", left, left).code == 0
    channel.add("libz", "1.1").build(right)
    done = pixipack("compare", left, right)
    assert done.code == 1
    assert "libz-1.1" in done.out
    assert "curl" not in done.out


def test_prefixes(pixipack, tmp_path):
    for name, depends in (("a", ["x"]), ("b", ["y"])):
        meta = tmp_path / name / "conda-meta"
        meta.mkdir(parents=True)
        record = {"name": "app", "version": "1.0", "build": "0", "build_number": 0,
                  "subdir": "noarch", "depends": depends, "files": []}  # fmt: skip
        (meta / "app-1.0-0.json").write_text(json.dumps(record), encoding="utf-8")
        (meta / "history").write_text("", encoding="utf-8")
    done = pixipack("compare", tmp_path / "a", tmp_path / "b")
    assert done.code == 1
    assert "depends   - x  + y   dependency-change" in done.out


@pytest.mark.parametrize("bad", ["nothing", "broken lock", "cut"])
def test_what_cannot_be_compared_is_a_sentence(pixipack, packs, tmp_path, bad):
    path = tmp_path / "bad.lock" if "lock" in bad else tmp_path / "bad"
    if bad == "cut":
        path.write_bytes(packs[0].read_bytes()[:3000])
    elif bad != "nothing":
        path.write_text("some: [text", encoding="utf-8")
    other = packs[0] if bad == "cut" else path
    for pair in ((path, other), (other, path)):
        done = pixipack("compare", *pair, "--json", "-")
        assert done.code == 2
        assert done.document["outcome"] == "invalid-input"
        assert done.document["error"]["file"] == str(path)


def test_things_of_two_layers_are_a_sentence(pixipack, packs, tmp_path):
    done = pixipack("compare", packs[0], lock(tmp_path / "a.lock"))
    assert done.code == 2
    assert "is a pack" in done.err
    assert "is a lock" in done.err


def test_markdown_that_cannot_be_written(pixipack, packs, tmp_path):
    (tmp_path / "file").touch()
    done = pixipack("compare", *packs, "--markdown", tmp_path / "file" / "out.md")
    assert done.code == 2
    assert "cannot be written" in done.err


def test_rules_lists_causes_and_explains_one(pixipack):
    listed = pixipack("rules").out
    assert all(f"\n{name} " in listed for name in CAUSE_TEXTS)
    explained = pixipack("rules", "pyc-header").out
    assert "compile with --invalidation-mode unchecked-hash" in explained
    [cause] = pixipack("rules", "pyc-header", "--json", "-").document["causes"]
    assert set(cause) == {"name", "evidence", "remedy"}
