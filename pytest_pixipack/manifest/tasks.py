"""`[tasks]`. Tasks are kept as they are written; this says whether pixi could run them.

Follows pixi_manifest/src/toml/task.rs of pixi 0.77.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_pixipack.manifest.names import check_environment_name
from pytest_pixipack.manifest.reader import Table

_COMMAND_KEYS = (
    "cmd", "inputs", "outputs", "depends-on", "cwd", "env", "default-environment", "description",
    "clean-env", "args",
)  # fmt: skip
_ALIAS_KEYS = ("cmd", "depends-on", "description", "args")


def read_tasks(table: Table) -> Mapping[str, Any]:
    """The tasks of the manifest, a feature or a target. Raises `InvalidInput`."""
    tasks = table.table("tasks", "`tasks`")
    for name in tasks or ():
        assert tasks is not None
        _check_task(tasks, name)
    return tasks.data if tasks is not None else {}


def _check_task(tasks: Table, name: str) -> None:
    value = tasks.data[name]
    if isinstance(value, str):
        return
    if isinstance(value, list):
        for index, step in enumerate(value):
            if not isinstance(step, dict):
                raise tasks.wrong(name, "a table with `task`", index)
            _check_step(Table(tasks.document, step, (*tasks.path, name, index), "a step"))
        return
    if not isinstance(value, dict):
        raise tasks.wrong(name, "a command, or a table")
    task = Table(tasks.document, value, (*tasks.path, name), f"the task `{name}`")
    # Without `cmd` the task only stands for others. A former spelling is read where the other is
    # not there.
    hidden = () if "depends-on" in task else ("depends_on",)
    task.allow(*_COMMAND_KEYS, hidden=hidden)
    for key in task if "cmd" not in task else ():
        if key not in (*_ALIAS_KEYS, *hidden):
            raise task.key_error(
                f"`{key}` belongs to a task with a command.",
                key,
                remedy=f"Add `cmd`, or remove `{key}`.",
            )
    _check_texts(task)
    _check_steps(task)
    _check_arguments(task)


def _check_texts(task: Table) -> None:
    if not isinstance(task.data.get("cmd", ""), str | list):
        raise task.wrong("cmd", "a string or an array of strings")
    if isinstance(task.data.get("cmd"), list):
        task.strings("cmd")
    for key in ("inputs", "outputs"):
        task.strings(key)
    for key in ("cwd", "description"):
        task.string(key)
    if env := task.table("env", "`env`"):
        for key in env:
            env.string(key)
    task.boolean("clean-env")
    if task.string("default-environment") is not None:
        check_environment_name(task, "default-environment")


def _check_steps(task: Table) -> None:
    key = "depends-on"
    if key not in task:
        key = "depends_on"
        if key not in task:
            return
        task.warn("The `depends_on` field is deprecated.", key, remedy="Use `depends-on`.")
    value = task.data[key]
    if isinstance(value, str):
        return
    if not isinstance(value, list):
        raise task.wrong(key, "a task or an array of tasks")
    for index, step in enumerate(value):
        if isinstance(step, dict):
            entry = Table(task.document, step, (*task.path, key, index), f"an entry of `{key}`")
            _check_step(entry, strict=key == "depends-on")
        elif not isinstance(step, str):
            raise task.wrong(key, "a task's name or a table with `task`", index)


def _check_step(step: Table, *, strict: bool = False) -> None:
    """A task to run before; pixi looks at more than its name only where `strict`."""
    if strict:
        step.allow("task", "args", "environment", need="task")
    step.need_string("task")
    if not strict:
        return
    for index, argument in enumerate(step.array("args") or ()):
        if isinstance(argument, dict):
            texts = [value for value in argument.values() if isinstance(value, str)]
            if len(argument) != 1 or len(texts) != 1:
                raise step.error("A named argument is one name and its value.", "args", index)
        elif not isinstance(argument, str):
            raise step.wrong("args", 'a string or { name = "value" }', index)
    if step.string("environment") is not None:
        check_environment_name(step, "environment")


def _check_arguments(task: Table) -> None:
    has_default = False
    for index, value in enumerate(task.array("args") or ()):
        if isinstance(value, str):
            _check_argument_name(task, value, "args", index)
        elif not isinstance(value, dict):
            raise task.wrong("args", "a name, or a table with `arg`", index)
        default = isinstance(value, dict) and _has_default(task, value, index)
        if has_default and not default:
            raise task.error(
                "An argument without a default cannot come after one that has a default.",
                remedy="Give it a `default`, or move it to the front.",
            )
        has_default = has_default or default


def _has_default(task: Table, value: dict[str, Any], index: int) -> bool:
    argument = Table(task.document, value, (*task.path, "args", index), "an argument")
    argument.allow("arg", "default", "choices", need="arg")
    _check_argument_name(argument, argument.need_string("arg"), "arg")
    default, choices = argument.string("default"), argument.strings("choices")
    if default is not None and choices is not None and default not in choices:
        raise argument.error(
            f'The default "{default}" is not one of the `choices`.',
            remedy="Choose one of them, or add it.",
        )
    return default is not None


def _check_argument_name(table: Table, name: str, *keys: str | int) -> None:
    if "-" in name:
        raise table.error(
            f"`{name}` cannot be the name of an argument, for it has a `-`.",
            *keys,
            remedy=f"Write `{name.replace('-', '_')}`.",
        )
