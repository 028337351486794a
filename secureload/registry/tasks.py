"""Which pipeline task a model serves, and with which class of transformers' it is built."""

from __future__ import annotations

import re
from typing import Any

from secureload.errors import UsageError
from secureload.registry.transformers import class_names, original

_SECONDARY = re.compile(r"any-to-any$|decision$|zero-shot-|(?:image-)?feature-extraction$")
"""Pipeline tasks that models made for another one also serve."""


def task_of(architectures: tuple[str, ...]) -> str:
    """The one pipeline task that models of these architectures serve.

    Raises:
        UsageError: none, or several, which the message lists.
    """
    original("pipeline")
    from transformers.pipelines import PIPELINE_REGISTRY

    wanted = set(architectures)
    tasks = [
        (str(task), {auto.__name__: _names(auto) for auto in detail["pt"]})
        for task, detail in PIPELINE_REGISTRY.supported_tasks.items()
    ]
    # AutoModel takes every model there is, so it says nothing of what a model was made for.
    found = [
        task
        for task, autos in tasks
        if any(names & wanted for auto, names in autos.items() if auto != "AutoModel")
    ]
    trained = [task for task in found if not _SECONDARY.match(task)] or found
    if not trained and any(wanted & autos.get("AutoModel", set()) for _, autos in tasks):
        trained = ["feature-extraction"]
    if len(trained) == 1:
        return trained[0]
    shown = ", ".join(architectures) or "an unnamed architecture"
    raise UsageError(
        f"no single pipeline task follows from {shown}"
        + (f"; it could be: {', '.join(sorted(trained))}" if trained else ""),
        hint="name the task: pipeline(task, model)",
    )


def auto_class_of(architectures: tuple[str, ...]) -> str:
    """The name of the `Auto*` class made for models of these architectures, else `AutoModel`."""
    wanted = set(architectures)
    for name in class_names():
        if name.startswith("AutoModelFor") and _names(original(name)) & wanted:
            return name
    return "AutoModel"


def class_for_task(task: str, config: Any) -> str:
    """The name of the `Auto*` class that a pipeline for this task builds a model with.

    Raises:
        UsageError: the task is unknown, or no class of the task takes such a model.
    """
    original("pipeline")
    from transformers.pipelines import PIPELINE_REGISTRY

    try:
        _, detail, _ = PIPELINE_REGISTRY.check_task(task)
    except KeyError as error:
        raise UsageError(str(error.args[0])) from error
    architectures = set(getattr(config, "architectures", None) or ())
    fitting = [auto for auto in detail["pt"] if type(config) in auto._model_mapping]
    exact = [auto for auto in fitting if _names(auto) & architectures]
    for auto in (*exact, *fitting):
        return str(auto.__name__)
    raise UsageError(f"a {type(config).__name__} model does not serve the task {task!r}")


def _names(auto: Any) -> set[str]:
    """The names of the model classes that an `Auto*` class can build."""
    found: set[str] = set()
    for names in getattr(auto._model_mapping, "_model_mapping", {}).values():
        found.update((names,) if isinstance(names, str) else names)
    return found
