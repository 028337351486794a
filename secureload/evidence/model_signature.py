"""A signature over the admitted folder that the OpenSSF model-signing tools verify.

Source: OpenSSF Model Signing v1.0 (github.com/ossf/model-signing-spec): an in-toto statement
whose predicate lists every file with its digest, in a DSSE envelope inside a Sigstore bundle
v0.3, method `key`. The files of an admitted folder are hard links, so to whoever reads it
they are plain files. What git and its hosts keep beside a model is left out, as the tools
leave it out, and said to be; the verification summary has it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import PurePosixPath

from secureload.evidence.envelope import canonical, seal
from secureload.evidence.operator import Operator
from secureload.evidence.statement import resource, statement
from secureload.flow import ArtifactFile

PREDICATE = "https://model_signing/signature/v1.0"
_BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"

_IGNORED = (".git", ".gitattributes", ".github", ".gitignore")
"""What the specification's reference tool ignores in the model's folder, whatever is signed."""


def make(files: Sequence[ArtifactFile], repository: str, operator: Operator) -> bytes:
    """The Sigstore bundle; the model is called by the last part of its repository's name."""
    signed = [file for file in files if PurePosixPath(file.path).parts[0] not in _IGNORED]
    ordered = sorted(signed, key=lambda file: file.path)
    root = hashlib.sha256(b"".join(bytes.fromhex(file.sha256) for file in ordered)).hexdigest()
    predicate = {
        "serialization": {
            "method": "files",
            "hash_type": "sha256",
            "allow_symlinks": False,
            "ignore_paths": list(_IGNORED),
        },
        "resources": [
            {"name": file.path, "algorithm": "sha256", "digest": file.sha256} for file in ordered
        ],
    }
    name = PurePosixPath(repository).name
    payload = statement([resource(name, sha256=root)], PREDICATE, predicate)
    hint = hashlib.sha256(operator.public).hexdigest()
    envelope = seal(payload, operator)
    for signature in envelope["signatures"]:
        signature["keyid"] = ""  # the bundle names the key, in the hint
    return canonical(
        {
            "mediaType": _BUNDLE,
            "verificationMaterial": {"publicKey": {"hint": hint}, "tlogEntries": []},
            "dsseEnvelope": envelope,
        }
    )
