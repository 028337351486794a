"""What a policy can say: every topic, its settings and what each is when left out.

Values of a setting are listed from the loosest to the strictest; where several rules apply,
the strictest wins. A setting that is left out means what the shipped `default` policy says.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, TypeAlias, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from secureload.flow import RepoType

Action = Literal["allow", "warn", "deny"]
"""What to do about something: nothing, mention it, or refuse."""

_UNITS = {
    "": 1, "B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
}  # fmt: skip
_SIZE = r"^\d+ ?(?:B|kB|MB|GB|TB|KiB|MiB|GiB|TiB)?$"
Size: TypeAlias = (
    Annotated[int, msgspec.Meta(ge=0)] | Annotated[str, msgspec.Meta(pattern=_SIZE)] | None
)
"""A number of bytes, or a number with a unit such as `60GiB`; None for no limit."""

Name = Annotated[str, msgspec.Meta(min_length=1)]

_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
Age: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^\d{1,6} ?[smhdw]$")]
"""A length of time: a number of seconds, minutes, hours, days or weeks, such as `14d`."""


class Topic(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A group of settings; unknown keys are errors."""


class Repos(Topic, frozen=True, kw_only=True):
    """Which repositories may be asked for, as globs over `org/name`, a path or a URL.

    `deny` is compared without regard to case, because a hub may be as lenient. Of a dataset
    or a Space the name begins with `datasets/` or `spaces/`; what is denied without that is
    denied of every type.
    """

    allow: tuple[Name, ...] = ("*",)
    deny: tuple[Name, ...] = ()


class Revision(Topic, frozen=True, kw_only=True):
    """Which commit may be asked for, and what a branch or tag means.

    `commit-sha`: the caller names a full commit id. `follow`: a branch is resolved anew each
    time. `resolve-and-lock`: it means the newest commit admitted here, and is resolved only
    when there is none. `last-admitted`: likewise, and refused when there is none.
    `monotonic`: a branch or tag may only move on from the commit last admitted, never back
    and never aside. `minAge`: how long this ledger must have known a commit, such as `14d`.
    """

    require: Literal["any", "commit-sha"] = "any"
    branches: Literal["follow", "resolve-and-lock", "last-admitted"] = "follow"
    monotonic: bool = False
    min_age: Age | None = None


class Demand(Topic, frozen=True, kw_only=True):
    """A signature that a policy asks for: its kind, and the name of the trust root behind it.

    `commit` is either kind over a commit or tag. Without `trustRoot` any root will do. `and`
    are further signatures that must be there with it.
    """

    kind: Literal["commit", "openpgp", "ssh", "model-signing"]
    trust_root: Name | None = None
    and_: tuple[Demand, ...] = msgspec.field(name="and", default=())

    @property
    def each(self) -> tuple[Demand, ...]:
        """Every signature that is asked for, by itself."""
        alone = Demand(kind=self.kind, trust_root=self.trust_root)
        return (alone, *(one for further in self.and_ for one in further.each))

    def __str__(self) -> str:
        root = f" by trust root `{self.trust_root}`" if self.trust_root else ""
        return " and ".join([f"{self.kind}{root}", *map(str, self.and_)])


class Identity(Topic, frozen=True, kw_only=True):
    """What to do without a publisher's signature, and whose signatures count.

    `absent`: nobody signed. `unknownKey`: the key is in no trust root. `platformAttested`:
    the hub signed, not the publisher. `unsignedFiles`: files that a signature over the folder
    leaves out, and no other covers. `expiredKey: first-seen` takes a signature whose key has
    expired since this ledger first met it, `revokedKey: first-seen` one whose OpenPGP key was
    retired since (superseded, or used no longer); a key revoked for any other reason may have
    been stolen before anybody noticed. A signature that is present and wrong is refused
    always. `anyOf`: one of these must be there and hold; `allOf`: every one of them;
    `prefer`: mention it when none of these is. `trustRoots` are files, relative to the policy.
    """

    absent: Action = "warn"
    unknown_key: Action = "warn"
    platform_attested: Action = "warn"
    unsigned_files: Action = "warn"
    expired_key: Literal["first-seen", "deny"] = "deny"
    revoked_key: Literal["first-seen", "deny"] = "deny"
    invalid: Literal["deny"] = "deny"
    any_of: tuple[Demand, ...] = ()
    all_of: tuple[Demand, ...] = ()
    prefer: tuple[Demand, ...] = ()
    trust_roots: tuple[Name, ...] = ()


class Owner(Topic, frozen=True, kw_only=True):
    """Who owns a repository of the hub, by the ids that the hub gives, not by names.

    `trust-on-first-use`: the first ones that this ledger met. `onChange`: what to do when
    they differ now; `quarantine` refuses until `accept` lists the new ids.
    """

    pin: Literal["none", "trust-on-first-use"] = "trust-on-first-use"
    on_change: Literal["allow", "warn", "quarantine"] = "warn"
    accept: tuple[Name, ...] = ()


class Licences(Topic, frozen=True, kw_only=True):
    """Licences as the model card's front matter names them; `allow` absent means every one.

    `unknown`: the card names none, or there is no card. The names are compared without
    regard to case.
    """

    allow: tuple[Name, ...] | None = None
    deny: tuple[Name, ...] = ()
    unknown: Action = "allow"


class HubSignals(Topic, frozen=True, kw_only=True):
    """What to do about the hub's own scan of a repository, which only ever speaks against it.

    `unsafe`: it calls a file unsafe. `suspicious`: less than that. `pending`: it has not
    looked yet. `unavailable`: it says nothing, or nothing that can be read. `consult: never`
    does not ask.
    """

    consult: Literal["never", "always"] = "always"
    unsafe: Literal["deny"] = "deny"
    suspicious: Action = "warn"
    pending: Action = "allow"
    unavailable: Action = "allow"


class Formats(Topic, frozen=True, kw_only=True):
    """Formats by the scanner's names; `allow` absent means all that the scanner knows."""

    allow: tuple[Name, ...] | None = None
    deny: tuple[Name, ...] = ()


class Pickles(Topic, frozen=True, kw_only=True):
    """What to do with pickles.

    `convert`: weights are converted without unpickling, and a pickle may name only what the
    scanner's own profiles list. `allowlist`: likewise, but `profiles`, where there are any,
    stand in for all the scanner's, and `allow` (`module.name`) adds to them. `forbid`: no
    pickles at all.
    """

    mode: Literal["allowlist", "convert", "forbid"] = "convert"
    profiles: tuple[Name, ...] = ()
    allow: tuple[Name, ...] = ()


class Verdicts(Topic, frozen=True, kw_only=True):
    """What to do about a file that the scanner does not call clean.

    `suspicious`: not provably harmless, or of no known format. `error`: not readable to its
    end. What is malicious is refused always.
    """

    suspicious: Action = "deny"
    error: Action = "deny"
    malicious: Literal["deny"] = "deny"


class Limits(Topic, frozen=True, kw_only=True):
    """The most that one admission may fetch: bytes altogether, bytes a file, files."""

    repo_bytes: Size = None
    file_bytes: Size = None
    files: Annotated[int, msgspec.Meta(ge=0)] | None = None


class Cache(Topic, frozen=True, kw_only=True):
    """What a warm load checks.

    `changed`: inode, size and times. `always`: the digests of the files. `hashed-bytes`: the
    digests of the very bytes that the library is given, read once into sealed memory or onto
    the accelerator, so that nothing lies between check and use.
    """

    verify: Literal["changed", "always", "hashed-bytes"] = "changed"


class Waivers(Topic, frozen=True, kw_only=True):
    """Which waivers count: files of `kind: Waiver`, for how long, approved by how many.

    `files` are paths or globs, relative to the policy. `maxDays` is the longest time from
    issue to expiry (null: any), `approvers` how many people besides the owner must have approved.
    `forbidRules` are rules that nothing excuses, and among them `malicious` stands for every
    finding of a known dangerous effect, `error` for files not read to their end. What is no
    finding in a file, a bad signature above all, is never waived.
    """

    files: tuple[Name, ...] = ()
    max_days: Annotated[int, msgspec.Meta(ge=0)] | None = 90
    approvers: Annotated[int, msgspec.Meta(ge=0)] = 1
    forbid_rules: tuple[Name, ...] = ("malicious", "error")


class Evidence(Topic, frozen=True, kw_only=True):
    """Whether an admission must leave evidence signed by the operator's key.

    `preferred`: where there is a key. `required`: no key, no admission.
    """

    sign: Literal["preferred", "required"] = "preferred"


class RemoteCode(Topic, frozen=True, kw_only=True):
    """Run a repository's Python where the digest of all of it is in `file` (`CodeApprovals`)."""

    mode: Literal["approved-digests"]
    file: Name


class Topics(Topic, frozen=True, kw_only=True):
    """Everything a policy says once what it extends and what it leaves out are filled in.

    `mode`: `enforce` refuses; `warn` and `audit` admit, mention or only record what enforce
    would refuse, except what is malicious, badly signed or would run code. `repoTypes` are
    the types of the Hub's repositories that may be asked for. `scope` is what to fetch and
    scan: what the library needs, or all; of a dataset or a Space it is always all. `sandbox:
    required` refuses where the files were not read in full confinement.
    """

    mode: Literal["audit", "warn", "enforce"] = "enforce"
    sources: tuple[Literal["hub", "local", "git"], ...] = ("hub", "local", "git")
    repo_types: tuple[RepoType, ...] = ("model",)
    repos: Repos = Repos()
    revision: Revision = Revision()
    identity: Identity = Identity()
    owner: Owner = Owner()
    formats: Formats = Formats()
    pickles: Pickles = Pickles()
    verdicts: Verdicts = Verdicts()
    remote_code: Literal["forbid"] | RemoteCode = "forbid"
    licences: Licences = Licences()
    hub_signals: HubSignals = HubSignals()
    limits: Limits = Limits()
    sandbox: Literal["preferred", "required"] = "preferred"
    cache: Cache = Cache()
    evidence: Evidence = Evidence()
    waivers: Waivers = Waivers()
    scope: Literal["needed", "all"] = "needed"


class Match(Topic, frozen=True, kw_only=True):
    """What a rule applies to; what is absent matches all.

    A glob of `repos` without `datasets/` or `spaces/` matches every type of repository of
    that name, because a rule can only forbid; one of `except` means what it spells.
    """

    sources: tuple[Literal["hub", "local", "git"], ...] | None = None
    repo_types: tuple[RepoType, ...] | None = None
    repos: tuple[Name, ...] = ("*",)
    except_: tuple[Name, ...] = msgspec.field(name="except", default=())


def in_bytes(size: int | str) -> int:
    """Read a size: `in_bytes("2 KiB") == 2048`."""
    if isinstance(size, int):
        return size
    number, unit = re.fullmatch(r"(\d+) ?(\w*)", size).groups()  # type: ignore[union-attr]
    return int(number) * _UNITS[unit]


def in_seconds(age: str) -> int:
    """Read a length of time: `in_seconds("2h") == 7200`."""
    return int(age[:-1]) * _SECONDS[age[-1]]


_T = TypeVar("_T", bound=Topic)


def partial(
    shape: type[Topic], *, without: frozenset[str] = frozenset(), more: tuple[Any, ...] = ()
) -> type[Any]:
    """The same topic with every setting optional and no value when left out.

    `without` names settings (`Topics.repos`) that the new topic lacks, `more` fields (name,
    type, default) that it has besides.
    """
    hints = get_type_hints(shape, include_extras=True)
    fields: list[Any] = []
    for name in shape.__struct_fields__:
        if f"{shape.__name__}.{name}" not in without:
            kind = hints[name]
            if isinstance(kind, type) and issubclass(kind, Topic):
                kind = partial(kind, without=without)
            fields.append((name, kind | msgspec.UnsetType, msgspec.UNSET))
    return msgspec.defstruct(
        f"Partial{shape.__name__}",
        [*fields, *more],
        frozen=True,
        kw_only=True,
        rename="camel",
        forbid_unknown_fields=True,
    )


def layered(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Lay one plain document over another: what `over` says replaces what `base` says."""
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        both = isinstance(below, dict) and isinstance(value, dict)
        merged[key] = layered(below, value) if both else value  # type: ignore[arg-type]
    return merged


def tightened(base: _T, over: Any) -> _T:
    """Take the stricter of two settings wherever the partial topic `over` has one."""
    hints = get_type_hints(type(base), include_extras=True)
    changes: dict[str, Any] = {}
    for name in over.__struct_fields__:
        mine, theirs = getattr(base, name), getattr(over, name)
        if theirs is not msgspec.UNSET:
            changes[name] = _stricter(name, hints[name], mine, theirs)
    return msgspec.structs.replace(base, **changes)


def _stricter(name: str, kind: Any, mine: Any, theirs: Any) -> Any:
    if name == "remote_code":  # two files approve nothing together
        return mine if mine == theirs else "forbid"
    if isinstance(mine, Topic):
        return tightened(mine, theirs)
    if get_origin(kind) is Literal:
        return max(mine, theirs, key=get_args(kind).index)
    if isinstance(mine, bool):
        return mine or theirs
    if mine is None or theirs is None:
        return theirs if mine is None else mine
    if name == "min_age":
        return max(mine, theirs, key=in_seconds)
    if name == "approvers":
        return max(mine, theirs)
    if name == "any_of":
        return _any_of_both(mine, theirs)
    if name in {"deny", "all_of", "prefer", "forbid_rules"}:
        return tuple(dict.fromkeys((*mine, *theirs)))
    if isinstance(mine, tuple):
        return tuple(value for value in mine if value in theirs)
    return min(mine, theirs, key=in_bytes)


def _any_of_both(mine: tuple[Demand, ...], theirs: tuple[Demand, ...]) -> tuple[Demand, ...]:
    """What meets one of `mine` and one of `theirs`, without what asks for more than another."""
    if not theirs:
        return mine
    pairs = [one.each + other.each for one in mine for other in theirs] if mine else [
        one.each for one in theirs
    ]  # fmt: skip
    found = {frozenset((one.kind, one.trust_root or "") for one in pair) for pair in pairs}
    least = [atoms for atoms in found if not any(other < atoms for other in found)]
    return tuple(_demand(sorted(atoms)) for atoms in sorted(least, key=sorted))


def _demand(atoms: list[tuple[Any, str]]) -> Demand:
    head, *rest = [Demand(kind=kind, trust_root=root or None) for kind, root in atoms]
    return msgspec.structs.replace(head, and_=tuple(rest))
