"""Techniques that need no more than the standard library, by what they reach."""

# Tables: one technique a line, whatever its length.
# ruff: noqa: E501

from __future__ import annotations

import io
import marshal
import zipfile
from collections.abc import Iterator
from functools import partial
from typing import Any

from tests.builders.gadgets import (
    HERE,
    PY,
    READ,
    SH,
    Add,
    Append,
    Build,
    New,
    Put,
    Technique,
    call,
    glob,
    pickled,
    seq,
    system,
    technique,
)

ARGV = ["sh", "-c", SH]
OS = glob("random:_os")
RUN = glob("posix:system")
NAMESPACE = "argparse:Namespace"
URL = "http://127.0.0.1:9/"


def _write(name: str, text: str) -> Any:
    return call("pathlib:Path.write_text", call("pathlib:Path", name), text)


def _zip(name: str, text: str) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name), text)
    return held.getvalue()


def _namespace(**state: Any) -> Build:
    return Build(call(NAMESPACE), state)


def techniques() -> Iterator[Technique]:
    """All of them."""
    yield from _processes()
    yield from _code()
    yield from _imports()
    yield from _files()
    yield from _reads()
    yield from _network()
    yield from _dispatch()
    yield from _unpickles()
    yield from _native()
    yield from _dotted()
    yield from _tampering()


def _processes() -> Iterator[Technique]:
    t = partial(technique, "process")
    sh = "/bin/sh"
    for name in ("os:system", "posix:system", "os:popen", "subprocess:getoutput",
                 "subprocess:getstatusoutput", "imaplib:IMAP4_stream", "_osx_support:_read_output"):  # fmt: skip
        yield t(call(name, SH))
    for name in ("subprocess:Popen", "subprocess:run", "subprocess:call", "subprocess:check_call",
                 "subprocess:check_output", "pty:spawn", "distutils.spawn:spawn",
                 "setuptools._distutils.spawn:spawn"):  # fmt: skip
        yield t(call(name, ARGV))
    yield t(call("os:execv", sh, ARGV))
    yield t(call("os:execvp", "sh", ARGV))
    yield t(call("os:execve", sh, ARGV, {}))
    yield t(call("os:execvpe", "sh", ARGV, glob("os:environ")))
    yield t(call("os:execl", sh, *ARGV))
    yield t(call("os:execlp", "sh", *ARGV))
    yield t(call("os:execle", sh, *ARGV, {}))
    yield t(call("posix:execv", sh, ARGV))
    yield t(call("os:spawnv", 0, sh, ARGV))
    yield t(call("os:spawnvp", 0, "sh", ARGV))
    yield t(call("os:spawnve", 0, sh, ARGV, {}))
    yield t(call("os:spawnl", 0, sh, *ARGV))
    yield t(call("os:spawnlp", 1, "sh", *ARGV))
    yield t(call("os:posix_spawn", sh, ARGV, {}))
    yield t(call("os:posix_spawnp", "sh", ARGV, {}))
    yield t(call("posix:posix_spawn", sh, ARGV, {}))
    yield t(call("os:_execvpe", "sh", ARGV))
    yield t(call("os:_spawnvef", 0, "sh", ARGV, None, glob("os:execvp")))
    yield t(call("_posixsubprocess:fork_exec", ARGV), runs=False)
    yield t(call("_bootsubprocess:check_output", SH.split()), runs=False, needs="_bootsubprocess")
    yield t(call("uuid:_get_command_stdout", *ARGV))
    yield t(call("pydoc:pipepager", "", SH))
    yield t(call("pydoc:tempfilepager", "", SH))
    yield t(call("webbrowser:GenericBrowser.open", call("webbrowser:GenericBrowser", ARGV), "x"))
    yield t(call("webbrowser:BackgroundBrowser.open",
                 call("webbrowser:BackgroundBrowser", ARGV), "x"))  # fmt: skip
    yield t(
        seq(Put("os:environ", "BROWSER", "sh -c 'touch fired' %s"), call("webbrowser:open", "x"))
    )
    yield t(call("asyncio:run", call("asyncio:create_subprocess_shell", SH)), "asyncio.shell")
    yield t(call("asyncio:run", call("asyncio:create_subprocess_exec", *ARGV)), "asyncio.exec")
    yield t(call("asyncio.unix_events:_UnixSubprocessTransport._start", call(NAMESPACE), SH, True,
                 None, None, None, 0))  # fmt: skip
    yield t(call("multiprocessing.util:spawnv_passfds", b"/bin/sh", [b"sh", b"-c", SH.encode()],
                 []))  # fmt: skip
    yield t(call("multiprocessing:Process.run", call("multiprocessing:Process", None, RUN, None,
                 (SH,))))  # fmt: skip
    yield t(call("multiprocessing.process:BaseProcess.start", call("multiprocessing:Process",
                 None, RUN, None, (SH,))))  # fmt: skip
    yield t(call("multiprocessing.pool:ThreadPool.apply", call("multiprocessing.pool:ThreadPool",
                 1), RUN, (SH,)))  # fmt: skip
    freeze = ["wheel", "--log", "fired", "--no-index", "nothing-of-this-name"]
    for name in ("pip:main", "pip._internal:main", "pip._internal.cli.main:main",
                 "ensurepip:_run_pip"):  # fmt: skip
        yield t(call(name, freeze), loader="pickle" if name == "pip:main" else "")
    yield t(call("venv:create", "fired"))
    yield t(call("venv:main", ["fired", "--without-pip"]))
    yield t(call("venv:EnvBuilder.create", call("venv:EnvBuilder"), "fired"))
    yield t(call("test.support.script_helper:assert_python_ok", "-c", PY), needs="test")
    yield t(call("nt:system", SH), needs="nt")
    yield t(call("os:startfile", "x"), needs="nt")
    yield t(call("_winapi:CreateProcess", None, "x", None, None, 0, 0, None, None, None),
            needs="_winapi")  # fmt: skip
    yield t(call("asyncio.windows_utils:Popen", ARGV), needs="_winapi")
    yield t(call("commands:getoutput", SH), protocol=2)
    yield t(call("popen2:popen2", SH), protocol=2, needs="popen2")
    yield t(call("_aix_support:_read_cmd_output", SH), needs="python>=3.13")
    yield t(call("_pyrepl.pager:pipe_pager", "", SH), needs="_pyrepl")
    yield t(New("subprocess:Popen"), "subprocess.Popen NEWOBJ", runs=False)


def _code() -> Iterator[Technique]:
    t = partial(technique, "code")
    compiled = call("builtins:compile", PY, "", "exec")
    script = call("io:StringIO", "c\n")
    yield t(call("builtins:eval", PY))
    yield t(call("builtins:exec", PY))
    yield t(call("builtins:exec", compiled), "builtins.exec compiled")
    yield t(call("__builtin__:eval", PY), protocol=2)
    yield t(call(call("types:FunctionType", compiled, {})), "types.FunctionType")
    yield t(call(call("types:LambdaType", compiled, {})), "types.LambdaType")
    marshalled = marshal.dumps(compile(PY, "", "exec"))
    loaded = call("marshal:loads", marshalled)
    yield t(call("builtins:exec", loaded), "marshal.loads", needs="python3.11")
    yield t(call(call("types:FunctionType", loaded, {})), "marshal into a function",
            needs="python3.11")  # fmt: skip
    yield t(call("timeit:timeit", "pass", PY))
    yield t(call("timeit:repeat", "pass", PY))
    yield t(call("timeit:main", ["-n", "1", "-r", "1", PY]))
    yield t(call("timeit:Timer.timeit", call("timeit:Timer", PY), 1))
    yield t(call("timeit:Timer.repeat", call("timeit:Timer", PY), 1, 1))
    interpreter = call("code:InteractiveInterpreter")
    yield t(call("code:InteractiveInterpreter.runsource", interpreter, PY))
    yield t(call("code:InteractiveInterpreter.runcode", interpreter, compiled))
    yield t(call("code:InteractiveConsole.push", call("code:InteractiveConsole"), PY))
    yield t(call("builtins:exec", call("codeop:compile_command", PY)), "codeop.compile_command")
    yield t(call("runpy:_run_code", compiled, {}))
    yield t(call("runpy:_run_module_code", compiled, None, "x"))
    yield t(seq(_write("p.py", PY), call("runpy:run_path", "p.py")))
    yield t(call("runpy:run_module", "antigravity"), proof="import")
    yield t(call("runpy:_run_module_as_main", "antigravity"), proof="import")
    for module in ("cProfile", "profile"):
        yield t(call(f"{module}:run", PY))
        yield t(call(f"{module}:runctx", PY, {}, {}))
        yield t(call(f"{module}:Profile.run", call(f"{module}:Profile"), PY))
        yield t(call(f"{module}:Profile.runctx", call(f"{module}:Profile"), PY, {}, {}))
        yield t(call(f"{module}:Profile.runcall", call(f"{module}:Profile"), RUN, SH))
    yield t(call("trace:Trace.run", call("trace:Trace"), PY))
    yield t(call("trace:Trace.runctx", call("trace:Trace"), PY))
    yield t(call("trace:Trace.runfunc", call("trace:Trace"), RUN, SH))
    yield t(call("bdb:Bdb.run", call("bdb:Bdb"), PY))
    yield t(call("bdb:Bdb.runeval", call("bdb:Bdb"), PY))
    yield t(call("bdb:Bdb.runctx", call("bdb:Bdb"), PY, {}, {}))
    yield t(call("bdb:Bdb.runcall", call("bdb:Bdb"), RUN, SH))
    debugger = call("pdb:Pdb", "tab", script, call("io:StringIO"))
    yield t(call("pdb:Pdb.run", debugger, PY))
    yield t(call("pdb:Pdb.runeval", debugger, PY))
    yield t(call("pdb:Pdb.runcall", debugger, RUN, SH))
    yield t(call("pdb:Pdb.default", Build(debugger, {"curframe_locals": {}, "curframe":
            _namespace(f_globals={}, f_locals={})}), "!" + PY))  # fmt: skip
    yield t(call("doctest:debug_script", PY, True, {}))
    yield t(call("doctest:run_docstring_examples", f">>> {PY}\n", {}))
    yield t(call("doctest:DocTestRunner.run", call("doctest:DocTestRunner"), call(
        "doctest:DocTestParser.get_doctest", call("doctest:DocTestParser"), f">>> {PY}\n", {},
        "x", None, None)))  # fmt: skip
    yield t(call(call("dataclasses:_create_fn", "f", [], [PY])), "dataclasses._create_fn",
            needs="python<3.13")  # fmt: skip
    yield t(call("typing:_eval_type", call("typing:ForwardRef", PY), {}, {}))
    yield t(call("typing:ForwardRef._evaluate", call("typing:ForwardRef", PY), {}, {},
                 call("builtins:frozenset")))  # fmt: skip
    yield t(call("typing:get_type_hints", _namespace(__annotations__={"a": PY})))
    yield t(call("site:addsitedir", seq(_write("x.pth", f"import os; {PY}"), ".")))
    yield t(call("site:addpackage", seq(_write("x.pth", f"import os; {PY}"), "."), "x.pth", None))
    yield t(call("lib2to3.pgen2.pgen:ParserGenerator.make_label", None,
                 _namespace(labels=[], keywords={}, tokens={}), f"'x',{PY}"), needs="lib2to3")  # fmt: skip
    yield t(call("idlelib.calltip:get_entity", PY), needs="tkinter idlelib")
    yield t(call("idlelib.autocomplete:AutoComplete.get_entity", None, PY),
            needs="tkinter idlelib")  # fmt: skip
    yield t(call("idlelib.run:Executive.runcode", None, compiled), loader="")
    yield t(call("rlcompleter:Completer.attr_matches", Build(call("rlcompleter:Completer"),
            {"namespace": {"x": 1}}), "x.y"), runs=False)  # fmt: skip
    opened = PY.replace("open", "__import__('io').open")
    ini = ("[loggers]\nkeys=root\n[handlers]\nkeys=h\n[formatters]\nkeys=\n[logger_root]\n"
           f"handlers=h\n[handler_h]\nclass=StreamHandler\nargs=({opened},)\n")  # fmt: skip
    yield t(call("logging.config:fileConfig", call("io:StringIO", ini)))
    yield t(call("logging.config:dictConfig", {
        "version": 1, "formatters": {"x": {"()": "os.system", "command": SH}}}))  # fmt: skip
    yield t(call("logging.config:dictConfig", {
        "version": 1, "filters": {"x": {"()": "os.system", "command": SH}}}), "dictConfig filter")  # fmt: skip
    yield t(call("_testcapi:run_in_subinterp", PY), needs="_testcapi")
    yield t(call("_xxsubinterpreters:run_string", call("_xxsubinterpreters:create"), PY),
            needs="_xxsubinterpreters")  # fmt: skip
    yield t(call("_interpreters:exec", call("_interpreters:create"), PY), needs="_interpreters")
    yield t(call("test.support:run_in_subinterp", PY), needs="test")
    yield t(call("annotationlib:call_annotate_function", glob("os:system"), 1),
            needs="annotationlib")  # fmt: skip
    yield t(call("modulefinder:ModuleFinder.run_script", call("modulefinder:ModuleFinder"), READ),
            proof="open", runs=False)  # fmt: skip
    yield t(call("distutils.core:run_setup", seq(_write("p.py", PY), "p.py")),
            needs="distutils")  # fmt: skip
    yield t(call("unittest:main", "antigravity"), proof="import")


def _imports() -> Iterator[Technique]:
    t = partial(technique, "import")
    for name in ("importlib:import_module", "builtins:__import__", "importlib:__import__",
                 "pydoc:locate", "pydoc:safeimport",
                 "importlib._bootstrap:_gcd_import", "_frozen_importlib:__import__",
                 "_frozen_importlib:_gcd_import", "pydoc:resolve", "pydoc:render_doc",
                 "pydoc:doc", "pkgutil:resolve_name", "imp:load_module"):  # fmt: skip
        if name == "imp:load_module":
            yield t(seq(_write("p.py", PY), call("imp:load_source", "p", "p.py")), needs="imp")
            continue
        yield t(call(name, "antigravity"), proof="import")
    yield t(call(call("pkgutil:resolve_name", "os:system"), SH), "resolve_name os:system")
    yield t(call(call("pkgutil:resolve_name", "os.system"), SH), "resolve_name os.system")
    yield t(call(call("logging.config:_resolve", "os.system"), SH), "logging.config._resolve")
    yield t(call(call("logging.config:BaseConfigurator.resolve",
                      call("logging.config:BaseConfigurator", {}), "os.system"), SH),
            "BaseConfigurator.resolve")  # fmt: skip
    yield t(call(call("logging.config:BaseConfigurator.ext_convert",
                      call("logging.config:BaseConfigurator", {}), "os.system"), SH),
            "BaseConfigurator.ext_convert")  # fmt: skip
    yield t(call("unittest:TestLoader.loadTestsFromName", call("unittest:TestLoader"),
                 "antigravity"), proof="import")  # fmt: skip
    yield t(call("unittest.mock:_dot_lookup", glob("random:_os"), "system", "os.system"),
            runs=False)  # fmt: skip
    yield t(call(call("importlib.metadata:EntryPoint.load",
                      call("importlib.metadata:EntryPoint", "a", "os:system", "g")), SH),
            "EntryPoint.load")  # fmt: skip
    yield t(call(call("xmlrpc.server:resolve_dotted_attribute", OS, "system"), SH),
            "resolve_dotted_attribute")  # fmt: skip
    loader = call("importlib.machinery:SourceFileLoader", "p", "p.py")
    yield t(seq(_write("p.py", PY), call("importlib.machinery:SourceFileLoader.load_module",
                                         loader)))  # fmt: skip
    spec = call("importlib.util:spec_from_file_location", "p", "p.py")
    yield t(seq(_write("p.py", PY), call("importlib._bootstrap:_load", spec)), "spec and load")
    yield t(seq(_write("p.py", PY), call("importlib._bootstrap_external:SourceLoader.exec_module",
                loader, call("importlib.util:module_from_spec", spec))), "spec and exec")  # fmt: skip
    yield t(seq(call("pathlib:Path.write_bytes", call("pathlib:Path", "x.zip"),
                     _zip("p.py", PY)),
                call("zipimport:zipimporter.load_module",
                     call("zipimport:zipimporter", "x.zip"), "p")))  # fmt: skip
    yield t(call("importlib:reload", glob("random:_os")), runs=False)
    yield t(call("imp:init_builtin", "antigravity"), runs=False, needs="imp")
    yield t(seq(_write("p.py", PY), Append("sys:path", "."), glob("p:x")), "sys.path then global",
            )  # fmt: skip
    yield t(glob("antigravity:x"), "import with an effect", proof="import")
    yield t(call("pkgutil:find_loader", "antigravity.x"), proof="import",
            needs="python<3.14")  # fmt: skip
    yield t(call("unittest.mock:_importer", "antigravity"), proof="import", needs="python<3.9")
    yield t(call("importlib.util:find_spec", "antigravity.x"), proof="import")
    yield t(call("inspect:getmodule", None), runs=False)
    yield t(call("encodings:search_function", "antigravity"), runs=False)
    yield t(call("builtins:help", "antigravity"), proof="import")
    yield t(call("_sitebuiltins:_Helper.__call__", call("_sitebuiltins:_Helper"), "antigravity"),
            proof="import")  # fmt: skip


def _files() -> Iterator[Technique]:
    t = partial(technique, "writes-files")
    path = call("pathlib:Path", "fired")
    for name in ("builtins:open", "io:open", "_io:open", "_pyio:open", "io:FileIO", "_io:FileIO",
                 "codecs:open", "gzip:open", "gzip:GzipFile", "bz2:open", "bz2:BZ2File",
                 "lzma:open", "lzma:LZMAFile", "tarfile:open", "tarfile:TarFile",
                 "zipfile:ZipFile"):  # fmt: skip
        yield t(call(name, "fired", "w"))
    for name in ("aifc", "sunau", "wave"):
        needs = "" if name == "wave" else name
        yield t(call(f"{name}:open", "fired", "wb"), needs=needs)
    yield t(call("__builtin__:file", "fired", "w"), protocol=2, needs="python2")
    yield t(call("__builtin__:open", "fired", "w"), protocol=2)
    for name in ("dbm:open", "dbm.dumb:open", "shelve:open", "shelve:DbfilenameShelf"):
        yield t(call(name, "fired", "c"))
    yield t(call("anydbm:open", "fired", "c"), protocol=2)
    for name in ("os:mkdir", "os:makedirs", "os:mkfifo", "os:mknod", "sqlite3:connect",
                 "sqlite3:Connection", "_sqlite3:connect", "logging:FileHandler",
                 "logging.handlers:RotatingFileHandler", "logging.handlers:WatchedFileHandler",
                 "logging.handlers:TimedRotatingFileHandler", "mailbox:Maildir", "mailbox:MH"):  # fmt: skip
        yield t(call(name, "fired"))
    yield t(call("os:open", "fired", 65))
    yield t(call("posix:open", "fired", 65))
    yield t(call("os:symlink", "x", "fired"))
    for name in ("os:rename", "os:renames", "os:replace", "os:link", "shutil:copyfile",
                 "shutil:copy", "shutil:copy2", "shutil:move", "uu:encode"):  # fmt: skip
        yield t(call(name, READ, "fired"), needs="uu" if name == "uu:encode" else "")
    yield t(call("shutil:copytree", ".", "../fired-tree", False), proof="shutil.copytree")
    yield t(call("shutil:make_archive", "fired", "tar", "."))
    yield t(call("shutil:rmtree", "nothing-here", True), proof="shutil.rmtree")
    for name in ("remove", "unlink"):
        yield t(call(f"os:{name}", "nothing-here"), proof="os.remove")
    yield t(call("os:rmdir", "nothing-here"), proof="os.rmdir")
    yield t(call("os:chmod", READ, 0o600), proof="os.chmod")
    yield t(call("os:truncate", READ, 0), proof="os.truncate")
    yield t(call("os:putenv", "X", "1"), proof="os.putenv")
    for name, args in (("write_text", ("x",)), ("write_bytes", (b"x",)), ("touch", ()),
                       ("mkdir", ()), ("open", ("w",)), ("symlink_to", ("x",))):  # fmt: skip
        yield t(call(f"pathlib:Path.{name}", path, *args))
    yield t(call("tempfile:mkstemp", "", "fired", "."))
    yield t(call("tempfile:mkdtemp", "", "fired", "."))
    yield t(call("tempfile:NamedTemporaryFile", "w", -1, None, None, "", "fired", ".", False))
    yield t(call("cProfile:Profile.dump_stats", call("cProfile:Profile"), "fired"))
    yield t(call("http.cookiejar:LWPCookieJar.save", call("http.cookiejar:LWPCookieJar", "fired")))
    yield t(call("http.cookiejar:MozillaCookieJar.save",
                 call("http.cookiejar:MozillaCookieJar", "fired")))  # fmt: skip
    yield t(call("distutils.file_util:write_file", "fired", ["x"]))
    yield t(call("distutils.file_util:copy_file", READ, "fired"))
    yield t(call("distutils.dir_util:mkpath", "fired"))
    yield t(call("py_compile:compile", READ, "fired"))
    yield t(call("tracemalloc:Snapshot.dump", call("tracemalloc:Snapshot", (), 1), "fired"))
    yield t(call("sqlite3:Connection.executescript", call("sqlite3:connect", ":memory:"),
                 "attach 'fired' as x; create table x.y(z)"))  # fmt: skip
    yield t(call("zipfile:ZipFile.extractall", call("zipfile:ZipFile", call("io:BytesIO",
                 _zip("fired", "x")))))  # fmt: skip
    yield t(call("zipapp:create_archive", ".", "fired", None, "a:b"))
    yield t(call("trace:CoverageResults.update", call("trace:CoverageResults"), None), runs=False)
    yield t(call("turtle:config_dict", READ), needs="tkinter", runs=False)
    yield t(call("fileinput:FileInput.__next__", call("fileinput:FileInput", READ, True)),
            proof="os.rename")  # fmt: skip
    yield t(call("faulthandler:enable", call("builtins:open", "fired", "w")))
    yield t(call("asyncore:file_dispatcher", call("os:open", "fired", 65)), needs="asyncore")


def _reads() -> Iterator[Technique]:
    t = partial(technique, "reads-files", runs=False)
    for name in ("builtins:open", "io:open", "_io:open", "io:open_code", "io:FileIO",
                 "codecs:open", "tokenize:open", "linecache:getlines", "netrc:netrc",
                 "xml.etree.ElementTree:parse", "xml.dom.minidom:parse", "mimetypes:read_mime_types",
                 "zipfile:ZipFile", "tarfile:open", "pstats:Stats", "tracemalloc:Snapshot.load",
                 "gzip:open", "os:listdir", "os:scandir", "glob:glob", "shutil:unpack_archive"):  # fmt: skip
        event = {"os:listdir": "os.listdir", "os:scandir": "os.scandir", "glob:glob": "glob.glob",
                 "shutil:unpack_archive": "shutil.unpack_archive"}.get(name, "open")  # fmt: skip
        yield t(call(name, READ), proof=event)
    for name in ("imghdr:what", "sndhdr:what"):
        yield t(call(name, READ), proof="open", needs=name.partition(":")[0])
    for name in ("read_text", "read_bytes", "open"):
        yield t(call(f"pathlib:Path.{name}", call("pathlib:Path", READ)), proof="open")
    yield t(call("linecache:getline", READ, 1), proof="open")
    yield t(call("fileinput:FileInput.__next__", call("fileinput:FileInput", READ)), proof="open")
    yield t(call("configparser:RawConfigParser.read", call("configparser:RawConfigParser"), READ),
            proof="open")  # fmt: skip
    yield t(call("xml.sax:parse", READ, call("xml.sax.handler:ContentHandler")), proof="open")
    yield t(call("filecmp:cmp", READ, "/dev/null", False), proof="", needs="nothing to watch")
    yield t(call("pkgutil:get_data", "encodings", "aliases.py"), proof="open")
    yield t(call("importlib.resources:read_text", "encodings", "aliases.py"), proof="open")
    yield t(call("inspect:getsource", glob("argparse:Namespace")), proof="open")


def _network() -> Iterator[Technique]:
    t = partial(technique, "network")
    connect = partial(t, proof="socket.connect")
    host = HERE[0]
    yield connect(call("socket:create_connection", HERE))
    yield connect(call("socket:socket.connect", call("socket:socket"), HERE))
    yield connect(call("_socket:socket.connect", call("_socket:socket"), HERE))
    yield t(call("socket:getaddrinfo", host, 9), proof="socket.getaddrinfo")
    yield t(call("socket:gethostbyname", host), proof="socket.gethostbyname")
    yield t(call("urllib.request:urlopen", URL), proof="urllib.Request")
    yield t(call("urllib.request:urlretrieve", URL, "x"), proof="urllib.Request")
    yield t(call("urllib.request:OpenerDirector.open", call("urllib.request:build_opener"), URL),
            proof="urllib.Request")  # fmt: skip
    yield t(call("urllib:urlopen", URL), proof="urllib.Request", protocol=2)
    yield t(call("urllib2:urlopen", URL), proof="urllib.Request", protocol=2)
    yield connect(call("http.client:HTTPConnection.connect",
                       call("http.client:HTTPConnection", host, 9)))  # fmt: skip
    yield connect(call("http.client:HTTPConnection.request",
                       call("http.client:HTTPSConnection", host, 9), "GET", "/"))  # fmt: skip
    yield t(call("ftplib:FTP", host), proof="ftplib.connect")
    yield t(call("smtplib:SMTP", host, 9), proof="smtplib.connect")
    yield t(call("imaplib:IMAP4", host, 9), proof="imaplib.open")
    yield t(call("poplib:POP3", host, 9), proof="poplib.connect")
    yield t(call("telnetlib:Telnet", host, 9), proof="telnetlib.Telnet.open", needs="telnetlib")
    yield t(call("nntplib:NNTP", host, 9), proof="nntplib.connect", needs="nntplib")
    yield connect(call("ssl:get_server_certificate", HERE))
    for server in ("socketserver:TCPServer", "socketserver:UDPServer", "http.server:HTTPServer"):
        yield t(call(server, (host, 0), None), proof="socket.bind")
    yield t(call("xmlrpc.server:SimpleXMLRPCServer", (host, 0)), proof="socket.bind")
    yield t(call("wsgiref.simple_server:make_server", host, 0, None), proof="socket.bind")
    yield t(call("smtpd:SMTPServer", (host, 0), None), proof="socket.bind", needs="smtpd")
    yield t(call("multiprocessing.connection:Listener", (host, 0)), proof="socket.bind")
    yield connect(call("multiprocessing.connection:Client", HERE))
    yield connect(call("asyncio:run", call("asyncio:open_connection", *HERE)))
    yield connect(call("logging.handlers:SocketHandler.createSocket",
                       call("logging.handlers:SocketHandler", *HERE)))  # fmt: skip
    yield t(call("logging.handlers:SysLogHandler", HERE), proof="socket.getaddrinfo")
    yield connect(call("xmlrpc.client:Transport.request", call("xmlrpc.client:Transport"),
                       f"{host}:9", "/", b""))  # fmt: skip
    yield t(call("urllib.robotparser:RobotFileParser.read",
                 call("urllib.robotparser:RobotFileParser", URL)), proof="urllib.Request")  # fmt: skip
    yield connect(call("asyncore:dispatcher.connect", seq(call("asyncore:dispatcher_with_send",
                       call("socket:socket"))), HERE), needs="asyncore", )  # fmt: skip
    yield t(call("cgi:FieldStorage"), runs=False, needs="cgi")
    yield t(call("logging.config:listen", 0), runs=False)
    yield connect(call("multiprocessing.managers:BaseManager.connect",
                       call("multiprocessing.managers:BaseManager", HERE, b"x")))  # fmt: skip


def _dispatch() -> Iterator[Technique]:
    t = partial(technique, "dispatch")
    mapped = call("builtins:map", RUN, [SH])
    for name in ("list", "tuple", "set", "frozenset", "bytes", "bytearray", "all", "any", "sum",
                 "max", "min", "sorted", "next"):  # fmt: skip
        yield t(call(f"builtins:{name}", mapped))
    for name in ("collections:deque", "collections:Counter", "collections:OrderedDict.fromkeys",
                 "builtins:dict.fromkeys", "statistics:mean", "heapq:nsmallest", "math:fsum",
                 "math:prod", "array:array", "bisect:bisect", "random:choices",
                 "functools:reduce"):  # fmt: skip
        args: tuple[Any, ...] = {
            "heapq:nsmallest": (1, mapped), "array:array": ("i", mapped),
            "functools:reduce": (glob("operator:add"), mapped),
        }.get(name, (mapped,))  # fmt: skip
        if name not in ("bisect:bisect", "random:choices"):
            yield t(call(name, *args), f"map into {name.replace(':', '.')}")
    for name in ("tuple", "frozenset", "bytes"):
        yield t(New(f"builtins:{name}", (mapped,)), f"NEWOBJ {name} of map")
    yield t(call("builtins:list", New("builtins:map", (RUN, [SH]))), "NEWOBJ map")
    yield t(New("builtins:filter", (RUN, [SH])), "filter unread", runs=False)
    for name in ("builtins:filter", "itertools:filterfalse", "itertools:takewhile",
                 "itertools:dropwhile"):  # fmt: skip
        yield t(call("builtins:list", call(name, RUN, [SH])), f"list of {name.replace(':', '.')}")
    yield t(call("builtins:list", call("itertools:starmap", RUN, [(SH,)])), "starmap")
    yield t(call("builtins:list", call("itertools:groupby", [SH], RUN)), "groupby")
    yield t(call("builtins:list", call("itertools:accumulate", [PY, {}], glob("builtins:eval"))),
            "accumulate")  # fmt: skip
    yield t(call("builtins:list", call("itertools:chain.from_iterable", [mapped])), "chain")
    yield t(Append([], mapped), "map unread", runs=False)
    yield t(Add(call("builtins:set"), mapped), "map in a set", runs=False)
    yield t(call("functools:reduce", glob("builtins:eval"), [PY, {}]), "reduce eval")
    yield t(call(call("functools:reduce", glob("builtins:getattr"), [OS, "system"]), SH),
            "reduce getattr")  # fmt: skip
    yield t(call(call("functools:partial", RUN, SH)), "partial")
    yield t(call(Build(New("functools:partial", (glob("builtins:print"),)), (RUN, (SH,), {}, None))),
            "partial by state")  # fmt: skip
    yield t(call(call("functools:lru_cache", RUN), SH), "lru_cache")
    yield t(call(call("functools:singledispatch", RUN), SH), "singledispatch")
    yield t(call("functools:cached_property.__get__", call("functools:cached_property", RUN), SH),
            runs=False)  # fmt: skip
    yield t(call("operator:call", RUN, SH), needs="python>=3.11")
    yield t(call("_operator:call", RUN, SH), needs="python>=3.11")
    for module in ("operator", "_operator"):
        yield t(call(call(f"{module}:methodcaller", "system", SH), OS), f"{module}.methodcaller")
        yield t(call(call(call(f"{module}:attrgetter", "system"), OS), SH), f"{module}.attrgetter")
    yield t(call(call(call("operator:attrgetter", "_os.system"), glob("tempfile:_Random")), SH),
            "attrgetter dotted", runs=False, loader="")  # fmt: skip
    yield t(call(call("builtins:getattr", OS, "system"), SH), "getattr")
    yield t(call(call("builtins:getattr", call("builtins:__import__", "os"), "system"), SH),
            "getattr import")  # fmt: skip
    name = call("builtins:str.join", "", ["sys", "tem"])
    yield t(call(call("builtins:getattr", OS, name), SH), "getattr joined name")
    backwards = call("builtins:str.replace", "syXstem", "X", "")
    yield t(call(call("builtins:getattr", OS, backwards), SH), "getattr replaced name")
    decoded = call("_codecs:decode", b"system", "ascii")
    yield t(call(call("builtins:getattr", OS, decoded), SH), "getattr decoded name")
    yield t(call(call("builtins:object.__getattribute__", OS, "system"), SH), "getattribute",
            runs=False, loader="")  # fmt: skip
    yield t(call(call("types:ModuleType.__getattribute__", OS, "system"), SH),
            "module getattribute")  # fmt: skip
    yield t(call(call("builtins:dict.get", glob("random:_os.__dict__"), "system"), SH),
            "dict.get of a module")  # fmt: skip
    yield t(call(call("operator:getitem", call("builtins:vars", OS), "system"), SH), "vars")
    yield t(
        call(call(call("operator:itemgetter", "system"), call("builtins:vars", OS)), SH),
        "itemgetter",
    )
    yield t(call(call("collections:ChainMap.__getitem__", call("collections:ChainMap",
            call("builtins:vars", OS)), "system"), SH), "ChainMap")  # fmt: skip
    yield t(call("collections:defaultdict.__missing__", call("collections:defaultdict",
            call("functools:partial", RUN, SH)), 1))  # fmt: skip
    yield t(call("operator:getitem", call("collections:defaultdict",
            call("functools:partial", RUN, SH)), 1), "defaultdict factory")  # fmt: skip
    yield t(call("builtins:str.format_map", "{x}", call("collections:defaultdict",
            call("functools:partial", RUN, SH))), "format_map")  # fmt: skip
    yield t(call("string:Template.substitute", call("string:Template", "$x"), call(
        "collections:defaultdict", call("functools:partial", RUN, SH))), "Template")  # fmt: skip
    yield t(call("re:sub", "(?s).+", call("functools:partial", glob("builtins:exec"), PY, {}),
                 "x"), runs=False)  # fmt: skip
    yield t(call("re:Scanner.scan", call("re:Scanner", [("x", call("functools:partial",
            RUN))]), "x"), runs=False)  # fmt: skip
    yield t(call("threading:Thread.run", call("threading:Thread", None, RUN, None, (SH,))))
    yield t(call("threading:Thread.start", call("threading:Thread", None, RUN, None, (SH,))))
    yield t(call("threading:Timer.run", call("threading:Timer", 0, RUN, (SH,))))
    for module in ("_thread", "thread"):
        yield t(call(f"{module}:start_new_thread", RUN, (SH,)), protocol=2)
    yield t(call("_thread:start_new", RUN, (SH,)))
    future = call("concurrent.futures:Future")
    yield t(call("concurrent.futures.thread:_WorkItem.run",
                 call("concurrent.futures.thread:_WorkItem", future, RUN, (SH,), {})))  # fmt: skip
    yield t(call("concurrent.futures:ThreadPoolExecutor.submit",
                 call("concurrent.futures:ThreadPoolExecutor", 1), RUN, SH))  # fmt: skip
    yield t(call("concurrent.futures:Future.set_result", seq(call(
        "concurrent.futures:Future.add_done_callback", future,
        call("functools:partial", glob("builtins:exec"), PY, {})), future), 1),
        runs=False)  # fmt: skip
    yield t(call("asyncio:run", call("asyncio:to_thread", RUN, SH)), "asyncio.to_thread")
    loop = call("asyncio:new_event_loop")
    yield t(seq(call("asyncio.base_events:BaseEventLoop.call_soon", loop, RUN, SH),
                call("asyncio.base_events:BaseEventLoop._run_once", loop)))  # fmt: skip
    scheduler = call("sched:scheduler")
    yield t(seq(call("sched:scheduler.enter", scheduler, 0, 1, RUN, (SH,)),
                call("sched:scheduler.run", scheduler)))  # fmt: skip
    yield t(call("atexit:register", RUN, SH))
    yield t(call("weakref:finalize", glob("argparse:Namespace"), RUN, SH))
    stack = call("contextlib:ExitStack")
    yield t(seq(call("contextlib:ExitStack.callback", stack, RUN, SH),
                call("contextlib:ExitStack.close", stack)))  # fmt: skip
    yield t(call("importlib._bootstrap:_call_with_frames_removed", RUN, SH))
    yield t(call("_frozen_importlib:_call_with_frames_removed", RUN, SH))
    mock = Build(call("unittest.mock:MagicMock"), {"_mock_side_effect": None})
    yield t(call(call("unittest.mock:Mock", None, RUN), SH), "mock side effect")
    yield t(mock, "mock by state", runs=False)
    yield t(call("unittest:TestCase.assertRaises", call("unittest:TestCase"),
                 glob("builtins:ValueError"), RUN, SH))  # fmt: skip
    yield t(call(call("types:MethodType", RUN, SH)), "MethodType")
    yield t(call("builtins:property.__get__", call("builtins:property", RUN), SH))
    yield t(call("builtins:iter", RUN, 0), runs=False)
    yield t(call("builtins:list", call("builtins:iter", call("functools:partial", RUN, SH), 0)),
            "iter sentinel")  # fmt: skip
    yield t(call("builtins:sum", call("builtins:map", glob("builtins:exec"), [PY])), "sum of exec")
    yield t(call("copy:_reconstruct", None, None, RUN, (SH,)))
    yield t(call("copyreg:_reconstructor", glob("subprocess:Popen"), glob("subprocess:Popen"),
                 ARGV))  # fmt: skip
    yield t(call("copyreg:__newobj_ex__", glob("builtins:tuple"), (mapped,), {}))
    yield t(call("wsgiref.handlers:BaseHandler.run", call("wsgiref.handlers:SimpleHandler", None,
            None, None, {}), RUN), runs=False)  # fmt: skip
    yield t(call("cmd:Cmd.onecmd", _object_with("cmd:Cmd", do_x=RUN), f"x {SH}"))
    parser = call("argparse:ArgumentParser")
    yield t(call("argparse:ArgumentParser._get_value", parser, _namespace(type=RUN), SH))
    yield t(call("json:JSONDecoder.decode", Build(call("json:JSONDecoder"), {
        "scan_once": RUN, "parse_string": RUN}), SH), runs=False)  # fmt: skip
    yield t(call("json:loads", SH, None, RUN), runs=False)
    yield t(call("ast:NodeVisitor.visit", _object_with("ast:NodeVisitor", visit_str=RUN), SH))
    yield t(call("urllib.request:OpenerDirector._call_chain", None, {"x": [_namespace(f=RUN)]},
                 "x", "f", SH))  # fmt: skip


def _object_with(cls: str, **state: Any) -> Build:
    return Build(call(cls), state)


def _unpickles() -> Iterator[Technique]:
    t = partial(technique, "unpickles")
    inner = system()
    stream = call("io:BytesIO", inner)
    for name in ("pickle:loads", "_pickle:loads", "pickle:_loads",
                 "multiprocessing.reduction:ForkingPickler.loads",
                 "multiprocessing.connection:_ForkingPickler.loads"):  # fmt: skip
        yield t(call(name, inner))
    for name in ("pickle:load", "_pickle:load", "pickle:_load"):
        yield t(call(name, stream))
    for name in ("pickle:Unpickler", "_pickle:Unpickler", "pickle:_Unpickler"):
        yield t(call(f"{name}.load", call(name, stream)))
    yield t(call("cPickle:loads", inner), protocol=2)
    yield t(call("lib2to3.pgen2.grammar:Grammar.loads", call("lib2to3.pgen2.grammar:Grammar"),
                 inner), needs="lib2to3")  # fmt: skip
    yield t(call("shelve:Shelf.__getitem__", call("shelve:Shelf", {b"a": inner}), "a"))
    yield t(seq(call("pathlib:Path.write_bytes", call("pathlib:Path", "x"), inner),
                call("tracemalloc:Snapshot.load", "x")), "tracemalloc.Snapshot.load")  # fmt: skip
    yield t(call("dill:loads", inner), needs="dill")
    yield t(call("dill:load", stream), needs="dill")
    yield t(call("dill._dill:loads", inner), needs="dill")
    yield t(call("cloudpickle:loads", inner), needs="cloudpickle")
    yield t(call("jsonpickle:decode", '{"py/reduce": []}'), needs="jsonpickle")
    yield t(call("pickletools:dis", inner), runs=False)
    nested = pickled(call("pickle:loads", inner))
    yield t(call("pickle:loads", pickled(call("pickle:loads", nested))), "nested three deep")
    yield t(call("pickle:loads", call("zlib:decompress", _deflated(inner))), "nested compressed")
    yield t(call("pickle:loads", call("base64:b64decode", _base64(inner))), "nested base64")
    yield t(call("pickle:loads", call("builtins:bytes.fromhex", inner.hex())), "nested hex")


def _deflated(data: bytes) -> bytes:
    import zlib

    return zlib.compress(data)


def _base64(data: bytes) -> bytes:
    import base64

    return base64.b64encode(data)


def _native() -> Iterator[Technique]:
    t = partial(technique, "native")
    libc = "libc.so.6"
    for name in ("ctypes:CDLL", "ctypes:PyDLL", "ctypes:cdll.LoadLibrary"):
        yield t(call(name, libc), proof="ctypes.dlopen")
    yield t(call("_ctypes:dlopen", libc, 2), proof="ctypes.dlopen")
    yield t(call(call("ctypes:CDLL.__getattr__", call("ctypes:CDLL", None), "system"),
                 SH.encode()), "libc system")  # fmt: skip
    yield t(call("ctypes:pythonapi.PyRun_SimpleString", PY.encode()))
    yield t(call("ctypes.util:find_library", "c"), runs=False)
    yield t(call("_imp:create_dynamic", _namespace(name="x", origin="x.so")), runs=False)
    yield t(call("importlib.machinery:ExtensionFileLoader.create_module", call(
        "importlib.machinery:ExtensionFileLoader", "x", "x.so"), _namespace(name="x",
        origin="x.so")), proof="import")  # fmt: skip
    yield t(call("ctypes:string_at", 0, 0), runs=False)
    yield t(call("ctypes:memmove", 0, 0, 0), runs=False)
    yield t(call("cffi:FFI"), needs="cffi", runs=False)


def _dotted() -> Iterator[Technique]:
    t = partial(technique, "dotted-name")
    for name in ("random:_os.system", "linecache:os.system", "logging:os.system",
                 "uuid:os.system", "pathlib:os.system", "tempfile:_os.system", "glob:os.system",
                 "fnmatch:os.system", "shutil:os.system", "gettext:os.system", "tarfile:os.system",
                 "inspect:os.system"):  # fmt: skip
        yield t(call(name, SH))
    yield t(call("pathlib:os.popen", SH))
    yield t(call("uuid:os.execvp", "sh", ARGV))
    found = call("collections:_sys.modules.get", "posix")
    yield t(call(call("builtins:getattr", found, "system"), SH), "collections sys.modules")
    yield t(call(call("builtins:getattr", call("uuid:UUID.__init__.__globals__.get", "os"),
                      "system"), SH), "method globals")  # fmt: skip
    yield t(call(call("fractions:Fraction.__add__.__globals__.get", "x"), SH), "globals none",
            runs=False)  # fmt: skip
    yield t(call(call("collections:Counter.update.__builtins__.get", "exec"), PY),
            "method builtins")  # fmt: skip
    yield t(call(call("uuid:UUID.__init__.__builtins__.__getitem__", "eval"), PY),
            "method builtins getitem")  # fmt: skip
    yield t(call("pathlib:Path.home.__func__.__globals__.get", "os"), runs=False)
    yield t(call("collections:OrderedDict.__class__.__subclasses__", glob("builtins:type")),
            runs=False)  # fmt: skip
    yield t(call("builtins:object.__subclasses__"), runs=False)
    yield t(call("builtins:str.__class__.__call__", RUN, SH), "type call", runs=False)
    yield t(call("builtins:exec.__call__", PY))
    yield t(call("posix:system.__call__", SH))
    yield t(call("subprocess:Popen.__init__", New("subprocess:Popen"), ARGV))
    yield t(call("subprocess:Popen._execute_child"), runs=False, loader="")


def _tampering() -> Iterator[Technique]:
    t = partial(technique, "tampering")
    yield t(call(seq(Put("sys:modules", "innocent", OS), glob("innocent:system")), SH),
            "sys.modules alias")  # fmt: skip
    yield t(seq(Put("os:environ", "PYTHONBREAKPOINT", "os.system"),
                call("builtins:breakpoint", SH)), "breakpoint by environment")  # fmt: skip
    yield t(seq(call("builtins:setattr", glob("sys:modules"), "x", 1)), runs=False)
    yield t(call(seq(call("builtins:setattr", glob("json:decoder"), "scanstring", RUN),
                     glob("json.decoder:scanstring")), SH), "setattr on a module")  # fmt: skip
    yield t(call(seq(Build("json:decoder", {"scanstring": RUN}), glob("json.decoder:scanstring")),
                 SH), "BUILD on a module")  # fmt: skip
    yield t(call(seq(Build("json:decoder", (None, {"scanstring": RUN})),
                     glob("json.decoder:scanstring")), SH), "slot BUILD on a module")  # fmt: skip
    made = New(NAMESPACE)
    yield t(seq(Build(NAMESPACE, (None, {"__setstate__": RUN})), Build(made, SH)),
            "BUILD on a class")  # fmt: skip
    yield t(Build(Build(New(NAMESPACE), {"__setstate__": RUN}), SH), "own setstate")
    yield t(Append(Build(New(NAMESPACE), {"append": RUN}), SH), "own append")
    yield t(Add(Build(New(NAMESPACE), {"add": RUN}), SH), "own add")
    yield t(seq(Append("sys:path", "."), None), "sys.path", runs=False)
    yield t(Append("sys:meta_path", 1), runs=False)
    yield t(call("sys:settrace", None), runs=False)
    yield t(call("sys:setprofile", None), runs=False)
    yield t(call("threading:settrace", None), runs=False)
    yield t(call("signal:signal", 14, 1), runs=False)
    yield t(call("gc:disable"), runs=False)
    yield t(call("sys:exit", 3), runs=False)
    yield t(call("os:_exit", 3), runs=False)
    yield t(call("os:abort"), runs=False)
    yield t(call("os:kill", 0, 0), runs=False)
    yield t(call("resource:setrlimit", 7, (9, 9)), runs=False)
    yield t(call("warnings:simplefilter", "ignore"), runs=False)
    yield t(call("copyreg:pickle", glob("builtins:list"), RUN), runs=False)
    yield t(call("copyreg:add_extension", "os", "system", 240), runs=False)
    yield t(call("codecs:register", RUN), runs=False)
    yield t(seq(call("codecs:register", RUN), call("codecs:lookup", SH)),
            "codecs.lookup", runs=False)  # fmt: skip
    yield t(call("time:sleep", 0), runs=False)
    yield t(call("locale:setlocale", 0), runs=False)
    yield t(Put("builtins:__dict__", "x", 1), runs=False, loader="")
    yield t(call("builtins:input", ""), runs=False)
    yield t(call("builtins:print", "x"), runs=False)
    yield t(call("builtins:delattr", glob("json:decoder"), "scanstring"), runs=False)
    yield t(call("builtins:globals"), runs=False)
    yield t(call("sys:_getframe"), runs=False)
    yield t(call("sys:_current_frames"), runs=False)
    yield t(call("faulthandler:_sigsegv"), runs=False, loader="")
