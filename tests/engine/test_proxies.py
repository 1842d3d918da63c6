"""Proxies of the environment, which servers of this machine are asked without."""

from __future__ import annotations

import pytest
import tomli

from pytest_pixipack.engine.proxies import client_for, proxy_config
from pytest_pixipack.errors import InvalidInput

PROXY = "http://proxy.example.org:3128"
LOOPBACK = ["127.0.0.1", "localhost", "::1"]


@pytest.mark.parametrize(
    ("environ", "proxies"),
    [
        ({"HTTP_PROXY": PROXY}, {"http": PROXY}),
        ({"https_proxy": PROXY}, {"https": PROXY}),
        ({"ALL_PROXY": PROXY}, {"http": PROXY, "https": PROXY}),
        (
            {"ALL_PROXY": PROXY, "http_proxy": "http://other"},
            {"http": "http://other", "https": PROXY},
        ),
    ],
)
def test_proxies_stay_but_for_this_machine(environ, proxies):
    config = tomli.loads(proxy_config(environ) or "")["proxy-config"]
    assert config == {**proxies, "non-proxy-hosts": LOOPBACK}


def test_hosts_without_a_proxy_stay_without_one():
    config = proxy_config({"HTTP_PROXY": PROXY, "NO_PROXY": "a.example.org, .b.org,"})
    hosts = tomli.loads(config or "")["proxy-config"]["non-proxy-hosts"]
    assert hosts == ["a.example.org", ".b.org", *LOOPBACK]


@pytest.mark.parametrize("environ", [{}, {"HTTP_PROXY": ""}, {"NO_PROXY": "*"}])
def test_without_a_proxy_nothing_is_changed(environ):
    assert proxy_config(environ) is None


@pytest.mark.parametrize("value", ["http://[", 'quo"te', "\\", "proxy:1"])
def test_a_proxy_that_is_no_url_is_no_error(value):
    assert client_for({"HTTP_PROXY": value}) is not None


def test_an_auth_file_that_cannot_be_read_is_one_sentence(tmp_path, monkeypatch):
    path = tmp_path / "auth.json"
    path.write_text('{"host": s3cr3t', encoding="utf-8")
    monkeypatch.setenv("RATTLER_AUTH_FILE", str(path))
    with pytest.raises(InvalidInput, match="RATTLER_AUTH_FILE names cannot be read") as caught:
        client_for({"RATTLER_AUTH_FILE": str(path)})
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize(
    "environ",
    [{"PIXIPACK_HTTP_TIMEOUT": "soon"}, {"PIXIPACK_HTTP_RETRIES": "-1"}],
    ids=lambda environ: next(iter(environ)),
)
def test_bounds_that_are_no_numbers_are_one_sentence(environ):
    with pytest.raises(InvalidInput, match="is no number"):
        client_for(environ)
