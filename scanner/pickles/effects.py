"""What a pickle imports, calls and changes, turned into facts with the allowlist's objection."""

from __future__ import annotations

from collections.abc import Callable

from scanner.facts import CallFact, Fact, ImportFact, PersistentIdFact, StateFact
from scanner.findings import Where
from scanner.pickles.allowlist import CALLED_ONLY, Allowlist
from scanner.pickles.by_value import role
from scanner.pickles.ledger import Ledger, Stopped
from scanner.pickles.persistent import PersistentPolicy
from scanner.pickles.source import Source
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

Trace = Callable[[int, str, Value], None]


_MOST_LOOKED = 4_000_000
"""Values looked at for a function that is handed on, in one stream."""
_CARRIES = "_load_from_bytes"
"""A function of torch's that unpickles the bytes it is called with."""


class Effects:
    """Notes what a pickle does; `at` is the opcode being read, `shift` what offsets lack."""

    data: Source

    def __init__(
        self,
        ledger: Ledger,
        allowlist: Allowlist,
        persistent: PersistentPolicy,
        trace: Trace | None,
        *,
        quiet: bool,
        shift: int,
    ) -> None:
        self.ledger = ledger
        self.allowlist = allowlist
        self.persistent = persistent
        self.trace = trace
        self.quiet = quiet
        self.shift = shift
        self.at = 0
        self.created = 0
        self.globals: dict[tuple[str, str], Global] = {}
        self.storages: dict[int, str | None] = {}
        self.named: set[Global] = set()
        self.looked = 0
        self.coded = False

    def problem(self, kind: str, message: str, offset: int, *, fatal: bool = True) -> None:
        """Note what is wrong at an offset of the data being read."""
        if not self.quiet:
            self.ledger.problem(kind, message, offset + self.shift, fatal=fatal)

    def imported(self, module: Value, name: Value, opcode: str, offset: int) -> Value:
        """Note an import and return the global."""
        if type(module) is not str or type(name) is not str:
            if self._may_be_text(module) and self._may_be_text(name):
                return self._unresolved(module, name, opcode, offset)
            raise Stopped("not-a-name", f"{opcode} needs two strings")
        key = (module, name)
        known = self.globals.get(key)
        if known is None:
            known = self.globals[key] = Global(module, name, offset + self.shift)
        objection = self.allowlist.judge_import(known)
        if objection is None and self.allowlist.kind(known) == CALLED_ONLY:
            self.named.add(known)
        if objection is not None:
            self.coded = self.coded or role(known) is not None
            self.ledger.by_value.imported(known)

        def make(where: Where, count: int) -> Fact:
            return ImportFact(
                where=where, count=count, module=module, name=name, objection=objection,
                by_value=self.ledger.by_value.harmless(known),
            )  # fmt: skip

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

    def called(
        self, function: Value, args: Value, opcode: str, offset: int, kwargs: Value = None
    ) -> Value:
        """Note a call and return what stands for its result."""
        self.created += 1
        if type(args) is not tuple:
            args = _iterated(args)
        objection = self.allowlist.judge_call(function, args, kwargs, opcode)
        if objection is None and type(function) is Global and function.name == _CARRIES:
            objection = self.carried(args)
        if self.named and objection is None:
            objection = self.handed_on(args) or self.handed_on(kwargs)
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
                    by_value=self.ledger.by_value.harmless(function),
                )

            self.ledger.note(key, offset + self.shift, opcode, make)
        elif not self.ledger.again:
            known[0] += 1  # type: ignore[operator]
        call = Call(
            function, args, opcode=opcode, offset=offset + self.shift, kwargs=kwargs,
            objection=objection,
        )  # fmt: skip
        if self.coded:
            self.ledger.by_value.called(call)
        if self.trace is not None:
            self.trace(offset + self.shift, opcode, call)
        return call

    def handed_on(self, value: Value) -> str | None:
        """Return why what an object is given holds a function that is judged by its arguments.

        Such a function is harmless where the pickle calls it. Whoever is given it may call it
        with other arguments.
        """
        pending = [value]
        seen: set[int] = set()
        while pending:
            item = pending.pop()
            if isinstance(item, Global):
                if item in self.named:
                    return f"it is given `{item.dotted}`, and may call it"
                continue
            inner = item.items if isinstance(item, SetValue) else item
            if isinstance(inner, (tuple, list)) and id(inner) not in seen:
                seen.add(id(inner))
                self.looked += len(inner)
                if self.looked > _MOST_LOOKED:
                    return "it is given more than could be looked through"
                pending.extend(inner)
        return None

    def carried(self, args: Value) -> str | None:
        """Return why the bytes that a call takes are no storage of torch's, or None."""
        from scanner.pickles import storages

        content = args[0] if isinstance(args, tuple) and args else None
        if isinstance(content, bytes):
            return storages.objection(content, 0, len(content), self.allowlist)
        if not isinstance(content, Span):
            return "its bytes are computed"
        start = content.offset - self.shift
        if start not in self.storages:
            stop = start + content.length
            self.storages[start] = storages.objection(self.data, start, stop, self.allowlist)
        return self.storages[start]

    def changed(
        self, target: Value, state: Value, objection: str | None, opcode: str, offset: int
    ) -> None:
        """Note that the pickle changes an object that is no plain container."""
        name = callee(target.function if isinstance(target, Call) else target)
        if self.named and objection is None:
            objection = self.handed_on(state)
        if self.coded:
            self.ledger.by_value.changed(target, state, opcode)

        def make(where: Where, count: int) -> Fact:
            return StateFact(
                where=where, count=count, target=target, state=state, callee=name,
                objection=objection,
            )  # fmt: skip

        self.ledger.note(("state", name, opcode, objection), offset + self.shift, opcode, make)
        if self.trace is not None:
            self.trace(offset + self.shift, opcode, (target, state))

    def extended(self, target: Value, items: list[Value], opcode: str, offset: int) -> None:
        """APPEND, APPENDS or ADDITEMS on something other than a plain list or set."""
        objection = self.allowlist.judge_items(target, opcode)
        self.changed(target, ListValue(items), objection, opcode, offset)
        if isinstance(target, Call):
            target.items.extend(items)

    def assigned(self, target: Value, items: list[Value], opcode: str, offset: int) -> None:
        """SETITEM or SETITEMS on something other than a plain dict."""
        if type(target) is ListValue:
            self._assign_list(target, items)
            return
        objection = self.allowlist.judge_items(target, opcode)
        self.changed(target, DictValue(items), objection, opcode, offset)
        if isinstance(target, Call):
            target.flat.extend(items)
        if len(items) & 1:
            self.at = offset
            raise Stopped("odd-items", f"{opcode} has a key without a value")

    def _assign_list(self, target: ListValue, items: list[Value]) -> None:
        for key, value in zip(items[::2], items[1::2], strict=False):
            if type(key) is int and -len(target) <= key < len(target):
                target[key] = value
            elif type(key) is int or key is None or isinstance(key, (str, bytes, tuple)):
                raise Stopped("bad-index", "a list is given an item at an index it has not")
            else:
                target.append(Unknown("a list item assigned at a computed index", self.at))

    def persisted(self, pid: Value, opcode: str) -> Value:
        """Note a persistent id and return what stands for the object it names."""
        objection, value = self.persistent(pid, self.at + self.shift)
        key = ("persistent", objection)

        def make(where: Where, count: int) -> Fact:
            return PersistentIdFact(where=where, count=count, pid=pid, objection=objection)

        self.ledger.note(key, self.at + self.shift, opcode, make)
        if self.trace is not None:
            self.trace(self.at + self.shift, opcode, pid)
        return value


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
