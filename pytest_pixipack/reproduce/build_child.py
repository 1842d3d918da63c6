"""One build in a process of its own: `python build_child.py JOB`.

The process that wants the build has set the environment, the umask and the directory; this one
limits its processors, builds, packs, and writes `result.json` beside the job. What a user can do
something about is told there as an error; nothing else is printed.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

PACK = "environment.tar"


def find_ourselves() -> None:
    """Puts this very package before installed ones, and after Python's own modules."""
    root = str(Path(__file__).parents[2])
    sys.path = [path for path in sys.path if path not in ("", str(Path(__file__).parent))]
    at = [i for i, path in enumerate(sys.path) if path.endswith("-packages")]
    sys.path.insert(at[0] if at else len(sys.path), root)


def limit_processors(count: int | None) -> None:
    """Keeps this process and its children on so many processors, where the system can do that."""
    if count is None:
        return
    if sys.platform == "linux":
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])
    elif sys.platform == "win32":
        import ctypes

        kernel = ctypes.windll.kernel32
        kernel.GetCurrentProcess.restype = ctypes.c_void_p
        handle = ctypes.c_void_p(kernel.GetCurrentProcess())
        kernel.SetProcessAffinityMask(handle, ctypes.c_size_t((1 << count) - 1))


def end_with_our_starter() -> None:
    """Ends this process, and all that it has started, when the one that wants the build is gone.

    That one holds the other end of the standard input, of which nothing else is left here.
    """
    from pytest_pixipack.reproduce.processes import end_descendants

    theirs = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)

    def wait() -> None:
        while os.read(theirs, 1):
            pass
        end_descendants()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def run(job: dict[str, Any]) -> dict[str, Any]:
    """Builds and packs what the job says; paths are absolute.

    Raises `PixipackError`.
    """
    from pytest_pixipack.engine.choice import make_engine
    from pytest_pixipack.engine.options import ChildSettings, EngineOptions

    options = job["options"]
    root, out, observed = Path(job["root"]), Path(job["out"]), Path(job["observed"])
    watch = [sys.executable, "-S", str(Path(__file__).with_name("probe.py")), job["observed"]]
    for kept in job["kept"]:
        watch += ["--kept", kept]
    if not job["build"]:
        _observe(watch, root, job["variables"])
        return {}
    engine = make_engine(
        job["engine"],
        EngineOptions(
            cache_dir=Path(options["cache_dir"]),
            channels={name: Path(path) for name, path in options["channels"].items()},
            backends=options["backends"],
            network=options["network"],
            backend_timeout=options["backend_timeout"],
            environ=options["environ"],
            scratch=Path(job["work"]),
            child=ChildSettings(environment=job["variables"], wrapper=(*watch, "--")),
        ),
    )
    place = {"environment": job["environment"], "platform": job["platform"]}
    try:
        artifacts = engine.build(root, out / "artifacts", only=job["only"], **place)
        built = {each.facts.name: str(each.path) for each in artifacts}
        if not job["pack"]:
            return {"artifacts": built, "pack": None}
        pack = engine.pack(root, out / PACK, artifacts=artifacts, **place)
        return {"artifacts": built, "pack": str(pack.path)}
    finally:
        if not any(observed.iterdir()):
            _observe(watch, root, job["variables"])


def _observe(command: list[str], root: Path, variables: dict[str, str]) -> None:
    """Looks in the place of backends that did not: those that pixi starts, and where none is."""
    import subprocess

    subprocess.run(
        command, cwd=root, env={**os.environ, **variables}, stdin=subprocess.DEVNULL, check=False
    )


def main(argv: list[str]) -> int:
    """Does the job; returns 0 also where the build failed, which the result says."""
    find_ourselves()
    from pytest_pixipack.errors import PixipackError
    from pytest_pixipack.reproduce.processes import adopt_orphans, end_descendants, end_groups

    end_with_our_starter()
    adopt_orphans()
    place = Path(argv[0])
    job = json.loads(place.read_text(encoding="utf-8"))
    limit_processors(job["cpus"])
    try:
        result = run(job)
    except PixipackError as error:
        result = {"error": {"class": type(error).__name__, **error.to_json()}}
    end_descendants()
    # Backends lead groups of their own, and have written down what they saw under their numbers.
    end_groups(int(path.stem) for path in Path(job["observed"]).glob("*.json"))
    (place.parent / "result.json").write_text(json.dumps(result), encoding="utf-8")
    return 0


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    # Threads of py-rattler that still run can abort a process while the interpreter ends.
    os._exit(code)
