"""Builds the packages of the stub backend.

A package contains the files under `files/` of its source directory (`bin/<name>` if there are
none) and `share/<name>/config.json`: the configuration, the target configurations that apply, and
the variant. Its bytes depend on nothing else.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_pixipack.artifact import Member, write_artifact
from pytest_pixipack.backend.stub import INPUT_GLOBS
from pytest_pixipack.errors import BackendError, Infrastructure

_FILE_KEYS = frozenset({"text", "from", "link", "executable"})
TIMESTAMP = 1_700_000_000_000  # ms since the epoch

Json = dict[str, Any]


def build_package(
    params: Json,
    facts: Mapping[str, Any],
    source: str,
    config: Json,
    target_config: Json,
    fault: str | None = None,
) -> Json:
    """Writes the package that `conda/build_v1` asks for and returns the method's result.

    `facts` is the table of the output (`stub_orders.OUTPUT_KEYS`) with `timestamp` (ms since the
    epoch) and `leak` (`stub_leaks`); `fault` is one of those of the build stage. Raises
    `Infrastructure` where files cannot be read or written.
    """
    output = params["output"]
    # As rattler-build does: whatever the manifest says, a package's name is in lower case.
    output = {**output, "name": output["name"].lower()}
    params = {**params, "output": output}
    name, version, build = output["name"], str(output["version"]), output["build"]
    host = (params.get("hostPrefix") or {}).get("platform", output["subdir"])
    index = index_json(params, facts)
    if fault == "wrong-version":
        version = index["version"] = "999"
    if fault == "wrong-name":
        name = index["name"] = "somebody-else"
    path = Path(params["workDirectory"]) / f"{name}-{version}-{build}.conda"
    if fault != "missing-file":
        path.parent.mkdir(parents=True, exist_ok=True)
        members = payload(output["name"], Path(source), host, config, target_config, output)
        members = _told(members, facts, Path(source), host)
        if facts.get("leak"):
            from pytest_pixipack.backend.stub_leaks import leaked

            members += leaked(facts["leak"], output["name"], Path(source), path.parent)
        write_artifact(path, index, members, run_exports=_run_exports(params) or None)
    if fault == "corrupt-artifact":
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])
    return {
        "output_file": str(path),
        "input_globs": list(INPUT_GLOBS),
        "name": name,
        "version": version,
        "build": build,
        "subdir": output["subdir"],
    }


def index_json(params: Json, facts: Mapping[str, Any]) -> Json:
    """`info/index.json` of the package that `conda/build_v1` asks for."""
    output = params["output"]
    platform, _, arch = output["subdir"].partition("-")
    timestamp = facts.get("timestamp")
    index = {
        "arch": {"64": "x86_64", "arm64": "arm64"}.get(arch),
        "build": output["build"],
        "build_number": int(output["build"].rpartition("_")[2]),
        "constrains": _texts(params.get("runConstraints")),
        "depends": _texts(params.get("runDependencies")),
        "extra_depends": {
            group: _texts(specs)
            for group, specs in sorted((params.get("extraDependencies") or {}).items())
        },
        "license": facts.get("license"),
        "name": output["name"],
        "flags": facts.get("flags"),
        "license_family": facts.get("license-family"),
        "noarch": facts.get("noarch"),
        "purls": facts.get("purls"),
        "python_site_packages_path": facts.get("python-site-packages-path"),
        "track_features": " ".join(facts.get("track-features") or []) or None,
        "platform": None if platform == "noarch" else platform,
        "subdir": output["subdir"],
        "timestamp": TIMESTAMP if timestamp is None else timestamp,
        "version": str(output["version"]),
    }
    return {key: value for key, value in index.items() if value is not None and value != {}}


def payload(
    name: str, source: Path, host: str, config: Json, target_config: Json, output: Json
) -> list[Member]:
    """The files of the package, sorted by path."""
    members = {member.path: member for member in _source_files(source / "files")}
    if not members:
        script = f"#!/bin/sh\necho {name}\n".encode()
        members[f"bin/{name}"] = Member(f"bin/{name}", script, executable=True)
    record = {
        "config": config,
        "target": [
            {"selector": selector, "config": value}
            for selector, value in sorted(target_config.items())
            if applies(selector, host)
        ],
        "variant": output["variant"],
    }
    text = json.dumps(record, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    path = f"share/{name}/config.json"
    members[path] = Member(path, text.encode())
    return [members[key] for key in sorted(members)]


def _told(members: list[Member], facts: Mapping[str, Any], source: Path, host: str) -> list[Member]:
    """The files that the stub was told of, in the place of those of the same path."""
    found = {member.path: member for member in members}
    for name, text in (facts.get("scripts") or {}).items():
        member = _script(name, text, host)
        found[member.path] = member
    for path, content in (facts.get("files") or {}).items():
        found[path] = _file(path, content, source)
    return [found[path] for path in sorted(found)]


def _script(name: str, text: str, host: str) -> Member:
    if host.startswith("win"):
        return Member(f"Scripts/{name}.bat", f"@{text}\r\n".encode(), executable=True)
    return Member(f"bin/{name}", f"#!/bin/sh\n{text}\n".encode(), executable=True)


def _file(path: str, content: Any, source: Path) -> Member:
    """`"text"`, or `{ text = ..., from = ..., link = ..., executable = true }`."""
    if isinstance(content, str):
        return Member(path, content.encode())
    if not isinstance(content, dict) or not content.keys() <= _FILE_KEYS:
        raise BackendError(f"files.{path} has to be a text, or a table with text, from or link")
    if "link" in content:
        return Member(path, link_target=content["link"])
    try:
        data = (source / content["from"]).read_bytes() if "from" in content else None
    except OSError as error:
        raise BackendError(f"files.{path}: {content['from']} cannot be read: {error}") from None
    if data is None:
        data = str(content.get("text", "")).encode()
    return Member(path, data, executable=bool(content.get("executable")))


def applies(selector: str, platform: str) -> bool:
    """Whether a target selector (`unix`, `linux`, `osx`, `macos`, `win`, a subdir) matches."""
    family = platform.partition("-")[0]
    if selector == "unix":
        return family != "win"
    if selector in ("osx", "macos"):
        return family == "osx"
    return selector in (family, platform) and family != "noarch"


def match_spec(spec: Json | str) -> str:
    """The text of a match spec of `conda/build_v1`, which is an object or already a text."""
    if isinstance(spec, str):
        return spec
    from pytest_pixipack.backend.matchspec import stub_text

    return stub_text(spec)


def _texts(dependencies: list[Json] | None) -> list[str]:
    return [match_spec(dependency["spec"]) for dependency in dependencies or []]


def _run_exports(params: Json) -> dict[str, list[str]]:
    return {
        kind.replace("Constrains", "_constrains"): _texts(specs)
        for kind, specs in (params.get("runExports") or {}).items()
        if specs
    }


def _source_files(root: Path) -> list[Member]:
    found = []
    try:
        for folder, directories, names in os.walk(root, onerror=_refuse):
            directories.sort()
            for name in sorted(names):
                path = Path(folder, name)
                content = path.read_bytes()
                relative = path.relative_to(root).as_posix()
                found.append(Member(relative, content, executable=_is_executable(path, content)))
    except OSError as error:
        raise Infrastructure(f"cannot read the package's files: {error}") from None
    return found


def _refuse(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):  # without `files/` there are no files
        raise error


def _is_executable(path: Path, content: bytes) -> bool:
    # Windows has no executable bit; there, a script or program is one by its first bytes.
    if os.name == "nt":
        return content.startswith((b"#!", b"\x7fELF"))
    return bool(path.stat().st_mode & 0o111)
