"""TensorFlow SavedModels, meta graphs and frozen graphs: which operations the graph would run.

Operations are listed from nodes and library functions at any depth, by walking the wire
format. Those that call Python, or open, write or list files while the model runs, are code.

Source: `tensorflow/core/protobuf/saved_model.proto`, `graph.proto`, `function.proto`.
"""

from __future__ import annotations

from scanner.facts import CodeFact
from scanner.formats import Format, Read
from scanner.formats._protobuf import BYTES, VARINT, WireError, fields, shape, text
from scanner.reader import Blob

DANGEROUS = frozenset(
    [
        "PyFunc", "PyFuncStateless", "EagerPyFunc", "ReadFile", "WriteFile", "MatchingFiles",
        "WholeFileReader", "WholeFileReaderV2", "FixedLengthRecordReader", "TextLineReader",
        "TextLineReaderV2", "FixedLengthRecordReaderV2", "TFRecordReader", "TFRecordReaderV2",
        "FixedLengthRecordDataset", "TextLineDataset", "TFRecordDataset", "DebugIdentityV2",
        "DebugIdentity", "DebugNumericSummary", "PrintV2", "SaveV2", "Save", "SaveSlices",
        "MergeV2Checkpoints", "ShardedFilename", "LoadLibrary", "GeneratorDataset",
        "DataServiceDataset", "DataServiceDatasetV2", "RpcCall", "RpcServer", "RpcClient",
        "SqlDataset", "ExperimentalSqlDataset", "LMDBReader", "LMDBDataset", "CSVDataset",
        "CreateSummaryFileWriter", "CreateSummaryDbWriter", "Recv", "Send", "CacheDataset",
        "CacheDatasetV2", "SaveDataset", "SaveDatasetV2", "LoadDataset", "SnapshotDataset",
        "SnapshotDatasetV2", "FileSystemSetConfiguration", "WriteSummary", "ImmutableConst",
        "WriteRawProtoSummary", "WriteScalarSummary", "WriteHistogramSummary", "WriteImageSummary",
        "WriteAudioSummary", "WriteGraphSummary", "ImportEvent", "DistributedSave",
        "RegisterDataset", "RegisterDatasetV2", "DecodeProtoV2", "EncodeProto", "RemoteCall",
        "LoadAndRemapMatrix", "GenerateVocabRemapping", "ExperimentalLMDBDataset",
        "DatasetToTFRecord", "ExperimentalDatasetToTFRecord", "BigtableDataset", "Abort",
        "FlushSummaryWriter",
    ]
)  # fmt: skip
"""Operations that call Python, or open, write or list files or connections."""

_SAVING = frozenset({"SaveV2", "Save", "SaveSlices", "MergeV2Checkpoints", "ShardedFilename"})
"""Every SavedModel and meta graph has these in its saver; they run when someone saves."""
_MOST = 2_000_000


def recognise(blob: Blob) -> bool:
    """Whether it is a schema version with graphs, a meta graph, or a list of nodes."""
    return bool(_kind(blob))


def _kind(blob: Blob) -> str:
    """`saved`, `meta`, `graph`, or nothing."""
    head = blob.head(2)
    if head[:1] == b"\x08":
        return "saved" if head[1:] == b"\x01" and _is_saved_model(blob) else ""
    if head[:1] != b"\x0a":
        return ""
    if _is_graph(blob.data):
        return "graph"
    try:
        for number, wire, value in fields(blob.data):
            if wire != BYTES or number > 7 or not isinstance(value, memoryview):
                return ""
            if number == 2:
                return "meta" if _is_graph(value) else ""
    except WireError:
        pass
    return ""


def _is_graph(data: memoryview) -> bool:
    """Whether the first field is a node with a name and an operation."""
    try:
        for number, wire, value in fields(data):
            if number != 1 or wire != BYTES or not isinstance(value, memoryview):
                return False
            node = shape(value)
            return node is not None and node[:2] == [(1, BYTES), (2, BYTES)]
    except WireError:
        pass
    return False


def _is_saved_model(blob: Blob) -> bool:
    found = shape(blob.data)
    return found is not None and found[0] == (1, VARINT) and set(found[1:]) == {(2, BYTES)}


def read(blob: Blob) -> Read:
    """Yield each dangerous operation once."""
    whole = _kind(blob)
    pending: list[tuple[str, memoryview]] = [(whole, blob.data)]
    seen: dict[str, int] = {}
    steps = 0
    try:
        while pending:
            kind, data = pending.pop()
            for number, wire, value in fields(data):
                steps += 1
                if steps > _MOST:
                    yield blob.problem("limit-reached", "too many nodes", fatal=True)
                    return
                if wire != BYTES or not isinstance(value, memoryview):
                    continue
                inner = _INSIDE.get((kind, number))
                if inner is not None:
                    pending.append((inner, value))
                elif kind == "node" and number == 2:
                    seen[text(value)] = seen.get(text(value), 0) + 1
    except WireError as error:
        yield blob.problem("malformed", f"the graph is damaged: {error}", fatal=True)
    for name in sorted(seen):
        if name in DANGEROUS and not (whole != "graph" and name in _SAVING):
            yield dangerous(blob, name, seen[name])


def dangerous(blob: Blob, name: str, count: int) -> CodeFact:
    """The fact that a graph has this operation."""
    return CodeFact(
        where=blob.where(), count=count, language="tensorflow-op", names=(name,),
        detail="runs Python or touches files",
    )  # fmt: skip


_INSIDE = {
    ("saved", 2): "meta",
    ("meta", 2): "graph",
    ("graph", 1): "node",
    ("graph", 2): "library",
    ("library", 1): "function",
    ("function", 3): "node",
}

FORMAT = Format(name="tensorflow", recognise=recognise, read=read)
