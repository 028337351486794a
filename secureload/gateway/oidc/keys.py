"""An issuer's endpoints and keys, found by discovery and fetched anew when they change."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from secureload.errors import SecureloadError
from secureload.gateway.aside import aside
from secureload.gateway.oidc.provider import Provider
from secureload.gateway.problems import Unavailable
from secureload.sources import transport

FRESH = 3_600.0
"""Seconds for which keys are used without asking again."""

PAUSE = 15.0
"""Least seconds between two questions, however many tokens name a key that is not there."""

_ASYMMETRIC = frozenset({"RSA", "EC", "OKP"})


class Keys:
    """The keys of one issuer, as its discovery document leads to them."""

    def __init__(
        self,
        provider: Provider,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._provider = provider
        self._clock = clock
        self._asked: float | None = None
        self._until = 0.0
        self._lock = asyncio.Lock()
        self.document: Mapping[str, Any] = {}
        self.keys: KeySet | None = None

    def has(self, kid: str | None) -> bool:
        """Whether the keys at hand are fresh, and have one of this name."""
        return (
            self.keys is not None
            and self._clock() < self._until
            and (kid is None or any(key.kid == kid for key in self.keys))
        )

    async def prepare(self, kid: str | None = None) -> None:
        """Have fresh keys; ask for them where the one of this name is not there.

        Raises:
            Unavailable: the issuer cannot be asked, and there are no keys of it.
        """
        if self.has(kid):
            return
        async with self._lock:
            lately = self._asked is not None and self._clock() < self._asked + PAUSE
            if self.has(kid) or (lately and self.keys is not None):
                return
            if lately:
                raise self._unreachable("it did not answer a moment ago")
            self._asked = self._clock()
            try:
                self.document, self.keys = await aside(self._fetch)
            except (SecureloadError, JoseError, ValueError, KeyError, TypeError) as error:
                if self.keys is None:
                    raise self._unreachable(str(error)) from error
                return  # keys that were good an hour ago verify what they have signed
            self._until = self._clock() + FRESH

    def endpoint(self, name: str) -> str:
        """An address of the discovery document.

        Raises:
            Unavailable: it has none, or one that is less safe than the issuer.
        """
        return self._safe(self.document.get(name), name)

    def _fetch(self) -> tuple[Mapping[str, Any], KeySet]:
        issuer = self._provider.issuer
        document = self._json(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        if document.get("issuer") != issuer:
            # OpenID Connect Discovery 1.0, 4.3: else one issuer could speak for another.
            raise ValueError("its discovery document is another issuer's")
        keys = self._json(self._safe(document.get("jwks_uri"), "jwks_uri")).get("keys")
        usable = [
            key
            for key in (keys if isinstance(keys, list) else [])
            if isinstance(key, dict)
            and key.get("kty") in _ASYMMETRIC
            and key.get("use", "sig") == "sig"
        ]
        return document, KeySet.import_key_set({"keys": usable})

    def _json(self, url: str) -> dict[str, Any]:
        request = transport.Request(url=url, subject=f"the issuer {self._provider.name}")
        with transport.send(request) as response:
            body = bytearray()
            for chunk in transport.chunks(request, response):
                body += chunk
                if len(body) > _DOCUMENT_BYTES:
                    raise ValueError("its answer is too large")
        found = json.loads(body)
        if not isinstance(found, dict):
            raise ValueError("its answer is no JSON object")
        return found

    def _safe(self, url: object, name: str) -> str:
        secure = urlsplit(self._provider.issuer).scheme == "https"
        text = url if isinstance(url, str) else ""
        if urlsplit(text).scheme not in ({"https"} if secure else {"http", "https"}):
            raise Unavailable(
                f"the issuer `{self._provider.name}` has no usable {name}", seconds=60
            )
        return text

    def _unreachable(self, why: str) -> Unavailable:
        return Unavailable(
            f"the keys of the issuer `{self._provider.name}` cannot be had: {why}", seconds=15
        )


_DOCUMENT_BYTES = 1 << 20
"""Largest document of an issuer; they have some KiB."""
