"""What an admission leaves for others to check: statements signed by the operator's key.

Each admission made with an operator key has `vsa.json` (a SLSA Verification Summary
Attestation: who decided, by which policy, over which files), `provenance-N.json` (SLSA
Provenance v1, one a conversion), `model.sig` (an OpenSSF model-signing signature over the
admitted folder) and `bom.json` (a CycloneDX ML-BOM). They are published together with the
admission or not at all. `of(entry)` reads them; `bundle` carries them to a machine without
network, where the summary stands in for the whole gate.

Nothing heavy is imported before a document is made or opened.
"""

from __future__ import annotations

from secureload.evidence.kept import BOM, MODEL_SIGNATURE, VSA, Evidence, media_type, of

__all__ = ["BOM", "MODEL_SIGNATURE", "VSA", "Evidence", "media_type", "of"]
