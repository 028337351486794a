"""Everything that passes through the gate, in order. Read this file first.

    text -> Source -> Listing -> Attestation -> Snapshot -> Report -> Verdict (Approval)
         -> Artifact -> CacheEntry -> model

Each stage takes the value before and gives the next; only `gate` knows the order. All
values are frozen. `Approval` is a permission: only `policy.decide` makes one, and the
stages after it cannot be called without.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from datetime import datetime  # at run time too: the ledger reads `Circumstances` by its types
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from scanner.frozen import dataclass, field

if TYPE_CHECKING:
    from scanner import Report

SourceKind = Literal["hub", "local", "git"]
RepoType = Literal["model", "dataset", "space"]

HUB_PREFIXES: Mapping[RepoType, str] = {"model": "", "dataset": "datasets/", "space": "spaces/"}
"""How the Hub tells its types of repositories apart: by what stands before the name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """Where a model is asked for, or a dataset or Space of the Hub.

    `location` is `org/name`, `datasets/org/name` or `spaces/org/name` (hub), an absolute path
    (local) or a URL without the `git+` (git). `revision` is what the caller asked for: a
    branch, a tag, a commit, or None for the default branch.
    """

    kind: SourceKind
    location: str
    revision: str | None = None

    def __str__(self) -> str:
        prefix = "git+" if self.kind == "git" else ""
        suffix = f"@{self.revision}" if self.revision else ""
        return f"{prefix}{self.location}{suffix}"

    @property
    def repository(self) -> str:
        """The name that trust roots and policy rules match: `org/name`, a path, a URL.

        A dataset's and a Space's begin with their type, so that no record of one is ever
        taken for that of a model of its name.
        """
        return self.location

    @property
    def repo_type(self) -> RepoType:
        """`dataset` or `space` for those of the Hub; `model` for everything else."""
        return repo_type_of(self.location) if self.kind == "hub" else "model"

    @property
    def name(self) -> str:
        """`org/name` of a repository of the Hub, whatever its type; else the location."""
        return self.location.removeprefix(HUB_PREFIXES[self.repo_type])


def repo_type_of(repository: str) -> RepoType:
    """The type that the name of a repository of the Hub begins with."""
    for repo_type, prefix in HUB_PREFIXES.items():
        if prefix and repository.startswith(prefix):
            return repo_type
    return "model"


@dataclass(frozen=True, kw_only=True, slots=True)
class FileClaim:
    """What a source says of one file; nothing here is verified.

    `path` is relative with `/`, `size` in bytes. `git_oid` is the git blob id in hex,
    `sha256` the LFS digest in hex, each None when the source makes no such claim.
    """

    path: str
    size: int
    git_oid: str | None = None
    sha256: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Signal:
    """What a hub's own scanners say of a commit, and when they were asked.

    `state` is `unsafe`, `suspicious`, `pending`, `safe` or `unavailable`; `files` are paths
    with the level that the hub gives them, `said` its words in JSON.
    """

    state: Literal["unsafe", "suspicious", "pending", "safe", "unavailable"]
    asked_at: str
    files: tuple[tuple[str, str], ...] = ()
    said: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Upstream:
    """What a hub says of a repository besides its files; nothing here is verified.

    `ids` are what identifies the repository (`repository`) and who owns it (`account`),
    whichever the hub gives: names may pass to somebody else, ids do not.
    """

    ids: Mapping[str, str] = field(default_factory=dict)
    signal: Signal | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """One pinned commit and the files it is said to hold, sorted by path.

    `commit` is 40 (or 64) hex digits for hub and git sources; for a local folder it is
    `local-` and a SHA-256 over names and contents, so equal folders have equal commits.
    """

    source: Source
    commit: str
    claims: tuple[FileClaim, ...]
    upstream: Upstream | None = None

    @property
    def pinned(self) -> Source:
        """The source at exactly this commit."""
        return Source(kind=self.source.kind, location=self.source.location, revision=self.commit)


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """Which of a listing's files the caller needs, by path, and why the others are left."""

    paths: tuple[str, ...]
    left: Mapping[str, str] = field(default_factory=dict)
    purpose: str = "model"


@dataclass(frozen=True, kw_only=True, slots=True)
class Need:
    """What the caller wants out of a repository.

    `purpose` is `model` (weights and all that goes with them), `processor` (configuration,
    tokenizer, processor: no weights), `data` (all but programs) or `everything`. `subfolder`
    and `variant` are as in `from_pretrained`, and the variant `*` means all that there are.
    `framework` asks for the weights that TensorFlow or Flax wrote, even where there are
    PyTorch's. `files` names single files, by path, and then only those are needed. `code`:
    the repository's own Python as well, which is to run.
    """

    purpose: Literal["model", "processor", "data", "everything"] = "model"
    subfolder: str = ""
    variant: str | None = None
    framework: Literal["", "tensorflow", "flax"] = ""
    files: tuple[str, ...] = ()
    code: bool = False

    def of(self, source: Source) -> Need:
        """The same need of this source: no library says what to load of a dataset or a Space.

        A Space is a program, so that nothing of it is wanted without its code.
        """
        if source.repo_type == "model":
            return self
        return Need(
            purpose="everything" if self.purpose == "everything" else "data",
            subfolder=self.subfolder,
            files=self.files,
            code=self.code or source.repo_type == "space",
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class GitRemote:
    """Where raw git objects of a listing can be fetched: a URL and secret HTTP headers."""

    url: str
    headers: tuple[str, ...] = field(default=(), repr=False)


class SignatureStatus(enum.Enum):
    """Who signed, in one word. Only `VERIFIED` is a publisher's signature."""

    VERIFIED = "verified"
    UNSIGNED = "unsigned"
    UNKNOWN_KEY = "unknown-key"
    KEY_NOT_ALLOWED = "key-not-allowed"
    BAD_SIGNATURE = "bad-signature"
    EXPIRED_KEY = "expired-key"
    REVOKED_KEY = "revoked-key"
    EXPIRED_SIGNATURE = "expired-signature"
    WEAK_DIGEST = "weak-digest"
    BROKEN_CHAIN = "broken-chain"
    PLATFORM_ATTESTED = "platform-attested"


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """One link of the chain from a signer to the bytes.

    `kind` is `signature`, `commit`, `tree`, `blob`, `lfs-pointer`, `bytes` or `manifest`;
    `subject` what it is about (an object id, a path), `digest` what was recomputed, `ok`
    whether that equals what the link before promised.
    """

    kind: str
    subject: str
    digest: str
    ok: bool
    detail: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Signer:
    """The key that signed: kind (`openpgp`, `ssh`, `model-signing`), fingerprint, name."""

    kind: str
    fingerprint: str
    name: str = ""

    def __str__(self) -> str:
        return f"{self.name or 'unnamed'} ({self.kind} {self.fingerprint})"


@dataclass(frozen=True, kw_only=True, slots=True)
class SignatureResult:
    """One signature that was found, and what it is worth by itself.

    `kind` is `openpgp`, `ssh` or `model-signing`; `subject` is `commit`, `tag <name>` or the
    file that holds it; `root` the trust root that holds the key, empty when none does.
    """

    kind: str
    subject: str
    status: SignatureStatus
    signer: Signer | None = None
    root: str = ""
    detail: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class DetachedSignature:
    """A signature over a folder: its name, its content, and where in the folder it lies.

    `path` is None for a file elsewhere; `asked` when the caller named it, so that it must be
    one. `problem` says why it could not be read.
    """

    name: str
    data: bytes
    path: str | None = None
    asked: bool = False
    problem: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Attestation:
    """Who signed, over what, and how the claim reaches the bytes.

    `status` sums up `signatures`: one that is wrong spoils all, else one that is verified
    suffices. `blobs` maps each path of the verified tree to its git blob id, recomputed from
    raw objects; None when no tree could be read (a local folder, an endpoint without git).
    `unsigned` are fetched files that no verified signature covers. `detail` says why in a
    sentence.
    """

    status: SignatureStatus
    signer: Signer | None = None
    chain: tuple[Link, ...] = ()
    blobs: Mapping[str, str] | None = None
    detail: str = ""
    signatures: tuple[SignatureResult, ...] = ()
    unsigned: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredFile:
    """A file in quarantine with the digests measured while it was written."""

    path: str
    size: int
    sha256: str
    git_oid: str
    """The git blob id of the plain bytes (SHA-1 over `blob <size>\\0` and the bytes)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """Quarantined files of one commit; `root` holds plain files only."""

    listing: Listing
    root: Path
    files: tuple[StoredFile, ...]

    @property
    def digest(self) -> str:
        """SHA-256 over the sorted lines `<sha256> <size> <path>`: what these bytes are."""
        return digest_of((file.sha256, file.size, file.path) for file in self.files)


@dataclass(frozen=True, kw_only=True, slots=True)
class Lineage:
    """How a commit stands to `before`, the one last admitted under the same name.

    `relation` is `first` (there was none), `same`, `descendant`, `ancestor`, `unrelated`, or
    `unknown` when the history could not be read.
    """

    relation: Literal["first", "same", "descendant", "ancestor", "unrelated", "unknown"]
    before: str = ""
    detail: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Circumstances:
    """What is known of a commit besides its files: from the ledger, the hub and the clock.

    `first_seen` is when this ledger met the commit, `now` the moment of the decision.
    `changed_ids` maps what identified the repository or its owner when first met, and is
    another now, to (then, now); None where the policy did not ask. `licences` are those of
    the model card, None where there is no card to read.
    """

    now: datetime | None = None
    first_seen: datetime | None = None
    lineage: Lineage | None = None
    changed_ids: Mapping[str, tuple[str, str]] | None = None
    licences: tuple[str, ...] | None = None


class Decision(enum.Enum):
    """The gate's answer."""

    ALLOW = "allow"
    DENY = "deny"
    ERROR = "error"


@dataclass(frozen=True, kw_only=True, slots=True)
class Reason:
    """Why the answer is no, or what to know about a yes.

    `rule` is a scanner rule or a policy topic (`identity`, `formats`), `subject` the file
    or key, `setting` the policy line that decides it (`spec.identity.absent: deny`).
    """

    rule: str
    message: str
    subject: str = ""
    setting: str = ""

    def __str__(self) -> str:
        subject = f"{self.subject}: " if self.subject else ""
        setting = f"  [{self.setting}]" if self.setting else ""
        return f"{subject}{self.message} ({self.rule}){setting}"


@dataclass(frozen=True, kw_only=True, slots=True)
class PolicyId:
    """A policy's name and the SHA-256 (`sha256:...`) of its canonical form."""

    name: str
    digest: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Waived:
    """A finding that a waiver excused: which waiver, in which file, until when (ISO date)."""

    waiver: str
    owner: str
    path: str
    rule: str
    fingerprint: str
    expires: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """The decision on one snapshot under one policy and ruleset, with every reason."""

    decision: Decision
    subject: str
    commit: str
    policy: PolicyId
    ruleset: str
    reasons: tuple[Reason, ...] = ()
    warnings: tuple[Reason, ...] = ()
    waived: tuple[Waived, ...] = ()
    """Findings that would have refused, had no waiver excused them."""

    @property
    def rules(self) -> frozenset[str]:
        """The rules that said no."""
        return frozenset(reason.rule for reason in self.reasons)


_SEAL = object()


class Approval:
    """Permission to convert, keep and load one snapshot. Only `policy.decide` makes one."""

    __slots__ = ("snapshot_digest", "verdict")

    def __init__(self, verdict: Verdict, snapshot_digest: str, *, seal: object) -> None:
        if seal is not _SEAL or verdict.decision is not Decision.ALLOW:
            raise TypeError("an Approval is made by policy.decide alone")
        self.verdict = verdict
        self.snapshot_digest = snapshot_digest


@dataclass(frozen=True, kw_only=True, slots=True)
class TensorProof:
    """One converted tensor: the digest of its bytes, measured on both sides and equal.

    It is BLAKE3 in hex; records of the first conversions have SHA-256 instead.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    source: str
    """Where the bytes lay: `<file>:<member or key>+<byte offset>`."""
    blake3: str = ""
    sha256: str = ""

    @property
    def digests(self) -> dict[str, str]:
        """The digests that there are, by algorithm."""
        both = {"blake3": self.blake3, "sha256": self.sha256}
        return {name: digest for name, digest in both.items() if digest}


@dataclass(frozen=True, kw_only=True, slots=True)
class Conversion:
    """A file of the artifact that is not a plain copy, and what it was made of."""

    converter: str
    """Name and version, for example `torch-zip/1`."""
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    tensors: tuple[TensorProof, ...] = ()
    notes: tuple[str, ...] = ()
    """What a reader should know: keys scrubbed, tied names, values set aside."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ArtifactFile:
    """A file to publish: path in the model folder, size in bytes, SHA-256 in hex.

    `blake3`, in hex, is what the cache measured at publication; empty before that.
    """

    path: str
    size: int
    sha256: str
    blake3: str = field(default="", compare=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Artifact:
    """What will be published: safe files only, staged at `root`."""

    snapshot: Snapshot
    root: Path
    files: tuple[ArtifactFile, ...]
    conversions: tuple[Conversion, ...] = ()
    confinement: str = "none"
    """The sandbox tier in which the files were converted; `none` outside any."""
    reused: str = ""
    """The admission whose conversion of the same bytes this is; empty when it was made now."""
    kept: frozenset[str] = frozenset()
    """The files that lie in the cache already, and not at `root`."""

    @property
    def digest(self) -> str:
        """SHA-256 over the sorted lines `<sha256> <size> <path>`."""
        return digest_of((file.sha256, file.size, file.path) for file in self.files)


@dataclass(frozen=True, kw_only=True, slots=True)
class CodeSet:
    """A repository's Python: every `.py` file, and one digest over them all (`sha256:...`).

    Of a Space it is every file: requirements, pages and settings make the program too.

    `names` is what each configuration's `auto_map` says, by the configuration's path;
    `astray` are the references in it that name no module among these files.
    """

    digest: str
    files: tuple[ArtifactFile, ...]
    names: Mapping[str, Mapping[str, Any]]
    astray: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class AdmissionKey:
    """What an admission depends on: any part differing makes it another admission.

    `selection` is a digest of the selected paths; `policy` and `ruleset` identify what
    decided, `converter` what converted.
    """

    kind: SourceKind
    repository: str
    commit: str
    selection: str
    policy: str
    ruleset: str
    converter: str

    @property
    def digest(self) -> str:
        """The admission's id, 64 hex digits."""
        parts = (self.kind, self.repository, self.commit, self.selection)
        text = "\0".join((*parts, self.policy, self.ruleset, self.converter))
        return _sha256(text)


@dataclass(frozen=True, kw_only=True, slots=True)
class EvidenceFile:
    """A document about an admission (`vsa.json`), read-only in the cache at `path`."""

    name: str
    size: int
    sha256: str
    path: Path


@dataclass(frozen=True, kw_only=True, slots=True)
class CacheEntry:
    """An admitted model in the trusted cache; `path` is safe to hand to any library."""

    admission: str
    """The admission's id: 64 hex digits, a digest of what was asked and what was decided."""
    path: Path
    source: Source
    commit: str
    files: tuple[ArtifactFile, ...]
    verdict: Verdict
    conversions: tuple[Conversion, ...] = ()
    warm: bool = False
    """True when the entry was already there."""
    evidence: tuple[EvidenceFile, ...] = ()
    """Signed documents about this admission; none where there was no operator key."""
    verifier: str = ""
    """The key id of whoever decided, where the decision was made elsewhere; else empty."""
    hash_on_load: bool = False
    """True when whoever builds from it must hash the very bytes that are loaded."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """How files were read: whether all of the commit, and what its pickles might name.

    `profiles` and `allow` are those of the policy's topic `pickles`.
    """

    complete: bool
    profiles: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Decided:
    """The outcome of one run of the gate up to the decision, allowed or not.

    `confinement` is the sandbox tier in which the files were read; `none` outside any.
    `reading` is None where none was read.
    """

    listing: Listing
    attestation: Attestation
    snapshot: Snapshot | None
    report: Report | None
    verdict: Verdict
    approval: Approval | None
    confinement: str = "none"
    circumstances: Circumstances = field(default_factory=Circumstances)
    reading: Reading | None = None


def digest_of(files: Iterable[tuple[str, int, str]]) -> str:
    """Hash `(sha256, size, path)` triples, in any order, to one hex SHA-256."""
    lines = sorted(f"{sha} {size} {path}\n" for sha, size, path in files)
    return _sha256("".join(lines))


def _sha256(text: str) -> str:
    import hashlib  # loads OpenSSL, which a conversion on its own does not wait for

    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
