"""Adding a key to a trust root: told what it is by its content, shown before it counts.

A trust root is YAML that people keep in git, so a new key becomes one more line of it; what
was there, comments too, stays as it was.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from secureload.documents import API_VERSION
from secureload.errors import PolicyError, UsageError
from secureload.signatures import packets
from secureload.signatures.trust import TrustedKey, TrustRoots, ssh_fingerprints

_MAX_BYTES = 4_000_000
"""Largest key file read; a keyring of a thousand keys has about as much."""

_SECRET = re.compile(rb"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----")


def kind_of(material: bytes) -> str:
    """The kind of a key file, by its content.

    Raises:
        UsageError: it is no key, or a secret one.
    """
    if _SECRET.search(material):
        raise UsageError(
            "this is a secret key", hint="export the public key, and add that; keep this one safe"
        )
    if re.search(rb"-----BEGIN (?:CERTIFICATE|PUBLIC KEY)-----", material):
        return "model-signing"
    if material.lstrip()[:1] == b"{" and b"trustedroot" in material.lower():
        return "model-signing"
    if ssh_fingerprints(material):
        return "ssh"
    try:
        packets.primary_keys(packets.dearmor(material))
    except ValueError as error:
        raise UsageError(
            f"this is no key that signs models: {error}",
            hint="give an OpenPGP public key, an SSH public key or allowed_signers file, a public "
            "key or certificates in PEM, or sigstore's trusted_root.json",
        ) from error
    return "openpgp"


def look(file: Path) -> tuple[str, dict[str, str]]:
    """The kind of a key file, and its fingerprints with names; nothing is added.

    Raises:
        UsageError: it is no key, or a secret one.
    """
    from secureload.signatures import certificates, model_signing

    material = _read(file)
    kind = kind_of(material)
    try:
        if kind == "openpgp":
            return kind, packets.primary_keys(packets.dearmor(material))
        if kind == "ssh":
            return kind, ssh_fingerprints(material)
        if b"-----BEGIN CERTIFICATE-----" in material:
            held = certificates.load_pem(material)
            return kind, {certificates.fingerprint(one): certificates.name_of(one) for one in held}
        if material.lstrip()[:1] == b"{":
            model_signing.trusted_root(material)
            return kind, {f"sha256:{hashlib.sha256(material).hexdigest()}": "a trusted root"}
        return kind, model_signing.fingerprints(material)
    except ValueError as error:
        raise UsageError(f"{file}: {error}") from error


def add(root: Path, file: Path, entry: Mapping[str, Any]) -> TrustedKey:
    """Add the key in `file` to the trust root, which is made where there is none.

    The key file is copied beside the trust root. `entry` has the other settings of the entry
    (`kind`, `repos`, `principal`, `identity` ...); without `kind` the content tells it.

    Raises:
        UsageError: the file is no key, or its name is taken by another one.
        PolicyError: the trust root is not valid, or would not be.
    """
    material = _read(file)
    kind = str(entry.get("kind") or kind_of(material))
    if kind == "ssh" and not entry.get("principal"):
        raise UsageError(
            "an SSH key needs a principal", hint="give --principal publisher@example.org"
        )
    if kind == "ssh" and (line := _allowed_signers(material, str(entry["principal"]))):
        material = line
    place = root.parent / file.name
    if place.exists() and place.read_bytes() != material:
        raise UsageError(
            f"{place} is there already, and another file",
            hint="rename the key's file; its name says whose key it is",
        )
    said = {"kind": kind, "file": file.name} | {
        key: value for key, value in entry.items() if value and key != "kind"
    }
    text = _with_entry(root, said)
    with tempfile.TemporaryDirectory(prefix="secureload-trust-") as folder:
        trial = Path(folder, root.name)
        trial.write_text(text, "utf-8")
        Path(folder, file.name).write_bytes(material)
        for path in root.parent.glob("*") if root.parent.is_dir() else ():
            if path.is_file() and not Path(folder, path.name).exists():
                Path(folder, path.name).symlink_to(path.absolute())
        try:
            added = TrustRoots.load([trial]).keys[-1]
        except PolicyError as error:
            raise PolicyError(
                error.message.replace(folder, str(root.parent)), hint=error.hint
            ) from error
    root.parent.mkdir(parents=True, exist_ok=True)
    _write(place, material)
    _write(root, text.encode("utf-8"))
    return added


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            material = stream.read(_MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror or error}") from error
    if len(material) > _MAX_BYTES:
        raise UsageError(f"{file} is larger than {_MAX_BYTES} bytes, and no key")
    return material


def _allowed_signers(material: bytes, principal: str) -> bytes:
    """Public key lines as ssh-keygen writes them, made to an allowed_signers file."""
    lines = [line for line in material.splitlines() if line.strip()]
    if not all(re.match(rb"(?:ssh|ecdsa|sk-ssh|sk-ecdsa)-", line) for line in lines):
        return b""
    return b"".join(principal.encode() + b" " + line.strip() + b"\n" for line in lines)


def _with_entry(root: Path, entry: Mapping[str, Any]) -> str:
    """The trust root's text with one entry more, at its end."""
    line = json.dumps(entry, ensure_ascii=False)  # JSON is YAML, on one line
    if not root.exists():
        name = json.dumps(root.stem)
        return (
            f"apiVersion: {API_VERSION}\nkind: TrustRoot\nmetadata: {{name: {name}}}\n"
            f"spec:\n  keys:\n    - {line}\n"
        )
    text = root.read_text("utf-8")
    last = re.findall(r"^( *)- ", text, re.MULTILINE)
    added = f"{text.rstrip()}\n{last[-1] if last else '    '}- {line}\n"
    try:
        before, after = yaml.safe_load(text), yaml.safe_load(added)
        if after["spec"]["keys"] == [*before["spec"]["keys"], dict(entry)]:
            return added
    except (yaml.YAMLError, KeyError, TypeError):
        pass
    raise PolicyError(
        f"{root}: cannot add an entry at the end",
        hint=f"let `spec.keys` be the last thing in it, or add the line yourself: - {line}",
    )


def _write(path: Path, content: bytes) -> None:
    """Replace a file in one step; readers see the old content or the new."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise UsageError(f"{path} cannot be written: {error.strerror or error}") from error
