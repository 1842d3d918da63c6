"""Prefixes: installed environments, how they are made, read and activated.

prefix = install(records, path, platform="linux-64")     -> Prefix
prefix = read_prefix(path)                               -> Prefix
files = prefix_files(path)                               -> what is really there, hashed lazily
"""

from __future__ import annotations

from pytest_pixipack.prefix.activation import SHELLS, activation_script
from pytest_pixipack.prefix.checked import InstallRecord
from pytest_pixipack.prefix.files import PrefixFiles, is_installers, prefix_files
from pytest_pixipack.prefix.install import install
from pytest_pixipack.prefix.model import Prefix, read_prefix

__all__ = [
    "SHELLS",
    "InstallRecord",
    "Prefix",
    "PrefixFiles",
    "activation_script",
    "install",
    "is_installers",
    "prefix_files",
    "read_prefix",
]
