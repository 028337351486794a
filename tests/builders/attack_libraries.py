"""Techniques by way of libraries: torch, numpy, and what lies beside them."""

# Tables: one technique a line, whatever its length.
# ruff: noqa: E501

from __future__ import annotations

import io
import pickle
from collections.abc import Iterator
from functools import partial
from typing import Any

from tests.builders import zips
from tests.builders.attack_stdlib import ARGV, OS, RUN, URL, _namespace, _write
from tests.builders.gadgets import (
    PY,
    READ,
    SH,
    Build,
    New,
    Technique,
    call,
    glob,
    pickled,
    seq,
    system,
    technique,
)


def techniques() -> Iterator[Technique]:
    """All of them."""
    yield from _torch()
    yield from _torch_shapes()
    yield from _numpy()
    yield from _installed()
    yield from _elsewhere()


def torch_zip(data: bytes = b"") -> bytes:
    """A torch archive whose `data.pkl` is hostile."""
    return zips.plain({"archive/data.pkl": data or system(), "archive/version": b"3\n"})


def npy(data: bytes = b"", descr: str = "'|O'") -> bytes:
    """An `.npy` of one object: the header, then a pickle."""
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': (1,), }}"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    return b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little") + header.encode() + (
        data or system()
    )  # fmt: skip


def legacy(*pickles: bytes) -> bytes:
    """The five pickles of an old torch file, some of them replaced."""
    good = [
        b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.",
        b"\x80\x02M\xe9\x03.",
        pickle.dumps({"protocol_version": 1001, "little_endian": True, "type_sizes": {}}, 2),
        pickle.dumps({"a": 1}, 2),
        pickle.dumps([], 2),
    ]
    return b"".join(given or kept for given, kept in zip(pickles, good, strict=True))


def _torch() -> Iterator[Technique]:
    t = partial(technique, "torch")
    evil_zip = call("io:BytesIO", torch_zip())
    evil_legacy = call("io:BytesIO", legacy(b"", b"", b"", system(), b""))
    pickle_module = glob("torch.serialization:pickle")
    yield t(call("torch.storage:_load_from_bytes", torch_zip()))
    yield t(call("torch:load", evil_zip, None, pickle_module))
    yield t(call("torch.serialization:load", evil_zip, None, pickle_module))
    yield t(call("torch.serialization:_legacy_load", evil_legacy, None, pickle_module))
    hub = seq(_write("hubconf.py", f"def x(): {PY}"), ".")
    yield t(call("torch.hub:_load_local", hub, "x"))
    yield t(call("torch.hub:_import_module", "hubconf", seq(_write("hubconf.py", PY),
                 "hubconf.py")))  # fmt: skip
    yield t(call("torch.hub:load_state_dict_from_url", URL + "x"), proof="urllib.Request")
    yield t(call("torch.hub:download_url_to_file", URL, "fired"), proof="urllib.Request")
    yield t(call("torch.hub:load", "a/b:c", "x"), runs=False)
    yield t(call("torch.utils.model_zoo:load_url", URL + "x"), proof="urllib.Request")
    yield t(call("torch.utils.collect_env:run", SH))
    yield t(call("torch.utils.collect_env:run_and_read_all", glob("torch.utils.collect_env:run"),
                 SH))  # fmt: skip
    yield t(call("torch.utils.cpp_extension:load_inline", "x", ["int f;"]),
            proof="subprocess.Popen")  # fmt: skip
    yield t(
        call("torch.utils.cpp_extension:load", "x", seq(_write("x.cpp", ""), ["x.cpp"])),
        proof="subprocess.Popen",
    )
    yield t(call("torch.utils.cpp_extension:_import_module_from_library", "x", ".", True),
            runs=False)  # fmt: skip
    yield t(call("torch.jit.unsupported_tensor_ops:execWrapper", PY, {}, {}))
    yield t(call("torch.jit:CompilationUnit", "def f(x):\n return x"), runs=False)
    yield t(call("torch.jit:load", READ), proof="open", runs=False)
    yield t(call("torch.fx.graph_module:_exec_with_source", PY, {}))
    yield t(call("torch.fx.graph_module:_forward_from_src", PY, {}))
    yield t(call("torch.fx.graph_module:reduce_graph_module", {"_code": PY}, ""))
    yield t(call("torch.fx.experimental.symbolic_shapes:ShapeEnv.evaluate_guards_expression",
                 None, f"__import__('io').{PY}", []))  # fmt: skip
    yield t(call("torch._inductor.codecache:PyCodeCache.load", PY))
    yield t(call("torch._inductor.runtime.compile_tasks:_reload_python_module", "p",
                 seq(_write("p.py", PY), "p.py")))  # fmt: skip
    yield t(call("torch._inductor.utils:run_and_get_code", RUN, SH), runs=False)
    yield t(call("torch.distributed.rpc.internal:_run_function", call(
        "torch.distributed.rpc.internal:PythonUDF", RUN, (SH,), {})))  # fmt: skip
    yield t(call("torch.utils._pytree:tree_map", RUN, [SH]))
    yield t(call("torch.utils._pytree:tree_map_only", glob("builtins:str"), RUN, [SH]))
    yield t(call("torch.utils.benchmark:Timer.timeit", call("torch.utils.benchmark:Timer", PY), 1))
    yield t(call("torch.utils.benchmark.utils.timer:Timer.timeit",
                 call("torch.utils.benchmark:Timer", "pass", PY), 1), "benchmark setup")  # fmt: skip
    yield t(call("torch.testing._internal.common_utils:shell", ARGV), needs="expecttest")
    yield t(call("torch:save", 1, "fired"))
    yield t(call("torch.serialization:save", 1, "fired"))
    yield t(call("torch.serialization:_open_file", "fired", "wb"))
    yield t(call("torch.serialization:_open_file_like", "fired", "wb"))
    yield t(call("torch:UntypedStorage.from_file", "fired", True, 8))
    yield t(call("torch:FloatStorage.from_file", "fired", True, 8))
    yield t(call("torch:from_file", "fired", True, 8), needs="keyword arguments")
    yield t(call("torch._C:PyTorchFileWriter", "fired"))
    yield t(call("torch:ops.load_library", "x.so"), proof="ctypes.dlopen")
    yield t(call("torch:classes.load_library", "x.so"), proof="ctypes.dlopen")
    yield t(call("torch._ops:_Ops.load_library", glob("torch:ops"), "x.so"), proof="ctypes.dlopen")
    yield t(call("torch.package:PackageExporter", "fired"), runs=True)
    yield t(call("torch.package:PackageImporter.load_pickle", call("torch.package:PackageImporter",
            call("io:BytesIO", _package())), "p", "x.pkl"))  # fmt: skip
    yield t(call("torch.multiprocessing:spawn", RUN, (SH,)), runs=False)
    yield t(call("torch._utils:_import_dotted_name", "os.system"), runs=False)
    yield t(call(call("torch._utils:_import_dotted_name", "torch.os.system"), SH),
            "_import_dotted_name")  # fmt: skip
    yield t(call("torch:os.system", SH))
    yield t(call("torch.serialization:os.system", SH))
    yield t(call("torch.storage:io.open", "fired", "w"))
    yield t(call("torch._utils:sys.modules.get", "os"), runs=False)
    yield t(call(call("torch._utils:_rebuild_tensor_v2.__builtins__.get", "exec"), PY),
            "rebuild builtins")  # fmt: skip
    yield t(call(call("torch._utils:_rebuild_tensor_v2.__globals__.__getitem__", "__builtins__")),
            runs=False)  # fmt: skip
    yield t(call("torch:serialization.pickle.loads", system()))
    yield t(call("torch.nn:Module.apply", call("torch.nn:Module"), RUN), runs=False)
    yield t(call("torch.overrides:handle_torch_function", RUN, (), SH), runs=False)
    yield t(call("torch.onnx:export"), runs=False)
    yield t(call("torch.utils.data:DataLoader", [SH], 1), runs=False)
    yield t(call("torch.utils.tensorboard:SummaryWriter", "fired"), needs="tensorboard")
    yield t(call("torch.cuda:memory._snapshot"), runs=False)
    yield t(call("torch:set_default_device", "meta"), runs=False)
    yield t(call("torch:manual_seed", 1), runs=False)
    yield t(call("torch.distributed:init_process_group", "gloo", "tcp://127.0.0.1:9"), runs=False)
    yield t(call("torch.distributed.run:main", ["x.py"]), runs=False)
    yield t(call("torch.utils.show_pickle:main", ["x", READ]), proof="open", runs=False)


def _package() -> bytes:
    held = {"archive/p/x.pkl": system(), "archive/version": b"6\n", "archive/.data/version": b"6\n",
            "archive/.data/extern_modules": b"posix\n"}  # fmt: skip
    return zips.plain(held)


def _torch_shapes() -> Iterator[Technique]:
    """Reviewed rebuild functions with arguments that nobody reviewed."""
    t = partial(technique, "hostile-arguments")
    yield t(call("torch._tensor:_rebuild_from_type_v2", RUN, glob("builtins:int"), (SH,), {}))
    yield t(call("torch._tensor:_rebuild_from_type_v2", glob("builtins:exec"),
                 glob("builtins:int"), (PY,), {}), "_rebuild_from_type_v2 exec")  # fmt: skip
    yield t(call("torch._utils:_rebuild_tensor_v2", RUN, 0, (1,), (1,), False, {}), runs=False)
    yield t(call("torch._utils:_rebuild_tensor_v2", call("posix:system", SH), 0, (1,), (1,), False,
                 {}), "_rebuild_tensor_v2 nested call")  # fmt: skip
    yield t(call("torch._utils:_rebuild_parameter_with_state", call("builtins:map", RUN, [SH]),
                 False, {}, {}), runs=False)  # fmt: skip
    yield t(call("collections:OrderedDict", call("builtins:map", RUN, [SH])), "OrderedDict of map")
    yield t(call("collections:OrderedDict", call("builtins:filter", RUN, [SH])),
            "OrderedDict of filter")  # fmt: skip
    yield t(call("collections:Counter", call("builtins:map", RUN, [SH])), "Counter of map")
    yield t(call("collections:deque", call("builtins:map", RUN, [SH])), "deque of map")
    yield t(call("builtins:set", call("builtins:map", RUN, [SH])), "set of map")
    yield t(call("collections:defaultdict", RUN), runs=False)
    yield t(call("torch:Size", call("builtins:map", RUN, [SH])), "Size of map")
    yield t(call("numpy:dtype", call("posix:system", SH)), "dtype of a call")
    yield t(call("numpy:array", call("builtins:list", call("builtins:map", RUN, [SH]))),
            "array of map")  # fmt: skip
    yield t(call("numpy.core.multiarray:_reconstruct", glob("subprocess:Popen"), (0,), b"b"),
            runs=False)  # fmt: skip
    yield t(New("numpy:memmap", ("fired", "uint8", "w+", 0, (1,))))
    yield t(New("numpy:memmap", (), {"filename": "fired", "mode": "w+", "shape": (1,)}),
            "memmap NEWOBJ_EX")  # fmt: skip
    yield t(New("logging:FileHandler", ("fired",)), runs=False)
    yield t(Build(New("collections:OrderedDict"), {"__reduce__": RUN}), runs=False)
    yield t(call("copyreg:_reconstructor", glob("builtins:list"), glob("builtins:list"),
                 call("builtins:map", RUN, [SH])), "_reconstructor of map")  # fmt: skip
    yield t(call("functools:partial", RUN, SH), runs=False)
    yield t(call("torch:device", call("posix:system", SH)), "device of a call")
    yield t(call("datetime:datetime", call("posix:system", SH), 1, 1), "datetime of a call")
    yield t(call("pathlib:PosixPath", call("os:popen", SH)), "path of a call")
    yield t(call("decimal:Decimal", call("subprocess:getoutput", SH)), "decimal of a call")


def _numpy() -> Iterator[Technique]:
    t = partial(technique, "numpy")
    stream = call("io:BytesIO", npy())
    yield t(call("numpy:load", stream, None, True))
    yield t(call("numpy.lib.format:read_array", stream, True))
    yield t(call("numpy.lib._npyio_impl:load", stream, None, True), needs="numpy>=2")
    yield t(call("numpy.lib.npyio:NpzFile.__getitem__", call("numpy.lib.npyio:NpzFile",
                 call("io:BytesIO", zips.plain({"a.npy": npy()})), False, True), "a"))  # fmt: skip
    yield t(call("numpy.testing._private.utils:runstring", PY, {}))
    yield t(call("numpy.testing:runstring", PY, {}), needs="numpy<2")
    yield t(call("numpy.testing._private.utils:measure", PY, 1))
    yield t(call("numpy.testing:measure", PY, 1))
    yield t(call("numpy.testing:assert_raises", glob("builtins:ValueError"), RUN, SH))
    yield t(call("numpy.testing._private.utils:rundocs", seq(_write("p.py", f"'''\n>>> {PY}\n'''"),
                 "p.py")), needs="numpy.testing._private.utils.rundocs")  # fmt: skip
    yield t(call("numpy.f2py.crackfortran:myeval", PY, {}, {}))
    yield t(call("numpy.f2py.crackfortran:param_eval", PY, {}, {}))
    yield t(call("numpy.f2py.crackfortran:_eval_scalar", PY, {}), needs="numpy>=1.20")
    yield t(call("numpy.f2py.capi_maps:load_f2cmap_file", seq(_write("p", PY), "p")))
    yield t(call("numpy.f2py:main"), runs=False)
    yield t(call("numpy.f2py:compile", "x"), runs=False)
    yield t(call("numpy.distutils.exec_command:exec_command", SH), needs="numpy.distutils")
    yield t(call(call("numpy:vectorize", RUN), SH), "vectorize")
    yield t(call(call("numpy:frompyfunc", RUN, 1, 1), SH), "frompyfunc")
    yield t(call("numpy:fromfunction", RUN, (1,)), runs=False)
    yield t(call("numpy:apply_along_axis", call("functools:partial", RUN, SH), 0, [1]), runs=False)
    yield t(call("numpy:fromiter", call("builtins:map", RUN, [SH]), "O"), "fromiter of map")
    for name, args in (("save", (1,)), ("savez", (1,)), ("savez_compressed", (1,)),
                       ("savetxt", ([1],))):  # fmt: skip
        yield t(call(f"numpy:{name}", "fired", *args))
    array = call("numpy:array", [1])
    yield t(call("numpy:ndarray.tofile", array, "fired"))
    yield t(call("numpy:ndarray.dump", array, "fired"))
    yield t(call("numpy:memmap", "fired", "uint8", "w+", 0, (1,)))
    yield t(call("numpy.lib.format:open_memmap", "fired", "w+", "uint8", (1,)))
    yield t(call("numpy:core.os.system", SH), runs=False)
    for name in ("loadtxt", "genfromtxt", "fromregex"):
        args = ("x", [("a", "i4")]) if name == "fromregex" else ()
        yield t(call(f"numpy:{name}", READ, *args), proof="open", runs=False)
    yield t(call("numpy:fromfile", READ), proof="open", runs=False)
    yield t(call("numpy.lib.npyio:DataSource.open", call("numpy.lib.npyio:DataSource", "."), READ),
            proof="open", runs=False)  # fmt: skip
    yield t(call("numpy.lib._datasource:open", URL), proof="urllib.Request", runs=False)
    yield t(call("numpy.ctypeslib:load_library", "libm.so.6", "/lib/x86_64-linux-gnu"), runs=False)  # fmt: skip
    yield t(call("numpy:set_printoptions", 1), runs=False)
    yield t(call("numpy:seterrcall", RUN), runs=False)
    yield t(Build("numpy:size", (None, {"shape": RUN})), "BUILD on a function", runs=False)


def _installed() -> Iterator[Technique]:
    t = partial(technique, "libraries")
    shell = "{{ cycler.__init__.__globals__.os.system(': >fired') }}"
    yield t(call("jinja2:Template.render", call("jinja2:Template", shell)))
    yield t(call("jinja2:Environment.from_string", call("jinja2:Environment"), shell), runs=False)
    yield t(call("mako.template:Template", f"<%! {PY} %>"), needs="mako")
    tagged = f"!!python/object/apply:os.system ['{SH}']"
    for name in ("unsafe_load", "unsafe_load_all", "load"):
        args = (tagged, glob("yaml:UnsafeLoader")) if name == "load" else (tagged,)
        if name != "unsafe_load_all":
            yield t(call(f"yaml:{name}", *args))
    yield t(call("builtins:list", call("yaml:unsafe_load_all", tagged)), "yaml.unsafe_load_all")
    yield t(call("psutil:Popen", ARGV), needs="psutil")
    yield t(call(call("sympy:lambdify", [], PY)), "sympy.lambdify", needs="sympy")
    yield t(call("sympy:sympify", "__import__"), runs=False)
    yield t(call("sympy.parsing.sympy_parser:eval_expr", PY, {}, {}), needs="sympy")
    yield t(call("PIL.ImageMath:unsafe_eval", "1"), runs=False)
    yield t(call("filelock:FileLock.acquire", call("filelock:FileLock", "fired")))
    yield t(call("fsspec:open_files", "fired", "wb"), runs=False)
    yield t(call("fsspec.implementations.local:LocalFileSystem.touch",
                 call("fsspec.implementations.local:LocalFileSystem"), "fired"))  # fmt: skip
    yield t(call("sqlalchemy:Engine.connect", call("sqlalchemy:create_engine",
                 "sqlite:///fired")), needs="sqlalchemy")  # fmt: skip
    yield t(call("alembic.util.pyfiles:load_python_file", seq(_write("p.py", PY), "."), "p.py"),
            needs="alembic")  # fmt: skip
    yield t(call("h5py:File", "fired", "w"), needs="h5py")
    yield t(call("click:edit", "x", f"sh -c '{SH}'"), needs="click")
    yield t(call("click:open_file", "fired", "w"), needs="click")
    yield t(call("httpx:get", URL), proof="socket.connect", needs="httpx")
    yield t(call("gnupg:GPG", "sh"), runs=False)
    yield t(call("tqdm.auto:trange", 1), runs=False)
    yield t(call("safetensors.torch:save_file", {}, "fired"), needs="safetensors")
    yield t(call("hypothesis.internal.reflection:source_exec_as_module", PY), needs="hypothesis")
    yield t(call("_pytest.runner:CallInfo.from_call", call("functools:partial", RUN, SH), "call"),
            needs="_pytest")  # fmt: skip
    yield t(call("pydantic._internal._typing_extra:try_eval_type", call("typing:ForwardRef", PY),
                 {}, {}), needs="pydantic")  # fmt: skip
    yield t(call("execnet.gateway_base:Message.from_io"), needs="execnet", runs=False)
    yield t(call("pluggy:PluginManager.call_historic"), runs=False)
    yield t(call("transformers.dynamic_module_utils:get_class_in_module", "X",
                 seq(_write("p.py", PY), "p.py")), runs=False)  # fmt: skip
    yield t(call("transformers:AutoModel.from_pretrained", "a/b"), runs=False)
    yield t(call("transformers:pipeline", "x"), runs=False)
    yield t(call("huggingface_hub:hf_hub_download", "a/b", "c"), runs=False)
    yield t(call("regex:template"), runs=False)
    yield t(call("fickling.hook:activate_safe_ml_environment"), runs=False)
    yield t(call("fickling.hook:remove_hook"), runs=False)
    yield t(call("pip._internal.utils.subprocess:call_subprocess", ARGV), needs="pip", runs=False)
    yield t(call("pip._vendor.rich.pager:SystemPager.show"), runs=False)
    yield t(call(call("networkx:utils.misc.sys.modules.get", "os")), runs=False)


def _elsewhere() -> Iterator[Technique]:
    """Libraries that are not installed for the tests: scanned, and not shown to fire."""
    nested: Any = system()
    for needs, name, args in (
        ("dill", "dill:load_module", ("x",)),
        ("dill", "dill._dill:_import_module", ("os.system",)),
        ("dill", "dill._dill:_create_function", (1, {})),
        ("dill", "dill._dill:_eval_repr", (PY,)),
        ("dill", "dill.source:importable", (1,)),
        ("dill", "dill._dill:_get_attr", (OS, "system")),
        ("dill", "dill._dill:_create_code", (0,)),
        ("cloudpickle", "cloudpickle.cloudpickle:subimport", ("os",)),
        ("cloudpickle", "cloudpickle.cloudpickle:_make_function", (1, {}, None, None, None)),
        ("cloudpickle", "cloudpickle.cloudpickle:_builtin_type", ("CodeType",)),
        ("cloudpickle", "cloudpickle.cloudpickle:_make_skeleton_class", (1,)),
        ("cloudpickle", "cloudpickle.cloudpickle:dynamic_subimport", ("os", {})),
        ("joblib", "joblib:load", (READ,)),
        ("joblib", "joblib.numpy_pickle:load", (READ,)),
        ("joblib", "joblib.numpy_pickle:load_temporary_memmap", (READ, "r", None)),
        ("joblib", "joblib:dump", (1, "fired")),
        ("joblib", "joblib:Memory", ("fired",)),
        ("joblib", "joblib.parallel:BatchedCalls.__call__", ()),
        ("joblib", "joblib.externals.cloudpickle:loads", (nested,)),
        ("joblib", "joblib.externals.loky:get_reusable_executor", ()),
        ("joblib", "joblib._store_backends:FileSystemStoreBackend.load_item", ()),
        ("pandas", "pandas:read_pickle", (READ,)),
        ("pandas", "pandas.io.pickle:read_pickle", (READ,)),
        ("pandas", "pandas.compat.pickle_compat:load", (READ,)),
        ("pandas", "pandas.compat.pickle_compat:loads", (nested,)),
        ("pandas", "pandas:eval", ("@__import__('os').system('x')",)),
        ("pandas", "pandas:DataFrame.query", (None, "x")),
        ("pandas", "pandas:DataFrame.eval", (None, "x")),
        ("pandas", "pandas:DataFrame.apply", (None, RUN)),
        ("pandas", "pandas:DataFrame.pipe", (None, RUN)),
        ("pandas", "pandas:DataFrame.to_csv", (None, "fired")),
        ("pandas", "pandas.core.computation.eval:eval", ("x",)),
        ("pandas", "pandas:read_csv", (URL,)),
        ("pandas", "pandas:read_html", (URL,)),
        ("pandas", "pandas:HDFStore", ("fired",)),
        ("sklearn", "sklearn.utils._joblib:load", (READ,)),
        ("sklearn", "sklearn.datasets:fetch_openml", ("x",)),
        ("sklearn", "sklearn.datasets:load_files", (".",)),
        ("sklearn", "sklearn.preprocessing:FunctionTransformer", (RUN,)),
        ("sklearn", "sklearn.utils.fixes:_mode", (1,)),
        ("scipy", "scipy.optimize:minimize", (RUN, SH)),
        ("scipy", "scipy.io:loadmat", (READ,)),
        ("scipy", "scipy.integrate:quad", (RUN, 0, 1)),
        ("scipy", "scipy._lib._ccallback:LowLevelCallable", (1,)),
        ("scipy", "scipy.LowLevelCallable:from_cython", (1,)),
        ("keras", "keras.models:load_model", (READ,)),
        ("keras", "keras.utils:get_file", ("x", URL)),
        ("keras", "keras.src.utils.python_utils:func_load", ("x",)),
        ("keras", "keras.layers:Lambda", (RUN,)),
        ("tensorflow", "tensorflow:io.read_file", (READ,)),
        ("tensorflow", "tensorflow:load_library", ("x.so",)),
        ("tensorflow", "tensorflow:py_function", (RUN,)),
        ("jax", "jax:pure_callback", (RUN,)),
        ("onnxruntime", "onnxruntime:InferenceSession", (READ,)),
        ("lightning", "lightning.pytorch:Trainer", ()),
        ("lightning", "pytorch_lightning:LightningModule.load_from_checkpoint", (READ,)),
        ("hydra", "hydra.utils:instantiate", ({"_target_": "os.system"},)),
        ("hydra", "hydra._internal.utils:_locate", ("os.system",)),
        ("omegaconf", "omegaconf:OmegaConf.load", (READ,)),
        ("omegaconf", "omegaconf:OmegaConf.register_new_resolver", ("x", RUN)),
        ("mmengine", "mmengine:Config.fromfile", ("x.py",)),
        ("nltk", "nltk:download", ("x",)),
        ("nltk", "nltk.data:load", ("x.pickle",)),
        ("spacy", "spacy:load", ("x",)),
        ("gensim", "gensim.utils:unpickle", (READ,)),
        ("ultralytics", "ultralytics:YOLO", (READ,)),
        ("ultralytics", "ultralytics.utils.checks:check_requirements", ("x",)),
        ("fastai", "fastai.learner:load_learner", (READ,)),
        ("srsly", "srsly:pickle_loads", (nested,)),
        ("numba", "numba:njit", (RUN,)),
        ("cffi", "cffi.api:FFI.dlopen", (None, "x.so")),
        ("cython", "Cython.Build.Inline:cython_inline", (PY,)),
        ("pyximport", "pyximport:install", ()),
        ("IPython", "IPython:start_ipython", ()),
        ("IPython", "IPython.core.interactiveshell:InteractiveShell.run_cell", (None, PY)),
        ("paramiko", "paramiko:ProxyCommand", (SH,)),
        ("fabric", "fabric:Connection.local", (None, SH)),
        ("invoke", "invoke:run", (SH,)),
        ("plumbum", "plumbum:local.__getitem__", ("sh",)),
        ("sh", "sh:bash", ("-c", SH)),
        ("pexpect", "pexpect:run", (SH,)),
        ("docker", "docker:from_env", ()),
        ("boto3", "boto3:client", ("s3",)),
        ("requests", "requests:get", (URL,)),
        ("urllib3", "urllib3:PoolManager", ()),
        ("aiohttp", "aiohttp:request", ("GET", URL)),
        ("numexpr", "numexpr:evaluate", ("x",)),
        ("asteval", "asteval:Interpreter", ()),
        ("RestrictedPython", "RestrictedPython:compile_restricted", (PY,)),
        ("distributed", "distributed.protocol.pickle:loads", (nested,)),
        ("ray", "ray.cloudpickle:loads", (nested,)),
        ("mlflow", "mlflow.pyfunc:load_model", (READ,)),
        ("torchvision", "torchvision.datasets.utils:download_url", (URL, ".")),
        ("diffusers", "diffusers:DiffusionPipeline.from_pretrained", ("a/b",)),
        ("xgboost", "xgboost:Booster", (None, None, READ)),
        ("unknown_package", "unknown_package.module:function", ()),
    ):
        label = name.replace(":", ".")
        yield technique("not-installed", call(name, *args), label, needs=needs, runs=False)
    for asked in ("restore_model_spec", "restore_design_info"):
        state = {"formula": f"y ~ __import__('os').system('{SH}')", asked: True, "frame": {}}
        data = Build(New("statsmodels.base.data:PandasData"), state)
        yield technique("not-installed", data, f"formula, {asked}", needs="statsmodels", runs=False)


_ = (io, Build, New, _namespace, pickled)
