"""A publisher's signed model folder, an operator's trust root, and `secureload verify`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from secureload.cli import answer as run
from tests.builders import model_signatures as made

FILES = {"config.json": b"{}\n", "sub/adapter.bin": b"adapter" * 99, "weights.bin": b"w" * 5_000}


class SignedModel:
    """One model in a temporary folder; ask `verify` what it is worth."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = made.write(folder / "model", FILES)
        self.signature = self.folder / "model.sig"
        self.trust = folder / "publishers.yaml"
        self._capsys = capsys
        self._keys: list[dict[str, object]] = []

    def trusts(self, name: str, material: bytes, **entry: object) -> None:
        """Add a key, certificate or trusted root to the operator's trust root."""
        (self.trust.parent / name).write_bytes(material)
        self._keys.append({"kind": "model-signing", "file": name, **entry})
        document = {
            "apiVersion": "secureload/v1",
            "kind": "TrustRoot",
            "metadata": {"name": "publishers"},
            "spec": {"keys": self._keys},
        }
        self.trust.write_text(yaml.safe_dump(document))

    def sign(self, said: Mapping[str, Any] | None = None, **changes: Any) -> None:
        """Sign with the publisher's key, part by part; the statement is right unless given."""
        private = changes.pop("private", made.key())
        document = made.bundle(said or made.over(self.files), private, **changes)
        self.signature.write_text(json.dumps(document))

    @property
    def files(self) -> dict[str, bytes]:
        """The model's files as they are now, without the signature."""
        paths = [path for path in self.folder.rglob("*") if path.is_file()]
        return {
            path.relative_to(self.folder).as_posix(): path.read_bytes()
            for path in paths
            if path != self.signature
        }

    def verify(self, *options: str | Path, model: Path | None = None) -> dict[str, Any]:
        """What `secureload verify --format json` says, and its exit code as `code`."""
        self._capsys.readouterr()
        asked = ["verify", str(model or self.folder), "--format", "json", *map(str, options)]
        if self._keys:
            asked += ["--trust-root", str(self.trust)]
        code = run(asked)
        said = self._capsys.readouterr()
        if code == 2:
            return {"code": code, "error": said.err}
        answer: dict[str, Any] = json.loads(said.out)
        assert code == (0 if answer["status"] == "verified" else 1)
        return {"code": code, **answer}

    def status(self, *options: str | Path) -> str:
        """The status alone."""
        return str(self.verify(*options)["status"])
