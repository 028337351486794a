"""Known effects are found by class, under every spelling; harmless names are not called so."""

from __future__ import annotations

import pytest

from scanner.pickles import danger
from scanner.pickles.allowlist import default_allowlist
from scanner.pickles.functions import FUNCTION

PROBES = """
    pip:main timeit:timeit pdb:run cProfile:run trace:Trace doctest:testsource code:interact
    idlelib.pyshell:main lib2to3.pgen2.pgen:generate_grammar pydoc:pipepager pty:spawn venv:create
    ensurepip:bootstrap ctypes:CDLL uuid:_get_command_stdout _osx_support:_read_output
    _aix_support:_read_cmd_output imaplib:IMAP4_stream _pyrepl.pager:pipe_pager
    test.support.script_helper:assert_python_ok numpy.f2py.crackfortran:getlincoef
    torch.utils.bottleneck.__main__:run_cprofile torch.utils.collect_env:run
    torch.jit.unsupported_tensor_ops:execWrapper torch._inductor.codecache:compile_file
    cloudpickle.cloudpickle:loads types:CodeType logging:FileHandler _io:FileIO
    urllib.request:urlopen distutils.file_util:write_file operator:methodcaller
    asyncio.unix_events:_UnixSubprocessTransport._start pkgutil:resolve_name
    xmlrpc.server:resolve_dotted_attribute unittest.mock:_importer logging.config:_resolve
    importlib:import_module marshal:loads builtins:setattr torch:load numpy:load joblib:load
    string:Template _interpreters:run_string fickling.hook:remove_hook __builtin__:eval
    webbrowser:open sqlite3:connect shelve:open runpy:run_path socket:socket smtplib:SMTP
    nt:system sys:exit shutil:rmtree torch.hub:load torch.utils.cpp_extension:load_inline
    requests.api:get collections:ChainMap functools:reduce dill._dill:loads
    concurrent.futures:Future weakref:finalize zipimport:zipimporter pandas:read_pickle
    linecache:os.system random:_os.system __main__:system __main__:os.system
    numpy.testing._private.utils:runstring
""".split()  # noqa: SIM905


@pytest.mark.parametrize("probe", PROBES)
def test_known_effects(probe: str) -> None:
    module, _, name = probe.partition(":")
    assert danger.effect(module, name) in danger.EFFECTS


def test_nothing_admitted_is_known_to_be_dangerous_but_what_its_shape_guards() -> None:
    guarded = {"builtins.getattr", "builtins.type", "builtins.iter", "numpy.memmap",
               "functools.partial", "collections.ChainMap",
               "torch.storage._load_from_bytes"}  # fmt: skip
    guarded |= {
        f"dill.{module}.{name}"
        for module in ("dill", "_dill")
        for name in ("_load_type", "_eval_repr", "_create_array")
    }
    guarded |= {
        f"{module}.{name}"
        for module in ("operator", "_operator")
        for name in ("attrgetter", "methodcaller", "itemgetter")
    }
    found = {
        ".".join(key)
        for key, entry in default_allowlist()
        if danger.effect(*key) and entry.kind != FUNCTION
    }
    assert found == guarded


@pytest.mark.parametrize(
    ("module", "name"),
    [("vendor.models", "Net"), ("collections", "OrderedDict"), ("datetime", "date"),
     ("ultralytics.nn.tasks", "DetectionModel"), ("__builtin__", "set"),
     ("__main__", "Net"), ("__main__", "schedule"),
     ("copy_reg", "__newobj__")],
)  # fmt: skip
def test_ordinary_names_are_not_called_dangerous(module: str, name: str) -> None:
    assert danger.effect(module, name) is None


def test_python_2_names_are_mapped_as_pickle_maps_them() -> None:
    assert danger.canonical("__builtin__", "xrange") == ("builtins", "range")
    assert danger.canonical("cPickle", "loads") == ("pickle", "loads")
    assert danger.only_python2("__builtin__")
    assert not danger.only_python2("os")


@pytest.mark.parametrize(
    ("module", "name", "told"),
    [
        ("torch.hub.os", "system", danger.STARTS_PROCESS),
        ("numpy.f2py.os", "popen", danger.STARTS_PROCESS),
        ("torch._utils._sys", "exit", danger.TAMPERS),
        ("transformers.utils.importlib", "import_module", danger.IMPORTS_MODULES),
        ("some.module.builtins", "eval", danger.RUNS_CODE),
        ("some.torch", "load", danger.UNPICKLES),
    ],
)
def test_a_module_that_another_holds_is_seen(module: str, name: str, told: str) -> None:
    assert danger.effect(module, name) == told


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("scipy.signal", "windows.hann"), ("numpy.random._pickle", "__generator_ctor"),
        ("some.io", "Reader"), ("some.types", "Box"), ("some.code", "Model"),
    ],
)  # fmt: skip
def test_a_package_may_name_its_parts_like_modules(module: str, name: str) -> None:
    assert danger.effect(module, name) is None
