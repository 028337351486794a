"""Plain data of the standard library: containers, dates, numbers, paths, namespaces."""

from typing import Final

from scanner.pickles import shapes
from scanner.pickles.allowlist import Entry

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
        "builtins:int,float,bool,str,complex",
        Entry("converts a plain value", call=shapes.scalars, new=shapes.scalars, kind="scalar"),
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
    ("_codecs:encode", Entry("turns text into bytes, as protocol 2 must", call=shapes.encode)),
    (
        "collections:defaultdict",
        Entry(
            "is a dict; its factory is a plain type, and loading never calls it",
            call=shapes.factory,
            items=True,
        ),
    ),
    (
        "collections:deque,Counter",
        Entry("holds items", call=shapes.plain, items=True, state=shapes.attributes),
    ),
    (
        "datetime:datetime,date,time,timedelta,timezone",
        Entry("is a date; Python checks its bytes", call=shapes.anything, new=shapes.plain),
    ),
    (
        "decimal:Decimal fractions:Fraction",
        Entry("is a number in text", call=shapes.scalars, new=shapes.scalars),
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
