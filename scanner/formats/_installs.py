"""What package managers fetch, build or run by a file of theirs: one line or value at a time.

A package by its name and version comes from the index that the user chose. A URL, a
repository, a folder or another index is the file's own choice, and installing runs its code.

Source: pip, "Requirements File Format"; PEP 508; npm, "package.json" and "scripts".
"""

# Patterns: one form a line.

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from scanner.patterns import pattern

_OPTION = pattern(
    r"(?:-i|--index-url|--extra-index-url|-f|--find-links|--trusted-host)(?:\s*=\s*|\s+|(?<=-[if]))(\S+)"
)
_EDITABLE = pattern(r"(?:-e|--editable)(?:\s*=?\s*)\S.*")
_LOCATED = pattern(
    r"(?:[A-Za-z0-9][\w.\[\],-]*\s*@\s*)?"
    r"(?:(?:git|hg|svn|bzr)\+\S+|(?:https?|ftp|file|git|ssh|s3|gs)://\S+|file:\S+)"
)
_FOLDER = pattern(
    r"(?:\.{1,2}[/\\]|[/\\~]|[A-Za-z]:[/\\])\S*|\.(?:\[[\w,-]*\])?|\S+\.(?:whl|tar\.gz|zip)"
)
_INDEXES = frozenset(
    """pypi.org files.pythonhosted.org test.pypi.org download.pytorch.org data.pyg.org
    pypi.nvidia.com pypi.ngc.nvidia.com wheels.vllm.ai flashinfer.ai huggingface.github.io
    registry.npmjs.org registry.yarnpkg.com repo.anaconda.com conda.anaconda.org""".split()  # noqa: SIM905
)
"""Where the projects themselves publish."""
_HOST_PATHS = ("storage.googleapis.com/jax-releases",)
_FETCHES = pattern(
    r"(?:curl|wget|iwr|irm|invoke-webrequest|fetch)\b[^\n]{0,300}?(?:\||;|&&)\s*(?:sudo\s+)?(?:\S*/)?"
    r"(?:ba|z|da|k|c|fi)?(?:sh|python3?|perl|node|ruby|iex|chmod|source)\b"
    r"|(?:sh|bash|eval|python3?|source)\s[^\n]{0,40}?(?:\$\(|<\(|`)\s*(?:curl|wget)\b"
    r"|base64\s+(?:-d|-D|--decode)[^\n]{0,80}\|\s*(?:\S*/)?(?:ba|z|da|k)?sh\b"
    r"|/dev/(?:tcp|udp)/|\bn(?:et)?cat?\s[^\n]{0,80}-[ce]\b|\bmkfifo\s[^\n]{0,80}\bnc\b"
    r"|powershell[^\n]{0,80}\s-e(?:nc|ncodedcommand)?\s|\biex\b|DownloadString\(",
)
"""Commands that run what they fetch or unwrap, or hand a shell to somebody else."""
_HOOKS = frozenset(
    """preinstall install postinstall prepublish preprepare prepare postprepare
    dependencies""".split()  # noqa: SIM905
)
"""Scripts of npm's that installing runs; the others wait for someone to call them."""
_TAME = pattern(
    r"husky(?:\s+install)?|is-ci \|\| husky(?:\s+install)?|npm run build|tsc|patch-package"
)
_ELSEWHERE = pattern(
    r"(?:git|https?|file|github|gitlab|bitbucket|gist|link):\S*|git\+\S+|[\w.-]+/[\w.-]+(?:#\S*)?"
)
_TABLES = ("dependencies", "devDependencies", "optionalDependencies", "peerDependencies")


def known_index(address: str) -> bool:
    """Whether an index is where its project publishes."""
    parts = urlsplit(address if "//" in address else f"//{address}")
    if "@" in parts.netloc or parts.scheme == "http":
        return False
    host = (parts.hostname or "").lower()
    return host in _INDEXES or f"{host}{parts.path}".startswith(_HOST_PATHS)


def requirement(line: str) -> str | None:
    """What a line of requirements makes pip fetch, build or trust, None for an ordinary one."""
    text = line.strip()
    if not text or text[:1] == "#":
        return None
    option = _OPTION.match(text)
    if option is not None:
        address = option[1].strip("\"'")
        return None if known_index(address) else f"packages come from {address[:100]}"
    if _EDITABLE.fullmatch(text):
        return f"`{text[:100]}` is built where it lies"
    bare = text.partition(" #")[0].partition(";")[0].strip()
    if _LOCATED.match(bare):
        address = bare.partition("@ ")[2] or bare
        return None if known_index(address.strip()) else f"`{bare[:100]}` is fetched and built"
    return f"`{bare[:100]}` is built where it lies" if _FOLDER.fullmatch(bare) else None


def command(text: str) -> str | None:
    """What a command fetches and runs, None when it does not."""
    found = _FETCHES.search(text)
    return None if found is None else f"a command runs what it fetches: `{found[0][:100]}`"


def npm(document: Any) -> Iterator[str]:
    """What `npm install` runs and fetches besides packages of its registry."""
    if not isinstance(document, dict):
        return
    scripts = document.get("scripts")
    for name, said in scripts.items() if isinstance(scripts, dict) else ():
        if not isinstance(said, str):
            continue
        if name in _HOOKS and not _TAME.fullmatch(said.strip()):
            yield f"installing runs `{said[:100]}` ({name})"
        elif command(said):
            yield str(command(said))
    for table in _TABLES:
        wanted = document.get(table)
        for name, version in wanted.items() if isinstance(wanted, dict) else ():
            if isinstance(version, str) and _ELSEWHERE.fullmatch(version.strip()):
                yield f"`{str(name)[:60]}` is fetched from {version[:100]}"
