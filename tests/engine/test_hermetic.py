"""What a child process sees of the machine that it runs on."""

from __future__ import annotations

import json
import subprocess
import sys

from pytest_pixipack.engine.hermetic import hermetic_environment


def seen_by_a_child(environment: dict[str, str]) -> dict[str, str]:
    code = "import json, os; print(json.dumps(dict(os.environ)))"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, check=True
    )
    found: dict[str, str] = json.loads(done.stdout)
    return found


def test_nothing_of_the_user_gets_through(tmp_path):
    base = {
        "PATH": "/usr/bin",
        "SYSTEMROOT": "C:\\Windows",
        "PIXI_PROJECT_ROOT": "/elsewhere",
        "CONDA_OVERRIDE_CUDA": "12",
        "PIXI_FROZEN": "1",
        "SECRET_TOKEN": "x",
    }
    environment = hermetic_environment(tmp_path, base=base)
    assert environment["PATH"] == "/usr/bin"
    assert not {"PIXI_PROJECT_ROOT", "CONDA_OVERRIDE_CUDA", "PIXI_FROZEN", "SECRET_TOKEN"} & set(
        environment
    )


def test_home_caches_and_temporary_files_are_its_own(tmp_path):
    seen = seen_by_a_child(hermetic_environment(tmp_path))
    for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "PIXI_CACHE_DIR", "TMPDIR"):
        assert seen[name].startswith(str(tmp_path))
    assert (tmp_path / "tmp").is_dir()


def test_locale_and_clock_zone_are_fixed(tmp_path):
    seen = seen_by_a_child(hermetic_environment(tmp_path))
    assert (seen["LC_ALL"], seen["TZ"], seen["PYTHONHASHSEED"]) == ("C.UTF-8", "UTC", "0")


def test_the_network_is_refused_unless_it_is_allowed(tmp_path):
    assert hermetic_environment(tmp_path)["HTTPS_PROXY"].startswith("http://127.0.0.1")
    assert "HTTPS_PROXY" not in hermetic_environment(tmp_path, network=True)


def test_extra_variables_come_last(tmp_path):
    assert hermetic_environment(tmp_path, extra={"TZ": "Asia/Tokyo"})["TZ"] == "Asia/Tokyo"
