"""A pickle imports something that reads or writes files.

Why it matters
    A file written while a model loads can be the next program to run; a file read can be a
    secret.
Fires on
    `builtins.open`, `io.FileIO`, `shutil.*`, `tempfile.*`, `sqlite3.connect`,
    `logging.FileHandler`, `numpy.fromfile`, `torch.save`.
Stays quiet on
    paths that are only named: `pathlib.PosixPath`.
Remedy
    Ask the publisher for safetensors; refuse the file.
"""

from scanner.facts import ImportFact
from scanner.findings import Severity
from scanner.pickles import danger
from scanner.rules import Rule
from scanner.rules._effects import imports_with

RULE = Rule(
    id="touches-files",
    reads=ImportFact,
    severity=Severity.CRITICAL,
    check=imports_with(danger.TOUCHES_FILES),
)
