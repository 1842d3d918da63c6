"""Each single field of a good pack that is changed is reported once, by the rule for it.

With the pack alone as with all layers: the rest of the pack speaks against what was edited.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_pixipack.pack import Pack, read_pack
from pytest_pixipack.verify import verify
from pytest_pixipack.verify.findings import Finding
from tests.verify.conftest import Layers
from tests.verify.test_single_fields import altered, mutations, of_another_type, scratch

ALL = ("manifest", "lock", "pack", "prefix")
BOTH = pytest.mark.parametrize("given", [("pack",), ALL], ids=["alone", "all"])

# Where only the pack is there, these are compared with the packages themselves, and a channel may
# have patched them.
PATCHABLE = {
    "depends", "constrains", "license", "license_family", "track_features", "timestamp", "arch",
    "platform",
}  # fmt: skip
DIGESTS = {"sha256", "md5", "size"}


def found_in(layers: Layers, folder: Path, given: tuple[str, ...]) -> list[Finding]:
    """What is found where the edited pack is given as a path, with the other layers or alone."""
    others = {
        "manifest": layers.manifest,
        "lock": layers.lock,
        "prefix": layers.prefix,
    }
    chosen: dict[str, Any] = {name: others[name] for name in given if name != "pack"}
    return list(verify(pack=folder, **chosen).findings)


def wrong(
    where: tuple[object, ...], findings: list[Finding], right: set[str]
) -> Iterator[tuple[object, ...]]:
    """What is to be said where there is another finding than the right one, or several."""
    told = [(each.rule, each.severity, each.package, each.field) for each in findings]
    if len(findings) != 1 or findings[0].rule not in right:
        yield (*where, told)


def folders(good: Layers, tmp_path: Path) -> Iterator[Path]:
    """Directory packs, each in a place of its own."""
    number = 0
    while True:
        folder = scratch(good, tmp_path, number).scratch / "pack"
        good.pack.extract(folder)
        yield folder
        number += 1


def every_record(pack: Pack) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (subdir, file_name, record)
        for subdir, content in pack.repodata.items()
        for file_name, record in content["packages.conda"].items()
    ]


def rules_for(field: str, kind: str, given: tuple[str, ...]) -> set[str]:
    if kind == "of another type" or field == "name":
        return {"pack-repodata", "pack-parse", "pack-digest", "pack-package"}
    if field == "subdir":
        return {"pack-repodata", "pack-platform"}
    if given == ("pack",):
        if field in DIGESTS:
            return {"pack-digest", "pack-repodata"}
        if field in PATCHABLE:
            # What is asked for and not there is told by another rule.
            return {"pack-repodata", *({"pack-closure"} if field == "depends" else ())}
    return {"pack-repodata"}


@BOTH
@pytest.mark.parametrize(
    "name",
    [
        "tool",
        *(pytest.param(n, marks=pytest.mark.slow) for n in ("old", "python", "data", "sails")),
    ],
)
def test_every_field_of_a_record(
    name: str, given: tuple[str, ...], shipped: Layers, tmp_path: Path
) -> None:
    problems = []
    places = folders(shipped, tmp_path)
    for subdir, file_name, record in every_record(shipped.pack):
        for field, kind, changed in mutations(record) if record["name"] == name else ():
            folder = next(places)
            file = folder / "channel" / subdir / "repodata.json"
            content = json.loads(file.read_text("utf-8"))
            content["packages.conda"][file_name] = changed
            file.write_text(json.dumps(content), encoding="utf-8")
            findings = found_in(shipped, folder, given)
            if (field, kind, given) == ("purls", "gone", ("pack",)):
                continue  # only the lock knows
            problems += wrong((field, kind), findings, rules_for(field, kind, given))
    assert not problems, "\n".join(map(str, problems))


def documents(content: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Mutations of repodata.json, at its top and in `info`."""
    for key, value in content.items():
        yield key, "gone", {k: v for k, v in content.items() if k != key}
        yield key, "of another type", {**content, key: of_another_type(value)}
        if key != "packages":
            other = altered(value) if not isinstance(value, dict) else {}
            yield key, "altered", {**content, key: other}
    yield "zzz", "added", {**content, "zzz": 1}
    for field, kind, info in mutations(content["info"]):
        yield f"info.{field}", kind, {**content, "info": info}
    yield "info.base_url", "added", {**content, "info": {**content["info"], "base_url": "x"}}


@BOTH
@pytest.mark.parametrize("subdir", ["linux-64", pytest.param("noarch", marks=pytest.mark.slow)])
def test_every_field_of_repodata(
    subdir: str, given: tuple[str, ...], shipped: Layers, tmp_path: Path
) -> None:
    problems = []
    places = folders(shipped, tmp_path)
    for field, kind, changed in documents(dict(shipped.pack.repodata[subdir])):
        folder = next(places)
        file = folder / "channel" / subdir / "repodata.json"
        file.write_text(json.dumps(changed), encoding="utf-8")
        right = {"pack-repodata", "pack-parse"}
        problems += wrong((field, kind), found_in(shipped, folder, given), right)
    assert not problems, "\n".join(map(str, problems))


@BOTH
def test_every_field_of_the_metadata(
    given: tuple[str, ...], shipped: Layers, tmp_path: Path
) -> None:
    problems = []
    places = folders(shipped, tmp_path)
    right = {
        "version": {"pack-version", "pack-parse"},
        "pixi-pack-version": {"pack-version", "pack-parse"},
        "platform": {"pack-platform", "pack-parse"},
        "zzz": {"pack-version"},
    }
    for field, kind, changed in mutations(dict(shipped.pack.metadata)):
        folder = next(places)
        (folder / "pixi-pack.json").write_text(json.dumps(changed), encoding="utf-8")
        problems += wrong((field, kind), found_in(shipped, folder, given), right[field])
    assert not problems, "\n".join(map(str, problems))


def lines_changed(text: str) -> Iterator[tuple[str, str]]:
    """What was done to environment.yml, and its text afterwards."""
    lines = text.splitlines(keepends=True)
    for number, line in enumerate(lines):
        before, after = "".join(lines[:number]), "".join(lines[number + 1 :])
        yield f"without {line!r}", before + after
        if line.lstrip().startswith("-") and not line.endswith("pip:\n"):
            yield f"twice {line!r}", before + line + line + after
            yield f"altered {line!r}", f"{before}{line.rstrip()}x\n{after}"
    for line in ("name: x", "prefix: /x", "variables: {A: b}", "zzz: 1"):
        yield f"with {line}", f"{line}\n{text}"
    yield "with a package", text.replace("  - pip:", "  - extra=1=0\n  - pip:")
    yield "with another index", f"{text}    - --extra-index-url https://x.invalid\n"
    yield "with another wheel", f"{text}    - extra==1\n"


@BOTH
def test_every_line_of_environment_yml(
    given: tuple[str, ...], shipped: Layers, tmp_path: Path
) -> None:
    problems = []
    assert shipped.pack.environment_yml is not None
    text = shipped.pack.environment_yml.text
    for (what, changed), folder in zip(
        lines_changed(text), folders(shipped, tmp_path), strict=False
    ):
        (folder / "environment.yml").write_bytes(changed.encode())
        right = {"pack-environment-yml", "pack-parse"}
        problems += wrong((what,), found_in(shipped, folder, given), right)
    assert not problems, "\n".join(map(str, problems))


@BOTH
def test_every_file(given: tuple[str, ...], shipped: Layers, tmp_path: Path) -> None:
    """A file that is left out, added or cut off."""
    problems = []
    files = [member.name for member in shipped.pack.members if member.kind == "file"]
    rules = {
        "conda": {"pack-missing", "pack-digest"},
        "bz2": {"pack-missing", "pack-digest"},
        "whl": {"pack-wheels", "pack-environment-yml"},
        "yml": {"pack-environment-yml", "pack-parse"},
        "json": {"pack-parse", "pack-repodata"},
    }
    places = folders(shipped, tmp_path)
    for name in files:
        for cut in (False, True):
            file = next(places) / name
            if cut:
                file.write_bytes(file.read_bytes()[:20])
            else:
                file.unlink()
            folder = file.parents[name.count("/")]
            right = rules[name.rpartition(".")[2]]
            problems += wrong((name, cut), found_in(shipped, folder, given), right)
    for name in ("x", "channel/x", "channel/linux-64/x.txt", "channel/repodata.json", "pypi/x.txt"):
        folder = next(places)
        (folder / name).write_text("x", encoding="utf-8")
        problems += wrong((name, "added"), found_in(shipped, folder, given), {"pack-members"})
    assert not problems, "\n".join(map(str, problems))


def test_a_good_pack_is_silent_whatever_is_given(shipped: Layers) -> None:
    assert found_in(shipped, shipped.pack.path, ("pack",)) == []
    assert found_in(shipped, shipped.pack.path, ALL) == []
    assert verify(pack=read_pack(shipped.pack.path), prefix=shipped.prefix).findings == ()
