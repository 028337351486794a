"""Functions pickled by value: code that the file carries, made into a function, not run.

cloudpickle and dill write a function's code object as plain values. What it would do when
somebody calls it is judged by the names and texts it holds; its bytecode is not followed, but
for whether a name that methods have too is looked up as a global. So the best that is said of
it is that nothing dangerous is known. One reading of a stream has one answer: as soon as
anything in it is not understood, all of it stays what it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from scanner.pickles.bytecode_names import METHODS, loads
from scanner.pickles.code_names import dangerous_name, dangerous_text
from scanner.pickles.values import Call, DictValue, Global, SetValue, Span, Value

_TYPE: Final = "type"
_CODE: Final = "code"
_FUNCTION: Final = "function"
_SETTER: Final = "setter"
_CELL: Final = "cell"
_MODULE: Final = "module"
_NAMESPACE: Final = "namespace"
_HOLDER: Final = "holder"

_CLOUD: Final = {
    "_builtin_type": _TYPE,
    "_make_function": _FUNCTION,
    "_function_setstate": _SETTER,
    "_make_empty_cell": _CELL,
    "_make_cell": _CELL,
    "subimport": _MODULE,
}
_DILL: Final = {
    "_load_type": _TYPE,
    "_create_code": _CODE,
    "_create_function": _FUNCTION,
    "_create_cell": _CELL,
    "_import_module": _MODULE,
}
_TYPES: Final = {"CodeType": _CODE, "FunctionType": _FUNCTION, "LambdaType": _FUNCTION}
_PLAIN_TYPES: Final = frozenset(
    "bool bytes complex dict float frozenset int list object set str tuple type range slice".split()  # noqa: SIM905
)
_ROLES: Final = {
    **{
        (f"{package}cloudpickle{module}", name): role
        for package in ("", "joblib.externals.", "ray.", "pyspark.")
        for module in ("", ".cloudpickle", ".cloudpickle_fast")
        for name, role in _CLOUD.items()
    },
    **{(module, name): role for module in ("dill._dill", "dill.dill")
       for name, role in _DILL.items()},
    **{("types", name): role for name, role in _TYPES.items()},
    ("__builtin__", "__main__"): _NAMESPACE,
}  # fmt: skip

_STATE: Final = frozenset(
    """
    __name__ __qualname__ __annotations__ __kwdefaults__ __defaults__ __module__ __doc__
    __closure__ __globals__ __type_params__ _cloudpickle_submodules
    """.split()  # noqa: SIM905
)
"""What a function's state may set; `__code__` is not among it."""
_LAYOUTS: Final = {15: 5, 16: 6, 18: 6}
"""Arguments of `CodeType` by Python version (3.7, 3.8 and 3.11 on): how many numbers lead."""
_BYTES: Final = frozenset({"_codecs.encode", "builtins.bytes", "__builtin__.bytes"})
_MOST: Final = 1_000_000
"""Values looked at in one stream."""


def role(value: Value) -> str | None:
    """What a global has to do with functions by value, or None."""
    return _ROLES.get((value.module, value.name)) if isinstance(value, Global) else None


class ByValue:
    """What a stream's functions by value amount to; lists fill up after they were named."""

    def __init__(self) -> None:
        self.made: dict[int, tuple[str, Call]] = {}
        self.used: set[tuple[str, str]] = set()
        self.words: set[str] = set()
        self.methods: set[str] = set()
        self.kept: list[Value] = []
        self.spoiled = False
        self.looked = 0
        self._said: bool | None = None

    def imported(self, what: Global) -> None:
        """Note the parts of a global that no allowlist names: code may go on from there."""
        if role(what) is None:
            self.words.update(what.dotted.split("."))

    def called(self, call: Call) -> None:
        """Note a call, in whichever position functions by value stand in it."""
        if self.spoiled:
            return
        self._said = None
        part = self._role_of(call.function)
        if part is None and self._is_factory(call):
            self.made[id(call)] = (_HOLDER, call)
        elif part is None:
            if self._is_made(call.function) or self._holds((call.args, call.kwargs)):
                self.spoiled = True
        elif call.opcode != "REDUCE" or not self._understood(part, call):
            self.spoiled = True
        else:
            self.made[id(call)] = (part, call)
            if isinstance(call.function, Global):
                self.used.add((call.function.module, call.function.name))

    def changed(self, target: Value, state: Value, opcode: str) -> None:
        """Note state or items that an object is given."""
        if self.spoiled:
            return
        self._said = None
        if isinstance(target, Call) and self.made.get(id(target), ("",))[0] == _HOLDER:
            if opcode == "BUILD" or self._holds(state):
                self.spoiled = True
        elif self._is_made(target) or role(target) is not None:
            if opcode != "BUILD" or not self._is_function(target) or not self._state(state):
                self.spoiled = True
        elif self._holds(state) and not (opcode == "BUILD" and _attributes(state)):
            self.spoiled = True

    def harmless(self, function: Value) -> bool:
        """Whether this global or type belongs to functions of which nothing bad is known."""
        if self._said is None:
            self._said = (
                not self.spoiled
                and any(part == _CODE for part, _ in self.made.values())
                and not self._given_builders()
                and dangerous_name(self.words, self.methods) is None
            )
        if not self._said:
            return False
        if isinstance(function, Global):
            return (function.module, function.name) in self.used
        return id(function) in self.made

    def _role_of(self, function: Value) -> str | None:
        if isinstance(function, Call) and self._is_made(function):
            part, made = self.made[id(function)]
            name = made.args[0] if part == _TYPE and isinstance(made.args, tuple) else None
            return _TYPES.get(name) if isinstance(name, str) else None
        return role(function)

    def _is_made(self, value: Value) -> bool:
        return isinstance(value, Call) and id(value) in self.made

    def _is_function(self, value: Value) -> bool:
        return isinstance(value, Call) and self.made.get(id(value), ("",))[0] == _FUNCTION

    def _is_factory(self, call: Call) -> bool:
        """Whether it makes a `defaultdict` that calls the function once a key is missing."""
        return (
            isinstance(call.function, Global)
            and call.function.dotted == "collections.defaultdict"
            and call.opcode == "REDUCE"
            and isinstance(call.args, tuple)
            and len(call.args) == 1
            and self._is_function(call.args[0])
        )

    def _understood(self, part: str, call: Call) -> bool:
        args = call.args
        if not isinstance(args, tuple) or call.kwargs is not None:
            return False
        if part == _CODE:
            return self._code(args)
        if part == _FUNCTION:
            return self._function(args)
        if part == _SETTER:
            return len(args) == 2 and self._is_function(args[0]) and self._state(args[1])
        if part == _CELL:
            self.kept.extend(args)
            return len(args) <= 1
        if part == _NAMESPACE or len(args) != 1 or not isinstance(args[0], str):
            return False
        if part == _TYPE:
            return args[0] in _TYPES or args[0] in _PLAIN_TYPES
        self.words.update(args[0].split("."))
        return all(step.isidentifier() for step in args[0].split("."))

    def _function(self, args: tuple[Value, ...]) -> bool:
        """(code, globals, name, defaults, closure, further dicts)."""
        if not 2 <= len(args) <= 7 or self.made.get(_id(args[0]), ("",))[0] != _CODE:
            return False
        names = args[1]
        if role(names) == _NAMESPACE and isinstance(names, Global):
            self.used.add((names.module, names.name))
        elif not isinstance(names, DictValue):
            return False
        else:
            self.kept.append(names)
        self.kept.extend(args[2:])
        return all(item is None or isinstance(item, (str, tuple, DictValue)) for item in args[2:])

    def _code(self, args: tuple[Value, ...]) -> bool:
        """The arguments of `CodeType`; dill puts a table of lines before them."""
        if args and _is_bytes(args[0]):
            args = args[1:]
        numbers = _LAYOUTS.get(len(args))
        if numbers is None or not all(type(item) is int for item in args[:numbers]):
            return False
        code, consts, names, *_ = args[numbers : numbers + 4]
        rest = args[numbers + 3 :]
        if not _is_bytes(code):
            return False
        plain = all(
            isinstance(item, (str, int)) or _is_bytes(item) or _words(item) is not None
            for item in rest
        )
        found = _words(names)
        if found is None or not plain or not isinstance(consts, tuple):
            return False
        body, newer = _body(code), len(args) == 18
        for at, name in enumerate(found):
            if name in METHODS and body is not None and not loads(body, at, newer=newer):
                self.methods.add(name)
            else:
                self.words.update(name.split("."))
        return self._consts(consts)

    def _consts(self, consts: tuple[Value, ...]) -> bool:
        """Whether constants are numbers, harmless texts, and code that was judged itself."""
        for item in _flat(consts):
            self.looked += 1
            if self.looked > _MOST:
                return False
            if isinstance(item, str):
                if dangerous_text(item):
                    return False
            elif isinstance(item, Call):
                known = self.made.get(id(item), ("",))[0] == _CODE
                if not (known or _number(item) or _is_bytes(item)):
                    return False
            elif isinstance(item, Global):
                if item.dotted not in ("builtins.Ellipsis", "__builtin__.Ellipsis"):
                    return False
            elif not (item is None or isinstance(item, (int, float, bytes))):
                return False
        return True

    def _state(self, state: Value) -> bool:
        """Attributes, or (attributes, slots), as a function is given them."""
        parts = state if isinstance(state, tuple) else (state,)
        for at, part in enumerate(parts):
            if part is None:
                continue
            if at > 1 or not isinstance(part, DictValue):
                return False
            for key, value in part.pairs():
                plain = isinstance(key, str) and key.isidentifier() and "__" not in key
                if not plain and key not in _STATE:
                    return False
                self.kept.append(value)
        return True

    def _given_builders(self) -> bool:
        """Whether any function is given what makes functions, and could use it when called."""
        for item in self._walked(tuple(self.kept)):
            if isinstance(item, Global) and role(item) is not None:
                return True
            if isinstance(item, Global):
                self.words.update(item.dotted.split("."))
        return self.looked > _MOST

    def _holds(self, value: Value) -> bool:
        """Whether a value holds a function by value, a part of one, or what makes them."""
        for item in self._walked(value):
            if self._is_made(item) or role(item) is not None:
                return True
        return self.looked > _MOST

    def _walked(self, value: Value) -> Iterator[Value]:
        pending, seen = [value], set[int]()
        while pending and self.looked <= _MOST:
            item = pending.pop()
            inner = item.items if isinstance(item, SetValue) else item
            if isinstance(inner, (tuple, list)):
                if id(inner) not in seen:
                    seen.add(id(inner))
                    self.looked += len(inner)
                    pending.extend(inner)
            else:
                yield item


def _id(value: Value) -> int:
    return id(value) if isinstance(value, Call) else 0


def _is_bytes(value: Value) -> bool:
    """Whether a value is bytes, long ones and those of protocols before 3 included."""
    if isinstance(value, Call):
        return (
            isinstance(value.function, Global)
            and value.objection is None
            and value.function.dotted in _BYTES
        )
    return isinstance(value, bytes) or (isinstance(value, Span) and value.kind == "bytes")


def _body(code: Value) -> bytes | None:
    """The instructions of a code object, where they are short enough to be at hand."""
    if isinstance(code, Call) and isinstance(code.args, tuple) and code.args:
        text = code.args[0]
        try:
            return text.encode("latin-1") if isinstance(text, str) else None
        except UnicodeEncodeError:
            return None
    return code if isinstance(code, bytes) else None


def _words(names: Value) -> list[str] | None:
    """A tuple of texts as a list, or None where it is anything else."""
    if not isinstance(names, tuple):
        return None
    found = [item for item in names if isinstance(item, str)]
    return found if len(found) == len(names) else None


def _flat(consts: tuple[Value, ...]) -> Iterator[Value]:
    pending: list[Value] = list(consts)
    while pending:
        item = pending.pop()
        if isinstance(item, SetValue) and item.frozen:
            pending.extend(item.items)
        elif isinstance(item, tuple):
            pending.extend(item)
        else:
            yield item


def _number(item: Call) -> bool:
    """Whether a call makes a complex number or a slice."""
    return isinstance(item.function, Global) and item.objection is None and item.function.name in (
        "complex", "slice",
    )  # fmt: skip


def _attributes(state: Value) -> bool:
    """Whether state is plain attributes: none that unpickling or Python itself calls."""
    return isinstance(state, DictValue) and all(
        isinstance(key, str) and "__" not in key for key in state[::2]
    )
