"""Raw numbers count only when the model beside them claims them, byte for byte."""

from __future__ import annotations

from pathlib import Path

from scanner import FileVerdict, scan
from tests.builders.wire import chunk, number, place, table
from tests.scanner.told import SHELL

RAW = b"\xfe\x01\x02\x03" * 4


def verdicts(folder: Path) -> dict[str, tuple[str, FileVerdict]]:
    return {file.path: (file.format, file.verdict) for file in scan([folder])}


def onnx(location: str, length: int) -> bytes:
    pairs = {"location": location, "offset": "0", "length": str(length)}
    tensor = chunk(8, "w") + b"".join(
        chunk(13, chunk(1, key) + chunk(2, value)) for key, value in pairs.items()
    )
    return number(1, 8) + chunk(7, chunk(2, "g") + chunk(5, tensor)) + chunk(8, number(2, 17))


def test_a_shard_of_the_length_that_its_index_gives_is_clean(tmp_path: Path) -> None:
    (tmp_path / "v.index").write_bytes(table({b"": number(1, 1), b"w": place(0, 16)}))
    (tmp_path / "v.data-00000-of-00001").write_bytes(RAW)

    found = verdicts(tmp_path)

    assert found["v.data-00000-of-00001"] == ("tf-variables", FileVerdict.CLEAN)
    assert found["v.index"] == ("tf-checkpoint", FileVerdict.CLEAN)


def test_a_shard_of_another_length_or_without_index_is_unknown(tmp_path: Path) -> None:
    (tmp_path / "v.index").write_bytes(table({b"": number(1, 1), b"w": place(0, 15)}))
    (tmp_path / "v.data-00000-of-00001").write_bytes(RAW)
    (tmp_path / "u.data-00000-of-00001").write_bytes(RAW)

    assert [v for n, v in verdicts(tmp_path).items() if "data" in n] == [
        ("unknown", FileVerdict.SUSPICIOUS)
    ] * 2


def test_a_pickle_under_a_shard_s_name_is_read_as_one(tmp_path: Path) -> None:
    (tmp_path / "v.index").write_bytes(table({b"": number(1, 1), b"w": place(0, len(SHELL))}))
    (tmp_path / "v.data-00000-of-00001").write_bytes(SHELL)

    assert verdicts(tmp_path)["v.data-00000-of-00001"][1] is FileVerdict.MALICIOUS


def test_data_that_an_onnx_model_names_is_clean_and_other_data_is_not(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(onnx("m.onnx_data", 16))
    for name in ("m.onnx_data", "other.onnx_data"):
        (tmp_path / name).write_bytes(RAW)

    found = verdicts(tmp_path)

    assert found["m.onnx_data"] == ("onnx-data", FileVerdict.CLEAN)
    assert found["other.onnx_data"] == ("unknown", FileVerdict.SUSPICIOUS)


def test_data_shorter_than_its_tensors_is_unknown(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(onnx("m.onnx_data", 17))
    (tmp_path / "m.onnx_data").write_bytes(RAW)

    assert verdicts(tmp_path)["m.onnx_data"][1] is FileVerdict.SUSPICIOUS
