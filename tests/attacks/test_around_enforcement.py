"""Ways around enforcement that a program might take, knowingly or not: each ends in a refusal.

Every attack loads a file that would leave a mark. It must raise `Refused`, in itself or in the
child it starts, and the mark must not be there. What is out of reach of hooks in the process
is at the end, as tests that show it, and in SECURITY.md with what does stop it.
"""

from __future__ import annotations

import json
import os
import pickle
import shelve
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.builders import models
from tests.servers.hub import LocalHub
from tests.servers.repos import PublishedRepo

PROGRAM = Path(__file__).parents[1] / "secureload/enforce/programs/try_attacks.py"

UNDER_RUN = {
    "pickle.load": "import pickle; pickle.load(open(PATH, 'rb'))",
    "pickle.loads": "import pickle; pickle.loads(PICKLE)",
    "pickle._load": "import pickle; pickle._load(open(PATH, 'rb'))",
    "pickle._loads": "import pickle; pickle._loads(PICKLE)",
    "pickle.Unpickler": "import pickle; pickle.Unpickler(io.BytesIO(PICKLE)).load()",
    "pickle._Unpickler": "import pickle; pickle._Unpickler(io.BytesIO(PICKLE)).load()",
    "_pickle.load": "import _pickle; _pickle.load(open(PATH, 'rb'))",
    "_pickle.loads": "import _pickle; _pickle.loads(PICKLE)",
    "_pickle.Unpickler": "import _pickle; _pickle.Unpickler(io.BytesIO(PICKLE)).load()",
    "the class below ours": (
        "import pickle; pickle.Unpickler.__mro__[1](io.BytesIO(PICKLE)).load()"
    ),
    "a subclass of its own": (
        "import pickle\n"
        "class Mine(pickle.Unpickler):\n"
        "    def load(self): return super().load()\n"
        "Mine(open(PATH, 'rb')).load()"
    ),
    "a file moved past its head": (
        "import pickle\ndata = io.BytesIO(b'....' + PICKLE); data.seek(4)\npickle.load(data)"
    ),
    "the second pickle of a file": (
        "import pickle\n"
        "stream = io.BytesIO(pickle.dumps(1) + PICKLE)\n"
        "pickle.load(stream); pickle.load(stream)"
    ),
    "a stream that cannot be read ahead": (
        "import pickle\n"
        "class Stream:\n"
        "    def __init__(self): self.inner = io.BytesIO(PICKLE)\n"
        "    def read(self, n=-1): return self.inner.read(n)\n"
        "    def readline(self): return self.inner.readline()\n"
        "pickle.load(Stream())"
    ),
    "a pipe": (
        "import pickle\n"
        "r, w = os.pipe(); os.write(w, PICKLE); os.close(w)\n"
        "pickle.load(os.fdopen(r, 'rb'))"
    ),
    "gzip": (
        "import gzip, pickle\npickle.load(gzip.GzipFile(fileobj=io.BytesIO(gzip.compress(PICKLE))))"
    ),
    "a member of an archive": (
        "import pickle, zipfile\npickle.load(zipfile.ZipFile(NPZ).open('evil.pkl'))"
    ),
    "a thread": (
        "import pickle, threading\n"
        "found = []\n"
        "def work():\n"
        "    try: pickle.loads(PICKLE)\n"
        "    except OSError as error: found.append(error)\n"
        "thread = threading.Thread(target=work); thread.start(); thread.join()\n"
        "raise found[0]"
    ),
    "importlib.reload(pickle)": (
        "import importlib, pickle; importlib.reload(pickle).loads(PICKLE)"
    ),
    "a fresh pickle": (
        "import sys, pickle\n"
        "for name in ('pickle', '_pickle'): del sys.modules[name]\n"
        "import pickle; pickle.loads(PICKLE)"
    ),
    "a copy of pickle under another name": (
        "import importlib.util, pickle\n"
        "spec = importlib.util.spec_from_file_location('mine', pickle.__file__)\n"
        "mine = importlib.util.module_from_spec(spec); spec.loader.exec_module(mine)\n"
        "mine._loads(PICKLE)"
    ),
    "sys.meta_path emptied of us": (
        "import sys\n"
        "sys.meta_path[:] = [f for f in sys.meta_path if 'secureload' not in type(f).__module__]\n"
        "for name in ('pickle', '_pickle'): sys.modules.pop(name, None)\n"
        "import pickle; pickle.loads(PICKLE)"
    ),
    "the hook put back": (
        "import pickle\n"
        "pickle.loads = pickle.loads.__closure__[0].cell_contents\n"
        "pickle.loads(PICKLE)"
    ),
    "sys.modules replaced": (
        "import sys, types, _pickle\n"
        "fake = types.ModuleType('pickle'); fake.__dict__.update(vars(sys.modules['pickle']))\n"
        "fake.Unpickler = _pickle.Unpickler.__mro__[1]\n"
        "sys.modules['pickle'] = fake\n"
        "import pickle; pickle.Unpickler(io.BytesIO(PICKLE)).load()"
    ),
    "joblib.load": "import joblib; joblib.load(PATH)",
    "joblib of an open file": "import joblib; joblib.load(open(PATH, 'rb'))",
    "numpy.load of objects": "import numpy; numpy.load(NPY, allow_pickle=True)",
    "numpy.load of a pickle": "import numpy; numpy.load(PATH, allow_pickle=True)",
    "numpy.load of an archive": "import numpy; numpy.load(NPZ, allow_pickle=True)['evil']",
    "shelve": "import shelve; shelve.open(SHELF, 'r')['evil']",
    "torch.load": "import torch; torch.load(TORCH, weights_only=False)",
    "torch.load of an open file": (
        "import torch; torch.load(open(TORCH, 'rb'), weights_only=False)"
    ),
    "torch.load of bytes": (
        "import torch\ntorch.load(io.BytesIO(open(TORCH, 'rb').read()), weights_only=False)"
    ),
    "torch.load with a pickle module of its own": (
        "import torch, types, pickle\n"
        "mine = types.ModuleType('mine')\n"
        "mine.__dict__.update(vars(pickle)); mine.Unpickler = pickle._Unpickler\n"
        "torch.load(TORCH, weights_only=False, pickle_module=mine)"
    ),
    "torch.load of an old file": "import torch; torch.load(PATH, weights_only=False)",
    "torch.serialization._load": (
        "import torch, pickle\n"
        "reader = torch._C.PyTorchFileReader(TORCH)\n"
        "torch.serialization._load(reader, None, pickle)"
    ),
    "torch.serialization._legacy_load": (
        "import torch, pickle\ntorch.serialization._legacy_load(open(PATH, 'rb'), None, pickle)"
    ),
    "importlib.reload(torch.serialization)": (
        "import importlib, torch\n"
        "importlib.reload(torch.serialization).load(TORCH, weights_only=False)"
    ),
    "torch.jit.load": "import torch; torch.jit.load(SCRIPT)",
    "torch._C.import_ir_module": (
        "import torch\n"
        "unit = torch._C.CompilationUnit()\n"
        "torch._C.import_ir_module(unit, SCRIPT, None, {}, False)"
    ),
    "torch.hub.load": "import torch; torch.hub.load(REPO, 'model', source='local')",
    "torch.package": "import torch.package; torch.package.PackageImporter(TORCH)",
    "hf_hub_download": (
        "import huggingface_hub as h; h.hf_hub_download('org/evil', 'pytorch_model.bin')"
    ),
    "a poisoned cache": (
        "import huggingface_hub as h, torch\n"
        "path = h.hf_hub_download('org/safe', 'pytorch_model.bin', cache_dir=POISONED,\n"
        "                         revision=COMMIT, local_files_only=True)\n"
        "torch.load(path, weights_only=False)"
    ),
    "a poisoned snapshot": (
        "import huggingface_hub as h, torch\n"
        "path = h.snapshot_download('org/evil', cache_dir=POISONED, local_files_only=True)\n"
        "torch.load(path + '/pytorch_model.bin', weights_only=False)"
    ),
    "the path of a poisoned cache": (
        "import torch\n"
        "torch.load(POISONED + '/models--org--safe/snapshots/' + COMMIT + '/pytorch_model.bin',\n"
        "           weights_only=False)"
    ),
    "a client of its own": (
        "import httpx2, huggingface_hub as h\n"
        "h.set_client_factory(lambda: httpx2.Client(follow_redirects=True))\n"
        "h.HfApi().model_info('org/evil')"
    ),
    "an endpoint of its own": (
        "import huggingface_hub as h\n"
        "h.HfApi(endpoint=HUB.replace('127.0.0.1', 'localhost')).hf_hub_download(\n"
        "    'org/evil', 'pytorch_model.bin')"
    ),
    "a request of its own": (
        "import httpx2; httpx2.get(HUB + '/org/evil/resolve/main/pytorch_model.bin')"
    ),
    "a download that is no client's": (
        "import urllib.request, torch\n"
        "data = urllib.request.urlopen(HUB + '/org/evil/resolve/main/pytorch_model.bin').read()\n"
        "torch.load(io.BytesIO(data), weights_only=False)"
    ),
    "another policy in the environment": (
        "import huggingface_hub as h\n"
        "os.environ['SECURELOAD_POLICY'] = os.environ['SECURELOAD_ENFORCE'] = 'research'\n"
        "h.hf_hub_download('org/evil', 'pytorch_model.bin')"
    ),
    "another policy in a call": (
        "import secureload, torch\n"
        "try: secureload.admit(SUSPICIOUS, trust_policy='research')\n"
        "except secureload.SecureloadError: pass  # allowed there, and without a tensor in it\n"
        "torch.load(SUSPICIOUS, weights_only=False)"
    ),
    "enforce called again": (
        "import secureload\n"
        "try: secureload.enforce('research')\n"
        "except OSError: pass\n"
        "import torch; torch.load(SUSPICIOUS, weights_only=False)"
    ),
    "subprocess": "subprocess.run([sys.executable, '-c', CHILD])",
    "subprocess without environment": "subprocess.run([sys.executable, '-c', CHILD], env={})",
    "subprocess with the switch off": (
        "subprocess.run([sys.executable, '-c', CHILD],\n"
        "               env={**os.environ, 'SECURELOAD_ENFORCE': '0'})"
    ),
    "the environment emptied": "os.environ.clear(); subprocess.run([sys.executable, '-c', CHILD])",
    "a shell": (
        "os.environ.pop('PYTHONPATH'); os.environ['C'] = CHILD\n"
        "subprocess.run(f'{sys.executable} -c \"$C\"', shell=True)"
    ),
    "python -I": "subprocess.run([sys.executable, '-I', '-c', CHILD])",
    "python -E": "subprocess.run([sys.executable, '-E', '-c', CHILD])",
    "python -S": "subprocess.run([sys.executable, '-S', '-c', CHILD])",
    "python -Bs -Ec": "subprocess.run([sys.executable, '-Bs', '-Ec', CHILD])",
    "os.execve": "os.execve(sys.executable, [sys.executable, '-c', CHILD], {})",
    "os.posix_spawn": (
        "os.waitpid(os.posix_spawn(sys.executable, [sys.executable, '-c', CHILD], {}), 0)"
    ),
    "os.system": (
        "os.environ.pop('SECURELOAD_ENFORCE'); os.environ.pop('PYTHONPATH')\n"
        "os.environ['C'] = CHILD; os.system(f'{sys.executable} -c \"$C\"')"
    ),
    "spawn": "spawned('spawn')",
    "forkserver": "spawned('forkserver')",
}
"""Attacks on a program started by `secureload run`."""

LATE = {
    "load bound early": "early_load(open(PATH, 'rb'))",
    "loads bound early": "early_loads(PICKLE)",
    "Unpickler bound early": "EarlyUnpickler(io.BytesIO(PICKLE)).load()",
    "pickle._load bound early": "early_python_load(open(PATH, 'rb'))",
    "torch.load bound early": "early_torch_load(TORCH, weights_only=False)",
    "torch.jit.load bound early": "early_jit_load(SCRIPT)",
    "torch.hub.load bound early": "early_hub_load(REPO, 'model', source='local')",
    "numpy.load bound early": "early_np_load(NPY, allow_pickle=True)",
    "joblib.load bound early": "early_joblib_load(PATH)",
    "hf_hub_download bound early": "early_download('org/evil', 'pytorch_model.bin')",
    "snapshot_download bound early": "early_snapshot('org/evil')",
    "try_to_load_from_cache bound early": (
        "import torch\n"
        "torch.load(early_cached('org/safe', 'pytorch_model.bin', cache_dir=POISONED,\n"
        "                        revision=COMMIT) or TORCH, weights_only=False)"
    ),
}
"""Attacks with names bound before `secureload.enforce()` was called."""

HELPERS = """
import subprocess

def spawned(method):
    import multiprocessing
    process = multiprocessing.get_context(method).Process(target=exec, args=(CHILD,))
    process.start()
    process.join()

"""

CHILD = """\
import pickle
try:
    pickle.load(open({path!r}, "rb"))
except OSError as error:
    open({mark!r}, "w").write(type(error).__name__)
"""
"""What an attack's child does: it loads, and leaves a mark when that is refused."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The hostile files, one payload in many wrappings."""
    place = tmp_path_factory.mktemp("around")
    command = f"touch {place}/fired"
    (place / "evil.pkl").write_bytes(models.hostile_pickle(command))
    (place / "evil.pt").write_bytes(models.hostile_zip(command))
    with (place / "evil.npy").open("wb") as stream:
        np.lib.format.write_array_header_1_0(
            stream, {"descr": "|O", "fortran_order": False, "shape": (1,)}
        )
        stream.write(models.hostile_pickle(command))
    with zipfile.ZipFile(place / "evil.npz", "w") as archive:
        archive.write(place / "evil.npy", "evil.npy")
        archive.write(place / "evil.pkl", "evil.pkl")
    with shelve.open(str(place / "shelf")) as shelf:
        shelf.dict[b"evil"] = models.hostile_pickle(command)  # type: ignore[attr-defined]
    repo = place / "repo"
    repo.mkdir()
    (repo / "hubconf.py").write_text(f"import os; os.system({command!r})\ndef model(): pass\n")
    (place / "suspicious.pt").write_bytes(zipped(b"\x80\x02cnobody_knows\nthis\n)R."))
    (place / "script.pt").write_bytes(zipped(b"\x80\x02}.", code=f"__import__({command!r})"))
    return place


def zipped(data: bytes, code: str = "") -> bytes:
    import io

    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("archive/data.pkl", data)
        archive.writestr("archive/version", "3\n")
        if code:
            archive.writestr("archive/constants.pkl", b"\x80\x02).")
            archive.writestr("archive/code/__torch__.py", code)
    return target.getvalue()


def poison(place: Path, commit: str) -> Path:
    """A client's cache that holds hostile weights for two repositories."""
    cache = place / "poisoned"
    for name in ("safe", "evil"):
        snapshot = cache / f"models--org--{name}" / "snapshots" / commit
        snapshot.mkdir(parents=True)
        (snapshot / "pytorch_model.bin").write_bytes((place / "evil.pt").read_bytes())
        refs = cache / f"models--org--{name}" / "refs"
        refs.mkdir()
        (refs / "main").write_text(commit)
    return cache


def run(place: Path, attacks: dict[str, str], *, late: bool) -> dict[str, Any]:
    """Try the attacks against a local Hub; what each saw, and whether anything ran."""
    root = place / f"hub-{late}"
    commit = PublishedRepo(root, "org/safe").commit(models.safe())
    PublishedRepo(root, "org/evil").commit(models.malicious(f"touch {place}/fired"))
    names = {
        "PATH": str(place / "evil.pkl"),
        "TORCH": str(place / "evil.pt"),
        "NPY": str(place / "evil.npy"),
        "NPZ": str(place / "evil.npz"),
        "SHELF": str(place / "shelf"),
        "SCRIPT": str(place / "script.pt"),
        "SUSPICIOUS": str(place / "suspicious.pt"),
        "REPO": str(place / "repo"),
        "POISONED": str(place / "poisoned" if late else poison(place, commit)),
        "COMMIT": commit,
    }
    environment = {name: value for name, value in os.environ.items() if "HF_" not in name}
    environment |= {"SECURELOAD_HOME": str(place / f"home-{late}"), "HF_HOME": str(place / "hf")}
    with LocalHub(root=root) as hub:
        names["HUB"] = hub.url
        prepared = {
            name: f"CHILD = {CHILD.format(path=names['PATH'], mark=mark_of(place, name))!r}\n"
            + HELPERS
            + code
            for name, code in attacks.items()
        }
        settings, results = place / f"settings-{late}.json", place / f"results-{late}.json"
        settings.write_text(json.dumps({"attacks": prepared, "names": names, "late": late}))
        start = [] if late else [sys.executable, "-m", "secureload.cli", "run", "--"]
        subprocess.run(
            [*start, sys.executable, PROGRAM, settings, results],
            env=environment | {"HF_ENDPOINT": hub.url, "OMP_NUM_THREADS": "1"},
            cwd=Path(__file__).parents[2],
            check=True,
        )
    found = json.loads(results.read_text())
    assert isinstance(found, dict)
    return found | {"fired": (place / "fired").exists()}


def mark_of(place: Path, name: str) -> str:
    return str(place / f"refused-{name}")


@pytest.fixture(scope="module")
def seen(place: Path) -> dict[str, Any]:
    """What the attacks on a program under `secureload run` saw."""
    return run(place, UNDER_RUN, late=False)


@pytest.fixture(scope="module")
def seen_late(place: Path, seen: dict[str, Any]) -> dict[str, Any]:
    """What the attacks on a program that calls `secureload.enforce()` late saw."""
    return run(place, LATE, late=True)


@pytest.mark.parametrize("name", UNDER_RUN)
def test_the_attack_is_refused(seen: dict[str, Any], place: Path, name: str) -> None:
    mark = Path(mark_of(place, name))
    if mark.exists():  # the child was refused
        assert mark.read_text() == "Refused"
        return
    assert "OSError" in seen[name]["raised"], seen[name]
    said = seen[name]["said"] + seen[name]["trace"]
    assert "policy `default`" in said or "not in the trusted cache" in said, seen[name]


@pytest.mark.parametrize("name", LATE)
def test_a_name_bound_early_is_refused(seen_late: dict[str, Any], name: str) -> None:
    assert "Refused" in seen_late[name]["raised"], seen_late[name]


def test_nothing_ran(seen: dict[str, Any], seen_late: dict[str, Any]) -> None:
    assert not seen["fired"]
    assert not seen_late["fired"]


def test_the_file_would_have_run(place: Path, seen_late: dict[str, Any]) -> None:
    assert not seen_late["fired"]
    pickle.loads((place / "evil.pkl").read_bytes())
    assert (place / "fired").exists()
