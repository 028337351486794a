"""Allowlist profiles: one module each, with the constant `ENTRIES`.

`ENTRIES` is a tuple of (names, entry). Names are written `module:name,name,Outer.Inner`,
separated by white space; the entry says why all of them are harmless and with which
arguments.
"""
