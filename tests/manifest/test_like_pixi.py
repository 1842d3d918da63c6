"""Small manifests, each accepted or refused as `pixi info` of pixi 0.77 does."""

from __future__ import annotations

import shutil
import subprocess
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
    "every PyPI source": WORKSPACE
    + """[pypi-dependencies]
a = "*"
b = { version = "~=1.2", extras = ["x"], env-markers = "python_version >= '3.9'" }
c = { version = "==1.0", index = "https://e.org/simple" }
d = { path = "d", editable = true }
e = { git = "ssh://git@e.org/e.git", tag = "v1", subdirectory = "s" }
f = { url = "https://e.org/f-1.0-py3-none-any.whl" }""",
    "every PyPI option": WORKSPACE
    + """[pypi-options]
index-url = "https://e.org"
extra-index-urls = ["https://e.org/more"]
find-links = [{ path = "wheels" }, { url = "https://e.org/links" }]
no-build-isolation = ["a"]
no-build = true
no-binary = false
index-strategy = "unsafe-best-match"
prerelease-mode = "if-necessary-or-explicit"
dependency-overrides = { numpy = ">=2" }""",
    "every form of a task": WORKSPACE
    + """[tasks]
a = "echo"
b = { cmd = ["echo", "x"], depends-on = ["a", { task = "a", args = ["y", { k = "v" }] }] }
c = [{ task = "a" }]
d = { cmd = "x", args = ["p", { arg = "q", default = "1", choices = ["1", "2"] }] }
e = { depends-on = "a", description = "all of it" }""",
    "a map to PyPI names": FIELD % 'conda-pypi-map = { conda-forge = { mapping = { a = ["b"] } } }',
    "no map to PyPI names": FIELD % "conda-pypi-map = false",
    "S3 bucket": FIELD
    % 's3-options.b = { endpoint-url = "https://e.org", region = "r", force-path-style = true }',
    "fraction of a day": FIELD % 'exclude-newer = "1.5d"',
    "cut-offs of packages": WORKSPACE + '[exclude-newer]\na = "7d"\n[pypi-exclude-newer]\nb = "1h"',
    "PyPI options that agree": WORKSPACE
    + """[feature.a.pypi-options]
index-url = "https://e.org"
[feature.b.pypi-options]
index-url = "https://e.org"
[environments]
ab = ["a", "b"]""",
    "regular expression": WORKSPACE + D + 'a = { version = "*", build = "^py3[0-9]+_(?<n>.)$" }',
    "a newer subdir": PLATFORM % '"ios-arm64", "freebsd-arm64"',
    "a document's license": FIELD % 'license = "DocumentRef-a:LicenseRef-b"',
    "a file that the workspace does not name": BUILDING
    + '[package]\nreadme.workspace = true\nbuild = { backend = { name = "b" } }',
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
    "a URL that is none": (FIELD % 'homepage = "e.org"', "https://"),
    "a channel's URL": (FIELD.replace('"c"', '"https://"') % "", None),
    "a day that does not exist": (FIELD % 'exclude-newer = "2025-02-29"', '"7d"'),
    "cut-off of a channel": (
        FIELD.replace('"c"', '{ channel = "c", exclude-newer = "x" }') % "",
        '"7d"',
    ),
    "a newer pixi's constraint": (FIELD % 'requires-pixi = "1.0"', '">=1.0"'),
    "former table beside the new": (WORKSPACE + '[project]\nname = "w"', None),
    "microarchitecture": (
        PLATFORM % '{ platform = "linux-64", archspec = "x86-64-v3" }',
        "`x86_64_v3`",
    ),
    "GNU license": (FIELD % 'license = "GPL-2.0+"', "GPL-2.0-or-later"),
    "PyPI version": (WORKSPACE + '[pypi-dependencies]\na = "1.0"', '"==1.0"'),
    "PyPI path as version": (WORKSPACE + '[pypi-dependencies]\na = "./a"', "{ path ="),
    "PyPI branch without git": (
        WORKSPACE + '[pypi-dependencies]\na = { branch = "b" }',
        "Add `git`",
    ),
    "PyPI path and version": (
        WORKSPACE + '[pypi-dependencies]\na = { path = "a", version = "*" }',
        "Keep one",
    ),
    "PyPI marker": (
        WORKSPACE + "[pypi-dependencies]\na = { version = '*', env-markers = 'linux' }",
        "python_version",
    ),
    "PyPI option": (WORKSPACE + '[pypi-options]\nindex-urls = "https://e.org"', "`index-url`"),
    "PyPI strategy": (WORKSPACE + '[pypi-options]\nindex-strategy = "first"', "`first-index`"),
    "PyPI options that contradict": (
        WORKSPACE
        + """[feature.a.pypi-options]
index-url = "https://a.org"
[feature.b.pypi-options]
index-url = "https://b.org"
[environments]
ab = ["a", "b"]""",
        "different environments",
    ),
    "contradicting processors": (
        WORKSPACE
        + """[feature.a.system-requirements]
archspec = "zen2"
[feature.b.system-requirements]
archspec = "zen3"
[environments]
ab = ["a", "b"]""",
        "different environments",
    ),
    "find-links": (WORKSPACE + "[pypi-options]\nfind-links = [{}]", "{ path ="),
    "a task's key": (WORKSPACE + '[tasks]\nt = { cmd = "x", dependson = "y" }', "`depends-on`"),
    "an alias with a directory": (WORKSPACE + '[tasks]\nt = { cwd = "x" }', "Add `cmd`"),
    "a task's environment": (
        WORKSPACE + '[tasks]\nt = { cmd = "x", default-environment = "A B" }',
        "`a-b`",
    ),
    "a task's argument": (WORKSPACE + '[tasks]\nt = { cmd = "x", args = ["a-b"] }', "`a_b`"),
    "an argument behind a default": (
        WORKSPACE + '[tasks]\nt = { cmd = "x", args = [{ arg = "a", default = "1" }, "b"] }',
        "`default`",
    ),
    "a default that is no choice": (
        WORKSPACE
        + '[tasks]\nt = { cmd = "x", args = [{ arg = "a", default = "1", choices = [] }] }',
        "Choose",
    ),
    "a map that is true": (FIELD % "conda-pypi-map = true", "false to disable"),
    "an empty map of a channel": (FIELD % "conda-pypi-map = { c = {} }", "false to disable"),
    "S3 bucket without a region": (
        FIELD % 's3-options.b = { endpoint-url = "https://e.org", force-path-style = true }',
        "Add `region`",
    ),
    "a path out of the repository": (
        BUILDING + D + 'a = { git = "https://e.org/x", subdirectory = "../y" }',
        None,
    ),
    "a glob": (WORKSPACE + D + 'a = { version = "*", build = "*[x" }', "py312*"),
    "pool entry": (BUILDING + "[workspace.dependencies]\na = { build = 1 }", None),
    "pool entry from source": (
        WORKSPACE + '[workspace.dependencies]\na = { path = "x" }',
        "pixi-build",
    ),
    "pool entry twice": (BUILDING + '[workspace.dependencies]\na = "*"\nA = "*"', "lower case"),
    "flag": (BUILDING + PACKAGE + 'flags = ["A"]', "lower-case"),
    "extra's name": (BUILDING + PACKAGE + '[package.extra-dependencies.T]\na = "*"', "lower-case"),
    "inline package that inherits": (
        BUILDING
        + """[dependencies.a]
path = "a"
package = { version.workspace = true, build = { backend = { name = "b" } } }""",
        "Write it here",
    ),
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


# What earns a warning -> the manifest, and the line that the warning names.
WARNED = {
    "a former name": ("[project]\nchannels = []\nplatforms = []", 1),
    "former dependencies": (WORKSPACE + '[host-dependencies]\na = "*"', 6),
    "a former key of a task": (WORKSPACE + '[tasks]\nt = { cmd = "x", depends_on = ["u"] }', 7),
    "an empty map": (FIELD % "conda-pypi-map = {}", 3),
    "a bare version": (WORKSPACE + D + 'a = "1.0"', 7),
    "an unknown preview": (FIELD % 'preview = ["x"]', 3),
    "requirements of the system": (WORKSPACE + '[system-requirements]\nlinux = "5"', 6),
    "a requirement of the processor": (WORKSPACE + '[system-requirements]\narchspec = "zen2"', 6),
    "an unused feature": (WORKSPACE + "[feature.f]", 6),
    "a target without a platform": (WORKSPACE + '[target.linux-32.tasks]\na = "x"', 6),
    "a target beside the platforms of its feature": (
        WORKSPACE
        + """[environments]
f = ["f"]
[feature.f]
platforms = ["linux-64"]
target.win-64.tasks = { a = "x" }""",
        10,
    ),
    "former targets": (BUILDING + PACKAGE + "[package.target.win]", 15),
    "a former configuration": (BUILDING + PACKAGE + "configuration = {}", 15),
    "former channels": (BUILDING + PACKAGE + 'channels = ["c"]', 15),
}
# What is as old, but pixi says nothing of it.
NOT_WARNED = {
    "former dependencies of a target": WORKSPACE + '[target.win.host-dependencies]\na = "*"',
    "a former configuration of a target": BUILDING
    + PACKAGE
    + "[package.build.target.win]\nconfiguration = {}",
    "a matching wildcard": WORKSPACE + '[target."linux-*".tasks]\na = "x"',
    "empty requirements": WORKSPACE + "[system-requirements]",
}


@pytest.mark.parametrize("what", WARNED)
def test_warned_of(what: str, tmp_path: Path) -> None:
    text, line = WARNED[what]
    (warning,) = load(tmp_path, text).warnings
    assert warning.message.endswith(".")
    assert warning.line == line


@pytest.mark.parametrize("what", NOT_WARNED)
def test_not_warned_of(what: str, tmp_path: Path) -> None:
    assert load(tmp_path, NOT_WARNED[what]).warnings == ()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("pixi") is None, reason="pixi is not on PATH")
def test_pixi_says_the_same(tmp_path: Path) -> None:
    texts = {f"accepted: {what}": text for what, text in ACCEPTED.items()}
    texts.update({f"refused: {what}": text for what, (text, _) in REFUSED.items()})
    texts.update({f"accepted: warned of {what}": text for what, (text, _) in WARNED.items()})
    texts.update({f"accepted: not warned of {what}": text for what, text in NOT_WARNED.items()})
    wrong = []
    for number, (what, text) in enumerate(texts.items()):
        directory = tmp_path / str(number)
        directory.mkdir()
        (directory / "pixi.toml").write_text(text, encoding="utf-8")
        # Reads the whole manifest, and needs neither a lock nor the network.
        command = ["pixi", "workspace", "channel", "list", "--manifest-path", "pixi.toml"]
        run = subprocess.run(command, cwd=directory, capture_output=True, check=False)
        if what.startswith("accepted") != (run.returncode == 0):
            wrong.append(what)
    assert wrong == []
