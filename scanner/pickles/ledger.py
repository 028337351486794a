"""What a run of the machine notes: facts, merged as they come in, and why it stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from scanner.facts import Fact, ImportFact, ProblemFact
from scanner.findings import Where
from scanner.pickles.by_value import ByValue


class Stopped(Exception):  # noqa: N818  control flow of the machine
    """Where an unpickler would raise."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Ledger:
    """Facts, merged as they come in."""

    def __init__(self, *, member: str | None, origin: int) -> None:
        self.member = member
        self.origin = origin
        self.again = False
        self.by_value = ByValue()
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


def imports(facts: Iterable[Fact]) -> set[str]:
    """Return the dotted names of all imports among the facts."""
    return {fact.dotted for fact in facts if isinstance(fact, ImportFact)}
