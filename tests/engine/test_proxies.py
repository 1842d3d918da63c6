"""Proxies of the environment, which servers of this machine are asked without."""

from __future__ import annotations

import pytest
import tomli

from pytest_pixipack.engine.proxies import client_for, proxy_config

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
    assert client_for(environ) is None


@pytest.mark.parametrize("value", ["http://[", 'quo"te', "\\", "proxy:1"])
def test_a_proxy_that_is_no_url_is_no_error(value):
    client_for({"HTTP_PROXY": value})
