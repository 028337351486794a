"""`secureload verify`: one status of eleven is a yes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from secureload.flow import SignatureStatus
from tests.secureload.cli.shell import MODEL, Shell
from tests.secureload.signatures.helpers import FILES, Case
from tests.secureload.signatures.test_verify import CASES
from tests.servers.hub import LocalHub
from tests.servers.keys import openpgp
from tests.servers.repos import PublishedRepo


@pytest.mark.usefixtures("hub")
def test_verify_exits_0_for_verified_alone(
    shell: Shell, repo: PublishedRepo, publishers: Path
) -> None:
    signed = repo.commit(MODEL, sign=openpgp("alice"))
    unsigned = repo.commit(MODEL)
    said = shell("verify", f"org/model@{signed}", "--trust-root", publishers, "--format", "json")
    assert said.code == 0
    assert said.json["schema"] == "secureload.verification/1"
    assert said.json["status"] == "verified"
    assert said.json["chain"]
    assert (
        openpgp("alice").fingerprint
        in shell("verify", f"org/model@{signed}", "--trust-root", publishers).out
    )
    assert shell("verify", f"org/model@{signed}").code == 1
    said = shell("verify", f"org/model@{unsigned}", "--format", "json")
    assert (said.code, said.json["status"]) == (1, "unsigned")
    assert shell("cache", "list", "--format", "json").json["admissions"] == []


@pytest.fixture(scope="module")
def one_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One home for all cases: verifying keeps nothing that another could find."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def case(
    tmp_path: Path, one_home: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Case, Path]]:
    """A publisher's repository on a hub, and where the operator's trust root will be."""
    made = Case(tmp_path)
    with LocalHub(root=tmp_path / "served") as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setenv("SECURELOAD_HOME", str(one_home))
        yield made, tmp_path / "roots.yaml"


def asked(shell: Shell, case: tuple[Case, Path], commit: str) -> tuple[int, str, list[bool]]:
    """The exit code, the status, and which links of the chain hold."""
    trust = ["--trust-root", case[1]] if case[0].roots.keys else []
    said = shell("verify", f"org/name@{commit}", *trust, "--format", "json")
    return said.code, said.json["status"], [link["ok"] for link in said.json["chain"]]


@pytest.mark.parametrize(
    ("signing", "status", "_"), CASES, ids=lambda x: getattr(x, "__name__", "")
)
def test_each_case_is_answered_for_its_own_reason(
    shell: Shell,
    case: tuple[Case, Path],
    signing: Callable[[Case], Callable[[bytes], str]],
    status: SignatureStatus,
    _: object,
) -> None:
    commit = case[0].repo.commit(FILES, sign=signing(case[0]))

    code, said, links = asked(shell, case, commit)

    assert said == status.value
    assert code == (0 if status is SignatureStatus.VERIFIED else 1)
    assert all(links) is (status is SignatureStatus.VERIFIED)


def test_an_unsigned_commit_and_one_on_top_of_a_signed_one_are_unsigned(
    shell: Shell, case: tuple[Case, Path]
) -> None:
    made = case[0]
    made.trust(openpgp("alice"))
    alone = made.repo.commit(FILES)
    made.repo.commit(FILES, sign=openpgp("alice"))
    child = made.repo.commit({**FILES, "more.txt": b"x"})
    assert asked(shell, case, alone)[:2] == (1, "unsigned")
    assert asked(shell, case, child)[:2] == (1, "unsigned")


def test_other_weights_than_those_signed_break_the_chain(
    shell: Shell, case: tuple[Case, Path]
) -> None:
    made = case[0]
    made.trust(openpgp("alice"))
    commit = made.repo.commit(FILES, sign=openpgp("alice"))
    weights = FILES["pytorch_model.bin"]
    made.repo.replace_lfs(weights, weights[:-1] + b"x")

    code, said, links = asked(shell, case, commit)

    assert (code, said) == (1, "broken-chain")
    assert not all(links)
