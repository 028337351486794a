"""The grammar of a state dict: storages, rebuild functions, dtypes, ordered dicts."""

from typing import Final

from scanner.pickles import shapes, torch_shapes
from scanner.pickles.allowlist import CALLED_ONLY, Entry

_STORAGES: Final = (
    "FloatStorage,DoubleStorage,HalfStorage,BFloat16Storage,LongStorage,IntStorage,ShortStorage,"
    "CharStorage,ByteStorage,BoolStorage,ComplexFloatStorage,ComplexDoubleStorage,"
    "QInt8Storage,QInt32Storage,QUInt8Storage,QUInt4x2Storage,QUInt2x4Storage"
)

ENTRIES: Final = (
    (
        f"torch:{_STORAGES},UntypedStorage torch.cuda:{_STORAGES} "
        "torch.storage:UntypedStorage,_UntypedStorage,TypedStorage,_TypedStorage",
        Entry(
            "names the type of a storage in a persistent id; it may not be called",
            kind="storage",
        ),
    ),
    (
        "torch:float,float16,float32,float64,double,half,bfloat16,complex32,complex64,complex128,"
        "cfloat,cdouble,chalf,int,int8,int16,int32,int64,long,short,uint8,uint16,uint32,uint64,"
        "bool,qint8,quint8,qint32,quint4x2,quint2x4,float8_e4m3fn,float8_e5m2,float8_e4m3fnuz,"
        "float8_e5m2fnuz,float8_e8m0fnu,float4_e2m1fn_x2,bits8,bits16,bits1x8,bits2x4,bits4x2,"
        "int1,int2,int3,int4,int5,int6,int7,uint1,uint2,uint3,uint4,uint5,uint6,uint7",
        Entry("is a dtype: a constant", kind="dtype"),
    ),
    (
        "torch:strided,sparse_coo,sparse_csr,sparse_csc,sparse_bsr,sparse_bsc,jagged,"
        "contiguous_format,channels_last,channels_last_3d,preserve_format,per_tensor_affine,"
        "per_channel_affine,per_tensor_symmetric,per_channel_symmetric,"
        "per_channel_affine_float_qparams",
        Entry("is a layout, memory format or quantisation scheme: a constant", kind="constant"),
    ),
    (
        "torch.storage:_load_from_bytes",
        Entry(
            "reads one storage from bytes, which are interpreted themselves and may hold no more",
            call=torch_shapes.carried,
            kind=CALLED_ONLY,
        ),
    ),
    (
        "torch._utils:_rebuild_tensor,_rebuild_tensor_v2",
        Entry(
            "makes a tensor over a storage of the file; torch checks the bounds",
            call=torch_shapes.tensor_v2,
            state=shapes.attributes,
            kind="rebuild",
        ),
    ),
    (
        "torch._utils:_rebuild_tensor_v3",
        Entry(
            "makes a tensor over a storage of the file; torch checks the bounds",
            call=torch_shapes.tensor_v3,
            state=shapes.attributes,
            kind="rebuild",
        ),
    ),
    (
        "torch._utils:_rebuild_parameter,_rebuild_parameter_with_state",
        Entry(
            "wraps a rebuilt tensor and sets plain attributes",
            call=torch_shapes.parameter,
            state=shapes.attributes,
            kind="rebuild",
        ),
    ),
    (
        "torch._utils:_rebuild_sparse_tensor,_rebuild_sparse_csr_tensor,_rebuild_nested_tensor,"
        "_rebuild_qtensor,_rebuild_meta_tensor_no_storage,_rebuild_device_tensor_from_numpy,"
        "_rebuild_device_tensor_from_cpu_tensor,_rebuild_xla_tensor",
        Entry(
            "makes a tensor of another layout from rebuilt tensors, storages and numbers",
            call=torch_shapes.pieces,
            state=shapes.attributes,
            kind="rebuild",
        ),
    ),
    (
        "torch._utils:_rebuild_wrapper_subclass",
        Entry(
            "makes a tensor without data, of a listed tensor class",
            call=torch_shapes.pieces,
            state=shapes.attributes,
            kind="rebuild",
        ),
    ),
    (
        "torch._tensor:_rebuild_from_type_v2",
        Entry(
            "calls a rebuild function, here judged too, and sets plain attributes",
            call=torch_shapes.from_type,
            state=shapes.attributes,
        ),
    ),
    (
        "torch:Tensor torch._tensor:Tensor torch.nn.parameter:Parameter,Buffer "
        "torch.nn:Parameter,Buffer",
        Entry("names a tensor class for a rebuild function; it may not be called", kind="tensor"),
    ),
    ("torch:Size", Entry("is a tuple of integers", call=torch_shapes.size, new=torch_shapes.size)),
    (
        "torch:device",
        Entry("names a device; nothing is allocated", call=shapes.scalars, new=shapes.scalars),
    ),
    (
        "torch.serialization:_get_layout",
        Entry("looks a layout up by name in a table of torch's", call=shapes.text),
    ),
    (
        "torch.torch_version:TorchVersion",
        Entry(
            "is a string that compares as a version",
            call=shapes.text, new=shapes.text, state=shapes.attributes,
        ),
    ),
    (
        "torch.jit._pickle:build_intlist,build_doublelist,build_boollist,build_tensorlist,"
        "restore_type_tag",
        Entry("returns its first argument", call=shapes.anything, items=True),
    ),
    (
        "collections:OrderedDict",
        Entry(
            "holds keys and values; its attributes are data (`_metadata`)",
            call=shapes.containers,
            new=shapes.nothing,
            state=shapes.attributes,
            items=True,
            kind="container",
        ),
    ),
)  # fmt: skip
"""What every checkpoint of weights is made of, and nothing more."""
