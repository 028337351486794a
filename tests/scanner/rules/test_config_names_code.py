"""A configuration names code."""

from __future__ import annotations

import pytest

from scanner.facts import ConfigFact
from scanner.findings import Severity
from scanner.rules.config_names_code import RULE
from tests.scanner.rules.configs import value


@pytest.mark.parametrize(
    "fact",
    [
        value("auto_map", None),
        value("custom_generate", "org/repo"),
        value("custom_pipelines", None),
        value("_attn_implementation", "org/kernel"),
        value("attn_implementation", "org/kernel:fn"),
        value("_experts_implementation", "org/kernel@v1"),
        value("_target_", "os.system"),
        value("kernel", "org/kernel"),
    ],
    ids=lambda fact: fact.key,
)
def test_fires(fact: ConfigFact) -> None:
    assert len(list(RULE.apply(fact))) == 1


@pytest.mark.parametrize(
    "fact",
    [
        value("attn_implementation", "sdpa"),
        value("_attn_implementation", "flash_attention_2"),
        value("auto_map", 17),
        value("AutoModel", "m.X", path="$.auto_map.AutoModel"),
        value("kernel", 3),
        value("quant_method", "gptq"),
    ],
    ids=lambda fact: fact.path,
)
def test_stays_quiet(fact: ConfigFact) -> None:
    assert list(RULE.apply(fact)) == []


@pytest.mark.parametrize("target", ["os.system", "subprocess.Popen", "builtins.eval"])
def test_a_target_with_a_known_effect_is_critical(target: str) -> None:
    (finding,) = RULE.apply(value("_target_", target))

    assert finding.severity is Severity.CRITICAL


@pytest.mark.parametrize("target", ["torch.optim.AdamW", "functools.partial", "Adam"])
def test_any_other_target_is_not(target: str) -> None:
    (finding,) = RULE.apply(value("_target_", target))

    assert finding.severity is Severity.MEDIUM


@pytest.mark.parametrize(
    "fact",
    [
        value("dotted-name", "os.system", path="$.target"),
        value("trust_remote_code", True),
        value("parent_library", "os"),
        value("loader_module", "evil.module"),
        value("__module__", "evil"),
        value("activation_fn", "evil.module.Function"),
        value("types", "evil.Module"),
        value("custom_ops_library", "evil.so"),
        value("$type", "System.Windows.Data.ObjectDataProvider, PresentationFramework"),
        value("@class", "javax.script.ScriptEngineManager"),
        value("lc", 1),
        value("py/function", "os.system"),
    ],
    ids=lambda fact: fact.key,
)
def test_other_ways_to_name_code_fire(fact: ConfigFact) -> None:
    assert len(list(RULE.apply(fact))) == 1


@pytest.mark.parametrize(
    "fact",
    [
        value("dotted-name", "model.safetensors"),
        value("dotted-name", "ldm.models.diffusion.ddpm.LatentDiffusion", path="$.target"),
        value("trust_remote_code", False),
        value("parent_library", "transformers.models.bert.modeling_bert"),
        value("__module__", "sklearn.pipeline"),
        value("activation_function", "gelu_new"),
        value("activation_fn", "torch.nn.modules.linear.Identity"),
        value("@type", "sc:Dataset"),
        value("custom_ops_library", ""),
    ],
    ids=lambda fact: f"{fact.key} {fact.value}",
)
def test_ordinary_names_stay_quiet(fact: ConfigFact) -> None:
    assert list(RULE.apply(fact)) == []
