"""Who may read a channel server: basic and bearer authentication, and conda's token in the path."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from pytest_pixipack.errors import InvalidInput
from pytest_pixipack.whole_files import write_file

_TOKEN = "/t/"
# The same in other spellings, and where it does not belong.
_ANY_TOKEN = re.compile(r"(/(?:t|T|%[57]4)/)[^/]+")


@dataclass(frozen=True, slots=True)
class Access:
    """The secrets of a server, one of which a request has to show; none: everybody may read."""

    basic: tuple[str, str] | None = field(default=None, repr=False)
    bearer: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)

    @property
    def is_open(self) -> bool:
        """Whether no secret is needed."""
        return self.basic is None and self.bearer is None and self.token is None

    def path_without_token(self, path: str) -> tuple[str, str | None]:
        """The path without `/t/TOKEN`, and the token that was in it."""
        if not path.startswith(_TOKEN):
            return path, None
        token, _, rest = path.removeprefix(_TOKEN).partition("/")
        return f"/{rest}", token

    def hidden(self, path: str) -> str:
        """A path without tokens, wherever they are in it, and without the server's own secrets."""
        path = _ANY_TOKEN.sub(r"\g<1>***", path)
        known = (self.token, self.bearer, self.basic[1] if self.basic else None)
        for secret in filter(None, known):
            for form in {secret, quote(secret), quote(secret, safe="")}:
                path = path.replace(form, "***")
        return path

    def admits(self, headers: Mapping[str, str], token: str | None) -> bool:
        """Whether a request with these headers (names in lower case) and token may read."""
        if self.is_open:
            return True
        if self.token is not None and token is not None and _same(unquote(token), self.token):
            return True
        scheme, _, value = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self.bearer is not None and _same(value.strip(), self.bearer)
        if scheme.lower() == "basic" and self.basic is not None:
            return _same(_decoded(value), ":".join(self.basic))
        return False

    @property
    def challenge(self) -> str:
        """The value of `WWW-Authenticate`."""
        return 'Basic realm="channel"' if self.basic else 'Bearer realm="channel"'

    def secret_url(self, url: str) -> str:
        """The URL of a channel with the secret in it, where one can be put into a URL."""
        scheme, _, rest = url.partition("://")
        host, slash, path = rest.partition("/")
        if self.token is not None:
            return f"{scheme}://{host}{_TOKEN}{quote(self.token, safe='')}{slash}{path}"
        if self.basic is not None:
            user, password = (quote(part, safe="") for part in self.basic)
            return f"{scheme}://{user}:{password}@{rest}"
        return url

    def write_auth_file(self, path: Path, host: str) -> Path:
        """Writes the file that `RATTLER_AUTH_FILE` names (conda/rattler, `rattler_networking`)."""
        entry: dict[str, object] = {}
        if self.bearer is not None:
            entry = {"BearerToken": self.bearer}
        elif self.basic is not None:
            entry = {"BasicHTTP": {"username": self.basic[0], "password": self.basic[1]}}
        elif self.token is not None:
            entry = {"CondaToken": self.token}
        write_file(path, json.dumps({host: entry}).encode())
        return path


def read_auth_file(path: Path, host: str) -> dict[str, Any]:
    """The secret that a `RATTLER_AUTH_FILE` has for a host, as `Access` takes it.

    Raises `InvalidInput`, which never shows the secret, where there is none.
    """
    try:
        entry = json.loads(path.read_bytes())[host]
        if "BearerToken" in entry:
            return {"bearer": str(entry["BearerToken"])}
        if "CondaToken" in entry:
            return {"token": str(entry["CondaToken"])}
        basic = entry["BasicHTTP"]
        return {"basic": (str(basic["username"]), str(basic["password"]))}
    except OSError as error:
        problem = f"cannot be read: {error.strerror or error}"
    except (ValueError, TypeError, LookupError):
        problem = f"has no BearerToken, BasicHTTP or CondaToken for {host}"
    raise InvalidInput(
        f"The authentication file {problem}.",
        file=path,
        remedy=f'Write {{"{host}": {{"BearerToken": "..."}}}}, as for RATTLER_AUTH_FILE.',
    )


def _same(given: str, known: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), known.encode("utf-8", "replace"))


def _decoded(value: str) -> str:
    try:
        return base64.b64decode(value.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
