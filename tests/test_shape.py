"""The house keeps its shape: imports point one way, files have twins, nothing unpickles."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULES = sorted([*(ROOT / "scanner").rglob("*.py"), *(ROOT / "secureload").rglob("*.py")])

STAGES = (
    *("sources", "signatures", "quarantine", "policy", "convert", "cache", "ledger", "evidence"),
)
HEAVY = {
    *("torch", "transformers", "tensorflow", "jax", "numpy", "fickling", "sqlalchemy", "h5py"),
    *("cryptography", "cyclonedx", "google", "in_toto_attestation", "securesystemslib"),
}
NETWORK = {"huggingface_hub", "requests", "httpx", "httpx2", "urllib.request", "socket", "http"}


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path, *, at_start_only: bool = False) -> Iterator[tuple[str, int]]:
    """Yield (module, line) for each import; `at_start_only` leaves out what runs later."""
    tree = ast.parse(path.read_text("utf-8"))
    pending: list[ast.AST] = list(tree.body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module, node.lineno
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)
        elif at_start_only and isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        pending.extend(ast.iter_child_nodes(node))


def within(module: str, packages: set[str]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_scanner_imports_no_torch_no_network_and_nothing_of_secureload(path: Path) -> None:
    if path.is_relative_to(ROOT / "scanner"):
        forbidden = {"torch", "transformers", "secureload"} | NETWORK
        assert [m for m, _ in imports(path) if within(m, forbidden)] == []


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_heavy_libraries_are_imported_where_they_are_used(path: Path) -> None:
    # The ledger's tables and migrations are SQLAlchemy itself, imported with the ledger.
    if not path.is_relative_to(ROOT / "secureload" / "ledger"):
        at_start = [m for m, _ in imports(path, at_start_only=True) if within(m, HEAVY)]
        assert at_start == []


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_stages_do_not_import_one_another(path: Path) -> None:
    module = name_of(path)
    own = module.split(".")[1] if module.count(".") else ""
    if own not in STAGES:
        return
    # The cache is the ledger's only user; quarantine is fed by sources.
    neighbours = {"cache": {"ledger"}, "quarantine": {"sources"}}.get(own, set())
    others = {f"secureload.{stage}" for stage in STAGES if stage != own and stage not in neighbours}
    others |= {"secureload.gate", "secureload.cli", "secureload.registry", "secureload.auto"}
    assert [m for m, _ in imports(path) if within(m, others)] == []


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_every_module_says_what_it_is_for(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text("utf-8")))
    assert docstring, "no docstring"
    assert docstring != "To be written."


_EXECUTES = re.compile(
    r"\b(?:pickle|_pickle|dill|joblib|cloudpickle|marshal|shelve)\.(?:loads?|Unpickler|open)\("
    r"|\btorch\.load\(|allow_pickle=True|yaml\.(?:unsafe_|full_)?load\("
)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_nothing_in_the_product_executes_untrusted_bytes(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called not in {"eval", "exec"}, f"line {node.lineno}"
            assert not _EXECUTES.match(f"{called}("), f"line {node.lineno}: {called}"
            assert "allow_pickle" not in {keyword.arg for keyword in node.keywords}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_msgspec_reads_into_nothing_that_threads_could_learn_at_once(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            kinds = [keyword.value for keyword in node.keywords if keyword.arg == "type"]
            if called == "msgspec.convert":
                kinds = [*node.args[1:], *kinds]
            elif called not in {"msgspec.json.decode", "msgspec.msgpack.decode"}:
                continue
            assert [
                ast.unparse(k) for k in kinds if not ast.unparse(k).startswith("learned(")
            ] == []


@pytest.mark.parametrize("folder", ["formats", "rules"])
def test_every_format_and_rule_has_its_twin_test(folder: str) -> None:
    modules = {p.stem for p in (ROOT / "scanner" / folder).glob("[a-z]*.py")}
    twins = {p.stem.removeprefix("test_") for p in (ROOT / "tests/scanner" / folder).glob("*.py")}
    assert modules - twins == set()


def test_every_library_has_its_twin_test() -> None:
    folder = ROOT / "secureload" / "registry"
    modules = {p.stem for p in folder.glob("[a-z]*.py") if "LIBRARY = " in p.read_text("utf-8")}
    twins = {
        p.stem.removeprefix("test_") for p in (ROOT / "tests/secureload/registry").glob("*.py")
    }
    assert modules >= {
        "transformers",
        "diffusers",
        "sentence_transformers",
        "timm",
        "peft",
        "plain",
    }
    assert modules - twins == set()


def test_importing_the_scanner_is_light() -> None:
    probe = (
        "import sys, scanner; scanner.scan; "
        f"heavy = {sorted(HEAVY | {'huggingface_hub', 'httpx', 'requests', 'secureload'})!r}; "
        "print([m for m in heavy if m in sys.modules])"
    )
    shown = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert shown.stdout.strip() == "[]"


@pytest.mark.parametrize("arguments", [["--help"], ["scan", "--help"], ["--version"]])
def test_the_command_line_starts_without_torch(arguments: list[str]) -> None:
    shown = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "secureload.cli", *arguments],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    loaded = {line.rpartition("|")[2].strip() for line in shown.stderr.splitlines()}
    assert "secureload.cli" in loaded or "click" in loaded
    assert {m for m in loaded if within(m, HEAVY)} == set()
