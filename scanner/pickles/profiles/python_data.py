"""Plain data of the standard library: containers, dates, numbers, paths, namespaces."""

from typing import Final

from scanner.pickles import functions, numpy_shapes, shapes
from scanner.pickles.allowlist import CALLED_ONLY, Entry
from scanner.pickles.dtypes import array_state

_OPERATORS: Final = (
    "abs,add,and_,concat,contains,countOf,div,eq,floordiv,ge,getitem,gt,index,indexOf,inv,invert,"
    "is_,is_not,le,length_hint,lshift,lt,matmul,mod,mul,ne,neg,not_,or_,pos,pow,rshift,sub,truediv,"
    "truth,xor"
)

ENTRIES: Final = (
    (
        "builtins:list,tuple,dict,set,frozenset",
        Entry(
            "copies one plain container",
            call=shapes.containers,
            new=shapes.containers,
            kind="container",
        ),
    ),
    (
        "builtins:int,float,bool,complex",
        Entry("converts a plain value", call=shapes.scalars, new=shapes.scalars, kind="scalar"),
    ),
    (
        "builtins:str",
        Entry(
            "converts a plain value; a codec, which is imported by name, is a built-in one",
            call=shapes.decoded, new=shapes.decoded, kind="scalar",
        ),
    ),
    (
        "builtins:bytes,bytearray",
        Entry(
            "copies bytes; a number, which would ask for memory, is refused",
            call=shapes.octets,
            new=shapes.octets,
            kind="scalar",
        ),
    ),
    (
        "builtins:object",
        Entry(
            "is an object without content",
            call=shapes.nothing, new=shapes.nothing, kind="object",
        ),
    ),
    ("builtins:range,slice", Entry("holds up to three numbers", call=shapes.scalars)),
    (
        "builtins:Ellipsis,NotImplemented",
        Entry("is a constant; it may not be called", kind="constant"),
    ),
    (
        "builtins:getattr",
        Entry(
            "names a member of a listed enumeration: how Python 3.11 pickles one",
            call=shapes.enum_member,
            kind=CALLED_ONLY,
        ),
    ),
    (
        "functools:partial",
        Entry(
            "keeps a listed function and arguments that are harmless for it; loading calls neither",
            call=functions.partial, state=functions.partial_state,
        ),
    ),
    (
        "operator:itemgetter _operator:itemgetter",
        Entry("indexes what it is given, by plain keys", call=functions.item_getter),
    ),
    (
        "operator:attrgetter,methodcaller _operator:attrgetter,methodcaller",
        Entry(
            "is a name; what it makes looks attributes up, and is told",
            call=functions.by_name,
            kind=CALLED_ONLY,
        ),
    ),
    (
        "copyreg:_reconstructor",
        Entry(
            "makes an instance of a listed class over a plain base, without its __init__",
            call=shapes.reconstructor,
            makes="first argument",
        ),
    ),
    (
        "copyreg:__newobj__",
        Entry("is cls.__new__ of a listed class", call=shapes.new_object, makes="first argument"),
    ),
    ("builtins:type", Entry("gives the type of a plain value", call=shapes.type_of)),
    (
        "builtins:iter",
        Entry("walks one plain container", call=shapes.containers, state=shapes.any_state),
    ),
    (
        "builtins:"
        "BytesWarning,DeprecationWarning,EncodingWarning,FutureWarning,ImportWarning,"
        "PendingDeprecationWarning,ResourceWarning,RuntimeWarning,SyntaxWarning,"
        "UnicodeWarning,BlockingIOError,BrokenPipeError,BufferError,ChildProcessError,"
        "ConnectionAbortedError,ConnectionError,ConnectionRefusedError,"
        "ConnectionResetError,FileExistsError,InterruptedError,IsADirectoryError,"
        "ModuleNotFoundError,NotADirectoryError,ProcessLookupError,ReferenceError,"
        "StopAsyncIteration,SyntaxError,SystemError,TabError,IndentationError,"
        "UnboundLocalError,UnicodeDecodeError,UnicodeEncodeError,UnicodeError,"
        "UnicodeTranslateError "
        "builtins:ArithmeticError,AssertionError,AttributeError,BaseException,EOFError,"
        "Exception,FileNotFoundError,FloatingPointError,IOError,ImportError,IndexError,"
        "KeyError,LookupError,MemoryError,NameError,NotImplementedError,OSError,"
        "OverflowError,PermissionError,RecursionError,RuntimeError,StopIteration,"
        "TimeoutError,TypeError,UserWarning,ValueError,Warning,ZeroDivisionError "
        "exceptions:ArithmeticError,AssertionError,AttributeError,BaseException,EOFError,"
        "Exception,FileNotFoundError,FloatingPointError,IOError,ImportError,IndexError,"
        "KeyError,LookupError,MemoryError,NameError,NotImplementedError,OSError,"
        "OverflowError,PermissionError,RecursionError,RuntimeError,StopIteration,"
        "TimeoutError,TypeError,UserWarning,ValueError,Warning,ZeroDivisionError",
        Entry(
            "is an exception, made and not raised",
            call=shapes.plain, new=shapes.plain, state=shapes.attributes,
        ),
    ),
    ("_codecs:encode", Entry("turns text into bytes, as protocol 2 must", call=shapes.encode)),
    (
        "collections:defaultdict",
        Entry(
            "is a dict; its factory is a plain type or function, and loading never calls it",
            call=functions.factory,
            items=True,
        ),
    ),
    (
        "collections:deque",
        Entry("holds items", call=shapes.plain, items=True, state=shapes.attributes),
    ),
    (
        "collections:Counter",
        Entry("copies one dict", call=shapes.containers, items=True, state=shapes.attributes),
    ),
    (
        "builtins:len,hash,abs,round,max,min,sum,any,all,sorted,enumerate,zip,reversed,map,filter,"
        "next,divmod,pow,chr,ord,bin,hex,oct,repr,ascii,isinstance,issubclass,callable "
        "__builtin__:reduce,unichr itertools:imap,ifilter,izip "
        "functools:reduce _functools:reduce "
        "math:acos,acosh,asin,asinh,atan,atan2,atanh,cbrt,ceil,comb,copysign,cos,cosh,degrees,dist,"
        "erf,erfc,exp,exp2,expm1,fabs,factorial,floor,fma,fmod,frexp,fsum,gamma,gcd,hypot,isclose,"
        "isfinite,isinf,isnan,isqrt,lcm,ldexp,lgamma,log,log10,log1p,log2,modf,nextafter,perm,pow,"
        "prod,radians,remainder,sin,sinh,sqrt,sumprod,tan,tanh,trunc,ulp "
        "builtins:str.capitalize,str.casefold,str.count,str.endswith,str.find,str.isalnum,"
        "str.isalpha,str.isascii,str.isdecimal,str.isdigit,str.isidentifier,str.islower,"
        "str.isnumeric,str.isprintable,str.isspace,str.istitle,str.isupper,str.join,str.lower,"
        "str.lstrip,str.partition,str.removeprefix,str.removesuffix,str.replace,str.rpartition,"
        "str.rsplit,str.rstrip,str.split,str.splitlines,str.startswith,str.strip,str.swapcase,"
        "str.title,str.upper,str.zfill",
        Entry(
            "is a function that an object keeps, and works on what it is given alone; "
            "it may not be called",
            kind=functions.FUNCTION,
        ),
    ),
    (
        "collections:ChainMap",
        Entry(
            "holds plain dicts; loading looks nothing up in them",
            new=shapes.nothing, state=shapes.maps,
        ),
    ),
    (
        "collections:UserDict,UserList UserDict:UserDict,IterableUserDict UserList:UserList",
        Entry("holds a container", new=shapes.nothing, state=shapes.attributes),
    ),
    (
        "array:array,_array_reconstructor",
        Entry("copies numbers whose type and size it checks", call=shapes.number_array),
    ),
    (
        "random:Random",
        Entry("is a random generator", call=shapes.nothing, state=shapes.tuple_state),
    ),
    (
        "ipaddress:IPv4Address,IPv6Address,IPv4Network,IPv6Network,IPv4Interface,IPv6Interface",
        Entry("is an address; nothing is opened", call=shapes.scalars),
    ),
    ("re:_compile", Entry("compiles a pattern, and matches nothing", call=shapes.scalars)),
    (
        "re:RegexFlag http:HTTPStatus,HTTPMethod",
        Entry("is an enumeration", call=shapes.scalars, kind="enum"),
    ),
    ("itertools:count", Entry("counts from a number", call=shapes.scalars)),
    (
        "statistics:NormalDist",
        Entry("holds two numbers", new=shapes.nothing, state=shapes.plain_state),
    ),
    (
        f"_operator:{_OPERATORS} operator:{_OPERATORS}",
        Entry("is arithmetic or a comparison; it may not be called", kind=functions.FUNCTION),
    ),
    (
        "zoneinfo:ZoneInfo",
        Entry("names the class of time zones; making one goes by its own method"),
    ),
    (
        "zoneinfo:ZoneInfo._unpickle",
        Entry("reads the zone data; a key that leads out of it is refused", call=shapes.zone),
    ),
    (
        "dill._dill:_load_type dill.dill:_load_type",
        Entry("names a plain type", call=shapes.type_name),
    ),
    (
        "dill._dill:_eval_repr dill.dill:_eval_repr",
        Entry(
            "evaluates the name of a constant",
            call=shapes.words("Ellipsis", "NotImplemented", "None"),
            kind=CALLED_ONLY,
        ),
    ),
    (
        "dill._dill:_create_array dill.dill:_create_array",
        Entry("makes an array of numpy's", call=numpy_shapes.nested_array, state=array_state),
    ),
    (
        "datetime:datetime,date,time,timedelta,timezone",
        Entry("is a date; Python checks its bytes", call=shapes.anything, new=shapes.plain),
    ),
    (
        "decimal:Decimal",
        Entry("is a number in text", call=shapes.scalars, new=shapes.scalars),
    ),
    (
        "fractions:Fraction",
        Entry(
            "is a number in text; a large exponent, which would be worked out, is refused",
            call=shapes.fraction, new=shapes.fraction,
        ),
    ),
    (
        "uuid:UUID",
        Entry(
            "is a number; no command is run to make one",
            new=shapes.nothing, state=shapes.attributes,
        ),
    ),
    (
        "uuid:SafeUUID",
        Entry("is an enumeration", call=shapes.scalars, kind="enum"),
    ),
    (
        "pathlib:Path,PosixPath,WindowsPath,PurePath,PurePosixPath,PureWindowsPath "
        "pathlib._local:Path,PosixPath,WindowsPath,PurePath,PurePosixPath,PureWindowsPath",
        Entry("is a path in text; making one opens nothing", call=shapes.text, new=shapes.text),
    ),
    (
        "argparse:Namespace types:SimpleNamespace",
        Entry(
            "holds attributes",
            call=shapes.nothing,
            new=shapes.nothing,
            state=shapes.attributes,
        ),
    ),
)  # fmt: skip
"""Each makes data and touches nothing outside the interpreter."""
