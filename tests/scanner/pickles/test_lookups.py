"""Lookups by name: what `getattr` and dill's table may name, and what comes of naming more."""

from __future__ import annotations

import pytest

from scanner import FileVerdict, scan_bytes
from tests.builders.pickles import call, glob, integer, program, text

MALICIOUS, SUSPICIOUS = FileVerdict.MALICIOUS, FileVerdict.SUSPICIOUS


def getattr_of(owner: bytes, name: str) -> bytes:
    return glob("builtins", "getattr") + owner + text(name) + b"\x86R"


def verdict(*parts: bytes) -> FileVerdict:
    return scan_bytes(program(*parts), name="model.pkl").verdict


MODULE = glob("ultralytics.nn.modules", "Detect")
MADE = MODULE + b")\x81"


@pytest.mark.parametrize("owner", [MODULE, MADE], ids=["class", "instance"])
def test_a_plain_attribute_of_an_unknown_class_is_suspicious(owner: bytes) -> None:
    assert verdict(getattr_of(owner, "forward_split")) is SUSPICIOUS
    assert verdict(getattr_of(owner, "forward_split") + b")R") is SUSPICIOUS


@pytest.mark.parametrize("name", ["__class__", "__globals__", "__init__", "_os.system", "a b"])
def test_any_other_attribute_is_malicious(name: str) -> None:
    assert verdict(getattr_of(MODULE, name)) is MALICIOUS


@pytest.mark.parametrize(
    ("module", "name", "attribute"),
    [("os", "path", "join"), ("linecache", "os", "system"), ("numpy", "testing", "runstring"),
     ("importlib", "util", "find_spec"), ("pathlib", "Path", "unlink"), ("pandas", "io", "pickle")],
)  # fmt: skip
def test_attributes_of_dangerous_owners_are_malicious(
    module: str, name: str, attribute: str
) -> None:
    assert verdict(getattr_of(glob(module, name), attribute)) is MALICIOUS


def test_a_chain_of_lookups_is_malicious() -> None:
    assert verdict(getattr_of(getattr_of(MODULE, "model"), "forward")) is MALICIOUS


def test_a_computed_name_is_malicious() -> None:
    computed = call("builtins", "str", text("system"))
    assert verdict(glob("builtins", "getattr"), MODULE, computed, b"\x86R") is MALICIOUS


@pytest.mark.parametrize(
    "key", ["../../etc/passwd", "/etc/localtime", "a/../b", "UTC\0", "", "a.b", "a/b/c/d"]
)
def test_a_zone_whose_key_leaves_the_zone_data_is_not_clean(key: str) -> None:
    unpickle = getattr_of(glob("zoneinfo", "ZoneInfo"), "_unpickle")
    arguments = text(key) + integer(1) + b"\x86R"

    assert verdict(unpickle, arguments) is not FileVerdict.CLEAN
    assert verdict(unpickle, text("UTC") + integer(1) + b"\x86R") is FileVerdict.CLEAN


@pytest.mark.parametrize("name", ["CodeType", "FunctionType", "ModuleType", "eval", "type"])
def test_other_types_of_dill_s_table_are_malicious(name: str) -> None:
    assert verdict(call("dill._dill", "_load_type", text(name))) is MALICIOUS


def test_dill_evaluates_nothing_but_constants() -> None:
    assert verdict(call("dill._dill", "_eval_repr", text("print(1)"))) is MALICIOUS


def test_a_partial_is_as_dangerous_as_its_function() -> None:
    def partial(module: str, name: str) -> bytes:
        return call("functools", "partial", glob(module, name))

    assert verdict(partial("some.library", "function")) is SUSPICIOUS
    assert verdict(partial("os", "system")) is MALICIOUS
    assert verdict(partial("builtins", "getattr")) is MALICIOUS


def test_a_chain_map_over_anything_but_plain_dicts_is_not_clean() -> None:
    made = glob("collections", "ChainMap") + b")\x81"
    module = glob("os", "path")
    lookup = call("builtins", "vars", module)

    assert verdict(made, b"}" + text("maps") + b"]" + lookup + b"asb") is MALICIOUS
    assert verdict(made, b"}" + text("maps") + b"]" + MADE + b"asb") is not FileVerdict.CLEAN
    assert verdict(made, b"}" + text("maps") + b"]}asb") is FileVerdict.CLEAN


@pytest.mark.parametrize("module", ["numpy", "numpy.core._multiarray_umath"])
def test_a_function_over_arrays_is_found_by_its_name(module: str) -> None:
    found = call("numpy.core", "_ufunc_reconstruct", text(module), text("log1p"))

    assert verdict(found) is FileVerdict.CLEAN
    assert verdict(found, integer(1), b"\x85R") is not FileVerdict.CLEAN


@pytest.mark.parametrize(
    ("module", "name"),
    [("os", "system"), ("numpy", "load"), ("numpy.testing", "runstring"), ("numpy", "os.system"),
     ("builtins", "exec"), ("numpy", "frompyfunc"), ("numpy.core", "log1p")],
)  # fmt: skip
def test_another_function_by_its_name_is_told(module: str, name: str) -> None:
    found = call("numpy.core", "_ufunc_reconstruct", text(module), text(name))

    assert verdict(found) is not FileVerdict.CLEAN


@pytest.mark.parametrize("name", ["relu", "tanh", "sigmoid"])
def test_a_function_of_torchs_table_may_be_kept_and_not_called(name: str) -> None:
    found = getattr_of(glob("torch._C", "_VariableFunctionsClass"), name)

    assert verdict(found) is FileVerdict.CLEAN
    assert verdict(found, integer(1), b"\x85R") is not FileVerdict.CLEAN


@pytest.mark.parametrize("name", ["from_file", "__class__", "_load_global_deps", "mro"])
def test_another_name_in_torchs_table_is_told(name: str) -> None:
    found = getattr_of(glob("torch._C", "_VariableFunctionsClass"), name)

    assert verdict(found) is not FileVerdict.CLEAN


@pytest.mark.parametrize("key", ["Europe/Paris", "US/Eastern", "Etc/GMT+5"])
def test_a_zone_of_pytz_is_clean(key: str) -> None:
    paris = call("pytz", "_p", text(key), integer(540), integer(0), text("LMT"))

    assert verdict(paris) is FileVerdict.CLEAN


@pytest.mark.parametrize("key", ["../../etc/passwd", "/etc/localtime", "", "a.b"])
def test_a_zone_of_pytz_that_leaves_the_zone_data_is_not_clean(key: str) -> None:
    assert verdict(call("pytz", "_p", text(key))) is not FileVerdict.CLEAN


@pytest.mark.parametrize("name", ["print", "id", "property", "classmethod", "memoryview"])
def test_builtins_that_only_look_are_suspicious(name: str) -> None:
    assert verdict(glob("builtins", name)) is SUSPICIOUS
    assert verdict(call("builtins", name, text("x"))) is SUSPICIOUS


@pytest.mark.parametrize("name", ["property.__get__", "print.__self__", "id.__call__"])
def test_what_is_reached_through_them_is_malicious(name: str) -> None:
    assert verdict(text("builtins"), text(name), b"\x93") is MALICIOUS


@pytest.mark.parametrize("name", ["FutureWarning", "ConnectionError", "UnicodeDecodeError"])
def test_exceptions_are_made_and_not_raised(name: str) -> None:
    assert verdict(glob("builtins", name)) is FileVerdict.CLEAN
    assert verdict(call("builtins", name, glob("os", "system"))) is MALICIOUS


def test_a_span_of_pandas_is_of_its_own_class() -> None:
    made = ("pandas._libs.tslibs.period", "__pyx_unpickle_PeriodMixin")
    period = glob("pandas._libs.tslibs.period", "Period")

    assert verdict(call(*made, period, integer(1), b"N")) is FileVerdict.CLEAN
    assert verdict(call(*made, glob("os", "system"), integer(1), b"N")) is MALICIOUS
    assert verdict(call(*made, glob("collections", "deque"), b"N")) is SUSPICIOUS


@pytest.mark.parametrize(
    ("module", "name"),
    [("sklearn.linear_model.logistic", "LogisticRegression"),
     ("sklearn.neighbors.unsupervised", "NearestNeighbors"),
     ("imblearn.over_sampling._smote.base", "SMOTE"), ("hmmlearn.hmm", "GaussianHMM")],
)  # fmt: skip
def test_older_estimators_are_made_empty_and_not_called(module: str, name: str) -> None:
    cls = glob(module, name)

    assert verdict(cls, b")\x81}", text("a"), integer(1), b"sb") is FileVerdict.CLEAN
    assert verdict(cls, b")\x81}", text("__class__"), cls, b"sb") is not FileVerdict.CLEAN
    assert verdict(cls, text("x"), b"\x85R") is not FileVerdict.CLEAN


RANDOM = "numpy.random._pickle"


@pytest.mark.parametrize("name", ["__randomstate_ctor", "__generator_ctor"])
def test_a_random_generator_is_looked_up_by_numpys_own_function(name: str) -> None:
    own = glob(RANDOM, "__bit_generator_ctor")

    assert verdict(call(RANDOM, name, text("MT19937"), own)) is FileVerdict.CLEAN
    assert verdict(call(RANDOM, name, text("true"), glob("os", "system"))) is MALICIOUS
    assert verdict(call(RANDOM, name, text("x"), glob("builtins", "len"))) is SUSPICIOUS
    assert verdict(call(RANDOM, name, own, text("MT19937"))) is SUSPICIOUS


def test_a_compiled_loss_is_made_of_its_own_class() -> None:
    made = ("sklearn._loss._loss", "__pyx_unpickle_CyHalfBinomialLoss")
    loss = glob("sklearn._loss._loss", "CyHalfBinomialLoss")

    assert verdict(call(*made, loss, integer(222419149), b")")) is FileVerdict.CLEAN
    assert verdict(call(*made, glob("collections", "deque"), integer(1), b")")) is SUSPICIOUS


@pytest.mark.parametrize("name", ["log1p", "expm1", "add"])
def test_a_function_over_arrays_may_be_kept_and_not_called(name: str) -> None:
    kept = glob("numpy.core._multiarray_umath", name)

    assert verdict(kept) is FileVerdict.CLEAN
    assert verdict(kept, integer(1), b"\x85R") is SUSPICIOUS
