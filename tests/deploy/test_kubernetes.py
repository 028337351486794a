"""The Kubernetes example: valid, locked down, and its initialiser run against a real service."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from secureload.cli.serve import command
from secureload.cli.verbs import cli
from secureload.evidence import operator
from secureload.gateway import setup
from secureload.signatures import TrustRoots
from tests.builders import models
from tests.servers.hub import LocalHub
from tests.servers.loopback import ROOT
from tests.servers.repos import PublishedRepo
from tests.servers.service import Service

FOLDER = ROOT / "deploy" / "kubernetes"
DOCUMENTS = [
    document
    for path in sorted(FOLDER.glob("*.yaml"))
    for document in yaml.safe_load_all(path.read_text())
]


def named(kind: str, name: str) -> Any:
    return next(d for d in DOCUMENTS if (d["kind"], d["metadata"]["name"]) == (kind, name))


def pods() -> Iterator[Any]:
    for document in DOCUMENTS:
        if document["kind"] == "Deployment":
            yield document["spec"]["template"]["spec"]
        elif document["kind"] == "Pod":
            yield document["spec"]


@pytest.mark.parametrize(
    "document", DOCUMENTS, ids=lambda d: f"{d['kind']}-{d['metadata']['name']}"
)
def test_every_document_is_valid(document: Any) -> None:
    kubernetes_validate.validate(document, "1.33", strict=True)


def test_every_container_is_locked_down() -> None:
    found = list(pods())
    assert len(found) == 3
    for pod in found:
        assert pod["securityContext"]["runAsNonRoot"]
        assert not pod["enableServiceLinks"]
        assert not pod["automountServiceAccountToken"]
        for container in (*pod.get("initContainers", ()), *pod["containers"]):
            context = container["securityContext"]
            assert context["readOnlyRootFilesystem"]
            assert not context["allowPrivilegeEscalation"]
            assert context["capabilities"] == {"drop": ["ALL"]}


def test_the_services_file_is_good(tmp_path: Path) -> None:
    path = tmp_path / "serve.yaml"
    path.write_text(named("ConfigMap", "secureload")["data"]["serve.yaml"])
    said = setup.read(path, command)
    assert said.options["policy_name"] == "strict"
    assert said.oidc[0].issuer == "https://oidc.cluster.example.org"


def test_what_the_containers_run_is_a_verb_with_such_options() -> None:
    import click

    for part in ("front", "worker"):
        (container,) = named("Deployment", part)["spec"]["template"]["spec"]["containers"]
        verb, *options = container["args"]
        found = cli.get_command(click.Context(cli), verb)
        assert found is not None, verb
        known = {name for option in found.params for name in option.opts}
        assert {option for option in options if option.startswith("--")} <= known


@pytest.fixture(scope="module")
def admitting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, str]]:
    """A service whose operator signs, with one model on the hub behind it."""
    root = tmp_path_factory.mktemp("admitting")
    with LocalHub(root=root / "hub") as hub:
        commit = PublishedRepo(hub.root, "org/legacy").commit(models.legacy())
        home = root / "home"
        home.mkdir()
        operator.create(operator.key_file(home))
        options = ("--wait", "120")
        with Service(home=home, upstream=hub.url, options=options) as service:
            yield service, commit


def initialise(
    service: Service, revision: str, tmp_path: Path, key: bytes
) -> subprocess.CompletedProcess[str]:
    """Run the init container's own command, its paths on this machine."""
    data = named("ConfigMap", "secureload-verifier")["data"]
    trust = tmp_path / "etc"
    trust.mkdir()
    (trust / "key.pub").write_bytes(key)
    (trust / "verifier.yaml").write_text(data["verifier.yaml"])
    assert TrustRoots.load([trust / "verifier.yaml"]).of("verifier")
    (tmp_path / "token").write_text("")
    (tmp_path / "models").mkdir()
    programs = tmp_path / "bin"
    programs.mkdir()
    script = programs / "secureload-initialise"
    script.write_text(f'#!/bin/sh\nexec {sys.executable} {FOLDER / "initialise.py"} "$@"\n')
    script.chmod(0o755)
    (container,) = named("Pod", "model")["spec"]["initContainers"]
    (text,) = container["args"]
    for there, here in (
        ("/var/run/secrets/tokens/models", str(tmp_path / "token")),
        (" /models", f" {tmp_path / 'models'}"),
        ("/etc/secureload/", f"{trust}/"),
        ("org/model", "org/legacy"),
        ("0" * 40, revision),
        ("--policy strict", "--policy default"),
    ):
        assert there in text
        text = text.replace(there, here)
    return subprocess.run(
        [*container["command"], text],
        capture_output=True,
        text=True,
        env={
            "PATH": f"{programs}:{Path(sys.executable).parent}:/usr/bin:/bin",
            "HOME": str(tmp_path),
            "HF_HOME": str(tmp_path / "hf"),
            "HF_ENDPOINT": service.url,
            "HF_HUB_ETAG_TIMEOUT": "120",
            "PYTHONPATH": str(ROOT),
            "SECURELOAD_HOME": str(tmp_path / "home"),
        },
    )


def test_the_initialiser_brings_a_model_with_its_evidence(
    admitting: tuple[Service, str], tmp_path: Path
) -> None:
    service, _ = admitting
    revision = service.ask("/api/models/org/legacy").json["sha"]
    key = operator.public_file(operator.key_file(service.home)).read_bytes()
    done = initialise(service, revision, tmp_path, key)
    assert done.returncode == 0, done.stderr
    place = tmp_path / "models" / "legacy"
    assert {path.name for path in place.iterdir()} >= {"config.json", "model.safetensors"}
    served = service.ask(f"/org/legacy/resolve/{revision}/model.safetensors").body
    assert (place / "model.safetensors").read_bytes() == served


def test_the_initialiser_refuses_what_another_key_signed(
    admitting: tuple[Service, str], tmp_path: Path
) -> None:
    service, _ = admitting
    revision = service.ask("/api/models/org/legacy").json["sha"]
    other = operator.create(tmp_path / "other" / "key.pem")
    assert other
    key = operator.public_file(tmp_path / "other" / "key.pem").read_bytes()
    done = initialise(service, revision, tmp_path, key)
    assert done.returncode == 1, done.stderr
    assert list((tmp_path / "models").iterdir()) == []
