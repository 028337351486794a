"""`secureload scan`: look at files and folders without running anything in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from secureload.cli.options import policy_option, quiet_option
from secureload.cli.scanning import scan_paths

_HELP = """Scan files and folders, and judge what was found by a policy.

\b
Examples:
  secureload scan ./checkpoints
  secureload scan model.bin --format sarif --output model.sarif
  curl -s https://example.org/model.bin | secureload scan -
  secureload scan . --exclude '*.md' --baseline last.json
  secureload scan . --ignore-file reviewed.yaml

Nothing is unpickled, imported or run, and torch is not needed. Exit code 0 when the policy
allows what was found, 1 when it refuses, 2 when something could not be read to its end.

\b
An ignore file (critical findings only by fingerprint):
  apiVersion: secureload/v1
  kind: Ignore
  metadata: {name: reviewed}
  spec:
    findings:
      - {rule: unlisted-global, paths: ["*.bin"], reason: SEC-12, expires: 2027-01-31}
"""


@click.command("scan", help=_HELP)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@policy_option
@click.option(
    "--format",
    "format_",
    type=click.Choice(["text", "json", "sarif", "junit", "markdown"]),
    default="text",
    show_default=True,
    help="How to print the report.",
)
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the report to FILE, whole or not at all.",
)
@click.option(
    "--severity-threshold",
    type=click.Choice(["info", "low", "medium", "high", "critical"]),
    help="Leave out findings less severe than this.",
)
@click.option(
    "--ignore-file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Findings that were reviewed, with reason and expiry.",
)
@click.option(
    "--baseline",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="An earlier JSON report: only new findings count.",
)
@click.option("--include", multiple=True, metavar="GLOB", help="Only these files (repeatable).")
@click.option("--exclude", multiple=True, metavar="GLOB", help="Not these files (repeatable).")
@click.option(
    "--jobs",
    "-j",
    type=click.IntRange(0),
    default=0,
    metavar="N",
    help="Processes at work; 0 chooses. [0]",
)
@click.option("--digest", is_flag=True, help="SHA-256 of large files too, which reads them whole.")
@quiet_option
def command(**said: Any) -> int:
    """Scan, suppress what was reviewed, judge, print."""
    return scan_paths(**said)
