"""Build timm models from an admitted folder, as `timm.create_model` does."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from secureload.flow import Need
from secureload.registry.backstop import guard
from secureload.registry.library import (
    Call,
    Library,
    check_tree,
    original,
    refuse_arguments,
)
from secureload.registry.sealed import handed

_SOURCE = re.compile(r"(?:hf[-_]hub|local-dir):(?://)?")
_FORBIDDEN = {
    "checkpoint_path": "admit that file by itself: secureload.load_state_dict(path, model)",
    "pretrained_cfg": "it may name weights elsewhere",
    "pretrained_cfg_overlay": "it may name weights elsewhere",
}


def reference(text: str, kwargs: Mapping[str, Any]) -> str | None:
    """The repository that `timm.create_model` would read; None when it would read none.

    A plain architecture's weights lie in the repository that timm lists for it.
    """
    if source := _SOURCE.match(text):
        return text[source.end() :]
    if "/" in text or text.startswith(("git+", ".")):
        return text
    if not kwargs.get("pretrained"):
        return None
    config = original("timm", "get_pretrained_cfg")(text)
    listed = str(getattr(config, "hf_hub_id", None) or "")
    architecture = getattr(config, "architecture", None) or text.partition(".")[0]
    tag = getattr(config, "tag", "")
    if listed.endswith("/"):
        return f"{listed}{architecture}.{tag}" if tag else f"{listed}{architecture}"
    return listed or None


def build(call: Call) -> Any:
    """Build what `timm.create_model` builds.

    Raises:
        UsageError: an argument asks for something outside the folder.
        IntegrityError: the folder holds a file that no admitted folder holds.
        BackstopError: building tried to unpickle, connect or start a process.
    """
    create = original("timm", "create_model")
    refuse_arguments(call.name, call.kwargs, _FORBIDDEN)
    passed = {**call.kwargs, "pretrained": call.kwargs.get("pretrained", True)}
    check_tree(call.entry.path)
    with handed(call.entry) as give, guard():
        return give(create(f"local-dir:{give.path}", *call.args, **passed))


LIBRARY = Library(
    name="timm",
    package="timm",
    offers=re.compile("create_model"),
    default="create_model",
    build=build,
    need=lambda _name, _kwargs: Need(),
    call=lambda _: "name",
    reference=reference,
)
