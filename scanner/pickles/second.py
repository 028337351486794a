"""An independent second reading of a pickle, by fickling, compared with ours.

fickling turns a pickle into a Python syntax tree by code that shares nothing with ours: a
global that it sees and we do not is a mistake of one of the two, and a finding. It costs
far more than our reading, so it has a budget, and what it cannot read is said. It is a
stranger's code, and belongs into a worker that bounds its memory and what it can reach.
"""

from __future__ import annotations

import io
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from scanner.facts import Fact, ImportFact, ProblemFact
from scanner.findings import Where
from scanner.frozen import dataclass
from scanner.pickles.danger import canonical
from scanner.pickles.machine import Interpretation


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """What a second reading may cost at most."""

    stream_bytes: int = 1_000_000
    """Longest pickle given to fickling: it needs about twelve microseconds an opcode."""
    opcodes: int = 100_000
    """Most opcodes, as our own reading counted them: about two seconds."""
    seconds: float = 10.0
    """Most processor time, where it can be bounded: in the main thread of a worker."""


BUDGET = Budget()


@dataclass(frozen=True, kw_only=True, slots=True)
class SecondReading:
    """What fickling saw: dotted imports and names called; or why it could not read."""

    imports: frozenset[str] = frozenset()
    pickles: int = 0
    failure: str | None = None


def second_reading(
    data: bytes, *, opcodes: int | None = None, budget: Budget = BUDGET
) -> SecondReading:
    """Read the pickles in `data` with fickling. `opcodes` is our count, if known.

    Never raises for any bytes.
    """
    if len(data) > budget.stream_bytes:
        return SecondReading(failure=f"it is longer than {budget.stream_bytes} bytes")
    if opcodes is not None and opcodes > budget.opcodes:
        return SecondReading(failure=f"it has more than {budget.opcodes} opcodes")
    try:
        with _bounded(budget.seconds):
            return _read(data)
    except _OverTimeError:
        return SecondReading(failure=f"it took longer than {budget.seconds:g} seconds")
    except MemoryError:
        return SecondReading(failure="it took more memory than there is")
    except RecursionError:
        return SecondReading(failure="it nests too deep")
    except Exception as error:
        # fickling raises whatever its walk meets; each of them means the same to us.
        return SecondReading(failure=f"{type(error).__name__}: {str(error)[:200]}")


_READERS = frozenset({"ast", "fickling", "pickletools", "scanner"})
"""The packages whose code the time runs out in."""


class _OverTimeError(BaseException):
    """The time is up; no `except Exception` on the way holds it."""


@contextmanager
def _bounded(seconds: float) -> Iterator[None]:
    """Raise in here once the time is up. Only where signals are free to be used."""
    alone = threading.current_thread() is threading.main_thread()
    if not alone or signal.getsignal(signal.SIGVTALRM) is not signal.SIG_DFL:
        yield
        return

    def end(_signal: int, frame: FrameType | None) -> None:
        # Where a finaliser or the collector of garbage calls back, an exception is lost.
        if frame and frame.f_globals.get("__name__", "").partition(".")[0] in _READERS:
            raise _OverTimeError

    signal.signal(signal.SIGVTALRM, end)
    try:
        # Again and again: what swallows it once is interrupted a second time.
        signal.setitimer(signal.ITIMER_VIRTUAL, seconds, 0.02)
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, signal.SIG_DFL)


def _read(data: bytes) -> SecondReading:
    import ast
    import warnings

    from fickling.fickle import Pickled, StackedPickle

    seen: set[str] = set()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        stacked = StackedPickle.load(io.BytesIO(data))
        for pickled in stacked:
            assert isinstance(pickled, Pickled)
            for node in ast.walk(pickled.ast):
                if isinstance(node, ast.ImportFrom) and node.module:
                    seen.update(f"{node.module}.{alias.name}" for alias in node.names)
                elif isinstance(node, ast.Import):
                    seen.update(alias.name for alias in node.names)
    return SecondReading(imports=frozenset(seen), pickles=len(stacked))


def compare(
    ours: Interpretation, theirs: SecondReading, *, member: str | None = None
) -> Iterator[Fact]:
    """Yield a `second-reading` problem for each global that fickling alone saw.

    That it could not read is a `second-reading-failed` problem, for the record only.
    """
    where = Where(member=member)
    if theirs.failure is not None:
        yield ProblemFact(
            where=where,
            kind="second-reading-failed",
            message=f"the second reading did not finish: {theirs.failure}",
        )
        return
    known: set[str] = set()
    for fact in ours.facts:
        if isinstance(fact, ImportFact) and fact.module is not None and fact.name is not None:
            known.add(fact.dotted)
            known.add(".".join(canonical(fact.module, fact.name)))
    for name in sorted(theirs.imports):
        module, _, attribute = name.rpartition(".")
        if name not in known and ".".join(canonical(module, attribute)) not in known:
            yield ProblemFact(
                where=where,
                kind="second-reading",
                message=f"a second reading of the pickle sees `{name}`, and ours does not",
            )
