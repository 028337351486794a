"""Policies from files: shipped ones by name, others by path, each extending another or not."""

from __future__ import annotations

import datetime as dt
import functools
import glob
import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from types import GenericAlias
from typing import Any, Literal

import msgspec
import yaml

from secureload.documents import API_VERSION, Metadata, NoDocumentError, line_of, load_document
from secureload.errors import PolicyError
from secureload.flow import PolicyId, Source
from secureload.learned import learned
from secureload.policy import pickled, waivers
from secureload.policy.compiled import SHIPPED, shipped_folder
from secureload.policy.topics import (
    Match,
    Name,
    RemoteCode,
    Topics,
    layered,
    partial,
    tightened,
)
from secureload.policy.waivers import Waiver
from secureload.settings import Settings

_DEEPEST = 8
"""Longest chain of `extends`; more is a loop or a mistake."""

_RULES_LEAVE = frozenset(
    {"Topics.sources", "Topics.repos", "Identity.trust_roots", "Waivers.files"}
)
"""What a rule cannot set: it matches sources and repos; trust roots and waivers name their own."""

_RuleSettings = partial(Topics, without=_RULES_LEAVE)
_Rule = partial(
    Topics,
    without=_RULES_LEAVE,
    more=(("name", Name), ("match", Match, Match()), ("deny", str, "")),
)
_Spec = partial(
    Topics, more=(("extends", str, ""), ("rules", GenericAlias(tuple, (_Rule, ...)), ()))
)


class _Document(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    apiVersion: str  # noqa: N815
    kind: Literal["TrustPolicy"]
    metadata: Metadata
    spec: _Spec  # type: ignore[valid-type]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Settings for the sources and repositories that it matches; `deny` refuses them."""

    name: str
    match: Match
    settings: Any
    deny: str = ""

    def applies_to(self, source: Source) -> bool:
        """Whether this source is matched and not excepted."""
        match = self.match
        if match.sources is not None and source.kind not in match.sources:
            return False
        if match.repo_types is not None and source.repo_type not in match.repo_types:
            return False
        names = {source.repository, source.name}
        return any(fnmatchcase(name, glob) for name in names for glob in match.repos) and not any(
            fnmatchcase(source.repository, glob) for glob in match.except_
        )


@dataclass(frozen=True, kw_only=True)
class Policy:
    """A policy with everything filled in.

    `base` holds the settings before any rule applies; `topics(source)` those for one source.
    `trust_roots` are absolute paths whose contents are part of `id.digest`, and so are the
    `waivers` that are current on the day that it is loaded.
    """

    id: PolicyId
    description: str
    base: Topics
    rules: tuple[Rule, ...] = ()
    trust_roots: tuple[Path, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    today: dt.date
    origin: Path | None = field(default=None, compare=False)

    @property
    def mode(self) -> Literal["audit", "warn", "enforce"]:
        """Whether it refuses, warns or only records, before any rule applies."""
        return self.base.mode

    def topics(self, source: Source) -> Topics:
        """The settings for one source: every matching rule applies, the strictest wins."""
        topics = self.base
        for rule in self.rules:
            if rule.applies_to(source):
                topics = tightened(topics, rule.settings)
        return topics

    def enforced(self) -> Policy:
        """The same policy in mode `enforce`, for asking what it would refuse."""
        # The strictest of all rules wins, so this one setting is enough.
        return _sealed(replace(self, base=msgspec.structs.replace(self.base, mode="enforce")))

    def document(self) -> dict[str, Any]:
        """The policy as a document with everything filled in; loading it gives this policy."""
        spec = msgspec.to_builtins(self.base)
        spec["identity"]["trustRoots"] = [str(path) for path in self.trust_roots]
        for topic in ("formats", "licences"):
            if spec[topic]["allow"] is None:
                del spec[topic]["allow"]
        spec["waivers"]["files"] = [str(waiver.path) for waiver in self.waivers]
        spec["limits"] = {key: size for key, size in spec["limits"].items() if size is not None}
        spec["rules"] = [
            {
                "name": rule.name,
                "match": _match_of(rule.match),
                "deny": rule.deny,
                **msgspec.to_builtins(rule.settings),
            }
            for rule in self.rules
        ]
        document = {
            "apiVersion": API_VERSION,
            "kind": "TrustPolicy",
            "metadata": {"name": self.id.name, "description": self.description},
            "spec": spec,
        }
        plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(document))
        return plain


def load(
    policy: str | Path | Policy | None, settings: Settings, *, today: dt.date | None = None
) -> Policy:
    """Find and read a policy: a shipped name, a path, a policy, or None for the settings'.

    Trust roots are those that the policy names and the files `$SECURELOAD_HOME/trust/*.yaml`,
    waivers likewise and `waivers/*.yaml`. `today` is the day (UTC) on which waivers must be
    current.

    Raises:
        PolicyError: there is no such policy, or it is not valid; the message names file and
            line.
    """
    if isinstance(policy, Policy):
        return policy
    path = _find(policy if policy is not None else settings.policy, beside=None)
    loaded = _read(path, _state_of(path), today or dt.datetime.now(dt.UTC).date())
    loaded = with_waivers(loaded, _own(settings.home / "waivers"))
    return with_trust_roots(loaded, _own(settings.home / "trust"))


def _own(folder: Path) -> list[Path]:
    try:
        return sorted(folder.glob("*.yaml"))
    except OSError as error:
        raise PolicyError(f"{folder}: {error.strerror}") from error


def with_waivers(policy: Policy, paths: Iterable[Path]) -> Policy:
    """The same policy with more waivers, and a digest that says so.

    Raises:
        PolicyError: a waiver is not valid, or two have one name.
    """
    added = dict.fromkeys(paths)
    if not added:
        return policy
    found = {waiver.name: waiver for waiver in policy.waivers}
    for path in added:
        waiver = waivers.load(path)
        known = found.setdefault(waiver.name, waiver)
        if known != waiver:
            raise PolicyError(
                f"{path}: there is another waiver `{waiver.name}` in {known.path}",
                hint="give each waiver a name of its own",
            )
    return _sealed(replace(policy, waivers=tuple(found[name] for name in sorted(found))))


def with_trust_roots(policy: Policy, paths: Iterable[str | Path]) -> Policy:
    """The same policy trusting more roots, with a digest that says so.

    Raises:
        PolicyError: a file cannot be read.
    """
    added = [Path(path).expanduser().absolute() for path in paths]
    roots = tuple(dict.fromkeys((*policy.trust_roots, *added)))
    return _sealed(replace(policy, trust_roots=roots))


def shipped(name: str) -> Policy:
    """A shipped policy by name, with no trust roots of the user's own."""
    path = _find(name, beside=None)
    return _read(path, _state_of(path), dt.datetime.now(dt.UTC).date())


def _find(name: str | Path, *, beside: Path | None) -> Path:
    if isinstance(name, str) and name in SHIPPED:
        return shipped_folder() / f"{name}.yaml"
    path = Path(name).expanduser()
    if beside is not None:
        path = beside / path
    if path.is_file():
        return path.absolute()
    import difflib

    close = difflib.get_close_matches(str(name), SHIPPED, n=1)
    guess = f"did you mean `{close[0]}`? " if close else ""
    raise NoDocumentError(
        f"there is no policy `{name}`",
        hint=f"{guess}give the path of a policy file, or one of {', '.join(SHIPPED)}",
    )


def _state_of(path: Path) -> tuple[int, ...]:
    """What changes when a file is edited, so that reading one can be remembered."""
    try:
        stat = path.stat()
    except OSError as error:
        raise NoDocumentError(f"{path}: {error.strerror}") from error
    return (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)


@functools.lru_cache(maxsize=32)
def _parsed(path: Path, _state: tuple[int, ...]) -> _Document:
    return load_document(path, _Document)


def _read(path: Path, state: tuple[int, ...], today: dt.date) -> Policy:
    document: Any = _parsed(path, state)
    chain = [(path, document)]
    while chain[-1][1].spec.extends:
        if len(chain) == _DEEPEST:
            raise PolicyError(
                f"{_place_of_extends(path)}: more than {_DEEPEST} policies extend one another",
                hint="let the chain of `extends` end at a policy that extends none",
            )
        chain.append(_extended(*chain[-1]))

    plain: dict[str, Any] = {}
    rules: list[Rule] = []
    for origin, layer in reversed(chain):
        own = msgspec.to_builtins(layer.spec)
        own.pop("extends", None)
        own.pop("rules", None)
        roots = own.get("identity", {}).get("trustRoots")
        if roots is not None:
            own["identity"]["trustRoots"] = [_absolute(root, origin.parent) for root in roots]
        files = own.get("waivers", {}).get("files")
        if files is not None:
            own["waivers"]["files"] = [_absolute(name, origin.parent) for name in files]
        if isinstance(own.get("remoteCode"), dict):
            own["remoteCode"]["file"] = _absolute(own["remoteCode"]["file"], origin.parent)
        plain = layered(plain, own)
        for index, said in enumerate(layer.spec.rules):
            rule = _rule(said, origin.parent)
            pickled.check(rule.settings.pickles, [(origin, ("spec", "rules", index), said)])
            rules.append(rule)
    base = msgspec.convert(plain, learned(Topics))
    pickled.check(base.pickles, [(origin, ("spec",), layer.spec) for origin, layer in chain])
    loaded = _sealed(
        Policy(
            id=PolicyId(name=document.metadata.name, digest=""),
            description=document.metadata.description,
            base=base,
            rules=tuple(rules),
            trust_roots=tuple(Path(root) for root in base.identity.trust_roots),
            today=today,
            origin=path,
        )
    )
    return with_waivers(loaded, _matching(base.waivers.files))


def _extended(path: Path, document: Any) -> tuple[Path, Any]:
    """What a policy extends: where it lies, and its document."""
    try:
        parent = _find(document.spec.extends, beside=path.parent)
        return parent, _parsed(parent, _state_of(parent))
    except NoDocumentError as error:  # any other has a line of its own, in what is extended
        place = _place_of_extends(path)
        raise PolicyError(f"{place}: {error.message}", hint=error.hint) from error


def _place_of_extends(path: Path) -> str:
    return f"{path}:{line_of(path, 'spec', 'extends')}: `spec.extends`"


def _matching(patterns: Iterable[str]) -> Iterable[Path]:
    """The files that paths and globs name; a plain path is named whether it exists or not."""
    for pattern in patterns:
        if any(character in pattern for character in "*?["):
            yield from (Path(found) for found in sorted(glob.glob(pattern, recursive=True)))  # noqa: PTH207
        else:
            yield Path(pattern)


def _absolute(root: str, folder: Path) -> str:
    return os.path.abspath(folder / Path(root).expanduser())  # noqa: PTH100  no symlink resolved


def _rule(rule: Any, folder: Path) -> Rule:
    settings = _RuleSettings(
        **{name: getattr(rule, name) for name in _RuleSettings.__struct_fields__}
    )
    code = settings.remote_code
    if isinstance(code, RemoteCode):
        named = msgspec.structs.replace(code, file=_absolute(code.file, folder))
        settings = msgspec.structs.replace(settings, remote_code=named)
    return Rule(name=rule.name, match=rule.match, settings=settings, deny=rule.deny)


def _match_of(match: Match) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(match)
    return {key: value for key, value in plain.items() if value is not None}


def _sealed(policy: Policy) -> Policy:
    """Fill in the digest: SHA-256 over the canonical JSON of all that the policy says.

    Trust roots and current waivers count by their contents, so that the same policy has the
    same digest wherever it lies, and another one once a waiver has begun or expired; the
    description says nothing that decides.
    """
    document = policy.document()
    del document["metadata"]["description"]
    roots = {_digest_of_trust_root(path) for path in policy.trust_roots}
    document["spec"]["identity"]["trustRoots"] = sorted(roots - {""})
    current = [waiver for waiver in policy.waivers if waiver.current(policy.today)]
    document["spec"]["waivers"]["files"] = sorted(waiver.digest for waiver in current)
    for spec in (document["spec"], *document["spec"]["rules"]):
        if isinstance(spec.get("remoteCode"), dict):
            spec["remoteCode"]["file"] = _digest_of_approvals(Path(spec["remoteCode"]["file"]))
    canonical = msgspec.json.encode(document, order="sorted")
    digest = f"sha256:{hashlib.sha256(canonical).hexdigest()}"
    return replace(policy, id=PolicyId(name=policy.id.name, digest=digest))


def _digest_of_trust_root(path: Path) -> str:
    """Hash a trust root and every file beside it that it names.

    Empty for one that holds verifiers alone: those say whose admissions count here, not what
    may be admitted, so that both sides of an air gap have one policy.
    """
    try:
        content = path.read_bytes()
        total = hashlib.sha256(content)
        plain = yaml.safe_load(content)
        if _only_verifiers(plain):
            return ""
        for name in sorted(set(_texts(plain))):
            named = path.parent / name
            if len(name) < 1024 and "\0" not in name and named.is_file():
                total.update(f"\0{name}\0".encode())
                total.update(hashlib.sha256(named.read_bytes()).digest())
    except OSError as error:
        raise PolicyError(
            f"trust root {path}: {error.strerror}", hint="name a file of `kind: TrustRoot`"
        ) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise PolicyError(f"trust root {path}: not readable as YAML: {error}") from error
    return f"sha256:{total.hexdigest()}"


def _digest_of_approvals(path: Path) -> str:
    """Hash a file of approved code, after reading it."""
    from secureload.policy.code import approvals

    approvals(path)  # what is wrong with it is said here, not at the first load
    try:
        return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
    except OSError as error:
        raise PolicyError(f"{path}: {error.strerror}") from error


def _only_verifiers(root: Any) -> bool:
    try:
        kinds = [key["kind"] for key in root["spec"]["keys"]]
    except (KeyError, TypeError):
        return False  # reading the trust root says what is wrong with it
    return bool(kinds) and set(kinds) == {"verifier"}


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
