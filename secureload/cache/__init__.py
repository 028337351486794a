"""The trusted cache: content by digest, admitted folders, and the ledger that speaks of them.

`TrustedCache` is the whole interface: a `Store` (places, locks, ledger) with a `Memory` of
sources that knows about `Publishing`. `layout` says where things lie, `work` keeps quarantine,
`placing` puts files in their place, `integrity` checks a folder against its record, `soundness`
checks everything, `log` reads the audit log.
"""

from secureload.cache.log import AuditLog
from secureload.cache.soundness import Problem
from secureload.cache.trusted import Collected, TrustedCache

__all__ = ["AuditLog", "Collected", "Problem", "TrustedCache"]
