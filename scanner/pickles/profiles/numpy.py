"""Arrays, scalars, dtypes and random generators of numpy, under their old and new names."""

from typing import Final

from scanner.pickles import dtypes, numpy_shapes, shapes
from scanner.pickles.allowlist import Entry

_RANDOM: Final = "RandomState,Generator,BitGenerator,SeedSequence"

ENTRIES: Final = (
    (
        "numpy:ndarray,matrix,recarray,memmap,chararray numpy.matrixlib.defmatrix:matrix "
        "numpy.rec:recarray numpy.core.records:recarray numpy._core.records:recarray "
        "numpy.ma:MaskedArray numpy.ma.core:MaskedArray numpy.core.memmap:memmap "
        "numpy._core.memmap:memmap numpy.char:chararray "
        "numpy.core.defchararray:chararray numpy._core.defchararray:chararray",
        Entry(
            "names an array class; BUILD copies checked bytes or listed objects into it",
            state=dtypes.array_state,
            kind="array",
        ),
    ),
    (
        "numpy.core.multiarray:_reconstruct numpy._core.multiarray:_reconstruct "
        "numpy.ma.core:_mareconstruct numpy.core.multiarray:ndarray",
        Entry(
            "makes an empty array by ndarray.__new__, which BUILD then fills",
            call=numpy_shapes.empty_array,
            state=dtypes.array_state,
            makes="first argument",
        ),
    ),
    (
        "numpy:poly1d numpy.lib.polynomial:poly1d numpy.lib._polynomial_impl:poly1d "
        "numpy.polynomial.polynomial:Polynomial numpy.polynomial.chebyshev:Chebyshev "
        "numpy.polynomial.legendre:Legendre numpy.polynomial.hermite:Hermite "
        "numpy.polynomial.hermite_e:HermiteE numpy.polynomial.laguerre:Laguerre",
        Entry("holds coefficients", new=shapes.nothing, state=shapes.attributes),
    ),
    (
        "numpy._core._internal:_convert_to_stringdtype_kwargs",
        Entry("makes the dtype of text", call=shapes.scalars, state=shapes.tuple_state),
    ),
    (
        "numpy.core.multiarray:scalar numpy._core.multiarray:scalar",
        Entry("makes one element from its bytes", call=numpy_shapes.numpy_scalar),
    ),
    (
        "numpy.core.numeric:_frombuffer numpy._core.numeric:_frombuffer",
        Entry(
            "makes an array over bytes; numpy refuses objects here",
            call=numpy_shapes.from_buffer,
        ),
    ),
    (
        "numpy:dtype",
        Entry(
            "describes elements; numpy takes its state on trust, so it is checked here",
            call=numpy_shapes.dtype,
            new=numpy_shapes.dtype,
            state=shapes.any_state,
            changed=dtypes.dtype_state,
        ),
    ),
    (
        "numpy:bool_,bool,int8,int16,int32,int64,uint8,uint16,uint32,uint64,intc,uintc,intp,uintp,"
        "longlong,ulonglong,float16,float32,float64,longdouble,float128,complex64,complex128,"
        "clongdouble,str_,bytes_,object_,datetime64,timedelta64,generic,number,integer,"
        "signedinteger,unsignedinteger,floating,inexact,complexfloating,flexible,character,"
        "record,byte,ubyte,short,ushort,long,ulong,int_,uint,half,single,double,csingle,cdouble",
        Entry(
            "is the type of an element; called, it converts one plain value",
            call=shapes.scalars,
            new=shapes.scalars,
            kind="numpy-scalar",
        ),
    ),
    (
        "numpy:void",
        Entry(
            "is an element of bytes; a number, which would ask for memory, is refused",
            call=shapes.octets,
            new=shapes.octets,
            kind="numpy-scalar",
        ),
    ),
    (
        "numpy.dtypes:BoolDType,ByteDType,UByteDType,Int8DType,Int16DType,Int32DType,Int64DType,"
        "UInt8DType,UInt16DType,UInt32DType,UInt64DType,Float16DType,Float32DType,Float64DType,"
        "LongDoubleDType,Complex64DType,Complex128DType,CLongDoubleDType,ObjectDType,StrDType,"
        "BytesDType,VoidDType,DateTime64DType,TimeDelta64DType,StringDType,IntDType,UIntDType,"
        "LongDType,ULongDType,LongLongDType,ULongLongDType,ShortDType,UShortDType",
        Entry(
            "describes elements",
            call=shapes.scalars,
            new=shapes.scalars,
        ),
    ),
    (
        "numpy.random._pickle:__randomstate_ctor,__generator_ctor,__bit_generator_ctor",
        Entry(
            "makes a random generator from a table of numpy's by name",
            call=numpy_shapes.generator,
            state=shapes.any_state,
        ),
    ),
    (
        "numpy.random._mt19937:MT19937 numpy.random._pcg64:PCG64,PCG64DXSM "
        "numpy.random._philox:Philox numpy.random._sfc64:SFC64 "
        f"numpy.random.mtrand:RandomState numpy.random:{_RANDOM},MT19937,PCG64,PCG64DXSM,Philox,"
        "SFC64 numpy.random._generator:Generator",
        Entry("names a random generator; it may not be called", kind="generator"),
    ),
    (
        "numpy.random.bit_generator:SeedSequence,ISeedSequence,ISpawnableSeedSequence",
        Entry(
            "holds the numbers that seeded a generator",
            call=shapes.plain,
            new=shapes.nothing,
            state=shapes.any_state,
        ),
    ),
    (
        "numpy.random.bit_generator:__pyx_unpickle_SeedSequence",
        Entry(
            "makes an empty SeedSequence and gives it its numbers",
            call=shapes.of_class("numpy.random.bit_generator.SeedSequence"),
            state=shapes.any_state,
        ),
    ),
)  # fmt: skip
"""Each makes numbers out of bytes that are in the file."""
