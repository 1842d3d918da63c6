"""The environment variables that lead a program to a proxy."""

from __future__ import annotations

# Port 9 is the discard service: nothing listens there, so every request is refused at once.
NOBODY = "http://127.0.0.1:9"

# A channel served on the loopback interface is local: it is asked without the proxy.
_LOOPBACK = "127.0.0.1,localhost,::1"


def proxy_variables(url: str = NOBODY) -> dict[str, str]:
    """The variables that send every request but those to the loopback interface to `url`.

    Both spellings are set: curl reads `http_proxy` in lower case only, others the upper case.
    """
    variables = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), url)
    variables["NO_PROXY"] = _LOOPBACK
    return variables | {name.lower(): value for name, value in variables.items()}
