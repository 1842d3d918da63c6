"""`pixipack verify --expect`: expectations in TOML."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_pixipack.pack import read_pack

PACK = Path(__file__).parents[1] / "data/conformance/cases/flat/expected/pack/environment.tar"


@pytest.fixture
def verify(pixipack, tmp_path):
    def run(text, *more):
        (tmp_path / "expect.toml").write_text(text, encoding="utf-8")
        return pixipack("verify", "--pack", PACK, "--expect", tmp_path / "expect.toml", *more)

    return run


def test_a_pack_that_is_as_expected(verify):
    assert verify('forbidden = ["openssl"]\n[packages]\nlibz = "*"\n').code == 0


def test_a_pack_that_is_not(verify, tmp_path):
    done = verify('[packages]\nlibz = ">=99"\nabsent = "*"\n', "--json", "-")

    assert done.code == 1
    found = {(f["package"], f["rule"], f["line"]) for f in done.document["findings"]}
    assert found == {("libz", "expect-package", 2), ("absent", "expect-package", 3)}
    assert {f["file"] for f in done.document["findings"]} == {str(tmp_path / "expect.toml")}


def test_a_known_finding_does_not_fail(verify):
    text = '[packages]\nabsent = "*"\n[[known]]\nrule = "expect-package"\nreason = "soon"\n'

    assert verify(text).code == 0


def test_broken_expectations_check_nothing(verify):
    done = verify("[packages\n")

    assert done.code == 2
    assert "expect.toml:1" in done.err


def test_packability_is_told_on_demand(pixipack, example):
    assert pixipack("check", example).code == 0

    done = pixipack("check", example, "--packable", "--json", "-")

    assert done.code == 0
    assert "lock-packable" not in {f["rule"] for f in done.document["findings"]}


def test_what_cannot_be_packed_fails(pixipack, example):
    lock = example / "pixi.lock"
    text = lock.read_text(encoding="utf-8")
    entry = "- pypi: https://files.example/sail-1.0.tar.gz\n  name: sail\n  version: '1.0'\n"
    selector = "      - pypi: https://files.example/sail-1.0.tar.gz\n"
    at = text.index("      linux-aarch64:\n")
    lock.write_text(text[:at] + selector + text[at:] + entry, encoding="utf-8")

    done = pixipack("check", example, "--packable", "--json", "-")

    assert done.code == 1
    found = [f for f in done.document["findings"] if f["rule"] == "lock-packable"]
    assert [(f["package"], f["severity"]) for f in found] == [("sail", "error")]


def test_a_pack_is_verified_with_what_it_unpacks_to(pixipack, example, tmp_path):
    assert pixipack("pack", example, "-o", tmp_path / "p.tar").code == 0

    done = pixipack("verify", "--workspace", example, "--pack", tmp_path / "p.tar", "--unpack")

    assert done.code == 0, done.out
    assert pixipack("verify", "--workspace", example, "--unpack").code == 2


def test_what_is_wrong_with_a_pack_is_told_where_it_cannot_be_unpacked_for_it(pixipack, tmp_path):
    folder = tmp_path / "pack"
    read_pack(PACK).extract(folder)
    package = next((folder / "channel").rglob("*.conda"))
    package.write_bytes(package.read_bytes()[:-100])

    done = pixipack("verify", "--pack", folder, "--unpack", "--platform", "linux-64", "--json", "-")

    assert done.code == 1
    assert [finding["rule"] for finding in done.document["findings"]] == ["pack-digest"]
    assert "the pack was not unpacked" in done.err
