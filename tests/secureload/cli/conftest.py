"""Every test of a verb has a shell."""

from tests.secureload.cli.shell import shell

__all__ = ["shell"]
