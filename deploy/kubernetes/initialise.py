#!/usr/bin/env python3
"""Bring an admitted model into a pod's volume, and only with its signed summary.

An init container runs this: it fetches from the service (`HF_ENDPOINT`), has the command line
verify summary and bytes, and puts the model where the main container looks for it. Exit code
0: it is there; 1: refused; 2: no decision. Only then may the main container start.

    secureload-initialise org/model 3f2a… /models --trust-root verifier.yaml --policy strict
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from itertools import count
from pathlib import Path

from huggingface_hub import hf_hub_download, snapshot_download
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError


def main() -> int:
    """Do it, and say how it ended."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("model")
    parser.add_argument("revision")
    parser.add_argument("target", type=Path)
    parser.add_argument("--trust-root", required=True)
    parser.add_argument("--policy", default="default")
    asked = parser.parse_args()
    try:
        return bring(asked.model, asked.revision, asked.target, asked.trust_root, asked.policy)
    except (HfHubHTTPError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def bring(model: str, revision: str, target: Path, trust_root: str, policy: str) -> int:
    """Fetch, verify, put in place."""
    with tempfile.TemporaryDirectory() as work:
        files, evidence = Path(work, "model"), Path(work, "evidence")
        snapshot_download(model, revision=revision, local_dir=files)
        shutil.rmtree(files / ".cache", ignore_errors=True)  # the client's own notes
        evidence.mkdir()
        fetch_evidence(model, revision, Path(work, "documents"), evidence)
        done = subprocess.run(
            [
                *("secureload", "admit", files, "--require-attestation", "--attestation", evidence),
                *("--trust-root", trust_root, "--policy", policy, "--format", "path", "--quiet"),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        if done.returncode != 0:
            return done.returncode
        place = target / model.rpartition("/")[2]
        draft = target / f".{place.name}.part"
        shutil.rmtree(draft, ignore_errors=True)
        shutil.copytree(done.stdout.strip(), draft)
        shutil.rmtree(place, ignore_errors=True)
        draft.rename(place)
    print(place)
    return 0


def fetch_evidence(model: str, revision: str, work: Path, into: Path) -> None:
    """Fetch every document about the admission; without a summary there is none to verify."""

    def fetch(name: str) -> None:
        path = hf_hub_download(model, f".secureload/{name}", revision=revision, local_dir=work)
        shutil.copyfile(path, into / name)

    for name in ("vsa.json", "model.sig", "bom.json"):
        fetch(name)
    for number in count(1):
        try:
            fetch(f"provenance-{number}.json")
        except EntryNotFoundError:
            break


if __name__ == "__main__":
    sys.exit(main())
