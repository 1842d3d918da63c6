"""Solving one environment with py-rattler: channels, source packages, virtual packages."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from pytest_pixipack.cache.scratch import scratch_directory
from pytest_pixipack.engine.channels import Channel, ChannelTable
from pytest_pixipack.engine.direct_files import DirectFiles
from pytest_pixipack.engine.fetch import PackageFiles
from pytest_pixipack.engine.fetch_specs import (
    BEYOND_ALL,
    TooNew,
    needed_from_channels,
    records_shown,
)
from pytest_pixipack.engine.records import BinaryRecord, Resolved, SourceRecord
from pytest_pixipack.engine.repodata import Repodata, one_line
from pytest_pixipack.errors import InvalidInput, SolveError
from pytest_pixipack.facts import PackageFacts
from pytest_pixipack.file_urls import file_url
from pytest_pixipack.redaction import redact

if TYPE_CHECKING:
    from pytest_pixipack.verify.cutoff import Cutoffs

# Source packages by the subdir and file name under which the solver sees them.
_Offered: TypeAlias = dict[tuple[str, str], SourceRecord]


@dataclass(frozen=True, slots=True)
class SolveRequest:
    """One solve. `specs` and `constraints` are conda match specs; `what` names it in errors.

    `preferred` are locked packages of channels, each of which is taken where the specs allow it.
    """

    what: str
    subdir: str
    specs: tuple[str, ...]
    channels: tuple[Channel, ...]
    virtual_packages: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    sources: tuple[SourceRecord, ...] = ()
    channel_priority: str = "strict"
    strategy: str = "highest"
    cutoffs: Cutoffs | None = None
    preferred: tuple[PackageFacts, ...] = ()


class Solver:
    """Solves requests. Not safe for use from several threads at once."""

    def __init__(self, table: ChannelTable, repodata: Repodata, files: PackageFiles) -> None:
        self._table = table
        self._repodata = repodata
        self._files = files

    def solve(self, request: SolveRequest) -> tuple[Resolved, ...]:
        """The chosen packages, in the solver's order.

        Raises `SolveError` where nothing satisfies the specs, `InvalidInput` for a match spec or
        repodata that cannot be read, `Infrastructure` where a channel cannot be reached.
        """
        channels = [self._table.require(channel) for channel in request.channels]
        if not request.specs:
            return ()
        with scratch_directory() as scratch:
            direct = DirectFiles(self._table, self._files)
            offered = _offer_sources(request.sources, scratch, direct.text)
            preferred = self._locked_records(request.preferred, channels, scratch)
            records = self._run(request, channels, scratch if offered else None, preferred, direct)
            known = {self._table.origin_of(facts.url or ""): facts for facts in request.preferred}
            return tuple(
                _resolved(each, channels, offered, known, direct.addresses) for each in records
            )

    def _run(
        self,
        request: SolveRequest,
        channels: list[Channel],
        extra: Path | None,
        preferred: list[Any],
        direct: DirectFiles,
    ) -> list[Any]:
        import rattler
        from rattler.exceptions import SolverError

        sources = [file_url(extra)] if extra else []
        sources += [channel.origin for channel in channels]
        priority = (
            rattler.ChannelPriority.Disabled
            if request.channel_priority == "disabled"
            else rattler.ChannelPriority.Strict
        )
        try:
            specs, constraints = (
                [_match_spec(direct.of_file(text), request.what) for text in texts]
                for texts in (request.specs, request.constraints)
            )
            names = subdirs_of(request.subdir)
            platforms = [rattler.Subdir(name) for name in names]
            shown: Any = sources
            own = _own_cutoffs(request.cutoffs, channels)
            files = any("[url=" in text for each in request.sources for text in each.facts.depends)
            if own or files or (extra and len(channels) > 1):
                wanted = [*specs, *needed_from_channels(request.sources, direct.text)]
                shown = self._repodata.ask(
                    request.what,
                    channels,
                    names,
                    lambda gateway: records_shown(gateway, sources, platforms, wanted, own),
                )
            return self._repodata.ask(
                request.what,
                channels,
                names,
                lambda gateway: rattler.solve(
                    shown,
                    specs,
                    gateway=gateway,
                    platforms=platforms,
                    locked_packages=preferred,
                    virtual_packages=[_virtual(text) for text in request.virtual_packages],
                    channel_priority=priority,
                    strategy=_strategy(request.strategy),
                    exclude_newer=_exclude_newer(request.cutoffs, own),
                    timestamp_policy="allow-missing",
                    constraints=constraints or None,
                ),
            )
        except SolverError as error:
            raise SolveError(
                f"No set of packages satisfies {request.what}: {redact(one_line(str(error)))}",
                remedy="Relax a requirement, or add the missing package to a channel.",
            ) from None

    def _locked_records(
        self, packages: Sequence[PackageFacts], channels: list[Channel], scratch: Path
    ) -> list[Any]:
        """Locked packages as the solver takes them, with the URLs that they are read from."""
        if not packages:
            return []
        import rattler

        from pytest_pixipack.pack.records import locked_record

        records = []
        for facts in packages:
            url = self._table.origin_of(facts.url or "")
            channel = _channel_of(url, facts.channel, channels)
            if channel is None:
                continue  # locked from a channel that the workspace no longer has
            file_name = url.rpartition("/")[2]
            entry = locked_record(facts, file_name=file_name)
            document = {"info": {"subdir": facts.subdir}, "packages.conda": {file_name: entry}}
            path = scratch / "locked.json"
            path.write_text(json.dumps(document), encoding="utf-8")
            found = rattler.RepoData.from_path(path).into_repo_data(rattler.Channel(channel.origin))
            records += [
                rattler.RepoDataRecord(each, file_name, url, channel.record_name) for each in found
            ]
        return records


def _resolved(
    record: Any,
    channels: list[Channel],
    offered: _Offered,
    known: Mapping[str, PackageFacts],
    addresses: Mapping[str, str],
) -> Resolved:
    url = str(record.url)
    if record.channel is None and (record.subdir, record.file_name) not in offered:
        # One certain file was asked for; a lock does not say of which channel it is.
        url = addresses.get(url, url)
        return BinaryRecord(PackageFacts.from_index(json.loads(record.to_json()), url=url), url)
    channel = _channel_of(url, record.channel, channels)
    if channel is None:
        return offered[str(record.subdir), str(record.file_name)]
    locked, name = channel.locked_url(url), channel.locked_name
    if url in known:  # what is preferred is taken as the lock has it
        return BinaryRecord(replace(known[url], url=locked, channel=name), url)
    facts = PackageFacts.from_index(json.loads(record.to_json()), url=locked, channel=name)
    return BinaryRecord(facts, url)


def _channel_of(url: str, named: str | None, channels: Sequence[Channel]) -> Channel | None:
    """The channel of a package, which is `named` where its file lies elsewhere (CEP 15)."""
    for channel in channels:
        if url.startswith(channel.base):
            return channel
    return next((channel for channel in channels if named and channel.is_named(named)), None)


def _offer_sources(
    sources: Sequence[SourceRecord], scratch: Path, text_of: Callable[[str], str]
) -> _Offered:
    """Writes a channel that holds nothing but repodata, so that the solver can choose a source
    package like any other; returns the record behind each subdir and file name.

    `text_of` makes what the solver reads of a dependency.
    """
    if not sources:
        return {}
    offered: _Offered = {}
    by_subdir: dict[str, dict[str, Any]] = {"noarch": {}}
    # Of two spellings of one directory, pixi takes `x` rather than `./x`, whoever asks for which.
    plain_last = sorted(sources, key=lambda record: not record.location.startswith("./"))
    last = {(s.directory, s.name, s.key[2]): s for s in plain_last}
    for source in sorted(last.values(), key=lambda record: record.key):
        facts = source.facts
        subdir = facts.subdir or "noarch"
        entries = by_subdir.setdefault(subdir, {})
        file_name = f"{facts.name}-{facts.version}-{facts.build}.conda"
        # Two variants with one build string cannot be told apart by any spec: the first is taken.
        if file_name not in entries:
            entries[file_name] = _repodata_entry(facts, text_of)
            offered[subdir, file_name] = source
    for subdir, entries in by_subdir.items():
        (scratch / subdir).mkdir()
        document = {"info": {"subdir": subdir}, "packages": {}, "packages.conda": entries}
        (scratch / subdir / "repodata.json").write_text(json.dumps(document), encoding="utf-8")
    return offered


def _repodata_entry(facts: PackageFacts, text_of: Callable[[str], str]) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "name": facts.name,
        "version": facts.version,
        "build": facts.build,
        "build_number": facts.build_number or 0,
        "subdir": facts.subdir,
        "depends": [text_of(text) for text in facts.depends],
        "constrains": list(facts.constrains),
        "track_features": " ".join(facts.track_features),
    }
    if facts.noarch:
        entry["noarch"] = facts.noarch
    if facts.extra_depends:
        groups = facts.extra_depends.items()
        entry["extra_depends"] = {k: [text_of(t) for t in v] for k, v in groups}
    return entry


def _match_spec(text: str, what: str) -> Any:
    import rattler

    try:
        return rattler.MatchSpec(text)
    except Exception as error:
        raise InvalidInput(
            f"`{text}` in {what} is not a match spec: {one_line(str(error))}"
        ) from error


def _virtual(text: str) -> Any:
    import rattler

    name, version, build = [*text.split("="), "", ""][:3]
    return rattler.GenericVirtualPackage(
        rattler.PackageName(name),
        rattler.Version(version or "0"),
        rattler.BuildString(build or "0"),
    )


def subdirs_of(platform: str) -> list[str]:
    """Where a channel has what can be installed on a platform."""
    return [platform] if platform == "noarch" else [platform, "noarch"]


def _strategy(name: str) -> Any:
    return name if name in ("lowest", "lowest-direct") else "highest"


def _own_cutoffs(cutoffs: Cutoffs | None, channels: Sequence[Channel]) -> TooNew | None:
    """What says which records are too new, where that differs by package or channel."""
    if cutoffs is None or not (cutoffs.packages or cutoffs.channels):
        return None
    urls = {channel.record_name.rstrip("/"): channel.url for channel in channels}

    def too_new(name: str, origin: str | None, milliseconds: int | None) -> bool:
        # What is built from source is in no channel, and never too new.
        url = urls.get((origin or "").rstrip("/"))
        cutoff = cutoffs.of(name, url) if url is not None else None
        return cutoff is not None and (milliseconds or 0) > cutoff.milliseconds

    return too_new


def _exclude_newer(cutoffs: Cutoffs | None, own: TooNew | None) -> Any:
    import datetime as dt

    if own is not None:
        return BEYOND_ALL
    if cutoffs is None or cutoffs.general is None:
        return None
    return dt.datetime.fromtimestamp(cutoffs.general.milliseconds / 1000, dt.timezone.utc)
