"""OpenPGP signatures, checked by gpg in a home that holds only the trust roots' keys.

The decision is taken from gpg's machine-readable status lines (doc/DETAILS in GnuPG), all
of them, and from its exit status; exactly one signature is accepted.
"""

from __future__ import annotations

import functools
import os
import signal
import tempfile
import threading
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from secureload.errors import ToolError
from secureload.flow import SignatureStatus, Signer
from secureload.signatures import packets
from secureload.signatures.kinds import Judgement, SignatureKind
from secureload.signatures.trust import TrustRoots

PLATFORM_KEYS = {"C8A817860F8BA646BF0612916A528E38E0733467": "huggingface.co"}
"""Keys with which a platform signs what users do through its pages; never a publisher's."""

_WEAK_DIGESTS = {"1": "MD5", "2": "SHA-1", "3": "RIPEMD-160"}
"""Hash algorithms (RFC 4880, 9.4) whose signatures prove nothing any more."""

_NO_PUBLIC_KEY = "9"
"""Reason code of ERRSIG when the key is not at hand."""

SECONDS = 20
"""Longest run of gpg; it takes some twenty milliseconds, and a second for a thousand keys."""

SIGNATURE_BYTES = 64 << 10
"""Largest armored signature given to gpg; one by an RSA key of 8,192 bits has about 2 KiB."""

_OPTIONS = (
    "--no-options",
    "--no-autostart",
    "--no-auto-key-retrieve",
    "--no-auto-key-import",
    "--no-auto-check-trustdb",
    "--disable-dirmngr",
    "--trust-model=always",
    "--weak-digest=MD5",
    "--weak-digest=SHA1",
    "--weak-digest=RIPEMD160",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Answer:
    """Status lines as (keyword, arguments), and whether gpg ended with 0."""

    lines: tuple[tuple[str, list[str]], ...]
    succeeded: bool

    def all(self, keyword: str) -> list[list[str]]:
        return [arguments for name, arguments in self.lines if name == keyword]

    def first(self, keyword: str) -> list[str] | None:
        return next(iter(self.all(keyword)), None)


def check(
    payload: bytes, signature: bytes, trust: TrustRoots, repository: str, now: datetime | None
) -> Judgement:
    """Judge one armored OpenPGP signature over a payload.

    Raises:
        ToolError: gpg is missing or does not work.
    """
    if len(signature) > SIGNATURE_BYTES:
        detail = f"the signature has more than {SIGNATURE_BYTES} bytes"
        return Judgement(status=SignatureStatus.BAD_SIGNATURE, detail=detail)
    return _judge(_ask(payload, signature, trust, now), trust, repository)


@functools.cache
def _bounded() -> Any:
    """python-gnupg's class, with an end to each run of gpg."""
    import gnupg

    class Bounded(gnupg.GPG):  # type: ignore[misc]
        def _open_subprocess(self, args: Any, passphrase: bool = False) -> Any:
            process = super()._open_subprocess(args, passphrase)
            # The library reads until gpg is done; killing it is the only end to that.
            end = threading.Timer(SECONDS, process.kill)
            end.daemon = True
            end.start()
            waiting = process.wait

            def wait(*arguments: Any, **named: Any) -> Any:
                code = waiting(*arguments, **named)
                end.cancel()
                return code

            process.wait = wait
            return process

    return Bounded


def _refuse_killed(returncode: int | None) -> None:
    if returncode == -signal.SIGKILL:
        raise ToolError(
            f"gpg gave no answer in {SECONDS} seconds",
            hint="`gpg --show-keys FILE` on each key of the trust roots says which is to blame",
        )


def _ask(payload: bytes, signature: bytes, trust: TrustRoots, now: datetime | None) -> _Answer:
    keys = trust.of("openpgp")
    with tempfile.TemporaryDirectory(prefix="secureload-gpg-") as home:
        environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "HOME": home}
        try:
            gpg = _bounded()(gnupghome=home, options=list(_OPTIONS), env=environment)
        except (OSError, ValueError) as error:
            raise ToolError(
                f"gpg does not start: {error}", hint="install GnuPG 2.2 or newer (Debian: gnupg)"
            ) from error
        material = b"".join(key.material for key in keys)
        material += b"".join(key.revocations or b"" for key in keys)
        if material:
            imported = gpg.import_keys(material)
            _refuse_killed(imported.returncode)
            known = {result["fingerprint"] for result in imported.results}
            missing = {one for key in keys for one in key.fingerprints} - known
            if missing:
                raise ToolError(
                    f"gpg does not take the trust roots' keys {', '.join(sorted(missing))}",
                    hint="`gpg --show-keys FILE` says what is wrong with them",
                )
        # Only now: gpg imports no key that is newer than what it takes for today.
        if now is not None:
            gpg.options.append(f"--faked-system-time={now.astimezone(UTC):%Y%m%dT%H%M%S}!")
        detached = Path(home, "signature.asc")
        detached.write_bytes(signature)
        result = gpg.verify_data(str(detached), payload)
        _refuse_killed(result.returncode)
    return _Answer(lines=tuple(_status_lines(result.stderr)), succeeded=result.returncode == 0)


def _status_lines(printed: str) -> list[tuple[str, list[str]]]:
    # Only a line feed ends a status line: user ids may hold other characters that Unicode
    # counts as line ends, and what follows one is still the user id.
    prefix = "[GNUPG:] "
    rows = [row[len(prefix) :].split(" ") for row in printed.split("\n") if row.startswith(prefix)]
    return [(row[0], row[1:]) for row in rows]


def _judge(answer: _Answer, trust: TrustRoots, repository: str) -> Judgement:
    count = len(answer.all("NEWSIG"))
    if count != 1:
        found = "holds no OpenPGP signature" if not count else f"holds {count} signatures, not one"
        return Judgement(status=SignatureStatus.BAD_SIGNATURE, detail=f"the armor {found}")
    bad = answer.first("BADSIG")
    if bad:
        return Judgement(
            status=SignatureStatus.BAD_SIGNATURE,
            signer=_named(bad[0], trust),
            detail="the signature is not over this content",
        )
    failed = answer.first("ERRSIG")
    if failed:
        return _unchecked(failed, trust)
    valid = answer.first("VALIDSIG")
    if valid is None or len(valid) < 10 or len(answer.all("VALIDSIG")) != 1:
        return Judgement(
            status=SignatureStatus.BAD_SIGNATURE, detail="gpg does not call the signature valid"
        )
    return _checked(valid, answer, trust, repository)


def _unchecked(failed: list[str], trust: TrustRoots) -> Judgement:
    """Judge a signature that gpg could not check: `ERRSIG keyid pk hash class time rc fpr`."""
    key_id, digest, reason = failed[0], failed[2], failed[5]
    issuer = failed[6] if len(failed) > 6 and failed[6] != "-" else key_id
    signer = _named(issuer, trust)
    if reason != _NO_PUBLIC_KEY:
        if digest in _WEAK_DIGESTS:
            return _weak(digest, signer)
        return Judgement(
            status=SignatureStatus.BAD_SIGNATURE,
            signer=signer,
            detail=f"gpg cannot check the signature (reason {reason})",
        )
    for fingerprint, platform in PLATFORM_KEYS.items():
        if fingerprint.endswith(issuer):
            return Judgement(
                status=SignatureStatus.PLATFORM_ATTESTED,
                signer=Signer(kind="openpgp", fingerprint=fingerprint, name=platform),
                detail=f"claims to be signed by {platform} itself; no trust root holds that key, "
                "so the claim is not checked",
            )
    return Judgement(
        status=SignatureStatus.UNKNOWN_KEY,
        signer=signer,
        detail=f"signed by OpenPGP key {issuer}, which no trust root holds",
    )


def _checked(valid: list[str], answer: _Answer, trust: TrustRoots, repository: str) -> Judgement:
    """Judge a signature that is over this content.

    `VALIDSIG fpr date time expires version reserved pk hash class primary-fpr`.
    """
    digest, kind, primary = valid[7], valid[8], valid[9]
    signer = _named(primary, trust)
    holders = [key for key in trust.of("openpgp") if primary in key.fingerprints]

    def is_(status: SignatureStatus, detail: str) -> Judgement:
        return Judgement(status=status, signer=signer, detail=detail)

    if digest in _WEAK_DIGESTS:
        return _weak(digest, signer)
    if kind not in ("00", "01"):
        return is_(SignatureStatus.BAD_SIGNATURE, f"a signature of class {kind}, not over data")
    if answer.first("REVKEYSIG") or answer.first("KEYREVOKED"):
        return is_(SignatureStatus.REVOKED_KEY, f"key {primary} has been revoked")
    if answer.first("EXPKEYSIG"):
        return is_(SignatureStatus.EXPIRED_KEY, f"key {primary} has expired")
    if answer.first("EXPSIG"):
        return is_(SignatureStatus.EXPIRED_SIGNATURE, "the signature has expired")
    if not (answer.succeeded and len(answer.all("GOODSIG")) == 1):
        return is_(SignatureStatus.BAD_SIGNATURE, "gpg does not call the signature good")
    if primary in PLATFORM_KEYS:
        platform = PLATFORM_KEYS[primary]
        return is_(
            SignatureStatus.PLATFORM_ATTESTED, f"signed by {platform} itself, not by the publisher"
        )
    if not holders:
        return is_(SignatureStatus.UNKNOWN_KEY, f"key {primary} is in no trust root")
    if not any(key.speaks_for(repository) for key in holders):
        return is_(
            SignatureStatus.KEY_NOT_ALLOWED, f"key {primary} is trusted, but not for {repository}"
        )
    root = next(key.root for key in holders if key.speaks_for(repository))
    return replace(is_(SignatureStatus.VERIFIED, f"signed by {signer}"), root=root)


def _weak(digest: str, signer: Signer) -> Judgement:
    return Judgement(
        status=SignatureStatus.WEAK_DIGEST,
        signer=signer,
        detail=f"the signature is over a {_WEAK_DIGESTS[digest]} digest, which can be forged",
    )


def _named(issuer: str, trust: TrustRoots) -> Signer:
    """The signer as the trust roots know it; `issuer` is a fingerprint or the end of one."""
    for key in trust.of("openpgp"):
        for fingerprint, name in key.fingerprints.items():
            if fingerprint.endswith(issuer):
                return Signer(kind="openpgp", fingerprint=fingerprint, name=name)
    return Signer(kind="openpgp", fingerprint=issuer)


def retired(trust: TrustRoots, signer: Signer) -> tuple[datetime, TrustRoots] | None:
    """Since when a signer's key is revoked, and the trust roots as they were before.

    None unless every revocation of the key says that it was superseded, or is used no longer
    (RFC 4880, section 5.2.3.23).
    """
    since: list[datetime] = []
    before = []
    for key in trust.keys:
        if key.kind == "openpgp" and signer.fingerprint in key.fingerprints:
            try:
                inside, material = packets.before_retirement(key.material, signer.fingerprint)
                beside, others = packets.before_retirement(
                    key.revocations or b"", signer.fingerprint
                )
            except ValueError:
                return None
            since += (*inside, *beside)
            key = replace(key, material=material, revocations=others or None)
        before.append(key)
    return (min(since), TrustRoots(keys=tuple(before))) if since else None


SIGNATURE = SignatureKind(
    name="openpgp",
    over="git",
    begins=b"-----BEGIN PGP SIGNATURE-----",
    check=check,
    retired=retired,
)
