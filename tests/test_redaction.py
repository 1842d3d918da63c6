"""No secret of an address reaches a person or a report."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_pixipack.lock import parse_lock
from pytest_pixipack.manifest import load_manifest
from pytest_pixipack.redaction import hide, hide_all, public_url, redact

SECRET = st.text("abcdefghijklmnop0123456789", min_size=8, max_size=20).map("s3cr3t".__add__)


@pytest.mark.parametrize(
    ("url", "public"),
    [
        ("https://host/channel/", "https://host/channel/"),
        ("https://user:pass@host:8080/c", "https://host:8080/c"),
        ("https://token@host/c", "https://host/c"),
        ("https://host/t/TOKEN/channel/x.conda", "https://host/t/***/channel/x.conda"),
        ("https://host/c?X-Amz-Signature=abc#frag", "https://host/c"),
        ("file:///home/someone/channel", "file:///home/someone/channel"),
        ("http://[broken", "***"),
    ],
)
def test_what_is_left_of_a_url(url: str, public: str) -> None:
    assert public_url(url) == public


def test_urls_in_a_text_are_found_and_the_sentence_stays() -> None:
    text = "Cannot read https://u:p@host/t/x/c?q=1, nor (s3://k:s@bucket/a)."

    assert redact(text) == "Cannot read https://host/t/***/c, nor (s3://bucket/a)."


@given(
    SECRET, st.sampled_from(["https://u:{}@h/c", "http://{}@h", "ftp://h/t/{}/c", "x://h/?a={}"])
)
def test_no_secret_is_left(secret: str, form: str) -> None:
    assert secret not in redact(f"see {form.format(secret)} for more")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain words", "plain words"),
        ("https://host/c?branch=main#abc", "https://host/c?branch=main#abc"),
        ("https://u:p@host:8080/c/", "https://host:8080/c/"),
        ("git+https://t0ken@host/r.git?rev=1&subdirectory=x#f00", None),
        ("git+ssh://git@host/r.git", "git+ssh://git@host/r.git"),
        ("ssh://git:pw@host/r.git", "ssh://host/r.git"),
        ("https://host/t/tk-1/c/linux-64", "https://host/t/***/c/linux-64"),
        ("https://host/x?X-Amz-Signature=abc&tag=1", "https://host/x?X-Amz-Signature=***&tag=1"),
        ("https://host/x.whl#sha256=0a", "https://host/x.whl#sha256=0a"),
        ("http://u:p@[broken", "***"),
        ("http://127.0.0.1:<port:1>/t/tk/c", "http://127.0.0.1:<port:1>/t/***/c"),
        ("file:///home/a@b/c", "file:///home/a@b/c"),
        ("two: https://a:b@c, https://d:e@f.", "two: https://c, https://f."),
        ("of 'https://a:it's@c' and 'https://d'", "of 'https://c' and 'https://d'"),
    ],
)
def test_what_reports_show_of_a_url(text: str, shown: str | None) -> None:
    wanted = "git+https://host/r.git?rev=1&subdirectory=x#f00" if shown is None else shown
    assert hide(text) == wanted
    assert hide(wanted) == wanted


@given(
    SECRET, st.sampled_from(["https://u:{}@h/c", "http://{}@h", "ftp://h/t/{}/c", "x://h/?a={}"])
)
def test_no_secret_is_left_in_any_value(secret: str, form: str) -> None:
    text = form.format(secret)
    shown = hide_all({"a": [text, (text, 1)], text: None})
    assert secret not in repr(shown)
    assert isinstance(shown["a"][1], tuple)


def test_what_a_failing_test_shows_of_a_lock_or_a_manifest(tmp_path: Path) -> None:
    """pytest shows the `repr` of whatever is in an assertion, and with `-l` of all variables."""
    channel = "https://me:s3cr3t@host.example/t/t0k3n/main"
    (tmp_path / "pixi.toml").write_text(
        f"""\
        [workspace]
        name = "w"
        channels = ["{channel}"]
        platforms = ["linux-64"]
        [dependencies]
        zlib = {{ version = "*", channel = "{channel}" }}
        """
    )
    text = f"""\
version: 7
platforms:
- name: linux-64
environments:
  default:
    channels:
    - url: {channel}/
    indexes:
    - https://me:s3cr3t@index.example/simple
    packages:
      linux-64:
      - conda: {channel}/linux-64/zlib-1.0-h0_0.conda
packages:
- conda: {channel}/linux-64/zlib-1.0-h0_0.conda
"""
    lock, manifest = parse_lock(text), load_manifest(tmp_path)
    package = lock["linux-64"]["zlib"]
    for each in (lock, package, package.facts, lock.environments, manifest):
        assert "host.example" in repr(each)
        assert "s3cr3t" not in repr(each)
        assert "t0k3n" not in repr(each)
    assert package.url == f"{channel}/linux-64/zlib-1.0-h0_0.conda"
