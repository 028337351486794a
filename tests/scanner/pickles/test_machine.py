"""What the machine says of single opcodes, tricks and lies; time and memory stay bounded."""

from __future__ import annotations

import mmap
import pickle
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from scanner.facts import (
    CallFact,
    ExtensionFact,
    ImportFact,
    PersistentIdFact,
    ProblemFact,
    StateFact,
)
from scanner.findings import Severity
from scanner.limits import Limits
from scanner.pickles.machine import Interpretation, interpret
from scanner.pickles.values import Call, Global, Span
from scanner.rules import judge
from tests.builders import pickles as p
from tests.scanner.pickles.recorder import missed, truth

ROOT = Path(__file__).parents[3]
SHELL = p.glob("os", "system") + p.text("true") + p.TUPLE1 + p.REDUCE


def imports(seen: Interpretation) -> set[str]:
    return {fact.dotted for fact in seen.facts if isinstance(fact, ImportFact)}


def problems(seen: Interpretation) -> set[str]:
    return {fact.kind for fact in seen.facts if isinstance(fact, ProblemFact)}


def worst(data: bytes) -> Severity:
    return max((f.severity for f in judge(interpret(data).facts)), default=Severity.INFO)


MALICIOUS = {
    "plain": p.program(SHELL),
    "hex integer before it": p.program(p.line("INT", "0x10"), p.POP, SHELL, protocol=0),
    "octal long before it": p.program(p.line("LONG", "0o17L"), p.POP, SHELL, protocol=0),
    "nul in a number before it": p.program(p.line("INT", b"5\0junk"), p.POP, SHELL, protocol=0),
    "string that is not ASCII before it": p.program(
        p.line("STRING", "'é'".encode()), p.POP, SHELL, protocol=0
    ),
    "INST": p.program(p.MARK, p.text("true"), p.inst("os", "system")),
    "OBJ": p.program(p.MARK, p.glob("os", "system"), p.text("true"), p.OBJ),
    "OBJ and POP": p.program(p.MARK, p.glob("os", "system"), p.text("x"), p.OBJ, p.POP, p.NONE),
    "NEWOBJ": p.program(p.glob("subprocess", "Popen"), p.text("x"), p.TUPLE1, p.NEWOBJ),
    "NEWOBJ_EX": p.program(
        p.glob("subprocess", "Popen"), p.EMPTY_TUPLE, p.EMPTY_DICT, p.NEWOBJ_EX
    ),
    "STACK_GLOBAL": p.program(p.stack_global("os", "system"), p.text("x"), p.TUPLE1, p.REDUCE),
    "names through the memo": p.program(
        p.text("os"), p.put(7), p.POP, p.text("system"), p.MEMOIZE, p.POP, p.get(7), p.get(1),
        p.STACK_GLOBAL, p.text("x"), p.TUPLE1, p.REDUCE,
    ),
    "names behind decoys": p.program(
        p.text("os"), p.text("system"), p.MARK, p.text("collections"), p.text("OrderedDict"),
        p.POP_MARK, p.STACK_GLOBAL, p.text("x"), p.TUPLE1, p.REDUCE,
    ),
    "names behind DUP and POP": p.program(
        p.text("os"), p.text("system"), p.DUP, p.POP, p.STACK_GLOBAL, p.text("x"), p.TUPLE1,
        p.REDUCE,
    ),
    "PUT over a memo slot": p.program(
        p.text("collections"), p.MEMOIZE, p.POP, p.text("os"), p.put(0), p.POP, p.get(0),
        p.text("system"), p.STACK_GLOBAL, p.text("x"), p.TUPLE1, p.REDUCE,
    ),
    "Python 2 names": p.program(p.call("commands", "getoutput", p.text("x")), protocol=2),
    "Python 2 builtins under protocol 4": p.program(p.call("__builtin__", "eval", p.text("1"))),
    "dotted name through an innocent module": p.program(
        p.stack_global("random", "_os.system"), p.text("x"), p.TUPLE1, p.REDUCE
    ),
    "dotted name through torch": p.program(
        p.stack_global("torch", "os.system"), p.text("x"), p.TUPLE1, p.REDUCE
    ),
    "dotted name through attributes": p.program(
        p.stack_global("collections", "OrderedDict.__init__.__globals__")
    ),
    "escaped name": p.program(
        p.line("UNICODE", "\\u006fs"), p.line("STRING", "'\\x73ystem'"), p.STACK_GLOBAL,
        p.text("x"), p.TUPLE1, p.REDUCE,
    ),
    "computed name": p.program(
        p.text("o"), p.call("builtins", "str", p.text("os")), p.text("system"), p.STACK_GLOBAL,
        p.text("x"), p.TUPLE1, p.REDUCE,
    ),
    "second pickle": p.program(p.NONE) + p.program(SHELL),
    "a broken end": p.program(SHELL)[:-1] + b"\xff",
    "a cut end": p.program(SHELL)[:-1],
    "getattr": p.program(p.call("builtins", "getattr", p.glob("collections", "OrderedDict"),
                                p.text("__init__"))),
    "result of getattr called": p.program(
        p.call("builtins", "getattr", p.glob("collections", "OrderedDict"),
               p.text("__subclasses__")),
        p.EMPTY_TUPLE, p.REDUCE,
    ),
    "attributes of a function": p.program(
        p.glob("numpy", "mean"), p.NONE, p.EMPTY_DICT, p.text("shape"), p.NONE, p.SETITEM,
        p.TUPLE2, p.BUILD,
    ),
    "rebuild function that calls": p.program(
        p.call("torch._tensor", "_rebuild_from_type_v2", p.glob("os", "system"),
               p.glob("torch", "Tensor"), p.text("x") + p.TUPLE1, p.EMPTY_DICT)
    ),
    "reconstructor of a class that runs": p.program(
        p.call("copyreg", "_reconstructor", p.glob("subprocess", "Popen"),
               p.glob("builtins", "object"), p.NONE)
    ),
    "nested pickle": p.program(p.call("pickle", "loads", p.binbytes(p.program(SHELL)))),
    "nested torch file": p.program(
        p.call("torch.storage", "_load_from_bytes", p.binbytes(b"x"))
    ),
    "factory that runs": p.program(p.call("collections", "defaultdict", p.glob("os", "system"))),
}  # fmt: skip


@pytest.mark.parametrize("name", MALICIOUS)
def test_known_effects_are_malicious_whatever_hides_them(name: str) -> None:
    assert worst(MALICIOUS[name]) is Severity.CRITICAL


SUSPICIOUS = {
    "unknown class": p.program(p.glob("vendor.net", "Model"), p.EMPTY_TUPLE, p.NEWOBJ),
    "extension code": p.program(p.extension(1)),
    "wide extension code": p.program(p.extension(70_000, 4)),
    "persistent id in a plain pickle": p.program(p.text("0"), p.BINPERSID),
    "persistent id in a line": p.program(p.line("PERSID", "0")),
    "class called with odd arguments": p.program(
        p.call("builtins", "bytearray", p.integer(2**40))
    ),
    "encoding that would be imported": p.program(
        p.call("_codecs", "encode", p.text("x"), p.text("evil_codec"))
    ),
    "append to a class": p.program(p.glob("collections", "OrderedDict"), p.NONE, p.APPEND),
    "objects left over": p.program(p.NONE, p.NONE),
    "bytes after the end": p.program(p.NONE) + b"\x00\x01",
    "buffer from elsewhere": p.program(p.NEXT_BUFFER, protocol=5),
    "dunder attribute": p.program(
        p.glob("argparse", "Namespace"), p.EMPTY_TUPLE, p.NEWOBJ, p.EMPTY_DICT,
        p.text("__class__"), p.NONE, p.SETITEM, p.BUILD,
    ),
    "joblib wrapper of another class": p.program(
        p.glob("joblib.numpy_pickle", "NumpyArrayWrapper"), p.EMPTY_TUPLE, p.NEWOBJ,
        p.EMPTY_DICT, p.text("subclass"), p.glob("builtins", "str"), p.SETITEM, p.BUILD,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SUSPICIOUS)
def test_what_is_not_provably_harmless_is_not_clean(name: str) -> None:
    assert worst(SUSPICIOUS[name]) >= Severity.MEDIUM


@pytest.mark.parametrize("protocol", range(6))
def test_plain_data_is_clean(protocol: int) -> None:
    value = {"a": [1, -2, 2**80, 1.5, None, True, "é", b"x" * 500], (1, 2): {3}, "f": frozenset()}
    seen = interpret(pickle.dumps(value, protocol))
    assert seen.clean
    assert worst(pickle.dumps(value, protocol)) is Severity.INFO


def test_a_finding_names_the_global_the_offset_and_the_policy_line() -> None:
    data = p.program(p.NONE, p.POP, p.glob("vendor.net", "Model"))
    (finding,) = judge(interpret(data, member="m/data.pkl").facts)
    assert finding.where.member == "m/data.pkl"
    assert finding.where.offset == 4
    assert finding.where.opcode == "GLOBAL"
    assert finding.evidence["global"] == "vendor.net.Model"
    assert finding.evidence["admit"] == 'spec.pickles.allow: ["vendor.net.Model"]'


def test_equal_facts_are_counted_with_the_first_place() -> None:
    seen = interpret(p.program((p.glob("a", "b") + p.POP) * 3, p.NONE))
    (fact,) = seen.facts
    assert (fact.count, fact.where.offset) == (3, 2)


def test_both_readings_of_a_frame_that_ends_inside_an_opcode() -> None:
    hidden = p.glob("os", "system")
    data = (
        p.proto(4)
        + p.frame(p.binunicode(b"A" * 6, length=6 + len(hidden)), length=11)
        + b"B" * len(hidden)
        + hidden
        + p.STOP
    )
    assert "frame-mismatch" in problems(interpret(data))
    assert "os.system" in imports(interpret(data))


@pytest.mark.parametrize(
    ("inside", "after"),
    [(b"c\xff", b"os\nsystem\n"), (p.NONE + p.MEMOIZE + b"j\t\t", b"\0" * 4 + b"cos\nsystem\n")],
    ids=["no text", "no memo"],
)
def test_the_other_reading_is_taken_where_the_first_one_fails(inside: bytes, after: bytes) -> None:
    data = p.proto(4) + p.frame(inside) + after + p.EMPTY_TUPLE + p.REDUCE + p.STOP
    assert ("call", "os.system") in truth(data)
    assert missed(data) == set()


def test_facts_before_a_fatal_problem_are_kept() -> None:
    seen = interpret(SHELL + p.REDUCE)
    assert not seen.complete
    assert problems(seen) == {"stack-underflow"}
    assert any(isinstance(fact, CallFact) for fact in seen.facts)


def test_values_and_ends_of_several_pickles() -> None:
    one, two = p.program(p.integer(1)), p.program(p.text("two"))
    seen = interpret(one + two + b"raw data", pickles=2)
    assert seen.values == (1, "two")
    assert seen.ends == (len(one), len(one) + len(two))
    assert seen.clean


def test_a_pickle_inside_other_data() -> None:
    inner = p.program(p.glob("a", "b"))
    data = b"garbage" + inner + b"more"
    seen = interpret(data, start=7, end=7 + len(inner), origin=7)
    (fact,) = seen.facts
    assert fact.where.offset == 2


@pytest.mark.parametrize("kind", ["bytes", "bytearray", "memoryview", "mmap"])
def test_every_kind_of_buffer(kind: str) -> None:
    data = p.program(p.line("UNICODE", "x" * 100), p.POP, p.binbytes(b"\n" * (2 << 20)), p.TUPLE1)
    source: object = {
        "bytes": lambda: data,
        "bytearray": lambda: bytearray(data),
        "memoryview": lambda: memoryview(data),
        "mmap": lambda: _mapped(data),
    }[kind]()
    (value,) = interpret(source).values  # type: ignore[arg-type]
    assert isinstance(value, tuple)
    assert isinstance(value[0], Span)
    assert value[0].length == 2 << 20
    assert data[value[0].offset : value[0].offset + 3] == b"\n\n\n"


def _mapped(data: bytes) -> mmap.mmap:
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def test_what_the_pickle_does_to_a_result_is_kept_with_it() -> None:
    data = p.program(
        p.glob("collections", "OrderedDict"), p.EMPTY_TUPLE, p.REDUCE, p.text("k"), p.integer(1),
        p.SETITEM, p.EMPTY_DICT, p.text("_metadata"), p.NONE, p.SETITEM, p.BUILD,
    )  # fmt: skip
    seen = interpret(data)
    (value,) = seen.values
    assert isinstance(value, Call)
    assert value.function == Global("collections", "OrderedDict")
    assert list(value.pairs()) == [("k", 1)]
    assert len(value.states) == 1
    assert seen.clean
    assert {type(fact) for fact in seen.facts} == {ImportFact, CallFact, StateFact}


def test_torch_storages_by_persistent_id() -> None:
    def storage(*parts: bytes) -> bytes:
        return p.program(p.MARK, *parts, p.TUPLE, p.BINPERSID)

    good = storage(
        p.text("storage"), p.glob("torch", "FloatStorage"), p.text("0"), p.text("cpu"), p.integer(4)
    )
    assert interpret(good, persistent_ids="torch").clean
    assert not interpret(good).clean
    for bad in (
        storage(p.text("file"), p.text("/etc/passwd")),
        storage(p.text("storage"), p.text("x"), p.text("0"), p.text("cpu"), p.integer(4)),
        p.program(p.text("0"), p.BINPERSID),
    ):
        seen = interpret(bad, persistent_ids="torch")
        assert any(isinstance(f, PersistentIdFact) and f.objection for f in seen.facts)


def test_extension_codes_are_told() -> None:
    seen = interpret(p.program(p.extension(5, 2)))
    assert [f.code for f in seen.facts if isinstance(f, ExtensionFact)] == [5]


def test_a_module_line_without_end_is_read_as_the_python_unpickler_reads_it() -> None:
    seen = interpret(b"cos\nsystemX")
    assert imports(seen) == {"os.system"}
    assert not seen.complete


LIES = {
    "huge text": p.program(p.binunicode(b"x", length=2**32 - 1)),
    "huge bytes": p.program(p.binbytes8(b"x", length=2**63 - 1)),
    "huge unsigned length": p.program(p.binbytes8(b"x", length=2**64 - 1)),
    "negative string": p.program(b"T\xff\xff\xff\xff"),
    "negative long": p.program(b"\x8b\xff\xff\xff\xff"),
    "huge frame": p.proto(4) + p.frame(p.NONE, length=2**64 - 1) + p.STOP,
    "frame past the end": p.proto(4) + p.frame(p.NONE, length=999) + p.STOP,
    "protocol 9": p.program(p.NONE, protocol=9),
    "empty": b"",
    "no opcode": b"\xff",
    "pop from nothing": p.program(p.POP, p.NONE),
    "mark that is not there": p.program(p.TUPLE),
    "memo that is not there": p.program(p.get(9)),
    "odd dict": p.program(p.MARK, p.NONE, p.DICT),
    "global by numbers": p.program(p.integer(1), p.integer(2), p.STACK_GLOBAL),
}


@pytest.mark.parametrize("name", LIES)
def test_lies_end_in_a_problem(name: str) -> None:
    assert problems(interpret(LIES[name]))


FLOODS = {
    "none": p.NONE + p.POP,
    "lists": p.EMPTY_LIST,
    "marks": p.MARK,
    "memo": p.MEMOIZE,
    "tuples": p.TUPLE1,
    "nested lists": p.EMPTY_LIST + p.APPEND,
    "dup": p.DUP,
    "calls": p.DUP + p.EMPTY_TUPLE + p.REDUCE,
    "doubling": p.DUP + p.TUPLE2,
}


@pytest.mark.parametrize("name", FLOODS)
def test_floods_of_opcodes_stay_within_time_and_memory(name: str) -> None:
    script = (
        "import time\n"
        "from scanner.pickles.machine import interpret\n"
        f"data = b'\\x80\\x04]]' + {FLOODS[name]!r} * (5_000_000 // {len(FLOODS[name])})\n"
        "start = time.process_time()\n"
        "interpret(data)\n"
        # A process inherits its parent's maximum, but not this one.
        "rows = open('/proc/self/status').read().splitlines()\n"
        "peak = next(row for row in rows if row.startswith('VmHWM')).split()[1]\n"
        "print(time.process_time() - start, peak)\n"
    )
    shown = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    seconds, peak = map(float, shown.stdout.split())
    assert seconds < 15
    assert peak < 600_000


def test_opcode_dense_pickles_are_read_to_their_end() -> None:
    data = pickle.dumps([(i, str(i), [i * 1.5]) for i in range(110_000)], 4)
    seen = interpret(data)
    assert seen.opcodes > 900_000
    assert seen.clean


def test_payloads_are_not_copied() -> None:
    data = pickle.dumps(b"x" * (200 << 20), 4)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    assert interpret(data).clean
    assert time.process_time() - start < 0.1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000


def test_limits_are_findings() -> None:
    few = Limits(pickle_opcodes=1000)
    seen = interpret(p.program(p.NONE + p.POP, p.NONE * 5000), limits=few)
    assert problems(seen) == {"limit-reached"}
    assert not seen.complete
    many = interpret(p.program(p.NONE) * 30, limits=Limits(streams=10))
    assert problems(many) == {"limit-reached"}


def test_the_interpreter_does_not_recurse() -> None:
    deep = p.program(p.EMPTY_LIST * 90_000, p.APPEND * 89_999)
    assert interpret(deep).clean


@pytest.mark.parametrize("tail", [b".", b"\x00", b"0" * 500, b"N."])
def test_opcodes_are_counted_to_where_reading_stopped(tail: bytes) -> None:
    seen = interpret(b"N0" * 200 + tail)

    assert 400 <= seen.opcodes <= 402
