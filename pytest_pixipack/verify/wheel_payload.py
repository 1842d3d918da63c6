"""The files of an installed wheel against the wheel of the pack that it was installed from.

What RECORD says of a file was written by the same installer as the file, so that both can be wrong
in the same way; the wheel knows better.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pytest_pixipack.artifact.wheels import Wheel
from pytest_pixipack.facts import FileFacts
from pytest_pixipack.platforms import is_windows
from pytest_pixipack.prefix.distributions import Distribution, tells_of_installing
from pytest_pixipack.prefix.files import PrefixFiles
from pytest_pixipack.prefix.launchers import Launcher, is_restarted, launched, launchers
from pytest_pixipack.prefix.placed import Place, place_of
from pytest_pixipack.prefix.wheels import WheelPlaces
from pytest_pixipack.verify.prefix_subject import files_of, prefix_of, shown_file
from pytest_pixipack.verify.subject import Subject
from pytest_pixipack.verify.wheel_names import same_version
from pytest_pixipack.verify.wheels_inside import wheels_inside

_PROGRAMS = ("bin", "Scripts")
# Directories above a header: in virtual environments, it is `include/site/python3.12/NAME`.
_MOST_ABOVE = 6


@dataclass(frozen=True, slots=True)
class PlacedWheel:
    """A wheel, and where its files are in a prefix: `members` by their paths there.

    `launchers` are the programs of its entry points that RECORD lists, where these can be told;
    `windows` says that the prefix is for it.
    """

    wheel: Wheel
    place: Place
    members: Mapping[str, str]
    launchers: Mapping[str, Launcher]
    windows: bool

    def is_as_packed(self, path: str, found: FileFacts) -> bool | None:
        """Whether a file of the prefix is what becomes of that in the wheel; None: not known."""
        member = self.members.get(path)
        if path in self.launchers and member is None:
            if self.windows:
                return None  # what starts it there is a binary of the installer's
            launcher = self.launchers[path]
            told = launched(self.place.root / path, launcher, self.place.spellings)
            return found.kind == "file" and told is not None
        if member is None or tells_of_installing(path):
            return None
        if found.kind != "file":
            return False
        if tails := self.wheel.restarted.get(member):
            return is_restarted(self.place.root / path, tails, self.place.spellings)
        return found.sha256 == self.wheel.digests.get(member)

    def is_launcher(self, path: str) -> bool:
        """Whether a path is that of a program of an entry point, whatever is there."""
        directory, _, name = path.rpartition("/")
        return directory in _PROGRAMS and name.removesuffix(".exe") in self.wheel.scripts

    def is_program(self, path: str) -> bool:
        """Whether a file is to be run: a launcher, or what the wheel calls a script."""
        member = self.members.get(path)
        is_script = member is not None and self.wheel.scheme_of(member)[0] == "scripts"
        return is_script or self.is_launcher(path)

    @property
    def programs(self) -> Iterator[tuple[str, ...]]:
        """The paths that the program of each entry point can have."""
        for name in self.wheel.scripts:
            if self.windows:
                yield tuple(f"Scripts/{name}{end}" for end in (".exe", "-script.py", ""))
            else:
                yield (f"bin/{name}",)


def placed_wheel(subject: Subject, found: Distribution) -> PlacedWheel | None:
    """The wheel of the pack that was installed; None where there is none that could be."""
    return subject.once(f"placed wheel {found.name}", lambda: _placed_wheel(subject, found))


def _placed_wheel(subject: Subject, found: Distribution) -> PlacedWheel | None:
    if subject.pack is None or not found.info:
        return None
    together = [each for each in wheels_inside(subject) if each.facts.name == found.name]
    wheel = together[0].wheel if len(together) == 1 else None
    if wheel is None or not same_version(wheel.version, found.version):
        return None
    prefix, windows = prefix_of(subject), is_windows(subject.subdir or "")
    python = prefix.packages.get("python")
    version = ".".join((python.version or "").split(".")[:2]) if python is not None else ""
    places = WheelPlaces(version, windows, found.site_packages).of(wheel)
    members: Mapping[str, str] = dict(zip(wheel.placed(places), wheel.members, strict=True))
    members = _with_headers(wheel, members, found)
    placed = PlacedWheel(wheel, place_of(prefix.path), members, {}, windows)
    # Only what the wheel itself says tells what a launcher has to do.
    entry_points, real = f"{found.info}/entry_points.txt", files_of(subject)
    if entry_points in real and placed.is_as_packed(entry_points, real[entry_points]):
        placed = replace(placed, launchers=launchers(prefix.path, [found]))
    return placed


def _with_headers(
    wheel: Wheel, members: Mapping[str, str], found: Distribution
) -> Mapping[str, str]:
    """The same where RECORD has the headers in another directory: installers do not agree on it."""
    headers = {path: m for path, m in members.items() if wheel.scheme_of(m)[0] == "headers"}
    if not headers or all(path in found.files for path in headers):
        return members
    listed = [path for path in found.files if path.lower().startswith("include/")]
    ends = {f"/{wheel.scheme_of(member)[1]}": path for path, member in headers.items()}
    moved = {}
    for path in listed:
        if end := next((end for end in _ends(path) if end in ends), None):
            moved[path] = members[ends.pop(end)]
    left = {path: m for path, m in members.items() if path not in headers}
    return {**left, **{path: members[path] for path in ends.values()}, **moved}


def _ends(path: str) -> Iterator[str]:
    """What may be the path of a header in its wheel, the longest first."""
    at = path.find("/")
    for _ in range(_MOST_ABOVE):
        if at < 0:
            return
        yield path[at:]
        at = path.find("/", at + 1)


def unlike_wheel(
    placed: PlacedWheel, found: Distribution, real: PrefixFiles, told: Collection[str]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """A message and the fields of a problem for each kind of difference.

    Files that are `told` are not as RECORD says, either, or are gone; of these nothing is said.
    """
    name = found.name
    absent = sorted(_absent(placed, found, real))
    if absent:
        yield (
            f"{len(absent)} files of the wheel {name} were not installed.",
            {"field": "files absent", "expected": absent, "cause": "file-removed"},
        )
    paths = [*placed.members, *placed.launchers]
    there = [path for path in dict.fromkeys(paths) if path in real and path not in told]
    altered = [path for path in there if placed.is_as_packed(path, real[path]) is False]
    if altered:
        yield (
            f"{len(altered)} installed files of the wheel {name} are not those of the pack.",
            {
                "field": "files altered",
                "expected": [f"{path} {_wanted(path, placed)}" for path in altered],
                "actual": [f"{path} {shown_file(real[path])}" for path in altered],
                "cause": "content",
            },
        )
    added = sorted(path for path in found.files if path in real and _is_added(placed, path))
    if lines := list(_unlike_record(placed, found, real, told)):
        yield (
            f"RECORD says of {len(lines)} files of the wheel {name} what is not so.",
            {
                "field": "RECORD",
                "expected": [wanted for wanted, _ in lines],
                "actual": [actual for _, actual in lines],
                "cause": "content",
            },
        )
    if added:
        yield (
            f"{len(added)} files were installed with the wheel {name} that are not in the pack.",
            {"field": "files added", "expected": None, "actual": added, "cause": "file-added"},
        )


def _absent(placed: PlacedWheel, found: Distribution, real: PrefixFiles) -> Iterator[str]:
    """What of the wheel is neither there nor in RECORD: what is in RECORD is told with that."""
    signatures = {f"{found.info}/{each}" for each in ("RECORD.jws", "RECORD.p7s")}
    for path in placed.members:
        known = path in real or path in found.files or path in signatures
        if not known and not tells_of_installing(path):
            yield path
    for paths in placed.programs:
        if not any(path in real or path in found.files for path in paths):
            yield paths[0]


def _is_added(placed: PlacedWheel, path: str) -> bool:
    """Whether RECORD lists a file that neither the wheel has nor an installer makes."""
    if path in placed.members or placed.is_launcher(path) or tells_of_installing(path):
        return False
    directory, _, name = path.rpartition("/")
    if directory not in _PROGRAMS:
        return True
    # pip makes `pip3.12` beside `pip`; on Windows, installers have made more files yet.
    launcher = placed.launchers.get(f"{directory}/{name.rstrip('0123456789.-')}")
    file, spellings = placed.place.root / path, placed.place.spellings
    made = launcher is not None and launched(file, launcher, spellings) is not None
    return not (made or placed.windows)


def _unlike_record(
    placed: PlacedWheel, found: Distribution, real: PrefixFiles, told: Collection[str]
) -> Iterator[tuple[str, str]]:
    """Lines of RECORD that are wrong of files that are right, as they ought to be and as they are.

    Installers write the digest of each file, or what the wheel's own RECORD says.
    """
    for path, entry in found.files.items():
        if path not in real or path in told or not placed.is_as_packed(path, real[path]):
            continue
        size, digest = real[path].size, real[path].sha256
        if entry.sha256 not in (None, digest):
            yield f"{path} {digest}", f"{path} {entry.sha256}"
        elif entry.size not in (None, size):
            yield f"{path} {size} bytes", f"{path} {entry.size} bytes"
        elif entry.sha256 is None and placed.members.get(path) not in placed.wheel.undigested:
            other = found.other_digests.get(path, "no digest")
            if other.partition("=")[0] not in ("sha384", "sha512"):
                yield f"{path} {digest}", f"{path} {other}"


def _wanted(path: str, placed: PlacedWheel) -> str:
    member = placed.members.get(path)
    if member is None or member in placed.wheel.restarted:
        return "what an installer makes of it" if member else "a launcher"
    return placed.wheel.digests.get(member, "")[:12]
