"""The page on stub channels: every block of code on it works."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pytest_pixipack.channel import load_channel_spec
from pytest_pixipack.channel.layers import PACKAGE_KEYS
from pytest_pixipack.errors import InvalidInput

PAGE = (Path(__file__).parents[2] / "docs/stub-channels.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)[^\n]*\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_shown_message_is_the_real_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("channel.toml").write_text("[[package]]\nname = 'a'\nversoin = '1'\n", encoding="utf-8")
    with pytest.raises(InvalidInput) as caught:
        load_channel_spec(Path("channel.toml"))
    assert str(caught.value) + "\n" == dict(BLOCKS)["text"]


def test_every_word_is_in_the_table() -> None:
    table = PAGE.partition("## The words")[2].partition("## Mistakes")[0]
    assert [key for key in PACKAGE_KEYS if f"`{key}`" not in table] == []
