from __future__ import annotations

import subprocess
import sys


def test_the_import_is_light():
    script = (
        "import sys, pytest_pixipack.matchers, pytest_pixipack.difference\n"
        "heavy = {'rattler', 'rattler_build', 'pytest', 'rich', 'httpx', 'asyncio', 'hypothesis'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
