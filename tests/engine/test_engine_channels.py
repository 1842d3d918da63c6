"""Channel names, and what stands in for them."""

from __future__ import annotations

import pytest

from pytest_pixipack.channel import StubChannel
from pytest_pixipack.engine.channels import ChannelTable, canonical_url, is_local
from pytest_pixipack.errors import Infrastructure, InvalidInput


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("conda-forge", "https://conda.anaconda.org/conda-forge/"),
        ("conda-forge/label/dev", "https://conda.anaconda.org/conda-forge/label/dev/"),
        ("https://example.invalid/c", "https://example.invalid/c/"),
        ("https://example.invalid/c/", "https://example.invalid/c/"),
    ],
)
def test_a_channel_is_known_by_its_url(name, url, tmp_path):
    assert canonical_url(name, tmp_path) == url


def test_a_path_is_relative_to_the_manifest(tmp_path):
    expected = (tmp_path / "channels" / "main").as_uri() + "/"
    assert canonical_url("../channels/main", tmp_path / "workspace") == expected
    assert canonical_url("../channels/main/", tmp_path / "workspace") == expected
    assert canonical_url(str(tmp_path / "channels" / "main"), tmp_path / "w") == expected


def test_a_stand_in_takes_the_place_of_a_name_and_of_its_url(tmp_path):
    stub = StubChannel().add("a", "1").build(tmp_path / "stub").path
    for key in ("conda-forge", "https://conda.anaconda.org/conda-forge"):
        channel = ChannelTable(tmp_path, {key: stub}).resolve("conda-forge")
        assert channel.stands_in
        assert channel.url == "https://conda.anaconda.org/conda-forge/"
        assert channel.directory == stub


def test_a_locked_url_is_read_from_the_stand_in(tmp_path):
    table = ChannelTable(tmp_path, {"conda-forge": tmp_path / "stub"})
    url = "https://conda.anaconda.org/conda-forge/noarch/a-1-0.conda"
    assert table.origin_of(url) == (tmp_path / "stub" / "noarch" / "a-1-0.conda").as_uri()
    other = "https://conda.anaconda.org/bioconda/noarch/a-1-0.conda"
    assert table.origin_of(other) == other


def test_the_network_is_off_unless_it_is_asked_for(tmp_path):
    table = ChannelTable(tmp_path, {})
    with pytest.raises(Infrastructure, match=r"conda-forge .* needs the network"):
        table.require(table.resolve("conda-forge"))
    allowed = ChannelTable(tmp_path, {}, network=True)
    assert allowed.require(allowed.resolve("conda-forge")).name == "conda-forge"


def test_a_directory_that_is_no_channel_is_named(tmp_path):
    table = ChannelTable(tmp_path, {})
    with pytest.raises(InvalidInput, match=r"noarch/repodata\.json"):
        table.require(table.resolve("./nothing"))


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("file:///x", True),
        ("http://127.0.0.1:8000/c", True),
        ("http://[::1]:8000/c", True),
        ("http://localhost/c", True),
        ("https://conda.anaconda.org/x", False),
        ("http://127.0.0.1.example.invalid/c", False),
        ("http://10.0.0.1/c", False),
    ],
)
def test_only_files_and_loopback_are_local(url, local):
    assert is_local(url) is local
