"""A configuration names code that a loader would import or fetch.

Why it matters
    `auto_map` and custom pipelines are Python that comes with the model; an attention or
    expert implementation of the form `org/repo` is a compiled kernel fetched from the Hub.
    The gate loads models without either, and takes these keys out of what it publishes.
Fires on
    `auto_map`, `custom_generate`, `custom_pipelines`, `attn_implementation: org/kernel`,
    `_target_`, kernels named by a quantisation, components of a diffusers pipeline or modules
    of a sentence transformer that come from anywhere else. A target known for a dangerous effect
    (`_target_: os.system`, `class_name: eval`) is critical, and high under a key that says
    nothing of importing. A module or activation of another package, `trust_remote_code: true`,
    libraries of operators or of machine code, values that are Python which imports or
    evaluates, and classes of Java or .NET are told too.
Stays quiet on
    `attn_implementation: sdpa` and other names built into the library; `_target_` and `target`
    that name classes of torch, Lightning, NeMo and other libraries that such settings are for.
Remedy
    Use a model whose architecture your library knows, or approve the code by digest.
"""

from __future__ import annotations

from collections.abc import Iterator

from scanner.facts import ConfigFact
from scanner.findings import EvidenceValue, Severity
from scanner.patterns import pattern
from scanner.pickles import danger
from scanner.rules import Message, Rule
from scanner.rules._targets import reviewed

_CODE = frozenset(
    {"auto_map", "custom_generate", "custom_pipelines", "custom_pipeline", "fusion_config"}
)
_KERNEL = pattern(r"^_?(?:attn|experts)_implementation(?:_internal)?$")
_KERNELS = frozenset({"kernel", "kernels", "kernel_config", "hub_kernels", "use_kernels"})
_RUNS = frozenset({danger.RUNS_CODE, danger.STARTS_PROCESS, danger.IMPORTS_MODULES, danger.NATIVE})
_PIPELINES = frozenset(
    """
    diffusers transformers onnxruntime peft flax optimum paint_by_example unclip
    versatile_diffusion semantic_stable_diffusion musicldm audioldm wuerstchen blip_diffusion
    unidiffuser stable_diffusion_safe alt_diffusion text_to_video_synthesis amused i2vgen_xl
    pia ace_step allegro animatediff anyflow audioldm2 aura_flow bria bria_fibo bria_fibo2
    chroma chronoedit cogvideo cogview3 cogview4 consisid consistency_models controlnet
    controlnet_hunyuandit controlnet_sd3 cosmos ddim ddpm deepfloyd_if deprecated
    diffusion_gemma dit dreamlite easyanimate ernie_image flux flux2 glm_image helios
    hidream_image hunyuan_image hunyuan_video hunyuan_video1_5 hunyuandit ideogram4 joyimage
    kandinsky kandinsky2_2 kandinsky3 kandinsky5 kandinsky6 kolors krea2
    latent_consistency_models latent_diffusion latte ledits_pp llada2 longcat_audio_dit
    longcat_image ltx ltx2 lucy lumina lumina2 marigold mochi motif_video nucleusmoe_image
    omnigen ovis_image pag pixart_alpha prx qwenimage qwenimage21 rfd4_proteina sana
    sana_video sana_wm shap_e skyreels_v2 stable_audio stable_audio_3 stable_cascade
    stable_diffusion stable_diffusion_3 stable_diffusion_xl stable_video_diffusion t2i_adapter
    visualcloze wan z_image
    """.split()  # noqa: SIM905
)
"""Libraries that diffusers loads components from, and its own folders of pipelines."""
_CLASSES = frozenset({"class_name", "registered_name"})
_IMPORTS = frozenset(
    {"_target_", "py/object", "py/type", "py/reduce", "py/function", "py/method", "py/repr",
     "__reduce__"}
)  # fmt: skip
_LIBRARIES = frozenset(
    {"custom_op_library", "custom_ops_library", "plugin_path", "ep_library_path"}
)
_FOREIGN = pattern(
    r"(?:System|Microsoft|Windows|javax?|com|org|net|sun|jdk|groovy|clojure|scala)\.[\w.$]*[A-Z]\w*"
    r"(?:,.*)?"
)
"""Classes of .NET and Java, by which their readers of JSON choose what to make."""
_FOREIGN_KEYS = frozenset({"$type", "@class", "@type"})
_MODULES = frozenset({"parent_library", "loader_module", "__module__"})
_ACTIVATIONS = pattern(r"(?:\w+_)?activation_(?:fn|function)|types")
_IMPORTING = pattern(
    r"(?i).*(?:target|class|cls|path|callable|func|function|method|fn|type|factory|entry|entry_?point"
    r"|handler|import|module|constructor|hook|init|object|reduce|\(\)|\?)_*"
)
"""Keys whose values loaders of many kinds import, or that are not known; under others, talk."""
_PROSE = pattern(
    r"(?i).*(?:text|content|prompt|description|comment|message|doc|docstring|title|summary|answer"
    r"|question|instruction|input|output|response|completion|note|notes|help|token|label|name)s?"
)
"""Keys under which people write, of code too."""
_ALWAYS_IMPORTS = pattern(
    r"_*(?:class_path|cls_path|import_path|target_class|python_class|python_path|callable_path"
    r"|function_path|factory_path|_target|__target__)_*"
)
"""Keys under which a dotted name is nothing but what a loader imports."""
_QUALIFIED_CLASS = pattern(r"[a-z_]\w*(?:\.\w+)*\.[A-Z]\w*")
_DOTTED = pattern(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")
_KNOWN = frozenset(
    """builtins catboost collections copy datetime diffusers functools keras lightgbm mlflow numpy
    onnx onnxruntime pandas peft quantile_forest re scipy sentence_transformers sklearn skops
    statsmodels tensorflow timm tokenizers torch torchvision transformers typing xgboost
    _codecs _operator operator""".split()  # noqa: SIM905
)
"""Packages that a loader's own classes come from; what they hold is judged by name."""


def check(fact: ConfigFact) -> Iterator[Message]:
    """Yield one message when the value names code."""
    value = "" if fact.value is None else str(fact.value)[:200]
    evidence: dict[str, EvidenceValue] = {"path": fact.path, "value": value}
    named = fact.value is None or isinstance(fact.value, str)
    if fact.key in _CODE and named and fact.path.rpartition(".")[2] == fact.key:
        yield Message(text=f"`{fact.path}` names Python code", evidence=evidence)
    elif _KERNEL.match(fact.key) and isinstance(fact.value, str) and "/" in fact.value:
        text = f"`{fact.path}` names the kernel `{fact.value[:100]}`, which would be fetched"
        yield Message(text=text, evidence=evidence)
    elif fact.key in _KERNELS and isinstance(fact.value, str) and "/" in fact.value:
        yield Message(text=f"`{fact.path}` names a kernel to fetch", evidence=evidence)
    elif fact.key == "pipeline-component":
        library, _, name = str(fact.value).partition(":")
        if library not in _PIPELINES:
            yield _imports(fact, f"{library}.{name}", evidence)
    elif fact.key == "module-type":
        if not str(fact.value).startswith("sentence_transformers."):
            yield _imports(fact, str(fact.value), evidence)
    elif fact.key == "_target_" and isinstance(fact.value, str) and _is_reviewed(fact.value):
        return
    elif fact.key in _IMPORTS and named:
        yield _imports(fact, fact.value, evidence)
    elif fact.key in ("dotted-name", "module-and-name"):
        if _effect(fact.value) is not None:
            yield _imports(fact, fact.value, evidence, certain=_imported_from(fact))
        elif _is_target(fact, value) and not _is_reviewed(value):
            yield _imports(fact, value, evidence)
    elif fact.key == "trust_remote_code" and fact.value is True:
        yield Message(text=f"`{fact.path}` asks for the code of a repository", evidence=evidence)
    elif fact.key == "native-library":
        yield Message(text=f"`{fact.path}` names the library `{value[:100]}`", evidence=evidence)
    elif fact.key == "expression":
        if _PROSE.fullmatch(fact.path.rpartition(".")[2]) is None:
            yield Message(
                text=f"`{fact.path}` holds what would act: `{value[:100]}`", evidence=evidence
            )
    elif fact.key in _LIBRARIES and value:
        yield Message(text=f"`{fact.path}` names a library to load", evidence=evidence)
    elif fact.key in _FOREIGN_KEYS and _FOREIGN.fullmatch(value):
        yield Message(text=f"`{fact.path}` names the class `{value[:100]}`", evidence=evidence)
    elif fact.key == "lc" and fact.value == 1:
        yield Message(text=f"`{fact.path}` marks an object to be constructed", evidence=evidence)
    elif fact.key in _MODULES and value and value.partition(".")[0] not in _KNOWN:
        yield _imports(fact, value, evidence)
    elif _ACTIVATIONS.fullmatch(fact.key) and _DOTTED.fullmatch(value):
        if value.partition(".")[0] not in _KNOWN:
            yield _imports(fact, value, evidence)
    elif fact.key in _CLASSES and isinstance(fact.value, str):
        # Classes are named in earnest everywhere; what is known to run something is none.
        target = fact.value.replace(":", ".")
        target = target if "." in target else f"builtins.{target}"
        if _effect(target) is not None:
            yield _imports(fact, target, evidence)


def _is_reviewed(target: str) -> bool:
    """Whether a library's own settings name this in earnest."""
    return _effect(target) is None and reviewed(target.strip())


def _is_target(fact: ConfigFact, value: str) -> bool:
    """Whether this key says that the dotted name under it is imported."""
    key = fact.path.rpartition(".")[2]
    if fact.key == "module-and-name":
        return False
    return _ALWAYS_IMPORTS.fullmatch(key) is not None or (
        key == "target" and _QUALIFIED_CLASS.fullmatch(value) is not None
    )


def _imported_from(fact: ConfigFact) -> bool:
    """Whether some loader imports what stands under this key, or these two."""
    named = _IMPORTING.fullmatch(fact.path.rpartition(".")[2])
    return fact.key == "module-and-name" or named is not None


def _imports(
    fact: ConfigFact, target: object, evidence: dict[str, EvidenceValue], *, certain: bool = True
) -> Message:
    text = f"`{fact.path}` names `{str(target)[:100]}`, which a loader would import"
    effect = _effect(target)
    if effect is None:
        return Message(text=text, evidence=evidence)
    text = f"{text}; it {danger.EFFECTS[effect]}"
    severity = Severity.CRITICAL if certain else Severity.HIGH
    return Message(text=text, severity=severity, evidence=evidence)


def _effect(target: object) -> str | None:
    """What a dotted target is known to run; configurations name the other effects in earnest."""
    if not isinstance(target, str):
        return None
    module, _, name = target.strip().rpartition(".")
    effect = danger.effect(module, name) if module and name else None
    return effect if effect in _RUNS else None


RULE = Rule(id="config-names-code", reads=ConfigFact, severity=Severity.MEDIUM, check=check)
