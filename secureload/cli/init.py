"""`secureload init`: make the operator key that signs this installation's evidence."""

from __future__ import annotations

from pathlib import Path

import click

from secureload.cli.console import printable, say, show_json
from secureload.cli.options import format_option
from secureload.settings import Settings

_HELP = """Make the key that this installation signs its evidence with.

\b
Examples:
  secureload init
  secureload init --key /etc/secureload/operator.pem

ECDSA on P-256, in a file that its owner alone can read; the public half lies beside it. Hand
`verifier.yaml` and the public half to whoever should take over your admissions: it is a trust
root. A key that is there already is never overwritten. $SECURELOAD_OPERATOR_KEY names a key
that lies elsewhere.
"""

_VERIFIER = """apiVersion: secureload/v1
kind: TrustRoot
metadata: {{name: verifier-{short}}}
spec:
  keys:
    - {{kind: verifier, file: {file}}}  # {keyid}
"""


@click.command("init", help=_HELP)
@click.option(
    "--key",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Where to write the private key. [$SECURELOAD_HOME/operator/key.pem]",
)
@format_option("text", "json")
def command(key: Path | None, format_: str) -> None:
    """Make the key and a trust root that holds its public half."""
    from secureload.evidence import operator

    path = key or operator.key_file(Settings.from_environment().home)
    made = operator.create(path)
    public = operator.public_file(path)
    root = path.with_name("verifier.yaml")
    text = _VERIFIER.format(short=made.keyid[:8], file=public.name, keyid=made.keyid)
    root.write_text(text, "utf-8")
    if format_ == "json":
        show_json(
            {
                "schema": "secureload.operator/1",
                "keyid": made.keyid,
                "private": str(path),
                "public": str(public),
                "trustRoot": str(root),
            }
        )
        return
    say(f"{click.style('made', fg='green')}  operator key {made.keyid}")
    for what, where in (("private", path), ("public", public), ("trust root", root)):
        say(f"  {what:<10}  {printable(str(where))}")
    if key is not None:
        say(f"  set SECURELOAD_OPERATOR_KEY={printable(str(path))} to sign with it")
