"""Many threads that admit and load at once, in a process that has imported nothing yet."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.builders import models

ROOT = Path(__file__).parents[2]

PROGRAM = """
import json, sys, threading
sys.setswitchinterval(1e-5)
import secureload

said = []

def load(folder):
    together.wait()
    try:
        entry = secureload.admit(folder)
        model = secureload.AutoModel.from_pretrained(folder)
        said.append([type(model).__name__, sorted(p.name for p in entry.path.glob("*.bin"))])
    except BaseException as error:
        said.append([type(error).__name__, str(error)])

folders = sys.argv[1:] * 3
together = threading.Barrier(len(folders))
threads = [threading.Thread(target=load, args=(folder,)) for folder in folders]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(json.dumps(said))
"""


def test_threads_load_the_same_models_and_others(tmp_path: Path) -> None:
    folders = []
    for number in range(3):
        folder = tmp_path / f"model-{number}"
        folder.mkdir()
        for name, data in (models.legacy() | {"number.txt": b"%d" % number}).items():
            (folder / name).write_bytes(data)
        folders.append(str(folder))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *folders],
        cwd=ROOT,
        env={**os.environ, "SECURELOAD_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [["DistilBertModel", []]] * 9
