"""Certificates that signed a model: does the chain lead to a trust root, and today?

OpenSSL builds and checks the chain (RFC 5280, section 6); what it leaves to its caller is
asked here: that the certificate is one for signing code, and that no link rests on a weak
key or hash.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from secureload.flow import SignatureStatus

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

RSA_BITS = 2048
"""Shortest RSA key of a certificate; NIST SP 800-131A disallows shorter ones."""

_EXPIRED = frozenset({9, 10})
"""OpenSSL's X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED."""

_WEAK_HASHES = frozenset({"md5", "sha1"})


def load_pem(material: bytes) -> list[Certificate]:
    """Every certificate of a PEM file.

    Raises:
        ValueError: there is none, or one is damaged.
    """
    from cryptography import x509

    return x509.load_pem_x509_certificates(material)


def load_der(raw: bytes) -> Certificate:
    """One certificate in DER.

    Raises:
        ValueError: it is damaged.
    """
    from cryptography import x509

    return x509.load_der_x509_certificate(raw)


def fingerprint(certificate: Certificate) -> str:
    """The SHA-256 of a certificate's DER form, in hex."""
    from cryptography.hazmat.primitives import hashes

    return certificate.fingerprint(hashes.SHA256()).hex()


def name_of(certificate: Certificate) -> str:
    """The certificate's subject, as RFC 4514 writes it."""
    return certificate.subject.rfc4514_string()


def is_issued_by(certificate: Certificate, authorities: Iterable[Certificate]) -> bool:
    """Whether one of these authorities signed a certificate, in its time or out of it."""
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

    for authority in authorities:
        try:
            certificate.verify_directly_issued_by(authority)
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
            continue
        return True
    return False


def check(
    leaf: Certificate,
    between: Iterable[Certificate],
    roots: Iterable[Certificate],
    now: datetime | None,
) -> tuple[SignatureStatus, str]:
    """Judge a chain at a moment (None: now): `VERIFIED`, or why not and a sentence.

    A root may be any certificate that the trust root holds, the leaf itself among them.
    """
    from OpenSSL import crypto

    moment = now or datetime.now(UTC)
    store = crypto.X509Store()
    store.set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN)
    for root in roots:
        store.add_cert(crypto.X509.from_cryptography(root))
    store.set_time(moment)
    untrusted = [crypto.X509.from_cryptography(one) for one in between]
    context = crypto.X509StoreContext(store, crypto.X509.from_cryptography(leaf), untrusted)
    try:
        chain = [one.to_cryptography() for one in context.get_verified_chain()]
    except crypto.X509StoreContextError as error:
        code, depth, why = error.errors[0], error.errors[1], error.errors[2]
        if code in _EXPIRED:
            which = "the certificate" if depth == 0 else "a certificate of its chain"
            return SignatureStatus.EXPIRED_KEY, f"{which} is outside its time ({why})"
        return SignatureStatus.UNKNOWN_KEY, f"its certificate leads to no trust root ({why})"
    # The last one is held by the trust root, so no signature has to vouch for it.
    for certificate in chain:
        if weak := _weakness(certificate, held=certificate == chain[-1]):
            return SignatureStatus.WEAK_DIGEST, f"{name_of(certificate)} {weak}"
    if not _is_for_signing(leaf):
        return (
            SignatureStatus.KEY_NOT_ALLOWED,
            f"the certificate of {name_of(leaf)} is not one for signing code",
        )
    return SignatureStatus.VERIFIED, ""


def _is_for_signing(leaf: Certificate) -> bool:
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID

    try:
        usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
        if not usage.digital_signature:
            return False
    except x509.ExtensionNotFound:
        pass  # RFC 5280: a certificate without the extension is for every use
    try:
        purposes = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return False
    return ExtendedKeyUsageOID.CODE_SIGNING in purposes


def _weakness(certificate: Certificate, *, held: bool) -> str:
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < RSA_BITS:
        return f"has an RSA key of {key.key_size} bits"
    hashed = certificate.signature_hash_algorithm
    if hashed is not None and hashed.name in _WEAK_HASHES and not held:
        return f"is signed over a {hashed.name} digest"
    return ""
