"""Who signed these bytes, and how that claim reaches them.

`attest` fetches raw git objects, recomputes every id and judges the signatures on commit
and tag; `bind` carries the chain on to the bytes in quarantine. `TrustRoots` are the keys
that count. Each kind of signature is one module with a constant `SIGNATURE`.
"""

from __future__ import annotations

from secureload.signatures.trust import TrustedKey, TrustRoots
from secureload.signatures.verify import attest, bind, verification_json

__all__ = ["TrustRoots", "TrustedKey", "attest", "bind", "verification_json"]
