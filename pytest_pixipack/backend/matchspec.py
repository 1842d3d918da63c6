"""Match specs in the forms they have on the wire, in a lock and in a package.

A backend answers with camelCase objects (`NamedSpec`); pixi asks it to build with snake_case
objects, nulls omitted; a lock and `index.json` hold texts (`tool-a >=1.0 h0*`). The texts are those
of rattler_conda_types 0.50, match_spec/mod.rs, which pixi 0.77 has.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pytest_pixipack.errors import BackendError
from pytest_pixipack.spec_limits import is_too_complex

if TYPE_CHECKING:
    from pytest_pixipack.backend.protocol import NamedSpec

CHANNEL_ALIAS = "https://conda.anaconda.org/"

# camelCase -> snake_case, in the order in which MatchSpec serialises.
_FIELDS = {
    "version": "version",
    "build": "build",
    "buildNumber": "build_number",
    "fileName": "file_name",
    "extras": "extras",
    "flags": "flags",
    "channel": "channel",
    "subdir": "subdir",
    "md5": "md5",
    "sha256": "sha256",
    "url": "url",
    "license": "license",
    "condition": "condition",
}
_URL_FIELDS = ("md5", "sha256", "url")
_BRACKETS = (
    "extras", "flags", "md5", "sha256", "build_number", "file_name", "url", "license",
    "license_family", "track_features", "condition",
)  # fmt: skip
_BRACKET_NAMES = {"file_name": "fn", "condition": "when"}
_NUMBERS = r"(?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*))*"
_PART = rf"(?:(?:>=|<=|==|!=|>|<){_NUMBERS}|{_NUMBERS}\.\*)"
_PLAIN = re.compile(
    rf"(?P<name>[0-9a-z_.\-]+)(?: +(?P<version>\*|{_PART}(?:,{_PART})*)(?: +(?P<build>[\w*]+))?)?"
)


def to_build_spec(spec: NamedSpec) -> dict[str, Any]:
    """The `spec` object of a dependency in `conda/build_v1`: snake_case, nulls omitted.

    The location of a source dependency is no part of it. Raises `BackendError` for a pin, which has
    to be resolved first.
    """
    if spec.kind not in ("binary", "source"):
        raise BackendError(
            f"The {spec.kind} of {spec.name} was not resolved before it was used.",
            package=spec.name,
            remedy="A backend resolves pins on its own outputs before it answers.",
        )
    found: dict[str, Any] = {"name": spec.written_name}
    by_url = spec.kind == "binary" and spec.fields.get("url")
    for wire, name in _FIELDS.items():
        # A URL names one file, so pixi keeps nothing but the digests beside it; the URL and the
        # digests of a source belong to its location.
        if (wire in _URL_FIELDS) == bool(by_url) or (spec.kind == "binary" and not by_url):
            value = spec.fields.get(wire)
            if value is not None:
                found[name] = _channel_object(value) if wire == "channel" else value
    return found


def named_spec_to_match_spec(spec: NamedSpec) -> str:
    """A dependency as pixi writes it in a lock's `depends`: `libz *`, `tool-a >=1.0 h0*`, `lib`.

    A source dependency without a version is its bare name. Raises `BackendError` for a pin.
    """
    return build_spec_to_text({**to_build_spec(spec), "name": spec.name})


def build_spec_to_text(spec: Mapping[str, Any]) -> str:
    """A snake_case match spec as rattler displays it."""
    text = str(spec["name"])
    channel, subdir = spec.get("channel"), spec.get("subdir")
    if channel is not None or subdir is not None:
        prefix = _channel_name(channel) if channel is not None else ""
        slash = f"/{subdir}" if channel is not None and subdir is not None else ""
        text = f"{prefix}{slash}::{text}"
    if spec.get("version") is not None:
        text += f" {spec['version']}"
    elif spec.get("build") is not None:
        text += " *"
    if spec.get("build") is not None:
        text += f" {spec['build']}"
    return text + _bracketed(spec, ", ")


def stub_text(spec: Mapping[str, Any]) -> str:
    """A snake_case match spec as the stub backend writes it into `index.json`.

    Name, version and build as everywhere; extras stand right after the name there
    (`lib[extras=[dev]] >=1`), which means the same.
    """
    if spec.get("channel") is not None or spec.get("subdir") is not None:
        return build_spec_to_text(spec)
    texts = [str(spec[key]) for key in ("name", "version", "build") if spec.get(key)]
    texts[0] += _bracketed({key: value for key, value in spec.items() if value}, ",")
    return " ".join(texts)


def parse_match_spec(text: str) -> NamedSpec | None:
    """A match spec of a run export, as a binary dependency with canonical fields.

    None where it cannot be parsed, which pixi passes over in silence
    (pixi_command_dispatcher, build/dependencies.rs). A bare name means any version.
    """
    from pytest_pixipack.backend.protocol import NamedSpec

    plain = _PLAIN.fullmatch(text.strip())
    if plain:
        fields = {"version": plain["version"] or "*", "build": plain["build"]}
        return NamedSpec(plain["name"], "binary", _present(fields))
    if is_too_complex(text):
        return None
    from rattler import MatchSpec
    from rattler.exceptions import InvalidMatchSpecError

    try:
        spec = MatchSpec(text)
    except InvalidMatchSpecError:
        return None
    fields = {
        "version": spec.version,
        "build": spec.build,
        "buildNumber": spec.build_number,
        "fileName": spec.file_name,
        "extras": spec.extras,
        "channel": spec.channel.base_url if spec.channel else None,
        "subdir": spec.subdir,
        "md5": spec.md5.hex() if spec.md5 else None,
        "sha256": spec.sha256.hex() if spec.sha256 else None,
        "condition": condition_to_json(spec.condition) if spec.condition else None,
        **_unexposed(str(spec)),
    }
    name = str(getattr(spec.name, "normalized", spec.name))
    return NamedSpec(name, "binary", _present(fields) or {"version": "*"})


def _unexposed(text: str) -> dict[str, Any]:
    """What py-rattler shows of a match spec, but has no attribute for."""
    license_ = re.search(r'[\[ ]license="([^"]*)"', text)
    flags = re.search(r"[\[ ]flags=\[([^\]]*)\]", text)
    return {
        "license": license_[1] if license_ else None,
        "flags": flags[1].split(", ") if flags else None,
    }


def channel_url(channel: str, root_uri: str) -> str:
    """The base URL of a channel given by name, URL or path; paths are relative to `root_uri`.

    `root_uri` is the `file://` URL of a directory.
    """
    if "://" in channel:
        return channel.rstrip("/") + "/"
    if channel.startswith((".", "/", "~")):
        from urllib.parse import urljoin

        return urljoin(root_uri.rstrip("/") + "/", channel).rstrip("/") + "/"
    return f"{CHANNEL_ALIAS}{channel.strip('/')}/"


def condition_to_json(text: str) -> dict[str, Any]:
    """A `when` condition as rattler sends it: nested `MatchSpec`, `And` and `Or`.

    `and` binds stronger than `or`. Raises `BackendError` where it cannot be parsed.
    """
    tokens = re.findall(r"\(|\)|(?:\[[^\]]*\]|[^\s()\[\]])+", text)
    parsed, rest = _either(tokens, text)
    if rest:
        raise _bad_condition(text)
    return parsed


def condition_text(value: Any) -> str:
    """A condition as rattler displays it: `(python>=3.10 and __unix)`; texts stay as they are."""
    if not isinstance(value, Mapping):
        return str(value)
    if "MatchSpec" in value:
        spec = value["MatchSpec"]
        if not isinstance(spec, Mapping):
            return str(spec)
        version = spec.get("version")
        if set(spec) <= {"name", "version"} and (version or ">").startswith((">", "<", "=", "!")):
            return f"{spec['name']}{version or ''}"
        keys = [f'{key}="{entry}"' for key, entry in spec.items() if key != "name"]
        return f"{spec['name']}[{', '.join(keys)}]"
    for key, word in (("And", "and"), ("Or", "or")):
        if key in value:
            left, right = value[key]
            return f"({condition_text(left)} {word} {condition_text(right)})"
    return str(dict(value))


def _either(tokens: list[str], text: str) -> tuple[dict[str, Any], list[str]]:
    return _chain(tokens, text, "or", "Or", lambda t: _chain(t, text, "and", "And", None))


def _chain(
    tokens: list[str], text: str, word: str, key: str, inner: Any
) -> tuple[dict[str, Any], list[str]]:
    read = inner or (lambda rest: _primary(rest, text))
    found, rest = read(tokens)
    while rest and rest[0] == word:
        right, rest = read(rest[1:])
        found = {key: [found, right]}
    return found, rest


def _primary(tokens: list[str], text: str) -> tuple[dict[str, Any], list[str]]:
    if tokens and tokens[0] == "(":
        found, rest = _either(tokens[1:], text)
        if rest[:1] != [")"]:
            raise _bad_condition(text)
        return found, rest[1:]
    words = []
    while tokens and tokens[0] not in ("and", "or", "(", ")"):
        words.append(tokens[0])
        tokens = tokens[1:]
    leaf = parse_match_spec(" ".join(words)) if words else None
    if leaf is None:
        raise _bad_condition(text)
    fields = {} if words == [leaf.name] else to_build_spec(leaf)
    return {"MatchSpec": {**fields, "name": leaf.name}}, tokens


def _bad_condition(text: str) -> BackendError:
    return BackendError(
        f"The condition {text!r} is not one.",
        remedy='Write match specs joined by `and` and `or`, as in when = "python >=3.10".',
    )


def _bracketed(spec: Mapping[str, Any], comma: str) -> str:
    parts = []
    for key in _BRACKETS:
        value = spec.get(key)
        if value is None:
            continue
        name = _BRACKET_NAMES.get(key, key)
        if isinstance(value, (list, tuple)):
            parts.append(f"{name}=[{comma.join(str(entry) for entry in value)}]")
        else:
            text = condition_text(value) if key == "condition" else str(value)
            parts.append(f'{name}="{_escaped(text)}"')
    return f"[{', '.join(parts)}]" if parts else ""


def _escaped(text: str) -> str:
    return re.sub(r'(["\\])', r"\\\1", text)


def _channel_object(url: Any) -> Any:
    """`rattler_conda_types::Channel`, as it serialises inside of a match spec."""
    if not isinstance(url, str):
        return url
    name = _alias_name(url)
    return {"base_url": url, "name": name} if name else {"base_url": url}


def _channel_name(channel: Any) -> str:
    if isinstance(channel, Mapping):
        return str(channel.get("name") or channel.get("base_url"))
    url = str(channel)
    return _alias_name(url) or url


def _alias_name(url: str) -> str | None:
    """The name of a channel below the channel alias; others are called by their URL."""
    return url[len(CHANNEL_ALIAS) :].strip("/") if url.startswith(CHANNEL_ALIAS) else None


def _present(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if value is not None}
