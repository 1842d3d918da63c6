from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_pixipack.file_urls import expand_user, file_url, path_of_url

NAMES = st.text(
    st.characters(blacklist_categories=["Cs", "Cc"], blacklist_characters='/\\:<>"|?*'), min_size=1
).filter(lambda name: name.strip(". "))


@given(NAMES)
def test_a_url_leads_back_to_its_path(name: str) -> None:
    path = Path(os.path.abspath(os.sep)) / "stub channels" / name  # noqa: PTH100
    assert path_of_url(file_url(path)) == path


@pytest.mark.skipif(sys.platform == "win32", reason="a path of Unix")
def test_urls_are_quoted_as_pixi_quotes_them() -> None:
    # As pixi 0.77 locks a channel with this name.
    assert file_url(Path("/c (1)+[x]'ü~!,;=@&$^|")) == "file:///c%20(1)+[x]'%C3%BC~!,;=@&$^|"
    assert file_url(Path("/a b/x-1!2+l-0.conda")) == "file:///a%20b/x-1!2+l-0.conda"
    assert file_url(Path('/%#?`{}<>"')) == "file:///%25%23%3F%60%7B%7D%3C%3E%22"


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("file:///a%20b/c", "/a b/c"),
        ("file:///a%28b/c", "/a(b/c"),
        ("file://localhost/a", "/a"),
        ("file:///C:/x", "C:/x"),
        ("file://server/share/x", "//server/share/x"),
    ],
)
def test_urls_of_every_system_are_read(url: str, path: str) -> None:
    assert path_of_url(url) == Path(path)


def test_other_urls_have_no_path() -> None:
    assert path_of_url("https://example.invalid/x") is None


def test_an_unknown_home_stays_as_it_is() -> None:
    assert expand_user("~no-such-user-here/x") == Path("~no-such-user-here/x")
