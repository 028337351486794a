"""A signed model with a file more, wherever a library might look for one."""

from __future__ import annotations

import json

import pytest

from secureload.errors import Refused
from secureload.gate import admit
from tests.builders import model_signatures as made
from tests.builders import models
from tests.secureload.signatures.conftest import model, shared_home, signed
from tests.secureload.signatures.models import SignedModel

__all__ = ["model", "shared_home", "signed"]


@pytest.mark.parametrize(
    "name",
    ["pytorch_model.bin", "sub/other.bin", "sub/.gitattributes", ".hidden", "other.sig", "x/y/z"],
)
def test_a_file_that_nobody_signed_breaks_the_chain(signed: SignedModel, name: str) -> None:
    made.write(signed.folder, {name: b"unsigned"})

    said = signed.verify()

    assert said["status"] == "broken-chain"
    assert [link["subject"] for link in said["chain"] if not link["ok"]] == [name]


@pytest.mark.parametrize("ignored", [[], ["pytorch_model.bin"]])
def test_a_signed_model_with_unsigned_weights_is_not_admitted(
    model: SignedModel, ignored: list[str]
) -> None:
    files = models.safe()
    weights = next(name for name in files if name.endswith(".safetensors"))
    signed_files = {name: data for name, data in files.items() if name != weights}
    for old in list(model.files):
        (model.folder / old).unlink()
    made.write(model.folder, files)
    model.trusts("publisher.pem", made.public_pem(made.key()))
    model.sign(made.over(signed_files, ignored=[weights] if ignored else []))

    with pytest.raises(Refused) as refused:
        admit(model.folder, trust_policy="strict", trust_roots=[model.trust])

    assert weights in json.dumps(str(refused.value))
    assert "identity" in refused.value.verdict.rules
