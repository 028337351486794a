"""TensorFlow SavedModels, meta graphs and frozen graphs: which operations the graph would run.

Operations are listed from nodes and library functions at any depth, by walking the wire
format. Reviewed ones are clean; those that call Python, or open, write or list files while
the model runs, are code; any other is code that nobody looked at. What saves and restores is
clean where SavedModel itself writes it, to a path that whoever saves has given.

Source: `tensorflow/core/protobuf/saved_model.proto`, `meta_graph.proto`, `graph.proto`,
`function.proto`, `attr_value.proto`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from scanner.facts import CodeFact, MemberFact
from scanner.formats import Format, Read
from scanner.formats._protobuf import BYTES, VARINT, WireError, fields, shape, text
from scanner.formats._tensorflow_ops import REVIEWED
from scanner.formats._tensorflow_paths import Scope, is_given
from scanner.patterns import pattern
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
        "FlushSummaryWriter", "MatchingFilesDataset", "ExperimentalMatchingFilesDataset",
        "CSVDatasetV2", "ExperimentalCSVDataset", "FixedLengthRecordDatasetV2", "TFRecordDatasetV2",
        "DataServiceDatasetV3", "DataServiceDatasetV4", "DebugIdentityV3", "DebugNumericSummaryV2",
        "CalibrationStatisticsSaver", "DumpTensor", "ListSnapshotChunksDataset",
        "SnapshotChunkDataset", "SnapshotDatasetReader", "SnapshotNestedDatasetReader",
        "RecordInput", "Skipgram", "FixedUnigramCandidateSampler", "RpcServerStart",
        "RpcServerRegister", "DatasetFromGraph", "XlaCustomCall", "XlaCustomCallV2",
        "XlaHostCompute", "_XlaHostComputeMlir", "SummaryWriter", "_Send", "_Recv", "_HostSend",
        "_HostRecv",
    ]
)  # fmt: skip
"""Operations that call Python, or open, write or list files or connections."""

SAVING = frozenset({"SaveV2", "Save", "SaveSlices", "MergeV2Checkpoints", "ShardedFilename"})
"""Every SavedModel and meta graph has these in its saver; they run when someone saves."""
_SAVER = pattern(
    r"__inference__traced_(?:save|restore)(?:_\d+)?|(?:[\w.-]+/)*save(?:_\d+)?/[\w./-]+"
    r"|(?:[\w.-]+/)+(?:SaveV2|Save|SaveSlices|MergeV2Checkpoints|ShardedFilename)(?:_\d+)?"
)
"""Functions that SavedModel's writer makes to save and restore, and nodes of older savers."""
_FILENAME = pattern(r"\^?(?:[\w.-]+/)*(?:saver_filename|(?:save(?:_\d+)?/)?Const(?:_\d+)?)(?::0)?")
"""The node that a saver's function is given the file's name by: a placeholder."""
_PATHS = {"SaveV2": (0,), "Save": (0,), "SaveSlices": (0,), "MergeV2Checkpoints": (0, 1)}
"""Which inputs of what saves are paths."""
_INPUTS = 100_000
"""Inputs of a node that are kept: a checkpoint has a prefix for each shard."""
_STREAMS = pattern(rb"stdout|stderr|log\((?:info|warning|error)\)")
_TABLES = frozenset({"InitializeTableFromTextFile", "InitializeTableFromTextFileV2"})
"""These read the vocabularies that a SavedModel declares among its assets."""
_OUTSIDE = pattern(
    r"^(?:[/\\~]|[A-Za-z]:|[A-Za-z][A-Za-z0-9+.-]*://)|(?:^|[/\\])\.\.(?:[/\\]|$)|\0"
)
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


class _Walk:
    """What is met on the way through a graph."""

    def __init__(self, whole: str) -> None:
        self.whole = whole
        self.seen: Counter[str] = Counter()
        self.acting: Counter[str] = Counter()
        self.defined: set[str] = set()
        self.assets: list[str] = []
        self.scopes: dict[str, Scope] = {}
        self.saving: list[tuple[str, str, list[str]]] = []
        self.calling: list[tuple[str, str]] = []

    def function(self, data: memoryview) -> str:
        """Note the name that a library function is called by, and return it."""
        for number, wire, value in fields(data):
            if (number, wire) == (1, BYTES) and isinstance(value, memoryview):
                for inner, _, name in fields(value):
                    if inner == 1:
                        self.defined.add(text(name))
                        return text(name)
        return ""

    def node(self, data: memoryview, function: str) -> None:
        """Note one node; `function` is the library function that it stands in."""
        name = operation = ""
        inputs: list[str] = []
        attributes: dict[str, memoryview] = {}
        for number, wire, value in fields(data):
            if wire != BYTES or not isinstance(value, memoryview):
                continue
            if number == 1:
                name = text(value)
            elif number == 2:
                operation = text(value)
            elif number == 3 and len(inputs) < _INPUTS:
                inputs.append(text(value))
            elif number == 5:
                pair = {key: said for key, _, said in fields(value)}
                said = pair.get(2)
                if isinstance(said, memoryview):
                    attributes[text(pair.get(1, 0))] = said
        made = operation, inputs, attributes.get("value")
        self.scopes.setdefault(function, {}).setdefault(name, []).append(made)
        if operation in _PATHS and _is_saver(function or name):
            self.saving.append((function, operation, inputs))
        elif self._acts(operation, name, function, attributes):
            self.acting[operation] += 1
        elif not _is_special(operation):
            self.seen[operation] += 1
        for called in _called(attributes):
            if _is_saver(called) and self._is_saving(inputs, function):
                self.calling.append((f"{operation} of {called}"[:200], inputs[0]))
            elif _is_saver(called):
                self.acting[f"{operation} of {called}"[:200]] += 1

    def through(self, kind: str, message: memoryview) -> bool:
        """Walk a whole message of this kind; returns whether that ended below the limit.

        Raises:
            WireError: It is no such message.
        """
        pending: list[tuple[str, memoryview, str]] = [(kind, message, "")]
        steps = 0
        while pending:
            kind, data, function = pending.pop()
            if kind == "node":
                self.node(data, function)
                continue
            if kind == "function":
                function = self.function(data)
            for number, wire, value in fields(data):
                steps += 1
                if steps > _MOST:
                    return False
                if wire != BYTES or not isinstance(value, memoryview):
                    continue
                inner = _INSIDE.get((kind, number))
                if inner is not None:
                    pending.append((inner, value, function))
                elif (kind, number) == ("asset", 2):
                    self.assets.append(text(value))
        return True

    def _acts(
        self, operation: str, name: str, function: str, attributes: dict[str, memoryview]
    ) -> bool:
        if operation in SAVING:
            return not _is_saver(function or name)
        if operation == "PrintV2":
            stream = attributes.get("output_stream")
            written = b"" if stream is None else _bytes(stream)
            return bool(written) and _STREAMS.fullmatch(written) is None
        if operation == "XlaCallModule":
            return any(_CUSTOM.search(value) for value in attributes.values())
        return operation in DANGEROUS

    def _is_saving(self, inputs: list[str], function: str) -> bool:
        """Whether this is the call by which a saver is reached: no other function makes it."""
        return not function and bool(inputs) and _FILENAME.fullmatch(inputs[0]) is not None

    def trace(self) -> None:
        """Note the savers whose path is not the one that whoever saves has given."""
        for function, operation, inputs in self.saving:
            scope = self.scopes[function]
            paths = [inputs[at : at + 1] for at in _PATHS[operation]]
            if not all(path and is_given(path[0], scope, function) for path in paths):
                self.acting[operation] += 1
        for said, name in self.calling:
            if not is_given(name, self.scopes.get("", {}), ""):
                self.acting[said] += 1

    def unknown(self) -> Iterator[tuple[str, int]]:
        """The operations that are neither reviewed nor functions of the graph itself."""
        for name in sorted(self.seen):
            known = name in REVIEWED or name in self.defined
            if not known and not (name in _TABLES and self.assets):
                yield name, self.seen[name]


_CUSTOM = pattern(rb"custom_call")
"""What a program of StableHLO calls of the process that runs it."""


def _is_special(operation: str) -> bool:
    """Whether an operation that was found not to act needs no other review."""
    return operation in SAVING or operation in ("PrintV2", "XlaCallModule")


def _is_saver(name: str) -> bool:
    return _SAVER.fullmatch(name) is not None


def _bytes(value: memoryview) -> bytes:
    """The string of an attribute."""
    for number, _, said in fields(value):
        if number == 2 and isinstance(said, memoryview):
            return bytes(said[:200])
    return b""


def _called(attributes: dict[str, memoryview]) -> Iterator[str]:
    """The functions that attributes name, alone or in lists."""
    for value in attributes.values():
        pending = [(number, said) for number, _, said in fields(value)]
        for number, said in pending:
            if not isinstance(said, memoryview):
                continue
            if number == 10:
                yield from (text(name) for key, _, name in fields(said) if key == 1)
            elif number == 1:
                pending.extend((10, one) for key, _, one in fields(said) if key == 9)


def read(blob: Blob) -> Read:
    """Yield each operation that is dangerous, or that nobody reviewed, once."""
    walk = _Walk(_kind(blob))
    try:
        if not walk.through(walk.whole, blob.data):
            yield blob.problem("limit-reached", "too many nodes", fatal=True)
    except WireError as error:
        yield blob.problem("malformed", f"the graph is damaged: {error}", fatal=True)
    walk.trace()
    for name in sorted(walk.acting):
        yield dangerous(blob, name, walk.acting[name])
    for name, count in walk.unknown():
        yield unreviewed(blob, name, count)
    for asset in filter(_OUTSIDE.search, walk.assets):
        yield MemberFact(
            where=blob.where(), name=asset[:200], kind="external-tensor", size=0,
            compressed_size=0, target=asset[:200],
        )  # fmt: skip


def saves(graph: bytes) -> tuple[int, bool]:
    """How many operations of savers a graph has, and whether all of them are a saver's own.

    Raises:
        WireError: The bytes are no graph.
    """
    walk, count = _Walk("meta"), 0
    if not walk.through("graph", memoryview(graph)):
        return count, False
    walk.trace()
    for scope in walk.scopes.values():
        count += sum(node[0] in SAVING for nodes in scope.values() for node in nodes)
    savers = any(_is_saver(name.rpartition(" of ")[2]) for name in walk.acting)
    return count, not savers and SAVING.isdisjoint(walk.acting)


def dangerous(blob: Blob, name: str, count: int) -> CodeFact:
    """The fact that a graph has this operation."""
    return CodeFact(
        where=blob.where(), count=count, language="tensorflow-op", names=(name,),
        detail="runs Python or touches files",
    )  # fmt: skip


def unreviewed(blob: Blob, name: str, count: int) -> CodeFact:
    """The fact that a graph has an operation of which nothing is known."""
    return CodeFact(
        where=blob.where(), count=count, language="tensorflow-op", names=(name[:200],),
        detail="an operation that nobody reviewed",
    )  # fmt: skip


_INSIDE = {
    ("saved", 2): "meta",
    ("meta", 2): "graph",
    ("meta", 6): "asset",
    ("graph", 1): "node",
    ("graph", 2): "library",
    ("library", 1): "function",
    ("function", 3): "node",
}

FORMAT = Format(name="tensorflow", recognise=recognise, read=read)
