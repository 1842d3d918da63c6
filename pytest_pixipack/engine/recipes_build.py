"""`conda/build_v1` for a recipe, by py-rattler-build, against what the front end chose.

py-rattler-build solves build and host environments itself. So that it comes to what was chosen, it
gets a channel of exactly those packages, made from what is installed in the prefixes, and what it
installed is compared with them.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_pixipack.engine.recipes_package import finish_package
from pytest_pixipack.engine.recipes_render import (
    Recipe,
    Rendered,
    refusals,
    relative_glob,
    render,
    variants_for,
)
from pytest_pixipack.errors import BackendError, Unsupported
from pytest_pixipack.file_urls import file_url, path_of_url
from pytest_pixipack.platforms import current_platform

Json = dict[str, Any]

_LINES = 8
# Of an installed record, what repodata does not have.
_OF_THE_INSTALLATION = frozenset(
    {"fn", "url", "channel", "files", "paths_data", "link", "extracted_package_dir",
     "package_tarball_full_path", "requested_spec", "requested_specs", "auth", "namespace"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Installed:
    """A package in a prefix: its repodata record, and the file that it was installed from."""

    record: Json
    file: Path

    @property
    def dist(self) -> str:
        return "-".join(str(self.record[key]) for key in ("name", "version", "build"))


class _Log:
    """Listens to a build (`rattler_build.progress.ProgressCallback`)."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def said(self) -> str:
        """What the script printed last, in one line."""
        return " | ".join(self._lines[-_LINES:])

    def on_log(self, event: Any) -> None:
        """The build begins anew with each environment that is ready; then comes the script."""
        if event.message.startswith("✔"):
            self._lines = []
        elif event.level == "info" and event.message.strip():
            self._lines.append(event.message.strip())

    def on_build_step(self, event: Any) -> None:
        """Said in the log, too."""

    def on_download_start(self, event: Any) -> None:
        """Nothing is downloaded."""

    def on_download_progress(self, event: Any) -> None:
        """Nothing is downloaded."""

    def on_download_complete(self, event: Any) -> None:
        """Nothing is downloaded."""


def build_recipe(
    recipe: Recipe, params: Mapping[str, Any], asked: Mapping[str, Any] | None
) -> Json:
    """The result of `conda/build_v1`; `asked` are the parameters of the last `conda/outputs`.

    Raises `BackendError` for a build that fails, `Unsupported` for packages that are no local files
    and where py-rattler-build builds against others than those that were chosen.
    """
    from rattler_build import ToolConfiguration

    build, host = params["buildPrefix"], params["hostPrefix"]
    chosen = _chosen(recipe, params, asked, host["platform"], build["platform"])
    work = Path(params["workDirectory"])
    sets = {"build": _installed(Path(build["prefix"])), "host": _installed(Path(host["prefix"]))}
    channel = write_channel(
        work / "channel",
        [(_for_this_machine(r.record), r.file) for r in (*sets["build"], *sets["host"])],
        (host["platform"], build["platform"], current_platform()),
    )
    out = work / "rattler-build"
    log = _Log()
    with refusals(f"The recipe of {chosen.name} cannot be built", log.said):
        done = chosen.handle.run_build(
            ToolConfiguration(keep_build=True, test_strategy="skip"),
            output_dir=out,
            channels=[file_url(channel)],
            no_build_id=True,
            package_format="conda:-7",
            progress_callback=log,
        )
    _compare(chosen.name, sets, out)
    (written,) = done.packages
    target = work / "output" / chosen.subdir / written.name
    finish_package(written, target, params)
    shutil.rmtree(out, ignore_errors=True)
    return {
        "output_file": str(target),
        "input_globs": _input_globs(recipe, chosen),
        "name": chosen.name,
        "version": chosen.version,
        "build": chosen.build,
        "subdir": chosen.subdir,
    }


def _chosen(
    recipe: Recipe,
    params: Mapping[str, Any],
    asked: Mapping[str, Any] | None,
    host: str,
    build: str,
) -> Rendered:
    """The output that is asked for. The same variants as before give the same names to pins."""
    from rattler_build import VariantConfig

    output = params["output"]
    wanted = dict(output.get("variant") or {})
    rendered: list[Rendered] = []
    if asked is not None:
        variants, _ = variants_for(
            recipe, host, asked.get("variantFiles") or (), asked.get("variantConfiguration") or {}
        )
        rendered = render(recipe, variants, host, build)
    if not any(_is(each, output) for each in rendered):
        values = {key: [value] for key, value in wanted.items()}
        rendered = render(recipe, VariantConfig(values), host, build)
    named = [each for each in rendered if each.name == output["name"] and not each.skipped]
    if not named:
        raise BackendError(f"there is no output defined for the package '{output['name']}'")
    fitting = [r for r in named if all(r.variant.get(k) == v for k, v in wanted.items())]
    if len(fitting) == 1:
        return fitting[0]
    exact = [each for each in named if _is(each, output)]
    if not exact:
        dist = f"{output['name']}/{output.get('version')}={output.get('build')}@{output['subdir']}"
        raise BackendError(f"the requested output {dist} was not found in the recipe")
    return exact[0]


def _is(rendered: Rendered, output: Mapping[str, Any]) -> bool:
    found = rendered.name, rendered.version, rendered.build, rendered.subdir
    keys = ("name", "version", "build", "subdir")
    return not rendered.skipped and all(
        output.get(key) in (None, value) for key, value in zip(keys, found, strict=True)
    )


def _installed(prefix: Path) -> list[_Installed]:
    """What is in a prefix, with the files that it came from."""
    found = []
    for record in _records(prefix):
        file = path_of_url(str(record.get("url") or ""))
        if file is None or not file.is_file():
            raise Unsupported(
                f"{record.get('name')} was installed from {record.get('url')}, but recipes are "
                "built against local packages here.",
                remedy="Use a stub channel or a file:// channel, or name the real "
                "pixi-build-rattler-build as the backend.",
            )
        kept = {key: record[key] for key in record if key not in _OF_THE_INSTALLATION}
        found.append(_Installed({k: v for k, v in kept.items() if v is not None}, file))
    return found


def _records(prefix: Path) -> Iterator[Json]:
    folder = prefix / "conda-meta"
    for path in sorted(folder.glob("*.json")):
        yield json.loads(path.read_text(encoding="utf-8"))


def _for_this_machine(record: Json) -> Json:
    """py-rattler-build 0.73 solves the host environment, too, for the machine that it runs on."""
    return record if record["subdir"] == "noarch" else {**record, "subdir": current_platform()}


def write_channel(
    folder: Path, packages: Iterable[tuple[Json, Path]], subdirs: Iterable[str]
) -> Path:
    """Makes a channel of packages, each a repodata record and a file, and returns its directory.

    It has `subdirs` even where nothing is in them. Raises `Unsupported` where two packages of one
    subdir have one file name.
    """
    found: dict[str, dict[str, Json]] = {name: {} for name in ("noarch", *subdirs)}
    for record, file in packages:
        subdir = record["subdir"]
        other = found.setdefault(subdir, {}).setdefault(file.name, record)
        if other.get("sha256") != record.get("sha256"):
            raise Unsupported(
                f"{file.name} is needed for two platforms at once, to build and to be linked "
                "against, which py-rattler-build does not tell apart.",
                package=record["name"],
                remedy="Build on that platform, or name the real pixi-build-rattler-build.",
            )
        place = folder / subdir / file.name
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.exists():
            _link(file, place)
    for subdir, records in found.items():
        document: Json = {"info": {"subdir": subdir}, "packages": {}, "packages.conda": {}}
        for name, record in records.items():
            key = "packages.conda" if name.endswith(".conda") else "packages"
            document[key][name] = record
        (folder / subdir).mkdir(parents=True, exist_ok=True)
        text = json.dumps(document, sort_keys=True)
        (folder / subdir / "repodata.json").write_text(text, encoding="utf-8")
    return folder


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another disk, or one without links
        shutil.copyfile(source, target)


def _compare(name: str, sets: Mapping[str, Sequence[_Installed]], out: Path) -> None:
    """Raises `Unsupported` where other packages were installed than those that were chosen."""
    folders = {"build": "build_env", "host": "host_env*"}
    for kind, packages in sets.items():
        chosen = {each.dist for each in packages}
        found = {
            "-".join(str(record[key]) for key in ("name", "version", "build"))
            for prefix in (out / "bld").glob(f"rattler-build_{name}*/{folders[kind]}")
            for record in _records(prefix)
        }
        if found != chosen:
            other = ", ".join(sorted(found - chosen)) or "nothing"
            instead = ", ".join(sorted(chosen - found)) or "nothing"
            raise Unsupported(
                f"py-rattler-build put {other} in the place of {instead} into the {kind} "
                f"environment of {name}.",
                remedy="Ask in the recipe for versions that differ between build and host, or "
                "name the real pixi-build-rattler-build as the backend.",
            )


def _input_globs(recipe: Recipe, chosen: Rendered) -> list[str]:
    folder = recipe.path.parent
    globs = [relative_glob(recipe.manifest_root, folder)]
    sources = chosen.recipe.get("source") or []
    for source in sources if isinstance(sources, list) else [sources]:
        if isinstance(source, Mapping) and source.get("path"):
            globs.append(relative_glob(recipe.manifest_root, folder / str(source["path"])))
    return [*globs, *recipe.extra_globs]
