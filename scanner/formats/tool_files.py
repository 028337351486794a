"""Files that another tool acts on: package managers, editors, continuous integration, git.

They are known by their names, as those tools know them. Ordinary lists of packages, settings
and workflows say nothing; told is what installs from elsewhere, runs by being opened or
installed, or runs what it fetches.

Source: pip, npm, PEP 517 and 518, pre-commit, Visual Studio Code (tasks, development
containers), git-config, gitmodules, ld.so(8), Triton's model configuration.
"""

# Tables of names and patterns: one a line.
# ruff: noqa: E501

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from scanner.facts import CodeFact
from scanner.formats import Format, Read
from scanner.formats import _installs as installs
from scanner.formats._json import DuplicateKeyError, TooDeepError, load_json
from scanner.formats._text import is_text
from scanner.patterns import pattern
from scanner.reader import Blob

LANGUAGE = "tool-file"
_LARGEST = 1_000_000
_COMMENT = pattern(r"(?m)^\s*//[^\n]*$|/\*.*?\*/|,(?=\s*[}\]])")
_LOADERS = pattern(
    r"(?m)^\s*(?:export\s+|set\s+)?(LD_PRELOAD|LD_LIBRARY_PATH|LD_AUDIT|DYLD_\w+|PYTHONSTARTUP"
    r"|PYTHONPATH|PYTHONHOME|PYTHONBREAKPOINT|NODE_OPTIONS|BASH_ENV|PERL5OPT|RUBYOPT"
    r"|JAVA_TOOL_OPTIONS|GIT_SSH_COMMAND|GIT_EXTERNAL_DIFF|PROMPT_COMMAND|BROWSER|PAGER|EDITOR"
    r"|PIP_(?:EXTRA_)?INDEX_URL|UV_(?:EXTRA_)?INDEX(?:_URL)?|HF_ENDPOINT)\s*=\s*\S"
)
_GIT = pattern(
    r"(?mi)^\s*(fsmonitor|hookspath|sshcommand|gitproxy|pager|editor|askpass|external|textconv|clean"
    r"|smudge|process|helper|program|cmd|update|uploadpack|receivepack)\s*=\s*([^\n]+)"
    r"|^\s*(\w+)\s*=\s*\"?(![^\n]+)"
)
_SECTION = pattern(
    r"(?mi)^\s*\[(?:core|alias|filter|diff|merge|remote|credential|submodule|gpg|include|includeif|ssh"
    r"|uploadpack|difftool|mergetool|sendemail|browser|pager)\b"
)
_TAME_GIT = pattern(r"(?i)git-lfs\s[^;|&`$]*|store|cache|osxkeychain|manager(?:-core)?|false|true|cat|less|vi|vim|nano"
                    r"|merge|rebase|checkout|none")  # fmt: skip
_MODULE = pattern(r"(?mi)^\s*(?:url|path)\s*=\s*\"?(-[^\n]+|ext::[^\n]+|(?:\.\.[/\\]){2}[^\n]*)")
_BUILDS = pattern(
    r"(?m)^\s*backend-path\s*=|^\s*\[tool\.(?:setuptools\.cmdclass|poetry\.build|pdm\.build|hatch\.build"
    r"(?:\.[\w.]+)?\.hooks\.custom)\]|^\s*(?:cmdclass|setup_requires)\s*=|^\s*addopts\s*=[^\n]*-p[ =]*\w"
)
_QUOTED = pattern(r"\"((?:[^\"\\\n]|\\.)*)\"|'([^'\n]*)'")
_TRITON = pattern(r"EXECUTION_ENV_PATH|TRITON_BATCH_STRATEGY_PATH|TRITONSERVER_\w*PATH|LD_PRELOAD")
_LOCAL_HOOK = pattern(r"(?m)^\s*(?:-\s+)?entry\s*:\s*([^\n]+)")
_INDEX = pattern(r"(?mi)^\s*(?:extra-)?(?:index-url|index_url|registry|find-links|trusted-host|@[\w-]+:registry"
                 r"|url)\s*=\s*[\"']?([^\s\"']+)")  # fmt: skip
_PRIVILEGED = pattern(
    r"(?m)^\s*privileged\s*:\s*[\"']?true|/var/run/docker\.sock|^\s*-\s*[\"']?/:/"
)
_EDITOR = pattern(r"(?:python\.(?:defaultInterpreterPath|pythonPath|envFile)|git\.path|.*\.executable(?:Path)?"
                  r"|terminal\.integrated\.(?:automation)?(?:profiles?|shell|env)\b.*|.*\.serverPath)")  # fmt: skip
_STARTS = pattern(r"(?:on|post|update|initialize|postCreate|postStart|postAttach)\w*Command")


def _requirements(text: str) -> Iterator[str]:
    joined = text.replace("\\\n", " ")
    yield from filter(None, map(installs.requirement, joined.splitlines()))


def _yaml(text: str) -> Iterator[str]:
    """Each scalar, as a requirement; channels are addresses too."""
    before = ""
    for value in _scalars(text):
        # Where the environment lay on the machine that wrote the file.
        said = None if before == "prefix" else installs.requirement(value)
        before = value
        if said is not None:
            yield said


def _scalars(text: str) -> Iterator[str]:
    import yaml

    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            if isinstance(event, yaml.ScalarEvent):
                yield event.value
    except (yaml.YAMLError, RecursionError, ValueError):
        yield from (line.strip().lstrip("- ") for line in text.splitlines())


def _project(text: str) -> Iterator[str]:
    for found in _BUILDS.finditer(text):
        yield f"building runs code that the project brings: `{found[0].strip()[:80]}`"
    for found in _QUOTED.finditer(text):
        value = found[1] or found[2] or ""
        if "@" in value or "+" in value:
            said = installs.requirement(value)
            if said is not None and "fetched" in said:
                yield said
    yield from _commands(text)


def _commands(text: str) -> Iterator[str]:
    said = installs.command(text)
    if said is not None:
        yield said


def _hooks(text: str) -> Iterator[str]:
    for found in _LOCAL_HOOK.finditer(text):
        yield f"a commit runs `{found[1].strip()[:100]}`"


def _indexes(text: str) -> Iterator[str]:
    for found in _INDEX.finditer(text):
        if not installs.known_index(found[1]):
            yield f"packages come from {found[1][:100]}"


def _environment(text: str) -> Iterator[str]:
    for found in _LOADERS.finditer(text):
        yield f"`{found[1]}` changes what programs load or run"


def _git(text: str) -> Iterator[str]:
    if _SECTION.search(text) is None:
        return
    for found in _GIT.finditer(text):
        value = (found[2] or found[4]).strip().strip('"')
        if not _TAME_GIT.fullmatch(value):
            yield f"git runs `{value[:100]}`"


def _modules(text: str) -> Iterator[str]:
    for found in _MODULE.finditer(text):
        yield f"git takes `{found[1].strip()[:100]}` for a place or an option"
    yield from _git(text)


def _compose(text: str) -> Iterator[str]:
    for found in _PRIVILEGED.finditer(text):
        yield f"a container is given the machine: `{found[0].strip()[:60]}`"
    yield from _commands(text)


def _triton(text: str) -> Iterator[str]:
    for found in _TRITON.finditer(text):
        yield f"`{found[0]}` makes the server load or run what the model names"


def _npm(document: Any) -> Iterator[str]:
    yield from installs.npm(document)


def _editor(document: Any) -> Iterator[str]:
    """Tasks that run when a folder is opened, commands of containers, programs to use."""
    pending = [document]
    while pending:
        item = pending.pop()
        if isinstance(item, list):
            pending.extend(item)
        if not isinstance(item, dict):
            continue
        if item.get("runOn") == "folderOpen":
            yield "a task runs when the folder is opened"
        servers = item.get("mcpServers", item.get("servers"))
        for name, server in servers.items() if isinstance(servers, dict) else ():
            if isinstance(server, dict) and "command" in server:
                yield f"a server is started: `{str(name)[:60]}`"
        for key, value in item.items():
            if _STARTS.fullmatch(key) and value:
                yield f"opening the folder runs `{str(value)[:100]}`"
            elif _EDITOR.fullmatch(key) and value and _is_program(value):
                yield f"`{key[:60]}` names a program to use: `{str(value)[:80]}`"
        pending.extend(item.values())


def _is_program(value: Any) -> bool:
    return not isinstance(value, str) or "/" in value or "\\" in value


_TEXTS: tuple[tuple[Any, Callable[[str], Iterator[str]]], ...] = (
    (pattern(r"(?:.*/)?(?:[\w.-]*requirements?[\w.-]*|constraints?)\.(?:txt|in|pip)"), _requirements),
    (pattern(r"(?:.*/)?requirements/[\w.-]+\.(?:txt|in)"), _requirements),
    (pattern(r"(?:.*/)?(?:[\w-]*conda[\w-]*|[\w-]*environment[\w-]*|python_env|env)\.ya?ml"), _yaml),
    (pattern(r"(?:.*/)?(?:pyproject\.toml|setup\.cfg|tox\.ini|pytest\.ini)"), _project),
    (pattern(r"(?:.*/)?(?:pipfile|uv\.toml|pip\.conf|pip\.ini|\.npmrc|\.yarnrc|\.condarc|\.pypirc)"), _indexes),
    (pattern(r"(?:.*/)?\.pre-commit-config\.ya?ml"), _hooks),
    (pattern(r"(?:.*/)?(?:docker-)?compose[\w.-]*\.ya?ml"), _compose),
    (pattern(r"(?:.*/)?(?:\.env(?:\.[\w.-]+)?|[\w.-]+\.env)"), _environment),
    (pattern(r"(?:.*/)?(?:\.?gitconfig|config)"), _git),
    (pattern(r"(?:.*/)?\.gitmodules"), _modules),
    (pattern(r"(?:.*/)?config\.pbtxt"), _triton),
    (pattern(r".*\.github/.*\.ya?ml|(?:.*/)?(?:\.?[\w-]*(?:ci|travis|workflow|pipelines?|taskfile|cog|dvc|action)"
             r"[\w.-]*)\.ya?ml|(?:.*/)?mlproject"), _commands),
)  # fmt: skip
_DOCUMENTS: tuple[tuple[Any, Callable[[Any], Iterator[str]]], ...] = (
    (pattern(r"(?:.*/)?package\.json"), _npm),
    (
        pattern(
            r"(?:.*/)?(?:tasks|\.?devcontainer|\.?mcp|settings|launch)\.json|.*\.code-workspace"
        ),
        _editor,
    ),
)


def recognise(blob: Blob) -> bool:
    """Whether it is text that some tool acts on by its name."""
    path = blob.path.lower()
    named = any(name.fullmatch(path) for name, _ in (*_TEXTS, *_DOCUMENTS))
    return named and is_text(blob)


def read(blob: Blob) -> Read:
    """Yield one fact with what the tool would do; nothing when that is ordinary."""
    path = blob.path.lower()
    if len(blob.data) > _LARGEST:
        yield blob.problem("limit-reached", "longer than any list for a tool")
        return
    text = bytes(blob.data).decode("utf-8-sig", "replace")
    said: list[str] = []
    for name, judge in _TEXTS:
        if name.fullmatch(path):
            said.extend(judge(text))
    for name, look in _DOCUMENTS:
        if name.fullmatch(path):
            said.extend(look(_document(blob, text)))
    if said:
        told = tuple(dict.fromkeys(said))
        yield CodeFact(where=blob.where(), count=len(told), language=LANGUAGE, names=told[:5])


def _document(blob: Blob, text: str) -> Any:
    """The JSON document; editors allow comments and commas at ends. None when it is none."""
    for attempt in (text, _COMMENT.sub("", text)):
        try:
            return load_json(attempt.encode(), blob.limits)
        except (ValueError, RecursionError, TooDeepError, DuplicateKeyError):
            continue
    return None


FORMAT = Format(name="tool-file", recognise=recognise, read=read, aspect=True)
