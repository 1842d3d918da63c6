"""What a snapshot says of a pack: packages, members, channels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_pixipack.facts import PackageFacts
    from pytest_pixipack.lock import Scrubbers
    from pytest_pixipack.pack import Pack

_LISTS = ("depends", "constrains")


def pack_scrubbers() -> Scrubbers:
    """Those of locks, and hashes in build strings: a pack holds what was built in this run."""
    from pytest_pixipack.lock import default_scrubbers, more_scrubbers

    return (
        default_scrubbers().without("binary-details").adding(*more_scrubbers().only("build-hashes"))
    )


def pack_snapshot(pack: Pack, scrubbers: Scrubbers) -> str:
    """The YAML of a pack after scrubbing; it does not depend on the order of members."""
    from pytest_pixipack.lock.marks import numbered
    from pytest_pixipack.lock.snapshot import in_order, scrubbed
    from pytest_pixipack.lock.yaml import dump_yaml

    environment = pack.environment_yml
    names = [facts.name for facts in pack.records]
    packages = {}
    for facts in sorted(
        pack.records, key=lambda each: (each.name, each.version or "", each.subdir)
    ):
        name = facts.name if names.count(facts.name) == 1 else f"{facts.name} in {facts.subdir}"
        while name in packages:
            name += " (another)"
        packages[name] = scrubbed(_record(facts), scrubbers)
        for key in ("kind", "name"):
            packages[name].pop(key, None)
    members = [_member(each.name, scrubbers) for each in pack.members if each.kind == "file"]
    return dump_yaml(
        numbered({
            "platform": pack.platform,
            "version": pack.format_version,
            "channels": list(environment.channels) if environment else [],
            "packages": packages,
            "members": in_order(members),
        })
    )  # fmt: skip


def _record(facts: PackageFacts) -> dict[str, Any]:
    found: dict[str, Any] = {
        "kind": "binary",
        "name": facts.name,
        "version": facts.version,
        "build": facts.build,
        "subdir": facts.subdir,
        "depends": list(facts.depends),
        "constrains": list(facts.constrains),
        "sha256": facts.sha256,
        "size": facts.size,
        "timestamp": facts.timestamp,
    }
    return {key: value for key, value in found.items() if value not in (None, [])}


def _member(name: str, scrubbers: Scrubbers) -> str:
    return str(scrubbers.apply({"kind": "member", "member": name}).get("member", name))
