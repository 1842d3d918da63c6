"""Programs as compilers and linkers make them: of one thing that is changed, the cause is told."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from pytest_pixipack.compare.inside import Content, Inside, Scratch

pytest.importorskip("elftools")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not on PATH"),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="gcc makes no ELF files here"),
]

SOURCE = r"""
#include <assert.h>
#include <stdio.h>
#include <string.h>
struct item { const char *name; int (*call)(int); double weight; };
static int one(int x) { assert(x > 0); return x + 1; }
static int two(int x) {
  switch (x) {
  case 3: return 9; case 4: return 11; case 5: return 77; case 6: return 5; case 7: return 1;
  case 8: return 12; case 9: puts("nine"); return 3; default: return x * 3 + EXTRA;
  }
}
const struct item items[] = {
  {"one", one, 1.5}, {"two", two, 2.25}, {"a rather long name that goes on and on", one, 3.0}};
static char buffer[ROOM];
const char *where(void) { return __FILE__; }
const char *what(void) { return TEXT; }
int run(int count, char **values) {
  snprintf(buffer, sizeof buffer, "%s %s", where(), what());
  for (unsigned n = 0; n < 3; n++)
    if (!strcmp(items[n].name, values[count - 1])) return items[n].call((int)items[n].weight);
  return puts(buffer);
}
#ifdef PROGRAM
int main(int count, char **values) { return run(count, values); }
#endif
"""
FORMS = {
    "program": ["-DPROGRAM"],
    "program without PIE": ["-DPROGRAM", "-O2", "-no-pie", "-g"],
    "library": ["-shared", "-fPIC", "-O2"],
    "library with debug data": ["-shared", "-fPIC", "-O2", "-g"],
    "library with old debug data": ["-shared", "-fPIC", "-O2", "-gdwarf-4"],
    "library with compressed debug data": ["-shared", "-fPIC", "-g", "-gz=zlib"],
    "stripped": ["-shared", "-fPIC", "-O2", "-s"],
    "object": ["-c"],
    "object with debug data": ["-c", "-g", "-O2"],
    "object of many sections": ["-c", "-g", "-O2", "-ffunction-sections", "-fdata-sections"],
    "split debug data": ["-DPROGRAM", "-g", "-gsplit-dwarf"],
}
LINKED = [form for form, options in FORMS.items() if "-c" not in options]


def told(left, right):
    with Scratch() as scratch:
        pair = Content.of(left), Content.of(right)
        found = Inside(scratch).differences(("a",), "a", *pair)
    return {(each.kind, each.cause) for each in found}


@pytest.fixture
def built(tmp_path):
    """Compiles the source in a directory; `then` are further commands for the shell."""

    def build(
        directory,
        *options,
        text='"text"',
        extra=1,
        room=64,
        absolute=True,
        then="",
        date="1700000000",
    ):
        place = tmp_path / "some" / "where" / directory
        place.mkdir(parents=True, exist_ok=True)
        (place / "a.c").write_text(SOURCE)
        name = str(place / "a.c") if absolute else "a.c"
        values = [f"-DTEXT={text}", f"-DEXTRA={extra}", f"-DROOM={room}"]
        command = ["gcc", name, "-o", "out", *values, *options]
        environment = {**os.environ, "SOURCE_DATE_EPOCH": date}
        subprocess.run(command, cwd=place, check=True, capture_output=True, env=environment)
        if then:
            subprocess.run(then, cwd=place, shell=True, check=True, capture_output=True)
        return (place / "out").read_bytes()

    return build


@pytest.mark.parametrize("form", FORMS)
class TestDirectories:
    """The same source in two directories; linkers sort what has another name in another way."""

    @pytest.mark.parametrize(
        "other", ["two", "ones", "another/much/longer/place", "lib", "one/one"]
    )
    def test_by_its_whole_path(self, form, other, built):
        pair = built("one", *FORMS[form]), built(other, *FORMS[form])
        assert told(*pair) == {("payload", "embedded-path")}

    @pytest.mark.parametrize("other", ["two", "another/much/longer/place"])
    def test_by_its_name(self, form, other, built):
        """Only debug data names the directory."""
        pair = [built(each, *FORMS[form], absolute=False) for each in ("one", other)]
        assert (pair[0] == pair[1]) or told(*pair) == {("payload", "embedded-path")} or (
            form in ("program", "library", "stripped") and told(*pair) == {("metadata", "build-id")}
        )  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("left", "right", "cause"),
    [
        ({"text": '"hello"'}, {"text": '"world"'}, "content"),
        ({"text": '"hello"'}, {"text": '"a longer greeting"'}, "content"),
        ({"text": '"by me@build01"'}, {"text": '"by me@builder-number-2"'}, "hostname-or-user"),
        ({"text": "__DATE__", "date": "1709648521"}, {"text": "__DATE__", "date": "1710162244"},
         "embedded-date"),
        ({"extra": 1}, {"extra": 2}, "content"),
        ({"room": 64}, {"room": 128}, "content"),
    ],
)  # fmt: skip
def test_one_thing_in_the_source(form, left, right, cause, built):
    pair = built("a", *FORMS[form], **left), built("a", *FORMS[form], **right)
    assert told(*pair) == {("payload", cause)}


@pytest.mark.parametrize("form", FORMS)
def test_code_is_told_beside_a_path(form, built):
    pair = built("one", *FORMS[form]), built("another/longer/one", *FORMS[form], extra=5)
    assert told(*pair) == {("payload", "embedded-path"), ("payload", "content")}


@pytest.mark.parametrize("form", LINKED)
class TestLinked:
    @pytest.mark.parametrize(
        ("left", "right"),
        [("md5", "sha1"), ("none", "sha1"), ("0x0102", "0x1112"), ("uuid", "md5")],
    )
    def test_build_ids(self, form, left, right, built):
        """Another kind of id has another size: all that is behind it moves."""
        pair = [built("a", *FORMS[form], f"-Wl,--build-id={each}") for each in (left, right)]
        assert told(*pair) == {("metadata", "build-id")}

    def test_paths_of_libraries(self, form, built):
        paths = "/home/me/env/lib", "/home/conda/feedstock_root/build_artifacts/a_1/_h_env/lib"
        pair = [built("a", *FORMS[form], f"-Wl,-rpath,{each}") for each in paths]
        assert told(*pair) == {("payload", "embedded-path")}

    def test_the_name_of_a_library(self, form, built):
        names = "liba.so.1", "liba.so.2"
        pair = [built("a", *FORMS[form], f"-Wl,-soname,{each}") for each in names]
        assert pair[0] == pair[1] or told(*pair) == {("payload", "content")}


class TestDebugData:
    @pytest.mark.parametrize("other", ["two", "another/much/longer/place"])
    def test_in_a_file_of_its_own(self, other, built):
        then = "objcopy --only-keep-debug out o && mv o out"
        pair = [built(each, "-DPROGRAM", "-g", then=then) for each in ("one", other)]
        assert told(*pair) == {("payload", "embedded-path")}

    def test_stripped_of_it(self, built):
        pair = [built(each, "-DPROGRAM", "-g", then="strip -g out", absolute=False)
                for each in ("one", "another/place")]  # fmt: skip
        assert pair[0] == pair[1] or told(*pair) == {("metadata", "build-id")}

    def test_mapped_to_another_directory(self, built):
        pair = [
            built("a", "-c", "-g", f"-ffile-prefix-map=$PWD={each}", absolute=False,
                  then=f"gcc -c -g -ffile-prefix-map=$PWD={each} -DTEXT='\"t\"' -DROOM=9 "
                       "-DEXTRA=1 a.c -o out")
            for each in ("/usr/src/a", "/usr/src/debug/b")
        ]  # fmt: skip
        assert told(*pair) == {("payload", "embedded-path")}

    def test_of_another_compiler(self, built):
        """Its name and version are in `.comment`, and in each unit."""
        then = "sed -i 's/GNU C\\([0-9]*\\) [0-9.]*/GNU C\\1 99.1.0/' out || true"
        plain = built("a", "-c", "-g")
        other = built("a", "-c", "-g", then=then)
        if plain == other or len(plain) != len(other):
            pytest.skip("the version of this compiler has another length")
        assert told(plain, other) == {("metadata", "tool-version")}

    def test_the_link_to_it(self, built):
        """The digest of another file of debug data."""
        pair = [
            built("a", "-DPROGRAM", then=f"echo {each} > o && objcopy --add-gnu-debuglink=o out")
            for each in ("one", "two")
        ]
        assert told(*pair) == {("metadata", "build-id")}


def test_symbols_are_no_metadata(built):
    pair = built("a", "-DPROGRAM"), built("a", "-DPROGRAM", "-s")
    assert ("payload", "content") in told(*pair)


def test_a_seed_of_the_compiler(built):
    """Objects with intermediate code: their sections are named by a number drawn at random."""
    pair = built("a", "-c", "-flto"), built("a", "-c", "-flto")
    if pair[0] == pair[1]:
        pytest.skip("this compiler draws none")
    assert told(*pair) == {("payload", "random")}


def test_in_a_static_library(built):
    then = "mv out a.o && ar rcsD out a.o"
    pair = [built(each, "-c", "-g", then=then) for each in ("one", "another/much/longer/place")]
    assert told(*pair) == {("payload", "embedded-path")}


def test_times_in_a_static_library(built):
    then = "mv out a.o && touch -d @{} a.o && rm -f b.a && ar rcsU b.a a.o && mv b.a out"
    pair = [built("a", "-c", then=then.format(time)) for time in (1, 10_000)]
    assert told(*pair) == {("metadata", "archive-member-header")}
