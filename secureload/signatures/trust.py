"""Trust roots: which keys may sign for which repositories.

A trust root is a YAML file of `kind: TrustRoot` with its key files beside it. A key without
`repos` speaks for every repository; otherwise `*` stands for anything but `/`, `**` for
anything at all, and the single pattern `*` for every repository.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import itertools
import re
import urllib.parse
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from secureload.documents import Metadata, load_document
from secureload.errors import PolicyError
from secureload.signatures import packets

_MAX_KEY_BYTES = 4_000_000
"""Largest key file read; a keyring of a thousand keys has about as much."""


class _Key(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    tag_field="kind",
):
    file: str
    repos: list[str] | None = None


class OpenPGPEntry(_Key, frozen=True, kw_only=True, tag="openpgp"):
    """Public keys in a file; `revocations` is a file of revocation certificates."""

    revocations: str | None = None


class SSHEntry(_Key, frozen=True, kw_only=True, tag="ssh"):
    """An allowed_signers file and the principal in it; `revocations` is a KRL or key list."""

    principal: str
    revocations: str | None = None


class ModelSigningEntry(_Key, frozen=True, kw_only=True, tag="model-signing"):
    """A public key, certificate chain or sigstore trust configuration of OpenSSF model-signing.

    `method` is `key` or `certificate` (PEM files), or `sigstore` (JSON), with the signer's
    `identity` and its `issuer`; absent, the file's content says which.
    """

    method: Literal["key", "certificate", "sigstore"] | None = None
    identity: str | None = None
    issuer: str | None = None


class VerifierEntry(_Key, frozen=True, kw_only=True, tag="verifier"):
    """The public key (PEM) of an operator whose admissions count here as well."""


_Entry: TypeAlias = OpenPGPEntry | SSHEntry | ModelSigningEntry | VerifierEntry


class _Spec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    keys: list[_Entry]


class _TrustRoot(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"
):
    api_version: str
    kind: Literal["TrustRoot"]
    metadata: Metadata
    spec: _Spec


@dataclass(frozen=True, kw_only=True, slots=True)
class TrustedKey:
    """One entry of a trust root, its files read.

    `material` is the content of its file: OpenPGP packets without armor, an allowed_signers
    file, PEM or JSON. `fingerprints` maps the keys that it holds to names: primary OpenPGP keys
    to user ids, SSH keys to the principal, certificates to subjects, sigstore identities to
    their issuers.
    """

    kind: str
    root: str
    path: Path
    material: bytes
    repos: tuple[str, ...] | None
    fingerprints: dict[str, str]
    revocations: bytes | None = None
    entry: _Entry

    def speaks_for(self, repository: str) -> bool:
        """Whether this key may sign for a repository."""
        return self.repos is None or any(matches(repository, one) for one in self.repos)


@dataclass(frozen=True, kw_only=True, slots=True)
class TrustRoots:
    """The keys of all trust roots of a policy."""

    keys: tuple[TrustedKey, ...] = ()

    @classmethod
    def load(cls, paths: Iterable[str | Path]) -> TrustRoots:
        """Read trust roots and the key files beside them.

        Raises:
            PolicyError: a file is unreadable, misspelt, or holds no key of its kind.
        """
        return cls(keys=tuple(key for path in paths for key in _load(Path(path))))

    def of(self, kind: str) -> tuple[TrustedKey, ...]:
        """The keys of one kind."""
        return tuple(key for key in self.keys if key.kind == kind)


def matches(repository: str, pattern: str) -> bool:
    """Whether a repository's name, path or URL is covered by a pattern of a trust root."""
    if pattern == "*":
        return True
    if not {".", ".."}.isdisjoint(urllib.parse.unquote(repository).split("/")):
        return False  # `org/../other` is not below `org/`, whatever the text looks like
    parts = re.split(r"(\*\*|\*)", pattern)
    wild = {"*": "[^/]*", "**": ".*"}
    regex = "".join(wild.get(part) or re.escape(part) for part in parts)
    return re.fullmatch(regex, repository, re.DOTALL) is not None


def _load(path: Path) -> Iterator[TrustedKey]:
    document = load_document(path, _TrustRoot)
    for number, entry in enumerate(document.spec.keys):
        place = f"{path}: key {number + 1}"
        file = path.parent / entry.file
        material = _read(file, place)
        fingerprints: dict[str, str] = {}
        revocations: bytes | None = None
        try:
            if isinstance(entry, OpenPGPEntry):
                material = packets.dearmor(material)
                fingerprints = packets.primary_keys(material)
            elif isinstance(entry, SSHEntry):
                _check_allowed_signers(material, entry.principal)
                fingerprints = ssh_fingerprints(material, entry.principal)
            elif isinstance(entry, VerifierEntry):
                if b"-----BEGIN PUBLIC KEY-----" not in material:
                    raise ValueError("holds no public key in PEM")
            else:
                entry, fingerprints = _model_signing(entry, material)
            if isinstance(entry, OpenPGPEntry | SSHEntry) and entry.revocations:
                revocations = _read(path.parent / entry.revocations, place)
                if isinstance(entry, OpenPGPEntry):
                    revocations = packets.dearmor(revocations)
                    tags = {tag for tag, _ in packets.packets(revocations)}
                    if tags != {packets.SIGNATURE}:
                        raise ValueError(f"`{entry.revocations}` is no revocation certificate")
        except ValueError as error:
            raise PolicyError(f"{place}: `{entry.file}`: {error}") from error
        yield TrustedKey(
            kind=str(entry.__struct_config__.tag),
            root=document.metadata.name,
            path=file,
            material=material,
            repos=None if entry.repos is None else tuple(entry.repos),
            fingerprints=fingerprints,
            revocations=revocations,
            entry=entry,
        )


def _model_signing(
    entry: ModelSigningEntry, material: bytes
) -> tuple[ModelSigningEntry, dict[str, str]]:
    """The entry with its method, and the fingerprints of what its file holds.

    Raises:
        ValueError: the file holds nothing for this method.
    """
    from secureload.signatures import certificates, model_signing

    if b"-----BEGIN CERTIFICATE-----" in material:
        found = "certificate"
    else:
        found = "sigstore" if material.lstrip()[:1] == b"{" else "key"
    method = entry.method or found
    if b"PRIVATE KEY-----" in material:
        raise ValueError("holds a private key; export the public one")
    if method == "sigstore":
        if not (entry.identity and entry.issuer):
            raise ValueError("the method `sigstore` needs `identity` and `issuer`")
        if found != "sigstore":
            raise ValueError("the method `sigstore` needs a trusted root in JSON")
        fingerprints = {entry.identity: entry.issuer}
    elif entry.identity or entry.issuer:
        raise ValueError("`identity` and `issuer` count only with the method `sigstore`")
    elif method == "certificate":
        held = certificates.load_pem(material)
        fingerprints = {certificates.fingerprint(one): certificates.name_of(one) for one in held}
    else:
        fingerprints = model_signing.fingerprints(material)
    return msgspec.structs.replace(entry, method=method), fingerprints


def _read(file: Path, place: str) -> bytes:
    try:
        with file.open("rb") as stream:
            data = stream.read(_MAX_KEY_BYTES + 1)
    except OSError as error:
        raise PolicyError(f"{place}: cannot read `{file}`: {error.strerror or error}") from error
    if len(data) > _MAX_KEY_BYTES:
        raise PolicyError(f"{place}: `{file}` is larger than {_MAX_KEY_BYTES} bytes")
    return data


_SSH_TYPE = re.compile(rb"(?:ssh|ecdsa|sk-ssh|sk-ecdsa)-[a-z0-9@.-]+")


def ssh_fingerprints(material: bytes, principal: str = "") -> dict[str, str]:
    """The fingerprints of the keys in public key lines or an allowed_signers file."""
    found = {}
    for line in material.splitlines():
        fields = line.split()
        for kind, blob in itertools.pairwise(fields):
            if _SSH_TYPE.fullmatch(kind) and not line.lstrip().startswith(b"#"):
                with suppress(binascii.Error):
                    raw = base64.b64decode(blob, validate=True)
                    if raw[4 : 4 + len(kind)] == kind:
                        digest = base64.b64encode(hashlib.sha256(raw).digest()).rstrip(b"=")
                        found[f"SHA256:{digest.decode()}"] = principal
                break
    return found


def _check_allowed_signers(material: bytes, principal: str) -> None:
    if not principal or any(character in principal for character in " \t\r\n\0*?!,"):
        raise ValueError("`principal` must be one plain identity, without patterns")
    lines = [line for line in material.splitlines() if line.strip()]
    if all(line.lstrip().startswith(b"#") for line in lines):
        raise ValueError("holds no allowed signer")
