"""Admitted folders for what libraries ask: a repository, one file of it, a local folder."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from secureload.enforce import state

if TYPE_CHECKING:
    from secureload.flow import CacheEntry, Need, Source

_DEFAULT = "main"

_SECONDS = 20.0
"""How long an answer for a repository holds, so that one load asks the gate once."""

_WEIGHTS = re.compile(
    r"(?:pytorch_model|model|diffusion_pytorch_model|adapter_model)(?:\.(?P<variant>[\w-]+?))?"
    r"(?:-\d+-of-\d+)?\.(?:safetensors|bin)(?:\.index(?:\.(?P<indexed>[\w-]+))?\.json)?"
)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """How a repository is asked for: by which token, offline, with or without what is kept."""

    token: str | bool | None = None
    offline: bool = False
    force: bool = False


@dataclass(frozen=True, kw_only=True)
class Absent:
    """A file that is not in the admitted model, and why."""

    commit: str
    why: str


_known: dict[tuple[str, str], list[CacheEntry]] = {}
_answers: dict[object, tuple[float, CacheEntry | OSError]] = {}
_commits: dict[tuple[str, str], str] = {}
"""The commit that lies in an admitted folder, by the repository's name and the folder's."""
_listings: dict[tuple[str, str], tuple[str, ...]] = {}
_folders: dict[str, bool] = {}
_sealed: list[str] = []


def repository(
    repo: str, revision: str | None, asked: Asked, need: Need | None = None
) -> CacheEntry:
    """The admitted model of a repository.

    Raises:
        Refused: the policy says no.
        SecureloadError: no decision was reached.
    """
    from secureload.flow import Need, Source

    wanted = need or _needed(repo) or Need()
    # A client cannot leave the revision out of a URL: `main` is what it says then.
    revision = None if revision == _DEFAULT else _commit(repo, revision or None)
    source = Source(kind="hub", location=repo, revision=revision)
    return _answer((source, wanted, asked.token, asked.offline), source, wanted, asked)


def known(repo: str, revision: str | None, name: str) -> Path | None:
    """Where a file lies that this process has asked for before; nothing is asked for it now."""
    for entry in _known.get((repo, _commit(repo, revision) or _DEFAULT), ()):
        if found := _in(entry, name):
            return found
    return None


def folder(path: str, need: Need) -> CacheEntry:
    """The admitted copy of a local folder.

    Raises:
        Refused: the policy says no.
        SecureloadError: no decision was reached.
    """
    from secureload.flow import Source

    # No answer is kept: a folder changes, and asking again is cheap.
    source = Source(kind="local", location=os.path.abspath(path))  # noqa: PTH100
    return _admitted(source, need, Asked())


def file(repo: str, revision: str | None, name: str, asked: Asked) -> Path | Absent:
    """Where one file of a repository lies once admitted.

    A file beside those that a library needs, such as a variant, is admitted by itself; one
    that is converted is there under the name that it is given then.

    Raises:
        Refused: the policy says no.
        SecureloadError: no decision was reached.
    """
    from secureload.errors import NothingNeededError, OfflineError
    from secureload.flow import Need

    entry: CacheEntry | None = None
    try:
        entry = repository(repo, revision, asked)
    except NothingNeededError as error:
        commit, nothing = error.commit, error.message
    else:
        commit, nothing = entry.commit, f"{name} does not exist in {repo}"
        if found := _in(entry, name):
            return found
    try:
        known = listing(repo, commit, asked)
    except OfflineError:
        known = ()
    if name not in known:
        if legacy := _becoming(name, known):
            converted = repository(repo, commit, asked, Need(files=(legacy,)))
            if found := _in(converted, name):
                return found
        return Absent(commit=commit, why=nothing)
    needs = [Need(files=(name,))]
    if entry is not None and (match := _WEIGHTS.fullmatch(PurePosixPath(name).name)):
        place = str(PurePosixPath(name).parent)
        variant = match["variant"] or match["indexed"]
        needs.insert(0, Need(subfolder="" if place == "." else place, variant=variant))
    made = ""
    for need in needs:
        if entry is not None and (made := _made_of(entry, name)):
            break
        entry = repository(repo, commit, asked, need)
        if found := _in(entry, name):
            return found
        made = _made_of(entry, name)
    return Absent(
        commit=commit,
        why=f"{name} of {repo} is not served as it is: policy `{state.current().policy}` "
        f"admits it as {made or 'nothing that a library loads'}",
    )


def names(reference: str, revision: str | None, asked: Asked, *, local: bool) -> tuple[str, ...]:
    """The names of all files of a repository now, or of those right in a local folder.

    Raises:
        SecureloadError: the source could not be asked.
    """
    from secureload.enforce import judge
    from secureload.flow import Source

    with state.our_own_work():
        gate = judge.the_gate(token=asked.token, offline=asked.offline)
        if not local:
            wanted = None if revision == _DEFAULT else revision or None
            return gate.files(Source(kind="hub", location=reference, revision=wanted))
        source = Source(kind="local", location=os.path.abspath(reference))  # noqa: PTH100
        return tuple(name for name in gate.files(source) if "/" not in name)


def listing(repo: str, commit: str, asked: Asked) -> tuple[str, ...]:
    """The names of all files at a commit, admitted or not.

    Raises:
        SecureloadError: the repository could not be asked.
    """
    from secureload.enforce import judge
    from secureload.flow import Source

    if (repo, commit) not in _listings:
        source = Source(kind="hub", location=repo, revision=commit)
        with state.our_own_work():
            gate = judge.the_gate(token=asked.token, offline=asked.offline)
            _listings[repo, commit] = gate.files(source)
    return _listings[repo, commit]


@contextlib.contextmanager
def sealed(folder: Path) -> Iterator[None]:
    """A stretch in which what lies in this folder, admitted and sealed in memory, is loaded."""
    _sealed.append(str(folder))
    try:
        yield
    finally:
        _sealed.remove(str(folder))


def is_sealed(path: str) -> bool:
    """Whether an absolute path is one of those folders, or lies in one."""
    plain = os.path.normpath(path)
    return any(plain == top or plain.startswith(top + os.sep) for top in _sealed)


def holds(path: str) -> bool:
    """Whether an absolute path lies in a folder that was admitted under this policy.

    Raises:
        IntegrityError: the folder is not what was admitted.
        SecureloadError: the ledger cannot be read.
    """
    if is_sealed(path):
        return True
    plain = os.path.normpath(path)
    models = state.models()
    if not plain.startswith(models):
        return False
    name = plain[len(models) :].split(os.sep, 1)[0]
    if models + name not in _folders:
        with state.our_own_work():
            _folders[models + name] = _recorded(name)
    return _folders[models + name]


def _recorded(name: str) -> bool:
    """Whether the ledger has a folder as admitted under this policy, by whichever process."""
    from secureload.enforce import judge

    gate = judge.the_gate()
    entry = gate.in_folder(name)
    return entry is not None and entry.verdict.policy.digest == gate.policy.id.digest


def _commit(repo: str, revision: str | None) -> str | None:
    """What a client asks for, who may take the name of a file's folder for its commit.

    In the Hub's own cache it is; `datasets` pins what it has begun to read that way.
    """
    return _commits.get((repo, revision), revision) if revision else revision


def _needed(repo: str) -> Need | None:
    need = state.doing.need
    return need[1] if need is not None and need[0] == repo else None


def _answer(key: object, source: Source, need: Need, asked: Asked) -> CacheEntry:
    from secureload.errors import SecureloadError

    known = _answers.get(key)
    if known is not None and time.monotonic() - known[0] < _SECONDS and not asked.force:
        answer = known[1]
    else:
        try:
            answer = _admitted(source, need, asked)
        except SecureloadError as error:
            answer = error
        _answers[key] = (time.monotonic(), answer)
        if not isinstance(answer, OSError):
            for revision in {source.revision or _DEFAULT, answer.commit}:
                _known.setdefault((source.location, revision), []).insert(0, answer)
    if isinstance(answer, OSError):
        raise answer.with_traceback(None)
    return answer


def _admitted(source: Source, need: Need, asked: Asked) -> CacheEntry:
    from secureload.enforce import judge

    with state.our_own_work():
        gate = judge.the_gate(token=asked.token, offline=asked.offline)
        entry = gate.admit(source, need, force=asked.force)
    _folders[str(entry.path)] = True
    _commits[source.location, entry.path.name] = entry.commit
    return entry


def _in(entry: CacheEntry, name: str) -> Path | None:
    return entry.path / name if any(file.path == name for file in entry.files) else None


def _becoming(name: str, known: tuple[str, ...]) -> str | None:
    """The one legacy file that is converted to a file of this name."""
    from secureload.convert.plan import renamed

    if not name.endswith(".safetensors"):
        return None
    legacy = [other for other in known if renamed(other) == name]
    return legacy[0] if len(legacy) == 1 else None


def _made_of(entry: CacheEntry, name: str) -> str:
    """What a file that was converted has become."""
    for conversion in entry.conversions:
        if name in conversion.inputs and conversion.outputs:
            return ", ".join(conversion.outputs)
    return ""
