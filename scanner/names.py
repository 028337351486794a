"""Names of members that could land or hide somewhere else."""

from __future__ import annotations


def name_problem(name: str) -> str | None:
    """What is wrong with a member's name, if it could land or hide somewhere else."""
    if not name:
        return "the name is empty"
    if "\0" in name:
        return "the name contains a NUL, where some readers stop"
    if any(ord(char) < 32 or ord(char) == 127 for char in name):
        return "the name contains control characters"
    plain = name.replace("\\", "/")
    if plain.startswith("/") or plain[1:2] == ":":
        return "the name is an absolute path"
    if ".." in plain.split("/"):
        return "the name climbs out of the archive"
    if "\\" in name:
        return "the name contains a backslash, which some readers take for a folder"
    return None
