"""A file of expectations is read with care: every mistake is named with its line."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_pixipack.errors import InvalidInput, PixipackError
from pytest_pixipack.expect import Expectations, load_expectations

EXAMPLE = """\
forbidden = ["openssl <3"]

[packages]
curl = ">=8,<9"

[packages.main-pkg]
version = "0.1.*"
build = "h*_0"
build-number = 0
subdir = "linux-64"
depends = ["curl >=8"]
files = ["bin/main*"]

[platform.win-64]
packages = { vc = "*" }
forbidden = ["bash"]

[[known]]
rule = "artifact-timestamp"
package = "curl"
platform = "unix"
reason = "its recipe writes seconds"
expires = 2027-01-31
"""


def load(text: str, tmp_path: Path) -> Expectations:
    (tmp_path / "expect.toml").write_text(text, encoding="utf-8")
    return load_expectations(tmp_path / "expect.toml")


def test_a_whole_file(tmp_path: Path) -> None:
    expected = load(EXAMPLE, tmp_path)

    curl, main, vc = expected.packages
    assert (curl.name, curl.version, curl.platform, curl.line) == ("curl", ">=8,<9", None, 4)
    assert (main.build, main.build_number, main.subdir) == ("h*_0", 0, "linux-64")
    assert (main.depends, main.files) == (("curl >=8",), ("bin/main*",))
    assert (vc.name, vc.platform) == ("vc", "win-64")
    assert [(f.spec, f.platform) for f in expected.forbidden] == [
        ("openssl <3", None),
        ("bash", "win-64"),
    ]
    (known,) = expected.known
    assert known.expires == datetime.date(2027, 1, 31)
    assert known.reason == "its recipe writes seconds"


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ('[package]\ncurl = "8"\n', 1, "`package` is not a key of a file of expectations"),
        ('[packages.curl]\nverison = "8"\n', 2, "`verison` is not a key of an expected package"),
        ('[packages]\ncurl = ">=8,"\n', 2, "is not a version or a constraint"),
        ("[packages]\ncurl = 8\n", 2, "`curl` has to be a table"),
        ('[packages.curl]\nbuild-number = "0"\n', 2, "has to be an integer"),
        ('[packages.curl]\ndepends = ["a"\n, "!! b"]\n', 3, "is not a match spec"),
        ("forbidden = 'x'\n", 1, "has to be an array of strings"),
        ('forbidden = ["a", "forge::b"]\n', 1, "asks for the channel of a package"),
        ("forbidden = ['b[license=\"MIT, version=3\"]']\n", 1, "asks for the license"),
        ('[platform.linux]\nknown = "x"\n', 2, "`known` is not a key of a platform"),
        ("[platform.linux-46]\n", 1, "`linux-46` is not a key of platforms"),
        ('[[known]]\nrule = "artifact-digest"\n', 1, "needs a `reason`"),
        ('[[known]]\nrule = "artifact-digset"\nreason = "x"\n', 2, "There is no rule"),
        (
            '[[known]]\nrule = "artifact-digest"\nreason = "x"\nexpires = "2027-01-31"\n',
            4,
            "has to be a date without quotes",
        ),
        ("[packages\n", 1, ""),
    ],
)
def test_a_mistake_is_named_with_its_line(text: str, line: int, said: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        load(text, tmp_path)

    assert said in caught.value.message
    assert caught.value.line == line


def test_a_misspelt_key_gets_a_suggestion(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        load('[packages.curl]\nverison = "8"\n', tmp_path)

    assert "version" in (caught.value.remedy or "")


@settings(suppress_health_check=[HealthCheck.too_slow])  # on a machine that is busy
@given(st.recursive(
    st.integers() | st.text(max_size=5) | st.booleans(),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(
        ["packages", "forbidden", "platform", "known", "linux", "rule", "reason", "version", "x"]
    ), inner, max_size=4),
    max_leaves=12,
).filter(lambda value: isinstance(value, dict)))  # fmt: skip
def test_any_table_is_read_or_refused_with_a_sentence(value: dict[str, object]) -> None:
    import tempfile

    import tomlkit

    with tempfile.TemporaryDirectory() as place:
        path = Path(place, "expect.toml")
        path.write_bytes(tomlkit.dumps(value).encode())
        file: str | None = str(path)
        try:
            load_expectations(path)
        except PixipackError as error:
            file = error.file
        assert file == str(path)
