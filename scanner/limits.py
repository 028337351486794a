"""Every ceiling of the scanner, in one place, each with its unit and its reason."""

from __future__ import annotations

from scanner.frozen import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Ceilings that bound time and memory. Reaching one is a finding, never a skip."""

    header_bytes: int = 100_000_000
    """Largest safetensors header read; the reference reader stops at the same size."""

    pickle_bytes: int = 4 << 30
    """Largest single pickle stream interpreted; memory does not grow with its payloads."""

    pickle_opcodes: int = 50_000_000
    """Most opcodes interpreted in one file: about twenty seconds of work."""

    streams: int = 10_000
    """Most pickles in one file; real files hold one to five."""

    archive_depth: int = 5
    """How deep archives may nest; real models nest two deep at most."""

    entered_free: int = 1 << 20
    """Bytes of members that are read whatever a file's size, when members hold the same bytes."""

    members: int = 200_000
    """Most members of one archive, directories included."""

    expanded_bytes: int = 16 << 30
    """Most bytes unpacked from the compressed members of one file, all levels together."""

    expanded_free: int = 1 << 30
    """Bytes that any file may unpack to: some seconds of work, whatever was packed."""

    expanded_times: int = 20
    """Beyond that, most bytes unpacked per byte of the file; weights pack far less well."""

    expansion_ratio: int = 1_100
    """Most bytes out per byte in; deflate itself cannot do more than about 1,032."""

    json_bytes: int = 200_000_000
    """Largest JSON document parsed; the largest tokenizer.json seen is about 40 MB."""

    json_depth: int = 200
    """Deepest nesting of a JSON document; CPython's parser recurses."""

    text_bytes: int = 16_000_000
    """Largest template parsed."""

    source_bytes: int = 2_000_000
    """Most source parsed out of one file's metadata; it takes seconds where it is dense."""

    script_bytes: int = 16_000_000
    """Most TorchScript source judged in one archive; traces of large models have a few million."""

    hidden_opcodes: int = 2_000_000
    """Most opcodes followed in search of pickles inside one file, and one for four of its bytes
    beside: a second or two of work."""

    slab_bytes: int = 64 << 20
    """Most bytes of an HDF5 dataset that are held at once; h5py chooses chunks of 1 MiB."""

    digest_bytes: int = 64 << 20
    """Files up to this size get a SHA-256 without asking; larger ones on request."""

    findings: int = 1_000
    """Most distinct findings kept for one file; further ones are only counted."""


LIMITS = Limits()
