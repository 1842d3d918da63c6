"""What became of a package, told from the fields that differ."""

from __future__ import annotations

from collections.abc import Collection

from pytest_pixipack.lock.diff_model import DifferenceKind, Side, What

# Fields that another build of the same version changes.
_OF_THE_BUILD = frozenset({"build", "build_number", "sha256", "md5"})
_PLACES_OF_SOURCES = frozenset({"location", "source"})


def classify(
    left: Side | None, right: Side | None, fields: Collection[tuple[str, DifferenceKind]]
) -> What:
    """What became of a package; `fields` are the names and kinds of what differs.

    The first that holds: added, removed, of another kind, upgraded or downgraded, from another
    place, rebuilt, changed in what counts, in metadata, in order.
    """
    if left is None or right is None:
        return "added" if left is None else "removed"
    if left.kind != right.kind:
        return "replaced"
    payload = {field for field, kind in fields if kind == "payload"}
    if left.version != right.version and None not in (left.version, right.version):
        order = compare_versions(str(left.version), str(right.version), pypi=left.kind == "pypi")
        if order:
            return "upgraded" if order > 0 else "downgraded"
        # Not to be compared, or the same version written in another way.
        return "changed" if order is None else "rebuilt"
    if _moved(left, right, fields):
        return "moved"
    if payload & _OF_THE_BUILD:
        return "rebuilt"
    if payload:
        return "changed"
    return "metadata" if any(kind == "metadata" for _, kind in fields) else "order"


def compare_versions(left: str, right: str, *, pypi: bool = False) -> int | None:
    """1 where `right` is the newer version, -1 where `left` is, 0 for equal ones.

    None where one of them is no version. Conda versions are compared by py-rattler, those of PyPI
    by packaging (PEP 440).
    """
    if pypi:
        from packaging.version import InvalidVersion, Version

        try:
            first, second = Version(left), Version(right)
        except InvalidVersion:
            return None
        return (second > first) - (second < first)
    import rattler

    try:
        old, new = rattler.Version(left), rattler.Version(right)
    except Exception:
        # rattler's errors have no base class of their own.
        return None
    return (new > old) - (new < old)


def _moved(left: Side, right: Side, fields: Collection[tuple[str, DifferenceKind]]) -> bool:
    names = {field for field, _ in fields}
    if left.kind == "source":
        return bool(names & _PLACES_OF_SOURCES)
    if left.kind == "binary":
        # A location also differs where only the file's name does.
        if None not in (left.channel, right.channel):
            return left.channel != right.channel
        return "location" in names and _directory(left) != _directory(right)
    if names & _OF_THE_BUILD:
        return False
    paths = "://" not in f"{left.location}{right.location}"
    return "index" in names or ("location" in names and paths)


def _directory(side: Side) -> str:
    return (side.location or "").replace("\\", "/").rpartition("/")[0]
