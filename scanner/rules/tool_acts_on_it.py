"""A file makes another tool fetch or run something: a package manager, an editor, git.

Why it matters
    Such files lie beside a model and are acted on without a second look: a folder is opened,
    its requirements are installed, its container is built. What they name then runs with the
    rights of whoever did it.
Fires on
    Requirements, conda environments and projects that install from URLs, repositories,
    folders or indexes of their own choice; npm's scripts that run by installing; build
    backends inside the project; tasks, containers and servers that start when a folder is
    opened; commands that run what they fetch; git settings that run programs; variables by
    which programs load others.
Stays quiet on
    Lists of packages by name and version, the indexes where well-known projects publish,
    workflows, containers and hooks that do nothing of this.
Remedy
    Install and open nothing of the folder; a model needs its weights and configuration.
"""

from __future__ import annotations

from collections.abc import Iterator

from scanner.facts import CodeFact
from scanner.findings import Severity
from scanner.rules import Message, Rule


def check(fact: CodeFact) -> Iterator[Message]:
    """Yield one message with the first of what would happen."""
    if fact.language != "tool-file" or not fact.names:
        return
    more = f" and {fact.count - 1} more" if fact.count > 1 else ""
    yield Message(text=f"{fact.names[0]}{more}", evidence={"told": fact.names})


RULE = Rule(id="tool-acts-on-it", reads=CodeFact, severity=Severity.MEDIUM, check=check)
