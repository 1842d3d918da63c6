"""Permissions of files, which root does not have to obey: here it does."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Iterator

import pytest

# Linux: capability.h. Reading and writing whatever the permission bits say.
_VERSION = 0x20080522
_OVERRIDE, _SEARCH = 1 << 1, 1 << 2
_PR_CAPBSET_DROP = 24


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Capabilities(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


def is_root() -> bool:
    return sys.platform != "win32" and os.geteuid() == 0


@contextlib.contextmanager
def obeyed() -> Iterator[None]:
    """Within this, permission bits count for this thread; the test is skipped where they cannot."""
    if sys.platform == "win32":
        pytest.skip("Windows has other permissions")
    if not is_root():
        yield
        return
    if sys.platform != "linux":
        pytest.skip("root reads and writes anywhere")
    libc = ctypes.CDLL(None, use_errno=True)
    header, found = _Header(_VERSION, 0), (_Capabilities * 2)()
    if libc.capget(ctypes.byref(header), found) != 0:
        pytest.skip("root reads and writes anywhere")
    before = found[0].effective
    found[0].effective = before & ~(_OVERRIDE | _SEARCH)
    if libc.capset(ctypes.byref(header), found) != 0:
        pytest.skip("root reads and writes anywhere")
    try:
        yield
    finally:
        found[0].effective = before
        libc.capset(ctypes.byref(header), found)


def obey() -> None:
    """For `preexec_fn`: permission bits count for the program that is started."""
    if sys.platform == "linux" and os.geteuid() == 0:
        libc = ctypes.CDLL(None)
        for capability in (1, 2):
            libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
