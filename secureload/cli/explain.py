"""`secureload explain`: what a pickle would do, step by step."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from secureload.cli.console import exit_code, fail, printable, say, show_json
from secureload.cli.options import format_option, policy_option
from secureload.cli.policies import load_policy
from secureload.errors import UsageError

if TYPE_CHECKING:
    from scanner.explain import Program

_HELP = """Print what the pickles in a file would do, with our verdict on every step.

Of Python source, a .py file or a folder of them, print what it imports, calls and defines.

\b
Examples:
  secureload explain pytorch_model.bin
  secureload explain suspicious.pkl --format json
  secureload explain modeling_custom.py

The program is reconstructed by reading; nothing is unpickled, imported or run. The exit code
is that of `secureload scan FILE`, or 2 when there is no pickle in it.
"""


@click.command("explain", help=_HELP)
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@policy_option
@click.option(
    "--most",
    type=click.IntRange(1),
    default=1_000,
    show_default=True,
    metavar="N",
    help="Print at most this many steps of each pickle.",
)
@format_option("text", "json")
def command(file: Path, policy_name: str | None, most: int, format_: str) -> int:
    """Explain one file."""
    from scanner import FileVerdict, Report, ruleset
    from scanner.engine import Options
    from secureload import sandbox
    from secureload.flow import Source
    from secureload.policy import judge_report, scan_options

    sources = _sources(file)
    if sources:
        return _explain_sources(file, sources, format_)
    policy = load_policy(policy_name)
    options = scan_options(policy.topics(Source(kind="local", location="")))
    if not file.is_file():
        raise UsageError(
            f"{file}: not a file", hint="name one file; `secureload scan` takes folders"
        )
    with sandbox.forked() as confined:
        explained = confined.explain(file, most=most, options=Options(second="auto", **options))
    # The steps shown may be cut short, so the verdict is the scanner's on the whole file.
    programs, scanned = explained.programs, explained.result
    report = Report(files=(scanned,), ruleset=ruleset())
    judgement = judge_report(report, policy, confined=confined.tier.full)
    if format_ == "json":
        show_json(
            {
                "schema": "secureload.explanation/1",
                "file": str(file),
                "verdict": scanned.verdict.value,
                "pickles": [_plain(program) for program in programs],
            }
        )
    else:
        for program in programs:
            _show(program)
        if programs:
            colour = "green" if scanned.verdict is FileVerdict.CLEAN else "red"
            say(f"# {click.style(scanned.verdict.value, fg=colour, bold=True)}")
    if not programs:
        fail(f"{file}: there is no pickle in it", f"`secureload scan {file}` says what it is")
        return 2
    return exit_code(judgement.decision)


def _sources(file: Path) -> list[Path]:
    if file.is_dir():
        return sorted(path for path in file.rglob("*.py") if path.is_file())
    return [file] if file.suffix == ".py" and file.is_file() else []


def _explain_sources(asked: Path, paths: list[Path], format_: str) -> int:
    """Explain Python source; exit code 1 where any of it is known to be dangerous."""
    from scanner.source import explain_source

    found = {path: explain_source(path.read_bytes()) for path in paths}
    if format_ == "json":
        show_json(
            {
                "schema": "secureload.source-explanation/1",
                "path": str(asked),
                "files": [
                    {
                        "path": str(path),
                        "lines": [
                            {"line": each.line, "does": each.does, "dangerous": each.dangerous}
                            for each in lines
                        ],
                    }
                    for path, lines in found.items()
                ],
            }
        )
    else:
        for path, lines in found.items():
            say(click.style(f"# {printable(str(path))}", bold=True))
            for each in lines:
                say(click.style(printable(str(each)), fg="red" if each.dangerous else None))
    return 1 if any(each.dangerous for lines in found.values() for each in lines) else 0


def _plain(program: Program) -> dict[str, object]:
    return {
        "member": program.member,
        "allowed": program.allowed,
        "problem": program.problem,
        "steps": [
            {
                "offset": line.offset,
                "opcode": line.opcode,
                "text": line.text,
                "objection": line.objection,
            }
            for line in program.lines
        ],
    }


def _show(program: Program) -> None:
    say(click.style(f"# {printable(program.member or 'the file itself')}", bold=True))
    if program.problem:
        say(click.style(f"# not readable: {printable(program.problem)}", fg="red"))
    for line in program.lines:
        if line.objection is None:
            place = click.style(f"# byte {line.offset}, {line.opcode}", dim=True)
            say(f"{printable(line.text)}  {place}")
        else:
            verdict = click.style(f"NOT ALLOWED: {printable(line.objection)}", fg="red")
            say(f"{printable(line.text)}  # byte {line.offset}, {line.opcode}: {verdict}")
