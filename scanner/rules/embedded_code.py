"""The model holds program code, or calls code that is not its library's own.

Why it matters
    Loading or running the model runs that code. The gate refuses code in a repository
    unless a policy admits it by digest.
Fires on
    Python source and bytecode, notebooks, scripts by their first line or name, scripts and
    entities in HTML, SVG and XML, libraries and executables, Keras
    `Lambda` layers and custom classes, TensorFlow operations that run Python or touch files
    (critical) or that nobody reviewed, operators outside ONNX's own domains, YAML tags that
    name objects of a programming language or include files, expressions and targets of exported
    torch programs that are no arithmetic and no operators of torch. Critical when the code
    visibly starts processes, opens connections or decodes more code while it is imported.
Stays quiet on
    Configuration and text that merely mention code.
Remedy
    Ask for weights and configuration alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from scanner.facts import CodeFact
from scanner.findings import Severity
from scanner.pickles import danger
from scanner.rules import Message, Rule

_HIGH = frozenset(
    {
        "elf",
        "pe",
        "macho",
        "shell",
        "python-bytecode",
        "keras-lambda",
        "executable",
        "powershell",
        "batch",
    }
)
_DANGEROUS = frozenset(
    """os.system os.popen os.fork os.startfile os.remove os.unlink shutil.rmtree subprocess pty
    socket ctypes urllib.request requests httpx ftplib smtplib telnetlib http.client paramiko
    marshal.loads eval exec compile __import__ builtins.eval builtins.exec builtins.compile
    runpy pickle.load pickle.loads""".split()  # noqa: SIM905
)
_OWN_DATA = frozenset({"pickle.load"})
"""What reads a file that lies somewhere, and not bytes that the code brings along."""
_BY_NAME = frozenset({"keras-custom", "torch-expression", "torch-target"})
"""Code that a file merely names; what the name is known for decides."""
_ACTS = frozenset(
    {danger.RUNS_CODE, danger.STARTS_PROCESS, danger.IMPORTS_MODULES, danger.NATIVE,
     danger.UNPICKLES, danger.TAMPERS}
)  # fmt: skip
"""Effects by which a name that a file gives, and its loader looks up, is dangerous."""
_FAMILIES = ("os.exec", "os.spawn", "os.posix_spawn", "posix.", "code.", "importlib.")
"""Prefixes of which every name counts."""
_HARMLESS = frozenset(
    """importlib.metadata.version importlib.metadata.distribution
    importlib.metadata.packages_distributions importlib.util.find_spec
    importlib.resources.files importlib.invalidate_caches
    socket.gethostname requests.Session httpx.Timeout httpx.Limits urllib.request.Request
    ctypes.sizeof ctypes.POINTER ctypes.c_int ctypes.c_long ctypes.c_size_t ctypes.c_float
    ctypes.c_double ctypes.c_char_p ctypes.c_void_p""".split()  # noqa: SIM905
)
"""Of those, what says whether a library is there, names a type, or waits to be used."""


def dangerous(name: str) -> bool:
    """Whether a dotted name starts processes, talks to the network or runs more code."""
    if name in _HARMLESS:
        return False
    if name.startswith(_FAMILIES):
        return True
    parts = name.split(".")
    return any(".".join(parts[:count]) in _DANGEROUS for count in range(1, len(parts) + 1))


def _acts(name: str) -> bool:
    """Whether a dotted name is known for what a loader that looks it up would run."""
    module, _, last = name.rpartition(".")
    return bool(module) and danger.effect(module, last) in _ACTS


def check(fact: CodeFact) -> Iterator[Message]:
    """Yield one message for the code."""
    if fact.language in ("torchscript", "torch-package", "tool-file"):
        return
    names = ", ".join(fact.names[:5])
    about = f" ({fact.detail})" if fact.detail else ""
    text = f"{fact.language} code{': ' + names if names else ''}{about}"
    severity = Severity.HIGH if fact.language in _HIGH else Severity.MEDIUM
    called = [name for name in fact.names if dangerous(name)]
    python = fact.language in ("python", "interned-python")
    if python and set(called) <= _OWN_DATA:
        # A script that unpickles a file, which is examined by itself, is code like any other.
        called = []
    if fact.language == "interned-python" and not called:
        # That the package holds source is told once, of the whole archive.
        return
    if python and called:
        severity = Severity.CRITICAL
        text = f"Python that calls {', '.join(called[:5])} while it is imported"
    if fact.language == "yaml-object":
        severity = Severity.CRITICAL if called or "apply" in fact.detail else Severity.HIGH
    if fact.language in _BY_NAME and (called or any(map(_acts, fact.names))):
        severity = Severity.CRITICAL
    if fact.language == "tensorflow-op" and fact.detail == "runs Python or touches files":
        severity = Severity.CRITICAL
    yield Message(text=text, severity=severity, evidence={"language": fact.language})


RULE = Rule(id="embedded-code", reads=CodeFact, severity=Severity.MEDIUM, check=check)
