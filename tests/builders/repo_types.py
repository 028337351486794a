"""Datasets and Spaces as publishers ship them, and what does not belong there."""

from __future__ import annotations

import base64
import io
import json
import pickle
import tarfile
import zlib

CARD = b"""---
license: mit
dataset_info:
  features:
  - {name: text, dtype: string}
  - {name: label, dtype: int8}
configs:
- config_name: default
  data_files: data/train.parquet
---
# Rows

```python
from datasets import load_dataset
```
"""

PARQUET = base64.b64decode(
    "UEFSMRUAFToVOiwVBhUAFQYVBhwAAAACAAAABgEDAAAAb25lAwAAAHR3bwUAAAB0aHJlZRUAFSQVJCwVBhUAFQYV"
    "BhwAAAACAAAABgEAAAAAAQAAAAAAAAAVBBk8NQAYBnNjaGVtYRUEABUMJQIYBHRleHQlAEwcAAAAFQIlAhgFbGFi"
    "ZWwlHkysEwgRAAAAFgYZHBksJgAcFQwZJQYAGRgEdGV4dBUAFgYWYBZgJghJHBUAFQAVAgA8FhYZBhkmAAYAAAAm"
    "ABwVAhklBgAZGAVsYWJlbBUAFgYWShZKJmhJHBUAFQAVAgA8KQYZJgAGAAAAFqoBFgYmCBaqAQAoIHBhcnF1ZXQt"
    "Y3BwLWFycm93IHZlcnNpb24gMjYuMC4xGSwcAAAcAAAA0AAAAFBBUjE="
)
"""Three rows of `text` and `label`, as pyarrow writes them, without compression."""

ARROW_STREAM = zlib.decompress(base64.b64decode(
    "eNp1UEEKwjAQnLZJLTWHHkQ8eOjR5/gFhYCHYkEC+iyf0V/F2XRrS9GBzews2dlsYozxDaCBoIZDCYuKGZEZalBV"
    "PI2eQM44az6wnxdz6W+1JrCM7nL1Xep3jE3qF9cqzdtRl6y6pMb5mRU+LnyEg3+FMTffOsfGgbxT7bDXl7vkiMLg"
    "QDphQk3t0hayW6c7F5hh8R/NirfK7erepJe++Urjh55qpXr3dx+efbg9vNdfm/cW/gB7OR2L"
))  # fmt: skip
"""The same rows as `Dataset.save_to_disk` keeps them."""


def dataset() -> dict[str, bytes]:
    """Ordinary files of many kinds, none of which runs."""
    rows = [{"text": "os.system('id')", "label": 0}, {"text": "two", "label": 1}]
    return {
        "README.md": CARD,
        ".gitattributes": b"*.parquet filter=lfs diff=lfs merge=lfs -text\n",
        "data/train.parquet": PARQUET,
        "data/data-00000-of-00001.arrow": ARROW_STREAM,
        "data/rows.csv": b"text,label\none,0\n",
        "data/rows.jsonl": "\n".join(map(json.dumps, rows)).encode(),
        "data/words.txt": b"one\ntwo\n",
        "samples-000.tar": samples({"0.json": b'{"k": 0}', "0.cls": b"7", "0.txt": b"words"}),
    }


def space() -> dict[str, bytes]:
    """A demonstration that starts a process, as they do."""
    return {
        "README.md": b"---\nsdk: gradio\napp_file: app.py\n---\n# Demo\n",
        "app.py": b"import subprocess\n\nsubprocess.run(['true'], check=True)\n",
        "requirements.txt": b"gradio\n",
    }


def samples(members: dict[str, bytes]) -> bytes:
    """A tar file of samples, as WebDataset reads it."""
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as tar:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return held.getvalue()


PICKLED = pickle.dumps({"label": [0, 1]})
"""Plain values, which no scanner has anything against."""
