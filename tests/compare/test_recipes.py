"""Recipes in `info/recipe`: the packages of their environments, values, comments, notation."""

from __future__ import annotations

import time

import pytest

from pytest_pixipack.compare import compare_artifacts
from pytest_pixipack.compare.inside.comments import yaml_comments

META = """# This file created by conda-build 24.1.2
# meta.yaml template originally from:
# /home/conda/recipe_root, last modified Tue Mar  5 14:22:01 2024
# ------------------------------------------------

package:
  name: app
requirements:
  build:
    - cmake 3.30.5 hcfe8598_0
  host:
    - libz 1.2.13 hd590300_5
"""
RENDERED = """recipe:
  package: {name: app}
finalized_dependencies:
  build:
    resolved:
    - {name: cmake, version: 3.30.5, build: h0_0}
    # solved with care
system_tools:
  rattler-build: 0.30.0
"""
SOLVED = """recipe:
  package: {name: app}
finalized_dependencies:
  host:
    resolved:
    - {name: libz, version: 1.2.13, build: h0_0, sha256: aa, url: "https://a.org/libz.conda"}
    - {name: bzip2, version: 1.0.8, build: h0_0, sha256: bb, url: "https://a.org/bzip2.conda"}
"""
ZLIB, BZIP2 = SOLVED.splitlines(keepends=True)[-2:]
PINNED = """package:
  name: app
requirements:
  host:
    - libz 1.2.13 hd590300_5
    - bzip2 1.0.8 h0_0
"""
PLAIN = "# made by alice@build01\npackage:\n  name: app\n"


@pytest.mark.parametrize(
    ("name", "text", "old", "new", "expected"),
    [
        ("meta.yaml", META, "24.1.2", "24.5.1", {("line 1", "tool-version")}),
        ("meta.yaml", META, "Tue Mar  5 14:22", "Wed Mar  6 09:10", {("line 3", "embedded-date")}),
        ("meta.yaml", META, "/home/conda/", "/home/alice/", {("line 3", "embedded-path")}),
        ("meta.yaml", META, "1.2.13", "1.3.1", {("host package libz", "dependency-change")}),
        ("meta.yaml", META, "name: app", "name: 'app'", {("notation", "json-format")}),
        ("meta.yaml", META, "\n", "\r\n", {("line ends", "line-endings")}),
        ("meta.yaml", META, "# ---", "# ###", {("line 4", "content")}),
        ("rendered_recipe.yaml", RENDERED, "with care", "twice",
         {("line 7", "content")}),
        ("rendered_recipe.yaml", RENDERED, "0.30.0", "0.31.0",
         {("system_tools.rattler-build", "tool-version")}),
        ("rendered_recipe.yaml", RENDERED, "3.30.5", "3.31.0",
         {("build package cmake", "dependency-change")}),
        ("recipe.yaml", PLAIN, "alice@build01", "bob@build02", {("line 1", "hostname-or-user")}),
    ],
)  # fmt: skip
def test_what_differs_in_a_recipe(name, text, old, new, expected, make):
    left, right = (
        make(info={f"recipe/{name}": each.encode()}) for each in (text, text.replace(old, new))
    )
    found = compare_artifacts(left, right)
    assert {(each.field, each.cause) for each in found.differences} == expected
    assert {each.kind for each in found.differences} == {"metadata"}
    back = compare_artifacts(right, left)
    assert {(each.field, each.cause) for each in back.differences} == expected


ORDER = ("order of host packages", "member-order", "order-only")


@pytest.mark.parametrize(
    ("name", "left", "right", "expected"),
    [
        ("rendered_recipe.yaml", SOLVED, SOLVED.replace(ZLIB + BZIP2, BZIP2 + ZLIB), {ORDER}),
        ("meta.yaml", PINNED,
         PINNED.replace("    - libz 1.2.13 hd590300_5\n", "") + "    - libz 1.2.13 hd590300_5\n",
         {ORDER}),
        # What is not the order is told beside it.
        ("rendered_recipe.yaml", SOLVED,
         SOLVED.replace(ZLIB + BZIP2, BZIP2 + ZLIB).replace("1.0.8", "1.0.9"),
         {ORDER, ("host package bzip2", "dependency-change", "metadata")}),
        ("rendered_recipe.yaml", SOLVED,
         SOLVED.replace(ZLIB + BZIP2, BZIP2 + ZLIB).replace("name: app", "name: 'app'"),
         {ORDER, ("notation", "json-format", "metadata")}),
        # A package fewer is no other order.
        ("rendered_recipe.yaml", SOLVED, SOLVED.replace(ZLIB, ""),
         {("host package libz", "dependency-change", "metadata")}),
        # The order of what is said of one package.
        ("rendered_recipe.yaml", SOLVED,
         SOLVED.replace("name: libz, version: 1.2.13", "version: 1.2.13, name: libz"),
         {("order of keys", "member-order", "order-only")}),
        # It is no other notation if it says something else.
        ("rendered_recipe.yaml", SOLVED, SOLVED.replace("sha256: aa", "sha256: cc"),
         {("host package libz", "dependency-change", "metadata")}),
        ("rendered_recipe.yaml", SOLVED, SOLVED.replace("a.org/libz", "b.org/libz"),
         {("host package libz.url", "content", "metadata")}),
    ],
)  # fmt: skip
def test_packages_in_another_order(name, left, right, expected, make):
    packages = [make(info={f"recipe/{name}": each.encode()}) for each in (left, right)]
    for pair in (packages, packages[::-1]):
        found = compare_artifacts(*pair)
        assert {(each.field, each.cause, each.kind) for each in found.differences} == expected


def test_a_comment_is_told_beside_a_package(make):
    other = META.replace("1.2.13", "1.3.1").replace("24.1.2", "24.5.1")
    left, right = (make(info={"recipe/meta.yaml": each.encode()}) for each in (META, other))
    assert {each.cause for each in compare_artifacts(left, right).differences} == {
        "dependency-change", "tool-version"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# a\nb: 1 # c\n", [(1, "# a"), (2, "# c")]),
        ("a: b#c\nd: 'e # f'\ng: \"h # i\" # j\n", [(3, "# j")]),
        ("script: |\n  # in a script\n\n  make # all\n# outside\n", [(5, "# outside")]),
        ("- >-  # folded\n  # text\n- b # c\n", [(1, "# folded"), (3, "# c")]),
    ],
)
def test_comments_of_yaml(text, expected):
    assert list(yaml_comments(text)) == expected


@pytest.mark.parametrize("text", ["' #" * 200_000, " #" * 200_000, "'" + " #" * 200_000])
def test_long_lines_of_comments_take_no_time(text):
    start = time.process_time()
    list(yaml_comments(text))
    assert time.process_time() - start < 5
