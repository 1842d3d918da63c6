"""Rules about the files in artifacts: paths.json, links and prefix placeholders."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pytest_pixipack.artifact import Artifact
from pytest_pixipack.facts import FileFacts
from pytest_pixipack.verify.artifact_rules import problem
from pytest_pixipack.verify.rules import Problem
from pytest_pixipack.verify.subject import Subject

# What builders pad the build prefix with; a file that holds it has to be listed with a placeholder.
_PADDING = b"_placehold_placehold"
_MOST_LINKS = 40


@dataclass(frozen=True, slots=True)
class Mislisted:
    """One thing that paths.json says otherwise than the archive: `field` is what, `path` where."""

    field: str
    expected: object
    actual: object
    cause: str
    path: str | None = None


def check_paths(subject: Subject) -> Iterator[Problem]:
    """paths.json lists what the archive holds, with the right digests."""
    for artifact in subject.artifacts:
        if artifact.facts.files is None:
            yield problem(
                subject,
                artifact,
                f"{artifact.path.name} has no list of its files.",
                field="paths.json",
                expected="info/paths.json",
                layers=("artifact", "artifact"),
            )
            continue
        for each in mislisted(artifact):
            yield problem(
                subject,
                artifact,
                f"paths.json of {artifact.facts.name} does not list what the archive holds."
                if each.path is None
                else f"{each.path} in {artifact.path.name} is not what paths.json says.",
                field=each.field,
                expected=each.expected,
                actual=each.actual,
                cause=each.cause,
                layers=("artifact", "artifact"),
            )


def mislisted(artifact: Artifact) -> Iterator[Mislisted]:
    """Where paths.json is not about what the archive holds; nothing where there is no list."""
    listed, payload = artifact.facts.files, artifact.payload
    if listed is None:
        return
    entries = {path for path, facts in listed.items() if facts.kind != "directory"}
    missing = sorted(entries - set(payload))
    extra = sorted(set(payload) - entries)
    if missing or extra:
        yield Mislisted("paths", missing, extra, "file-removed" if missing else "file-added")
    for path in sorted(entries & set(payload)):
        recorded, real = listed[path], payload[path]
        if recorded.kind != real.kind:
            yield _file(path, "kind", recorded.kind, real.kind)
        elif real.kind == "file" and recorded.sha256 not in (None, real.sha256):
            yield _file(path, "sha256", recorded.sha256, real.sha256)
        elif real.kind == "file" and recorded.size not in (None, real.size):
            yield _file(path, "size", recorded.size, real.size)


def _file(path: str, what: str, expected: object, actual: object) -> Mislisted:
    return Mislisted(f"{path} {what}", expected, actual, "content", path)


def check_links(subject: Subject) -> Iterator[Problem]:
    """A symbolic link leads to a file of the package."""
    for artifact in subject.artifacts:
        for path, facts in artifact.payload.items():
            if facts.kind == "link" and not _leads_somewhere(path, artifact.payload):
                yield problem(
                    subject,
                    artifact,
                    f"The link {path} of {artifact.facts.name} leads to {facts.target}, which is "
                    "not in the package.",
                    field=path,
                    expected="a file of the package",
                    actual=facts.target,
                    cause="link-target",
                    severity="warning",
                )


def _leads_somewhere(path: str, payload: Mapping[str, FileFacts]) -> bool:
    at = path
    for _ in range(_MOST_LINKS):
        facts = payload.get(at)
        if facts is None:
            return any(name.startswith(f"{at}/") for name in payload)
        if facts.kind != "link":
            return True
        at = posixpath.normpath(posixpath.join(posixpath.dirname(at), facts.target or ""))
    return False


def check_placeholders(subject: Subject) -> Iterator[Problem]:
    """Files that hold the build prefix are listed with it, and those that are listed hold it."""
    for artifact in subject.artifacts:
        listed = artifact.facts.files or {}
        for path, content in _contents(artifact):
            facts = listed.get(path)
            placeholder = facts.placeholder if facts is not None else None
            if placeholder is not None and placeholder.encode() not in content:
                yield problem(
                    subject,
                    artifact,
                    f"{path} of {artifact.facts.name} is listed with a prefix placeholder that it "
                    "does not hold.",
                    field=path,
                    expected=placeholder,
                    actual=None,
                    layers=("artifact", "artifact"),
                )
            elif placeholder is None and _PADDING in content:
                yield problem(
                    subject,
                    artifact,
                    f"{path} of {artifact.facts.name} holds the build prefix, but paths.json does "
                    "not say so.",
                    field=path,
                    expected="a prefix placeholder in paths.json",
                    actual=None,
                    cause="embedded-path",
                    layers=("artifact", "artifact"),
                )


def _contents(artifact: Artifact) -> Iterator[tuple[str, bytes]]:
    """The files outside `info/`, one at a time."""
    from pytest_pixipack.artifact import DEFAULT_LIMITS
    from pytest_pixipack.artifact.containers import tar_streams

    with tar_streams(artifact.path, DEFAULT_LIMITS) as parts:
        for _, tar in parts:
            for entry in tar:
                name = posixpath.normpath(entry.name)
                if entry.kind == "file" and name in artifact.payload:
                    yield name, b"".join(tar.content())
