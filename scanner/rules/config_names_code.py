"""A configuration names code that a loader would import or fetch.

Why it matters
    `auto_map` and custom pipelines are Python that comes with the model; an attention or
    expert implementation of the form `org/repo` is a compiled kernel fetched from the Hub.
    The gate loads models without either, and takes these keys out of what it publishes.
Fires on
    `auto_map`, `custom_generate`, `custom_pipelines`, `attn_implementation: org/kernel`,
    `_target_`, kernels named by a quantisation. A target known for a dangerous effect
    (`_target_: os.system`) is critical.
Stays quiet on
    `attn_implementation: sdpa` and other names built into the library.
Remedy
    Use a model whose architecture your library knows, or approve the code by digest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from scanner.facts import ConfigFact
from scanner.findings import Severity
from scanner.pickles import danger
from scanner.rules import Message, Rule

_CODE = frozenset(
    {"auto_map", "custom_generate", "custom_pipelines", "custom_pipeline", "fusion_config"}
)
_KERNEL = re.compile(r"^_?(?:attn|experts)_implementation(?:_internal)?$")
_KERNELS = frozenset({"kernel", "kernels", "kernel_config", "hub_kernels", "use_kernels"})
_RUNS = frozenset({danger.RUNS_CODE, danger.STARTS_PROCESS, danger.IMPORTS_MODULES, danger.NATIVE})
_IMPORTS = frozenset({"_target_", "py/object", "py/type", "py/reduce", "__reduce__"})


def check(fact: ConfigFact) -> Iterator[Message]:
    """Yield one message when the value names code."""
    evidence = {"path": fact.path, "value": "" if fact.value is None else str(fact.value)[:200]}
    named = fact.value is None or isinstance(fact.value, str)
    if fact.key in _CODE and named and fact.path.rpartition(".")[2] == fact.key:
        yield Message(text=f"`{fact.path}` names Python code", evidence=evidence)
    elif _KERNEL.match(fact.key) and isinstance(fact.value, str) and "/" in fact.value:
        text = f"`{fact.path}` names the kernel `{fact.value[:100]}`, which would be fetched"
        yield Message(text=text, evidence=evidence)
    elif fact.key in _KERNELS and isinstance(fact.value, str) and "/" in fact.value:
        yield Message(text=f"`{fact.path}` names a kernel to fetch", evidence=evidence)
    elif fact.key in _IMPORTS and named:
        text = f"`{fact.path}` names `{str(fact.value)[:100]}`, which a loader would import"
        effect = _effect(fact.value)
        if effect is None:
            yield Message(text=text, evidence=evidence)
        else:
            text = f"{text}; it {danger.EFFECTS[effect]}"
            yield Message(text=text, severity=Severity.CRITICAL, evidence=evidence)


def _effect(target: object) -> str | None:
    """What a dotted target is known to run; configurations name the other effects in earnest."""
    if not isinstance(target, str):
        return None
    module, _, name = target.strip().rpartition(".")
    effect = danger.effect(module, name) if module and name else None
    return effect if effect in _RUNS else None


RULE = Rule(id="config-names-code", reads=ConfigFact, severity=Severity.MEDIUM, check=check)
