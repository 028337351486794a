"""Names of members that could land or hide somewhere else."""

from __future__ import annotations

from scanner.patterns import pattern


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
    return windows_problem(name)


def windows_problem(path: str) -> str | None:
    """What Windows would make of a path that is an ordinary one elsewhere.

    A name of a device, with whatever suffix, opens the device; what follows a colon is another
    stream of the file before it.
    """
    for part in path.split("/"):
        if ":" in part and _STREAM.search(part):
            return "the name has a colon, behind which Windows keeps another stream of a file"
        if part.endswith(".npy"):
            continue  # a variable's name in an archive that numpy reads and nobody unpacks
        device = part.partition(".")[0].rstrip(" ").upper()
        if device in _DEVICES:
            return f"the name is that of a device, {device}, on Windows"
    return None


# Times and variables (`12:30.log`, `kernel:0.npy`) have colons too: no file's name ends there.
_STREAM = pattern(
    r"\.\w{1,8}:[A-Za-z_]|:\$[A-Za-z]|(?i::[^:]*\.(?:exe|dll|com|bat|cmd|ps1|vbs|scr))$"
)
_DEVICES = frozenset({"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$"}) | {
    f"{port}{number}" for port in ("COM", "LPT") for number in "0123456789\u00b9\u00b2\u00b3"
}
"""Names that Windows keeps for devices in every folder.

Source: `Naming Files, Paths, and Namespaces`, in Microsoft's documentation of Win32.
"""


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
