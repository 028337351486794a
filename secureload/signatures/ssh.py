"""SSH signatures, checked by `ssh-keygen -Y verify` against allowed_signers files.

The format is OpenSSH's PROTOCOL.sshsig; git signs in the namespace `git`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import subprocess
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from secureload.errors import ToolError
from secureload.flow import SignatureStatus, Signer
from secureload.signatures.kinds import Judgement, SignatureKind
from secureload.signatures.trust import SSHEntry, TrustedKey, TrustRoots

_BEGIN, _END = b"-----BEGIN SSH SIGNATURE-----", b"-----END SSH SIGNATURE-----"
_NAMESPACE = "git"
_TIMEOUT = 20
"""Seconds for one run of ssh-keygen; it takes about five milliseconds."""


def check(
    payload: bytes, signature: bytes, trust: TrustRoots, repository: str, now: datetime | None
) -> Judgement:
    """Judge one armored SSH signature over a payload.

    Raises:
        ToolError: ssh-keygen is missing or too old.
    """
    try:
        public = _public_key(signature)
    except ValueError as error:
        return Judgement(status=SignatureStatus.BAD_SIGNATURE, detail=str(error))
    with tempfile.TemporaryDirectory(prefix="secureload-ssh-") as folder:
        return _Check(Path(folder), payload, signature, public, now).judge(trust, repository)


class _Check:
    """One signature, laid out as files for ssh-keygen."""

    def __init__(
        self, folder: Path, payload: bytes, signature: bytes, public: bytes, now: datetime | None
    ) -> None:
        self.folder = folder
        self.payload = payload
        self.public = public
        self.now = now
        digest = base64.b64encode(hashlib.sha256(public).digest()).rstrip(b"=").decode()
        self.fingerprint = f"SHA256:{digest}"
        (folder / "signature").write_bytes(signature)

    def judge(self, trust: TrustRoots, repository: str) -> Judgement:
        """Ask first whether a key for this repository verifies; if none does, why not."""
        keys = sorted(trust.of("ssh"), key=lambda key: not key.speaks_for(repository))
        verified = next((key for key in keys if self._verifies(key)), None)
        if verified is not None:
            signer = self._signer(_principal(verified))
            if any(self._revoked(key) for key in keys):
                return self._is(SignatureStatus.REVOKED_KEY, "has been revoked", signer)
            if not verified.speaks_for(repository):
                sentence = f"is trusted, but not for {repository}"
                return self._is(SignatureStatus.KEY_NOT_ALLOWED, sentence, signer)
            detail = f"signed by {signer}"
            return Judgement(
                status=SignatureStatus.VERIFIED, signer=signer, detail=detail, root=verified.root
            )
        if not self._run("-Y", "check-novalidate"):
            return Judgement(
                status=SignatureStatus.BAD_SIGNATURE,
                signer=self._signer(),
                detail="the signature is not over this content, or not made for git",
            )
        if any(self._revoked(key) for key in keys):
            return self._is(SignatureStatus.REVOKED_KEY, "has been revoked")
        listed = [key for key in keys if self._listed(key)]
        if any(self._verifies(key, within_its_time=True) for key in listed):
            return self._is(SignatureStatus.EXPIRED_KEY, "is outside the time it is allowed for")
        if listed:
            return self._is(SignatureStatus.KEY_NOT_ALLOWED, "is listed, but not as the principal")
        return self._is(SignatureStatus.UNKNOWN_KEY, "is in no trust root")

    def _is(
        self, status: SignatureStatus, sentence: str, signer: Signer | None = None
    ) -> Judgement:
        detail = f"SSH key {self.fingerprint} {sentence}"
        return Judgement(status=status, signer=signer or self._signer(), detail=detail)

    def _signer(self, name: str = "") -> Signer:
        return Signer(kind="ssh", fingerprint=self.fingerprint, name=name)

    def _verifies(self, key: TrustedKey, *, within_its_time: bool = False) -> bool:
        allowed = self.folder / "allowed_signers"
        material = key.material
        if within_its_time:
            material = b"\n".join(map(_timeless, material.splitlines())) + b"\n"
        allowed.write_bytes(material)
        time = []
        if self.now is not None:
            time = [f"-Overify-time={self.now.astimezone(UTC):%Y%m%d%H%M%S}Z"]
        return self._run("-Y", "verify", "-f", str(allowed), "-I", _principal(key), *time)

    def _revoked(self, key: TrustedKey) -> bool:
        if key.revocations is None:
            return False
        # Only `verify` looks at revocations. The signature is known to be good, so a file that
        # allows just this key leaves the revocation as the one thing that can fail.
        listed, alone = self.folder / "revoked", self.folder / "alone"
        listed.write_bytes(key.revocations)
        kind = self.public[4 : 4 + int.from_bytes(self.public[:4], "big")]
        alone.write_bytes(b"signer " + kind + b" " + base64.b64encode(self.public) + b"\n")
        allowed = ("-f", str(alone), "-I", "signer")
        return not self._run("-Y", "verify", *allowed, "-r", str(listed))

    def _listed(self, key: TrustedKey) -> bool:
        return base64.b64encode(self.public) in key.material.split()

    def _run(self, *arguments: str) -> bool:
        signature = str(self.folder / "signature")
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self.folder),
            "LC_ALL": "C",
        }
        try:
            done = subprocess.run(
                ["ssh-keygen", *arguments, "-n", _NAMESPACE, "-s", signature],
                input=self.payload,
                capture_output=True,
                timeout=_TIMEOUT,
                check=False,
                env=environment,
            )
        except FileNotFoundError as error:
            raise ToolError(
                "ssh-keygen is not installed", hint="install OpenSSH 8.9 or newer"
            ) from error
        except subprocess.TimeoutExpired as error:
            raise ToolError(f"ssh-keygen gave no answer in {_TIMEOUT} seconds") from error
        if b"unknown option" in done.stderr or b"Unsupported operation" in done.stderr:
            raise ToolError("ssh-keygen is too old", hint="install OpenSSH 8.9 or newer")
        return done.returncode == 0


def _principal(key: TrustedKey) -> str:
    assert isinstance(key.entry, SSHEntry)
    return key.entry.principal


def _timeless(line: bytes) -> bytes:
    """An allowed_signers line without its `valid-after` and `valid-before`."""
    kept = []
    for field in line.split():
        options = field.split(b",")
        rest = [
            one
            for one in options
            if not one.lower().startswith((b"valid-after=", b"valid-before="))
        ]
        if rest:
            kept.append(b",".join(rest))
    return b" ".join(kept)


def _public_key(signature: bytes) -> bytes:
    """The public key that an armored SSH signature carries, in wire form.

    Raises:
        ValueError: this is no SSH signature.
    """
    text = signature.strip()
    if not (text.startswith(_BEGIN) and text.endswith(_END)):
        raise ValueError("the armor holds no single SSH signature")
    try:
        blob = base64.b64decode(b"".join(text[len(_BEGIN) : -len(_END)].split()), validate=True)
    except binascii.Error as error:
        raise ValueError("the armor of the SSH signature is damaged") from error
    size = int.from_bytes(blob[10:14], "big")
    if blob[:6] != b"SSHSIG" or blob[6:10] != b"\0\0\0\1" or not 0 < size <= len(blob) - 14:
        raise ValueError("the SSH signature is damaged, or of another version")
    return blob[14 : 14 + size]


SIGNATURE = SignatureKind(name="ssh", over="git", begins=_BEGIN, check=check)
