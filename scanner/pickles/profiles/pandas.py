"""Frames, series, indexes and scalars of pandas, under the names of versions 1 to 3."""

from typing import Final

from scanner.pickles import numpy_shapes, shapes
from scanner.pickles.allowlist import Entry

ENTRIES: Final = (
    (
        "pandas:DataFrame,Series pandas.core.frame:DataFrame pandas.core.series:Series",
        Entry(
            "a table: made empty, its blocks and flags are assigned",
            new=shapes.nothing,
            state=shapes.attributes,
        ),
    ),
    (
        "pandas.core.internals.managers:BlockManager,SingleBlockManager",
        Entry(
            "holds blocks and axes",
            call=shapes.anything,
            new=shapes.nothing,
            state=shapes.any_state,
        ),
    ),
    (
        "pandas._libs.internals:_unpickle_block",
        Entry("makes a block over an array", call=shapes.anything),
    ),
    (
        "pandas:Index,RangeIndex,MultiIndex,DatetimeIndex,TimedeltaIndex,PeriodIndex,"
        "CategoricalIndex,IntervalIndex "
        "pandas.core.indexes.base:Index pandas.core.indexes.range:RangeIndex "
        "pandas.core.indexes.multi:MultiIndex pandas.core.indexes.datetimes:DatetimeIndex "
        "pandas.core.indexes.timedeltas:TimedeltaIndex pandas.core.indexes.period:PeriodIndex "
        "pandas.core.indexes.category:CategoricalIndex "
        "pandas.core.indexes.interval:IntervalIndex "
        "pandas.core.indexes.numeric:Int64Index,UInt64Index,Float64Index",
        Entry("names an index class; it may not be called", kind="pandas-index"),
    ),
    (
        "pandas.core.indexes.base:_new_Index pandas.core.indexes.datetimes:_new_DatetimeIndex "
        "pandas.core.indexes.period:_new_PeriodIndex "
        "pandas.core.indexes.interval:_new_IntervalIndex",
        Entry("makes an index of a listed class over data", call=shapes.of_kind("pandas-index")),
    ),
    (
        "pandas._libs.arrays:__pyx_unpickle_NDArrayBacked",
        Entry(
            "makes an empty array of a listed class",
            call=shapes.of_kind("pandas-array"),
            state=shapes.any_state,
        ),
    ),
    (
        "pandas.arrays:DatetimeArray,TimedeltaArray,PeriodArray,IntegerArray,FloatingArray,"
        "BooleanArray,StringArray,IntervalArray,NumpyExtensionArray,PandasArray,SparseArray "
        "pandas:Categorical pandas.core.arrays.categorical:Categorical "
        "pandas.core.arrays.datetimes:DatetimeArray pandas.core.arrays.timedeltas:TimedeltaArray "
        "pandas.core.arrays.period:PeriodArray pandas.core.arrays.string_:StringArray "
        "pandas.core.arrays.integer:IntegerArray pandas.core.arrays.floating:FloatingArray "
        "pandas.core.arrays.boolean:BooleanArray pandas.core.arrays.numpy_:PandasArray "
        "pandas.core.arrays.interval:IntervalArray pandas.core.arrays.sparse.array:SparseArray "
        "pandas.core.arrays.sparse:SparseArray",
        Entry(
            "an array: made empty, its data and type are assigned",
            new=shapes.nothing,
            state=shapes.any_state,
            kind="pandas-array",
        ),
    ),
    (
        "pandas:CategoricalDtype,DatetimeTZDtype,PeriodDtype,IntervalDtype,StringDtype,"
        "Int8Dtype,Int16Dtype,Int32Dtype,Int64Dtype,UInt8Dtype,UInt16Dtype,UInt32Dtype,"
        "UInt64Dtype,Float32Dtype,Float64Dtype,BooleanDtype,SparseDtype "
        "pandas.core.dtypes.dtypes:CategoricalDtype,DatetimeTZDtype,PeriodDtype,IntervalDtype,"
        "SparseDtype "
        "pandas.core.arrays.string_:StringDtype "
        "pandas.core.arrays.integer:Int8Dtype,Int16Dtype,Int32Dtype,Int64Dtype,UInt8Dtype,"
        "UInt16Dtype,UInt32Dtype,UInt64Dtype "
        "pandas.core.arrays.floating:Float32Dtype,Float64Dtype "
        "pandas.core.arrays.boolean:BooleanDtype pandas.core.arrays.sparse.dtype:SparseDtype",
        Entry(
            "describes elements",
            call=shapes.inside,
            new=shapes.nothing,
            state=shapes.attributes,
        ),
    ),
    (
        "pandas._libs.interval:__pyx_unpickle_IntervalMixin",
        Entry(
            "makes an empty array of intervals",
            call=shapes.of_kind("pandas-array"),
            state=shapes.any_state,
            makes="first argument",
        ),
    ),
    (
        "pandas.arrays:ArrowStringArray,ArrowExtensionArray "
        "pandas.core.arrays.string_arrow:ArrowStringArray "
        "pandas.core.arrays.arrow.array:ArrowExtensionArray "
        "pandas:ArrowDtype pandas.core.dtypes.dtypes:ArrowDtype",
        Entry(
            "wraps an array of Arrow's; its __setstate__ joins pieces and assigns attributes",
            new=shapes.nothing,
            state=shapes.attributes,
        ),
    ),
    (
        "pyarrow.lib:type_for_alias",
        Entry("looks a type up by name in a table", call=shapes.text),
    ),
    ("pyarrow.lib:py_buffer", Entry("wraps bytes of the file", call=numpy_shapes.buffer)),
    (
        "pyarrow.lib:_restore_array",
        Entry(
            "makes an array over buffers of the file; nothing is computed from it while loading",
            call=numpy_shapes.arrow_array,
        ),
    ),
    (
        "pandas._libs.sparse:IntIndex,BlockIndex",
        Entry("says where a sparse array has values; both check it", call=shapes.anything),
    ),
    (
        "pandas._libs.tslibs.offsets:BDay,BMonthBegin,BMonthEnd,BQuarterBegin,BQuarterEnd,"
        "BYearBegin,BYearEnd,BusinessDay,BusinessHour,BusinessMonthBegin,BusinessMonthEnd,"
        "CBMonthBegin,CBMonthEnd,CustomBusinessDay,CustomBusinessHour,DateOffset,Day,Easter,"
        "FY5253,FY5253Quarter,HalfYearBegin,HalfYearEnd,Hour,LastWeekOfMonth,Micro,Milli,Minute,"
        "MonthBegin,MonthEnd,Nano,QuarterBegin,QuarterEnd,Second,SemiMonthBegin,SemiMonthEnd,"
        "Tick,Week,WeekOfMonth,YearBegin,YearEnd",
        Entry(
            "is a step in time",
            call=shapes.anything, new=shapes.nothing, state=shapes.attributes,
        ),
    ),
    (
        "pandas:Interval pandas._libs.interval:Interval "
        "pandas._libs.tslibs.timestamps:_unpickle_timestamp,Timestamp "
        "pandas._libs.tslibs.timedeltas:_timedelta_unpickle,Timedelta "
        "pandas._libs.tslibs.nattype:_nat_unpickle,__nat_unpickle "
        "pandas._libs.tslibs.period:Period",
        Entry("makes one scalar", call=shapes.inside, state=shapes.any_state),
    ),
    (
        "pandas._libs.tslibs.period:__pyx_unpickle_PeriodMixin",
        Entry(
            "makes an empty span of time, which BUILD fills",
            call=shapes.of_class("pandas._libs.tslibs.period.Period", "pandas.Period"),
            state=shapes.any_state,
            makes="first argument",
        ),
    ),
    ("pytz:_UTC", Entry("is the zone UTC", call=shapes.nothing)),
    (
        "pytz:_p",
        Entry("looks a zone up in the zone data by its name", call=shapes.known_zone),
    ),
    (
        "pandas:NA pandas._libs.missing:NA",
        Entry("is a constant; it may not be called"),
    ),
)  # fmt: skip
"""Tables as data."""
