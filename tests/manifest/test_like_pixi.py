"""Small manifests, each accepted or refused as `pixi info` of pixi 0.77 does."""

from __future__ import annotations

from pathlib import Path

import pytest

from .helpers import BUILDING, PACKAGE, WORKSPACE, load, refusal

D = "[dependencies]\n"
PLATFORM = '[workspace]\nname = "w"\nchannels = ["c"]\nplatforms = [%s]\n'
FIELD = '[workspace]\nname = "w"\n%s\nchannels = ["c"]\nplatforms = ["linux-64"]\n'

ACCEPTED = {
    "a version": WORKSPACE + D + 'a = ">=1, <2"\nB = "*"',
    "a bare version": WORKSPACE + D + 'a = "1.0"',
    "all operators": WORKSPACE + D + 'a = "=1.0"\nb = "~=1.2"\nc = ">=1|<0.5"',
    "extras and flags": WORKSPACE + D + 'a = { version = ">=1", extras = ["x"], flags = ["y"] }',
    "conditions": WORKSPACE + D + 'a = { version = "*", when = { any = ["__unix", "b >=3"] } }',
    "build number": WORKSPACE + D + 'a = { version = ">=1", build-number = ">3" }',
    "package file": WORKSPACE + D + 'a = { path = "x/a-1-0.conda" }',
    "package at a URL": WORKSPACE + D + 'a = { url = "https://example.org/a-1-0.conda" }',
    "virtual package": WORKSPACE + D + '__cuda = "*"',
    "wildcard target": WORKSPACE + '[target."linux-*".dependencies]\na = "*"',
    "host dependencies": WORKSPACE + '[host-dependencies]\na = "*"',
    "environment in place": WORKSPACE + '[environments.t]\ndependencies = { a = "*" }',
    "environment of a group": WORKSPACE + '[environments]\nt = { solve-group = "g" }',
    "feature on another subdir": WORKSPACE + '[feature.t]\nplatforms = ["osx-64"]',
    "microarchitecture": PLATFORM % '{ platform = "linux-64", archspec = "x86_64_v3" }',
    "raw virtual package": PLATFORM % '{ platform = "linux-64", __foo = "1=bar" }',
    "no name": '[workspace]\nchannels = ["c"]\nplatforms = ["linux-64"]',
    "former name": '[project]\nname = "w"\nchannels = ["c"]\nplatforms = ["linux-64"]',
    "unknown preview": FIELD % 'preview = ["x"]',
    "every preview": FIELD % "preview = true" + D + 'a = { path = "x" }',
    "license": FIELD % 'license = "MIT OR Apache-2.0"',
    "own license": FIELD % 'license = "LicenseRef-Mine"',
    "duration": FIELD % 'exclude-newer = "7d"',
    "pixi's version": FIELD % 'requires-pixi = ">=0.5"',
    "inherited dependency": BUILDING
    + '[workspace.dependencies]\na = ">=1"\n[dependencies]\na = { workspace = true }',
    "package": BUILDING + PACKAGE + '[package.run-dependencies]\na = "*"',
    "nameless package": BUILDING + '[package.build]\nbackend = { name = "b" }',
    "inherited version": BUILDING
    + '[package]\nversion.workspace = true\nbuild = { backend = { name = "b" } }',
    "inline package": BUILDING
    + '[dependencies.a]\npath = "x"\n[dependencies.a.package.build]\nbackend = { name = "b" }',
    "source of a package": BUILDING + PACKAGE + 'source = { path = "x" }',
    "dev dependency": WORKSPACE + '[dev]\na = { path = "x" }',
    "schema": '"$schema" = "https://example.org"\n' + WORKSPACE,
}

REFUSED = {
    "misspelt key": (WORKSPACE + D + 'a = { versoin = "1" }', "`version`"),
    "same name in capitals": (WORKSPACE + D + 'a = "*"\nA = "*"', "lower case"),
    "brackets in when": (WORKSPACE + D + 'a = { version = "*", when = "b[build=3]" }', "package ="),
    "build number as integer": (WORKSPACE + D + "a = { build-number = 3 }", None),
    "only a family": (WORKSPACE + D + 'a = { license-family = "x" }', '"*"'),
    "no digest": (WORKSPACE + D + 'a = { md5 = "zz" }', None),
    "branch and tag": (
        BUILDING + D + 'a = { git = "https://e.org/x", branch = "a", tag = "b" }',
        "Keep",
    ),
    "branch without git": (WORKSPACE + D + 'a = { version = "*", branch = "b" }', "add `git`"),
    "channel of a path": (BUILDING + D + 'a = { path = "x", channel = "y" }', "Remove `channel`"),
    "version of a file": (WORKSPACE + D + 'a = { path = "a.conda", version = "1.*" }', "Remove"),
    "source at a URL": (WORKSPACE + D + 'a = { url = "https://e.org/a.tar.gz" }', "preview"),
    "boolean": (WORKSPACE + D + "a = true", None),
    "path as version": (WORKSPACE + D + 'a = "../lib"', "{ path ="),
    "matchspec as version": (WORKSPACE + D + 'a = "1.0 h0*"', 'build = "h0*"'),
    "target name": (WORKSPACE + '[target.linux_64.dependencies]\na = "*"', "`linux-64`"),
    "host dependencies": (BUILDING + '[host-dependencies]\na = "*"', "[package.host-dependencies]"),
    "constraint on source": (BUILDING + '[constraints]\na = { path = "x" }', "version constraint"),
    "default feature": (WORKSPACE + '[feature.default.dependencies]\na = "*"', "root"),
    "feature's key": (WORKSPACE + '[feature.t]\ndepndencies = { a = "*" }', "`dependencies`"),
    "feature's platform": (WORKSPACE + '[feature.t]\nplatforms = ["linux-65"]', "`linux-64`"),
    "feature twice": (WORKSPACE + '[feature.t]\n[environments]\nt = ["t", "t"]', "order"),
    "empty environment": (WORKSPACE + "[environments]\nt = {}", "List its features"),
    "capital environment": (WORKSPACE + "[environments]\nT = []", "`t`"),
    "system requirement": (WORKSPACE + '[system-requirements]\nglibc = "2.17"', "`libc`"),
    "plain platform with more": (PLATFORM % '{ name = "linux-64", cuda = "12" }', "`name`"),
    "platform's key": (PLATFORM % '{ platform = "linux-64", kuda = "12" }', "`cuda`"),
    "platform twice": (PLATFORM % '"linux-64", "linux-64"', "Remove one"),
    "no channels": ('[workspace]\nname = "w"\nplatforms = ["linux-64"]', "channels ="),
    "license": (FIELD % 'license = "Foo"', "MIT"),
    "license in lower case": (FIELD % 'license = "mit"', '"MIT"'),
    "missing file": (FIELD % 'readme = "R.md"', None),
    "cut-off": (FIELD % 'exclude-newer = "soon"', '"7d"'),
    "channel priority": (FIELD % 'channel-priority = "stict"', "`strict`"),
    "version beside inheritance": (
        BUILDING
        + '[workspace.dependencies]\na = ">=1"\n[dependencies]\n'
        + 'a = { workspace = true, version = "1.*" }',
        "remove one",
    ),
    "nothing to inherit": (BUILDING + D + "a = { workspace = true }", "[workspace.dependencies]"),
    "inheritance denied": (BUILDING + D + "a = { workspace = false }", "Leave it out"),
    "package without preview": (WORKSPACE + PACKAGE, "preview"),
    "field that the workspace lacks": (
        BUILDING
        + '[package]\nlicense = { workspace = true }\nbuild = { backend = { name = "b" } }',
        "Add `license`",
    ),
    "pin of a build dependency": (
        BUILDING + PACKAGE + "[package.build-dependencies]\na = { pin-compatible = true }",
        "run exports",
    ),
    "pin of another package": (
        BUILDING + PACKAGE + "[package.run-exports.weak]\na = { pin-subpackage = true }",
        "`pin-compatible`",
    ),
    "both configurations": (
        BUILDING + PACKAGE + "config = { a = 1 }\nconfiguration = { b = 1 }",
        "Keep `config`",
    ),
    "run exports of a target": (
        BUILDING + PACKAGE + '[package.target.linux.run-exports.weak]\na = "*"',
        None,
    ),
    "negative build number": (BUILDING + PACKAGE + "build-number = -1", None),
    "source without a place": (BUILDING + PACKAGE + "source = {}", "`path`"),
    "no channel for the backend": (
        BUILDING + '[package.build]\nbackend = { name = "b", channels = [] }',
        "Name a channel",
    ),
    "run exports bucket": (BUILDING + PACKAGE + '[package.run-exports.week]\na = "*"', "`weak`"),
    "run export of a URL": (
        BUILDING + PACKAGE + '[package.run-exports.weak]\na = { url = "https://e.org/a.conda" }',
        "version constraint",
    ),
    "variant as integer": (BUILDING + "[workspace.build-variants]\na = [1]", None),
    "dev version": (BUILDING + '[dev]\na = "*"', None),
    "PyPI key": (WORKSPACE + '[pypi-dependencies]\na = { verzion = "1" }', "`version`"),
    "date in a tool's table": (WORKSPACE + "[tool.x]\nd = 2020-01-01", "string"),
    "activation": (WORKSPACE + '[activation]\nscript = ["a.sh"]', "`scripts`"),
    "package name": (WORKSPACE + D + '"a b" = "*"', "letters"),
    "neither workspace nor package": (D + 'a = "*"', "[workspace]"),
}


@pytest.mark.parametrize("what", ACCEPTED)
def test_accepted(what: str, tmp_path: Path) -> None:
    load(tmp_path, ACCEPTED[what])


@pytest.mark.parametrize("what", REFUSED)
def test_refused_with_a_line_and_a_remedy(what: str, tmp_path: Path) -> None:
    text, remedy = REFUSED[what]
    error = refusal(tmp_path, text)
    assert error.line is not None
    assert error.message.endswith(".")
    if remedy is not None:
        assert remedy in (error.remedy or "")
