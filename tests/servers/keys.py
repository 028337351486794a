"""Throwaway signing keys, made by the real gpg and ssh-keygen; gone when the process ends.

alice = keys.openpgp("alice")          # ed25519, cached by its description
old = keys.openpgp("old", expired=True)
armor = alice.sign(b"payload")         # what git would put into `gpgsig`
alice.public                           # armored public key, as trust roots take it
"""

from __future__ import annotations

import atexit
import base64
import functools
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

PRINCIPAL = "publisher@example.org"
_PAST = "20200101T000000"


class Key(Protocol):
    """Anything that signs a commit the way git stores signatures."""

    @property
    def fingerprint(self) -> str: ...

    def sign(self, payload: bytes) -> str: ...


@functools.cache
def _folder() -> Path:
    # Short, because a Unix socket's path holds about a hundred characters.
    folder = Path(tempfile.mkdtemp(prefix="slk", dir="/tmp"))
    atexit.register(_forget, folder)
    return folder


def _forget(folder: Path) -> None:
    for home in folder.glob("gpg*"):
        subprocess.run(
            ["gpgconf", "--homedir", str(home), "--kill", "all"], capture_output=True, check=False
        )
    shutil.rmtree(folder, ignore_errors=True)


@functools.cache
def _home(name: str = "gpg") -> Path:
    home = _folder() / name
    home.mkdir(mode=0o700)
    return home


def _run(*command: str, stdin: bytes = b"") -> bytes:
    done = subprocess.run(command, input=stdin, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command}: {done.stderr.decode(errors='replace')}")
    return done.stdout


def _gpg(*arguments: str, stdin: bytes = b"", home: Path | None = None) -> bytes:
    options = ["--batch", "--yes", "--no-tty", "--pinentry-mode", "loopback", "--passphrase", ""]
    return _run("gpg", "--homedir", str(home or _home()), *options, *arguments, stdin=stdin)


@dataclass(frozen=True, kw_only=True)
class OpenPGPKey:
    """An OpenPGP key: `fingerprint` is the primary key's, `signing` that of the key that signs.

    `at` is the moment at which it signs, as gpg's --faked-system-time; None is now.
    """

    name: str
    fingerprint: str
    signing: str
    public: str
    """The armored public key as trust roots take it, with its revocation if there is one."""
    at: str | None = None

    def sign(self, payload: bytes, *options: str) -> str:
        """Make a detached, armored signature; `options` go to gpg."""
        clock = ["--faked-system-time", f"{self.at}!"] if self.at else []
        # The exclamation mark stops gpg from choosing another subkey.
        signer = ["--local-user", f"{self.signing}!"]
        return _gpg(*clock, *options, *signer, "-bsa", stdin=payload).decode()

    def sign_sha1(self, payload: bytes) -> str:
        """Sign over a SHA-1 digest; for RSA keys."""
        return self.sign(payload, "--digest-algo", "SHA1", "--allow-weak-digest-algos")

    def sign_expiring(self, payload: bytes) -> str:
        """Make a signature that ended one day after 2020 began; for `old` keys."""
        return replace(self, at=_PAST).sign(payload, "--default-sig-expire", "1d")


@functools.cache
def openpgp(
    name: str,
    *,
    algorithm: str = "ed25519",
    subkey: bool = False,
    old: bool = False,
    expired: bool = False,
    revoked: bool = False,
) -> OpenPGPKey:
    """Make an OpenPGP key, once for each description.

    `subkey` signs with a subkey; `old` was made when 2020 began and is still good; `expired`
    was made then for a year, and signs then; `revoked` signs, and its public key says that
    it has been revoked.
    """
    clock = ["--faked-system-time", f"{_PAST}!"] if expired or old else []
    user = f"{name} <{name}@example.org>"
    usage, life = "cert" if subkey else "sign", "1y" if expired else "never"
    status = ["--status-fd", "1"]
    made = _gpg(*clock, *status, "--quick-generate-key", user, algorithm, usage, life).decode()
    primary = re.findall(r"KEY_CREATED . (\w+)", made)[0]
    signing = primary
    if subkey:
        _gpg(*clock, "--quick-add-key", primary, algorithm, "sign", "never")
        listed = _gpg("--with-colons", "--with-subkey-fingerprint", "--list-keys", primary)
        signing = re.findall(r"^fpr:+(\w+):", listed.decode(), re.MULTILINE)[-1]
    public = _gpg("--armor", "--export", primary)
    if revoked:
        certificate = (_home() / "openpgp-revocs.d" / f"{primary}.rev").read_bytes()
        other = _home(f"gpg-{primary[-8:]}")
        for part in (public, certificate.replace(b":-----BEGIN", b"-----BEGIN")):
            _gpg("--import", stdin=part, home=other)
        public = _gpg("--armor", "--export", primary, home=other)
    return OpenPGPKey(
        name=name,
        fingerprint=primary,
        signing=signing,
        public=public.decode(),
        at=_PAST if expired else None,
    )


@functools.cache
def withdrawn(key: OpenPGPKey, reason: int, at: str) -> OpenPGPKey:
    """The same key with a revocation: for gpg's reason (0 none, 1 stolen, 2 superseded, 3 unused).

    `at` is the revocation's date, as gpg's --faked-system-time.
    """
    answers = f"y\n{reason}\n\ny\n".encode()
    clock = ["--faked-system-time", f"{at}!"]
    asked = ["--no-tty", "--command-fd", "0", "--pinentry-mode", "loopback", "--passphrase", ""]
    command = ["gpg", "--homedir", str(_home()), *clock, *asked, "--gen-revoke", key.fingerprint]
    certificate = _run(*command, stdin=answers)
    other = _home(f"gpg-{key.fingerprint[-8:]}-{reason}-{at}")
    for part in (key.public.encode(), certificate):
        _gpg("--import", stdin=part, home=other)
    public = _gpg("--armor", "--export", key.fingerprint, home=other)
    return replace(key, public=public.decode())


@dataclass(frozen=True, kw_only=True)
class SSHKey:
    """An SSH key; `fingerprint` reads `SHA256:...`, as ssh-keygen prints it."""

    name: str
    fingerprint: str
    path: Path
    public: str

    def sign(self, payload: bytes, namespace: str = "git") -> str:
        """Make an armored SSH signature, for git's commits unless told otherwise."""
        return _run(
            "ssh-keygen", "-q", "-Y", "sign", "-n", namespace, "-f", str(self.path), stdin=payload
        ).decode()

    def allowed_signers(self, principal: str = PRINCIPAL, options: str = "") -> str:
        """The line of an allowed_signers file for this key."""
        return f"{principal} {options + ' ' if options else ''}{self.public}"

    def revocation_list(self) -> bytes:
        """A key revocation list that holds this key."""
        target = self.path.with_suffix(".krl")
        _run("ssh-keygen", "-q", "-k", "-f", str(target), f"{self.path}.pub")
        return target.read_bytes()


@functools.cache
def ssh(name: str, *, algorithm: str = "ed25519") -> SSHKey:
    """Make an SSH key, once for each name."""
    path = _folder() / f"ssh-{name}-{algorithm}"
    _run("ssh-keygen", "-q", "-t", algorithm, "-N", "", "-C", name, "-f", str(path))
    shown = _run("ssh-keygen", "-l", "-f", str(path)).decode()
    public = Path(f"{path}.pub").read_text()
    return SSHKey(name=name, fingerprint=shown.split()[1], path=path, public=public)


def dearmor(armor: str) -> bytes:
    """The packets inside an armored OpenPGP block."""
    body = armor.strip().split("\n\n", 1)[1].splitlines()
    return base64.b64decode("".join(row for row in body if row[:1] not in "=-"))


def armor(packets: bytes) -> str:
    """Armor signature packets, without the optional checksum."""
    text = base64.encodebytes(packets).decode()
    return f"-----BEGIN PGP SIGNATURE-----\n\n{text}-----END PGP SIGNATURE-----\n"


def together(*signatures: str) -> str:
    """Several OpenPGP signatures in one armor."""
    return armor(b"".join(dearmor(signature) for signature in signatures))


def renamed_issuer(signature: str, key: OpenPGPKey, fingerprint: str) -> str:
    """The signature with another key's fingerprint and id written in as its issuer.

    What a signature by a key that nobody has looks like to one who cannot check it.
    """
    old, new = bytes.fromhex(key.signing), bytes.fromhex(fingerprint)
    packets = dearmor(signature)
    assert packets.count(old) == 1
    packets = packets.replace(old, new).replace(old[-8:], new[-8:])
    return armor(packets)
