"""Tables of strings, texts that move what is behind them, and numbers that follow them."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_pixipack.compare.inside.divided import Machine, Names, Part, kinds, zlib_section
from pytest_pixipack.compare.inside.layout import Layout, Place
from pytest_pixipack.compare.inside.parts import Patience, Walk, walk
from pytest_pixipack.compare.inside.pieces import rearranged
from pytest_pixipack.compare.inside.spans import Span, unpacked
from pytest_pixipack.compare.inside.stringtables import compare_strings, string_causes


def table(*texts):
    return b"\0".join([b"", *(text.encode() for text in texts), b""])


def span(data):
    return Span(data, 0, len(data))


class TestTablesOfStrings:
    def test_the_order_says_nothing(self):
        found = compare_strings(table("one", "two", "three"), table("three", "one", "two"))
        assert (found.explained, found.others, found.same_order) == ((), (), False)

    def test_paths_are_found_wherever_they_are_sorted(self):
        left = table("/home/a/w", "main.c", "/home/a/w/x.c", "/usr/include")
        right = table("/usr/include", "/build/long/er/w", "/build/long/er/w/x.c", "main.c")
        found = compare_strings(left, right)
        assert {(pair.left, pair.right) for pair in found.explained} == {
            ("/home/a/w", "/build/long/er/w"),
            ("/home/a/w/x.c", "/build/long/er/w/x.c"),
        }
        assert found.others == ()

    def test_the_end_of_a_string_is_one_as_well(self):
        assert compare_strings(table("main.c", "n.c"), table("main.c")).others == ()

    @pytest.mark.parametrize("part", ["/w/b", "/w/b/", "x.c"])
    def test_parts_of_an_explained_path_follow(self, part):
        found = compare_strings(table("/w/a/x.c"), table("/w/b/x.c", part))
        assert found.others == ()
        assert len(found.explained) == 1

    @pytest.mark.parametrize("word", ["b", "other", "w"])
    def test_other_words_do_not(self, word):
        assert compare_strings(table("/w/a/x.c"), table("/w/b/x.c", word)).others == ((None, word),)

    def test_constants_in_front_are_no_part_of_a_string(self):
        """Linkers put what is no string in front, and sort the strings behind it."""
        left = b"neg" + table("out of memory", "/tmp/a/lib.rs")[1:]
        right = b"neg" + table("/tmp/bb/lib.rs", "out of memory")[1:]
        for sides in ((left, right), (right, left)):
            found = compare_strings(*sides)
            assert [pair.causes for pair in found.explained] == [("embedded-path",)]
            assert found.others == ()

    @pytest.mark.parametrize("sources", [False, True])
    @pytest.mark.parametrize("others", [("lib.rs", "x"), ("bin/lib.rs", "a/lib.rs"), ("x.rs",)])
    def test_a_path_in_front_is_one_string(self, others, sources):
        left = table("/tmp/a/lib.rs", *others, "/tmp/a")[1:]
        right = table("/tmp/a/bin/lib.rs", *others, "/tmp/a/bin")[1:]
        for sides in ((left, right), (right, left)):
            found = compare_strings(*sides, sources=sources)
            assert {"/tmp/a/lib.rs", "/tmp/a/bin/lib.rs"} in (
                {pair.left, pair.right} for pair in found.explained
            )

    @pytest.mark.parametrize(
        ("left", "right"),
        [
            (b"negated\0out of memory\0", b"neg\0out of memory\0"),
            (b"ab\0c\0", b"a\0b\0c\0"),
            (b"one memory\0two\0", b"one other\0 memory\0two\0"),
            (b"negone\0two\0", b"posone\0two\0"),
        ],
    )
    def test_another_constant_in_front_is_told(self, left, right):
        assert compare_strings(left, right).others != ()
        assert compare_strings(right, left).others != ()

    def test_directories_of_sources_may_have_any_name(self):
        sides = table("/usr/src/a", "main.c"), table("/usr/src/debug/b", "main.c")
        assert compare_strings(*sides).others == (("/usr/src/a", "/usr/src/debug/b"),)
        (pair,) = compare_strings(*sides, sources=True).explained
        assert pair.causes == ("embedded-path",)
        other = table("/usr/src/a/x.c"), table("/usr/src/a/y.c")
        assert compare_strings(*other, sources=True).explained == ()

    @given(st.lists(st.text("ab/.", min_size=1, max_size=6)), st.randoms())
    def test_nothing_differs_from_its_own_strings(self, texts, random):
        others = random.sample(texts, len(texts))
        found = compare_strings(table(*texts), table(*others))
        assert (found.explained, found.others) == ((), ())

    def test_so_many_that_only_the_first_are_told(self):
        left, right = (table(*(f"{side}{n}" for n in range(3000))) for side in "ab")
        found = compare_strings(left, right)
        assert found.others == (("a0", None), (None, "b0"))


@pytest.mark.parametrize(
    ("left", "right", "causes"),
    [
        ("GNU C17 12.2.0 -O2 -g", "GNU C17 13.1.0 -O2 -g", ("tool-version",)),
        ("GNU C17 12.2.0 -O2 -g", "GNU C17 12.2.0 -O3 -g", ()),
        ("GNU C17 12.2.0 -O2 -g", "GNU C17 13.1.0 -O3 -g", ()),
        ("GNU AS 2.40", "GNU AS 2.41.90", ("tool-version",)),
        ("clang version 15.0.6 (https://x 1a)", "clang version 16.0.0", ("tool-version",)),
        ("/home/a/w/x.c", "/home/b/w/x.c", ("embedded-path",)),
        ("hello", "world", ()),
    ],
)
def test_what_compilers_say_of_themselves(left, right, causes):
    assert string_causes(left, right) == causes


class TestWalk:
    def test_a_longer_text_moves_what_is_behind_it(self):
        left = b"\1\2/home/a/w.c\0\0\0\0rest\5"
        right = b"\1\2/home/some/one/w.c\0rest\5"
        found = walk(span(left), span(right), Patience())
        assert [(text.left, text.right) for text in found.texts] == [
            ("/home/a/w.c", "/home/some/one/w.c")
        ]
        assert (found.runs, found.whole) == ([], True)
        assert found.resized == [(2, 11, 18)]
        assert found.leads(17, 21)
        assert not found.leads(17, 17)

    def test_zeros_that_fill_up_are_no_difference(self):
        left = b"/home/a/w.c\0ab\0" + bytes(1) + struct.pack("<II", 7, 8)
        right = b"/home/aa/w.c\0ab\0" + bytes(4) + struct.pack("<II", 7, 8)
        found = walk(span(left), span(right), Patience())
        assert (found.runs, found.whole) == ([], True)

    def test_what_is_behind_them_may_begin_with_zeros(self):
        numbers = [struct.pack("<III", each, 0x09A50000, 7) for each in (0x0DA40000, 0x0DA50007)]
        left = b"/home/a/w.c\0ab\0" + bytes(1) + numbers[0]
        right = b"/home/abcde/w.c\0ab\0" + bytes(1 + 12) + numbers[1]
        found = walk(span(left), span(right), Patience())
        assert found.whole
        assert found.leads(20, 36)
        assert found.runs == [(16, 32, 1), (18, 34, 1)]

    def test_zeros_of_data_are_one(self):
        found = walk(span(b"ab\0\0\0\1"), span(b"ab\0\1"), Patience())
        assert not found.whole or found.runs

    @pytest.mark.parametrize("code", [False, True])
    def test_texts_by_accident_are_none(self, code):
        """Among instructions, a few letters that look like a host are instructions."""
        left, right = b"\x90\xc3A@b9\x90", b"\x90\xc3A@c9\x90"
        found = walk(span(left), span(right), Patience(), code=code)
        assert (found.texts, found.runs) == ([], [(4, 4, 1)])

    def test_marks_are_passed_over(self):
        left = Span(b"abcdefgh", 0, 8, ((2, 5),))
        found = walk(left, span(b"abXYZfgX"), Patience())
        assert found.runs == [(7, 7, 1)]

    @given(st.binary(max_size=200), st.binary(max_size=200))
    def test_nothing_is_lost(self, left, right):
        found = walk(span(left), span(right), Patience())
        assert bool(found.texts or found.runs or not found.whole) == (left != right)


def test_texts_in_another_order():
    numbers = struct.pack("<ii", -7, 9)
    left = b"\1\0\2\0" + b"/w/a.c\0first\0" + bytes(3) + numbers + b"other\0"
    right = b"\1\0\2\0" + b"first\0" + bytes(2) + numbers + b"other\0\0\0/w/longer/name/a.c\0"
    found = rearranged(span(left), span(right))
    assert found is not None
    assert [(text.left, text.right) for text in found.texts] == [("/w/a.c", "/w/longer/name/a.c")]
    assert found.runs == []
    assert found.leads(left.index(numbers), right.index(numbers))
    assert found.leads(left.index(b"/w/"), right.index(b"/w/"))


def place(name, left, right, address=None, **more):
    """A part whose texts have been followed; `address` of both sides."""
    code = "code" in more.get("kinds", ())
    part = Part(
        name, 0, len(left), kinds=kinds(**dict.fromkeys(more.pop("kinds", ()), True)), **more
    )
    found = walk(span(left), span(right), Patience(), code=code)
    return Place(part, span(left), span(right), found, address)


class TestNumbersThatLeadToTheSame:
    """Data with a longer text in front of a value; code that refers to it."""

    left_data, right_data = (
        b"/home/a/w.c\0\0\0\0\0value\0\1\2",
        b"/home/abc/long/w.c\0\0\0\0\0\0value\0\1\2",
    )

    def explained(self, left, right, *, at=0x2000, arm64=False):
        data = place("data", self.left_data, self.right_data, (at, at))
        code = place("code", left, right, (0x1000, 0x1000), kinds=["code"])
        machine = Machine(arm64=arm64)
        layout = Layout([code, data], (machine, machine))
        return not list(layout.unexplained(code))

    @pytest.mark.parametrize(
        ("old", "new", "expected"),
        [
            (0x2010, 0x2018, True),  # the value
            (0x2016, 0x201E, True),  # what is behind it
            (0x2010, 0x2019, False),
            (0x2000, 0x2018, False),
            (7, 8, False),
            (11, 18, True),  # the length of the text
            (12, 19, True),  # with the zero at its end
            (12, 18, False),
        ],
    )
    def test_addresses_and_lengths(self, old, new, expected):
        assert self.explained(struct.pack("<Q", old), struct.pack("<Q", new)) is expected

    @pytest.mark.parametrize("shift", [0, 1, -1])
    def test_distances(self, shift):
        """`lea rax, [rip + ...]`: the distance counts from the end of the instruction."""
        first, second = 0x2010 - 0x1007, 0x2018 - 0x1007 + shift
        left, right = (b"\x48\x8d\x05" + struct.pack("<i", each) for each in (first, second))
        assert self.explained(left, right) is (shift == 0)

    @pytest.mark.parametrize(
        ("old", "new", "expected"),
        [
            (0x94000404, 0x94000406, True),  # bl: 0x2010, 0x2018
            (0x94000404, 0x94000407, False),
            (0x54008080, 0x540080C0, True),  # b.eq
            (0x10008080, 0x100080C0, True),  # adr x0
            (0x10008080, 0x100080C1, False),  # adr of another register
            (0x91004000, 0x91006000, True),  # add x0, x0, #0x10: #0x18
            (0x91004000, 0x91006400, False),
            (0xF9400800, 0xF9400C00, True),  # ldr x0, [x0, #0x10]: #0x18
            (0xF9400800, 0xF9400C01, False),
            (0x11004000, 0x51006000, False),  # add: sub
            (0x52800200, 0x52800300, False),  # mov w0, #0x10: #0x18
        ],
    )
    def test_instructions_of_arm(self, old, new, expected):
        sides = [struct.pack("<I", each) for each in (old, new)]
        assert self.explained(*sides, arm64=True) is expected

    @pytest.mark.parametrize(("new", "expected"), [(0xD0000000, True), (0xF0000000, False)])
    def test_another_page(self, new, expected):
        """`adrp`: the value has gone from the end of one page to the beginning of the next."""
        sides = [struct.pack("<I", each) for each in (0xB0000000, new)]
        assert self.explained(*sides, at=0x2FE8, arm64=True) is expected

    def test_another_instruction(self):
        assert not self.explained(b"\x8d\x47\x01\xc3", b"\x8d\x47\x02\xc3")

    def test_offsets_into_tables_of_strings(self):
        strings = table("b", "a"), table("a", "b")
        texts = Place(Part("s", 0, 5, kinds=kinds(strings=True)), *map(span, strings), Walk())
        for old, new, same in ((1, 3, True), (3, 1, True), (1, 1, None), (1, 2, False)):
            numbers = [struct.pack("<I", each) + b"\xff" for each in (old, new)]
            names = place("names", *numbers, refers=("s",))
            found = list(Layout([texts, names], (Machine(), Machine())).unexplained(names))
            assert same is None or (found == []) is same


def test_sections_that_are_compressed():
    import zlib

    data = b"ZLIB" + struct.pack(">Q", 9) + zlib.compress(b"some text")
    packed = zlib_section(data)
    assert packed is not None
    assert unpacked(span(data + bytes(100)), packed).data == b"some text"
    assert zlib_section(b"some text that is none") is None


def test_names_occur_once():
    names = Names()
    assert [names.free(name) for name in ("a", "a (2)", "a", "a", "b")] == [
        "a", "a (2)", "a (3)", "a (4)", "b",
    ]  # fmt: skip
