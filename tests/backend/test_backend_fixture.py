"""`stub_backend` in tests: what it is told, what it was told, what it answered."""

from __future__ import annotations

import pytest

from pytest_pixipack.errors import BackendError
from pytest_pixipack.platforms import current_platform

# Every kind of value that pixi reads; dates and times it refuses.
EVERY_KIND = """
[package.build.config]
text = "ü😀"
lines = \"\"\"
a
b\"\"\"
yes = true
number = 9223372036854775807
negative = -3
hexadecimal = 0xff
float = 1.5
whole = 1.0
large = 1e300
infinity = inf
nothing = nan
mixed = [1, "a", 2.5, [true], { x = 1 }]
empty = {}
nested = { b.a = 1 }
dotted.key = "x"
[[package.build.config.tables]]
name = "x"
[[package.build.config.tables.inner]]
deep = [{ a = [1, 2] }]
[[package.build.config.tables]]
[package.build.target.unix.config]
text = "on unix"
[package.build.target.win-64.config]
lines = ["a"]
"""


@pytest.fixture
def verbatim(pixi_workspace):
    ws = pixi_workspace(platforms=["linux-64"]).package("app", "1.0")
    manifest = ws.root / "app" / "pixi.toml"
    text = manifest.read_text(encoding="utf-8")
    manifest.write_text(text + EVERY_KIND, encoding="utf-8")
    return ws


@pytest.mark.slow
@pytest.mark.pixi_engine("embedded", "system")
def test_every_kind_of_value_reaches_the_backend_as_pixi_sends_it(verbatim, stub_backend):
    verbatim.lock()
    told = stub_backend.initialize("app")
    assert told.configuration == {
        "text": "ü😀",
        "lines": "a\nb",
        "yes": True,
        "number": 9223372036854775807,
        "negative": -3,
        "hexadecimal": 255,
        "float": 1.5,
        "whole": 1.0,
        "large": 1e300,
        "infinity": None,
        "nothing": None,
        "mixed": [1, "a", 2.5, [True], {"x": 1}],
        "empty": {},
        "nested": {"b": {"a": 1}},
        "dotted": {"key": "x"},
        "tables": [{"name": "x", "inner": [{"deep": [{"a": [1, 2]}]}]}, {}],
    }
    assert told.target_configuration == {"unix": {"text": "on unix"}, "win-64": {"lines": ["a"]}}


@pytest.mark.slow
def test_a_configuration_that_differs_is_told_key_by_key(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        def test_it(pixi_workspace, stub_backend):
            config = {"a": 1, "deep": {"list": [1, {"x": "y"}]}, "gone": 1}
            pixi_workspace(platforms=["linux-64"]).package("app", "1.0", config=config).lock()
            wanted = {"a": 1, "deep": {"list": [1, {"x": "z"}]}, "more": 1}
            assert stub_backend.initialize("app").configuration == wanted
    """)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*3 of 4 entries are not as expected*"])
    text = result.stdout.str()
    assert "list[1].x" in text
    assert "gone" in text


@pytest.fixture
def conditional(pixi_workspace, stub_channel):
    """Conditional build, host and run dependencies, and `match()` on a variant."""
    channel = stub_channel()
    for name in ("cmake", "ninja", "openssl", "m2-make", "old-api", "new-api"):
        channel.add(name, "1.0", subdirs=["linux-64", "win-64"])
    for version in ("3.11", "3.13"):
        channel.add("python", version, subdirs=["linux-64", "win-64"])
    return pixi_workspace(
        platforms=["linux-64", "win-64"],
        channels=[channel],
        workspace={"build-variants": {"python": ["3.11", "3.13"]}},
    ).package(
        "app",
        "1.0",
        build={"cmake": "*", "if(linux)": {"ninja": "*"}},
        host={"python": "*", "if(host_platform == 'win-64')": {"m2-make": "*"}},
        run={
            "if(unix)": {"openssl": ">=1"},
            "if(match(python, '>=3.12'))": {"new-api": "*"},
            "if(not match(python, '>=3.12'))": {"old-api": "*"},
        },
        depend=False,
    ).depend("app", {"path": "app", "build": "h*"})  # fmt: skip


EXPECTED = {
    "linux-64": {"build": ["cmake", "ninja"], "host": ["python"]},
    "win-64": {"build": ["cmake", "!ninja"], "host": ["python", "m2-make"]},
    "linux-64 [python=3.11]": {"run": ["openssl >=1", "old-api", "!new-api"]},
    "linux-64 [python=3.13]": {"run": ["openssl >=1", "new-api"]},
    "win-64 [python=3.13]": {"run": ["new-api", "!openssl"]},
    "* [python=3.11]": {"run": ["old-api", ...]},
}


@pytest.mark.parametrize(
    "pixi_engine", ["embedded", pytest.param("system", marks=pytest.mark.slow)], indirect=True
)
def test_conditional_dependencies_by_platform_and_variant(conditional, stub_backend):
    conditional.lock()
    stub_backend.expects_dependencies("app", EXPECTED)
    stub_backend.expects_variants("app", {"python": ["3.11", "3.13"]})


def test_a_leak_is_told(conditional, stub_backend):
    conditional.lock()
    with pytest.raises(AssertionError, match=r"linux-64 .*: build leaks ninja"):
        stub_backend.expects_dependencies("app", {"linux-64": {"build": ["cmake"]}})
    with pytest.raises(AssertionError, match=r"python=3\.12 was declared and not offered"):
        stub_backend.expects_variants("app", {"python": ["3.11", "3.12", "3.13"]})


@pytest.mark.parametrize(
    "pixi_engine", ["embedded", pytest.param("system", marks=pytest.mark.slow)], indirect=True
)
def test_a_backend_is_told_in_python_what_to_offer(pixi_workspace, stub_channel, stub_backend):
    channel = stub_channel().add("libz", "1.5", subdir=current_platform())
    stub_backend.tell(
        "app",
        outputs=[{"run-dependencies": {"libz": ">=1"}}, {"name": "app-doc", "noarch": "generic"}],
        files={"etc/app.conf": "x"},
    )
    ws = pixi_workspace(channels=[channel]).package("app", "1.0")
    assert "libz" in ws.lock()[current_platform()]
    assert "etc/app.conf" in ws.build()["app"].payload
    stub_backend.expects_dependencies("app-doc", {"*": {"run": []}})


@pytest.mark.parametrize(
    "pixi_engine", ["embedded", pytest.param("system", marks=pytest.mark.slow)], indirect=True
)
def test_a_condition_that_is_none_gives_pixis_kind_of_error(pixi_workspace):
    ws = pixi_workspace(platforms=["linux-64"]).package(
        "app", "1.0", run={"if(moon ==)": {"tide": "*"}}
    )
    with pytest.raises(BackendError, match="invalid selector expression `moon ==`"):
        ws.lock()


def test_a_backend_fails_on_demand(pixi_workspace, stub_backend):
    ws = pixi_workspace(platforms=["linux-64"]).package("app", "1.0").package("lib", "1.0")
    stub_backend.fail("outputs", "error", package="lib", message="no luck today")
    with pytest.raises(BackendError, match="no luck today") as caught:
        ws.lock()
    assert caught.value.package == "lib"


def test_a_fault_that_there_is_not_is_refused(stub_backend):
    with pytest.raises(BackendError, match="cannot fail in stage 'outputs' by 'missing-file'"):
        stub_backend.fail("outputs", "missing-file")
    with pytest.raises(BackendError, match="unknown field `colour`"):
        stub_backend.tell("app", colour="red")


@pytest.mark.slow
def test_a_backend_is_recorded_and_replayed_from_rootdir(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        import pytest

        @pytest.mark.parametrize("backend", ["record:kept/rpc.jsonl:stub", "replay:kept/rpc.jsonl"])
        def test_it(backend, pixi_workspace):
            ws = pixi_workspace(platforms=["linux-64"], backends={"real": backend})
            ws.package("app", "1.0", backend="real", config={"greeting": "hi"})
            assert "app" in ws.lock()["linux-64"]
    """)
    pytester.runpytest_subprocess("-p", "no:randomly").assert_outcomes(passed=2)
    assert (pytester.path / "kept" / "rpc.jsonl").is_file()
