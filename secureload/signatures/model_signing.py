"""OpenSSF Model Signing 1.0: one signature over every file of a model.

The signature lies beside the files, as a Sigstore bundle. It is checked with a publisher's
key, with a certificate that leads to a trust root, or by sigstore: a short-lived certificate
for a named identity, logged in public. Nothing is asked of any network; what sigstore needs
is in the bundle and in the trust root.

Source: OpenSSF Model Signing specification 1.0; DSSE; Sigstore's client specification.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from secureload.errors import PolicyError, ToolError
from secureload.flow import SignatureStatus, Signer
from secureload.signatures import bundles, certificates
from secureload.signatures.bundles import Bundle, MalformedBundleError
from secureload.signatures.kinds import WRONG, Judgement, SignatureKind
from secureload.signatures.trust import ModelSigningEntry, TrustedKey, TrustRoots

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.x509 import Certificate

NAME = "model-signing"

_CURVES = ("secp256r1", "secp384r1", "secp521r1")
"""Curves of the algorithm registry; each is used with the hash of its size."""


def check(
    payload: bytes, signature: bytes, trust: TrustRoots, repository: str, now: datetime | None
) -> Judgement:
    """Judge a signature file; where it holds several, one that is verified suffices.

    Raises:
        ToolError: the sigstore library is needed, and missing.
    """
    del payload  # it is inside the signature
    try:
        found = bundles.parse(signature)
    except MalformedBundleError as error:
        return Judgement(status=SignatureStatus.BAD_SIGNATURE, detail=f"the signature {error}")
    return strongest([judge(bundle, trust, repository, now) for bundle in found])


def strongest(judgements: list[Judgement]) -> Judgement:
    """One judgement of several: a wrong one spoils all, otherwise the best counts."""
    for judged in judgements:
        if judged.status in WRONG:
            return judged
    order = (SignatureStatus.VERIFIED, SignatureStatus.UNKNOWN_KEY)
    return min(judgements, key=lambda one: [*order, one.status].index(one.status))


def judge(bundle: Bundle, trust: TrustRoots, repository: str, now: datetime | None) -> Judgement:
    """Judge one bundle: who signed its payload, and whether that is someone trusted.

    Raises:
        ToolError: the sigstore library is needed, and missing.
    """
    keys = [key for key in trust.of(NAME) if _method(key) == bundle.material]
    judged = _HOW[bundle.material](bundle, keys, repository, now)
    if judged.status is not SignatureStatus.UNKNOWN_KEY or judged.detail:
        return judged
    return Judgement(
        status=SignatureStatus.UNKNOWN_KEY,
        signer=judged.signer,
        detail=f"signed by {judged.signer}, whom no trust root holds",
    )


def _method(key: TrustedKey) -> str | None:
    assert isinstance(key.entry, ModelSigningEntry)
    return key.entry.method


def _holds(holders: list[TrustedKey], signer: Signer, repository: str) -> Judgement:
    """The judgement of a good signature, by the trust roots' keys that it fits."""
    for key in holders:
        if key.speaks_for(repository):
            detail = f"signed by {signer}"
            return Judgement(
                status=SignatureStatus.VERIFIED, signer=signer, detail=detail, root=key.root
            )
    return Judgement(
        status=SignatureStatus.KEY_NOT_ALLOWED,
        signer=signer,
        detail=f"{signer} is trusted, but not for {repository}",
        root=holders[0].root,
    )


# -- long-lived keys ---------------------------------------------------------------------


def _by_key(
    bundle: Bundle, keys: list[TrustedKey], repository: str, now: datetime | None
) -> Judgement:
    del now  # a bare key says nothing of its time
    claimed = bundle.hint or (hint_of(bundle.raw_key) if bundle.raw_key else "")
    holders, named = [], False
    fingerprint = claimed
    for key in keys:
        for hint, public in _public_keys(key.material):
            named = named or hint == claimed
            if _verifies(public, bundle):
                holders.append(key)
                fingerprint = hint
    signer = Signer(kind=NAME, fingerprint=fingerprint, name=_name(holders))
    if holders:
        return _holds(holders, signer, repository)
    if named:
        return Judgement(
            status=SignatureStatus.BAD_SIGNATURE,
            signer=signer,
            detail="the signature is not over this statement",
        )
    return Judgement(status=SignatureStatus.UNKNOWN_KEY, signer=signer)


def _name(holders: list[TrustedKey]) -> str:
    return holders[0].path.stem if holders else ""


def hint_of(material: bytes) -> str:
    """How bundles name a key: the SHA-256, in hex, of its PEM form; empty for no key."""
    return next((hint for hint, _ in _public_keys(material)), "")


def fingerprints(material: bytes) -> dict[str, str]:
    """The hint of every public key in a PEM file, with the name of its curve.

    Raises:
        ValueError: the file holds something else, or a key of another kind.
    """
    found = {hint: public.curve.name for hint, public in _public_keys(material, strict=True)}
    if not found:
        raise ValueError("holds no public key in PEM")
    return found


class _OtherKeyError(ValueError):
    """A key that is one, and of a kind that signs no models."""


def _public_keys(
    material: bytes, *, strict: bool = False
) -> Iterator[tuple[str, EllipticCurvePublicKey]]:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

    end = b"-----END PUBLIC KEY-----"
    blocks = [block + end for block in material.split(end)[:-1]]
    for block in blocks or [material]:
        try:
            if blocks:
                public = serialization.load_pem_public_key(block[block.find(b"-----BEGIN ") :])
            else:
                public = serialization.load_der_public_key(block)
            if not isinstance(public, EllipticCurvePublicKey) or public.curve.name not in _CURVES:
                raise _OtherKeyError("holds a key on none of the curves P-256, P-384, P-521")
        except (ValueError, UnsupportedAlgorithm) as error:
            if strict:
                ours = isinstance(error, _OtherKeyError)
                raise ValueError(str(error) if ours else "holds no public key in PEM") from error
            continue
        pem = public.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        yield hashlib.sha256(pem).hexdigest(), public


def _verifies(public: Any, bundle: Bundle) -> bool:
    """Whether the signature is this key's, in the form of today or of releases before 1.0."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    if not isinstance(public, ec.EllipticCurvePublicKey) or public.curve.name not in _CURVES:
        return False
    by_size = {256: hashes.SHA256(), 384: hashes.SHA384(), 521: hashes.SHA512()}
    own = by_size[public.curve.key_size]
    forms = (
        (bundle.signed, own),
        (bundle.signed_before_v1, own),
        (bundle.signed_before_v1, hashes.SHA256()),
    )
    for signed, algorithm in forms:
        try:
            public.verify(bundle.signature, signed, ec.ECDSA(algorithm))
        except InvalidSignature:
            continue
        return True
    return False


# -- certificates ------------------------------------------------------------------------


def _by_certificate(
    bundle: Bundle, keys: list[TrustedKey], repository: str, now: datetime | None
) -> Judgement:
    try:
        leaf, *between = [certificates.load_der(raw) for raw in bundle.certificates]
        public = leaf.public_key()
        signer = Signer(
            kind=NAME, fingerprint=certificates.fingerprint(leaf), name=certificates.name_of(leaf)
        )
    except (ValueError, TypeError) as error:
        return Judgement(
            status=SignatureStatus.BAD_SIGNATURE, detail=f"a certificate is damaged: {error}"
        )
    if not _verifies(public, bundle):
        return Judgement(
            status=SignatureStatus.BAD_SIGNATURE,
            signer=signer,
            detail="the signature is not over this statement",
        )
    holders, refused = [], []
    for key in keys:
        status, why = certificates.check(leaf, between, certificates.load_pem(key.material), now)
        if status is SignatureStatus.VERIFIED:
            holders.append(key)
        elif status is not SignatureStatus.UNKNOWN_KEY:
            refused.append(Judgement(status=status, signer=signer, detail=why, root=key.root))
    if holders:
        return _holds(holders, signer, repository)
    return refused[0] if refused else Judgement(status=SignatureStatus.UNKNOWN_KEY, signer=signer)


# -- sigstore ----------------------------------------------------------------------------


def _by_sigstore(
    bundle: Bundle, keys: list[TrustedKey], repository: str, now: datetime | None
) -> Judgement:
    del now  # the log says when it was signed
    try:
        signer = _identity(certificates.load_der(bundle.certificates[0]))
    except (ValueError, TypeError) as error:
        return Judgement(
            status=SignatureStatus.BAD_SIGNATURE, detail=f"the certificate is damaged: {error}"
        )
    answers: dict[bytes, str | Certificate | None] = {}
    for key in keys:
        if key.material not in answers:
            answers[key.material] = _ask_sigstore(bundle, key)
    good = {material: one for material, one in answers.items() if not isinstance(one, str)}
    holders = [key for key in keys if (one := good.get(key.material)) and _is_identity(one, key)]
    if holders:
        return _holds(holders, signer, repository)
    failed = [one for one in answers.values() if isinstance(one, str)]
    if failed and not any(good.values()):
        detail = f"sigstore does not verify it: {failed[0]}"
        return Judgement(status=SignatureStatus.BAD_SIGNATURE, signer=signer, detail=detail)
    return Judgement(status=SignatureStatus.UNKNOWN_KEY, signer=signer)


_ISSUER_V2, _ISSUER_V1 = "1.3.6.1.4.1.57264.1.8", "1.3.6.1.4.1.57264.1.1"
"""Where a Fulcio certificate says who vouched for the identity (fulcio, docs/oid-info.md)."""


def _identity(certificate: Certificate) -> Signer:
    """Whom a Fulcio certificate is for, and in place of a fingerprint who vouched for them.

    Raises:
        ValueError: it names no single identity.
    """
    from cryptography import x509

    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound as error:
        raise ValueError("it names no identity") from error
    found = [
        one.value.decode("utf-8", "replace") if isinstance(one.value, bytes) else str(one.value)
        for one in names
    ]
    if len(found) != 1:
        raise ValueError("it names no single identity")
    raw = {one.oid.dotted_string: one.value.public_bytes() for one in certificate.extensions}
    issuer = raw.get(_ISSUER_V2, b"")[2:] or raw.get(_ISSUER_V1, b"")
    return Signer(kind=NAME, fingerprint=issuer.decode("utf-8", "replace"), name=found[0])


def _is_identity(certificate: Certificate, key: TrustedKey) -> bool:
    from sigstore.errors import VerificationError
    from sigstore.verify.policy import Identity

    assert isinstance(key.entry, ModelSigningEntry)
    # A trust root without either does not load.
    assert key.entry.identity
    assert key.entry.issuer
    try:
        Identity(identity=key.entry.identity, issuer=key.entry.issuer).verify(certificate)
    except VerificationError:
        return False
    return True


class _AnyIdentity:
    """Takes every certificate, and keeps it: who signed is asked apart from whether."""

    certificate: Certificate

    def verify(self, cert: Certificate) -> None:
        self.certificate = cert


def _ask_sigstore(bundle: Bundle, key: TrustedKey) -> str | Certificate | None:
    """The certificate once sigstore's library has verified the bundle, or why it does not.

    None when the certificate is of another sigstore than the trust root's.

    Raises:
        PolicyError: the trust root's file is no trusted root of sigstore.
    """
    try:
        from sigstore.errors import CertValidationError
        from sigstore.models import Bundle as SigstoreBundle
        from sigstore.verify import Verifier
    except ImportError as error:
        raise ToolError(
            "the library sigstore is not installed", hint="pip install sigstore"
        ) from error
    try:
        root = trusted_root(key.material)
        authorities, verifier = root.get_fulcio_certs(), Verifier(trusted_root=root)
    except Exception as error:
        raise PolicyError(f"trust root `{key.root}`: {key.path}: {error}") from error
    anyone = _AnyIdentity()
    try:
        found = SigstoreBundle.from_json(json.dumps(bundle.document))
        kind, payload = verifier.verify_dsse(found, anyone)
    except CertValidationError as error:
        ours = certificates.is_issued_by(certificates.load_der(bundle.certificates[0]), authorities)
        return _first_line(error) if ours else None
    except Exception as error:  # the bundle is hostile: whatever it makes the library raise is a no
        return _first_line(error)
    if kind != bundles.PAYLOAD_TYPE or payload != bundle.payload:
        return "the statement is not the one in the bundle"
    return anyone.certificate


def _first_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0][:120] or type(error).__name__


def trusted_root(config: bytes) -> Any:
    """Sigstore's trusted root, from a file of its own or from a client's trust configuration.

    Raises:
        ValueError: the bytes are neither.
    """
    from sigstore.errors import Error
    from sigstore.models import ClientTrustConfig, TrustedRoot

    try:
        document = json.loads(config)
        if not isinstance(document, dict):
            raise ValueError("no JSON object")
        if "trustedRoot" in document:
            return ClientTrustConfig.from_json(config.decode("utf-8")).trusted_root
        with tempfile.NamedTemporaryFile(prefix="secureload-root-") as file:
            file.write(config)
            file.flush()
            return TrustedRoot.from_file(file.name)
    except (Error, ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"is no trusted root of sigstore: {error}") from error


_Judge = Callable[[Bundle, list[TrustedKey], str, "datetime | None"], Judgement]
_HOW: dict[str, _Judge] = {
    "key": _by_key,
    "certificate": _by_certificate,
    "sigstore": _by_sigstore,
}

SIGNATURE = SignatureKind(name=NAME, over="folder", begins=b"{", check=check)
