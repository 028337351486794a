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
    if hides(name):
        return "the name does not show as it is stored"
    return None


def hides(path: str) -> bool:
    """Whether a path has characters that do not show, or blanks at the ends of its parts."""
    if path.isascii():
        odd = not path.isprintable()
    else:
        import unicodedata

        # Joiners belong to some scripts and to emoji; other format characters only hide.
        odd = any(
            unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")
            for char in path
            if char not in "\u200c\u200d"
        )
    return odd or any(part != part.strip() for part in path.split("/"))
