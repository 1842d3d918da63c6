"""The cases that `pypi_recording` records: workspaces that pixi locks, and edits that follow."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from tests.verify.pypi_world import GIT_URL, Wheel


@dataclass(frozen=True)
class Edit:
    """In `file`, `old` becomes `new`; without `old` the file becomes `new`, or goes (None)."""

    file: str
    old: str | None
    new: str | bytes | None


@dataclass(frozen=True)
class Case:
    """A base, and what is edited in it after pixi has locked it."""

    name: str
    base: str
    edits: tuple[Edit, ...] = ()


def toml(old: str, new: str) -> Edit:
    return Edit("pixi.toml", old, new)


def lock(old: str, new: str) -> Edit:
    return Edit("pixi.lock", old, new)


HEAD = """[workspace]
channels = ["file://@ROOT@/channel"]
platforms = ["linux-64", "win-64"]

[workspace.conda-pypi-map]
"file://@ROOT@/channel" = { location = "@ROOT@/channel/map.json", mapping-mode = "replace" }

[dependencies]
python = "3.11.*"
"""
MAIN = '\n[pypi-options]\nindex-url = "@INDEX@/main"\n'

LAMP = hashlib.sha256(Wheel("lamp", "1.1").content()).hexdigest()
ROPE = Wheel("rope", "1.2", ("sail>=3",)).content()


def project(name: str, more: str = 'dependencies = ["sail>=3"]', version: str = "0.1.0") -> str:
    return (
        f'[project]\nname = "{name}"\nversion = "{version}"\nrequires-python = ">=3.9"\n{more}\n\n'
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
    )


EXTRAS = """dependencies = ["sail>=3"]

[project.optional-dependencies]
night = ["lamp", "horn"]
all = ["crew[night]", "buoy"]"""

BASES: dict[str, dict[str, str | bytes]] = {
    "plain": {
        "pixi.toml": HEAD + 'deck = "*"\n' + MAIN + '\n[pypi-dependencies]\nhull = ">=2"\n',
    },
    "extras": {
        "pixi.toml": HEAD + MAIN + "\n[pypi-dependencies]\n"
        'hull = { version = ">=2", extras = ["night"] }\nring = "*"\n',
    },
    "nested-extras": {"pixi.toml": HEAD + MAIN + '\n[pypi-dependencies]\nfleet = "*"\n'},
    "markers": {
        "pixi.toml": HEAD + MAIN + "\n[pypi-dependencies]\nsail = \"*\"\n"
        "anchor = { version = \"*\", env-markers = \"sys_platform == 'win32'\" }\n"
        "lamp = { version = \"*\", env-markers = \"python_version < '3.10'\" }\n",
    },
    "targets": {
        "pixi.toml": HEAD + MAIN + '\n[pypi-dependencies]\nsail = "*"\n'
        '\n[target.win-64.pypi-dependencies]\nanchor = "*"\n',
    },
    "conda": {
        "pixi.toml": HEAD + 'keel = "*"\ncabin = "*"\n' + MAIN
        + '\n[pypi-dependencies]\nhull = ">=2"\nkeel = ">=1"\n',
    },
    "other-name": {
        "pixi.toml": HEAD + 'cabin = "*"\n' + MAIN + '\n[pypi-dependencies]\nthe-cabin = ">=1"\n',
    },
    "all-from-conda": {
        "pixi.toml": HEAD + 'keel = "*"\n' + MAIN + '\n[pypi-dependencies]\nkeel = "*"\n',
    },
    "tags": {
        "pixi.toml": HEAD.replace('"win-64"]', '"win-64", "osx-arm64"]') + MAIN
        + '\n[pypi-dependencies]\npump = "*"\n',
    },
    "abi3": {"pixi.toml": HEAD + MAIN + '\n[pypi-dependencies]\nwinch = "*"\n'},
    "indexes": {
        "pixi.toml": HEAD + '\n[pypi-options]\nindex-url = "@INDEX@/main"\n'
        'extra-index-urls = ["@INDEX@/extra"]\nfind-links = [{ url = "@INDEX@/flat/flat.html" }]\n'
        '\n[pypi-dependencies]\nflag = "*"\nknot = "*"\n',
    },
    "own-index": {
        "pixi.toml": HEAD + MAIN
        + '\n[pypi-dependencies]\nsail = { version = "*", index = "@INDEX@/extra" }\nlamp = "*"\n',
    },
    "flat-path": {
        "pixi.toml": HEAD + '\n[pypi-options]\nindex-url = "@INDEX@/main"\n'
        'find-links = [{ path = "./wheels" }]\n\n[pypi-dependencies]\nrope = "*"\n',
        "wheels/rope-1.2-py3-none-any.whl": ROPE,
    },
    "urls": {
        "pixi.toml": HEAD + MAIN + "\n[pypi-dependencies]\n"
        'sail = { url = "@INDEX@/files/main/sail-3.0-py3-none-any.whl" }\n'
        'lamp = { url = "@INDEX@/files/main/lamp-1.1-py3-none-any.whl#sha256=' + LAMP + '" }\n',
    },
    "wheel-path": {
        "pixi.toml": HEAD + MAIN + "\n[pypi-dependencies]\n"
        'rope = { path = "./wheels/rope-1.2-py3-none-any.whl" }\n',
        "wheels/rope-1.2-py3-none-any.whl": ROPE,
    },
    "directory": {
        "pixi.toml": HEAD + MAIN + "\n[pypi-dependencies]\n"
        'crew = { path = "./crew", editable = true, extras = ["all"] }\nmate = { path = "mate" }\n',
        "crew/pyproject.toml": project("crew", EXTRAS),
        "crew/crew/__init__.py": "",
        "mate/README": "",
        "mate/pyproject.toml": project("mate", 'dependencies = ["crew", "horn; extra == \'x\'"]'),
    },
    "uv-sources": {
        "pixi.toml": HEAD + MAIN + '\n[pypi-dependencies]\ncrew = { path = "./crew" }\n',
        "crew/pyproject.toml": project("crew", 'dependencies = ["mate", "sail"]')
        + '\n[tool.uv.sources]\nmate = { path = "../mate" }\n',
        "mate/pyproject.toml": project("mate", "dependencies = []"),
    },
    "path-requirement": {
        "pyproject.toml": project("boat", 'dependencies = ["mate @ ./mate", "sail"]')
        + '\n[tool.pixi.workspace]\nchannels = ["file://@ROOT@/channel"]\n'
        'platforms = ["linux-64"]\nconda-pypi-map = false\n'
        '\n[tool.pixi.pypi-options]\nindex-url = "@INDEX@/main"\n',
        "mate/pyproject.toml": project("mate", "dependencies = []"),
    },
    "git": {
        "pixi.toml": HEAD + MAIN + "\n[pypi-dependencies]\n"
        f'rig = {{ git = "{GIT_URL}", tag = "v1" }}\n'
        f'jib = {{ git = "{GIT_URL}", branch = "next", subdirectory = "sub" }}\n',
    },
    "git-default": {
        "pixi.toml": HEAD + MAIN + f'\n[pypi-dependencies]\nrig = {{ git = "{GIT_URL}" }}\n',
    },
    "git-rev": {
        "pixi.toml": HEAD + MAIN
        + f'\n[pypi-dependencies]\nrig = {{ git = "{GIT_URL}", rev = "@REV@" }}\n',
    },
    "overrides": {
        "pixi.toml": HEAD + MAIN + '\n[pypi-options.dependency-overrides]\nsail = "==3.0"\n'
        '\n[pypi-dependencies]\nhull = ">=2"\n',
    },
    "prerelease": {
        "pixi.toml": HEAD + '\n[pypi-options]\nindex-url = "@INDEX@/main"\n'
        'prerelease-mode = "allow"\n\n[pypi-dependencies]\nhull = "*"\n',
    },
    "explicit-prerelease": {
        "pixi.toml": HEAD + MAIN + '\n[pypi-dependencies]\nfender = ">=2.0a1"\n'
        'buoy = "==1.0.post1"\n',
    },
    "no-build": {
        "pixi.toml": HEAD + '\n[pypi-options]\nindex-url = "@INDEX@/main"\nno-build = true\n'
        '\n[pypi-dependencies]\nsail = "*"\n',
    },
    "features": {
        "pixi.toml": HEAD + MAIN + '\n[pypi-dependencies]\nsail = ">=3"\n'
        '\n[feature.night.pypi-dependencies]\nlamp = "*"\nsail = "<4"\n'
        '\n[feature.far.pypi-options]\nextra-index-urls = ["@INDEX@/extra"]\n'
        '\n[feature.far.pypi-dependencies]\nflag = "*"\n'
        '\n[environments]\nnight = ["night"]\nfar = ["far"]\n'
        'bare = { features = [], no-default-feature = true }\n',
    },
    "group": {
        "pixi.toml": HEAD + MAIN + '\n[pypi-dependencies]\nsail = ">=3"\n'
        '\n[feature.night.pypi-dependencies]\nlamp = "*"\nsail = "<4"\n'
        '\n[environments]\ndefault = { solve-group = "g" }\n'
        'night = { features = ["night"], solve-group = "g" }\n',
    },
    "group-conda": {
        "pixi.toml": HEAD + MAIN + '\n[pypi-dependencies]\nkeel = ">=1"\n'
        '\n[feature.night.dependencies]\nkeel = "*"\n'
        '\n[environments]\ndefault = { solve-group = "g" }\n'
        'night = { features = ["night"], solve-group = "g" }\n',
    },
    "pyproject": {
        "pyproject.toml": project(
            "boat",
            'dependencies = ["sail>=3", "anchor; sys_platform == \'win32\'"]\n'
            '\n[project.optional-dependencies]\nnight = ["lamp"]\n'
            '\n[dependency-groups]\ntest = ["horn>=2"]',
        )
        + '\n[tool.pixi.workspace]\nchannels = ["file://@ROOT@/channel"]\n'
        'platforms = ["linux-64", "win-64"]\nconda-pypi-map = false\n'
        '\n[tool.pixi.dependencies]\npython = "3.11.*"\n'
        '\n[tool.pixi.pypi-options]\nindex-url = "@INDEX@/main"\n'
        '\n[tool.pixi.pypi-dependencies]\nboat = { path = ".", editable = true }\n'
        '\n[tool.pixi.environments]\nnight = ["night", "test"]\n',
        "boat/__init__.py": "",
    },
    "pyproject-urls": {
        "pyproject.toml": project(
            "boat",
            f'dependencies = ["rig @ git+{GIT_URL}@v1", '
            '"lamp @ @INDEX@/files/main/lamp-1.1-py3-none-any.whl", "hull[night]>=2"]',
        )
        + '\n[tool.pixi.workspace]\nchannels = ["file://@ROOT@/channel"]\n'
        'platforms = ["linux-64"]\nconda-pypi-map = false\n'
        '\n[tool.pixi.pypi-options]\nindex-url = "@INDEX@/main"\n',
    },
    "wanted": {
        "pixi.toml": HEAD + MAIN + "\n[pypi-dependencies]\nlamp = { version = \"*\", "
        "env-markers = \"python_version < '3.10'\" }\n",
    },
    "rich": {
        "pixi.toml": HEAD.replace('["linux-64", "win-64"]',
                                  '["win-64", { platform = "linux-64", glibc = "2.34" }]')
        + MAIN + '\n[pypi-dependencies]\nwinch = "*"\n',
    },
}  # fmt: skip


def _case(base: str, what: str, *edits: Edit) -> Case:
    return Case(f"{base}-{what}", base, edits)


def _dependency(base: str, what: str, line: str) -> Case:
    """One more line in `[pypi-dependencies]`."""
    table = "[pypi-dependencies]\n"
    return _case(base, what, toml(table, f"{table}{line}\n"))


def _without(base: str, what: str, *file_names: str) -> Case:
    """The lock's selectors of packages taken out."""
    edits = (lock(f"      - pypi: @INDEX@/files/{name}-py3-none-any.whl\n", "")
             for name in file_names)  # fmt: skip
    return _case(base, what, *edits)


CASES: tuple[Case, ...] = (
    *(Case(name, name) for name in BASES),
    # Requirements of the manifest.
    _dependency("plain", "added", 'lamp = "*"'),
    _dependency("plain", "added-present", 'sail = "*"'),
    _dependency("plain", "added-present-too-old", 'sail = ">=5"'),
    _dependency("plain", "added-bad", 'sail = "=>5"'),
    _dependency(
        "plain",
        "added-for-another-python",
        "lamp = { version = '*', env-markers = \"python_version < '3.10'\" }",
    ),
    _dependency(
        "plain",
        "added-for-this-python",
        "lamp = { version = '*', env-markers = \"python_version >= '3.10'\" }",
    ),
    _dependency(
        "plain",
        "added-for-windows",
        "lamp = { version = '*', env-markers = \"platform_system == 'Windows'\" }",
    ),
    _dependency(
        "plain",
        "added-for-words-in-order",
        "lamp = { version = '*', env-markers = \"sys_platform >= 'm'\" }",
    ),
    _dependency(
        "plain",
        "added-with-a-marker-left-out",
        "lamp = { version = '*', env-markers = \"python_version not in '3.10, 3.11'\" }",
    ),
    _dependency("plain", "added-as-spelled", 'Old_Rope = "*"'),
    _case("plain", "removed", toml('hull = ">=2"\n', "")),
    _case("plain", "removed-used", toml('hull = ">=2"', 'sail = "*"')),
    _case("plain", "respelled", toml("hull", "HuLL")),
    _case("plain", "tightened", toml(">=2", "==2.0.0")),
    _case("plain", "compatible", toml(">=2", "~=2.0")),
    _case("plain", "too-tight", toml(">=2", ">2")),
    _case("plain", "star", toml(">=2", "2.*".replace("2.*", "==2.*"))),
    _case("plain", "other-star", toml(">=2", "==1.*")),
    _case("plain", "exact", toml(">=2", "===2.0")),
    _case("plain", "other-exact", toml(">=2", "===2")),
    _case("plain", "not", toml(">=2", "!=2.0")),
    _case("plain", "table", toml('">=2"', '{ version = ">=2" }')),
    _case("plain", "python-newer", toml("3.11.*", "3.12.*")),
    _case("plain", "python-removed", toml('python = "3.11.*"\n', "")),
    _case("plain", "conda-removed", toml('deck = "*"\n', "")),
    _case("plain", "platform-added", toml('"win-64"]', '"win-64", "osx-arm64"]')),
    _case("plain", "comment", toml("[pypi-dep", "# nothing\n[pypi-dep")),
    # The lock.
    _without("plain", "lock-package-dropped", "main/sail-4.0"),
    _without("plain", "lock-windows-package-dropped", "main/anchor-0.9"),
    _case(
        "plain",
        "lock-all-dropped",
        *(
            lock(f"      - pypi: @INDEX@/files/main/{n}-py3-none-any.whl\n", "")
            for n in ("anchor-0.9", "hull-2.0", "keel-2.0", "sail-4.0")
        ),
    ),
    _case("plain", "lock-requirement-dropped", lock("  - keel>=1\n", "")),
    _case("plain", "lock-requirement-raised", lock("  - sail>=3\n", "  - sail>=5\n")),
    _case("plain", "lock-requirement-malformed", lock("  - sail>=3\n", "  - sail>>3\n")),
    _case(
        "plain", "lock-marker-changed", lock("sys_platform == 'win32'", "sys_platform == 'linux'")
    ),
    _case(
        "plain",
        "lock-python-marker-changed",
        lock("python_full_version < '3.10'", "python_full_version < '3.12'"),
    ),
    _case(
        "plain",
        "lock-requires-python-newer",
        lock("requires_python: '>=3.8'", "requires_python: '>=3.12'"),
    ),
    _case(
        "plain",
        "lock-requires-python-older",
        lock("requires_python: '>=3.8'", "requires_python: <3.10"),
    ),
    _case(
        "plain",
        "lock-requires-python-hole",
        lock("requires_python: '>=3.8'", "requires_python: '>=3.8,!=3.11.*'"),
    ),
    _case(
        "plain",
        "lock-requires-python-hole-below",
        lock("requires_python: '>=3.8'", "requires_python: '>=3.11,!=3.11.*'"),
    ),
    _case(
        "plain",
        "lock-requires-python-exact",
        lock("requires_python: '>=3.8'", "requires_python: ==3.11.*"),
    ),
    _case(
        "plain",
        "lock-requires-python-above",
        lock("requires_python: '>=3.8'", "requires_python: '>3.11.5'"),
    ),
    _case(
        "plain",
        "lock-version-edited",
        lock("version: '2.0'\n  sha256: 1", "version: '1.0'\n  sha256: 1"),
    ),
    _case("plain", "lock-hash-edited", lock("sha256: f255ba76", "sha256: 0255ba76")),
    _case(
        "plain",
        "lock-index-edited",
        lock("  index: @INDEX@/main\n  requires_dist", "  index: @INDEX@/extra\n  requires_dist"),
    ),
    _case(
        "plain",
        "lock-index-of-dependency",
        lock(
            "  index: @INDEX@/main\n  requires_python: '>=3.8,<4'",
            "  index: @INDEX@/extra\n  requires_python: '>=3.8,<4'",
        ),
    ),
    _case("plain", "lock-index-dropped", lock("  index: @INDEX@/main\n", "")),
    _case("plain", "lock-indexes-dropped", lock("    indexes:\n    - @INDEX@/main\n", "")),
    _case(
        "plain",
        "lock-duplicate",
        lock(
            "      - pypi: @INDEX@/files/main/sail-4.0-py3-none-any.whl\n",
            "      - pypi: @INDEX@/files/main/sail-3.0-py3-none-any.whl\n"
            "      - pypi: @INDEX@/files/main/sail-4.0-py3-none-any.whl\n",
        ),
        lock(
            "- pypi: @INDEX@/files/main/sail-4.0-py3-none-any.whl\n  name",
            "- pypi: @INDEX@/files/main/sail-3.0-py3-none-any.whl\n  name: sail\n  version: '3.0'\n"
            "- pypi: @INDEX@/files/main/sail-4.0-py3-none-any.whl\n  name",
        ),
    ),
    # Extras.
    _case("extras", "removed", toml(', extras = ["night"]', "")),
    _case("extras", "added", toml('["night"]', '["night", "manual"]')),
    _case("extras", "unknown", toml('["night"]', '["night", "nonsense"]')),
    _case("extras", "respelled", toml('["night"]', '["Night"]')),
    _case("nested-extras", "lock-extra-dropped", lock("hull[night]>=2", "hull>=2")),
    _case("nested-extras", "lock-extra-other", lock("hull[night]>=2", "hull[manual,night]>=2")),
    # Markers and targets.
    _case("markers", "windows-to-all", toml(", env-markers = \"sys_platform == 'win32'\"", "")),
    _case("markers", "windows-to-none", toml("'win32'", "'cygwin'")),
    _case("markers", "machine", toml("sys_platform == 'win32'", "platform_machine == 'AMD64'")),
    _case(
        "markers", "or", toml("sys_platform == 'win32'", "os_name == 'nt' or python_version < '3'")
    ),
    _case("markers", "python-meets", toml("'3.10'", "'3.12'")),
    _case("targets", "moved", toml("target.win-64", "target.linux-64")),
    _case("targets", "widened", toml("target.win-64", "target.unix")),
    _case(
        "targets",
        "narrowed",
        toml("[pypi-dependencies]\nsail", "[target.linux-64.pypi-dependencies]\nsail"),
    ),
    # Conda packages in the place of PyPI packages.
    _case("conda", "pypi-bound-raised", toml('keel = ">=1"', 'keel = ">=3"')),
    _case("conda", "pypi-removed", toml('keel = ">=1"\n', "")),
    _case("conda", "removed", toml('keel = "*"\n', "")),
    _case("conda", "both-removed", toml('keel = "*"\ncabin = "*"\n', "")),
    _case(
        "conda",
        "made-url",
        toml('keel = ">=1"', 'keel = { url = "@INDEX@/files/main/keel-2.0-py3-none-any.whl" }'),
    ),
    _case("conda", "made-git", toml('keel = ">=1"', f'keel = {{ git = "{GIT_URL}" }}')),
    _case(
        "conda",
        "made-path",
        toml('keel = ">=1"', 'keel = { path = "./keel" }'),
        Edit("keel/pyproject.toml", None, project("keel")),
    ),
    _case(
        "conda",
        "purls-dropped",
        lock("  purls:\n  - pkg:pypi/keel?source=project-defined-mapping\n", "  purls: []\n"),
    ),
    _case(
        "conda",
        "purls-unknown",
        lock("  purls:\n  - pkg:pypi/keel?source=project-defined-mapping\n", ""),
    ),
    _case("conda", "purl-version", lock("pkg:pypi/keel?", "pkg:pypi/keel@0.1?")),
    _case("other-name", "bound", toml('the-cabin = ">=1"', 'the-cabin = ">=2"')),
    _case("other-name", "other-of-it", toml('the-cabin = ">=1"', 'hut = "==1"')),
    _case(
        "all-from-conda",
        "purls-unknown",
        lock("  purls:\n  - pkg:pypi/keel?source=project-defined-mapping\n", ""),
        lock("  purls: []\n", ""),
    ),
    _case("all-from-conda", "removed", toml('keel = "*"\n\n[pypi-op', "\n[pypi-op")),
    _dependency("all-from-conda", "added", 'lamp = "*"'),
    # Wheel tags.
    _case("tags", "libc-older", toml('"linux-64"', '{ platform = "linux-64", glibc = "2.12" }')),
    _case(
        "tags",
        "lock-other-python",
        lock("cp311-cp311-manylinux_2_17_x86_64", "cp312-cp312-manylinux_2_17_x86_64"),
    ),
    _case(
        "tags",
        "lock-other-platform",
        lock("cp311-cp311-manylinux_2_17_x86_64", "cp311-cp311-manylinux_2_17_aarch64"),
    ),
    _case("tags", "lock-newer-libc", lock("manylinux_2_17_x86_64", "manylinux_2_29_x86_64")),
    _case("tags", "lock-same-libc", lock("manylinux_2_17_x86_64", "manylinux_2_28_x86_64")),
    _case(
        "tags",
        "lock-legacy",
        lock("manylinux_2_17_x86_64", "manylinux1_x86_64.manylinux_2_30_x86_64"),
    ),
    _case("tags", "lock-mac-newer", lock("macosx_11_0_arm64", "macosx_14_0_arm64")),
    _case("tags", "lock-mac-minor", lock("macosx_11_0_arm64", "macosx_11_1_arm64")),
    _case("tags", "lock-mac-universal", lock("macosx_11_0_arm64", "macosx_10_9_universal2")),
    _case("tags", "lock-mac-intel", lock("macosx_11_0_arm64", "macosx_11_0_x86_64")),
    _case("tags", "lock-linux", lock("manylinux_2_17_x86_64", "linux_x86_64")),
    _case("tags", "lock-musl", lock("manylinux_2_17_x86_64", "musllinux_1_1_x86_64")),
    _case("tags", "lock-pypy", lock("cp311-cp311-many", "pp311-pypy311_pp73-many")),
    _case("tags", "lock-py2", lock("cp311-cp311-manylinux_2_17_x86_64", "py2-none-any")),
    _case("tags", "lock-py2-py3", lock("cp311-cp311-manylinux_2_17_x86_64", "py2.py3-none-any")),
    _case("tags", "lock-abi-none", lock("cp311-cp311-manylinux_2_17_x86_64", "cp310-none-any")),
    _case(
        "tags",
        "lock-not-a-wheel",
        lock("pump-1.0-cp311-cp311-manylinux_2_17_x86_64.whl", "pump-1.0-cp312.whl"),
    ),
    _case("abi3", "lock-older", lock("cp38-abi3-many", "cp311-abi3-many")),
    _case("abi3", "lock-newer", lock("cp38-abi3-many", "cp312-abi3-many")),
    _case("abi3", "lock-free-threaded", lock("cp38-abi3-many", "cp311-cp311t-many")),
    _case("rich", "older-libc", toml("2.34", "2.27")),
    # Indexes.
    _case(
        "indexes", "order", toml("find-links", 'index-strategy = "unsafe-first-match"\nfind-links')
    ),
    _case("indexes", "extra-removed", toml('extra-index-urls = ["@INDEX@/extra"]\n', "")),
    _case(
        "indexes", "links-removed", toml('find-links = [{ url = "@INDEX@/flat/flat.html" }]\n', "")
    ),
    _case("indexes", "links-other", toml("flat/flat.html", "main/flat.html")),
    _case("indexes", "slash", toml('@INDEX@/extra"', '@INDEX@/extra/"')),
    _case(
        "indexes",
        "swapped",
        toml('"@INDEX@/main"', '"@INDEX@/x"'),
        toml('["@INDEX@/extra"]', '["@INDEX@/main"]'),
        toml("@INDEX@/x", "@INDEX@/extra"),
    ),
    _case("indexes", "workspace-table", toml("[pypi-options]", "[workspace.pypi-options]")),
    _case("own-index", "removed", toml(', index = "@INDEX@/extra"', "")),
    _case("own-index", "changed", toml(', index = "@INDEX@/extra"', ', index = "@INDEX@/main"')),
    _case("own-index", "slash", toml(', index = "@INDEX@/extra"', ', index = "@INDEX@/extra/"')),
    _case(
        "own-index", "added", toml('lamp = "*"', 'lamp = { version = "*", index = "@INDEX@/main" }')
    ),
    _case(
        "own-index",
        "added-other",
        toml('lamp = "*"', 'lamp = { version = "*", index = "@INDEX@/extra" }'),
    ),
    _case(
        "own-index",
        "in-extra",
        toml("[pypi-options]\n", '[pypi-options]\nextra-index-urls = ["@INDEX@/extra"]\n'),
    ),
    _case(
        "plain", "index-changed", toml('index-url = "@INDEX@/main"', 'index-url = "@INDEX@/extra"')
    ),
    _case("plain", "index-removed", toml('[pypi-options]\nindex-url = "@INDEX@/main"\n', "")),
    _case("plain", "index-slash", toml('"@INDEX@/main"', '"@INDEX@/main/"')),
    _case("flat-path", "other-spelling", toml('"./wheels"', '"wheels"')),
    _case("flat-path", "slash", toml('"./wheels"', '"./wheels/"')),
    _case("flat-path", "file-gone", Edit("wheels/rope-1.2-py3-none-any.whl", None, None)),
    _case(
        "flat-path",
        "file-changed",
        Edit("wheels/rope-1.2-py3-none-any.whl", None, Wheel("rope", "1.2").content()),
    ),
    # URLs and paths.
    _case("urls", "changed", toml("sail-3.0", "sail-4.0")),
    _case(
        "urls",
        "made-registry",
        toml('{ url = "@INDEX@/files/main/sail-3.0-py3-none-any.whl" }', '">=3"'),
    ),
    _case(
        "urls",
        "made-registry-too-new",
        toml('{ url = "@INDEX@/files/main/sail-3.0-py3-none-any.whl" }', '">=4"'),
    ),
    _case("urls", "hash-dropped", toml("whl#sha256=", "whl#")),
    _case("urls", "fragment-dropped", toml("whl#sha256=" + LAMP, "whl")),
    _case(
        "urls",
        "credentials",
        toml('"@INDEX@/files/main/sail', '"http://me:you@@HOST@/files/main/sail'),
    ),
    _case(
        "urls", "lock-not-direct", lock("direct+@INDEX@/files/main/sail", "@INDEX@/files/main/sail")
    ),
    _case(
        "urls",
        "lock-hash-edited",
        lock(
            "  name: lamp\n  version: '1.1'\n",
            "  name: lamp\n  version: '1.1'\n  sha256: " + "a" * 64 + "\n",
        ),
    ),
    _case(
        "plain",
        "made-url",
        toml('hull = ">=2"', 'hull = { url = "@INDEX@/files/main/hull-2.0-py3-none-any.whl" }'),
    ),
    _case(
        "plain",
        "made-path",
        toml('hull = ">=2"', 'hull = { path = "./hull" }'),
        Edit("hull/pyproject.toml", None, project("hull", version="2.0")),
    ),
    _case("plain", "made-git", toml('hull = ">=2"', f'hull = {{ git = "{GIT_URL}" }}')),
    _case("wheel-path", "other-spelling", toml("./wheels", "wheels")),
    _case("wheel-path", "roundabout", toml("./wheels", "wheels/../wheels")),
    _case("wheel-path", "gone", Edit("wheels/rope-1.2-py3-none-any.whl", None, None)),
    _case(
        "wheel-path",
        "moved",
        toml("./wheels", "./other"),
        Edit("other/rope-1.2-py3-none-any.whl", None, ROPE),
    ),
    _case(
        "wheel-path",
        "changed",
        Edit("wheels/rope-1.2-py3-none-any.whl", None, Wheel("rope", "1.2", ("lamp",)).content()),
    ),
    _case(
        "wheel-path",
        "made-registry",
        toml('{ path = "./wheels/rope-1.2-py3-none-any.whl" }', '"*"'),
    ),
    _case("wheel-path", "editable", toml('any.whl"', 'any.whl", editable = true')),
    _case(
        "wheel-path",
        "no-extension",
        toml("rope-1.2-py3-none-any.whl", "rope"),
        Edit("wheels/rope", None, "no wheel"),
    ),
    _case(
        "wheel-path",
        "directory",
        toml("./wheels/rope-1.2-py3-none-any.whl", "./rope"),
        Edit("rope/pyproject.toml", None, project("rope", version="1.2")),
    ),
    # Directories.
    _case("directory", "not-editable", toml("editable = true, ", "")),
    _case("directory", "extra-removed", toml(', extras = ["all"]', "")),
    _case("directory", "other-extra", toml('["all"]', '["night"]')),
    _case(
        "directory",
        "moved",
        toml('"./crew"', '"./people"'),
        Edit("people/pyproject.toml", None, project("crew", EXTRAS)),
    ),
    _case("directory", "gone", Edit("mate", None, None)),
    _case("directory", "project-gone", Edit("mate/pyproject.toml", None, None)),
    _case("directory", "project-broken", Edit("mate/pyproject.toml", None, "[project")),
    _case(
        "directory",
        "project-nameless",
        Edit("mate/pyproject.toml", None, "[project]\nversion = '1'\n"),
    ),
    _case(
        "directory",
        "project-renamed",
        Edit("mate/pyproject.toml", 'name = "mate"', 'name = "matey"'),
    ),
    _case(
        "directory", "dependency-added", Edit("mate/pyproject.toml", '["crew"', '["crew", "sail"')
    ),
    _case("directory", "dependency-removed", Edit("mate/pyproject.toml", '["crew", ', "[")),
    _case("directory", "dependency-bound", Edit("mate/pyproject.toml", '"crew"', '"crew>=0"')),
    _case(
        "directory", "dependency-spelled", Edit("crew/pyproject.toml", '"sail>=3"', '"Sail >= 3"')
    ),
    _case("directory", "dependency-zero", Edit("crew/pyproject.toml", '"sail>=3"', '"sail>=3.0"')),
    _case(
        "directory",
        "dependencies-dynamic",
        Edit(
            "mate/pyproject.toml",
            'dependencies = ["crew", "horn; extra == \'x\'"]',
            'dynamic = ["dependencies"]',
        ),
    ),
    _case(
        "directory",
        "marker-respelled",
        Edit("mate/pyproject.toml", "horn; extra == 'x'", 'horn ; (extra == \\"x\\")'),
    ),
    _case(
        "directory",
        "extras-flattened",
        Edit("crew/pyproject.toml", '["crew[night]", "buoy"]', '["lamp", "horn", "buoy"]'),
    ),
    _case(
        "directory",
        "extras-changed",
        Edit("crew/pyproject.toml", '["crew[night]", "buoy"]', '["lamp", "buoy"]'),
    ),
    _case(
        "directory",
        "self",
        Edit("crew/pyproject.toml", '["crew[night]", "buoy"]', '["crew[night]", "crew", "buoy"]'),
    ),
    _case("directory", "python-raised", Edit("crew/pyproject.toml", ">=3.9", ">=3.10")),
    _case("directory", "python-spelled", Edit("crew/pyproject.toml", ">=3.9", ">= 3.9")),
    _case(
        "directory",
        "python-dropped",
        Edit("crew/pyproject.toml", 'requires-python = ">=3.9"\n', ""),
    ),
    _case(
        "directory",
        "dependency-relative",
        Edit("crew/pyproject.toml", '"sail>=3"', '"sail>=3", "horn @ ./horn"'),
    ),
    _case(
        "directory",
        "project-misspelled",
        Edit("mate/pyproject.toml", 'name = "mate"', 'name = "mate >= 3"'),
        Edit("mate/pyproject.toml", '"crew"', '"sail"'),
    ),
    _case("directory", "version-raised", Edit("crew/pyproject.toml", "0.1.0", "0.2.0")),
    _case(
        "directory",
        "version-dynamic",
        Edit("crew/pyproject.toml", 'version = "0.1.0"', 'dynamic = ["version"]'),
    ),
    _case("directory", "lock-version", lock("  name: mate\n", "  name: mate\n  version: 0.1.0\n")),
    _case("directory", "no-build", toml("[pypi-options]\n", "[pypi-options]\nno-build = true\n")),
    _case(
        "directory",
        "no-build-other",
        toml("[pypi-options]\n", '[pypi-options]\nno-build = ["crew"]\n'),
    ),
    _case(
        "directory",
        "no-build-this",
        toml("[pypi-options]\n", '[pypi-options]\nno-build = ["mate"]\n'),
    ),
    _case(
        "uv-sources",
        "dropped",
        Edit("crew/pyproject.toml", '\n[tool.uv.sources]\nmate = { path = "../mate" }\n', ""),
    ),
    _case(
        "uv-sources",
        "moved",
        Edit("crew/pyproject.toml", "../mate", "../other"),
        Edit("other/pyproject.toml", None, project("mate", "dependencies = []")),
    ),
    _case(
        "uv-sources",
        "git",
        Edit("crew/pyproject.toml", '{ path = "../mate" }', f'{{ git = "{GIT_URL}" }}'),
    ),
    _case(
        "uv-sources",
        "index",
        Edit("crew/pyproject.toml", '{ path = "../mate" }', '{ index = "x" }'),
    ),
    _case(
        "uv-sources",
        "editable",
        Edit("crew/pyproject.toml", '"../mate"', '"../mate", editable = true'),
    ),
    _case(
        "uv-sources", "dependency-added", Edit("crew/pyproject.toml", '"sail"', '"sail", "lamp"')
    ),
    _case("path-requirement", "made-registry", Edit("pyproject.toml", "mate @ ./mate", "mate")),
    _case("path-requirement", "file-url", Edit("pyproject.toml", "mate @ ./mate", "mate @ mate")),
    # Repositories.
    _case("git", "tag-changed", toml('tag = "v1"', 'tag = "v2"')),
    _case("git", "tag-to-rev", toml('tag = "v1"', 'rev = "v1"')),
    _case("git", "tag-to-branch", toml('tag = "v1"', 'branch = "main"')),
    _case("git", "tag-removed", toml(', tag = "v1"', "")),
    _case("git", "url-respelled", toml("https://git.example/rig.git", "https://Git.Example/rig")),
    _case("git", "url-other", toml("https://git.example/rig.git", "https://git.example/rigs.git")),
    _case(
        "git",
        "url-credentials",
        toml("https://git.example/rig.git", "https://me:you@git.example/rig.git/"),
    ),
    _case("git", "subdirectory-changed", toml('"sub"', '"sup"')),
    _case("git", "subdirectory-respelled", toml('"sub"', '"./sub/"')),
    _case("git", "subdirectory-added", toml('tag = "v1"', 'tag = "v1", subdirectory = "sub"')),
    _case("git", "lfs", toml('tag = "v1"', 'tag = "v1", lfs = true')),
    _case("git", "no-lfs", toml('tag = "v1"', 'tag = "v1", lfs = false')),
    _case("git", "made-registry", toml(f'rig = {{ git = "{GIT_URL}", tag = "v1" }}', 'rig = "*"')),
    _case(
        "git",
        "made-registry-newer",
        toml(f'rig = {{ git = "{GIT_URL}", tag = "v1" }}', 'rig = ">=2"'),
    ),
    _case("git", "lock-reference-dropped", lock("?tag=v1#", "#")),
    _case("git", "lock-commit-dropped", lock("?tag=v1#@REV@", "?tag=v1")),
    _case("git", "no-build", toml("[pypi-options]\n", "[pypi-options]\nno-build = true\n")),
    _case("git-default", "branch-added", toml(f'"{GIT_URL}"', f'"{GIT_URL}", branch = "main"')),
    _case(
        "git-default",
        "subdirectory-added",
        toml(f'"{GIT_URL}"', f'"{GIT_URL}", subdirectory = "sub"'),
    ),
    _case("git-default", "lock-rev", lock("rig.git#", "rig.git?rev=abc#")),
    _case("git-rev", "short", toml('rev = "@REV@"', 'rev = "abcdef0"')),
    # Options.
    _case(
        "overrides", "removed", toml('\n[pypi-options.dependency-overrides]\nsail = "==3.0"\n', "")
    ),
    _case("overrides", "changed", toml("==3.0", "==4.0")),
    _case("overrides", "looser", toml("==3.0", "<9")),
    _case("overrides", "added", toml('sail = "==3.0"', 'sail = "==3.0"\nhull = "==1.0"')),
    _case("overrides", "of-nothing", toml('sail = "==3.0"', 'sail = "==3.0"\nhorn = "==1.0"')),
    _case("prerelease", "removed", toml('prerelease-mode = "allow"\n', "")),
    _case("prerelease", "changed", toml('"allow"', '"disallow"')),
    _case("prerelease", "bounded", toml('hull = "*"', 'hull = ">=2"')),
    _case("prerelease", "bounded-above", toml('hull = "*"', 'hull = "<3"')),
    _case(
        "plain",
        "prerelease-default",
        toml("[pypi-options]\n", '[pypi-options]\nprerelease-mode = "if-necessary-or-explicit"\n'),
    ),
    _case("plain", "no-build", toml("[pypi-options]\n", "[pypi-options]\nno-build = true\n")),
    _case("plain", "no-binary", toml("[pypi-options]\n", "[pypi-options]\nno-binary = true\n")),
    _case(
        "plain",
        "isolation",
        toml("[pypi-options]\n", '[pypi-options]\nno-build-isolation = ["hull"]\n'),
    ),
    _case("explicit-prerelease", "released", toml(">=2.0a1", ">=2.0")),
    _case("explicit-prerelease", "local", toml("==1.0.post1", "==1.0.post1+local.1")),
    _case("explicit-prerelease", "local-other", toml("==1.0.post1", "==1.0.post1+local.2")),
    _case("explicit-prerelease", "post-above", toml("==1.0.post1", ">1.0")),
    _case("explicit-prerelease", "post-star", toml("==1.0.post1", "==1.0.*")),
    _case("no-build", "lock-archive", lock("sail-4.0-py3-none-any.whl", "sail-4.0.tar.gz")),
    _case("no-build", "lock-odd", lock("sail-4.0-py3-none-any.whl", "sail-4.0.exe")),
    _case(
        "no-build",
        "removed-lock-archive",
        toml("no-build = true\n", ""),
        lock("sail-4.0-py3-none-any.whl", "sail-4.0.tar.gz"),
    ),
    _case(
        "no-build",
        "named-lock-archive",
        toml("no-build = true", 'no-build = ["Sail"]'),
        lock("sail-4.0-py3-none-any.whl", "sail-4.0.tar.gz"),
    ),
    # Features and solve groups.
    _case("features", "bound-in-feature", toml('sail = "<4"', 'sail = "<3"')),
    _case("features", "feature-dropped", toml('lamp = "*"\n', "")),
    _case(
        "features",
        "option-moved",
        toml("[feature.far.pypi-options]", "[feature.night.pypi-options]"),
    ),
    _case(
        "features",
        "option-for-all",
        toml("[feature.far.pypi-options]\nextra", "[workspace.pypi-options]\nextra"),
    ),
    _case("group", "ungrouped", toml(', solve-group = "g" }', " }")),
    _case("group", "bound", toml('sail = "<4"', 'sail = "<3.0"')),
    _case(
        "group",
        "options-in-member",
        toml(
            "[feature.night.pypi-dep",
            '[feature.night.pypi-options]\nextra-index-urls = ["@INDEX@/extra"]\n'
            "\n[feature.night.pypi-dep",
        ),
    ),
    _case("group-conda", "ungrouped", toml(', solve-group = "g" }', " }")),
    _case(
        "group-conda",
        "conda-removed",
        toml('[feature.night.dependencies]\nkeel = "*"', "[feature.night.dependencies]"),
    ),
    # pyproject.toml.
    _case(
        "pyproject", "dependency-added", Edit("pyproject.toml", '"sail>=3"', '"sail>=3", "lamp"')
    ),
    _case("pyproject", "dependency-raised", Edit("pyproject.toml", '"sail>=3"', '"sail>=5"')),
    _case("pyproject", "dependency-removed", Edit("pyproject.toml", '"sail>=3", ', "")),
    _case("pyproject", "group-raised", Edit("pyproject.toml", '"horn>=2"', '"horn>=3"')),
    _case("pyproject", "optional-raised", Edit("pyproject.toml", '"lamp"', '"lamp>=2"')),
    _case(
        "pyproject",
        "self-removed",
        Edit("pyproject.toml", 'boat = { path = ".", editable = true }\n', ""),
    ),
    _case("pyproject", "self-spelled", Edit("pyproject.toml", 'path = "."', 'path = "./"')),
    _case("pyproject", "version", Edit("pyproject.toml", 'version = "0.1.0"', 'version = "0.2.0"')),
    _case("pyproject-urls", "ref", Edit("pyproject.toml", "@v1", "@next")),
    _case("pyproject-urls", "ref-dropped", Edit("pyproject.toml", "@v1", "")),
    _case("pyproject-urls", "extra-dropped", Edit("pyproject.toml", "hull[night]", "hull")),
    _case("pyproject-urls", "url", Edit("pyproject.toml", "lamp-1.1", "lamp-1.2")),
    _case(
        "wanted",
        "removed",
        toml('lamp = { version = "*", env-markers = "python_version < \'3.10\'" }\n', ""),
    ),
)
