"""Python pickles: raw, stacked, joblib's with raw arrays, and torch's (by hint).

A pickle has no magic number before protocol 2, and any text might be one. What begins with
PROTO is a pickle; other bytes are run through the abstract machine, and are a pickle when
they get anywhere that matters.

Source: CPython's `pickle` and `_pickle`; `scanner.pickles.machine`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from scanner.facts import CallFact, Fact, ImportFact, PersistentIdFact, ProblemFact, StateFact
from scanner.findings import Severity
from scanner.formats import Format, Read
from scanner.formats import _torch_legacy as torch_legacy
from scanner.formats._safetensors import safetensors_head
from scanner.formats._text import is_text
from scanner.frozen import replace
from scanner.patterns import pattern
from scanner.pickles.allowlist import PROFILES, Allowlist, allowlist, torchscript_allowlist
from scanner.pickles.machine import Interpretation, interpret
from scanner.pickles.opcodes import ARGUMENTS
from scanner.reader import Blob
from scanner.rules import judge

_OPCODES = frozenset(ARGUMENTS)
_PROBE = 200_000
_NUMBER = pattern(rb"[0-9+.-]{1000}")
_ACTS = (CallFact, StateFact, ImportFact, PersistentIdFact)


def recognise(blob: Blob) -> bool:
    """Whether an unpickler would get anywhere with these bytes."""
    if torch_legacy.recognise(blob):
        return False
    if blob.hint == "pickle":
        return True
    head = blob.head(2)
    if len(head) < 2 or head[0] not in _OPCODES:
        return False
    if head[0] == 0x80:
        # The length of a safetensors header may read like PROTO; what follows then does not.
        return head[1] <= 5 and (not safetensors_head(blob.head(9)) or _gets_somewhere(blob))
    return _gets_somewhere(blob)


def _gets_somewhere(blob: Blob) -> bool:
    limits = replace(blob.limits, pickle_opcodes=min(_PROBE, blob.limits.pickle_opcodes))
    seen = interpret(blob.data, limits=limits)
    if seen.opcodes >= limits.pickle_opcodes and not seen.ends and not any(
        isinstance(fact, _ACTS) for fact in seen.facts
    ):  # fmt: skip
        # So far it only moves values about, which text that begins so does not do for long.
        limits = blob.limits
        seen = interpret(blob.data, limits=limits)
    # Plain unpicklers stop at a persistent id; what has one by design is known by its head.
    stops = [fact.where.offset or 0 for fact in seen.facts if isinstance(fact, PersistentIdFact)]
    first = min(stops, default=None)
    facts = [fact for fact in seen.facts if first is None or (fact.where.offset or 0) < first]
    if any(isinstance(fact, (CallFact, StateFact)) for fact in facts):
        return True
    if any(isinstance(fact, ProblemFact) and _is_number(blob, fact) for fact in facts):
        return True
    imports = any(isinstance(fact, ImportFact) and _importable(fact) for fact in facts)
    ends = any(first is None or end <= first for end in seen.ends)
    if is_text(blob):
        # Prose may begin like an opcode or two; without a call it does nothing, unless it is
        # a pickle to its last byte.
        whole = bool(seen.ends) and seen.ends[-1] == len(blob.data) and seen.complete
        return ends and (imports or whole)
    # What only ends, with more behind it, did nothing: chance reads a few numbers like that.
    longer = seen.opcodes >= limits.pickle_opcodes
    return imports or (ends and (longer or seen.ends[-1] == len(blob.data)))


def _is_number(blob: Blob, fact: ProblemFact) -> bool:
    """Whether the reading stopped at a limit inside a number, which prose has none of."""
    at = (fact.where.offset or 0) + 1
    return fact.kind == "limit-reached" and _NUMBER.fullmatch(blob.data[at : at + 1000]) is not None


def _importable(fact: ImportFact) -> bool:
    """Whether some interpreter could import this: no name of a module has a NUL."""
    return fact.module is None or ("\0" not in fact.module and fact.module != "")


@cache
def allowed(
    profiles: tuple[str, ...], extra: tuple[str, ...], *, torchscript: bool = False
) -> Allowlist:
    """The allowlist of a scan's profiles and further names."""
    if torchscript:
        base = torchscript_allowlist()
        return base.with_names(extra) if extra else base
    return allowlist(profiles or PROFILES, extra)


def interpreted(blob: Blob, *, torchscript: bool = False, **options: object) -> Interpretation:
    """Interpret the blob with the scan's allowlist and limits."""
    return interpret(
        blob.data,
        member=blob.member,
        allowlist=allowed(blob.profiles, blob.allow, torchscript=torchscript),
        limits=blob.limits,
        **options,  # type: ignore[arg-type]
    )


def read(blob: Blob) -> Read:
    """Yield what the pickles do."""
    seen = interpreted(blob, persistent_ids="none", loader="joblib")
    yield from seen.facts
    yield from second(blob, seen)


def _known_to_be_malicious(seen: Interpretation) -> bool:
    return any(finding.severity is Severity.CRITICAL for finding in judge(seen.facts))


def second(blob: Blob, seen: Interpretation) -> Iterator[Fact]:
    """Yield what a second reading adds, where it can change the verdict or is asked for."""
    if blob.second == "never":
        return
    if blob.second != "always" and (seen.clean or _known_to_be_malicious(seen)):
        return
    from scanner.pickles.second import BUDGET, compare, second_reading

    data = bytes(blob.data[: BUDGET.stream_bytes + 1])
    theirs = second_reading(data, opcodes=seen.opcodes)
    yield from compare(seen, theirs, member=blob.member)


FORMAT = Format(name="pickle", recognise=recognise, read=read)
