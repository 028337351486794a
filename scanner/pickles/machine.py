"""The abstract pickle machine: what a pickle would import, call and set, found without doing it.

It follows CPython's unpicklers, the C one and the Python one, of 3.9 to 3.14: where they
differ it accepts what either accepts. It keeps a symbolic stack, memo and mark stack, and
turns every callable position into a fact. Payloads stay where they are; time and memory are
bounded by the number of opcodes.

Readings. A `FRAME` whose end falls inside an opcode is read in two ways by loaders that
exist: as if frames were not there, and by dropping what is left of the frame. `interpret`
takes both and reports the union. A joblib file has raw arrays between its opcodes;
`loader="joblib"` steps over them, and `interpret` also reads on as plain pickle would.
"""

from __future__ import annotations

import mmap
from typing import Final

from scanner.facts import ExtensionFact, Fact, ProblemFact
from scanner.frozen import dataclass
from scanner.limits import LIMITS, Limits
from scanner.pickles.allowlist import Allowlist, default_allowlist
from scanner.pickles.effects import Trace
from scanner.pickles.ledger import Ledger, imports
from scanner.pickles.loop import Machine
from scanner.pickles.persistent import POLICIES, PersistentPolicy
from scanner.pickles.readings import COPIED, Loader
from scanner.pickles.source import Source, source_of
from scanner.pickles.values import Value

__all__ = ["Interpretation", "Loader", "Trace", "imports", "interpret"]

_READINGS: Final = 16
"""The most ways in which one stream is read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Interpretation:
    """What one run of the machine saw.

    `facts` are ordered by offset and merged per (kind, callee, objection), each with its
    count and first place. `values` has the final value of each pickle that reached its
    STOP, `ends` the offset after that STOP. `complete` is False when reading stopped before
    the end of the data that was asked for. `opcodes` is how many were interpreted.
    """

    facts: tuple[Fact, ...]
    values: tuple[Value, ...]
    ends: tuple[int, ...]
    opcodes: int

    @property
    def complete(self) -> bool:
        """Whether no fatal problem was met."""
        return not any(isinstance(fact, ProblemFact) and fact.fatal for fact in self.facts)

    @property
    def clean(self) -> bool:
        """Whether nothing that was seen met an objection or a problem."""
        return not any(
            isinstance(fact, (ProblemFact, ExtensionFact))
            or getattr(fact, "objection", None) is not None
            for fact in self.facts
        )


def interpret(
    data: bytes | bytearray | memoryview | mmap.mmap | Source,
    *,
    start: int = 0,
    end: int | None = None,
    member: str | None = None,
    origin: int = 0,
    pickles: int | None = None,
    allowlist: Allowlist | None = None,
    persistent_ids: PersistentPolicy | str = "none",
    loader: Loader = "joblib",
    limits: Limits = LIMITS,
    trace: Trace | None = None,
) -> Interpretation:
    """Interpret one or more pickles that lie one after another in data[start:end].

    `pickles` is how many to read; None reads on until the data ends, and what follows the
    last STOP without being a pickle is reported. Offsets in facts are positions in `data`
    less `origin`; `ends` and values keep positions in `data`. `persistent_ids` is `none`,
    `torch`, `torch-tar`, `any`, or a policy of the caller's. `trace`, if given, is called
    as (offset, opcode name, value) for each import, call and state change. `loader` matters
    only where joblib's array wrapper stands: `joblib` steps over the raw array after it and
    also takes plain pickle's reading; `pickle` takes the bytes after it as opcodes alone.

    Never raises for any bytes: what goes wrong is a `ProblemFact`.
    """
    source = source_of(data)
    stop = len(source) if end is None else min(end, len(source))
    policy = POLICIES[persistent_ids] if isinstance(persistent_ids, str) else persistent_ids
    ledger = Ledger(member=member, origin=origin)
    chosen = default_allowlist() if allowlist is None else allowlist
    machine = Machine(source, stop, ledger, chosen, policy, loader, limits, trace)
    machine.read_all(start, pickles)
    _other_readings(machine, start, pickles)
    return Interpretation(
        facts=ledger.facts(),
        values=tuple(machine.values),
        ends=tuple(machine.ends),
        opcodes=machine.opcodes,
    )


def _other_readings(machine: Machine, start: int, pickles: int | None) -> None:
    """Read the stream again in every other way that `machine` noted, adding to its facts."""
    machine.ledger.again = True
    pending = [(machine, start, other) for other in machine.alternatives]
    opcodes = machine.opcodes
    for readings in range(1, _READINGS):
        if not pending or opcodes > machine.limits.pickle_opcodes:
            break
        first, begin, other = pending.pop(0)
        if other.keep_from - begin > COPIED:
            machine.problem(
                "limit-reached", "a second reading would need too much memory", other.keep_from
            )
            return
        second = first.other(other, begin)
        where = other.begin if second.data is first.data else 0
        second.read_all(where, 1 if other.quiet else pickles)
        opcodes += second.opcodes
        pending.extend((second, where, third) for third in second.alternatives)
        del readings
    if pending:
        machine.problem("limit-reached", "this stream can be read in too many ways", machine.stop)
