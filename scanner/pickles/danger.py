"""What known dangerous globals do: this raises a finding's severity and explains it.

Nothing is ever clean for not being here: the allowlist decides that. Names are grouped by
effect. Whole modules are listed where any callable in them reaches the effect or where no
pickle of data has business with them; a name that is not listed in a listed package is
dangerous too. Where a name has a Python 2 spelling, both are looked up.
"""

from __future__ import annotations

import _compat_pickle
import sys
from functools import lru_cache
from typing import Final

RUNS_CODE: Final = "runs-code"
STARTS_PROCESS: Final = "runs-shell"
IMPORTS_MODULES: Final = "imports-modules"
TOUCHES_FILES: Final = "touches-files"
USES_NETWORK: Final = "uses-network"
UNPICKLES: Final = "unpickles-again"
RESOLVES: Final = "resolves-attributes"
NATIVE: Final = "loads-native-code"
TAMPERS: Final = "tampers-interpreter"

EFFECTS: Final = {
    RUNS_CODE: "runs Python code",
    STARTS_PROCESS: "starts a process",
    IMPORTS_MODULES: "imports modules by name",
    TOUCHES_FILES: "reads or writes files",
    USES_NETWORK: "opens network connections",
    UNPICKLES: "unpickles further bytes",
    RESOLVES: "reaches any attribute or method by name",
    NATIVE: "loads or runs machine code",
    TAMPERS: "changes the running interpreter",
}
"""Each effect in words that follow the name of a global."""

EVALUATED: Final = "which is evaluated as Python"
"""What objections say of text that a class runs when its state is set."""

_MODULES: Final = {
    STARTS_PROCESS: """
        os posix nt subprocess _posixsubprocess _winapi _bootsubprocess _aix_support
        _osx_support _asyncio _overlapped platform pty popen2 commands multiprocessing
        _multiprocessing concurrent.futures.process webbrowser antigravity platform.popen
        asyncio asyncore asynchat test distutils setuptools pip ensurepip venv idlelib
        turtledemo lib2to3.main sched crypt pipes msilib winreg _winreg msvcrt
        numpy.distutils numpy.f2py torch.utils.bottleneck torch.utils.collect_env
        torch.distributed.run torch.distributed.launch torch.distributed.elastic
        torch.multiprocessing torch._inductor torch.utils.cpp_extension sh plumbum pexpect
        fabric invoke paramiko psutil docker""",
    RUNS_CODE: """
        code codeop this _symtable _codecs.lookup runpy timeit _timeit bdb pdb cProfile
        profile _lsprof trace
        doctest unittest pydoc pydoc_data dis inspect.getsource compileall py_compile
        symtable tabnanny pyclbr ast marshal types.FunctionType lib2to3 rlcompleter
        _pyrepl site sitecustomize usercustomize zipapp _interpreters _xxsubinterpreters
        _interpchannels _interpqueues _xxinterpchannels _testcapi _testinternalcapi
        _testbuffer _testimportmultiple concurrent.interpreters smtpd contextlib
        modulefinder cloudpickle.utils numpy.testing IPython jinja2 mako execnet
        torch._dynamo torch.fx torch._C._jit torch.package sympy numexpr
        pandas.eval pandas.core.computation optparse cmd sre_compile annotationlib
        transformers.dynamic_module_utils diffusers.utils.dynamic_modules_utils
        torch.utils.benchmark torch.testing string.templatelib hypothesis pytest _pytest nose""",
    IMPORTS_MODULES: """
        importlib imp pkgutil zipimport _frozen_importlib _frozen_importlib_external _imp
        pkg_resources sysconfig encodings lazy_loader""",
    TOUCHES_FILES: """
        io _io _pyio pstats _msi xml shutil tempfile fileinput glob fnmatch filecmp
        linecache tarfile zipfile
        gzip bz2 lzma zlib.decompressobj mmap sqlite3 _sqlite3 dbm _dbm _gdbm anydbm gdbm dumbdbm
        whichdb dbhash bsddb shelve netrc configparser ConfigParser logging mailbox mailcap
        plistlib csv wave aifc sunau chunk sndhdr imghdr codecs.open posixpath ntpath
        genericpath macpath macurl2path os.path pathlib.Path.write_text stat _stat tokenize
        dircache statvfs spwd pwd grp nis mimetypes fcntl fsspec h5py compression
        numpy.lib.npyio numpy.lib._npyio_impl numpy.lib.format numpy.lib._format_impl
        numpy.lib.utils numpy.lib._datasource numpy.DataSource readline uu binhex xdrlib
        torch.utils.data.datapipes torch.utils.tensorboard torch._export filelock click
        sqlalchemy safetensors""",
    USES_NETWORK: """
        socket _socket _scproxy ssl _ssl socketserver SocketServer http httplib urllib
        urllib2 urllib3 ftplib
        smtplib poplib imaplib nntplib telnetlib xmlrpc xmlrpclib SimpleXMLRPCServer
        DocXMLRPCServer BaseHTTPServer SimpleHTTPServer CGIHTTPServer cookielib Cookie
        wsgiref cgi cgitb select selectors requests httpx aiohttp boto3 botocore
        torch.hub torch.distributed.rpc torch.distributed huggingface_hub wget gdown pycurl
        uuid._get_command_stdout uuid._popen email websocket websockets tornado twisted
        transformers.pipeline transformers.utils.hub""",
    UNPICKLES: """
        pickle _pickle cPickle dill cloudpickle joblib jsonpickle copy_reg.pickle
        pickletools torch.serialization torch.storage._load_from_bytes torch.jit
        torch.load torch._weights_only_unpickler torch.export torch.nn.modules.utils.load
        pandas.io pandas.read_pickle numpy.load numpy.core._methods.load numpy.loads yaml
        ruamel keras tensorflow pathos srsly klepto shelve.open hickle""",
    RESOLVES: """
        operator _operator functools.reduce functools.partial functools.partialmethod
        functools.singledispatch functools.cached_property inspect gc
        weakref _weakref types.MethodType types.CodeType types.DynamicClassAttribute
        types.coroutine itertools _functools string.Formatter string.Template reprlib
        typing.get_type_hints dataclasses abc _abc new""",
    NATIVE: """
        ctypes _ctypes cffi _cffi_backend numpy.ctypeslib torch.ops torch._ops torch.classes
        torch._classes llvmlite numba cython pyximport triton cupy jax.core""",
    TAMPERS: """
        sys _sitebuiltins _curses_panel _threading_local winsound signal _signal threading
        _thread thread dummy_threading _dummy_thread atexit
        faulthandler tracemalloc _tracemalloc resource warnings _warnings builtins
        __builtin__ __builtins__ exceptions copyreg copy_reg tkinter Tkinter _tkinter turtle
        curses _curses tty termios audioop ossaudiodev syslog getpass getopt nturl2path
        pyexpat sre_parse locale _locale gettext queue _queue concurrent fickling
        picklescan modelscan sysv_ipc _posixshmem secureload scanner secrets _xxtestfuzz""",
}

_NAMES: Final = {
    RUNS_CODE: """
        builtins.eval builtins.exec builtins.execfile builtins.compile types.FunctionType
        types.LambdaType types.CodeType types.ModuleType types.new_class _codecs.lookup
        numpy.testing._private.utils.runstring numpy.testing.runstring
        torch.jit.unsupported_tensor_ops.execWrapper
        torch.fx.experimental.symbolic_shapes.ShapeEnv.evaluate_guards_expression
        typing.ForwardRef typing.get_type_hints typing._eval_type
        collections.namedtuple enum.Enum._convert_ enum._make_class_unpicklable
        dataclasses.make_dataclass pandas.eval pandas.DataFrame.eval pandas.DataFrame.query
        sympy.sympify numexpr.evaluate gettext.c2py random._test_generator
        joblib._store_backends.load joblib.externals.loky joblib.Parallel
        contextlib.ExitStack traceback.FrameSummary logging.config.dictConfig
        functools.singledispatch code.interact""",
    IMPORTS_MODULES: """
        builtins.__import__ builtins.__build_class__ builtins.help builtins.license
        builtins.copyright builtins.credits pydoc.locate pkgutil.resolve_name
        xmlrpc.server.resolve_dotted_attribute unittest.mock._importer
        unittest.mock._dot_lookup logging.config._resolve logging.config.BaseConfigurator
        torch._utils._import_dotted_name hydra.utils.instantiate hydra.utils.call
        hydra._internal.utils._locate
        sklearn.utils._testing.ignore_warnings""",
    RESOLVES: """
        builtins.getattr builtins.vars builtins.globals builtins.locals builtins.dir
        builtins.map builtins.filter builtins.apply builtins.reduce builtins.sorted builtins.type
        builtins.max builtins.min builtins.any builtins.all builtins.sum builtins.super
        builtins.zip builtins.next builtins.iter builtins.enumerate
               operator.attrgetter operator.methodcaller operator.itemgetter operator.getitem
        operator.call functools.reduce functools.partial types.MethodType
        types.BuiltinFunctionType types.BuiltinMethodType types.SimpleNamespace.__reduce__
        collections.ChainMap collections.UserDict.update string.Formatter
        _operator.attrgetter _operator.methodcaller inspect.getattr_static
        copy._reconstruct copy._deepcopy_dispatch copy.deepcopy copy.copy
        pandas.core.generic.NDFrame.pipe""",
    TAMPERS: """
        builtins.setattr builtins.delattr builtins.breakpoint builtins.input builtins.raw_input
        builtins.exit builtins.quit builtins.reload builtins.BaseException.with_traceback
        builtins.SystemExit builtins.KeyboardInterrupt builtins.GeneratorExit copyreg.pickle
        copyreg.add_extension copyreg.remove_extension copyreg.constructor copyreg.dispatch_table
        copyreg.clear_extension_cache operator.setitem operator.delitem
        _operator.setitem time.sleep random.seed""",
    TOUCHES_FILES: """
        builtins.open builtins.file codecs.open codecs.EncodedFile _codecs.open io.open
        io.FileIO pathlib.Path.open pathlib.Path.read_text pathlib.Path.read_bytes
        pathlib.Path.write_text pathlib.Path.write_bytes pathlib.Path.unlink
        pathlib.Path.symlink_to pathlib.Path.hardlink_to pathlib.Path.replace pathlib.Path.chmod
        pathlib.Path.iterdir pathlib.Path.glob pathlib.Path.rglob torch._C.PyTorchFileWriter
        torch._C.PyTorchFileReader
        pathlib.Path.touch pathlib.Path.rename pathlib.Path.rmdir pathlib.Path.mkdir
        numpy.save numpy.savez numpy.savez_compressed numpy.savetxt numpy.loadtxt
        numpy.genfromtxt numpy.fromfile numpy.fromregex numpy.memmap numpy.ndarray.tofile
        numpy.core.multiarray.fromfile numpy._core.multiarray.fromfile
        numpy.core.memmap.memmap.__new__ numpy.core.records.fromfile numpy.rec.fromfile
        numpy.recfromcsv numpy.recfromtxt numpy.ndarray.dump
        torch.save torch.from_file torch.UntypedStorage.from_file torch.FloatStorage.from_file
        torch.storage.UntypedStorage.from_file
        torch.serialization._open_file torch.utils.model_zoo.load_url
        pandas.read_csv pandas.read_parquet pandas.read_json pandas.read_html
        pandas.read_xml pandas.read_excel pandas.read_sql pandas.read_hdf pandas.read_table
        pandas.read_fwf pandas.read_feather pandas.read_orc pandas.read_sas
        pandas.DataFrame.to_csv pandas.DataFrame.to_pickle
        PIL.Image.open safetensors.torch.load_file joblib.dump joblib.memory.Memory
        sklearn.datasets.load_files sklearn.datasets.load_svmlight_file
        xml.dom.minidom.parse xml.etree.ElementTree.parse xml.sax.parse json.load
        tomllib.load datasets.load_from_disk random.SystemRandom""",
    USES_NETWORK: """
        torch.hub.load torch.hub.download_url_to_file torch.hub.load_state_dict_from_url
        sklearn.datasets.fetch_openml datasets.load_dataset datasets.load
        transformers.AutoModel.from_pretrained transformers.utils.hub.cached_file
        uuid.getnode uuid.uuid1""",
    STARTS_PROCESS: """
        platform.popen platform._syscmd_ver platform._syscmd_file platform._syscmd_processor
        platform.architecture uuid._get_command_stdout uuid._find_mac uuid._arp_getnode
        uuid._ifconfig_getnode uuid._popen pydoc.pipepager pydoc.pager pydoc.tempfilepager
        _pyrepl.pager.pipe_pager _osx_support._read_output _osx_support._find_build_tool
        _osx_support.compiler_fixup _aix_support._read_cmd_output ctypes.util._findLib_gcc
        ctypes.util.find_library sysconfig._main numpy.testing._private.utils.measure
        numpy.distutils.exec_command.exec_command torch.multiprocessing.spawn
        http.server.CGIHTTPRequestHandler imaplib.IMAP4_stream
        lib2to3.pgen2.pgen.ParserGenerator distutils.spawn.spawn""",
    UNPICKLES: """
        torch.load torch.jit.load torch.storage._load_from_bytes torch.serialization.load
        torch.serialization._load torch.serialization._legacy_load torch.package.PackageImporter
        numpy.load numpy.lib.npyio.load numpy.lib.format.read_array numpy.core._internal.loads
        joblib.load pandas.read_pickle pandas.io.pickle.read_pickle
        pandas.compat.pickle_compat.load logging.config.listen
        multiprocessing.connection.Connection.recv sklearn.utils._joblib.load
        random.Random.__setstate__ tensorflow.keras.models.load_model
        keras.models.load_model keras.saving.load_model torch._C.import_ir_module""",
}

# Modules above hold some names that pickles of data use; listing is the allowlist's work, and
# these are merely not called dangerous when the allowlist of the day leaves them out.
_HARMLESS: Final = frozenset(
    """
    copyreg._reconstructor copyreg.__newobj__ copyreg.__newobj_ex__ _codecs.encode
    builtins.object builtins.int builtins.float builtins.bool builtins.str builtins.bytes
    builtins.bytearray builtins.list builtins.tuple builtins.dict builtins.set builtins.frozenset
    builtins.complex builtins.range builtins.xrange builtins.slice builtins.Ellipsis
    builtins.NotImplemented builtins.None builtins.True builtins.False builtins.unicode
    builtins.long builtins.basestring builtins.abs builtins.len builtins.round builtins.repr
    builtins.hash builtins.divmod builtins.pow builtins.chr builtins.ord builtins.hex builtins.oct
    builtins.bin builtins.ascii builtins.format builtins.reversed builtins.isinstance
    builtins.issubclass builtins.aiter builtins.anext
    operator.add operator.sub operator.mul operator.truediv operator.floordiv operator.mod
    operator.neg operator.pos operator.eq operator.ne operator.lt operator.le operator.gt
    operator.ge operator.and_ operator.or_ operator.xor operator.not_ operator.pow
    operator.matmul _operator.add _operator.sub _operator.mul _operator.truediv _operator.mod
    io.BytesIO io.StringIO _io.BytesIO _io.StringIO
builtins.ArithmeticError builtins.AssertionError builtins.AttributeError
    builtins.BaseException builtins.EOFError builtins.Exception builtins.FileNotFoundError
    builtins.FloatingPointError builtins.IOError builtins.ImportError builtins.IndexError
    builtins.KeyError builtins.LookupError builtins.MemoryError builtins.NameError
    builtins.NotImplementedError builtins.OSError builtins.OverflowError
    builtins.PermissionError builtins.RecursionError builtins.RuntimeError
    builtins.StopIteration builtins.TimeoutError builtins.TypeError builtins.UserWarning
    builtins.BytesWarning builtins.DeprecationWarning builtins.EncodingWarning
    builtins.FutureWarning builtins.ImportWarning builtins.PendingDeprecationWarning
    builtins.ResourceWarning builtins.RuntimeWarning builtins.SyntaxWarning
    builtins.UnicodeWarning builtins.BlockingIOError builtins.BrokenPipeError
    builtins.BufferError builtins.ChildProcessError builtins.ConnectionAbortedError
    builtins.ConnectionError builtins.ConnectionRefusedError builtins.ConnectionResetError
    builtins.FileExistsError builtins.InterruptedError builtins.IsADirectoryError
    builtins.ModuleNotFoundError builtins.NotADirectoryError builtins.ProcessLookupError
    builtins.ReferenceError builtins.StopAsyncIteration builtins.SyntaxError
    builtins.SystemError builtins.TabError builtins.IndentationError builtins.UnboundLocalError
    builtins.UnicodeDecodeError builtins.UnicodeEncodeError builtins.UnicodeError
    builtins.UnicodeTranslateError builtins.print builtins.id builtins.property
    builtins.classmethod builtins.staticmethod builtins.hasattr builtins.callable
    builtins.intern builtins.memoryview
    builtins.ValueError builtins.Warning builtins.ZeroDivisionError exceptions.ArithmeticError
    exceptions.AssertionError exceptions.AttributeError exceptions.BaseException
    exceptions.EOFError exceptions.Exception exceptions.FileNotFoundError
    exceptions.FloatingPointError exceptions.IOError exceptions.ImportError
    exceptions.IndexError exceptions.KeyError exceptions.LookupError exceptions.MemoryError
    exceptions.NameError exceptions.NotImplementedError exceptions.OSError
    exceptions.OverflowError exceptions.PermissionError exceptions.RecursionError
    exceptions.RuntimeError exceptions.StopIteration exceptions.TimeoutError
    exceptions.TypeError exceptions.UserWarning exceptions.ValueError exceptions.Warning
    exceptions.ZeroDivisionError _operator.add _operator.sub _operator.mul _operator.div
    _operator.truediv _operator.floordiv _operator.mod _operator.neg _operator.pos _operator.abs
    _operator.eq _operator.ne _operator.lt _operator.le _operator.gt _operator.ge _operator.and_
    _operator.or_ _operator.xor operator.add operator.sub operator.mul operator.div
    operator.truediv operator.floordiv operator.mod operator.neg operator.pos operator.abs
    operator.eq operator.ne operator.lt operator.le operator.gt operator.ge operator.and_
    operator.or_ operator.xor http.HTTPStatus http.HTTPMethod
    email.message.Message dataclasses._MISSING_TYPE dataclasses._HAS_DEFAULT_FACTORY_CLASS
    threading.Lock _thread.lock warnings.WarningMessage queue.Queue
    logging.Logger logging.getLogger logging.LogRecord logging.Formatter logging.PlaceHolder
    itertools.count itertools.chain itertools.repeat itertools.cycle itertools.product
    itertools.islice itertools.permutations itertools.combinations itertools.zip_longest
    weakref.WeakKeyDictionary weakref.WeakValueDictionary weakref.WeakSet
    abc.ABC abc.ABCMeta ast.literal_eval stat.S_ISDIR argparse.ArgumentParser
    tempfile.tempdir posixpath.join os.path.join os.PathLike
    torch.distributed.optim.ZeroRedundancyOptimizer
    multiprocessing.shared_memory.ShareableList inspect.Signature inspect.Parameter
    inspect._ParameterKind inspect._empty contextlib.nullcontext
    torch.distributed.checkpoint.metadata.Metadata
    torch.distributed.checkpoint.metadata.MetadataIndex
    torch.distributed.checkpoint.metadata.ChunkStorageMetadata
    torch.distributed.checkpoint.metadata.TensorStorageMetadata
    torch.distributed.checkpoint.metadata.BytesStorageMetadata
    torch.distributed.checkpoint.metadata.TensorProperties
    torch.distributed.checkpoint.metadata.StorageMeta
    torch.distributed.checkpoint.metadata._MEM_FORMAT_ENCODING
    torch.distributed.checkpoint.filesystem._StorageInfo
    torch.distributed.checkpoint.filesystem._StoragePrefix
    torch.distributed._shard.sharded_tensor.metadata.TensorProperties
    torch.serialization._get_layout torch.jit._pickle.build_intlist
    torch.jit._pickle.build_doublelist torch.jit._pickle.build_boollist
    torch.jit._pickle.build_tensorlist torch.jit._pickle.restore_type_tag
    joblib.numpy_pickle.NumpyArrayWrapper joblib.numpy_pickle_compat.NDArrayWrapper
    keras.src.saving.keras_saveable unittest.mock.sentinel decimal.Context
    torch.distributed.fsdp.api.ShardingStrategy torch.distributed.fsdp.api.BackwardPrefetch
    torch.distributed.fsdp.api.StateDictType torch.distributed._shard.api torch.distributed.ReduceOp
    torch._dynamo.decorators._DimRange torch.fx.graph_module.reduce_graph_module torch.fx.node.Node
    torch.fx.immutable_collections.immutable_list torch.fx.immutable_collections.immutable_dict
    """.split()  # noqa: SIM905
)

_FATAL_WORDS: Final = frozenset(
    """
    system popen popen2 popen3 popen4 spawnl spawnv spawnlp spawnvp exec execv execve execvp
    execl eval execfile compile __import__ import_module check_output check_call Popen
    getoutput getstatusoutput run_code runcode run_module run_path resolve_name LoadLibrary
    CDLL urlopen urlretrieve
    """.split()  # noqa: SIM905
)
"""Attributes that mean one thing, through whatever module a dotted path reaches them."""

_ALIASED: Final = frozenset(
    """
    os posix nt subprocess sys builtins importlib imp runpy pty ctypes shutil socket marshal
    pickle cPickle dill cloudpickle tempfile urllib httpx ftplib telnetlib
    webbrowser pkgutil codeop pdb timeit compileall py_compile zipimport sysconfig
    pkg_resources cffi atexit threading
    """.split()  # noqa: SIM905
)
"""Modules that others import and hold; no package names a part of its own like these."""

_REACHES: Final = frozenset(
    """
    __globals__ __builtins__ __subclasses__ __bases__ __base__ __mro__ __class__ __dict__
    __getattribute__ __getattr__ __setattr__ __delattr__ __code__ __closure__ __func__ __self__
    __init__ __call__ __reduce__ __reduce_ex__ __import__ __loader__ __spec__ __module__
    __wrapped__ __get__ __init_subclass__ __class_getitem__ __kwdefaults__ __defaults__
    mro f_globals gi_frame cr_frame tb_frame f_back func_globals
    """.split()  # noqa: SIM905
)
"""Attributes by which a dotted path climbs from any object to any other."""


_DUNDERS: Final = frozenset({"copyreg", "builtins"})
"""Modules whose own names look like attributes that climb."""


def _by_word(table: dict[str, str]) -> dict[str, str]:
    return {word: effect for effect, words in table.items() for word in words.split()}


_MODULE_EFFECTS: Final = _by_word(_MODULES)
_NAME_EFFECTS: Final = _by_word(_NAMES)
_PYTHON2: Final = frozenset(
    module for module in _compat_pickle.IMPORT_MAPPING if module not in sys.stdlib_module_names
) | {"__builtin__", "copy_reg", "exceptions"}


_ROOTS: Final = frozenset(
    name.partition(".")[0]
    for names in (_MODULE_EFFECTS, _NAME_EFFECTS, _compat_pickle.IMPORT_MAPPING)
    for name in names
)


def may_act(module: str) -> bool:
    """Whether a global that is no dotted path may have an effect, by its module alone."""
    return module.partition(".")[0] in _ROOTS


def is_fatal(attribute: str) -> bool:
    """Whether an attribute of this name means one dangerous thing, whatever has it."""
    return attribute in _FATAL_WORDS


def climbs(attribute: str) -> bool:
    """Whether an attribute of this name leads from any object to others."""
    return attribute in _REACHES


def known() -> frozenset[str]:
    """Return every dotted name and module that is known for an effect, harmless ones left out."""
    return frozenset(_MODULE_EFFECTS) | frozenset(_NAME_EFFECTS)


def only_python2(module: str) -> bool:
    """Whether this is the name of a module that Python 3 has not."""
    return module in _PYTHON2


def canonical(module: str, name: str) -> tuple[str, str]:
    """Return the global that `pickle` finds for a Python 2 name; others are unchanged."""
    mapped = _compat_pickle.NAME_MAPPING.get((module, name))
    if mapped is not None:
        return mapped
    return _compat_pickle.IMPORT_MAPPING.get(module, module), name


@lru_cache(maxsize=1 << 14)
def effect(module: str, name: str) -> str | None:
    """Return the dangerous effect that a global is known for, or None.

    Both spellings are looked up, and of a dotted name every step: `random:_os.system`
    reaches what `os:system` does.
    """
    mapped = canonical(module, name)
    if f"{mapped[0]}.{mapped[1]}" in _HARMLESS:
        return None
    spellings = [mapped] if mapped == (module, name) else [mapped, (module, name)]
    for look in (_by_name, _by_path, _by_alias, _by_module):
        for owner, path in spellings:
            found = look(owner, path)
            if found is not None:
                return found
    return None


def _by_name(module: str, name: str) -> str | None:
    return _longest(_NAME_EFFECTS, f"{module}.{name}")


def _by_path(module: str, name: str) -> str | None:
    """Return what a qualified name reaches through attributes, whatever its module."""
    steps = name.split(".")
    if (len(steps) > 1 or module not in _DUNDERS) and not _REACHES.isdisjoint(steps):
        return RESOLVES
    if module == "__main__" and name in _FATAL_WORDS:
        return RUNS_CODE  # what a script imported for itself: `from os import system`
    return _through(steps) if len(steps) > 1 else None


def _by_alias(module: str, name: str) -> str | None:
    """Return what a path reaches through a module that another holds: `torch.hub.os.system`.

    Of such a path an importer by dotted names takes each part that is no module for an attribute.
    """
    steps = f"{module}.{name}".split(".")
    for start in range(1, len(steps) - 1):
        # `_pickle` is what libraries call their own helpers for pickling.
        head = steps[start].lstrip("_") if steps[start] != "_pickle" else "_pickle"
        rest = ".".join([head, *steps[start + 1 :]])
        if rest in _HARMLESS:
            continue
        found = _NAME_EFFECTS.get(rest)
        if found is None and head in _ALIASED:
            found = _longest(_MODULE_EFFECTS, rest)
        if found is not None:
            return found
    return None


def _by_module(module: str, name: str) -> str | None:
    dotted = f"{module}.{name}"
    return None if dotted in _HARMLESS else _longest(_MODULE_EFFECTS, dotted)


def _through(steps: list[str]) -> str | None:
    """Return the effect of a dotted path that goes through another module's attributes."""
    for start in range(len(steps) - 1):
        head = steps[start].lstrip("_")
        rest = ".".join([head, *steps[start + 1 :]])
        if rest in _HARMLESS:
            continue
        found = _longest(_NAME_EFFECTS, rest) or _longest(_MODULE_EFFECTS, rest)
        if found is not None:
            return found
    return RUNS_CODE if any(step in _FATAL_WORDS for step in steps) else None


def _longest(table: dict[str, str], dotted: str) -> str | None:
    """Return the entry for the longest leading part of a dotted name."""
    while dotted:
        found = table.get(dotted)
        if found is not None:
            return found
        dotted = dotted.rpartition(".")[0]
    return None
