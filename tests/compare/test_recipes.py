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
