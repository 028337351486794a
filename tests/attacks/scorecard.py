"""The scorecard: what the scanner says of every technique of the corpus, class by class.

`python -m tests.attacks.scorecard` writes `docs/scorecard.md`. `FLOORS` are the least numbers
of malicious verdicts, which `test_corpus.py` holds: raise one when more is recognised, and
never lower it.
"""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from scanner import FileResult, FileVerdict, scan_bytes
from tests.builders.gadgets import Technique, corpus

TARGET = Path(__file__).parents[2] / "docs" / "scorecard.md"

FLOORS: dict[str, int] = {
    "process": 65,
    "code": 68,
    "import": 37,
    "writes-files": 85,
    "reads-files": 34,
    "network": 36,
    "dispatch": 104,
    "unpickles": 25,
    "native": 12,
    "dotted-name": 27,
    "tampering": 36,
    "torch": 58,
    "hostile-arguments": 25,
    "numpy": 40,
    "libraries": 33,
    "not-installed": 70,
    "spelling": 47,
    "names": 34,
    "parser": 60,
    "frames": 11,
    "broken-end": 27,
    "bulk": 10,
    "odd-name": 25,
    "torch-raw": 12,
    "compressed": 114,
    "joblib": 54,
    "numpy-file": 42,
    "torch-zip": 30,
    "torch-legacy": 30,
    "torch-tar": 18,
    "archive": 54,
    "zip-trick": 28,
    "polyglot": 13,
    "template": 36,
    "python": 24,
    "yaml": 13,
    "configuration": 0,
    "keras": 11,
    "saved-model": 7,
    "onnx": 0,
    "safetensors": 0,
    "program": 1,
    "gguf": 2,
    "carried": 15,
    "export": 9,
    "script": 8,
    "notebook": 4,
    "page": 0,
    "named-code": 16,
    "long-line": 2,
    "on-trust": 0,
    "misnamed": 0,
    "tool-file": 0,
    "torchscript": 33,
}

_ORDER = (FileVerdict.CLEAN, FileVerdict.SUSPICIOUS, FileVerdict.ERROR, FileVerdict.MALICIOUS)


@dataclass(frozen=True, slots=True)
class Score:
    """A technique, and what was said of it."""

    technique: Technique
    result: FileResult

    @property
    def verdict(self) -> FileVerdict:
        return self.result.verdict


@cache
def scores() -> tuple[Score, ...]:
    """Scan the whole corpus."""
    return tuple(Score(one, scan_bytes(one.data, name=one.file)) for one in corpus())


@cache
def families() -> tuple[str, ...]:
    """The classes, in the corpus's order."""
    return tuple(dict.fromkeys(one.family for one in corpus()))


def of(family: str) -> list[Score]:
    """The scores of one class."""
    return [score for score in scores() if score.technique.family == family]


def tally(found: list[Score]) -> Counter[FileVerdict]:
    """How often each verdict was given."""
    return Counter(score.verdict for score in found)


def page() -> str:
    """The scorecard as Markdown."""
    lines = [
        "# Scorecard",
        "",
        "What the scanner says of its own attack corpus: files that act while a loader reads",
        "them, or that a loader should not trust. `tests/corpus/README.md` tells how they are",
        "made and how they are shown to fire. A file that is not clean is refused by default,",
        "whichever of the other verdicts it has; `malicious` says that the danger was named.",
        "",
        "Written by `python -m tests.attacks.scorecard`. Tests hold the last column as floors.",
        "",
        "| Class | Files | Clean | Suspicious | Error | Malicious |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for family in families():
        found = of(family)
        lines.append(_row(family, found))
    lines.append(_row("**all**", list(scores())))
    lines += ["", "## Called clean", ""]
    lines += _list(lambda score: score.verdict is FileVerdict.CLEAN)
    lines += ["", "## Acts, and is not called malicious", ""]
    lines += _list(
        lambda score: (
            score.technique.runs and score.verdict not in (FileVerdict.MALICIOUS, FileVerdict.CLEAN)
        )
    )
    return "\n".join(lines) + "\n"


def _row(name: str, found: list[Score]) -> str:
    counts = tally(found)
    return f"| {name} | {len(found)} | " + " | ".join(str(counts[v]) for v in _ORDER) + " |"


def _list(wanted: object) -> list[str]:
    assert callable(wanted)
    found = [
        f"- `{score.technique.id}`: {score.verdict.value} ({_why(score.result)})"
        for score in scores()
        if wanted(score)
    ]
    return found or ["None."]


def _why(result: FileResult) -> str:
    return ", ".join(sorted({finding.rule for finding in result.findings})) or "nothing found"


def main() -> None:
    """Write the scorecard."""
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(page(), "utf-8")
    sys.stdout.write(f"{TARGET}: {len(corpus())} files\n")


if __name__ == "__main__":
    main()
