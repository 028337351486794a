"""What a signature costs: each case of the table judged and chained, beside the fetch.

Each case is a commit with real git, signed by the real gpg or ssh-keygen, or a folder with an
OpenSSF model signature. Objects and files are fetched first; then the signature is judged and
the chain followed to every byte, `--runs` times; shown are medians in milliseconds, and the ratio
to one `git verify-commit` of a good signature in the same run, keys imported. What takes longer
than 100 ms is named; with `--check` the exit code is then 1.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).parents[1]))

from secureload.flow import DetachedSignature, Listing, Snapshot, Source
from secureload.signatures import TrustRoots, attest, bind
from secureload.signatures.gitstore import GitStore
from secureload.sources.local import commit_of
from tests.builders import model_signatures as made
from tests.builders.sigstore import Sigstore
from tests.secureload.signatures.helpers import FILES, Case
from tests.secureload.signatures.test_verify import CASES, git_verifies

LIMIT_MS = 100.0


@dataclass(frozen=True, kw_only=True)
class Took:
    """Medians of several runs in milliseconds, with the programs that were started."""

    wall: float
    cpu: float


def timed(action: Callable[[], object], runs: int) -> Took:
    """Run once for nothing, then several times."""
    action()
    wall, cpu = [], []
    for _ in range(runs):
        start, used = time.perf_counter(), _cpu()
        action()
        wall.append((time.perf_counter() - start) * 1e3)
        cpu.append((_cpu() - used) * 1e3)
    return Took(wall=statistics.median(wall), cpu=statistics.median(cpu))


def _cpu() -> float:
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def commit_case(case: Case, commit: str, runs: int) -> Took:
    """Judge one commit again and again, its objects being here."""
    listing = case.listing(commit)
    roots = case.roots
    work = case.folder / "fetched"
    store = GitStore(work, case.repo.remote, commit)
    store.fetch()

    def verify() -> None:
        with mock.patch.object(GitStore, "fetch"):
            attestation = attest(listing, case.repo.remote, roots, work)
        case.bind(commit, attestation, FILES)

    return timed(verify, runs)


def model_case(folder: Path, runs: int) -> dict[str, tuple[str, Took]]:
    """Judge signatures over a folder: a key's, a certificate's, sigstore's."""
    import hashlib

    from secureload.quarantine import StoredFile

    files = {f"part-{number}.bin": bytes([number]) * 100_000 for number in range(20)}
    root = made.write(folder / "model", files)
    stored = tuple(
        StoredFile(path=path, size=len(data), sha256=hashlib.sha256(data).hexdigest(), git_oid="")
        for path, data in files.items()
    )
    from secureload.flow import Attestation, FileClaim, SignatureStatus

    claims = [FileClaim(path=one.path, size=one.size, sha256=one.sha256) for one in stored]
    listing = Listing(
        source=Source(kind="local", location=str(root)),
        commit=commit_of(claims),
        claims=tuple(claims),
    )
    snapshot = Snapshot(listing=listing, root=root, files=stored)
    own, sigstore = made.certificate("own", made.key("own")), Sigstore()
    cases = {
        "model, key": (made.public_pem(made.key()), made.bundle(made.over(files), made.key()), {}),
        "model, certificate": (
            made.pem(own),
            made.bundle(made.over(files), made.key("own"), material=made.chain(own)),
            {},
        ),
        "model, sigstore": (
            sigstore.trusted_root(),
            sigstore.bundle(made.over(files)),
            {"identity": made.IDENTITY, "issuer": made.ISSUER},
        ),
    }
    results = {}
    for name, (material, bundle, who) in cases.items():
        (folder / "key").write_bytes(material)
        entry = json.dumps({"kind": "model-signing", "file": "key", **who})
        (folder / "root.yaml").write_text(
            "apiVersion: secureload/v1\nkind: TrustRoot\nmetadata: {name: r}\n"
            f"spec: {{keys: [{entry}]}}\n"
        )
        roots = TrustRoots.load([folder / "root.yaml"])
        detached = DetachedSignature(
            name="model.sig", data=json.dumps(bundle).encode(), path=None, asked=True
        )

        def verify(roots: TrustRoots = roots, detached: DetachedSignature = detached) -> str:
            unsigned = Attestation(status=SignatureStatus.UNSIGNED)
            return bind(unsigned, snapshot, roots, [detached]).status.value

        results[name] = (verify(), timed(verify, runs))
    return results


def main() -> None:
    """Print one table; fail where a case takes longer than it may."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--check", action="store_true", help="exit 1 where one is too slow")
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    options = parser.parse_args()
    rows: dict[str, tuple[str, Took]] = {}
    with tempfile.TemporaryDirectory(prefix="secureload-bench-") as temporary:
        git: Took | None = None
        for number, (signing, status, _) in enumerate(CASES):
            case = Case(Path(temporary, str(number)))
            commit = case.repo.commit(FILES, sign=signing(case))
            took = commit_case(case, commit, options.runs)
            rows[signing.__name__.replace("_", " ")] = (status.value, took)
            git = git or timed(partial(git_verifies, case, commit), options.runs)
        rows |= model_case(Path(temporary), options.runs)
    assert git is not None
    head = ("case", "answer", "ms", "CPU ms", "of git verify-commit")
    print("{:<28} {:<20} {:>8} {:>8} {:>22}".format(*head))
    for name, (said, took) in rows.items():
        ratio = f"{took.wall / git.wall:.2f}x"
        print(f"{name:<28} {said:<20} {took.wall:>8.1f} {took.cpu:>8.1f} {ratio:>22}")
    slow = [name for name, (_, took) in rows.items() if took.wall > LIMIT_MS]
    print(f"over {LIMIT_MS:.0f} ms: {', '.join(slow) or 'none'}")
    if options.json:
        figures = {
            name: {"answer": said, "ms": took.wall, "cpu_ms": took.cpu}
            for name, (said, took) in rows.items()
        }
        options.json.write_text(json.dumps({"git_ms": git.wall, "cases": figures}, indent=2))
    sys.exit(1 if slow and options.check else 0)


if __name__ == "__main__":
    main()
