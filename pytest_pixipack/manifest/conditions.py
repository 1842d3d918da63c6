"""`if(...)` selectors of package tables, and `when` conditions of single dependencies."""

from __future__ import annotations

from typing import Any

from pytest_pixipack.manifest.reader import Table
from pytest_pixipack.spec_limits import is_too_complex

_EXAMPLE = "`if(host_platform == 'linux-64')`"
_NOT_IN_WHEN = (
    "url", "git", "path", "branch", "rev", "tag", "lfs", "subdirectory", "md5", "sha256", "channel",
)  # fmt: skip


def looks_conditional(key: str) -> bool:
    """Whether a key is meant as a condition: `(` occurs in no package or platform name."""
    return "(" in key


def read_condition(table: Table, key: str) -> str:
    """The expression in `if(<expression>)`, trimmed. Raises `InvalidInput`."""
    inner = key[3:-1].strip() if key.startswith("if(") and key.endswith(")") else ""
    if inner:
        return inner
    if key.startswith("if(") and key.endswith(")"):
        message = f"The condition `{key}` is empty."
    else:
        message = f"`{key}` is not a condition."
    raise table.key_error(message, key, remedy=_condition_remedy(key))


def _condition_remedy(key: str) -> str:
    if key.lower().startswith("if(") and key.endswith(")") and key[3:-1].strip():
        return f'Write "if{key[2:]}".'
    if key.startswith("if(") and ")" not in key:
        return f'Write "{key})".'
    return f"Wrap the whole expression in `if(...)`, for example {_EXAMPLE}."


def read_when(table: Table, key: str) -> str:
    """A `when` condition in matchspec syntax. Raises `InvalidInput`.

    Forms: a matchspec, `{ all = [...] }`, `{ any = [...] }`, or `{ package = ..., version = ... }`
    (pixi_spec/src/toml.rs, TomlWhen).
    """
    return _when(table, table.data[key], (key,))


def _when(table: Table, value: Any, keys: tuple[str | int, ...]) -> str:
    if isinstance(value, str):
        return _when_text(table, value, keys)
    kinds = [
        kind for kind in ("all", "any", "package") if isinstance(value, dict) and kind in value
    ]
    if len(kinds) != 1 or (kinds[0] != "package" and len(value) > 1):
        raise table.error(
            "`when` has to be a matchspec, or a table with one of `all`, `any` and `package`.",
            *keys,
            remedy='For example `when = "python >=3"` or `when = { any = ["__unix", "__osx"] }`.',
        )
    kind = kinds[0]
    if kind == "package":
        return _when_package(table, value, keys)
    parts = value[kind]
    if not isinstance(parts, list) or not parts:
        raise table.error(f"`{kind}` has to be a list of conditions.", *keys, kind)
    word = " and " if kind == "all" else " or "
    text = _when(table, parts[0], (*keys, kind, 0))
    for index, part in enumerate(parts[1:], start=1):
        text = f"({text}{word}{_when(table, part, (*keys, kind, index))})"
    return text


def _when_text(table: Table, text: str, keys: tuple[str | int, ...]) -> str:
    from rattler import MatchSpec
    from rattler.exceptions import InvalidMatchSpecError

    if "[" in text or "::" in text:
        raise table.error(
            "A `when` text cannot have brackets or a channel.",
            *keys,
            remedy="Write a table such as `{ package = ..., version = ..., build = ... }`.",
        )
    if is_too_complex(text):
        raise table.error("A `when` text is too long, or has too many parentheses.", *keys)
    try:
        spec = MatchSpec(text)
    except InvalidMatchSpecError as error:
        raise table.error(f"`{text}` is not a condition: {error}.", *keys) from None
    if spec.build is not None:
        raise table.error(
            "A `when` text cannot have a build.",
            *keys,
            remedy="Write a table such as `{ package = ..., version = ..., build = ... }`.",
        )
    return _query(spec.name.normalized if spec.name else "", str(spec.version or ""))


def _when_package(table: Table, value: dict[str, Any], keys: tuple[str | int, ...]) -> str:
    from pytest_pixipack.manifest.dependencies import NAME, SPEC_KEYS, read_fields

    entry = Table(table.document, value, (*table.path, *keys), "a `when` condition")
    entry.allow("package", *(key for key in SPEC_KEYS if key not in _NOT_IN_WHEN))
    written = entry.need_string("package")
    if not NAME.fullmatch(written):
        raise entry.error(f"`{written}` is not a package name.", "package")
    name = written.lower()
    rest = entry.without("package")
    if not rest.data:
        return name
    spec = read_fields(rest, name)
    if set(rest) == {"version"}:
        return _query(name, spec.version or "")
    fields = spec.bracketed_fields()
    if spec.build is not None:
        fields.insert(0, f'build="{spec.build}"')
    if spec.version is not None:
        fields.insert(0, f'version="{spec.version}"')
    return f"{name}[{', '.join(fields)}]"


def _query(name: str, version: str) -> str:
    # rattler_conda_types, MatchSpec::fmt_in_condition: short only before an operator.
    if not version or version[0] in "<>=!~":
        return f"{name}{version}"
    return f'{name}[version="{version}"]'
