"""Who signed these bytes, and how that claim reaches them.

`attest` fetches raw git objects, recomputes every id and judges the signatures on commit
and tag; `bind` carries the chain on to the bytes in quarantine, and judges signatures over
the folder, whose files `is_candidate` knows by name. `TrustRoots` are the keys that count.
Each kind of signature is one module with a constant `SIGNATURE`.
"""

from __future__ import annotations

from secureload.signatures.bundles import BUNDLE_BYTES, is_candidate
from secureload.signatures.history import lineage
from secureload.signatures.kinds import Memory
from secureload.signatures.trust import TrustedKey, TrustRoots
from secureload.signatures.verify import attest, bind, verification_json

__all__ = [
    "BUNDLE_BYTES",
    "Memory",
    "TrustRoots",
    "TrustedKey",
    "attest",
    "bind",
    "is_candidate",
    "lineage",
    "verification_json",
]
