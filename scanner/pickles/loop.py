"""One reading of one stretch of data: the loop over opcodes, with its stack, memo and marks.

The opcodes of which most pickles consist are handled in the loop itself; the others in `rare`.
"""

from __future__ import annotations

from operator import length_hint
from struct import Struct
from typing import Final, NoReturn

from scanner.limits import Limits
from scanner.pickles.allowlist import Allowlist
from scanner.pickles.arguments import SHORT_TEXT, index_of, line_text, text_of
from scanner.pickles.effects import Effects, Trace
from scanner.pickles.ledger import Ledger, Stopped
from scanner.pickles.opcodes import NAMES
from scanner.pickles.persistent import PersistentPolicy
from scanner.pickles.rare import RARE
from scanner.pickles.readings import Alternative, Loader, argument_end, crossing
from scanner.pickles.source import Source
from scanner.pickles.values import DictValue, ListValue, SetValue, Span, Value

_CHUNK: Final = 1 << 17
_DEEPEST: Final = 100_000
_WIDEST: Final = 8_000_000

_i4 = Struct("<i").unpack
_d8 = Struct(">d").unpack
_int = int.from_bytes


class Machine(Effects):
    """One reading of one stretch of data."""

    def __init__(
        self,
        data: Source,
        stop: int,
        ledger: Ledger,
        allowlist: Allowlist,
        persistent: PersistentPolicy,
        loader: Loader,
        limits: Limits,
        trace: Trace | None,
        *,
        quiet: bool = False,
        shift: int = 0,
    ) -> None:
        super().__init__(ledger, allowlist, persistent, trace, quiet=quiet, shift=shift)
        self.data = data
        self.stop = stop
        self.loader: Loader = loader
        self.limits = limits
        self.array_at = -1
        self.metastack: list[list[Value]] = []
        self.values: list[Value] = []
        self.ends: list[int] = []
        self.alternatives: list[Alternative] = []
        self.opcodes = 0
        self.memo: list[Value] | dict[int, Value] = []
        self.begin = 0
        self.protocol = 0

    def other(self, way: Alternative, start: int) -> Machine:
        """Return a machine for another reading of what this one read from `start` on."""
        data = way.of(self.data, start, self.stop)
        same = data is self.data
        return Machine(
            data,
            self.stop if same else len(data),
            self.ledger,
            self.allowlist,
            self.persistent,
            way.loader,
            self.limits,
            None,
            quiet=way.quiet,
            shift=self.shift + (0 if same else start),
        )

    def inside(self, pos: int) -> int:
        """Read a pickle that lies inside this one, as plain pickle would; return its end."""
        inner = Machine(
            self.data, self.stop, self.ledger, self.allowlist, self.persistent, "pickle",
            self.limits, self.trace, quiet=self.quiet, shift=self.shift,
        )  # fmt: skip
        inner.opcodes = self.opcodes
        try:
            return inner.one(pos)
        finally:
            self.opcodes = inner.opcodes
            self.at = inner.at
            self.alternatives.extend(inner.alternatives)

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
                pos = self.one(pos)
            except Stopped as stopped:
                self.problem(stopped.kind, str(stopped), self.at)
                return
            count += 1
        if count >= most and pickles is None and pos < self.stop:
            self.problem("limit-reached", "more pickles than limits.streams", pos)

    def _begins(self, pos: int) -> bool:
        return self.data[pos] in NAMES

    def one(self, pos: int) -> int:
        """Read one pickle; return where it ends.

        Raises:
            Stopped: where an unpickler would.
        """
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
        rare = RARE
        opcodes_left = self.limits.pickle_opcodes - self.opcodes
        ticks = iter(range(0))
        try:
            while True:
                if opcodes_left <= 0:
                    raise Stopped("limit-reached", "more opcodes than limits.pickle_opcodes")
                chunk = min(_CHUNK, opcodes_left)
                opcodes_left -= chunk
                self.opcodes += chunk
                if len(metastack) > _DEEPEST:
                    raise Stopped("limit-reached", "marks nest deeper than any pickler writes")
                if len(stack) + len(memo) + self.created > _WIDEST:
                    raise Stopped("limit-reached", "the pickle holds too many objects at once")
                ticks = iter(range(chunk))
                for _ in ticks:
                    if pos >= limit:
                        if pos > limit and frame_at >= 0:
                            self._crossed(at, limit, frame_at)
                        over = frame_at < 0 or pos >= end
                        frame_at = -1
                        if over:
                            self.at = pos
                            raise Stopped("truncated", "the data ends before the pickle's STOP")
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
                                self.short(at)
                            try:
                                append(data[pos + 1 : stop].decode())
                            except UnicodeDecodeError:
                                self.at = at
                                append(text_of(data[pos + 1 : stop]))
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
                                self.extended(target, items, "ADDITEMS", at)
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
                            raise Stopped("invalid-opcode", f"byte {op:#04x} is no opcode")
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
                            self.short(at)
                        append(_i4(data[pos : pos + 4])[0])
                        pos += 4
                    elif op == 0x4D:  # BININT2
                        append(data[pos] | data[pos + 1] << 8)
                        pos += 2
                    elif op == 0x58:  # BINUNICODE
                        stop = pos + 4 + _int(data[pos : pos + 4], "little")
                        if stop > end:
                            self.short(at)
                        if stop - pos > SHORT_TEXT:
                            append(Span("str", pos + 4, stop - pos - 4))
                        else:
                            self.at = at
                            append(text_of(data[pos + 4 : stop]))
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
                            self.short(at)
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
                        stack[-1] = self.called(stack[-1], args, "REDUCE", at)
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
                            self.extended(target, [item], "APPEND", at)
                    elif op == 0x65:  # APPENDS
                        items = stack
                        stack = metastack.pop()
                        append = stack.append
                        target = stack[-1]
                        if type(target) is ListValue:
                            target += items
                        else:
                            self.extended(target, items, "APPENDS", at)
                    elif op == 0x73:  # SETITEM
                        item = stack.pop()
                        key_value = stack.pop()
                        target = stack[-1]
                        if type(target) is DictValue:
                            target += (key_value, item)
                        else:
                            self.assigned(target, [key_value, item], "SETITEM", at)
                    elif op == 0x75:  # SETITEMS
                        items = stack
                        stack = metastack.pop()
                        append = stack.append
                        target = stack[-1]
                        if type(target) is DictValue:
                            if len(items) & 1:
                                self.at = at
                                raise Stopped("odd-items", "SETITEMS has a key without a value")
                            target += items
                        else:
                            self.assigned(target, items, "SETITEMS", at)
                    elif op == 0x51:  # BINPERSID
                        self.at = at
                        append(self.persisted(stack.pop(), "BINPERSID"))
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
                            raise Stopped("odd-items", "DICT has a key without a value")
                        self.created += 1
                        append(DictValue(items))
                    elif op == 0x69:  # INST
                        self.at = at
                        module, pos = self.line(pos)
                        name, pos = self.line(pos)
                        function = self.imported(line_text(module), line_text(name), "INST", at)
                        items = stack
                        stack = metastack.pop()
                        append = stack.append
                        append(self.called(function, tuple(items), "INST", at))
                    elif op == 0x6F:  # OBJ
                        items = stack
                        stack = metastack.pop()
                        append = stack.append
                        function = items.pop(0)
                        append(self.called(function, tuple(items), "OBJ", at))
                    elif op == 0x67:  # GET
                        self.at = at
                        line, pos = self.line(pos)
                        append(memo[index_of(line)])
                    elif op == 0x70:  # PUT
                        self.at = at
                        line, pos = self.line(pos)
                        key = index_of(line)
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
                        raise Stopped("invalid-opcode", f"byte {op:#04x} is no opcode")
        except (IndexError, KeyError):
            self.at = at
            self._broken(at, limit, frame_at)
            raise Stopped(
                "stack-underflow", "the pickle takes from its stack or memo what is not there"
            ) from None
        except Stopped:
            self._broken(at, limit, frame_at)
            raise
        finally:
            # Opcodes are counted a chunk ahead.
            self.opcodes -= length_hint(ticks)

    def line(self, pos: int) -> tuple[bytes, int]:
        """Return a line without its newline, and where the next one begins.

        At the end of the data the Python unpickler takes what is left less one byte, as if
        a newline were there; the C one refuses.
        """
        found = self.data.find(b"\n", pos, self.stop)
        if found < 0:
            found = max(pos, self.stop - 1)
            self.problem("truncated", "the data ends inside a line", self.at)
        if found - pos > SHORT_TEXT:
            raise Stopped("limit-reached", "a line is longer than any that a pickler writes")
        return self.data[pos:found], found + 1

    def short(self, at: int) -> NoReturn:
        """Stop at an opcode whose argument the data does not hold."""
        self.at = at
        raise Stopped("truncated", "an argument runs past the end of the data")

    # -- frames ---------------------------------------------------------------------------

    def _frame(self, pos: int, length: int, limit: int, frame_at: int) -> tuple[int, int]:
        """Begin a frame; return where reading must next look up, and where its length lies."""
        if length > 0x7FFF_FFFF_FFFF_FFFF:
            raise Stopped("frame-mismatch", "a frame is declared longer than any memory")
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

    def _broken(self, at: int, limit: int, frame_at: int) -> None:
        """Reading stopped at an opcode: another reading may not, if its frame ends inside it."""
        if frame_at >= 0 and argument_end(self.data, at, self.stop) > limit:
            self._crossed(at, limit, frame_at)

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
        first = crossing(self.data, at, edge, self.stop) if keep_from is None else keep_from
        if first is not None and first < edge:
            self.alternatives.append(
                Alternative(first, edge, frame_at, begin=self.begin, loader=self.loader)
            )
