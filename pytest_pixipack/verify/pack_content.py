"""Rules about what is in a pack: the digests of its files, and what needs what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice

from pytest_pixipack.facts import PackageFacts
from pytest_pixipack.verify.pack_inside import packages_inside
from pytest_pixipack.verify.pack_packages import digests_unlike
from pytest_pixipack.verify.pack_rules import pack_of, problem
from pytest_pixipack.verify.records import entries, expected_digests
from pytest_pixipack.verify.rules import Problem
from pytest_pixipack.verify.specs import satisfies, spec_name
from pytest_pixipack.verify.subject import Subject


def check_digest(subject: Subject) -> Iterator[Problem]:
    """Each file of the pack has the digest of the lock or of what was built, else of repodata."""
    inside = packages_inside(subject)
    names = Counter(entry.facts.name for entry in entries(pack_of(subject)))
    for entry in entries(pack_of(subject)):
        if entry.member not in inside:
            continue
        facts = entry.facts
        layer, expected = expected_digests(subject, facts)
        believed = {
            **{field: getattr(facts, field) for field in expected},
            **{field: value for field, value in expected.items() if value is not None},
        }
        injected = subject.lock is not None and facts.name not in subject.locked
        alone = names[facts.name] == 1 and not injected
        if alone and not (believed.get("sha256") or believed.get("md5")):
            yield problem(
                subject,
                f"Nothing says which file {facts.file_name} in the pack has to be.",
                facts,
                field="sha256",
                expected="a digest",
                severity="warning",
                layers=("pack", "pack"),
            )
        unlike = digests_unlike(believed, inside[entry.member].digests)
        for field, wanted, found in islice(unlike, 1):
            replaced = field == "sha256" or believed.get("sha256") is None
            said = layer if expected.get(field) is not None else "pack"
            yield problem(
                subject,
                f"The {field} of {facts.file_name} in the pack is another one."
                if replaced
                else f"The {field} is not that of {facts.file_name} in the pack; its sha256 is.",
                facts,
                field=field,
                expected=wanted,
                actual=found,
                cause="content" if replaced else None,
                remedy=None if replaced or said != "lock" else "Run `pixi lock`, and pack again",
                layers=(said, "pack"),
            )


def check_closure(subject: Subject) -> Iterator[Problem]:
    """Everything that a package of the pack depends on is in the pack, once."""
    records = [entry.facts for entry in entries(pack_of(subject))]
    by_name: dict[str, list[PackageFacts]] = {}
    for facts in records:
        by_name.setdefault(facts.name, []).append(facts)
    for name, same in sorted(by_name.items()):
        if len(same) > 1:
            yield problem(
                subject,
                f"The pack has {len(same)} packages with the name {name}.",
                same[0],
                field="package",
                expected="one package",
                actual=[facts.dist for facts in same],
                layers=("pack", "pack"),
            )
    for facts in records:
        for text in facts.depends:
            name = spec_name(text)
            others = by_name.get(name, [])
            if name.startswith("__") or any(satisfies(other, text) for other in others):
                continue
            yield problem(
                subject,
                f"{facts.name} depends on {text}, which nothing in the pack satisfies.",
                facts,
                field="depends",
                expected=text,
                actual=[other.dist for other in others],
                about=(name,),
                layers=("pack", "pack"),
            )
        for text in facts.constrains:
            for other in by_name.get(spec_name(text), []):
                if not satisfies(other, text):
                    yield problem(
                        subject,
                        f"{facts.name} cannot be together with {other.dist}.",
                        facts,
                        field="constrains",
                        expected=text,
                        actual=other.dist,
                        about=(other.name,),
                        layers=("pack", "pack"),
                    )
