"""Libraries that build a model out of an admitted folder: one module a library, `LIBRARY`.

A library module never sees anything but a `CacheEntry`; it decides which of the caller's
arguments may reach the library, and builds under `backstop.guard`.
"""
