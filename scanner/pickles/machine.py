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
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from struct import Struct
from typing import Final, Literal, NoReturn

from scanner.facts import (
    CallFact,
    ExtensionFact,
    Fact,
    ImportFact,
    PersistentIdFact,
    ProblemFact,
    StateFact,
)
from scanner.findings import Where
from scanner.limits import LIMITS, Limits
from scanner.pickles import arrays
from scanner.pickles.allowlist import Allowlist, default_allowlist
from scanner.pickles.opcodes import ARGUMENTS, CODES, HIGHEST_PROTOCOL, NAMES
from scanner.pickles.persistent import POLICIES, PersistentPolicy
from scanner.pickles.source import Source, source_of
from scanner.pickles.values import (
    Call,
    DictValue,
    Global,
    ListValue,
    Persistent,
    SetValue,
    Span,
    Unknown,
    Value,
    callee,
)

Loader = Literal["pickle", "joblib"]
Trace = Callable[[int, str, Value], None]

_SHORT_TEXT: Final = 1 << 16
_SHORT_BYTES: Final = 256
_CHUNK: Final = 1 << 17
_DEEPEST: Final = 100_000
_WIDEST: Final = 8_000_000
_READINGS: Final = 16
_COPIED: Final = 64 << 20

_i4 = Struct("<i").unpack
_d8 = Struct(">d").unpack
_int = int.from_bytes


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
    ledger = _Ledger(member=member, origin=origin)
    chosen = default_allowlist() if allowlist is None else allowlist
    machine = _Machine(source, stop, ledger, chosen, policy, loader, limits, trace)
    machine.read_all(start, pickles)
    _other_readings(machine, start, pickles)
    return Interpretation(
        facts=ledger.facts(),
        values=tuple(machine.values),
        ends=tuple(machine.ends),
        opcodes=machine.opcodes,
    )


def _other_readings(machine: _Machine, start: int, pickles: int | None) -> None:
    """Read the stream again in every other way that `machine` noted, adding to its facts."""
    machine.ledger.again = True
    pending = [(machine, start, other) for other in machine.alternatives]
    opcodes = machine.opcodes
    for readings in range(1, _READINGS):
        if not pending or opcodes > machine.limits.pickle_opcodes:
            break
        first, begin, other = pending.pop(0)
        if other.keep_from - begin > _COPIED:
            machine.problem(
                "limit-reached", "a second reading would need too much memory", other.keep_from
            )
            return
        second = other.machine(first, begin)
        where = other.begin if second.data is first.data else 0
        second.read_all(where, 1 if other.quiet else pickles)
        opcodes += second.opcodes
        pending.extend((second, where, third) for third in second.alternatives)
        del readings
    if pending:
        machine.problem("limit-reached", "this stream can be read in too many ways", machine.stop)


class _Stopped(Exception):  # noqa: N818  control flow inside this file
    """Where an unpickler would raise."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class _Alternative:
    """Another way to read the same bytes: drop data[keep_from:resume], or change the loader."""

    __slots__ = ("begin", "frame_at", "keep_from", "loader", "quiet", "resume")

    def __init__(
        self,
        keep_from: int,
        resume: int,
        frame_at: int,
        *,
        begin: int,
        loader: Loader,
        quiet: bool = False,
    ) -> None:
        self.keep_from = keep_from
        self.resume = resume
        self.frame_at = frame_at
        self.begin = begin
        self.loader: Loader = loader
        self.quiet = quiet

    def machine(self, first: _Machine, start: int) -> _Machine:
        """Return a machine for this reading of what `first` read from `start` on."""
        data, stop, shift = first.data, first.stop, first.shift
        if self.keep_from != self.resume:
            head = bytearray(data[start : self.keep_from])
            at = self.frame_at - start
            head[at : at + 8] = (self.keep_from - self.frame_at - 8).to_bytes(8, "little")
            data = bytes(head) + data[self.resume : min(stop, self.resume + _COPIED)]
            stop, shift = len(data), shift + start
        return _Machine(
            data, stop, first.ledger, first.allowlist, first.persistent, self.loader,
            first.limits, None, quiet=self.quiet, shift=shift,
        )  # fmt: skip


class _Ledger:
    """Facts, merged as they come in."""

    def __init__(self, *, member: str | None, origin: int) -> None:
        self.member = member
        self.origin = origin
        self.again = False
        self.seen: dict[tuple[object, ...], list[object]] = {}
        self.made: list[tuple[int, int, Callable[[Where, int], Fact], list[object]]] = []

    def note(
        self,
        key: tuple[object, ...],
        offset: int,
        opcode: str | None,
        make: Callable[[Where, int], Fact],
    ) -> None:
        """Count a fact; the first of its key is kept with its place."""
        known = self.seen.get(key)
        if known is not None:
            if not self.again:
                known[0] += 1  # type: ignore[operator]
            return
        known = [1, opcode]
        self.seen[key] = known
        self.made.append((offset, len(self.made), make, known))

    def problem(self, kind: str, message: str, offset: int, *, fatal: bool = False) -> None:
        """Note what is wrong with the stream."""

        def make(where: Where, count: int) -> Fact:
            return ProblemFact(where=where, count=count, kind=kind, message=message, fatal=fatal)

        self.note(("problem", kind, fatal), offset, None, make)

    def facts(self) -> tuple[Fact, ...]:
        """Return the facts in order of their first offset."""
        facts = []
        for offset, _, make, (count, opcode) in sorted(self.made, key=lambda item: item[:2]):
            assert isinstance(count, int)
            assert opcode is None or isinstance(opcode, str)
            where = Where(member=self.member, offset=offset - self.origin, opcode=opcode)
            facts.append(make(where, count))
        return tuple(facts)


class _Machine:
    """One reading of one stretch of data."""

    def __init__(
        self,
        data: Source,
        stop: int,
        ledger: _Ledger,
        allowlist: Allowlist,
        persistent: PersistentPolicy,
        loader: Loader,
        limits: Limits,
        trace: Trace | None,
        *,
        quiet: bool = False,
        shift: int = 0,
    ) -> None:
        self.data = data
        self.stop = stop
        self.ledger = ledger
        self.allowlist = allowlist
        self.persistent = persistent
        self.loader: Loader = loader
        self.limits = limits
        self.trace = trace
        self.quiet = quiet
        self.shift = shift
        self.at: int = 0
        self.array_at = -1
        self.metastack: list[list[Value]] = []
        self.values: list[Value] = []
        self.ends: list[int] = []
        self.alternatives: list[_Alternative] = []
        self.opcodes = 0
        self.created = 0
        self.globals: dict[tuple[str, str], Global] = {}
        self.memo: list[Value] | dict[int, Value] = []
        self.begin = 0
        self.protocol = 0

    # -- reading pickles ------------------------------------------------------------------

    def read_all(self, pos: int, pickles: int | None) -> None:
        """Read `pickles` pickles from `pos` on, or all there are."""
        if self.stop - pos > self.limits.pickle_bytes and pickles is None:
            self.problem("limit-reached", "the pickle is longer than limits.pickle_bytes", pos)
            self.stop = pos + self.limits.pickle_bytes
        most = self.limits.streams if pickles is None else pickles
        count = 0
        while count < most and (pos < self.stop or (pickles is not None) or count == 0):
            if count and pickles is None and not self._begins(pos):
                self.problem(
                    "trailing-bytes",
                    f"{self.stop - pos} bytes follow the last pickle and are not one",
                    pos,
                    fatal=False,
                )
                return
            try:
                pos = self._one(pos)
            except _Stopped as stopped:
                self.problem(stopped.kind, str(stopped), self.at)
                return
            except (IndexError, KeyError):
                self.problem(
                    "stack-underflow", "the pickle takes from its stack or memo what is not there",
                    self.at,
                )  # fmt: skip
                return
            count += 1
        if count >= most and pickles is None and pos < self.stop:
            self.problem("limit-reached", "more pickles than limits.streams", pos)

    def _begins(self, pos: int) -> bool:
        return self.data[pos] in NAMES

    def _one(self, pos: int) -> int:
        self.at = pos
        self.begin = pos
        self.memo = []
        self.protocol = 0
        self.metastack = []
        end, value = self._run(pos)
        self.values.append(value)
        self.ends.append(end)
        return end

    def _run(self, pos: int) -> tuple[int, Value]:
        """Interpret one pickle from `pos`; return where it ends and its value."""
        data = self.data
        end = self.stop
        limit = end
        frame_at = -1
        at = pos
        memo = self.memo
        dense = True
        remember = memo.append  # type: ignore[union-attr]
        metastack = self.metastack
        stack: list[Value] = []
        append = stack.append
        rare = _RARE
        opcodes_left = self.limits.pickle_opcodes - self.opcodes
        while True:
            if opcodes_left <= 0:
                raise _Stopped("limit-reached", "more opcodes than limits.pickle_opcodes")
            chunk = min(_CHUNK, opcodes_left)
            opcodes_left -= chunk
            self.opcodes += chunk
            if len(metastack) > _DEEPEST:
                raise _Stopped("limit-reached", "marks nest deeper than any pickler writes")
            if len(stack) + len(memo) + self.created > _WIDEST:
                raise _Stopped("limit-reached", "the pickle holds too many objects at once")
            for done in range(chunk):
                if pos >= limit:
                    if pos > limit and frame_at >= 0:
                        self._crossed(at, limit, frame_at)
                    if frame_at < 0 or pos >= end:
                        self.at = pos
                        raise _Stopped("truncated", "the data ends before the pickle's STOP")
                    frame_at = -1
                    limit = end
                at = pos
                op = data[pos]
                pos += 1
                if op >= 0x80:
                    if op == 0x94:  # MEMOIZE
                        if dense:
                            remember(stack[-1])
                        else:
                            memo[len(memo)] = stack[-1]
                    elif op == 0x8C:  # SHORT_BINUNICODE
                        stop = pos + 1 + data[pos]
                        if stop > end:
                            self._short(at)
                        try:
                            append(data[pos + 1 : stop].decode())
                        except UnicodeDecodeError:
                            self.at = at
                            append(_text(data[pos + 1 : stop]))
                        pos = stop
                    elif op == 0x85:  # TUPLE1
                        stack[-1] = (stack[-1],)
                    elif op == 0x86:  # TUPLE2
                        stack[-2:] = ((stack[-2], stack[-1]),)
                    elif op == 0x87:  # TUPLE3
                        stack[-3:] = ((stack[-3], stack[-2], stack[-1]),)
                    elif op == 0x88:
                        append(True)
                    elif op == 0x89:
                        append(False)
                    elif op == 0x95:  # FRAME
                        self.at = at
                        length = _int(data[pos : pos + 8], "little")
                        limit, frame_at = self._frame(pos, length, limit, frame_at)
                        pos += 8
                    elif op == 0x90:  # ADDITEMS
                        items = stack
                        stack = metastack.pop()
                        append = stack.append
                        target = stack[-1]
                        if type(target) is SetValue:
                            target.items.extend(items)
                        else:
                            self._extend(target, items, "ADDITEMS", at)
                    elif op == 0x91:  # FROZENSET
                        items = stack
                        stack = metastack.pop()
                        append = stack.append
                        append(SetValue(items, frozen=True))
                    elif op in rare:
                        self.at = at
                        pos = rare[op](self, stack, pos)
                    else:
                        self.at = at
                        raise _Stopped("invalid-opcode", f"byte {op:#04x} is no opcode")
                elif op == 0x71:  # BINPUT
                    key = data[pos]
                    pos += 1
                    if dense and key == len(memo):
                        remember(stack[-1])
                    elif dense and key > len(memo):
                        memo = self.memo = dict(enumerate(memo))
                        memo[key] = stack[-1]
                        dense = False
                    else:
                        memo[key] = stack[-1]
                elif op == 0x68:  # BINGET
                    append(memo[data[pos]])
                    pos += 1
                elif op == 0x4B:  # BININT1
                    append(data[pos])
                    pos += 1
                elif op == 0x28:  # MARK
                    metastack.append(stack)
                    stack = []
                    append = stack.append
                elif op == 0x4A:  # BININT
                    if pos + 4 > end:
                        self._short(at)
                    append(_i4(data[pos : pos + 4])[0])
                    pos += 4
                elif op == 0x4D:  # BININT2
                    append(data[pos] | data[pos + 1] << 8)
                    pos += 2
                elif op == 0x58:  # BINUNICODE
                    stop = pos + 4 + _int(data[pos : pos + 4], "little")
                    if stop > end:
                        self._short(at)
                    if stop - pos > _SHORT_TEXT:
                        append(Span("str", pos + 4, stop - pos - 4))
                    else:
                        self.at = at
                        append(_text(data[pos + 4 : stop]))
                    pos = stop
                elif op == 0x74:  # TUPLE
                    items = stack
                    stack = metastack.pop()
                    append = stack.append
                    append(tuple(items))
                elif op == 0x29:
                    append(())
                elif op == 0x4E:
                    append(None)
                elif op == 0x47:  # BINFLOAT
                    if pos + 8 > end:
                        self._short(at)
                    append(_d8(data[pos : pos + 8])[0])
                    pos += 8
                elif op == 0x6A:  # LONG_BINGET
                    append(memo[_int(data[pos : pos + 4], "little")])
                    pos += 4
                elif op == 0x72:  # LONG_BINPUT
                    key = _int(data[pos : pos + 4], "little")
                    pos += 4
                    if dense and key == len(memo):
                        remember(stack[-1])
                    elif dense and key > len(memo):
                        memo = self.memo = dict(enumerate(memo))
                        memo[key] = stack[-1]
                        dense = False
                    else:
                        memo[key] = stack[-1]
                elif op == 0x52:  # REDUCE
                    args = stack.pop()
                    stack[-1] = self._call(stack[-1], args, "REDUCE", at)
                elif op == 0x5D:
                    self.created += 1
                    append(ListValue())
                elif op == 0x7D:
                    self.created += 1
                    append(DictValue())
                elif op == 0x61:  # APPEND
                    item = stack.pop()
                    target = stack[-1]
                    if type(target) is ListValue:
                        target.append(item)
                    else:
                        self._extend(target, [item], "APPEND", at)
                elif op == 0x65:  # APPENDS
                    items = stack
                    stack = metastack.pop()
                    append = stack.append
                    target = stack[-1]
                    if type(target) is ListValue:
                        target += items
                    else:
                        self._extend(target, items, "APPENDS", at)
                elif op == 0x73:  # SETITEM
                    item = stack.pop()
                    key_value = stack.pop()
                    target = stack[-1]
                    if type(target) is DictValue:
                        target += (key_value, item)
                    else:
                        self._assign(target, [key_value, item], "SETITEM", at)
                elif op == 0x75:  # SETITEMS
                    items = stack
                    stack = metastack.pop()
                    append = stack.append
                    target = stack[-1]
                    if type(target) is DictValue:
                        if len(items) & 1:
                            self.at = at
                            raise _Stopped("odd-items", "SETITEMS has a key without a value")
                        target += items
                    else:
                        self._assign(target, items, "SETITEMS", at)
                elif op == 0x51:  # BINPERSID
                    self.at = at
                    append(self._persistent(stack.pop(), "BINPERSID"))
                elif op == 0x30:  # POP
                    if stack:
                        stack.pop()
                    else:
                        stack = metastack.pop()
                        append = stack.append
                elif op == 0x31:  # POP_MARK
                    stack = metastack.pop()
                    append = stack.append
                elif op == 0x32:  # DUP
                    append(stack[-1])
                elif op == 0x2E:  # STOP
                    self.opcodes += done + 1 - chunk
                    self.at = at
                    if pos > limit:
                        self._crossed(at, limit, frame_at)
                    value = stack.pop()
                    if stack or metastack:
                        self.problem(
                            "stack-not-empty", "the pickle leaves objects on its stack at STOP",
                            at, fatal=False,
                        )  # fmt: skip
                    return pos, value
                elif op == 0x6C:  # LIST
                    items = stack
                    stack = metastack.pop()
                    append = stack.append
                    self.created += 1
                    append(ListValue(items))
                elif op == 0x64:  # DICT
                    items = stack
                    stack = metastack.pop()
                    append = stack.append
                    if len(items) & 1:
                        self.at = at
                        raise _Stopped("odd-items", "DICT has a key without a value")
                    self.created += 1
                    append(DictValue(items))
                elif op == 0x69:  # INST
                    self.at = at
                    module, pos = self._line(pos)
                    name, pos = self._line(pos)
                    function = self._global(_line_text(module), _line_text(name), "INST", at)
                    items = stack
                    stack = metastack.pop()
                    append = stack.append
                    append(self._call(function, tuple(items), "INST", at))
                elif op == 0x6F:  # OBJ
                    items = stack
                    stack = metastack.pop()
                    append = stack.append
                    function = items.pop(0)
                    append(self._call(function, tuple(items), "OBJ", at))
                elif op == 0x67:  # GET
                    self.at = at
                    line, pos = self._line(pos)
                    append(memo[_index(line)])
                elif op == 0x70:  # PUT
                    self.at = at
                    line, pos = self._line(pos)
                    key = _index(line)
                    if dense and key == len(memo):
                        remember(stack[-1])
                    elif dense and key > len(memo):
                        memo = self.memo = dict(enumerate(memo))
                        memo[key] = stack[-1]
                        dense = False
                    else:
                        memo[key] = stack[-1]
                elif op in rare:
                    self.at = at
                    pos = rare[op](self, stack, pos)
                else:
                    self.at = at
                    raise _Stopped("invalid-opcode", f"byte {op:#04x} is no opcode")

    def _short(self, at: int) -> NoReturn:
        self.at = at
        raise _Stopped("truncated", "an argument runs past the end of the data")

    # -- frames ---------------------------------------------------------------------------

    def _frame(self, pos: int, length: int, limit: int, frame_at: int) -> tuple[int, int]:
        """Begin a frame; return where reading must next look up, and where its length lies."""
        if length > 0x7FFF_FFFF_FFFF_FFFF:
            raise _Stopped("frame-mismatch", "a frame is declared longer than any memory")
        stop = pos + 8 + length
        if frame_at >= 0 and pos + 8 > limit:
            self._crossed(self.at, limit, frame_at)
        elif frame_at >= 0 and pos + 8 < limit:
            self.problem("frame-mismatch", "a frame begins inside another", self.at, fatal=False)
            if stop <= limit:
                return limit, frame_at
            self._crossed(self.at, limit, frame_at, keep_from=pos + 8)
        if stop > self.stop:
            self.problem(
                "frame-mismatch", "a frame is declared longer than the data", self.at, fatal=False
            )
            return self.stop, -1
        return stop, pos

    def _crossed(self, at: int, edge: int, frame_at: int, keep_from: int | None = None) -> None:
        """An opcode at `at` has its argument across a frame's end: note the other reading.

        An array of joblib's begins where a frame ends, and its BUILD is not to blame.
        """
        if self.array_at == edge and keep_from is None:
            return
        self.problem(
            "frame-mismatch",
            "a frame ends inside an opcode, which loaders read in different ways",
            at,
            fatal=False,
        )
        first = self._crossing(at, edge) if keep_from is None else keep_from
        if first is not None and first < edge:
            self.alternatives.append(
                _Alternative(first, edge, frame_at, begin=self.begin, loader=self.loader)
            )

    def _crossing(self, at: int, edge: int) -> int | None:
        """Return where the read begins that runs over `edge`, None for one that may."""
        layout = ARGUMENTS[self.data[at]]
        pos = at + 1
        if layout in ("l", "ll"):
            for _ in layout:
                found = self.data.find(b"\n", pos, self.stop)
                if found < 0 or found >= edge:
                    return pos
                pos = found + 1
            return None
        if layout.startswith(("+", "=")):
            width = int(layout[1:])
            if pos + width > edge:
                return pos
            return None if layout.startswith("=") else pos + width
        return pos

    # -- facts ----------------------------------------------------------------------------

    def problem(self, kind: str, message: str, offset: int, *, fatal: bool = True) -> None:
        if not self.quiet:
            self.ledger.problem(kind, message, offset + self.shift, fatal=fatal)

    def _global(self, module: Value, name: Value, opcode: str, offset: int) -> Value:
        """Note an import and return the global."""
        if type(module) is not str or type(name) is not str:
            if self._may_be_text(module) and self._may_be_text(name):
                return self._unresolved(module, name, opcode, offset)
            raise _Stopped("not-a-name", f"{opcode} needs two strings")
        key = (module, name)
        known = self.globals.get(key)
        if known is None:
            known = self.globals[key] = Global(module, name, offset + self.shift)
        objection = self.allowlist.judge_import(known)

        def make(where: Where, count: int) -> Fact:
            return ImportFact(
                where=where, count=count, module=module, name=name, objection=objection
            )

        self.ledger.note(("import", key), offset + self.shift, opcode, make)
        if self.trace is not None:
            self.trace(offset + self.shift, opcode, known)
        return known

    def _may_be_text(self, value: Value) -> bool:
        """Whether a value can be an exact str at run time, which STACK_GLOBAL demands."""
        if isinstance(value, Call):
            return self.allowlist.may_be_text(value)
        return isinstance(value, (str, Persistent, Unknown)) or (
            isinstance(value, Span) and value.kind == "str"
        )

    def _unresolved(self, module: Value, name: Value, opcode: str, offset: int) -> Value:
        known = tuple(part if type(part) is str else None for part in (module, name))

        def make(where: Where, count: int) -> Fact:
            return ImportFact(
                where=where,
                count=count,
                module=known[0],
                name=known[1],
                objection="the name is computed, so nothing tells what would be imported",
            )

        self.ledger.note(("import", *known, None), offset + self.shift, opcode, make)
        return Unknown("a global whose name is computed", offset + self.shift)

    def _call(
        self, function: Value, args: Value, opcode: str, offset: int, kwargs: Value = None
    ) -> Value:
        """Note a call and return what stands for its result."""
        self.created += 1
        if type(args) is not tuple:
            args = _iterated(args)
        objection = self.allowlist.judge_call(function, args, kwargs, opcode)
        name = callee(function)
        key = ("call", name, objection)
        known = self.ledger.seen.get(key)
        if known is None:

            def make(where: Where, count: int) -> Fact:
                return CallFact(
                    where=where,
                    count=count,
                    function=function,
                    args=args,
                    callee=name,
                    objection=objection,
                )

            self.ledger.note(key, offset + self.shift, opcode, make)
        elif not self.ledger.again:
            known[0] += 1  # type: ignore[operator]
        call = Call(
            function, args, opcode=opcode, offset=offset + self.shift, kwargs=kwargs,
            objection=objection,
        )  # fmt: skip
        if self.trace is not None:
            self.trace(offset + self.shift, opcode, call)
        return call

    def _changed(
        self, target: Value, state: Value, objection: str | None, opcode: str, offset: int
    ) -> None:
        """Note that the pickle changes an object that is no plain container."""
        name = callee(target.function if isinstance(target, Call) else target)

        def make(where: Where, count: int) -> Fact:
            return StateFact(
                where=where, count=count, target=target, state=state, callee=name,
                objection=objection,
            )  # fmt: skip

        self.ledger.note(("state", name, opcode, objection), offset + self.shift, opcode, make)
        if self.trace is not None:
            self.trace(offset + self.shift, opcode, (target, state))

    def _extend(self, target: Value, items: list[Value], opcode: str, offset: int) -> None:
        """APPEND, APPENDS or ADDITEMS on something other than a plain list or set."""
        objection = self.allowlist.judge_items(target, opcode)
        self._changed(target, ListValue(items), objection, opcode, offset)
        if isinstance(target, Call):
            target.items.extend(items)

    def _assign(self, target: Value, items: list[Value], opcode: str, offset: int) -> None:
        """SETITEM or SETITEMS on something other than a plain dict."""
        if type(target) is ListValue:
            self._assign_list(target, items)
            return
        objection = self.allowlist.judge_items(target, opcode)
        self._changed(target, DictValue(items), objection, opcode, offset)
        if isinstance(target, Call):
            target.flat.extend(items)
        if len(items) & 1:
            self.at = offset
            raise _Stopped("odd-items", f"{opcode} has a key without a value")

    def _assign_list(self, target: ListValue, items: list[Value]) -> None:
        for key, value in zip(items[::2], items[1::2], strict=False):
            if type(key) is int and -len(target) <= key < len(target):
                target[key] = value
            elif type(key) is int or key is None or isinstance(key, (str, bytes, tuple)):
                raise _Stopped("bad-index", "a list is given an item at an index it has not")
            else:
                target.append(Unknown("a list item assigned at a computed index", self.at))

    def _persistent(self, pid: Value, opcode: str) -> Value:
        objection, value = self.persistent(pid, self.at + self.shift)
        key = ("persistent", objection)

        def make(where: Where, count: int) -> Fact:
            return PersistentIdFact(where=where, count=count, pid=pid, objection=objection)

        self.ledger.note(key, self.at + self.shift, opcode, make)
        if self.trace is not None:
            self.trace(self.at + self.shift, opcode, pid)
        return value

    def _line(self, pos: int) -> tuple[bytes, int]:
        """Return a line without its newline, and where the next one begins.

        At the end of the data the Python unpickler takes what is left less one byte, as if
        a newline were there; the C one refuses.
        """
        found = self.data.find(b"\n", pos, self.stop)
        if found < 0:
            found = max(pos, self.stop - 1)
            self.problem("truncated", "the data ends inside a line", self.at)
        if found - pos > _SHORT_TEXT:
            raise _Stopped("limit-reached", "a line is longer than any that a pickler writes")
        return self.data[pos:found], found + 1

    # -- opcodes that are rare ------------------------------------------------------------

    def _op_proto(self, stack: list[Value], pos: int) -> int:
        self.protocol = self.data[pos]
        if self.protocol > HIGHEST_PROTOCOL:
            raise _Stopped("bad-protocol", f"protocol {self.protocol} does not exist")
        return pos + 1

    def _op_global(self, stack: list[Value], pos: int) -> int:
        module, pos = self._line(pos)
        name, pos = self._line(pos)
        stack.append(self._global(_line_text(module), _line_text(name), "GLOBAL", self.at))
        return pos

    def _op_stack_global(self, stack: list[Value], pos: int) -> int:
        name = stack.pop()
        module = stack.pop()
        stack.append(self._global(module, name, "STACK_GLOBAL", self.at))
        return pos

    def _op_newobj(self, stack: list[Value], pos: int) -> int:
        args = stack.pop()
        stack[-1] = self._call(stack[-1], args, "NEWOBJ", self.at)
        return pos

    def _op_newobj_ex(self, stack: list[Value], pos: int) -> int:
        kwargs = stack.pop()
        args = stack.pop()
        function = stack.pop()
        stack.append(self._call(function, args, "NEWOBJ_EX", self.at, kwargs))
        return pos

    def _op_build(self, stack: list[Value], pos: int) -> int:
        state = stack.pop()
        target = stack[-1]
        objection = self.allowlist.judge_state(target, state)
        self._changed(target, state, objection, "BUILD", self.at)
        if isinstance(target, Call):
            target.states.append(state)
            if self.loader == "joblib" and arrays.is_wrapper(target):
                return self._array(target, stack, pos)
        return pos

    def _array(self, wrapper: Call, stack: list[Value], pos: int) -> int:
        """Step over a raw array that joblib wrote after its wrapper; read an object array."""
        if not any(other.loader == "pickle" for other in self.alternatives):
            self.alternatives.append(
                _Alternative(pos, pos, 0, begin=self.begin, loader="pickle", quiet=True)
            )
        self.array_at = pos
        layout = arrays.layout(wrapper)
        if layout is None:
            raise _Stopped("joblib-array", "an array's size cannot be told from its wrapper")
        if layout.objects:
            inner = _Machine(
                self.data, self.stop, self.ledger, self.allowlist, self.persistent, "pickle",
                self.limits, self.trace, quiet=self.quiet,
            )  # fmt: skip
            inner.shift = self.shift
            inner.opcodes = self.opcodes
            try:
                end = inner._one(pos)
            finally:
                self.opcodes = inner.opcodes
                self.at = inner.at
                self.alternatives.extend(inner.alternatives)
            return end
        if layout.padded:
            pos += 1 + self.data[pos]
        if layout.nbytes > self.stop - pos:
            raise _Stopped("truncated", "an array runs past the end of the data")
        return pos + layout.nbytes

    def _op_extension(self, stack: list[Value], pos: int) -> int:
        width = {0x82: 1, 0x83: 2, 0x84: 4}[self.data[self.at]]
        code = int.from_bytes(self.data[pos : pos + width], "little", signed=width == 4)

        def make(where: Where, count: int) -> Fact:
            return ExtensionFact(where=where, count=count, code=code)

        offset = self.at + self.shift
        self.ledger.note(("extension", code), offset, NAMES[self.data[self.at]], make)
        stack.append(Unknown(f"extension {code} of the copyreg registry", offset))
        return pos + width

    def _op_persid(self, stack: list[Value], pos: int) -> int:
        line, pos = self._line(pos)
        stack.append(self._persistent(line.decode("ascii", "replace"), "PERSID"))
        return pos

    def _op_int(self, stack: list[Value], pos: int) -> int:
        line, pos = self._line(pos)
        if line in (b"00", b"01"):
            stack.append(line == b"01")
        else:
            stack.append(self._number(line))
        return pos

    def _op_long(self, stack: list[Value], pos: int) -> int:
        line, pos = self._line(pos)
        stack.append(self._number(line[:-1] if line.endswith(b"L") else line))
        return pos

    def _number(self, line: bytes) -> Value:
        """Read an integer as any unpickler would; which value a strange one has differs."""
        text = line.partition(b"\0")[0]
        if _DECIMAL.fullmatch(line):
            return int(text)
        self.problem(
            "odd-number", "a number is written as no pickler writes it", self.at, fatal=False
        )
        for base in (0, 10):
            try:
                return int(text, base)
            except ValueError:
                continue
        return Unknown("a number that not every loader can read", self.at + self.shift)

    def _op_float(self, stack: list[Value], pos: int) -> int:
        line, pos = self._line(pos)
        try:
            stack.append(float(line.partition(b"\0")[0]))
        except ValueError:
            raise _Stopped("bad-number", "FLOAT has an argument that is no number") from None
        return pos

    def _op_string(self, stack: list[Value], pos: int) -> int:
        line, pos = self._line(pos)
        if len(line) < 2 or line[0] != line[-1] or line[0] not in b"\"'":
            raise _Stopped("bad-string", "STRING has an argument without matching quotes")
        stack.append(_legacy_text(_ESCAPE.sub(_unescape, line[1:-1])))
        return pos

    def _op_unicode(self, stack: list[Value], pos: int) -> int:
        line, pos = self._line(pos)
        try:
            stack.append(line.decode("raw-unicode-escape"))
        except UnicodeDecodeError:
            raise _Stopped("bad-string", "UNICODE has a broken escape") from None
        return pos

    def _counted(self, pos: int, width: int, *, signed: bool = False) -> tuple[int, int]:
        """Read a length and return (first, last + 1) of the payload."""
        first = pos + width
        length = int.from_bytes(self.data[pos:first], "little", signed=signed)
        if length < 0:
            raise _Stopped("negative-length", "an argument has a negative length")
        if first + length > self.stop:
            self._short(self.at)
        return first, first + length

    def _op_binstring(self, stack: list[Value], pos: int) -> int:
        first, stop = self._counted(pos, 4, signed=True)
        if stop - first > _SHORT_TEXT:
            stack.append(Span("str", first + self.shift, stop - first))
        else:
            stack.append(_legacy_text(self.data[first:stop]))
        return stop

    def _op_short_binstring(self, stack: list[Value], pos: int) -> int:
        first, stop = self._counted(pos, 1)
        stack.append(_legacy_text(self.data[first:stop]))
        return stop

    def _op_binunicode8(self, stack: list[Value], pos: int) -> int:
        first, stop = self._counted(pos, 8)
        if stop - first > _SHORT_TEXT:
            stack.append(Span("str", first + self.shift, stop - first))
        else:
            stack.append(_text(self.data[first:stop]))
        return stop

    def _op_bytes(self, stack: list[Value], pos: int) -> int:
        op = self.data[self.at]
        first, stop = self._counted(pos, _WIDTHS[op])
        if op == CODES["BYTEARRAY8"] or stop - first > _SHORT_BYTES:
            kind = "bytearray" if op == CODES["BYTEARRAY8"] else "bytes"
            stack.append(Span(kind, first + self.shift, stop - first))
        else:
            stack.append(self.data[first:stop])
        return stop

    def _op_long_bytes(self, stack: list[Value], pos: int) -> int:
        width = 1 if self.data[self.at] == CODES["LONG1"] else 4
        first, stop = self._counted(pos, width, signed=width == 4)
        if stop - first > _SHORT_BYTES:
            stack.append(Span("int", first + self.shift, stop - first))
        else:
            stack.append(int.from_bytes(self.data[first:stop], "little", signed=True))
        return stop

    def _op_empty_set(self, stack: list[Value], pos: int) -> int:
        self.created += 1
        stack.append(SetValue([], frozen=False))
        return pos

    def _op_next_buffer(self, stack: list[Value], pos: int) -> int:
        self.problem(
            "out-of-band-buffer", "the pickle takes a buffer that is not in the file",
            self.at, fatal=False,
        )  # fmt: skip
        stack.append(Unknown("an out-of-band buffer", self.at + self.shift))
        return pos

    def _op_readonly_buffer(self, stack: list[Value], pos: int) -> int:
        stack[-1] = stack[-1]
        return pos


_WIDTHS: Final = {
    code: int(layout[1:]) for code, layout in ARGUMENTS.items() if layout.startswith("=")
}
_DECIMAL: Final = re.compile(rb"-?(?:0|[1-9][0-9]{0,1000})")
_ESCAPE: Final = re.compile(rb"\\(\n|x[0-9a-fA-F]{2}|[0-7]{1,3}|.|$)", re.DOTALL)
_LETTERS: Final = {
    b"\n": b"", b"\\": b"\\", b"'": b"'", b'"': b'"', b"b": b"\b", b"f": b"\f", b"t": b"\t",
    b"n": b"\n", b"r": b"\r", b"v": b"\v", b"a": b"\a",
}  # fmt: skip

_RARE: Final[dict[int, Callable[[_Machine, list[Value], int], int]]] = {
    CODES[name]: method
    for name, method in (
        ("PROTO", _Machine._op_proto),
        ("GLOBAL", _Machine._op_global),
        ("STACK_GLOBAL", _Machine._op_stack_global),
        ("NEWOBJ", _Machine._op_newobj),
        ("NEWOBJ_EX", _Machine._op_newobj_ex),
        ("BUILD", _Machine._op_build),
        ("EXT1", _Machine._op_extension),
        ("EXT2", _Machine._op_extension),
        ("EXT4", _Machine._op_extension),
        ("PERSID", _Machine._op_persid),
        ("INT", _Machine._op_int),
        ("LONG", _Machine._op_long),
        ("FLOAT", _Machine._op_float),
        ("STRING", _Machine._op_string),
        ("UNICODE", _Machine._op_unicode),
        ("BINSTRING", _Machine._op_binstring),
        ("SHORT_BINSTRING", _Machine._op_short_binstring),
        ("BINUNICODE8", _Machine._op_binunicode8),
        ("BINBYTES", _Machine._op_bytes),
        ("SHORT_BINBYTES", _Machine._op_bytes),
        ("BINBYTES8", _Machine._op_bytes),
        ("BYTEARRAY8", _Machine._op_bytes),
        ("LONG1", _Machine._op_long_bytes),
        ("LONG4", _Machine._op_long_bytes),
        ("EMPTY_SET", _Machine._op_empty_set),
        ("NEXT_BUFFER", _Machine._op_next_buffer),
        ("READONLY_BUFFER", _Machine._op_readonly_buffer),
    )
}


def _text(raw: bytes) -> str:
    """Decode text as BINUNICODE does."""
    try:
        return raw.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        raise _Stopped("bad-string", "a string is not UTF-8") from None


def _line_text(raw: bytes) -> str:
    """Decode a module or name as GLOBAL does."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise _Stopped("bad-string", "the name of a global is not UTF-8") from None


def _legacy_text(raw: bytes) -> str:
    """Decode a Python 2 string; its encoding is the loader's choice, so ASCII is sure alone."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _unescape(match: re.Match[bytes]) -> bytes:
    what = match[1]
    if what in _LETTERS:
        return _LETTERS[what]
    if what[:1] == b"x" and len(what) == 3:
        return bytes((int(what[1:], 16),))
    if what.isdigit() and what[0] in b"01234567":
        return bytes((int(what, 8) & 0xFF,))
    if what in (b"", b"x"):
        raise _Stopped("bad-string", "STRING has a broken escape")
    return b"\\" + what


def _index(line: bytes) -> int:
    """Read a memo index; the C unpickler stops at a NUL, and both take `int`'s spellings."""
    try:
        index = int(line.partition(b"\0")[0])
    except ValueError:
        raise _Stopped("bad-number", "a memo index is no number") from None
    if index < 0:
        raise _Stopped("bad-number", "a memo index is negative")
    return index


def _iterated(args: Value) -> Value:
    """Return the argument tuple that `f(*args)` makes, where that can be told.

    The Python unpickler calls with whatever iterates; the C one demands a tuple.
    """
    if isinstance(args, ListValue):
        return tuple(args)
    if isinstance(args, DictValue):
        return tuple(args[::2])
    if isinstance(args, SetValue):
        return tuple(args.items)
    if isinstance(args, (str, bytes)):
        return tuple(args)
    return args


def imports(facts: Iterable[Fact]) -> set[str]:
    """Return the dotted names of all imports among the facts."""
    return {fact.dotted for fact in facts if isinstance(fact, ImportFact)}
