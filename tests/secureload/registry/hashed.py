"""Folders admitted under a policy that wants loaded bytes hashed, and who changes them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from secureload import sources
from secureload.flow import CacheEntry, Need
from secureload.gate import open_gate

POLICY = """\
apiVersion: secureload/v1
kind: TrustPolicy
metadata: {name: hardened}
spec: {cache: {verify: hashed-bytes}}
"""


def policy(folder: Path) -> str:
    """Write the policy into a folder; returns its path."""
    path = folder / "hardened.yaml"
    path.write_text(POLICY)
    return str(path)


def admitted(source: Path, folder: Path) -> CacheEntry:
    """Admit a folder so that whoever builds from it hashes what is loaded."""
    gate = open_gate(trust_policy=policy(folder))
    return gate.admit(sources.parse(str(source)), Need(), to_build=True)


def flip(path: Path, at: int = -1) -> None:
    """Change one byte of a file in the cache, and let it look as before."""
    status = path.stat()
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)
    path.chmod(0o444)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def same(ours: Any, theirs: Any) -> bool:
    """Whether two models have the same class and equal tensors."""
    import torch

    mine, others = ours.state_dict(), theirs.state_dict()
    return (
        type(ours) is type(theirs)
        and mine.keys() == others.keys()
        and all(torch.equal(value, mine[name]) for name, value in others.items())
    )
