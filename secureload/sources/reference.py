"""From text to a `Source`: what people write when they name a model.

    org/name  org/name@revision  name  hub:org/name     a model on the Hub
    datasets/org/name  spaces/org/name  hf://...        a dataset or a Space there
    ./folder  ../folder  /folder  ~/folder  file        on this machine
    git+https://host/path@revision  git+file:///path    in a git repository

An existing folder or file wins over a name on the Hub, as in transformers. For every
`source` this gives, `parse(str(source)) == source`, unless such a folder has appeared since.
"""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from secureload.errors import NotFoundError, UsageError
from secureload.flow import HUB_PREFIXES, Source, repo_type_of

_WAYS = "write org/name[@revision], ./folder, or git+https://host/path[@revision]"

_PART = r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?"
_HUB = re.compile(rf"{_PART}(?:/{_PART})?")
_HUB_CHARACTERS = 96

_LOCAL_COMMIT = re.compile(r"(?P<path>.+)@(?P<commit>local-[0-9a-f]{64})", re.DOTALL)
_REVISION_FORBIDDEN = re.compile(r"[\s~^:?*\[\\]|\.\.|//|@\{|/\.|\.lock(?:/|$)")
_REVISION_CHARACTERS = 255


def parse(text: str, revision: str | None = None) -> Source:
    """Read a reference; `revision` may be given beside it instead of in it.

    A revision asked of a local folder is ignored, as in transformers, unless it is the
    folder's own `local-<sha256>`, which `resolve` then holds it to.

    Raises:
        UsageError: the text is no reference, or names two different revisions.
        NotFoundError: the text is a path (`./`, `../`, `/`, `~`) and nothing is there.
    """
    if text and not text.isprintable():
        raise UsageError(
            f"{text!r} has characters that do not show, which no reference may have",
            hint="rename the file or folder; `secureload scan` takes any name",
        )
    if not text or text != text.strip():
        raise UsageError(f"{text!r} is not a reference to a model", hint=_WAYS)
    if revision is not None:
        _check_revision(revision, text)
    if text.startswith("git+"):
        return _git(text, revision)
    for prefix in ("hub:", "hf://"):
        if text.startswith(prefix):
            return _hub(text.removeprefix(prefix), revision)
    if found := _local(text, revision):
        return found
    return _hub(text, revision)


def check(source: Source) -> None:
    """Refuse a `Source` that `parse` could not have given.

    Raises:
        UsageError: its location or revision is not of its kind's form.
    """
    if source.kind == "hub":
        _check_hub(source.location)
    elif source.kind == "git":
        _check_url(source.location)
    elif not Path(source.location).is_absolute():
        raise UsageError(f"{source.location!r} is not an absolute path")
    if source.revision is not None:
        _check_revision(source.revision, source.location)


def is_loopback(host: str | None) -> bool:
    """True for `localhost` and loopback addresses."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def _local(text: str, revision: str | None) -> Source | None:
    explicit = text.startswith(("/", "./", "../", "~")) or text in {".", ".."}
    commit = revision if revision and revision.startswith("local-") else None
    path = _existing(text)
    if path is None and (match := _LOCAL_COMMIT.fullmatch(text)):
        path = _existing(match["path"])
        commit = _one_revision(match["commit"], commit, text)
    if path is None and explicit:
        raise NotFoundError(
            f"there is no file or folder {text}",
            hint=f"for a model on the Hub {_WAYS.split(',')[0]}",
        )
    return Source(kind="local", location=str(path), revision=commit) if path else None


def _existing(text: str) -> Path | None:
    """The path with its folder resolved, so that one folder has one name."""
    try:
        path = Path(text).expanduser()
        if path.is_dir():
            return path.resolve()
        if path.exists():
            # The last part stays as it is: in the Hugging Face cache it is a link whose
            # target has no suffix.
            return path.parent.resolve() / path.name
    except (OSError, RuntimeError):
        return None
    return None


def _hub(text: str, revision: str | None) -> Source:
    name, at, own = text.partition("@")
    if at:
        _check_revision(own, text)
    _check_hub(name)
    return Source(
        kind="hub", location=name, revision=_one_revision(own if at else None, revision, text)
    )


def _check_hub(location: str) -> None:
    repo_type = repo_type_of(location)
    name, problem = location.removeprefix(HUB_PREFIXES[repo_type]), ""
    if repo_type == "space" and "/" not in name:
        problem = "names no Space: each has an owner, as in spaces/org/name"
    elif not _HUB.fullmatch(name) or ".." in name or "--" in name:
        problem = "is not a name on the Hub, and no such folder exists here"
    elif len(name) > _HUB_CHARACTERS:
        problem = f"is longer than a name on the Hub may be ({_HUB_CHARACTERS} characters)"
    elif name.endswith((".git", ".ipynb")):
        problem = "ends as no name on the Hub may"
    if problem:
        raise UsageError(f"{location!r} {problem}", hint=_WAYS)


def _git(text: str, revision: str | None) -> Source:
    url = text.removeprefix("git+")
    scheme, separator, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    before, at, own = path.rpartition("@")
    if at and before and not before.endswith("/"):
        _check_revision(own, text)
        url = f"{scheme}{separator}{host}{slash}{before}"
    else:
        own = ""
    _check_url(url)
    if revision and "@" in revision:
        raise UsageError(f"the revision {revision!r} of a git URL may not have an `@`")
    return Source(kind="git", location=url, revision=_one_revision(own or None, revision, text))


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        host = parts.hostname
        _ = parts.port
    except ValueError as error:
        raise UsageError(f"{url!r} is not a URL: {error}", hint=_WAYS) from error
    problem = ""
    if not url.isprintable() or re.search(r"[\s\\]", url):
        problem = "has spaces, backslashes or control characters"
    elif parts.scheme not in {"https", "http", "file"}:
        problem = "is not a git+https:// or git+file:// URL"
    elif parts.scheme == "http" and not is_loopback(host):
        problem = "would be fetched without encryption"
    elif parts.scheme == "file" and (host or not parts.path.startswith("/")):
        problem = "must name an absolute path on this machine, as in git+file:///path"
    elif parts.scheme != "file" and (not host or host.startswith("-")):
        problem = "names no host"
    elif parts.scheme != "file" and "@" in parts.netloc:
        problem = "holds a user name or password, which would be recorded"
    elif parts.query or parts.fragment or url.endswith(("?", "#")):
        problem = "has a query or fragment"
    elif not parts.path.strip("/") or ".." in unquote(parts.path).split("/"):
        problem = "names no repository"
    if problem:
        raise UsageError(f"{url!r} {problem}", hint=_WAYS)


def _check_revision(revision: str, text: str) -> None:
    if (
        not revision
        or len(revision) > _REVISION_CHARACTERS
        or not revision.isprintable()
        or _REVISION_FORBIDDEN.search(revision)
        or revision.startswith(("-", "/", ".", "+"))
        or revision.endswith(("/", ".", "@"))
    ):
        raise UsageError(
            f"{revision!r} in {text!r} is not a revision",
            hint="give a branch, a tag, or a commit of 40 hex digits",
        )


def _one_revision(own: str | None, given: str | None, text: str) -> str | None:
    if own and given and own != given:
        raise UsageError(
            f"{text!r} asks for revision {own!r}, and revision={given!r} for another",
            hint="give the revision once",
        )
    return own or given
