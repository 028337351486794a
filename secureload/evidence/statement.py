"""in-toto statements: what is said, about which bytes.

Source: in-toto Attestation Framework 1.0, Statement v1 and ResourceDescriptor v1, by way of
the protocol buffers in `in-toto-attestation`, which refuse fields that they do not know.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from secureload.evidence.envelope import NotSignedError, canonical

if TYPE_CHECKING:
    from secureload.flow import Source


def resource(
    name: str = "", *, uri: str = "", sha256: str = "", annotations: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """A resource descriptor as plain values; what is empty is left out."""
    said: dict[str, Any] = {"name": name, "uri": uri}
    said["digest"] = {"sha256": sha256} if sha256 else {}
    said["annotations"] = dict(annotations or {})
    return {key: value for key, value in said.items() if value}


def statement(
    subjects: Sequence[Mapping[str, Any]], predicate_type: str, predicate: Mapping[str, Any]
) -> bytes:
    """The canonical JSON of a statement.

    Raises:
        ValueError: it has no subject, or one without a digest.
    """
    plain = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": list(subjects),
        "predicateType": predicate_type,
        "predicate": dict(predicate),
    }
    _check_shape(plain)
    return canonical(plain)


def _check_shape(plain: Mapping[str, Any]) -> None:
    """Compare with the published protocol buffer.

    Raises:
        ValueError: a field is unknown, missing or of another type.
    """
    from google.protobuf import json_format
    from in_toto_attestation.v1.statement import Statement
    from in_toto_attestation.v1.statement_pb2 import Statement as Message

    try:
        Statement.copy_from_pb(json_format.ParseDict(dict(plain), Message())).validate()
    except (json_format.Error, AttributeError, TypeError) as error:
        raise ValueError(str(error)) from error


def read(payload: bytes, predicate_type: str) -> dict[str, Any]:
    """A statement of one type as plain values, its shape checked.

    Raises:
        NotSignedError: it is no statement, or one of another type.
    """
    try:
        plain: dict[str, Any] = json.loads(payload)
        _check_shape(plain)
    except (ValueError, TypeError, RecursionError) as error:
        raise NotSignedError(f"no in-toto statement ({error})") from error
    if plain.get("predicateType") != predicate_type:
        raise NotSignedError(f"a statement of type {plain.get('predicateType')!r}")
    return plain


def uri_of(source: Source, commit: str) -> str:
    """The address of one commit: a package URL for the Hub, git's own way of writing, a digest.

    Source: the purl type `huggingface`; SPDX download locations. A local folder has a name
    only by its content, since its path says nothing elsewhere.
    """
    from urllib.parse import quote

    if source.kind == "hub":
        return f"pkg:huggingface/{quote(source.location)}@{commit}"
    if source.kind == "git":
        return f"git+{source.location}@{commit}"
    return f"urn:secureload:{commit}"
