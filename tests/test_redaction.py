"""No secret of an address reaches a person or a report."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_pixipack.redaction import public_url, redact

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
