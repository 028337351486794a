"""A pickle imports something that unpickles further bytes.

Why it matters
    A pickle inside a string is out of sight of whoever reads the outer one.
Fires on
    `pickle.loads`, `torch.load`, `torch.storage._load_from_bytes`, `numpy.load`,
    `joblib.load`, `dill.*`, `cloudpickle.*`, `pandas.read_pickle`. Only high, not critical,
    where cloudpickle or dill make functions from code that the pickle carries, no name or
    text in that code is known to be dangerous, and nothing calls them while loading.
Stays quiet on
    the rebuild functions of torch and numpy, which take bytes as numbers.
Remedy
    Ask the publisher for safetensors, or to save plain state instead of nested files.
"""

from scanner.facts import ImportFact
from scanner.findings import Severity
from scanner.pickles import danger
from scanner.rules import Rule
from scanner.rules._effects import imports_with

RULE = Rule(
    id="unpickles-again",
    reads=ImportFact,
    severity=Severity.CRITICAL,
    check=imports_with(danger.UNPICKLES),
)
