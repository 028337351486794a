"""Numbers and tables in the files of compiled libraries: trees, vectors, indexes, databases.

None of these formats can name code: a library of C or C++ reads numbers and text from them.
Each is known by its signature and by a length or a count that has to fit the file, and only
when no other reader knows the bytes.

Source: CatBoost's `model.fbs`; fastText's `args.cc`; FAISS' `index_write.cpp`; word2vec's
`distance.c`; the SQLite file format; MATLAB's MAT-file level 5; the ORC specification;
TensorStore's OCDBT; the MNIST IDX format.
"""

from __future__ import annotations

import re

from scanner.formats import Format, Read
from scanner.patterns import pattern
from scanner.reader import Blob

_WORD2VEC = pattern(rb"([1-9][0-9]{0,9}) ([1-9][0-9]{0,5})\n[^\x00\n ]{1,200} ")
_FAISS = pattern(rb"(?:Ix|Iv|Iw|IH|IB|Im)[0-9A-Za-z]{2}")
_OCDBT = (b"\x0c\xdb\x3a\x2a", b"\x0c\xdb\x20\xde")
_IDX_WIDTHS = {8: 1, 9: 1, 11: 2, 12: 4, 13: 4, 14: 8}


def label(blob: Blob) -> str:
    """Which of these formats it is, `` for none."""
    head = blob.head(256)
    size = len(blob.data)
    if head[:4] == b"CBM1":
        return "catboost" if 8 + _count(head, 4) <= size else ""
    if head[:4] == b"\xba\x16\x4f\x2f":
        return "fasttext" if _count(head, 4) in (11, 12) and 0 < _count(head, 8) < 1 << 16 else ""
    if head[:16] == b"SQLite format 3\0":
        return "sqlite"
    if head[:19] == b"MATLAB 5.0 MAT-file":
        return "matlab" if head[124:128] in (b"\0\1IM", b"\1\0MI") else ""
    if head[:3] == b"ORC":
        return "orc" if bytes(blob.data[-4:-1]) == b"ORC" else ""
    if head[:4] in _OCDBT:
        return "ocdbt" if _count(head, 4, width=8) == size else ""
    if head[:2] == b"\0\0":
        return "idx" if _is_idx(head, size) else ""
    if _FAISS.fullmatch(head[:4]):
        return "faiss" if 0 < _count(head, 4) < 1 << 20 and size > 32 else ""
    vectors = _WORD2VEC.match(head)
    return "word2vec" if vectors and _is_vectors(vectors, size) else ""


def _count(head: bytes, at: int, *, width: int = 4) -> int:
    return int.from_bytes(head[at : at + width], "little")


def _is_idx(head: bytes, size: int) -> bool:
    """Whether type and dimensions of an array give exactly the length of the file."""
    width, dimensions = _IDX_WIDTHS.get(head[2] if len(head) > 3 else 0, 0), head[3:4]
    if not width or not 1 <= dimensions[0] <= 8:
        return False
    length = width
    for axis in range(dimensions[0]):
        length *= int.from_bytes(head[4 + 4 * axis : 8 + 4 * axis], "big")
    return 4 + 4 * dimensions[0] + length == size


def _is_vectors(found: re.Match[bytes], size: int) -> bool:
    """Whether as many words and vectors as it says can lie in the file, and nothing more."""
    words, width = int(found[1]), int(found[2]) * 4
    least = words * (width + 2)
    return least <= size <= least + words * 200 + len(found[0])


def recognise(blob: Blob) -> bool:
    """Whether it is one of them."""
    return bool(label(blob))


def read(blob: Blob) -> Read:
    """Numbers say nothing that a rule would judge."""
    yield from ()


FORMAT = Format(name="native", recognise=recognise, read=read, label=label, inert=True)
