from __future__ import annotations

from pathlib import Path

import pytest

from tests.builders import model_signatures as made
from tests.secureload.signatures.helpers import Case
from tests.secureload.signatures.models import SignedModel


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path)


@pytest.fixture(scope="session")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One home for all that only verify: nothing they do is kept in it."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def model(
    tmp_path: Path,
    shared_home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> SignedModel:
    monkeypatch.setenv("SECURELOAD_HOME", str(shared_home))
    return SignedModel(tmp_path, capsys)


@pytest.fixture
def signed(model: SignedModel) -> SignedModel:
    """A model signed with a key that the trust root holds."""
    model.trusts("publisher.pem", made.public_pem(made.key()))
    model.sign()
    return model
