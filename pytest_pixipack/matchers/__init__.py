"""Matchers: what a test expects of packages, packs and prefixes, as values for `==`.

They subclass dirty-equals, stand on either side of `==`, inside dicts and lists and as each other's
arguments, and combine with `&`, `|` and `~` among themselves and with dirty-equals' own
(`Contains`, `IsPartialDict`, ...). Bad arguments raise where the matcher is made; a value of a
foreign type compares unequal and never raises.

>>> from dirty_equals import Contains
>>> from pytest_pixipack.facts import PackageFacts
>>> app = PackageFacts(name="app", version="0.1.0", build="h1f_0", depends=("curl >=8", "zlib *"))
>>> app == IsPackage(
...     version=IsVersion(">=0.1") & ~IsVersion("0.2.*"),
...     build=IsBuildString(prefix="h"),
...     depends=Contains(IsSpec("curl >=8.0")),
... )
True
"""

from __future__ import annotations

from pytest_pixipack.matchers.base import Matcher
from pytest_pixipack.matchers.constraints import IsSpec, IsVersion
from pytest_pixipack.matchers.layers import IsPack, IsPrefix
from pytest_pixipack.matchers.packages import HasFiles, IsPackage, IsSource
from pytest_pixipack.matchers.strings import IsBuildString, IsMd5, IsSha256, IsTimestamp

__all__ = [
    "HasFiles",
    "IsBuildString",
    "IsMd5",
    "IsPack",
    "IsPackage",
    "IsPrefix",
    "IsSha256",
    "IsSource",
    "IsSpec",
    "IsTimestamp",
    "IsVersion",
    "Matcher",
]
